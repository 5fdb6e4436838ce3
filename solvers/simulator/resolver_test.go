package simulator_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func TestCertManagerFindsTheZone(t *testing.T) {
	for name, test := range map[string]struct {
		fqdn    string
		hideSOA bool
		want    string
	}{
		"below the zone":              {"_acme-challenge.a.b.example.com.", false, "example.com."},
		"the zone itself":             {"_acme-challenge.example.com.", false, "example.com."},
		"a zone of the other cloud":   {"_acme-challenge.example.net.", false, "example.net."},
		"a child zone":                {"_acme-challenge.a.sub.example.com.", false, "sub.example.com."},
		"a resolver that hides it":    {"_acme-challenge.hidden.example.com.", true, "com."},
		"an internationalised domain": {"_acme-challenge.xn--fsqu00a.com.", false, "xn--fsqu00a.com."},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.DNS.Recursive.HideSOA = test.hideSOA
			o.Alidns.Zones = append(o.Alidns.Zones, cloud.Zone{Owner: "alice", Name: "sub.example.com"}, cloud.Zone{Owner: "alice", Name: "例子.com"})
			sim := simulator.Start(t, o)
			got, err := util.FindZoneByFqdn(t.Context(), test.fqdn, []string{sim.Recursive.Address()})
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestGoResolvesThroughTheValidationResolver(t *testing.T) {
	o := options()
	o.Alidns.Zones[0].Records = []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "one"}, {RR: "www", Type: "A", Value: "127.0.0.1"}, {RR: "alias", Type: "CNAME", Value: "www.example.com"},
	}
	sim := simulator.Start(t, o)
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, sim.Validation.Address())
	}}
	values, err := resolver.LookupTXT(t.Context(), "_acme-challenge.example.com.")
	if diff := cmp.Diff([]string{"one"}, values); diff != "" || err != nil {
		t.Errorf("TXT: %v (-want +got):\n%s", err, diff)
	}
	hosts, err := resolver.LookupHost(t.Context(), "alias.example.com.")
	if diff := cmp.Diff([]string{"127.0.0.1"}, hosts); diff != "" || err != nil {
		t.Errorf("addresses: %v (-want +got):\n%s", err, diff)
	}
	_, err = resolver.LookupTXT(t.Context(), "none.example.com.")
	if missing, ok := errors.AsType[*net.DNSError](err); !ok || !missing.IsNotFound {
		t.Errorf("a name that is absent: %v", err)
	}
}
