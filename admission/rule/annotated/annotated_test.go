package annotated

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/certificate"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func newCertManager(s *ruletest.Scene) { s.Env.Settings.CertManagerVersion = "v1.22.0" }

func TestAnnotated(t *testing.T) {
	t.Parallel()
	const about = "[ingress-annotation-value-invalid] metadata.annotations[cert-manager.io/"
	for name, test := range map[string]struct {
		rule, world, manifest string
		change                func(*ruletest.Scene)
		want                  []string
	}{
		// ingress-issuer-conflict
		"one issuer": {rule: "ingress-issuer-conflict", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+", cert-manager.io/issuer-kind: X, cert-manager.io/issuer-group: x.dev", ruletest.OneEntry)},
		"a ClusterIssuer with a kind and a group": {
			rule: "ingress-issuer-conflict", manifest: ruletest.Gateway("cert-manager.io/cluster-issuer: le, cert-manager.io/issuer-kind: ClusterIssuer, cert-manager.io/issuer-group: cert-manager.io", ruletest.HTTPSListener),
			want: []string{
				"[ingress-issuer-conflict] metadata.annotations: both cert-manager.io/issuer-group and cert-manager.io/cluster-issuer are set; no certificate will be created. Keep one",
				"[ingress-issuer-conflict] metadata.annotations: both cert-manager.io/issuer-kind and cert-manager.io/cluster-issuer are set; no certificate will be created. Keep one",
			},
		},
		"an issuer without a name": {
			rule: "ingress-issuer-conflict", manifest: ruletest.Ingress(`cert-manager.io/cluster-issuer: ""`, ruletest.OneEntry),
			want: []string{"[ingress-issuer-conflict] metadata.annotations[cert-manager.io/cluster-issuer]: empty; no certificate will be created. Write the name of an issuer"},
		},

		// ingress-annotation-value-invalid
		"a Go duration":        {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("duration", "2160h")},
		"weeks":                {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("duration", "12w"), want: []string{about + `duration]: "12w": is not a Go duration; use 2016h`}},
		"a number alone":       {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("renew-before", "30"), want: []string{about + `renew-before]: "30": is not a Go duration; use hours, minutes and seconds, like 2160h`}},
		"59 minutes":           {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("duration", "59m"), want: []string{about + `duration]: "59m": is shorter than 1h; cert-manager refuses it`}},
		"renewal from the day": {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("renew-before", "2160h"), want: []string{about + `renew-before]: "2160h": is not shorter than the duration 2160h; cert-manager refuses it`}},
		"renewal in time":      {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("renew-before", "2159h")},
		"a percentage sign":    {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("renew-before-percentage", "33%"), want: []string{about + `renew-before-percentage]: "33%": is not a whole number`}},
		"usages with spaces":   {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("usages", "server auth, client auth")},
		"a usage of OpenSSL's": {
			rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("usages", "server auth,serverAuth"),
			want: []string{about + `usages]: "server auth,serverAuth": "serverAuth" is not a usage; write "server auth", "digital signature" and the like, with commas between`},
		},
		"no history at all":    {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("revision-history-limit", "0"), want: []string{about + `revision-history-limit]: "0": is less than 1`}},
		"one revision":         {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("revision-history-limit", "1")},
		"an encoding":          {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("private-key-encoding", "pkcs8"), want: []string{about + `private-key-encoding]: "pkcs8": is not one of PKCS1, PKCS8 (case matters)`}},
		"a rotation policy":    {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("private-key-rotation-policy", "always"), want: []string{about + `private-key-rotation-policy]: "always": is not one of Never, Always (case matters)`}},
		"what is not JSON":     {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("secret-template", "labels"), want: []string{about + `secret-template]: "labels": not JSON of a secretTemplate (invalid character 'l' looking for beginning of value); write {"labels": {…}, "annotations": {…}}`}},
		"a reserved template":  {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("secret-template", `{"annotations":{"cert-manager.io/x":"y"}}`), want: []string{about + `secret-template]: "{\"annotations\":{\"cert-manager.io/x\":\"y\"}}": a secretTemplate must not have annotations under cert-manager.io/`}},
		"a template":           {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("secret-template", `{"labels":{"a":"b"}}`)},
		"a lone quote":         {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("subject-organizations", `a"b`), want: []string{about + `subject-organizations]: "a\"b": is not one line of comma-separated values; put quotes around a value with a comma or a quote`}},
		"names without spaces": {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("alt-names", "a.x.dev,b.x.dev")},
		"a space at an end":    {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("alt-names", "a.x.dev ,b.x.dev"), want: []string{about + `alt-names]: "a.x.dev ,b.x.dev": trailing space in "a.x.dev "; entries are not trimmed`}},
		"a comma at the end":   {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("alt-names", "a.x.dev,"), want: []string{about + `alt-names]: "a.x.dev,": has an empty entry; remove the comma`}},
		"a name as an address": {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("ip-sans", "10.0.0.1,x.dev"), want: []string{about + `ip-sans]: "10.0.0.1,x.dev": "x.dev" is not an IP address; cert-manager refuses it`}},
		"a named mailbox":      {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("email-sans", "A <a@x.dev>"), want: []string{about + `email-sans]: "A <a@x.dev>": "A <a@x.dev>" is not a bare e-mail address; cert-manager refuses it`}},
		"a long common name":   {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("common-name", strings.Repeat("a", 65)), want: []string{about + `common-name]: "` + strings.Repeat("a", 65) + `": 65 bytes long; cert-manager refuses more than 64`}},
		"spaces around addresses, which 1.22 takes away": {
			rule: "ingress-annotation-value-invalid", change: newCertManager,
			manifest: ruletest.Ingress(ruletest.IssuerAnnotation+`, cert-manager.io/ip-sans: "10.0.0.1, 10.0.0.2", cert-manager.io/email-sans: "a@x.dev ,b@x.dev"`, ruletest.OneEntry),
		},
		"a name as an address, in 1.22": {
			rule: "ingress-annotation-value-invalid", change: newCertManager, manifest: ruletest.Value("ip-sans", "10.0.0.1, x.dev"),
			want: []string{about + `ip-sans]: "10.0.0.1, x.dev": "x.dev" is not an IP address; cert-manager refuses it`},
		},
		"a space before a name, in 1.22 too": {
			rule: "ingress-annotation-value-invalid", change: newCertManager, manifest: ruletest.Value("alt-names", "a.x.dev, b.x.dev"),
			want: []string{about + `alt-names]: "a.x.dev, b.x.dev": leading space in " b.x.dev"; entries are not trimmed`},
		},
		"no mailbox": {
			rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("email-sans", ""),
			want: []string{about + `email-sans]: "": empty; cert-manager refuses it`},
		},
		"no mailbox, in 1.22":             {rule: "ingress-annotation-value-invalid", change: newCertManager, manifest: ruletest.Value("email-sans", "")},
		"64 bytes of a name":              {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("common-name", strings.Repeat("a", 64))},
		"a private key is another rule's": {rule: "ingress-annotation-value-invalid", manifest: ruletest.Value("private-key-size", "256")},

		// key-size-for-algorithm
		"an ECDSA key of 384 bits": {rule: "key-size-for-algorithm", manifest: ruletest.Gateway(ruletest.IssuerAnnotation+", cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/private-key-size: \"384\"", ruletest.HTTPSListener)},
		"an ECDSA key of 2048 bits": {
			rule: "key-size-for-algorithm", manifest: ruletest.Gateway(ruletest.IssuerAnnotation+", cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/private-key-size: \"2048\"", ruletest.HTTPSListener),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: "2048": is not an ECDSA size (ECDSA keys have 256, 384 or 521 bits); it is a size of RSA: set cert-manager.io/private-key-algorithm: RSA`},
		},
		"an algorithm in lower case": {
			rule: "key-size-for-algorithm", manifest: ruletest.Value("private-key-algorithm", "ecdsa"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-algorithm]: "ecdsa": is not one of RSA, ECDSA, Ed25519 (case matters). Write "ECDSA"`},
		},
		"a size that is no number": {
			rule: "key-size-for-algorithm", manifest: ruletest.Value("private-key-size", "2k"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: "2k": is not a number; RSA keys have 2048 to 8192 bits`},
		},
		"a size that no algorithm has": {
			rule: "key-size-for-algorithm", manifest: ruletest.Value("private-key-size", "1024"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: "1024": is not an RSA size (RSA keys have 2048 to 8192 bits); write 2048, 3072 or 4096`},
		},

		// ingress-annotation-unknown
		"annotations of others": {rule: "ingress-annotation-unknown", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+", nginx.ingress.kubernetes.io/rewrite-target: /, venafi.cert-manager.io/custom-fields: x", ruletest.OneEntry)},
		"the old prefix": {
			rule: "ingress-annotation-unknown", manifest: ruletest.Ingress("certmanager.k8s.io/cluster-issuer: le", ruletest.OneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[certmanager.k8s.io/cluster-issuer]: unknown and ignored; did you mean cert-manager.io/cluster-issuer?"},
		},
		"an underscore": {
			rule: "ingress-annotation-unknown", manifest: ruletest.Gateway("cert-manager.io/cluster_issuer: le", ruletest.HTTPSListener),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/cluster_issuer]: unknown and ignored; did you mean cert-manager.io/cluster-issuer?"},
		},
		"capitals": {
			rule: "ingress-annotation-unknown", manifest: ruletest.Ingress("Cert-Manager.io/issuer: le", ruletest.OneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[Cert-Manager.io/issuer]: unknown and ignored; did you mean cert-manager.io/issuer?"},
		},
		"a wrong prefix": {
			rule: "ingress-annotation-unknown", manifest: ruletest.Ingress("cert-manager.io/http01-edit-in-place: \"true\"", ruletest.OneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/http01-edit-in-place]: unknown and ignored; did you mean acme.cert-manager.io/http01-edit-in-place?"},
		},
		"nothing like it": {
			rule: "ingress-annotation-unknown", manifest: ruletest.Ingress("cert-manager.io/make-it-so: x", ruletest.OneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/make-it-so]: unknown and ignored"},
		},

		// ingress-annotation-ignored
		"edit in place":     {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "true"`, ruletest.OneEntry)},
		"not edit in place": {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "false"`, ruletest.OneEntry)},
		"edit in place with a capital": {
			rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "True"`, ruletest.OneEntry),
			want: []string{`[ingress-annotation-ignored] metadata.annotations[acme.cert-manager.io/http01-edit-in-place]: "True": is ignored; only the exact text "true" counts`},
		},
		"tls-acme with a default issuer":    {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(`kubernetes.io/tls-acme: "true"`, ruletest.OneEntry), change: withDefaultIssuer},
		"tls-acme with an issuer":           {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+`, kubernetes.io/tls-acme: "true"`, ruletest.OneEntry)},
		"tls-acme that asks for nothing":    {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(`kubernetes.io/tls-acme: "false"`, ruletest.OneEntry)},
		"tls-acme alone":                    {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(`kubernetes.io/tls-acme: "true"`, ruletest.OneEntry)},
		"tls-acme alone on a Gateway":       {rule: "ingress-annotation-ignored", manifest: ruletest.Gateway(`kubernetes.io/tls-acme: "true"`, ruletest.HTTPSListener)},
		"tls-acme on a Gateway":             {rule: "ingress-annotation-ignored", change: withDefaultIssuer, manifest: ruletest.Gateway(`kubernetes.io/tls-acme: "true"`, ruletest.HTTPSListener), want: []string{`[ingress-annotation-ignored] metadata.annotations[kubernetes.io/tls-acme]: "true": not read on Gateways; write cert-manager.io/issuer or cert-manager.io/cluster-issuer`}},
		"URIs on a Gateway":                 {rule: "ingress-annotation-ignored", manifest: ruletest.Gateway(ruletest.IssuerAnnotation+", cert-manager.io/uri-sans: \"x:y\"", ruletest.HTTPSListener), want: []string{`[ingress-annotation-ignored] metadata.annotations[cert-manager.io/uri-sans]: "x:y": not read on Gateways; create a Certificate instead`}},
		"listeners to ignore on an Ingress": {rule: "ingress-annotation-ignored", manifest: ruletest.Ingress(ruletest.IssuerAnnotation+", cert-manager.io/ignore-tls-listeners: x", ruletest.OneEntry), want: []string{`[ingress-annotation-ignored] metadata.annotations[cert-manager.io/ignore-tls-listeners]: "x": not read on Ingresses, which have no listeners`}},

		// ingress-tls-missing
		"an entry with all":                 {rule: "ingress-tls-missing", manifest: ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry)},
		"no issuer, no entry":               {rule: "ingress-tls-missing", manifest: ruletest.Ingress("", "{}")},
		"a default issuer, but no entry":    {rule: "ingress-tls-missing", manifest: ruletest.Ingress(`kubernetes.io/tls-acme: "true"`, ""), change: withDefaultIssuer, want: []string{"[ingress-tls-missing] spec.tls: empty, so no Certificate will be created; add hosts and secretName"}},
		"no hosts":                          {rule: "ingress-tls-missing", manifest: ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry+", {secretName: b}"), want: []string{"[ingress-tls-missing] spec.tls[1].hosts: empty, so this entry is skipped"}},
		"a listener with all":               {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, ruletest.HTTPSListener)},
		"a listener that passes through":    {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}")},
		"a listener that is to be ignored":  {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation+`, cert-manager.io/ignore-tls-listeners: "b, a"`, "{name: a, port: 443, protocol: HTTPS}")},
		"a listener without tls":            {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls: empty, so this listener is skipped"}},
		"a listener without a Secret":       {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {}}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls.certificateRefs: empty, so this listener is skipped"}},
		"a Secret of another namespace":     {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {certificateRefs: [{name: t, namespace: other}]}}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls.certificateRefs[0].namespace: cert-manager writes no Secret of another namespace, so this listener is skipped"}},
		"a reference to what is no Secret":  {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {certificateRefs: [{name: t, kind: ConfigMap}]}}"), want: []string{`[ingress-tls-missing] spec.listeners[0].tls.certificateRefs[0].kind: "ConfigMap" is not Secret, so this listener is skipped`}},
		"plain HTTP alone":                  {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 80, protocol: HTTP}"), want: []string{"[ingress-tls-missing] spec.listeners: no listener has the protocol HTTPS or TLS, so no Certificate will be created; add one with hostname and tls.certificateRefs"}},
		"an operator's own protocol of TLS": {rule: "ingress-tls-missing", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, "{name: a, port: 80, protocol: x.dev/own, tls: {}}")},

		// ingress-tls-secret-duplicate
		"two Secrets":                          {rule: "ingress-tls-secret-duplicate", manifest: ruletest.Ingress(ruletest.IssuerAnnotation, "{hosts: [a.x.dev], secretName: t}, {hosts: [b.x.dev], secretName: u}")},
		"one Secret twice, but no issuer":      {rule: "ingress-tls-secret-duplicate", manifest: ruletest.Ingress("", "{hosts: [a.x.dev], secretName: t}, {hosts: [b.x.dev], secretName: t}")},
		"one Secret of two listeners is right": {rule: "ingress-tls-secret-duplicate", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, ruletest.HTTPSListener+", "+strings.ReplaceAll(ruletest.HTTPSListener, "https", "more"))},
		"one Secret twice, beside another": {
			rule: "ingress-tls-secret-duplicate", manifest: ruletest.Ingress(ruletest.IssuerAnnotation, "{hosts: [a.x.dev], secretName: t}, {hosts: [c.x.dev], secretName: u}, {hosts: [b.x.dev], secretName: t}"),
			want: []string{`[ingress-tls-secret-duplicate] spec.tls[2].secretName: "t": is also the secretName of tls[0]; cert-manager skips both, and every other entry with them. Merge the hosts or rename`},
		},

		// ingress-existing-certificate
		"no Certificate yet":           {rule: "ingress-existing-certificate", manifest: ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry)},
		"a Certificate of its own":     {rule: "ingress-existing-certificate", world: ownedCertificate("web"), manifest: ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry)},
		"a Certificate, but no issuer": {rule: "ingress-existing-certificate", world: ownedCertificate("other"), manifest: ruletest.Ingress("", ruletest.OneEntry)},
		"a Certificate of another Ingress": {
			rule: "ingress-existing-certificate", world: ownedCertificate("other"), manifest: ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry),
			want: []string{`[ingress-existing-certificate] spec.tls[0].secretName: "web-tls": Ingress "other" has this secretName too and owns the Certificate; the hosts and the issuer of this Ingress never get into it. ` +
				`Use another secretName, or put all hosts into one object`},
		},
		"a Certificate of an Ingress, for a Gateway": {
			rule: "ingress-existing-certificate", world: ownedCertificate("web"), manifest: ruletest.Gateway(ruletest.IssuerAnnotation, ruletest.HTTPSListener),
			want: []string{`[ingress-existing-certificate] spec.listeners[0].tls.certificateRefs[0].name: "web-tls": Ingress "web" has this secretName too and owns the Certificate; the hosts and the issuer of this Gateway never get into it. ` +
				`Use another secretName, or put all hosts into one object`},
		},

		// rules about Certificates
		"a duplicate among hosts and names": {
			rule: "duplicate-dns-names", manifest: ruletest.Value("alt-names", "WWW.cert-lab.dev"),
			want: []string{`[duplicate-dns-names] metadata.annotations[cert-manager.io/alt-names]: "WWW.cert-lab.dev": is a duplicate of spec.tls[0].hosts[0]; some ACME servers fail with "Unexpected number of identifiers found in CSR". Remove it`},
		},
		"a listener's host is a duplicate only in another spelling": {
			rule: "duplicate-dns-names", manifest: ruletest.Gateway(ruletest.IssuerAnnotation, ruletest.HTTPSListener+", "+ruletest.HTTPSListener+", "+strings.Replace(ruletest.HTTPSListener, "hostname: www", "hostname: WWW", 1)),
			want: []string{`[duplicate-dns-names] spec.listeners[2].hostname: "WWW.cert-lab.dev": is a duplicate of spec.listeners[0].hostname; some ACME servers fail with "Unexpected number of identifiers found in CSR". Remove it`},
		},
		"a group with capitals": {
			rule: "issuer-group-unknown", manifest: ruletest.Gateway(ruletest.IssuerAnnotation+", cert-manager.io/issuer-group: Cert-Manager.io", ruletest.HTTPSListener),
			want: []string{`[issuer-group-unknown] metadata.annotations[cert-manager.io/issuer-group]: "Cert-Manager.io": API groups are lower case; cert-manager would treat this as an external issuer and never process it (not denied on a Gateway). Use "cert-manager.io" or leave group out`},
		},
		"a name that is not ASCII": {
			rule: "csr-cannot-be-built", manifest: ruletest.Value("alt-names", "a.dev,中文.cn"),
			want: []string{`[csr-cannot-be-built] metadata.annotations[cert-manager.io/alt-names]: "中文.cn": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing" without any event (not denied on an Ingress). Write the punycode form "xn--fiq228c.cn"`},
		},
		"a reserved label": {
			rule: "secret-template-reserved-label", manifest: ruletest.Value("secret-template", `{"labels":{"cert-manager.io/x":"y"}}`),
			want: []string{"[secret-template-reserved-label] metadata.annotations[cert-manager.io/secret-template].labels[cert-manager.io/x]: reserved for cert-manager; remove it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*ruletest.Scene)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			findings := ruletest.Review(t, annotatedRules(), test.world, test.manifest, changes...)
			ruletest.Want(t, test.rule, findings, test.want...)
			for _, f := range findings {
				if f.Severity != rule.Warn {
					t.Errorf("%s is denied: %s", test.manifest, f)
				}
			}
		})
	}
}

