package lint

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	cliflag "k8s.io/component-base/cli/flag"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/solvers/config"
)

// Options are the settings of the command.
type Options struct {
	// Paths are the files and directories to judge, or "-".
	Paths []string
	// Context are files and directories that are world without being judged.
	Context []string
	// Namespace is where objects without one would be applied.
	Namespace string
	// Cluster adds what is live.
	Cluster    bool
	Kubeconfig *genericclioptions.ConfigFlags

	Format  report.Format
	FailOn  report.FailOn
	Color   Color
	Explain bool

	PolicyFile, CADataFile string
	OnlyRules, SkipRules   []string

	CertManagerNamespace     string
	ClusterResourceNamespace string
	CertManagerVersion       string
	SolverGroup              string
	SolverWaits              bool
	// AmbientCredentials is "" where nobody has said which Issuers may use the solvers' own; then nothing is known of the roles either.
	AmbientCredentials string
	AmbientRoles       []string
	DefaultIssuer      bool
	// Strict says all that there is to say.
	Strict bool

	// guessed says that nobody has named the namespace.
	guessed bool
}

// Color says whether text is coloured. It is a flag's value.
type Color string

// These are the values of Color.
const (
	ColorAuto   Color = "auto"
	ColorAlways Color = "always"
	ColorNever  Color = "never"
)

// Set takes a flag's value.
func (c *Color) Set(s string) error {
	if !slices.Contains([]Color{ColorAuto, ColorAlways, ColorNever}, Color(s)) {
		return errors.New("want one of auto, always, never")
	}
	*c = Color(s)
	return nil
}

// String is the value.
func (c *Color) String() string { return string(*c) }

// Type is what help calls the value.
func (c *Color) Type() string { return "when" }

// NewOptions returns the defaults: an installation by the chart.
func NewOptions() *Options {
	kubeconfig := genericclioptions.NewConfigFlags(true)
	// These are flags of our own, or of another meaning here.
	kubeconfig.Namespace, kubeconfig.ClusterName, kubeconfig.CacheDir = nil, nil, nil
	return &Options{
		Kubeconfig: kubeconfig, Format: report.Text, FailOn: report.FailOnDeny, Color: ColorAuto,
		CertManagerNamespace: "cert-manager", SolverGroup: config.DefaultGroup, SolverWaits: true,
	}
}

// Flags returns all flags, in named groups.
func (o *Options) Flags() *cliflag.NamedFlagSets {
	groups := &cliflag.NamedFlagSets{}
	fs := groups.FlagSet("lint")
	fs.StringVarP(&o.Namespace, "namespace", "n", "", `Namespace of objects that name none. Default: "default", and with --cluster that of the kubeconfig.`)
	fs.StringArrayVar(&o.Context, "context", nil, "File or directory whose objects are there too but are not judged. May be repeated. (The context of the kubeconfig is --kube-context.)")
	fs.BoolVar(&o.Explain, "explain", false, "Print the solver that cert-manager would pick for each DNS name, and why, and judge nothing.")
	fs.BoolVar(&o.Strict, "strict", false, "Say also what most often is right as it is, and what is missing at each object that refers to it.")
	fs.VarP(&o.Format, "output", "o", "Format of the report: "+names(report.Formats())+".")
	fs.Var(&o.FailOn, "fail-on", "Mildest finding for which the command ends with 1: "+names(report.FailOns())+".")
	fs.Var(&o.Color, "color", "Whether text is coloured: auto (on a terminal, unless NO_COLOR is set), always, never.")
	o.addRuleFlags(groups.FlagSet("rules"))
	o.addClusterFlags(groups.FlagSet("cluster"))
	return groups
}

func names[T ~string](values []T) string { return strings.Join(texts(values), ", ") }

func texts[T ~string](values []T) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = string(v)
	}
	return list
}

func (o *Options) addRuleFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.PolicyFile, "policy", "", "File with the policy, as the admission server's.")
	fs.StringVar(&o.CADataFile, "ca-data", "", "File with CA data, as the admission server's.")
	fs.StringSliceVar(&o.OnlyRules, "rule", nil, `Judge by this rule alone. May be repeated. "certyun rules" lists them.`)
	fs.StringSliceVar(&o.SkipRules, "skip-rule", nil, "Judge without this rule. May be repeated.")
	fs.StringVar(&o.CertManagerNamespace, "cert-manager-namespace", o.CertManagerNamespace, "Namespace that cert-manager runs in.")
	fs.StringVar(&o.ClusterResourceNamespace, "cluster-resource-namespace", "", "Namespace of ClusterIssuers' Secrets. Default: the namespace that cert-manager runs in.")
	fs.StringVar(&o.CertManagerVersion, "cert-manager-version", "", "Version of cert-manager, like v1.21.2. Default: the one that certyun was built with.")
	fs.StringVar(&o.SolverGroup, "solver-group", o.SolverGroup, `API group of certyun's solvers; "" where they are not installed.`)
	fs.BoolVar(&o.SolverWaits, "solver-waits", o.SolverWaits, "certyun's solvers wait until records are visible.")
	fs.StringVar(&o.AmbientCredentials, config.AmbientFlag, "", "Which Issuers that name no Secret may use the credentials of certyun's solvers: cluster-issuers, all or none, as the solver's flag of this name says. Default: not known.")
	fs.StringSliceVar(&o.AmbientRoles, config.AmbientRolesFlag, nil, "ARNs of the roles that may be assumed with these credentials, as the solver's flag of this name says. Known where --"+config.AmbientFlag+" is given. Default: none.")
	fs.BoolVar(&o.DefaultIssuer, "default-issuer", false, "cert-manager has a default issuer for annotated Ingresses (--default-issuer-name).")
}

