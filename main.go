// Command certyun is a DNS-01 solver for cert-manager at Alibaba Cloud DNS and Tencent Cloud DNSPod, and an admission webhook that
// rejects what cert-manager could never issue.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/cobra"

	"github.com/certyun/certyun/admission"
	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/doctor"
	"github.com/certyun/certyun/admission/lint"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers"
	"github.com/certyun/certyun/solvers/wire"
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

		PersistentPreRunE: func(*cobra.Command, []string) error { return wire.CheckDebug(os.Getenv("GODEBUG")) },
	}
	if name := filepath.Base(os.Args[0]); strings.HasPrefix(name, "kubectl-certyun") {
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl certyun"}
	}
	root.AddCommand(solvers.NewCommand(), admission.NewCommand(), catalogue.NewCommand(), lint.NewCommand(), doctor.NewCommand())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return report.Usage(err) })
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "certyun:", text)
	}
	if coded, ok := errors.AsType[exitCoder](err); ok {
		return coded.ExitCode()
	}
	if misused(root, os.Args[1:]) {
		return report.CodeUsage
	}
	return 1
}

// misused tells whether a command that has ended does not exist, or has arguments that it does not take.
func misused(root *cobra.Command, args []string) bool {
	cmd, _, err := root.Find(args)
	return err != nil || cmd.ValidateArgs(cmd.Flags().Args()) != nil
}

// exitCoder is an error that says how the process ends. One without a text has told the user everything already.
type exitCoder interface {
	error
	ExitCode() int
}
