package certificate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestACMENameNotIssuable(t *testing.T) {
	t.Parallel()
	le, zero := acmeIssuer(leServer, both), acmeIssuer(zeroServer, both)
	names := func(names ...string) string { return `dnsNames: ["` + strings.Join(names, `", "`) + `"]` }
	refused := func(i int, name, reason, quote, remedy string) string {
		if remedy != "" {
			remedy += ". "
		}
		return fmt.Sprintf(`spec.dnsNames[%d]: Invalid value: %q: %s; Let's Encrypt would answer rejectedIdentifier %q. %s[acme-name-not-issuable]`, i, name, reason, quote, remedy)
	}
	const character = "Domain name contains an invalid character"
	runIssuerCases(t, "acme-name-not-issuable", map[string]issuerCase{
		"each bad name at its place": {le, names("www.cert-lab.dev", "my_app.x.dev", "localhost", "a.*.x.dev", "*.com.cn", "8.8.4.4", "https://x.dev", "x.dev.", "ab--cd.x.dev"), nil, []string{
			refused(1, "my_app.x.dev", "contains an underscore", character, `Use "-" instead, or a private CA issuer`),
			refused(2, "localhost", "needs at least one dot", "Domain name needs at least one dot", "Use a private CA issuer"),
			refused(3, "a.*.x.dev", `"*" is only allowed as the whole first label`, "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name", ""),
			refused(4, "*.com.cn", "wildcard directly under a public suffix", "Domain name is a wildcard for an ICANN TLD", "Use a wildcard under a domain of your own"),
			refused(5, "8.8.4.4", "is an IP address", "Identifier type is DNS but value is an IP address", "Use ipAddresses"),
			refused(6, "https://x.dev", "has a scheme (https://)", character, "Write the bare host name"),
			refused(7, "x.dev.", "ends in a dot", "Domain name ends in a dot", "Write it without the last dot"),
			refused(8, "ab--cd.x.dev", `has "--" as third and fourth character of a label (R-LDH: "ab--cd")`, "Domain name contains an invalid label in a reserved format (R-LDH: '??--')", "Use another name"),
		}},
		"what every public CA refuses, at another one": {zero, names("web.default.svc.cluster.local", "x.dev.", "a.b.c.d.e.f.g.h.i.j.dev"), nil, []string{
			`spec.dnsNames[0]: Invalid value: "web.default.svc.cluster.local": not a public domain name (".local" is special-use); ZeroSSL, like every public CA, refuses it. Use a private CA issuer. [acme-name-not-issuable]`,
		}},
		"ten labels":  {le, names("a.b.c.d.e.f.g.h.cert.dev"), nil, nil},
		"a good name": {le, names("www.cert-lab.dev", "*.cert-lab.dev", "*.github.io", "WWW.X.dev"), nil, nil},
		"names for which there is no CSR, of which another rule speaks": {le, names("中文.cert-lab.dev"), nil, nil},
		"a private server":            {acmeIssuer(privateServer, both), names("web.default.svc.cluster.local", "a_b", "*"), nil, nil},
		"a server that is off":        {le, names("localhost"), ruletest.Like(leServer, "off"), nil},
		"a server said to be private": {acmeIssuer(privateServer, both), names("localhost"), ruletest.Like(privateServer, "private"), nil},
		"a CA issuer":                 {"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {ca: {secretName: ca}}", names("localhost"), nil, nil},
	})
}

