package lint

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
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
// (https://github.com/kubernetes/apimachinery/blob/v0.36.3/pkg/util/yaml/decoder.go): at lines that begin with "---", wherever
// those stand. So a mistake in one document keeps nobody from reading the next.
type splitter struct {
	file     string
	origin   origin
	reader   *bufio.Reader
	line     int
	size     int
	current  *document
	spoilt   bool // the rest of the current document is not looked at
	found    []*document
	problems []report.Problem
}

// split reads a file to its end.
func split(file string, origin origin, reader io.Reader) ([]*document, []report.Problem) {
	s := &splitter{file: file, origin: origin, reader: bufio.NewReaderSize(reader, 64<<10)}
	s.current = &document{file: file, origin: origin, line: 1, column: 1}
	if head, _ := s.reader.Peek(3); bytes.Equal(head, []byte("\ufeff")) {
		_, _ = s.reader.Discard(len(head))
	} else if len(head) >= 2 && (head[0] == 0xff && head[1] == 0xfe || head[0] == 0xfe && head[1] == 0xff) {
		s.complainf("is UTF-16; write it as UTF-8")
		return nil, s.problems
	}
	for s.next() {
	}
	s.end()
	return s.found, s.problems
}

func (s *splitter) complainf(format string, args ...any) {
	s.problems = append(s.problems, problemAt(s.file, max(s.line, 1), 0, fmt.Sprintf(format, args...)))
}

// next reads a line. It returns false at the end of what can be read.
func (s *splitter) next() bool {
	s.line++
	line, err := s.readLine()
	switch {
	case errors.Is(err, errTooLarge):
		s.complainf("is larger than %d MiB; what comes after this line was not checked", maxFile>>20)
		return false
	case err != nil && !errors.Is(err, io.EOF):
		s.complainf("cannot be read: %v", err)
		return false
	case bytes.IndexByte(line, 0) >= 0:
		s.problems = nil // lines that are no text say no more
		s.complainf("is a binary file")
		s.spoilt = true
		return false
	}
	switch {
	case err != nil && len(line) == 1:
		// Nothing comes after the last line's end.
	case bytes.HasPrefix(line, []byte("---")):
		s.separate(line)
	case !s.spoilt && !utf8.Valid(line):
		s.complainf("is not UTF-8")
		s.spoilt = true
	default:
		s.add(line)
	}
	return err == nil
}

var errTooLarge = errors.New("too large")

// readLine returns a line with a "\n" at its end, whatever it had. The last line comes with io.EOF.
func (s *splitter) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := s.reader.ReadSlice('\n')
		if s.size += len(part); s.size > maxFile {
			return nil, errTooLarge
		}
		if bytes.IndexByte(part, 0) >= 0 {
			return part, nil // no need to read a binary file to the end of its line
		}
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		return append(line, '\n'), err
	}
}

// separate begins a new document.
func (s *splitter) separate(line []byte) {
	if rest := bytes.TrimSpace(line[len("---"):]); len(rest) > 0 && rest[0] != '#' {
		if len(rest) > 40 {
			rest = append(rest[:40:40], "…"...)
		}
		s.complainf("%q cannot stand in the line of a document's \"---\"", rest)
	}
	s.end()
	s.current = &document{file: s.file, origin: s.origin, line: s.line + 1, column: 1}
	s.spoilt = false
}

func (s *splitter) add(line []byte) {
	if s.spoilt {
		return
	}
	if len(s.current.text)+len(line) > maxDocument {
		s.complainf("the document that begins in line %d is larger than %d MiB", s.current.line, maxDocument>>20)
		s.spoilt = true
		return
	}
	s.current.text = append(s.current.text, line...)
}

func (s *splitter) end() {
	if !s.spoilt && !isBlank(s.current.text) {
		s.found = append(s.found, s.current)
	}
	s.current = &document{}
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
