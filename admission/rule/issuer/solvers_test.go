package issuer

import (
	"testing"

	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestSolversEmpty(t *testing.T) {
	t.Parallel()
	want := []string{`[solvers-empty] spec.acme.solvers: there are no solvers; only names the CA has already authorized can be issued`}
	runIssuerReviews(t, "solvers-empty", map[string]issuerReviewCase{
		"a solver":                        {},
		"an empty list":                   {acme: `solvers: []`, want: want},
		"none on a private server":        {acme: "solvers: []\nserver: https://ca.corp.internal/directory", want: want},
		"none where the CA needs none":    {acme: "solvers: []\nserver: https://acm-acme-enroll.eu-west-1.api.aws/directory"},
		"an issuer that is not ACME":      {manifest: "kind: Issuer\nmetadata: {name: ca}\nspec: {ca: {secretName: ca}}"},
		"a ClusterIssuer without solvers": {manifest: ruletest.ClusterIssuer(`solvers:`), want: want},
	})
}

func TestSelectorNeverMatches(t *testing.T) {
	t.Parallel()
	selector := func(selector string) string {
		return "solvers:\n- selector: " + selector + "\n  dns01: {route53: {region: r}}"
	}
	says := func(text string) []string {
		return []string{`[selector-never-matches] spec.acme.solvers[0].selector.` + text}
	}
	runIssuerReviews(t, "selector-never-matches", map[string]issuerReviewCase{
		"no selector":              {},
		"names and zones":          {acme: selector(`{dnsNames: [a.x.dev, "*.x.dev", "8.8.4.4", "2001:db8::1"], dnsZones: [x.dev, dev, my_zone.x.dev]}`)},
		"a zone in capitals":       {acme: selector(`{dnsZones: [X.dev]}`)},
		"a zone in punycode":       {acme: selector(`{dnsZones: [xn--fiq228c.dev]}`)},
		"a zone with a star":       {acme: selector(`{dnsZones: ["*.x.dev"]}`), want: says(`dnsZones[0]: "*.x.dev": matches only that literal wildcard; zones cover subdomains already - use "x.dev"`)},
		"a star for a zone":        {acme: selector(`{dnsZones: ["*"]}`), want: says(`dnsZones[0]: "*": never matches; a solver without dnsZones is for every name`)},
		"a dot behind":             {acme: selector(`{dnsZones: [a.dev, x.dev.]}`), want: says(`dnsZones[1]: "x.dev.": has a trailing dot and never matches - use "x.dev"`)},
		"a dot behind a name":      {acme: selector(`{dnsNames: [www.x.dev.]}`), want: says(`dnsNames[0]: "www.x.dev.": has a trailing dot and never matches - use "www.x.dev"`)},
		"a dot in front":           {acme: selector(`{dnsZones: [.x.dev]}`), want: says(`dnsZones[0]: ".x.dev": has a leading dot and never matches - use "x.dev"`)},
		"a dot alone":              {acme: selector(`{dnsZones: ["."]}`), want: says(`dnsZones[0]: ".": has a trailing dot and never matches`)},
		"an empty zone":            {acme: selector(`{dnsZones: [""]}`), want: says(`dnsZones[0]: "": is empty and never matches; remove it`)},
		"a space":                  {acme: selector(`{dnsZones: [" x.dev"]}`), want: says(`dnsZones[0]: " x.dev": has white space in it and never matches - use "x.dev"`)},
		"a URL":                    {acme: selector(`{dnsZones: ["https://x.dev/a"]}`), want: says(`dnsZones[0]: "https://x.dev/a": is a URL and never matches - use "x.dev"`)},
		"a port":                   {acme: selector(`{dnsNames: ["x.dev:443"]}`), want: says(`dnsNames[0]: "x.dev:443": is not a domain name and never matches - use "x.dev"`)},
		"Chinese":                  {acme: selector(`{dnsZones: [中文.dev]}`), want: says(`dnsZones[0]: "中文.dev": is not in punycode and never matches - use "xn--fiq228c.dev"`)},
		"two dots":                 {acme: selector(`{dnsZones: [a..dev]}`), want: says(`dnsZones[0]: "a..dev": has two dots in a row and never matches`)},
		"a name in capitals":       {acme: selector(`{dnsNames: [WWW.X.dev]}`), want: says(`dnsNames[0]: "WWW.X.dev": never matches; names are compared in lower case - use "www.x.dev"`)},
		"a name in capitals twice": {acme: selector(`{dnsNames: [a.x.dev, B.x.dev]}`), want: says(`dnsNames[1]: "B.x.dev": never matches; names are compared in lower case - use "b.x.dev"`)},
	})
}

func TestDeadEntriesAreDeadToCertManager(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"x.dev.", ".x.dev", "", ".", " x.dev", "https://x.dev", "x.dev:443", "中文.dev", "a..dev", "*"} {
		for _, name := range []string{"x.dev", "www.x.dev", "*.x.dev", "xn--fiq228c.dev", "a.dev", "dev"} {
			for _, lines := range []string{`{dnsZones: ["` + entry + `"]}`, `{dnsNames: ["` + entry + `"]}`} {
				issuer := issuerObject(t, ruletest.Issuer("solvers:\n- selector: "+lines+"\n  dns01: {route53: {region: r}}"))
				if choice.NewReach(t.Context(), issuer.Spec.ACME.Solvers).Pick(name, nil) >= 0 {
					t.Errorf("cert-manager says that %s matches %q", lines, name)
				}
			}
		}
	}
}

