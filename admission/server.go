// Package admission is the webhook that judges Certificates, Issuers and annotated Ingresses and Gateways when they are
// applied.
package admission

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/cluster"
	"github.com/certyun/certyun/admission/rule"
)

// shutdownTimeout is longer than any review.
const shutdownTimeout = 5 * time.Second

// NewCommand returns the command that serves reviews until its context ends.
func NewCommand() *cobra.Command {
	o := NewOptions()
	cmd := &cobra.Command{
		Use:   "admission",
		Short: "Serve the webhook that rejects Certificates and Issuers which cannot work",
		Long: `Serve the validating webhook that checks Certificate, Issuer and ClusterIssuer, and the annotations of Ingress and Gateway,
when they are applied, and says what is wrong, where, and how to mend it.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.Complete()
			if err := o.Validate(); err != nil {
				return err
			}
			return o.Run(cmd.Context())
		},
	}
	groups := o.Flags()
	for _, name := range groups.Order {
		cmd.Flags().AddFlagSet(groups.FlagSets[name])
	}
	cliflag.SetUsageAndHelpFunc(cmd, *groups, 0)
	return cmd
}

// Run serves until ctx ends, and then for ShutdownDelay more, so that those who have not heard of the end are still answered.
func (o *Options) Run(ctx context.Context) error {
	if err := logs.ValidateAndApply(o.Logging); err != nil {
		return err
	}
	ctrl.SetLogger(klog.Background())
	config, err := o.restConfig()
	if err != nil {
		return err
	}
	counted := newReviewMetrics()
	// One policy is for clusters and files, so it may name the rules for files too.
	policy, err := newPolicyFile(o.PolicyFile, o.CADataFile, catalogue.Rules(), counted.policyValid)
	if err != nil {
		return err
	}
	settings, err := o.settings()
	if err != nil {
		return err
	}
	source, err := o.TLS.source(config)
	if err != nil {
		return err
	}
	callers, err := newCallers(o.ClientCAFile, o.ClientNames)
	if err != nil {
		return err
	}
	mgr, err := o.newManager(config)
	if err != nil {
		return err
	}
	world, err := cluster.New(ctx, o.world(), mgr.GetCache(), mgr.GetAPIReader())
	if err != nil {
		return err
	}
	counted.countExempt(ctx, world, policy)
	if err := metrics.Registry.Register(counted); err != nil {
		return err
	}
	defer metrics.Registry.Unregister(counted)

	reviews := newIntake(&admission.Webhook{Handler: o.newHandler(world, policy, settings, counted)}, counted)
	server := newServer(callers.only(reviews), ready(ctx, world.HasSynced, source.healthy))
	listener, err := tls.Listen("tcp", net.JoinHostPort("", strconv.Itoa(o.SecurePort)), tlsConfig(source, callers))
	if err != nil {
		return fmt.Errorf("--secure-port: %w", err)
	}
	if err := mgr.Add(&manager.Server{Name: "reviews", Server: server, Listener: listener, ShutdownTimeout: new(shutdownTimeout)}); err != nil {
		return err
	}
	klog.InfoS("Serving reviews", "port", o.SecurePort, "rules", len(catalogue.Online()), "certManager", o.CertManagerVersion)
	return o.serve(ctx, mgr, source, policy.watch, callers.watch)
}

// serve runs everything until ctx ends or something fails. The serving certificate does not wait for the caches as the
// manager's own runnables do: probes need it before.
func (o *Options) serve(ctx context.Context, mgr manager.Manager, source *certificateSource, watchers ...func(context.Context)) error {
	group, ctx := errgroup.WithContext(ctx)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(o.ShutdownDelay, stop) })
	for _, watch := range watchers {
		group.Go(func() error { watch(ctx); return nil })
	}
	group.Go(func() error {
		if err := source.start(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the serving certificate: %w", err)
		}
		return nil
	})
	group.Go(func() error { return mgr.Start(serving) })
	return group.Wait()
}

// How often the API server is asked about one kind of object, in a second and at once. An ordinary review asks once or not at all, and
// must not queue; who asks for many others must not make as many requests of them as he likes.
const (
	clientQPS   = 500
	clientBurst = 1000
)

// restConfig is that of the cluster whose objects are judged.
func (o *Options) restConfig() (*rest.Config, error) {
	config, err := rest.InClusterConfig()
	if o.Kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	}
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	config.QPS, config.Burst = clientQPS, clientBurst
	return rest.AddUserAgent(config, "certyun-admission"), nil
}

func (o *Options) world() cluster.Options {
	return cluster.Options{ClusterResourceNamespace: o.ClusterResourceNamespace, SecretNamespaces: o.SecretNamespaces, Index: rule.IndexKeys}
}

func (o *Options) newManager(config *rest.Config) (manager.Manager, error) {
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                  cluster.NewScheme(),
		Cache:                   o.world().CacheOptions(),
		Metrics:                 metricsserver.Options{BindAddress: o.MetricsBindAddress},
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: new(shutdownTimeout),
	})
}

func (o *Options) newHandler(world *cluster.World, policy *policyFile, settings rule.Settings, counted *reviewMetrics) *handler {
	return &handler{
		engine: rule.NewOnlineEngine(catalogue.Rules()), world: world, fresh: world.Fresh(), settings: settings,
		policy: policy, large: make(chan struct{}, 1), denyUnjudged: o.Unjudged == unjudgedDeny, exempt: o.users(), metrics: counted,
	}
}

// newServer answers reviews and probes. Whoever reaches its port may connect, so what a connection may take of time and of memory is
// little; the API server needs no more.
func newServer(reviews, ready http.Handler) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/validate", reviews)
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	mux.Handle("/readyz", ready)
	return &http.Server{
		Handler:        mux,
		ReadTimeout:    requestTimeout,
		WriteTimeout:   10 * time.Second,
		IdleTimeout:    90 * time.Second, // that of the API server's own end
		MaxHeaderBytes: 16 << 10,
		// A stream gets no less than a client may send before it has heard of that.
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 100, MaxReadFrameSize: 16 << 10, MaxReceiveBufferPerConnection: 96 << 10, MaxReceiveBufferPerStream: 64 << 10,
		},
	}
}

// ready answers once the caches are filled and there is a certificate to serve with, until serving ends.
func ready(serving context.Context, synced, certified func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case serving.Err() != nil:
			http.Error(w, "the server is shutting down", http.StatusServiceUnavailable)
		case !certified():
			http.Error(w, "there is no serving certificate yet", http.StatusServiceUnavailable)
		case !synced():
			http.Error(w, "the caches are not filled yet", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte("ok"))
		}
	})
}
