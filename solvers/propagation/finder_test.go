package propagation

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lookedUp is what Servers returned, to be compared as a whole.
type lookedUp struct {
	Servers  []string
	Complete bool
	Error    string
	Took     time.Duration
}

func TestResolversThatAreSlowOrDumb(t *testing.T) {
	const never = time.Hour
	takes := func(d time.Duration) func(string) time.Duration { return func(string) time.Duration { return d } }
	all := []string{"ns1.host.test (8.8.4.1)", "ns2.host.test (8.8.4.2)", "ns2.host.test (2400:3200::3)"}
	tests := map[string]struct {
		// resolvers change what is the same world otherwise.
		resolvers []func(*internet)
		want      lookedUp
	}{
		"one that never answers holds up the next for a moment": {
			resolvers: []func(*internet){func(i *internet) { i.ponder = takes(never) }, nil},
			want:      lookedUp{Servers: all, Complete: true, Took: 2 * (patience + latency)},
		},
		"two that never answer": {
			resolvers: []func(*internet){func(i *internet) { i.ponder = takes(never) }, func(i *internet) { i.ponder = takes(never) }, nil},
			want:      lookedUp{Servers: all, Complete: true, Took: 2 * (2*patience + latency)},
		},
		"one that fails holds up nobody": {
			resolvers: []func(*internet){func(i *internet) { i.failure = errors.New("no route") }, nil},
			want:      lookedUp{Servers: all, Complete: true, Took: 4 * latency},
		},
		"a slow one is still heard when the next fails": {
			resolvers: []func(*internet){func(i *internet) { i.ponder = takes(4 * time.Second) }, func(i *internet) { i.failure = errors.New("no route") }},
			want:      lookedUp{Servers: all, Complete: true, Took: 8 * time.Second},
		},
		"a slow one is asked for all names at once": {
			resolvers: []func(*internet){func(i *internet) {
				i.ponder = takes(4 * time.Second)
				i.ns[zoneName] = nil
				for n := range 4 {
					host := fmt.Sprintf("ns%d.host.test.", n)
					i.ns[zoneName] = append(i.ns[zoneName], host)
					i.hosts[host] = []netip.Addr{netip.AddrFrom4([4]byte{9, 9, 9, byte(n)})}
				}
			}},
			want: lookedUp{
				Servers:  []string{"ns0.host.test (9.9.9.0)", "ns1.host.test (9.9.9.1)", "ns2.host.test (9.9.9.2)", "ns3.host.test (9.9.9.3)"},
				Complete: true, Took: 8 * time.Second,
			},
		},
		"one that never answers for IPv6 does not hide what it says of IPv4": {
			resolvers: []func(*internet){func(i *internet) {
				i.ponder = func(network string) time.Duration {
					if network == "ip6" {
						return never
					}
					return latency
				}
			}},
			want: lookedUp{Servers: all[:2], Took: 2*latency + familyPatience},
		},
		"one that never answers is not missed where the first one says all": {
			resolvers: []func(*internet){nil, func(i *internet) { i.ponder = takes(never) }},
			want:      lookedUp{Servers: all, Complete: true, Took: 2 * latency},
		},
		"none that answers": {
			resolvers: []func(*internet){func(i *internet) { i.ponder = takes(never) }},
			want:      lookedUp{Error: "the name servers of the zone example.com could not be found", Took: questionTimeout},
		},
		"one that knows of no name servers, beside one that fails": {
			resolvers: []func(*internet){func(i *internet) { clear(i.ns) }, func(i *internet) { i.failure = errors.New("no route") }},
			want:      lookedUp{Error: "the zone example.com has no name servers in the DNS", Took: 2 * latency},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var f Finder
				for _, change := range test.resolvers {
					i := newInternet(0)
					if change != nil {
						change(i)
					}
					f.Resolvers = append(f.Resolvers, i)
				}
				start := time.Now()
				servers, complete, err := f.Servers(t.Context(), zoneName)
				got := lookedUp{Complete: complete, Took: time.Since(start)}
				for _, s := range servers {
					got.Servers = append(got.Servers, s.String())
				}
				if err != nil {
					got.Error = err.Error()
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}
