package lint

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/certyun/certyun/admission/report"
)

// Limits on what is read. The API server takes 3 MiB in one request, so only a List can be as large as a document may be.
const (
	maxFile     = 64 << 20
	maxDocument = 16 << 20
)

// document is a part of a file: what stands between two lines of "---", or one JSON value.
type document struct {
	file string
	// line and column are where the text begins, from 1.
	line, column int
	text         []byte
	// origin is how it was found.
	origin origin
	// json says that the text is JSON as encoding/json has it, which is not all YAML.
	json bool

	places places
}

// origin is how a document was found, and so how sure it is that it is meant to be an object.
type origin int

const (
	// fromStdin is for what somebody has rendered.
	fromStdin origin = iota
	// fromName is for a file that is named. Hooks name all files that have changed.
	fromName
	// fromDirectory is for a file that lies in a directory.
	fromDirectory
)

// problem is about the text at a line and a column of the document, from 1; a column of 0 is not known.
func (d *document) problem(line, column int, format string, args ...any) report.Problem {
	line, column = d.place(line, column)
	return problemAt(d.file, line, column, fmt.Sprintf(format, args...))
}

// place turns a place in the document into one in the file.
func (d *document) place(line, column int) (fileLine, fileColumn int) {
	if line == 1 && column > 0 {
		column += d.column - 1
	}
	return d.line + line - 1, column
}

func problemAt(file string, line, column int, message string) report.Problem {
	return report.Problem{File: file, Line: line, Column: column, Message: message}
}

// splitter cuts a file into documents as kubectl does
// (https://github.com/kubernetes/apimachinery/blob/v0.36.6/pkg/util/yaml/decoder.go): at lines that begin with "---", wherever
// those stand. So a mistake in one document keeps nobody from reading the next.
type splitter struct {
	file     string
	origin   origin
	line     int
	spoilt   bool // the current document is not looked at
	found    []*document
	problems []report.Problem
}

// split cuts the text of a file. Documents are parts of it, with lines that end in "\n" whatever they had.
func split(file string, origin origin, text []byte) ([]*document, []report.Problem) {
	if zero := bytes.IndexByte(text, 0); zero >= 0 { // only the documents before it are text
		line := 1 + bytes.Count(text[:zero], []byte("\n"))
		documents, _ := split(file, origin, text[:1+bytes.LastIndex(text[:zero], []byte("\n---"))])
		return documents, []report.Problem{problemAt(file, line, 0, "is a binary file")}
	}
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if n := len(text); n > 0 && text[n-1] != '\n' {
		text = append(bytes.TrimSuffix(text, []byte("\r")), '\n')
	}
	s := &splitter{file: file, origin: origin}
	start, end, first := 0, 0, 1
	for line := range bytes.Lines(text) {
		s.line++
		if bytes.HasPrefix(line, []byte("---")) {
			s.add(first, text[start:end])
			s.separate(line)
			start, first = end+len(line), s.line+1
		} else if !s.spoilt && !utf8.Valid(line) {
			s.complainf("is not UTF-8")
			s.spoilt = true
		}
		end += len(line)
	}
	s.add(first, text[start:end])
	return s.found, s.problems
}

func (s *splitter) complainf(format string, args ...any) {
	s.problems = append(s.problems, problemAt(s.file, s.line, 0, fmt.Sprintf(format, args...)))
}

// separate begins a new document.
func (s *splitter) separate(line []byte) {
	if rest := bytes.TrimSpace(line[len("---"):]); len(rest) > 0 && rest[0] != '#' {
		if len(rest) > 40 {
			rest = append(rest[:40:40], "…"...)
		}
		s.complainf("%q cannot stand in the line of a document's \"---\"", rest)
	}
	s.spoilt = false
}

// add adds a document that begins in a line.
func (s *splitter) add(line int, text []byte) {
	switch {
	case s.spoilt || isBlank(text):
	case len(text) > maxDocument:
		s.complainf("the document that begins in line %d is larger than %d MiB", line, maxDocument>>20)
	default:
		s.found = append(s.found, &document{file: s.file, origin: s.origin, line: line, column: 1, text: text})
	}
}

// isBlank tells whether there are only comments and white space.
func isBlank(text []byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			return false
		}
	}
	return true
}
