package cloud

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// history is how long the cloud remembers what it removed, for name servers that lag behind.
const history = time.Hour

// Options are what a cloud starts with.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// DefaultLine is the line of records that are put there without one.
	DefaultLine string
	// FirstID is the id of the first record; zero is 1.
	FirstID uint64
	// Editions maps an edition to its lowest TTL; the entry "" serves unknown ones.
	Editions map[string]int
	// ClockWindow is how far the time in a request may be from the cloud's time.
	ClockWindow time.Duration
	Dialect     Dialect
	Settings    Settings
}

// Cloud is the state of one cloud.
type Cloud struct {
	now      func() time.Time
	editions map[string]int
	line     string
	window   time.Duration
	dialect  Dialect
	closed   chan struct{}
	close    sync.Once

	mu       sync.Mutex
	settings Settings
	accounts map[string]*account
	zones    map[string][]*zone // by A-label name
	records  map[uint64]*version
	nextID   uint64
	nextZone int
	nonces   map[nonce]bool
	faults   []*Fault
	calls    []Call
}

type account struct {
	Account
	limiter *rate.Limiter
}

type zone struct {
	Zone
	order   int
	ascii   string
	names   map[string][]*version // by A-label RR
	writing bool
}

// version is one record between two changes. A zero since has always been there; a zero until is there now.
type version struct {
	Record
	zone         *zone
	since, until time.Time
}

func (v *version) live() bool { return v.until.IsZero() }

// at says whether the version was there at a time.
func (v *version) at(t time.Time) bool {
	return !v.since.After(t) && (v.live() || v.until.After(t))
}

// New makes an empty cloud.
func New(o Options) *Cloud {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cloud{
		now:      o.Now,
		editions: o.Editions,
		line:     o.DefaultLine,
		window:   o.ClockWindow,
		dialect:  o.Dialect,
		closed:   make(chan struct{}),
		settings: o.Settings,
		accounts: map[string]*account{},
		zones:    map[string][]*zone{},
		records:  map[uint64]*version{},
		nextID:   max(o.FirstID, 1),
		nonces:   map[nonce]bool{},
	}
}

// Close ends requests that hang.
func (c *Cloud) Close() { c.close.Do(func() { close(c.closed) }) }

// Settings returns the switches as they are.
func (c *Cloud) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// Change edits the switches.
func (c *Cloud) Change(edit func(*Settings)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	edit(&c.settings)
}

// PutAccount adds an account, or replaces the one of the same owner. Its zones stay.
func (c *Cloud) PutAccount(a Account) {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := rate.Inf
	if a.QPS > 0 {
		limit = rate.Limit(a.QPS)
	}
	a.Keys, a.Roles, a.Providers = slices.Clone(a.Keys), slices.Clone(a.Roles), slices.Clone(a.Providers)
	c.accounts[a.Owner] = &account{Account: a, limiter: rate.NewLimiter(limit, max(a.Burst, 1))}
}

