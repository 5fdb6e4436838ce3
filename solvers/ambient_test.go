package solvers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// surroundWith puts keys into the environment of the process, for both clouds, and restarts it.
func (r *rig) surroundWith(issuers string, roles ...string) {
	r.t.Helper()
	ambient, err := config.NewAmbient(issuers, roles)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ambient = ambient
	r.env = map[string]string{
		"ALIBABA_CLOUD_ACCESS_KEY_ID": aliceID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": aliceSecret + "\n",
		"TENCENTCLOUD_SECRET_ID": aliceID, "TENCENTCLOUD_SECRET_KEY": aliceSecret,
	}
	r.restart()
}

// without is a request whose config names no Secret; cert-manager allows it ambient credentials, or does not.
func without(namespace string, allowed bool, fields ...string) func(*whapi.ChallengeRequest) {
	return func(ch *whapi.ChallengeRequest) {
		ch.ResourceNamespace, ch.AllowAmbientCredentials = namespace, allowed
		ch.Config = &apiextensionsv1.JSON{Raw: []byte("{" + strings.Join(fields, ",") + "}")}
	}
}

func (r *rig) role() string { return fmt.Sprintf(`"roleArn":%q`, r.roleARN()) }

func TestAmbient_KeysOfTheEnvironment(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.surroundWith(config.AmbientClusterIssuers)
		r.present(without("cert-manager", true))
		r.wantTXT("alice", wanted)
		r.cleanUp(without("cert-manager", true))
		r.wantTXT("alice")
		if len(r.secrets.asked) > 0 {
			r.t.Errorf("Secrets were read in %q", r.secrets.asked)
		}
	})
}

// Both cert-manager and the operator have to allow them, and the operator each role; else nothing is called, and a Challenge can go.
func TestAmbient_WhoMay(t *testing.T) {
	const named = "name a Secret with the keys in the config, or "
	for name, test := range map[string]struct {
		issuers string
		roles   func(*rig) []string
		request func(*rig) func(*whapi.ChallengeRequest)
		want    func(*rig) string // "" for allowed
	}{
		"a ClusterIssuer": {
			issuers: config.AmbientClusterIssuers, request: func(*rig) func(*whapi.ChallengeRequest) { return without("cert-manager", true) },
		},
		"a ClusterIssuer that cert-manager does not allow": {
			issuers: config.AmbientClusterIssuers, request: func(*rig) func(*whapi.ChallengeRequest) { return without("cert-manager", false) },
			want: func(*rig) string {
				return "cert-manager does not allow the Issuer ambient credentials; " + named + "set cert-manager's flag --cluster-issuer-ambient-credentials"
			},
		},
		"an Issuer": {
			issuers: config.AmbientClusterIssuers, request: func(*rig) func(*whapi.ChallengeRequest) { return without("team-a", true) },
			want: func(*rig) string {
				return "--ambient-credentials allows an Issuer in this namespace no ambient credentials; " + named + "use a ClusterIssuer; to allow it to every namespace, set the chart's value ambient.credentials to all"
			},
		},
		"an Issuer where all may": {
			issuers: config.AmbientAll, request: func(*rig) func(*whapi.ChallengeRequest) { return without("team-a", true) },
		},
		"an Issuer where all may, that cert-manager does not allow": {
			issuers: config.AmbientAll, request: func(*rig) func(*whapi.ChallengeRequest) { return without("team-a", false) },
			want: func(*rig) string {
				return "cert-manager does not allow the Issuer ambient credentials; " + named + "set cert-manager's flag --issuer-ambient-credentials"
			},
		},
		"a ClusterIssuer where nobody may": {
			issuers: config.AmbientNone, request: func(*rig) func(*whapi.ChallengeRequest) { return without("cert-manager", true) },
			want: func(*rig) string {
				return "--ambient-credentials allows no ambient credentials; " + named + "set the chart's value ambient.credentials to cluster-issuers"
			},
		},
		"a role where none is listed": {
			issuers: config.AmbientAll, request: func(r *rig) func(*whapi.ChallengeRequest) { return without("team-a", true, r.role()) },
			want: func(r *rig) string {
				return "the role " + r.roleARN() + " is not one of --ambient-role-arns, which may be assumed with ambient credentials; " +
					"add it to the chart's value ambient.roleArns, or name a Secret with keys that may assume it"
			},
		},
		"a role where one is listed that begins like it": {
			issuers: config.AmbientAll, roles: func(r *rig) []string { return []string{strings.TrimSuffix(r.roleARN(), "s")} },
			request: func(r *rig) func(*whapi.ChallengeRequest) { return without("team-a", true, r.role()) },
			want:    func(r *rig) string { return "the role " + r.roleARN() + " is not one of --ambient-role-arns" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				var roles []string
				if test.roles != nil {
					roles = test.roles(r)
				}
				r.surroundWith(test.issuers, roles...)
				if test.want == nil {
					r.present(test.request(r))
					r.wantTXT("alice", wanted)
					return
				}
				r.wantError(func() error { return r.solver.Present(r.request(test.request(r))) }, test.want(r))
				r.cleanUp(test.request(r))
				if calls := r.cloud.Calls(); len(calls) > 0 || r.abandoned() != 1 {
					r.t.Errorf("calls %v, abandoned %v", calls, r.abandoned())
				}
			})
		})
	}
}

