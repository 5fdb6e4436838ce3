package solvers

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook/cmd/server"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	cliflag "k8s.io/component-base/cli/flag"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/wire"
)

// defaultPort needs no privilege.
const defaultPort = 8443

// defaultQPS is the lowest limit that a cloud documents: DNSPod allows 20 calls a second and more
// (https://cloud.tencent.com/document/api/1427/56180); Alidns publishes no number. Where fewer are allowed, or several replicas
// share them, calls become slower by themselves.
const defaultQPS = 20

// Both leave room for an API call or two under operationTimeout. Where nobody can tell whether a record is visible, Present
// succeeds only after the whole wait, so with less room it never would.
const (
	defaultPropagationTimeout = 30 * time.Second
	maxPropagationTimeout     = 30 * time.Second
)

// What is written ahead: as many records as cert-manager works on in some minutes, and no more than fit into a ConfigMap.
const (
	defaultAhead = 200
	maxAhead     = 1000
)

// A CA's resolvers keep answers for their TTL, Let's Encrypt's for a minute at most
// (https://community.letsencrypt.org/t/126670).
const (
	defaultCAMemory = time.Minute
	maxCAMemory     = 10 * time.Minute
)

// defaultShutdownDelay is how long it takes at most until nobody is sent any more to a Pod that ends. With what follows it must fit
// into the Pod's grace period, which the chart sets: operationTimeout, and ahead.HandOverWithin.
const (
	defaultShutdownDelay = 5 * time.Second
	maxShutdownDelay     = time.Minute
)

// Options are the settings of the solver's server.
type Options struct {
	// Server has the flags of the generic API server.
	Server *server.WebhookServerOptions

	Alidns, DNSPod HostOptions
	// CloudCAFile names a file with more roots for the clouds' endpoints, in PEM form.
	CloudCAFile string
	// Propagation says how Present waits until a record is visible.
	Propagation PropagationOptions
	// Ahead says what is written before cert-manager asks for it.
	Ahead AheadOptions
	// CAMemory is how long a CA may remember an answer.
	CAMemory time.Duration
	// Ambient says who may use the credentials of the process's surroundings.
	Ambient AmbientOptions
	// CNAMETargets are the domains that CNAME records at the names of challenges may lead into. None means any.
	CNAMETargets []string
	// MetricsBindAddress is where metrics are served, "0" for nowhere.
	MetricsBindAddress string
	// Version is the program's, for its metrics.
	Version string
	// ShutdownDelay is how long requests are still answered after the end was asked for.
	ShutdownDelay time.Duration
	// AnyValue lets values pass that are none of a challenge's. It is for cert-manager's conformance suite, whose values are none,
	// and has no flag: see challengeValue.
	AnyValue bool
}

// AheadOptions are the settings of what is written ahead.
type AheadOptions struct {
	// Max is how many records are written of Challenges that cert-manager has not started yet; 0 turns all of it off.
	Max int
	// ClusterResourceNamespace has the Secrets of ClusterIssuers.
	ClusterResourceNamespace string
	// Namespace has the Lease and the ConfigMap.
	Namespace string
}

// AmbientOptions are who may use ambient credentials: see config.NewAmbient.
type AmbientOptions struct {
	Issuers string
	Roles   []string
}

// PropagationOptions are the settings of the wait for a record.
type PropagationOptions struct {
	// Timeout bounds the wait; 0 turns it off.
	Timeout time.Duration
	// Nameservers are the resolvers that are asked for a zone's name servers, "host:port" or "host". None means the system's.
	Nameservers []string
	// Port is where authoritative name servers are asked.
	Port int
	// AllowNetworks are networks of private addresses that may be asked all the same.
	AllowNetworks []string
	// Strict makes an error of a wait in which no name server answered with authority.
	Strict bool
}

