package propagation

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	atRegistrar = "the zone example.com has no name servers in the DNS yet, so nobody can see the record; " +
		"delegate it at its registrar to the name servers that the DNS host names for it; it is tried again"
	inParent = "the zone sub.example.com has no name servers in the DNS yet, so nobody can see the record; the DNS looks for its names in example.com: " +
		"delegate it there by NS records, or remove the zone sub.example.com if the account has example.com too; it is tried again"
	hidden = "nobody could be asked whether the record is visible: the zone example.com has no name servers in the DNS"
	unsure = "nobody could be asked whether the record is visible: the name servers of the zone example.com could not be found"
)

// TestWait_AZoneThatIsNotDelegated has resolvers that know of no name servers of the zone.
func TestWait_AZoneThatIsNotDelegated(t *testing.T) {
	parents := []netip.Addr{netip.MustParseAddr("9.9.9.1"), netip.MustParseAddr("9.9.9.2")}
	// com makes the top-level domain known, whose servers answer so.
	com := func(answers ...error) func(*internet) {
		return func(i *internet) {
			delete(i.ns, zoneName)
			i.ns["com"], i.hosts["a.tld.test."] = []string{"a.tld.test."}, parents
			for n, addr := range parents {
				i.servers[addr] = &nameServer{err: answers[n]}
			}
		}
	}
	sub := func(r *Record) { r.Zone, r.Name = "sub.example.com", "_acme-challenge.sub.example.com" }
	tests := map[string]struct {
		world  func(*internet)
		second func(*internet) // resolver, if there is one
		record func(*Record)
		want   outcome
		waits  bool // for the whole time, else hardly
	}{
		"the domain is not delegated": {world: com(nil, nil), want: outcome{Error: atRegistrar}},
		"nothing above it is known either": {
			world: func(i *internet) { clear(i.ns) }, want: outcome{Error: atRegistrar},
		},
		"a zone beneath one that is delegated": {record: sub, want: outcome{Error: inParent}},
		"two levels beneath": {
			record: func(r *Record) { r.Zone, r.Name = "a.sub.example.com", "_acme-challenge.a.sub.example.com" },
			want: outcome{Error: "the zone a.sub.example.com has no name servers in the DNS yet, so nobody can see the record; the DNS looks for its names in " +
				"example.com: delegate it there by NS records, or remove the zone a.sub.example.com if the account has example.com too; it is tried again"},
		},
		"those above cannot be asked": {world: com(errSilent, errSilent), want: outcome{Error: atRegistrar}},
		"somebody answers in the place of those above": {
			world: com(errNoAuthority, errNoAuthority), want: outcome{Error: atRegistrar},
		},
		"those above do delegate it, so that the resolver is wrong": {
			world: com(errReferral, errReferral), want: outcome{Blind: unsure}, waits: true,
		},
		"one of those above delegates it already": {
			world: com(errSilent, errReferral), want: outcome{Blind: unsure}, waits: true,
		},
		"cert-manager has found the zone, so that the resolver is wrong": {
			world: com(nil, nil), record: func(r *Record) { r.Delegated = true }, want: outcome{Blind: hidden}, waits: true,
		},
		"another resolver knows the zone": {
			world: com(nil, nil), second: func(*internet) {}, want: outcome{Seen: true},
		},
		"another resolver does not answer": {
			world: com(nil, nil), second: func(i *internet) { i.failure = errors.New("no route") }, want: outcome{Error: atRegistrar},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			simulated(t, func(t *testing.T) {
				i := newInternet(0)
				if test.world != nil {
					test.world(i)
				}
				resolvers := []Resolver{i}
				if test.second != nil {
					other := newInternet(0)
					test.second(other)
					resolvers = append(resolvers, other)
				}
				r := record()
				if test.record != nil {
					test.record(&r)
				}
				w := i.watcher(func(o *Options) { o.Finder.Resolvers = resolvers })
				for range 2 { // the text is the same each time
					got, took := wait(t.Context(), w, r)
					if diff := cmp.Diff(test.want, got); diff != "" {
						t.Errorf("outcome (-want +got):\n%s", diff)
					}
					if test.waits != (took == timeout) || !test.waits && took > 5*time.Second {
						t.Errorf("it took %s", took)
					}
				}
			})
		})
	}
}

func TestWait_AZoneThatIsDelegatedInTheEnd(t *testing.T) {
	simulated(t, func(t *testing.T) {
		i := newInternet(0)
		names := i.ns[zoneName]
		i.edit(func() { delete(i.ns, zoneName) })
		w := i.watcher()
		if got, _ := wait(t.Context(), w, record()); got.Error != atRegistrar {
			t.Fatalf("%+v", got)
		}
		i.edit(func() { i.ns[zoneName] = names })
		if got, took := wait(t.Context(), w, record()); !got.Seen || took > time.Second {
			t.Errorf("%+v after %s", got, took)
		}
		i.edit(func() { delete(i.ns, zoneName) })
		time.Sleep(keptFor)
		if got, _ := wait(t.Context(), w, record()); !got.Seen { // a resolver takes nothing away that was known
			t.Errorf("%+v", got)
		}
	})
}
