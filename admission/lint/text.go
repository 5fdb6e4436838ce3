package lint

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes a text fit to be printed: a file may hold what moves a terminal's cursor or turns the direction of writing.
func clean(text string) string {
	if !strings.ContainsFunc(text, isHidden) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case isHidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isHidden(r rune) bool { return r == utf8.RuneError || r != ' ' && !unicode.IsPrint(r) }
