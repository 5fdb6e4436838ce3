package solvers

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"k8s.io/klog/v2"
)

// TestMain runs the tests with everything logged, and fails if the log then holds a key.
func TestMain(m *testing.M) {
	flags := flag.NewFlagSet("klog", flag.PanicOnError)
	klog.InitFlags(flags)
	_ = flags.Set("v", "9")
	klog.LogToStderr(false)
	log := &lockedBuffer{}
	klog.SetOutput(log)

	code := m.Run()
	klog.Flush()
	for _, secret := range []string{aliceID, aliceSecret, bobID, bobSecret} {
		if strings.Contains(log.String(), secret) {
			fmt.Printf("FAIL: the log holds %q\n", secret)
			code = 1
		}
	}
	os.Exit(code)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
