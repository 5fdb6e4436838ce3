package issuer

import (
	"slices"
	"strings"
	"testing"

	cmacmeutil "github.com/cert-manager/cert-manager/pkg/acme"
	_ "github.com/cert-manager/cert-manager/test/unit/gen" // registers the conversions that RequiredDNS01SolverSecrets needs.
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestSecretNameInvalid(t *testing.T) {
	t.Parallel()
	says := func(paths ...string) []string {
		for i, path := range paths {
			paths[i] = path + `: Invalid value: "A_B": must be a DNS-1123 subdomain (lower case, digits, "-", "."); this Secret can never be created. [secret-name-invalid]`
		}
		return paths
	}
	issuer := func(spec string) string { return "kind: Issuer\nmetadata: {name: other}\nspec: {" + spec + "}" }
	const ref = "SecretRef: {name: A_B, key: k}"
	runIssuerReviews(t, "secret-name-invalid", map[string]issuerReviewCase{
		"a name":                      {},
		"no name":                     {acme: `privateKeySecretRef: {name: ""}`},
		"a long name":                 {acme: `privateKeySecretRef: {name: ` + strings.Repeat("a", 253) + `}`},
		"an account key":              {acme: `privateKeySecretRef: {name: A_B}`, want: says("spec.acme.privateKeySecretRef.name")},
		"a binding's key":             {acme: `externalAccountBinding: {keyID: k, key` + ref + `}`, want: says("spec.acme.externalAccountBinding.keySecretRef.name")},
		"a CA's key":                  {manifest: issuer(`ca: {secretName: A_B}`), want: says("spec.ca.secretName")},
		"a role's secret":             {manifest: issuer(`vault: {server: s, path: p, auth: {appRole: {path: p, roleId: r, secretRef: {name: A_B, key: k}}}}`), want: says("spec.vault.auth.appRole.secretRef.name")},
		"Vault, everything":           {manifest: issuer(`vault: {server: s, path: p, caBundle` + ref + `, clientCert` + ref + `, clientKey` + ref + `, auth: {token` + ref + `, clientCertificate: {secretName: A_B}, kubernetes: {role: r, secretRef: {name: A_B, key: k}}}}`), want: says("spec.vault.auth.clientCertificate.secretName", "spec.vault.auth.kubernetes.secretRef.name", "spec.vault.auth.tokenSecretRef.name", "spec.vault.caBundleSecretRef.name", "spec.vault.clientCertSecretRef.name", "spec.vault.clientKeySecretRef.name")},
		"TPP":                         {manifest: issuer(`venafi: {zone: z, tpp: {url: u, credentialsRef: {name: A_B}, caBundle` + ref + `}}`), want: says("spec.venafi.tpp.caBundleSecretRef.name", "spec.venafi.tpp.credentialsRef.name")},
		"the cloud of Venafi":         {manifest: issuer(`venafi: {zone: z, cloud: {apiToken` + ref + `}}`), want: says("spec.venafi.cloud.apiTokenSecretRef.name")},
		"NGTS":                        {manifest: issuer(`venafi: {zone: z, ngts: {tsgID: t, credentialsRef: {name: A_B}}}`), want: says("spec.venafi.ngts.credentialsRef.name")},
		"a config, which is not ours": {acme: webhookSolver("groupName: acme.other.dev\nsolverName: x\nconfig: {secretRef: {name: A_B}}")},
		"a solver's key": {
			acme: "solvers:\n- http01: {ingress: {}}\n- dns01: {cloudflare: {apiToken" + ref + "}}",
			want: says("spec.acme.solvers[1].dns01.cloudflare.apiTokenSecretRef.name"),
		},
	})
}

func TestLongNamesAreClipped(t *testing.T) {
	t.Parallel()
	got := ruletest.Texts(ruletest.Review(t, Rules(), "", ruletest.Issuer(`privateKeySecretRef: {name: "`+strings.Repeat("a", 254)+`"}`)), "secret-name-invalid")
	if len(got) != 1 || !strings.Contains(got[0], strings.Repeat("a", 254)) {
		t.Errorf("a name of 254 letters: got %q", got)
	}
	got = ruletest.Texts(ruletest.Review(t, Rules(), "", ruletest.Issuer(`privateKeySecretRef: {name: "`+strings.Repeat("中", 100_000)+`"}`)), "secret-name-invalid")
	if len(got) != 1 || len(got[0]) > 600 || !strings.Contains(got[0], `中…"`) {
		t.Errorf("a name of 100000 letters: got %q", got)
	}
}

func TestSolverSecretMissing(t *testing.T) {
	t.Parallel()
	const cloudflare = "solvers:\n- dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}"
	says := func(path, text string) []string {
		return []string{`[solver-secret-missing] spec.acme.solvers[0].dns01.` + path + `: "cf": Secret not found in namespace ` + text}
	}
	there := func(namespace string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: cf, namespace: " + namespace + "}\n---\n"
	}
	ours := func(solver, config string) string {
		return webhookSolver("groupName: acme.certyun.internal\nsolverName: " + solver + "\nconfig: " + config)
	}
	runIssuerReviews(t, "solver-secret-missing", map[string]issuerReviewCase{
		"one that is there":                {acme: cloudflare, world: there("default")},
		"nobody may look":                  {acme: cloudflare},
		"one that is not there":            {acme: cloudflare, world: aSecret, want: says("cloudflare.apiTokenSecretRef", `"default"`)},
		"one of another namespace":         {acme: cloudflare, world: there("cert-manager"), want: says("cloudflare.apiTokenSecretRef", `"default"`)},
		"a ClusterIssuer's":                {manifest: ruletest.ClusterIssuer(cloudflare), world: there("cert-manager")},
		"a ClusterIssuer's, beside an app": {manifest: ruletest.ClusterIssuer(cloudflare), world: there("default"), want: says("cloudflare.apiTokenSecretRef", `"cert-manager" (ClusterIssuers read Secrets there)`)},
		"a ClusterIssuer's, nobody knows where": {
			manifest: ruletest.ClusterIssuer(cloudflare), world: there("default"),
			change: func(s *ruletest.Scene) { s.Env.Settings.ClusterResourceNamespace = "" },
		},
		"ambient credentials":   {acme: "solvers:\n- dns01: {route53: {region: r}}", world: aSecret},
		"a name that cannot be": {acme: "solvers:\n- dns01: {cloudflare: {apiTokenSecretRef: {name: A_B, key: token}}}", world: aSecret},
		"HTTP-01":               {world: aSecret},
		"another's webhook":     {acme: webhookSolver("groupName: acme.other.dev\nsolverName: x\nconfig: {secretIdRef: {name: cf, key: k}}"), world: aSecret},
		"our config":            {acme: ours("dnspod", `{secretIdRef: {name: cf, key: id}, secretKeyRef: {name: cf, key: key}}`), world: there("default")},
		"our config, not there": {
			acme: ours("dnspod", `{secretIdRef: {name: cf, key: id}, secretKeyRef: {name: cf, key: key}}`), world: aSecret,
			want: says("webhook.config.secretIdRef", `"default"`),
		},
		"our config in older words": {
			acme: ours("alidns-solver", `{regionID: r, accessTokenSecretRef: {name: some-secret, key: id}, secretKeySecretRef: {Name: cf, KEY: secret}}`), world: aSecret,
			want: says("webhook.config.secretKeySecretRef", `"default"`),
		},
		"our config, ambient":    {manifest: ruletest.ClusterIssuer(ours("alidns", `{roleArn: "`+ramRole+`"}`)), world: aSecret},
		"our config, unreadable": {acme: ours("dnspod", `{secretIdRef: {name: cf, key: id}}`), world: aSecret},
	})
}

