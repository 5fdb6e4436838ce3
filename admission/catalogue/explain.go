package catalogue

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// lineWidth fits most terminals.
const lineWidth = 100

// explained is all that is known of a rule, for a terminal.
func (r *shown) explained() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", r.ID)
	b.WriteString(wrapped(r.Summary, "  "))
	fmt.Fprintf(&b, "\nSeverity:   %s\nKinds:      %s\nJudged in:  %s\n", r.Severity, strings.Join(r.Check.Kinds(), ", "),
		strings.ReplaceAll(where(r.Rule), ",", ", "))
	b.WriteString("\nWhy\n" + wrapped(r.Why, "  "))
	b.WriteString("\nWhat to write instead\n" + wrapped(r.Remedy, "  "))
	if len(r.sources) > 0 {
		b.WriteString("\nKnown from\n")
		for _, cited := range r.sources {
			fmt.Fprintf(&b, "  %s (%s)\n    %s\n", strings.Join(cited.Names, ", "), cited.Date, cited.URL)
		}
	}
	for i := range r.examples {
		e := &r.examples[i]
		fmt.Fprintf(&b, "\nExample: %s\n", e.Example)
		switch e.Operation {
		case string(rule.Update):
			b.WriteString("\n" + indented(e.Old, "    ") + "\n  becomes\n")
		case string(rule.Delete):
			b.WriteString("\n  The last object is deleted.\n")
		}
		b.WriteString("\n" + indented(e.Manifest(), "    ") + "\n  What is said about it:\n\n" + wrapped(e.Message, "    "))
	}
	fmt.Fprintf(&b, "\n%s\n", report.Documentation(r.ID))
	return b.String()
}

// wrapped breaks a text between words. A word that is longer than a line stays whole, so that addresses can be followed.
func wrapped(text, indent string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case width == 0:
			b.WriteString(indent)
			width = len(indent)
		case width+1+length > lineWidth:
			b.WriteString("\n" + indent)
			width = len(indent)
		default:
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += length
	}
	if width > 0 {
		b.WriteByte('\n')
	}
	return b.String()
}

func indented(text, indent string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString(indent)
		}
		b.WriteString(line)
	}
	return b.String()
}
