package admission

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/version"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/solvers/config"
)

// defaultPort needs no privilege.
const defaultPort = 9443

// What becomes of an object that could not be judged in full.
const (
	unjudgedAllow = "allow"
	unjudgedDeny  = "deny"
)

// Options are the settings of the admission server.
type Options struct {
	Logging    *logsapi.LoggingConfiguration
	Kubeconfig string
	SecurePort int
	TLS        TLSOptions
	// ClientCAFile and ClientNames verify who asks for reviews. Without a file nobody is asked who he is.
	ClientCAFile string
	ClientNames  []string

	PolicyFile string
	// CADataFile extends what is known of CAs.
	CADataFile string
	// Unjudged is unjudgedAllow or unjudgedDeny: what becomes of an object that could not be judged in full.
	Unjudged                 string
	CertManagerNamespace     string
	CertManagerUsers         []string
	ClusterResourceNamespace string
	CertManagerVersion       string
	DefaultIssuer            bool
	SolverGroup              string
	SolverWaits              bool
	AmbientCredentials       string
	AmbientRoles             []string
	SecretNamespaces         []string

	MetricsBindAddress string
	// ShutdownDelay is how long reviews are still answered after the end was asked for.
	ShutdownDelay time.Duration
}

// TLSOptions say where the serving certificate is from: files, or a CA of our own in a Secret.
type TLSOptions struct {
	CertFile, KeyFile           string
	SecretNamespace, SecretName string
	DNSNames                    []string
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	return &Options{
		Logging:              logsapi.NewLoggingConfiguration(),
		SecurePort:           defaultPort,
		CertManagerNamespace: "cert-manager",
		CertManagerUsers:     []string{"cert-manager", "cert-manager-webhook", "cert-manager-cainjector"},
		SolverGroup:          config.DefaultGroup,
		AmbientCredentials:   config.AmbientClusterIssuers,
		Unjudged:             unjudgedAllow,
		MetricsBindAddress:   ":9402",
	}
}

// Flags returns all flags, in named groups.
func (o *Options) Flags() *cliflag.NamedFlagSets {
	groups := &cliflag.NamedFlagSets{}
	o.addServingFlags(groups.FlagSet("serving"))
	o.addRuleFlags(groups.FlagSet("rules"))
	logs.AddFlags(o.Logging, groups.FlagSet("logging"))
	return groups
}

func (o *Options) addServingFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Kubeconfig, "kubeconfig", "", "kubeconfig file of the cluster whose objects are judged. Default: the cluster that the server runs in.")
	fs.IntVar(&o.SecurePort, "secure-port", o.SecurePort, "Port for reviews (/validate) and probes (/livez, /readyz), over HTTPS.")
	fs.StringVar(&o.TLS.CertFile, "tls-cert-file", "", "File with the serving certificate, in PEM form. It is read again when it changes.")
	fs.StringVar(&o.TLS.KeyFile, "tls-private-key-file", "", "File with the serving certificate's private key, in PEM form.")
	fs.StringVar(&o.TLS.SecretNamespace, "tls-secret-namespace", "", "Namespace of the Secret with the CA of the serving certificate, where none is given in files.")
	fs.StringVar(&o.TLS.SecretName, "tls-secret-name", "", "Name of the Secret with the CA of the serving certificate. The CA is made and renewed in it.")
	fs.StringSliceVar(&o.TLS.DNSNames, "tls-dns-names", nil, "DNS names of the serving certificate that this CA signs.")
	fs.StringVar(&o.ClientCAFile, "client-ca-file", "", "File with the CA of the API server's client certificate, in PEM form. When it is set, reviews are given to nobody else.")
	fs.StringSliceVar(&o.ClientNames, "client-names", nil, "Common names that the client certificate may have. Default: any.")
	fs.StringVar(&o.MetricsBindAddress, "metrics-bind-address", o.MetricsBindAddress, "Address for metrics (/metrics), over HTTP; 0 turns them off.")
	fs.DurationVar(&o.ShutdownDelay, "shutdown-delay-duration", 0, "How long to go on serving after SIGTERM while /readyz already fails, so that no review is lost on the way.")
}

func (o *Options) addRuleFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.PolicyFile, "policy", "", "File with the policy. It is read again when it changes.")
	fs.StringVar(&o.CADataFile, "ca-data", "", "File with CA data, which adds CAs or changes what is known of one. It is read again when it changes.")
	fs.StringVar(&o.Unjudged, "unjudged", o.Unjudged, "What becomes of a Certificate, Issuer or ClusterIssuer that could not be checked in full: allow lets it through with a warning, deny refuses it.")
	fs.StringVar(&o.CertManagerNamespace, "cert-manager-namespace", o.CertManagerNamespace, "Namespace that cert-manager runs in.")
	fs.StringSliceVar(&o.CertManagerUsers, "cert-manager-service-accounts", o.CertManagerUsers, "cert-manager's own ServiceAccounts in that namespace. What they write is never judged.")
	fs.StringVar(&o.ClusterResourceNamespace, "cluster-resource-namespace", "", "Namespace of ClusterIssuers' Secrets. Default: the namespace that cert-manager runs in.")
	fs.StringVar(&o.CertManagerVersion, "cert-manager-version", "", "Version of cert-manager, like v1.21.2. Default: the one that certyun was built with.")
	fs.BoolVar(&o.DefaultIssuer, "default-issuer", false, "cert-manager has a default issuer for annotated Ingresses (--default-issuer-name).")
	fs.StringVar(&o.SolverGroup, "solver-group", o.SolverGroup, `API group of certyun's solvers; "" where they are not installed.`)
	fs.BoolVar(&o.SolverWaits, "solver-waits", false, "certyun's solvers wait until records are visible.")
	fs.StringVar(&o.AmbientCredentials, config.AmbientFlag, o.AmbientCredentials, "Which Issuers that name no Secret may use the credentials of certyun's solvers: cluster-issuers, all or none, as the solver's flag of this name says.")
	fs.StringSliceVar(&o.AmbientRoles, config.AmbientRolesFlag, nil, "ARNs of the roles that may be assumed with these credentials, as the solver's flag of this name says. Default: none.")
	fs.StringSliceVar(&o.SecretNamespaces, "secret-metadata-namespaces", nil, "Namespaces in which the server may see which Secrets exist. Default: none.")
}

