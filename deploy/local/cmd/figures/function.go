package main

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// function is a function or a method of production code. Its lines are those from `func` to the closing brace.
type function struct {
	name  string
	lines int
}

func functionsOf(fset *token.FileSet, files []file) []function {
	var found []function
	for _, f := range files {
		for _, declaration := range f.tree.Decls {
			if d, is := declaration.(*ast.FuncDecl); is {
				found = append(found, function{nameOf(d), fset.Position(d.End()).Line - fset.Position(d.Pos()).Line + 1})
			}
		}
	}
	return found
}

// nameOf puts the type before the name of a method.
func nameOf(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	receiver, _, _ := strings.Cut(types.ExprString(d.Recv.List[0].Type), "[")
	return strings.TrimPrefix(receiver, "*") + "." + d.Name.Name
}

// middleAndLongest takes the shorter one of two in the middle, and the last one of the longest.
func middleAndLongest(functions []function) (median int, longest function) {
	if len(functions) == 0 {
		return 0, function{}
	}
	sorted := slices.SortedStableFunc(slices.Values(functions), func(a, b function) int { return cmp.Compare(a.lines, b.lines) })
	return sorted[(len(sorted)-1)/2].lines, sorted[len(sorted)-1]
}
