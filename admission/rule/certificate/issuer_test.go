package certificate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

const (
	leServer      = "https://acme-v02.api.letsencrypt.org/directory"
	zeroServer    = "https://acme.zerossl.com/v2/DV90"
	googleServer  = "https://dv.acme-v02.api.pki.goog/directory"
	privateServer = "https://ca.corp.internal/acme/acme/directory"
)

// acmeIssuer is the Issuer "le" at a server, with more lines for its acme section.
func acmeIssuer(server, lines string) string {
	return "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le, namespace: default}\nspec:\n  acme:\n    server: " + server +
		"\n    privateKeySecretRef: {name: le-account}\n" + indent(lines) + "\n---\n"
}

func indent(lines string) string {
	lines = strings.Trim(ruletest.Dedent(lines), "\n")
	return "    " + strings.ReplaceAll(lines, "\n", "\n    ")
}

const (
	http01Only = "solvers: [{http01: {ingress: {}}}]"
	dns01Only  = "solvers: [{dns01: {webhook: {groupName: g, solverName: s}}}]"
	both       = "solvers: [{http01: {ingress: {}}}, {dns01: {webhook: {groupName: g, solverName: s}}}]"
)

// issuerCase is a Certificate with its issuer and what one rule says about them.
type issuerCase struct {
	issuer string
	spec   string
	change func(*ruletest.Scene)
	want   []string
}

func runIssuerCases(t *testing.T, id string, cases map[string]issuerCase) {
	t.Helper()
	for title, tc := range cases {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			change := tc.change
			if change == nil {
				change = func(*ruletest.Scene) {}
			}
			ruletest.Want(t, id, ruletest.Review(t, Rules(), tc.issuer, ruletest.Certificate(tc.spec), change), tc.want...)
		})
	}
}

func TestIssuerKindMismatch(t *testing.T) {
	t.Parallel()
	const spec = "dnsNames: [www.cert-lab.dev]\n"
	cluster := strings.Replace(acmeIssuer(leServer, both), "kind: Issuer\nmetadata: {name: le, namespace: default}", "kind: ClusterIssuer\nmetadata: {name: le}", 1)
	runIssuerCases(t, "issuer-kind-mismatch", map[string]issuerCase{
		"the kind is left out and only a ClusterIssuer is there": {cluster, spec, nil, []string{
			`[issuer-kind-mismatch] spec.issuerRef.kind: no Issuer "le" in this namespace, but ClusterIssuer "le" exists; kind defaults to Issuer - set kind: ClusterIssuer`,
		}},
		"the kind is Issuer and only a ClusterIssuer is there": {cluster, spec + "issuerRef: {name: le, kind: Issuer}", nil, []string{
			`[issuer-kind-mismatch] spec.issuerRef.kind: no Issuer "le" in this namespace, but ClusterIssuer "le" exists; set kind: ClusterIssuer`,
		}},
		"the kind is ClusterIssuer and only an Issuer is there": {acmeIssuer(leServer, both), spec + "issuerRef: {name: le, kind: ClusterIssuer}", nil, []string{
			`[issuer-kind-mismatch] spec.issuerRef.kind: no ClusterIssuer "le", but Issuer "le" exists in this namespace; set kind: Issuer`,
		}},
		"both are there": {acmeIssuer(leServer, both) + cluster, spec, nil, nil},
		"none is there":  {"", spec, nil, nil},
		"an Issuer of another namespace is there": {strings.Replace(acmeIssuer(leServer, both), "namespace: default", "namespace: other", 1), spec + "issuerRef: {name: le, kind: ClusterIssuer}", nil, nil},
		"the issuer is somebody else's":           {cluster, spec + "issuerRef: {name: le, kind: Issuer, group: awspca.cert-manager.io}", nil, nil},
	})
}

func TestIssuerNotFound(t *testing.T) {
	t.Parallel()
	const spec = "dnsNames: [\"*.cert-lab.dev\"]\n"
	cluster := strings.Replace(acmeIssuer(leServer, both), "kind: Issuer\nmetadata: {name: le, namespace: default}", "kind: ClusterIssuer\nmetadata: {name: le}", 1)
	runIssuerCases(t, "issuer-not-found", map[string]issuerCase{
		"no Issuer": {"", spec, nil, []string{
			`[issuer-not-found] spec.issuerRef: Issuer "le" not found in namespace "default"; issuance waits until it exists (checks that need it were skipped)`,
		}},
		"no ClusterIssuer": {"", spec + "issuerRef: {name: le, kind: ClusterIssuer}", nil, []string{
			`[issuer-not-found] spec.issuerRef: ClusterIssuer "le" not found; issuance waits until it exists (checks that need it were skipped)`,
		}},
		"only one of the other kind, of which another rule speaks": {cluster, spec, nil, nil},
		"it is there":                                {acmeIssuer(leServer, both), spec, nil, nil},
		"the issuer is somebody else's":              {"", spec + "issuerRef: {name: le, kind: AWSPCAIssuer, group: awspca.cert-manager.io}", nil, nil},
		"a kind that cert-manager's webhook refuses": {"", spec + "issuerRef: {name: le, kind: clusterissuer}", nil, nil},
		"a name that cert-manager's webhook refuses": {"", spec + "issuerRef: {name: \"\"}", nil, nil},
	})
}

func TestMissingIssuerSilencesWhatNeedsIt(t *testing.T) {
	t.Parallel()
	got := ruletest.Review(t, Rules(), "", ruletest.Certificate(`
		dnsNames: ["*.cert-lab.local", x_y.dev]
		ipAddresses: [192.168.0.1]
		commonName: somewhere.else.dev
		uris: ["spiffe://a/b"]
		privateKey: {algorithm: Ed25519}
	`))
	for _, f := range got {
		if f.Severity == rule.Deny || strings.HasPrefix(f.Rule, "acme-") {
			t.Errorf("without an Issuer: %s", f)
		}
	}
}