// Complete fills in what follows from other settings.
func (o *Options) Complete() {
	if o.ClusterResourceNamespace == "" {
		o.ClusterResourceNamespace = o.CertManagerNamespace
	}
	if o.CertManagerVersion == "" {
		o.CertManagerVersion = rule.BuiltWith()
	}
}

// Validate reports everything that is wrong, each with its flag.
func (o *Options) Validate() error {
	errs := []error{o.TLS.validate()}
	if err := logsapi.Validate(o.Logging, nil, nil).ToAggregate(); err != nil {
		errs = append(errs, err)
	}
	if o.SecurePort < 1 || o.SecurePort > 65535 {
		errs = append(errs, fmt.Errorf("--secure-port %d must be from 1 to 65535", o.SecurePort))
	}
	if len(o.ClientNames) > 0 && o.ClientCAFile == "" {
		errs = append(errs, errors.New("--client-names needs --client-ca-file: names of certificates that nobody verified mean nothing"))
	}
	if o.MetricsBindAddress != "0" {
		if _, _, err := net.SplitHostPort(o.MetricsBindAddress); err != nil {
			errs = append(errs, fmt.Errorf("--metrics-bind-address %q must be host:port, :port or 0", o.MetricsBindAddress))
		}
	}
	errs = append(errs, exists("--client-ca-file", o.ClientCAFile), exists("--policy", o.PolicyFile), exists("--ca-data", o.CADataFile), exists("--kubeconfig", o.Kubeconfig))
	if o.ShutdownDelay < 0 {
		errs = append(errs, fmt.Errorf("--shutdown-delay-duration %s must not be negative", o.ShutdownDelay))
	}
	return errors.Join(append(errs, o.validateRules())...)
}

// validateRules reports what is wrong with what the rules are told.
func (o *Options) validateRules() error {
	var errs []error
	if o.Unjudged != unjudgedAllow && o.Unjudged != unjudgedDeny {
		errs = append(errs, fmt.Errorf("--unjudged %q must be allow or deny", o.Unjudged))
	}
	namespace := func(flag, name string) {
		if len(validation.IsDNS1123Label(name)) > 0 {
			errs = append(errs, fmt.Errorf("%s %q is not the name of a namespace", flag, name))
		}
	}
	namespace("--cert-manager-namespace", o.CertManagerNamespace)
	namespace("--cluster-resource-namespace", o.ClusterResourceNamespace)
	for _, name := range o.SecretNamespaces {
		namespace("--secret-metadata-namespaces", name)
	}
	if _, err := version.ParseSemantic(o.CertManagerVersion); err != nil && o.CertManagerVersion != "" {
		errs = append(errs, fmt.Errorf("--cert-manager-version %q is not a version like v1.21.2", o.CertManagerVersion))
	}
	if o.SolverGroup != "" && len(validation.IsDNS1123Subdomain(o.SolverGroup)) > 0 {
		errs = append(errs, fmt.Errorf("--solver-group %q is not an API group", o.SolverGroup))
	}
	_, err := o.settings()
	errs = append(errs, err)
	return errors.Join(errs...)
}

// settings are what the rules are told.
func (o *Options) settings() (rule.Settings, error) {
	ambient, err := config.NewAmbient(o.AmbientCredentials, o.AmbientRoles)
	return rule.Settings{
		ClusterResourceNamespace: o.ClusterResourceNamespace, CertManagerVersion: o.CertManagerVersion,
		SolverGroup: o.SolverGroup, SolverWaits: o.SolverWaits, Ambient: &ambient, DefaultIssuer: o.DefaultIssuer,
	}, err
}

func exists(flag, file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

func (o *TLSOptions) validate() error {
	files, secret := o.CertFile != "" || o.KeyFile != "", o.SecretName != "" || o.SecretNamespace != "" || len(o.DNSNames) > 0
	switch {
	case files && secret:
		return errors.New("--tls-cert-file and --tls-private-key-file exclude --tls-secret-namespace, --tls-secret-name and --tls-dns-names")
	case files && (o.CertFile == "" || o.KeyFile == ""):
		return errors.New("--tls-cert-file and --tls-private-key-file belong together")
	case secret && (o.SecretName == "" || o.SecretNamespace == "" || len(o.DNSNames) == 0):
		return errors.New("--tls-secret-namespace, --tls-secret-name and --tls-dns-names belong together")
	case !files && !secret:
		return errors.New("a serving certificate is needed: --tls-cert-file and --tls-private-key-file, or --tls-secret-namespace, --tls-secret-name and --tls-dns-names")
	}
	return nil
}

// users are the user names of what must never be held up: cert-manager itself, and the controllers that delete.
func (o *Options) users() map[string]bool {
	users := map[string]bool{
		"system:serviceaccount:kube-system:generic-garbage-collector": true,
		"system:serviceaccount:kube-system:namespace-controller":      true,
	}
	for _, name := range o.CertManagerUsers {
		users["system:serviceaccount:"+o.CertManagerNamespace+":"+name] = true
	}
	return users
}
