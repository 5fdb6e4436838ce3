package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// folder is a directory with Go files: a package and its tests.
type folder struct {
	dir               string
	production, tests []file
}

// file is one Go file. Only production code has a tree.
type file struct {
	name, text string
	tree       *ast.File
}

var ignored = regexp.MustCompile(`^(testdata|_.*|\..+)$`)

// read finds the folders in the order of their names. All modules of the repository are among them, and what the go command
// ignores is not.
func read(fset *token.FileSet, root fs.FS) ([]folder, error) {
	found := map[string]folder{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && ignored.MatchString(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		added := file{name: path.Base(name), text: string(text)}
		f := found[path.Dir(name)]
		f.dir = path.Dir(name)
		if strings.HasSuffix(name, "_test.go") {
			f.tests = append(f.tests, added)
		} else {
			added.tree, err = parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
			f.production = append(f.production, added)
		}
		found[f.dir] = f
		return err
	})
	return slices.SortedFunc(maps.Values(found), func(a, b folder) int { return strings.Compare(a.dir, b.dir) }), err
}

// lines counts all lines, as `wc -l` does.
func lines(files []file) int {
	total := 0
	for _, f := range files {
		total += strings.Count(f.text, "\n")
	}
	return total
}
