package ahead

import (
	"context"
	"sync"
)

// turns lets one at a time change a record. Whoever acts for cert-manager goes before those who work ahead: these are asked to
// give up what they have not begun.
type turns struct {
	mu   sync.Mutex
	held map[string]*turn
}

type turn struct {
	done chan struct{}
	// yield asks the holder to end; nil for one who acts for cert-manager.
	yield context.CancelFunc
}

func newTurns() *turns { return &turns{held: map[string]*turn{}} }

// take waits for its turn and returns what ends it. An error means that ctx ended first.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	for {
		holder, mine := t.enter(key, nil)
		if mine {
			return func() { t.leave(key) }, nil
		}
		if holder.yield != nil {
			holder.yield()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-holder.done:
		}
	}
}

// try takes a turn that is free, for work ahead: its context ends when somebody else wants the turn.
func (t *turns) try(ctx context.Context, key string) (_ context.Context, release func(), ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	if _, ok := t.enter(key, cancel); !ok {
		cancel()
		return nil, nil, false
	}
	return ctx, func() {
		t.leave(key)
		cancel()
	}, true
}

func (t *turns) enter(key string, yield context.CancelFunc) (holder *turn, mine bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if holder := t.held[key]; holder != nil {
		return holder, false
	}
	mineNow := &turn{done: make(chan struct{}), yield: yield}
	t.held[key] = mineNow
	return mineNow, true
}

func (t *turns) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.held[key].done)
	delete(t.held, key)
}