func TestNamesThatNoCAIssuesHaveNoOtherFindings(t *testing.T) {
	t.Parallel()
	got := ruletest.Review(t, Rules(), acmeIssuer(leServer, "solvers: [{http01: {ingress: {}}, selector: {dnsZones: [other.dev]}}]"),
		ruletest.Certificate(`dnsNames: ["*.svc.local", a_b.cert-lab.dev, "*.cert-lab.local", x.cert-lab.local]`))
	for _, f := range got {
		if f.Rule != "acme-name-not-issuable" {
			t.Errorf("there is one more finding: %s", f)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d findings, want 4: %v", len(got), ruletest.Texts(got))
	}
}

func TestACMENamesThatOnlyWarn(t *testing.T) {
	t.Parallel()
	le := acmeIssuer(leServer, both)
	runIssuerCases(t, "acme-name-may-fail", map[string]issuerCase{
		"home.arpa":             {le, "dnsNames: [nas.home.arpa]", nil, []string{`[acme-name-may-fail] spec.dnsNames[0]: "nas.home.arpa": is a private-use zone; Let's Encrypt cannot validate it over public DNS`}},
		"onion":                 {le, "dnsNames: [a.dev, x.onion]", nil, []string{`[acme-name-may-fail] spec.dnsNames[1]: "x.onion": is an onion service; Let's Encrypt cannot validate it over public DNS`}},
		"an unknown top level":  {le, "dnsNames: [a.brandnewtld]", nil, []string{`[acme-name-may-fail] spec.dnsNames[0]: "a.brandnewtld": ".brandnewtld" is not on our public suffix list (2026-02); Let's Encrypt refuses unknown TLDs`}},
		"a wildcard at SSL.com": {acmeIssuer("https://acme.ssl.com/sslcom-dv-rsa", both), `dnsNames: ["*.cert-lab.dev"]`, nil, []string{`[acme-name-may-fail] spec.dnsNames[0]: "*.cert-lab.dev": is a wildcard, which SSL.com issues only under some plans`}},
		"a good name":           {le, "dnsNames: [a.dev]", nil, nil},
		"a private server":      {acmeIssuer(privateServer, both), "dnsNames: [a.brandnewtld, x.home.arpa]", nil, nil},
	})
	runIssuerCases(t, "acme-name-forbidden", map[string]issuerCase{
		"a sample's name": {le, "dnsNames: [example.com, www.example.com]", nil, []string{
			`[acme-name-forbidden] spec.dnsNames[0]: "example.com": is a documentation domain; Let's Encrypt refuses it (forbidden by policy). Use your own domain`,
			`[acme-name-forbidden] spec.dnsNames[1]: "www.example.com": is a documentation domain; Let's Encrypt refuses it (forbidden by policy). Use your own domain`,
		}},
		"at another CA":          {acmeIssuer(zeroServer, both), "dnsNames: [example.net]", nil, []string{`[acme-name-forbidden] spec.dnsNames[0]: "example.net": is a documentation domain; ZeroSSL may refuse it. Use your own domain`}},
		"a name that ends alike": {le, "dnsNames: [my-example.com]", nil, nil},
		"a private server":       {acmeIssuer(privateServer, both), "dnsNames: [example.com]", nil, nil},
	})
}

// The samples of cert-manager's documentation use names and addresses that Let's Encrypt refuses; people try them first.
func TestSamplesOfTheDocumentationOnlyWarn(t *testing.T) {
	t.Parallel()
	const email = "email: user@example.com\n"
	for title, tc := range map[string]struct{ issuer, spec string }{
		"HTTP-01":              {acmeIssuer(leServer, email+http01Only), "dnsNames: [example.com, www.example.com]\ncommonName: example.com"},
		"DNS-01":               {acmeIssuer("https://acme-staging-v02.api.letsencrypt.org/directory", email+"solvers:\n- dns01:\n    cloudflare: {apiTokenSecretRef: {name: t, key: k}}"), `dnsNames: ["*.example.com", example.com]`},
		"a selector":           {acmeIssuer(leServer, email+"solvers:\n- selector: {dnsZones: [example.com]}\n  dns01: {cloudflare: {apiTokenSecretRef: {name: t, key: k}}}"), "dnsNames: [foo.example.com]"},
		"the reference sample": {acmeIssuer(leServer, email+both), "duration: 2160h\nrenewBefore: 360h\nsubject: {organizations: [jetstack]}\nisCA: false\nprivateKey: {algorithm: RSA, encoding: PKCS1, size: 2048}\nusages: [server auth, client auth]\ndnsNames: [example.com]"},
		"renew before":         {acmeIssuer(leServer, email+both), "renewBefore: 1440h\ndnsNames: [example.example.com]"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for _, f := range ruletest.Review(t, Rules(), tc.issuer, ruletest.Certificate(tc.spec)) {
				if f.Severity == rule.Deny {
					t.Errorf("denied: %s", f)
				}
			}
		})
	}
}

