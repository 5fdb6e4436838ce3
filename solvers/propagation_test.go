package solvers

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	mdns "github.com/miekg/dns"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/component-base/metrics"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// wired is the solvers as the command makes them of its flags, and the world that they reach over real sockets.
type wired struct {
	world    *simulator.World
	solver   map[string]*Solver
	counters *counters
}

func connect(t *testing.T, servers []dns.NameServer, change func(*simulator.Options, *PropagationOptions)) *wired {
	t.Helper()
	accounts := []cloud.Account{{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}}}
	world := simulator.Options{
		Alidns: simulator.CloudOptions{Accounts: accounts, Zones: []cloud.Zone{{Owner: "alice", Name: "alidns.example"}}},
		DNSPod: simulator.CloudOptions{Accounts: accounts, Zones: []cloud.Zone{{Owner: "alice", Name: "dnspod.example"}}},
		DNS:    simulator.DNSOptions{NameServers: servers, Recursive: dns.RecursiveOptions{Cache: true}},
	}
	o := NewOptions()
	o.Server.SolverGroup = config.DefaultGroup
	o.Propagation.AllowNetworks = []string{"127.0.0.0/8"}
	if change != nil {
		change(&world, &o.Propagation)
	}
	w := &wired{world: simulator.Start(t, world), solver: map[string]*Solver{}, counters: newCounters(metrics.NewKubeRegistry().Register)}
	o.Alidns.Endpoint, o.DNSPod.Endpoint = w.world.Alidns.URL, w.world.DNSPod.URL
	if o.Propagation.Port == 53 {
		o.Propagation.Port = w.world.DNS.Port()
	}
	o.Propagation.Nameservers = []string{w.world.Recursive.Address()}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	alidns, dnspod, err := o.Solvers()
	if err != nil {
		t.Fatal(err)
	}
	secrets := newFakeSecrets()
	secrets.put("team-a", "alice", aliceID, aliceSecret)
	for _, s := range []*Solver{alidns, dnspod} {
		s.keys.Store(credential.NewReader(secrets))
		s.counters = w.counters
		w.solver[s.Name()] = s
	}
	return w
}

func (w *wired) request(v vendor) *whapi.ChallengeRequest {
	zone := v.name + ".example"
	return &whapi.ChallengeRequest{
		UID: "00000000-0000-0000-0000-000000000001", Type: "dns-01", DNSName: zone, Key: value, ResourceNamespace: "team-a",
		ResolvedFQDN: "_acme-challenge." + zone + ".", ResolvedZone: zone + ".",
		Config: &apiextensionsv1.JSON{Raw: []byte(v.configFor("alice"))},
	}
}

// look asks a resolver for the record, as the ACME server does.
func look(t *testing.T, fqdn, resolver string) bool {
	t.Helper()
	reply, err := util.DNSQuery(t.Context(), fqdn, mdns.TypeTXT, []string{resolver}, true)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(reply.String(), value)
}

