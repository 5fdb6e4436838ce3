package offline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// refused are the findings of the rules for files alone.
func refused(t *testing.T, manifest string) []string {
	t.Helper()
	return ruletest.Texts(ruletest.Judge(t, Rules(), ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: ruletest.Object(t, manifest)}))
}

type refusalCase struct {
	spec string
	want []string
}

func TestCertificatesThatCertManagersWebhookRefuses(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for name, c := range map[string]refusalCase{
		"one name is enough":                     {spec: "uris: [spiffe://a/b]"},
		"a CN in literalSubject is a name":       {spec: "literalSubject: CN=web"},
		"literalSubject without a CN is no name": {"literalSubject: O=Corp", []string{`spec: Invalid value: is for no name at all. Write dnsNames, ipAddresses, uris, emailAddresses, otherNames or a commonName. [cm-no-names]`}},
		"an empty Secret": {"dnsNames: [a.example]\nsecretName: ''", []string{
			`spec.secretName: Required value: names no Secret to store the certificate in. Write a name, like "web-tls". [cm-secret-name]`,
		}},
		"a Secret whose name nothing repairs": {"dnsNames: [a.example]\nsecretName: '-'", []string{
			`spec.secretName: Invalid value: "-": no Secret can have this name. Write lower case letters, digits, "-" and ".". [cm-secret-name]`,
		}},
		"a Secret with a dot": {spec: "dnsNames: [a.example]\nsecretName: a.b"},
		"an issuer without a name": {"dnsNames: [a.example]\nissuerRef: {name: ''}", []string{
			`spec.issuerRef.name: Required value: names no issuer. Write the name of an Issuer or ClusterIssuer. [cm-issuer-ref]`,
		}},
		"a kind in lower case": {"dnsNames: [a.example]\nissuerRef: {name: a, kind: clusterissuer}", []string{
			`spec.issuerRef.kind: Invalid value: "clusterissuer": is not a kind of cert-manager's own issuers. Write "ClusterIssuer". [cm-issuer-ref]`,
		}},
		"another kind of cert-manager's group": {"dnsNames: [a.example]\nissuerRef: {name: a, kind: StepIssuer, group: cert-manager.io}", []string{
			`spec.issuerRef.kind: Invalid value: "StepIssuer": is not a kind of cert-manager's own issuers. Write Issuer or ClusterIssuer. [cm-issuer-ref]`,
		}},
		"another kind of another group":  {spec: "dnsNames: [a.example]\nissuerRef: {name: a, kind: StepIssuer, group: certmanager.step.sm}"},
		"a common name of 64 bytes":      {spec: "commonName: " + long},
		"a literalSubject with 64 bytes": {spec: "literalSubject: CN=" + long},
		"a literalSubject with 65 bytes": {"literalSubject: CN=a" + long, []string{
			`spec.literalSubject: Too long: "a` + long + `": has 65 bytes, and a common name may have 64. Write a shorter CN. [cm-common-name-too-long]`,
		}},
		"a common name beside literalSubject": {"commonName: a\nliteralSubject: CN=b", []string{
			`spec.commonName: Invalid value: "a": stands beside literalSubject, which replaces it. Write it into literalSubject, or leave literalSubject out. [cm-literal-subject]`,
		}},
		"a subject without anything": {spec: "literalSubject: CN=b\nsubject: {}"},
		"a key that nobody knows": {"literalSubject: CN=b,FOO=bar", []string{
			`spec.literalSubject: Invalid value: "CN=b,FOO=bar": has a key that cert-manager does not know, with the value "bar". Use C, O, OU, CN, SERIALNUMBER, L, ST, STREET, DC or UID. [cm-literal-subject]`,
		}},
		"addresses of both families": {spec: "ipAddresses: [192.0.2.1, '::1']"},
		"a name among the addresses": {"ipAddresses: [localhost]", []string{
			`spec.ipAddresses[0]: Invalid value: "localhost": is not an IP address. Write one like "192.0.2.1"; names go into dnsNames. [cm-ip-address]`,
		}},
		"no e-mail address": {"emailAddresses: [a@b.example, ann]", []string{
			`spec.emailAddresses[1]: Invalid value: "ann": is not an e-mail address. Write one like "ann@corp.example". [cm-email-address]`,
		}},
		"an otherName of nothing": {"otherNames: [{}]", []string{
			`spec.otherNames[0].oid: Required value: has no object identifier. Write numbers with dots, like "1.3.6.1.4.1.311.20.2.3". [cm-other-name]`,
			`spec.otherNames[0].utf8Value: Required value: has no value. Write the name. [cm-other-name]`,
		}},
		"an otherName": {spec: "otherNames: [{oid: 1.2.3, utf8Value: a}]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(append([]string{}, c.want...), refused(t, ruletest.Certificate(c.spec))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestContentsThatCertManagersWebhookRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]refusalCase{
		"an hour":     {spec: "duration: 1h"},
		"a bit less":  {"duration: 59m59s", []string{`spec.duration: Invalid value: "59m59s": is less than an hour. Write "1h" or more. [cm-duration]`}},
		"five minute": {spec: "renewBefore: 5m"},
		"less than five minutes": {"renewBefore: 4m59s", []string{
			`spec.renewBefore: Invalid value: "4m59s": is less than five minutes. Write "5m" or more. [cm-renew-before]`,
		}},
		"as long as a certificate usually lives": {"renewBefore: 2160h", []string{
			`spec.renewBefore: Invalid value: "2160h": is not less than the duration, which is 2160h. Write a shorter one, like "720h". [cm-renew-before]`,
		}},
		"both ways to say when to renew": {"renewBefore: 5m\nrenewBeforePercentage: 50", []string{
			`spec.renewBefore: Invalid value: "5m": stands beside renewBeforePercentage. Keep one of them. [cm-renew-before]`,
			`spec.renewBeforePercentage: Invalid value: 50: stands beside renewBefore. Keep one of them. [cm-renew-before]`,
		}},
		"a percentage without a duration": {spec: "renewBeforePercentage: 0"},
		"a percentage of nothing": {"duration: 24h\nrenewBeforePercentage: 0", []string{
			`spec.renewBeforePercentage: Invalid value: 0: leaves no time before the renewal. Write a number from 1 to 99. [cm-renew-before]`,
		}},
		"a percentage of all": {"duration: 24h\nrenewBeforePercentage: 100", []string{
			`spec.renewBeforePercentage: Invalid value: 100: leaves less than five minutes of 24h. Write a number from 1 to 99. [cm-renew-before]`,
		}},
		"a percentage of most": {spec: "duration: 24h\nrenewBeforePercentage: 99"},
		"windows of what is not renewed": {"renewal: {policy: Disabled, windows: [{cron: '0 2 * * *', windowDuration: 1h}]}", []string{
			`spec.renewal.windows: Forbidden: there are no windows where the policy is Disabled. Remove them, or write policy: RenewBefore. [cm-renewal-window]`,
		}},
		"a window": {spec: "renewal: {policy: RenewBefore, windows: [{cron: '0 2 * * *', windowDuration: 1h, timezone: Asia/Shanghai}]}"},
		"a window of no place": {"renewal: {policy: RenewBefore, windows: [{cron: '0 2 * * *', windowDuration: 1h, timezone: Beijing}]}", []string{
			`spec.renewal.windows[0].cron: Invalid value: "0 2 * * *": cannot be read without its time zone. Write another timezone. [cm-renewal-window]`,
			`spec.renewal.windows[0].timezone: Invalid value: "Beijing": is not a time zone of the IANA database. Write one like "Europe/Berlin". [cm-renewal-window]`,
		}},
		"a schedule of six fields": {"renewal: {policy: RenewBefore, windows: [{cron: '0 2 * * * *', windowDuration: 1h}]}", []string{
			`spec.renewal.windows[0].cron: Invalid value: "0 2 * * * *": is not a schedule of cron: expected exactly 5 fields, found 6: [0 2 * * * *]. Write minute, hour, day of the month, month and day of the week, like "0 2 * * *". [cm-renewal-window]`,
		}},
		"an algorithm of the key":    {spec: "signatureAlgorithm: ECDSAWithSHA384\nprivateKey: {algorithm: ECDSA}"},
		"usages":                     {spec: "usages: [server auth, any]"},
		"a usage that is none":       {"usages: [everything]", []string{`spec.usages[0]: Invalid value: "everything": is not a usage. Write one such as digital signature, key encipherment, server auth, client auth. [cm-key-usage]`}},
		"a history of one":           {spec: "revisionHistoryLimit: 1"},
		"labels that can be":         {spec: "secretTemplate: {labels: {app: web}, annotations: {cert-manager.io/allow-direct-injection: 'true'}}"},
		"constraints of a CA":        {spec: "isCA: true\nnameConstraints: {excluded: {dnsDomains: [a]}}"},
		"constraints that are none":  {"isCA: true\nnameConstraints: {}", []string{`spec.nameConstraints: Invalid value: has no constraint. Write permitted or excluded, or remove nameConstraints. [cm-name-constraints]`}},
		"two formats":                {spec: "additionalOutputFormats: [{type: DER}, {type: CombinedPEM}]"},
		"a password":                 {spec: "keystores: {jks: {create: true, password: x}, pkcs12: {create: true, passwordSecretRef: {name: a, key: b}}}"},
		"a password that is empty":   {"keystores: {pkcs12: {create: true, password: ''}}", []string{`spec.keystores.pkcs12.password: Forbidden: the password is empty. Write passwordSecretRef with a name and a key, or password. [cm-keystore-password]`}},
		"a password in two places":   {"keystores: {jks: {create: true, password: x, passwordSecretRef: {name: a, key: b}}}", []string{`spec.keystores.jks: Forbidden: has password and passwordSecretRef. Keep one of them. [cm-keystore-password]`}},
		"a label that no Secret has": {"secretTemplate: {labels: {a: 'b c'}}", []string{`spec.secretTemplate.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character. [cm-secret-template]`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(append([]string{}, c.want...), refused(t, ruletest.Certificate("dnsNames: [a.example]\n"+c.spec))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIssuersThatCertManagersWebhookRefuses(t *testing.T) {
	t.Parallel()
	acme := func(solver string) string {
		return "{acme: {server: https://acme.example, privateKeySecretRef: {name: a}, solvers: [" + solver + "]}}"
	}
	const at = "spec.acme.solvers[0]"
	for name, c := range map[string]refusalCase{
		"no type":                          {"{}", []string{`spec: Required value: has no type of issuer. Write one of acme, ca, selfSigned, vault and venafi. [cm-issuer-type]`}},
		"one type":                         {spec: "{selfSigned: {}}"},
		"no more is said of a second type": {"{ca: {secretName: a}, vault: {server: '', path: '', auth: {}}}", []string{`spec.vault: Forbidden: is a second type beside ca. Keep one of them. [cm-issuer-type]`}},
		"no server":                        {"{acme: {server: '', privateKeySecretRef: {name: a}}}", []string{`spec.acme.server: Required value: names no ACME server. Write a URL, like "https://acme-v02.api.letsencrypt.org/directory". [cm-acme-required]`}},
		"skipTLSVerify alone":              {spec: "{acme: {server: a, privateKeySecretRef: {name: a}, skipTLSVerify: true}}"},
		"a bundle of nothing":              {"{acme: {server: a, privateKeySecretRef: {name: a}, caBundle: eA==}}", []string{`spec.acme.caBundle: Invalid value: has no certificate. Encode the PEM file of the CA with base64 -w0. [cm-acme-ca-bundle]`}},
		"a path that goes up":              {"{vault: {server: a, path: a/../b, auth: {tokenSecretRef: {name: a}}}}", []string{`spec.vault.path: Invalid value: "a/../b": has ".." between its slashes. Write the whole path. [cm-vault]`}},
		"a path with dots":                 {spec: "{vault: {server: a, path: a..b, auth: {tokenSecretRef: {name: a}}}}"},
		"two ways to log in":               {spec: "{vault: {server: a, path: b, auth: {tokenSecretRef: {name: a}, aws: {role: b}}}}"},
		"half a client certificate": {"{vault: {server: a, path: b, clientCertSecretRef: {name: a}, auth: {tokenSecretRef: {name: a}}}}", []string{
			`spec.vault.clientKeySecretRef: Required value: is missing beside clientCertSecretRef. Write where the key is. [cm-vault]`,
		}},
		"an empty URL":    {"{ca: {secretName: a, ocspServers: [b, '']}}", []string{`spec.ca.ocspServers[1]: Invalid value: "": is not a URL. Write one, or remove it. [cm-ca-issuer]`}},
		"no service":      {"{venafi: {zone: a}}", []string{`spec.venafi: Required value: has none of tpp, cloud and ngts. Write one of them. [cm-venafi]`}},
		"a solver":        {spec: acme("{http01: {ingress: {}}}")},
		"two challenges":  {acme("{http01: {ingress: {}}, dns01: {}}"), []string{at + `: Forbidden: has http01 and dns01. Make two solvers of them. [cm-solver-type]`}},
		"no wait":         {spec: acme("{http01: {ingress: {}}, waitInsteadOfSelfCheck: 0s}")},
		"nothing of HTTP": {acme("{http01: {}}"), []string{at + `.http01: Required value: has neither ingress nor gatewayHTTPRoute. Write one of them, like ingress: {ingressClassName: nginx}. [cm-http01]`}},
		"a class of Azure's": {acme("{http01: {ingress: {ingressClassName: azure/gateway}}}"), []string{
			at + `.http01.ingress.ingressClassName: Invalid value: "azure/gateway": no IngressClass can have this name. Write the name of an IngressClass, or write it into class. [cm-http01]`,
		}},
		"a load balancer": {acme("{http01: {gatewayHTTPRoute: {serviceType: LoadBalancer}}}"), []string{
			at + `.http01.gatewayHTTPRoute.serviceType: Invalid value: "LoadBalancer": is not a type that a solver's Service can have. Write ClusterIP or NodePort. [cm-http01]`,
		}},
		"a parent without a kind": {spec: acme("{http01: {gatewayHTTPRoute: {parentRefs: [{name: a}]}}}")},
		"no provider":             {acme("{dns01: {}}"), []string{at + `.dns01: Required value: has no provider. Write one, like webhook. [cm-dns01-provider]`}},
		"a strategy in lower case": {acme("{dns01: {cnameStrategy: follow, route53: {}}}"), []string{
			at + `.dns01.cnameStrategy: Invalid value: "follow": is neither None nor Follow. Write None or Follow. [cm-dns01-provider]`,
		}},
		"no more is said of a second provider": {acme("{dns01: {route53: {}, webhook: {groupName: a, solverName: ''}}}"), []string{
			at + `.dns01.webhook: Forbidden: is a second provider beside route53. Make two solvers of them. [cm-dns01-provider]`,
		}},
		"but of acmeDNS": {acme("{dns01: {route53: {}, acmeDNS: {host: '', accountSecretRef: {name: a, key: b}}}}"), []string{
			at + `.dns01.acmeDNS.host: Required value: names no server. Write its URL. [cm-dns01-acme-dns]`,
		}},
		"the identity of the Pod": {spec: acme("{dns01: {route53: {}}}")},
		"a TSIG algorithm with a dash": {acme("{dns01: {rfc2136: {nameserver: a, tsigAlgorithm: hmac-sha256}}}"), []string{
			at + `.dns01.rfc2136.tsigAlgorithm: Unsupported value: "hmac-sha256": is not one of HMACMD5, HMACSHA1, HMACSHA256, HMACSHA512. Write "HMACSHA256". [cm-dns01-rfc2136]`,
		}},
		"a key without a name": {acme("{dns01: {rfc2136: {nameserver: a, tsigSecretSecretRef: {name: a, key: b}}}}"), []string{
			at + `.dns01.rfc2136.tsigKeyName: Required value: has no name of the key in tsigSecretSecretRef. Write the name that the server knows the key by. [cm-dns01-rfc2136]`,
		}},
		"name servers": {spec: acme("{dns01: {rfc2136: {nameserver: '[2001:db8::1]'}}}, {dns01: {rfc2136: {nameserver: '192.0.2.1:53'}}}, {dns01: {rfc2136: {nameserver: ns.example}}}")},
		"two identities of Azure": {acme("{dns01: {azureDNS: {subscriptionID: a, resourceGroupName: b, managedIdentity: {clientID: c, resourceID: d}}}}"), []string{
			at + `.dns01.azureDNS.managedIdentity: Forbidden: has clientID and resourceID. Keep one of them. [cm-dns01-azure]`,
		}},
		"no credentials of Cloudflare": {acme("{dns01: {cloudflare: {}}}"), []string{
			at + `.dns01.cloudflare: Required value: has neither apiTokenSecretRef nor apiKeySecretRef. Write apiTokenSecretRef with a name and a key. [cm-dns01-cloudflare]`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []string{"Issuer", "ClusterIssuer"} {
				manifest := "{apiVersion: cert-manager.io/v1, kind: " + kind + ", metadata: {name: a}, spec: " + c.spec + "}"
				if diff := cmp.Diff(append([]string{}, c.want...), refused(t, manifest)); diff != "" {
					t.Errorf("%s: findings (-want +got):\n%s", kind, diff)
				}
			}
		})
	}
}
