package bench

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
)

// one measures an apex and its wildcard in one certificate. The quick ways run one after the other, each provider beside
// the other. With the self check a worker of cert-manager sleeps for a minute in each challenge; these cases run beside the
// quick ones, four to a cert-manager of five workers.
func (r *run) one(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, propagation := range propagations() {
		group.Go(func() error { return r.oneSlow(ctx, propagation) })
	}
	for _, provider := range providers() {
		group.Go(func() error { return r.oneFast(ctx, provider) })
	}
	return group.Wait()
}

func (r *run) oneFast(ctx context.Context, provider stage.Provider) error {
	lane, err := r.open(ctx, fastLane(provider), certmanager.Options{})
	if err != nil {
		return err
	}
	defer lane.stop()
	times := rounds
	if r.Quick {
		times = 1
	}
	if err := r.warmUp(ctx, lane, provider); err != nil {
		return err
	}
	// The propagations take turns, so that what slows the machine down for a while meets all.
	for round := range times {
		for _, propagation := range propagations() {
			if err := r.oneCase(ctx, lane, wayCertyun, provider, propagation, round); err != nil {
				return err
			}
		}
	}
	return nil
}

// warmUp issues what is not measured: a first certificate meets caches that are empty, and other lanes that are starting.
func (r *run) warmUp(ctx context.Context, lane *lane, provider stage.Provider) error {
	issuer, err := lane.issuer(ctx, wayCertyun, r.account(provider, commonAccount))
	if err != nil {
		return err
	}
	out, err := lane.issue(ctx, 0, lane.forDomains(issuer, laneZone(lane.namespace))...)
	r.report.addOrders(provider.Title, wayCertyun, out)
	return err
}

func (r *run) oneSlow(ctx context.Context, propagation time.Duration) error {
	lane, err := r.open(ctx, slowLane(propagation), certmanager.Options{})
	if err != nil {
		return err
	}
	defer lane.stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, provider := range providers() {
		for _, w := range []way{wayCertyunChecked, wayPlain} {
			group.Go(func() error { return r.oneCase(ctx, lane, w, provider, propagation, 0) })
		}
	}
	return group.Wait()
}

func (r *run) oneCase(ctx context.Context, lane *lane, w way, provider stage.Provider, propagation time.Duration, round int) error {
	issuer, err := lane.issuer(ctx, w, r.account(provider, commonAccount))
	if err != nil {
		return err
	}
	out, err := lane.issue(ctx, 0, lane.forDomains(issuer, oneZone(w, provider, propagation, round))...)
	r.report.addOrders(provider.Title, w, out)
	if err != nil {
		return fmt.Errorf("bench: %s, %s, %s: %w", w, provider.Title, propagation, err)
	}
	r.report.addOne(provider.Title, w, propagation, out.ready)
	return nil
}
