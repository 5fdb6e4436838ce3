package doctor

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
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

// Whose the keys are, is said where the cloud says it. A cloud that does not, for a policy or because it does not know the action, is asked
// for its zones all the same.
func TestWhoseKeys(t *testing.T) {
	t.Parallel()
	const (
		ofAlidns = `{"accessKeyIdRef":{"name":"alidns","key":"id"},"accessKeySecretRef":{"name":"alidns","key":"secret"}}`
		ofDNSPod = `{"secretIdRef":{"name":"alidns","key":"id"},"secretKeyRef":{"name":"alidns","key":"secret"}}`
	)
	for name, test := range map[string]struct{ solver, config, answer, want string }{
		"alidns says it": {
			alidnsName, ofAlidns, `{"AccountId":"1234567890123456","Arn":"acs:ram::1234567890123456:user/certyun"}`,
			"the cloud knows LTAI…1234 as acs:ram::1234567890123456:user/certyun, in the account 1234567890123456",
		},
		"alidns does not know the action": {
			alidnsName, ofAlidns, `{"Code":"InvalidAction.NotFound","Message":"Specified api is not found."}`, "",
		},
		"dnspod says it": {
			dnspodName, ofDNSPod, `{"Response":{"AccountId":"100000000001","Arn":"qcs::cam::uin/100000000001:uin/2","RequestId":"R"}}`,
			"the cloud knows LTAI…1234 as qcs::cam::uin/100000000001:uin/2, in the account 100000000001",
		},
		"dnspod does not know the action": {
			dnspodName, ofDNSPod, `{"Response":{"Error":{"Code":"InvalidAction","Message":"The request action=GetCallerIdentity is invalid."},"RequestId":"R"}}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if strings.Contains(test.answer, `"Code":"InvalidAction.NotFound"`) {
					w.WriteHeader(http.StatusNotFound)
				}
				_, _ = io.WriteString(w, test.answer)
			}))
			t.Cleanup(sts.Close)
			cloudOptions := simulator.CloudOptions{
				Accounts: []cloud.Account{{Owner: "shop", Keys: []cloud.Key{{ID: "LTAI5tExampleExample1234", Secret: "averysecretsecret"}}}},
				Zones:    []cloud.Zone{{Owner: "shop", Name: "shop.example"}},
			}
			world := simulator.Start(t, simulator.Options{Alidns: cloudOptions, DNSPod: cloudOptions})
			endpoints, wrong := endpointsOf("endpoint", world.Alidns.URL, world.DNSPod.URL)
			stsEndpoints, alsoWrong := endpointsOf("sts-endpoint", sts.URL, sts.URL)
			clouds, err := newClouds(endpoints, stsEndpoints, "")
			if err := errors.Join(wrong, alsoWrong, err); err != nil {
				t.Fatal(err)
			}
			s := healthy(t)
			s.options.Provider, s.accounts = true, clouds
			s.issuerSays(t, test.config)
			find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.SolverName = test.solver
			found, err := s.doctor(t).Issuer(t.Context(), "shop", "le")
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"the account of LTAI…1234 hosts shop.example"}
			if test.want != "" {
				want = append([]string{test.want}, want...)
			}
			var got []string
			for _, check := range found.Checks {
				if text, is := strings.CutPrefix(check.Text, "Issuer shop/le: the "); is && strings.Contains(text, "LTAI…") {
					got = append(got, "the "+text)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the cloud says (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{string(Healthy)}, append(append([]string{string(found.State)}, ids(found.Causes)...), found.NotChecked...)); diff != "" {
				t.Errorf("state, causes and what was not checked (-want +got):\n%s", diff)
			}
		})
	}
}
