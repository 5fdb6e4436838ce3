// Command certyun is a DNS-01 solver for cert-manager at Alibaba Cloud DNS and Tencent Cloud DNSPod, and an admission webhook that
// rejects what cert-manager could never issue.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/cobra"

	"github.com/certyun/certyun/admission"
	"github.com/certyun/certyun/solvers"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(run())
}

func run() int {
	logs.InitLogs()
	defer logs.FlushLogs()
	// After the first signal the default comes back, so a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()

	root := &cobra.Command{
		Use:           "certyun",
		Short:         "Certificates that come out right, for Kubernetes on China's DNS clouds",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(solvers.NewCommand(), admission.NewCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "certyun:", err)
		return 1
	}
	return 0
}
