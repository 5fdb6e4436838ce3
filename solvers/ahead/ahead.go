// Package ahead writes the records of challenges before cert-manager asks for them, and takes back those that it never asks for.
//
// cert-manager works the challenges of an apex and its wildcard one after the other. Both have their records at one name, and the
// resolvers of a CA remember what a name answered: when the CA asks for the second value, it is given the answer from before, and
// the Order fails. But a Challenge has its value as soon as it exists. So Present writes all values of a name (Others) and lets
// the CA look when all of them are visible; what cannot be there in time is held back until the CA has forgotten (Memory). One
// replica also writes the records of Challenges that cert-manager has not started yet (queue), so that they are visible by then.
// What was written ahead stands in a journal, so that nothing stays behind, whoever dies.
package ahead

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/fault"
)

// Solver writes and removes the records of challenges at one DNS host. It may be called concurrently, but for one record by one
// caller at a time.
type Solver interface {
	// Name is the solver's own among those that Issuers use.
	Name() string
	// Write makes sure that the challenge's record is there, and changes no other. One who is patient has no deadline: his calls
	// come behind those of all others, and nothing is tried twice.
	Write(ctx context.Context, ch *whapi.ChallengeRequest, patient bool) (Record, error)
	// Watch returns when the record is visible, or when ctx ends.
	Watch(ctx context.Context, ch *whapi.ChallengeRequest, r Record)
	// Remove makes sure that the challenge's record is not there, and is patient. It succeeds where that can never be done. Known
	// is what is remembered of the record, if anything.
	Remove(ctx context.Context, ch *whapi.ChallengeRequest, known Record) error
	// Futile tells whether an error of Write means that nothing was written, nor will be until somebody changes something.
	Futile(err error) bool
	// Busy tells whether an error of Write asks for fewer calls.
	Busy(err error) bool
}

// Record is where a record was written.
type Record struct {
	Zone string
	// ID is the DNS host's, "" if it did not say. Account stands for the credential that it was written with, and reveals nothing.
	ID, Account string
}

// Request is a request of cert-manager's to a solver.
type Request struct {
	*whapi.ChallengeRequest
	// Solver is the solver's own name, Name the canonical one of the record.
	Solver, Name string
}

func (r Request) key() string { return keyOf(r.Solver, r.ResourceNamespace, r.Name, r.Key) }

// Sibling is another challenge's record at a name, which was written.
type Sibling struct {
	Value string
	Record
}

// Options of an Ahead.
type Options struct {
	Group Group
	// Max is how many records are written of Challenges that cert-manager has not started yet.
	Max int
	// Namespace has the Lease and the ConfigMap, and Identity names this replica among those that want the Lease.
	Namespace, Identity string
	// Memory is also the solvers'.
	Memory *Memory
	// Names follows CNAME records.
	Names Names
}

// Ahead is explained in the package comment. It is safe for concurrent use. Until it Runs, and while the API server does not tell
// what there is, it knows nothing, and nobody waits for it.
type Ahead struct {
	options Options
	view    *view
	turns   *turns
	names   *names

	synced  atomic.Bool
	leads   atomic.Bool
	journal atomic.Pointer[journal]
	elector atomic.Pointer[leaderelection.LeaderElector]
	// quiet holds back repeated warnings about the journal.
	quiet sync.Map
}

// New returns an Ahead that knows nothing yet.
func New(o Options) *Ahead {
	v := newView(o.Group, o.Memory)
	return &Ahead{options: o, view: v, turns: newTurns(), names: newNames(v, o.Names)}
}

// knows tells whether there is something to know.
func (a *Ahead) knows() bool { return a.synced.Load() && a.view.sees() }

// Owned is a record in the hands of one who acts for cert-manager.
type Owned struct {
	// Known is where the record was written ahead, by whichever replica; Trust says that it is still there.
	Known Record
	Trust bool
	// Asked is when cert-manager can have asked for the record to be written last, now where that is not known.
	Asked time.Time
	// Release lets it go.
	Release func()
}

// Own takes the record of a request, for cert-manager: nobody works ahead on it until it is released.
func (a *Ahead) Own(ctx context.Context, r Request) (Owned, error) {
	release, err := a.turns.take(ctx, r.key())
	if err != nil {
		return Owned{}, &fault.Error{Kind: fault.Transient, Reason: "another change of the record took all the time there was", Cause: err}
	}
	owned := Owned{Release: release, Asked: time.Now()}
	if a.knows() {
		owned.Asked = a.view.lastAsked(r.key())
	}
	if e, known := a.lookUp(ctx, r.key()); known {
		c, found := a.view.find(r)
		owned.Known, owned.Trust = a.recordOf(e), e.Written && found && c.UID == e.Challenge
	}
	return owned, nil
}

// recordOf is where the entry's record was written. The id counts only while the replica lives that wrote it: since then somebody
// may have made another record of it, which is not ours to remove.
func (a *Ahead) recordOf(e entry) Record {
	r := e.record()
	if e.Writer != a.options.Identity && e.Writer != a.leader() {
		r.ID = ""
	}
	return r
}

// leader is the replica that leads, as far as this one knows.
func (a *Ahead) leader() string {
	if elector := a.elector.Load(); elector != nil {
		return elector.GetLeader()
	}
	return ""
}

// Heard notes what a request to present tells of its Issuer: whether cert-manager allows it ambient credentials.
func (a *Ahead) Heard(r Request) { a.view.learnAmbient(r) }

// Removed notes that cert-manager has had the record removed. In the ConfigMap the replica that leads notes it, another one's when
// the Challenge goes.
func (a *Ahead) Removed(r Request) {
	switch j := a.journal.Load(); {
	case j == nil:
	case a.leads.Load():
		j.forget(r.key())
	default:
		j.strike(r.key())
	}
}

// Doubt notes that the record is not where it was written, so that it is written again.
func (a *Ahead) Doubt(r Request) {
	j := a.journal.Load()
	if j == nil {
		return
	}
	if e, ok := j.get(r.key()); ok {
		e.Written = false
		j.note(e)
	}
}

// Times of what another replica may just be doing.
const (
	claimedFor = time.Second
	askAgain   = 250 * time.Millisecond
)

