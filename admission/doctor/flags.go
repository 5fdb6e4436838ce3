package doctor

import (
	"errors"
	"fmt"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // for kubeconfigs that name a provider of credentials

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	outputText = "text"
	outputJSON = "json"

	kindAuto = "auto"

	defaultTimeout = 2 * time.Minute
	// watchInterval is how often --watch looks.
	watchInterval = 2 * time.Second
	// defaultPatience is how long the same cause has to last under --watch.
	defaultPatience = 30 * time.Second
	// handshakeTimeout is short: from outside of a cluster nobody answers.
	handshakeTimeout = 2 * time.Second
)

func outputs() []string { return []string{outputText, outputJSON} }

func kinds() []string { return []string{kindAuto, cmapi.IssuerKind, cmapi.ClusterIssuerKind} }

// flags are the settings of the command.
type flags struct {
	kube    *genericclioptions.ConfigFlags
	options Options

	caData      string
	output      string
	timeout     time.Duration
	nameservers []string
	dnsPort     int

	alidnsEndpoint, dnspodEndpoint, alidnsSTS, dnspodSTS, cloudCAFile string

	// watch and stuckAfter are of the command certificate, kind of the command issuer.
	watch      bool
	stuckAfter time.Duration
	kind       string
}

func newFlags() *flags {
	return &flags{
		kube: genericclioptions.NewConfigFlags(true), output: outputText, timeout: defaultTimeout, dnsPort: 53,
		stuckAfter: defaultPatience, kind: kindAuto,
	}
}

func (o *flags) addTo(fs *pflag.FlagSet) {
	o.kube.AddFlags(fs)
	fs.StringVarP(&o.output, "output", "o", o.output, "How to write the diagnosis: text or json.")
	fs.DurationVar(&o.timeout, "timeout", o.timeout, "How long the whole examination may take.")
	fs.StringVar(&o.options.Group, "group-name", "", "API group of certyun's solvers. Default: all that certyun serves in the cluster.")
	fs.StringVar(&o.options.CertManagerNamespace, "cert-manager-namespace", "", "Namespace that cert-manager runs in. Default: where its Deployment is found, else "+defaultNamespace+".")
	fs.StringVar(&o.options.CertManagerServiceAccount, "cert-manager-service-account", "", "ServiceAccount of cert-manager's controller. Default: that of its Deployment, else "+defaultServiceAccount+".")
	fs.StringVar(&o.options.ClusterResourceNamespace, "cluster-resource-namespace", "", "Namespace of ClusterIssuers' Secrets. Default: as cert-manager's Deployment says, else the namespace that it runs in.")
	fs.StringVar(&o.caData, "ca-data", "", "File with CA data, as the admission server's.")
	fs.BoolVar(&o.options.Provider, "provider", false, "Ask the clouds, with the keys of the Issuers, whose they are and which zones their accounts have. Nothing is changed, and no key is shown.")
	fs.StringVar(&o.alidnsEndpoint, "alidns-endpoint", "", "With --provider: URL of the API of Alibaba Cloud DNS, as the solver's flag.")
	fs.StringVar(&o.dnspodEndpoint, "dnspod-endpoint", "", "With --provider: URL of the API of Tencent Cloud DNSPod, as the solver's flag.")
	fs.StringVar(&o.alidnsSTS, "alidns-sts-endpoint", "", "With --provider: URL of the API that knows whose keys are, and at which roles are assumed, as the solver's flag.")
	fs.StringVar(&o.dnspodSTS, "dnspod-sts-endpoint", "", "With --provider: URL of the API that knows whose keys are, and at which roles are assumed, as the solver's flag.")
	fs.StringVar(&o.cloudCAFile, "cloud-ca-file", "", "With --provider: file with root certificates in PEM form that are trusted at the clouds' endpoints, too.")
	fs.BoolVar(&o.options.DNS, "dns", false, "Look at the DNS: CNAMEs, the zone and its servers, CAA, and what each server shows. It is seen from here, not from the solver.")
	fs.StringSliceVar(&o.nameservers, "nameservers", nil, "With --dns: resolvers (host:port or host) to ask. Default: the system's.")
	fs.IntVar(&o.dnsPort, "dns-port", o.dnsPort, "With --dns: port at which the zones' own name servers are asked.")
}

// doctor connects to the cluster that the flags name.
func (o *flags) doctor(cmd *cobra.Command) (*Doctor, error) {
	config, err := o.kube.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	namespace, _, err := o.kube.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	if wrong := content.IsPathSegmentName(namespace); len(wrong) > 0 {
		return nil, usage(cmd, fmt.Errorf("--namespace %q: %s", namespace, strings.Join(wrong, ", ")))
	}
	resolvers, err := o.resolvers(cmd)
	if err != nil {
		return nil, err
	}
	endpoints, wrong := endpointsOf("endpoint", o.alidnsEndpoint, o.dnspodEndpoint)
	sts, wrongSTS := endpointsOf("sts-endpoint", o.alidnsSTS, o.dnspodSTS)
	if err := errors.Join(wrong, wrongSTS); err != nil {
		return nil, usage(cmd, err)
	}
	clouds, err := newClouds(endpoints, sts, o.cloudCAFile)
	if err != nil {
		return nil, err
	}
	options := o.options
	if options.CAs, err = ca.FromFile(o.caData); err != nil {
		return nil, usage(cmd, fmt.Errorf("--ca-data: %w", err))
	}
	options.Program = cmd.Root().CommandPath()
	return New(config, namespace, options, &DNS{Resolvers: resolvers, Port: uint16(o.dnsPort)}, clouds)
}

// endpointsOf are those of the clouds that flags of a kind name, by the name of the solver.
func endpointsOf(kind, alidns, dnspod string) (map[string]wire.Endpoint, error) {
	first, wrong := wire.EndpointOfFlag(alidnsName+"-"+kind, alidns)
	second, alsoWrong := wire.EndpointOfFlag(dnspodName+"-"+kind, dnspod)
	return map[string]wire.Endpoint{alidnsName: first, dnspodName: second}, errors.Join(wrong, alsoWrong)
}

// resolvers are those to ask; without any named, the system's.
func (o *flags) resolvers(cmd *cobra.Command) ([]string, error) {
	names := o.nameservers
	if len(names) == 0 {
		system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil {
			if o.options.DNS {
				return nil, fmt.Errorf("the system's resolvers are not known; name some with --nameservers: %w", err)
			}
			return nil, nil
		}
		names = system.Servers
	}
	var resolvers []string
	for _, name := range names {
		resolver, err := propagation.ParseResolver(name)
		if err != nil {
			return nil, usage(cmd, fmt.Errorf("--nameservers: %w", err))
		}
		resolvers = append(resolvers, resolver)
	}
	return resolvers, nil
}
