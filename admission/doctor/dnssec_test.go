package doctor

import (
	"crypto"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	miekg "github.com/miekg/dns"

	"github.com/certyun/certyun/solvers/simulator"
)

// nameServer answers at addresses of one port, which it returns.
func nameServer(t *testing.T, answer miekg.HandlerFunc, addresses ...string) uint16 {
	t.Helper()
	port := uint16(0)
	for _, address := range addresses {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), port)))
		if err != nil {
			t.Fatal(err)
		}
		port = uint16(conn.LocalAddr().(*net.UDPAddr).Port)
		started := make(chan struct{})
		server := &miekg.Server{PacketConn: conn, Handler: answer, NotifyStartedFunc: func() { close(started) }}
		go func() { _ = server.ActivateAndServe() }() // it ends when the server is shut down
		<-started
		t.Cleanup(func() { _ = server.Shutdown() })
	}
	return port
}

// signedZone is example.com, signed by one key of its own.
type signedZone struct {
	key    *miekg.DNSKEY
	signer crypto.Signer
	ds     []miekg.RR
	keys   []miekg.RR
	soa    []miekg.RR
	// validating has who asks as a resolver be refused, unless he wants nothing checked.
	validating bool
	// refused has nobody be told about these types.
	refused []uint16
}

func newSignedZone(t *testing.T, now time.Time) *signedZone {
	t.Helper()
	z := &signedZone{}
	z.key, z.signer = newKey(t)
	z.ds = []miekg.RR{z.key.ToDS(miekg.SHA256)}
	z.sign(t, now.Add(-24*time.Hour), now.Add(24*time.Hour))
	return z
}