func withDefaultIssuer(s *ruletest.Scene) { s.Env.Settings.DefaultIssuer = true }

func ownedCertificate(name string) string {
	return fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: default
  ownerReferences: [{apiVersion: x/v1, kind: Ingress, name: %s, uid: u, controller: true}]
spec: {secretName: web-tls, issuerRef: {name: le}, dnsNames: [other.cert-lab.dev]}
`, name)
}

// TestHostileIngressIsReviewedWithinASecond counts the processor's time, which is the same on a busy machine. It does not run in
// parallel, so no other test's is in it.
func TestHostileIngressIsReviewedWithinASecond(t *testing.T) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("a%d.dev", i), fmt.Sprintf("中%d.dev", i))
	}
	o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", Annotations: map[string]string{
		"cert-manager.io/issuer": "le", "cert-manager.io/alt-names": strings.Join(names, ","),
	}}}
	for i := range 100 {
		o.Spec.TLS = append(o.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{fmt.Sprintf("h%d.dev", i)}, SecretName: fmt.Sprintf("t%d", i)})
	}
	before := ruletest.ProcessorTime(t)
	findings := ruletest.Judge(t, annotatedRules(), ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: o})
	took := ruletest.ProcessorTime(t) - before
	t.Logf("%d findings in %v", len(findings), took)
	if took > ruletest.Within {
		t.Errorf("the review took %v", took)
	}
}

// annotatedRules are also those about the Certificates that cert-manager would make.
func annotatedRules() []rule.Rule { return slices.Concat(certificate.Rules(), Rules()) }
