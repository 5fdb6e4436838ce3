package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
)

// batch issues many certificates in a namespace of their own and returns when each was ready.
func (r *run) batch(ctx context.Context, namespace string, options certmanager.Options, w way, provider stage.Provider, domains []string) ([]time.Duration, error) {
	var took []time.Duration
	err := r.step(fmt.Sprintf("%d certificates, %s, %s", len(domains), provider.Title, namespace), func() error {
		lane, err := r.open(ctx, namespace, options)
		if err != nil {
			return err
		}
		defer lane.stop()
		issuer, err := lane.issuer(ctx, w, provider)
		if err != nil {
			return err
		}
		took, err = lane.issue(ctx, issuer, domains...)
		return err
	})
	return took, err
}

// plainTen measures what a hundred would take too long for.
func (r *run) plainTen(ctx context.Context, provider stage.Provider) error {
	domains := batchDomains(ten, batchZone(wayPlain, provider, "batch"))
	took, err := r.batch(ctx, batchLane(wayPlain, provider), certmanager.Options{}, wayPlain, provider, domains)
	if err == nil {
		r.report.addBatch(provider.Title, wayPlain, took)
	}
	return err
}

// hundreds measures a hundred certificates: first the floor's at once, then certyun's, whose footprint is watched.
func (r *run) hundreds(ctx context.Context, idle usage) error {
	footprint, err := r.unloaded(ctx, idle)
	if err != nil {
		return err
	}
	for _, provider := range r.providers() {
		if err := r.hundred(ctx, wayFloor, provider); err != nil {
			return err
		}
		watched := r.watch(ctx)
		err := r.hundred(ctx, wayCertyun, provider)
		loaded, lookErr := watched()
		if err := errors.Join(err, lookErr); err != nil {
			return err
		}
		footprint.loaded(loaded)
	}
	if footprint.GoroutinesAfter, footprint.BackAfter, err = r.calmDown(ctx, idle.goroutines); err != nil {
		return err
	}
	r.report.Footprint = footprint
	return nil
}

func (r *run) hundred(ctx context.Context, w way, provider stage.Provider) error {
	domains := batchDomains(hundred, batchZone(w, provider, "batch"))
	took, err := r.batch(ctx, batchLane(w, provider), certmanager.Options{}, w, provider, domains)
	if err == nil {
		r.report.addBatch(provider.Title, w, took)
	}
	return err
}

// limits measures what cert-manager's own settings allow.
func (r *run) limits(ctx context.Context) error {
	provider := stage.Alidns()
	for _, l := range limitCases() {
		options := certmanager.Options{Workers: l.workers, MaxConcurrentChallenges: l.challenges}
		domains := batchDomains(limitCertificates, batchZone(wayCertyun, provider, l.String()))
		took, err := r.batch(ctx, limitLane(l), options, wayCertyun, provider, domains)
		if err != nil {
			return err
		}
		r.report.addLimit(l, took)
	}
	return nil
}
