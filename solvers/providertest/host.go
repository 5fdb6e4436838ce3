// Package providertest holds every DNS host to the contract of provider.Provider. A host says what differs, runs the suite from a test
// that is called TestProvider, and tests beside it what it alone does.
package providertest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// Value is as a challenge's is: 43 characters of base64url, with the ones that are wildcards to a fuzzy search.
const Value = "-_Yx0TdEYz7ihA2Q3NV4b9cUwqWJ1oYkqkq0e1Jk_Zs"

// Host is what differs between DNS hosts.
type Host struct {
	// Name is what errors call the host, Public its public address.
	Name, Public string
	// Open returns the account that the keys belong to.
	Open func(api wire.API, keys credential.Keys, pace wire.Pace) provider.Provider
	// Options and Endpoint are the host's part of a simulated world.
	Options  func(*simulator.Options) *simulator.CloudOptions
	Endpoint func(*simulator.World) *simulator.Endpoint
	// Keys are alice's, and Temporary are hers as well, with a token.
	Keys, Temporary credential.Keys

	// AddAction and EditionAction are what a policy calls adding a record, and reading the edition of a zone.
	AddAction, EditionAction string
	// Edition is one whose TTLs may be lower than 600, and EditionCalls is how many calls it takes to read its least TTL.
	Edition      string
	EditionCalls int
	// DefaultLine and OtherLine are lines as records have them, and Line is the other one as a config has it.
	DefaultLine, OtherLine, Line string
	// ZonePage and RecordPage are how long the pages of lists are.
	ZonePage, RecordPage int
	Codes                Codes
	Refusals             Refusals
	API                  API
}

// Codes are the host's for what every host refuses.
type Codes struct {
	Throttled, NoZone, UnknownKey string
	// Gone are those for the removal of a record that is gone.
	Gone []string
}

// Refusals are the host's words for what every host refuses.
type Refusals struct {
	// LowTTL is for 60 seconds in example.com, PaidTTL for one second in xn--fsqu00a.com, which has Host.Edition, and HiddenTTL for the
	// first by a key that may not read the edition.
	LowTTL, PaidTTL, HiddenTTL string
	// UnknownLine is for "nowhere" in example.com.
	UnknownLine string
	// ForeignZone is for example.org, NoZone for example.net, NoChineseZone for xn--fsqu00a.com, TopLevel for com, and LockedZone for
	// locked.com.
	ForeignZone, NoZone, NoChineseZone, TopLevel, LockedZone string
	UnknownKey, DisabledKey, WrongSecret, Policy             string
	ExpiredToken, NoToken, Clock                             string
}

// API is how the host's API puts things.
type API struct {
	// Read takes a request apart.
	Read func(*http.Request) (action string, parameters map[string]string, err error)
	// Status is the HTTP status of most refusals, and Refusal the document of one.
	Status  int
	Refusal func(code, message, requestID string) string
	// Added is the document for a new record, and Zones and Records are those of one page of a list.
	Added   func(id string) string
	Zones   func(total int, zones ...Zone) string
	Records func(total int, records ...cloud.Record) string
	// LookAction is the action with which the host looks at each record that is listed, and Look is the document for it; "" and nil
	// where lists are to be trusted.
	LookAction string
	Look       func(cloud.Record) string
	// ZoneParameter names the zone in a request, and PageParameter the page of a list; FirstPages are two pages of one record each.
	ZoneParameter, PageParameter string
	FirstPages                   []string
}

// Zone is a zone as lists have it, by its two names.
type Zone struct{ Name, Punycode string }

// Run runs the suite.
func Run(t *testing.T, h Host) {
	if callee := os.Getenv(calleeVariable); callee != "" {
		h.call(t, callee)
		return
	}
	for name, test := range map[string]func(*testing.T){
		"Zones": h.zones, "AddTXT": h.addTXT, "FindTXT": h.findTXT, "Delete": h.remove, "either name of a zone": h.eitherName,
		"refusals": h.refusals, "codes and statuses": h.statuses, "odd answers": h.oddAnswers, "lists": h.lists,
		"network": h.network, "hang": h.hang, "shared connections": h.sharedConnections, "TLS": h.tls, "token": h.token,
		"concurrency": h.concurrency, "rate limit": h.rateLimit, "log": h.log, "proxies": h.proxies,
	} {
		t.Run(name, test)
	}
}

// Start starts the simulator with two accounts: alice, who has example.com, and bob, who has example.org.
func (h Host) Start(t *testing.T, change func(*simulator.CloudOptions)) *simulator.Endpoint {
	t.Helper()
	o := h.world()
	if change != nil {
		change(h.Options(&o))
	}
	return h.Endpoint(simulator.Start(t, o))
}

func (h Host) world() simulator.Options {
	var o simulator.Options
	*h.Options(&o) = simulator.CloudOptions{
		Accounts: []cloud.Account{
			{Owner: "alice", Keys: []cloud.Key{
				{ID: h.Keys.ID, Secret: h.Keys.Secret},
				{ID: h.Temporary.ID, Secret: h.Temporary.Secret, Token: h.Temporary.Token},
			}},
			{Owner: "bob", Keys: []cloud.Key{{ID: h.Keys.ID + "Bob", Secret: "bob-secret"}}},
		},
		Zones: []cloud.Zone{{Owner: "alice", Name: "example.com"}, {Owner: "bob", Name: "example.org"}},
	}
	return o
}

// Account returns an account at a URL, alice's without keys.
func (h Host) Account(t *testing.T, url string, keys ...credential.Keys) provider.Provider {
	t.Helper()
	return h.Open(At(t, url, nil), append(keys, h.Keys)[0], nil)
}

// At returns the API at a URL, whose certificate the roots may have signed.
func At(t *testing.T, url string, roots []byte) wire.API {
	t.Helper()
	endpoint, err := wire.ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	file := ""
	if len(roots) > 0 {
		file = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, roots, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	transport, err := wire.NewTransport(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return wire.API{Endpoint: endpoint, Transport: transport}
}

// Challenge is the record of a challenge.
func Challenge(zone, rr string) provider.TXT {
	return provider.TXT{Zone: zone, RR: rr, Value: Value, TTL: 600}
}

// Call is one call of a provider's methods.
type Call func(context.Context, provider.Provider) error

// Add adds a record.
func Add(r provider.TXT) Call {
	return func(ctx context.Context, p provider.Provider) error {
		_, err := p.AddTXT(ctx, r)
		return err
	}
}

// Find looks for a record.
func Find(r provider.TXT) Call {
	return func(ctx context.Context, p provider.Provider) error {
		_, err := p.FindTXT(ctx, r)
		return err
	}
}

// Remove removes a record from example.com.
func Remove(id provider.RecordID) Call {
	return func(ctx context.Context, p provider.Provider) error {
		_, err := p.Delete(ctx, "example.com", id)
		return err
	}
}

// List lists the zones.
func List(ctx context.Context, p provider.Provider) error {
	_, err := p.Zones(ctx)
	return err
}

// Text is the text of an error, "" for none.
func Text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Described is a fault in one line.
func Described(err error) string {
	after, retry := fault.Retryable(err)
	for kind := fault.Transient; kind <= fault.Misconfigured; kind++ {
		if fault.Is(err, kind) {
			return fmt.Sprintf("%v, retry %v after %v: %v", kind, retry, after, err)
		}
	}
	return fmt.Sprintf("no fault: %v", err)
}
