package rule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuarded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		judge     func(context.Context) (int, error)
		want      int
		wantError string
		took      time.Duration
	}{
		"what ends at once": {judge: func(context.Context) (int, error) { return 7, nil }, want: 7},
		"an error comes with what was found": {
			judge: func(context.Context) (int, error) { return 7, errors.New("no") }, want: 7, wantError: "no",
		},
		"a panic is an error": {judge: func(context.Context) (int, error) { panic("oh") }, wantError: "a rule panicked: oh\n"},
		"what ends when it is told": {
			judge: func(ctx context.Context) (int, error) { <-ctx.Done(); return 7, ctx.Err() }, want: 7, wantError: "deadline", took: time.Second,
		},
		"what does not end is left alone": {
			judge:     func(context.Context) (int, error) { time.Sleep(time.Hour); return 7, nil },
			wantError: "a rule did not end in time", took: time.Second + time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				got, err := Guarded(t.Context(), time.Second, time.Minute, c.judge)
				if got != c.want || (err == nil) != (c.wantError == "") || err != nil && !strings.Contains(err.Error(), c.wantError) {
					t.Errorf("got %d, %v", got, err)
				}
				if took := time.Since(start); took != c.took {
					t.Errorf("it took %v", took)
				}
				time.Sleep(time.Hour) // until what was left alone has ended
			})
		})
	}
}
