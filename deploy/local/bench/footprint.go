package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/stage"
)

// usage is what a replica of the solver uses; of several, the most.
type usage struct {
	// resident and peak are in bytes; the peak is since the last forgetPeaks.
	resident, peak int64
	goroutines     int
}

func (u usage) most(other usage) usage {
	return usage{
		resident: max(u.resident, other.resident), peak: max(u.peak, other.peak), goroutines: max(u.goroutines, other.goroutines),
	}
}

// settle is how long a fresh solver is left alone before it counts as idle.
const settle = 5 * time.Second

func (r *run) idle(ctx context.Context) (usage, error) {
	select {
	case <-ctx.Done():
		return usage{}, ctx.Err()
	case <-time.After(settle):
	}
	return r.usage(ctx)
}

// usage asks all replicas of the solver.
func (r *run) usage(ctx context.Context) (usage, error) {
	var all usage
	ids, err := r.solverProcesses()
	if err != nil {
		return usage{}, err
	}
	for _, id := range ids {
		memory, err := memoryOf(id)
		if err != nil {
			return usage{}, err
		}
		all = all.most(memory)
	}
	goroutines, err := r.goroutines(ctx)
	return all.most(usage{goroutines: goroutines}), err
}

func (r *run) solverProcesses() ([]int, error) {
	ids, err := r.Cluster.Kubelet.Processes(stage.Namespace, labels.SelectorFromSet(labels.Set{
		"app.kubernetes.io/component": "solver", "app.kubernetes.io/instance": stage.Release,
	}))
	if err == nil && len(ids) == 0 {
		err = errors.New("bench: no solver runs")
	}
	return ids, err
}

// memoryOf reads VmRSS and VmHWM: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func memoryOf(id int) (usage, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", id))
	if err != nil {
		return usage{}, fmt.Errorf("bench: %w", err)
	}
	var u usage
	for line := range strings.Lines(string(text)) {
		field, value, _ := strings.Cut(line, ":")
		into := map[string]*int64{"VmRSS": &u.resident, "VmHWM": &u.peak}[field]
		if into == nil {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("bench: %s of process %d: %w", field, id, err)
		}
		*into = kilobytes << 10
	}
	return u, nil
}

// forgetPeaks sets VmHWM back to VmRSS: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
func (r *run) forgetPeaks() error {
	ids, err := r.solverProcesses()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", id), []byte("5"), 0); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}

// goroutines reads the metrics that the solver serves, from each replica.
func (r *run) goroutines(ctx context.Context) (int, error) {
	addresses, err := r.metricsAddresses(ctx)
	if err != nil {
		return 0, err
	}
	browser := browserWith(nil)
	defer browser.CloseIdleConnections()
	most := 0
	for _, address := range addresses {
		text, err := get(ctx, browser, "http://"+address+"/metrics")
		if err != nil {
			return 0, err
		}
		count, err := metric(text, "go_goroutines")
		if err != nil {
			return 0, err
		}
		most = max(most, int(count))
	}
	return most, nil
}

// metricsAddresses are where the replicas serve their metrics. The played kubelet notes on a Service where it is served.
func (r *run) metricsAddresses(ctx context.Context) ([]string, error) {
	api, err := r.APIService(ctx, stage.GroupName)
	if err != nil {
		return nil, err
	}
	where := client.ObjectKey{Namespace: api.Spec.Service.Namespace, Name: api.Spec.Service.Name}
	var service corev1.Service
	if err := r.client.Get(ctx, where, &service); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	var addresses []string
	for served := range strings.SplitSeq(service.Annotations["certyun.internal/served-at"], ",") {
		if address, measured := strings.CutPrefix(served, "http-metrics="); measured {
			addresses = append(addresses, address)
		}
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("bench: the metrics of the Service %s are not served", where)
	}
	return addresses, nil
}

func browserWith(config *tls.Config) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: config}}
}

func get(ctx context.Context, browser *http.Client, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	response, err := browser.Do(request)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("bench: %s answered %s", url, response.Status)
	}
	return text, err
}

// metric reads the value of a metric without labels.
func metric(text []byte, name string) (float64, error) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("bench: there is no metric %s", name)
}