func TestPresentThroughRealNameServers(t *testing.T) {
	const lag, patience = 1200 * time.Millisecond, 2 * time.Second
	three := func(mode dns.Mode) []dns.NameServer {
		return []dns.NameServer{{Name: "ns1.simulator.test"}, {Name: "ns2.simulator.test", Mode: mode}, {Name: "ns3.simulator.test", Delay: lag}}
	}
	closed := func(t *testing.T) int {
		t.Helper()
		l, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		return l.LocalAddr().(*net.UDPAddr).Port
	}
	tests := map[string]struct {
		servers []dns.NameServer
		change  func(*testing.T, *PropagationOptions)
		// sight says that the record was seen; else the whole wait passed.
		sight bool
		err   string
	}{
		"one name server lags":                        {servers: three(dns.Normal), sight: true},
		"one lags, one is lame":                       {servers: three(dns.Lame), sight: true},
		"one lags, one refuses":                       {servers: three(dns.Refused), sight: true},
		"one lags, one fails":                         {servers: three(dns.ServFail), sight: true},
		"one lags, one does not answer":               {servers: three(dns.Silent), sight: true},
		"one lags, one cuts its answers off":          {servers: three(dns.Truncated), sight: true},
		"one lags, one changes the case":              {servers: three(dns.WrongCase), sight: true},
		"one lags, one adds an alias":                 {servers: three(dns.ExtraCNAME), sight: true},
		"one lags, in front of one sits somebody":     {servers: three(dns.Intercepted), sight: true},
		"one never shows it":                          {servers: []dns.NameServer{{Name: "ns1.simulator.test"}, {Name: "ns2.simulator.test", Delay: time.Hour}}, err: "not visible yet on ns2.simulator.test (127.0.0.2)"},
		"the way out is closed":                       {change: func(t *testing.T, o *PropagationOptions) { t.Helper(); o.Port = closed(t) }},
		"the way out is closed, which is an error":    {change: func(t *testing.T, o *PropagationOptions) { t.Helper(); o.Port, o.Strict = closed(t), true }, err: "does not answer; allow egress to port"},
		"all answers come from somebody in between":   {servers: []dns.NameServer{{Name: "ns1.simulator.test"}, {Name: "ns2.simulator.test"}}},
		"the name servers are in a private network":   {change: func(_ *testing.T, o *PropagationOptions) { o.AllowNetworks = nil }},
		"private name servers, and that is an error":  {change: func(_ *testing.T, o *PropagationOptions) { o.AllowNetworks, o.Strict = nil, true }, err: "addresses that are not public, which are not asked unless --propagation-allow-networks names them"},
		"a resolver remembers that there was nothing": {servers: []dns.NameServer{{Name: "ns1.simulator.test", Delay: lag}}, sight: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := connect(t, test.servers, func(_ *simulator.Options, o *PropagationOptions) {
				if !test.sight {
					o.Timeout = patience
				}
				if test.change != nil {
					test.change(t, o)
				}
			})
			for _, v := range vendors() {
				// From now on the resolver knows that there is no such record, and where the zone is.
				if look(t, w.request(v).ResolvedFQDN, w.world.Recursive.Address()) {
					t.Fatal("the record is there before it is written")
				}
			}
			if strings.HasPrefix(name, "all answers") {
				w.intercept(t)
			}
			var both sync.WaitGroup
			for _, v := range vendors() {
				both.Go(func() {
					start := time.Now()
					err := w.solver[v.name].Present(w.request(v))
					took := time.Since(start)
					if err != nil && (test.err == "" || !strings.Contains(err.Error(), test.err)) || err == nil && test.err != "" {
						t.Errorf("%s: error %v, want %q", v.name, err, test.err)
					}
					if test.sight && took < lag || !test.sight && took < patience {
						t.Errorf("%s: Present ended after %s", v.name, took)
					}
				})
			}
			both.Wait()
			unseen := 0.0
			if !test.sight && test.err == "" {
				unseen = 2
			}
			got := counted(t, w.counters.unseen, AlidnsName) + counted(t, w.counters.unseen, DNSPodName)
			if got != unseen {
				t.Errorf("%g records counted as unseen, want %g", got, unseen)
			}
			if test.sight {
				w.wantEverywhere(t)
			}
		})
	}
}

