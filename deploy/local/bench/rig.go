package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// way is how a certificate is obtained: see the package comment.
type way string

const (
	wayFloor          way = "floor"
	wayCertyun        way = "certyun"
	wayCertyunChecked way = "certyun, self check"
	wayPlain          way = "plain, self check"
)

// The second release is the same program with its wait turned off.
const (
	plainRelease = "plain"
	plainGroup   = "plain." + stage.GroupName
)

// group is the API group of the solver.
func (w way) group() string {
	if w == wayCertyun || w == wayCertyunChecked {
		return stage.GroupName
	}
	return plainGroup
}

// wait is what stands in the Issuer: nothing leaves cert-manager's self check on.
func (w way) wait() *metav1.Duration {
	if w == wayCertyun || w == wayFloor {
		return &metav1.Duration{}
	}
	return nil
}

// slug makes a title fit for the name of an object or a zone.
func slug(parts ...string) string {
	return strings.ToLower(strings.NewReplacer(",", "", " ", "-").Replace(strings.Join(parts, "-")))
}

// rig is the cluster with both releases, and a client that can watch.
type rig struct {
	*stage.Stage
	client   client.WithWatch
	accounts map[string]stage.Account
}

// startRig starts everything. The cluster's own cert-manager looks after certyun's namespace alone: each group of cases
// has one of its own, so that a case whose workers sleep holds up no other.
func startRig(ctx context.Context, box toolbox.Toolbox, step func(string, func() error) error) (_ *rig, err error) {
	r := &rig{accounts: map[string]stage.Account{}}
	r.Stage, err = stage.Start(ctx, stage.Options{
		Toolbox: box, Step: step, IssuerNamespaces: lanes(),
		CertManager: certmanager.Options{Namespace: stage.Namespace},
	})
	if err != nil {
		return nil, err
	}
	r.World.DNS.SetDelay(0) // each zone has its own
	// A resolver that remembers what was not there makes the ways with the self check slower still, by chance.
	r.World.Recursive.SetCache(false)
	if err := r.prepare(ctx, step); err != nil {
		_ = r.Stop() // the first error counts
		return nil, err
	}
	return r, nil
}

func (r *rig) prepare(ctx context.Context, step func(string, func() error) error) (err error) {
	config := rest.CopyConfig(r.Cluster.Config)
	config.QPS = -1 // the benchmark must not wait for itself
	config.WarningHandler = rest.NoWarnings{}
	if r.client, err = client.NewWithWatch(config, client.Options{Scheme: r.Client.Scheme()}); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for _, provider := range providers() {
		if r.accounts[provider.SolverName], err = r.AddAccount(provider, "bench", zones(provider)...); err != nil {
			return err
		}
	}
	r.delayZones()
	return step("install the solver a second time, without its wait", func() error { return r.installPlain(ctx) })
}

func providers() []stage.Provider { return []stage.Provider{stage.Alidns(), stage.DNSPod()} }