func TestIssuerNotReady(t *testing.T) {
	t.Parallel()
	status := func(generation int, lines string) string {
		return strings.Replace(strings.TrimSuffix(acmeIssuer(leServer, both), "---\n"), "namespace: default}", fmt.Sprintf("namespace: default, generation: %d}", generation), 1) +
			"status:\n  conditions:\n  - {" + lines + "}\n---\n"
	}
	const spec = "dnsNames: [www.cert-lab.dev]\n"
	runIssuerCases(t, "issuer-not-ready", map[string]issuerCase{
		"it says why": {
			status(3, `type: Ready, status: "False", reason: ErrRegisterACMEAccount, message: "Failed to register ACME account: 400", observedGeneration: 3`), spec, nil,
			[]string{`[issuer-not-ready] spec.issuerRef: Issuer "le" is not ready: ErrRegisterACMEAccount: Failed to register ACME account: 400`},
		},
		"a long reason over many lines": {
			status(0, `type: Ready, status: "False", reason: ErrX, message: "a\n`+strings.Repeat("b", 200)+`"`), spec, nil,
			[]string{`[issuer-not-ready] spec.issuerRef: Issuer "le" is not ready: ErrX: a ` + strings.Repeat("b", 172) + "…"},
		},
		"what it says is about an older spec": {status(4, `type: Ready, status: "False", reason: ErrX, message: m, observedGeneration: 3`), spec, nil, nil},
		"it is ready":                         {status(3, `type: Ready, status: "True", reason: ACMEAccountRegistered, message: m, observedGeneration: 3`), spec, nil, nil},
		"nobody knows yet":                    {acmeIssuer(leServer, both), spec, nil, nil},
		"another condition is false":          {status(3, `type: Other, status: "False", reason: r, message: m, observedGeneration: 3`), spec, nil, nil},
	})
}

func TestSelfSignedEmptySubject(t *testing.T) {
	t.Parallel()
	const self = "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le, namespace: default}\nspec: {selfSigned: {}}\n"
	const corp = "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le, namespace: default}\nspec: {ca: {secretName: ca}}\n"
	runIssuerCases(t, "selfsigned-empty-subject", map[string]issuerCase{
		"DNS names only": {self, "dnsNames: [a.x.dev]\nisCA: true", nil, []string{
			`[selfsigned-empty-subject] spec.commonName: a self-signed certificate without subject has an empty Issuer DN (RFC 5280 violation); set commonName`,
		}},
		"an empty subject": {self, "dnsNames: [a.x.dev]\nisCA: true\nsubject: {organizations: []}", nil, []string{
			`[selfsigned-empty-subject] spec.commonName: a self-signed certificate without subject has an empty Issuer DN (RFC 5280 violation); set commonName`,
		}},
		"no CA": {self, "dnsNames: [a.x.dev]", nil, nil},
		"no CA, strictly": {self, "dnsNames: [a.x.dev]", func(s *ruletest.Scene) { s.Env.Settings.Strict = true }, []string{
			`[selfsigned-empty-subject] spec.commonName: a self-signed certificate without subject has an empty Issuer DN (RFC 5280 violation); set commonName`,
		}},
		"a common name":         {self, "dnsNames: [a.x.dev]\nisCA: true\ncommonName: a", nil, nil},
		"an organization":       {self, "dnsNames: [a.x.dev]\nisCA: true\nsubject: {organizations: [o]}", nil, nil},
		"a serial number":       {self, "dnsNames: [a.x.dev]\nisCA: true\nsubject: {serialNumber: \"1\"}", nil, nil},
		"a literal subject":     {self, "dnsNames: [a.x.dev]\nisCA: true\nliteralSubject: O=o", nil, nil},
		"a CA issuer":           {corp, "dnsNames: [a.x.dev]\nisCA: true", nil, nil},
		"an issuer of no kind":  {strings.Replace(self, "{selfSigned: {}}", "{}", 1), "dnsNames: [a.x.dev]\nisCA: true", nil, nil},
		"an ACME issuer":        {acmeIssuer(leServer, both), "dnsNames: [a.x.dev]\nisCA: true", nil, nil},
		"an issuer nobody sees": {"", "dnsNames: [a.x.dev]\nisCA: true", nil, nil},
	})
}

