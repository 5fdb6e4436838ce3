package ahead

import (
	"crypto/sha256"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"
)

// Bounds of what is remembered, whatever tenants write: of values in all, and of those of one name. Forgetting costs a CA's answer, so
// there are many more than a cluster has open challenges; values of one name are those of a few certificates.
const (
	maxSightings = 1 << 15
	maxValues    = 64
)

// unheardOf is how long a value counts as being shown to the CA when nobody says that the CA is done with it. cert-manager gives
// a CA two minutes for an authorization.
const unheardOf = 5 * time.Minute

// Memory is what the resolvers of a CA may remember of the names that were shown to it. A CA asks through resolvers that keep an
// answer, an absence too: Let's Encrypt's for the TTL and at most a minute. A value that was not there when they asked is not
// found until they ask again. It is safe for concurrent use.
type Memory struct {
	span time.Duration

	mu    sync.Mutex
	names *lru.Cache // of sightings, by hash of the name
	// count is how many sightings there are.
	count int
}

// hash stands for a name or a value, of which nobody says how long it is.
type hash [sha256.Size]byte

func hashOf(text string) hash { return sha256.Sum256([]byte(text)) }

// sightings are those of one name, by hash of the value.
type sightings map[hash]*sighting

// sighting is what is known of one value.
type sighting struct {
	// seen is when all name servers were first known to show the value, zero if they do not now. missing is when it was last
	// known not to be there.
	seen, missing time.Time
	// invisible is when somebody last waited for the value in vain.
	invisible time.Time
	// shown is when cert-manager was told to let the CA look for the value, zero if it was not; over is when the CA was done.
	shown, over time.Time
	used        time.Time
}

// Look is a time in which a CA may have asked for a name, for another value than the one in question.
type Look struct {
	// Value is what the CA asked for, "" if that is not known.
	Value string
	// From is when it may have begun to ask, and Until when it was done: zero if it is not.
	From, Until time.Time
	// Exact says that From is known to the second. Else it is the earliest that is possible.
	Exact bool
	// Since is when cert-manager began to work on the challenge, zero if that is not known.
	Since time.Time
	// Order owns the challenge.
	Order types.UID
}

// Claim is a value that is about to be shown to the CA.
type Claim struct {
	Name, Value string
	// Created is when its Challenge was made, zero if that is not known.
	Created time.Time
	Order   types.UID
}

// NewMemory returns a Memory of CAs that remember for so long; with 0 nothing is ever held back.
func NewMemory(span time.Duration) *Memory {
	m := &Memory{span: span}
	m.names = lru.NewWithEvictionFunc(maxSightings, func(_ lru.Key, values any) { m.count -= len(values.(sightings)) })
	return m
}

// of returns what is known of a value; what is known of the name's other values is beside it.
func (m *Memory) of(name, value string) (*sighting, sightings) {
	values := m.valuesOf(name)
	if values == nil {
		values = sightings{}
		m.names.Add(hashOf(name), values)
	}
	s := values[hashOf(value)]
	if s == nil {
		m.makeRoom(values)
		s = &sighting{}
		values[hashOf(value)] = s
		m.count++
	}
	s.used = time.Now()
	return s, values
}

// valuesOf are those of a name that is known, else nil.
func (m *Memory) valuesOf(name string) sightings {
	known, ok := m.names.Get(hashOf(name))
	if !ok {
		return nil
	}
	return known.(sightings)
}

// makeRoom forgets the value that was not used for longest, of those of the name if they are too many, and the name that was not.
func (m *Memory) makeRoom(values sightings) {
	if m.count >= maxSightings {
		m.names.RemoveOldest()
	}
	if len(values) < maxValues {
		return
	}
	var oldest hash
	var last time.Time
	for value, s := range values {
		if last.IsZero() || s.used.Before(last) {
			oldest, last = value, s.used
		}
	}
	delete(values, oldest)
	m.count--
}

