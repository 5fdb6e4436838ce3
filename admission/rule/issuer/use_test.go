package issuer

import (
	"fmt"
	"testing"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

// user is a Certificate that refers to the Issuer le, or with a namespace of its own to the ClusterIssuer le.
func user(namespace, name, names string) string {
	kind := "Issuer"
	if namespace != "default" {
		kind = "ClusterIssuer"
	}
	return fmt.Sprintf("apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: %s, namespace: %s}\n"+
		"spec: {secretName: %s-tls, issuerRef: {name: le, kind: %s}, %s}\n---\n", name, namespace, name, kind, names)
}

func TestIssuerChangeOrphansCertificates(t *testing.T) {
	t.Parallel()
	const (
		http  = "solvers: [{http01: {ingress: {}}}]"
		both  = "solvers: [{http01: {ingress: {}}}, {dns01: {route53: {region: r}}}]"
		zone  = "solvers: [{http01: {ingress: {}}}, {dns01: {route53: {region: r}}, selector: {dnsZones: [x.dev]}}]"
		label = "solvers: [{http01: {ingress: {}}}, {dns01: {route53: {region: r}}, selector: {matchLabels: {dns: yes-please}}}]"
		dns   = "solvers: [{dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: k}}}}]"
		wild  = `dnsNames: [x.dev, "*.x.dev"]`
		wild2 = `dnsNames: ["*.y.dev"]`
		host  = `dnsNames: [WWW.x.dev]`
		ip    = `ipAddresses: [8.8.4.4]`
	)
	const rule = "[issuer-change-orphans-certificates] spec.acme.solvers: "
	tests := map[string]struct {
		world, before, after string
		cluster              bool
		want                 []string
	}{
		"nothing changes":               {world: user("default", "a", wild), before: http, after: http},
		"another provider":              {world: user("default", "a", wild), before: both, after: dns},
		"a host has the other one":      {world: user("default", "a", host), before: both, after: http},
		"it never had one":              {world: user("default", "a", wild), before: http, after: http + "\nemail: a@x.dev"},
		"a wildcard loses it":           {world: user("default", "a", wild), before: both, after: http, want: []string{rule + "1 Certificate would lose their solver at renewal (a: *.x.dev)"}},
		"an address loses it":           {world: user("default", "a", ip), before: both, after: dns, want: []string{rule + "1 Certificate would lose their solver at renewal (a: 8.8.4.4)"}},
		"all solvers go":                {world: user("default", "a", host), before: http, after: "solvers: []", want: []string{rule + "1 Certificate would lose their solver at renewal (a: www.x.dev)"}},
		"a zone is narrowed":            {world: user("default", "a", wild) + user("default", "b", wild2), before: both, after: zone, want: []string{rule + "1 Certificate would lose their solver at renewal (b: *.y.dev)"}},
		"a label is asked for":          {world: user("default", "a", wild), before: both, after: label, want: []string{rule + "1 Certificate would lose their solver at renewal (a: *.x.dev)"}},
		"it is no ACME Issuer any more": {world: user("default", "a", wild), before: both, after: ""},
		"five lose it": {
			world:  user("default", "e", wild) + user("default", "a", wild) + user("default", "c", wild2) + user("default", "b", wild) + user("default", "d", wild),
			before: both, after: http, want: []string{rule + "5 Certificates would lose their solver at renewal (a: *.x.dev, b: *.x.dev, c: *.y.dev, …)"},
		},
		"three lose it": {
			world:  user("default", "a", wild) + user("default", "c", wild2) + user("default", "b", wild),
			before: both, after: http, want: []string{rule + "3 Certificates would lose their solver at renewal (a: *.x.dev, b: *.x.dev, c: *.y.dev)"},
		},
		"a ClusterIssuer's Certificates are not named": {
			cluster: true, world: user("one", "a", wild) + user("two", "b", wild) + user("two", "c", wild2) + user("default", "d", wild),
			before: both, after: http, want: []string{rule + "3 Certificates in 2 namespaces would lose their solver at renewal"},
		},
		"a ClusterIssuer's one Certificate": {
			cluster: true, world: user("one", "a", wild), before: both, after: http,
			want: []string{rule + "1 Certificate in 1 namespace would lose their solver at renewal"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			manifest := ruletest.Issuer
			if test.cluster {
				manifest = ruletest.ClusterIssuer
			}
			after := "kind: Issuer\nmetadata: {name: le}\nspec: {selfSigned: {}}"
			if test.after != "" {
				after = manifest(test.after)
			}
			ruletest.Want(t, "issuer-change-orphans-certificates", ruletest.Update(t, Rules(), test.world, manifest(test.before), after), test.want...)
		})
	}
}

func TestCreationOrphansNobody(t *testing.T) {
	t.Parallel()
	ruletest.Want(t, "issuer-change-orphans-certificates", ruletest.Review(t, Rules(), user("default", "a", `dnsNames: ["*.x.dev"]`), ruletest.Issuer(``)))
}

func TestIssuerDeleteInUse(t *testing.T) {
	t.Parallel()
	says := func(text string) []string { return []string{"[issuer-delete-in-use] " + text} }
	const names = `dnsNames: [x.dev]`
	tests := map[string]struct {
		world, manifest string
		want            []string
	}{
		"nobody refers to it":        {"", ruletest.Issuer(``), nil},
		"one refers to it":           {user("default", "a", names), ruletest.Issuer(``), says(`Issuer "le" is referenced by 1 Certificate; it cannot renew without it`)},
		"three refer to it":          {user("default", "a", names) + user("default", "b", names) + user("default", "c", names), ruletest.Issuer(``), says(`Issuer "le" is referenced by 3 Certificates; they cannot renew without it`)},
		"others refer to another":    {user("one", "a", names), ruletest.Issuer(``), nil},
		"a ClusterIssuer":            {user("one", "a", names) + user("two", "a", names), ruletest.ClusterIssuer(``), says(`ClusterIssuer "le" is referenced by 2 Certificates; they cannot renew without it`)},
		"an issuer that is not ACME": {user("default", "a", names), "kind: Issuer\nmetadata: {name: le}\nspec: {selfSigned: {}}", says(`Issuer "le" is referenced by 1 Certificate; it cannot renew without it`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ruletest.Want(t, "issuer-delete-in-use", ruletest.Delete(t, Rules(), test.world, test.manifest), test.want...)
			ruletest.Want(t, "issuer-delete-in-use", ruletest.Review(t, Rules(), test.world, test.manifest))
		})
	}
}
