package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
)

// Who may use ambient credentials is for cert-manager and for the operator to say. The first that does not allow it is named.
func TestRefuses(t *testing.T) {
	const (
		role       = "acs:ram::1234567890123456:role/certyun-dns"
		noSecret   = "the config names no Secret, and "
		nameSecret = "; name a Secret with the keys in the config, or "
	)
	for name, test := range map[string]struct {
		issuers              string
		clusterIssuer, asked bool
		role, want           string
	}{
		"a ClusterIssuer":         {config.AmbientClusterIssuers, true, true, "", "; "},
		"an Issuer where all may": {config.AmbientAll, false, true, "", "; "},
		"a role that is listed":   {config.AmbientAll, false, true, role, "; "},
		"nobody may":              {config.AmbientNone, true, true, "", noSecret + "--ambient-credentials allows no ambient credentials" + nameSecret + "set the chart's value ambient.credentials to cluster-issuers"},
		"an Issuer where ClusterIssuers may": {
			config.AmbientClusterIssuers, false, true, "", noSecret + "--ambient-credentials allows an Issuer in this namespace no ambient credentials" + nameSecret +
				"use a ClusterIssuer; to allow it to every namespace, set the chart's value ambient.credentials to all",
		},
		"an Issuer that cert-manager does not allow it": {
			config.AmbientAll, false, false, "", noSecret + "cert-manager does not allow the Issuer ambient credentials" + nameSecret + "set cert-manager's flag --issuer-ambient-credentials",
		},
		"a ClusterIssuer that cert-manager does not allow it": {
			config.AmbientClusterIssuers, true, false, role, noSecret + "cert-manager does not allow the Issuer ambient credentials" + nameSecret +
				"set cert-manager's flag --cluster-issuer-ambient-credentials (for an Issuer in this namespace: --issuer-ambient-credentials)",
		},
		"a role that is not listed": {
			config.AmbientAll, true, true, role + "/x:y", "the role " + role + "/x:y is not one of --ambient-role-arns, which may be assumed with ambient credentials; " +
				"add it to the chart's value ambient.roleArns, or name a Secret with keys that may assume it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ambient, err := config.NewAmbient(test.issuers, []string{role})
			if err != nil {
				t.Fatal(err)
			}
			reason, remedy := ambient.Refuses(test.clusterIssuer, test.asked, test.role)
			if diff := cmp.Diff(test.want, reason+"; "+remedy); diff != "" {
				t.Errorf("refusal (-want +got):\n%s", diff)
			}
		})
	}
}
