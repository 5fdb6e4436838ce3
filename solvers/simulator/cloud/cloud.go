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

// Why a cloud refuses what it was asked. The front of each cloud says it in its own codes.
var (
	ErrNoZone         = errors.New("no such zone")
	ErrForeignZone    = errors.New("the zone belongs to another account")
	ErrZoneLocked     = errors.New("the zone is locked")
	ErrZoneSpam       = errors.New("the zone is banned")
	ErrNoRecord       = errors.New("no such record")
	ErrForeignRecord  = errors.New("the record belongs to another account")
	ErrRecordLocked   = errors.New("the record is locked")
	ErrDuplicate      = errors.New("an equal record exists")
	ErrConflict       = errors.New("a record of another type forbids this one")
	ErrRecordLimit    = errors.New("too many records")
	ErrTTL            = errors.New("the TTL is below the minimum of the edition")
	ErrOverlap        = errors.New("the last write in the zone is not finished")
	ErrUnknownAccount = errors.New("no such account")
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
	Settings Settings
}

// Cloud is the state of one cloud.
type Cloud struct {
	now      func() time.Time
	editions map[string]int
	line     string
	closed   chan struct{}
	close    sync.Once

	mu       sync.Mutex
	settings Settings
	accounts map[string]*account
	zones    map[string][]*zone // by A-label name
	records  map[uint64]*version
	nextID   uint64
	nextZone uint64
	serial   uint32
	nonces   map[nonce]time.Time
	faults   []*Fault
	nextFlt  int
	calls    []Call
}

type account struct {
	Account
	limiter *rate.Limiter
}

type zone struct {
	Zone
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
		editions: maps.Clone(o.Editions),
		line:     o.DefaultLine,
		closed:   make(chan struct{}),
		settings: o.Settings,
		accounts: map[string]*account{},
		zones:    map[string][]*zone{},
		records:  map[uint64]*version{},
		nextID:   max(o.FirstID, 1),
		nextZone: 1,
		serial:   1,
		nonces:   map[nonce]time.Time{},
	}
}

// Close ends requests that hang.
func (c *Cloud) Close() { c.close.Do(func() { close(c.closed) }) }

// Now is the cloud's time.
func (c *Cloud) Now() time.Time { return c.now() }

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
	a.Keys = slices.Clone(a.Keys)
	c.accounts[a.Owner] = &account{Account: a, limiter: rate.NewLimiter(limit, max(a.Burst, 1))}
}

// RemoveAccount forgets an account's keys. Its zones stay.
func (c *Cloud) RemoveAccount(owner string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.accounts, owner)
}

// Accounts lists the accounts by owner.
func (c *Cloud) Accounts() []Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Account
	for _, owner := range slices.Sorted(maps.Keys(c.accounts)) {
		a := c.accounts[owner].Account
		a.Keys = slices.Clone(a.Keys)
		list = append(list, a)
	}
	return list
}

// PutZone adds a zone with its records. A zone of the same owner and name keeps its id and the records that it has, and gets
// these as well.
func (c *Cloud) PutZone(z Zone) (Zone, error) {
	name := ASCII(z.Name)
	if name == "" {
		return Zone{}, errors.New("a zone needs a name")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	records := z.Records
	z.Records = nil
	z.Name = strings.TrimSuffix(z.Name, ".")
	if z.MinTTL == 0 {
		z.MinTTL = c.minTTL(z.Edition)
	}
	c.serial++
	state := c.zoneOf(z.Owner, name)
	if state == nil {
		z.ID = c.nextZone
		c.nextZone++
		state = &zone{ascii: name, names: map[string][]*version{}}
		c.zones[name] = append(c.zones[name], state)
	} else {
		z.ID = state.ID
	}
	state.Zone = z
	for _, r := range records {
		c.insert(state, r, time.Time{})
	}
	return z, nil
}

func (c *Cloud) minTTL(edition string) int {
	if ttl, ok := c.editions[edition]; ok {
		return ttl
	}
	return max(c.editions[""], 1)
}

// MinTTL is the lowest TTL of an edition.
func (c *Cloud) MinTTL(edition string) int { return c.minTTL(edition) }

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
	rest := slices.DeleteFunc(c.zones[z.ascii], func(other *zone) bool { return other == z })
	if len(rest) == 0 {
		delete(c.zones, z.ascii)
	} else {
		c.zones[z.ascii] = rest
	}
	c.serial++
	return nil
}

// Zones lists the zones of an owner, or all for an empty owner, in the order they were added, without their records.
func (c *Cloud) Zones(owner string) []Zone {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Zone
	for _, same := range c.zones {
		for _, z := range same {
			if owner == "" || z.Owner == owner {
				list = append(list, z.Zone)
			}
		}
	}
	slices.SortFunc(list, func(a, b Zone) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// RecordCount is how many records a zone has.
func (c *Cloud) RecordCount(owner, name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	z := c.zoneOf(owner, ASCII(name))
	if z == nil {
		return 0
	}
	return len(c.liveIn(z))
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

// ZoneByID finds an account's zone by its id.
func (c *Cloud) ZoneByID(owner string, id uint64) (Zone, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, same := range c.zones {
		for _, z := range same {
			if z.ID != id {
				continue
			}
			if z.Owner != owner {
				return Zone{}, ErrForeignZone
			}
			return z.Zone, nil
		}
	}
	return Zone{}, ErrNoZone
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

// Key finds the key with an id and the account that it belongs to.
func (c *Cloud) Key(id string) (Key, Account, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key(id)
}

func (c *Cloud) key(id string) (Key, Account, bool) {
	for _, a := range c.accounts {
		for _, k := range a.Keys {
			if k.ID == id {
				return k, a.Account, true
			}
		}
	}
	return Key{}, Account{}, false
}

// Allows says whether the account's policy lets the key do the action.
func (k Key) Allows(action string) bool {
	return !slices.Contains(k.Denied, action) && !slices.Contains(k.Denied, "*")
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
	return c.clock().Sub(t).Abs() <= c.settings.ClockWindow
}

// Clock is the cloud's time where it checks requests, with the skew.
func (c *Cloud) Clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock()
}

func (c *Cloud) clock() time.Time { return c.now().Add(c.settings.ClockSkew) }

type nonce struct{ key, value string }

// UseNonce says whether a key uses this nonce for the first time within the clock window.
func (c *Cloud) UseNonce(keyID, value string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	n := nonce{keyID, value}
	if used, ok := c.nonces[n]; ok && now.Sub(used) <= 2*c.settings.ClockWindow {
		return false
	}
	if len(c.nonces) >= 10000 {
		maps.DeleteFunc(c.nonces, func(_ nonce, used time.Time) bool { return now.Sub(used) > 2*c.settings.ClockWindow })
	}
	c.nonces[n] = now
	return true
}
