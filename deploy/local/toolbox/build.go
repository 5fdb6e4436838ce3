package toolbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// Build makes sure that the named programs, all without names, are there and up to date. It tells its progress on out.
// Builds of several processes into one folder wait for each other.
func (b Toolbox) Build(ctx context.Context, out io.Writer, names ...string) error {
	tools, err := pick(names)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(b.Bin, 0o755); err != nil {
		return fmt.Errorf("toolbox: %w", err)
	}
	unlock, err := lock(filepath.Join(b.Bin, ".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	for i, tool := range tools {
		if err := b.ensure(ctx, out, tool, fmt.Sprintf("%d/%d", i+1, len(tools))); err != nil {
			return err
		}
	}
	return nil
}

// ensure builds one program unless it is there and its pins are those of its last build.
func (b Toolbox) ensure(ctx context.Context, out io.Writer, tool Tool, position string) error {
	if b.fromAssets(tool.Name) {
		if _, err := os.Stat(b.Path(tool.Name)); err != nil {
			return fmt.Errorf("toolbox: %s is set, so %s is looked for there: %w", EnvAssets, tool.Name, err)
		}
		return nil
	}
	stamp, err := b.stamp(tool)
	if err != nil {
		return err
	}
	_, missing := os.Stat(b.Path(tool.Name))
	last, err := os.ReadFile(b.stampFile(tool))
	if !tool.Own && missing == nil && err == nil && string(last) == stamp {
		return nil
	}
	first := missing != nil || err != nil
	// A build that is interrupted leaves no program that looks finished.
	if err := os.Remove(b.stampFile(tool)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("toolbox: %w", err)
	}
	if err := b.build(ctx, newProgress(out, tool, position, first), tool); err != nil {
		return err
	}
	if err := os.WriteFile(b.stampFile(tool), []byte(stamp), 0o644); err != nil {
		return fmt.Errorf("toolbox: %w", err)
	}
	return nil
}

// build compiles one program into its place. Go leaves a program alone that is up to date there.
func (b Toolbox) build(ctx context.Context, p *progress, tool Tool) error {
	args := []string{"build", "-v", "-o", b.Path(tool.Name)}
	if tool.LinkerFlags != "" {
		args = append(args, "-ldflags", tool.LinkerFlags)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, tool.Package)...)
	cmd.Dir = filepath.Join(b.Root, filepath.FromSlash(tool.Module))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = p
	stop := p.run()
	err := cmd.Run()
	stop(err)
	if ctx.Err() != nil {
		return fmt.Errorf("toolbox: building %s: %w", tool.Name, ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("toolbox: building %s: %w\n%s", tool.Name, err, p.complaints())
	}
	return nil
}

func (b Toolbox) stampFile(tool Tool) string { return filepath.Join(b.Bin, ".stamp-"+tool.Name) }

// stamp sums up what decides a program: its package, its flags, its module's pins and the Go version.
func (b Toolbox) stamp(tool Tool) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, tool.Package, tool.LinkerFlags, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, name := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(filepath.Join(b.Root, filepath.FromSlash(tool.Module), name))
		if err != nil {
			return "", fmt.Errorf("toolbox: %w", err)
		}
		sum.Write(data)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// lock waits for other builds into the same folder.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("toolbox: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("toolbox: lock %s: %w", path, err), file.Close())
	}
	return func() { _ = file.Close() }, nil // nothing was written
}

// progress shows how a build goes on. As the Writer of `go build -v`'s standard error it counts the packages that were
// compiled and keeps every other line, which is a complaint.
type progress struct {
	out      io.Writer
	terminal bool
	title    string
	name     string
	first    bool
	started  time.Time
	packages atomic.Int64

	partial []byte
	kept    bytes.Buffer
}

func newProgress(out io.Writer, tool Tool, position string, first bool) *progress {
	title := fmt.Sprintf("building %s (%s)", tool.Name, position)
	if first {
		title += "; the first time this takes " + tool.FirstBuild
	}
	return &progress{out: out, terminal: isTerminal(out), title: title, name: tool.Name, first: first, started: time.Now()}
}

func (p *progress) Write(data []byte) (int, error) {
	p.partial = append(p.partial, data...)
	for {
		line, rest, complete := bytes.Cut(p.partial, []byte("\n"))
		if !complete {
			return len(data), nil
		}
		p.partial = rest
		if isPackagePath(line) {
			p.packages.Add(1)
			continue
		}
		p.kept.Write(append(line, '\n'))
	}
}

// isPackagePath tells what -v prints, one import path a line, from what the compiler or the downloader says.
func isPackagePath(line []byte) bool {
	return len(line) > 0 && !bytes.ContainsAny(line, " \t:#")
}

// complaints returns the end of what the build said beside the packages.
func (p *progress) complaints() string {
	const most = 4000
	text := append(bytes.Clone(p.kept.Bytes()), p.partial...)
	if len(text) > most {
		text = text[len(text)-most:]
	}
	return string(text)
}

// run shows the title, and the count every second on a terminal and every half minute elsewhere, until stop is called.
func (p *progress) run() (stop func(error)) {
	if p.first {
		fmt.Fprintln(p.out, p.title)
	}
	period := 30 * time.Second
	if p.terminal {
		period = time.Second
	}
	done, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.show()
			}
		}
	}()
	return func(err error) {
		close(done)
		<-finished
		p.end(err)
	}
}

func (p *progress) show() {
	text := fmt.Sprintf("  %s: %d packages compiled, %s", p.name, p.packages.Load(), p.elapsed())
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K", text)
		return
	}
	fmt.Fprintln(p.out, text)
}

// end says what a build took; one that found everything in Go's cache is not worth a line.
func (p *progress) end(err error) {
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
	if err != nil || (!p.first && time.Since(p.started) < 10*time.Second) {
		return
	}
	fmt.Fprintf(p.out, "  %s: built in %s\n", p.name, p.elapsed())
}

func (p *progress) elapsed() time.Duration { return time.Since(p.started).Round(time.Second) }

// isTerminal says whether out is a terminal that can rewrite a line.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