func TestACMEKeyNotAllowed(t *testing.T) {
	t.Parallel()
	const list = "RSA 2048/3072/4096 and ECDSA 256/384"
	le, zero, google := acmeIssuer(leServer, both), acmeIssuer(zeroServer, both), acmeIssuer(googleServer, both)
	spec := func(key string) string { return "dnsNames: [www.cert-lab.dev]\nprivateKey: " + key }
	refused := func(field, value, quote string) []string {
		return []string{fmt.Sprintf(`spec.privateKey.%s: Unsupported value: %s: Let's Encrypt signs %s only; it would refuse the CSR after validation (%q). [acme-key-not-allowed]`, field, value, list, quote)}
	}
	runIssuerCases(t, "acme-key-not-allowed", map[string]issuerCase{
		"Let's Encrypt, no key said":                {le, "dnsNames: [www.cert-lab.dev]", nil, nil},
		"Let's Encrypt, RSA 2048":                   {le, spec("{algorithm: RSA, size: 2048}"), nil, nil},
		"Let's Encrypt, RSA 3072":                   {le, spec("{size: 3072}"), nil, nil},
		"Let's Encrypt, RSA 4096":                   {le, spec("{size: 4096}"), nil, nil},
		"Let's Encrypt, RSA 2049":                   {le, spec("{size: 2049}"), nil, refused("size", "2049", "key size not supported: 2049")},
		"Let's Encrypt, RSA 8192":                   {le, spec("{algorithm: RSA, size: 8192}"), nil, refused("size", "8192", "key size not supported: 8192")},
		"Let's Encrypt, P-256":                      {le, spec("{algorithm: ECDSA, size: 256}"), nil, nil},
		"Let's Encrypt, ECDSA without a size":       {le, spec("{algorithm: ECDSA}"), nil, nil},
		"Let's Encrypt, P-384":                      {le, spec("{algorithm: ECDSA, size: 384}"), nil, nil},
		"Let's Encrypt, P-521":                      {le, spec("{algorithm: ECDSA, size: 521}"), nil, refused("size", "521", "ECDSA curve P-521 not allowed")},
		"Let's Encrypt, Ed25519":                    {le, spec("{algorithm: Ed25519}"), nil, refused("algorithm", `"Ed25519"`, "unsupported key type ed25519.PublicKey")},
		"Let's Encrypt, Ed25519 with a size":        {le, spec("{algorithm: Ed25519, size: 256}"), nil, refused("algorithm", `"Ed25519"`, "unsupported key type ed25519.PublicKey")},
		"Let's Encrypt, a size that nobody has":     {le, spec("{size: 1024}"), nil, nil},
		"Let's Encrypt, RSA above what there is":    {le, spec("{size: 8193}"), nil, nil},
		"Let's Encrypt, ECDSA 2048":                 {le, spec("{algorithm: ECDSA, size: 2048}"), nil, nil},
		"Let's Encrypt, ECDSA of a negative size":   {le, spec("{algorithm: ECDSA, size: -1}"), nil, nil},
		"Let's Encrypt, an algorithm in lower case": {le, spec("{algorithm: ecdsa, size: 521}"), nil, nil},
		"Let's Encrypt staging, P-521": {
			acmeIssuer("https://acme-staging-v02.api.letsencrypt.org/directory", both), spec("{algorithm: ECDSA, size: 521}"), nil,
			refused("size", "521", "ECDSA curve P-521 not allowed"),
		},
		"ZeroSSL, P-521": {zero, spec("{algorithm: ECDSA, size: 521}"), nil, []string{
			`spec.privateKey.size: Unsupported value: 521: ZeroSSL signs ` + list + ` and refuses ECDSA 521 after validation. [acme-key-not-allowed]`,
		}},
		"ZeroSSL, Ed25519": {zero, spec("{algorithm: Ed25519}"), nil, []string{
			`spec.privateKey.algorithm: Unsupported value: "Ed25519": no public CA signs Ed25519 keys (Baseline Requirements, section 6.1.5), and ZeroSSL would refuse the CSR after validation. [acme-key-not-allowed]`,
		}},
		"ZeroSSL, RSA 8192": {zero, spec("{size: 8192}"), nil, []string{
			`[acme-key-not-allowed] spec.privateKey.size: 8192: ZeroSSL is not known to sign RSA 8192 keys (it signs ` + list + `); it may refuse the CSR after validation`,
		}},
		"Google, P-521": {google, spec("{algorithm: ECDSA, size: 521}"), nil, []string{
			`[acme-key-not-allowed] spec.privateKey.size: 521: Google Trust Services is not known to sign ECDSA 521 keys (it signs ` + list + `); it may refuse the CSR after validation`,
		}},
		"SSL.com, RSA by default at the URL for ECDSA": {acmeIssuer("https://acme.ssl.com/sslcom-dv-ecc", both), "dnsNames: [www.cert-lab.dev]", nil, []string{
			`[acme-key-not-allowed] spec.privateKey.algorithm: "RSA": SSL.com is not known to sign RSA 2048 keys (it signs ECDSA at this URL (RSA at https://acme.ssl.com/sslcom-dv-rsa)); it may refuse the CSR after validation`,
		}},
		"Buypass, of which nothing is known any more": {acmeIssuer("https://api.buypass.com/acme/directory", both), spec("{algorithm: ECDSA, size: 521}"), nil, nil},
		"a private server, Ed25519":                   {acmeIssuer(privateServer, both), spec("{algorithm: Ed25519}"), nil, nil},
		"Pebble, Ed25519":                             {acmeIssuer("https://localhost:14000/dir", both), spec("{algorithm: Ed25519}"), nil, nil},
		"a CA issuer, Ed25519":                        {"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {ca: {secretName: ca}}", spec("{algorithm: Ed25519}"), nil, nil},
		"a server that is like Let's Encrypt, P-521": {
			acmeIssuer(privateServer, both), spec("{algorithm: ECDSA, size: 521}"),
			ruletest.Like(privateServer, "letsencrypt"), refused("size", "521", "ECDSA curve P-521 not allowed"),
		},
		"Let's Encrypt, switched off": {le, spec("{algorithm: Ed25519}"), ruletest.Like(leServer, ca.LikeOff), nil},
	})
}

