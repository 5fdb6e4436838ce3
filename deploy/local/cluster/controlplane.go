package cluster

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certyun/certyun/deploy/local/child"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// advertised is the address under which the API server believes to be known. Nobody dials it: it is one that is kept for
// documentation. Without it the API server looks for a default route, which a machine need not have.
const advertised = "192.0.2.1"

// ControlPlane is etcd and kube-apiserver, with the aggregation layer, and the command line tools that talk to them.
type ControlPlane struct {
	// Config is the administrator's access.
	Config *rest.Config
	// Kubeconfig is the same as a file.
	Kubeconfig string
	// Dir holds everything that the cluster writes; it goes away with the cluster.
	Dir string

	box       toolbox.Toolbox
	processes *child.Group
	env       *envtest.Environment
}

// StartControlPlane starts etcd and kube-apiserver on free ports of the loopback interface. The programs must be built.
func StartControlPlane(ctx context.Context, box toolbox.Toolbox) (_ *ControlPlane, err error) {
	dir, err := os.MkdirTemp("", "certyun-local-")
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	c := &ControlPlane{Dir: dir, box: box}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	for _, sub := range []string{"logs", "certificates", "etcd", "home"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("cluster: %w", err)
		}
	}
	if c.processes, err = child.NewGroup(ctx, dir); err != nil {
		return nil, err
	}
	if err := c.configure(); err != nil {
		return nil, err
	}
	if c.Config, err = c.env.Start(); err != nil {
		return nil, fmt.Errorf("cluster: %w\n%s", err, c.tail("kube-apiserver"))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.Kubeconfig = filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(c.Kubeconfig, c.env.KubeConfig, 0o600); err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return c, nil
}

// configure prepares the two servers' programs, flags and logs.
func (c *ControlPlane) configure() error {
	c.env = &envtest.Environment{
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  20 * time.Second,
	}
	etcd, err := c.processes.Wrap(toolbox.Etcd, c.box.Path(toolbox.Etcd))
	if err != nil {
		return err
	}
	apiserver, err := c.processes.Wrap(toolbox.APIServer, c.box.Path(toolbox.APIServer))
	if err != nil {
		return err
	}
	etcdLog, err := c.logFile(toolbox.Etcd)
	if err != nil {
		return err
	}
	apiserverLog, err := c.logFile(toolbox.APIServer)
	if err != nil {
		return err
	}
	c.env.ControlPlane.Etcd = &envtest.Etcd{Path: etcd, DataDir: filepath.Join(c.Dir, "etcd"), Out: etcdLog, Err: etcdLog}
	server := c.env.ControlPlane.GetAPIServer()
	server.Path, server.CertDir, server.Out, server.Err = apiserver, c.certificates(), apiserverLog, apiserverLog
	c.env.ControlPlane.KubectlPath = c.box.Path(toolbox.Kubectl)
	server.Configure().Set("advertise-address", advertised)
	server.Configure().Disable("disable-admission-plugins") // envtest turns ServiceAccount admission off
	return c.aggregate(server)
}

// aggregate turns the aggregation layer on: the API server proves to other servers who it is, and whom it speaks for.
func (c *ControlPlane) aggregate(server *envtest.APIServer) error {
	front, err := newAuthority("front-proxy")
	if err != nil {
		return err
	}
	ca := filepath.Join(c.certificates(), "front-proxy-ca.crt")
	if err := os.WriteFile(ca, front.pem(), 0o644); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	certificate, key, err := front.issue(c.certificates(), "front-proxy-client", x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	for flag, value := range map[string]string{
		"requestheader-client-ca-file":       ca,
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-username-headers":     "X-Remote-User",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"proxy-client-cert-file":             certificate,
		"proxy-client-key-file":              key,
	} {
		server.Configure().Set(flag, value)
	}
	return nil
}

// Stop ends both servers and removes what they wrote. Their clients must have ended: the API server waits for them.
func (c *ControlPlane) Stop() error {
	var errs []error
	if c.env != nil {
		errs = append(errs, c.env.Stop())
	}
	if c.processes != nil {
		errs = append(errs, c.processes.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(c.Dir))...)
}

// InstallCRDs installs cert-manager's custom resources, as its module has them.
func (c *ControlPlane) InstallCRDs(ctx context.Context) error {
	module, err := c.certManagerModule(ctx)
	if err != nil {
		return err
	}
	_, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(module, "deploy", "crds")}, ErrorIfPathMissing: true,
	})
	if err != nil {
		return fmt.Errorf("cluster: cert-manager's CRDs: %w", err)
	}
	return nil
}

