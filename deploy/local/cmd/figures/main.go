// Command figures prints the figures of the code below a directory: lines, functions, files that use each other, and lines
// that the two DNS hosts have in common.
package main

import (
	"fmt"
	"go/token"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: figures <root of the repository>")
		os.Exit(2)
	}
	if err := run(os.DirFS(os.Args[1]), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// figures are those of one package, or of all.
type figures struct {
	folder
	functions []function
	arrows    int
	back      []arrow
}

func run(root fs.FS, out io.Writer) error {
	fset := token.NewFileSet()
	folders, err := read(fset, root)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "package\tlines\ttest lines\tfiles\tmedian function\tlongest\tits name\tarrows\tback")
	var all figures
	var against strings.Builder
	byName := map[string]folder{}
	for _, f := range folders {
		arrows := arrowsOf(fset, f.production)
		one := figures{f, functionsOf(fset, f.production), len(arrows), back(len(f.production), arrows)}
		one.row(table)
		byName[f.dir] = f
		all.add(one)
		for _, a := range one.back {
			fmt.Fprintf(&against, "%s: %s -> %s (%s)\n", f.dir, f.production[a.from].name, f.production[a.to].name, strings.Join(a.names, ", "))
		}
	}
	all.dir = fmt.Sprintf("all %d packages", len(folders))
	all.row(table)
	if err := table.Flush(); err != nil {
		return err
	}
	alidns, dnspod := byName["solvers/alidns"], byName["solvers/dnspod"]
	_, err = fmt.Fprintf(out, "\nArrows that run back, from a file to another that declares what it uses:\n%s\n"+
		"Identical lines of solvers/alidns and solvers/dnspod, wherever they stand: %d, in tests %d\n", against.String(),
		identical(alidns.production, dnspod.production), identical(alidns.tests, dnspod.tests))
	return err
}

// add takes in the figures of a package, which then stands before the names of its functions.
func (f *figures) add(one figures) {
	f.production = append(f.production, one.production...)
	f.tests = append(f.tests, one.tests...)
	for _, fn := range one.functions {
		f.functions = append(f.functions, function{one.dir + " " + fn.name, fn.lines})
	}
	f.arrows += one.arrows
	f.back = append(f.back, one.back...)
}

func (f *figures) row(table io.Writer) {
	median, longest := middleAndLongest(f.functions)
	fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%s\t%d\t%d\n",
		f.dir, lines(f.production), lines(f.tests), len(f.production), median, longest.lines, longest.name, f.arrows, len(f.back))
}
