package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/stage"
)

// patience is how long a group of certificates may take.
const patience = 10 * time.Minute

// outcome is what became of certificates that were asked for.
type outcome struct {
	// ready has how long after the first request each was ready, in the order in which they were.
	ready []time.Duration
	// failed is how many had an Order that failed. cert-manager tries again after an hour, which nobody waits for.
	failed int
}

// forDomains are Certificates for each domain and its wildcard.
func (l *lane) forDomains(issuer cmmeta.IssuerReference, domains ...string) []*certmanagerv1.Certificate {
	var all []*certmanagerv1.Certificate
	for _, domain := range domains {
		name := strings.ReplaceAll(domain, ".", "-")
		all = append(all, stage.Certificate(l.namespace, name, issuer, domain, "*."+domain))
	}
	return all
}

// issue asks for certificates, one each pace, and waits until they are ready or failed. Then it waits until the challenges
// are gone, which is not measured.
func (l *lane) issue(ctx context.Context, pace time.Duration, certificates ...*certmanagerv1.Certificate) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	watching, err := l.watch(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer watching.stop()
	missing := map[string]bool{}
	for _, certificate := range certificates {
		missing[certificate.Name] = true
	}
	started := time.Now()
	go func() {
		if err := l.create(ctx, pace, certificates); err != nil {
			fail(err)
		}
	}()
	var out outcome
	for len(missing) > 0 {
		name, failed, err := watching.next(ctx)
		if err != nil {
			return out, errors.Join(fmt.Errorf("bench: %d of %d certificates in %s are not ready: %w", len(missing), len(certificates),
				l.namespace, err), l.NoChallenges(context.WithoutCancel(ctx), l.namespace))
		}
		switch {
		case !missing[name]:
			continue
		case failed:
			out.failed++
		default:
			out.ready = append(out.ready, time.Since(started))
		}
		delete(missing, name)
	}
	gone := func() error { return l.NoChallenges(ctx, l.namespace) }
	return out, stage.Eventually(ctx, patience, gone)
}

func (l *lane) create(ctx context.Context, pace time.Duration, certificates []*certmanagerv1.Certificate) error {
	for i, certificate := range certificates {
		if i > 0 {
			time.Sleep(pace)
		}
		if err := l.client.Create(ctx, certificate); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	return nil
}

// watching sees what becomes of the Certificates of a namespace.
type watching struct{ certificates, orders watch.Interface }

func (l *lane) watch(ctx context.Context) (*watching, error) {
	certificates, err := l.client.Watch(ctx, &certmanagerv1.CertificateList{}, client.InNamespace(l.namespace))
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	orders, err := l.client.Watch(ctx, &acmev1.OrderList{}, client.InNamespace(l.namespace))
	if err != nil {
		certificates.Stop()
		return nil, fmt.Errorf("bench: %w", err)
	}
	return &watching{certificates, orders}, nil
}

func (w *watching) stop() {
	w.certificates.Stop()
	w.orders.Stop()
}

// next names the next Certificate that is ready, or whose Order failed. It may name one more than once.
func (w *watching) next(ctx context.Context) (name string, failed bool, err error) {
	for {
		var change watch.Event
		var open bool
		select {
		case <-ctx.Done():
			return "", false, context.Cause(ctx)
		case change, open = <-w.certificates.ResultChan():
		case change, open = <-w.orders.ResultChan():
		}
		if !open {
			return "", false, errors.New("a watch ended")
		}
		switch object := change.Object.(type) {
		case *certmanagerv1.Certificate:
			if ready(object) {
				return object.Name, false, nil
			}
		case *acmev1.Order:
			if stage.OrderFailed(object) {
				return object.Annotations[certmanagerv1.CertificateNameKey], true, nil
			}
		}
	}
}

func ready(certificate *certmanagerv1.Certificate) bool {
	for _, condition := range certificate.Status.Conditions {
		if condition.Type == certmanagerv1.CertificateConditionReady {
			return condition.Status == cmmeta.ConditionTrue && condition.ObservedGeneration == certificate.Generation
		}
	}
	return false
}
