// Package stage is where the demo and the end-to-end tests play: the simulated clouds with their DNS, a local cluster
// whose cert-manager and ACME server use that DNS, and certyun installed in it from its chart.
package stage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/cluster"
	"github.com/certyun/certyun/deploy/local/kubelet"
	"github.com/certyun/certyun/deploy/local/toolbox"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// Where certyun is installed, and how it is called there.
const (
	Namespace = "certyun"
	Release   = "certyun"
	GroupName = "acme.certyun.internal"
)

// recordDelay passes in the simulated clouds between an API call and the day the name servers show it.
const recordDelay = 2 * time.Second

// CAMemory is how long the ACME server's resolver remembers what a name answered, and that it did not: as Let's Encrypt's.
const CAMemory = time.Minute

// Options of a stage.
type Options struct {
	Toolbox toolbox.Toolbox
	// Images are played beside certyun's own, by repository.
	Images map[string]kubelet.Image
	// CertManager changes how cert-manager's controllers run.
	CertManager certmanager.Options
	// IssuerNamespaces are made first, and the solver may read their Secrets beside those of ClusterIssuers.
	IssuerNamespaces []string
	// Step, when set, is called around each step, to show it.
	Step func(name string, do func() error) error
}

// Stage is everything together, running.
type Stage struct {
	World   *simulator.World
	Cluster *cluster.Cluster
	// Client is the administrator's.
	Client client.Client
	// SolverPort is the port of the solver's Service.
	SolverPort int

	// secretNamespaces are those whose Secrets the solver may read.
	secretNamespaces []string
}

// The image that the chart is told to run. No registry has it: the node plays it.
const (
	imageRegistry   = "registry.invalid"
	imageRepository = "certyun"
)

// Start starts the clouds and the cluster, and installs certyun.
func Start(ctx context.Context, options Options) (_ *Stage, err error) {
	if options.Step == nil {
		options.Step = func(_ string, do func() error) error { return do() }
	}
	s := &Stage{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Explain(ctx), s.Stop())
		}
	}()
	if err := options.Step("start the simulators of Alidns and DNSPod, and their DNS", s.startWorld); err != nil {
		return nil, err
	}
	images := map[string]kubelet.Image{imageRegistry + "/" + imageRepository: certyunImage(options.Toolbox)}
	maps.Copy(images, options.Images)
	s.Cluster, err = cluster.Start(ctx, cluster.Options{
		Toolbox: options.Toolbox, Nameserver: s.World.Recursive.Address(), ValidationNameserver: s.World.Validation.Address(),
		CertManager: options.CertManager, Images: images, Step: options.Step,
	})
	if err != nil {
		return nil, err
	}
	if s.Client, err = newClient(s.Cluster); err != nil {
		return nil, err
	}
	err = options.Step("install certyun with Helm and wait until it is available", func() error { return s.install(ctx, options) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Stage) startWorld() (err error) {
	s.World, err = simulator.New(simulator.Options{DNS: simulator.DNSOptions{
		// Real resolvers remember, too, what was not there.
		Delay: recordDelay, Recursive: dns.RecursiveOptions{Cache: true},
		Validation: dns.RecursiveOptions{Cache: true, MaxAge: CAMemory},
	}})
	return err
}

// certyunImage plays certyun's image. The generic API server finds its cluster by these flags, and listens on all
// addresses unless it is told otherwise.
func certyunImage(box toolbox.Toolbox) kubelet.Image {
	return kubelet.Image{
		Entrypoint: "/certyun", Program: box.Path(toolbox.Certyun),
		Args: map[string][]string{
			"solver": {
				"--kubeconfig=$(KUBECONFIG)", "--authentication-kubeconfig=$(KUBECONFIG)",
				"--authorization-kubeconfig=$(KUBECONFIG)", "--bind-address=127.0.0.1",
			},
			"admission": {"--kubeconfig=$(KUBECONFIG)"},
		},
	}
}

func newClient(c *cluster.Cluster) (client.Client, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, certmanagerv1.AddToScheme, acmev1.AddToScheme, apiregistrationv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("stage: %w", err)
		}
	}
	config := rest.CopyConfig(c.Config)
	config.WarningHandler = rest.NoWarnings{} // who wants to see them asks with kubectl
	admin, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return admin, nil
}

// install installs the chart as a user would, with the clouds' addresses and free ports, and waits until the API server
// reaches both servers.
func (s *Stage) install(ctx context.Context, options Options) error {
	if err := s.createNamespaces(ctx, options.IssuerNamespaces); err != nil {
		return err
	}
	s.secretNamespaces = slices.Concat(options.IssuerNamespaces, []string{certmanager.Namespace})
	port, err := s.Cluster.Kubelet.ReservePort(ctx)
	if err != nil {
		return err
	}
	values := []string{fmt.Sprintf("admission.service.port=%d", port), "solver.logging.verbosity=4"}
	if s.SolverPort, err = s.installSolver(ctx, Release, GroupName, values); err != nil {
		return err
	}
	return s.WaitForAdmission(ctx)
}

