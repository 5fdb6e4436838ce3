package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

// width is where sentences are broken.
const width = 110

// WriteJSON writes the machine's form.
func (d *Diagnosis) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(d)
}

// WriteText writes what people read: what there is, then what is wrong, the verdict last.
func (d *Diagnosis) WriteText(w io.Writer, now time.Time) error {
	var b bytes.Buffer
	if d.Tree != nil {
		writeNode(&b, d.Tree, "", "", now)
		b.WriteByte('\n')
	}
	d.writeChecks(&b)
	d.writeRules(&b)
	d.writeNotChecked(&b)
	writeFindings(&b, "What may go wrong", d.Warnings)
	writeFindings(&b, "What is wrong", d.Causes)
	fmt.Fprintf(&b, "%s: %s\n", d.Subject, d.verdict())
	_, err := w.Write(b.Bytes())
	return err
}

func (d *Diagnosis) verdict() string {
	switch {
	case len(d.Causes) > 0:
		return fmt.Sprintf("%s: %s", d.State, d.Causes[0].Title)
	case len(d.Warnings) > 0:
		return fmt.Sprintf("%s, with %s", d.State, counted(len(d.Warnings), "warning"))
	case d.State == Unseen:
		return "nothing could be checked"
	case len(d.NotChecked) > 0:
		return fmt.Sprintf("%s, as far as could be checked", d.State)
	}
	return string(d.State)
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// writeNode writes an object, what it says, and what belongs to it. First is what stands before its own line, rest before all
// others.
func writeNode(b *bytes.Buffer, n *Node, first, rest string, now time.Time) {
	line := fmt.Sprintf("%s %s: %s", mark(n), n.Object, n.State)
	if n.Created != nil {
		line += ", " + age(now.Sub(*n.Created)) + " old"
	}
	if n.Detail != "" {
		line += " (" + strings.TrimPrefix(n.Detail, "; ") + ")"
	}
	fmt.Fprintf(b, "%s%s\n", first, visible(line))
	bar := "    "
	if len(n.Children) > 0 {
		bar = "│   "
	}
	if n.Message != "" {
		paragraph(b, rest+bar, rest+bar, n.Message)
	}
	for _, e := range n.Events {
		if n.Good && e.Type != "Warning" || n.Message != "" && strings.Contains(e.Message, n.Message) {
			continue
		}
		paragraph(b, rest+bar+age(now.Sub(e.Time))+" ago: ", rest+bar+"  ", fmt.Sprintf("%s %s: %s", e.Type, e.Reason, e.Message))
	}
	for i, child := range n.Children {
		if i == len(n.Children)-1 {
			writeNode(b, child, rest+"└─ ", rest+"   ", now)
			continue
		}
		writeNode(b, child, rest+"├─ ", rest+"│  ", now)
	}
}

func mark(n *Node) string {
	if n.Good {
		return "✓"
	}
	return "✗"
}

func (d *Diagnosis) writeChecks(b *bytes.Buffer) {
	var areas []string
	for _, c := range d.Checks {
		if !slices.Contains(areas, c.Area) {
			areas = append(areas, c.Area)
		}
	}
	for _, area := range areas {
		fmt.Fprintf(b, "%s\n", area)
		for _, c := range d.Checks {
			if c.Area == area {
				paragraph(b, fmt.Sprintf("  %-8s ", c.State), strings.Repeat(" ", 11), c.Text)
			}
		}
		b.WriteByte('\n')
	}
}

func (d *Diagnosis) writeRules(b *bytes.Buffer) {
	if len(d.Rules) == 0 {
		return
	}
	b.WriteString("What the rules say\n")
	for _, f := range d.Rules {
		text := fmt.Sprintf("%s: %s: %s [%s]", f.Object, f.Field, f.Message, f.Rule)
		if f.Remedy != "" {
			text = fmt.Sprintf("%s: %s: %s. %s [%s]", f.Object, f.Field, f.Message, f.Remedy, f.Rule)
		}
		paragraph(b, fmt.Sprintf("  %-8s ", f.Severity), strings.Repeat(" ", 11), text)
	}
	b.WriteByte('\n')
}

func (d *Diagnosis) writeNotChecked(b *bytes.Buffer) {
	for _, text := range d.NotChecked {
		paragraph(b, "not checked: ", "  ", text)
	}
	if len(d.NotChecked) > 0 {
		b.WriteByte('\n')
	}
}

func writeFindings(b *bytes.Buffer, title string, findings []Finding) {
	if len(findings) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n\n", title)
	for i, f := range findings {
		fmt.Fprintf(b, "%d. %s [%s]\n", i+1, visible(f.Object.String()+": "+f.Title), f.Cause)
		const indent = "   "
		paragraph(b, indent, indent, f.Sentence)
		if f.Quote != "" && !strings.Contains(f.Sentence, f.Quote) {
			paragraph(b, indent+f.Object.String()+": ", indent+"  ", "“"+f.Quote+"”")
		}
		fmt.Fprintf(b, "%sNext:  %s\n", indent, visible(f.Next))
		paragraph(b, indent+"Fix:   ", indent+"       ", f.Fix)
		fmt.Fprintf(b, "%sMore:  %s\n\n", indent, f.Docs)
	}
}

// paragraph writes a text in lines of bounded width. A word that is longer, such as a command's argument, stays whole.
func paragraph(b *bytes.Buffer, first, rest, text string) {
	line, lead := first, true
	for word := range strings.FieldsSeq(visible(text)) {
		switch {
		case lead:
			line += word
			lead = false
		case len([]rune(line))+1+len([]rune(word)) > width:
			b.WriteString(line + "\n")
			line = rest + word
		default:
			line += " " + word
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// visible takes out what a terminal would act upon: texts come from servers, and from whoever may write an object.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) {
			return r
		}
		return ' '
	}, text)
}
