package ahead

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// view is what is known of Challenges and Orders, by the names of the records. It is fed by informers. What it returns is a copy;
// the objects in it are never changed. It is safe for concurrent use.
type view struct {
	group Group
	// memory is told when a CA is done with a value.
	memory *Memory

	mu         sync.Mutex
	challenges map[types.UID]*challenge
	orders     map[types.UID]*order
	// gone are Challenges of ours that went, and Orders that had ended before this process came.
	gone map[string][]Look
	// departed tells of Challenges of ours that went.
	departed map[types.UID]departure
	// names are those of records behind CNAME records, by the name in the certificate.
	names map[string]string
	// ambient are the Issuers whose requests cert-manager allows ambient credentials, and learnt is how often that has changed.
	ambient map[issuerID]bool
	learnt  int
	changed chan struct{}
	// lost is when the API server last refused to tell, zero when it tells.
	lost time.Time
}

// departure is how a Challenge of ours went.
type departure struct {
	working   time.Time
	finalized bool
	at        time.Time
}

func (c *challenge) departsAt(at time.Time) departure {
	return departure{working: c.working, finalized: c.finalized, at: at}
}

// hearsay is how much later than it happened something may be heard of.
const hearsay = time.Second

// fate is what has become of an entry of its Challenge. CleanUp has not taken the record with it if cert-manager did not call it, and
// may not have if a try to write the record ahead ended later than cert-manager's own work began.
func (d departure) fate(e entry) fate {
	if d.finalized && e.Tried.Before(d.working) && d.at.Sub(e.Tried) > hearsay {
		return cleaned
	}
	return orphaned
}

// remembered is how long departures are. The journal is read again long before.
const remembered = 10 * time.Minute

// order is an Order and when it was first seen to have authorizations.
type order struct {
	*cmacme.Order
	since time.Time
}

func newView(group Group, memory *Memory) *view {
	return &view{
		group: group, memory: memory, challenges: map[types.UID]*challenge{}, orders: map[types.UID]*order{},
		gone: map[string][]Look{}, departed: map[types.UID]departure{}, names: map[string]string{}, ambient: map[issuerID]bool{}, changed: make(chan struct{}),
	}
}

// handler feeds the view.
func (v *view) handler() cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc:    func(object any, initial bool) { v.put(object, initial) },
		UpdateFunc: func(_, object any) { v.put(object, false) },
		DeleteFunc: v.drop,
	}
}

func (v *view) put(object any, initial bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.lost = time.Time{}
	switch o := object.(type) {
	case *cmacme.Challenge:
		v.putChallenge(o)
	case *cmacme.Order:
		v.putOrder(o, initial)
	}
	v.announce()
}

func (v *view) putChallenge(o *cmacme.Challenge) {
	c := v.challenges[o.UID]
	unknown := c == nil
	if unknown {
		c = &challenge{}
		v.challenges[o.UID] = c
	}
	c.Challenge = o
	if _, ours := v.group.solver(o); !ours {
		return
	}
	now := time.Now()
	c.finalized = c.finalized || hasFinalizer(o)
	worked := started(o) || o.Status.PresentedAt != nil || acme.IsFinalState(o.Status.State)
	if worked && c.working.IsZero() {
		c.working = now
		if unknown {
			c.working = o.CreationTimestamp.Time // it may have been shown at any time since
		}
	}
	v.nameOf(c)
	if acme.IsFinalState(o.Status.State) {
		v.end(c)
	}
}

// end notes that the CA is done with a Challenge.
func (v *view) end(c *challenge) {
	if !c.ended.IsZero() {
		return
	}
	c.ended = time.Now()
	if c.name != "" {
		v.memory.Concluded(c.name, c.Spec.Key)
	}
}

// nameOf finds the name of the record of a Challenge of ours, as far as it is known.
func (v *view) nameOf(c *challenge) {
	name := plainName(c.Spec.DNSName)
	if follows(c.Challenge) {
		name = v.names[c.Spec.DNSName]
	}
	v.setName(c, name)
}

