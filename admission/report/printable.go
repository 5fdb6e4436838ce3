package report

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes what terminals and logs would act upon visible: line breaks, escape sequences, and the characters that
// turn the direction of writing or have no width. What is written in manifests is not to be trusted.
func printable(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[0])|0x100, 16)[1:])
		case hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		s = s[size:]
	}
	return b.String()
}

// hidden is true of utf8.RuneError too, which stands for bytes that are no text.
func hidden(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }

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
	return printable(file)
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