// PutZone adds a zone with its records. A zone of the same owner and name keeps the records that it has, and gets these as
// well.
func (c *Cloud) PutZone(z Zone) error {
	name := ASCII(z.Name)
	if name == "" {
		return errors.New("a zone needs a name")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	records := z.Records
	z.Records = nil
	z.Name = strings.TrimSuffix(z.Name, ".")
	state := c.zoneOf(z.Owner, name)
	if state == nil {
		c.nextZone++
		state = &zone{order: c.nextZone, ascii: name, names: map[string][]*version{}}
		c.zones[name] = append(c.zones[name], state)
	}
	state.Zone = z
	for _, r := range records {
		c.insert(state, r, time.Time{})
	}
	return nil
}

// MinTTL is the lowest TTL of an edition.
func (c *Cloud) MinTTL(edition string) int {
	if ttl, ok := c.editions[edition]; ok {
		return ttl
	}
	return max(c.editions[""], 1)
}

// Editions lists the editions that have a name.
func (c *Cloud) Editions() []string {
	names := slices.Sorted(maps.Keys(c.editions))
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// RemoveZone removes a zone and its records.
func (c *Cloud) RemoveZone(owner, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	z := c.zoneOf(owner, ASCII(name))
	if z == nil {
		return fmt.Errorf("zone %s of %s: %w", name, owner, ErrNoZone)
	}
	for id, v := range c.records {
		if v.zone == z {
			delete(c.records, id)
		}
	}
	c.zones[z.ascii] = slices.DeleteFunc(c.zones[z.ascii], func(other *zone) bool { return other == z })
	return nil
}

// Zones lists the zones of an owner in the order they were added, without their records.
func (c *Cloud) Zones(owner string) []Zone {
	c.mu.Lock()
	defer c.mu.Unlock()
	var own []*zone
	for _, same := range c.zones {
		for _, z := range same {
			if z.Owner == owner {
				own = append(own, z)
			}
		}
	}
	slices.SortFunc(own, func(a, b *zone) int { return cmp.Compare(a.order, b.order) })
	list := make([]Zone, 0, len(own))
	for _, z := range own {
		list = append(list, z.Zone)
	}
	return list
}

// Zone finds an account's zone by name, in whatever spelling.
func (c *Cloud) Zone(owner, name string) (Zone, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	z, err := c.ownZone(owner, name)
	if err != nil {
		return Zone{}, err
	}
	return z.Zone, nil
}

func (c *Cloud) ownZone(owner, name string) (*zone, error) {
	ascii := ASCII(name)
	z := c.zoneOf(owner, ascii)
	switch {
	case z != nil && c.settings.RefusePunycode && foldName(name) != foldName(z.Name):
		return nil, ErrNoZone
	case z != nil:
		return z, nil
	case len(c.zones[ascii]) > 0:
		return nil, ErrForeignZone
	}
	return nil, ErrNoZone
}

func (c *Cloud) zoneOf(owner, ascii string) *zone {
	for _, z := range c.zones[ascii] {
		if z.Owner == owner {
			return z
		}
	}
	return nil
}

// Keys are those of all accounts, with those that were given for roles.
func (c *Cloud) Keys() []Key {
	c.mu.Lock()
	defer c.mu.Unlock()
	var keys []Key
	for _, a := range c.accounts {
		keys = append(keys, a.Keys...)
	}
	return keys
}

// Key finds the key with an id, and the owner of the account that it belongs to.
func (c *Cloud) Key(id string) (key Key, owner string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.accounts {
		for _, k := range a.Keys {
			if k.ID == id {
				return k, a.Owner, true
			}
		}
	}
	return Key{}, "", false
}

// Allows says whether the account's policy lets the key do the action in a zone, which is "" for an action that is for none.
func (k Key) Allows(action, zoneName string) bool {
	same := func(allowed string) bool { return ASCII(allowed) == ASCII(zoneName) }
	within := len(k.Zones) == 0 || slices.ContainsFunc(k.Zones, same) || zoneName == "" && k.Lists
	return within && !slices.Contains(k.Denied, action) && !slices.Contains(k.Denied, "*")
}

// Expired says whether a temporary key has ended at a time.
func (k Key) Expired(now time.Time) bool {
	return !k.Expires.IsZero() && !now.Before(k.Expires)
}

// Admit takes one request from the account's rate limit, and says whether there was one left.
func (c *Cloud) Admit(owner string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, ok := c.accounts[owner]
	return ok && a.limiter.AllowN(c.now(), 1)
}

// InWindow says whether the time in a request is near enough to the cloud's.
func (c *Cloud) InWindow(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock().Sub(t).Abs() <= c.window
}

// Clock is the cloud's time where it checks requests, with the skew.
func (c *Cloud) Clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock()
}

func (c *Cloud) clock() time.Time { return c.now().Add(c.settings.ClockSkew) }

type nonce struct{ key, value string }

// UseNonce says whether a key uses this nonce for the first time.
func (c *Cloud) UseNonce(keyID, value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := nonce{keyID, value}
	used := c.nonces[n]
	c.nonces[n] = true
	return !used
}
