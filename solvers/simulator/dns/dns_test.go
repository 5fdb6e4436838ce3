package dns_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"

	"github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
	"github.com/certyun/certyun/solvers/simulator/dnspod"
)

// clock is a time that tests move.
type clock struct{ nanoseconds atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanoseconds.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.nanoseconds.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

type world struct {
	*clock
	ali, pod  *cloud.Cloud
	authority *dns.Authority
}

func start(t *testing.T, o dns.Options) world {
	t.Helper()
	clock := newClock()
	w := world{clock: clock, ali: alidns.NewCloud(clock.now), pod: dnspod.NewCloud(clock.now)}
	put := func(c *cloud.Cloud, z cloud.Zone) {
		t.Helper()
		z.Owner = "alice"
		if err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
	put(w.ali, cloud.Zone{Name: "example.com", Records: []cloud.Record{
		{RR: "www", Type: "A", Value: "127.0.0.9"},
		{RR: "www", Type: "AAAA", Value: "::1"},
		{RR: "alias", Type: "CNAME", Value: "www.example.com", TTL: 300},
		{RR: "away", Type: "CNAME", Value: "www.elsewhere.example"},
		{RR: "loop", Type: "CNAME", Value: "loop.example.com"},
		{RR: "_acme-challenge.moved", Type: "CNAME", Value: "target.acme.example.net"},
		{RR: "@", Type: "TXT", Value: "v=spf1 -all"},
		{RR: "*", Type: "CNAME", Value: "www.example.com"},
		{RR: "a.b.ent", Type: "TXT", Value: "x"},
		{RR: "sub", Type: "NS", Value: "ns.elsewhere.example"},
		{RR: "mail", Type: "MX", Value: "5 www.example.com"},
		{RR: "long", Type: "TXT", Value: strings.Repeat("x", 300)},
		{RR: "odd", Type: "TXT", Value: `a"b\c;d e`},
	}})
	put(w.ali, cloud.Zone{Name: "child.example.com", Records: []cloud.Record{{RR: "@", Type: "TXT", Value: "in the child"}}})
	put(w.ali, cloud.Zone{Name: "paused.example.com", Status: cloud.ZonePaused, Records: []cloud.Record{{RR: "a", Type: "TXT", Value: "unseen"}}})
	put(w.ali, cloud.Zone{Name: "paused.example", Status: cloud.ZonePaused})
	put(w.ali, cloud.Zone{Name: "例子.com", Records: []cloud.Record{{RR: "测试", Type: "TXT", Value: "idn"}}})
	put(w.pod, cloud.Zone{Name: "example.net", Records: []cloud.Record{{RR: "target.acme", Type: "TXT", Value: "delegated"}}})
	put(w.pod, cloud.Zone{Name: "example.com", Records: []cloud.Record{{RR: "both", Type: "TXT", Value: "of the other cloud"}}})
	o.Clouds, o.Now = []*cloud.Cloud{w.ali, w.pod}, clock.now
	authority, err := dns.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := authority.Close(); err != nil {
			t.Error(err)
		}
	})
	w.authority = authority
	return w
}

func (w world) add(t *testing.T, rr, value string) {
	t.Helper()
	if _, err := w.ali.Create("alice", "example.com", cloud.Record{RR: rr, Type: "TXT", Value: value, Line: "default"}); err != nil {
		t.Fatal(err)
	}
}

// serve serves a zone that is in no cloud, with these records.
func (w world) serve(t *testing.T, zone string, records ...string) {
	t.Helper()
	w.authority.AddZones(zone)
	if err := w.authority.AddRecords(records...); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, address, network, name string, qtype uint16) *mdns.Msg {
	t.Helper()
	answer, err := exchange(address, network, name, qtype)
	if err != nil {
		t.Fatalf("%s %s: %v", name, mdns.TypeToString[qtype], err)
	}
	return answer
}

func exchange(address, network, name string, qtype uint16) (*mdns.Msg, error) {
	q := new(mdns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, false)
	client := &mdns.Client{Net: network, Timeout: 2 * time.Second}
	answer, _, err := client.Exchange(q, address)
	return answer, err
}

