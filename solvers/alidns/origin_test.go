package alidns_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
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
		"nothing": {nil, origin{Place: credential.Node, Name: "the RAM role of the solver's node"}},
		"all at once": {
			map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "a", "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/t", "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1/"},
			origin{Place: credential.Environment, Name: "the AccessKey in the solver's environment"},
		},
		"half a key": {
			map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "a"}, origin{Place: credential.Environment, Name: "the AccessKey in the solver's environment"},
		},
		"a token beside a URI": {
			map[string]string{"ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "p", "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1/"},
			origin{Place: credential.Token, Name: "the RRSA token of the solver's ServiceAccount"},
		},
		"a role alone chooses no token": {
			map[string]string{"ALIBABA_CLOUD_ROLE_ARN": "r", "ALIBABA_CLOUD_CREDENTIALS_URI": "http://127.0.0.1/"},
			origin{Place: credential.URI, Name: "the credentials URI in the solver's environment"},
		},
		"the node's role is turned off": {
			map[string]string{"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "True"},
			origin{
				credential.Node, "the RAM role of the solver's node", "there are no ambient credentials: the variable ALIBABA_CLOUD_ECS_METADATA_DISABLED turns the node's off; " +
					"name a Secret in the Issuer, or give the solver an identity (docs/solvers.md#without-keys)",
			},
		},
		"the node's role is turned off, and there is a key": {
			map[string]string{"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true", "ALIBABA_CLOUD_ACCESS_KEY_ID": "a"},
			origin{Place: credential.Environment, Name: "the AccessKey in the solver's environment"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := alidns.Origin(func(name string) string { return test.environment[name] })
			if diff := cmp.Diff(test.want, origin{got.Place, got.Name, providertest.Text(got.Err)}); diff != "" {
				t.Errorf("origin (-want +got):\n%s", diff)
			}
		})
	}
}