// Missed notes that the value is not there, or was not until now.
func (m *Memory) Missed(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := m.of(name, value)
	s.seen, s.missing = time.Time{}, time.Now()
}

// Saw notes that all name servers show the value.
func (m *Memory) Saw(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := m.of(name, value)
	s.invisible = time.Time{}
	if s.seen.IsZero() {
		s.seen = time.Now()
	}
}

// Overlooked notes that somebody waited for the value in vain, and Hopeful says whether it is worth to wait for it again: a value
// that is written where the DNS does not look must not hold up others each time.
func (m *Memory) Overlooked(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := m.of(name, value)
	s.invisible = time.Now()
}

// Hopeful is explained at Overlooked.
func (m *Memory) Hopeful(name, value string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.valuesOf(name)[hashOf(value)]
	return s == nil || s.invisible.IsZero() || time.Since(s.invisible) > unheardOf
}

// Concluded notes that the CA is done with a value.
func (m *Memory) Concluded(name, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.valuesOf(name)[hashOf(value)]; s != nil && !s.shown.IsZero() && s.over.IsZero() {
		s.over = time.Now()
	}
}

// Show returns how long the value must still be held back, and notes that it is shown to the CA now if that is no time at all.
// Others are what is known beside this process's own knowledge.
func (m *Memory) Show(c Claim, others []Look) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	s, values := m.of(c.Name, c.Value)
	held := time.Duration(0)
	own, mine := map[hash]bool{}, hashOf(c.Value)
	for value, other := range values {
		if other.shown.IsZero() {
			continue
		}
		own[value] = true
		look := Look{From: other.shown, Until: other.over, Exact: true}
		if look.Until.IsZero() && now.Sub(other.shown) > unheardOf {
			look.Until = other.shown.Add(unheardOf)
		}
		if value != mine && !s.shownAt(look.From) {
			held = max(held, m.rest(s, look, now))
		}
	}
	for _, look := range others {
		if own[hashOf(look.Value)] || look.Value == c.Value || s.trusted(c, look) {
			continue // what this process did itself it knows better
		}
		held = max(held, m.rest(s, look, now))
	}
	if held == 0 {
		s.shown, s.over = now, time.Time{}
	}
	return held
}

// shownAt tells whether all name servers showed the value at a time.
func (s *sighting) shownAt(t time.Time) bool { return !s.seen.IsZero() && !s.seen.After(t) }

// second is what times in Kubernetes objects are cut to.
const second = time.Second

// comingUpTo is how long a Present at least waits for the Challenges of its Order that are still to come.
const comingUpTo = 20 * time.Second

// trusted tells whether the value was visible when another replica let the CA look for its neighbour. That replica waited for
// all values whose Challenges were there, and for those of the same Order that were still to come. So the value was visible if
// its Challenge was there by then, unless this process knows better: it saw the value missing later.
func (s *sighting) trusted(c Claim, look Look) bool {
	if s.shownAt(look.From) {
		return true
	}
	if c.Created.IsZero() || look.Exact && !s.missing.Before(look.From.Add(second)) {
		return false
	}
	// What was made in the same second may have been made a moment too late. One of the same Order was waited for.
	latest := look.From.Add(-second)
	switch waitedFor := c.Order != "" && c.Order == look.Order; {
	case waitedFor && !look.Exact:
		latest = look.From.Add(comingUpTo)
	case waitedFor && look.From.Sub(look.Since) < comingUpTo:
		latest = look.From
	}
	return !c.Created.After(latest)
}

// rest is how long the CA may remember that the value was missing when it looked. It may have looked last when it was done, or
// just before the value was there.
func (m *Memory) rest(s *sighting, look Look, now time.Time) time.Duration {
	last := now
	if !s.seen.IsZero() {
		last = s.seen
	}
	if !look.Until.IsZero() && look.Until.Before(last) {
		last = look.Until
	}
	return max(0, last.Add(m.span).Sub(now))
}