// watch looks at the solver every second until the returned function is called, which returns the most that was seen.
func (r *run) watch(ctx context.Context) func() (usage, error) {
	ctx, cancel := context.WithCancel(ctx)
	seen, failure := usage{}, r.forgetPeaks()
	var watching sync.WaitGroup
	watching.Go(func() {
		for failure == nil {
			var now usage
			if now, failure = r.usage(ctx); failure == nil {
				seen = seen.most(now)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	})
	return func() (usage, error) {
		cancel()
		watching.Wait()
		if errors.Is(failure, context.Canceled) {
			failure = nil
		}
		return seen, failure
	}
}

// goroutineSlack is how many goroutines more than at the start still count as back: connections that are kept open come
// and go.
const goroutineSlack = 10

// calmDown waits until the solver has as few goroutines as at the start, for as long as idle connections to a cloud are
// kept, and returns how many there are then and how long it took.
func (r *run) calmDown(ctx context.Context, start int) (goroutines int, took float64, err error) {
	const patience = 2 * time.Minute
	began := time.Now()
	for {
		if goroutines, err = r.goroutines(ctx); err != nil {
			return 0, 0, err
		}
		if goroutines <= start+goroutineSlack || time.Since(began) > patience {
			return goroutines, time.Since(began).Seconds(), nil
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// unloaded measures what needs no load: the idle solver, the size of the program as it is released, and how long it takes
// to be ready.
func (r *run) unloaded(ctx context.Context, idle usage) (*Footprint, error) {
	footprint := &Footprint{IdleMB: megabytes(idle.resident), GoroutinesIdle: idle.goroutines}
	return footprint, r.step("size of the program, and cold starts", func() error {
		program := filepath.Join(r.Cluster.Dir, "certyun-stripped")
		build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", program, ".")
		build.Dir = r.box.Root
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("bench: build certyun: %w\n%s", err, out)
		}
		info, err := os.Stat(program)
		if err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		footprint.BinaryMB = megabytes(info.Size())
		var starts []float64
		for range coldStarts {
			took, err := r.coldStart(ctx, program)
			if err != nil {
				return err
			}
			starts = append(starts, took.Seconds())
		}
		footprint.ColdStart = median(starts)
		return nil
	})
}

const coldStarts = 3

// coldStart runs the program beside the cluster, as the administrator, until it is ready.
func (r *run) coldStart(ctx context.Context, program string) (took time.Duration, err error) {
	args, browser, url, err := r.coldArguments()
	if err != nil {
		return 0, err
	}
	defer browser.CloseIdleConnections()
	log, err := os.Create(filepath.Join(r.Cluster.Logs(), "cold-start.log"))
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	started := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it has ended where this fails
		err = errors.Join(err, cmd.Wait())
	}()
	for time.Since(started) < time.Minute && ctx.Err() == nil {
		if _, err = get(ctx, browser, url); err == nil {
			return time.Since(started), nil
		}
		time.Sleep(2 * time.Millisecond)
	}
	return 0, fmt.Errorf("bench: the solver is not ready: %w", err)
}

// coldArguments are those of the chart, for a group of its own.
func (r *run) coldArguments() (args []string, browser *http.Client, url string, err error) {
	certificate, key, err := certutil.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return nil, nil, "", fmt.Errorf("bench: %w", err)
	}
	certificateFile, keyFile := filepath.Join(r.Cluster.Dir, "cold.crt"), filepath.Join(r.Cluster.Dir, "cold.key")
	for file, text := range map[string][]byte{certificateFile: certificate, keyFile: key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, nil, "", fmt.Errorf("bench: %w", err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, "", fmt.Errorf("bench: %w", err)
	}
	address := listener.Addr().(*net.TCPAddr)
	if err := listener.Close(); err != nil {
		return nil, nil, "", fmt.Errorf("bench: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	return []string{
		"solver", "--group-name=cold." + stage.GroupName, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", address.Port),
		"--tls-cert-file=" + certificateFile, "--tls-private-key-file=" + keyFile,
		"--kubeconfig=" + r.Cluster.Kubeconfig, "--authentication-kubeconfig=" + r.Cluster.Kubeconfig,
		"--authorization-kubeconfig=" + r.Cluster.Kubeconfig, "--metrics-bind-address=127.0.0.1:0",
	}, browserWith(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), "https://" + address.String() + "/readyz", nil
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }
