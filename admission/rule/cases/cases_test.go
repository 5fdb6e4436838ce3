package cases

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

const shown = `# A wildcard is added.
# example: A second name
# operation: update
# expect: one-rule deny spec.dnsNames[1];  other-rule warn
# message: spec.dnsNames[1]: no: that; is all. [one-rule]
kind: Issuer
---
kind: Certificate # as it was
---
kind: Certificate
`

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := Parse("one-rule/1-a-second-name.yaml", shown)
	if err != nil {
		t.Fatal(err)
	}
	want := Case{
		Rule: "one-rule", Name: "one-rule/1-a-second-name", Example: "A second name", Operation: "UPDATE",
		Message: "spec.dnsNames[1]: no: that; is all. [one-rule]",
		Expect:  []Expectation{{"one-rule", "deny", "spec.dnsNames[1]"}, {"other-rule", "warn", ""}},
		World:   []string{"kind: Issuer\n"}, Old: "kind: Certificate # as it was\n", Object: "kind: Certificate\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := got.Manifest(); text != "kind: Issuer\n---\nkind: Certificate\n" {
		t.Errorf("it is shown as\n%s", text)
	}
	if diff := cmp.Diff([]string{"kind: Issuer\n", "kind: Certificate # as it was\n"}, got.Existing()); diff != "" {
		t.Errorf("what exists (-want +got):\n%s", diff)
	}
}

func TestWhatIsDeletedExists(t *testing.T) {
	t.Parallel()
	got, err := Parse("nothing/a.yaml", "# operation: delete\n# expect: nothing\nkind: Issuer\n---\nkind: Certificate")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"kind: Issuer\n", "kind: Certificate\n"}, got.Existing()); diff != "" {
		t.Errorf("what exists (-want +got):\n%s", diff)
	}
}

func TestErrorsNameTheLineAndTheWayOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ file, text, want string }{
		"no header": {
			"a/b.yaml", "kind: Issuer\n",
			`a/b.yaml:1: the header has no "expect"; write "# expect: rule severity field" or "# expect: nothing"`,
		},
		"a slip of the pen": {
			"a/b.yaml", "# Why.\n# expects: nothing\nkind: Issuer\n",
			`a/b.yaml:2: a header has no "expects"; write expect, example, message or operation, or begin a sentence with a capital letter`,
		},
		"no value":           {"a/b.yaml", "# expect:\nkind: Issuer\n", `a/b.yaml:1: "expect" has no value; write one, or leave the line out`},
		"twice":              {"a/b.yaml", "# expect: nothing\n# expect: nothing\nkind: Issuer\n", `a/b.yaml:2: "expect" is there twice; write it once`},
		"no severity":        {"a/b.yaml", "# expect: a spec\nkind: Issuer\n", `a/b.yaml:1: "a spec" is no finding; write its rule, deny or warn, and its field, and a semicolon before the next`},
		"nothing between":    {"a/b.yaml", "# expect: a warn;\nkind: Issuer\n", `a/b.yaml:1: "" is no finding; write its rule, deny or warn, and its field, and a semicolon before the next`},
		"two fields":         {"a/b.yaml", "# expect: a deny spec b\nkind: Issuer\n", `a/b.yaml:1: "a deny spec b" is no finding; write its rule, deny or warn, and its field, and a semicolon before the next`},
		"an operation":       {"a/b.yaml", "# operation: create\n# expect: nothing\nkind: Issuer\n", `a/b.yaml:1: there is no operation "create"; write update or delete, or leave the line out for an object that is created`},
		"no object":          {"a/b.yaml", "# expect: nothing\n", `a/b.yaml:2: the document is empty; write an object, or leave out the line of hyphens`},
		"an empty document":  {"a/b.yaml", "# expect: nothing\nkind: Issuer\n---\n---\nkind: Issuer\n", `a/b.yaml:4: the document is empty; write an object, or leave out the line of hyphens`},
		"nothing to update":  {"a/b.yaml", "# operation: update\n# expect: nothing\nkind: Issuer\n", `a/b.yaml:3: an update needs two objects; write the object as it was before the object as it is to be`},
		"in nothing":         {"nothing/b.yaml", "# expect: a warn\nkind: Issuer\n", `nothing/b.yaml:1: something is expected; move the file to the folder a`},
		"of another rule":    {"a/b.yaml", "# expect: c warn\nkind: Issuer\n", `a/b.yaml:1: no finding of a is expected; move the file to the folder c`},
		"no message":         {"a/b.yaml", "# example: B\n# expect: a warn\nkind: Issuer\n", `a/b.yaml:1: an example needs "# example: title" and "# message: what is said"; write both or none`},
		"no title":           {"a/b.yaml", "# message: B [a]\n# expect: a warn\nkind: Issuer\n", `a/b.yaml:1: an example needs "# example: title" and "# message: what is said"; write both or none`},
		"another's message":  {"a/b.yaml", "# example: B\n# message: [c] no\n# expect: a warn\nkind: Issuer\n", `a/b.yaml:1: the message is not that of a; write what the rule says, its id in brackets included`},
		"an example of none": {"a/b.yaml", "# example: B\n# message: [a] no\n# expect: nothing\nkind: Issuer\n", `a/b.yaml:1: the message is not that of a; write what the rule says, its id in brackets included`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(fstest.MapFS{c.file: {Data: []byte(c.text)}}, "*/*.yaml")
			if err == nil || err.Error() != c.want {
				t.Errorf("got the error %v, want %s", err, c.want)
			}
		})
	}
}

func TestExamplesAreInOrder(t *testing.T) {
	t.Parallel()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	byRule := map[string][]Case{}
	for _, c := range all {
		if c.Example != "" {
			byRule[c.Rule] = append(byRule[c.Rule], c)
		}
	}
	for rule, want := range byRule {
		got, err := Examples(rule)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", rule, err, diff)
		}
	}
	if none, err := Examples("no-such-rule"); len(none) > 0 || err != nil {
		t.Errorf("a rule that there is not has %v, %v", none, err)
	}
}

// FuzzParse demands that what is read can be written, and is then read again as it was.
func FuzzParse(f *testing.F) {
	f.Add(shown)
	f.Add("# expect: nothing\nkind: Issuer")
	f.Add("#\n#expect:one-rule warn\n---\n---x\n\n# a comment\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("one-rule/a.yaml", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "one-rule/a.yaml:") || !strings.Contains(err.Error(), "; ") {
				t.Errorf("the error names no file or no way out: %v", err)
			}
			return
		}
		again, err := Parse("one-rule/a.yaml", written(&c))
		if diff := cmp.Diff(c, again); diff != "" || err != nil {
			t.Errorf("%v, read again (-before +after):\n%s", err, diff)
		}
	})
}

// written is the file of a case.
func written(c *Case) string {
	var expect, header []string
	for _, e := range c.Expect {
		expect = append(expect, e.String())
	}
	if expect == nil {
		expect = []string{Nothing}
	}
	header = append(header, "expect: "+strings.Join(expect, ";"))
	if c.Example != "" {
		header = append(header, "example: "+c.Example, "message: "+c.Message)
	}
	if c.Operation != "CREATE" {
		header = append(header, "operation: "+strings.ToLower(c.Operation))
	}
	return "# " + strings.Join(header, "\n# ") + "\n" + strings.Join(c.Documents(), "---\n")
}
