package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// style is how a terminal shows a part of the text.
type style string

const (
	bold   style = "\x1b[1m"
	red    style = "\x1b[1;31m"
	yellow style = "\x1b[33m"
	green  style = "\x1b[32m"
	dim    style = "\x1b[2m"
	reset  style = "\x1b[0m"
)

// textWriter writes for people. Its writer keeps the first error.
type textWriter struct {
	*bufio.Writer
	color bool
}

// writeText writes each finding as compilers do: a line that begins with the place, the line of the source with a mark under
// the column, and what to do.
func writeText(w io.Writer, r *Report, o Options) error {
	t := textWriter{bufio.NewWriter(w), o.Color}
	for i := range r.Findings {
		t.finding(&r.Findings[i])
	}
	for _, p := range r.Problems {
		t.problem(p)
	}
	t.summary(r)
	return t.Flush()
}

func (t textWriter) styled(s style, text string) string {
	if !t.color || text == "" {
		return text
	}
	return string(s) + text + string(reset)
}

func (t textWriter) finding(f *Finding) {
	severity := yellow
	if f.Severity == rule.Deny {
		severity = red
	}
	if p := place(f.File, f.Line, f.Column); p != "" {
		fmt.Fprint(t, t.styled(bold, p+":"), " ")
	}
	fmt.Fprint(t, t.styled(severity, words.Printable(string(f.Severity))), " ", t.styled(dim, "["+words.Printable(f.Rule)+"]"), " ")
	if object := words.Printable(f.Object.String()); object != "" {
		fmt.Fprint(t, object, ": ")
	}
	fmt.Fprintln(t, words.Printable(f.text()))
	t.source(f, severity)
	if f.Remedy != "" {
		fmt.Fprintf(t, "    %s %s\n", t.styled(green, "Fix:"), words.Printable(sentence(f.Remedy)))
	}
	fmt.Fprintln(t)
}

func (t textWriter) problem(p Problem) {
	if at := place(p.File, p.Line, p.Column); at != "" {
		fmt.Fprint(t, t.styled(bold, at+":"), " ")
	}
	fmt.Fprintf(t, "%s %s\n\n", t.styled(red, "error:"), words.Printable(sentence(p.Message)))
}

// source shows the line that a finding is about.
func (t textWriter) source(f *Finding, severity style) {
	if strings.TrimSpace(f.Source) == "" || f.Line < 1 {
		return
	}
	text, mark := excerpt(f.Source, f.Column)
	number := fmt.Sprint(f.Line)
	fmt.Fprintf(t, "    %s %s\n", t.styled(dim, number+" |"), text)
	if mark < 0 {
		return
	}
	fmt.Fprintf(t, "    %s %s%s\n", t.styled(dim, strings.Repeat(" ", len(number))+" |"), strings.Repeat(" ", mark), t.styled(severity, "^"))
}

// How much of a line is shown before its column, and in all. Manifests in JSON may have everything in one line.
const (
	excerptBefore = 60
	excerptLength = 120
)

// excerpt returns a line as it can be printed and the cell under which the column is, -1 if the line does not have it.
func excerpt(line string, column int) (text string, mark int) {
	line = strings.TrimRight(line, "\r\n")
	var b strings.Builder
	first, cells, n := 1, 0, 0
	mark = -1
	if column > excerptBefore+1 {
		first = column - excerptBefore
		b.WriteString("…")
		cells = 1
	}
	for line != "" {
		r, size := utf8.DecodeRuneInString(line)
		n++
		if n >= first+excerptLength {
			b.WriteString("…")
			break
		}
		if n == column {
			mark = cells
		}
		if n >= first {
			shown := visible(line[:size], r)
			b.WriteString(shown)
			cells += cellsOf(shown)
		}
		line = line[size:]
	}
	// A value that is missing stands behind the line's end.
	if n+1 == column {
		mark = cells
	}
	return b.String(), mark
}

func visible(char string, r rune) string {
	if r == '\t' {
		return "    "
	}
	return words.Printable(char)
}

// cellsOf is how many cells of a terminal a text takes.
func cellsOf(s string) int {
	n := 0
	for _, r := range s {
		switch kind := width.LookupRune(r).Kind(); {
		case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
			n += 2
		case !unicode.In(r, unicode.Mn, unicode.Me):
			n++
		}
	}
	return n
}

func (t textWriter) summary(r *Report) {
	denials, warnings := r.count(rule.Deny), r.count(rule.Warn)
	objects := counted(len(r.Objects), "object", "objects")
	switch {
	case denials+warnings > 0:
		fmt.Fprintf(t, "%s judged: %s, %s.", objects,
			t.countedIn(red, denials, "denial", "denials"), t.countedIn(yellow, warnings, "warning", "warnings"))
	case len(r.Objects) == 0:
		fmt.Fprint(t, "No object to judge.")
	default:
		fmt.Fprintf(t, "%s judged: %s.", objects, t.styled(green, "nothing found"))
	}
	if n := len(r.Problems); n > 0 {
		fmt.Fprintf(t, " %s.", t.countedIn(red, n, "thing could not be checked", "things could not be checked"))
	}
	fmt.Fprintln(t)
	if len(r.Findings) > 0 {
		fmt.Fprintf(t, "A rule is explained by: certyun rules %s\n", words.Printable(mostSevere(r.Findings).Rule))
	}
}

// mostSevere returns the first denial, else the first finding.
func mostSevere(findings []Finding) *Finding {
	for i := range findings {
		if findings[i].Severity == rule.Deny {
			return &findings[i]
		}
	}
	return &findings[0]
}

func (t textWriter) countedIn(s style, n int, one, many string) string {
	text := counted(n, one, many)
	if n == 0 {
		return text
	}
	return t.styled(s, text)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
