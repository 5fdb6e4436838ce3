package solvers

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// wantIssued checks that the CA found all values, and that it took no longer.
func (s *theatre) wantIssued(start time.Time, within time.Duration, valid bool) {
	s.t.Helper()
	if !valid {
		s.t.Error("the CA did not find all values")
	}
	if took := time.Since(start); took > within {
		s.t.Errorf("it took %s, want %s at most", took, within)
	}
}

// wantNothingLeft waits until certyun has taken back what it wrote, and checks that other people's records are there.
func (s *theatre) wantNothingLeft() {
	s.t.Helper()
	time.Sleep(3 * time.Minute)
	s.wantTXT("alice")
	journal, err := s.kube.Get(corev1.SchemeGroupVersion.WithResource("configmaps"), "certyun", "acme.certyun.internal")
	if err == nil && len(journal.(*corev1.ConfigMap).Data) > 0 {
		s.t.Errorf("the journal still has %v", journal.(*corev1.ConfigMap).Data)
	}
}

// onePropagation is what an apex and its wildcard take where all values are visible before the first is looked for.
func (s *theatre) onePropagation() time.Duration { return s.delay + 4*time.Second }

func TestPresent_ApexAndWildcardCostOnePropagation(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second, 3 * time.Second, 10 * time.Second} {
		for name, route := range map[string]func(s *theatre) func(string, *cmacme.Challenge) *replica{
			"all calls come to the replica that leads": func(s *theatre) func(string, *cmacme.Challenge) *replica {
				return func(string, *cmacme.Challenge) *replica { return s.replicas[0] }
			},
			"all calls come to the other replica": func(s *theatre) func(string, *cmacme.Challenge) *replica {
				return func(string, *cmacme.Challenge) *replica { return s.replicas[1] }
			},
			"the replicas take turns": turns,
			"each challenge has its replica": func(s *theatre) func(string, *cmacme.Challenge) *replica {
				return func(_ string, ch *cmacme.Challenge) *replica {
					if ch.Spec.Wildcard {
						return s.replicas[0]
					}
					return s.replicas[1]
				}
			},
		} {
			t.Run(fmt.Sprint(name, ", records after ", delay), func(t *testing.T) {
				play(t, 2, func(s *theatre) {
					s.delay, s.route = delay, route(s)
					s.cloud.Change(func(c *cloud.Settings) { c.ListLag = s.solverHost().listLag })
					start := time.Now()
					o, challenges := s.apexAndWildcard("web", value, otherValue)
					s.wantIssued(start, s.onePropagation(), s.solve(challenges...))
					s.finish(o, challenges...)
					s.wantTXT("alice")
					s.wantCalls(s.add, 2)
					s.wantCalls(s.vendor.remove, 2)
					s.wantCalls(s.look, 2)
				})
			})
		}
	}
}

func (s *theatre) solverHost() host { return s.replicas[0].host }

func TestPresent_WithoutAheadAndMemoryTheOrderFails(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.max, s.memory = 0, 0
		s.start()
		_, challenges := s.apexAndWildcard("web", value, otherValue)
		if s.solve(challenges...) {
			s.t.Error("the CA found both values: it does not remember")
		}
	})
}

func TestPresent_WithoutAheadTheMemoryIsWaitedOut(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.max = 0
		s.start()
		start := time.Now()
		_, challenges := s.apexAndWildcard("web", value, otherValue)
		s.wantIssued(start, 75*time.Second, s.solve(challenges...))
		s.wantTXT("alice")
	})
}

// turns lets the replicas answer in turn.
func turns(s *theatre) func(string, *cmacme.Challenge) *replica {
	var n atomic.Int64
	return func(string, *cmacme.Challenge) *replica { return s.replicas[int(n.Add(1))%len(s.replicas)] }
}

