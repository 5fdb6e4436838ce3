package e2e

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// rememberedAbsence asks cert-manager's resolver for the challenge's record before it is written. The resolver remembers for
// minutes that there is none, which nobody must notice.
func (s *suite) rememberedAbsence(t *testing.T) {
	for _, provider := range providers() {
		t.Run(provider.Title, func(t *testing.T) {
			t.Parallel()
			zone := provider.SolverName + "-absent.example"
			account := s.account(t, provider, "absent", zone)
			name := "absent-" + provider.SolverName
			issuer := s.issuer(t, "", name, account)
			namespace := s.namespace(t, name)
			query := new(dns.Msg).SetQuestion("_acme-challenge.www."+zone+".", dns.TypeTXT)
			for range 2 {
				reply, err := dns.Exchange(query, s.World.Recursive.Address())
				if err != nil || reply.Rcode != dns.RcodeNameError {
					t.Fatalf("the record is not absent at first: %v, %v", reply, err)
				}
			}
			s.create(t, stage.Certificate(namespace, "web", issuer, "www."+zone))
			s.expectIssued(t, namespace, "web", "www."+zone)
			reply, err := dns.Exchange(query, s.World.Recursive.Address())
			if err != nil || reply.Rcode != dns.RcodeNameError {
				t.Errorf("the resolver forgot what it should remember: %v, %v", reply, err)
			}
		})
	}
}

// wait is the chart's default for the wait until a record is visible.
const wait = 30 * time.Second

// unseen issues for a zone whose name servers have private addresses, which the chart does not allow here: as where the way out
// to port 53 is closed, nobody can be asked, so the challenge goes on after the whole wait.
func (s *suite) unseen(t *testing.T) {
	zone := "unseen.example"
	account := s.account(t, stage.Alidns(), "unseen", zone)
	s.World.DNS.AddZones("private.test")
	if err := s.World.DNS.AddRecords("ns1.private.test. 300 IN A 10.255.255.1", "ns2.private.test. 300 IN A 100.100.100.200"); err != nil {
		t.Fatal(err)
	}
	if err := s.World.Alidns.PutZone(cloud.Zone{Owner: account.Owner, Name: zone, NameServers: []string{"ns1.private.test", "ns2.private.test"}}); err != nil {
		t.Fatal(err)
	}
	issuer := s.issuer(t, "", "unseen", account)
	namespace := s.namespace(t, "unseen")
	start := time.Now()
	s.create(t, stage.Certificate(namespace, "web", issuer, "www."+zone))
	s.expectIssued(t, namespace, "web", "www."+zone)
	if took := time.Since(start); took < wait {
		t.Errorf("the certificate was there after %s, before the whole wait had passed", took)
	}
}
