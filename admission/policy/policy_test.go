package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
)

const fileHead = "apiVersion: certyun.internal/v1\nkind: Policy\n"

// spokenRules are what the policies of these tests are about.
func spokenRules() []rule.Rule {
	return []rule.Rule{{ID: "spoken"}, {ID: "issuer-goes"}, {ID: "issuer-forbids"}, {ID: rule.CMSchema, Offline: true}}
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want rule.Policy
	}{
		"nothing":       {"", rule.Policy{Rules: map[string]rule.Severity{}}},
		"only comments": {"# later\n", rule.Policy{Rules: map[string]rule.Severity{}}},
		"everything": {
			fileHead + "rules: {spoken: warn, issuer-goes: deny, issuer-forbids: \"off\"}\nexemptNamespaces: [lab]\ncrossResource: warn\nnoSkip: [spoken]\n",
			rule.Policy{
				Rules:            map[string]rule.Severity{"spoken": rule.Warn, "issuer-goes": rule.Deny, "issuer-forbids": rule.Off},
				ExemptNamespaces: []string{"lab"}, CrossResource: rule.CrossWarn, NoSkip: []string{"spoken"},
			},
		},
		"between the marks of a document": {
			"# ours\n---\n" + fileHead + "crossResource: deny\n...\n---\n# nothing more\n",
			rule.Policy{Rules: map[string]rule.Severity{}, CrossResource: rule.CrossDeny},
		},
		"off without quotes, which YAML reads as false": {
			fileHead + "rules:\n  spoken: off\n",
			rule.Policy{Rules: map[string]rule.Severity{"spoken": rule.Off}},
		},
		"a rule for files alone": {
			fileHead + "rules: {cm-schema: warn}\n",
			rule.Policy{Rules: map[string]rule.Severity{rule.CMSchema: rule.Warn}},
		},
		"the rule of the engine itself": {
			fileHead + "rules: {skip-unknown-rule: deny}\n",
			rule.Policy{Rules: map[string]rule.Severity{rule.SkipUnknown: rule.Deny}},
		},
	}
	for name, c := range tests {
		got, err := Read([]byte(c.file), spokenRules())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantPolicy(t, name, &c.want, got)
	}
}

func wantPolicy(t *testing.T, name string, want *rule.Policy, got *Decided) {
	t.Helper()
	if diff := cmp.Diff(want, got.Policy); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
	if got.CAs.Lookup("https://acme-v02.api.letsencrypt.org/directory") == nil {
		t.Errorf("%s: the known CAs are not known", name)
	}
}

func TestPolicyExtendsTheCAs(t *testing.T) {
	t.Parallel()
	got, err := Read([]byte(fileHead+"caPolicies:\n- {server: 'https://acme.corp.example/dir', like: letsencrypt}\n"), spokenRules())
	if err != nil {
		t.Fatal(err)
	}
	if policy := got.CAs.Lookup("https://acme.corp.example/dir"); policy == nil || policy.ID != "letsencrypt" {
		t.Errorf("the server's policy is %+v", policy)
	}
	got, err = Read([]byte(fileHead+"caPolicies:\n- {server: 'https://acme-v02.api.letsencrypt.org/directory', like: off}\n"), spokenRules())
	if err != nil {
		t.Fatal(err)
	}
	if policy := got.CAs.Lookup("https://acme-v02.api.letsencrypt.org/directory"); policy != nil {
		t.Errorf("a server that is off, without quotes, has the policy %q", policy.ID)
	}
}