func TestACMEWildcardRedundant(t *testing.T) {
	t.Parallel()
	le := acmeIssuer(leServer, both)
	runIssuerCases(t, "acme-wildcard-redundant", map[string]issuerCase{
		"a host before and one after the wildcard": {le, `dnsNames: [www.x.dev, "*.x.dev", API.X.dev]`, nil, []string{
			`spec.dnsNames[0]: Invalid value: "www.x.dev": redundant with "*.x.dev"; Let's Encrypt refuses such orders. Remove one of the two. [acme-wildcard-redundant]`,
			`spec.dnsNames[2]: Invalid value: "API.X.dev": redundant with "*.x.dev"; Let's Encrypt refuses such orders. Remove one of the two. [acme-wildcard-redundant]`,
		}},
		"another CA": {acmeIssuer(zeroServer, both), `dnsNames: ["*.x.dev", www.x.dev]`, nil, []string{
			`[acme-wildcard-redundant] spec.dnsNames[1]: "www.x.dev": is redundant with "*.x.dev"; ZeroSSL may refuse such orders. Remove one of the two`,
		}},
		"the domain itself":               {le, `dnsNames: ["*.x.dev", x.dev]`, nil, nil},
		"two labels under it":             {le, `dnsNames: ["*.x.dev", a.b.x.dev]`, nil, nil},
		"a wildcard under it":             {le, `dnsNames: ["*.x.dev", "*.a.x.dev"]`, nil, nil},
		"the wildcard twice":              {le, `dnsNames: ["*.x.dev", "*.x.dev"]`, nil, nil},
		"a name that no CA issues anyway": {le, `dnsNames: ["*.x.dev", a_b.x.dev]`, nil, nil},
		"no wildcard":                     {le, `dnsNames: [a.x.dev, b.x.dev]`, nil, nil},
		"a private server":                {acmeIssuer(privateServer, both), `dnsNames: ["*.x.dev", www.x.dev]`, nil, nil},
	})
}

// numbered are host names.
func numbered(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("n%03d.x.dev", i))
	}
	return names
}

func TestACMETooManyNames(t *testing.T) {
	t.Parallel()
	hosts := func(n int, more ...string) string {
		return "dnsNames: [" + strings.Join(append(numbered(n), more...), ", ") + "]\n"
	}
	le, short := acmeIssuer(leServer, both), acmeIssuer(leServer, "profile: shortlived\n"+both)
	tooMany := func(field string, n int, profile string, most int) []string {
		return []string{fmt.Sprintf(`spec.%s: Too many: %d names; Let's Encrypt profile %q allows %d. Split into several Certificates or use a wildcard. [acme-too-many-names]`, field, n, profile, most)}
	}
	var addresses []string
	for i := range 26 {
		addresses = append(addresses, fmt.Sprintf("8.8.4.%d", i))
	}
	runIssuerCases(t, "acme-too-many-names", map[string]issuerCase{
		"100 names":                     {le, hosts(100), nil, nil},
		"101 names":                     {le, hosts(101), nil, tooMany("dnsNames", 101, "classic", 100)},
		"100 names, one of them twice":  {le, hosts(100, "N000.x.dev"), nil, nil},
		"25 names, short-lived":         {short, hosts(25), nil, nil},
		"26 names, short-lived":         {short, hosts(26), nil, tooMany("dnsNames", 26, "shortlived", 25)},
		"24 names and two addresses":    {short, hosts(24) + "ipAddresses: [8.8.8.8, 8.8.4.4]", nil, tooMany("dnsNames", 26, "shortlived", 25)},
		"26 addresses":                  {short, "ipAddresses: [" + strings.Join(addresses, ", ") + "]", nil, tooMany("ipAddresses", 26, "shortlived", 25)},
		"a profile that nobody knows":   {acmeIssuer(leServer, "profile: other\n"+both), hosts(101), nil, nil},
		"a CA whose limit nobody knows": {acmeIssuer(zeroServer, both), hosts(101), nil, nil},
		"a private server":              {acmeIssuer(privateServer, both), hosts(101), nil, nil},
	})
}

