package lint

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/words"
)

// maxRefusals is how many of the solvers that are not picked are told of for one name.
const maxRefusals = 10

// explain prints for each name the solver that cert-manager would pick, and why. What could not be read is told beside it.
func (l *linter) explain(ctx context.Context, streams Streams) error {
	out := bufio.NewWriter(streams.Out)
	explained := false
	for _, m := range l.given {
		if m.typed == nil || m.err != nil {
			continue
		}
		explanations, open, err := l.explanations(ctx, m)
		if err != nil {
			l.problems = append(l.problems, problemAt(m.doc.file, 0, 0, fmt.Sprintf("%s cannot be explained: %v", m.object, err)))
		}
		for i := range explanations {
			explained = true
			l.write(out, m, &explanations[i], open)
		}
	}
	if !explained {
		fmt.Fprintln(out, "There is no Certificate, nor an Ingress or Gateway that asks for one.")
	}
	if err := out.Flush(); err != nil {
		return report.Unchecked(err)
	}
	l.tell(streams.Err)
	for _, p := range l.problems {
		at := p.File
		if p.Line > 0 {
			at += ":" + strconv.Itoa(p.Line)
		}
		fmt.Fprintln(streams.Err, "certyun:", words.Printable(at+": "+p.Message))
	}
	return (&report.Report{Problems: l.problems}).Exit(report.FailOnNever)
}

func (l *linter) write(w io.Writer, m *manifest, e *rule.Explanation, open map[string]bool) {
	line, _ := m.locateStart()
	from := ""
	if m.object.Kind != "Certificate" {
		from = fmt.Sprintf(" (for Secret %q)", e.Certificate.Spec.SecretName)
	}
	fmt.Fprintf(w, "%s:%d: %s%s\n", words.Printable(m.doc.file), line, words.Printable(m.object.String()), words.Printable(from))
	issuer := e.Issuer
	if e.Server != "" {
		issuer += ", " + e.Server
	}
	if e.Note != "" {
		issuer += ": " + e.Note
	}
	fmt.Fprintf(w, "  %s\n", words.Printable(issuer))
	for i := range e.Picks {
		if open[e.Picks[i].Name] {
			fmt.Fprintf(w, "  %s: depends on what is filled in later\n", words.Printable(e.Picks[i].Name))
			continue
		}
		writePick(w, &e.Picks[i])
	}
	fmt.Fprintln(w)
}

func writePick(w io.Writer, p *choice.Pick) {
	if p.Solver < 0 {
		fmt.Fprintf(w, "  %s: no solver; the Order would stay pending\n", words.Printable(p.Name))
	} else {
		fmt.Fprintf(w, "  %s: solvers[%d], %s\n      because %s\n", words.Printable(p.Name), p.Solver, words.Printable(p.Is), words.Printable(p.Why))
	}
	for i, r := range p.Others {
		if i == maxRefusals {
			fmt.Fprintf(w, "      and not %d more\n", len(p.Others)-i)
			return
		}
		fmt.Fprintf(w, "      not solvers[%d], %s: %s\n", r.Solver, words.Printable(r.Is), words.Printable(r.Why))
	}
}
