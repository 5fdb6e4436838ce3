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
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

const policyHead = "apiVersion: certyun.internal/v1\nkind: Policy\n"

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
		source, err := newPolicyFile(file, "", spokenRules(), gauge)
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
			{"broken", func() { write(policyHead + "rules: {spoken: perhaps}\ncrossResource: warn\n") }, rule.Off, 0},
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

// A mistake in the policy is no reason to take admission away. It is said where people look.
func TestAServerStartsWithTheUsablePartOfAPolicy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	gauge := newReviewMetrics().policyValid
	var source *policyFile
	for _, step := range []struct {
		title, text string
		want        map[string]rule.Severity
		note        string
		valid       float64
	}{
		{
			"a mistake at the start", "rules: {spokn: off, issuer-goes: off}",
			map[string]rule.Severity{"issuer-goes": rule.Off},
			`[certyun] the policy of this cluster has a mistake and is used in part; tell who runs it: rules: there is no rule "spokn"`, 0,
		},
		{
			"another mistake, while no policy was right before", "rules: {spokn: off, spoken: warn}",
			map[string]rule.Severity{"spoken": rule.Warn},
			`[certyun] the policy of this cluster has a mistake and is used in part; tell who runs it: rules: there is no rule "spokn"`, 0,
		},
		{"mended", "rules: {spoken: off}", map[string]rule.Severity{"spoken": rule.Off}, "", 1},
		{
			"a mistake, after one that was right", "rules: {spoken: warn}\nnoSkip: [spokn]",
			map[string]rule.Severity{"spoken": rule.Off},
			`[certyun] the policy of this cluster has a mistake and is not used: the one before it is; tell who runs it: noSkip[0]: there is no rule "spokn"`, 0,
		},
	} {
		if err := os.WriteFile(file, []byte(policyHead+step.text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if source == nil {
			var err error
			if source, err = newPolicyFile(file, "", spokenRules(), gauge); err != nil {
				t.Fatal(err)
			}
		} else if err := source.read(); (err == nil) != (step.note == "") {
			t.Errorf("%s: the error is %v", step.title, err)
		}
		if diff := cmp.Diff(step.want, source.decided.Load().Policy.Rules); diff != "" {
			t.Errorf("%s: rules (-want +got):\n%s", step.title, diff)
		}
		if diff := cmp.Diff(step.note, source.note()); diff != "" {
			t.Errorf("%s: what is said (-want +got):\n%s", step.title, diff)
		}
		if got := gaugeValue(t, gauge); got != step.valid {
			t.Errorf("%s: certyun_admission_policy_valid is %v, want %v", step.title, got, step.valid)
		}
	}
}

func TestAServerNeedsThePolicyFileThatItIsGiven(t *testing.T) {
	t.Parallel()
	_, err := newPolicyFile(filepath.Join(t.TempDir(), "policy.yaml"), "", spokenRules(), newReviewMetrics().policyValid)
	if err == nil || !strings.HasPrefix(err.Error(), "--policy: open ") {
		t.Errorf("the error is %v", err)
	}
}

func TestEachReviewSaysThatThePolicyHasAMistake(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(policyHead+"noSkip: ["+strings.Repeat("x", 300)+"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	world := objects.New(rule.IndexKeys)
	h := newHandler(t, world, world, spokenRules())
	var err error
	if h.policy, err = newPolicyFile(file, "", spokenRules(), h.metrics.policyValid); err != nil {
		t.Fatal(err)
	}
	note := "[certyun] the policy of this cluster has a mistake and is used in part; tell who runs it: noSkip[0]: there is no rule \"" + strings.Repeat("x", 300)
	note = note[:maxWarning-1] + "…"
	for name, want := range map[string][]string{"www.certyun.dev": {note}, "warn:a": {"[spoken] spec.dnsNames[0]: a", note}, "deny:a": {note}} {
		ar := request{Name: "web", Namespace: "shop", Object: certificateOf(name)}.admissionRequest(t)
		got := h.Handle(t.Context(), admission.Request{AdmissionRequest: *ar})
		if diff := cmp.Diff(want, got.Warnings); diff != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", name, diff)
		}
	}
}

// What is known of CAs changes with its file, as the policy does.
func TestCADataIsReadAgain(t *testing.T) {
	t.Parallel()
	const head, server = "apiVersion: certyun.internal/v1\nkind: CertificateAuthorities\nauthorities:\n", "https://ca.corp.example/dir"
	file := filepath.Join(t.TempDir(), "authorities.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(head + "  corp: {name: Corp, directory: " + server + "}\n  other: {name: 7}\n")
	gauge := newReviewMetrics().policyValid
	source, err := newPolicyFile("", file, spokenRules(), gauge)
	if err != nil {
		t.Fatalf("a mistake keeps the server from serving: %v", err)
	}
	for _, step := range []struct{ title, text, name, note string }{
		{"a mistake in one entry", "", "Corp", "[certyun] the policy of this cluster has a mistake and is used in part; tell who runs it: authorities.other: name must be a text"},
		{"mended", head + "  corp: {name: Corp 2, directory: " + server + "}\n", "Corp 2", ""},
		{"broken again", head + "  corp: {nam: x}\n", "Corp 2", `[certyun] the policy of this cluster has a mistake and is not used: the one before it is; tell who runs it: authorities.corp: unknown field "nam"`},
	} {
		if step.text != "" {
			write(step.text)
			_ = source.read() // what is wrong is in the note
		}
		policy := source.decided.Load().CAs.Lookup(server)
		if policy == nil || policy.Name != step.name {
			t.Errorf("%s: the CA is %+v", step.title, policy)
		}
		if diff := cmp.Diff(step.note, source.note()); diff != "" {
			t.Errorf("%s: %s", step.title, diff)
		}
		if valid := gaugeValue(t, gauge); (valid == 1) != (step.note == "") {
			t.Errorf("%s: certyun_admission_policy_valid is %v", step.title, valid)
		}
	}
	if _, err := newPolicyFile("", file+".none", spokenRules(), gauge); err == nil {
		t.Error("a file that is not there is no error")
	}
}
