// Command certyun-local runs certyun in a cluster on this machine: "demo" shows it at work, "dryrun" asks a real API
// server whether it would take the chart, the bundle and the examples, "bench" measures it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/certyun/certyun/deploy/local/bench"
	"github.com/certyun/certyun/deploy/local/demo"
	"github.com/certyun/certyun/deploy/local/dryrun"
)

// interrupted is the exit code after Ctrl-C, as shells have it.
const interrupted = 130

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends this process at once; its guard ends the others
	err := run(ctx, os.Args[1:])
	if err == nil {
		return
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "\ninterrupted (%v)\n", err)
		os.Exit(interrupted)
	}
	fmt.Fprintf(os.Stderr, "\n%v\n", err)
	os.Exit(1)
}

func run(ctx context.Context, args []string) error {
	if len(args) == 1 && args[0] == "demo" {
		return demo.Run(ctx, demo.Options{Out: os.Stdout, Keep: os.Getenv("KEEP") == "1"})
	}
	if len(args) == 1 && args[0] == "dryrun" {
		return dryrun.Run(ctx, os.Stdout)
	}
	if len(args) > 0 && args[0] == "bench" {
		options, err := bench.ParseOptions(args[1:], os.Stdout)
		if err != nil {
			return err
		}
		return bench.Run(ctx, options)
	}
	return errors.New("usage: certyun-local demo | dryrun | bench   (KEEP=1 leaves the demo's cluster up)")
}
