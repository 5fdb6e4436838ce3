package ahead

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff_DoublesWithEachWaitThatDidNotHelp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backoff
		for _, want := range []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second} {
			for range 16 { // all that were under way fail for the same cause
				b.fail(time.Now(), firstBackoff)
				time.Sleep(10 * time.Millisecond)
			}
			if b.last != want {
				t.Errorf("the wait is %s, want %s", b.last, want)
			}
			time.Sleep(want)
		}
	})
}

func TestQueue_ForgetsGroupsInTheEnd(t *testing.T) {
	q := &queue{proven: map[string]bool{}}
	for i := range 3 * maxProven {
		q.prove(fmt.Sprint(i))
	}
	if len(q.proven) > maxProven || !q.proven[fmt.Sprint(3*maxProven-1)] {
		t.Errorf("%d groups are known to work", len(q.proven))
	}
}