// certManagerModule is the folder of cert-manager's module in Go's module cache.
func (c *ControlPlane) certManagerModule(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager")
	cmd.Dir = filepath.Join(c.box.Root, "deploy", "local")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("cluster: look for cert-manager's module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Chart is the folder of certyun's chart.
func (c *ControlPlane) Chart() string { return filepath.Join(c.box.Root, "charts", "certyun") }

// Helm runs helm against the cluster and returns what it prints.
func (c *ControlPlane) Helm(ctx context.Context, args ...string) ([]byte, error) {
	return c.run(ctx, toolbox.Helm, nil, args...)
}

// Kubectl runs kubectl against the cluster with this input and returns what it prints.
func (c *ControlPlane) Kubectl(ctx context.Context, input io.Reader, args ...string) ([]byte, error) {
	return c.run(ctx, toolbox.Kubectl, input, args...)
}

// Apply has kubectl apply the manifests, and returns all that it says: what it did, warnings, and what was refused. The
// error tells that something was.
func (c *ControlPlane) Apply(ctx context.Context, manifests []byte, args ...string) (string, error) {
	cmd := c.command(ctx, toolbox.Kubectl, append([]string{"apply", "--filename", "-"}, args...)...)
	cmd.Stdin = bytes.NewReader(manifests)
	said, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return string(said), fmt.Errorf("kubectl apply: %w\n%s", err, said)
	}
	return string(said), nil
}

func (c *ControlPlane) run(ctx context.Context, tool string, input io.Reader, args ...string) ([]byte, error) {
	var complaints strings.Builder
	cmd := c.command(ctx, tool, args...)
	cmd.Stdin, cmd.Stderr = input, &complaints
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err() // it was ended, and has nothing to say about that
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", tool, strings.Join(args, " "), err, complaints.String())
	}
	return out, nil
}

// command is a command line tool. It has a home of its own, so it neither reads nor leaves anything in the user's.
func (c *ControlPlane) command(ctx context.Context, tool string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.box.Path(tool), args...)
	home := filepath.Join(c.Dir, "home")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, "KUBECONFIG=" + c.Kubeconfig}
	return cmd
}

// Logs is the folder with one log for each program and each container.
func (c *ControlPlane) Logs() string { return filepath.Join(c.Dir, "logs") }

func (c *ControlPlane) certificates() string { return filepath.Join(c.Dir, "certificates") }

func (c *ControlPlane) logPath(name string) string { return filepath.Join(c.Logs(), name+".log") }

func (c *ControlPlane) logFile(name string) (*os.File, error) {
	file, err := os.OpenFile(c.logPath(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return file, nil
}

// SaveLogs copies the logs out of the folder that goes away, to explain a failure, and returns where they are.
func (c *ControlPlane) SaveLogs() (string, error) {
	kept := filepath.Join(c.box.Root, ".local", "logs")
	if err := os.RemoveAll(kept); err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	if err := os.CopyFS(kept, os.DirFS(c.Logs())); err != nil {
		return "", fmt.Errorf("cluster: %w", err)
	}
	return kept, nil
}

// tail returns the end of a log, to explain a failure.
func (c *ControlPlane) tail(name string) string {
	const most = 2000
	data, err := os.ReadFile(c.logPath(name))
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-most):])
}
