package ahead

import (
	"context"
	"sync"
	"time"
)

// Names finds where records of challenges are.
type Names interface {
	// Follow returns the canonical name of the record of a challenge for a DNS name, behind all CNAME records, as cert-manager
	// finds it. It may be called concurrently.
	Follow(ctx context.Context, dnsName string) (string, error)
}

// nameAgain is how long a name that could not be found is left alone.
const nameAgain = 10 * time.Second

// names finds the names of records behind CNAME records, for the view.
type names struct {
	view *view
	find Names

	mu sync.Mutex
	// tried are the names that could not be found, and when.
	tried map[string]time.Time
}

func newNames(v *view, find Names) *names {
	return &names{view: v, find: find, tried: map[string]time.Time{}}
}

// pending tells whether there are names that were not looked for yet.
func (n *names) pending() bool {
	for _, dnsName := range n.view.nameless() {
		if !n.isTried(dnsName) {
			return true
		}
	}
	return false
}

func (n *names) isTried(dnsName string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return time.Since(n.tried[dnsName]) < nameAgain
}

// run looks for names until ctx ends, for a few at a time.
func (n *names) run(ctx context.Context) {
	const atOnce = 8
	for ctx.Err() == nil {
		changed := n.view.next()
		var missing []string
		for _, dnsName := range n.view.nameless() {
			if !n.isTried(dnsName) && len(missing) < atOnce {
				missing = append(missing, dnsName)
			}
		}
		var all sync.WaitGroup
		for _, dnsName := range missing {
			all.Go(func() { n.look(ctx, dnsName) })
		}
		all.Wait()
		if len(missing) == atOnce {
			continue
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(nameAgain):
		}
	}
}

func (n *names) look(ctx context.Context, dnsName string) {
	ctx, cancel := context.WithTimeout(ctx, nameAgain)
	defer cancel()
	name, err := n.find.Follow(ctx, dnsName)
	if err == nil {
		n.view.learn(dnsName, name)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for other, at := range n.tried {
		if now.Sub(at) >= nameAgain {
			delete(n.tried, other)
		}
	}
	n.tried[dnsName] = now
	n.view.wake()
}
