package issuer

import (
	"fmt"
	"testing"
	"testing/synctest"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// manyCertificates fills a scene with Certificates that refer to the Issuer of bigIssuer.
func manyCertificates(t *testing.T, certificates, names int) *ruletest.Scene {
	t.Helper()
	s := ruletest.NewScene(t, "")
	for i := range certificates {
		crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprintf("crt-%05d", i)}}
		crt.Spec.IssuerRef.Name = "le"
		for n := range names {
			crt.Spec.DNSNames = append(crt.Spec.DNSNames, fmt.Sprintf("www-%d.old-%d-%d.cert-lab.dev", i, n, i%7))
		}
		s.World.AddCertificate(crt)
	}
	return s
}

// reviewQuickly judges with the issuer rules alone and demands that it does not take long.
func reviewQuickly(t *testing.T, s *ruletest.Scene, request rule.Request) []rule.Finding {
	t.Helper()
	engine := rule.NewEngine(Rules())
	before := ruletest.ProcessorTime(t)
	findings, err := engine.Review(t.Context(), s.Env, s.Policy, request)
	if err != nil {
		t.Fatal(err)
	}
	took := ruletest.ProcessorTime(t) - before
	t.Logf("%s: %v", request.Operation, took)
	if took > ruletest.Within {
		t.Errorf("the review took %v, want at most %v", took, ruletest.Within)
	}
	return findings
}

// anyName is a solver for every name.
func anyName() cmacme.ACMEChallengeSolver {
	return cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{
		Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{GroupName: "acme.certyun.internal", SolverName: "dnspod"},
	}}
}

func TestChangeOfAnIssuerOfManyCertificatesIsReviewedWithinASecond(t *testing.T) {
	s := manyCertificates(t, 10_000, 100)
	tests := map[string]struct {
		change func(*cmacme.ACMEIssuer)
		want   string
	}{
		"every Certificate loses its solver": {
			func(acme *cmacme.ACMEIssuer) { acme.Solvers = ruletest.BigIssuer(100, 100, "new").Spec.ACME.Solvers },
			"3643 Certificates would lose their solver at renewal (crt-00000: www-0.old-0-0.cert-lab.dev, crt-00001: www-1.old-0-1.cert-lab.dev, " +
				"crt-00002: www-2.old-0-2.cert-lab.dev, …); looked at 3643 of 10000 Certificates, since they are so many",
		},
		"none loses its solver, but each name has to be looked at": {
			func(acme *cmacme.ACMEIssuer) { acme.Solvers = []cmacme.ACMEChallengeSolver{anyName()} },
			"no Certificate is known to lose its solver; looked at 37 of 10000 Certificates, since they are so many",
		},
	}
	for name, test := range tests {
		old, changed := ruletest.BigIssuer(100, 100, "old"), ruletest.BigIssuer(100, 100, "old")
		test.change(changed.Spec.ACME)
		request := rule.Request{Operation: rule.Update, Old: old, Object: changed}
		t.Run(name, func(t *testing.T) { reviewQuickly(t, s, request) })
		t.Run(name+", on a fast machine", func(t *testing.T) {
			wantAtOnce(t, s, request, "issuer-change-orphans-certificates", "[issuer-change-orphans-certificates] spec.acme.solvers: "+test.want)
		})
	}
}

// wantAtOnce is wantFindings for a review during which the clock stands still, so that only what is counted can end it.
func wantAtOnce(t *testing.T, s *ruletest.Scene, request rule.Request, id, want string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		findings, err := rule.NewEngine(Rules()).Review(t.Context(), s.Env, s.Policy, request)
		if err != nil {
			t.Fatal(err)
		}
		ruletest.Want(t, id, findings, want)
	})
}

