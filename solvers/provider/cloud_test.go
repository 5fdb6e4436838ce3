package provider

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/quota"
)

// qps is the limit of the accounts in these tests; a fifth of it is the burst.
const qps = 20

// cloud is where the Providers of tests call. It answers as it is told and notes what it is asked, and when.
type cloud struct {
	// zones are the account's zones.
	zones []string
	// takes is how long each request takes.
	takes time.Duration
	// pages is how many requests a list of zones takes.
	pages int
	// fail, if set, says what the nth request (from 0) ends with.
	fail func(n int) error

	mu       sync.Mutex
	requests []request
	running  int
	// most is how many requests ran at once at most.
	most int
}

type request struct {
	what string
	at   time.Time
}

// open implements Open.
func (c *cloud) open(pace *quota.Call) Provider { return call{c, pace} }

// call is the Provider for one try of one call.
type call struct {
	*cloud
	pace *quota.Call
}

func (c call) Zones(ctx context.Context) ([]string, error) {
	for range max(1, c.pages) {
		if err := c.request(ctx, "zones"); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.zones), nil
}

func (c call) AddTXT(ctx context.Context, r TXT) (RecordID, error) {
	if err := c.request(ctx, fmt.Sprintf("add %s in %s: %s", r.RR, r.Zone, r.Value)); err != nil {
		return "", err
	}
	return RecordID("id of " + r.Value), nil
}

func (c call) FindTXT(ctx context.Context, r TXT) ([]RecordID, error) {
	if err := c.request(ctx, fmt.Sprintf("find %s in %s: %s", r.RR, r.Zone, r.Value)); err != nil {
		return nil, err
	}
	return []RecordID{"1", "2"}, nil
}

func (c call) Delete(ctx context.Context, zone string, id RecordID) (bool, error) {
	err := c.request(ctx, fmt.Sprintf("delete %s in %s", id, zone))
	return err == nil, err
}

// remove is Account.Delete for a test that does not ask whether the record was there.
func remove(ctx context.Context, a *Account, id RecordID) error {
	_, err := a.Delete(ctx, "example.com", id)
	return err
}

// request is what every method does, as an exchange would.
func (c call) request(ctx context.Context, what string) error {
	if err := c.pace.Wait(ctx); err != nil {
		return fault.Network(err, "cloud.example")
	}
	n := c.begin(what)
	defer c.end()
	select {
	case <-ctx.Done():
		return fault.Network(ctx.Err(), "cloud.example")
	case <-time.After(c.takes):
	}
	if c.fail == nil {
		return nil
	}
	return c.fail(n)
}

func (c *cloud) begin(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request{what, time.Now()})
	c.running++
	c.most = max(c.most, c.running)
	return len(c.requests) - 1
}

func (c *cloud) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
}

// move changes the zones of the account.
func (c *cloud) move(zones ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zones = zones
}

// asked is what was asked for so far.
func (c *cloud) asked() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	asked := []string{}
	for _, r := range c.requests {
		asked = append(asked, r.what)
	}
	return asked
}

// gaps are the times between the requests.
func (c *cloud) gaps() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var gaps []time.Duration
	for i := 1; i < len(c.requests); i++ {
		gaps = append(gaps, c.requests[i].at.Sub(c.requests[i-1].at))
	}
	return gaps
}

func (c *cloud) count() int { return len(c.asked()) }

// always fails each request in the same way.
func always(err error) func(int) error { return func(int) error { return err } }

// inTurn fails the requests one after another; those beyond the last succeed.
func inTurn(errs ...error) func(int) error {
	return func(n int) error {
		if n < len(errs) {
			return errs[n]
		}
		return nil
	}
}

func transient(reason string) error { return &fault.Error{Kind: fault.Transient, Reason: reason} }

// account is an account of its own, with calls that the quota never holds up.
func account(c *cloud) *Account { return accounts(1e6).trusted("identity", "LTAI5tExample", c) }

// accounts are those of a host that takes one change to a zone at a time.
func accounts(qps float64) *Accounts { return NewAccounts(quota.New(qps, "--cloud-qps"), true) }

// trusted is an account as it is once a call with its credential has succeeded.
func (a *Accounts) trusted(identity, keyID string, c *cloud) *Account {
	account := a.Account(identity, keyID, c.open)
	account.state.quota.Call("team-a", false).End(nil)
	return account
}

func txt(zone, value string) TXT {
	return TXT{Zone: zone, RR: "_acme-challenge", Value: value, TTL: 600}
}

// within is a context that ends after some time.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// together runs f so many times at once and returns how long all of them took.
func together(n int, f func(i int)) time.Duration {
	start := time.Now()
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { f(i) })
	}
	running.Wait()
	return time.Since(start)
}
