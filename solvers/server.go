package solvers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme/webhook"
	"github.com/cert-manager/cert-manager/pkg/logs"
	"github.com/emicklei/go-restful/v3"
	"github.com/spf13/cobra"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/features"
	"k8s.io/client-go/rest"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	"k8s.io/utils/trace"
)

// NewCommand returns the command that serves the solvers until its context ends.
func NewCommand() *cobra.Command {
	o := NewOptions()
	cmd := &cobra.Command{
		Use:   "solver",
		Short: "Serve the DNS-01 solvers for Alibaba Cloud DNS and Tencent Cloud DNSPod",
		Long: `Serve the DNS-01 solvers for Alibaba Cloud DNS (alidns) and Tencent Cloud DNSPod (dnspod) to cert-manager, as an
aggregated API server. It runs in the cluster, or beside one with --kubeconfig, --authentication-kubeconfig and
--authorization-kubeconfig.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Complete(); err != nil {
				return err
			}
			if err := o.Validate(); err != nil {
				return err
			}
			o.Version = cmd.Root().Version
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

// alias is a solver under another name. Both share everything, so it is initialized only once.
type alias struct {
	*Solver
	name string
}

func (a alias) Name() string { return a.name }

// Run serves until ctx ends, for ShutdownDelay more, so that those who have not heard of the end are still answered, and then until what
// is in flight has ended.
func (o *Options) Run(ctx context.Context) (err error) {
	// They log what they are when somebody first asks for one, in ten lines of a log that tells anything.
	features.FeatureGates().Enabled(features.WatchListClient)
	if err := logs.ValidateAndApply(o.Server.Logging); err != nil {
		return err
	}
	alidns, dnspod, err := o.Solvers()
	if err != nil {
		return err
	}
	o.Server.Solvers = []webhook.Solver{alidns, alias{alidns, AlidnsAlias}, dnspod}

	server, config, err := o.newServer()
	if err != nil {
		return err
	}
	if err := server.AddReadyzChecks(initialized(alidns, dnspod), knowsCallers(server.SecureServingInfo)); err != nil {
		return err
	}
	klog.InfoS("Serving the solvers", "group", o.Server.SolverGroup)
	a, err := o.newAhead(alidns.shown, alidns, dnspod)
	if err != nil {
		return err
	}
	if a != nil {
		stop := runBeside(outlasting(ctx, o.ShutdownDelay), func(ctx context.Context) error { return runAhead(ctx, a, config) })
		defer func() { err = errors.Join(err, stop()) }()
	}
	metrics, err := o.serveMetrics()
	if err != nil {
		return err
	}
	defer metrics()
	// Requests whose client has gone away are not waited for by the server, so the solvers are asked too. Each operation has
	// a deadline of its own.
	draining := context.WithoutCancel(ctx)
	defer dnspod.Drain(draining)
	defer alidns.Drain(draining)
	return server.PrepareRun().RunWithContext(ctx)
}

// serveMetrics serves them until the function that it returns is called.
func (o *Options) serveMetrics() (stop func(), err error) {
	register(legacyregistry.Register).buildInfo(o.Version)
	if o.MetricsBindAddress == "0" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", o.MetricsBindAddress)
	if err != nil {
		return nil, fmt.Errorf("--metrics-bind-address: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", legacyregistry.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }() // which ends with Close
	return func() { _ = server.Close() }, nil
}

// outlasting returns a context that ends so long after ctx.
func outlasting(ctx context.Context, delay time.Duration) context.Context {
	later, end := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(delay, end) })
	return later
}

// runBeside runs something until ctx ends, or until the function that it returns is called, which waits for its end.
func runBeside(ctx context.Context, run func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// initialized is ready once Present and CleanUp can read Secrets.
func initialized(solvers ...*Solver) healthz.HealthChecker {
	return healthz.NamedCheck("solvers-initialized", func(*http.Request) error {
		for _, s := range solvers {
			if !s.Initialized() {
				return errors.New("the solver " + s.Name() + " is not initialized yet")
			}
		}
		return nil
	})
}

// knowsCallers is ready once the API server's client CAs have been read from the cluster. Until then everybody is a stranger,
// and cert-manager would be told that it may not create challenges.
func knowsCallers(serving *genericapiserver.SecureServingInfo) healthz.HealthChecker {
	return healthz.NamedCheck("client-ca", func(*http.Request) error {
		if serving.ClientCA != nil && len(serving.ClientCA.CurrentCABundleContent()) == 0 {
			return errors.New("the client CA of the Kubernetes API server has not been read yet")
		}
		return nil
	})
}

// newServer makes the aggregated API server. cert-manager's own RunWebhookServer cannot serve two solvers: both get the same
// OpenAPI operation id, and the server exits (https://github.com/cert-manager/cert-manager/issues/7656).
// Beside it, it returns how the Kubernetes API server is reached.
func (o *Options) newServer() (*genericapiserver.GenericAPIServer, *rest.Config, error) {
	cfg, err := o.Server.Config()
	if err != nil {
		return nil, nil, err
	}
	cfg.GenericConfig.ShutdownDelayDuration = o.ShutdownDelay
	chain := cfg.GenericConfig.BuildHandlerChainFunc
	cfg.GenericConfig.BuildHandlerChainFunc = func(handler http.Handler, c *genericapiserver.Config) http.Handler {
		return untraced(chain(handler, c))
	}
	completed := cfg.Complete()
	v2, v3 := completed.GenericConfig.OpenAPIConfig, completed.GenericConfig.OpenAPIV3Config
	// The newer functions exclude these, and the API server's defaults set these.
	v2.GetOperationIDAndTags = uniqueOperationID(v2.GetOperationIDAndTags) //nolint:staticcheck // see above
	v3.GetOperationIDAndTags = uniqueOperationID(v3.GetOperationIDAndTags) //nolint:staticcheck // see above
	server, err := completed.New()
	if err != nil {
		return nil, nil, err
	}
	return server.GenericAPIServer, cfg.GenericConfig.ClientConfig, nil
}

// untraced keeps the API server from logging the steps of each request of more than half a second, as a Present mostly is: it logs a trace
// that is not part of another.
func untraced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(trace.ContextWithTrace(r.Context(), trace.New("request"))))
	})
}

var _ webhook.Solver = alias{}

type operationIDFunc = func(*restful.Route) (string, []string, error)

// uniqueOperationID appends the resource's name, the last part of the route's path, to the operation id.
func uniqueOperationID(original operationIDFunc) operationIDFunc {
	return func(route *restful.Route) (string, []string, error) {
		id, tags, err := original(route)
		return id + "-" + path.Base(route.Path), tags, err
	}
}