func newKey(t *testing.T) (*miekg.DNSKEY, crypto.Signer) {
	t.Helper()
	key := &miekg.DNSKEY{
		Hdr:   miekg.RR_Header{Name: "example.com.", Rrtype: miekg.TypeDNSKEY, Class: miekg.ClassINET, Ttl: 60},
		Flags: miekg.ZONE | miekg.SEP, Protocol: 3, Algorithm: miekg.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	return key, private.(crypto.Signer)
}

func record(t *testing.T, text string) miekg.RR {
	t.Helper()
	rr, err := miekg.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// sign signs the zone's keys and its SOA record.
func (z *signedZone) sign(t *testing.T, from, to time.Time) {
	t.Helper()
	z.keys = z.signed(t, from, to, z.key)
	z.soa = z.signed(t, from, to, record(t, "example.com. 60 IN SOA ns1.example.com. hostmaster.example.com. 1 3600 600 86400 60"))
}

// signed is a set of records with its signature.
func (z *signedZone) signed(t *testing.T, from, to time.Time, set ...miekg.RR) []miekg.RR {
	t.Helper()
	signature := &miekg.RRSIG{
		Hdr: miekg.RR_Header{Ttl: 60}, Algorithm: z.key.Algorithm, KeyTag: z.key.KeyTag(), SignerName: "example.com.",
		Inception: uint32(from.Unix()), Expiration: uint32(to.Unix()),
	}
	if err := signature.Sign(z.signer, set); err != nil {
		t.Fatal(err)
	}
	return append(set, signature)
}

// answer is that of a resolver, and of the zone's name server.
func (z *signedZone) answer(w miekg.ResponseWriter, q *miekg.Msg) {
	reply := new(miekg.Msg).SetReply(q)
	reply.Authoritative = true
	asked := q.Question[0]
	sets := map[uint16][]miekg.RR{
		miekg.TypeDS: z.ds, miekg.TypeDNSKEY: z.keys, miekg.TypeSOA: z.soa,
		miekg.TypeNS: {&miekg.NS{Hdr: miekg.RR_Header{Name: asked.Name, Rrtype: miekg.TypeNS, Class: miekg.ClassINET}, Ns: "ns1.example.com."}},
		miekg.TypeA:  {&miekg.A{Hdr: miekg.RR_Header{Name: asked.Name, Rrtype: miekg.TypeA, Class: miekg.ClassINET}, A: net.IPv4(127, 0, 0, 1)}},
	}
	reply.Answer = sets[asked.Qtype]
	if unchecked := q.CheckingDisabled || !q.RecursionDesired; z.validating && !unchecked || slices.Contains(z.refused, asked.Qtype) {
		reply.Rcode, reply.Answer = miekg.RcodeServerFailure, nil
	}
	_ = w.WriteMsg(reply) // who asked may be gone
}

// TestDNSSEC breaks the chain from the zone above to a zone in all ways.
func TestDNSSEC(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*testing.T, *signedZone)
		// want is the beginning of what is wrong, "" where nothing is.
		want  string
		check string
	}{
		"a zone that is signed": {
			change: func(*testing.T, *signedZone) {}, check: "DNSSEC of the zone example.com: the DS records of the zone above fit its keys and signatures",
		},
		"a zone without DNSSEC":                     {change: func(_ *testing.T, z *signedZone) { z.ds, z.keys, z.soa = nil, nil, z.soa[:1] }},
		"a zone that is signed, and nobody vouches": {change: func(_ *testing.T, z *signedZone) { z.ds = nil }},
		"the DS records were left behind":           {change: func(_ *testing.T, z *signedZone) { z.keys, z.soa = nil, z.soa[:1] }, want: "the zone above has DS records (key tag "},
		"the DS records are of another host's keys": {
			change: func(t *testing.T, z *signedZone) { z.ds = []miekg.RR{otherKey(t).ToDS(miekg.SHA256)} },
			want:   "none of the zone's 1 keys is one of those that the DS records of the zone above name (key tag ",
		},
		"one of two DS records fits": {change: func(t *testing.T, z *signedZone) { z.ds = append(z.ds, otherKey(t).ToDS(miekg.SHA256)) }},
		"a DS record of the right tag with another digest": {
			change: func(_ *testing.T, z *signedZone) { z.ds[0].(*miekg.DS).Digest = strings.Repeat("ab", 32) }, want: "none of the zone's 1 keys",
		},
		"a DS record in capitals": {change: func(_ *testing.T, z *signedZone) {
			z.ds[0].(*miekg.DS).Digest = strings.ToUpper(z.ds[0].(*miekg.DS).Digest)
		}},
		"a DS record with SHA-384": {change: func(_ *testing.T, z *signedZone) { z.ds = []miekg.RR{z.key.ToDS(miekg.SHA384)} }},
		"only digests that nobody checks": {
			change: func(_ *testing.T, z *signedZone) { z.ds[0].(*miekg.DS).DigestType = 250; z.keys = nil },
			check:  "DNSSEC of the zone example.com: nobody checks it, for its DS records are of algorithms that are not in use",
		},
		"only an algorithm that nobody checks": {change: func(_ *testing.T, z *signedZone) { z.ds[0].(*miekg.DS).Algorithm = miekg.DSA; z.keys = nil }},
		"a digest that nobody checks beside one that does not fit": {
			change: func(t *testing.T, z *signedZone) {
				z.ds[0].(*miekg.DS).DigestType = 250
				z.ds = append(z.ds, otherKey(t).ToDS(miekg.SHA256))
			},
			want: "none of the zone's 1 keys",
		},
		"the key is revoked": {
			change: func(t *testing.T, z *signedZone) {
				z.key.Flags |= miekg.REVOKE
				z.ds = []miekg.RR{z.key.ToDS(miekg.SHA256)}
				z.sign(t, noon.Add(-time.Hour), noon.Add(24*time.Hour))
			},
			want: "none of the zone's 1 keys",
		},
		"the signatures have expired": {
			change: func(t *testing.T, z *signedZone) { z.sign(t, noon.Add(-240*time.Hour), noon.Add(-2*time.Hour)) },
			want:   "its keys: the signature is valid from 2026-11-13T12:00:00Z to 2026-11-23T10:00:00Z only",
		},
		"the signatures have expired by what clocks may differ": {change: func(t *testing.T, z *signedZone) { z.sign(t, noon.Add(-240*time.Hour), noon.Add(-time.Minute)) }},
		"the signatures are valid for minutes":                  {change: func(t *testing.T, z *signedZone) { z.sign(t, noon.Add(-10*time.Minute), noon.Add(10*time.Minute)) }},
		"the signatures begin tomorrow": {
			change: func(t *testing.T, z *signedZone) { z.sign(t, noon.Add(24*time.Hour), noon.Add(48*time.Hour)) },
			want:   "its keys: the signature is valid from 2026-11-24T12:00:00Z to 2026-11-25T12:00:00Z only",
		},
		"the signature of the SOA record has expired": {
			change: func(t *testing.T, z *signedZone) {
				z.soa = z.signed(t, noon.Add(-240*time.Hour), noon.Add(-2*time.Hour), z.soa[0])
			},
			want: "its SOA record: the signature is valid from ",
		},
		"the SOA record is not signed": {change: func(_ *testing.T, z *signedZone) { z.soa = z.soa[:1] }, want: "its SOA record: there is no signature by a key that counts"},
		"the keys are not signed":      {change: func(_ *testing.T, z *signedZone) { z.keys = z.keys[:1] }, want: "its keys: there is no signature by a key that counts"},
		"a signature was made over something else": {
			change: func(_ *testing.T, z *signedZone) { z.soa[0].(*miekg.SOA).Serial++ }, want: "its SOA record: the signature is not by the key that it names",
		},
		"an expired signature beside a good one": {
			change: func(t *testing.T, z *signedZone) {
				z.keys = append(z.keys, z.signed(t, noon.Add(-240*time.Hour), noon.Add(-2*time.Hour), z.key)[1])
			},
		},
		"the zone above cannot be asked": {
			change: func(_ *testing.T, z *signedZone) { z.keys, z.refused = nil, []uint16{miekg.TypeDS} },
		},
		"the zone cannot be asked for its keys": {change: func(_ *testing.T, z *signedZone) { z.refused = []uint16{miekg.TypeDNSKEY} }},
		"a resolver that checks refuses it": {
			change: func(_ *testing.T, z *signedZone) { z.refused, z.validating = []uint16{miekg.TypeDNSKEY}, true }, want: "the resolver 127.0.0.1:",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			z := newSignedZone(t, noon)
			test.change(t, z)
			port := nameServer(t, z.answer, "127.0.0.1")
			w := &DNS{Resolvers: []string{netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port).String()}, Port: port}
			d := &records{reader: (&Doctor{dns: w, now: func() time.Time { return noon }}).reader(t.Context())}
			why := d.distrust("example.com")
			if (why == "") != (test.want == "") || !strings.HasPrefix(why, test.want) {
				t.Errorf("wrong is %q, want %q", why, test.want)
			}
			if test.check != "" && (len(d.checks) != 1 || d.checks[0].Text != test.check) {
				t.Errorf("checks %q, want %q", d.checks, test.check)
			}
		})
	}
}

