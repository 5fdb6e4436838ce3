package doctor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/words"
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

// WriteText writes what people read: the verdict, what is wrong, and then what supports that. Each fact is there once.
func (d *Diagnosis) WriteText(w io.Writer, now time.Time) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s\n\n", d.Subject, d.verdict())
	d.writeFindings(&b, d.Causes)
	if len(d.Warnings) > 0 {
		b.WriteString("What may go wrong\n\n")
		d.writeFindings(&b, d.Warnings)
	}
	if d.Tree != nil {
		writeNode(&b, d.Tree, "", "", now)
		b.WriteByte('\n')
	}
	d.writeChecks(&b)
	d.writeRules(&b)
	for _, text := range d.NotChecked {
		paragraph(&b, "not checked: ", "  ", text)
	}
	_, err := w.Write(append(bytes.TrimRight(b.Bytes(), "\n"), '\n'))
	return err
}

func (d *Diagnosis) verdict() string {
	switch {
	case len(d.Causes) > 1:
		return fmt.Sprintf("%s, for %d reasons", d.State, len(d.Causes))
	case len(d.Causes) == 0 && len(d.Warnings) > 0:
		return fmt.Sprintf("%s, with %s", d.State, counted(len(d.Warnings), "warning"))
	case d.State == Unseen && len(d.Checks) > 0:
		return "unknown, too little could be checked"
	case d.State == Unseen:
		return "nothing could be checked"
	case len(d.Causes) == 0 && len(d.NotChecked) > 0:
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
	fmt.Fprintf(b, "%s%s\n", first, words.OneLine(line))
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
	switch {
	case n.Good:
		return "✓"
	case n.Unseen:
		return "?"
	}
	return "✗"
}

func (d *Diagnosis) writeChecks(b *bytes.Buffer) {
	var areas []string
	untold := map[string][]Check{}
	for _, c := range d.Checks {
		if d.says(c.Text) || d.Tree.shows(c.Text) {
			continue
		}
		if untold[c.Area] == nil {
			areas = append(areas, c.Area)
		}
		untold[c.Area] = append(untold[c.Area], c)
	}
	for _, area := range areas {
		fmt.Fprintf(b, "%s\n", area)
		for _, c := range untold[area] {
			paragraph(b, fmt.Sprintf("  %-8s ", c.Level), strings.Repeat(" ", 11), c.Text)
		}
		b.WriteByte('\n')
	}
}

// says tells whether what is wrong, or may go wrong, is this of an object.
func (d *Diagnosis) says(text string) bool {
	return slices.ContainsFunc(slices.Concat(d.Causes, d.Warnings), func(f Finding) bool {
		return slices.ContainsFunc(f.signs, func(s Sign) bool { return s.Object.String()+": "+s.Text == text })
	})
}

// shows tells whether the tree says this of an object: its state, or in what it says itself.
func (n *Node) shows(text string) bool {
	if n == nil {
		return false
	}
	said := func(e Event) bool { return n.saying(e.Message) == text }
	return n.saying(n.State) == text || n.Message != "" && n.saying(n.Message) == text || slices.ContainsFunc(n.Events, said) ||
		slices.ContainsFunc(n.Children, func(child *Node) bool { return child.shows(text) })
}

func (n *Node) saying(what string) string { return n.Object.String() + ": " + what }

func (d *Diagnosis) writeRules(b *bytes.Buffer) {
	title := "What the rules say\n"
	for _, f := range d.Rules {
		if d.says(f.Object.String() + ": " + f.Message) {
			continue
		}
		text := fmt.Sprintf("%s: %s: %s [%s]", f.Object, f.Field, f.Message, f.Rule)
		if f.Remedy != "" {
			text = fmt.Sprintf("%s: %s: %s. %s [%s]", f.Object, f.Field, f.Message, f.Remedy, f.Rule)
		}
		b.WriteString(title)
		title = ""
		paragraph(b, fmt.Sprintf("  %-8s ", f.Severity), strings.Repeat(" ", 11), text)
	}
	if title == "" {
		b.WriteByte('\n')
	}
}

func (d *Diagnosis) writeFindings(b *bytes.Buffer, findings []Finding) {
	const indent = "   "
	for i, f := range findings {
		paragraph(b, fmt.Sprintf("%d. ", i+1), indent, fmt.Sprintf("%s [%s]", f.names(), f.Cause))
		paragraph(b, indent, indent, f.Sentence)
		if f.Quote != "" && !strings.Contains(f.Sentence, f.Quote) && !d.Tree.shows(f.Object.String()+": "+f.Quote) {
			paragraph(b, indent, indent+"  ", "“"+f.Quote+"”")
		}
		fmt.Fprintf(b, "%sNext:  %s\n", indent, words.OneLine(f.Next))
		paragraph(b, indent+"Fix:   ", indent+"       ", f.Fix)
		fmt.Fprintf(b, "%sMore:  %s\n\n", indent, f.Docs)
	}
}

// objects are all that show it, each once.
func (f *Finding) objects() []report.Object {
	objects := []report.Object{f.Object}
	for _, s := range f.signs {
		if !slices.Contains(objects, s.Object) {
			objects = append(objects, s.Object)
		}
	}
	return objects
}

// names are those of all that show it.
func (f *Finding) names() string {
	var names []string
	for _, object := range f.objects() {
		names = append(names, object.String())
	}
	return listed(names, "")
}

// paragraph writes a text in lines of bounded width. A word that is longer, such as a command's argument, stays whole. No line begins
// with what stands before a command of doctor's own: else whoever writes what is quoted could offer one.
func paragraph(b *bytes.Buffer, first, rest, text string) {
	line, lead := first, true
	for word := range strings.FieldsSeq(words.OneLine(text)) {
		switch {
		case lead:
			line += word
			lead = false
		case len([]rune(line))+1+len([]rune(word)) > width && !slices.Contains([]string{"Next:", "Fix:", "More:"}, word):
			b.WriteString(line + "\n")
			line = rest + word
		default:
			line += " " + word
		}
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// maxListed is how many names are written out.
const maxListed = 20

func listed(names []string, none string) string {
	switch {
	case len(names) == 0:
		return none
	case len(names) > maxListed:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}
