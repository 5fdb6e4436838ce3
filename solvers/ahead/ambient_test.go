package ahead

import (
	"fmt"
	"testing"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/types"
)

// named is a solver of which nothing but the name is asked.
type named struct{ Solver }

func (named) Name() string { return "alidns" }

func namedGroup() Group {
	group := testGroup()
	group.Solvers["alidns"] = named{}
	return group
}

func TestView_WhoseAmbientCredentialsAreAllowed(t *testing.T) {
	challenge := func(namespace, kind, issuer string) *cmacme.Challenge {
		c := testChallenge("acme.certyun.internal")
		c.Namespace, c.Spec.IssuerRef.Kind, c.Spec.IssuerRef.Name = namespace, kind, issuer
		c.UID = types.UID(namespace + kind + issuer)
		return c
	}
	request := func(namespace string, allowed bool) Request {
		return Request{Solver: "alidns", ChallengeRequest: &whapi.ChallengeRequest{
			DNSName: "example.com", Key: "key", ResourceNamespace: namespace, AllowAmbientCredentials: allowed,
		}}
	}
	clusterIssuer, issuer := challenge("shop", "ClusterIssuer", "le"), challenge("shop", "", "le")
	inClusterResources := challenge("cert-manager", "Issuer", "le")
	for name, test := range map[string]struct {
		seen     []*cmacme.Challenge
		requests []Request
		want     []bool // for clusterIssuer, issuer and inClusterResources
	}{
		"nothing was asked":                   {seen: []*cmacme.Challenge{clusterIssuer, issuer}, want: []bool{false, false, false}},
		"a ClusterIssuer":                     {[]*cmacme.Challenge{clusterIssuer, issuer}, []Request{request("cert-manager", true)}, []bool{true, false, false}},
		"an Issuer":                           {[]*cmacme.Challenge{clusterIssuer, issuer}, []Request{request("shop", true)}, []bool{false, true, false}},
		"refused":                             {[]*cmacme.Challenge{clusterIssuer}, []Request{request("cert-manager", false)}, []bool{false, false, false}},
		"refused after it was allowed":        {[]*cmacme.Challenge{clusterIssuer}, []Request{request("cert-manager", true), request("cert-manager", false)}, []bool{false, false, false}},
		"a request for nothing that was seen": {nil, []Request{request("cert-manager", true)}, []bool{false, false, false}},
		"a request that may be of the ClusterIssuer or of an Issuer beside its Secrets": {
			[]*cmacme.Challenge{clusterIssuer, inClusterResources}, []Request{request("cert-manager", true)}, []bool{false, false, false},
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := newView(namedGroup(), NewMemory(0))
			for _, c := range test.seen {
				v.put(c, false)
			}
			for _, r := range test.requests {
				v.learnAmbient(r)
			}
			for i, c := range []*cmacme.Challenge{clusterIssuer, issuer, inClusterResources} {
				if got := v.allowsAmbient(c); got != test.want[i] {
					t.Errorf("%s %s/%s: %t", c.Spec.IssuerRef.Kind, c.Namespace, c.Spec.IssuerRef.Name, got)
				}
			}
		})
	}
}

func TestView_ForgetsWhoWasAllowedRatherThanGrow(t *testing.T) {
	v := newView(namedGroup(), NewMemory(0))
	for i := range maxAmbient + 1 {
		v.ambient[issuerID{name: fmt.Sprint(i)}] = true
	}
	v.put(testChallenge("acme.certyun.internal"), false)
	v.learnAmbient(Request{Solver: "alidns", ChallengeRequest: &whapi.ChallengeRequest{
		DNSName: "example.com", Key: "key", ResourceNamespace: "cert-manager", AllowAmbientCredentials: true,
	}})
	if len(v.ambient) != 1 {
		t.Errorf("%d Issuers are remembered", len(v.ambient))
	}
}