// text is an answer without what changes from run to run: the code, the bits, and each section.
func text(m *mdns.Msg) string {
	var b strings.Builder
	b.WriteString(mdns.RcodeToString[m.Rcode])
	for _, bit := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}} {
		if bit.set {
			b.WriteString(" " + bit.name)
		}
	}
	for _, section := range []struct {
		name string
		set  []mdns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		for _, rr := range section.set {
			switch rr := rr.(type) {
			case *mdns.OPT:
			case *mdns.SOA:
				fmt.Fprintf(&b, "; %s: %s %d SOA %d", section.name, rr.Hdr.Name, rr.Hdr.Ttl, rr.Minttl)
			default:
				h := rr.Header()
				fmt.Fprintf(&b, "; %s: %s %d %s %s", section.name, h.Name, h.Ttl, mdns.TypeToString[h.Rrtype], strings.TrimPrefix(rr.String(), h.String()))
			}
		}
	}
	return b.String()
}

const soa = "; authority: example.com. 600 SOA 600"

func TestAuthoritativeAnswers(t *testing.T) {
	w := start(t, dns.Options{})
	w.serve(t, "shop.example", "_acme-challenge.shop.example. 60 IN CNAME target.acme.example.net.")
	for name, test := range map[string]struct {
		name  string
		qtype uint16
		want  string
	}{
		"the SOA of a zone":                  {"example.com.", mdns.TypeSOA, "NOERROR aa; answer: example.com. 600 SOA 600"},
		"no SOA below the zone":              {"a.b.ent.example.com.", mdns.TypeSOA, "NOERROR aa" + soa},
		"the NS of a zone, with addresses":   {"example.com.", mdns.TypeNS, "NOERROR aa; answer: example.com. 3600 NS ns1.simulator.test.; additional: ns1.simulator.test. 3600 A 127.0.0.1"},
		"a name server's own address":        {"ns1.simulator.test.", mdns.TypeA, "NOERROR aa; answer: ns1.simulator.test. 3600 A 127.0.0.1"},
		"a TXT record of the zone itself":    {"example.com.", mdns.TypeTXT, `NOERROR aa; answer: example.com. 600 TXT "v=spf1 -all"`},
		"an address":                         {"www.example.com.", mdns.TypeA, "NOERROR aa; answer: www.example.com. 600 A 127.0.0.9"},
		"an IPv6 address":                    {"www.example.com.", mdns.TypeAAAA, "NOERROR aa; answer: www.example.com. 600 AAAA ::1"},
		"a mail server":                      {"mail.example.com.", mdns.TypeMX, "NOERROR aa; answer: mail.example.com. 600 MX 5 www.example.com."},
		"no CAA at a name that is there":     {"www.example.com.", mdns.TypeCAA, "NOERROR aa" + soa},
		"any case, echoed":                   {"WwW.eXample.com.", mdns.TypeA, "NOERROR aa; answer: WwW.eXample.com. 600 A 127.0.0.9"},
		"an alias within the zone":           {"alias.example.com.", mdns.TypeA, "NOERROR aa; answer: alias.example.com. 300 CNAME www.example.com.; answer: www.example.com. 600 A 127.0.0.9"},
		"the alias itself":                   {"alias.example.com.", mdns.TypeCNAME, "NOERROR aa; answer: alias.example.com. 300 CNAME www.example.com."},
		"an alias out of all zones":          {"away.example.com.", mdns.TypeA, "NOERROR aa; answer: away.example.com. 600 CNAME www.elsewhere.example."},
		"an alias into another cloud's zone": {"_acme-challenge.moved.example.com.", mdns.TypeTXT, `NOERROR aa; answer: _acme-challenge.moved.example.com. 600 CNAME target.acme.example.net.; answer: target.acme.example.net. 600 TXT "delegated"`},
		"an alias from a further zone":       {"_acme-challenge.shop.example.", mdns.TypeTXT, `NOERROR aa; answer: _acme-challenge.shop.example. 60 CNAME target.acme.example.net.; answer: target.acme.example.net. 600 TXT "delegated"`},
		"a wildcard":                         {"any.thing.example.com.", mdns.TypeA, "NOERROR aa; answer: any.thing.example.com. 600 CNAME www.example.com.; answer: www.example.com. 600 A 127.0.0.9"},
		"no wildcard below what exists":      {"x.www.example.com.", mdns.TypeA, "NXDOMAIN aa" + soa},
		"a name between two others":          {"b.ent.example.com.", mdns.TypeTXT, "NOERROR aa" + soa},
		"a name in a child zone":             {"x.child.example.com.", mdns.TypeTXT, "NXDOMAIN aa; authority: child.example.com. 600 SOA 600"},
		"the child zone itself":              {"child.example.com.", mdns.TypeTXT, `NOERROR aa; answer: child.example.com. 600 TXT "in the child"`},
		"a child that is paused":             {"a.paused.example.com.", mdns.TypeTXT, "NOERROR aa; answer: a.paused.example.com. 600 CNAME www.example.com." + soa},
		"below a cut":                        {"x.sub.example.com.", mdns.TypeTXT, "NOERROR; authority: sub.example.com. 600 NS ns.elsewhere.example."},
		"a long value in two pieces":         {"long.example.com.", mdns.TypeTXT, `NOERROR aa; answer: long.example.com. 600 TXT "` + strings.Repeat("x", 255) + `" "` + strings.Repeat("x", 45) + `"`},
		"quotes and backslashes":             {"odd.example.com.", mdns.TypeTXT, `NOERROR aa; answer: odd.example.com. 600 TXT "a\"b\\c;d e"`},
		"an internationalised zone":          {"xn--0zwm56d.xn--fsqu00a.com.", mdns.TypeTXT, `NOERROR aa; answer: xn--0zwm56d.xn--fsqu00a.com. 600 TXT "idn"`},
		"the same zone in both clouds":       {"both.example.com.", mdns.TypeTXT, `NOERROR aa; answer: both.example.com. 600 TXT "of the other cloud"`},
		"a paused zone":                      {"paused.example.", mdns.TypeSOA, "REFUSED"},
		"a zone of nobody":                   {"elsewhere.example.", mdns.TypeSOA, "REFUSED"},
		"a zone above":                       {"com.", mdns.TypeSOA, "REFUSED"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, network := range []string{"udp", "tcp"} {
				got := text(ask(t, w.authority.Addresses()[0], network, test.name, test.qtype))
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", network, diff)
				}
			}
		})
	}
	if got := ask(t, w.authority.Addresses()[0], "udp", "loop.example.com.", mdns.TypeA); got.Rcode != mdns.RcodeServerFailure {
		t.Errorf("an alias of itself: %s", text(got))
	}
}

