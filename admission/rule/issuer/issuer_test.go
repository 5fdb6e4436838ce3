package issuer

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

const (
	letsEncryptURL = "https://acme-v02.api.letsencrypt.org/directory"
	stagingURL     = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// issuerReviewCase is the ACME part of an Issuer, the world around it, and what a rule says of it.
type issuerReviewCase struct {
	acme string
	// manifest is the whole Issuer, in place of acme.
	manifest string
	world    string
	change   func(*ruletest.Scene)
	want     []string
}

// runIssuerReviews demands of one rule that it says exactly this of each case.
func runIssuerReviews(t *testing.T, id string, tests map[string]issuerReviewCase) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := test.manifest
			if manifest == "" {
				manifest = ruletest.Issuer(test.acme)
			}
			var changes []func(*ruletest.Scene)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			ruletest.Want(t, id, ruletest.Review(t, Rules(), test.world, manifest, changes...), test.want...)
		})
	}
}

func TestIssuersThatAreRightAreLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"HTTP-01 alone":            ruletest.Issuer(``),
		"a CA issuer":              "kind: Issuer\nmetadata: {name: ca}\nspec: {ca: {secretName: ca-key-pair}}",
		"a self-signed issuer":     "kind: ClusterIssuer\nmetadata: {name: self}\nspec: {selfSigned: {}}",
		"a private ACME server":    ruletest.Issuer(`server: https://ca.corp.internal/acme/acme/directory`),
		"an Issuer without a part": "kind: Issuer\nmetadata: {name: nothing}\nspec: {}",
		"two solvers, each with its zone": ruletest.Issuer(`
			email: ops@cert-lab.dev
			solvers:
			- selector: {dnsZones: [cert-lab.dev]}
			  dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}
			- http01: {ingress: {ingressClassName: nginx}}`),
		"a binding and everything else": ruletest.Issuer(`
			server: https://acme.zerossl.com/v2/DV90
			email: ops@cert-lab.dev
			externalAccountBinding: {keyID: kid, keySecretRef: {name: zerossl, key: hmac}}`),
	}
	for name, manifest := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ruletest.Texts(ruletest.Review(t, Rules(), "", manifest)); len(got) > 0 {
				t.Errorf("want no finding, got\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

func TestNothingIsSaidOfAnIssuerThatGoes(t *testing.T) {
	t.Parallel()
	manifest := ruletest.Issuer(`
		server: http://acme-v02.api.letsencrypt.org/
		email: user@example.com
		privateKeySecretRef: {name: A_B}
		profile: nope
		solvers:
		- selector: {dnsZones: ["*.x.dev"]}
		  dns01: {webhook: {groupName: "", solverName: x}}`)
	if got := ruletest.Texts(ruletest.Review(t, Rules(), "", manifest)); len(got) < 6 {
		t.Fatalf("want findings on creation, got %q", got)
	}
	if got := ruletest.Texts(ruletest.Delete(t, Rules(), "", manifest)); len(got) > 0 {
		t.Errorf("want nothing on deletion, got %q", got)
	}
}

func TestIssuersOfAnyShapeArePanicFree(t *testing.T) {
	t.Parallel()
	odd := []string{"", ".", "..", "*", "*.", ".x", "x.", "a b", "http://x", "中文", "\\.", "\\", "*.x.dev", "8.8.8.8", "::1", strings.Repeat("a.", 300)}
	var solvers []cmacme.ACMEChallengeSolver
	for _, a := range odd {
		for _, b := range odd {
			solvers = append(solvers,
				cmacme.ACMEChallengeSolver{DNS01: &cmacme.ACMEChallengeSolverDNS01{}, Selector: &cmacme.CertificateDNSNameSelector{
					DNSNames: []string{a}, DNSZones: []string{b},
				}},
				cmacme.ACMEChallengeSolver{HTTP01: &cmacme.ACMEChallengeSolverHTTP01{}, Selector: &cmacme.CertificateDNSNameSelector{
					DNSZones: []string{a, b}, MatchLabels: map[string]string{a: b},
				}})
		}
	}
	solvers = append(solvers, cmacme.ACMEChallengeSolver{}, cmacme.ACMEChallengeSolver{
		DNS01: &cmacme.ACMEChallengeSolverDNS01{
			Akamai: &cmacme.ACMEIssuerDNS01ProviderAkamai{}, AzureDNS: &cmacme.ACMEIssuerDNS01ProviderAzureDNS{},
			CloudDNS: &cmacme.ACMEIssuerDNS01ProviderCloudDNS{}, Cloudflare: &cmacme.ACMEIssuerDNS01ProviderCloudflare{},
			Route53: &cmacme.ACMEIssuerDNS01ProviderRoute53{}, AcmeDNS: &cmacme.ACMEIssuerDNS01ProviderAcmeDNS{},
			DigitalOcean: &cmacme.ACMEIssuerDNS01ProviderDigitalOcean{}, RFC2136: &cmacme.ACMEIssuerDNS01ProviderRFC2136{},
			Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{},
		},
		HTTP01: &cmacme.ACMEChallengeSolverHTTP01{},
	})
	for _, server := range odd {
		s := ruletest.NewScene(t, "")
		crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "odd"}}
		crt.Spec.DNSNames, crt.Spec.IPAddresses, crt.Spec.IssuerRef.Name = odd, odd, "le"
		s.World.AddCertificate(crt)
		issuer := func(solvers []cmacme.ACMEChallengeSolver) *cmapi.Issuer {
			return &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "le"}, Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{
				ACME:  &cmacme.ACMEIssuer{Server: server, Email: server, Profile: server, Solvers: solvers},
				Vault: &cmapi.VaultIssuer{}, Venafi: &cmapi.VenafiIssuer{}, CA: &cmapi.CAIssuer{SecretName: server},
			}}}
		}
		for _, request := range []rule.Request{
			{Operation: rule.Create, Object: issuer(solvers)},
			{Operation: rule.Update, Old: issuer(solvers), Object: issuer(nil)},
			{Operation: rule.Update, Old: issuer(nil), Object: issuer(solvers)},
			{Operation: rule.Update, Old: &cmapi.Issuer{}, Object: issuer(solvers[:1])},
			{Operation: rule.Update, Old: issuer(solvers[:1]), Object: &cmapi.Issuer{}},
			{Operation: rule.Delete, Object: issuer(solvers)},
		} {
			if _, err := rule.NewEngine(Rules()).Review(t.Context(), s.Env, nil, request); err != nil {
				t.Errorf("server %q: %v", server, err)
			}
		}
	}
}