func TestAmbient_ARoleThatIsListed(t *testing.T) {
	forRoles(t, func(r *rig) {
		r.surroundWith(config.AmbientClusterIssuers, r.roleARN()[:len(r.roleARN())-3]+"*")
		byRole := func(ch *whapi.ChallengeRequest) {
			r.byRole(ch)
			without("cert-manager", true, r.role())(ch)
		}
		r.present(byRole)
		r.wantTXT("bob", byRoleRecord)
		r.cleanUp(byRole)
		r.wantTXT("bob")
		r.wantCalls("AssumeRole", 1)
	})
}

// Without an identity nothing was ever written, so that no namespace hangs on it; what is missing is said.
func TestAmbient_WithoutAny(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.surroundWith(config.AmbientAll)
		delete(r.env, "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
		delete(r.env, "TENCENTCLOUD_SECRET_KEY")
		r.restart()
		missing := map[string]string{"alidns": "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "dnspod": "TENCENTCLOUD_SECRET_KEY"}[r.name]
		r.wantError(func() error { return r.solver.Present(r.request(without("team-a", true))) },
			"the variable "+missing+" is not set in the solver's environment", "the credentials are ambient: the ")
		r.cleanUp(without("team-a", true))
		if r.abandoned() != 1 {
			r.t.Errorf("abandoned %v", r.abandoned())
		}
	})
}

// An Issuer that names a Secret never falls back on what the solver itself may do.
func TestAmbient_ASecretThatIsGone(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.surroundWith(config.AmbientAll)
		gone := func(ch *whapi.ChallengeRequest) {
			ch.AllowAmbientCredentials = true
			withConfig(r.configFor("nobody"))(ch)
		}
		r.wantError(func() error { return r.solver.Present(r.request(gone)) }, "the Secret team-a/nobody does not exist")
		if calls := r.cloud.Calls(); len(calls) > 0 {
			r.t.Errorf("calls %v", calls)
		}
	})
}

// Keys that somebody wrote into the environment and deleted at the cloud are gone, as those of a Secret are.
func TestAmbient_KeysThatAreGone(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.surroundWith(config.AmbientAll)
		r.present(without("team-a", true))
		r.cloud.PutAccount(cloud.Account{Owner: "alice"})
		r.cleanUp(without("team-a", true))
		if r.abandoned() != 1 {
			r.t.Errorf("abandoned %v", r.abandoned())
		}
	})
}

func keyless(ch *cmacme.Challenge) {
	ch.Spec.Solver.DNS01.Webhook.Config = &apiextensionsv1.JSON{Raw: []byte(`{}`)}
}

// Nothing is written ahead with ambient credentials before cert-manager has allowed them to the same Issuer, nor after it has refused.
func TestAhead_AmbientCredentialsOnceTheyAreAllowed(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.surroundWith(config.AmbientAll)
		s.start()
		challenge := func(name, value, issuer string) *cmacme.Challenge {
			return s.challenge(s.orderOf(issuer, "team-a", name, name+".example.com"), 0, value, keyless)
		}
		first, other := challenge("first", nthValue(1), "allowed"), challenge("other", nthValue(2), "refused")
		time.Sleep(time.Minute)
		s.wantTXT("alice")

		s.allowed["allowed"] = true
		s.begin(first)
		s.present(first)
		s.begin(other)
		if err := s.replicas[0].Present(s.request(other)); !errors.Is(err, errAmbient) {
			s.t.Errorf("the Issuer that may not: %v", err)
		}
		second := challenge("second", nthValue(3), "allowed")
		challenge("another", nthValue(4), "refused")
		time.Sleep(time.Minute)
		s.wantTXT("alice", "_acme-challenge.first.example.com "+nthValue(1), "_acme-challenge.second.example.com "+nthValue(3))

		s.allowed["allowed"] = false
		if err := s.replicas[0].Present(s.request(second)); !errors.Is(err, errAmbient) {
			s.t.Errorf("the Issuer that may no longer: %v", err)
		}
		challenge("third", nthValue(5), "allowed")
		time.Sleep(time.Minute)
		s.wantCalls(s.add, 2)
	})
}

// What waits because its Issuer was not known to be allowed is written as soon as it is.
func TestAhead_WhatWaitsForAnIssuerToBeAllowed(t *testing.T) {
	play(t, 0, func(s *theatre) {
		s.surroundWith(config.AmbientAll)
		s.start()
		var waiting []*cmacme.Challenge
		for i := range 3 {
			name := fmt.Sprintf("n%d", i)
			waiting = append(waiting, s.challenge(s.order("team-a", name, name+".example.com"), 0, nthValue(i), keyless))
		}
		time.Sleep(10 * time.Minute)
		s.allowed["letsencrypt"] = true
		s.begin(waiting[0])
		s.present(waiting[0])
		time.Sleep(5 * time.Second)
		s.wantCalls(s.add, 3)
		for _, ch := range waiting[1:] {
			s.remove(ch)
		}
		time.Sleep(time.Minute)
		s.wantTXT("alice", "_acme-challenge.n0.example.com "+nthValue(0)) // the others were taken back, with the same credentials
	})
}
