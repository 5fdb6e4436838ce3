package report

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// writeGitHub writes one workflow command a line
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
func writeGitHub(w io.Writer, r *Report) error {
	b := bufio.NewWriter(w)
	for i := range r.Findings {
		f := &r.Findings[i]
		command := "warning"
		if f.Severity == rule.Deny {
			command = "error"
		}
		lines := []string{f.text()}
		if f.Remedy != "" {
			lines = append(lines, sentence(f.Remedy))
		}
		title := f.Rule + ": " + f.Object.String()
		writeAnnotation(b, command, f.File, f.Line, f.Column, title, append(lines, Documentation(f.Rule)))
	}
	for _, p := range r.Problems {
		writeAnnotation(b, "error", p.File, p.Line, p.Column, "certyun could not check this", []string{sentence(p.Message)})
	}
	return b.Flush()
}

func writeAnnotation(b *bufio.Writer, command, file string, line, column int, title string, lines []string) {
	var properties []string
	if file != "" && file != Stdin {
		properties = append(properties, "file="+commandProperty(filepath.ToSlash(filepath.Clean(file))))
		if line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", line))
			if column > 0 {
				properties = append(properties, fmt.Sprintf("col=%d", column))
			}
		}
	}
	properties = append(properties, "title="+commandProperty(title))
	for i, text := range lines {
		lines[i] = commandData(text)
	}
	fmt.Fprintf(b, "::%s %s::%s\n", command, strings.Join(properties, ","), strings.Join(lines, "%0A"))
}

// commandData has no line break left that would need an escape: printable shows them.
func commandData(s string) string { return strings.ReplaceAll(words.Printable(s), "%", "%25") }

func commandProperty(s string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(commandData(s))
}
