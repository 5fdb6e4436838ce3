// Package words is how messages write what others wrote: excerpts of values, durations, and what was probably meant by a
// misspelled word.
package words

import (
	"fmt"
	"strings"
	"time"
)

// maxValue is how much of a value is printed. Every name and every usual URL is shorter.
const maxValue = 300

// Excerpt shortens a value for messages: a field may be as long as an object may be large.
func Excerpt(value string) string {
	if len(value) <= maxValue {
		return value
	}
	return strings.ToValidUTF8(value[:maxValue], "") + "…"
}

// maxLine is how much of a text is printed in a line, in characters.
const maxLine = 180

// Line is the beginning of a text that others wrote, in one line.
func Line(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > maxLine {
		return string(runes[:maxLine]) + "…"
	}
	return string(runes)
}

// Duration writes 2160h0m0s as 2160h.
func Duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if len(text) > len(zero) && strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// DidYouMean returns `; did you mean "alidns"?` for the closest candidate, "" where there is none.
func DidYouMean(written string, candidates []string) string {
	best := Closest(written, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Closest returns the candidate that differs from what was written only by case, or by a slip or two of the pen; "" where there
// is none.
func Closest(written string, candidates []string) string {
	best, bestDistance := "", 3
	for _, candidate := range candidates {
		if strings.EqualFold(candidate, written) {
			return candidate
		}
		if d := Distance(strings.ToLower(written), strings.ToLower(candidate), bestDistance); d < bestDistance && d*3 < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// Distance is how many letters one must add, remove or change to get from one word to the other; limit where that is not
// fewer.
func Distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return min(row[len(b)], limit)
}
