// Package bench measures certyun in a cluster on this machine: real cert-manager controllers, a real ACME server whose
// resolver remembers for a minute what a name answered, as those of public CAs do, and simulated clouds whose DNS shows a
// record some seconds after it was written. All ratios are of one run.
//
// Three ways to a certificate are compared. "certyun" is the chart at its defaults, and its Issuer says
// waitInsteadOfSelfCheck: 0s. "certyun, self check" is the same without that line. "plain, self check" is the same program
// with all that makes it wait turned off, as other webhooks are. The promises are held against certyun itself with records
// that are visible at once: late records may cost their propagation once, and little more.
package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certyun/certyun/deploy/local/toolbox"
)

// Parts of the benchmark.
const (
	partOne     = "one"
	partHundred = "hundred"
	partLimits  = "limits"
	partCalls   = "calls"
	partTwins   = "twins"
	partMemory  = "memory"
)

func parts() []string {
	return []string{partOne, partHundred, partLimits, partCalls, partTwins, partMemory}
}

// Options of a run.
type Options struct {
	Out io.Writer
	// Charts is the folder that the charts are written to; empty writes none.
	Charts string
	// Only are the parts to run; none means all.
	Only []string
	// Quick repeats nothing and leaves the second provider out where there are many certificates.
	Quick bool
}

// ParseOptions reads the arguments of the command.
func ParseOptions(args []string, out io.Writer) (Options, error) {
	o := Options{Out: out}
	flags := flag.NewFlagSet("certyun-local bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&o.Charts, "charts", "", "`folder` to write the charts to; a relative one lies in the repository")
	flags.BoolVar(&o.Quick, "quick", false, "measure each case once, and many certificates with one provider")
	only := flags.String("only", "", "`parts` to run, separated by commas: "+strings.Join(parts(), ", "))
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("bench: unexpected argument %q", flags.Arg(0))
	}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	for _, part := range o.Only {
		if !slices.Contains(parts(), part) {
			return Options{}, fmt.Errorf("bench: there is no part %q; there are %s", part, strings.Join(parts(), ", "))
		}
	}
	return o, nil
}

func (o Options) runs(part string) bool { return len(o.Only) == 0 || slices.Contains(o.Only, part) }

// run is one run of the benchmark.
type run struct {
	*rig
	Options
	box    toolbox.Toolbox
	report Report
}

// Run measures, prints the tables and writes the files. The error names every promise that is broken.
func Run(ctx context.Context, options Options) (err error) {
	box, err := toolbox.Open()
	if err != nil {
		return err
	}
	if err := box.Build(ctx, options.Out, toolbox.ForCluster()...); err != nil {
		return err
	}
	r := &run{Options: options, box: box}
	r.rig, err = startRig(ctx, box, r.step)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Explain(ctx))
		}
		err = errors.Join(err, r.step("end everything that was started", r.Stop))
	}()
	if err := r.measure(ctx); err != nil {
		return err
	}
	if err := r.report.tables(r.Out); err != nil {
		return err
	}
	if err := r.report.write(box.Root, r.Charts); err != nil {
		return err
	}
	return r.report.broken()
}

// measure runs the parts. It ends early when a part of the cluster ends by itself.
func (r *run) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case err := <-r.Cluster.Failed():
			cancel(err)
		case <-ctx.Done():
		}
	}()
	err := r.all(ctx)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

// all measures what may disturb nothing else first: ten plain certificates spend minutes asleep in cert-manager, beside
// the other parts. The hundred have the machine for themselves.
func (r *run) all(ctx context.Context) error {
	idle, err := r.idle(ctx)
	if err != nil {
		return err
	}
	if r.runs(partMemory) {
		if err := r.memory(ctx, idle); err != nil {
			return err
		}
	}
	side, sideCtx := errgroup.WithContext(ctx)
	if r.runs(partHundred) {
		for _, provider := range r.providers() {
			side.Go(func() error { return r.batch(sideCtx, wayPlain, provider, usualPropagation, ten) })
		}
	}
	side.Go(func() error { return r.foreground(sideCtx) })
	if err := side.Wait(); err != nil {
		return err
	}
	if !r.runs(partHundred) {
		return nil
	}
	return r.hundreds(ctx, idle)
}

func (r *run) foreground(ctx context.Context) error {
	if r.runs(partOne) {
		if err := r.step("one certificate, all ways", func() error { return r.one(ctx) }); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		name    string
		measure func(context.Context) error
	}{{partTwins, r.twins}, {partCalls, r.calls}, {partLimits, r.limits}} {
		if !r.runs(part.name) {
			continue
		}
		if err := part.measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

// step shows what is being done and how long it took.
func (r *run) step(name string, do func() error) error {
	started := time.Now()
	err := do()
	mark := "✓"
	if err != nil {
		mark = "✗"
	}
	fmt.Fprintf(r.Out, "  %s %-64s %6.1f s\n", mark, name, time.Since(started).Seconds())
	return err
}