func (v *view) setName(c *challenge, name string) {
	if c.name == name {
		return
	}
	solver, _ := v.group.solver(c.Challenge)
	c.name, c.key = name, keyOf(solver.Name(), v.group.resources(c.Challenge), name, c.Spec.Key)
}

// putOrder remembers of an Order that had ended before this process came that the CA may have asked for its names: its Challenges
// are gone.
func (v *view) putOrder(o *cmacme.Order, initial bool) {
	known := v.orders[o.UID]
	if known == nil {
		known = &order{}
		v.orders[o.UID] = known
	}
	if known.since.IsZero() && len(o.Status.Authorizations) > 0 {
		known.since = time.Now()
	}
	known.Order = o
	if !initial || !acme.IsFinalState(o.Status.State) || o.Status.FailureTime == nil {
		return
	}
	ended := o.Status.FailureTime.Add(second)
	for _, a := range o.Status.Authorizations {
		if name := plainName(a.Identifier); name != "" && a.InitialState != cmacme.Valid {
			v.remember(name, Look{From: o.CreationTimestamp.Time, Until: ended, Order: o.UID})
		}
	}
}

func (v *view) drop(object any) {
	if tombstone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = tombstone.Obj
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch o := object.(type) {
	case *cmacme.Challenge:
		if c := v.challenges[o.UID]; c != nil {
			v.end(c)
			if look, looked := c.look(); looked {
				v.remember(c.name, look)
			}
			if _, ours := v.group.solver(c.Challenge); ours {
				v.depart(c)
			}
		}
		delete(v.challenges, o.UID)
	case *cmacme.Order:
		delete(v.orders, o.UID)
	}
	v.announce()
}

func (v *view) depart(c *challenge) {
	now := time.Now()
	for uid, d := range v.departed {
		if now.Sub(d.at) > remembered {
			delete(v.departed, uid)
		}
	}
	v.departed[c.UID] = c.departsAt(now)
}

// fate is what becomes of a record that was written ahead.
type fate int

const (
	// kept: its Challenge is there, and cert-manager will ask for the record or have it cleaned up.
	kept fate = iota
	// cleaned: cert-manager has had it cleaned up.
	cleaned
	// orphaned: its Challenge ended, and nobody else will remove it.
	orphaned
	// unheard: nothing is known of its Challenge, yet or any more.
	unheard
)

// fates tells what becomes of the entries of the journal.
func (v *view) fates(entries map[string]entry) map[string]fate {
	v.mu.Lock()
	defer v.mu.Unlock()
	fates := make(map[string]fate, len(entries))
	for key, e := range entries {
		fates[key] = unheard
		if d, known := v.departed[e.Challenge]; known {
			fates[key] = d.fate(e)
		}
	}
	now, alive := time.Now(), map[string]bool{}
	for _, c := range v.challenges {
		key := c.key
		e, noted := entries[key]
		switch {
		case !noted || alive[key]:
		case open(c.Challenge) || hasFinalizer(c.Challenge):
			alive[key], fates[key] = true, kept
		default:
			fates[key] = c.departsAt(now).fate(e)
		}
	}
	return fates
}

// asked are the entries whose records cert-manager has asked for, so that it will have them cleaned up.
func (v *view) asked() map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	asked := map[string]bool{}
	for _, c := range v.challenges {
		if c.key != "" && hasFinalizer(c.Challenge) {
			asked[c.key] = true
		}
	}
	return asked
}

// look is when the CA may have asked for a Challenge, if it may have.
func (c *challenge) look() (Look, bool) {
	if c.name == "" || c.working.IsZero() {
		return Look{}, false
	}
	look := Look{Value: c.Spec.Key, From: c.working, Until: c.ended, Since: c.working, Order: owner(c.Challenge)}
	if at := c.Status.PresentedAt; at != nil {
		look.From, look.Exact = at.Time, true
	}
	return look, true
}