func TestPresent_SiblingsThatComeLate(t *testing.T) {
	for name, test := range map[string]struct {
		after, within time.Duration
	}{
		"before the first is asked for":                       {500 * time.Millisecond, 8 * time.Second},
		"while the first waits":                               {2 * time.Second, 9 * time.Second},
		"after the first is visible":                          {8 * time.Second, 15 * time.Second},
		"after the first was shown: the memory is waited out": {time.Minute, 150 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *theatre) {
				s.route = turns(s)
				start := time.Now()
				o := s.order("team-a", "web", "example.com", "*.example.com")
				first := s.challenge(o, 0, value)
				come := make(chan *cmacme.Challenge)
				go func() {
					time.Sleep(test.after)
					come <- s.challenge(o, 1, otherValue)
				}()
				valid := s.solve(first)
				second := <-come
				s.wantIssued(start, test.within, s.solve(second) && valid)
				s.finish(o, first, second)
				s.wantNothingLeft()
			})
		})
	}
}

func TestPresent_Twins(t *testing.T) {
	for name, test := range map[string]struct {
		apart, within time.Duration
	}{
		"at once":           {0, 75 * time.Second},
		"ten seconds apart": {10 * time.Second, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *theatre) {
				s.route = turns(s)
				o1, rsa := s.apexAndWildcard("rsa", nthValue(1), nthValue(2))
				if test.apart == 0 {
					o2, ecdsa := s.apexAndWildcard("ecdsa", nthValue(3), nthValue(4))
					start := time.Now()
					s.wantIssued(start, test.within, s.solve(rsa[0], ecdsa[0], rsa[1], ecdsa[1]))
					s.finish(o1, rsa...)
					s.finish(o2, ecdsa...)
					s.wantNothingLeft()
					return
				}
				if !s.solve(rsa...) {
					s.t.Error("the first failed")
				}
				s.finish(o1, rsa...)
				time.Sleep(test.apart)
				start := time.Now()
				o2, ecdsa := s.apexAndWildcard("ecdsa", nthValue(3), nthValue(4))
				s.wantIssued(start, test.within, s.solve(ecdsa...))
				s.finish(o2, ecdsa...)
				s.wantNothingLeft()
			})
		})
	}
}

func TestPresent_ASecondTryAfterARefusalWaitsTheMemoryOut(t *testing.T) {
	play(t, 2, func(s *theatre) {
		s.route = turns(s)
		s.ca.finds("_acme-challenge.example.com", "") // somebody has asked before
		o, refused := s.apexAndWildcard("web", value, otherValue)
		if s.solve(refused[0]) {
			s.t.Fatal("the CA found what it could not")
		}
		s.finish(o, refused...)
		again, challenges := s.apexAndWildcard("again", nthValue(1), nthValue(2))
		s.wantIssued(time.Now(), 75*time.Second, s.solve(challenges...))
		s.finish(again, challenges...)
		s.wantNothingLeft()
	})
}

func TestPresent_NamesThatAreDelegatedToOneName(t *testing.T) {
	play(t, 2, func(s *theatre) {
		s.route = turns(s)
		s.followed["a.test"], s.followed["b.test"] = "_acme-challenge.example.com", "_acme-challenge.example.com"
		o := s.order("team-a", "web", "a.test", "b.test")
		follow := func(ch *cmacme.Challenge) { ch.Spec.Solver.DNS01.CNAMEStrategy = cmacme.FollowStrategy }
		start := time.Now()
		challenges := []*cmacme.Challenge{s.challenge(o, 0, value, follow), s.challenge(o, 1, otherValue, follow)}
		results := make(chan bool)
		for _, ch := range challenges { // their names differ, so cert-manager works on both at once
			go func() { results <- s.solve(ch) }()
		}
		first, second := <-results, <-results
		s.wantIssued(start, s.onePropagation(), first && second)
		s.finish(o, challenges...)
		s.wantNothingLeft()
	})
}

func TestPresent_SeveralNamespacesAtOneName(t *testing.T) {
	play(t, 2, func(s *theatre) {
		s.route = turns(s)
		s.secrets.put("team-c", "alice", aliceID, aliceSecret)
		o1 := s.order("team-a", "web", "example.com")
		o2 := s.order("team-c", "web", "example.com")
		first, second := s.challenge(o1, 0, value), s.challenge(o2, 0, otherValue)
		s.wantIssued(time.Now(), s.onePropagation(), s.solve(first, second))
		s.finish(o1, first)
		s.finish(o2, second)
		s.wantNothingLeft()
	})
}

