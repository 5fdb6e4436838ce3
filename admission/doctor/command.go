package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/certyun/certyun/admission/report"
)

const longHelp = `Say what keeps certificates from being issued through certyun, why, and what to do next.

Without a subcommand it examines the installation: cert-manager, the API service of the solvers and its certificate, who may do
what, the admission server, and each Issuer that uses certyun with its config and its Secrets.

It only reads. It works with the rights of an ordinary user, and names each thing that it was not allowed to look at.

It ends with 0 when nothing is wrong, 1 when something is, 2 when it was called wrongly, and 3 when the cluster could not be
asked. What it can recognise is in ` + troubleshooting + "."

// NewCommand returns the command.
func NewCommand() *cobra.Command {
	o := newFlags()
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out why certificates are not issued",
		Long:  longHelp,
		Example: `  # the installation
  {} doctor

  # and the accounts of all Issuers that use it
  {} doctor --provider

  # why is this certificate not there?
  {} doctor certificate www -n shop

  # look at the DNS and at the cloud as well
  {} doctor certificate www -n shop --dns --provider

  # for a script
  {} doctor -o json | jq -r '.causes[].cause'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd, func(ctx context.Context, d *Doctor) (*Diagnosis, error) { return d.Installation(ctx) })
		},
	}
	o.addTo(cmd.PersistentFlags())
	cmd.AddCommand(certificateCommand(o), issuerCommand(o))
	for _, c := range append(cmd.Commands(), cmd) {
		c.SetFlagErrorFunc(usage)
		c.SetHelpFunc(help(c.HelpFunc()))
	}
	o.completions(cmd)
	return cmd
}

// help shows examples as the command was called: as certyun, or as kubectl certyun.
func help(original func(*cobra.Command, []string)) func(*cobra.Command, []string) {
	return func(c *cobra.Command, args []string) {
		c.Example = strings.ReplaceAll(c.Example, "{}", c.Root().CommandPath())
		original(c, args)
	}
}

func certificateCommand(o *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "certificate NAME",
		Aliases: []string{"cert", "certificates"},
		Short:   "Walk from a Certificate to what keeps it",
		Long: `Walk from a Certificate to its CertificateRequest, Order and Challenges, show the state, the age and the events of each, and say
at the first thing that is stuck why it is and what to do next. The rules of the admission server are asked about it, too.

With --watch it follows an issuance until the Certificate is ready, or is stuck for as long as --stuck-after.`,
		Example: `  # why is it not there?
  {} doctor certificate www -n shop

  # follow it
  {} doctor certificate www -n shop --watch

  # ask each name server for the record, and the cloud for its zones
  {} doctor certificate www -n shop --dns --provider`,
		Args: oneName("certificate"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, func(ctx context.Context, d *Doctor) (*Diagnosis, error) {
				if o.watch {
					return d.Watch(ctx, d.namespace, args[0], Patience{Interval: watchInterval, Stuck: o.stuckAfter, Look: o.timeout}, cmd.ErrOrStderr())
				}
				return d.Certificate(ctx, d.namespace, args[0])
			})
		},
	}
	cmd.Flags().BoolVar(&o.watch, "watch", false, "Follow the issuance until the Certificate is ready or stuck.")
	cmd.Flags().DurationVar(&o.stuckAfter, "stuck-after", o.stuckAfter, "With --watch: how long the same cause has to last. Much is tried again, and works then.")
	return cmd
}

func issuerCommand(o *flags) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "issuer NAME",
		Aliases: []string{"clusterissuer", "issuers", "clusterissuers"},
		Short:   "Examine an Issuer or ClusterIssuer",
		Long: `Examine an Issuer or ClusterIssuer: whether it is ready, whether somebody serves its solvers and cert-manager may call them,
whether their config can be understood, and whether the Secrets that it names are there, complete, and readable for certyun. With
--provider, whether the cloud accepts the keys, and which zones they open.`,
		Example: `  # an Issuer in a namespace, or else the ClusterIssuer of this name
  {} doctor issuer letsencrypt -n shop

  # a ClusterIssuer, and its account at the cloud
  {} doctor issuer letsencrypt --kind ClusterIssuer --provider`,
		Args: oneName("issuer"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := o.kind
			if !cmd.Flags().Changed("kind") && strings.HasPrefix(cmd.CalledAs(), "clusterissuer") {
				kind = cmapi.ClusterIssuerKind
			}
			return o.run(cmd, func(ctx context.Context, d *Doctor) (*Diagnosis, error) {
				return d.IssuerOfKind(ctx, kind, d.namespace, args[0])
			})
		},
	}
	cmd.Flags().StringVar(&o.kind, "kind", kindAuto, "Issuer, ClusterIssuer, or auto: an Issuer in the namespace, else a ClusterIssuer.")
	return cmd
}

// usage is the error of a command that was called wrongly.
func usage(cmd *cobra.Command, err error) error {
	return report.Usage(fmt.Errorf("%w\n\nSee '%s --help'", err, cmd.CommandPath()))
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd, fmt.Errorf("unknown argument %q; want certificate NAME, issuer NAME, or nothing", args[0]))
}

func oneName(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usage(cmd, fmt.Errorf("want the name of one %s, not %d arguments", what, len(args)))
		}
		if wrong := content.IsPathSegmentName(args[0]); args[0] == "" || len(wrong) > 0 {
			return usage(cmd, fmt.Errorf("%q is not the name of a %s", args[0], what))
		}
		return nil
	}
}

// run makes a Doctor, examines, and writes. Its error says how the process ends.
func (o *flags) run(cmd *cobra.Command, examine func(context.Context, *Doctor) (*Diagnosis, error)) error {
	if err := o.validate(); err != nil {
		return usage(cmd, err)
	}
	d, err := o.doctor(cmd)
	if _, isUsage := errors.AsType[*report.ExitError](err); isUsage {
		return err
	}
	if err != nil {
		return report.Unchecked(err)
	}
	ctx := cmd.Context()
	if !o.watch {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	found, err := examine(ctx, d)
	if err != nil {
		return report.Unchecked(err)
	}
	if err := o.write(cmd.OutOrStdout(), found); err != nil {
		return report.Unchecked(err)
	}
	switch {
	case found.Wrong():
		return &report.ExitError{Code: report.CodeFindings}
	case found.State == Unseen:
		return &report.ExitError{Code: report.CodeUnchecked}
	}
	return nil
}

func (o *flags) write(w io.Writer, found *Diagnosis) error {
	if o.output == outputJSON {
		return found.WriteJSON(w)
	}
	return found.WriteText(w, time.Now())
}

// IssuerOfKind examines an Issuer, a ClusterIssuer or, of the kind "auto", the one that there is.
func (d *Doctor) IssuerOfKind(ctx context.Context, kind, namespace, name string) (*Diagnosis, error) {
	switch kind {
	case cmapi.IssuerKind:
		return d.Issuer(ctx, namespace, name)
	case cmapi.ClusterIssuerKind:
		return d.Issuer(ctx, "", name)
	}
	r := d.reader(ctx)
	found, known := r.get(namespace, name, &cmapi.Issuer{})
	if r.unreachable != nil {
		return nil, r.unreachable
	}
	if known && !found {
		if isCluster, known := r.get("", name, &cmapi.ClusterIssuer{}); isCluster || !known {
			return d.Issuer(ctx, "", name)
		}
	}
	return d.Issuer(ctx, namespace, name)
}

// validate reports everything that is wrong with the flags, each with its name.
func (o *flags) validate() error {
	var errs []error
	if !slices.Contains(outputs(), o.output) {
		errs = append(errs, fmt.Errorf("--output %q: want %s", o.output, strings.Join(outputs(), " or ")))
	}
	if !slices.Contains(kinds(), o.kind) {
		errs = append(errs, fmt.Errorf("--kind %q: want %s", o.kind, strings.Join(kinds(), ", ")))
	}
	if o.dnsPort < 1 || o.dnsPort > 65535 {
		errs = append(errs, fmt.Errorf("--dns-port %d must be from 1 to 65535", o.dnsPort))
	}
	if o.timeout <= 0 || o.stuckAfter < 0 {
		errs = append(errs, errors.New("--timeout must be greater than 0, and --stuck-after not below"))
	}
	return errors.Join(errs...)
}
