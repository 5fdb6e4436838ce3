package oracle

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// boundTrees are objects at both sides of each line that cert-manager's webhook draws.
func boundTrees(t *testing.T) []map[string]any {
	t.Helper()
	var trees []map[string]any
	add := func(kind, spec string) {
		tree := map[string]any{}
		text := "{apiVersion: cert-manager.io/v1, kind: " + kind + ", metadata: {name: web, namespace: default}, spec: {" + spec + "}}"
		if err := yaml.Unmarshal([]byte(text), &tree); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		trees = append(trees, tree)
	}
	for _, lines := range certificateBounds() {
		add("Certificate", "secretName: web-tls, commonName: web, issuerRef: {name: none}, "+lines)
	}
	for _, lines := range bareCertificateBounds() {
		add("Certificate", lines)
	}
	for _, spec := range issuerBounds() {
		add("Issuer", spec)
		add("ClusterIssuer", spec)
	}
	for _, solver := range solverBounds() {
		add("Issuer", "acme: {server: https://acme.example, privateKeySecretRef: {name: a}, solvers: [{"+solver+"}]}")
	}
	for _, provider := range providerBounds() {
		add("ClusterIssuer", "acme: {server: https://acme.example, privateKeySecretRef: {name: a}, solvers: [{dns01: {"+provider+"}}]}")
	}
	return trees
}

func bareCertificateBounds() []string {
	long := strings.Repeat("a", 64)
	return []string{
		"issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: '', issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: a.b-c, issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: a_b, issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: " + strings.Repeat("a", 253) + ", issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: " + strings.Repeat("a", 254) + ", issuerRef: {name: a}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: ''}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: a, kind: issuer}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: a, kind: ClusterIssuer, group: cert-manager.io}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: a, kind: AWSPCAIssuer, group: cert-manager.io}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: a, kind: AWSPCAIssuer, group: awspca.cert-manager.io}, dnsNames: [a.example]",
		"secretName: a, issuerRef: {name: a}",
		"secretName: a, issuerRef: {name: a}, dnsNames: []",
		"secretName: a, issuerRef: {name: a}, uris: ['spiffe://a/b']",
		"secretName: a, issuerRef: {name: a}, commonName: " + long,
		"secretName: a, issuerRef: {name: a}, commonName: a" + long,
		"secretName: a, issuerRef: {name: a}, commonName: " + strings.Repeat("字", 22),
		"secretName: a, issuerRef: {name: a}, literalSubject: 'CN=" + long + "'",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'CN=a" + long + "'",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'O=a'",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'CN='",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'CN=a,CN=b,FOO=c'",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'a'",
		"secretName: a, issuerRef: {name: a}, commonName: b, literalSubject: 'CN='",
		"secretName: a, issuerRef: {name: a}, commonName: b, literalSubject: 'CN=a', subject: {}",
		"secretName: a, issuerRef: {name: a}, literalSubject: 'CN=a', subject: {serialNumber: '1'}",
	}
}