func (v *view) remember(name string, look Look) {
	now := time.Now()
	if !look.Until.Add(v.memory.span).After(now) {
		return
	}
	v.gone[name] = append(v.gone[name], look)
	for other, looks := range v.gone {
		looks = slices.DeleteFunc(looks, func(l Look) bool { return !l.Until.Add(v.memory.span).After(now) })
		if v.gone[other] = looks; len(looks) == 0 {
			delete(v.gone, other)
		}
	}
}

// looks are the times in which a CA may have asked for a name.
func (v *view) looks(name string) []Look {
	v.mu.Lock()
	defer v.mu.Unlock()
	looks := slices.Clone(v.gone[name])
	for _, c := range v.challenges {
		if c.name != name {
			continue
		}
		if look, looked := c.look(); looked {
			looks = append(looks, look)
		}
	}
	return looks
}

// announce tells all who wait that there is something new.
func (v *view) announce() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// wake makes all who wait look again.
func (v *view) wake() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.announce()
}

// next is closed at the next change.
func (v *view) next() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// find returns the Challenge that a request is for.
func (v *view) find(r Request) (challenge, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, c := range v.challenges {
		if v.isFor(c, r) {
			return *c, true
		}
	}
	return challenge{}, false
}

// How much later than they say Challenges may be: cert-manager's clock is not ours, and a call for a record may be under way when its
// Challenge is deleted.
const (
	askedSkew = 5 * time.Second
	askedFor  = 34 * time.Second
)

// lastAsked is when cert-manager last can have asked for a record to be written: now, unless the Challenges say that it was before.
func (v *view) lastAsked(key string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	now, last := time.Now(), time.Time{}
	for _, c := range v.challenges {
		if c.key != key {
			continue
		}
		asked := now
		switch at := c.Status.PresentedAt; {
		case c.DeletionTimestamp != nil:
			asked = c.DeletionTimestamp.Add(askedFor + askedSkew)
		case at != nil && acme.IsFinalState(c.Status.State):
			asked = at.Add(askedSkew)
		}
		if asked.After(last) {
			last = asked
		}
	}
	if last.IsZero() || last.After(now) {
		return now
	}
	return last
}

func (v *view) isFor(c *challenge, r Request) bool {
	solver, ours := v.group.solver(c.Challenge)
	return ours && solver == v.group.Solvers[r.Solver] && c.Spec.Key == r.Key && c.Spec.DNSName == r.DNSName &&
		open(c.Challenge) && v.group.resources(c.Challenge) == r.ResourceNamespace
}

// issuerID is an Issuer or a ClusterIssuer.
type issuerID struct{ namespace, kind, group, name string }

func issuerOf(c *cmacme.Challenge) issuerID {
	id := issuerID{kind: kindOf(c.Spec.IssuerRef), group: c.Spec.IssuerRef.Group, name: c.Spec.IssuerRef.Name}
	if id.kind != certmanager.ClusterIssuerKind {
		id.namespace = c.Namespace
	}
	return id
}

// maxAmbient is of how many Issuers it is known.
const maxAmbient = 4096

// learnAmbient notes whether cert-manager allows an Issuer ambient credentials, from a request for a Challenge of its. A request that may
// be for one of several Issuers tells nothing.
func (v *view) learnAmbient(r Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	issuers := map[issuerID]bool{}
	for _, c := range v.challenges {
		if v.isFor(c, r) {
			issuers[issuerOf(c.Challenge)] = true
		}
	}
	for id := range issuers {
		if len(issuers) > 1 || v.ambient[id] == r.AllowAmbientCredentials {
			return
		}
		if len(v.ambient) >= maxAmbient {
			clear(v.ambient)
		}
		v.ambient[id] = r.AllowAmbientCredentials
		v.learnt++
		v.announce()
	}
}

// allowsAmbient tells whether cert-manager's request for the Challenge is certain to allow ambient credentials.
func (v *view) allowsAmbient(c *cmacme.Challenge) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.ambient[issuerOf(c)]
}

