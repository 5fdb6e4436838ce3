package doctor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// An account that a role belongs to is asked for its zones, and not the account whose keys assume the role.
func TestZonesByWayOfARole(t *testing.T) {
	t.Parallel()
	keys := credential.Keys{ID: "AKIDuserLTAI5t", Secret: "a-secret-value"}
	for solver, arn := range map[string]string{
		alidnsName: "acs:ram::1:role/dns", alidnsAlias: "acs:ram::1:role/dns", dnspodName: "qcs::cam::uin/1:roleName/dns",
	} {
		t.Run(solver, func(t *testing.T) {
			t.Parallel()
			accounts := simulator.CloudOptions{
				Accounts: []cloud.Account{
					{Owner: "user", Keys: []cloud.Key{{ID: keys.ID, Secret: keys.Secret}}},
					{Owner: "host", Roles: []cloud.Role{{ARN: arn, Trusts: []string{keys.ID}}}},
				},
				Zones: []cloud.Zone{{Owner: "user", Name: "user.example"}, {Owner: "host", Name: "host.example"}},
			}
			w := simulator.Start(t, simulator.Options{Alidns: accounts, DNSPod: accounts})
			endpoints, err := endpointsOf("endpoint", w.Alidns.URL, w.DNSPod.URL)
			if err != nil {
				t.Fatal(err)
			}
			clouds, err := newClouds(endpoints, endpoints, "")
			if err != nil {
				t.Fatal(err)
			}
			for role, want := range map[config.Role][]string{
				{}:                                 {"user.example"},
				{ARN: arn, SessionName: "certyun"}: {"host.example"},
			} {
				got, err := clouds.Zones(t.Context(), solver, keys, config.Solver{Role: role})
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("with the role %q (-want +got), %v:\n%s", role.ARN, err, diff)
				}
			}
			if _, err := clouds.Zones(t.Context(), solver, keys, config.Solver{Role: config.Role{ARN: arn + "-2", SessionName: "certyun"}}); err == nil {
				t.Error("a role that does not exist has zones")
			}
		})
	}
}
