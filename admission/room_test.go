package admission

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// bodies are unfinished claims of one size, whose readers leave when they are told to.
func bodies(t testing.TB, r *room, n, size int) (claims []*claim) {
	t.Helper()
	for range n {
		var c *claim
		c = r.enter(func() { go c.leave() })
		c.held = size
		r.free -= size
		claims = append(claims, c)
	}
	return claims
}

func TestWhoGetsRoom(t *testing.T) {
	const size, small, large = bodyRoom, 64 << 10, 1 << 20
	tests := map[string]struct {
		crowd, each int
		age         time.Duration
		finished    bool
		want        int
		wait        time.Duration
		refused     bool
	}{
		"a small body where there is room":              {crowd: 7, each: large, want: small},
		"a large body where there is room":              {crowd: 7, each: large, want: large},
		"the largest body of all, alone":                {want: requestSize + maxBody},
		"a small body beside late ones":                 {crowd: size / large, each: large, age: lateness, want: small},
		"a small body beside ones that have just begun": {crowd: size / large, each: large, want: small, wait: lateness},
		"a small body beside as many small ones":        {crowd: size/small - 2, each: small, age: lateness, want: small, refused: true},
		"a large body beside small ones":                {crowd: 180, each: small, age: lateness, want: large, refused: true},
		"a small body beside reviews":                   {crowd: size / large, each: large, age: lateness, finished: true, want: small, refused: true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRoom(size)
				for _, other := range bodies(t, r, c.crowd, c.each) {
					if c.finished {
						other.keep()
					}
				}
				time.Sleep(c.age)
				ctx, cancel := context.WithTimeout(t.Context(), roomPatience)
				defer cancel()
				mine, start := r.enter(func() { t.Error("it was stopped itself") }), time.Now()
				err := mine.grow(ctx, c.want)
				if c.refused {
					if !errors.Is(err, errNoRoom) {
						t.Errorf("it got room: %v", err)
					}
					return
				}
				if waited := time.Since(start); err != nil || waited != c.wait {
					t.Errorf("it waited %s and got %v", waited, err)
				}
			})
		})
	}
}

func TestNoMoreIsStoppedThanIsNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = bodyRoom
		r := newRoom(size)
		bodies(t, r, size>>20, 1<<20)
		time.Sleep(lateness)
		if err := r.enter(func() {}).grow(t.Context(), 64<<10); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if left := len(r.unfinished); left != size>>20 { // one has gone and this one has come
			t.Errorf("%d bodies are left", left)
		}
	})
}