// HostOptions are the settings for one DNS host.
type HostOptions struct {
	// Endpoint is the URL of the API, "" for the public one; STSEndpoint that of the API that gives sessions of roles, and
	// MetadataEndpoint that of the service that tells a node its own role.
	Endpoint, STSEndpoint, MetadataEndpoint string
	// QPS is how many calls a second one account makes at most.
	QPS float64

	name string
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	o := &Options{
		Server: server.NewWebhookServerOptions(""),
		Alidns: HostOptions{name: AlidnsName, QPS: defaultQPS},
		DNSPod: HostOptions{name: DNSPodName, QPS: defaultQPS},

		Propagation: PropagationOptions{Timeout: defaultPropagationTimeout, Port: 53},
		Ahead:       AheadOptions{Max: defaultAhead, ClusterResourceNamespace: "cert-manager"},
		CAMemory:    defaultCAMemory,
		Ambient:     AmbientOptions{Issuers: config.AmbientClusterIssuers},

		ShutdownDelay:      defaultShutdownDelay,
		MetricsBindAddress: ":9402",
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
	fs.StringVar(&o.Server.SolverGroup, "group-name", "", "API group of the solvers: the groupName in Issuers. Default: the environment variable GROUP_NAME, else "+config.DefaultGroup+".")
	o.Alidns.addFlags(fs, "Alibaba Cloud DNS", "https://alidns.aliyuncs.com", "https://sts.aliyuncs.com", "http://100.100.100.200")
	o.DNSPod.addFlags(fs, "Tencent Cloud DNSPod", "https://dnspod.tencentcloudapi.com", "https://sts.tencentcloudapi.com", "http://metadata.tencentyun.com")
	o.Propagation.addFlags(fs)
	o.Ahead.addFlags(fs)
	fs.StringSliceVar(&o.CNAMETargets, "cname-targets", nil, "Domains in which records may be written that CNAME records lead to (cnameStrategy: Follow): at these names and beneath them. Default: any domain of the account.")
	fs.StringVar(&o.Ambient.Issuers, config.AmbientFlag, o.Ambient.Issuers, "Which Issuers that name no Secret may use the credentials of the solver's own Pod or node, where cert-manager allows it too: cluster-issuers, all or none. What is in --cluster-resource-namespace counts as a ClusterIssuer's.")
	fs.StringSliceVar(&o.Ambient.Roles, config.AmbientRolesFlag, nil, "ARNs of the roles (roleArn) that may be assumed with these credentials, where * stands for any characters. Default: none.")
	fs.DurationVar(&o.CAMemory, "ca-memory", o.CAMemory, "How long the resolvers of a CA may remember what a name answered. As long a value is held back that was not visible when the CA may have looked. 0 holds nothing back.")
	fs.StringVar(&o.MetricsBindAddress, "metrics-bind-address", o.MetricsBindAddress, "Address for metrics (/metrics), over HTTP; 0 turns them off.")
	fs.DurationVar(&o.ShutdownDelay, "shutdown-delay-duration", o.ShutdownDelay, "How long to go on serving after SIGTERM while /readyz already fails, so that no challenge is lost on the way.")
	fs.StringVar(&o.CloudCAFile, "cloud-ca-file", "", "File with root certificates in PEM form that are trusted at the clouds' endpoints beside the system's.")
}

func (o *HostOptions) addFlags(fs *pflag.FlagSet, title, endpoint, sts, metadata string) {
	fs.StringVar(&o.Endpoint, o.name+"-endpoint", "", "URL of the API of "+title+". Plain http is accepted only to a loopback address. Default: "+endpoint+".")
	fs.StringVar(&o.STSEndpoint, o.name+"-sts-endpoint", "", "URL of the API at which roles are assumed (roleArn) for "+title+". Default: "+sts+".")
	fs.StringVar(&o.MetadataEndpoint, o.name+"-metadata-endpoint", "", "URL of the service that gives a node of "+title+"'s cloud the keys of its role. Default: "+metadata+".")
	fs.Float64Var(&o.QPS, o.name+"-qps", o.QPS, "How many calls a second are made to "+title+" with one account's keys, at most. While the cloud throttles they are fewer.")
}

func (o *PropagationOptions) addFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Timeout, "propagation-timeout", o.Timeout, "How long a challenge waits at most until the zone's authoritative name servers show its record, up to 30s. 0 turns the wait off; then leave cert-manager's self check on.")
	fs.StringSliceVar(&o.Nameservers, "propagation-nameservers", nil, "Resolvers (host:port or host) that are asked for the name servers of a zone and their addresses. Default: the system's.")
	fs.IntVar(&o.Port, "propagation-port", o.Port, "Port at which authoritative name servers are asked.")
	fs.StringSliceVar(&o.AllowNetworks, "propagation-allow-networks", nil, "Networks (CIDR) whose addresses are asked although they are private, loopback or link-local.")
	fs.BoolVar(&o.Strict, "propagation-strict", false, "Fail where no authoritative name server can be reached, instead of waiting for the whole of --propagation-timeout and going on.")
}