func certificateBounds() []string {
	bounds := []string{
		"ipAddresses: ['10.0.0.1', '::1', '10.0.0.0/8', '10.0.0.256', '']", "emailAddresses: [a@b, 'A <a@b>', a, '']",
		"otherNames: [{oid: 1.2.3, utf8Value: a}]", "otherNames: [{oid: '', utf8Value: a}]", "otherNames: [{oid: a.b, utf8Value: ''}]", "otherNames: [{}]",
		"usages: [server auth, any]", "usages: [serverAuth]", "revisionHistoryLimit: 0", "revisionHistoryLimit: 1", "revisionHistoryLimit: -1",
		"nameConstraints: {}", "isCA: true, nameConstraints: {}", "isCA: true, nameConstraints: {permitted: {}}", "nameConstraints: {excluded: {}}",
		"additionalOutputFormats: [{type: DER}, {type: CombinedPEM}]", "additionalOutputFormats: [{type: DER}, {type: DER}, {type: DER}]",
		"renewal: {policy: Disabled}", "renewal: {policy: Disabled, windows: [{cron: '0 0 * * *', windowDuration: 1h}]}",
		"renewal: {policy: RenewBefore, windows: [{cron: '0 0 * * *', windowDuration: 1h, timezone: Europe/Berlin}]}",
		"renewal: {policy: RenewBefore, windows: [{cron: '0 0 * * * *', timezone: Nowhere}]}",
		"renewal: {policy: RenewBefore, windows: [{cron: '@daily', windowDuration: 1h}]}", "renewal: {policy: Sometimes}", "renewal: {}",
		"secretTemplate: {labels: {a: b, 'a b': c}}", "secretTemplate: {labels: {a: 'b c'}}", "secretTemplate: {annotations: {cert-manager.io/a: b}}",
		"secretTemplate: {annotations: {cert-manager.io/allow-direct-injection: 'true', 'a b': c}}",
		"signatureAlgorithm: SHA256WithRSA", "signatureAlgorithm: PureEd25519", "signatureAlgorithm: ECDSAWithSHA256, privateKey: {algorithm: ECDSA}",
		"signatureAlgorithm: SHA512WithRSA, privateKey: {algorithm: Ed25519}", "signatureAlgorithm: PureEd25519, privateKey: {algorithm: Ed25519}",
		"privateKey: {algorithm: Ed25519, size: 7}", "privateKey: {algorithm: rsa}", "privateKey: {}", "duration: 90d",
	}
	for _, size := range []int{-1, 0, 1, 255, 256, 384, 521, 2047, 2048, 8192, 8193} {
		bounds = append(bounds, fmt.Sprintf("privateKey: {algorithm: RSA, size: %d}", size), fmt.Sprintf("privateKey: {algorithm: ECDSA, size: %d}", size))
	}
	for _, store := range []string{"jks", "pkcs12"} {
		for _, password := range []string{"", ", password: a", ", password: ''", ", password: a, passwordSecretRef: {name: a}", ", passwordSecretRef: {name: a}", ", passwordSecretRef: {name: ''}"} {
			bounds = append(bounds, "keystores: {"+store+": {create: false"+password+"}}")
		}
	}
	for _, duration := range []string{"", "duration: 59m59s, ", "duration: 1h, ", "duration: 100h, ", "duration: -1h, "} {
		for _, renew := range []string{"", "renewBefore: 4m59s", "renewBefore: 5m", "renewBefore: 59m59s", "renewBefore: 1h", "renewBefore: 2160h", "renewBefore: 2159h"} {
			bounds = append(bounds, duration+renew)
		}
		for _, percentage := range []int{-1, 0, 1, 50, 91, 92, 99, 100, 101} {
			bounds = append(bounds, fmt.Sprintf("%srenewBeforePercentage: %d", duration, percentage), fmt.Sprintf("%srenewBefore: 30m, renewBeforePercentage: %d", duration, percentage))
		}
	}
	return bounds
}

