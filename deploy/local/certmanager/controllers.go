// Package certmanager runs cert-manager's controllers and its CA injector in this process, from cert-manager's own
// packages, with the options of its own commands.
package certmanager

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cert-manager/cert-manager/pkg/controller"
	"github.com/cert-manager/cert-manager/pkg/controller/acmechallenges"
	"github.com/cert-manager/cert-manager/pkg/controller/acmeorders"
	shimingresses "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim/ingresses"
	requestsacme "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/acme"
	"github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/approver"
	requestsca "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/ca"
	requestsselfsigned "github.com/cert-manager/cert-manager/pkg/controller/certificaterequests/selfsigned"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/issuing"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/keymanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/readiness"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/requestmanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/revisionmanager"
	"github.com/cert-manager/cert-manager/pkg/controller/certificates/trigger"
	"github.com/cert-manager/cert-manager/pkg/controller/clusterissuers"
	"github.com/cert-manager/cert-manager/pkg/controller/issuers"
	// The kinds of issuers that the controllers above know register themselves.
	_ "github.com/cert-manager/cert-manager/pkg/issuer/acme"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/ca"
	_ "github.com/cert-manager/cert-manager/pkg/issuer/selfsigned"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Where cert-manager's chart puts it.
const (
	Namespace              = "cert-manager"
	ServiceAccount         = "cert-manager"
	InjectorServiceAccount = "cert-manager-cainjector"
)

// The defaults of cert-manager's command.
const (
	// DefaultWorkers is how many items each controller works on at a time.
	DefaultWorkers = 5
	// DefaultMaxConcurrentChallenges is how many challenges are worked on at a time.
	DefaultMaxConcurrentChallenges = 60
)

// Options of cert-manager's controllers.
type Options struct {
	// Kubeconfig is the file with which the controllers reach the cluster.
	Kubeconfig string
	// Nameservers are the recursive servers, host:port, of the DNS-01 self check. They alone are asked.
	Nameservers []string
	// Namespace, when set, is the only one that they look at. ClusterIssuers are not looked at then.
	Namespace string
	// Workers and MaxConcurrentChallenges are cert-manager's --concurrent-workers and --max-concurrent-challenges; 0 means
	// its defaults.
	Workers, MaxConcurrentChallenges int
}

// names lists the controllers that a certificate needs, from its Ingress to its Secret. Importing their packages
// registers them.
func names(options Options) []string {
	names := []string{
		issuers.ControllerName,
		shimingresses.ControllerName,
		trigger.ControllerName,
		keymanager.ControllerName,
		requestmanager.ControllerName,
		readiness.ControllerName,
		issuing.ControllerName,
		revisionmanager.ControllerName,
		approver.ControllerName,
		requestsacme.CRControllerName,
		requestsca.CRControllerName,
		requestsselfsigned.CRControllerName,
		acmeorders.ControllerName,
		acmechallenges.ControllerName,
	}
	if options.Namespace == "" { // as cert-manager's command does it
		names = append(names, clusterissuers.ControllerName)
	}
	return names
}

// RunControllers runs the controllers until the context ends.
func RunControllers(ctx context.Context, options Options) error {
	options.Workers = cmp.Or(options.Workers, DefaultWorkers)
	options.MaxConcurrentChallenges = cmp.Or(options.MaxConcurrentChallenges, DefaultMaxConcurrentChallenges)
	factory, err := controller.NewContextFactory(ctx, contextOptions(options))
	if err != nil {
		return fmt.Errorf("cert-manager: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, name := range names(options) {
		construct, known := controller.Known()[name]
		if !known {
			return fmt.Errorf("cert-manager has no controller %q", name)
		}
		one, err := construct(factory)
		if err != nil {
			return fmt.Errorf("cert-manager: controller %s: %w", name, err)
		}
		group.Go(func() error {
			if err := one.Run(options.Workers, ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("cert-manager: controller %s: %w", name, err)
			}
			return nil
		})
	}
	shared, err := factory.Build()
	if err != nil {
		return fmt.Errorf("cert-manager: %w", err)
	}
	shared.SharedInformerFactory.Start(ctx.Done())
	shared.KubeSharedInformerFactory.Start(ctx.Done())
	shared.HTTP01ResourceMetadataInformersFactory.Start(ctx.Done())
	return group.Wait()
}

func contextOptions(options Options) controller.ContextOptions {
	return controller.ContextOptions{
		Kubeconfig:         options.Kubeconfig,
		Namespace:          options.Namespace,
		KubernetesAPIQPS:   20,
		KubernetesAPIBurst: 50,
		IssuerOptions: controller.IssuerOptions{
			ClusterResourceNamespace:        Namespace,
			ClusterIssuerAmbientCredentials: true,
		},
		ACMEOptions: controller.ACMEOptions{
			HTTP01SolverResourceRequestCPU:    resource.MustParse("10m"),
			HTTP01SolverResourceRequestMemory: resource.MustParse("64Mi"),
			HTTP01SolverResourceLimitsCPU:     resource.MustParse("100m"),
			HTTP01SolverResourceLimitsMemory:  resource.MustParse("64Mi"),
			ACMEHTTP01SolverRunAsNonRoot:      true,
			DNS01Nameservers:                  options.Nameservers,
			DNS01CheckAuthoritative:           false,
			DNS01CheckRetryPeriod:             10 * time.Second,
		},
		IngressShimOptions: controller.IngressShimOptions{
			DefaultIssuerKind: "Issuer", DefaultIssuerGroup: "cert-manager.io",
			DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
		},
		CertificateOptions: controller.CertificateOptions{
			CopiedAnnotationPrefixes:                 []string{"*", "-kubectl.kubernetes.io/", "-fluxcd.io/", "-argocd.argoproj.io/"},
			CertificateRequestMinimumBackoffDuration: time.Hour,
			CertificateRequestMaximumBackoffDuration: 32 * time.Hour,
		},
		SchedulerOptions: controller.SchedulerOptions{MaxConcurrentChallenges: options.MaxConcurrentChallenges},
	}
}