func TestACMEClientAuth(t *testing.T) {
	t.Parallel()
	const usages = "dnsNames: [www.cert-lab.dev]\nusages: [server auth, client auth]\n"
	runIssuerCases(t, "acme-client-auth", map[string]issuerCase{
		"Let's Encrypt": {acmeIssuer(leServer, both), usages, nil, []string{
			`[acme-client-auth] spec.usages[1]: "client auth": is no longer issued by Let's Encrypt (since 2026-02-11); mTLS clients will reject this certificate`,
		}},
		"Let's Encrypt, not encoded": {acmeIssuer(leServer, both), usages + "encodeUsagesInRequest: false", nil, []string{
			`[acme-client-auth] spec.usages[1]: "client auth": is no longer issued by Let's Encrypt (since 2026-02-11); mTLS clients will reject this certificate`,
		}},
		"Google": {acmeIssuer(googleServer, both), usages, nil, []string{
			`spec.usages[1]: Unsupported value: "client auth": Google Trust Services refuses CSRs with this usage (badCSR). Remove it or set encodeUsagesInRequest: false. [acme-client-auth]`,
		}},
		"Google, encoded on purpose": {acmeIssuer(googleServer, both), "dnsNames: [www.cert-lab.dev]\nusages: [client auth]\nencodeUsagesInRequest: true", nil, []string{
			`spec.usages[0]: Unsupported value: "client auth": Google Trust Services refuses CSRs with this usage (badCSR). Remove it or set encodeUsagesInRequest: false. [acme-client-auth]`,
		}},
		"Google, not encoded":    {acmeIssuer(googleServer, both), usages + "encodeUsagesInRequest: false", nil, nil},
		"for servers only":       {acmeIssuer(leServer, both), "dnsNames: [www.cert-lab.dev]\nusages: [server auth]", nil, nil},
		"no usages":              {acmeIssuer(leServer, both), "dnsNames: [www.cert-lab.dev]", nil, nil},
		"ZeroSSL, not published": {acmeIssuer(zeroServer, both), usages, nil, nil},
		"a private server":       {acmeIssuer(privateServer, both), usages, nil, nil},
	})
}

func TestACMEFieldIgnored(t *testing.T) {
	t.Parallel()
	le := acmeIssuer(leServer, both)
	const name = "dnsNames: [www.cert-lab.dev]\n"
	runIssuerCases(t, "acme-field-ignored", map[string]issuerCase{
		"isCA":    {le, name + "isCA: true", nil, []string{`[acme-field-ignored] spec.isCA: Let's Encrypt never issues CA certificates; the field is dropped`}},
		"subject": {le, name + "subject: {countries: [DE]}", nil, []string{`[acme-field-ignored] spec.subject: Let's Encrypt puts no subject into certificates; the field is dropped`}},
		"all of them in one line": {le, name + "isCA: true\nsubject: {organizations: [o]}\notherNames: [{oid: 1.2.3, utf8Value: x}]\nnameConstraints: {permitted: {dnsDomains: [x.dev]}}", nil, []string{
			`[acme-field-ignored] spec.isCA: Let's Encrypt never issues CA certificates; the field is dropped, and so are spec.subject, spec.otherNames, spec.nameConstraints`,
		}},
		"other names at ZeroSSL":                   {acmeIssuer(zeroServer, both), name + "otherNames: [{oid: 1.2.3, utf8Value: x}]", nil, []string{`[acme-field-ignored] spec.otherNames: ZeroSSL issues no other names; the field is dropped`}},
		"a literal subject with more":              {le, name + `literalSubject: "CN=www.cert-lab.dev,O=o"`, nil, []string{`[acme-field-ignored] spec.literalSubject: Let's Encrypt puts no subject but the common name into certificates; the field is dropped`}},
		"a literal subject with a common name":     {le, name + `literalSubject: "CN=www.cert-lab.dev"`, nil, nil},
		"a literal subject that cannot be read":    {le, name + `literalSubject: "O"`, nil, nil},
		"an empty subject":                         {le, name + "subject: {}", nil, nil},
		"an empty subject, spelled out":            {le, name + "subject: {organizations: []}", nil, nil},
		"nothing of the kind":                      {le, name, nil, nil},
		"a private server":                         {acmeIssuer(privateServer, both), name + "isCA: true", nil, nil},
		"constraints that cert-manager refuses":    {le, name + "nameConstraints: {permitted: {dnsDomains: [x.dev]}}", nil, nil},
		"an organization that the contract covers": {acmeIssuer("https://acme.sectigo.com/v2/OV", both), name + "subject: {organizations: [o]}", nil, nil},
	})
}

func at(day string) func(*ruletest.Scene) {
	return func(s *ruletest.Scene) {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			panic(err)
		}
		s.Env.Settings.Now = now
	}
}

