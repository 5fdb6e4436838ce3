package child

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestProcess(t *testing.T) {
	tests := map[string]struct {
		script string
		end    func(*Process)
		code   int
	}{
		"a program that ends by itself has its own exit code": {
			script: "exit 3", end: func(p *Process) { <-p.Done() }, code: 3,
		},
		"a stopped program may end in its own way": {
			script: "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
			end:    func(p *Process) { p.Stop(10 * time.Second) }, code: 7,
		},
		"a program that does not listen is killed after its grace time": {
			script: "trap '' TERM; echo ready; while :; do sleep 0.05; done",
			end:    func(p *Process) { p.Stop(200 * time.Millisecond) }, code: 128 + int(syscall.SIGKILL),
		},
		"a killed program is not asked": {
			script: "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done",
			end:    (*Process).Kill, code: 128 + int(syscall.SIGKILL),
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			group, err := NewGroup(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			log := filepath.Join(dir, "log")
			p, err := group.Start(t.Context(), Command{Path: "/bin/sh", Args: []string{"-c", test.script}, Env: os.Environ(), Dir: dir, Log: log})
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(test.script, "ready") {
				waitForText(t, log, "ready")
			}
			test.end(p)
			if got := p.ExitCode(); got != test.code {
				t.Errorf("exit code %d, want %d", got, test.code)
			}
			if left, err := os.ReadDir(filepath.Join(dir, "pids")); err != nil || len(left) != 0 {
				t.Errorf("an ended process is still recorded: %v, %v", left, err)
			}
			if err := group.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGuard kills a parent in the middle: what it started, itself and through a wrapped program, must end, and its folder
// must go.
func TestGuard(t *testing.T) {
	const role = "CHILD_TEST_PARENT"
	if dir := os.Getenv(role); dir != "" {
		actAsParent(dir)
	}
	outside := t.TempDir()
	dir := filepath.Join(outside, "state")
	parent := exec.Command(os.Args[0], "-test.run=^TestGuard$")
	parent.Env = append(os.Environ(), role+"="+dir)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	beats := []string{filepath.Join(outside, "started"), filepath.Join(outside, "wrapped")}
	for _, beat := range beats {
		waitForText(t, beat, "beat")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed, so this is an error
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the folder outlives its owner")
		}
	}
	// Process ids do not tell: an orphan stays a zombie where nobody collects it. A heart that beats does.
	before := sizes(t, beats)
	time.Sleep(time.Second)
	if after := sizes(t, beats); !slices.Equal(before, after) {
		t.Errorf("a process outlives its parent: heart beats went from %v to %v", before, after)
	}
}

func sizes(t *testing.T, files []string) []int64 {
	t.Helper()
	var all []int64
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, info.Size())
	}
	return all
}

// actAsParent starts two children and waits to be killed.
func actAsParent(dir string) {
	group, err := NewGroup(context.Background(), dir)
	if err != nil {
		os.Exit(1)
	}
	wrapped, err := group.Wrap("shell", "/bin/sh")
	if err != nil {
		os.Exit(1)
	}
	command := func(file string) []string {
		return []string{"-c", "while :; do echo beat >>" + filepath.Join(dir, "..", file) + "; sleep 0.1; done"}
	}
	other := exec.Command(wrapped, command("wrapped")...)
	other.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := other.Start(); err != nil {
		os.Exit(1)
	}
	started := Command{Path: "/bin/sh", Args: command("started"), Env: os.Environ(), Dir: dir, Log: filepath.Join(dir, "log")}
	if _, err := group.Start(context.Background(), started); err != nil {
		os.Exit(1)
	}
	select {}
}

func waitForText(t *testing.T, file, text string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if data, err := os.ReadFile(file); err == nil && strings.Contains(string(data), text) {
			return
		}
	}
	t.Fatalf("no %q in %s", text, file)
}