func TestPolicyErrorsNameThePath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, want string }{
		"no YAML":                     {"rules: [", "the policy cannot be read: yaml: line 1: did not find expected node content"},
		"a key twice":                 {fileHead + "crossResource: auto\ncrossResource: warn\n", `the policy cannot be read: yaml: unmarshal errors:` + "\n" + `  line 4: key "crossResource" already set in map`},
		"no head":                     {"rules: {spoken: warn}", "the policy must begin with apiVersion: certyun.internal/v1 and kind: Policy"},
		"another version":             {"apiVersion: certyun.internal/v2\nkind: Policy\n", "the policy must begin with apiVersion: certyun.internal/v1 and kind: Policy"},
		"an unknown field":            {fileHead + "rule: {}\n", `the policy cannot be read: unknown field "rule"`},
		"an unknown field in a list":  {fileHead + "caPolicies: [{server: 'https://a.example', like: 'off', kind: x}]\n", `the policy cannot be read: unknown field "caPolicies[0].kind"`},
		"a field in another case":     {fileHead + "Rules: {}\n", `the policy cannot be read: unknown field "Rules"`},
		"a word for a list":           {fileHead + "noSkip: spoken\n", "the policy cannot be read: noSkip must be a list"},
		"a list for a mapping":        {fileHead + "rules: [spoken]\n", "the policy cannot be read: rules must be a mapping"},
		"a list for a word":           {fileHead + "caPolicies: [{server: [], like: 'off'}]\n", "the policy cannot be read: caPolicies.server must be a text\ncaPolicies[0].server: \"\" is not the absolute URL of an ACME directory"},
		"a word for yes or no":        {fileHead + "exemptByLabel: never\n", "the policy cannot be read: exemptByLabel must be true or false"},
		"a list for the whole":        {"- spoken\n", "the policy cannot be read: the document must be a mapping"},
		"a second document":           {fileHead + "---\nrules: {spoken: warn}\n", "the policy cannot be read: line 3: a second document begins here; a policy is one document"},
		"an unknown rule":             {fileHead + "rules: {spokn: warn}\n", `rules: there is no rule "spokn"`},
		"an unknown severity":         {fileHead + "rules: {spoken: error}\n", `rules.spoken: "error" must be deny, warn or off`},
		"a severity that is no word":  {fileHead + "rules: {spoken: [warn]}\n", `rules.spoken: "[\"warn\"]" must be deny, warn or off`},
		"no severity":                 {fileHead + "rules: {spoken: }\n", `rules.spoken: "" must be deny, warn or off`},
		"a yes that means deny":       {fileHead + "rules: {spoken: on}\n", `rules.spoken: "true" must be deny, warn or off`},
		"a namespace that cannot be":  {fileHead + "exemptNamespaces: [ok, 'kube-*']\n", `exemptNamespaces[1]: "kube-*" is not the name of a namespace`},
		"an unknown crossResource":    {fileHead + "crossResource: never\n", `crossResource: "never" must be auto, deny or warn`},
		"an unknown rule in noSkip":   {fileHead + "noSkip: [spoken, spokn]\n", `noSkip[1]: there is no rule "spokn"`},
		"a server that is no URL":     {fileHead + "caPolicies: [{server: acme.example, like: 'off'}]\n", `caPolicies[0].server: "acme.example" is not the absolute URL of an ACME directory`},
		"several faults, all of them": {fileHead + "crossResource: x\nnoSkip: [spokn]\n", "crossResource: \"x\" must be auto, deny or warn\nnoSkip[0]: there is no rule \"spokn\""},
	}
	for name, c := range tests {
		_, err := Read([]byte(c.file), spokenRules())
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A mistake takes away no more than the entry that it is in.
func TestTheRestOfAPolicyWithAMistakeIsUsable(t *testing.T) {
	t.Parallel()
	none := rule.Policy{Rules: map[string]rule.Severity{}}
	noSkip := rule.Policy{Rules: map[string]rule.Severity{}, NoSkip: []string{"spoken"}}
	tests := map[string]struct {
		file string
		want rule.Policy
	}{
		"no YAML":            {"rules: [", none},
		"a list":             {"- spoken\n", none},
		"no head":            {"noSkip: [spoken]\n", noSkip},
		"an unknown field":   {fileHead + "rule: {}\nnoSkip: [spoken]\n", noSkip},
		"a word for a list":  {fileHead + "exemptNamespaces: lab\nnoSkip: [spoken]\n", noSkip},
		"a key twice":        {fileHead + "crossResource: auto\nnoSkip: [issuer-goes]\nnoSkip: [spoken]\n", rule.Policy{Rules: map[string]rule.Severity{}, CrossResource: rule.CrossAuto, NoSkip: []string{"spoken"}}},
		"a second document":  {fileHead + "noSkip: [spoken]\n---\nrules: {spoken: warn}\n", noSkip},
		"an unknown rule":    {fileHead + "rules: {spokn: deny, spoken: warn}\n", rule.Policy{Rules: map[string]rule.Severity{"spoken": rule.Warn}}},
		"another severity":   {fileHead + "rules: {issuer-goes: error, spoken: warn}\n", rule.Policy{Rules: map[string]rule.Severity{"spoken": rule.Warn}}},
		"a namespace":        {fileHead + "exemptNamespaces: [ok, 'kube-*']\n", rule.Policy{Rules: map[string]rule.Severity{}, ExemptNamespaces: []string{"ok"}}},
		"crossResource":      {fileHead + "crossResource: never\nnoSkip: [spoken]\n", noSkip},
		"a rule in noSkip":   {fileHead + "noSkip: [spokn, spoken]\n", noSkip},
		"a server of no URL": {fileHead + "caPolicies: [{server: acme.example, like: 'off'}]\nnoSkip: [spoken]\n", noSkip},
	}
	for name, c := range tests {
		got, err := Read([]byte(c.file), spokenRules())
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		wantPolicy(t, name, &c.want, got)
	}
}

func TestNamespacesMayExemptThemselvesUnlessAPolicySaysNo(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": true, "exemptByLabel: true\n": true, "exemptByLabel: false\n": false} {
		got, err := Read([]byte(fileHead+text), spokenRules())
		if err != nil || got.ExemptByLabel != want {
			t.Errorf("%q: %t, %v", text, got.ExemptByLabel, err)
		}
	}
}