func TestACMEDuration(t *testing.T) {
	t.Parallel()
	const name = "dnsNames: [www.cert-lab.dev]\n"
	feature := acmeIssuer(leServer, "enableDurationFeature: true\n"+both)
	runIssuerCases(t, "acme-duration-unsupported", map[string]issuerCase{
		"Let's Encrypt": {feature, name + "duration: 720h", nil, []string{
			`spec.duration: Forbidden: Issuer "le" sends the duration to Let's Encrypt, which answers "NotBefore and NotAfter are not supported". Remove duration (choose a profile instead) or enableDurationFeature. [acme-duration-unsupported]`,
		}},
		"ZeroSSL, of which only that is known": {acmeIssuer(zeroServer, "enableDurationFeature: true\n"+both), name + "duration: 720h", nil, []string{
			`[acme-duration-unsupported] spec.duration: Issuer "le" sends the duration to ZeroSSL, which does not support it and may refuse the order. Remove duration or enableDurationFeature`,
		}},
		"Google, for longer than any public CA may issue": {acmeIssuer(googleServer, "enableDurationFeature: true\n"+both), name + "duration: 4801h", nil, []string{
			`[acme-duration-unsupported] spec.duration: Issuer "le" sends 4801h to Google Trust Services, and no public CA may issue more than 200 days (since 2026-03-15); it may refuse the order or issue less. Ask for less, or remove duration`,
		}},
		"Google, for as long as any public CA may issue": {acmeIssuer(googleServer, "enableDurationFeature: true\n"+both), name + "duration: 4800h", nil, nil},
		"Google, for what it might issue before 2027-03-15": {acmeIssuer(googleServer, "enableDurationFeature: true\n"+both), name + "duration: 4800h", at("2027-03-15"), []string{
			`[acme-duration-unsupported] spec.duration: Issuer "le" sends 4800h to Google Trust Services, and no public CA may issue more than 100 days (since 2027-03-15); it may refuse the order or issue less. Ask for less, or remove duration`,
		}},
		"a private server, for ten years":      {acmeIssuer(privateServer, "enableDurationFeature: true\n"+both), name + "duration: 87600h", nil, nil},
		"Google, which supports it":            {acmeIssuer(googleServer, "enableDurationFeature: true\n"+both), name + "duration: 720h", nil, nil},
		"no duration":                          {feature, name, nil, nil},
		"the feature is off":                   {acmeIssuer(leServer, both), name + "duration: 720h", nil, nil},
		"a duration that cert-manager refuses": {feature, name + "duration: 59m", nil, nil},
		"the shortest that it takes": {feature, name + "duration: 1h", nil, []string{
			`spec.duration: Forbidden: Issuer "le" sends the duration to Let's Encrypt, which answers "NotBefore and NotAfter are not supported". Remove duration (choose a profile instead) or enableDurationFeature. [acme-duration-unsupported]`,
		}},
		"a private server": {acmeIssuer(privateServer, "enableDurationFeature: true\n"+both), name + "duration: 720h", nil, nil},
	})
	runIssuerCases(t, "acme-duration-ignored", map[string]issuerCase{
		"a year":                {acmeIssuer(leServer, both), name + "duration: 8760h", nil, []string{`[acme-duration-ignored] spec.duration: 8760h is ignored; Let's Encrypt classic issues 90 days whatever is requested`}},
		"hours and minutes":     {acmeIssuer(leServer, both), name + "duration: 10h30m", nil, []string{`[acme-duration-ignored] spec.duration: 10h30m is ignored; Let's Encrypt classic issues 90 days whatever is requested`}},
		"what the CA issues":    {acmeIssuer(leServer, both), name + "duration: 2160h", nil, nil},
		"what it issued before": {acmeIssuer(leServer, both), name + "duration: 2160h", at("2027-02-10"), []string{`[acme-duration-ignored] spec.duration: 2160h is ignored; Let's Encrypt classic issues 64 days whatever is requested`}},
		"the short profile":     {acmeIssuer(leServer, "profile: shortlived\n"+both), name + "duration: 24h", nil, []string{`[acme-duration-ignored] spec.duration: 24h is ignored; Let's Encrypt shortlived issues 160h whatever is requested`}},
		"ZeroSSL":               {acmeIssuer(zeroServer, both), name + "duration: 24h", nil, []string{`[acme-duration-ignored] spec.duration: 24h is ignored; ZeroSSL issues 90 days whatever is requested`}},
		"Google, which would listen": {acmeIssuer(googleServer, both), name + "duration: 24h", nil, []string{
			`[acme-duration-ignored] spec.duration: 24h is ignored, since Issuer "le" does not send it; Google Trust Services issues 90 days. Set enableDurationFeature: true on the Issuer`,
		}},
		"a profile that nobody knows":                 {acmeIssuer(leServer, "profile: other\n"+both), name + "duration: 24h", nil, nil},
		"a CA whose lifetime depends on the contract": {acmeIssuer("https://acme.sectigo.com/v2/DV", both), name + "duration: 24h", nil, nil},
		"such a CA, for longer than any may issue": {acmeIssuer("https://acme.sectigo.com/v2/DV", both), name + "duration: 8760h", nil, []string{
			`[acme-duration-ignored] spec.duration: 8760h is ignored, since Issuer "le" does not send it; no public CA may issue more than 200 days (since 2026-03-15)`,
		}},
		"such a CA, which has ended":                    {acmeIssuer("https://api.buypass.com/acme/directory", both), name + "duration: 8760h", nil, nil},
		"the feature is on, of which others speak":      {feature, name + "duration: 24h", nil, nil},
		"no duration, or one that cert-manager refuses": {acmeIssuer(leServer, both), name + "duration: 30m", nil, nil},
	})
}

