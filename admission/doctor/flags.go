package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/miekg/dns"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/client-go/discovery"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // for kubeconfigs that name a provider of credentials
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/rule"
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

	output      string
	timeout     time.Duration
	nameservers []string
	dnsPort     int

	alidnsEndpoint, dnspodEndpoint, cloudCAFile string

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
	fs.BoolVar(&o.options.Provider, "provider", false, "Ask the clouds, with the keys of the Issuers, which zones their accounts have. Nothing is changed, and no key is shown.")
	fs.StringVar(&o.alidnsEndpoint, "alidns-endpoint", "", "With --provider: URL of the API of Alibaba Cloud DNS, as the solver's flag.")
	fs.StringVar(&o.dnspodEndpoint, "dnspod-endpoint", "", "With --provider: URL of the API of Tencent Cloud DNSPod, as the solver's flag.")
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
	endpoints, err := o.endpoints()
	if err != nil {
		return nil, usage(cmd, err)
	}
	zones, err := newClouds(endpoints, o.cloudCAFile)
	if err != nil {
		return nil, err
	}
	options := o.options
	options.Program = cmd.Root().CommandPath()
	return New(config, namespace, options, &World{Resolvers: resolvers, Port: uint16(o.dnsPort)}, zones)
}

// endpoints are those of the clouds that the flags name.
func (o *flags) endpoints() (map[string]wire.Endpoint, error) {
	endpoints := map[string]wire.Endpoint{}
	for name, url := range map[string]string{alidnsName: o.alidnsEndpoint, dnspodName: o.dnspodEndpoint} {
		if url == "" {
			continue
		}
		endpoint, err := wire.ParseEndpoint(url)
		if err != nil {
			return nil, fmt.Errorf("--%s-endpoint: %w", name, err)
		}
		endpoints[name] = endpoint
	}
	return endpoints, nil
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

// New returns a Doctor for the cluster at the end of a configuration.
func New(config *rest.Config, namespace string, options Options, world *World, zones Zones) (*Doctor, error) {
	heard := &heardWarnings{}
	config = rest.AddUserAgent(rest.CopyConfig(config), "certyun-doctor")
	config.QPS, config.WarningHandler = -1, heard
	reader, err := client.New(config, client.Options{Scheme: NewScheme(), Mapper: NewMapper()})
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return &Doctor{
		options: options, client: reader, discovery: served{discoverer.RESTClient()}, warnings: heard, handshake: TLS{Timeout: handshakeTimeout},
		world: world, zones: zones, engine: rule.NewEngine(rule.All()), now: time.Now, namespace: namespace,
	}, nil
}

// served implements Discovery. The discovery client has the call for it, but takes no context, and so keeps a user waiting.
type served struct{ rest.Interface }

// Version implements Discovery.
func (s served) Version(ctx context.Context) (*version.Info, error) {
	text, err := s.Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return nil, err
	}
	info := &version.Info{}
	if err := json.Unmarshal(text, info); err != nil {
		return nil, fmt.Errorf("/version is not Kubernetes' own: %w", err)
	}
	return info, nil
}

// Resources implements Discovery.
func (s served) Resources(ctx context.Context, groupVersion string) ([]string, error) {
	list := &metav1.APIResourceList{}
	if err := s.Get().AbsPath("/apis/" + groupVersion).Do(ctx).Into(list); err != nil {
		return nil, err
	}
	names := []string{}
	for _, r := range list.APIResources {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names, nil
}

// heardWarnings implements Warnings, and rest.WarningHandler.
type heardWarnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (h *heardWarnings) HandleWarningHeader(_ int, _, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.texts = append(h.texts, text)
}

// Take implements Warnings.
func (h *heardWarnings) Take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	taken := h.texts
	h.texts = nil
	return taken
}

// completions completes names from the cluster, and values from their lists.
func (o *flags) completions(cmd *cobra.Command) {
	for _, sub := range cmd.Commands() {
		switch sub.Name() {
		case "certificate":
			sub.ValidArgsFunction = o.name(func(l *looker) []string { return namesOf(l, &cmapi.CertificateList{}, l.namespace) })
		case "issuer":
			sub.ValidArgsFunction = o.name(func(l *looker) []string {
				return append(namesOf(l, &cmapi.IssuerList{}, l.namespace), namesOf(l, &cmapi.ClusterIssuerList{}, "")...)
			})
			complete(sub, "kind", kinds())
		}
	}
	complete(cmd, "output", outputs())
	// It fails only for a flag that is not there, or is completed already.
	_ = cmd.RegisterFlagCompletionFunc("namespace", o.names(func(l *looker) []string { return namesOf(l, &corev1.NamespaceList{}, "") }))
}

// complete lets a flag be completed from a list.
func complete(cmd *cobra.Command, flag string, values []string) {
	if cmd.Flag(flag) == nil {
		return
	}
	// It fails only for a flag that is not there, or is completed already.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completionTimeout is how long a user waits for a shell.
const completionTimeout = 3 * time.Second

type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// name completes the one argument of a command.
func (o *flags) name(list func(*looker) []string) completion {
	names := o.names(list)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(cmd, args, typed)
	}
}

func (o *flags) names(list func(*looker) []string) completion {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		d, err := o.doctor(cmd)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := contextFor(cmd, completionTimeout)
		defer cancel()
		var fitting []string
		for _, name := range list(d.look(ctx)) {
			if strings.HasPrefix(name, typed) {
				fitting = append(fitting, name)
			}
		}
		return fitting, cobra.ShellCompDirectiveNoFileComp
	}
}

// contextFor is the command's context with an end. While a shell completes, a command has none.
func contextFor(cmd *cobra.Command, timeout time.Duration) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, timeout)
}

// namesOf lists the names of the objects of a kind.
func namesOf(l *looker, list client.ObjectList, namespace string) []string {
	l.list(namespace, list)
	var names []string
	// It fails only for what is not a list.
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		if object, err := meta.Accessor(item); err == nil {
			names = append(names, object.GetName())
		}
		return nil
	})
	return names
}
