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
	// outside are links that lead out of the directory in which they were found.
	outside []string
	// fragments are the files whose names say that they are parts of objects or of charts. They are not read.
	fragments []string
	// charts remembers of directories whether they are charts.
	charts map[string]bool
	// overseers are files above what is named that may say that it is a part. Only what they name is read of them.
	overseers []string
}

func newFinder() *finder { return &finder{seen: map[string]bool{}, charts: map[string]bool{}} }

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
		f.oversee(filepath.Dir(arg))
		f.file(arg, fromName)
	case f.first(arg):
		f.oversee(filepath.Dir(arg))
		f.root(arg)
	}
}

// root adds a directory that is named.
func (f *finder) root(path string) {
	place, err := placeOf(path)
	if err != nil {
		f.complain(path, err)
		return
	}
	before := len(f.sources) + len(f.problems) + len(f.fragments)
	f.directory(path, place)
	if len(f.sources)+len(f.problems)+len(f.fragments) == before {
		f.problems = append(f.problems, problemAt(path, 0, 0, "there are no files *.yaml, *.yml or *.json in this directory"))
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
	switch {
	case !f.first(path):
	case f.isFragment(path):
		f.fragments = append(f.fragments, path)
	default:
		f.sources = append(f.sources, source{path: path, origin: origin})
	}
}

// first tells whether a file or a directory comes for the first time, whatever links lead to it.
func (f *finder) first(path string) bool {
	place, err := placeOf(path)
	if err != nil {
		place = path
	}
	if f.seen[place] {
		return false
	}
	f.seen[place] = true
	return true
}

// placeOf is where a path leads to in the end.
func placeOf(path string) (string, error) {
	place, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(place)
}

// leadsOut tells whether a path leads to a place that is not below the root.
func leadsOut(path, root string) bool {
	place, err := placeOf(path)
	if err != nil {
		return true
	}
	way, err := filepath.Rel(root, place)
	return err != nil || !filepath.IsLocal(way)
}

// directory adds the files of a directory and of all in it, in order of their names. Links are followed where they lead to a
// place below the root, and each place is seen once. Others could have any file of the machine read by whoever writes into a
// repository. What begins with a dot is left out, as are files that are no regular ones: some never end.
func (f *finder) directory(path, root string) {
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
		manifest := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name))) || isKustomization(name)
		isLink := !entry.IsDir() && !entry.Type().IsRegular()
		info, err := os.Stat(name)
		switch {
		case err != nil && manifest:
			f.complain(name, err)
		case err != nil:
		case isLink && (manifest || info.IsDir()) && leadsOut(name, root):
			f.outside = append(f.outside, name)
		case info.IsDir():
			if f.first(name) {
				f.directory(name, root)
			}
		case manifest && info.Mode().IsRegular():
			f.file(name, fromDirectory)
		}
	}
}

// reading is what came of a file.
type reading struct {
	documents []*document
	problems  []report.Problem
	// isStrange says that something of it cannot be read, and that it has nothing of cert-manager's.
	isStrange bool
}

// read returns the documents of a file. As for kubectl, UTF-16 is told by its byte order mark.
func (s source) read(stdin io.Reader) reading {
	in := stdin
	if s.path != report.Stdin {
		file, err := os.Open(s.path)
		if err != nil {
			return reading{problems: []report.Problem{unreadable(s.path, err)}}
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(transform.NewReader(in, unicode.BOMOverride(transform.Nop)), maxFile+1))
	switch {
	case err != nil:
		return reading{problems: []report.Problem{unreadable(s.path, err)}}
	case len(text) > maxFile && bytes.IndexByte(text, 0) < 0:
		return s.told(text, reading{problems: []report.Problem{problemAt(s.path, 0, 0, fmt.Sprintf("is larger than %d MiB", maxFile>>20))}})
	}
	var found reading
	found.documents, found.problems = split(s.path, s.origin, text)
	if s.path == report.Stdin && len(found.documents)+len(found.problems) == 0 {
		found.problems = append(found.problems, problemAt(s.path, 0, 0, "nothing came from standard input"))
	}
	return s.told(text, found)
}

// told keeps the problems of a file in a directory to itself where it is none of our business.
func (s source) told(text []byte, found reading) reading {
	if s.origin == fromDirectory && len(found.problems) > 0 && !isOurs(text) {
		found.problems, found.isStrange = nil, true
	}
	return found
}