func TestLabelsOfManyCertificatesAreReviewedWithinASecond(t *testing.T) {
	s := ruletest.NewScene(t, "")
	for i := range 10_000 {
		crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("crt-%05d", i),
			Labels: map[string]string{"team": fmt.Sprint(i)},
		}}
		crt.Spec.IssuerRef.Name = "le"
		crt.Spec.DNSNames = []string{"www.cert-lab.dev"}
		s.World.AddCertificate(crt)
	}
	old := ruletest.BigIssuer(100, 100, "old")
	labelled := anyName()
	labelled.Selector = &cmacme.CertificateDNSNameSelector{MatchLabels: map[string]string{"team": "7"}}
	old.Spec.ACME.Solvers = append(old.Spec.ACME.Solvers, labelled)
	request := rule.Request{Operation: rule.Update, Old: old, Object: ruletest.BigIssuer(100, 100, "new")}
	reviewQuickly(t, s, request)
	wantAtOnce(t, s, request, "issuer-change-orphans-certificates", "[issuer-change-orphans-certificates] spec.acme.solvers: 1 Certificate would lose "+
		"their solver at renewal (crt-00007: www.cert-lab.dev); looked at 40 of 10000 Certificates, since they are so many")
}

func TestDeletionOfAnIssuerOfManyCertificatesIsReviewedWithinASecond(t *testing.T) {
	got := reviewQuickly(t, manyCertificates(t, 10_000, 1), rule.Request{Operation: rule.Delete, Object: ruletest.BigIssuer(100, 100, "old")})
	ruletest.Want(t, "issuer-delete-in-use", got,
		`[issuer-delete-in-use] Issuer "le" is referenced by 10000 Certificates; they cannot renew without it`)
}

func TestIssuerWithManySelectorsIsReviewedWithinASecond(t *testing.T) {
	tests := map[string]struct {
		zones int
		want  string
	}{
		"ten zones a solver": {10, "[solver-unreachable] spec.acme.solvers[100]: can never be selected; " +
			"solvers[7] (dns01, dnsZones zone-7-0.cert-lab.dev and 9 more) always wins. Narrow its selector, or remove it"},
		"a hundred zones a solver": {100, "[solver-unreachable] spec.acme.solvers[100]: can never be selected; " +
			"solvers[7] (dns01, dnsZones zone-7-0.cert-lab.dev and 99 more) always wins. Narrow its selector, or remove it"},
		"a thousand zones a solver": {1000, "[solver-unreachable] spec.acme.solvers: only the first 100 of 101 solvers were looked at, " +
			"since they have so many selectors"},
	}
	for name, test := range tests {
		issuer := ruletest.BigIssuer(100, test.zones, "zone")
		issuer.Spec.ACME.Solvers = append(issuer.Spec.ACME.Solvers, *issuer.Spec.ACME.Solvers[7].DeepCopy())
		s, request := ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: issuer}
		t.Run(name, func(t *testing.T) { reviewQuickly(t, s, request) })
		t.Run(name+", on a fast machine", func(t *testing.T) { wantAtOnce(t, s, request, "solver-unreachable", test.want) })
	}
}

func TestIssuerWithManyMistakesIsReviewedWithinASecond(t *testing.T) {
	issuer := ruletest.BigIssuer(1, 0, "")
	selector := issuer.Spec.ACME.Solvers[0].Selector
	for range 300_000 {
		selector.DNSZones = append(selector.DNSZones, ".")
	}
	for range 5_000 {
		issuer.Spec.ACME.Solvers = append(issuer.Spec.ACME.Solvers,
			cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{
				GroupName: "acme.certyun.internal", SolverName: "x",
				Config: &apiextensionsv1.JSON{Raw: []byte(`{"a": 1, "b": 2}`)},
			}}},
			cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{Cloudflare: &cmacme.ACMEIssuerDNS01ProviderCloudflare{
				APIToken: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "A_B"}, Key: "k"},
			}}})
	}
	got := reviewQuickly(t, ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: issuer})
	counts := map[string]int{}
	for _, f := range got {
		counts[f.Rule]++
	}
	want := map[string]int{
		"selector-never-matches": 50, "secret-name-invalid": 50,
		"webhook-solver-unknown": 50, "webhook-apiservice-missing": 50, "solver-unreachable": 1,
		"self-check-not-needed": 1, "webhook-ambient-not-allowed": 1,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("findings by rule (-want +got):\n%s", diff)
	}
}
