package dnspod_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/providertest"
)

// An environment chooses one origin: the first that is begun, whatever it lacks.
func TestOrigin(t *testing.T) {
	type origin struct {
		Place     credential.Place
		Name, Err string
	}
	for name, test := range map[string]struct {
		environment map[string]string
		want        origin
	}{
		"nothing": {nil, origin{Place: credential.Node, Name: "the CAM role of the solver's node"}},
		"a key beside a token": {
			map[string]string{"TENCENTCLOUD_SECRET_ID": "a", "TKE_WEB_IDENTITY_TOKEN_FILE": "/t"}, origin{Place: credential.Environment, Name: "the key in the solver's environment"},
		},
		"half a key": {
			map[string]string{"TENCENTCLOUD_SECRET_KEY": "a"}, origin{Place: credential.Environment, Name: "the key in the solver's environment"},
		},
		"half a token": {
			map[string]string{"TKE_PROVIDER_ID": "p"}, origin{Place: credential.Token, Name: "the OIDC token of the solver's ServiceAccount"},
		},
		"a region and a role choose no token": {
			map[string]string{"TKE_REGION": "ap-guangzhou", "TKE_ROLE_ARN": "r"}, origin{Place: credential.Node, Name: "the CAM role of the solver's node"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := dnspod.Origin(func(name string) string { return test.environment[name] })
			if diff := cmp.Diff(test.want, origin{got.Place, got.Name, providertest.Text(got.Err)}); diff != "" {
				t.Errorf("origin (-want +got):\n%s", diff)
			}
		})
	}
}
