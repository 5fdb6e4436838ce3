package rule_test

import (
	"context"
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// countedRule is one about Certificates that speaks about each of their names, and counts how often it was let. Names that are shorter
// than ten letters are only warned about.
func countedRule(severity rule.Severity, spoken *int) rule.Rule {
	return rule.Rule{ID: "each", Severity: severity, Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
		for i, name := range r.Certificate.Spec.DNSNames {
			*spoken++
			f := rule.Finding{Field: fmt.Sprintf("spec.dnsNames[%d]", i), Value: name, Message: "is wrong"}
			if len(name) < 10 {
				f.Severity = rule.Warn
			}
			if err := yield(f); err != nil {
				return err
			}
		}
		return nil
	})}
}

// numbered are so many names of at least ten letters, or of fewer.
func numbered(n int, format string) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(format, i))
	}
	return names
}

func TestEngineBoundsWhatOneRuleSays(t *testing.T) {
	t.Parallel()
	const long, short = "long-%05d", "s-%05d"
	for name, test := range map[string]struct {
		severity   rule.Severity
		names, old []string
		policy     rule.Policy
		// denied and warned are how many findings there are, spoken is how many the rule has made of the object.
		denied, warned, spoken int
	}{
		"fifty denials are all told":                   {severity: rule.Deny, names: numbered(50, long), denied: 50, spoken: 50},
		"the check ends at the fifty-first denial":     {severity: rule.Deny, names: numbered(1000, long), denied: 50, spoken: 51},
		"a rule that cannot deny ends in the same way": {severity: rule.Warn, names: numbered(1000, short), warned: 50, spoken: 51},
		"many warnings hide no denial": {
			severity: rule.Deny, names: append(numbered(1000, short), "long-enough-to-be-denied"), denied: 1, warned: 50, spoken: 1001,
		},
		"many old mistakes hide no new one": {
			severity: rule.Deny, names: append(numbered(1000, long), "long-enough-and-new"), old: numbered(1000, long), denied: 1, warned: 50, spoken: 1001,
		},
		"mistakes beyond the bound were there before too": {
			severity: rule.Deny, names: numbered(1000, long)[900:], old: numbered(1000, long), warned: 50, spoken: 100,
		},
		"a rule that a policy turns off is not heard": {
			severity: rule.Deny, names: numbered(1000, long), policy: rule.Policy{Rules: map[string]rule.Severity{"each": rule.Off}}, spoken: 1,
		},
		"a rule that only warns by policy ends with its warnings": {
			severity: rule.Deny, names: numbered(1000, long), policy: rule.Policy{Rules: map[string]rule.Severity{"each": rule.Warn}}, warned: 50, spoken: 51,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spoken := 0
			request := rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: test.names}}}
			if test.old != nil {
				request.Operation, request.Old = rule.Update, &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: test.old}}
			}
			engine := rule.NewEngine([]rule.Rule{countedRule(test.severity, &spoken)})
			findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, &test.policy, request)
			if err != nil {
				t.Fatal(err)
			}
			counts := map[rule.Severity]int{}
			for _, f := range findings {
				counts[f.Severity]++
			}
			want := map[rule.Severity]int{}
			if test.denied > 0 {
				want[rule.Deny] = test.denied
			}
			if test.warned > 0 {
				want[rule.Warn] = test.warned
			}
			if diff := cmp.Diff(want, counts); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := spoken - len(test.old); got != test.spoken {
				t.Errorf("the rule spoke %d times, want %d", got, test.spoken)
			}
		})
	}
}

func TestEngineSaysThatThereAreMore(t *testing.T) {
	t.Parallel()
	spoken := 0
	engine := rule.NewEngine([]rule.Rule{countedRule(rule.Deny, &spoken)})
	request := rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: numbered(51, "long-%05d")}}}
	findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, nil, request)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"spec.dnsNames: Invalid value: there are more of these mistakes. [each]",
		`spec.dnsNames[0]: Invalid value: "long-00000": is wrong. [each]`,
	}
	if diff := cmp.Diff(want, ruletest.Texts(findings)[:2]); diff != "" {
		t.Errorf("the first findings (-want +got):\n%s", diff)
	}
}

func TestEngineAsksNoMoreOfARuleThatHasSaidEnoughOfAnIngress(t *testing.T) {
	t.Parallel()
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
		Name: "web", Namespace: "default", Annotations: map[string]string{cmapi.IngressIssuerNameAnnotationKey: "le"},
	}}
	for i := range 1000 {
		ingress.Spec.TLS = append(ingress.Spec.TLS, networkingv1.IngressTLS{SecretName: fmt.Sprintf("tls-%d", i), Hosts: []string{fmt.Sprintf("long-%05d", i)}})
	}
	spoken := 0
	engine := rule.NewEngine([]rule.Rule{countedRule(rule.Deny, &spoken)})
	findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, nil, rule.Request{Operation: rule.Create, Object: ingress})
	if err != nil {
		t.Fatal(err)
	}
	if len(findings) != 50 || spoken != 51 {
		t.Errorf("%d findings, and the rule spoke %d times; want 50 and 51", len(findings), spoken)
	}
}