func TestRenewBeforeVsCALifetime(t *testing.T) {
	t.Parallel()
	const name = "dnsNames: [www.cert-lab.dev]\n"
	le, short := acmeIssuer(leServer, both), acmeIssuer(leServer, "profile: shortlived\n"+both)
	ignored := func(before, lifetime, title string) []string {
		return []string{fmt.Sprintf(`[renew-before-vs-ca-lifetime] spec.renewBefore: %s is not shorter than the %s of a certificate of %s and is ignored; `+
			`renewal falls back to 1/3 of the lifetime before expiry. Use renewBeforePercentage: 33`, before, lifetime, title)}
	}
	often := func(field, what, every string) []string {
		return []string{fmt.Sprintf(`[renew-before-vs-ca-lifetime] spec.%s: %s of a 160h certificate renews every %s; Let's Encrypt allows 5 per week for the same names. Use renewBeforePercentage: 33`, field, what, every)}
	}
	runIssuerCases(t, "renew-before-vs-ca-lifetime", map[string]issuerCase{
		"every ten hours":                       {short, name + "renewBefore: 150h", nil, often("renewBefore", "150h", "10h")},
		"just below what the limit allows":      {short, name + "renewBefore: 126h1m", nil, often("renewBefore", "126h1m", "33h59m")},
		"just what the limit allows":            {short, name + "renewBefore: 126h", nil, nil},
		"a percentage that is too much":         {short, name + "renewBeforePercentage: 90", nil, often("renewBeforePercentage", "90%", "16h")},
		"the percentage of the remedy":          {short, name + "renewBeforePercentage: 33", nil, nil},
		"longer than the lifetime":              {short, name + "renewBefore: 360h", nil, ignored("360h", "160h", "Let's Encrypt shortlived")},
		"just the lifetime":                     {short, name + "renewBefore: 160h", nil, ignored("160h", "160h", "Let's Encrypt shortlived")},
		"the documented 1440h today":            {le, name + "renewBefore: 1440h", nil, nil},
		"the documented 1440h of 64 days":       {le, name + "renewBefore: 1440h", at("2027-03-01"), nil},
		"the documented 1440h of 45 days":       {le, name + "renewBefore: 1440h", at("2028-03-01"), ignored("1440h", "45 days", "Let's Encrypt classic")},
		"longer than 90 days of a longer one":   {le, name + "duration: 8760h\nrenewBefore: 2400h", nil, ignored("2400h", "90 days", "Let's Encrypt classic")},
		"ZeroSSL, whose limits nobody knows":    {acmeIssuer(zeroServer, both), name + "renewBefore: 2159h", nil, nil},
		"ZeroSSL, longer than the lifetime":     {acmeIssuer(zeroServer, both), name + "duration: 8760h\nrenewBefore: 2160h", nil, ignored("2160h", "90 days", "ZeroSSL")},
		"staging, where the limits are high":    {acmeIssuer("https://acme-staging-v02.api.letsencrypt.org/directory", "profile: shortlived\n"+both), name + "renewBefore: 150h", nil, nil},
		"Google, which issues what is asked":    {acmeIssuer(googleServer, "enableDurationFeature: true\n"+both), name + "duration: 8760h\nrenewBefore: 2400h", nil, nil},
		"more than the duration, refused":       {le, name + "duration: 24h\nrenewBefore: 2400h", nil, nil},
		"more than the default one, refused":    {short, name + "renewBefore: 2160h", nil, nil},
		"less than five minutes, refused":       {short, name + "renewBefore: 4m", nil, nil},
		"both at once, refused":                 {short, name + "renewBefore: 150h\nrenewBeforePercentage: 90", nil, nil},
		"a percentage that has no effect":       {short, name + "renewBeforePercentage: 100", nil, nil},
		"renewal is off":                        {short, name + "renewBefore: 150h\nrenewal: {policy: Disabled}", nil, nil},
		"nothing said":                          {short, name, nil, nil},
		"a private server":                      {acmeIssuer(privateServer, both), name + "renewBefore: 2159h", nil, nil},
		"a duration that Let's Encrypt ignores": {short, name + "duration: 151h\nrenewBefore: 150h", nil, often("renewBefore", "150h", "10h")},
	})
}

// copies are Certificates in as many namespaces, of this issuer and these names.
func copies(n int, issuerRef, names string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: ns%03d}\nspec: {secretName: s, dnsNames: [%s], issuerRef: %s}\n",
			i, strings.ReplaceAll(names, "#", fmt.Sprint(i)), issuerRef)
	}
	return b.String()
}

// aged are Certificates that were made on a day.
func aged(certificates, day string) string {
	return strings.ReplaceAll(certificates, "{name: web,", "{name: web, creationTimestamp: \""+day+"T00:00:00Z\",")
}

