// Package lint judges manifests in files by the rules that the admission webhook judges objects by, and by what a cluster with
// cert-manager refuses without it.
package lint

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/report"
)

// NewCommand returns the command.
func NewCommand() *cobra.Command {
	o := NewOptions()
	cmd := &cobra.Command{
		Use:   "lint FILE | DIR | - ...",
		Short: "Judge manifests before they are applied",
		Long: `Judge Certificates, Issuers, ClusterIssuers, and annotated Ingresses and Gateways in YAML or JSON files, in directories and
all in them, or from standard input (-). It says what the admission webhook would say at apply, and what the API server and
cert-manager would refuse.

All that is given is judged as one "kubectl apply" of everything: an Issuer that comes later, or in another file, is there.

It ends with 0 when there is nothing at or above --fail-on, 1 when there is, 2 when it was called wrongly, and 3 when
something could not be read or checked.`,
		Example: `  # what a chart renders
  helm template my-release ./chart | certyun lint -

  # a directory, among the Issuers of another, with warnings counted as failures
  certyun lint apps/ --context infrastructure/issuers/ --fail-on warn

  # among what is in the cluster
  certyun lint certificate.yaml --cluster --kube-context production

  # which solver each name would get
  certyun lint --explain certificate.yaml issuer.yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := o.Complete(args)
			if err == nil {
				err = o.Validate()
			}
			if err != nil {
				return usage(err)
			}
			return o.Run(cmd.Context(), Streams{In: cmd.InOrStdin(), Out: cmd.OutOrStdout(), Err: cmd.ErrOrStderr()}, cmd.Root().Version)
		},
	}
	groups := o.Flags()
	for _, name := range groups.Order {
		cmd.Flags().AddFlagSet(groups.FlagSets[name])
	}
	cmd.SetHelpFunc(func(cmd *cobra.Command, _ []string) {
		out := cmd.OutOrStdout()
		_, _ = fmt.Fprintf(out, "%s\n\nUsage:\n  %s\n\nExamples:\n%s\n", cmd.Long, cmd.UseLine(), cmd.Example)
		cliflag.PrintSections(out, *groups, 0)
	})
	complete(cmd)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usage(err)
	})
	return cmd
}

func usage(err error) error {
	return report.Usage(fmt.Errorf("%w\n\nSee 'certyun lint --help'", err))
}

// complete tells shells which values flags have.
func complete(cmd *cobra.Command) {
	ids := make([]string, 0, len(catalogue.Rules()))
	for _, r := range catalogue.Rules() {
		ids = append(ids, r.ID+"\t"+r.Summary)
	}
	for flag, values := range map[string][]string{
		"output": texts(report.Formats()), "fail-on": texts(report.FailOns()),
		"color": texts([]Color{ColorAuto, ColorAlways, ColorNever}), "rule": ids, "skip-rule": ids,
	} {
		// It fails only for a flag that there is not.
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// Streams are what the command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Run judges, and writes the report. Its error says how the process ends.
func (o *Options) Run(ctx context.Context, streams Streams, version string) error {
	l, err := o.newLinter()
	if err != nil {
		return report.Usage(err)
	}
	if err := l.readUnlessEnded(ctx, o, streams.In); err != nil {
		return err
	}
	if err := l.settle(ctx, o); err != nil {
		return report.Unchecked(err)
	}
	if o.Explain {
		return l.explain(ctx, streams)
	}
	found := l.judge(ctx)
	l.tell(streams.Err)
	if err := ctx.Err(); err != nil {
		return report.Unchecked(fmt.Errorf("interrupted: %w", err))
	}
	err = report.Write(streams.Out, o.Format, found, report.Options{Color: o.colored(streams.Out), Rules: catalogue.Rules(), Version: version})
	if err != nil {
		return report.Unchecked(err)
	}
	return found.Exit(o.FailOn)
}

// readUnlessEnded reads all files. Whoever types into standard input, or waits for it, may end that at any time.
func (l *linter) readUnlessEnded(ctx context.Context, o *Options, stdin io.Reader) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.read(ctx, o.Paths, o.Context, stdin)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	if err := ctx.Err(); err != nil {
		return report.Unchecked(fmt.Errorf("interrupted: %w", err))
	}
	return nil
}

// colored tells whether text is coloured (https://no-color.org).
func (o *Options) colored(out io.Writer) bool {
	switch o.Color {
	case ColorAlways:
		return true
	case ColorNever:
		return false
	case ColorAuto:
	}
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isTerminal(out)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