// installPlain installs the chart once more, under another group and with the wait turned off. Nothing but cert-manager
// limits it: a floor must not be raised by a quota.
func (r *rig) installPlain(ctx context.Context) error {
	port, err := r.Cluster.Kubelet.ReservePort(ctx)
	if err != nil {
		return err
	}
	values := []string{
		"groupName=" + plainGroup,
		"admission.enabled=false",
		fmt.Sprintf("solver.service.port=%d", port),
		"solver.alidns.endpoint=" + r.World.Alidns.URL, "solver.alidns.qps=1000",
		"solver.dnspod.endpoint=" + r.World.DNSPod.URL, "solver.dnspod.qps=1000",
		"propagation.timeout=0",
		"secrets.namespaces={" + strings.Join(lanes(), ",") + "}",
	}
	_, err = r.Cluster.Helm(ctx, "install", plainRelease, r.Cluster.Chart(), "--namespace", stage.Namespace,
		"--wait", "--timeout", "2m", "--set", strings.Join(values, ","))
	if err != nil {
		return err
	}
	return stage.Eventually(ctx, time.Minute, func() error {
		service, err := r.apiService(ctx, plainGroup)
		if err != nil {
			return err
		}
		for _, condition := range service.Status.Conditions {
			if condition.Type == apiregistrationv1.Available && condition.Status == apiregistrationv1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("bench: APIService %s is not available: %v", service.Name, service.Status.Conditions)
	})
}

func (r *rig) apiService(ctx context.Context, group string) (*apiregistrationv1.APIService, error) {
	var service apiregistrationv1.APIService
	if err := r.Client.Get(ctx, client.ObjectKey{Name: "v1alpha1." + group}, &service); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return &service, nil
}

// lane is a namespace with a cert-manager of its own.
type lane struct {
	*rig
	namespace string
	stop      func()
}

// open starts the namespace's cert-manager and puts the accounts' keys there.
func (r *rig) open(ctx context.Context, namespace string, options certmanager.Options) (*lane, error) {
	for _, account := range r.accounts {
		if err := r.client.Create(ctx, account.Secret(namespace)); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	options.Namespace = namespace
	return &lane{rig: r, namespace: namespace, stop: r.Cluster.RunCertManager(ctx, options)}, nil
}

// issuer makes an Issuer for this way and provider unless it is there, and waits until it has its ACME account.
func (l *lane) issuer(ctx context.Context, w way, provider stage.Provider) (cmmeta.IssuerReference, error) {
	ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: slug(string(w), provider.SolverName)}
	issuer, err := l.Issuer(l.namespace, ref.Name, l.accounts[provider.SolverName])
	if err != nil {
		return ref, err
	}
	solver := &issuer.Spec.ACME.Solvers[0]
	solver.WaitInsteadOfSelfCheck, solver.DNS01.Webhook.GroupName = w.wait(), w.group()
	if err := l.client.Create(ctx, issuer); err != nil && !apierrors.IsAlreadyExists(err) {
		return ref, fmt.Errorf("bench: %w", err)
	}
	return ref, stage.Eventually(ctx, time.Minute, func() error {
		var now certmanagerv1.Issuer
		if err := l.client.Get(ctx, client.ObjectKeyFromObject(issuer), &now); err != nil {
			return err
		}
		for _, condition := range now.Status.Conditions {
			if condition.Type == certmanagerv1.IssuerConditionReady && condition.Status == cmmeta.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("bench: Issuer %s/%s is not ready: %v", l.namespace, ref.Name, now.Status.Conditions)
	})
}

// patience is how long a group of certificates may take.
const patience = 10 * time.Minute

// issue asks for a certificate for each domain and its wildcard, one request after the other, and returns how long after
// the first request each was ready, in the order in which they were. Then it waits until the challenges are gone, which
// is not measured.
func (l *lane) issue(ctx context.Context, issuer cmmeta.IssuerReference, domains ...string) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	changes, err := l.client.Watch(ctx, &certmanagerv1.CertificateList{}, client.InNamespace(l.namespace))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer changes.Stop()
	missing := map[string]bool{}
	started := time.Now()
	for _, domain := range domains {
		name := strings.ReplaceAll(domain, ".", "-")
		missing[name] = true
		certificate := stage.Certificate(l.namespace, name, issuer, domain, "*."+domain)
		if err := l.client.Create(ctx, certificate); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	var took []time.Duration
	for len(missing) > 0 {
		select {
		case <-ctx.Done():
			return nil, errors.Join(
				fmt.Errorf("bench: %d of %d certificates in %s are not ready: %w", len(missing), len(domains), l.namespace, ctx.Err()),
				l.NoChallenges(context.WithoutCancel(ctx), l.namespace))
		case change, open := <-changes.ResultChan():
			if !open {
				return nil, fmt.Errorf("bench: the watch on %s ended", l.namespace)
			}
			if certificate, ok := change.Object.(*certmanagerv1.Certificate); ok && missing[certificate.Name] && ready(certificate) {
				delete(missing, certificate.Name)
				took = append(took, time.Since(started))
			}
		}
	}
	gone := func() error { return l.NoChallenges(ctx, l.namespace) }
	return took, stage.Eventually(ctx, patience, gone)
}

func ready(certificate *certmanagerv1.Certificate) bool {
	for _, condition := range certificate.Status.Conditions {
		if condition.Type == certmanagerv1.CertificateConditionReady {
			return condition.Status == cmmeta.ConditionTrue && condition.ObservedGeneration == certificate.Generation
		}
	}
	return false
}
