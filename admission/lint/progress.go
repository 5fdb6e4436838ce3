package lint

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// How long nobody needs to be told that something goes on, and how often after that.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// progress tells on a terminal how far the work has come. Its methods may be called concurrently.
type progress struct {
	read, judged, total atomic.Int64
	end                 func()
}

// startProgress begins to tell where that is a terminal.
func startProgress(w io.Writer) *progress {
	p := &progress{end: func() {}}
	if isTerminal(w) {
		p.tell(w, progressAfter)
	}
	return p
}

// tell writes one line again and again until stop.
func (p *progress) tell(w io.Writer, after time.Duration) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		shown := false
		timer := time.NewTimer(after)
		defer timer.Stop()
		for {
			select {
			case <-done:
				if shown {
					_, _ = fmt.Fprint(w, "\r\x1b[K")
				}
				return
			case <-timer.C:
			}
			shown = true
			_, _ = fmt.Fprint(w, "\r\x1b[K"+p.text())
			timer.Reset(progressEvery)
		}
	})
	p.end = sync.OnceFunc(func() {
		close(done)
		ended.Wait()
	})
}

func (p *progress) text() string {
	if total := p.total.Load(); total > 0 {
		return fmt.Sprintf("judged %d of %d objects", p.judged.Load(), total)
	}
	return fmt.Sprintf("read %d documents", p.read.Load())
}

// stop removes the line. It may be called again.
func (p *progress) stop() { p.end() }
