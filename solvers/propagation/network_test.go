package propagation_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"

	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

const challenge = "_acme-challenge.example.com"

// internet is a zone at real name servers on loopback, and a resolver that remembers what was not there.
type internet struct {
	cloud     *cloud.Cloud
	authority *dns.Authority
	resolver  *dns.Recursive
}

func start(t *testing.T, servers ...dns.NameServer) *internet {
	t.Helper()
	i := &internet{cloud: alidns.NewCloud(nil)}
	t.Cleanup(i.cloud.Close)
	if err := i.cloud.PutZone(cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "another-value"},
		{RR: "_acme-challenge.away", Type: "CNAME", Value: "_acme-challenge.example.com"},
		{RR: "sub", Type: "NS", Value: "ns.elsewhere.test"},
		{RR: "empty", Type: "A", Value: "127.0.0.1"},
	}}); err != nil {
		t.Fatal(err)
	}
	var err error
	if i.authority, err = dns.Start(dns.Options{Clouds: []*cloud.Cloud{i.cloud}, NameServers: servers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.authority.Close(); err != nil {
			t.Error(err)
		}
	})
	if i.resolver, err = dns.StartRecursive(i.authority, dns.RecursiveOptions{Cache: true}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.resolver.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

func (i *internet) options(timeout time.Duration) propagation.Options {
	return propagation.Options{
		Timeout: timeout, Asker: propagation.Network{}, Port: uint16(i.authority.Port()),
		Finder: propagation.Finder{
			Resolvers: []propagation.Resolver{propagation.ResolverAt(i.resolver.Address())},
			Allow:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		},
	}
}

// put writes the record now; the name servers show it after their delay.
func (i *internet) put(t *testing.T, value string) {
	t.Helper()
	if _, err := i.cloud.Create("alice", "example.com", cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: value, Line: "default"}); err != nil {
		t.Fatal(err)
	}
}