func (o *Options) addClusterFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Cluster, "cluster", false, "Judge among the objects of the cluster too. It is only read.")
	context := o.Kubeconfig.Context
	o.Kubeconfig.Context = nil
	o.Kubeconfig.AddFlags(fs)
	o.Kubeconfig.Context = context
	fs.StringVar(context, "kube-context", "", "The name of the kubeconfig context to use.")
}

// Complete fills in what follows from other settings.
func (o *Options) Complete(paths []string) error {
	o.Paths = paths
	if o.ClusterResourceNamespace == "" {
		o.ClusterResourceNamespace = o.CertManagerNamespace
	}
	if o.CertManagerVersion == "" {
		o.CertManagerVersion = rule.BuiltWith()
	}
	if o.Namespace == "" && o.Cluster {
		namespace, _, err := o.Kubeconfig.ToRawKubeConfigLoader().Namespace()
		if err != nil {
			return fmt.Errorf("the kubeconfig: %w", err)
		}
		o.Namespace = namespace
	}
	if o.Namespace == "" {
		o.Namespace, o.guessed = "default", true
	}
	return nil
}

// Validate reports everything that is wrong, each with its flag.
func (o *Options) Validate() error {
	var errs []error
	if len(o.Paths) == 0 {
		errs = append(errs, errors.New("name the files or directories to check, or - for standard input"))
	}
	stdin := 0
	for _, path := range slices.Concat(o.Paths, o.Context) {
		if path == report.Stdin {
			stdin++
		}
	}
	if stdin > 1 {
		errs = append(errs, errors.New("standard input (-) can be read once only"))
	}
	if o.Explain && o.Format != report.Text {
		errs = append(errs, fmt.Errorf("--explain prints text only, not %s", o.Format))
	}
	for flag, name := range map[string]string{
		"--cert-manager-namespace": o.CertManagerNamespace, "--cluster-resource-namespace": o.ClusterResourceNamespace, "--namespace": o.Namespace,
	} {
		if len(validation.IsDNS1123Label(name)) > 0 {
			errs = append(errs, fmt.Errorf("%s %q is not the name of a namespace", flag, name))
		}
	}
	if _, err := version.ParseSemantic(o.CertManagerVersion); err != nil && o.CertManagerVersion != "" {
		errs = append(errs, fmt.Errorf("--cert-manager-version %q is not a version like v1.21.2", o.CertManagerVersion))
	}
	if o.SolverGroup != "" && len(validation.IsDNS1123Subdomain(o.SolverGroup)) > 0 {
		errs = append(errs, fmt.Errorf("--solver-group %q is not an API group", o.SolverGroup))
	}
	if o.PolicyFile != "" {
		if _, err := os.Stat(o.PolicyFile); err != nil {
			errs = append(errs, fmt.Errorf("--policy: %w", err))
		}
	}
	if o.CADataFile != "" {
		if _, err := os.Stat(o.CADataFile); err != nil {
			errs = append(errs, fmt.Errorf("--ca-data: %w", err))
		}
	}
	_, _, err := o.ambient()
	errs = append(errs, err, unknownRules("--rule", o.OnlyRules), unknownRules("--skip-rule", o.SkipRules))
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return errors.Join(errs...)
}

// ambient is what is known of who may use the solvers' own credentials, and the same for any role; nil for nothing.
func (o *Options) ambient() (known, anyRole *config.Ambient, err error) {
	switch {
	case o.AmbientCredentials == "" && len(o.AmbientRoles) == 0:
		return nil, nil, nil
	case o.AmbientCredentials == "":
		return nil, nil, fmt.Errorf("--%s needs --%s: roles alone do not tell which Issuers may assume them", config.AmbientRolesFlag, config.AmbientFlag)
	}
	listed, err := config.NewAmbient(o.AmbientCredentials, o.AmbientRoles)
	if err != nil {
		return nil, nil, err
	}
	every, err := config.NewAmbient(o.AmbientCredentials, []string{"acs:ram::*", "qcs::cam::uin/*"})
	return &listed, &every, err
}

// unknownRules reports rules that there are not, with the names that are near.
func unknownRules(flag string, ids []string) error {
	rules := catalogue.All()
	var errs []error
	for _, id := range ids {
		if slices.ContainsFunc(rules, func(r rule.Rule) bool { return r.ID == id }) {
			continue
		}
		hint := `"certyun rules" lists them`
		if near := catalogue.Near(id); len(near) > 0 {
			hint = fmt.Sprintf(`did you mean "%s"?`, strings.Join(near, `" or "`))
		}
		errs = append(errs, fmt.Errorf("%s: there is no rule %q; %s", flag, id, hint))
	}
	return errors.Join(errs...)
}

// wanted tells whether findings of a rule are wanted.
func (o *Options) wanted(id string) bool {
	return (len(o.OnlyRules) == 0 || slices.Contains(o.OnlyRules, id)) && !slices.Contains(o.SkipRules, id)
}