func TestPresent_SiblingsThatCannotBeWrittenHoldUpNobody(t *testing.T) {
	for name, change := range map[string]func(*theatre, *cmacme.Challenge){
		"its Secret is missing": func(s *theatre, ch *cmacme.Challenge) {
			ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(s.configFor("nobody"))}
		},
		"its config cannot be read": func(_ *theatre, ch *cmacme.Challenge) {
			ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(`{"what":1}`)}
		},
		"its account does not host the zone": func(s *theatre, ch *cmacme.Challenge) {
			s.secrets.put("team-a", "bob", bobID, bobSecret)
			ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(s.configFor("bob"))}
		},
		"its account hosts a zone that the DNS does not show": func(s *theatre, ch *cmacme.Challenge) {
			s.secrets.put("team-a", "bob", bobID, bobSecret)
			s.putZone("bob", "com")
			ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(s.configFor("bob"))}
		},
		"it is somebody else's solver": func(_ *theatre, ch *cmacme.Challenge) {
			ch.Spec.Solver.DNS01.Webhook.GroupName = "acme.example.org"
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *theatre) {
				s.route = turns(s)
				o := s.order("team-a", "web", "example.com", "*.example.com")
				s.challenge(o, 1, otherValue, func(ch *cmacme.Challenge) { change(s, ch) })
				first := s.challenge(o, 0, value)
				start := time.Now()
				s.wantIssued(start, s.onePropagation()+othersWithin, s.solve(first))
			})
		})
	}
}

func TestAhead_OnlyWhatCertManagerWouldAskForIsWritten(t *testing.T) {
	for name, change := range map[string]func(*cmacme.Challenge){
		"no Order owns it":                      func(ch *cmacme.Challenge) { ch.OwnerReferences = nil },
		"its Order does not exist":              func(ch *cmacme.Challenge) { ch.OwnerReferences[0].UID = "other" },
		"it is not one of its Order's":          func(ch *cmacme.Challenge) { ch.Spec.AuthorizationURL = "https://ca.test/mine" },
		"it is for another name than its Order": func(ch *cmacme.Challenge) { ch.Spec.DNSName = "www.example.com" },
		"it has another Issuer than its Order":  func(ch *cmacme.Challenge) { ch.Spec.IssuerRef.Name = "other" },
		"it is another solver's":                func(ch *cmacme.Challenge) { ch.Spec.Solver.DNS01.Webhook.SolverName = "other" },
		"it is in another group":                func(ch *cmacme.Challenge) { ch.Spec.Solver.DNS01.Webhook.GroupName = "acme.example.org" },
		"it is no DNS-01 challenge":             func(ch *cmacme.Challenge) { ch.Spec.Type = cmacme.ACMEChallengeTypeHTTP01 },
		"it is final":                           func(ch *cmacme.Challenge) { ch.Status.State = cmacme.Invalid },
		"it is being deleted":                   func(ch *cmacme.Challenge) { now := metav1.Now(); ch.DeletionTimestamp = &now },
		"its value is none of a challenge's":    func(ch *cmacme.Challenge) { ch.Spec.Key = "v=spf1 -all" },
		"it names no Secret": func(ch *cmacme.Challenge) {
			ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(`{}`)}
		},
		"a ClusterIssuer's Secret is elsewhere": func(ch *cmacme.Challenge) { ch.Spec.IssuerRef.Kind = "ClusterIssuer" },
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 1, func(s *theatre) {
				o := s.order("team-a", "web", "example.com")
				if name == "a ClusterIssuer's Secret is elsewhere" {
					o.Spec.IssuerRef.Kind = "ClusterIssuer"
				}
				s.challenge(o, 0, value, change)
				time.Sleep(time.Minute)
				s.wantCalls(s.add, 0)
				s.wantTXT("alice")
			})
		})
	}
}