func TestACMERateLimit(t *testing.T) {
	t.Parallel()
	cluster := func(name, server string) string {
		return "apiVersion: cert-manager.io/v1\nkind: ClusterIssuer\nmetadata: {name: " + name + "}\nspec: {acme: {server: " + server + ", privateKeySecretRef: {name: k}, " + both + "}}\n"
	}
	world := cluster("le", leServer) + "---\n" + cluster("again", leServer) + "---\n" + cluster("staging", "https://acme-staging-v02.api.letsencrypt.org/directory")
	const le, again, staging = "{name: le, kind: ClusterIssuer}", "{name: again, kind: ClusterIssuer}", "{name: staging, kind: ClusterIssuer}"
	const spec = "dnsNames: [a.cert-lab.dev, B.cert-lab.dev]\nissuerRef: " + le
	same := func(n int) []string {
		return []string{fmt.Sprintf(`[acme-rate-limit] spec.dnsNames: %d other Certificates request exactly these names; Let's Encrypt allows 5 per 7 days. Share one Secret instead`, n)}
	}
	const names = "b.cert-lab.dev, A.cert-lab.dev, a.cert-lab.dev"
	runIssuerCases(t, "acme-rate-limit", map[string]issuerCase{
		"three others":                        {world + copies(3, le, names), spec, nil, same(3)},
		"two others":                          {world + copies(2, le, names), spec, nil, nil},
		"through another issuer":              {world + copies(4, again, names), spec, nil, same(4)},
		"at another environment":              {world + copies(4, staging, names), spec, nil, nil},
		"of a staging issuer":                 {world + copies(4, staging, names), "dnsNames: [a.cert-lab.dev, b.cert-lab.dev]\nissuerRef: " + staging, nil, nil},
		"through an issuer that is not there": {world + copies(4, "{name: gone, kind: ClusterIssuer}", names), spec, nil, nil},
		"with one name more":                  {world + copies(4, le, names+", c.cert-lab.dev"), spec, nil, nil},
		"49 under the domain":                 {world + copies(49, le, "x#.cert-lab.dev"), spec, nil, nil},
		"50 under the domain": {world + copies(50, le, "x#.cert-lab.dev"), spec, nil, []string{
			`[acme-rate-limit] spec.dnsNames[0]: 50 or more other Certificates are under "cert-lab.dev"; Let's Encrypt allows 50 new ones per 7 days. Use a wildcard, or spread them over time`,
		}},
		"50 under the domain, of which 25 have the names of the others": {
			world + copies(25, le, "x#.cert-lab.dev") + strings.ReplaceAll(copies(25, le, "x#.cert-lab.dev"), "namespace: n", "namespace: m"), spec, nil, nil,
		},
		"50 under the domain and one with the same names, so that this is a renewal": {
			world + copies(50, le, "x#.cert-lab.dev") + strings.ReplaceAll(copies(1, le, names), "namespace: n", "namespace: m"), spec, nil, nil,
		},
		"50 under the domain, made six days ago": {aged(world+copies(50, le, "x#.cert-lab.dev"), "2026-09-25"), spec, nil, []string{
			`[acme-rate-limit] spec.dnsNames[0]: 50 or more other Certificates are under "cert-lab.dev"; Let's Encrypt allows 50 new ones per 7 days. Use a wildcard, or spread them over time`,
		}},
		"50 under the domain, made eight days ago": {aged(world+copies(50, le, "x#.cert-lab.dev"), "2026-09-23"), spec, nil, nil},
		"299 others of the issuer":                 {world + copies(299, le, "x.lab#.dev"), spec, nil, nil},
		"300 others of the issuer": {world + copies(300, le, "x.lab#.dev"), spec, nil, []string{
			`[acme-rate-limit] spec.issuerRef.name: 300 or more other Certificates of ClusterIssuer "le" are new; Let's Encrypt takes 300 new orders of an account in 3 hours. Apply them in parts, or use wildcards`,
		}},
		"300 others of the issuer, made the day before": {aged(world+copies(300, le, "x.lab#.dev"), "2026-09-30"), spec, nil, nil},
		"300 others of another issuer":                  {world + copies(300, again, "x.lab#.dev"), spec, nil, nil},
		"50 under another domain":                       {world + copies(50, le, "x#.other-lab.dev"), spec, nil, nil},
		"no names at all":                               {world + copies(3, le, names), "uris: [\"https://a\"]\nissuerRef: " + le, nil, nil},
	})
}

func TestRateLimitDoesNotCountTheCertificateItself(t *testing.T) {
	t.Parallel()
	world := acmeIssuer(leServer, both) + copies(2, "{name: le}", "www.cert-lab.dev") + "---\n" + ruletest.Certificate("dnsNames: [www.cert-lab.dev]")
	old := ruletest.Certificate("dnsNames: [www.cert-lab.dev]")
	ruletest.Want(t, "acme-rate-limit", ruletest.Update(t, Rules(), world, old, old))
}

func TestSecretNameShared(t *testing.T) {
	t.Parallel()
	other := func(name, meta string) string {
		return "---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: " + name + meta + "}\nspec: {secretName: web-tls, dnsNames: [a.dev], issuerRef: {name: x}}\n"
	}
	used := func(by string) []string {
		return []string{`[secret-name-shared] spec.secretName: "web-tls": is already used by ` + by + `; cert-manager will silently ignore this Certificate. Use another secretName`}
	}
	const spec = "dnsNames: [www.cert-lab.dev]"
	runIssuerCases(t, "secret-name-shared", map[string]issuerCase{
		"one other":                    {other("first", ", namespace: default"), spec, nil, used(`Certificate "first"`)},
		"three others":                 {other("c", "") + other("a", "") + other("b", ""), spec, nil, used(`Certificate "a" and 2 more`)},
		"one in another namespace":     {other("first", ", namespace: other"), spec, nil, nil},
		"one that is being deleted":    {other("first", `, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [x]`), spec, nil, nil},
		"the Certificate itself":       {other("web", ""), spec, nil, nil},
		"one with another Secret":      {strings.Replace(other("first", ""), "web-tls", "other-tls", 1), spec, nil, nil},
		"no Secret at all, as refused": {other("first", ""), spec + "\nsecretName: \"\"", nil, nil},
	})
}

func TestSharedSecretOnUpdate(t *testing.T) {
	t.Parallel()
	const other = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: second, creationTimestamp: \"2026-05-01T00:00:00Z\"}\nspec: {secretName: web-tls, dnsNames: [a.dev], issuerRef: {name: x}}\n"
	created := func(day string) string {
		return strings.Replace(ruletest.Certificate("dnsNames: [www.cert-lab.dev]"), "{name: web,", "{name: web, creationTimestamp: \""+day+"T00:00:00Z\",", 1)
	}
	ruletest.Want(t, "secret-name-shared", ruletest.Update(t, Rules(), other, created("2026-04-01"), created("2026-04-01")),
		`[secret-name-shared] spec.secretName: "web-tls": is also used by Certificate "second"; cert-manager silently ignores all but one of them. Use another secretName`)
	ruletest.Want(t, "secret-name-shared", ruletest.Update(t, Rules(), other, created("2026-06-01"), created("2026-06-01")),
		`[secret-name-shared] spec.secretName: "web-tls": is already used by Certificate "second"; cert-manager will silently ignore this Certificate. Use another secretName`)
}

