package admission

import (
	"context"
	"sync"
	"time"
)

// crowd is how many others of its size a claim leaves room for, up to a third of all.
const crowd = 8

// lateness is how long a body may be unfinished while others want its room. One from an API server is there long before.
const lateness = 100 * time.Millisecond

// room is the memory that requests have together. The more a request has, the more of it must be free for others before it gets
// more, so that small bodies come and go while large ones wait for their end. Where there is not enough for one, the largest that is
// late makes room for it.
type room struct {
	size int

	mu   sync.Mutex
	free int
	// freed is closed when some of it is given back.
	freed chan struct{}
	// unfinished are the claims of bodies that are still coming, stopped the one that was told to leave.
	unfinished map[*claim]bool
	stopped    *claim
}

func newRoom(size int) *room {
	return &room{size: size, free: size, freed: make(chan struct{}), unfinished: map[*claim]bool{}}
}

// claim is what one request has of the room. It is for one goroutine.
type claim struct {
	room  *room
	held  int
	since time.Time
	// stop ends the reading of the body. It is called by others, but not after keep or leave. Nil is for what cannot be stopped.
	stop func()
}

// enter returns a claim of nothing.
func (r *room) enter(stop func()) *claim {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &claim{room: r, since: time.Now(), stop: stop}
	if stop != nil {
		r.unfinished[c] = true
	}
	return c
}

// keep says that the body is there: the claim can no more be stopped.
func (c *claim) keep() {
	c.room.mu.Lock()
	defer c.room.mu.Unlock()
	c.room.finish(c)
}

// leave gives everything back.
func (c *claim) leave() {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finish(c)
	r.free += c.held
	close(r.freed)
	r.freed = make(chan struct{})
}

func (r *room) finish(c *claim) {
	delete(r.unfinished, c)
	if r.stopped == c {
		r.stopped = nil
	}
}

// grow claims more of the room, and waits for it until ctx ends.
func (c *claim) grow(ctx context.Context, more int) error {
	for {
		freed, grown := c.tryGrow(more)
		if grown {
			return nil
		}
		select {
		case <-freed:
		case <-time.After(lateness):
		case <-ctx.Done():
			return errNoRoom
		}
	}
}

func (c *claim) tryGrow(more int) (freed <-chan struct{}, grown bool) {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if left := r.free - more; left >= min(crowd*(c.held+more), r.size/3) {
		r.free = left
		c.held += more
		return nil, true
	}
	r.stopOneLargerThan(c.held + more)
	return r.freed, false
}

// stopOneLargerThan stops the largest body that is late, one at a time. Its room is free when its request has been refused.
func (r *room) stopOneLargerThan(size int) {
	if r.stopped != nil {
		return
	}
	for c := range r.unfinished {
		if c.held > size && time.Since(c.since) >= lateness {
			r.stopped, size = c, c.held
		}
	}
	if r.stopped != nil {
		r.stopped.stop()
	}
}
