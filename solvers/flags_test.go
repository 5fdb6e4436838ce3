package solvers

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the generated files anew")

// TestGenerated_Flags holds docs/flags.md to the flags that there are.
func TestGenerated_Flags(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Flags of `certyun solver`\n\nMade by `make generate`. Do not edit.\n")
	groups := NewOptions().Flags()
	for _, name := range groups.Order {
		fmt.Fprintf(&b, "\n## %s\n\n| flag | default | meaning |\n| --- | --- | --- |\n", strings.ToUpper(name[:1])+name[1:])
		groups.FlagSets[name].VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Deprecated == "" {
				fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, code(f.DefValue), cell(f.Usage))
			}
		})
	}
	checkDocument(t, "flags.md", b.String())
}

// checkDocument compares a document in docs with what it should be, and writes it first with -update.
func checkDocument(t *testing.T, name, want string) {
	t.Helper()
	file := filepath.Join("..", "docs", name)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/%s is not up to date; run make generate (-want +got):\n%s", name, diff)
	}
}

func code(s string) string {
	if s == "" || s == "[]" {
		return ""
	}
	return "`" + s + "`"
}

// cell makes a text fit into a cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", "<br>", "<", "&lt;", ">", "&gt;").Replace(strings.ReplaceAll(s, "\n", " "))
}