func TestACMECNNotInSANs(t *testing.T) {
	t.Parallel()
	missing := func(field, name string) []string {
		return []string{fmt.Sprintf(`spec.%s: Invalid value: %q: is in neither dnsNames nor ipAddresses, where ACME issuers need it; `+
			`cert-manager would fail the request. Add it to dnsNames or remove commonName. [acme-cn-not-in-sans]`, field, name)}
	}
	le := acmeIssuer(leServer, both)
	runIssuerCases(t, "acme-cn-not-in-sans", map[string]issuerCase{
		"it is none of the names":         {le, "commonName: cert-lab.dev\ndnsNames: [www.cert-lab.dev]", nil, missing("commonName", "cert-lab.dev")},
		"it is there in another case":     {le, "commonName: CERT-lab.dev\ndnsNames: [cert-lab.dev]", nil, missing("commonName", "CERT-lab.dev")},
		"there are no names at all":       {le, "commonName: cert-lab.dev", nil, missing("commonName", "cert-lab.dev")},
		"a wildcard covers it":            {le, "commonName: www.cert-lab.dev\ndnsNames: [\"*.cert-lab.dev\"]", nil, missing("commonName", "www.cert-lab.dev")},
		"a private server all the same":   {acmeIssuer(privateServer, both), "commonName: a\ndnsNames: [b.dev]", nil, missing("commonName", "a")},
		"in a literal subject":            {le, "literalSubject: \"CN=cert-lab.dev,O=o\"\ndnsNames: [www.cert-lab.dev]", nil, missing("literalSubject", "cert-lab.dev")},
		"in a literal subject, and there": {le, "literalSubject: \"CN=www.cert-lab.dev\"\ndnsNames: [www.cert-lab.dev]", nil, nil},
		"an unreadable literal subject":   {le, "literalSubject: \"CN\"\ndnsNames: [www.cert-lab.dev]", nil, nil},
		"it is one of the names":          {le, "commonName: www.cert-lab.dev\ndnsNames: [cert-lab.dev, www.cert-lab.dev]", nil, nil},
		"it is one of the addresses":      {le, "commonName: 8.8.4.4\nipAddresses: [8.8.4.4]", nil, nil},
		"an address spelled differently":  {le, "commonName: \"2001:4860:4860:0:0:0:0:8888\"\nipAddresses: [\"2001:4860:4860::8888\"]", nil, missing("commonName", "2001:4860:4860:0:0:0:0:8888")},
		"64 bytes":                        {le, "commonName: " + strings.Repeat("a", 64) + "\ndnsNames: [b.dev]", nil, missing("commonName", strings.Repeat("a", 64))},
		"65 bytes, as refused":            {le, "commonName: " + strings.Repeat("a", 65) + "\ndnsNames: [b.dev]", nil, nil},
		"a CA issuer":                     {"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {ca: {secretName: ca}}", "commonName: a\ndnsNames: [b.dev]", nil, nil},
		"none":                            {le, "dnsNames: [b.dev]", nil, nil},
	})
}

func TestACMESANTypeNotAllowed(t *testing.T) {
	t.Parallel()
	le, zero := acmeIssuer(leServer, both), acmeIssuer(zeroServer, both)
	const name = "dnsNames: [www.cert-lab.dev]\n"
	runIssuerCases(t, "acme-san-type-not-allowed", map[string]issuerCase{
		"both at Let's Encrypt": {le, name + "uris: [\"https://a.dev\", \"spiffe://x/y\"]\nemailAddresses: [a@x.dev]", nil, []string{
			`spec.emailAddresses: Forbidden: Let's Encrypt refuses CSRs with email names ("CSR contains one or more email address fields"). [acme-san-type-not-allowed]`,
			`spec.uris: Forbidden: Let's Encrypt refuses CSRs with URI names ("CSR contains one or more URI fields"). Use a private CA issuer for SPIFFE identities. [acme-san-type-not-allowed]`,
		}},
		"both at ZeroSSL": {zero, name + "uris: [\"https://a.dev\"]\nemailAddresses: [a@x.dev]", nil, []string{
			`[acme-san-type-not-allowed] spec.emailAddresses: ZeroSSL is not known to issue email names over ACME; it may refuse the CSR or drop them`,
			`[acme-san-type-not-allowed] spec.uris: ZeroSSL is not known to issue URI names over ACME; it may refuse the CSR or drop them. Use a private CA issuer for SPIFFE identities`,
		}},
		"an address at ZeroSSL": {zero, "ipAddresses: [8.8.4.4]", nil, []string{
			`[acme-san-type-not-allowed] spec.ipAddresses: ZeroSSL is not known to issue IP addresses over ACME; it would refuse the order`,
		}},
		"an e-mail at what is said to be step-ca": {acmeIssuer(privateServer, both), name + "emailAddresses: [a@x.dev]", ruletest.Like(privateServer, "step-ca"), []string{
			`spec.emailAddresses: Forbidden: step-ca refuses CSRs with email names ("Only DNS names and IP addresses are allowed"). [acme-san-type-not-allowed]`,
		}},
		"a URI at what is said to be step-ca": {acmeIssuer(privateServer, both), name + "uris: [\"spiffe://x/y\"]", ruletest.Like(privateServer, "step-ca"), nil},
		"an e-mail that cert-manager refuses": {le, name + "emailAddresses: [\"a <a@x.dev>\"]", nil, nil},
		"names only":                          {le, name, nil, nil},
		"a private server":                    {acmeIssuer(privateServer, both), name + "uris: [\"spiffe://x/y\"]\nemailAddresses: [a@x.dev]", nil, nil},
	})
}

