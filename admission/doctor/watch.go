package doctor

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Watch follows a Certificate until it is ready, or has been stuck for the same cause as long as it is given. It tells each change of
// state, and returns the last Diagnosis.
func (d *Doctor) Watch(ctx context.Context, namespace, name string, interval, patience time.Duration, tell io.Writer) (*Diagnosis, error) {
	states := map[string]string{}
	cause, since := "", time.Time{}
	for {
		found, err := d.Certificate(ctx, namespace, name)
		if err != nil {
			return nil, err
		}
		if err := tellChanges(tell, found.Tree, states, d.now()); err != nil {
			return nil, err
		}
		switch now := first(found.Causes); {
		case found.State == Ready:
			return found, nil
		case found.State != Stuck:
			cause = ""
		case now != cause:
			cause, since = now, d.now()
		}
		if found.State == Stuck && (found.Tree == nil || d.now().Sub(since) >= patience) {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return found, nil
		case <-time.After(interval):
		}
	}
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
		if _, err := fmt.Fprintf(w, "%s %s %s: %s\n", now.UTC().Format(time.TimeOnly), mark(n), n.Object, visible(state)); err != nil {
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