// intercept puts somebody between certyun and all name servers, once the resolver knows them.
func (w *wired) intercept(t *testing.T) {
	t.Helper()
	finder := propagation.Finder{
		Resolvers: []propagation.Resolver{propagation.ResolverAt(w.world.Recursive.Address())},
		Allow:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	for _, zone := range []string{"alidns.example", "dnspod.example"} {
		if _, _, err := finder.Servers(t.Context(), zone); err != nil {
			t.Fatal(err)
		}
	}
	for _, ns := range w.world.DNS.NameServers() {
		if err := w.world.DNS.ChangeNameServer(ns.Name, dns.Intercepted, 0); err != nil {
			t.Fatal(err)
		}
	}
}

// wantEverywhere checks that all name servers in order show the records, and that nobody asked a resolver for them but the
// test.
func (w *wired) wantEverywhere(t *testing.T) {
	t.Helper()
	addresses := w.world.DNS.Addresses()
	for i, ns := range w.world.DNS.NameServers() {
		switch ns.Mode {
		case dns.Normal, dns.WrongCase, dns.ExtraCNAME, dns.Truncated:
			for _, v := range vendors() {
				if !look(t, w.request(v).ResolvedFQDN, addresses[i]) {
					t.Errorf("%s does not show the record of %s", ns.Name, v.name)
				}
			}
		default: // the others cannot show it
		}
	}
	asked := 0
	for _, q := range w.world.DNS.Queries() {
		if q.Type == "TXT" && !strings.HasPrefix(q.Server, "ns") {
			asked++
		}
	}
	if asked > 2 {
		t.Errorf("resolvers were asked %d times for TXT records, by the test twice", asked)
	}
}

func TestPresentWithoutAWait(t *testing.T) {
	w := connect(t, []dns.NameServer{{Name: "ns1.simulator.test", Delay: time.Hour}}, func(_ *simulator.Options, o *PropagationOptions) { o.Timeout = 0 })
	for _, v := range vendors() {
		if err := w.solver[v.name].Present(w.request(v)); err != nil {
			t.Errorf("%s: %v", v.name, err)
		}
	}
	for _, q := range w.world.DNS.Queries() {
		t.Errorf("somebody was asked: %s", q.Name+" "+q.Type)
	}
}

// TestPresentIntoAZoneThatIsNotDelegated has accounts host zones that the DNS does not have: one of a whole domain, and one beneath a zone
// that both the account and the DNS have. cert-manager finds neither.
func TestPresentIntoAZoneThatIsNotDelegated(t *testing.T) {
	w := connect(t, nil, func(o *simulator.Options, _ *PropagationOptions) {
		for _, c := range []*simulator.CloudOptions{&o.Alidns, &o.DNSPod} {
			zone := c.Zones[0].Name
			c.Zones = append(c.Zones,
				cloud.Zone{Owner: "alice", Name: "new-" + zone, Status: cloud.ZonePaused},
				cloud.Zone{Owner: "alice", Name: "sub." + zone, Status: cloud.ZonePaused})
		}
	})
	for _, v := range vendors() {
		zone := v.name + ".example"
		for hosted, want := range map[string]string{
			"new-" + zone: "the zone new-" + zone + " has no name servers in the DNS yet, so nobody can see the record; delegate it at its registrar",
			"sub." + zone: "the zone sub." + zone + " has no name servers in the DNS yet, so nobody can see the record; the DNS looks for its names in " + zone,
		} {
			ch := w.request(v)
			ch.DNSName, ch.ResolvedFQDN, ch.ResolvedZone = hosted, "_acme-challenge."+hosted+".", "example."
			start := time.Now()
			first, again := w.solver[v.name].Present(ch), w.solver[v.name].Present(ch)
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("%s: it took %s", hosted, took)
			}
			if first == nil || again == nil || first.Error() != again.Error() || !strings.Contains(first.Error(), want) {
				t.Errorf("%s: errors %v and %v, want %q", hosted, first, again, want)
			}
			if err := w.solver[v.name].CleanUp(ch); err != nil {
				t.Errorf("%s: CleanUp: %v", hosted, err)
			}
		}
		for _, c := range []*simulator.Endpoint{w.world.Alidns, w.world.DNSPod} {
			if left := c.Records(""); len(left) > 0 {
				t.Errorf("records are left: %v", left)
			}
		}
		if n := counted(t, w.counters.unseen, v.name); n != 0 {
			t.Errorf("%g records counted as unseen", n)
		}
	}
}