func issuerBounds() []string {
	const acme = "acme: {server: https://acme.example, privateKeySecretRef: {name: a}, "
	bundle := base64.StdEncoding.EncodeToString([]byte("no certificate"))
	bounds := []string{
		"", "ca: {secretName: a}, selfSigned: {}", "selfSigned: {}", "selfSigned: {}, vault: {}, venafi: {}", acme + "solvers: []}, ca: {secretName: ''}",
		"ca: {secretName: ''}", "ca: {secretName: a, ocspServers: ['', b], issuingCertificateURLs: [a, '']}",
		"acme: {server: '', privateKeySecretRef: {name: ''}}", "acme: {server: a}", acme + "skipTLSVerify: true}", acme + "caBundle: " + bundle + "}",
		acme + "caBundle: " + bundle + ", skipTLSVerify: true}", acme + "caBundle: '*'}",
		acme + "externalAccountBinding: {keyID: a, keySecretRef: {name: b, key: c}}}", acme + "externalAccountBinding: {keyID: '', keySecretRef: {name: ''}}}",
		acme + "externalAccountBinding: {keyID: a, keySecretRef: {name: b}}}",
		"venafi: {zone: '', cloud: {apiTokenSecretRef: {name: a}}}", "venafi: {zone: a}", "venafi: {zone: a, tpp: {url: '', credentialsRef: {name: a}}}",
		"venafi: {zone: a, tpp: {url: a, credentialsRef: {name: a}, caBundle: " + bundle + ", caBundleSecretRef: {name: a}}}",
		"venafi: {zone: a, tpp: {url: a, credentialsRef: {name: a}}, cloud: {apiTokenSecretRef: {name: a}}}",
		"venafi: {zone: a, ngts: {tsgID: '', credentialsRef: {name: ''}}}", "venafi: {zone: a, ngts: {tsgID: a, credentialsRef: {name: b}}}",
	}
	for _, vault := range []string{
		"server: '', path: '', auth: {}", "server: a, path: ../b, auth: {tokenSecretRef: {name: a, key: b}}", "server: a, path: a..b, auth: {tokenSecretRef: {name: a}}",
		"server: a, path: b, caBundle: " + bundle + ", caBundleSecretRef: {name: a}, auth: {tokenSecretRef: {name: a}}",
		"server: a, path: b, clientCertSecretRef: {name: a}, auth: {tokenSecretRef: {name: a}}",
		"server: a, path: b, clientKeySecretRef: {name: a}, auth: {tokenSecretRef: {name: a}}",
		"server: a, path: b, auth: {appRole: {path: a/.., roleId: '', secretRef: {name: ''}}}", "server: a, path: b, auth: {appRole: {path: a, roleId: b, secretRef: {name: c}}}",
		"server: a, path: b, auth: {clientCertificate: {mountPath: ..}}", "server: a, path: b, auth: {clientCertificate: {}}",
		"server: a, path: b, auth: {kubernetes: {role: '', mountPath: ../a}}", "server: a, path: b, auth: {kubernetes: {role: a, secretRef: {name: a}, serviceAccountRef: {name: ''}}}",
		"server: a, path: b, auth: {kubernetes: {role: a, serviceAccountRef: {name: b}}}", "server: a, path: b, auth: {aws: {role: '', mountPath: .., serviceAccountRef: {name: ''}}}",
		"server: a, path: b, auth: {aws: {role: a}}", "server: a, path: b, auth: {aws: {role: a, serviceAccountRef: {name: a}, iamRoleArn: b}}",
	} {
		bounds = append(bounds, "vault: {"+vault+"}")
	}
	return bounds
}

func solverBounds() []string {
	return []string{
		"", "selector: {}", "http01: {}", "http01: {ingress: {}}", "http01: {ingress: {}, gatewayHTTPRoute: {}}", "http01: {ingress: {}}, dns01: {}", "dns01: {}",
		"http01: {ingress: {class: a, ingressClassName: b, name: c}}", "http01: {ingress: {class: azure/gateway}}", "http01: {ingress: {ingressClassName: azure/gateway}}",
		"http01: {ingress: {name: a, class: b}}", "http01: {ingress: {class: '', name: a}}", "http01: {ingress: {serviceType: LoadBalancer}}", "http01: {ingress: {serviceType: ClusterIP}}",
		"http01: {gatewayHTTPRoute: {serviceType: ExternalName}}", "http01: {gatewayHTTPRoute: {parentRefs: [{name: a}]}}", "http01: {gatewayHTTPRoute: {parentRefs: [{name: a, kind: null}]}}",
		"http01: {gatewayHTTPRoute: {parentRefs: [{name: '', kind: Gateway}]}}", "http01: {ingress: {}}, waitInsteadOfSelfCheck: -1s", "http01: {ingress: {}}, waitInsteadOfSelfCheck: 0s",
	}
}

