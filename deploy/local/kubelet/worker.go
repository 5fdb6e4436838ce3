package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	// refresh is how often volumes are brought up to date. The kubelet takes up to a minute; nobody waits for that here.
	refresh = time.Second
	// leavingGrace is what processes get when the whole cluster ends.
	leavingGrace = 5 * time.Second
	// tokenMount is where every program looks for its ServiceAccount's token.
	tokenMount = "/var/run/secrets/kubernetes.io/serviceaccount" //nolint:gosec // a path
)

// worker plays one Pod, from its start to its end.
type worker struct {
	kubelet *Kubelet
	pod     *corev1.Pod
	dir     string
	volumes *volumes
	started metav1.Time

	mu         sync.Mutex
	containers []*container

	refreshed time.Time
	mounted   bool
	problem   string
	reporter  reporter
}

func newWorker(k *Kubelet, pod *corev1.Pod) *worker {
	dir := filepath.Join(k.options.Dir, "pods", string(pod.UID))
	w := &worker{
		kubelet: k, pod: pod, dir: dir, started: metav1.Now(),
		volumes:  newVolumes(k.client, pod, filepath.Join(dir, "volumes")),
		reporter: reporter{client: k.client, log: k.options.Log},
	}
	for i := range pod.Spec.Containers {
		w.containers = append(w.containers, &container{spec: &pod.Spec.Containers[i], reason: "ContainerCreating"})
	}
	return w
}

// run plays the Pod until it is deleted, finished, or the context ends.
func (w *worker) run(ctx context.Context) {
	defer os.RemoveAll(w.dir)
	if err := os.MkdirAll(filepath.Join(w.dir, "work"), 0o755); err != nil {
		w.kubelet.options.Log.Error(err, "start", "pod", podName(w.pod))
		return
	}
	for sleep(ctx, tick) {
		current, err := w.kubelet.pods.Pods(w.pod.Namespace).Get(w.pod.Name)
		gone := apierrors.IsNotFound(err) || err == nil && current.UID != w.pod.UID
		if gone {
			w.stop(0)
			return
		}
		if err != nil {
			continue
		}
		w.pod = current
		if current.DeletionTimestamp != nil {
			w.end(ctx)
			return
		}
		w.sync(ctx)
		if w.reporter.report(ctx, w.pod, w.status()) && w.finished() {
			w.stop(0)
			return
		}
	}
	w.stop(leavingGrace)
}

// sync brings the volumes and then the containers a step further.
func (w *worker) sync(ctx context.Context) {
	if len(w.pod.Spec.InitContainers) > 0 {
		w.problem = "init containers are not played"
		return
	}
	if time.Since(w.refreshed) > refresh || !w.mounted {
		err := w.volumes.sync(ctx, w.pod)
		w.refreshed = time.Now()
		w.problem = ""
		if err != nil {
			w.problem = err.Error()
		}
		w.mounted = w.mounted || err == nil
	}
	if !w.mounted {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers {
		c.observe(w.pod.Spec.RestartPolicy)
		if c.due() {
			w.start(ctx, c)
		}
	}
}

// start runs a container's program.
func (w *worker) start(ctx context.Context, c *container) {
	command, where, err := w.command(ctx, c)
	if err == nil {
		err = c.start(ctx, w.kubelet.options.Processes, command, where)
	}
	if err != nil {
		c.fail("CreateContainerError", err)
	}
}

// end stops the processes within the Pod's grace time and takes the Pod away.
func (w *worker) end(ctx context.Context) {
	grace := 30 * time.Second
	if w.pod.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*w.pod.DeletionGracePeriodSeconds) * time.Second
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.stop(grace)
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
		w.stop(leavingGrace)
		<-stopped
		return
	}
	err := w.kubelet.client.CoreV1().Pods(w.pod.Namespace).Delete(ctx, w.pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64), Preconditions: &metav1.Preconditions{UID: &w.pod.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		w.kubelet.options.Log.Error(err, "delete", "pod", podName(w.pod))
	}
}

// stop ends all processes side by side. The lock is not held meanwhile: ending may take a minute.
func (w *worker) stop(grace time.Duration) {
	var ending sync.WaitGroup
	w.mu.Lock()
	for _, c := range w.containers {
		if process := c.process; process != nil {
			c.cancel()
			ending.Go(func() { process.Stop(grace) })
		}
	}
	w.mu.Unlock()
	ending.Wait()
}

// kill lets the processes crash.
func (w *worker) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers {
		if c.process != nil {
			c.process.Kill()
		}
	}
}

// processes lists the ids of the processes that run now.
func (w *worker) processes() []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []int
	for _, c := range w.containers {
		if c.running() {
			ids = append(ids, c.process.ID())
		}
	}
	return ids
}

// address is where the Pod serves this port.
func (w *worker) address(port intstr.IntOrString) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.containers {
		if c.prober == nil {
			continue
		}
		if address, err := c.prober.address(port); err == nil {
			return address, true
		}
	}
	return "", false
}

// finished says whether the Pod is one that ends, and has ended.
func (w *worker) finished() bool {
	phase := w.status().Phase
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}

func (w *worker) logFile(container string) string {
	return filepath.Join(w.kubelet.logDir(), fmt.Sprintf("%s_%s_%s.log", w.pod.Namespace, w.pod.Name, container))
}
