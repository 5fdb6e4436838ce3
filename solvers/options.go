package solvers

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd/server"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/certyun/certyun/solvers/provider"
)

// DefaultGroup is the API group of the solvers. The top-level domain "internal" is reserved for private use
// (https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en),
// so the name clashes with nobody's.
const DefaultGroup = "acme.certyun.internal"

// defaultPort needs no privilege.
const defaultPort = 8443

// defaultQPS is well below the limits that the clouds document or that users report, with room for a second replica:
// DNSPod allows 20 calls a second and more (https://cloud.tencent.com/document/api/1427/56180); Alidns publishes no number.
const defaultQPS = 10

// Options are the settings of the solver's server.
type Options struct {
	// Server has the flags of the generic API server.
	Server *server.WebhookServerOptions

	Alidns, DNSPod HostOptions
	// CloudCAFile names a file with more roots for the clouds' endpoints, in PEM form.
	CloudCAFile string
}

// HostOptions are the settings for one DNS host.
type HostOptions struct {
	// Endpoint is the URL of the API, "" for the public one.
	Endpoint string
	// QPS is how many calls a second one account makes at most.
	QPS float64

	endpoint provider.Endpoint // set by Validate
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	o := &Options{
		Server: server.NewWebhookServerOptions(""),
		Alidns: HostOptions{QPS: defaultQPS},
		DNSPod: HostOptions{QPS: defaultQPS},
	}
	serving := o.Server.RecommendedOptions.SecureServing
	serving.BindPort = defaultPort
	// Without a directory, a certificate that is made for want of another stays in memory: the file system is read-only.
	serving.ServerCert.CertDirectory = ""
	return o
}

// Flags returns all flags, in named groups.
func (o *Options) Flags() *cliflag.NamedFlagSets {
	groups := &cliflag.NamedFlagSets{}
	o.addFlags(groups.FlagSet("solver"))
	logs.AddFlags(o.Server.Logging, groups.FlagSet("logging"))
	o.Server.RecommendedOptions.AddFlags(groups.FlagSet("API server"))
	return groups
}

func (o *Options) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Server.SolverGroup, "group-name", "", "API group of the solvers: the groupName in Issuers. Default: the environment variable GROUP_NAME, else "+DefaultGroup+".")
	o.Alidns.addFlags(fs, "alidns", "Alibaba Cloud DNS", "https://alidns.aliyuncs.com")
	o.DNSPod.addFlags(fs, "dnspod", "Tencent Cloud DNSPod", "https://dnspod.tencentcloudapi.com")
	fs.StringVar(&o.CloudCAFile, "cloud-ca-file", "", "File with root certificates in PEM form that are trusted at the clouds' endpoints beside the system's.")
}

func (o *HostOptions) addFlags(fs *pflag.FlagSet, name, title, endpoint string) {
	fs.StringVar(&o.Endpoint, name+"-endpoint", "", "URL of the API of "+title+". Plain http is accepted only to a loopback address. Default: "+endpoint+".")
	fs.Float64Var(&o.QPS, name+"-qps", o.QPS, "How many calls a second are made to "+title+" with one account's keys, at most.")
}

// Complete fills in what the environment says and the flags do not.
func (o *Options) Complete() error {
	if o.Server.SolverGroup == "" {
		o.Server.SolverGroup = os.Getenv("GROUP_NAME")
	}
	if o.Server.SolverGroup == "" {
		o.Server.SolverGroup = DefaultGroup
	}
	return o.Server.Complete()
}

// Validate reports everything that is wrong, each with its flag.
func (o *Options) Validate() error {
	errs := []error{
		validateGroup(o.Server.SolverGroup),
		o.Alidns.validate("alidns"),
		o.DNSPod.validate("dnspod"),
	}
	if err := logsapi.Validate(o.Server.Logging, nil, nil).ToAggregate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, o.Server.RecommendedOptions.Validate()...)...)
}

func validateGroup(group string) error {
	if msgs := validation.IsDNS1123Subdomain(group); len(msgs) > 0 || !strings.Contains(group, ".") {
		return fmt.Errorf("--group-name %q is not an API group; it must be a domain name such as %s", group, DefaultGroup)
	}
	for _, taken := range []string{"cert-manager.io", "k8s.io"} {
		if group == taken || strings.HasSuffix(group, "."+taken) {
			return fmt.Errorf("--group-name %q belongs to %s and would hide its API; use a name of your own or %s", group, taken, DefaultGroup)
		}
	}
	return nil
}

func (o *HostOptions) validate(name string) error {
	if o.QPS <= 0 {
		return fmt.Errorf("--%s-qps %v must be greater than 0", name, o.QPS)
	}
	if o.Endpoint == "" {
		return nil
	}
	endpoint, err := provider.ParseEndpoint(o.Endpoint)
	if err != nil {
		return fmt.Errorf("--%s-endpoint: %w", name, err)
	}
	o.endpoint = endpoint
	return nil
}
