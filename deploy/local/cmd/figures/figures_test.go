package main

import (
	"fmt"
	"go/token"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestRun(t *testing.T) {
	tree := fstest.MapFS{}
	for name, text := range map[string]string{
		"main.go":                         "package main\n\nfunc main() {\n}\n",
		"solvers/alidns/alidns.go":        "package alidns\n\nfunc Add(a account) {\n\tsend(a)\n}\n\ntype account struct{}\n",
		"solvers/alidns/call.go":          "package alidns\n\nfunc send(account) { Add(account{}) }\n",
		"solvers/alidns/call_test.go":     "package alidns\n\nvar zone = \"example.org\"\n",
		"solvers/dnspod/dnspod.go":        "package dnspod\n\nfunc Add(a account) {\n\tsend(a)\n}\n\ntype account struct{}\n\nfunc send(account) {}\n",
		"solvers/dnspod/dnspod_test.go":   "package dnspod_test\n\nvar zone = \"example.org\"\n",
		"charts/chart_test.go":            "package charts\n",
		"charts/certyun/values.yaml":      "replicas: 2\n",
		"solvers/testdata/broken.go":      "not Go",
		".local/lint/lint.go":             "package lint\n",
		"solvers/_old/old.go":             "package old\n",
		"deploy/local/go.mod":             "module local\n",
		"deploy/local/child/child.go":     "package child\n",
		"deploy/local/child/testdata.txt": "nothing",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(text)}
	}
	var got strings.Builder
	if err := run(tree, &got); err != nil {
		t.Fatal(err)
	}
	want := `package             lines  test lines  files  median function  longest  its name            arrows  back
.                   4      0           1      2                2        main                0       0
charts              0      1           0      0                0                            0       0
deploy/local/child  1      0           1      0                0                            0       0
solvers/alidns      10     3           2      1                3        Add                 2       1
solvers/dnspod      9      3           1      1                3        Add                 0       0
all 5 packages      24     7           5      2                3        solvers/dnspod Add  2       1

Arrows that run back, from a file to another that declares what it uses:
solvers/alidns: alidns.go -> call.go (send)

Identical lines of solvers/alidns and solvers/dnspod, wherever they stand: 3, in tests 1
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRunNamesTheFileThatIsNotGo(t *testing.T) {
	err := run(fstest.MapFS{"a/b.go": &fstest.MapFile{Data: []byte("not Go")}}, &strings.Builder{})
	if want := "a/b.go:1:1: expected 'package', found not"; err == nil || err.Error() != want {
		t.Errorf("the error is %v, not %s", err, want)
	}
}

func TestArrows(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"a function, a type, a variable and a constant are used": {
			map[string]string{"a": "func f(t) { g(v, c) }", "b": "type t int\nvar v = 1\nconst c = 1\nfunc g(int, int) {}"},
			[]string{"a -> b (c, g, t, v)"},
		},
		"a method is used, by a value that another method returns": {
			map[string]string{"a": "func f(s *s) { s.next().stop() }", "b": "type s struct{}\nfunc (s *s) next() *s { return s }", "c": "func (*s) stop() {}"},
			[]string{"a -> b (next, s)", "a -> c (stop)", "c -> b (s)"},
		},
		"a method of a generic type is used": {
			map[string]string{"a": "func f() { list[int]{}.first() }", "b": "type list[T any] []T\nfunc (list[T]) first() {}"},
			[]string{"a -> b (first, list)"},
		},
		"a type is the argument of another package's generic type": {
			map[string]string{"a": "import \"sync/atomic\"\nvar p atomic.Pointer[zones]", "b": "type zones struct{}"},
			[]string{"a -> b (zones)"},
		},
		"a type is used within the arguments of another package's function": {
			map[string]string{"a": "import \"slices\"\nfunc f(x []int) { slices.SortFunc(x, func(a, b int) int { return less(a, b) }) }", "b": "func less(a, b int) int { return a - b }"},
			[]string{"a -> b (less)"},
		},
		"fields, methods of interfaces and what is used at home are no arrows": {
			map[string]string{"a": "type i interface{ m() }\ntype s struct{ field i }\nvar x s", "b": "func f() { x.field.m() }"},
			[]string{"b -> a (x)"},
		},
		"a name that stands for something else is no arrow": {
			map[string]string{
				"a": "import \"example.org/cloud\"\nfunc f(zone int) int { call := zone; return call + cloud.Zone }\nvar r = cloud.Record{Line: 1}",
				"b": "var zone, call, Zone int\ntype Record struct{}\nconst Line = 2",
			},
			nil,
		},
		"a constant that two builds declare is used from where it is declared first": {
			map[string]string{"a": "const slow = 1", "b": "const slow = 20", "c": "var d = slow"},
			[]string{"c -> a (slow)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			files := production(t, fset, test.files)
			var got []string
			for _, a := range arrowsOf(fset, files) {
				got = append(got, fmt.Sprintf("%s -> %s (%s)", files[a.from].name[:1], files[a.to].name[:1], strings.Join(a.names, ", ")))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// production reads files of one package, which are given without their extension and their first line.
func production(t *testing.T, fset *token.FileSet, texts map[string]string) []file {
	t.Helper()
	tree := fstest.MapFS{}
	for name, text := range texts {
		tree[name+".go"] = &fstest.MapFile{Data: []byte("package p\n" + text + "\n")}
	}
	folders, err := read(fset, tree)
	if err != nil {
		t.Fatal(err)
	}
	return folders[0].production
}

func TestBack(t *testing.T) {
	for name, test := range map[string]struct {
		arrows []string // the names of two files each
		want   int
	}{
		"no file uses another":                         {nil, 0},
		"each uses the next":                           {[]string{"ab", "bc", "cd"}, 0},
		"each uses the one before":                     {[]string{"dc", "cb", "ba"}, 0},
		"one is used by all, and is in the middle":     {[]string{"ab", "cb", "db"}, 0},
		"two use each other":                           {[]string{"ab", "ba"}, 1},
		"three go round":                               {[]string{"ab", "bc", "ca"}, 1},
		"one that all use is used by all":              {[]string{"ab", "ac", "ad", "ba", "ca", "da"}, 3},
		"two rounds share an arrow":                    {[]string{"ab", "bc", "ca", "bd", "da"}, 1},
		"two pairs that use each other, and one other": {[]string{"ab", "ba", "cd", "dc", "ad"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			var arrows []arrow
			for _, a := range test.arrows {
				arrows = append(arrows, arrow{from: int(a[0] - 'a'), to: int(a[1] - 'a')})
			}
			if got := len(back(4, arrows)); got != test.want {
				t.Errorf("%d arrows run back, not %d", got, test.want)
			}
		})
	}
}

func TestBackIsWhatUsesFewerNames(t *testing.T) {
	few, many := arrow{0, 1, []string{"x"}}, arrow{1, 0, []string{"y", "z"}}
	if diff := cmp.Diff([]arrow{few}, back(2, []arrow{few, many}), cmp.AllowUnexported(arrow{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The search finds the best order of a few files, whatever they use.
func TestBackIsTheLeast(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		const files = 6
		var arrows []arrow
		for from := range files {
			for to := range files {
				if from != to && random.IntN(3) == 0 {
					arrows = append(arrows, arrow{from: from, to: to})
				}
			}
		}
		if got, want := len(back(files, arrows)), least(nil, files, arrows); got != want {
			t.Errorf("%d arrows run back, not %d: %v", got, want, arrows)
		}
	}
}

// least tries all orders that begin with some files.
func least(first []int, files int, arrows []arrow) int {
	fewest := len(arrows)
	for next := range files {
		if !slices.Contains(first, next) {
			backToFirst := 0
			for _, a := range arrows {
				if a.from == next && slices.Contains(first, a.to) {
					backToFirst++
				}
			}
			fewest = min(fewest, backToFirst+least(append(slices.Clone(first), next), files, arrows))
		}
	}
	if len(first) == files {
		return 0
	}
	return fewest
}

func TestFunctions(t *testing.T) {
	fset := token.NewFileSet()
	files := production(t, fset, map[string]string{
		"a": "// one is short.\nfunc one() {}\n\nfunc (q *queue) two() {\n}\n\nfunc (list[K, V]) three() {\n\tfunc() {\n\t}()\n}\n",
		"b": "type queue struct{}\n\ntype list[K, V any] struct{}\n\nvar none = func() {\n}\n\nfunc (queue) four() {\n\t_ = 1\n\n}\n",
	})
	got := functionsOf(fset, files)
	want := []function{{"one", 1}, {"queue.two", 2}, {"list.three", 4}, {"queue.four", 4}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(function{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	median, longest := middleAndLongest(got)
	if median != 2 || longest.name != "queue.four" {
		t.Errorf("the median is %d and the longest is %s", median, longest.name)
	}
}

func TestIdentical(t *testing.T) {
	for name, test := range map[string]struct {
		one, other string
		want       int
	}{
		"nothing is there":                                      {"", "", 0},
		"all is the same":                                       {"a\nb\n", "a\nb\n", 2},
		"the order and the indentation differ":                  {"a\n\tb\n", "b\na\n", 2},
		"a line is there twice and three times":                 {"a\na\n", "a\na\na\n", 2},
		"empty lines and lines of nothing but brackets":         {"\n\t}\n})\n}, {\n", "\n\t}\n})\n}, {\n", 0},
		"a bracket with a word beside it":                       {"} else {\n", "} else {\n", 1},
		"a line that differs in the middle":                     {"return a.b\n", "return a.c\n", 0},
		"the last line ends with the file, and not with a line": {"a", "a\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := identical([]file{{text: test.one}}, []file{{text: test.other}}); got != test.want {
				t.Errorf("%d lines are identical, not %d", got, test.want)
			}
		})
	}
}