func TestAhead_NothingIsWrittenWhereCNAMERecordsMayNotLead(t *testing.T) {
	for name, test := range map[string]struct {
		targets []string
		want    []string
	}{
		"anywhere":                {want: []string{"a.example.com " + value, "b.example.com " + otherValue}},
		"to a domain of the list": {targets: []string{"elsewhere.test", "b.example.com"}, want: []string{"b.example.com " + otherValue}},
		"to none":                 {targets: []string{"elsewhere.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 1, func(s *theatre) {
				s.replicas[0].targets = test.targets
				s.followed["a.test"], s.followed["b.test"] = "a.example.com", "b.example.com"
				o := s.order("team-a", "web", "a.test", "b.test")
				follow := func(ch *cmacme.Challenge) { ch.Spec.Solver.DNS01.CNAMEStrategy = cmacme.FollowStrategy }
				challenges := []*cmacme.Challenge{s.challenge(o, 0, value, follow), s.challenge(o, 1, otherValue, follow)}
				time.Sleep(time.Minute)
				s.wantTXT("alice", test.want...)
				for _, ch := range challenges {
					s.remove(ch)
				}
				s.wantNothingLeft()
			})
		})
	}
}

func TestAhead_ClusterIssuers(t *testing.T) {
	play(t, 1, func(s *theatre) {
		s.secrets.put("cert-manager", "alice", aliceID, aliceSecret)
		s.secrets.remove("team-a", "alice")
		o := s.order("team-a", "web", "example.com")
		o = o.DeepCopy()
		o.Spec.IssuerRef.Kind = "ClusterIssuer"
		if err := s.certManager.Update(cmacme.SchemeGroupVersion.WithResource("orders"), o, o.Namespace); err != nil {
			s.t.Fatal(err)
		}
		ch := s.challenge(o, 0, value)
		time.Sleep(time.Second)
		s.wantTXT("alice", "_acme-challenge.example.com "+value)
		s.remove(ch)
		s.wantNothingLeft()
	})
}

// many makes Orders for so many names, each with one Challenge.
func (s *theatre) many(n int) ([]*cmacme.Order, []*cmacme.Challenge) {
	var orders []*cmacme.Order
	var challenges []*cmacme.Challenge
	for i := range n {
		o := s.order("team-a", fmt.Sprintf("web-%03d", i), fmt.Sprintf("n%03d.example.com", i))
		orders, challenges = append(orders, o), append(challenges, s.challenge(o, 0, nthValue(i)))
		time.Sleep(10 * time.Millisecond) // as fast as cert-manager's client may be
	}
	return orders, challenges
}

func TestAhead_TheQueueIsBounded(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.max = 5
		s.start()
		orders, challenges := s.many(20)
		time.Sleep(time.Minute)
		if got := len(s.txt("alice")); got != 5 {
			s.t.Fatalf("%d records are written ahead, want 5", got)
		}
		want := []string{}
		for i := range 5 {
			want = append(want, fmt.Sprintf("_acme-challenge.n%03d.example.com %s", i, nthValue(i)))
		}
		s.wantTXT("alice", want...) // the oldest
		for i, ch := range challenges {
			if !s.solve(ch) {
				s.t.Errorf("%s failed", ch.Name)
			}
			s.finish(orders[i], ch)
		}
		s.wantNothingLeft()
	})
}

func TestAhead_WhatCannotBeWrittenTakesNobodysPlace(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.max = 5
		s.start()
		for i := range 10 {
			o := s.order("team-a", fmt.Sprint("broken-", i), fmt.Sprintf("broken%d.example.com", i))
			s.challenge(o, 0, nthValue(100+i), func(ch *cmacme.Challenge) {
				ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(s.configFor("nobody"))}
			})
		}
		time.Sleep(time.Second)
		s.many(3)
		time.Sleep(3 * time.Second)
		if got := len(s.txt("alice")); got != 3 {
			s.t.Errorf("%d records are written ahead behind those that cannot be, want 3", got)
		}
	})
}