func otherKey(t *testing.T) *miekg.DNSKEY {
	t.Helper()
	key, _ := newKey(t)
	return key
}

// TestFromHere asks name servers that fail only for who asks them directly.
func TestFromHere(t *testing.T) {
	t.Parallel()
	fails := func(w miekg.ResponseWriter, q *miekg.Msg) {
		_ = w.WriteMsg(new(miekg.Msg).SetRcode(q, miekg.RcodeServerFailure))
	}
	tests := map[string]struct {
		answer miekg.HandlerFunc
		reason string
		causes []string
	}{
		"they answer SERVFAIL": {answer: fails, causes: []string{"name-servers-fail-here", "record-not-visible"}},
		"they do not answer":   {answer: func(miekg.ResponseWriter, *miekg.Msg) {}, causes: []string{"name-servers-fail-here", "record-not-visible"}},
		"cert-manager says so too": {
			answer: fails, reason: "rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'", causes: []string{"name-servers-fail-here"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := internet(t, simulator.DNSOptions{})
			if err := w.DNS.AddRecords("_acme-challenge.www.example.com. 60 IN TXT " + value); err != nil {
				t.Fatal(err)
			}
			s := healthy(t)
			s.dns, s.options.DNS = seenFrom(w), true
			s.dns.Port = nameServer(t, test.answer, "127.0.0.1", "127.0.0.2")
			serveDirectory(t, find[*cmapi.Issuer](t, s, "le"), "letsencrypt.example")
			reason := `Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`
			if test.reason != "" {
				reason = test.reason
			}
			challenge := s.issuance(t, reason)
			challenge.Spec.Key, challenge.Status.Presented = value, true
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff(test.causes, ids(found.Causes)); diff != "" {
				t.Errorf("causes (-want +got):\n%s\n%v", diff, found.Checks)
			}
			if want := "_acme-challenge.www.example.com at the resolvers: 1 TXT records, 1 of the 1 that challenges wait for"; !hasCheck(found, want) {
				t.Errorf("no check says %q: %q", want, found.Checks)
			}
		})
	}
}
