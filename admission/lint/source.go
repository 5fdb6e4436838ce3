package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/certyun/certyun/admission/report"
)

// source is a file to read.
type source struct {
	path   string
	origin origin
}

// finder lists the files that arguments stand for, each once.
type finder struct {
	seen     map[string]bool
	sources  []source
	problems []report.Problem
}

func newFinder() *finder { return &finder{seen: map[string]bool{}} }

// add adds a file, a directory with all in it, or standard input.
func (f *finder) add(arg string) {
	if arg == report.Stdin {
		f.sources = append(f.sources, source{path: arg, origin: fromStdin})
		return
	}
	arg = filepath.Clean(arg)
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		f.complain(arg, err)
	case !info.IsDir():
		f.file(arg, fromName)
	case f.first(arg):
		before := len(f.sources) + len(f.problems)
		f.directory(arg)
		if len(f.sources)+len(f.problems) == before {
			f.problems = append(f.problems, problemAt(arg, 0, 0, "there are no files *.yaml, *.yml or *.json in this directory"))
		}
	}
}

func (f *finder) complain(path string, err error) {
	f.problems = append(f.problems, unreadable(path, err))
}

func unreadable(path string, err error) report.Problem {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err // the path is the problem's
	}
	return problemAt(path, 0, 0, fmt.Sprintf("cannot be read: %v", err))
}

func (f *finder) file(path string, origin origin) {
	if f.first(path) {
		f.sources = append(f.sources, source{path: path, origin: origin})
	}
}

// first tells whether a file or a directory comes for the first time, whatever links lead to it.
func (f *finder) first(path string) bool {
	place, err := filepath.EvalSymlinks(path)
	if err != nil {
		place = path
	}
	if absolute, err := filepath.Abs(place); err == nil {
		place = absolute
	}
	if f.seen[place] {
		return false
	}
	f.seen[place] = true
	return true
}

// directory adds the files of a directory and of all in it, in order of their names. Links are followed, each place is seen
// once. What begins with a dot is left out, as are files that are no regular ones: some never end.
func (f *finder) directory(path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		f.complain(path, err)
		return
	}
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		manifest := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name)))
		info, err := os.Stat(name)
		switch {
		case err != nil && manifest:
			f.complain(name, err)
		case err != nil:
		case info.IsDir():
			if f.first(name) {
				f.directory(name)
			}
		case manifest && info.Mode().IsRegular():
			f.file(name, fromDirectory)
		}
	}
}

// read returns the documents of a file. As for kubectl, UTF-16 is told by its byte order mark.
func (s source) read(stdin io.Reader) ([]*document, []report.Problem) {
	in := stdin
	if s.path != report.Stdin {
		file, err := os.Open(s.path)
		if err != nil {
			return nil, []report.Problem{unreadable(s.path, err)}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(transform.NewReader(in, unicode.BOMOverride(transform.Nop)), maxFile+1))
	switch {
	case err != nil:
		return nil, []report.Problem{unreadable(s.path, err)}
	case len(text) > maxFile && bytes.IndexByte(text, 0) < 0:
		return nil, []report.Problem{problemAt(s.path, 0, 0, fmt.Sprintf("is larger than %d MiB", maxFile>>20))}
	}
	documents, problems := split(s.path, s.origin, text)
	if s.path == report.Stdin && len(documents)+len(problems) == 0 {
		problems = append(problems, problemAt(s.path, 0, 0, "nothing came from standard input"))
	}
	return documents, problems
}