func TestAhead_WhatIsNeverAskedForIsTakenBack(t *testing.T) {
	for name, end := range map[string]func(s *theatre, ch *cmacme.Challenge){
		"the Challenge is deleted": func(s *theatre, ch *cmacme.Challenge) { s.remove(ch) },
		"the Challenge ends": func(s *theatre, ch *cmacme.Challenge) {
			s.update(ch, func(ch *cmacme.Challenge) { ch.Status.State = cmacme.Errored })
		},
		"it is deleted when cert-manager has just begun": func(s *theatre, ch *cmacme.Challenge) {
			s.update(ch, func(ch *cmacme.Challenge) { ch.Status.Processing = true })
			s.remove(ch)
		},
		"no replica lives when it is deleted": func(s *theatre, ch *cmacme.Challenge) {
			for _, p := range s.replicas {
				p.kill()
			}
			s.remove(ch)
			time.Sleep(time.Minute)
			s.start()
		},
		"the replica that leads is killed before": func(s *theatre, ch *cmacme.Challenge) {
			s.replicas[0].kill()
			s.remove(ch)
		},
		"the right to read Challenges is away when it is deleted": func(s *theatre, ch *cmacme.Challenge) {
			for _, p := range s.replicas {
				p.blind.Store(true)
			}
			s.remove(ch)
			time.Sleep(time.Minute)
			s.replicas[0].kill() // watches that are closed begin anew
			s.replicas[1].kill()
			s.start()
		},
		"all replicas are stopped": func(s *theatre, _ *cmacme.Challenge) {
			for _, p := range s.replicas {
				p.stop()
			}
		},
		"the cloud fails for a while": func(s *theatre, ch *cmacme.Challenge) {
			s.inject(cloud.Fault{Kind: cloud.Error, Action: s.vendor.remove, Status: 500, Code: "InternalError", Message: "no", Count: 3})
			s.remove(ch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *theatre) {
				s.cloud.Change(func(c *cloud.Settings) { c.ListLag = s.solverHost().listLag })
				o := s.order("team-a", "web", "example.com")
				ch := s.challenge(o, 0, value)
				time.Sleep(time.Second)
				s.wantTXT("alice", "_acme-challenge.example.com "+value)
				end(s, ch)
				s.wantNothingLeft()
			})
		})
	}
}

// What is written ahead may reach the cloud when cert-manager has already had the record removed.
func TestAhead_WhatArrivesLateIsTakenBack(t *testing.T) {
	for which, called := range []string{"the replica that writes ahead", "the other replica"} {
		for state, presented := range map[string]bool{"presented": true, "never presented": false} {
			for request, begun := range map[string]time.Duration{"zones are listed": 200 * time.Millisecond, "the record is added": 4 * time.Second} {
				t.Run(fmt.Sprintf("cert-manager calls %s while %s, %s", called, request, state), func(t *testing.T) {
					play(t, 2, func(s *theatre) {
						s.route = func(string, *cmacme.Challenge) *replica { return s.replicas[which] }
						s.delay = 0
						s.replicas[0].lag.Store(int64(3 * time.Second))
						o := s.order("team-a", "web", "example.com")
						ch := s.challenge(o, 0, value)
						time.Sleep(begun)
						s.replicas[0].lag.Store(0)
						s.begin(ch)
						if presented {
							s.present(ch)
						}
						s.cleanUp(ch)
						s.remove(ch)
						s.wantNothingLeft()
					})
				})
			}
		}
	}
}

// A list that lags is not waited for where the Challenge says that its record was not asked for since: whoever gets the call, and whatever
// was restarted.
func TestCleanUp_TheChallengeTellsWhetherAListIsLateEnough(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*cmacme.Challenge)
		want   time.Duration
	}{
		"it is being deleted for long": {
			func(ch *cmacme.Challenge) {
				ch.DeletionTimestamp = new(metav1.NewTime(time.Now().Add(-70 * time.Second)))
			}, 0,
		},
		"it is being deleted since a moment ago": {
			func(ch *cmacme.Challenge) { ch.DeletionTimestamp = new(metav1.Now()) }, 30 * time.Second,
		},
		"it was presented long ago, and the CA is done": {
			func(ch *cmacme.Challenge) {
				ch.Status.State, ch.Status.PresentedAt = cmacme.Invalid, new(metav1.NewTime(time.Now().Add(-36*time.Second)))
			}, 0,
		},
		"it was presented long ago, and may be again": {
			func(ch *cmacme.Challenge) {
				ch.Status.PresentedAt = new(metav1.NewTime(time.Now().Add(-36 * time.Second)))
			}, 30 * time.Second,
		},
		"it was never presented": {func(*cmacme.Challenge) {}, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			playOne(t, "dnspod", 1, func(s *theatre) {
				o := s.order("team-a", "web", "example.com")
				ch := s.challenge(o, 0, value, func(ch *cmacme.Challenge) {
					ch.Finalizers, ch.Status.Processing = []string{cmacme.ACMEDomainQualifiedFinalizer}, true
					test.change(ch)
				})
				time.Sleep(time.Millisecond) // until it is known
				start := time.Now()
				if err := s.replicas[0].CleanUp(s.request(ch)); err != nil {
					s.t.Fatal(err)
				}
				s.wantSince(start, test.want)
			})
		})
	}
}