func (o *AheadOptions) addFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.Max, "ahead", o.Max, "How many challenges that cert-manager has not started yet have their records written already, up to 1000. 0 also turns off that all records of a name are written together; then no right to read Challenges and Orders is needed.")
	fs.StringVar(&o.ClusterResourceNamespace, "cluster-resource-namespace", o.ClusterResourceNamespace, "Namespace of the Secrets of ClusterIssuers: what cert-manager's flag of this name says.")
	fs.StringVar(&o.Namespace, "ahead-namespace", "", "Namespace of the Lease and the ConfigMap, both named like the API group, with which replicas agree on what is written ahead. Default: the environment variable POD_NAMESPACE, else that of --cluster-resource-namespace.")
}

// Complete fills in what the environment says and the flags do not.
func (o *Options) Complete() error {
	if o.Server.SolverGroup == "" {
		o.Server.SolverGroup = os.Getenv("GROUP_NAME")
	}
	if o.Server.SolverGroup == "" {
		o.Server.SolverGroup = config.DefaultGroup
	}
	for _, namespace := range []string{os.Getenv("POD_NAMESPACE"), o.Ahead.ClusterResourceNamespace} {
		if o.Ahead.Namespace == "" {
			o.Ahead.Namespace = namespace
		}
	}
	return o.Server.Complete()
}

// Validate reports everything that is wrong, each with its flag.
func (o *Options) Validate() error {
	_, badTargets := o.cnameTargets()
	_, unknownAmbient := config.NewAmbient(o.Ambient.Issuers, o.Ambient.Roles)
	errs := []error{
		badTargets,
		unknownAmbient,
		validateGroup(o.Server.SolverGroup),
		o.Alidns.validate(),
		o.DNSPod.validate(),
		o.Propagation.validate(),
		o.Ahead.validate(),
		validateCAMemory(o.CAMemory),
		validateShutdownDelay(o.ShutdownDelay),
		validateMetricsAddress(o.MetricsBindAddress),
	}
	if err := logsapi.Validate(o.Server.Logging, nil, nil).ToAggregate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(append(errs, o.Server.RecommendedOptions.Validate()...)...)
}

func validateGroup(group string) error {
	if msgs := validation.IsDNS1123Subdomain(group); len(msgs) > 0 || !strings.Contains(group, ".") {
		return fmt.Errorf("--group-name %q is not an API group; it must be a domain name such as %s", group, config.DefaultGroup)
	}
	for _, taken := range []string{"cert-manager.io", "k8s.io"} {
		if group == taken || strings.HasSuffix(group, "."+taken) {
			return fmt.Errorf("--group-name %q belongs to %s and would hide its API; use a name of your own or %s", group, taken, config.DefaultGroup)
		}
	}
	return nil
}

func (o *HostOptions) validate() error {
	if !(o.QPS > 0) || math.IsInf(o.QPS, 1) { // NaN is not greater than 0 either
		return fmt.Errorf("--%s-qps %v must be a number greater than 0", o.name, o.QPS)
	}
	_, err := o.endpoints()
	return err
}

// endpoints are where a cloud is, the zero value for the public ones.
type endpoints struct{ host, sts, metadata wire.Endpoint }

