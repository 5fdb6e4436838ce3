package solvers

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"k8s.io/klog/v2"
)

// asCommand has the arguments with which the test's program is the command: some of what a process logs it logs once.
const asCommand = "CERTYUN_TEST_ARGUMENTS"

// TestMain runs the tests with everything logged, and fails if the log then holds a key.
func TestMain(m *testing.M) {
	if args := os.Getenv(asCommand); args != "" {
		cmd := NewCommand()
		cmd.SetArgs(strings.Fields(args))
		fmt.Fprintln(os.Stderr, cmd.ExecuteContext(context.Background()))
		os.Exit(1)
	}
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

// reset forgets what was written.
func (l *lockedBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
