package solvers

import (
	"fmt"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// script is one order of events for the two challenges of a name.
type script struct {
	// routes has for each of the four calls the replica that it comes to first.
	routes [4]int
	// dropped are the replicas that are killed before the step of this number, and started again after it.
	dropped []int
	drop    int
	// end is the step before which the Order is deleted; steps if it is not.
	end int
	// late says that the second Challenge comes only when the first was shown to the CA.
	late bool
}

// steps of an issuance: what is between them is cert-manager's.
const steps = 6

func (c script) String() string {
	return fmt.Sprintf("late %t, calls to %v, %v killed before step %d, deleted before step %d", c.late, c.routes, c.dropped, c.drop, c.end)
}

// scripts are all orders with one drop for calls that come to one replica or the other, and all ends with each drop.
func scripts() []script {
	var all []script
	drops := [][]int{{0}, {1}, {0, 1}}
	for routes := range 16 {
		c := script{end: steps, routes: [4]int{routes & 1, routes >> 1 & 1, routes >> 2 & 1, routes >> 3 & 1}}
		for c.drop = range steps {
			for _, c.dropped = range drops {
				for _, c.late = range []bool{false, true} {
					all = append(all, c)
				}
			}
		}
	}
	for _, routes := range [][4]int{{0, 1, 0, 1}, {1, 0, 0, 1}} {
		c := script{routes: routes}
		for c.end = 1; c.end < steps; c.end++ {
			for c.drop = range c.end + 1 {
				for _, c.dropped = range drops {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// TestEveryOrderOfEvents plays all scripts: in the end nothing is left, nothing of others was touched, and the CA was never shown
// a value whose absence it remembered.
func TestEveryOrderOfEvents(t *testing.T) {
	for i, c := range scripts() {
		// The clouds take turns; all that differs between them here is that DNSPod's lists lag.
		v := vendors()[i%2]
		t.Run(fmt.Sprintf("%s, %s", v.name, c), func(t *testing.T) {
			t.Parallel()
			playOne(t, v.name, 2, func(s *theatre) { s.perform(c) })
		})
	}
}

func (s *theatre) perform(c script) {
	s.cloud.Change(func(settings *cloud.Settings) { settings.ListLag = s.solverHost().listLag })
	s.putZone("alice", "example.net", cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: nthValue(9), TTL: 600})
	call := 0
	s.route = func(string, *cmacme.Challenge) *replica { return s.replicas[c.routes[min(call, 3)]] }
	o := s.order("team-a", "web", "example.com", "*.example.com")
	var challenges []*cmacme.Challenge
	create := func() {
		challenges = append(challenges, s.challenge(o, len(challenges), nthValue(len(challenges))))
		time.Sleep(300 * time.Millisecond)
	}
	present := func(i int) {
		time.Sleep(700 * time.Millisecond)
		s.begin(challenges[i])
		if !s.present(challenges[i]) {
			s.t.Error("the CA did not find a value that was shown to it")
		}
		call++
	}
	cleanUp := func(i int) {
		s.cleanUp(challenges[i])
		call++
	}
	first, second := func() { present(0) }, func() { present(1) }
	order := []func(){create, create, first, func() { cleanUp(0) }, second, func() { cleanUp(1) }}
	if c.late {
		order[1], order[2] = first, create
	}
	for step := range c.end {
		if step == c.drop {
			s.kill(c.dropped)
			s.replace(c.dropped)
		}
		order[step]()
	}
	s.endAll(c, challenges)
	time.Sleep(5 * time.Minute)
	s.wantTXT("alice", "_acme-challenge.example.net "+nthValue(9))
}

// endAll deletes the Challenges, while replicas are dead if the script wants it. What cert-manager works on it cleans up before.
func (s *theatre) endAll(c script, challenges []*cmacme.Challenge) {
	if c.drop == c.end {
		s.kill(c.dropped)
	}
	for _, ch := range challenges {
		if len(ch.Finalizers) == 0 {
			s.remove(ch)
		}
	}
	if c.drop == c.end {
		time.Sleep(time.Minute)
		s.replace(c.dropped)
	}
	for _, ch := range challenges {
		if len(ch.Finalizers) > 0 {
			s.cleanUp(ch)
			s.remove(ch)
		}
	}
}

func (s *theatre) kill(which []int) {
	for _, i := range which {
		s.replicas[i].kill()
	}
}

// replace starts replicas in the places of others.
func (s *theatre) replace(which []int) {
	for _, i := range which {
		fresh := s.start()
		s.replicas = s.replicas[:len(s.replicas)-1]
		s.replicas[i] = fresh
	}
}
