package catalogue

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/offline"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range Rules() {
		if seen[r.ID] {
			t.Errorf("two rules are called %q", r.ID)
		}
		seen[r.ID] = true
		if r.Severity == "" || len(r.Check.Kinds()) == 0 || r.Summary == "" || r.Why == "" || r.Remedy == "" {
			t.Errorf("the rule does not document itself: %+v", r)
		}
	}
}

func TestEngineNeverDeniesAnIngressOrAGateway(t *testing.T) {
	t.Parallel()
	policy := &rule.Policy{Rules: map[string]rule.Severity{}}
	for _, r := range Online() {
		policy.Rules[r.ID] = rule.Deny
	}
	const bad = `cert-manager.io/issuer: a, cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/private-key-size: "2048"`
	for name, manifest := range map[string]string{
		"an Ingress": ruletest.Ingress(bad, `{hosts: [www.cert-lab.dev], secretName: t}`),
		"a Gateway":  ruletest.Gateway(bad, ruletest.HTTPSListener),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ruletest.NewScene(t, "")
			findings, err := rule.NewOnlineEngine(Rules()).Review(t.Context(), s.Env, policy, rule.Request{Operation: rule.Create, Object: ruletest.Object(t, manifest)})
			if err != nil || len(findings) == 0 {
				t.Fatalf("got %d findings and the error %v", len(findings), err)
			}
			for _, f := range findings {
				if f.Severity != rule.Warn || !strings.Contains(f.String(), "not denied on "+name) {
					t.Errorf("got the %s %s", f.Severity, f)
				}
			}
		})
	}
}

func TestEngineGoesOnWhenTheIssuerCannotBeLookedUp(t *testing.T) {
	t.Parallel()
	failure := errors.New("nobody answers")
	s := ruletest.NewScene(t, "")
	s.Env.World = ruletest.Broken{World: s.Env.World, Err: failure}
	findings, err := rule.NewOnlineEngine(Rules()).Review(t.Context(), s.Env, nil, rule.Request{Operation: rule.Create, Object: ruletest.Object(t, ruletest.Certificate(`
		dnsNames: [中文.cert-lab.dev]`))})
	if !errors.Is(err, failure) || !strings.Contains(err.Error(), `look for Issuer "le": nobody answers`) {
		t.Errorf("error: got %v", err)
	}
	rules := map[string]bool{}
	for _, f := range findings {
		rules[f.Rule] = true
	}
	if diff := cmp.Diff([]string{"csr-cannot-be-built"}, slices.Sorted(maps.Keys(rules))); diff != "" {
		t.Errorf("rules that spoke (-want +got):\n%s", diff)
	}
}

func TestEngineNeverDeniesADeletion(t *testing.T) {
	t.Parallel()
	crt := ruletest.Certificate(`dnsNames: [中文.cert-lab.dev]`)
	if got := ruletest.Texts(ruletest.Delete(t, Online(), "", crt)); len(got) > 0 {
		t.Errorf("a Certificate goes: got %q", got)
	}
	got := ruletest.Delete(t, Online(), ruletest.Certificate(`dnsNames: [x.dev]`), ruletest.Issuer(`server: nonsense`), func(s *ruletest.Scene) {
		s.Policy.Rules = map[string]rule.Severity{"issuer-delete-in-use": rule.Deny}
	})
	want := []string{`[issuer-delete-in-use] Issuer "le" is referenced by 1 Certificate; it cannot renew without it (a deletion is never denied)`}
	if diff := cmp.Diff(want, ruletest.Texts(got)); diff != "" {
		t.Errorf("an Issuer goes (-want +got):\n%s", diff)
	}
}

func TestOnlyFilesAreJudgedByOfflineRules(t *testing.T) {
	t.Parallel()
	for _, r := range Online() {
		if r.Offline {
			t.Errorf("the rule %s would be asked in a cluster", r.ID)
		}
	}
	for _, r := range offline.Rules() {
		if !r.Offline || !strings.HasPrefix(r.ID, "cm-") || slices.Contains(r.Check.Kinds(), "Gateway") && !ofManifests(&r) {
			t.Errorf("the rule %s is not only for files, or for Certificates that cert-manager makes", r.ID)
		}
	}
	crt := ruletest.Object(t, ruletest.Certificate("dnsNames: [www.cert-lab.dev]\nissuerRef: {name: ''}"))
	crt.SetAnnotations(map[string]string{rule.SkipAnnotation: "cm-issuer-ref"})
	online, err := rule.NewOnlineEngine(Rules()).Review(t.Context(), ruletest.NewScene(t, "").Env, nil, rule.Request{Operation: rule.Create, Object: crt})
	if err != nil || len(online) > 0 {
		t.Errorf("in a cluster: %v and the error %v", ruletest.Texts(online), err)
	}
	got := ruletest.Judge(t, Rules(), ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: crt})
	if len(got) != 1 || got[0].Severity != rule.Deny || got[0].Rule != "cm-issuer-ref" {
		t.Errorf("in a file: %v", ruletest.Texts(got))
	}
}