// lessons is how often what Issuers are allowed has changed.
func (v *view) lessons() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.learnt
}

// learn notes the name that cert-manager found behind CNAME records: it decides.
func (v *view) learn(dnsName, name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.names[dnsName] == name {
		return
	}
	known := false
	for _, c := range v.challenges {
		if _, ours := v.group.solver(c.Challenge); ours && c.Spec.DNSName == dnsName && follows(c.Challenge) {
			known = true
			v.setName(c, name)
		}
	}
	if known {
		v.names[dnsName] = name
		v.announce()
	}
}

// nameless are the names in certificates whose records' names are not known yet. Names that no Challenge asks for are forgotten.
func (v *view) nameless() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var nameless []string
	used := map[string]bool{}
	for _, c := range v.challenges {
		if _, ours := v.group.solver(c.Challenge); !ours || !open(c.Challenge) || !follows(c.Challenge) {
			continue
		}
		if used[c.Spec.DNSName] = true; c.name == "" && !slices.Contains(nameless, c.Spec.DNSName) {
			nameless = append(nameless, c.Spec.DNSName)
		}
	}
	for dnsName := range v.names {
		if !used[dnsName] {
			delete(v.names, dnsName)
		}
	}
	return nameless
}

// wanted tells whether the Challenge's record may be written before cert-manager asks for it.
func (v *view) wanted(c *challenge) bool {
	if _, ours := v.group.solver(c.Challenge); !ours || c.name == "" || !open(c.Challenge) {
		return false
	}
	o := v.orders[owner(c.Challenge)]
	return o != nil && legitimate(c.Challenge, o.Order)
}

// siblings are the other Challenges whose records have this name, oldest first.
func (v *view) siblings(name, value string) []challenge {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sorted(func(c *challenge) bool { return c.name == name && c.Spec.Key != value && v.wanted(c) })
}

// queue are the Challenges that cert-manager has not started yet, oldest first.
func (v *view) queue() []challenge {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.sorted(func(c *challenge) bool { return v.wanted(c) && !started(c.Challenge) })
}

func (v *view) sorted(is func(*challenge) bool) []challenge {
	var list []challenge
	for _, c := range v.challenges {
		if is(c) {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b challenge) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// How long the Challenges of an Order are waited for: those of the Order whose turn it is until the caller has no time left;
// those of others as long as cert-manager takes to make them, since others are held back if they come too late.
const othersTakeUpTo = 5 * time.Second

// coming tells whether Challenges for this name are still to come: cert-manager makes those of an Order one after the other, and
// may start the first before the second is there.
func (v *view) coming(c challenge) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	there := map[string]bool{}
	for _, other := range v.challenges {
		there[other.Spec.AuthorizationURL] = true
	}
	for uid, o := range v.orders {
		own := uid == owner(c.Challenge)
		if acme.IsFinalState(o.Status.State) || !own && (o.since.IsZero() || time.Since(o.since) > othersTakeUpTo) {
			continue
		}
		for _, a := range o.Status.Authorizations {
			shares := a.Identifier == c.Spec.DNSName || plainName(a.Identifier) == c.name || own && follows(c.Challenge)
			if shares && a.InitialState != cmacme.Valid && !there[a.URL] {
				return true
			}
		}
	}
	return false
}

// lose notes that the API server did not tell, and says whether that is news.
func (v *view) lose() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	news := v.lost.IsZero()
	v.lost = time.Now()
	if news {
		v.announce()
	}
	return news
}

// blindFor is longer than an informer waits between two tries.
const blindFor = 70 * time.Second

// sees tells whether the API server tells what there is. An informer that works again may have nothing to say for a while, so
// silence counts as good news in the end.
func (v *view) sees() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.lost.IsZero() || time.Since(v.lost) > blindFor
}

// until returns when the condition holds, or when ctx ends.
func (v *view) until(ctx context.Context, holds func() bool) {
	for {
		changed := v.next()
		if holds() {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-time.After(time.Second): // some conditions end by themselves
		}
	}
}