// InstallSecond installs the solver once more, under a group of its own and without the admission server, and waits until
// the API server reaches it. The values are Helm's, as in --set.
func (s *Stage) InstallSecond(ctx context.Context, release, group string, values ...string) error {
	_, err := s.installSolver(ctx, release, group, append([]string{"admission.enabled=false"}, values...))
	return err
}

// installSolver installs the chart and returns the port of the solver's Service.
func (s *Stage) installSolver(ctx context.Context, release, group string, values []string) (int, error) {
	port, err := s.Cluster.Kubelet.ReservePort(ctx)
	if err != nil {
		return 0, err
	}
	values = append([]string{
		"image.registry=" + imageRegistry,
		"image.repository=" + imageRepository,
		"groupName=" + group,
		fmt.Sprintf("solver.service.port=%d", port),
		"solver.alidns.endpoint=" + s.World.Alidns.URL,
		"solver.dnspod.endpoint=" + s.World.DNSPod.URL,
		"solver.alidns.stsEndpoint=" + s.World.Alidns.URL,
		"solver.dnspod.stsEndpoint=" + s.World.DNSPod.URL,
		// The zones' name servers are at loopback addresses, at a port of their own, and known to no other resolver.
		"propagation.allowNetworks={127.0.0.0/8}",
		fmt.Sprintf("propagation.port=%d", s.World.DNS.Port()),
		"propagation.nameservers={" + s.World.Recursive.Address() + "}",
		"secrets.namespaces={" + strings.Join(s.secretNamespaces, ",") + "}",
	}, values...)
	_, err = s.Cluster.Helm(ctx, "install", release, s.Cluster.Chart(), "--namespace", Namespace,
		"--wait", "--timeout", "2m", "--set", strings.Join(values, ","))
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, errors.Join(err, s.explainPods(ctx))
	}
	return port, s.WaitForAPIService(ctx, group)
}

// createNamespaces makes certyun's namespace, where only Pods of the strictest Pod Security Standard may run, and others.
func (s *Stage) createNamespaces(ctx context.Context, others []string) error {
	namespaces := []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{
		Name: Namespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}}
	for _, name := range others {
		namespaces = append(namespaces, corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for i := range namespaces {
		if err := s.Client.Create(ctx, &namespaces[i]); err != nil {
			return fmt.Errorf("stage: %w", err)
		}
	}
	return nil
}

// WaitForAPIService waits until the API server reaches the solver of a group.
func (s *Stage) WaitForAPIService(ctx context.Context, group string) error {
	return Eventually(ctx, time.Minute, func() error {
		service, err := s.APIService(ctx, group)
		if err != nil {
			return err
		}
		for _, condition := range service.Status.Conditions {
			if condition.Type == apiregistrationv1.Available && condition.Status == apiregistrationv1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("stage: APIService %s is not available: %v", service.Name, service.Status.Conditions)
	})
}

// APIService is what leads the API server to the solver of a group.
func (s *Stage) APIService(ctx context.Context, group string) (*apiregistrationv1.APIService, error) {
	var service apiregistrationv1.APIService
	if err := s.Client.Get(ctx, client.ObjectKey{Name: "v1alpha1." + group}, &service); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return &service, nil
}

// explainPods tells why certyun's Pods are not ready.
func (s *Stage) explainPods(ctx context.Context) error {
	var pods corev1.PodList
	if err := s.Client.List(ctx, &pods, client.InNamespace(Namespace)); err != nil {
		return err
	}
	var reasons []error
	for _, pod := range pods.Items {
		for _, status := range pod.Status.ContainerStatuses {
			reasons = append(reasons, fmt.Errorf("pod %s: %s restarts %d, waiting %v, last %v",
				pod.Name, pod.Status.Message, status.RestartCount, status.State.Waiting, status.LastTerminationState.Terminated))
		}
	}
	return errors.Join(reasons...)
}

// Explain keeps the logs of a stage on which something failed, and says where they are.
func (s *Stage) Explain(ctx context.Context) error {
	if s.Cluster == nil {
		return nil
	}
	return s.Cluster.Explain(ctx)
}

// Stop ends the cluster and the clouds.
func (s *Stage) Stop() error {
	var errs []error
	if s.Cluster != nil {
		errs = append(errs, s.Cluster.Stop())
	}
	if s.World != nil {
		errs = append(errs, s.World.Close())
	}
	return errors.Join(errs...)
}

// Eventually tries until it works, at most for the given time, and then returns the last error.
func Eventually(ctx context.Context, patience time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
