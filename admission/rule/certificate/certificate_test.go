package certificate

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestCertificateForItself(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule, spec string
		change     func(*ruletest.Scene)
		want       []string
	}{
		// csr-cannot-be-built
		"plain names make a CSR": {rule: "csr-cannot-be-built", spec: `dnsNames: [www.cert-lab.dev, "*.cert-lab.dev"]`},
		"each name that is not ASCII is named, the others are not": {
			rule: "csr-cannot-be-built", spec: `dnsNames: [www.cert-lab.dev, "bücher.cert-lab.dev", "*.中文.cn"]`,
			want: []string{
				`spec.dnsNames[1]: Invalid value: "bücher.cert-lab.dev": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing" without any event. Write the punycode form "xn--bcher-kva.cert-lab.dev". [csr-cannot-be-built]`,
				`spec.dnsNames[2]: Invalid value: "*.中文.cn": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing" without any event. Write the punycode form "*.xn--fiq228c.cn". [csr-cannot-be-built]`,
			},
		},
		"cert-manager 1.22 tells of it in an event": {
			rule: "csr-cannot-be-built", spec: `dnsNames: ["中文.cn"]`, change: ofCertManager("v1.22.0"),
			want: []string{`spec.dnsNames[0]: Invalid value: "中文.cn": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing". Write the punycode form "xn--fiq228c.cn". [csr-cannot-be-built]`},
		},
		"a mailbox that is not ASCII": {
			rule: "csr-cannot-be-built", spec: `emailAddresses: [a@x.dev, 用户@x.dev]`,
			want: []string{`spec.emailAddresses[1]: Invalid value: "用户@x.dev": cert-manager cannot build a CSR from this spec ("x509: \"用户@x.dev\" cannot be encoded as an IA5String") and would stay in "Issuing" without any event. Use an address with only ASCII characters before the @. [csr-cannot-be-built]`},
		},
		"what cert-manager says about a mailbox is not repeated":  {rule: "csr-cannot-be-built", spec: `emailAddresses: ["用户 <a@x.dev>", "no address"]`},
		"what cert-manager says about an address is not repeated": {rule: "csr-cannot-be-built", spec: `ipAddresses: [300.1.1.1]`},
		"no name at all is cert-manager's to refuse":              {rule: "csr-cannot-be-built", spec: `duration: 2160h`},
		"a usage that is none is cert-manager's to refuse":        {rule: "csr-cannot-be-built", spec: "dnsNames: [x.dev]\nusages: [nonsense]"},
		"a bad name beside an address that cert-manager refuses": {
			rule: "csr-cannot-be-built", spec: "dnsNames: [\"中文.cn\"]\nipAddresses: [300.1.1.1]",
			want: []string{`spec.dnsNames[0]: Invalid value: "中文.cn": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing" without any event. Write the punycode form "xn--fiq228c.cn". [csr-cannot-be-built]`},
		},
		"a URI with a bad escape": {
			rule: "csr-cannot-be-built", spec: `uris: ["spiffe://foo/%zz"]`,
			want: []string{`spec.uris[0]: Invalid value: "spiffe://foo/%zz": cert-manager cannot build a CSR from this spec ("invalid URL escape \"%zz\"") and would stay in "Issuing": its own webhook would refuse the CertificateRequest. Write a URI as RFC 3986 has it, in ASCII, and with "%" only before two hexadecimal digits. [csr-cannot-be-built]`},
		},
		"a URI whose host is no domain": {
			rule: "csr-cannot-be-built", spec: `uris: ["spiffe://a..b/x"]`,
			want: []string{`spec.uris[0]: Invalid value: "spiffe://a..b/x": cert-manager cannot build a CSR from this spec ("invalid domain") and would stay in "Issuing": its own webhook would refuse the CertificateRequest. Write a URI as RFC 3986 has it, in ASCII, and with "%" only before two hexadecimal digits. [csr-cannot-be-built]`},
		},
		"an object identifier that does not exist": {
			rule: "csr-cannot-be-built", spec: `otherNames: [{oid: 1.3.6.1.4.1.311.20.2.3, utf8Value: a@x}, {oid: 9.9.9, utf8Value: x}]`,
			want: []string{`spec.otherNames[1].oid: Invalid value: "9.9.9": cert-manager cannot build a CSR from this spec ("asn1: structure error: invalid object identifier") and would stay in "Issuing" without any event. Write an object identifier that exists, like "1.3.6.1.4.1.311.20.2.3". [csr-cannot-be-built]`},
		},
		"other names that cert-manager refuses are not broken":     {rule: "csr-cannot-be-built", spec: `otherNames: [{oid: upn, utf8Value: x}, {oid: 1.2.3}]`},
		"other names that cert-manager refuses are not mismatches": {rule: "csr-round-trip-mismatch", spec: `otherNames: [{oid: upn, utf8Value: x}, {oid: 1.2.3}]`},
		"an empty list of other names for a subject alone": {
			rule: "csr-round-trip-mismatch", spec: "commonName: a\notherNames: []",
			want: []string{`spec.otherNames: Invalid value: is not stored in the CSR as written, so cert-manager would re-create the CertificateRequest endlessly. [csr-round-trip-mismatch]`},
		},
		"a literal subject with an object identifier that does not exist": {
			rule: "csr-cannot-be-built", spec: `literalSubject: "9.9.9=x,CN=a"`,
			want: []string{`spec.literalSubject: Invalid value: "9.9.9=x,CN=a": cert-manager cannot build a CSR from this spec ("asn1: structure error: invalid object identifier") and would stay in "Issuing" without any event. Write it in another form. [csr-cannot-be-built]`},
		},
		"a literal subject that cert-manager refuses": {rule: "csr-cannot-be-built", spec: `literalSubject: "FOO=x,CN=a"`},
		"a range of version 6, excluded": {
			rule: "csr-cannot-be-built", spec: "isCA: true\ncommonName: ca\nnameConstraints: {excluded: {ipRanges: [10.0.0.0/8, \"2001:db8::\"]}}",
			want: []string{`spec.nameConstraints.excluded.ipRanges[1]: Invalid value: "2001:db8::": cert-manager cannot build a CSR from this spec ("invalid CIDR address: 2001:db8::") and would stay in "Issuing" without any event. Write "2001:db8::/32". [csr-cannot-be-built]`},
		},
		"cert-manager 1.22 looks into ranges itself": {
			rule: "csr-cannot-be-built", change: ofCertManager("v1.22.1"),
			spec: "isCA: true\ncommonName: ca\nnameConstraints: {permitted: {ipRanges: [10.0.0.0]}}",
		},
		"constraints without a CA are cert-manager's to refuse": {
			rule: "csr-cannot-be-built", spec: "commonName: ca\nnameConstraints: {permitted: {ipRanges: [10.0.0.0]}}",
		},
		"a constraint that is not ASCII": {
			rule: "csr-cannot-be-built", spec: "isCA: true\ncommonName: ca\nnameConstraints: {permitted: {dnsDomains: [\".中文.cn\"]}}",
			want: []string{`spec.nameConstraints.permitted.dnsDomains[0]: Invalid value: ".中文.cn": cert-manager cannot build a CSR from this spec ("x509: \".中文.cn\" cannot be encoded as an IA5String") and would stay in "Issuing" without any event. Write the punycode form ".xn--fiq228c.cn". [csr-cannot-be-built]`},
		},

		// csr-round-trip-mismatch
		"a URI in its usual form is stored as written": {rule: "csr-round-trip-mismatch", spec: `uris: ["spiffe://cluster.local/ns/a", "https://x.dev/?q=1#f"]`},
		"a URI with a space": {
			rule: "csr-round-trip-mismatch", spec: `uris: ["spiffe://ok/x", "spiffe://foo/a b"]`,
			want: []string{`spec.uris: Invalid value: "spiffe://foo/a b": is not stored in the CSR as written (it becomes "spiffe://foo/a%20b"), so cert-manager would re-create the CertificateRequest endlessly. Use "spiffe://foo/a%20b". [csr-round-trip-mismatch]`},
		},
		"a mismatch beside a name that cannot be built": {
			rule: "csr-round-trip-mismatch", spec: "uris: [\"SPIFFE://a/b\"]\ndnsNames: [\"中文.cn\"]",
			want: []string{`spec.uris: Invalid value: "SPIFFE://a/b": is not stored in the CSR as written (it becomes "spiffe://a/b"), so cert-manager would re-create the CertificateRequest endlessly. Use "spiffe://a/b". [csr-round-trip-mismatch]`},
		},
		"an object identifier with a leading zero": {
			rule: "csr-round-trip-mismatch", spec: `otherNames: [{oid: 1.3.06.1, utf8Value: x}]`,
			want: []string{`spec.otherNames[0].oid: Invalid value: "1.3.06.1": is not stored in the CSR as written, so cert-manager would re-create the CertificateRequest endlessly. [csr-round-trip-mismatch]`},
		},

		// key-size-for-algorithm
		"RSA of 2048 bits is the least": {rule: "key-size-for-algorithm", spec: keySpec("RSA", 2048)},
		"RSA of 8192 bits is the most":  {rule: "key-size-for-algorithm", spec: keySpec("RSA", 8192)},
		"RSA of an odd size":            {rule: "key-size-for-algorithm", spec: keySpec("RSA", 2049)},
		"RSA below the least": {
			rule: "key-size-for-algorithm", spec: keySpec("RSA", 2047),
			want: []string{`spec.privateKey.size: Unsupported value: 2047: RSA keys have 2048 to 8192 bits. Write 2048, 3072 or 4096. [key-size-for-algorithm]`},
		},
		"RSA above the most": {
			rule: "key-size-for-algorithm", spec: keySpec("RSA", 8193),
			want: []string{`spec.privateKey.size: Unsupported value: 8193: RSA keys have 2048 to 8192 bits. Write 2048, 3072 or 4096. [key-size-for-algorithm]`},
		},
		"a negative size, which cert-manager lets through": {
			rule: "key-size-for-algorithm", spec: keySpec("ECDSA", -1),
			want: []string{`spec.privateKey.size: Unsupported value: -1: ECDSA keys have 256, 384 or 521 bits. Write 256, 384 or 521. [key-size-for-algorithm]`},
		},
		"RSA with a size of ECDSA": {
			rule: "key-size-for-algorithm", spec: keySpec("RSA", 384),
			want: []string{`spec.privateKey.size: Unsupported value: 384: RSA keys have 2048 to 8192 bits. 384 is an ECDSA size: write algorithm: ECDSA, or an RSA size. [key-size-for-algorithm]`},
		},
		"ECDSA of 256 bits": {rule: "key-size-for-algorithm", spec: keySpec("ECDSA", 256)},
		"ECDSA of 384 bits": {rule: "key-size-for-algorithm", spec: keySpec("ECDSA", 384)},
		"ECDSA of 521 bits": {rule: "key-size-for-algorithm", spec: keySpec("ECDSA", 521)},
		"ECDSA of 512 bits": {
			rule: "key-size-for-algorithm", spec: keySpec("ECDSA", 512),
			want: []string{`spec.privateKey.size: Unsupported value: 512: ECDSA keys have 256, 384 or 521 bits. Write 256, 384 or 521. [key-size-for-algorithm]`},
		},
		"ECDSA without a size":   {rule: "key-size-for-algorithm", spec: keySpec("ECDSA", 0)},
		"Ed25519 without a size": {rule: "key-size-for-algorithm", spec: keySpec("Ed25519", 0)},
		"Ed25519 with a size": {
			rule: "key-size-for-algorithm", spec: keySpec("Ed25519", 256),
			want: []string{`[key-size-for-algorithm] spec.privateKey.size: 256: is ignored: Ed25519 keys have one size. Remove it`},
		},
		"Ed25519 in lower case, with a size": {
			rule: "key-size-for-algorithm", spec: keySpec("ed25519", 256),
			want: []string{`spec.privateKey.algorithm: Unsupported value: "ed25519": is not one of RSA, ECDSA, Ed25519 (case matters). Write "Ed25519". [key-size-for-algorithm]`},
		},
		"EC for ECDSA": {
			rule: "key-size-for-algorithm", spec: keySpec("EC", 256),
			want: []string{`spec.privateKey.algorithm: Unsupported value: "EC": is not one of RSA, ECDSA, Ed25519 (case matters). Write "ECDSA". [key-size-for-algorithm]`},
		},
		"no private key settings": {rule: "key-size-for-algorithm", spec: `dnsNames: [x.dev]`},

		// renewal-window-zero
		"a window of a second": {rule: "renewal-window-zero", spec: windowSpec("0 0 * * *", "1s")},
		"the second of two windows has no length": {
			rule: "renewal-window-zero",
			spec: "dnsNames: [x.dev]\nrenewal: {policy: RenewBefore, windows: [{cron: \"0 0 * * *\", windowDuration: 1h}, {cron: \"0 1 * * *\", windowDuration: 0h}]}",
			want: []string{`spec.renewal.windows[1].windowDuration: Invalid value: "0s": must be greater than 0; cert-manager 1.21 accepts 0s and its controller then crashes on every reconcile (cert-manager#9100). [renewal-window-zero]`},
		},
		"a window without a length is cert-manager's to refuse": {rule: "renewal-window-zero", spec: "dnsNames: [x.dev]\nrenewal: {policy: RenewBefore, windows: [{cron: \"0 0 * * *\"}]}"},
		"windows of a disabled renewal are cert-manager's to refuse": {
			rule: "renewal-window-zero",
			spec: "dnsNames: [x.dev]\nrenewal: {policy: Disabled, windows: [{cron: \"0 0 * * *\", windowDuration: 0s}]}",
		},
		"cert-manager 1.22 refuses windows without length itself": {
			rule: "renewal-window-zero", change: ofCertManager("v1.22.0-beta.0"), spec: windowSpec("0 0 * * *", "0s"),
		},
		"without a version cert-manager is as it is today": {
			rule: "renewal-window-zero", change: ofCertManager(""), spec: windowSpec("0 0 * * *", "0s"),
			want: []string{`spec.renewal.windows[0].windowDuration: Invalid value: "0s": must be greater than 0; cert-manager 1.21 accepts 0s and its controller then crashes on every reconcile (cert-manager#9100). [renewal-window-zero]`},
		},

		// renewal-window-never-opens
		"a window each night opens": {rule: "renewal-window-never-opens", spec: windowSpec("0 3 * * *", "1h")},
		"a window at New Year for a certificate that ends before it": {
			rule: "renewal-window-never-opens", spec: windowSpec("0 0 1 1 *", "1h"),
			want: []string{`[renewal-window-never-opens] spec.renewal.windows[0].cron: "0 0 1 1 *": does not open between the renewal time and the end of a certificate of 2160h; the certificate will be issued but not renewed (Ready=False, WindowError)`},
		},
		"a window at New Year for a certificate of a year": {rule: "renewal-window-never-opens", spec: windowSpec("0 0 1 9 *", "1h") + "\nduration: 8760h"},
		"one of two windows opens": {
			rule: "renewal-window-never-opens",
			spec: "dnsNames: [x.dev]\nrenewal: {policy: RenewBefore, windows: [{cron: \"0 0 30 2 *\", windowDuration: 1h}, {cron: \"0 1 * * *\", windowDuration: 1h}]}",
		},
		"a schedule that is none is cert-manager's to refuse":  {rule: "renewal-window-never-opens", spec: windowSpec("whenever", "1h")},
		"a time zone that is none is cert-manager's to refuse": {rule: "renewal-window-never-opens", spec: "dnsNames: [x.dev]\nrenewal: {policy: RenewBefore, windows: [{cron: \"0 0 30 2 *\", windowDuration: 1h, timezone: Moon/Sea}]}"},
		"without a time nothing is said": {
			rule: "renewal-window-never-opens", spec: windowSpec("0 0 30 2 *", "1h"), change: func(s *ruletest.Scene) { s.Env.Settings.Now = time.Time{} },
		},

		// renew-percentage-ignored
		"1 per cent":  {rule: "renew-percentage-ignored", spec: "dnsNames: [x.dev]\nrenewBeforePercentage: 1"},
		"99 per cent": {rule: "renew-percentage-ignored", spec: "dnsNames: [x.dev]\nrenewBeforePercentage: 99"},
		"0 per cent": {
			rule: "renew-percentage-ignored", spec: "dnsNames: [x.dev]\nrenewBeforePercentage: 0",
			want: []string{`[renew-percentage-ignored] spec.renewBeforePercentage: 0: is outside 1-99 and is ignored; renewal falls back to 1/3 of the lifetime before expiry`},
		},
		"100 per cent": {
			rule: "renew-percentage-ignored", spec: "dnsNames: [x.dev]\nrenewBeforePercentage: 100",
			want: []string{`[renew-percentage-ignored] spec.renewBeforePercentage: 100: is outside 1-99 and is ignored; renewal falls back to 1/3 of the lifetime before expiry`},
		},
		"next to a duration it is cert-manager's to refuse": {rule: "renew-percentage-ignored", spec: "dnsNames: [x.dev]\nduration: 100h\nrenewBeforePercentage: 150"},

		// duplicate-dns-names
		"different names": {rule: "duplicate-dns-names", spec: `dnsNames: [a.x.dev, b.x.dev, "*.x.dev"]`},
		"a dot at the end makes no difference": {
			rule: "duplicate-dns-names", spec: `dnsNames: [b.x.dev, a.x.dev, a.x.dev.]`,
			want: []string{`[duplicate-dns-names] spec.dnsNames[2]: "a.x.dev.": is a duplicate of spec.dnsNames[1]; some ACME servers fail with "Unexpected number of identifiers found in CSR". Remove it`},
		},

		// issuer-group-unknown
		"cert-manager's group":   {rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, group: cert-manager.io}"},
		"no group":               {rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]"},
		"another group, unknown": {rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, kind: AWSPCAIssuer, group: awspca.cert-manager.io}"},
		"another group in capitals": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, kind: AWSPCAIssuer, group: AWSPCA.cert-manager.io}",
			want: []string{`spec.issuerRef.group: Invalid value: "AWSPCA.cert-manager.io": API groups are lower case; cert-manager would treat this as an external issuer and never process it. Use "awspca.cert-manager.io", or leave group out for an issuer of cert-manager's. [issuer-group-unknown]`},
		},
		"the group before version 0.11": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, group: certmanager.k8s.io}",
			want: []string{`spec.issuerRef.group: Invalid value: "certmanager.k8s.io": was cert-manager's API group before version 0.11; cert-manager would treat this as an external issuer and never process it. Use "cert-manager.io" or leave group out. [issuer-group-unknown]`},
		},
		"a version with the group": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, group: cert-manager.io/v1}",
			want: []string{`spec.issuerRef.group: Invalid value: "cert-manager.io/v1": an API group has no version and no "/"; cert-manager would treat this as an external issuer and never process it. Use "cert-manager.io" or leave group out. [issuer-group-unknown]`},
		},
		"a space in the group": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, group: \"cert-manager.io \"}",
			want: []string{`spec.issuerRef.group: Invalid value: "cert-manager.io ": an API group is a domain name in lower case; cert-manager would treat this as an external issuer and never process it. Use "cert-manager.io" or leave group out. [issuer-group-unknown]`},
		},
		"a slip of the pen": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, group: certmanager.io}",
			want: []string{`[issuer-group-unknown] spec.issuerRef.group: "certmanager.io": is not cert-manager's group, so cert-manager would treat this as an external issuer; did you mean "cert-manager.io"?`},
		},
		"an external issuer that is installed": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, kind: StepIssuer, group: certmanager.step.sm}",
			change: func(s *ruletest.Scene) { addKind(s, "certmanager.step.sm", "StepIssuer") },
		},
		"an external issuer that is not installed": {
			rule: "issuer-group-unknown", spec: "dnsNames: [x.dev]\nissuerRef: {name: le, kind: StepIssuer, group: certmanager.step.sm}",
			change: func(s *ruletest.Scene) { addKind(s, "certmanager.step.sm", "StepClusterIssuer") },
			want:   []string{`[issuer-group-unknown] spec.issuerRef.group: "certmanager.step.sm": no CustomResourceDefinition serves StepIssuer in this group; install the external issuer`},
		},

		// keystore-password-key-missing
		"a password's key": {rule: "keystore-password-key-missing", spec: "dnsNames: [x.dev]\nkeystores: {jks: {create: true, passwordSecretRef: {name: pw, key: k}}}"},
		"no password's key for JKS": {
			rule: "keystore-password-key-missing", spec: "dnsNames: [x.dev]\nkeystores: {jks: {create: true, passwordSecretRef: {name: pw}}}",
			want: []string{`spec.keystores.jks.passwordSecretRef.key: Required value: cert-manager has no default here and would fail after issuance (JKS keystore password Secret contains no data for key ""). [keystore-password-key-missing]`},
		},
		"a keystore that is not made":                    {rule: "keystore-password-key-missing", spec: "dnsNames: [x.dev]\nkeystores: {jks: {create: false, passwordSecretRef: {name: pw}}}"},
		"no password at all is cert-manager's to refuse": {rule: "keystore-password-key-missing", spec: "dnsNames: [x.dev]\nkeystores: {pkcs12: {create: true}}"},
		"a password of each sort is cert-manager's to refuse": {
			rule: "keystore-password-key-missing", spec: "dnsNames: [x.dev]\nkeystores: {pkcs12: {create: true, password: x, passwordSecretRef: {name: pw}}}",
		},

		// usage-without-ca
		"a CA may sign certificates": {rule: "usage-without-ca", spec: "commonName: ca\nisCA: true\nusages: [cert sign, crl sign]"},
		"a leaf may not sign revocation lists": {
			rule: "usage-without-ca", spec: "dnsNames: [x.dev]\nusages: [server auth, crl sign]",
			want: []string{`[usage-without-ca] spec.usages[1]: "crl sign": without isCA: true gives a leaf certificate that many verifiers reject`},
		},

		// name-constraint-wildcard
		"a constraint without a wildcard": {rule: "name-constraint-wildcard", spec: "commonName: ca\nisCA: true\nnameConstraints: {permitted: {dnsDomains: [x.dev, .y.dev]}}"},
		"an excluded wildcard": {
			rule: "name-constraint-wildcard", spec: "commonName: ca\nisCA: true\nnameConstraints: {excluded: {dnsDomains: [x.dev, \"*.y.dev\"]}}",
			want: []string{`[name-constraint-wildcard] spec.nameConstraints.excluded.dnsDomains[1]: "*.y.dev": is not valid constraint syntax; "y.dev" already covers every subdomain`},
		},

		// secret-template-reserved-label
		"a label of one's own": {rule: "secret-template-reserved-label", spec: "dnsNames: [x.dev]\nsecretTemplate: {labels: {app: web, x.cert-manager.io/y: z}}"},
		"a label of cert-manager's": {
			rule: "secret-template-reserved-label", spec: "dnsNames: [x.dev]\nsecretTemplate: {labels: {cert-manager.io/next-private-key: \"true\"}}",
			want: []string{`[secret-template-reserved-label] spec.secretTemplate.labels[cert-manager.io/next-private-key]: reserved for cert-manager; remove it`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*ruletest.Scene)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			ruletest.Want(t, test.rule, ruletest.Review(t, Rules(), "", ruletest.Certificate(test.spec), changes...), test.want...)
		})
	}
}

