package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	httpIssuer = `
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: le, namespace: shop}
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    email: ops@cert-lab.dev
    privateKeySecretRef: {name: le-account}
    solvers: [SOLVERS]
`
	certificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: shop}
spec:
  secretName: web-tls
  issuerRef: {name: le}
`
)

func issuerWith(solvers string) string { return strings.Replace(httpIssuer, "SOLVERS", solvers, 1) }

func TestWhatIsFilledInLater(t *testing.T) {
	t.Parallel()
	plain, dns := issuerWith("{http01: {ingress: {}}}"), `{dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}, selector: {dnsZones: [ZONE]}}`
	for name, test := range map[string]struct {
		texts []string
		want  []string
	}{
		"all that is unknown may be right": {
			[]string{`{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: "${A}", namespace: "${NS}", labels: {"${K}": "${V}"}}, spec: {
				secretName: "${A}-tls", duration: "${D}", renewBefore: "${R}", isCA: "${CA}", revisionHistoryLimit: "${N}", commonName: "${CN}",
				privateKey: {algorithm: "${ALG}", size: "${SIZE}"}, usages: ["${U}"], ipAddresses: ["${IP}"], emailAddresses: ["${M}"], uris: ["${URI}"],
				dnsNames: ["${A}.cert-lab.dev"], issuerRef: {name: "${I}", kind: "${KIND}", group: "${G}"}}}`}, nil,
		},
		"a wildcard stays one whatever its domain is": {
			[]string{plain, certificate + `  dnsNames: ["*.${DOMAIN}"]`}, []string{"wildcard-needs-dns01 deny spec.dnsNames[0]"},
		},
		"an unknown name may be one that a solver is for": {
			[]string{issuerWith(strings.Replace(dns, "ZONE", "cert-lab.dev", 1)), certificate + "  dnsNames: [$(DOMAIN)]"}, nil,
		},
		"a solver may be for a known name": {
			[]string{issuerWith(strings.Replace(dns, "ZONE", `"${ZONE}"`, 1)), certificate + `  dnsNames: [api.www.cert-lab.dev, "*.cert-lab.dev"]`}, nil,
		},
		"a solver may be for a known name in part": {
			[]string{issuerWith(strings.Replace(dns, "ZONE", `"${SUB}.cert-lab.dev"`, 1)), certificate + `  dnsNames: ["*.eu.cert-lab.dev"]`}, nil,
		},
		"a solver for another zone is for no filling": {
			[]string{issuerWith(strings.Replace(dns, "ZONE", `"${SUB}.cert-lab.com"`, 1)), certificate + "  dnsNames: [www.cert-lab.dev]"},
			[]string{"no-solver-for-name deny spec.dnsNames[0]"},
		},
		"an Issuer may be the one that is named later": {
			[]string{strings.Replace(plain, "name: le,", `name: "${ISSUER}",`, 1), certificate + "  dnsNames: [www.cert-lab.dev]"}, nil,
		},
		"an Issuer of another name cannot": {
			[]string{strings.Replace(plain, "name: le,", `name: "${ENV}-ca",`, 1), certificate + "  dnsNames: [www.cert-lab.dev]"},
			[]string{"issuer-not-found warn spec.issuerRef"},
		},
		"an Issuer may be in a namespace that is named later": {
			[]string{strings.Replace(plain, "namespace: shop", "namespace: MY_NAMESPACE", 1), certificate + "  dnsNames: [www.cert-lab.dev]"}, nil,
		},
		"an unknown server may be of any CA": {
			[]string{strings.Replace(plain, "https://acme-v02.api.letsencrypt.org/directory", `"${ACME}"`, 1), certificate + "  dnsNames: [db.internal]"}, nil,
		},
		"names that are the same whatever they are": {
			[]string{plain, certificate + `  dnsNames: ["www.${D}", "www.${D}"]`}, []string{"duplicate-dns-names warn spec.dnsNames[1]"},
		},
		"a common name may be one of the names": {
			[]string{plain, certificate + "  commonName: www.cert-lab.dev\n  dnsNames: [\"${D}\", api.cert-lab.dev]"}, nil,
		},
		"a size that no algorithm has but one may be of that": {
			[]string{plain, certificate + "  dnsNames: [www.cert-lab.dev]\n  privateKey: {algorithm: \"${ALG}\", size: 256}"}, nil,
		},
		"a size that is wrong for a known algorithm": {
			[]string{plain, certificate + "  dnsNames: [\"${D}\"]\n  privateKey: {algorithm: RSA, size: 256}"},
			[]string{"key-size-for-algorithm deny spec.privateKey.size"},
		},
		"a field that there is not": {
			[]string{plain, certificate + "  dnsNames: [\"${D}\"]\n  dnsName: ${D}"}, []string{"cm-unknown-field deny spec.dnsName"},
		},
		"a field that is missing": {
			[]string{strings.Replace(certificate, "  secretName: web-tls\n", "", 1) + `  dnsNames: ["${D}"]`},
			[]string{"cm-secret-name deny spec.secretName", "issuer-not-found warn spec.issuerRef"},
		},
		"what is escaped is written as it is": {
			[]string{plain, certificate + "  dnsNames: [www.cert-lab.dev]\n  usages: [\"$${USAGE}\"]"}, []string{"cm-key-usage deny spec.usages[0]"},
		},
		"a key ID is no name": {
			[]string{plain, strings.Replace(certificate, "name: web,", "name: web, labels: {app: MY_APP},", 1) + "  dnsNames: [WWW.CERT-LAB.DEV]"}, nil,
		},
		"what sops has encrypted": {
			[]string{strings.Replace(plain, "ops@cert-lab.dev", `"ENC[AES256_GCM,data:a,iv:b,tag:c,type:str]"`, 1) + "sops: {mac: a}\n"}, nil,
		},
		"a kind that is filled in later": {[]string{"{apiVersion: cert-manager.io/v1, kind: \"${KIND}\", metadata: {name: a}, spec: {a: b}}"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range newJudge(t).texts(t, test.texts...) {
				got = append(got, f.Rule+" "+string(f.Severity)+" "+f.Field)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
