// Package kubelet plays the kubelet of a node that is this machine, without containers: each container of a Pod is a
// process. Volumes become files, environment and arguments are resolved as the kubelet does, probes are asked, Pods are
// restarted and ended, and their status is reported, so that Deployments, rollouts and `helm --wait` work.
//
// A process has neither a file system nor a network of its own, and three things stand in for them:
//
//   - Mount paths in arguments and environment are rewritten to where the files really lie.
//   - Each declared container port becomes a free port of the loopback interface, also in arguments and environment. So
//     replicas of one Deployment run side by side.
//   - A Service becomes an ExternalName of localhost, and its ports are listened on there and forwarded to the Pods that
//     are ready. So the port of a Service must be free on this machine; ReservePort finds one.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/certyun/certyun/deploy/local/child"
)

// Image says what runs in the place of a container image.
type Image struct {
	// Entrypoint is the path of the program inside the image.
	Entrypoint string
	// Program is the program on this machine.
	Program string
	// Args follow the container's own arguments; the key is the first of these. $(KUBECONFIG) in them is a kubeconfig with
	// the Pod's ServiceAccount, for programs that would else look for the in-cluster configuration, whose path cannot be
	// moved.
	Args map[string][]string
}

// Options of a kubelet.
type Options struct {
	// Config is the administrator's access to the cluster.
	Config *rest.Config
	// NodeName is the name of the node that the kubelet makes.
	NodeName string
	// Dir holds the Pods' files, and in "logs" one log for each container.
	Dir string
	// Processes runs the containers' programs.
	Processes *child.Group
	// Images are keyed by repository, with neither tag nor digest.
	Images map[string]Image
	// Log tells what happens to Pods.
	Log logr.Logger
}

// Kubelet plays every Pod of the cluster.
type Kubelet struct {
	options  Options
	client   kubernetes.Interface
	pods     corelisters.PodLister
	services corelisters.ServiceLister

	factory informers.SharedInformerFactory
	proxy   *proxy

	mu      sync.Mutex
	binding map[types.UID]bool
	workers map[types.UID]*worker
	running sync.WaitGroup
}

// New makes a kubelet. It does nothing before Run, but ports may be reserved.
func New(options Options) (*Kubelet, error) {
	client, err := kubernetes.NewForConfig(options.Config)
	if err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	k := &Kubelet{
		options:  options,
		client:   client,
		pods:     factory.Core().V1().Pods().Lister(),
		services: factory.Core().V1().Services().Lister(),
		factory:  factory,
		binding:  map[types.UID]bool{},
		workers:  map[types.UID]*worker{},
	}
	k.proxy = newProxy(client, k.services, k.backends, options.Log)
	return k, nil
}

// ReservePort finds a free port for a Service and holds it until the kubelet ends.
func (k *Kubelet) ReservePort(ctx context.Context) (int, error) { return k.proxy.reserve(ctx) }

// Run plays Pods until the context ends; then it ends their processes and returns.
func (k *Kubelet) Run(ctx context.Context) error {
	defer k.proxy.close()
	if err := os.MkdirAll(k.logDir(), 0o755); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	if err := k.registerNode(ctx); err != nil {
		return err
	}
	defer k.running.Wait()
	pods := k.factory.Core().V1().Pods().Informer()
	if _, err := pods.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { k.observe(ctx, object) },
		UpdateFunc: func(before, object any) {
			k.observe(ctx, object)
			k.observeReadiness(ctx, before, object)
		},
	}); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	services := k.factory.Core().V1().Services().Informer()
	if _, err := services.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.proxy.observe(ctx, object) },
		UpdateFunc: func(_, object any) { k.proxy.observe(ctx, object) },
	}); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	k.factory.Start(ctx.Done())
	<-ctx.Done()
	k.factory.Shutdown()
	return nil
}