func TestAsk(t *testing.T) {
	tests := map[string]struct {
		mode dns.Mode
		name string
		want []string
		err  string
	}{
		"a record":                                   {name: challenge, want: []string{"another-value"}},
		"a record in another case":                   {name: "_ACME-challenge.Example.com", want: []string{"another-value"}},
		"a name that is not there":                   {name: "none.example.com"},
		"a name without such a record":               {name: "empty.example.com"},
		"an alias, which is not followed":            {name: "_acme-challenge.away.example.com"},
		"a name in a zone that is elsewhere":         {name: "_acme-challenge.sub.example.com", err: "refers to other name servers"},
		"a zone that is not there":                   {name: "_acme-challenge.example.net", err: "answers REFUSED"},
		"a server that does not know the zone":       {mode: dns.Lame, name: challenge, err: "answers without authority"},
		"an answer from somebody in between":         {mode: dns.Intercepted, name: challenge, err: "answers without authority"},
		"a refusal":                                  {mode: dns.Refused, name: challenge, err: "answers REFUSED"},
		"a server with an error":                     {mode: dns.ServFail, name: challenge, err: "answers SERVFAIL"},
		"a server that does not answer":              {mode: dns.Silent, name: challenge, err: "does not answer"},
		"an answer that does not fit into UDP":       {mode: dns.Truncated, name: challenge, want: []string{"another-value"}},
		"a question that comes back in another case": {mode: dns.WrongCase, name: challenge, want: []string{"another-value"}},
		"an answer with an alias of something else":  {mode: dns.ExtraCNAME, name: challenge, want: []string{"another-value"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, dns.NameServer{Name: "ns1.simulator.test", Mode: test.mode})
			got, err := propagation.Network{}.Ask(t.Context(), netip.MustParseAddrPort(i.authority.Addresses()[0]), test.name)
			if text := fmt.Sprint(err); err != nil && text != test.err || err == nil && test.err != "" {
				t.Fatalf("error %q, want %q", text, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

// odd is a name server that does what no proper one does.
func odd(t *testing.T, serve func(w mdns.ResponseWriter, q *mdns.Msg)) netip.AddrPort {
	t.Helper()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	server := &mdns.Server{PacketConn: packets, Handler: mdns.HandlerFunc(serve), NotifyStartedFunc: func() { close(ready) }}
	go func() { _ = server.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = server.Shutdown() })
	return packets.LocalAddr().(*net.UDPAddr).AddrPort()
}

func answer(q *mdns.Msg, value string) *mdns.Msg {
	reply := new(mdns.Msg).SetReply(q)
	reply.Authoritative = true
	header := mdns.RR_Header{Name: q.Question[0].Name, Rrtype: mdns.TypeTXT, Class: mdns.ClassINET, Ttl: 60}
	reply.Answer = []mdns.RR{&mdns.TXT{Hdr: header, Txt: []string{value[:2], value[2:]}}}
	return reply
}

func TestAskOddServers(t *testing.T) {
	var sent atomic.Int64
	tests := map[string]struct {
		serve func(w mdns.ResponseWriter, q *mdns.Msg)
		want  []string
		err   string
	}{
		"one that loses the first packet": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) {
				if sent.Add(1)%2 == 0 {
					_ = w.WriteMsg(answer(q, "value"))
				}
			},
			want: []string{"value"},
		},
		"one that does not know EDNS": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) {
				if q.IsEdns0() != nil {
					_ = w.WriteMsg(new(mdns.Msg).SetRcodeFormatError(q))
					return
				}
				_ = w.WriteMsg(answer(q, "value"))
			},
			want: []string{"value"},
		},
		"one that is late with answers to somebody else": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) {
				other := answer(q, "other")
				other.Id++
				_ = w.WriteMsg(other)
				_, _ = w.Write([]byte("no message at all"))
				_, _ = w.Write([]byte("short"))
				_ = w.WriteMsg(answer(q, "value"))
			},
			want: []string{"value"},
		},
		"one that answers another question": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) {
				reply := answer(q, "value")
				reply.Question[0].Name = "other.example.com."
				_ = w.WriteMsg(reply)
			},
			err: "gives an answer to another question",
		},
		"one whose answer has records of another name": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) {
				reply := answer(q, "value")
				reply.Answer[0].Header().Name = "other.example.com."
				_ = w.WriteMsg(reply)
			},
		},
		"one that asks back": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) { _ = w.WriteMsg(q) },
			err:   "does not answer",
		},
		"one that says nothing but a code that nobody knows": {
			serve: func(w mdns.ResponseWriter, q *mdns.Msg) { _ = w.WriteMsg(new(mdns.Msg).SetRcode(q, 15)) },
			err:   "answers code 15",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := propagation.Network{}.Ask(t.Context(), odd(t, test.serve), challenge)
			if text := fmt.Sprint(err); err != nil && text != test.err || err == nil && test.err != "" {
				t.Fatalf("error %q, want %q", text, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := packets.LocalAddr().(*net.UDPAddr).AddrPort()
	if err := packets.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := (propagation.Network{}).Ask(t.Context(), at, challenge); err == nil || err.Error() != "does not answer" {
		t.Errorf("a closed port: %v", err)
	}
}

func TestWaitAtRealNameServers(t *testing.T) {
	const delay = 1500 * time.Millisecond
	lagging := dns.NameServer{Name: "ns2.simulator.test", Delay: delay}
	tests := map[string]struct {
		servers []dns.NameServer
		later   dns.Mode // of the first server, once the resolver knows it
		timeout time.Duration
		options func(*propagation.Options)
		seen    bool
		blind   string
		err     string
		atLeast time.Duration
	}{
		"one that lags behind":               {servers: []dns.NameServer{{Name: "ns1.simulator.test"}, lagging}, seen: true, atLeast: delay},
		"one that lags, one that is lame":    {servers: []dns.NameServer{{Name: "ns1.simulator.test", Mode: dns.Lame}, lagging}, seen: true, atLeast: delay},
		"one that lags, one that refuses":    {servers: []dns.NameServer{{Name: "ns1.simulator.test", Mode: dns.Refused}, lagging}, seen: true, atLeast: delay},
		"one that lags, one that is silent":  {servers: []dns.NameServer{{Name: "ns1.simulator.test", Mode: dns.Silent}, lagging}, seen: true, atLeast: delay},
		"one that lags and answers over TCP": {servers: []dns.NameServer{{Name: "ns2.simulator.test", Delay: delay, Mode: dns.Truncated}}, seen: true, atLeast: delay},
		"one that lags and changes the case": {servers: []dns.NameServer{{Name: "ns2.simulator.test", Delay: delay, Mode: dns.WrongCase}}, seen: true, atLeast: delay},
		"one that lags and adds an alias":    {servers: []dns.NameServer{{Name: "ns2.simulator.test", Delay: delay, Mode: dns.ExtraCNAME}}, seen: true, atLeast: delay},
		"two views of the zone, one of them old": {
			servers: []dns.NameServer{{Name: "ns1.simulator.test"}, {Name: "ns2.simulator.test", Delay: time.Hour}}, timeout: delay, atLeast: delay,
			err: "the record is written but not visible yet on ns2.simulator.test (127.0.0.2)",
		},
		"somebody in between": {
			servers: []dns.NameServer{{Name: "ns1.simulator.test"}}, later: dns.Intercepted, timeout: delay, atLeast: delay,
			blind: "none of the name servers of the zone example.com answers with authority: ns1.simulator.test (127.0.0.1) answers without authority",
		},
		"a private network": {
			servers: []dns.NameServer{{Name: "ns1.simulator.test"}}, timeout: delay, atLeast: delay,
			options: func(o *propagation.Options) { o.Finder.Allow = nil },
			blind: "nobody could be asked whether the record is visible: the name servers of the zone example.com have only addresses that are not public, " +
				"which are not asked unless --propagation-allow-networks names them",
		},
		"a resolver that does not answer": {
			servers: []dns.NameServer{{Name: "ns1.simulator.test"}}, timeout: delay, atLeast: delay,
			options: func(o *propagation.Options) {
				o.Finder.Resolvers = []propagation.Resolver{propagation.ResolverAt("127.0.0.1:1")}
			},
			blind: "nobody could be asked whether the record is visible: the name servers of the zone example.com could not be found",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := start(t, test.servers...)
			if test.timeout == 0 {
				test.timeout = 30 * time.Second
			}
			o := i.options(test.timeout)
			if test.options != nil {
				test.options(&o)
			}
			if test.later != dns.Normal {
				if _, _, err := o.Finder.Servers(t.Context(), "example.com"); err != nil {
					t.Fatal(err)
				}
				if err := i.authority.ChangeNameServer(test.servers[0].Name, test.later, 0); err != nil {
					t.Fatal(err)
				}
			}
			begun := time.Now()
			i.put(t, "the-value")
			sight, err := propagation.NewWatcher(o).Wait(t.Context(), propagation.Record{Tenant: "team-a", Zone: "example.com", Name: challenge, Value: "the-value"})
			took := time.Since(begun)
			if diff := cmp.Diff(propagation.Sight{Seen: test.seen, Blind: test.blind}, sight); diff != "" {
				t.Errorf("sight (-want +got):\n%s", diff)
			}
			if text := fmt.Sprint(err); err != nil && (test.err == "" || !strings.HasPrefix(text, test.err)) || err == nil && test.err != "" {
				t.Errorf("error %q, want %q", text, test.err)
			}
			if took < test.atLeast {
				t.Errorf("it ended after %s", took)
			}
			for _, q := range i.authority.Queries() {
				if q.Type == "TXT" && !strings.HasPrefix(q.Server, "ns") {
					t.Errorf("a resolver was asked for the record: %+v", q)
				}
			}
		})
	}
}

func TestParseResolver(t *testing.T) {
	tests := map[string]struct{ want, err string }{
		"10.0.0.10":       {want: "10.0.0.10:53"},
		"10.0.0.10:5353":  {want: "10.0.0.10:5353"},
		"fd00::10":        {want: "[fd00::10]:53"},
		"[fd00::10]":      {want: "[fd00::10]:53"},
		"[fd00::10]:5353": {want: "[fd00::10]:5353"},
		"kube-dns.kube-system.svc.cluster.local:53": {want: "kube-dns.kube-system.svc.cluster.local:53"},
		"resolver.example":                          {want: "resolver.example:53"},
		"":                                          {err: `"" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"tcp://10.0.0.10":                           {err: `"tcp://10.0.0.10" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"10.0.0.10:0":                               {err: `"10.0.0.10:0" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"10.0.0.10:65536":                           {err: `"10.0.0.10:65536" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"10.0.0.10:":                                {err: `"10.0.0.10:" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"a resolver.example":                        {err: `"a resolver.example" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"10.0.0.10,10.0.0.11":                       {err: `"10.0.0.10,10.0.0.11" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
		"https://dns.example/qu":                    {err: `"https://dns.example/qu" is not a resolver; want an address like 10.0.0.10, 10.0.0.10:53 or [fd00::10]:53, or host:port`},
	}
	for text, test := range tests {
		got, err := propagation.ParseResolver(text)
		if got != test.want || err != nil && err.Error() != test.err || err == nil && test.err != "" {
			t.Errorf("%q: %q, %v; want %q, %s", text, got, err, test.want, test.err)
		}
	}
}
