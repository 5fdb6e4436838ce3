package admission

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/certyun/certyun/admission/rule"
)

const policyHead = "apiVersion: certyun.internal/v1\nkind: Policy\n"

func TestReadPolicy(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file string
		want rule.Policy
	}{
		"nothing":       {"", rule.Policy{Rules: map[string]rule.Severity{}}},
		"only comments": {"# later\n", rule.Policy{Rules: map[string]rule.Severity{}}},
		"everything": {
			policyHead + "rules: {spoken: warn, issuer-goes: deny, issuer-forbids: \"off\"}\nexemptNamespaces: [lab]\ncrossResource: warn\nnoSkip: [spoken]\n",
			rule.Policy{
				Rules:            map[string]rule.Severity{"spoken": rule.Warn, "issuer-goes": rule.Deny, "issuer-forbids": rule.Off},
				ExemptNamespaces: []string{"lab"}, CrossResource: rule.CrossWarn, NoSkip: []string{"spoken"},
			},
		},
		"off without quotes, which YAML reads as false": {
			policyHead + "rules:\n  spoken: off\n",
			rule.Policy{Rules: map[string]rule.Severity{"spoken": rule.Off}},
		},
		"the rule of the engine itself": {
			policyHead + "rules: {skip-unknown-rule: deny}\n",
			rule.Policy{Rules: map[string]rule.Severity{rule.SkipUnknown: rule.Deny}},
		},
	}
	for name, c := range tests {
		got, err := ReadPolicy([]byte(c.file), spokenRules())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(&c.want, got.Policy); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got.CAs.Lookup("https://acme-v02.api.letsencrypt.org/directory") == nil {
			t.Errorf("%s: the known CAs are not known", name)
		}
	}
}

func TestPolicyExtendsTheCAs(t *testing.T) {
	t.Parallel()
	got, err := ReadPolicy([]byte(policyHead+"caPolicies:\n- {server: 'https://acme.corp.example/dir', like: letsencrypt}\n"), spokenRules())
	if err != nil {
		t.Fatal(err)
	}
	if policy := got.CAs.Lookup("https://acme.corp.example/dir"); policy == nil || policy.ID != "letsencrypt" {
		t.Errorf("the server's policy is %+v", policy)
	}
}

func TestPolicyErrorsNameThePath(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, want string }{
		"no YAML":                     {"rules: [", "the policy cannot be read: yaml: line 1: did not find expected node content"},
		"a key twice":                 {policyHead + "crossResource: auto\ncrossResource: warn\n", `the policy cannot be read: yaml: unmarshal errors:` + "\n" + `  line 4: key "crossResource" already set in map`},
		"no head":                     {"rules: {spoken: warn}", "the policy must begin with apiVersion: certyun.internal/v1 and kind: Policy"},
		"another version":             {"apiVersion: certyun.internal/v2\nkind: Policy\n", "the policy must begin with apiVersion: certyun.internal/v1 and kind: Policy"},
		"an unknown field":            {policyHead + "rule: {}\n", `the policy cannot be read: unknown field "rule"`},
		"an unknown field in a list":  {policyHead + "caPolicies: [{server: 'https://a.example', like: 'off', kind: x}]\n", `the policy cannot be read: unknown field "caPolicies[0].kind"`},
		"a field in another case":     {policyHead + "Rules: {}\n", `the policy cannot be read: unknown field "Rules"`},
		"a wrong type":                {policyHead + "noSkip: spoken\n", "the policy cannot be read: json: cannot unmarshal string into Go struct field PolicyFile.noSkip of type []string"},
		"an unknown rule":             {policyHead + "rules: {spokn: warn}\n", `rules: there is no rule "spokn"`},
		"an unknown severity":         {policyHead + "rules: {spoken: error}\n", `rules.spoken: "error" must be deny, warn or off`},
		"a severity that is no word":  {policyHead + "rules: {spoken: [warn]}\n", `rules.spoken: "[\"warn\"]" must be deny, warn or off`},
		"no severity":                 {policyHead + "rules: {spoken: }\n", `rules.spoken: "" must be deny, warn or off`},
		"a yes that means deny":       {policyHead + "rules: {spoken: on}\n", `rules.spoken: "true" must be deny, warn or off`},
		"a namespace that cannot be":  {policyHead + "exemptNamespaces: [ok, 'kube-*']\n", `exemptNamespaces[1]: "kube-*" is not the name of a namespace`},
		"an unknown crossResource":    {policyHead + "crossResource: never\n", `crossResource: "never" must be auto, deny or warn`},
		"an unknown rule in noSkip":   {policyHead + "noSkip: [spoken, spokn]\n", `noSkip[1]: there is no rule "spokn"`},
		"a server that is no URL":     {policyHead + "caPolicies: [{server: acme.example, like: 'off'}]\n", `caPolicies[0].server: "acme.example" is not the absolute URL of an ACME directory`},
		"several faults, all of them": {policyHead + "crossResource: x\nnoSkip: [spokn]\n", "crossResource: \"x\" must be auto, deny or warn\nnoSkip[0]: there is no rule \"spokn\""},
	}
	for name, c := range tests {
		_, err := ReadPolicy([]byte(c.file), spokenRules())
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		if diff := cmp.Diff(c.want, err.Error()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func gaugeValue(t testing.TB, gauge prometheus.Gauge) float64 {
	t.Helper()
	var m dto.Metric
	if err := gauge.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetGauge().GetValue()
}

func TestPolicyIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.yaml")
	synctest.Test(t, func(t *testing.T) {
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(policyHead + "rules: {spoken: warn}\n")
		gauge := newReviewMetrics().policyValid
		source, err := newPolicySource(file, spokenRules(), gauge)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		go source.watch(ctx)
		steps := []struct {
			title string
			do    func()
			want  rule.Severity
			valid float64
		}{
			{"as it was read first", func() {}, rule.Warn, 1},
			{"changed", func() { write(policyHead + "rules: {spoken: off}\n") }, rule.Off, 1},
			{"broken", func() { write(policyHead + "rules: {spoken: perhaps}\n") }, rule.Off, 0},
			{"still broken", func() {}, rule.Off, 0},
			{"gone", func() { _ = os.Remove(file) }, rule.Off, 0},
			{"there again, as broken as before", func() { write(policyHead + "rules: {spoken: perhaps}\n") }, rule.Off, 0},
			{"mended", func() { write(policyHead + "rules: {spoken: deny}\n") }, rule.Deny, 1},
		}
		for _, step := range steps {
			step.do()
			time.Sleep(policyInterval)
			synctest.Wait()
			if got := source.decided.Load().Policy.Rules["spoken"]; got != step.want {
				t.Errorf("%s: the severity is %q, want %q", step.title, got, step.want)
			}
			if got := gaugeValue(t, gauge); got != step.valid {
				t.Errorf("%s: certyun_admission_policy_valid is %v, want %v", step.title, got, step.valid)
			}
		}
		cancel()
		synctest.Wait()
	})
}

func TestAServerDoesNotStartWithABadPolicy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("rules: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := newPolicySource(file, spokenRules(), newReviewMetrics().policyValid)
	if err == nil || !strings.HasPrefix(err.Error(), "--policy "+file+": the policy must begin with") {
		t.Errorf("the error is %v", err)
	}
}
