package issuer

import (
	"testing"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

const aSecret = `
	apiVersion: v1
	kind: Secret
	metadata: {name: some-secret, namespace: default}
	---
	`

const accountSecret = `
	apiVersion: v1
	kind: Secret
	metadata: {name: le-account, namespace: default}
	---
	`

func TestEABRequired(t *testing.T) {
	t.Parallel()
	const zerossl = `server: https://acme.zerossl.com/v2/DV90`
	denied := []string{`spec.acme.externalAccountBinding: Required value: ZeroSSL only registers accounts with an external account binding (keyID + keySecretRef); registration would fail with externalAccountRequired. [eab-required]`}
	warned := []string{`[eab-required] spec.acme.externalAccountBinding: not set; ZeroSSL needs it unless Secret "le-account" holds the key of an existing account`}
	runIssuerReviews(t, "eab-required", map[string]issuerReviewCase{
		"a CA that needs none":   {world: aSecret},
		"a CA that nobody knows": {acme: `server: https://ca.corp.internal/directory`, world: aSecret},
		"a binding": {world: aSecret, acme: zerossl + `
			externalAccountBinding: {keyID: kid, keySecretRef: {name: eab, key: hmac}}`},
		"no binding and no account":             {acme: zerossl, world: aSecret, want: denied},
		"no binding, but perhaps an account":    {acme: zerossl, want: warned},
		"no binding, but the account's Secret":  {acme: zerossl, world: accountSecret, want: warned},
		"no key is to be made":                  {acme: zerossl + "\ndisableAccountKeyGeneration: true", world: aSecret, want: warned},
		"a ClusterIssuer's Secret is elsewhere": {manifest: ruletest.ClusterIssuer(zerossl), world: accountSecret, want: denied},
		"a ClusterIssuer's Secret nobody knows where": {
			manifest: ruletest.ClusterIssuer(zerossl), world: accountSecret, want: warned,
			change: func(s *ruletest.Scene) { s.Env.Settings.ClusterResourceNamespace = "" },
		},
	})
}

func TestContactEmailForbidden(t *testing.T) {
	t.Parallel()
	says := func(address, domain string) []string {
		return []string{`[contact-email-forbidden] spec.acme.email: "` + address + `": Let's Encrypt refuses new accounts with the forbidden domain "` + domain + `". Use a real address or leave it out`}
	}
	runIssuerReviews(t, "contact-email-forbidden", map[string]issuerReviewCase{
		"no address":                 {},
		"a real address":             {acme: `email: ops@cert-lab.dev`},
		"a domain below":             {acme: `email: ops@mail.example.com`},
		"example.com":                {acme: `email: user@example.com`, want: says("user@example.com", "example.com")},
		"example.net":                {acme: `email: user@EXAMPLE.net`, want: says("user@EXAMPLE.net", "example.net")},
		"example.org, staging":       {acme: "email: user@example.org\nserver: " + stagingURL, want: says("user@example.org", "example.org")},
		"another CA":                 {acme: "email: user@example.com\nserver: https://acme.zerossl.com/v2/DV90"},
		"a CA that nobody knows":     {acme: "email: user@example.com\nserver: https://ca.corp.internal/directory"},
		"an address that is invalid": {acme: `email: <Your Email>`},
	})
}

func TestContactEmailInvalid(t *testing.T) {
	t.Parallel()
	says := func(address, what string) []string {
		return []string{`[contact-email-invalid] spec.acme.email: "` + address + `": Let's Encrypt ` + what + `; registration will fail with invalidContact`}
	}
	runIssuerReviews(t, "contact-email-invalid", map[string]issuerReviewCase{
		"no address":             {},
		"a real address":         {acme: `email: ops@cert-lab.dev`},
		"a forbidden domain":     {acme: `email: user@example.com`},
		"a CA that nobody knows": {acme: "email: nobody\nserver: https://ca.corp.internal/directory"},
		"no at":                  {acme: `email: nobody`, want: says("nobody", "is unable to parse it")},
		"not ASCII":              {acme: `email: 用户@cert-lab.dev`, want: says("用户@cert-lab.dev", `refuses it (contact email contains non-ASCII characters)`)},
		"a private domain": {acme: `email: a@foo.internal`, want: says("a@foo.internal",
			`refuses it (contact email has invalid domain: Domain name does not end with a valid public suffix (TLD))`)},
	})
}

func TestAccountKeyShared(t *testing.T) {
	t.Parallel()
	const other = `
		apiVersion: cert-manager.io/v1
		kind: Issuer
		metadata: {name: other, namespace: default}
		spec: {acme: {server: "` + stagingURL + `", privateKeySecretRef: {name: le-account}, solvers: [{http01: {ingress: {}}}]}}
		---
		`
	const cluster = `
		apiVersion: cert-manager.io/v1
		kind: ClusterIssuer
		metadata: {name: le-cluster}
		spec: {acme: {server: "` + stagingURL + `", privateKeySecretRef: {name: le-account}, solvers: [{http01: {ingress: {}}}]}}
		---
		`
	const elsewhere = `
		apiVersion: cert-manager.io/v1
		kind: Issuer
		metadata: {name: hidden, namespace: cert-manager}
		spec: {acme: {server: "` + stagingURL + `", privateKeySecretRef: {name: le-account}, solvers: [{http01: {ingress: {}}}]}}
		---
		`
	says := func(title string) []string {
		return []string{`[account-key-shared] spec.acme.privateKeySecretRef.name: "le-account": is also used by ` + title + ` with another server; give each environment its own Secret`}
	}
	runIssuerReviews(t, "account-key-shared", map[string]issuerReviewCase{
		"nobody else":                               {},
		"another Issuer, another server":            {world: other, want: says(`Issuer "other"`)},
		"another Issuer, the same server":           {world: other, acme: "server: " + stagingURL},
		"another Secret":                            {world: other, acme: `privateKeySecretRef: {name: le-other}`},
		"an Issuer of another namespace":            {world: elsewhere},
		"a ClusterIssuer, whose Secret is not here": {world: cluster},
		"itself, before a change":                   {world: ruletest.Issuer("server: "+stagingURL) + "---\n"},
		"a ClusterIssuer and another":               {manifest: ruletest.ClusterIssuer(``), world: cluster, want: says(`ClusterIssuer "le-cluster"`)},
		"a ClusterIssuer and a hidden Issuer":       {manifest: ruletest.ClusterIssuer(``), world: elsewhere, want: says(`an Issuer of the cluster resource namespace`)},
	})
}