func (o *HostOptions) endpoints() (endpoints, error) {
	host, bad := wire.EndpointOfFlag(o.name+"-endpoint", o.Endpoint)
	sts, badSTS := wire.EndpointOfFlag(o.name+"-sts-endpoint", o.STSEndpoint)
	metadata, badMetadata := wire.EndpointOfFlag(o.name+"-metadata-endpoint", o.MetadataEndpoint)
	return endpoints{host, sts, metadata}, errors.Join(bad, badSTS, badMetadata)
}

func (o *PropagationOptions) validate() error {
	var errs []error
	if o.Timeout < 0 || o.Timeout > maxPropagationTimeout {
		errs = append(errs, fmt.Errorf("--propagation-timeout %s must be from 0s to %s: the API calls before the wait need the rest of the %s that a challenge has",
			o.Timeout, maxPropagationTimeout, operationTimeout))
	}
	if o.Port < 1 || o.Port > 65535 {
		errs = append(errs, fmt.Errorf("--propagation-port %d must be from 1 to 65535", o.Port))
	}
	_, unresolved := o.resolvers()
	_, unknown := o.networks()
	errs = append(errs, unresolved, unknown)
	if o.Strict && o.Timeout == 0 {
		errs = append(errs, errors.New("--propagation-strict has no meaning with --propagation-timeout=0, which turns the wait off"))
	}
	return errors.Join(errs...)
}

// resolvers are the addresses of those that are asked for zones, none for the system's.
func (o *PropagationOptions) resolvers() (resolvers []string, err error) {
	for _, text := range o.Nameservers {
		resolver, bad := propagation.ParseResolver(text)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("--propagation-nameservers: %w", bad))
			continue
		}
		resolvers = append(resolvers, resolver)
	}
	return resolvers, err
}

func (o *PropagationOptions) networks() (networks []netip.Prefix, err error) {
	for _, text := range o.AllowNetworks {
		network, bad := netip.ParsePrefix(text)
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("--propagation-allow-networks: %q is not a network; want one like 10.0.0.0/8 or fd00::/8, and /32 or /128 for one address", text))
			continue
		}
		networks = append(networks, network)
	}
	return networks, err
}

// cnameTargets are the canonical names of the domains.
func (o *Options) cnameTargets() (targets []string, err error) {
	for _, text := range o.CNAMETargets {
		target, bad := dnsname.Parse(text)
		if bad == nil && strings.Contains(target, "*") {
			bad = errors.New("it has a *, and names beneath a domain are allowed anyway")
		}
		if bad != nil {
			err = errors.Join(err, fmt.Errorf("--cname-targets: %q is not a domain such as acme.example.net: %w", text, bad))
			continue
		}
		targets = append(targets, target)
	}
	return targets, err
}

func (o *AheadOptions) validate() error {
	var errs []error
	if o.Max < 0 || o.Max > maxAhead {
		errs = append(errs, fmt.Errorf("--ahead %d must be from 0 to %d", o.Max, maxAhead))
	}
	for _, namespace := range []struct{ flag, value string }{
		{"--cluster-resource-namespace", o.ClusterResourceNamespace}, {"--ahead-namespace", o.Namespace},
	} {
		if o.Max > 0 && namespace.value != "" && len(validation.IsDNS1123Label(namespace.value)) > 0 {
			errs = append(errs, fmt.Errorf("%s %q is not the name of a namespace", namespace.flag, namespace.value))
		}
	}
	return errors.Join(errs...)
}

func validateCAMemory(memory time.Duration) error {
	if memory < 0 || memory > maxCAMemory {
		return fmt.Errorf("--ca-memory %s must be from 0s to %s", memory, maxCAMemory)
	}
	return nil
}

func validateShutdownDelay(delay time.Duration) error {
	if delay < 0 || delay > maxShutdownDelay {
		return fmt.Errorf("--shutdown-delay-duration %s must be from 0s to %s", delay, maxShutdownDelay)
	}
	return nil
}

func validateMetricsAddress(address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil && address != "0" {
		return fmt.Errorf("--metrics-bind-address %q must be host:port, :port or 0", address)
	}
	return nil
}