func TestACMEAddresses(t *testing.T) {
	t.Parallel()
	le, short := acmeIssuer(leServer, both), acmeIssuer(leServer, "profile: shortlived\n"+both)
	runIssuerCases(t, "acme-ip-not-public", map[string]issuerCase{
		"private, documentation and loopback": {short, `ipAddresses: [192.168.0.5, 8.8.4.4, "2001:db8::1", "::ffff:127.0.0.1"]`, nil, []string{
			`spec.ipAddresses[0]: Invalid value: "192.168.0.5": is in a reserved block (RFC 1918), which Let's Encrypt refuses. Use a private CA issuer. [acme-ip-not-public]`,
			`spec.ipAddresses[2]: Invalid value: "2001:db8::1": is in a reserved block (RFC 3849 and RFC 9637, documentation), which Let's Encrypt refuses. Use a private CA issuer. [acme-ip-not-public]`,
			`spec.ipAddresses[3]: Invalid value: "::ffff:127.0.0.1": is in a reserved block (RFC 1122, loopback), which Let's Encrypt refuses. Use a private CA issuer. [acme-ip-not-public]`,
		}},
		"another public CA": {acmeIssuer(googleServer, both), "ipAddresses: [10.0.0.1]", nil, []string{
			`spec.ipAddresses[0]: Invalid value: "10.0.0.1": is in a reserved block (RFC 1918), which Google Trust Services refuses. Use a private CA issuer. [acme-ip-not-public]`,
		}},
		"no address at all, as refused": {short, "ipAddresses: [nonsense]", nil, nil},
		"a private server":              {acmeIssuer(privateServer, both), "ipAddresses: [10.0.0.1]", nil, nil},
	})
	runIssuerCases(t, "acme-ip-needs-profile", map[string]issuerCase{
		"no profile": {le, "ipAddresses: [8.8.4.4]", nil, []string{
			`spec.ipAddresses[0]: Invalid value: "8.8.4.4": Let's Encrypt issues IP addresses only with profile "shortlived"; Issuer "le" sets none. [acme-ip-needs-profile]`,
		}},
		"another profile": {acmeIssuer(leServer, "profile: tlsserver\n"+both), "ipAddresses: [8.8.4.4]", nil, []string{
			`spec.ipAddresses[0]: Invalid value: "8.8.4.4": Let's Encrypt issues IP addresses only with profile "shortlived"; Issuer "le" sets "tlsserver". [acme-ip-needs-profile]`,
		}},
		"the profile":                       {short, "ipAddresses: [8.8.4.4]", nil, nil},
		"a profile that nobody knows":       {acmeIssuer(leServer, "profile: other\n"+both), "ipAddresses: [8.8.4.4]", nil, nil},
		"an address that no profile allows": {le, "ipAddresses: [10.0.0.1]", nil, nil},
		"no address at all, as refused":     {le, "ipAddresses: [nonsense]", nil, nil},
		"another public CA":                 {acmeIssuer(googleServer, both), "ipAddresses: [8.8.4.4]", nil, nil},
	})
}
