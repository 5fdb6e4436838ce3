package lint

import (
	"bytes"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// slip is a mistake of one line that makes a document no YAML, and what the line would be without it.
type slip struct {
	what string
	mend func(line string) string
}

// slips are those that people make most. The parser speaks of characters and tokens, and often of the line after.
func slips() []slip {
	return []slip{
		{"is indented with a tab; write blanks instead", withoutTabs},
		{`a value that begins with %s needs quotes`, withQuotes},
		{"after the first colon of this line a blank is missing", withBlank},
		{`a value that has a colon and a blank in it needs quotes`, withQuotesAround},
	}
}

// How much is looked at: each slip that may be there is tried by reading the document without it.
const (
	linesBefore = 3
	maxSlipped  = 256 << 10
)

// slip looks for a slip near the line that the parser names. It is one where the document can be read further without it.
func (d *document) slip(near int) (line int, what string) {
	if len(d.text) > maxSlipped || bytes.Contains(d.text, []byte("{{")) { // what Helm fills in is no slip
		return 0, ""
	}
	lines := strings.SplitAfter(string(d.text), "\n")
	first := max(near-1-linesBefore, 0)
	for i := first; i < min(near+1, len(lines)); i++ {
		text := strings.TrimRight(lines[i], "\n")
		for _, s := range slips() {
			mended := s.mend(text)
			isTab := strings.TrimLeft(text, " ") != strings.TrimLeft(text, " \t") && i+1 == near // however deep it was meant to be
			if mended == text || !isTab && !d.readsOn(lines, i, mended, near) {
				continue
			}
			return i + 1, strings.ReplaceAll(s.what, "%s", `"`+beginning(text, mended)+`"`)
		}
	}
	return 0, ""
}

// readsOn tells whether the document can be read beyond a line with one of its lines mended.
func (d *document) readsOn(lines []string, i int, mended string, line int) bool {
	was := lines[i]
	lines[i] = mended + "\n"
	text := []byte(strings.Join(lines, ""))
	lines[i] = was
	_, err := yaml.YAMLToJSON(text)
	if err == nil {
		return true
	}
	next, _ := (&document{text: text}).parserSays(err)
	return next > line
}

// beginning is the character before which a quote was put.
func beginning(text, mended string) string {
	for i := range len(text) {
		if mended[i] != text[i] {
			return text[i : i+1]
		}
	}
	return ""
}

func withoutTabs(line string) string {
	rest := strings.TrimLeft(line, " \t")
	return strings.ReplaceAll(line[:len(line)-len(rest)], "\t", "  ") + rest
}

// unquoted is a value that begins with a character that means something else to YAML.
var unquoted = regexp.MustCompile("(^\\s*(?:- +)*|: +|[\\[,{] *)([*&!@`%|>][^\\s,\\]}][^,\\]}\"'#]*)")

func withQuotes(line string) string {
	return unquoted.ReplaceAllStringFunc(line, func(found string) string {
		part := unquoted.FindStringSubmatch(found)
		value := strings.TrimRight(part[2], " ")
		return part[1] + "'" + value + "'" + part[2][len(value):]
	})
}

// joined is a field with no blank between its colon and its value.
var joined = regexp.MustCompile(`^(\s*(?:- +)*[\w./-]+:)(\S.*)$`)

func withBlank(line string) string { return joined.ReplaceAllString(line, "$1 $2") }

// twoColons is a field with a value that looks like a field.
var twoColons = regexp.MustCompile(`^(\s*(?:- +)*[\w./-]+: +)([^"'\[{|>&*!\s][^#]*?: [^#]*?)\s*$`)

func withQuotesAround(line string) string {
	return twoColons.ReplaceAllStringFunc(line, func(found string) string {
		part := twoColons.FindStringSubmatch(found)
		return part[1] + "'" + strings.ReplaceAll(part[2], "'", "''") + "'"
	})
}
