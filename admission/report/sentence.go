package report

import (
	"strconv"
	"strings"

	"github.com/certyun/certyun/admission/words"
)

// sentence ends a text with a full stop, unless it has an end.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

// text is what a finding says in one or two sentences, without its remedy.
func (f *Finding) text() string {
	if f.Field == "" {
		return sentence(f.Message)
	}
	return f.Field + ": " + sentence(f.Message)
}

// fileName is a file as people see it.
func fileName(file string) string {
	if file == Stdin {
		return "<stdin>"
	}
	return words.Printable(file)
}

// place is where something is, in the form that terminals and editors turn into a link.
func place(file string, line, column int) string {
	p := fileName(file)
	if p == "" || line < 1 {
		return p
	}
	p += ":" + strconv.Itoa(line)
	if column > 0 {
		p += ":" + strconv.Itoa(column)
	}
	return p
}
