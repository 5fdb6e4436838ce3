package oracle

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// solverRules say that no solver would be chosen for a name.
var solverRules = []string{"wildcard-needs-dns01", "no-solver-for-name", "ip-needs-http01"}

// offers are the challenges that CAs offer for a name: for a wildcard only dns-01 (section 3.2.2.4 of the CA/Browser Forum's
// Baseline Requirements), for an IP address no dns-01 (RFC 8738).
func offers(name string, ip bool) []cmacme.ACMEChallenge {
	http, dns, alpn := cmacme.ACMEChallenge{Type: "http-01"}, cmacme.ACMEChallenge{Type: "dns-01"}, cmacme.ACMEChallenge{Type: "tls-alpn-01"}
	switch {
	case strings.HasPrefix(name, "*."):
		return []cmacme.ACMEChallenge{dns}
	case ip:
		return []cmacme.ACMEChallenge{http, alpn}
	}
	return []cmacme.ACMEChallenge{http, dns, alpn}
}

// unsolved are the fields with names for which cert-manager would choose no solver. CAs return names in lower case.
func unsolved(t testing.TB, crt *cmapi.Certificate, solvers []cmacme.ACMEChallengeSolver) []string {
	t.Helper()
	ctx := logr.NewContext(t.Context(), logr.Discard())
	order := &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: crt.Labels}}
	var fields []string
	for i, name := range crt.Spec.DNSNames {
		if solver, _ := solverpicker.Pick(ctx, strings.ToLower(name), offers(name, false), solvers, order); solver == nil {
			fields = append(fields, fmt.Sprintf("spec.dnsNames[%d]", i))
		}
	}
	for i, ip := range crt.Spec.IPAddresses {
		if solver, _ := solverpicker.Pick(ctx, ip, offers(ip, true), solvers, order); solver == nil {
			fields = append(fields, fmt.Sprintf("spec.ipAddresses[%d]", i))
		}
	}
	return fields
}

// acmeIssuer is what the Certificate refers to, nil when that has no ACME part.
func acmeIssuer(t testing.TB, world *objects.World, crt *cmapi.Certificate) *cmacme.ACMEIssuer {
	t.Helper()
	if issuer := issuerOf(t, world, crt); issuer != nil {
		return issuer.GetSpec().ACME
	}
	return nil
}

func issuerOf(t testing.TB, world *objects.World, crt *cmapi.Certificate) cmapi.GenericIssuer {
	t.Helper()
	ref := crt.Spec.IssuerRef
	if apiutil.IssuerGroup(ref) != "cert-manager.io" {
		return nil
	}
	key := evidence.IssuerKey{Name: ref.Name}
	if apiutil.IssuerKind(ref) == cmapi.IssuerKind {
		key.Namespace = crt.Namespace
	}
	issuer, err := world.Issuer(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// isRefused tells whether cert-manager refuses an Issuer. What only follows from that is not told of Certificates.
func isRefused(t testing.TB, c *certManager, issuer cmapi.GenericIssuer) bool {
	t.Helper()
	tree, err := runtime.DefaultUnstructuredConverter.ToUnstructured(issuer)
	if err != nil {
		t.Fatal(err)
	}
	kind := cmapi.ClusterIssuerKind
	if issuer.GetNamespace() != "" {
		kind = cmapi.IssuerKind
	}
	return len(c.refuses(t, kind, tree)) > 0
}

// wantUnsolved leaves out the names of which another rule says already that they can never be issued.
func wantUnsolved(unsolved []string, findings []rule.Finding) []string {
	judged := fieldsOf(findings, "csr-cannot-be-built", "csr-round-trip-mismatch", "acme-name-not-issuable", "acme-ip-not-public")
	return slices.DeleteFunc(slices.Clone(unsolved), func(path string) bool { return slices.Contains(judged, path) })
}

func TestManifestsHaveNoSolverWherePickSaysSo(t *testing.T) {
	t.Parallel()
	c := theCertManager(t)
	compared, without := 0, 0
	for _, m := range judgedByCertManager(t) {
		crt, ok := m.object.(*cmapi.Certificate)
		if !ok || len(c.refuses(t, "Certificate", m.tree)) > 0 {
			continue
		}
		acme := acmeIssuer(t, m.world, crt)
		if acme == nil || isRefused(t, c, issuerOf(t, m.world, crt)) {
			continue
		}
		compared++
		findings := review(t, m.world, crt)
		want := wantUnsolved(unsolved(t, crt, acme.Solvers), findings)
		if len(acme.Solvers) == 0 {
			// An address may be authorized already, and no kind of challenge is missing.
			want = slices.DeleteFunc(want, func(path string) bool { return strings.HasPrefix(path, "spec.ipAddresses") })
		}
		without += len(want)
		got := fieldsOf(findings, solverRules...)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
			t.Errorf("%s: names without a solver (-cert-manager +ours):\n%s", m.name, diff)
		}
	}
	if compared < 100 || without < 15 {
		t.Errorf("%d Certificates were compared and %d names had no solver, which tries too little", compared, without)
	}
}

// TestRandomSolversWherePickSaysSo has Issuers with all kinds of selectors, and Certificates with names in and around them.
func TestRandomSolversWherePickSaysSo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(2, 21))
	without := 0
	for range 3000 {
		issuer, crt := randomACME(random), randomNames(random)
		world := newWorld()
		world.AddIssuer(issuer)
		findings := review(t, world, crt)
		want := wantUnsolved(unsolved(t, crt, issuer.Spec.ACME.Solvers), findings)
		without += len(want)
		got := fieldsOf(findings, solverRules...)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(append([]string{}, want...), append([]string{}, got...)); diff != "" {
			t.Fatalf("names without a solver (-cert-manager +ours):\n%s\n%s---\n%s\n%v", diff, yamlOf(t, issuer), yamlOf(t, crt), findings)
		}
		known := issuer.Spec.ACME.Server == letsEncrypt
		for _, f := range findings {
			if slices.Contains(solverRules, f.Rule) && f.Rule != "ip-needs-http01" && (f.Severity == rule.Deny) != known {
				t.Fatalf("a known CA denies and another warns, but: %s", f.String())
			}
		}
	}
	if without < 1000 {
		t.Errorf("%d names had no solver, which tries too little", without)
	}
}