func ofCertManager(v string) func(*ruletest.Scene) {
	return func(s *ruletest.Scene) { s.Env.Settings.CertManagerVersion = v }
}

func keySpec(algorithm string, size int) string {
	return fmt.Sprintf("dnsNames: [x.dev]\nprivateKey: {algorithm: %s, size: %d}", algorithm, size)
}

func windowSpec(cron, length string) string {
	return fmt.Sprintf("dnsNames: [x.dev]\nrenewal: {policy: RenewBefore, windows: [{cron: %q, windowDuration: %s}]}", cron, length)
}

func TestWhatWasWrongBeforeIsNotDenied(t *testing.T) {
	t.Parallel()
	before := ruletest.Certificate(keySpec("ECDSA", 2048))
	after := ruletest.Certificate("dnsNames: [x.dev, y.dev]\nprivateKey: {algorithm: ECDSA, size: 2048}")
	ruletest.Want(t, "key-size-for-algorithm", ruletest.Update(t, Rules(), "", before, after),
		`[key-size-for-algorithm] spec.privateKey.size: 2048: ECDSA keys have 256, 384 or 521 bits (already present, so not denied). 2048 is an RSA size: write algorithm: RSA, or an ECDSA size`)
	worse := ruletest.Certificate(keySpec("ECDSA", 4096))
	ruletest.Want(t, "key-size-for-algorithm", ruletest.Update(t, Rules(), "", before, worse),
		`spec.privateKey.size: Unsupported value: 4096: ECDSA keys have 256, 384 or 521 bits. 4096 is an RSA size: write algorithm: RSA, or an ECDSA size. [key-size-for-algorithm]`)
}

// addKind makes it known which kinds there are, and that this is one.
func addKind(s *ruletest.Scene, group, kind string) {
	s.World.KindsKnown = true
	s.World.AddKind(schema.GroupKind{Group: group, Kind: kind})
}