func TestRoute53HalfCredentials(t *testing.T) {
	t.Parallel()
	route53 := func(lines string) string { return "solvers:\n- dns01: {route53: {region: r" + lines + "}}" }
	says := func(missing string) []string {
		return []string{`spec.acme.solvers[0].dns01.route53: Invalid value: only one of access key and secret key is set; cert-manager refuses this. Set ` +
			missing + `, or remove both for ambient credentials. [route53-half-credentials]`}
	}
	runIssuerReviews(t, "route53-half-credentials", map[string]issuerReviewCase{
		"another provider":         {},
		"ambient credentials":      {acme: route53(``)},
		"both":                     {acme: route53(`, accessKeyID: AKIAEXAMPLE, secretAccessKeySecretRef: {name: a, key: b}`)},
		"both in Secrets":          {acme: route53(`, accessKeyIDSecretRef: {name: a, key: a}, secretAccessKeySecretRef: {name: a, key: b}`)},
		"the ID":                   {acme: route53(`, accessKeyID: AKIAEXAMPLE`), want: says("secretAccessKeySecretRef")},
		"the ID in a Secret":       {acme: route53(`, accessKeyIDSecretRef: {name: a, key: a}`), want: says("secretAccessKeySecretRef")},
		"the secret":               {acme: route53(`, secretAccessKeySecretRef: {name: a, key: b}`), want: says("accessKeyID or accessKeyIDSecretRef")},
		"the secret, the ID blank": {acme: route53(`, accessKeyID: " ", secretAccessKeySecretRef: {name: a, key: b}`), want: says("accessKeyID or accessKeyIDSecretRef")},
		"two IDs, as cert-manager": {acme: route53(`, accessKeyID: AKIAEXAMPLE, accessKeyIDSecretRef: {name: a, key: a}`)},
		"no key, as cert-manager":  {acme: route53(`, accessKeyIDSecretRef: {name: a}`)},
	})
}

func TestDNS01TwoProviders(t *testing.T) {
	t.Parallel()
	both := func(other string) string {
		return "solvers:\n- dns01:\n    acmeDNS: {host: h, accountSecretRef: {name: s, key: k}}\n    " + other
	}
	says := func(other string) []string {
		return []string{`[dns01-two-providers] spec.acme.solvers[0].dns01: ` + other + ` and acmeDNS are both set; only one is used. Split into two solvers`}
	}
	runIssuerReviews(t, "dns01-two-providers", map[string]issuerReviewCase{
		"acmeDNS alone":                        {acme: both(``)},
		"akamai":                               {acme: both(`akamai: {serviceConsumerDomain: d}`), want: says("akamai")},
		"azureDNS":                             {acme: both(`azureDNS: {subscriptionID: s, resourceGroupName: g}`), want: says("azureDNS")},
		"cloudDNS":                             {acme: both(`cloudDNS: {project: p}`), want: says("cloudDNS")},
		"cloudflare":                           {acme: both(`cloudflare: {apiTokenSecretRef: {name: a, key: b}}`), want: says("cloudflare")},
		"route53":                              {acme: both(`route53: {region: r}`), want: says("route53")},
		"rfc2136, as cert-manager":             {acme: both(`rfc2136: {nameserver: "1.1.1.1:53"}`)},
		"digitalocean, as cert-manager":        {acme: both(`digitalocean: {tokenSecretRef: {name: a, key: b}}`)},
		"a webhook, as cert-manager":           {acme: both(`webhook: {groupName: g, solverName: s}`)},
		"three, as cert-manager":               {acme: both("route53: {region: r}\n    cloudDNS: {project: p}")},
		"two without acmeDNS, as cert-manager": {acme: "solvers:\n- dns01: {route53: {region: r}, cloudDNS: {project: p}}"},
	})
}

func TestGatewayNoParent(t *testing.T) {
	t.Parallel()
	want := []string{`[gateway-no-parent] spec.acme.solvers[0].http01.gatewayHTTPRoute.parentRefs: empty; every Certificate needs the http01-parentrefname/-kind annotations`}
	runIssuerReviews(t, "gateway-no-parent", map[string]issuerReviewCase{
		"an Ingress":    {},
		"a parent":      {acme: `solvers: [{http01: {gatewayHTTPRoute: {parentRefs: [{name: gw, kind: Gateway}]}}}]`},
		"no parents":    {acme: `solvers: [{http01: {gatewayHTTPRoute: {}}}]`, want: want},
		"an empty list": {acme: `solvers: [{http01: {gatewayHTTPRoute: {parentRefs: []}}}]`, want: want},
		"no HTTP-01":    {acme: `solvers: [{dns01: {route53: {region: r}}}]`},
	})
}
