package rule

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	letsEncryptURL = "https://acme-v02.api.letsencrypt.org/directory"
	stagingURL     = "https://acme-staging-v02.api.letsencrypt.org/directory"
)

// anIssuer is the manifest of the Issuer default/le with these lines as its spec.acme, beside a server, an account key and a
// solver where the lines have none.
func anIssuer(lines string) string { return issuerManifest("Issuer", lines) }

// aClusterIssuer is anIssuer for a ClusterIssuer.
func aClusterIssuer(lines string) string { return issuerManifest("ClusterIssuer", lines) }

func issuerManifest(kind, lines string) string {
	lines = strings.Trim(dedent(lines), "\n")
	for _, line := range []string{"server: " + letsEncryptURL, "privateKeySecretRef: {name: le-account}", "solvers: [{http01: {ingress: {}}}]"} {
		if name, _, _ := strings.Cut(line, " "); !hasLine(lines, name) {
			lines = strings.Trim(lines+"\n"+line, "\n")
		}
	}
	metadata := "{name: le, namespace: default}"
	if kind == "ClusterIssuer" {
		metadata = "{name: le}"
	}
	return "apiVersion: cert-manager.io/v1\nkind: " + kind + "\nmetadata: " + metadata + "\nspec:\n  acme:\n    " +
		strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

// issuerReviewCase is the ACME part of an Issuer, the world around it, and what a rule says of it.
type issuerReviewCase struct {
	acme string
	// manifest is the whole Issuer, in place of acme.
	manifest string
	world    string
	change   func(*scene)
	want     []string
}

// runIssuerReviews demands of one rule that it says exactly this of each case.
func runIssuerReviews(t *testing.T, rule string, tests map[string]issuerReviewCase) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := test.manifest
			if manifest == "" {
				manifest = anIssuer(test.acme)
			}
			var changes []func(*scene)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			wantFindings(t, rule, review(t, test.world, manifest, changes...), test.want...)
		})
	}
}

func TestIssuersThatAreRightAreLeftAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"HTTP-01 alone":            anIssuer(``),
		"a CA issuer":              "kind: Issuer\nmetadata: {name: ca}\nspec: {ca: {secretName: ca-key-pair}}",
		"a self-signed issuer":     "kind: ClusterIssuer\nmetadata: {name: self}\nspec: {selfSigned: {}}",
		"a private ACME server":    anIssuer(`server: https://ca.corp.internal/acme/acme/directory`),
		"an Issuer without a part": "kind: Issuer\nmetadata: {name: nothing}\nspec: {}",
		"two solvers, each with its zone": anIssuer(`
			email: ops@cert-lab.dev
			solvers:
			- selector: {dnsZones: [cert-lab.dev]}
			  dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}
			- http01: {ingress: {ingressClassName: nginx}}`),
		"a binding and everything else": anIssuer(`
			server: https://acme.zerossl.com/v2/DV90
			email: ops@cert-lab.dev
			externalAccountBinding: {keyID: kid, keySecretRef: {name: zerossl, key: hmac}}`),
	}
	for name, manifest := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := texts(review(t, "", manifest)); len(got) > 0 {
				t.Errorf("want no finding, got\n%s", strings.Join(got, "\n"))
			}
		})
	}
}

func TestNothingIsSaidOfAnIssuerThatGoes(t *testing.T) {
	t.Parallel()
	manifest := anIssuer(`
		server: http://acme-v02.api.letsencrypt.org/
		email: user@example.com
		privateKeySecretRef: {name: A_B}
		profile: nope
		solvers:
		- selector: {dnsZones: ["*.x.dev"]}
		  dns01: {webhook: {groupName: "", solverName: x}}`)
	if got := texts(review(t, "", manifest)); len(got) < 6 {
		t.Fatalf("want findings on creation, got %q", got)
	}
	if got := texts(reviewDelete(t, "", manifest)); len(got) > 0 {
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
		s := newScene(t, "")
		crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "odd"}}
		crt.Spec.DNSNames, crt.Spec.IPAddresses, crt.Spec.IssuerRef.Name = odd, odd, "le"
		s.world.AddCertificate(crt)
		issuer := func(solvers []cmacme.ACMEChallengeSolver) *cmapi.Issuer {
			return &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "le"}, Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{
				ACME:  &cmacme.ACMEIssuer{Server: server, Email: server, Profile: server, Solvers: solvers},
				Vault: &cmapi.VaultIssuer{}, Venafi: &cmapi.VenafiIssuer{}, CA: &cmapi.CAIssuer{SecretName: server},
			}}}
		}
		for _, request := range []Request{
			{Operation: Create, Object: issuer(solvers)},
			{Operation: Update, Old: issuer(solvers), Object: issuer(nil)},
			{Operation: Update, Old: issuer(nil), Object: issuer(solvers)},
			{Operation: Update, Old: &cmapi.Issuer{}, Object: issuer(solvers[:1])},
			{Operation: Update, Old: issuer(solvers[:1]), Object: &cmapi.Issuer{}},
			{Operation: Delete, Object: issuer(solvers)},
		} {
			if _, err := NewEngine(issuerRules()).Review(t.Context(), s.env, nil, request); err != nil {
				t.Errorf("server %q: %v", server, err)
			}
		}
	}
}

func TestNoIssuerRuleKeepsFailureToItself(t *testing.T) {
	t.Parallel()
	failure := errors.New("the API server is away")
	manifest := anIssuer(`
		server: https://acme.zerossl.com/v2/DV90
		email: ops@cert-lab.dev
		solvers:
		- dns01: {webhook: {groupName: acme.cert-lab.dev, solverName: x}}
		- selector: {dnsZones: [x.dev]}
		  dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}`)
	s := newScene(t, "")
	s.env.World = brokenWorld{s.env.World, failure}
	requests := map[string]Request{
		"eab-required":                       {Operation: Create, Object: object(t, manifest)},
		"account-key-shared":                 {Operation: Create, Object: object(t, manifest)},
		"webhook-apiservice-missing":         {Operation: Create, Object: object(t, manifest)},
		"webhook-solver-unknown":             {Operation: Create, Object: object(t, manifest)},
		"solver-secret-missing":              {Operation: Create, Object: object(t, manifest)},
		"issuer-change-orphans-certificates": {Operation: Update, Old: object(t, manifest), Object: object(t, anIssuer(``))},
		"issuer-delete-in-use":               {Operation: Delete, Object: object(t, manifest)},
	}
	for _, rule := range slices.Sorted(maps.Keys(requests)) {
		rules := slices.DeleteFunc(issuerRules(), func(r Rule) bool { return r.ID != rule })
		findings, err := NewEngine(rules).Review(t.Context(), s.env, nil, requests[rule])
		if !errors.Is(err, failure) {
			t.Errorf("%s: want the world's error, got %v and %q", rule, err, texts(findings))
		}
	}
}
