// Package child runs programs as child processes that never outlive this one, however it ends: a guard, which is a
// process of its own, waits for the end of its parent and then ends what the parent left behind.
package child

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// guardScript runs in a shell. Its standard input is a pipe that only the parent holds open. The word "done" means that
// the parent has ended everything itself; the end of the pipe alone means that it is gone.
const guardScript = `
trap '' INT TERM HUP
read -r word && [ "$word" = done ] && exit 0
signal() {
	for file in "$1"/*; do
		[ -e "$file" ] && kill -s "$2" -- "-${file##*/}" 2>/dev/null
	done
}
signal "$1/pids" TERM
sleep 3
signal "$1/pids" KILL
rm -rf "$1"
`

// Group is the child processes of one owner, with the folder that holds their state. When the owner dies without Close,
// the guard ends the processes and removes the folder.
type Group struct {
	dir   string
	guard *exec.Cmd
	pipe  io.WriteCloser
}

// NewGroup starts a guard for the folder, which belongs to the group from then on. Neither the guard nor a process ends
// with its context: they are ended in good order.
func NewGroup(ctx context.Context, dir string) (*Group, error) {
	if err := os.MkdirAll(filepath.Join(dir, "pids"), 0o755); err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	guard := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", guardScript, "guard", dir)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := guard.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("child: guard: %w", err)
	}
	if err := guard.Start(); err != nil {
		return nil, fmt.Errorf("child: guard: %w", err)
	}
	return &Group{dir: dir, guard: guard, pipe: pipe}, nil
}

// Close lets the guard go. The processes must have ended; the folder stays.
func (g *Group) Close() error {
	if _, err := g.pipe.Write([]byte("done\n")); err != nil {
		return fmt.Errorf("child: guard: %w", err)
	}
	if err := g.pipe.Close(); err != nil {
		return fmt.Errorf("child: guard: %w", err)
	}
	if err := g.guard.Wait(); err != nil {
		return fmt.Errorf("child: guard: %w", err)
	}
	return nil
}

// Wrap returns the path of a script that runs the program under the guard's eye, for programs that another library
// starts and stops. Questions for help are passed on unrecorded: they end at once, and their process ids are used again.
func (g *Group) Wrap(name, program string) (string, error) {
	path := filepath.Join(g.dir, "wrapped-"+name)
	script := fmt.Sprintf("#!/bin/sh\n[ \"$1\" = --help ] || : >'%s'/pids/$$\nexec '%s' \"$@\"\n", g.dir, program)
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		return "", fmt.Errorf("child: %w", err)
	}
	return path, nil
}

func (g *Group) pidFile(pid string) string { return filepath.Join(g.dir, "pids", pid) }

// Command is a program to run.
type Command struct {
	Path string
	Args []string
	// Env is the whole environment.
	Env []string
	// Dir is the working directory.
	Dir string
	// Log is the file to which the output is appended.
	Log string
}

// Process is a running or ended child.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}

	mu  sync.Mutex
	err error
}

// Start runs the program. It has a process group of its own, so a Ctrl-C on the terminal reaches the owner alone, which
// ends its children in good order.
func (g *Group) Start(ctx context.Context, c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), c.Path, c.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, c.Dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	pidFile := g.pidFile(strconv.Itoa(cmd.Process.Pid))
	if err := os.WriteFile(pidFile, nil, 0o644); err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		err := cmd.Wait()
		_ = os.Remove(pidFile) // a file that stays makes the guard signal a group that does not exist
		p.mu.Lock()
		defer p.mu.Unlock()
		p.err = err
	}()
	return p, nil
}

// ID is the process id.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ExitCode is that of an ended process; a process that a signal ended has 128 and the signal's number, as in a shell.
func (p *Process) ExitCode() int {
	<-p.done
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// Err is why an ended process did not end well.
func (p *Process) Err() error {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Kill ends the process without asking it, and waits for its end.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end, and kills it when it has not ended after the grace time.
func (p *Process) Stop(grace time.Duration) {
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(grace):
		p.Kill()
	}
}

// signal reaches the process and its own children. A process that has ended is left alone, since its id may be in use
// again.
func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // fails only when the process has ended meanwhile
	}
}
