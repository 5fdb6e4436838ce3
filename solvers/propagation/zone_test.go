package propagation

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

func TestWhichAddressesAreAsked(t *testing.T) {
	many := func(i *internet, names, each int) {
		i.ns[zoneName] = nil
		for n := range names {
			host := fmt.Sprintf("ns%02d.host.test.", n)
			i.ns[zoneName] = append(i.ns[zoneName], host)
			for a := range each {
				i.hosts[host] = append(i.hosts[host], netip.AddrFrom4([4]byte{9, 9, byte(n), byte(a)}))
			}
		}
	}
	tests := map[string]struct {
		world    func(*internet)
		allow    []string
		want     []string
		complete bool
		err      string
	}{
		"all of them, in order": {
			want:     []string{"ns1.host.test (8.8.4.1)", "ns2.host.test (8.8.4.2)", "ns2.host.test (2400:3200::3)"},
			complete: true,
		},
		"each once": {
			world: func(i *internet) { i.hosts["ns2.host.test."] = []netip.Addr{second, first, second} },
			want:  []string{"ns1.host.test (8.8.4.1)", "ns2.host.test (8.8.4.2)"}, complete: true,
		},
		"an IPv4 address in the clothes of an IPv6 address": {
			world: func(i *internet) {
				i.hosts["ns2.host.test."] = []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.1"), netip.MustParseAddr("::ffff:8.8.4.2")}
			},
			want: []string{"ns1.host.test (8.8.4.1)", "ns2.host.test (8.8.4.2)"}, complete: true,
		},
		"none that is private": {
			world: func(i *internet) { i.hosts["ns1.host.test."] = []netip.Addr{netip.MustParseAddr("10.0.0.1")} },
			want:  []string{"ns2.host.test (8.8.4.2)", "ns2.host.test (2400:3200::3)"}, complete: true,
		},
		"nothing but private ones": {
			world: func(i *internet) {
				i.hosts["ns1.host.test."] = []netip.Addr{netip.MustParseAddr("169.254.169.254")}
				i.hosts["ns2.host.test."] = []netip.Addr{netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00::1")}
			},
			err: "the name servers of the zone example.com have only addresses that are not public, which are not asked unless --propagation-allow-networks names them",
		},
		"private ones that are allowed": {
			world: func(i *internet) {
				i.hosts["ns1.host.test."] = []netip.Addr{netip.MustParseAddr("10.0.0.1")}
				i.hosts["ns2.host.test."] = []netip.Addr{netip.MustParseAddr("10.1.0.1"), netip.MustParseAddr("fd00::1")}
			},
			allow: []string{"10.0.0.0/16", "fd00::/8"},
			want:  []string{"ns1.host.test (10.0.0.1)", "ns2.host.test (fd00::1)"}, complete: true,
		},
		"thirteen names at most": {
			world: func(i *internet) { many(i, 20, 1) },
			want: []string{
				"ns00.host.test (9.9.0.0)", "ns01.host.test (9.9.1.0)", "ns02.host.test (9.9.2.0)", "ns03.host.test (9.9.3.0)", "ns04.host.test (9.9.4.0)",
				"ns05.host.test (9.9.5.0)", "ns06.host.test (9.9.6.0)", "ns07.host.test (9.9.7.0)", "ns08.host.test (9.9.8.0)", "ns09.host.test (9.9.9.0)",
				"ns10.host.test (9.9.10.0)", "ns11.host.test (9.9.11.0)", "ns12.host.test (9.9.12.0)",
			},
			complete: true,
		},
		"26 addresses at most, of each name its share": {
			world: func(i *internet) {
				many(i, 2, 20)
				i.hosts["ns01.host.test."] = i.hosts["ns01.host.test."][:9]
			},
			want: func() []string {
				var want []string
				for a := range 17 {
					want = append(want, fmt.Sprintf("ns00.host.test (9.9.0.%d)", a))
				}
				for a := range 9 {
					want = append(want, fmt.Sprintf("ns01.host.test (9.9.1.%d)", a))
				}
				return want
			}(),
			complete: true,
		},
		"no zone": {
			world: func(i *internet) { clear(i.ns) },
			err:   "the zone example.com has no name servers in the DNS",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := newInternet(0)
				if test.world != nil {
					test.world(i)
				}
				f := Finder{Resolvers: []Resolver{i}, Allow: prefixes(test.allow...)}
				servers, complete, err := f.Servers(t.Context(), zoneName)
				if text := fmt.Sprint(err); err != nil && text != test.err || err == nil && test.err != "" {
					t.Fatalf("error %q, want %q", text, test.err)
				}
				var got []string
				for _, s := range servers {
					got = append(got, s.String())
				}
				if diff := cmp.Diff(test.want, got); diff != "" || complete != test.complete {
					t.Errorf("complete: %t, want %t; servers (-want +got):\n%s", complete, test.complete, diff)
				}
			})
		})
	}
}

func TestMayAsk(t *testing.T) {
	tests := map[string]bool{
		"8.8.8.8": true, "223.5.5.5": true, "140.205.41.11": true, "2400:3200::1": true, "2408:4009:500::1": true, "192.0.1.1": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.255.255.254": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "169.254.0.23": false, "100.100.100.200": false, "100.64.0.1": false, "fe80::1": false, "fd00:ec2::254": false,
		"fc00::1": false, "0.0.0.0": false, "::": false, "224.0.0.1": false, "255.255.255.255": false, "240.0.0.1": false, "ff02::1": false,
		"64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:a9fe:a9fe::1": false, "2001:0:1::1": false, "::10.0.0.1": false, "192.0.0.1": false,
		"198.18.0.1": false, "fec0::1": false, "2001:db8::1": false,
	}
	for text, want := range tests {
		if got := mayAsk(netip.MustParseAddr(text), nil); got != want {
			t.Errorf("%s may be asked: %t, want %t", text, got, want)
		}
	}
	allow := prefixes("127.0.0.0/8", "fd00::/8")
	for text, want := range map[string]bool{"127.0.0.9": true, "fd12::1": true, "10.0.0.1": false, "::1": false, "8.8.8.8": true} {
		if got := mayAsk(netip.MustParseAddr(text), allow); got != want {
			t.Errorf("with loopback and fd00::/8 allowed, %s may be asked: %t, want %t", text, got, want)
		}
	}
}