func TestNoIssuerRuleKeepsFailureToItself(t *testing.T) {
	t.Parallel()
	failure := errors.New("the API server is away")
	manifest := ruletest.Issuer(`
		server: https://acme.zerossl.com/v2/DV90
		email: ops@cert-lab.dev
		solvers:
		- dns01: {webhook: {groupName: acme.cert-lab.dev, solverName: x}}
		- selector: {dnsZones: [x.dev]}
		  dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}`)
	s := ruletest.NewScene(t, "")
	s.Env.World = ruletest.Broken{World: s.Env.World, Err: failure}
	requests := map[string]rule.Request{
		"eab-required":                       {Operation: rule.Create, Object: ruletest.Object(t, manifest)},
		"account-key-shared":                 {Operation: rule.Create, Object: ruletest.Object(t, manifest)},
		"webhook-apiservice-missing":         {Operation: rule.Create, Object: ruletest.Object(t, manifest)},
		"webhook-solver-unknown":             {Operation: rule.Create, Object: ruletest.Object(t, manifest)},
		"solver-secret-missing":              {Operation: rule.Create, Object: ruletest.Object(t, manifest)},
		"issuer-change-orphans-certificates": {Operation: rule.Update, Old: ruletest.Object(t, manifest), Object: ruletest.Object(t, ruletest.Issuer(``))},
		"issuer-delete-in-use":               {Operation: rule.Delete, Object: ruletest.Object(t, manifest)},
	}
	for _, id := range slices.Sorted(maps.Keys(requests)) {
		rules := slices.DeleteFunc(Rules(), func(r rule.Rule) bool { return r.ID != id })
		findings, err := rule.NewEngine(rules).Review(t.Context(), s.Env, nil, requests[id])
		if !errors.Is(err, failure) {
			t.Errorf("%s: want the world's error, got %v and %q", id, err, ruletest.Texts(findings))
		}
	}
}
