package doctor

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/certyun/certyun/admission/words"
)

// Patience says how long Watch waits.
type Patience struct {
	// Interval is how often it looks.
	Interval time.Duration
	// Stuck is how long the same cause has to last.
	Stuck time.Duration
	// Look is how long one look may take.
	Look time.Duration
}

// Watch follows a Certificate until it is ready, or has been stuck for the same cause as long as it is given, or cannot be looked
// at. It tells each change of state, and returns the last Diagnosis.
func (d *Doctor) Watch(ctx context.Context, namespace, name string, p Patience, tell io.Writer) (*Diagnosis, error) {
	states := map[string]string{}
	cause, since := "", time.Time{}
	var last *Diagnosis
	for {
		found, err := d.lookAgain(ctx, namespace, name, p.Look)
		if err != nil && ctx.Err() != nil && last != nil {
			return last, nil // somebody has seen enough
		}
		if err != nil {
			return nil, err
		}
		last = found
		if err := tellChanges(tell, found.Tree, states, d.now()); err != nil {
			return nil, err
		}
		switch now := first(found.Causes); {
		case found.State == Ready || found.State == Unseen:
			return found, nil
		case found.State != Stuck:
			cause = ""
		case now != cause:
			cause, since = now, d.now()
		}
		if found.State == Stuck && (found.Tree == nil || d.now().Sub(since) >= p.Stuck) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return found, nil
		case <-time.After(p.Interval):
		}
	}
}

func (d *Doctor) lookAgain(ctx context.Context, namespace, name string, timeout time.Duration) (*Diagnosis, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.Certificate(ctx, namespace, name)
}

func first(causes []Finding) string {
	if len(causes) == 0 {
		return ""
	}
	return causes[0].Cause
}

// tellChanges writes a line for each object whose state is not what it was.
func tellChanges(w io.Writer, n *Node, states map[string]string, now time.Time) error {
	if n == nil {
		return nil
	}
	state := n.State
	if n.Message != "" {
		state += ": " + n.Message
	}
	if key := n.Object.String(); states[key] != state {
		states[key] = state
		if _, err := fmt.Fprintf(w, "%s %s %s: %s\n", now.UTC().Format(time.TimeOnly), mark(n), n.Object, words.OneLine(state)); err != nil {
			return err
		}
	}
	for _, child := range n.Children {
		if err := tellChanges(w, child, states, now); err != nil {
			return err
		}
	}
	return nil
}
