package words

import "testing"

func TestOneLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		" two\r\n\tlines  and\u00a0": "two lines and",
		"\x1b[31mred\n\u202eturned":  `\x1b[31mred \u202eturned`,
		"no text \xff\n end":         `no text \xff end`,
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain 中文 é 😀":         "plain 中文 é 😀",
		"\x1b[31mred\a":        `\x1b[31mred\a`,
		"two\r\nlines\tand":    `two\r\nlines\tand`,
		"\u202eturned\u200b":   `\u202eturned\u200b`,
		"\u009b31m":            `\u009b31m`,
		"no text \xff\xfe end": `no text \xff\xfe end`,
		"replaced \ufffd":      `replaced \ufffd`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