const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"

func randomACME(random *rand.Rand) *cmapi.Issuer {
	acme := &cmacme.ACMEIssuer{Server: one(random, letsEncrypt, "https://acme.corp.example/directory"), Profile: "shortlived"}
	acme.PrivateKey.Name = "account"
	for range 1 + random.IntN(5) {
		acme.Solvers = append(acme.Solvers, randomSolver(random))
	}
	return &cmapi.Issuer{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cert-manager.io/v1", Kind: "Issuer"},
		ObjectMeta: metav1.ObjectMeta{Name: "le", Namespace: "default"},
		Spec:       cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{ACME: acme}},
	}
}

func randomSolver(random *rand.Rand) cmacme.ACMEChallengeSolver {
	var solver cmacme.ACMEChallengeSolver
	if rarely(random, 2) {
		solver.HTTP01 = &cmacme.ACMEChallengeSolverHTTP01{Ingress: &cmacme.ACMEChallengeSolverHTTP01Ingress{}}
	} else {
		solver.DNS01 = &cmacme.ACMEChallengeSolverDNS01{Cloudflare: &cmacme.ACMEIssuerDNS01ProviderCloudflare{
			APIToken: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "token"}, Key: "token"},
		}}
	}
	if rarely(random, 6) {
		return solver
	}
	selector := &cmacme.CertificateDNSNameSelector{}
	if rarely(random, 2) {
		selector.DNSZones = some(random, "cert-lab.dev", "eu.cert-lab.dev", "Other-Lab.dev", "*.cert-lab.dev", "cert-lab.dev.", ".cert-lab.dev", "dev", ".", "",
			"中文.dev", "a b", "8.8.4.4", "*")
	}
	if rarely(random, 3) {
		selector.DNSNames = some(random, "www.cert-lab.dev", "*.cert-lab.dev", "WWW.eu.cert-lab.dev", "8.8.4.4", "cert-lab.dev", "")
	}
	if rarely(random, 4) {
		selector.MatchLabels = map[string]string{one(random, "team", "tier"): one(random, "web", "db", "")}
	}
	solver.Selector = selector
	return solver
}

func randomNames(random *rand.Rand) *cmapi.Certificate {
	names := []string{
		"cert-lab.dev", "*.cert-lab.dev", "www.eu.cert-lab.dev", "*.eu.cert-lab.dev", "www.other-lab.dev", "*.OTHER-lab.dev", "mycert-lab.dev",
		"WWW.cert-lab.dev", "xn--fiq228c.dev", "b.a.eu.cert-lab.dev", "*.x.other-lab.dev",
	}
	random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	crt := &cmapi.Certificate{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cert-manager.io/v1", Kind: "Certificate"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec:       cmapi.CertificateSpec{SecretName: "web-tls", IssuerRef: cmmeta.IssuerReference{Name: "le"}, DNSNames: names[:1+random.IntN(5)]},
	}
	if rarely(random, 2) {
		crt.Labels = map[string]string{one(random, "team", "tier"): one(random, "web", "db", "")}
	}
	if rarely(random, 3) {
		crt.Spec.IPAddresses = []string{"8.8.4.4"}
	}
	return crt
}
