package solvers

import (
	"testing"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// mayOnly gives alice's key a policy that is limited to zones, and allows to list them or not.
func (r *rig) mayOnly(lists bool, zones ...string) {
	r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Zones: zones, Lists: lists}}})
}

func TestPresent_WithoutTheRightToListZones(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.mayOnly(false, "example.com")
		r.present()
		r.wantTXT("alice", wanted)
		r.present(withKey(otherValue))
		r.wantCalls(r.zones, 1) // which is remembered
		r.wantCalls(r.add, 2)
		r.cleanUp()
		r.wantTXT("alice", wantedOther)
		time.Sleep(time.Minute)
		r.restart()
		r.cleanUp(withKey(otherValue))
		r.wantTXT("alice")
		r.wantCalls(r.zones, 1)
		r.cleanUp(withKey(nthValue(1))) // of which there is no record
	})
}

func TestPresent_WithoutTheRightToListZonesNorAZoneToTry(t *testing.T) {
	for name, test := range map[string]struct {
		zone    string
		refused func(r *rig) string
	}{
		"a top-level domain was resolved": {zone: "com."},
		"nothing was resolved":            {zone: ""},
		"a zone elsewhere was resolved":   {zone: "example.org."},
		"a zone that the policy does not name": {zone: "sub.example.com.", refused: func(r *rig) string {
			return "sub.example.com, the zone that cert-manager found, is refused: the " + policies[r.name] + " policy does not allow " + r.name + ":" + r.add
		}},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				r.mayOnly(false, "example.com")
				parts := []string{"policy does not allow " + r.name + ":" + r.zones, "allow " + r.name + ":" + r.zones, "the Secret team-a/alice"}
				if test.refused != nil {
					parts = append(parts, test.refused(r))
				}
				there := withName("_acme-challenge.sub.example.com.", test.zone)
				r.wantError(func() error { return r.solver.Present(r.request(there)) }, parts...)
				r.wantTXT("alice")

				r.mayOnly(true, "example.com") // as soon as the right is there
				time.Sleep(time.Minute)
				r.present(there)
				r.wantTXT("alice", "_acme-challenge.sub.example.com "+value)
			})
		})
	}
}

var policies = map[string]string{"alidns": "RAM", "dnspod": "CAM"}

func TestPresent_AResolvedZoneThatTheAccountDoesNotHostWithoutTheRightToListZones(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{r.zones}}}})
		there := withName("_acme-challenge.sub.example.com.", "sub.example.com.")
		r.wantError(func() error { return r.solver.Present(r.request(there)) },
			r.name+":"+r.zones, "sub.example.com, the zone that cert-manager found, is refused: the account does not host the zone sub.example.com")
		if err := r.solver.CleanUp(r.request(there)); err == nil {
			t.Error("CleanUp lets go of what it could not look for")
		}
	})
}

// TestCleanUp_APolicyForTheHostedZoneAlone has cert-manager resolve a zone beneath, which the policy does not name.
func TestCleanUp_APolicyForTheHostedZoneAlone(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.mayOnly(true, "example.com")
		there := withName("_acme-challenge.dev.example.com.", "dev.example.com.")
		r.present(there)
		r.wantTXT("alice", "_acme-challenge.dev.example.com "+value)
		time.Sleep(time.Minute)
		r.restart()
		r.cleanUp(there)
		r.wantTXT("alice")
	})
}

// TestAhead_WithoutTheRightToListZones has the queue, which is told no zone, write for a name once a Present has shown where it is.
func TestAhead_WithoutTheRightToListZones(t *testing.T) {
	play(t, 1, func(s *theatre) {
		s.mayOnly(false, "example.com")
		s.rig.solver = s.replicas[0].Solver
		s.rig.present(withKey(nthValue(1)))
		ch := s.challenge(s.order("team-a", "web", "example.com"), 0, value)
		time.Sleep(time.Minute)
		s.wantTXT("alice", wanted, "_acme-challenge.example.com "+nthValue(1))
		s.remove(ch)
		s.rig.cleanUp(withKey(nthValue(1)))
		s.wantNothingLeft()
	})
}