func providerBounds() []string {
	const ref, half = "{name: a, key: b}", "{name: a}"
	bounds := []string{
		"cnameStrategy: Follow, route53: {region: a}", "cnameStrategy: follow, route53: {}", "akamai: {serviceConsumerDomain: '', accessTokenSecretRef: {name: ''}, clientSecretSecretRef: " + half + ", clientTokenSecretRef: " + ref + "}",
		"akamai: {serviceConsumerDomain: a, accessTokenSecretRef: " + ref + ", clientSecretSecretRef: " + ref + ", clientTokenSecretRef: " + half + "}, azureDNS: {subscriptionID: a, resourceGroupName: b}",
		"cloudDNS: {project: ''}", "cloudDNS: {project: a}", "cloudDNS: {project: a, serviceAccountSecretRef: " + half + "}",
		"cloudflare: {}", "cloudflare: {apiKeySecretRef: " + ref + "}", "cloudflare: {email: a, apiKeySecretRef: " + ref + "}", "cloudflare: {apiTokenSecretRef: " + half + "}",
		"cloudflare: {email: a, apiKeySecretRef: " + half + ", apiTokenSecretRef: " + ref + "}", "route53: {accessKeyID: a}", "route53: {accessKeyID: a, accessKeyIDSecretRef: " + half + "}",
		"route53: {accessKeyIDSecretRef: " + ref + "}", "acmeDNS: {host: '', accountSecretRef: {name: ''}}", "acmeDNS: {host: a, accountSecretRef: " + ref + "}",
		"digitalocean: {tokenSecretRef: " + half + "}", "digitalocean: {tokenSecretRef: " + ref + "}, acmeDNS: {host: '', accountSecretRef: " + half + "}",
		"webhook: {groupName: '', solverName: ''}", "webhook: {groupName: a, solverName: b}", "route53: {}, webhook: {groupName: a, solverName: ''}", "cloudDNS: {project: a}, cloudflare: {}, rfc2136: {nameserver: ''}",
	}
	for _, azure := range []string{
		"", ", clientID: a", ", clientID: a, clientSecretSecretRef: " + half, ", clientID: a, tenantID: b, clientSecretSecretRef: " + ref, ", tenantID: a", ", environment: AzureMars",
		", environment: AzurePublicCloud", ", managedIdentity: {}", ", managedIdentity: {clientID: a, resourceID: b}", ", managedIdentity: {tenantID: a, resourceID: b}",
		", managedIdentity: {tenantID: a}", ", managedIdentity: {tenantID: a, clientID: b}", ", clientID: a, managedIdentity: {clientID: b}",
	} {
		bounds = append(bounds, "azureDNS: {subscriptionID: a, resourceGroupName: b"+azure+"}", "azureDNS: {subscriptionID: '', resourceGroupName: ''"+azure+"}")
	}
	for _, server := range []string{"''", "' '", "192.0.2.1", "'192.0.2.1:53'", "'192.0.2.1:'", "':53'", "'2001:db8::1'", "'[2001:db8::1]'", "'[2001:db8::1]:53'", "'[]'", "ns.example", "'a:b:c'", "'[a'"} {
		bounds = append(bounds, "rfc2136: {nameserver: "+server+"}")
	}
	for _, tsig := range []string{
		"tsigKeyName: a", "tsigKeyName: a, tsigSecretSecretRef: " + half, "tsigKeyName: a, tsigSecretSecretRef: " + ref, "tsigSecretSecretRef: " + ref, "tsigSecretSecretRef: " + half,
		"tsigAlgorithm: HMACSHA256", "tsigAlgorithm: hmacsha512", "tsigAlgorithm: hmac-sha256", "tsigAlgorithm: ''",
	} {
		bounds = append(bounds, "rfc2136: {nameserver: a, "+tsig+"}")
	}
	return bounds
}
