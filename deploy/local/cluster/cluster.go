// Package cluster runs a Kubernetes cluster with cert-manager and an ACME server on this machine, without Docker and
// without root: real etcd, kube-apiserver and kube-controller-manager, cert-manager's controllers in this process,
// Pebble, and a kubelet that plays Pods as processes. Everything listens on free ports of the loopback interface and
// writes into one temporary folder.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/child"
	"github.com/certyun/certyun/deploy/local/kubelet"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// Options of a cluster.
type Options struct {
	// Toolbox holds the programs, which must be built.
	Toolbox toolbox.Toolbox
	// Nameserver is the recursive DNS server, host:port, of cert-manager's self check.
	Nameserver string
	// ValidationNameserver is the one that the ACME server asks.
	ValidationNameserver string
	// CertManager changes how cert-manager's controllers run. Their kubeconfig and name server are the cluster's.
	CertManager certmanager.Options
	// Images are what the kubelet plays, by repository.
	Images map[string]kubelet.Image
	// Step, when set, is called around each step, to show it.
	Step func(name string, do func() error) error
}

// Cluster is a running cluster.
type Cluster struct {
	*ControlPlane
	// Client is the administrator's.
	Client kubernetes.Interface
	// Kubelet plays the Pods.
	Kubelet *kubelet.Kubelet
	// ACME is the ACME server.
	ACME *ACME

	options  Options
	log      logr.Logger
	logFile  *os.File
	programs []*child.Process
	parts    []*part
	failed   chan error
	// certManager is the kubeconfig of cert-manager's controllers.
	certManager string
}

// part is something that runs in this process until it is cancelled.
type part struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Start starts everything and returns when cert-manager's controllers run.
func Start(ctx context.Context, options Options) (_ *Cluster, err error) {
	if options.Step == nil {
		options.Step = func(_ string, do func() error) error { return do() }
	}
	c := &Cluster{options: options, failed: make(chan error, 8)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Explain(ctx), c.Stop())
		}
	}()
	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"start etcd and kube-apiserver", c.startControlPlane},
		{"start kube-controller-manager", c.startControllerManager},
		{"start Pebble, the ACME server", c.startACME},
		{"start the kubelet", c.startKubelet},
		{"install cert-manager's CRDs and permissions", c.installCertManager},
		{"start cert-manager's controllers and CA injector", c.startCertManager},
	}
	for _, step := range steps {
		if err := options.Step(step.name, func() error { return step.do(ctx) }); err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Failed tells when a part of the cluster ended by itself.
func (c *Cluster) Failed() <-chan error { return c.failed }

func (c *Cluster) startControlPlane(ctx context.Context) (err error) {
	if c.ControlPlane, err = StartControlPlane(ctx, c.options.Toolbox); err != nil {
		return err
	}
	if c.Client, err = kubernetes.NewForConfig(c.Config); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	// cert-manager, controller-runtime and client-go log through loggers that are the process's.
	if c.logFile, err = c.ControlPlane.logFile("cert-manager"); err != nil {
		return err
	}
	c.log = textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(c.logFile), textlogger.Verbosity(2)))
	klog.SetLoggerWithOptions(c.log, klog.ContextualLogger(true))
	ctrl.SetLogger(c.log)
	return nil
}

// startControllerManager runs the controllers that the cluster needs; local/README.md says why each.
func (c *Cluster) startControllerManager(ctx context.Context) error {
	ca := filepath.Join(c.certificates(), "apiserver-ca.crt")
	if err := os.WriteFile(ca, c.Config.CAData, 0o644); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	controllers := []string{
		"garbage-collector-controller", "namespace-controller", "serviceaccount-controller",
		"root-ca-certificate-publisher-controller", "deployment-controller", "replicaset-controller",
		"endpointslice-controller", "disruption-controller", "job-controller", "clusterrole-aggregation-controller",
	}
	process, err := c.start(ctx, toolbox.ControllerManager, nil,
		"--kubeconfig="+c.Kubeconfig, "--authentication-kubeconfig="+c.Kubeconfig, "--authorization-kubeconfig="+c.Kubeconfig,
		"--leader-elect=false", "--secure-port=0",
		"--service-account-private-key-file="+filepath.Join(c.certificates(), "sa-signer.key"),
		"--root-ca-file="+ca, "--controllers="+strings.Join(controllers, ","))
	if err != nil {
		return err
	}
	// It runs when it has made what every namespace has.
	return poll(ctx, process, func() error {
		_, err := c.Client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

func (c *Cluster) startKubelet(ctx context.Context) error {
	k, err := kubelet.New(kubelet.Options{
		Config: rest.CopyConfig(c.Config), NodeName: "local", Dir: c.Dir, Processes: c.processes,
		Images: c.options.Images, Log: c.log.WithName("kubelet"),
	})
	if err != nil {
		return err
	}
	c.Kubelet = k
	c.runPart(ctx, k.Run)
	return nil
}

// installCertManager installs what cert-manager's chart would, but for its Deployments.
func (c *Cluster) installCertManager(ctx context.Context) error {
	if err := c.InstallCRDs(ctx); err != nil {
		return err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: certmanager.Namespace}}
	_, err := c.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("cluster: %w", err)
	}
	module, err := c.certManagerModule(ctx)
	if err != nil {
		return err
	}
	manifests, err := c.Helm(ctx, "template", "cert-manager", filepath.Join(module, "deploy", "charts", "cert-manager"),
		"--namespace", certmanager.Namespace, "--show-only", "templates/rbac.yaml", "--show-only", "templates/serviceaccount.yaml",
		"--show-only", "templates/cainjector-rbac.yaml", "--show-only", "templates/cainjector-serviceaccount.yaml")
	if err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, strings.NewReader(string(manifests)), "apply", "--server-side", "--filename", "-")
	return err
}

