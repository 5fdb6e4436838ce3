package rule

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ingress is a manifest with these annotations, in YAML's flow form, and these entries of spec.tls.
func ingress(annotations, tls string) string {
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: default, annotations: {%s}}\nspec: {tls: [%s]}\n",
		annotations, tls)
}

// gateway is one with these listeners.
func gateway(annotations, listeners string) string {
	return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web, namespace: default, annotations: {%s}}\nspec: {gatewayClassName: public, listeners: [%s]}\n",
		annotations, listeners)
}

const (
	issuerAnnotation = "cert-manager.io/issuer: le"
	oneEntry         = "{hosts: [www.cert-lab.dev], secretName: web-tls}"
	httpsListener    = "{name: https, port: 443, protocol: HTTPS, hostname: www.cert-lab.dev, tls: {certificateRefs: [{name: web-tls}]}}"
)

func value(name, text string) string {
	return ingress(fmt.Sprintf("%s, cert-manager.io/%s: %q", issuerAnnotation, name, text), oneEntry)
}

func TestAnnotated(t *testing.T) {
	t.Parallel()
	const about = "[ingress-annotation-value-invalid] metadata.annotations[cert-manager.io/"
	for name, test := range map[string]struct {
		rule, world, manifest string
		change                func(*scene)
		want                  []string
	}{
		// ingress-issuer-conflict
		"one issuer": {rule: "ingress-issuer-conflict", manifest: ingress(issuerAnnotation+", cert-manager.io/issuer-kind: X, cert-manager.io/issuer-group: x.dev", oneEntry)},
		"a ClusterIssuer with a kind and a group": {
			rule: "ingress-issuer-conflict", manifest: gateway("cert-manager.io/cluster-issuer: le, cert-manager.io/issuer-kind: ClusterIssuer, cert-manager.io/issuer-group: cert-manager.io", httpsListener),
			want: []string{
				"[ingress-issuer-conflict] metadata.annotations: both cert-manager.io/issuer-group and cert-manager.io/cluster-issuer are set; no certificate will be created. Keep one",
				"[ingress-issuer-conflict] metadata.annotations: both cert-manager.io/issuer-kind and cert-manager.io/cluster-issuer are set; no certificate will be created. Keep one",
			},
		},
		"an issuer without a name": {
			rule: "ingress-issuer-conflict", manifest: ingress(`cert-manager.io/cluster-issuer: ""`, oneEntry),
			want: []string{"[ingress-issuer-conflict] metadata.annotations[cert-manager.io/cluster-issuer]: empty; no certificate will be created. Write the name of an issuer"},
		},

		// ingress-annotation-value-invalid
		"a Go duration":        {rule: "ingress-annotation-value-invalid", manifest: value("duration", "2160h")},
		"weeks":                {rule: "ingress-annotation-value-invalid", manifest: value("duration", "12w"), want: []string{about + `duration]: "12w" is not a Go duration; use 2016h`}},
		"a number alone":       {rule: "ingress-annotation-value-invalid", manifest: value("renew-before", "30"), want: []string{about + `renew-before]: "30" is not a Go duration; use hours, minutes and seconds, like 2160h`}},
		"59 minutes":           {rule: "ingress-annotation-value-invalid", manifest: value("duration", "59m"), want: []string{about + `duration]: 59m is shorter than 1h; cert-manager's webhook refuses the Certificate`}},
		"renewal from the day": {rule: "ingress-annotation-value-invalid", manifest: value("renew-before", "2160h"), want: []string{about + `renew-before]: 2160h is not shorter than the duration 2160h; cert-manager's webhook refuses the Certificate`}},
		"renewal in time":      {rule: "ingress-annotation-value-invalid", manifest: value("renew-before", "2159h")},
		"a percentage sign":    {rule: "ingress-annotation-value-invalid", manifest: value("renew-before-percentage", "33%"), want: []string{about + `renew-before-percentage]: "33%" is not a whole number`}},
		"usages with spaces":   {rule: "ingress-annotation-value-invalid", manifest: value("usages", "server auth, client auth")},
		"a usage of OpenSSL's": {
			rule: "ingress-annotation-value-invalid", manifest: value("usages", "server auth,serverAuth"),
			want: []string{about + `usages]: "serverAuth" is not a usage; write "server auth", "digital signature" and the like, with commas between`},
		},
		"no history at all":               {rule: "ingress-annotation-value-invalid", manifest: value("revision-history-limit", "0"), want: []string{about + `revision-history-limit]: 0 is less than 1`}},
		"one revision":                    {rule: "ingress-annotation-value-invalid", manifest: value("revision-history-limit", "1")},
		"an encoding":                     {rule: "ingress-annotation-value-invalid", manifest: value("private-key-encoding", "pkcs8"), want: []string{about + `private-key-encoding]: "pkcs8" is not one of PKCS1, PKCS8 (case matters)`}},
		"a rotation policy":               {rule: "ingress-annotation-value-invalid", manifest: value("private-key-rotation-policy", "always"), want: []string{about + `private-key-rotation-policy]: "always" is not one of Never, Always (case matters)`}},
		"what is not JSON":                {rule: "ingress-annotation-value-invalid", manifest: value("secret-template", "labels"), want: []string{about + `secret-template]: not JSON of a secretTemplate (invalid character 'l' looking for beginning of value); write {"labels": {…}, "annotations": {…}}`}},
		"a reserved template":             {rule: "ingress-annotation-value-invalid", manifest: value("secret-template", `{"annotations":{"cert-manager.io/x":"y"}}`), want: []string{about + `secret-template]: a secretTemplate must not have annotations under cert-manager.io/`}},
		"a template":                      {rule: "ingress-annotation-value-invalid", manifest: value("secret-template", `{"labels":{"a":"b"}}`)},
		"a lone quote":                    {rule: "ingress-annotation-value-invalid", manifest: value("subject-organizations", `a"b`), want: []string{about + `subject-organizations]: "a\"b" is not one line of comma-separated values; put quotes around a value with a comma or a quote`}},
		"names without spaces":            {rule: "ingress-annotation-value-invalid", manifest: value("alt-names", "a.x.dev,b.x.dev")},
		"a space at an end":               {rule: "ingress-annotation-value-invalid", manifest: value("alt-names", "a.x.dev ,b.x.dev"), want: []string{about + `alt-names]: trailing space in "a.x.dev "; entries are not trimmed`}},
		"a comma at the end":              {rule: "ingress-annotation-value-invalid", manifest: value("alt-names", "a.x.dev,"), want: []string{about + `alt-names]: empty entry in "a.x.dev,"; remove the comma`}},
		"a name as an address":            {rule: "ingress-annotation-value-invalid", manifest: value("ip-sans", "10.0.0.1,x.dev"), want: []string{about + `ip-sans]: "x.dev" is not an IP address; cert-manager's webhook refuses the Certificate`}},
		"a named mailbox":                 {rule: "ingress-annotation-value-invalid", manifest: value("email-sans", "A <a@x.dev>"), want: []string{about + `email-sans]: "A <a@x.dev>" is not a bare e-mail address; cert-manager's webhook refuses the Certificate`}},
		"a long common name":              {rule: "ingress-annotation-value-invalid", manifest: value("common-name", strings.Repeat("a", 65)), want: []string{about + `common-name]: 65 bytes long; cert-manager's webhook refuses a common name of more than 64`}},
		"64 bytes of a name":              {rule: "ingress-annotation-value-invalid", manifest: value("common-name", strings.Repeat("a", 64))},
		"a private key is another rule's": {rule: "ingress-annotation-value-invalid", manifest: value("private-key-size", "256")},

		// key-size-for-algorithm
		"an ECDSA key of 384 bits": {rule: "key-size-for-algorithm", manifest: gateway(issuerAnnotation+", cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/private-key-size: \"384\"", httpsListener)},
		"an ECDSA key of 2048 bits": {
			rule: "key-size-for-algorithm", manifest: gateway(issuerAnnotation+", cert-manager.io/private-key-algorithm: ECDSA, cert-manager.io/private-key-size: \"2048\"", httpsListener),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: 2048 is not an ECDSA size (ECDSA keys have 256, 384 or 521 bits); it is a size of RSA: set cert-manager.io/private-key-algorithm: RSA`},
		},
		"an algorithm in lower case": {
			rule: "key-size-for-algorithm", manifest: value("private-key-algorithm", "ecdsa"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-algorithm]: "ecdsa" is not one of RSA, ECDSA, Ed25519 (case matters). Write "ECDSA"`},
		},
		"a size that is no number": {
			rule: "key-size-for-algorithm", manifest: value("private-key-size", "2k"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: "2k" is not a number; RSA keys have 2048 to 8192 bits`},
		},
		"a size that no algorithm has": {
			rule: "key-size-for-algorithm", manifest: value("private-key-size", "1024"),
			want: []string{`[key-size-for-algorithm] metadata.annotations[cert-manager.io/private-key-size]: 1024 is not an RSA size (RSA keys have 2048 to 8192 bits); write 2048, 3072 or 4096`},
		},

		// ingress-annotation-unknown
		"annotations of others": {rule: "ingress-annotation-unknown", manifest: ingress(issuerAnnotation+", nginx.ingress.kubernetes.io/rewrite-target: /, venafi.cert-manager.io/custom-fields: x", oneEntry)},
		"the old prefix": {
			rule: "ingress-annotation-unknown", manifest: ingress("certmanager.k8s.io/cluster-issuer: le", oneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[certmanager.k8s.io/cluster-issuer]: unknown and ignored; did you mean cert-manager.io/cluster-issuer?"},
		},
		"an underscore": {
			rule: "ingress-annotation-unknown", manifest: gateway("cert-manager.io/cluster_issuer: le", httpsListener),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/cluster_issuer]: unknown and ignored; did you mean cert-manager.io/cluster-issuer?"},
		},
		"capitals": {
			rule: "ingress-annotation-unknown", manifest: ingress("Cert-Manager.io/issuer: le", oneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[Cert-Manager.io/issuer]: unknown and ignored; did you mean cert-manager.io/issuer?"},
		},
		"a wrong prefix": {
			rule: "ingress-annotation-unknown", manifest: ingress("cert-manager.io/http01-edit-in-place: \"true\"", oneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/http01-edit-in-place]: unknown and ignored; did you mean acme.cert-manager.io/http01-edit-in-place?"},
		},
		"nothing like it": {
			rule: "ingress-annotation-unknown", manifest: ingress("cert-manager.io/make-it-so: x", oneEntry),
			want: []string{"[ingress-annotation-unknown] metadata.annotations[cert-manager.io/make-it-so]: unknown and ignored"},
		},

		// ingress-annotation-ignored
		"edit in place":     {rule: "ingress-annotation-ignored", manifest: ingress(issuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "true"`, oneEntry)},
		"not edit in place": {rule: "ingress-annotation-ignored", manifest: ingress(issuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "false"`, oneEntry)},
		"edit in place with a capital": {
			rule: "ingress-annotation-ignored", manifest: ingress(issuerAnnotation+`, acme.cert-manager.io/http01-edit-in-place: "True"`, oneEntry),
			want: []string{`[ingress-annotation-ignored] metadata.annotations[acme.cert-manager.io/http01-edit-in-place]: "True" is ignored; only the exact text "true" counts`},
		},
		"tls-acme with a default issuer":    {rule: "ingress-annotation-ignored", manifest: ingress(`kubernetes.io/tls-acme: "true"`, oneEntry), change: withDefaultIssuer},
		"tls-acme with an issuer":           {rule: "ingress-annotation-ignored", manifest: ingress(issuerAnnotation+`, kubernetes.io/tls-acme: "true"`, oneEntry)},
		"tls-acme that asks for nothing":    {rule: "ingress-annotation-ignored", manifest: ingress(`kubernetes.io/tls-acme: "false"`, oneEntry)},
		"tls-acme on a Gateway":             {rule: "ingress-annotation-ignored", manifest: gateway(`kubernetes.io/tls-acme: "true"`, httpsListener), want: []string{"[ingress-annotation-ignored] metadata.annotations[kubernetes.io/tls-acme]: not read on Gateways; write cert-manager.io/issuer or cert-manager.io/cluster-issuer"}},
		"URIs on a Gateway":                 {rule: "ingress-annotation-ignored", manifest: gateway(issuerAnnotation+", cert-manager.io/uri-sans: \"x:y\"", httpsListener), want: []string{"[ingress-annotation-ignored] metadata.annotations[cert-manager.io/uri-sans]: not read on Gateways; create a Certificate instead"}},
		"listeners to ignore on an Ingress": {rule: "ingress-annotation-ignored", manifest: ingress(issuerAnnotation+", cert-manager.io/ignore-tls-listeners: x", oneEntry), want: []string{"[ingress-annotation-ignored] metadata.annotations[cert-manager.io/ignore-tls-listeners]: not read on Ingresses, which have no listeners"}},

		// ingress-tls-missing
		"an entry with all":                 {rule: "ingress-tls-missing", manifest: ingress(issuerAnnotation, oneEntry)},
		"no issuer, no entry":               {rule: "ingress-tls-missing", manifest: ingress("", "{}")},
		"a default issuer, but no entry":    {rule: "ingress-tls-missing", manifest: ingress(`kubernetes.io/tls-acme: "true"`, ""), change: withDefaultIssuer, want: []string{"[ingress-tls-missing] spec.tls: empty, so no Certificate will be created; add hosts and secretName"}},
		"no hosts":                          {rule: "ingress-tls-missing", manifest: ingress(issuerAnnotation, oneEntry+", {secretName: b}"), want: []string{"[ingress-tls-missing] spec.tls[1].hosts: empty, so this entry is skipped"}},
		"a listener with all":               {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, httpsListener)},
		"a listener that passes through":    {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 443, protocol: TLS, tls: {mode: Passthrough}}")},
		"a listener that is to be ignored":  {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation+`, cert-manager.io/ignore-tls-listeners: "b, a"`, "{name: a, port: 443, protocol: HTTPS}")},
		"a listener without tls":            {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls: empty, so this listener is skipped"}},
		"a listener without a Secret":       {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {}}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls.certificateRefs: empty, so this listener is skipped"}},
		"a Secret of another namespace":     {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {certificateRefs: [{name: t, namespace: other}]}}"), want: []string{"[ingress-tls-missing] spec.listeners[0].tls.certificateRefs[0].namespace: cert-manager writes no Secret of another namespace, so this listener is skipped"}},
		"a reference to what is no Secret":  {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 443, protocol: HTTPS, hostname: x.dev, tls: {certificateRefs: [{name: t, kind: ConfigMap}]}}"), want: []string{`[ingress-tls-missing] spec.listeners[0].tls.certificateRefs[0].kind: "ConfigMap" is not Secret, so this listener is skipped`}},
		"plain HTTP alone":                  {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 80, protocol: HTTP}"), want: []string{"[ingress-tls-missing] spec.listeners: no listener has the protocol HTTPS or TLS, so no Certificate will be created; add one with hostname and tls.certificateRefs"}},
		"an operator's own protocol of TLS": {rule: "ingress-tls-missing", manifest: gateway(issuerAnnotation, "{name: a, port: 80, protocol: x.dev/own, tls: {}}")},

		// ingress-tls-secret-duplicate
		"two Secrets":                          {rule: "ingress-tls-secret-duplicate", manifest: ingress(issuerAnnotation, "{hosts: [a.x.dev], secretName: t}, {hosts: [b.x.dev], secretName: u}")},
		"one Secret twice, but no issuer":      {rule: "ingress-tls-secret-duplicate", manifest: ingress("", "{hosts: [a.x.dev], secretName: t}, {hosts: [b.x.dev], secretName: t}")},
		"one Secret of two listeners is right": {rule: "ingress-tls-secret-duplicate", manifest: gateway(issuerAnnotation, httpsListener+", "+strings.ReplaceAll(httpsListener, "https", "more"))},
		"one Secret twice, beside another": {
			rule: "ingress-tls-secret-duplicate", manifest: ingress(issuerAnnotation, "{hosts: [a.x.dev], secretName: t}, {hosts: [c.x.dev], secretName: u}, {hosts: [b.x.dev], secretName: t}"),
			want: []string{`[ingress-tls-secret-duplicate] spec.tls[2].secretName: same secretName "t" as tls[0]; cert-manager skips both, and every other entry with them. Merge the hosts or rename`},
		},

		// ingress-existing-certificate
		"no Certificate yet":           {rule: "ingress-existing-certificate", manifest: ingress(issuerAnnotation, oneEntry)},
		"a Certificate of its own":     {rule: "ingress-existing-certificate", world: ownedCertificate("web"), manifest: ingress(issuerAnnotation, oneEntry)},
		"a Certificate, but no issuer": {rule: "ingress-existing-certificate", world: ownedCertificate("other"), manifest: ingress("", oneEntry)},
		"a Certificate of another Ingress": {
			rule: "ingress-existing-certificate", world: ownedCertificate("other"), manifest: ingress(issuerAnnotation, oneEntry),
			want: []string{`[ingress-existing-certificate] spec.tls[0].secretName: Certificate "web-tls" exists and is not managed by this Ingress; annotations here have no effect on it`},
		},
		"a Certificate of an Ingress, for a Gateway": {
			rule: "ingress-existing-certificate", world: ownedCertificate("web"), manifest: gateway(issuerAnnotation, httpsListener),
			want: []string{`[ingress-existing-certificate] spec.listeners[0].tls.certificateRefs[0].name: Certificate "web-tls" exists and is not managed by this Gateway; annotations here have no effect on it`},
		},

		// rules about Certificates
		"a duplicate among hosts and names": {
			rule: "duplicate-dns-names", manifest: value("alt-names", "WWW.cert-lab.dev"),
			want: []string{`[duplicate-dns-names] metadata.annotations[cert-manager.io/alt-names]: "WWW.cert-lab.dev" is a duplicate of spec.tls[0].hosts[0]; some ACME servers fail with "Unexpected number of identifiers found in CSR". Remove it`},
		},
		"a listener's host is a duplicate only in another spelling": {
			rule: "duplicate-dns-names", manifest: gateway(issuerAnnotation, httpsListener+", "+httpsListener+", "+strings.Replace(httpsListener, "hostname: www", "hostname: WWW", 1)),
			want: []string{`[duplicate-dns-names] spec.listeners[2].hostname: "WWW.cert-lab.dev" is a duplicate of spec.listeners[0].hostname; some ACME servers fail with "Unexpected number of identifiers found in CSR". Remove it`},
		},
		"a group with capitals": {
			rule: "issuer-group-unknown", manifest: gateway(issuerAnnotation+", cert-manager.io/issuer-group: Cert-Manager.io", httpsListener),
			want: []string{`[issuer-group-unknown] metadata.annotations[cert-manager.io/issuer-group]: "Cert-Manager.io": API groups are lower case; cert-manager would treat this as an external issuer and never process it (not denied on a Gateway). Use "cert-manager.io" or leave group out`},
		},
		"a name that is not ASCII": {
			rule: "csr-cannot-be-built", manifest: value("alt-names", "a.dev,中文.cn"),
			want: []string{`[csr-cannot-be-built] metadata.annotations[cert-manager.io/alt-names]: "中文.cn": cert-manager cannot build a CSR from this name (not ASCII) and would stay in "Issuing" without any event (not denied on an Ingress). Write the punycode form "xn--fiq228c.cn"`},
		},
		"a reserved label": {
			rule: "secret-template-reserved-label", manifest: value("secret-template", `{"labels":{"cert-manager.io/x":"y"}}`),
			want: []string{"[secret-template-reserved-label] metadata.annotations[cert-manager.io/secret-template].labels[cert-manager.io/x]: reserved for cert-manager; remove it"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*scene)
			if test.change != nil {
				changes = append(changes, test.change)
			}
			findings := review(t, test.world, test.manifest, changes...)
			wantFindings(t, test.rule, findings, test.want...)
			for _, f := range findings {
				if f.Severity != Warn {
					t.Errorf("%s is denied: %s", test.manifest, f)
				}
			}
		})
	}
}

func withDefaultIssuer(s *scene) { s.env.Settings.DefaultIssuer = true }

func ownedCertificate(name string) string {
	return fmt.Sprintf(`apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web-tls
  namespace: default
  ownerReferences: [{apiVersion: x/v1, kind: Ingress, name: %s, uid: u, controller: true}]
spec: {secretName: web-tls, issuerRef: {name: le}, dnsNames: [www.cert-lab.dev]}
`, name)
}

func TestFieldsOfACertificateAreTranslated(t *testing.T) {
	t.Parallel()
	manifest := ingress(`cert-manager.io/issuer: le, cert-manager.io/issuer-group: x.dev, cert-manager.io/alt-names: "a.dev,10.0.0.2",
  cert-manager.io/ip-sans: 10.0.0.3, cert-manager.io/subject-organizations: x`, `{hosts: [a.dev, 10.0.0.1, b.dev, a.dev], secretName: t}`)
	made := synthesize(&AnnotatedReview{Environment: newScene(t, "").env, Object: object(t, manifest)})
	if len(made) != 1 {
		t.Fatalf("%d Certificates", len(made))
	}
	got := map[string]string{}
	want := map[string]string{
		"spec.dnsNames[0]": "spec.tls[0].hosts[0]", "spec.dnsNames[1]": "spec.tls[0].hosts[2]",
		"spec.dnsNames[2]": "metadata.annotations[cert-manager.io/alt-names]", "spec.dnsNames[3]": "metadata.annotations[cert-manager.io/alt-names]",
		"spec.ipAddresses[0]": "spec.tls[0].hosts[1]", "spec.ipAddresses[1]": "metadata.annotations[cert-manager.io/ip-sans]",
		"spec.dnsNames": "spec.tls[0].hosts", "spec.ipAddresses": "metadata.annotations[cert-manager.io/ip-sans]",
		"spec.secretName": "spec.tls[0].secretName", "spec.issuerRef": "metadata.annotations[cert-manager.io/issuer]",
		"spec.issuerRef.kind": "metadata.annotations[cert-manager.io/issuer]", "spec.issuerRef.group": "metadata.annotations[cert-manager.io/issuer-group]",
		"spec.subject.organizations": "metadata.annotations[cert-manager.io/subject-organizations]", "spec.subject": "metadata.annotations",
		"spec.usages[1]": "metadata.annotations[cert-manager.io/usages]", "spec.privateKey.size": "metadata.annotations[cert-manager.io/private-key-size]",
		"spec.commonName": "metadata.annotations[cert-manager.io/common-name]", "spec.duration": "metadata.annotations[cert-manager.io/duration]",
		"spec.renewBefore": "metadata.annotations[cert-manager.io/renew-before]", "metadata.labels[x]": "metadata.labels[x]",
	}
	for path := range want {
		got[path] = made[0].translate(Finding{Field: path}).Field
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	message := made[0].translate(Finding{Message: "like spec.dnsNames[1]", Brief: "spec.ipAddresses[0]"})
	if message.Message != "like spec.tls[0].hosts[2]" || message.Brief != "spec.tls[0].hosts[1]" {
		t.Errorf("%+v", message)
	}
}

func TestNothingIsMadeWhereCertManagerGivesUp(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{
		"no issuer":                  ingress("", oneEntry),
		"two issuers":                ingress(issuerAnnotation+", cert-manager.io/cluster-issuer: x", oneEntry),
		"a value that is wrong":      value("duration", "90d"),
		"a key size that is wrong":   value("private-key-size", "256"),
		"a Secret twice":             ingress(issuerAnnotation, oneEntry+", "+oneEntry),
		"an Ingress that goes away":  strings.Replace(ingress(issuerAnnotation, oneEntry), "metadata: {", "metadata: {finalizers: [foregroundDeletion], ", 1),
		"an entry without a Secret":  ingress(issuerAnnotation, "{hosts: [a.dev]}"),
		"a listener without a host":  gateway(issuerAnnotation, strings.Replace(httpsListener, "hostname: www.cert-lab.dev, ", "", 1)),
		"a default issuer's unknown": ingress(`kubernetes.io/tls-acme: "true"`, oneEntry),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if made := synthesize(&AnnotatedReview{Environment: newScene(t, "").env, Object: object(t, manifest)}); len(made) != 0 {
				t.Errorf("%d Certificates: %+v", len(made), made[0].certificate)
			}
		})
	}
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
	before := processorTime(t)
	findings := reviewObject(t, newScene(t, ""), Request{Operation: Create, Object: o})
	took := processorTime(t) - before
	t.Logf("%d findings in %v", len(findings), took)
	if took > reviewWithin {
		t.Errorf("the review took %v", took)
	}
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
