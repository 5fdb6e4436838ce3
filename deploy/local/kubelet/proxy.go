package kubelet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
)

// proxy makes Services reachable on the loopback interface. The API server resolves a Service of type ExternalName by
// its name, for APIServices and for webhooks alike, and dials the Service's port there: no target port, no cluster IP.
type proxy struct {
	client   kubernetes.Interface
	services corelisters.ServiceLister
	// backends lists where a Service's port is served now.
	backends func(*corev1.Service, corev1.ServicePort) []string
	log      logr.Logger

	mu     sync.Mutex
	closed bool
	fronts map[int]net.Listener
	next   int
}

func newProxy(client kubernetes.Interface, services corelisters.ServiceLister, backends func(*corev1.Service, corev1.ServicePort) []string, log logr.Logger) *proxy {
	return &proxy{client: client, services: services, backends: backends, log: log, fronts: map[int]net.Listener{}}
}

// reserve listens on a free port, for a Service that is still to come.
func (p *proxy) reserve(ctx context.Context) (int, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("kubelet: reserve a port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fronts[port] = listener
	go p.serve(ctx, port, listener)
	return port, nil
}

// servedAnnotation notes on a Service the addresses of the Pods that serve it, each behind the name of its port and "=".
const servedAnnotation = "certyun.internal/served-at"

// observe takes charge of a Service that selects Pods.
func (p *proxy) observe(ctx context.Context, object any) {
	service, ok := object.(*corev1.Service)
	if !ok || len(service.Spec.Selector) == 0 || service.DeletionTimestamp != nil {
		return
	}
	for _, port := range service.Spec.Ports {
		if port.Protocol == corev1.ProtocolTCP || port.Protocol == "" {
			p.listen(ctx, service, int(port.Port))
		}
	}
	p.point(ctx, service)
}

// point makes the Service's name that of this machine, and notes where it is served. The API server looks at an
// APIService again when its Service changes; else it may let half a minute pass.
func (p *proxy) point(ctx context.Context, service *corev1.Service) {
	var served []string
	for _, port := range service.Spec.Ports {
		for _, address := range p.backends(service, port) {
			served = append(served, port.Name+"="+address)
		}
	}
	slices.Sort(served)
	note := strings.Join(served, ",")
	if service.Spec.Type == corev1.ServiceTypeExternalName && service.Annotations[servedAnnotation] == note {
		return
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"annotations": map[string]string{servedAnnotation: note}},
		"spec":     map[string]string{"type": string(corev1.ServiceTypeExternalName), "externalName": "localhost"},
	})
	if err == nil {
		_, err = p.client.CoreV1().Services(service.Namespace).
			Patch(ctx, service.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubelet"})
	}
	if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		p.log.Error(err, "point to localhost", "service", service.Namespace+"/"+service.Name)
	}
}

// podsChanged looks again at the Services of a namespace where Pods came or went.
func (p *proxy) podsChanged(ctx context.Context, namespace string) {
	services, err := p.services.Services(namespace).List(labels.Everything())
	if err != nil {
		p.log.Error(err, "list services", "namespace", namespace)
		return
	}
	for _, service := range services {
		p.observe(ctx, service)
	}
}

// listen opens the Service's port unless it is open.
func (p *proxy) listen(ctx context.Context, service *corev1.Service, port int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.fronts[port] != nil {
		return
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		p.log.Error(err, "the port of a Service must be free on this machine", "service", service.Namespace+"/"+service.Name)
		return
	}
	p.fronts[port] = listener
	go p.serve(ctx, port, listener)
}

func (p *proxy) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, listener := range p.fronts {
		_ = listener.Close() // nothing can be done about it, and the process is about to end
	}
}

func (p *proxy) serve(ctx context.Context, port int, listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			p.log.Error(err, "accept", "port", port)
			continue
		}
		go p.forward(ctx, port, connection.(*net.TCPConn))
	}
}

// forward carries one connection to a Pod that is ready; with none, the connection is closed at once.
func (p *proxy) forward(ctx context.Context, port int, front *net.TCPConn) {
	defer front.Close()
	for _, address := range p.targets(port) {
		connection, err := (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			continue // this Pod has just gone; the next may be there
		}
		back := connection.(*net.TCPConn)
		defer back.Close()
		go func() {
			_, _ = io.Copy(back, front) // either end may hang up at any time
			_ = back.CloseWrite()
		}()
		_, _ = io.Copy(front, back)
		return
	}
}

// targets lists the Pods behind the port, beginning with another one each time.
func (p *proxy) targets(port int) []string {
	services, err := p.services.List(labels.Everything())
	if err != nil {
		p.log.Error(err, "list services")
		return nil
	}
	for _, service := range services {
		for _, candidate := range service.Spec.Ports {
			if int(candidate.Port) != port || len(service.Spec.Selector) == 0 {
				continue
			}
			addresses := p.backends(service, candidate)
			if len(addresses) == 0 {
				return nil
			}
			p.mu.Lock()
			p.next++
			first := p.next % len(addresses)
			p.mu.Unlock()
			return append(addresses[first:len(addresses):len(addresses)], addresses[:first]...)
		}
	}
	return nil
}