// startCertManager runs cert-manager as the ServiceAccounts of its chart, so that it may do what it may elsewhere, and no
// more: calling a solver is for the solver's chart to allow.
func (c *Cluster) startCertManager(ctx context.Context) error {
	_, kubeconfig, err := c.serviceAccount(certmanager.Namespace, certmanager.ServiceAccount)
	if err != nil {
		return err
	}
	c.certManager = kubeconfig
	injector, _, err := c.serviceAccount(certmanager.Namespace, certmanager.InjectorServiceAccount)
	if err != nil {
		return err
	}
	c.RunCertManager(ctx, c.options.CertManager)
	c.runPart(ctx, func(ctx context.Context) error { return certmanager.RunInjector(ctx, injector) })
	return nil
}

// RunCertManager runs cert-manager's controllers until the returned function is called, which waits for their end, or
// until Stop. More of them may run beside each other, each for another namespace.
func (c *Cluster) RunCertManager(ctx context.Context, options certmanager.Options) (stop func()) {
	options.Kubeconfig, options.Nameservers = c.certManager, []string{c.options.Nameserver}
	p := c.runPart(ctx, func(ctx context.Context) error {
		return certmanager.RunControllers(logr.NewContext(ctx, c.log), options)
	})
	return func() {
		p.cancel()
		<-p.done
	}
}

// serviceAccount gives access to the cluster as a ServiceAccount, as a configuration and as a kubeconfig file.
func (c *Cluster) serviceAccount(namespace, name string) (*rest.Config, string, error) {
	user, err := c.env.AddUser(envtest.User{
		Name:   "system:serviceaccount:" + namespace + ":" + name,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace},
	}, nil)
	if err != nil {
		return nil, "", fmt.Errorf("cluster: %w", err)
	}
	text, err := user.KubeConfig()
	if err != nil {
		return nil, "", fmt.Errorf("cluster: %w", err)
	}
	file := filepath.Join(c.certificates(), namespace+"-"+name+".kubeconfig")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return nil, "", fmt.Errorf("cluster: %w", err)
	}
	return user.Config(), file, nil
}

// runPart runs something in this process until Stop. The parts outlive a cancelled context, so that Stop can end them in
// good order.
func (c *Cluster) runPart(ctx context.Context, run func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &part{cancel: cancel, done: make(chan struct{})}
	c.parts = append(c.parts, p)
	go func() {
		defer close(p.done)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("cluster: a part ended by itself")
		}
		c.failed <- err
	}()
	return p
}

// start runs a program of the toolbox until Stop.
func (c *Cluster) start(ctx context.Context, tool string, env []string, args ...string) (*child.Process, error) {
	process, err := c.processes.Start(ctx, child.Command{
		Path: c.box.Path(tool), Args: args, Env: append(env, "PATH="+os.Getenv("PATH")), Dir: c.Dir, Log: c.logPath(tool),
	})
	if err != nil {
		return nil, fmt.Errorf("cluster: %s: %w", tool, err)
	}
	c.programs = append(c.programs, process)
	return process, nil
}

// Explain keeps the logs of a cluster that failed, and says where they are. An interrupted one has not failed.
func (c *Cluster) Explain(ctx context.Context) error {
	failed := c.ControlPlane != nil && ctx.Err() == nil
	if !failed {
		return nil
	}
	kept, err := c.SaveLogs()
	if err != nil {
		return err
	}
	return errors.New("the logs are kept in " + kept)
}

// Stop ends everything, clients before servers, and removes the folder.
func (c *Cluster) Stop() error {
	for _, p := range c.parts {
		p.cancel()
	}
	for _, p := range c.parts {
		<-p.done
	}
	for _, program := range c.programs {
		program.Stop(10 * time.Second)
	}
	if c.ControlPlane == nil {
		return nil
	}
	err := c.ControlPlane.Stop()
	if c.logFile != nil {
		err = errors.Join(err, c.logFile.Close()) // what logs later, logs into nothing
	}
	return err
}

// poll waits until the program answers. Its end is the end of the wait.
func poll(ctx context.Context, process *child.Process, ask func() error) error {
	const patience = time.Minute
	deadline := time.After(patience)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-process.Done():
			return fmt.Errorf("cluster: it ended before it answered: %w", process.Err())
		case <-deadline:
			return fmt.Errorf("cluster: no answer within %s: %w", patience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freeAddress finds a free port of the loopback interface.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
