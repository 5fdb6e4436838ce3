package kubelet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// loopback is the address of every Pod.
const loopback = "127.0.0.1"

// prober asks one run of a container how it is, with the container's probes. A container without a probe is well.
type prober struct {
	container *corev1.Container
	where     place

	started   atomic.Bool
	ready     atomic.Bool
	unhealthy atomic.Bool
}

func newProber(container *corev1.Container, where place) *prober {
	return &prober{container: container, where: where}
}

// run asks until the context ends: first the startup probe until it answers, then the other two side by side.
func (p *prober) run(ctx context.Context) {
	if !p.watch(ctx, p.container.StartupProbe, func(good bool) (goOn bool) {
		if !good {
			p.unhealthy.Store(true)
		}
		return false
	}) {
		return
	}
	p.started.Store(true)
	if p.container.ReadinessProbe == nil {
		p.ready.Store(true)
	}
	go p.watch(ctx, p.container.LivenessProbe, func(good bool) bool {
		p.unhealthy.Store(!good)
		return good
	})
	p.watch(ctx, p.container.ReadinessProbe, func(good bool) bool {
		p.ready.Store(good)
		return true
	})
}

// watch asks one probe with its period and its thresholds, and tells verdict each time that enough answers in a row
// agree. It returns true when verdict was told of success and wants no more, or when there is no probe.
func (p *prober) watch(ctx context.Context, probe *corev1.Probe, verdict func(good bool) (goOn bool)) bool {
	return probe == nil || watch(ctx, probe, p.ask, verdict)
}

func watch(ctx context.Context, probe *corev1.Probe, ask func(context.Context, *corev1.Probe) error, verdict func(good bool) (goOn bool)) bool {
	if !sleep(ctx, time.Duration(probe.InitialDelaySeconds)*time.Second) {
		return false
	}
	good, row := false, 0
	for {
		answer := ask(ctx, probe) == nil
		if answer != good {
			good, row = answer, 0
		}
		row++
		needed := int(max(probe.FailureThreshold, 1))
		if good {
			needed = int(max(probe.SuccessThreshold, 1))
		}
		if row >= needed && !verdict(good) {
			return good
		}
		if !sleep(ctx, time.Duration(max(probe.PeriodSeconds, 1))*time.Second) {
			return false
		}
	}
}

// ask makes one call.
func (p *prober) ask(ctx context.Context, probe *corev1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return p.get(ctx, probe.HTTPGet)
	case probe.TCPSocket != nil:
		address, err := p.address(probe.TCPSocket.Port)
		if err != nil {
			return err
		}
		connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	return fmt.Errorf("container %s: this kind of probe is not played", p.container.Name)
}

func (p *prober) get(ctx context.Context, action *corev1.HTTPGetAction) error {
	address, err := p.address(action.Port)
	if err != nil {
		return err
	}
	url := strings.ToLower(string(action.Scheme)) + "://" + address + "/" + strings.TrimPrefix(action.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	for _, header := range action.HTTPHeaders {
		request.Header.Set(header.Name, header.Value)
	}
	// The kubelet does not check certificates: it asks whether the process is well, not who it is.
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
		DisableKeepAlives: true,
	}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("answered %s", response.Status)
	}
	return nil
}

func (p *prober) address(port intstr.IntOrString) (string, error) {
	host, ok := p.where.hostPort(p.container, port)
	if !ok {
		return "", fmt.Errorf("container %s declares no port %s", p.container.Name, port.String())
	}
	return net.JoinHostPort(loopback, strconv.Itoa(host)), nil
}

// sleep waits, and says whether the context still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
