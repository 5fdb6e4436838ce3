// Command tools builds the programs that the local cluster runs, all or those named, and shows how it goes on. It is a
// program of its own, and a small one, so that it starts at once on a machine where nothing has been compiled yet.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/certyun/certyun/deploy/local/toolbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	box, err := toolbox.Open()
	if err != nil {
		return err
	}
	return box.Build(ctx, os.Stderr, names...)
}
