// Package words is how texts that others wrote are shown.
package words

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes what terminals and logs would act upon visible: line breaks, escape sequences, and the characters that
// turn the direction of writing or have no width. What is written in manifests is not to be trusted.
func Printable(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[0])|0x100, 16)[1:])
		case hidden(r):
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		default:
			b.WriteRune(r)
		}
		text = text[size:]
	}
	return b.String()
}

// OneLine makes a text printable in one line, with single spaces for whatever white space it has. Such a text is also fit for the
// header of a response: the API server leaves one out that has a control character.
func OneLine(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }

// hidden is true of utf8.RuneError too, which stands for bytes that are no text.
func hidden(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }
