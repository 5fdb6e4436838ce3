package ahead

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// How the replica that leads works.
const (
	// atOnce is how many records it works on. The accounts' own limits decide how fast that is.
	atOnce = 16
	// atOnceAlone is how many of a group before one has succeeded: a credential that was not tried yet may call seldom.
	atOnceAlone = 1
	// gathered is how long changes are collected before it looks again.
	gathered = 50 * time.Millisecond
	// lookAgain is when it looks without a change, and reads what others have noted in the journal.
	lookAgain = 10 * time.Second
	// saveAgain is how long what has become of records is collected before it is saved. What is to be written is saved before.
	saveAgain = time.Second
	// claimAtOnce is how many records are noted together before they are written.
	claimAtOnce = 32
	// unheardFor is how long an entry may be without a Challenge: the event may come after what another replica noted.
	unheardFor = 5 * time.Second
)

// Waits after a failure: doubling. A cloud that asks for fewer calls is left alone for shorter, and then called by one at a time for as
// long as carefulFor.
const (
	firstBackoff = 5 * time.Second
	busyBackoff  = time.Second
	longBackoff  = 5 * time.Minute
	carefulFor   = time.Minute
)

// backoff is when something that failed may be tried again.
type backoff struct {
	until time.Time
	last  time.Duration
}

// fail begins a wait. Of several that were under way together, the first to fail does: one cause is not counted many times.
func (b *backoff) fail(now time.Time, first time.Duration) {
	if b.goesOn(now) {
		return
	}
	b.last = min(max(2*b.last, first), longBackoff)
	b.until = now.Add(b.last)
}

func (b *backoff) goesOn(now time.Time) bool { return b != nil && now.Before(b.until) }

// queue writes ahead, and takes back. It belongs to the replica that leads, for as long as it does.
type queue struct {
	*Ahead
	journal *journal
	// wake tells that an operation has ended.
	wake chan struct{}
	// saved is when the journal was.
	saved time.Time

	mu sync.Mutex
	// inFlight are the operations under way, by key; their groups are counted.
	inFlight map[string]string
	// proven are groups with which something has succeeded, careful those that were asked for fewer calls, and until when they are that.
	proven  map[string]bool
	careful map[string]time.Time
	// backoffs are of records by key, and of groups.
	backoffs map[string]*backoff
	// lessons is how often something was learnt that may make a write succeed which has failed.
	lessons int
	// unheard is since when nothing is known of an entry's Challenge.
	unheard map[string]time.Time

	operations sync.WaitGroup
}

func (a *Ahead) newQueue() *queue {
	return &queue{
		Ahead: a, journal: a.journal.Load(), wake: make(chan struct{}, 1), inFlight: map[string]string{}, proven: map[string]bool{}, careful: map[string]time.Time{},
		backoffs: map[string]*backoff{}, unheard: map[string]time.Time{},
	}
}

// run works until ctx ends, and returns when nothing is under way.
func (q *queue) run(ctx context.Context) {
	defer q.settle(ctx)
	defer q.leads.Store(false)
	for ctx.Err() == nil {
		changed := q.view.next()
		if q.knows() {
			q.pass(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-q.wake:
		case <-time.After(q.nextLook()):
		}
		pause(ctx, gathered)
	}
}

// nextLook is soon where something is not saved.
func (q *queue) nextLook() time.Duration {
	if q.journal.dirty() {
		return saveAgain
	}
	return lookAgain
}

// settle waits for what is under way, and saves what has become of it for the next one who leads.
func (q *queue) settle(ctx context.Context) {
	q.operations.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewWithin)
	defer cancel()
	q.tell(q.journal.save(ctx))
}

// pass compares what there is with what there should be, and begins what is missing.
func (q *queue) pass(ctx context.Context) {
	if q.backsOff(ofJournal) {
		return
	}
	q.forgive()
	wanted := q.view.queue()
	if err := q.catchUp(ctx, len(wanted) > 0); err != nil {
		q.pauseJournal(err)
		return // who cannot read it cannot write it either
	}
	q.leads.Store(true) // from now on it is known here what stands in the journal
	entries, _ := q.journal.all()
	q.takeBack(ctx, entries)
	claimed, fresh := q.claim(wanted, entries)
	if fresh || time.Since(q.saved) > saveAgain {
		if err := q.journal.save(ctx); err != nil {
			q.pauseJournal(err)
			return
		}
		q.saved = time.Now()
		q.recovered()
	}
	for _, e := range claimed {
		q.begin(ctx, e, q.write)
	}
}

// ofJournal is the key of the journal's own backoff.
const ofJournal = "journal"

func (q *queue) pauseJournal(err error) {
	q.tell(err)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fail(ofJournal, time.Now(), firstBackoff)
}

func (q *queue) recovered() {
	q.tell(nil)
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.backoffs, ofJournal)
}

func (q *queue) backsOff(key string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.backoffs[key].goesOn(time.Now())
}

// forgive lets everything be tried again when it was learnt what Issuers are allowed.
func (q *queue) forgive() {
	lessons := q.view.lessons()
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lessons != lessons {
		q.lessons = lessons
		maps.DeleteFunc(q.backoffs, func(key string, _ *backoff) bool { return key != ofJournal })
	}
}

// catchUp reads what others have noted in the journal, now and then.
func (q *queue) catchUp(ctx context.Context, busy bool) error {
	entries, read := q.journal.all()
	often := lookAgain
	if !busy && len(entries) == 0 {
		often = longBackoff
	}
	if !read.IsZero() && time.Since(read) < often {
		return nil
	}
	return q.journal.refresh(ctx)
}

// takeBack removes the records that nobody will ask for, and forgets those that are cleaned up.
func (q *queue) takeBack(ctx context.Context, entries map[string]entry) {
	now := time.Now()
	for key := range q.unheard {
		if _, noted := entries[key]; !noted {
			delete(q.unheard, key)
		}
	}
	for key, fate := range q.view.fates(entries) {
		if fate != unheard {
			delete(q.unheard, key)
		} else if q.unheard[key].IsZero() {
			q.unheard[key] = now
		}
		switch {
		case fate == cleaned:
			q.journal.forget(key)
		case fate == orphaned || fate == unheard && now.Sub(q.unheard[key]) >= unheardFor:
			q.begin(ctx, entries[key], q.remove)
		}
	}
}

// claim chooses which records are written next, and notes them in the journal; fresh tells whether some were not noted yet. One
// that cannot be written for now takes nobody's place.
func (q *queue) claim(wanted []challenge, entries map[string]entry) (claimed []entry, fresh bool) {
	size := 0
	for _, e := range entries {
		size += e.size()
	}
	ahead, notedNow := 0, 0
	for _, c := range wanted {
		solver, _ := q.options.Group.solver(c.Challenge)
		e := newEntry(solver.Name(), q.requestFor(&c, ""), c.name)
		known, noted := entries[c.key]
		noted = noted && known.Challenge == e.Challenge
		written := noted && known.Written
		if !written && (!e.fits() || q.backsOff(c.key) || q.backsOff(groupOf(e))) {
			continue
		}
		if ahead++; ahead > q.options.Max {
			break
		}
		if written {
			continue
		}
		if !noted {
			size += e.size()
			if notedNow++; notedNow > claimAtOnce || size > maxJournal {
				break
			}
			q.journal.note(e)
		}
		claimed = append(claimed, e)
	}
	return claimed, notedNow > 0
}

// begin works on an entry in the background, if nobody else does.
func (q *queue) begin(ctx context.Context, e entry, work func(context.Context, entry) error) {
	if q.solver(e) == nil || !q.enter(e) {
		return
	}
	turn, release, free := q.turns.try(ctx, e.key())
	if !free {
		q.leave(e, errTurnTaken)
		return
	}
	q.operations.Go(func() {
		err := work(turn, e)
		if turn.Err() != nil && err != nil {
			err = errTurnTaken
		}
		release()
		q.leave(e, err)
		if e, ok := q.journal.get(e.key()); ok && err == nil && e.Written {
			q.watch(ctx, e)
		}
	})
}

// errTurnTaken says that nothing became of the work because somebody else wants to do it, or this replica leads no more.
var errTurnTaken = errors.New("it is somebody else's turn")

func (q *queue) remove(ctx context.Context, e entry) error {
	if err := q.solver(e).Remove(ctx, e.request(), q.recordOf(e)); err != nil {
		return err
	}
	q.journal.forget(e.key())
	klog.V(2).InfoS("Took back a record that was written ahead", "name", e.Name, "namespace", e.Namespace)
	return nil
}

func (q *queue) write(ctx context.Context, e entry) error {
	record, err := q.solver(e).Write(ctx, e.request(), true)
	switch {
	case err == nil:
		q.journal.note(e.wrote(record, q.options.Identity))
	case q.solver(e).Futile(err):
		q.journal.forget(e.key())
	case !q.solver(e).Busy(err): // nobody knows what became of it
		e.Tried = time.Now()
		q.journal.note(e)
	}
	return err
}

// watched is how long a record is looked for that nobody waits for.
const watched = 2 * time.Minute

func (q *queue) watch(ctx context.Context, e entry) {
	ctx, cancel := context.WithTimeout(ctx, watched)
	defer cancel()
	q.solver(e).Watch(ctx, e.request(), e.record())
}

// groupOf is a credential, as far as that can be told without reading it.
func groupOf(e entry) string { return keyOf(e.Solver, e.Namespace, string(e.Config)) }

// enter counts an entry that is worked on, if it may be now.
func (q *queue) enter(e entry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	group, now := groupOf(e), time.Now()
	if _, busy := q.inFlight[e.key()]; busy || len(q.inFlight) >= atOnce || q.backoffs[e.key()].goesOn(now) || q.backoffs[group].goesOn(now) {
		return false
	}
	if (!q.proven[group] || now.Before(q.careful[group])) && q.count(group) >= atOnceAlone {
		return false
	}
	q.inFlight[e.key()] = group
	return true
}

func (q *queue) count(group string) int {
	n := 0
	for _, other := range q.inFlight {
		if other == group {
			n++
		}
	}
	return n
}

// leave ends what enter began. What failed rests for a while; its whole group does where the cloud asks for fewer calls.
func (q *queue) leave(e entry, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	group, now := groupOf(e), time.Now()
	delete(q.inFlight, e.key())
	switch {
	case errors.Is(err, errTurnTaken):
	case err == nil:
		q.prove(group)
		delete(q.backoffs, e.key())
		if !q.backoffs[group].goesOn(now) { // else it was under way before the cloud asked for fewer calls
			delete(q.backoffs, group)
		}
	case q.solver(e).Busy(err):
		q.careful[group] = now.Add(carefulFor)
		q.fail(group, now, busyBackoff)
	default:
		q.fail(e.key(), now, firstBackoff)
		klog.V(2).InfoS("A record that was to be written ahead or taken back is left for later", "name", e.Name, "namespace", e.Namespace, "cause", err.Error())
	}
	select {
	case q.wake <- struct{}{}:
	default: // it is awake already
	}
}

// maxProven is how many groups are known to work. A tenant has as many as he writes configs.
const maxProven = 4096

func (q *queue) prove(group string) {
	if len(q.proven) >= maxProven {
		clear(q.proven)
	}
	q.proven[group] = true
}

func (q *queue) fail(key string, now time.Time, first time.Duration) {
	maps.DeleteFunc(q.careful, func(_ string, until time.Time) bool { return now.After(until) })
	for other, r := range q.backoffs {
		if now.Sub(r.until) > longBackoff {
			delete(q.backoffs, other)
		}
	}
	if q.backoffs[key] == nil {
		q.backoffs[key] = &backoff{}
	}
	q.backoffs[key].fail(now, first)
}