// Kill ends the processes of the matching Pods without asking them, as a crash would. It says how many Pods it hit.
func (k *Kubelet) Kill(namespace string, selector labels.Selector) (int, error) {
	pods, err := k.pods.Pods(namespace).List(selector)
	if err != nil {
		return 0, fmt.Errorf("kubelet: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	hit := 0
	for _, pod := range pods {
		if w := k.workers[pod.UID]; w != nil {
			w.kill()
			hit++
		}
	}
	return hit, nil
}

// Processes lists the ids of the matching Pods' processes.
func (k *Kubelet) Processes(namespace string, selector labels.Selector) ([]int, error) {
	pods, err := k.pods.Pods(namespace).List(selector)
	if err != nil {
		return nil, fmt.Errorf("kubelet: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var ids []int
	for _, pod := range pods {
		if w := k.workers[pod.UID]; w != nil {
			ids = append(ids, w.processes()...)
		}
	}
	return ids, nil
}

func (k *Kubelet) logDir() string { return filepath.Join(k.options.Dir, "logs") }

// registerNode makes the one node, ready and with room for anything.
func (k *Kubelet) registerNode(ctx context.Context) error {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name:   k.options.NodeName,
			Labels: map[string]string{corev1.LabelOSStable: "linux", corev1.LabelHostname: k.options.NodeName},
		},
	}
	created, err := k.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse("64"),
		corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourcePods:   resource.MustParse("100"),
	}
	now := metav1.Now()
	created.Status = corev1.NodeStatus{
		Capacity: room, Allocatable: room,
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: k.options.NodeName}},
		Conditions: []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			Message: "Pods are processes", LastHeartbeatTime: now, LastTransitionTime: now,
		}},
	}
	if _, err := k.client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	// A Node is made with the taint "not-ready", which a controller that does not run here would take away.
	untaint := []byte(`{"spec":{"taints":null}}`)
	if _, err := k.client.CoreV1().Nodes().Patch(ctx, created.Name, types.MergePatchType, untaint, metav1.PatchOptions{}); err != nil {
		return fmt.Errorf("kubelet: %w", err)
	}
	return nil
}

// observe schedules a new Pod onto the node, and starts a worker for a Pod that is on it.
func (k *Kubelet) observe(ctx context.Context, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil:
		k.bind(ctx, pod)
	case pod.Spec.NodeName == k.options.NodeName && k.workers[pod.UID] == nil && !finished(pod):
		w := newWorker(k, pod)
		k.workers[pod.UID] = w
		k.running.Go(func() {
			w.run(ctx)
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.workers, pod.UID)
		})
	}
}

// observeReadiness tells the proxy when a Pod begins to serve or ceases to.
func (k *Kubelet) observeReadiness(ctx context.Context, before, after any) {
	old, ok := before.(*corev1.Pod)
	pod, okay := after.(*corev1.Pod)
	if ok && okay && serves(old) != serves(pod) {
		k.proxy.podsChanged(ctx, pod.Namespace)
	}
}

// bind assigns the Pod to the node, once.
func (k *Kubelet) bind(ctx context.Context, pod *corev1.Pod) {
	if k.binding[pod.UID] {
		return
	}
	k.binding[pod.UID] = true
	k.running.Go(func() {
		err := k.client.CoreV1().Pods(pod.Namespace).Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
			Target:     corev1.ObjectReference{Kind: "Node", Name: k.options.NodeName},
		}, metav1.CreateOptions{})
		if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
			k.options.Log.Error(err, "bind", "pod", podName(pod))
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.binding, pod.UID)
		}
	})
}

// backends lists the addresses of the Service's port on the Pods that are ready.
func (k *Kubelet) backends(service *corev1.Service, port corev1.ServicePort) []string {
	pods, err := k.pods.Pods(service.Namespace).List(labels.SelectorFromSet(service.Spec.Selector))
	if err != nil {
		k.options.Log.Error(err, "list pods", "service", service.Name)
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	var addresses []string
	for _, pod := range pods {
		w := k.workers[pod.UID]
		if w == nil || !serves(pod) {
			continue
		}
		if address, ok := w.address(port.TargetPort); ok {
			addresses = append(addresses, address)
		}
	}
	return addresses
}

// image returns what plays the image of this reference.
func (k *Kubelet) image(reference string) (Image, error) {
	repository, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndex(repository, ":"); i > strings.LastIndex(repository, "/") {
		repository = repository[:i]
	}
	image, ok := k.options.Images[repository]
	if !ok {
		return Image{}, errors.New("no program on this machine plays the image " + reference)
	}
	return image, nil
}

// client and cluster access for a Pod's own kubeconfig.
func (k *Kubelet) server() string { return strings.TrimSuffix(k.options.Config.Host, "/") }

func finished(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && (pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed)
}

// serves says whether a Pod is given requests: one that is to end is not, although it may be ready still.
func serves(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil && ready(pod) }

func ready(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func podName(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

// tick is how often a worker looks at its Pod.
const tick = 100 * time.Millisecond