func TestAnswersLagBehindWrites(t *testing.T) {
	w := start(t, dns.Options{Delay: 3 * time.Second, NameServers: []dns.NameServer{{Name: "ns1.simulator.test"}, {Name: "ns2.simulator.test", Delay: 5 * time.Second}}})
	w.add(t, "_acme-challenge", "one")
	step := func(d time.Duration, want ...int) {
		t.Helper()
		w.advance(d)
		for i, address := range w.authority.Addresses() {
			if got := len(ask(t, address, "udp", "_acme-challenge.example.com.", mdns.TypeTXT).Answer); got != want[i] {
				t.Errorf("after %s more, %s: %d answers, want %d", d, address, got, want[i])
			}
		}
	}
	aliasOnly := 1 // the wildcard answers until the name is there
	step(0, aliasOnly, aliasOnly)
	w.add(t, "_acme-challenge", "two")
	step(3*time.Second, 2, aliasOnly)
	step(5*time.Second, 2, 2)
	for _, r := range w.ali.Records("example.com") {
		if r.RR == "_acme-challenge" {
			if err := w.ali.Delete("alice", r.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	step(2*time.Second, 2, 2)
	step(time.Second, aliasOnly, 2)
	step(5*time.Second, aliasOnly, aliasOnly)
	w.authority.SetDelay(0)
	w.add(t, "_acme-challenge", "three")
	if got := text(ask(t, w.authority.Addresses()[0], "udp", "_acme-challenge.example.com.", mdns.TypeTXT)); !strings.Contains(got, "three") {
		t.Errorf("without a delay: %s", got)
	}
}

func TestOneZoneLagsBehindTheOthers(t *testing.T) {
	w := start(t, dns.Options{Delay: time.Second})
	w.authority.SetZoneDelay("example.com", 3*time.Second)
	w.add(t, "_acme-challenge", "one")
	if _, err := w.pod.Create("alice", "example.net", cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: "one", Line: "0"}); err != nil {
		t.Fatal(err)
	}
	w.add(t, "_acme-challenge", "two")
	for _, step := range []struct {
		wait     time.Duration
		com, net string
	}{
		{0, "CNAME", "NXDOMAIN"}, // the wildcard answers until the name is there
		{time.Second, "CNAME", "one"},
		{2 * time.Second, "CNAME", "one"},
		{time.Second, "two", "one"},
	} {
		w.advance(step.wait)
		for name, want := range map[string]string{"_acme-challenge.example.com.": step.com, "_acme-challenge.example.net.": step.net} {
			if got := text(ask(t, w.authority.Addresses()[0], "udp", name, mdns.TypeTXT)); !strings.Contains(got, want) {
				t.Errorf("%s, %s later: want %s in %s", name, step.wait, want, got)
			}
		}
	}
}

func TestNameServersThatMisbehave(t *testing.T) {
	const name, answer = "www.example.com.", "; answer: www.example.com. 600 A 127.0.0.9"
	for mode, want := range map[dns.Mode]string{
		dns.Normal:      "NOERROR aa" + answer,
		dns.Lame:        "NOERROR",
		dns.Intercepted: "NOERROR ra" + answer,
		dns.Refused:     "REFUSED",
		dns.ServFail:    "SERVFAIL",
		dns.Truncated:   "NOERROR aa tc",
		dns.WrongCase:   "NOERROR aa" + answer,
		dns.ExtraCNAME:  "NOERROR aa; answer: unrelated.simulator.test. 3600 CNAME elsewhere.simulator.test." + answer,
	} {
		t.Run("mode "+string(mode), func(t *testing.T) {
			w := start(t, dns.Options{})
			if err := w.authority.ChangeNameServer("ns1.simulator.test", mode, 0); err != nil {
				t.Fatal(err)
			}
			got := ask(t, w.authority.Addresses()[0], "udp", name, mdns.TypeA)
			if diff := cmp.Diff(want, text(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if wrong := got.Question[0].Name != name; wrong != (mode == dns.WrongCase) {
				t.Errorf("question echoed as %s", got.Question[0].Name)
			}
			if full := ask(t, w.authority.Addresses()[0], "tcp", name, mdns.TypeA); mode == dns.Truncated && text(full) != "NOERROR aa"+answer {
				t.Errorf("over TCP: %s", text(full))
			}
		})
	}
	w := start(t, dns.Options{NameServers: []dns.NameServer{{Name: "ns1.simulator.test", Mode: dns.Silent}}})
	q := new(mdns.Msg).SetQuestion(name, mdns.TypeA)
	client := &mdns.Client{Timeout: 100 * time.Millisecond}
	if got, _, err := client.Exchange(q, w.authority.Addresses()[0]); err == nil {
		t.Errorf("a silent name server said %s", text(got))
	}
	if err := w.authority.ChangeNameServer("ns1.simulator.test", "nonsense", 0); err == nil {
		t.Error("an unknown mode was taken")
	}
	if err := w.authority.ChangeNameServer("ns9.simulator.test", dns.Normal, 0); err == nil {
		t.Error("an unknown name server was changed")
	}
}

func TestNameServersShareOnePort(t *testing.T) {
	w := start(t, dns.Options{NameServers: []dns.NameServer{{Name: "a.simulator.test"}, {Name: "b.simulator.test"}, {Name: "c.simulator.test"}}})
	port := w.authority.Port()
	want := []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("127.0.0.2:%d", port), fmt.Sprintf("127.0.0.3:%d", port)}
	if diff := cmp.Diff(want, w.authority.Addresses()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := ask(t, want[2], "udp", "example.com.", mdns.TypeNS); len(got.Answer) != 3 || len(got.Extra) != 4 {
		t.Errorf("%s", text(got))
	}
}

func TestWhatIsTooLongForUDPIsCut(t *testing.T) {
	w := start(t, dns.Options{})
	for i := range 30 {
		w.add(t, "many", fmt.Sprintf("%d-%s", i, strings.Repeat("v", 40)))
	}
	q := new(mdns.Msg).SetQuestion("many.example.com.", mdns.TypeTXT)
	got, _, err := new(mdns.Client).Exchange(q, w.authority.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	got.Compress = true // as it was on the wire
	if !got.Truncated || got.Len() > 512 {
		t.Errorf("%d bytes: %v; want at most 512 bytes and the TC bit", got.Len(), got)
	}
	if full := ask(t, w.authority.Addresses()[0], "tcp", "many.example.com.", mdns.TypeTXT); len(full.Answer) != 30 || full.Truncated {
		t.Errorf("over TCP: %d answers", len(full.Answer))
	}
}

func resolver(t *testing.T, w world, o dns.RecursiveOptions) *dns.Recursive {
	t.Helper()
	r, err := dns.StartRecursive(w.authority, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func TestRecursiveAnswers(t *testing.T) {
	w := start(t, dns.Options{})
	r := resolver(t, w, dns.RecursiveOptions{})
	for name, test := range map[string]struct {
		name  string
		qtype uint16
		want  string
	}{
		"the SOA of a zone":            {"example.com.", mdns.TypeSOA, "NOERROR ra; answer: example.com. 600 SOA 600"},
		"no SOA for a challenge":       {"_acme-challenge.www.example.com.", mdns.TypeSOA, "NXDOMAIN ra" + soa},
		"no CAA":                       {"example.com.", mdns.TypeCAA, "NOERROR ra" + soa},
		"an alias across zones":        {"_acme-challenge.moved.example.com.", mdns.TypeTXT, `NOERROR ra; answer: _acme-challenge.moved.example.com. 600 CNAME target.acme.example.net.; answer: target.acme.example.net. 600 TXT "delegated"`},
		"the top-level domain":         {"com.", mdns.TypeSOA, "NOERROR ra; answer: com. 5 SOA 5"},
		"a name of nobody":             {"nobody.com.", mdns.TypeSOA, "NXDOMAIN ra; authority: com. 5 SOA 5"},
		"a top-level domain of nobody": {"local.", mdns.TypeSOA, "NXDOMAIN ra; authority: . 5 SOA 5"},
		"the root":                     {".", mdns.TypeNS, "NOERROR ra; answer: . 5 NS a.root-servers.net."},
		"beyond a cut":                 {"x.sub.example.com.", mdns.TypeTXT, "SERVFAIL ra"},
		"the address of a name server": {"ns1.simulator.test.", mdns.TypeA, "NOERROR ra; answer: ns1.simulator.test. 3600 A 127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.ReplaceAll(text(ask(t, r.Address(), "udp", test.name, test.qtype)), ". 3600 NS a.root", ". 5 NS a.root")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	q := new(mdns.Msg).SetQuestion("example.com.", mdns.TypeSOA)
	q.RecursionDesired = false
	if got, _, err := new(mdns.Client).Exchange(q, r.Address()); err != nil || got.Rcode != mdns.RcodeRefused {
		t.Errorf("without recursion: %v, %v", got, err)
	}
	if err := w.authority.ChangeNameServer("ns1.simulator.test", dns.ServFail, 0); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, r.Address(), "udp", "www.example.com.", mdns.TypeA); got.Rcode != mdns.RcodeServerFailure {
		t.Errorf("with all name servers failing: %s", text(got))
	}
}

func TestTheResolverCachesThatANameIsAbsent(t *testing.T) {
	w := start(t, dns.Options{})
	cached := resolver(t, w, dns.RecursiveOptions{Cache: true})
	fresh := resolver(t, w, dns.RecursiveOptions{})
	const name = "_acme-challenge.www.example.com."
	found := func(r *dns.Recursive) bool { return len(ask(t, r.Address(), "udp", name, mdns.TypeTXT).Answer) > 0 }
	if ask(t, cached.Address(), "udp", name, mdns.TypeSOA).Rcode != mdns.RcodeNameError || found(fresh) {
		t.Fatal("the name is there before it was written")
	}
	w.add(t, "_acme-challenge.www", "value")
	if found(cached) || !found(fresh) {
		t.Error("that a name is absent is not cached for other types, or is where there is no cache")
	}
	w.advance(599 * time.Second)
	if found(cached) {
		t.Error("forgotten before the SOA's minimum")
	}
	w.advance(time.Second)
	if !found(cached) {
		t.Error("remembered beyond the SOA's minimum")
	}
	w.advance(100 * time.Second)
	if got := ask(t, cached.Address(), "udp", name, mdns.TypeTXT).Answer[0].Header().Ttl; got != 500 {
		t.Errorf("TTL %d after 100 s of 600", got)
	}
	removeLast(t, w)
	if !found(cached) || found(fresh) {
		t.Error("what is cached went with the record, or what is not cached stayed")
	}
	cached.SetCache(false)
	if found(cached) {
		t.Error("still cached although the cache is off")
	}
	w.add(t, "_acme-challenge.www", "again")
	if !found(cached) {
		t.Error("cached although the cache is off")
	}
}

// TestTheResolverOfACA asks once, changes something, and asks again 59 and 60 seconds after the first time.
func TestTheResolverOfACA(t *testing.T) {
	const name = "_acme-challenge.www.example.com."
	write := func(value string) func(*testing.T, world) {
		return func(t *testing.T, w world) { w.add(t, "_acme-challenge.www", value) }
	}
	for sentence, test := range map[string]struct {
		before, meanwhile func(*testing.T, world)
		first, again      string
		want, later       []string
	}{
		"a second value is not seen until the cap": {
			before: write("one"), meanwhile: write("two"), first: name, again: name,
			want: []string{"one"}, later: []string{"one", "two"},
		},
		"an absence is believed until the cap": {
			meanwhile: write("one"), first: name, again: name, later: []string{"one"},
		},
		"a value that is gone is seen until the cap": {
			before: write("one"), meanwhile: removeLast, first: name, again: name, want: []string{"one"},
		},
		"what two names lead to is remembered for both": {
			before: write("one"), meanwhile: write("two"), first: "a.shop.example.", again: "b.shop.example.",
			want: []string{"one"}, later: []string{"one", "two"},
		},
		"an absence that two names lead to is believed for both": {
			meanwhile: write("one"), first: "a.shop.example.", again: "b.shop.example.", later: []string{"one"},
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := start(t, dns.Options{})
			w.serve(t, "shop.example", "a.shop.example. 3600 IN CNAME "+name, "b.shop.example. 3600 IN CNAME "+name)
			r := resolver(t, w, dns.RecursiveOptions{Cache: true, MaxAge: time.Minute})
			expect := func(name string, want []string) {
				t.Helper()
				if diff := cmp.Diff(want, values(t, ask(t, r.Address(), "udp", name, mdns.TypeTXT))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", w.now().Format(time.TimeOnly), diff)
				}
			}
			if test.before != nil {
				test.before(t, w)
			}
			expect(test.first, test.want)
			test.meanwhile(t, w)
			w.advance(time.Minute - time.Nanosecond)
			expect(test.again, test.want)
			w.advance(time.Nanosecond)
			expect(test.again, test.later)
		})
	}
}

func TestACapLengthensNoTTL(t *testing.T) {
	w := start(t, dns.Options{})
	r := resolver(t, w, dns.RecursiveOptions{Cache: true, MaxAge: time.Minute})
	for range 2 {
		if got := text(ask(t, r.Address(), "udp", "nobody.com.", mdns.TypeSOA)); got != "NXDOMAIN ra; authority: com. 5 SOA 5" {
			t.Error(got)
		}
	}
}

func removeLast(t *testing.T, w world) {
	t.Helper()
	records := w.ali.Records("example.com")
	if err := w.ali.Delete("alice", records[len(records)-1].ID); err != nil {
		t.Fatal(err)
	}
}

// values are those of the TXT records in an answer, none of which may be kept for more than a minute.
func values(t *testing.T, m *mdns.Msg) []string {
	t.Helper()
	var all []string
	for _, rr := range m.Answer {
		if rr.Header().Ttl > 60 {
			t.Errorf("a TTL beyond the cap: %s", rr)
		}
		if txt, ok := rr.(*mdns.TXT); ok {
			all = append(all, txt.Txt...)
		}
	}
	slices.Sort(all)
	return all
}

func TestAResolverThatHidesSOARecords(t *testing.T) {
	w := start(t, dns.Options{})
	r := resolver(t, w, dns.RecursiveOptions{HideSOA: true})
	for _, name := range []string{"_acme-challenge.www.example.com.", "www.example.com.", "example.com."} {
		if got := ask(t, r.Address(), "udp", name, mdns.TypeSOA); len(got.Answer)+len(got.Ns) != 0 {
			t.Errorf("%s: %s", name, text(got))
		}
	}
	if got := text(ask(t, r.Address(), "udp", "com.", mdns.TypeSOA)); !strings.Contains(got, "answer: com.") {
		t.Errorf("com.: %s", got)
	}
}

func TestTheLogOfQuestions(t *testing.T) {
	w := start(t, dns.Options{})
	ask(t, w.authority.Addresses()[0], "tcp", "www.example.com.", mdns.TypeA)
	want := []dns.Query{{Time: w.now(), Server: "ns1.simulator.test.", Name: "www.example.com.", Type: "A"}}
	if diff := cmp.Diff(want, w.authority.Queries()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRecordsThatCanNotBe(t *testing.T) {
	w := start(t, dns.Options{})
	for name, record := range map[string]string{"one that fits no form": "example.com. IN A x", "an empty one": "; nothing"} {
		if err := w.authority.AddRecords(record); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if a, err := dns.Start(dns.Options{NameServers: []dns.NameServer{{Name: "a.test", Mode: "x"}}}); err == nil {
		t.Errorf("a name server in an unknown mode started: %v", a.Close())
	}
}