func TestAhead_AReplicaThatStopsHandsOver(t *testing.T) {
	play(t, 2, func(s *theatre) {
		orders, challenges := s.many(10)
		time.Sleep(10 * time.Second)
		s.cloud.ResetCalls()
		s.replicas[0].stop()
		time.Sleep(10 * time.Second)
		if got := len(s.txt("alice")); got != 10 {
			s.t.Errorf("%d records are left after one replica of two has stopped, want all 10", got)
		}
		s.wantCalls(s.add, 0)
		for i, ch := range challenges {
			if !s.solve(ch) {
				s.t.Errorf("%s failed", ch.Name)
			}
			s.finish(orders[i], ch)
		}
		s.wantNothingLeft()
		s.wantCalls(s.add, 0)
	})
}

func TestAhead_ThePeoplesRecordsStay(t *testing.T) {
	play(t, 2, func(s *theatre) {
		s.putZone("alice", "example.net", cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: nthValue(9), TTL: 600})
		o := s.order("team-a", "web", "example.net")
		ch := s.challenge(o, 0, value)
		time.Sleep(time.Second)
		s.remove(ch)
		time.Sleep(2 * time.Minute)
		s.wantTXT("alice", "_acme-challenge.example.net "+nthValue(9))
	})
}

func TestAhead_WithoutTheRightToReadChallenges(t *testing.T) {
	play(t, 0, func(s *theatre) {
		p := s.start()
		p.blind.Store(true)
		s.restartWatches(p)
		start := time.Now()
		o, challenges := s.apexAndWildcard("web", value, otherValue)
		s.wantIssued(start, 80*time.Second, s.solve(challenges...))
		s.finish(o, challenges...)
		s.wantTXT("alice")

		p.blind.Store(false)
		time.Sleep(3 * time.Minute)
		start = time.Now()
		o, challenges = s.apexAndWildcard("again", nthValue(1), nthValue(2))
		s.wantIssued(start, s.onePropagation(), s.solve(challenges...))
		s.finish(o, challenges...)
		s.wantNothingLeft()
	})
}

func TestAhead_PresentGoesBeforeTheQueue(t *testing.T) {
	play(t, 1, func(s *theatre) {
		s.cloud.Change(func(c *cloud.Settings) { c.WriteTime = 100 * time.Millisecond })
		s.many(150)
		time.Sleep(time.Second)
		o := s.order("team-a", "late", "late.example.com")
		late := s.challenge(o, 0, otherValue)
		s.begin(late)
		start := time.Now()
		if err := s.replicas[0].Present(s.request(late)); err != nil {
			s.t.Fatal(err)
		}
		if took := time.Since(start); took > s.delay+time.Second {
			s.t.Errorf("Present took %s beside the queue", took)
		}
	})
}

func TestAhead_AnAccountThatThrottles(t *testing.T) {
	play(t, 1, func(s *theatre) {
		s.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}, QPS: 3})
		s.many(50)
		time.Sleep(30 * time.Second)
		o := s.order("team-a", "late", "late.example.com")
		late := s.challenge(o, 0, otherValue)
		s.begin(late)
		start := time.Now()
		retry(func() error { return s.replicas[0].Present(s.request(late)) })
		if took := time.Since(start); took > s.delay+3*time.Second {
			s.t.Errorf("Present took %s beside the queue", took)
		}
	})
}

func TestDrain_WhilePresentWritesForOthers(t *testing.T) {
	play(t, 1, func(s *theatre) {
		o, challenges := s.apexAndWildcard("web", value, otherValue)
		s.begin(challenges[0])
		presented := make(chan error)
		go func() { presented <- s.replicas[0].Present(s.request(challenges[0])) }()
		time.Sleep(time.Millisecond)
		s.replicas[0].Drain(context.Background()) // which lets none begin until it ends
		if err := <-presented; err != nil {
			s.t.Error(err)
		}
		s.cleanUp(challenges[0])
		s.finish(o, challenges...)
		s.wantNothingLeft()
	})
}
