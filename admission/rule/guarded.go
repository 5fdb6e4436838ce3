package rule

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Guarded judges within the time that there is, whatever the rules do. Once it is over their context has ended; what does not end
// within the grace after that is left alone. A panic is an error.
func Guarded[T any](ctx context.Context, limit, grace time.Duration, judge func(context.Context) (T, error)) (T, error) {
	type verdict struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan verdict, 1)
	go func() {
		var v verdict
		defer func() { done <- v }()
		defer recovered(&v.err)
		v.value, v.err = judge(ctx)
	}()
	select {
	case v := <-done:
		return v.value, v.err
	case <-ctx.Done():
	}
	select {
	case v := <-done:
		return v.value, v.err
	case <-time.After(grace):
		var none T
		return none, errors.New("a rule did not end in time")
	}
}

// recovered makes an error of a panic. It is to be deferred.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("a rule panicked: %v\n%s", p, debug.Stack())
	}
}