// lookUp finds what the journal says. The replica that leads knows it; others ask if they do not, and give one that is just being
// written a moment.
func (a *Ahead) lookUp(ctx context.Context, key string) (entry, bool) {
	j := a.journal.Load()
	if j == nil || !a.knows() {
		return entry{}, false
	}
	for end := time.Now().Add(claimedFor); ; {
		e, ok := j.get(key)
		if ok && e.Written || a.leads.Load() {
			return e, ok
		}
		if err := j.refresh(ctx); err != nil {
			a.tell(err)
			return entry{}, false
		}
		e, ok = j.get(key)
		if !ok || e.Written || time.Now().After(end) || !pause(ctx, askAgain) {
			return e, ok
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// How long Present waits to be told of its own Challenge, and for the names of others behind CNAME records.
const (
	findWithin = 2 * time.Second
	nameWithin = time.Second
)

// maxSiblings bounds what a name may have.
const maxSiblings = 50

// Others writes the records of all other challenges of the request's name, and returns them when all those that are still to come
// have come, or when ctx ends. One that cannot be written is left out.
func (a *Ahead) Others(ctx context.Context, r Request) []Sibling {
	if !a.knows() {
		return nil
	}
	a.view.learn(r.DNSName, r.Name)
	c, found := a.locate(ctx, r)
	a.Heard(r) // which told nothing before the event
	a.settleNames(ctx)
	g := &gathering{ahead: a, request: r, seen: map[string]bool{}}
	for {
		changed := a.view.next()
		g.gather(ctx)
		if !found || !a.view.coming(c) || ctx.Err() != nil {
			return g.written
		}
		select {
		case <-ctx.Done():
			return g.written
		case <-changed:
		case <-time.After(time.Second):
		}
	}
}

// requestFor is what cert-manager will ask for a Challenge, with what is certain of ambient credentials.
func (a *Ahead) requestFor(c *challenge, zone string) *whapi.ChallengeRequest {
	r := a.options.Group.request(c, zone)
	r.AllowAmbientCredentials = a.view.allowsAmbient(c.Challenge)
	return r
}

// locate waits a moment for the request's own Challenge: its event may come after the request.
func (a *Ahead) locate(ctx context.Context, r Request) (c challenge, found bool) {
	ctx, cancel := context.WithTimeout(ctx, findWithin)
	defer cancel()
	a.view.until(ctx, func() bool {
		c, found = a.view.find(r)
		return found || !a.knows()
	})
	return c, found
}

func (a *Ahead) settleNames(ctx context.Context) {
	if !a.names.pending() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, nameWithin)
	defer cancel()
	a.view.until(ctx, func() bool { return !a.names.pending() })
}

// gathering is one look for the siblings of a request, as they come.
type gathering struct {
	ahead   *Ahead
	request Request
	seen    map[string]bool

	mu      sync.Mutex
	written []Sibling
}

// gather writes those siblings that are there and were not seen yet. What is to be written stands in the journal before.
func (g *gathering) gather(ctx context.Context) {
	a, j := g.ahead, g.ahead.journal.Load()
	var fresh []entry
	for _, c := range a.view.siblings(g.request.Name, g.request.Key) {
		if g.seen[c.Spec.Key] || len(g.seen) >= maxSiblings {
			continue
		}
		g.seen[c.Spec.Key] = true
		solver, _ := a.options.Group.solver(c.Challenge)
		fresh = append(fresh, newEntry(solver.Name(), a.requestFor(&c, g.request.ResolvedZone), c.name))
	}
	if len(fresh) == 0 {
		return
	}
	var all sync.WaitGroup
	for _, e := range fresh {
		all.Go(func() { g.write(ctx, j, e) })
	}
	all.Wait()
	if j != nil && j.dirty() {
		// It is saved soon in any case where this replica leads; elsewhere it must not be left to chance.
		go func() { a.tell(j.save(context.WithoutCancel(ctx))) }()
	}
}

func (g *gathering) write(ctx context.Context, j *journal, e entry) {
	a := g.ahead
	release, err := a.turns.take(ctx, e.key())
	if err != nil {
		return
	}
	defer release()
	if known, ok := a.lookUp(ctx, e.key()); ok && known.Written && known.Challenge == e.Challenge {
		g.add(Sibling{e.Value, known.record()})
		return
	}
	if j != nil && e.fits() {
		j.note(e)
		a.tell(j.save(ctx)) // without it the record may be left behind if this process dies; without the record an Order fails
	}
	request := e.request()
	request.ResolvedZone = g.request.ResolvedZone
	record, err := a.solver(e).Write(ctx, request, false)
	if err != nil {
		klog.V(2).InfoS("The record of another challenge of this name cannot be written; it is left out", "name", e.Name, "namespace", e.Namespace, "cause", err.Error())
		return
	}
	if j != nil && e.fits() {
		j.note(e.wrote(record, a.options.Identity))
	}
	g.add(Sibling{e.Value, record})
}

func (g *gathering) add(s Sibling) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.written = append(g.written, s)
}

func (a *Ahead) solver(e entry) Solver { return a.options.Group.Solvers[e.Solver] }

// Show is Memory.Show with what all replicas know from Challenges.
func (a *Ahead) Show(r Request) time.Duration {
	claim := Claim{Name: r.Name, Value: r.Key}
	var looks []Look
	if a.knows() {
		if c, found := a.view.find(r); found {
			claim.Created, claim.Order = c.CreationTimestamp.Time, owner(c.Challenge)
		}
		looks = a.view.looks(r.Name)
	}
	return a.options.Memory.Show(claim, looks)
}

// tell warns once of each fault of the journal, and again when it has worked in between.
func (a *Ahead) tell(err error) {
	if err == nil {
		a.quiet.Clear()
		return
	}
	if errors.Is(err, context.Canceled) {
		return
	}
	if _, told := a.quiet.LoadOrStore(err.Error(), true); !told {
		klog.InfoS("Warning: what is written ahead cannot be noted, so that it may be left behind if this process dies", "cause", err.Error())
	}
}
