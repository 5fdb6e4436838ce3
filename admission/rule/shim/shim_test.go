package shim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule/ruletest"
	"github.com/certyun/certyun/admission/rule/shim"
)

func TestFieldsOfACertificateAreTranslated(t *testing.T) {
	t.Parallel()
	manifest := ruletest.Ingress(`cert-manager.io/issuer: le, cert-manager.io/issuer-group: x.dev, cert-manager.io/alt-names: "a.dev,10.0.0.2",
  cert-manager.io/ip-sans: 10.0.0.3, cert-manager.io/subject-organizations: x`, `{hosts: [a.dev, 10.0.0.1, b.dev, a.dev], secretName: t}`)
	made := shim.Certificates(ruletest.Object(t, manifest))
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
		got[path] = made[0].Origin(path)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := made[0].Text("like spec.dnsNames[1]"); got != "like spec.tls[0].hosts[2]" {
		t.Error(got)
	}
}

func TestNothingIsMadeWhereCertManagerGivesUp(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{
		"no issuer":                  ruletest.Ingress("", ruletest.OneEntry),
		"two issuers":                ruletest.Ingress(ruletest.IssuerAnnotation+", cert-manager.io/cluster-issuer: x", ruletest.OneEntry),
		"a value that is wrong":      ruletest.Value("duration", "90d"),
		"a key size that is wrong":   ruletest.Value("private-key-size", "256"),
		"a Secret twice":             ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry+", "+ruletest.OneEntry),
		"an Ingress that goes away":  strings.Replace(ruletest.Ingress(ruletest.IssuerAnnotation, ruletest.OneEntry), "metadata: {", "metadata: {finalizers: [foregroundDeletion], ", 1),
		"an entry without a Secret":  ruletest.Ingress(ruletest.IssuerAnnotation, "{hosts: [a.dev]}"),
		"a listener without a host":  ruletest.Gateway(ruletest.IssuerAnnotation, strings.Replace(ruletest.HTTPSListener, "hostname: www.cert-lab.dev, ", "", 1)),
		"a default issuer's unknown": ruletest.Ingress(`kubernetes.io/tls-acme: "true"`, ruletest.OneEntry),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if made := shim.Certificates(ruletest.Object(t, manifest)); len(made) != 0 {
				t.Errorf("%d Certificates: %+v", len(made), made[0].Certificate)
			}
		})
	}
}
