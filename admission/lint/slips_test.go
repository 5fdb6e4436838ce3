package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSlips(t *testing.T) {
	t.Parallel()
	const blank, tab, colons = "after the first colon of this line a blank is missing", "is indented with a tab; write blanks instead",
		"a value that has a colon and a blank in it needs quotes"
	quote := func(c string) string { return fmt.Sprintf("a value that begins with %q needs quotes", c) }
	const head = "apiVersion: cert-manager.io/v1\nkind: Certificate\nspec:\n"
	for name, test := range map[string]struct {
		// lines come after the three of head.
		lines string
		line  int
		want  string
	}{
		"a star in a list":                    {"  dnsNames:\n    - x.cn\n    - *.x.cn\n  secretName: s\n", 6, quote("*")},
		"a star in a list, the last line":     {"  dnsNames:\n    - *.infra.x.cn\n", 5, quote("*")},
		"a star in each line of a list":       {"  dnsNames:\n    - *.a.cn\n    - *.b.cn\n", 5, quote("*")},
		"a star before a letter":              {"  dnsNames:\n    - *a.x.cn\n", 5, quote("*")},
		"a star alone":                        {"  dnsNames:\n    - *x\n  secretName: s\n", 5, quote("*")},
		"a star as a value":                   {"  commonName: *.x.cn\n", 4, quote("*")},
		"a star in a flow":                    {"  dnsNames: [x.cn, *.x.cn]\n  secretName: s\n", 4, quote("*")},
		"a star first in a flow":              {"  dnsNames: [*.x.cn, x.cn]\n  secretName: s\n", 4, quote("*")},
		"a star before a comment":             {"  commonName: *.x.cn # all\n", 4, quote("*")},
		"an at sign":                          {"  email: @x.cn\n", 4, quote("@")},
		"a backtick":                          {"  secretName: `web`\n", 4, quote("`")},
		"a percent sign":                      {"  secretName: %web%\n", 4, quote("%")},
		"an ampersand":                        {"  commonName: &.x.cn\n", 4, quote("&")},
		"a bar":                               {"  commonName: |x\n", 4, quote("|")},
		"a greater-than sign":                 {"  renewBefore: >30d\n", 4, quote(">")},
		"no blank, a field before and after":  {"  server: s\n  email:ops@x.cn\n  profile: p\n", 5, blank},
		"no blank, a mapping after":           {"  email:ops@x.cn\n  privateKeySecretRef:\n    name: le\n", 4, blank},
		"no blank in the first field":         {"  server:https://x.cn/directory\n  email: ops@x.cn\n", 4, blank},
		"no blank in the last field":          {"  email: ops@x.cn\n  secretName:web\n", 5, blank},
		"no blank before quotes":              {"  email:\"ops@x.cn\"\n  profile: p\n", 4, blank},
		"no blank in an item of a list":       {"  solvers:\n    - name:a\n      key: b\n", 5, blank},
		"a tab":                               {"  dnsNames:\n\t- x.cn\n", 5, tab},
		"a tab after blanks":                  {"  issuerRef:\n  \tname: le\n  secretName: s\n", 5, tab},
		"a colon in a value":                  {"  secretName: web: tls\n", 4, colons},
		"a URL is no slip, but the tab is":    {"  urls:\n    - https://x.cn\n\t- y\n", 6, tab},
		"a tab elsewhere does not take blame": {"  email: @x.cn\t# a\n", 4, quote("@")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents, _ := split("f.yaml", fromName, []byte(head+test.lines))
			got := documents[0].parse().problems
			want := problemAt("f.yaml", test.line, 0, "is no YAML: "+test.want)
			if len(got) != 1 {
				t.Fatalf("problems %v", got)
			}
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSyntaxProblemsHoldNoValues(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"an alias":           "  password: *hunter2hunter2\n  more: x\n",
		"an alias in a flow": "  list: {password: *hunter2hunter2}\n",
		"a key of a mapping": "  {hunter2hunter2: a}: b\n",
		"no blank":           "  a: b\n  hunter2hunter2:hunter2hunter2\n  c: d\n",
		"an open quote":      "  a: \"hunter2hunter2\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents, _ := split("f.yaml", fromName, []byte("apiVersion: v1\nkind: Secret\nstringData:\n"+lines))
			problems := documents[0].parse().problems
			if len(problems) == 0 {
				t.Fatal("no problem")
			}
			for _, p := range problems {
				if strings.Contains(p.Message, "hunter2") {
					t.Errorf("shows a value: %s", p.Message)
				}
			}
		})
	}
}

func TestATemplateIsNoSlip(t *testing.T) {
	t.Parallel()
	documents, _ := split("f.yaml", fromName, []byte("apiVersion: v1\nkind: X\nspec:\n  a: {{ .Values.a }}\n  b: c\n"))
	problems := documents[0].parse().problems
	if len(problems) != 1 || problems[0].Line != 4 {
		t.Errorf("problems %v", problems)
	}
}