func TestSecretIsCAIssuerKey(t *testing.T) {
	t.Parallel()
	issuer := func(kind, meta string) string {
		return "apiVersion: cert-manager.io/v1\nkind: " + kind + "\nmetadata: {name: le" + meta + "}\nspec: {ca: {secretName: corp-ca}}\n"
	}
	const spec = "secretName: corp-ca\ndnsNames: [a.corp.internal]\n"
	in := func(namespace string) func(*ruletest.Scene) {
		return func(s *ruletest.Scene) { s.Env.Settings.ClusterResourceNamespace = namespace }
	}
	runIssuerCases(t, "secret-is-ca-issuer-key", map[string]issuerCase{
		"its own issuer's": {issuer("Issuer", ""), spec, nil, []string{
			`spec.secretName: Invalid value: "corp-ca": is the signing key of Issuer "le"; issuing would overwrite the CA. Use another secretName. [secret-is-ca-issuer-key]`,
		}},
		"its own ClusterIssuer's, in the namespace of these": {issuer("ClusterIssuer", ""), spec + "issuerRef: {name: le, kind: ClusterIssuer}", in("default"), []string{
			`spec.secretName: Invalid value: "corp-ca": is the signing key of ClusterIssuer "le"; issuing would overwrite the CA. Use another secretName. [secret-is-ca-issuer-key]`,
		}},
		"its own ClusterIssuer's, in another namespace": {issuer("ClusterIssuer", ""), spec + "issuerRef: {name: le, kind: ClusterIssuer}", in("cert-manager"), nil},
		"its own ClusterIssuer's, nobody knows where":   {issuer("ClusterIssuer", ""), spec + "issuerRef: {name: le, kind: ClusterIssuer}", in(""), nil},
		"another Secret": {issuer("Issuer", ""), "dnsNames: [a.corp.internal]", nil, nil},
		"the root that a self-signed issuer makes for it": {
			"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: root}\nspec: {selfSigned: {}}\n---\n" + issuer("Issuer", ""),
			spec + "isCA: true\ncommonName: root\nissuerRef: {name: root}", nil, nil,
		},
	})
}

func TestSecretIsACMEAccountKey(t *testing.T) {
	t.Parallel()
	const spec = "secretName: le-account\ndnsNames: [www.cert-lab.dev]\n"
	cluster := strings.Replace(acmeIssuer(leServer, both), "kind: Issuer\nmetadata: {name: le, namespace: default}", "kind: ClusterIssuer\nmetadata: {name: le}", 1)
	runIssuerCases(t, "secret-is-acme-account-key", map[string]issuerCase{
		"of its own Issuer": {acmeIssuer(leServer, both), spec, nil, []string{
			`spec.secretName: Invalid value: "le-account": holds the ACME account key of Issuer "le". Use another secretName. [secret-is-acme-account-key]`,
		}},
		"of an Issuer that it has nothing to do with": {acmeIssuer(leServer, both), spec + "issuerRef: {name: corp}", nil, []string{
			`spec.secretName: Invalid value: "le-account": holds the ACME account key of Issuer "le". Use another secretName. [secret-is-acme-account-key]`,
		}},
		"of a ClusterIssuer, in the namespace of these": {cluster, spec, func(s *ruletest.Scene) { s.World.ClusterResourceNamespace = "default" }, []string{
			`spec.secretName: Invalid value: "le-account": holds the ACME account key of ClusterIssuer "le". Use another secretName. [secret-is-acme-account-key]`,
		}},
		"of a ClusterIssuer, in another namespace": {cluster, spec, nil, nil},
		"of an Issuer in another namespace":        {strings.Replace(acmeIssuer(leServer, both), "namespace: default", "namespace: other", 1), spec, nil, nil},
		"another Secret":                           {acmeIssuer(leServer, both), "dnsNames: [www.cert-lab.dev]", nil, nil},
	})
}

func TestSecretHasOtherManager(t *testing.T) {
	t.Parallel()
	secret := func(meta string) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: web-tls, namespace: default, " + meta + "}\n"
	}
	managed := func(by string) []string {
		return []string{`[secret-has-other-manager] spec.secretName: "web-tls": the Secret is managed by ` + by + `; two writers cause endless re-issuance`}
	}
	const eso = "ownerReferences: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: x, uid: u}]"
	const spec = "dnsNames: [www.cert-lab.dev]"
	runIssuerCases(t, "secret-has-other-manager", map[string]issuerCase{
		"External Secrets":               {secret(eso), spec, nil, managed(`ExternalSecret "x"`)},
		"External Secrets, by its label": {secret(`labels: {reconcile.external-secrets.io/managed: "true"}`), spec, nil, managed("the External Secrets Operator")},
		"Sealed Secrets":                 {secret("ownerReferences: [{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, name: x, uid: u}]"), spec, nil, managed(`SealedSecret "x"`)},
		"Helm":                           {secret("annotations: {meta.helm.sh/release-name: app}"), spec, nil, managed(`Helm release "app"`)},
		"Helm, by its label":             {secret("labels: {app.kubernetes.io/managed-by: Helm}"), spec, nil, managed("Helm")},
		"Reflector":                      {secret("annotations: {reflector.v1.k8s.emberstack.com/reflects: a/b}"), spec, nil, managed("Reflector")},
		"written by cert-manager":        {secret("annotations: {cert-manager.io/certificate-name: web, meta.helm.sh/release-name: app}"), spec, nil, nil},
		"nobody's":                       {secret("labels: {a: b}"), spec, nil, nil},
		"not there":                      {"apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n", spec, nil, nil},
		"may not be looked at":           {secret(eso), spec + "\nsecretName: unseen", func(s *ruletest.Scene) { s.World.SecretsKnown = false }, nil},
		"of some other owner":            {secret("ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: x, uid: u}]"), spec, nil, nil},
	})
}
