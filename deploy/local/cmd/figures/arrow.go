package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"math"
	"slices"
)

// arrow leads from a file to another file of its package, which declares what the first one uses.
type arrow struct {
	from, to int // the files' places in the folder
	names    []string
}

// arrowsOf finds what files use of what others declare at their top, methods among it. Imports are not read, which would take
// minutes: a method that is called on what a function of another package returns is not seen.
func arrowsOf(fset *token.FileSet, files []file) []arrow {
	trees := make([]*ast.File, len(files))
	place := map[*token.File]int{}
	for i, f := range files {
		trees[i] = f.tree
		place[fset.File(f.tree.Pos())] = i
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Error: func(error) {}}
	checked, _ := config.Check("", fset, trees, info) // its error is that imports are missing
	var found []arrow
	for from, tree := range trees {
		used := make([][]string, len(files))
		ast.Inspect(tree, func(node ast.Node) bool {
			if object := named(node, info, checked.Scope()); atTop(object, checked.Scope()) {
				to := place[fset.File(object.Pos())]
				used[to] = append(used[to], object.Name())
			}
			return true
		})
		for to, names := range used {
			if slices.Sort(names); to != from && len(names) > 0 {
				found = append(found, arrow{from, to, slices.Compact(names)})
			}
		}
	}
	return found
}

// named is what a name stands for. An argument of another package's generic type, as in atomic.Pointer[list], is looked up: it
// is not resolved while that package is not read.
func named(node ast.Node, info *types.Info, scope *types.Scope) types.Object {
	switch n := node.(type) {
	case *ast.Ident:
		return info.Uses[n]
	case *ast.IndexExpr:
		if name, is := n.Index.(*ast.Ident); is && info.Uses[name] == nil {
			return scope.Lookup(name.Name)
		}
	}
	return nil
}

// atTop tells what is declared outside of functions and types: methods are, but for those of interfaces.
func atTop(object types.Object, scope *types.Scope) bool {
	if method, is := object.(*types.Func); is && method.Signature().Recv() != nil {
		return !types.IsInterface(method.Signature().Recv().Type())
	}
	return object != nil && object.Parent() == scope
}

// weight makes an order the better the fewer arrows run back, and of as many those with the fewest names.
func (a arrow) weight() int {
	return 1000 + len(a.names)
}

// back are the arrows that run back when files are put in the best order that is found, each before those that it uses. The
// search begins anew with each rotation of the files, moves one file after the other to its best place, and may miss the best
// order of many files.
func back(files int, arrows []arrow) []arrow {
	uses := map[[2]int]int{}
	for _, a := range arrows {
		uses[[2]int{a.from, a.to}] = a.weight()
	}
	least, lightest := arrows, math.MaxInt
	for start := range files {
		order := make([]int, files)
		for i := range order {
			order[i] = (start + i) % files
		}
		for move := range 2 * files * files {
			file := move % files
			rest := slices.DeleteFunc(slices.Clone(order), func(other int) bool { return other == file })
			order = slices.Insert(rest, bestPlace(file, move/files%2 == 0, rest, uses), file)
		}
		var against []arrow
		weight := 0
		for _, a := range arrows {
			if slices.Index(order, a.from) > slices.Index(order, a.to) {
				against = append(against, a)
				weight += a.weight()
			}
		}
		if weight < lightest {
			least, lightest = against, weight
		}
	}
	return least
}

// bestPlace is where a file goes among the others, so that the fewest arrows run back: at the last such place or at the first.
// Turns of both lead out of orders that no move makes better.
func bestPlace(file int, last bool, others []int, uses map[[2]int]int) int {
	best, least, running := 0, 0, 0 // arrows that run back, more than if the file stood first
	for i, other := range others {
		running += uses[[2]int{file, other}] - uses[[2]int{other, file}]
		if running < least || last && running == least {
			best, least = i+1, running
		}
	}
	return best
}
