package kubelet

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/certyun/certyun/deploy/local/child"
)

// Between two starts of a container that ends lies a wait that doubles.
const (
	firstWait = 500 * time.Millisecond
	mostWait  = 10 * time.Second
	// calm is how long a container runs until its past is forgotten.
	calm = time.Minute
)

// container plays one container of a Pod.
type container struct {
	spec    *corev1.Container
	process *child.Process
	prober  *prober
	cancel  context.CancelFunc
	// ending says that a sick run is being stopped.
	ending bool

	startedAt time.Time
	restarts  int32
	wait      time.Duration
	notBefore time.Time
	// last is how the previous run ended; over says that there will be no other.
	last *corev1.ContainerStateTerminated
	over bool
	// reason and message say why the container does not run.
	reason, message string
}

// running says whether the process is there.
func (c *container) running() bool {
	if c.process == nil {
		return false
	}
	select {
	case <-c.process.Done():
		return false
	default:
		return true
	}
}

// observe sees that a run has ended, and ends one that its probes find sick.
func (c *container) observe(policy corev1.RestartPolicy) {
	if c.process == nil {
		return
	}
	if c.running() {
		if process := c.process; c.prober.unhealthy.Load() && !c.ending {
			c.ending = true
			go process.Stop(leavingGrace)
		}
		return
	}
	code := int32(c.process.ExitCode())
	c.cancel()
	c.process, c.prober, c.ending = nil, nil, false
	c.last = &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: exitReason(code),
		StartedAt: metav1.NewTime(c.startedAt), FinishedAt: metav1.Now(),
	}
	if policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure && code == 0 {
		c.over = true
		return
	}
	c.restarts++
	c.fail("CrashLoopBackOff", fmt.Errorf("exit code %d", code))
}

// fail puts off the next start.
func (c *container) fail(reason string, err error) {
	c.reason, c.message = reason, err.Error()
	if time.Since(c.startedAt) > calm {
		c.wait = 0
	}
	c.wait = min(max(2*c.wait, firstWait), mostWait)
	c.notBefore = time.Now().Add(c.wait)
}

// due says whether the container is to be started now.
func (c *container) due() bool {
	return c.process == nil && !c.over && time.Now().After(c.notBefore)
}

func (c *container) start(ctx context.Context, processes *child.Group, command child.Command, where place) error {
	process, err := processes.Start(ctx, command)
	if err != nil {
		return err
	}
	c.process, c.startedAt, c.reason, c.message = process, time.Now(), "", ""
	c.prober = newProber(c.spec, where)
	probing, cancel := context.WithCancel(ctx)
	c.cancel = cancel
	go c.prober.run(probing)
	return nil
}

func exitReason(code int32) string {
	if code == 0 {
		return "Completed"
	}
	return "Error"
}

// command is what to run for a container now, and how its world is laid out. Ports are chosen anew for each run, so a
// port that another program took in between heals itself.
func (w *worker) command(ctx context.Context, c *container) (child.Command, place, error) {
	image, err := w.kubelet.image(c.spec.Image)
	if err != nil {
		return child.Command{}, place{}, err
	}
	ports, err := freePorts(c.spec.Ports)
	if err != nil {
		return child.Command{}, place{}, err
	}
	where := place{mounts: mountsOf(c.spec, w.volumes.path), ports: ports}
	base, err := w.baseEnvironment(where)
	if err != nil {
		return child.Command{}, place{}, err
	}
	env, err := resolveEnvironment(ctx, w.kubelet.client, w.pod, c.spec, base)
	if err != nil {
		return child.Command{}, place{}, err
	}
	program, args, err := commandLine(image, c.spec, env, where)
	if err != nil {
		return child.Command{}, place{}, err
	}
	for i := range env {
		env[i].value = where.translate(env[i].value)
	}
	return child.Command{
		Path: program, Args: args, Env: env.strings(), Dir: filepath.Join(w.dir, "work"), Log: w.logFile(c.spec.Name),
	}, where, nil
}

// baseEnvironment is what every container has. $KUBECONFIG leads to the Pod's ServiceAccount where its token is mounted.
func (w *worker) baseEnvironment(where place) (environment, error) {
	work := filepath.Join(w.dir, "work")
	env := environment{
		{"PATH", os.Getenv("PATH")},
		{"HOSTNAME", w.pod.Name},
		{"HOME", work},
		{"TMPDIR", work},
	}
	mount, ok := where.mounts[tokenMount]
	if !ok {
		return env, nil
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["local"] = &clientcmdapi.Cluster{
		Server: w.kubelet.server(), CertificateAuthority: filepath.Join(mount, "ca.crt"),
	}
	config.AuthInfos["pod"] = &clientcmdapi.AuthInfo{TokenFile: filepath.Join(mount, "token")}
	config.Contexts["pod"] = &clientcmdapi.Context{Cluster: "local", AuthInfo: "pod", Namespace: w.pod.Namespace}
	config.CurrentContext = "pod"
	path := filepath.Join(w.dir, "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		return nil, err
	}
	return append(env, variable{"KUBECONFIG", path}), nil
}

// freePorts finds a port of the loopback interface for each of the container's.
func freePorts(declared []corev1.ContainerPort) (map[int32]int, error) {
	ports := map[int32]int{}
	for _, port := range declared {
		listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
		if err != nil {
			return nil, err
		}
		defer listener.Close() // all at the end, so that no port is found twice
		ports[port.ContainerPort] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}
