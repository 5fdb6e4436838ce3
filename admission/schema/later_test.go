package schema

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFieldsOfALaterVersion holds what comes with cert-manager 1.22 to the version that is there.
func TestFieldsOfALaterVersion(t *testing.T) {
	t.Parallel()
	const issuer = "apiVersion: cert-manager.io/v1\nkind: %s\nmetadata: {name: le}\nspec:\n  acme:\n    server: https://x.dev/dir\n    privateKeySecretRef: {name: k}\n" +
		"    %s\n    solvers: [{http01: {}}, {dns01: {%s cloudflare: {}}}]\n"
	const ari, ns = "renewalInformationSource: None", "nameservers: [\"10.0.0.1:53\"],"
	const since = "cert-manager has this field since version 1.22"
	early := []string{"spec.acme.renewalInformationSource: " + since, "spec.acme.solvers[1].dns01.nameservers: " + since}
	for title, tc := range map[string]struct {
		version, ari, ns string
		want             []string
	}{
		"before":                           {"v1.21.2", ari, ns, early},
		"of the version":                   {"v1.22.0", ari, ns, nil},
		"a release candidate":              {"v1.22.0-alpha.0", ari, ns, nil},
		"later":                            {"v1.23.1", ari, ns, nil},
		"a version that is not known":      {"", ari, ns, early},
		"neither":                          {"v1.21.2", "", "", nil},
		"another word":                     {"v1.22.0", "renewalInformationSource: ari", "", []string{`spec.acme.renewalInformationSource: is not one of ARI, None`}},
		"a text for a list":                {"v1.22.0", "", "nameservers: x,", []string{"spec.acme.solvers[1].dns01.nameservers: must be a list, and is a string"}},
		"a text for a list, and too early": {"v1.21.2", "", "nameservers: x,", early[1:]},
		"at another place":                 {"v1.22.0", "nameservers: []", "", []string{"spec.acme.nameservers: %s has no such field, and kubectl refuses the object"}},
	} {
		for _, kind := range []string{"Issuer", "ClusterIssuer"} {
			validator := New()
			validator.CertManager = tc.version
			findings, err := validator.Validate(t.Context(), treeOf(t, fmt.Sprintf(issuer, kind, tc.ari, tc.ns)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				got = append(got, f.Field+": "+f.Message)
			}
			var want []string
			for _, text := range tc.want {
				want = append(want, strings.ReplaceAll(text, "%s", kind))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: %s", title, kind, diff)
			}
		}
	}
}
