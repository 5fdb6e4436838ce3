package solvers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// roleARN is that of a role in bob's account that trusts alice's keys.
func (r *rig) roleARN() string {
	if r.name == "alidns" {
		return "acs:ram::1234567890123456:role/dns"
	}
	return "qcs::cam::uin/100000000001:roleName/dns"
}

// byRole makes the request one by way of a role: alice's keys write in bob's zone.
func (r *rig) byRole(ch *whapi.ChallengeRequest) {
	ch.ResolvedFQDN, ch.ResolvedZone, ch.DNSName = "_acme-challenge.bob.example.", "bob.example.", "bob.example"
	withConfig(strings.TrimSuffix(r.configFor("alice"), "}") + fmt.Sprintf(`,"roleArn":%q}`, r.roleARN()))(ch)
}

func forRoles(t *testing.T, test func(r *rig)) {
	t.Helper()
	forBoth(t, func(r *rig) {
		r.putRole(cloud.Role{ARN: r.roleARN(), Trusts: []string{aliceID}})
		r.putZone("bob", "bob.example")
		test(r)
	})
}

func (r *rig) putRole(role cloud.Role) {
	r.cloud.PutAccount(cloud.Account{Owner: "bob", Keys: []cloud.Key{{ID: bobID, Secret: bobSecret}}, Roles: []cloud.Role{role}})
}

const byRoleRecord = "_acme-challenge.bob.example " + value

func TestARoleOfAnotherAccount(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.present(r.byRole)
		r.wantTXT("bob", byRoleRecord)
		r.wantTXT("alice")
		r.cleanUp(r.byRole)
		r.wantTXT("bob")
		r.wantCalls("AssumeRole", 1)
		r.wantCalls(r.remove, 1)
		r.wantCalls(r.look, 1) // the id was remembered
		for _, call := range r.cloud.Calls() {
			if call.Token != (call.Action != "AssumeRole") {
				r.t.Errorf("%s with a token: %v", call.Action, call.Token)
			}
		}
	})
}

// What is remembered of an account outlives the session that it was learnt with.
func TestARoleWhoseSessionIsRenewed(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.present(r.byRole)
		time.Sleep(2 * time.Hour)
		r.cleanUp(r.byRole)
		r.wantTXT("bob")
		r.wantCalls("AssumeRole", 2)
		r.wantCalls(r.look, 1)
	})
}

// A key that is changed in the Secret, and a role that is changed in the Issuer, count at once.
func TestARoleAfterTheKeysWereChanged(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.present(r.byRole)
		r.secrets.put("team-a", "alice", bobID, bobSecret)
		r.wantError(func() error { return r.solver.CleanUp(r.request(r.byRole)) }, "may not be assumed with these keys")
		r.secrets.put("team-a", "alice", aliceID, aliceSecret)
		r.cleanUp(r.byRole)
		r.wantTXT("bob")
	})
}

func TestARoleThatIsRefused(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.putRole(cloud.Role{ARN: r.roleARN()})
		from := "the keys are from the Secret team-a/alice, for the role " + r.roleARN()
		r.wantError(func() error { return r.solver.Present(r.request(r.byRole)) }, "the role "+r.roleARN()+" may not be assumed with these keys", from)
		r.wantError(func() error { return r.solver.CleanUp(r.request(r.byRole)) }, "may not be assumed with these keys", from)
		r.wantTXT("bob")
	})
}

// With a role that does not exist any more, no record can be removed for good, and no namespace hangs on that.
func TestARoleThatIsGone(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.present(r.byRole)
		r.putRole(cloud.Role{ARN: r.roleARN() + "-2", Trusts: []string{aliceID}})
		time.Sleep(2 * time.Hour)
		r.wantError(func() error { return r.solver.Present(r.request(r.byRole)) }, "the role "+r.roleARN()+" does not exist")
		r.cleanUp(r.byRole)
		if got := r.abandoned(); got != 1 {
			r.t.Errorf("%v records were abandoned, want 1", got)
		}
	})
}

// A session that the cloud does not know any more, though it has not ended, is replaced with the next try, and leaves nothing behind.
func TestASessionThatWasEndedEarly(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.present(r.byRole)
		r.putRole(cloud.Role{ARN: r.roleARN(), Trusts: []string{aliceID}}) // which ends the keys that it gave
		err := r.solver.CleanUp(r.request(r.byRole))
		if want := "the cloud has ended the session of " + r.roleARN() + " before its time"; err == nil || !strings.Contains(err.Error(), want) {
			r.t.Errorf("got %v, want that %s", err, want)
		}
		r.wantTXT("bob", byRoleRecord)
		r.cleanUp(r.byRole)
		r.wantTXT("bob")
		r.wantCalls("AssumeRole", 2)
		if got := r.abandoned(); got != 0 {
			r.t.Errorf("%v records were abandoned", got)
		}
	})
}

func TestSTSThatIsDown(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.inject(cloud.Fault{Kind: cloud.Error, Action: "AssumeRole", Code: "InternalError", Status: 500})
		r.wantError(func() error { return r.solver.Present(r.request(r.byRole)) }, "an error inside STS (InternalError)")
		r.cloud.ClearFaults()
		r.present(r.byRole)
		r.inject(cloud.Fault{Kind: cloud.Hang, Action: "AssumeRole"})
		time.Sleep(50 * time.Minute)
		r.present(r.byRole, withKey(otherValue)) // with the session that there is
		time.Sleep(30 * time.Minute)
		start := time.Now()
		err := r.solver.Present(r.request(r.byRole))
		if took := time.Since(start); err == nil || took > operationTimeout {
			r.t.Errorf("after %v: %v", took, err)
		}
	})
}

// Mallory knows the id of alice's key and the role, and does not know the secret: nothing of alice's session helps him.
func TestAGuessedSecretRidesOnNoSession(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.secrets.put("team-m", "mallory", aliceID, "guess")
		mallory := func(ch *whapi.ChallengeRequest) {
			r.byRole(ch)
			ch.ResourceNamespace, ch.Key = "team-m", otherValue
			ch.Config.Raw = []byte(strings.ReplaceAll(string(ch.Config.Raw), `"name":"alice"`, `"name":"mallory"`))
		}
		for range 3 {
			r.present(r.byRole)
			if err := r.solver.Present(r.request(mallory)); err == nil || errors.Is(err, errConfig) {
				r.t.Fatalf("mallory's try: %v", err)
			}
		}
		r.wantTXT("bob", byRoleRecord)
	})
}