func TestNeededSecretsAreThoseOfCertManager(t *testing.T) {
	t.Parallel()
	const ref = "SecretRef: {name: s, key: k}"
	for _, provider := range []string{
		"akamai: {serviceConsumerDomain: d, clientToken" + ref + ", clientSecret" + ref + ", accessToken" + ref + "}",
		"azureDNS: {clientID: c, tenantID: t, clientSecret" + ref + ", subscriptionID: s, resourceGroupName: g}", "azureDNS: {subscriptionID: s, resourceGroupName: g}",
		"cloudDNS: {project: p, serviceAccount" + ref + "}", "cloudDNS: {project: p}",
		"cloudflare: {email: e, apiKey" + ref + "}", "cloudflare: {apiToken" + ref + "}",
		"route53: {accessKeyID" + ref + ", secretAccessKey" + ref + "}", "route53: {accessKeyID: i, secretAccessKey" + ref + "}", "route53: {region: r}",
		"acmeDNS: {host: h, account" + ref + "}", "digitalocean: {token" + ref + "}",
		`rfc2136: {nameserver: "1.1.1.1", tsigKeyName: name, tsigSecret` + ref + "}", `rfc2136: {nameserver: "1.1.1.1"}`,
		"webhook: {groupName: g, solverName: s}",
	} {
		issuer := issuerObject(t, ruletest.Issuer("solvers:\n- dns01: {"+provider+"}"))
		needed, err := cmacmeutil.RequiredDNS01SolverSecrets(issuer)
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, s := range needed {
			want = append(want, s.Name+"/"+s.Key)
		}
		r := &rule.IssuerReview{Environment: &rule.Environment{Settings: ruletest.Settings()}, Issuer: issuer}
		for _, s := range neededSecrets(r, &issuer.Spec.ACME.Solvers[0], 0) {
			got = append(got, s.name+"/"+s.key)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-cert-manager +ours):\n%s", provider, diff)
		}
	}
}
