package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"golang.org/x/sync/errgroup"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// group is many certificates in a namespace of their own.
type group struct {
	namespace string
	options   certmanager.Options
	way       way
	account   stage.Account
	count     int
	pace      time.Duration
}

// many issues a group.
func (r *run) many(ctx context.Context, g group) (out outcome, err error) {
	err = r.step(fmt.Sprintf("%d certificates, %s, %s", g.count, g.account.Title, g.namespace), func() error {
		lane, err := r.open(ctx, g.namespace, g.options)
		if err != nil {
			return err
		}
		defer lane.stop()
		issuer, err := lane.issuer(ctx, g.way, g.account)
		if err != nil {
			return err
		}
		domains := batchDomains(g.count, laneZone(g.namespace))
		out, err = lane.issue(ctx, g.pace, lane.forDomains(issuer, domains...)...)
		r.report.addOrders(g.account.Title, g.way, out)
		return err
	})
	return out, err
}

// batch measures many certificates that are asked for at once.
func (r *run) batch(ctx context.Context, w way, provider stage.Provider, propagation time.Duration, count int) error {
	out, err := r.many(ctx, group{
		namespace: batchLane(w, provider, propagation), way: w, account: r.account(provider, commonAccount), count: count,
	})
	if err == nil {
		r.report.addBatch(provider.Title, w, propagation, out.ready)
	}
	return err
}

// hundreds measures a hundred certificates, and watches the solver meanwhile.
func (r *run) hundreds(ctx context.Context, idle usage) error {
	footprint, err := r.unloaded(ctx, idle)
	if err != nil {
		return err
	}
	watched := r.watch(ctx)
	for _, provider := range r.providers() {
		for _, propagation := range batchPropagations() {
			if err = r.batch(ctx, wayCertyun, provider, propagation, hundred); err != nil {
				break
			}
		}
	}
	loaded, lookErr := watched()
	if err := errors.Join(err, lookErr); err != nil {
		return err
	}
	footprint.loaded(loaded)
	if footprint.GoroutinesAfter, footprint.BackAfter, err = r.calmDown(ctx, idle.goroutines); err != nil {
		return err
	}
	r.report.Footprint = footprint
	return nil
}

// limits measures what cert-manager's own settings allow.
func (r *run) limits(ctx context.Context) error {
	for _, l := range limitCases() {
		out, err := r.many(ctx, group{
			namespace: limitLane(l), options: certmanager.Options{Workers: l.workers, MaxConcurrentChallenges: l.challenges},
			way: wayCertyun, account: r.account(limitProvider(), commonAccount), count: limitCertificates,
		})
		if err != nil {
			return err
		}
		r.report.addLimit(l, out.ready)
	}
	return nil
}

// calls counts what certificates that are asked for one after the other cost at the cloud's API.
func (r *run) calls(ctx context.Context) error {
	for _, provider := range providers() {
		for _, w := range callsWays() {
			account := r.account(provider, callsAccount(w))
			_, err := r.many(ctx, group{
				namespace: callsLane(w, provider), way: w, account: account, count: callsCertificates, pace: callsPace,
			})
			if err != nil {
				return err
			}
			r.report.addCalls(provider.Title, w, r.Endpoint(provider).Calls(), account)
		}
	}
	return nil
}

// isZoneList says whether a call lists the account's zones.
func isZoneList(call cloud.Call) bool {
	return call.Action == "DescribeDomains" || call.Action == "DescribeDomainList"
}

// twins measures a second certificate for the names of another, whose answers the CA still remembers.
func (r *run) twins(ctx context.Context) error {
	return r.step("a second certificate for the same names, both providers", func() error {
		both, ctx := errgroup.WithContext(ctx)
		for _, provider := range providers() {
			both.Go(func() error { return r.twinsOf(ctx, provider) })
		}
		return both.Wait()
	})
}

func (r *run) twinsOf(ctx context.Context, provider stage.Provider) error {
	lane, err := r.open(ctx, twinsLane(provider), certmanager.Options{})
	if err != nil {
		return err
	}
	defer lane.stop()
	issuer, err := lane.issuer(ctx, wayCertyun, r.account(provider, commonAccount))
	if err != nil {
		return err
	}
	issue := func(certificate *certmanagerv1.Certificate) (outcome, error) {
		out, err := lane.issue(ctx, 0, certificate)
		r.report.addOrders(provider.Title, wayCertyun, out)
		return out, err
	}
	zone := laneZone(lane.namespace)
	first := lane.forDomains(issuer, zone)[0]
	second := first.DeepCopy()
	second.Name = "second-" + strings.ReplaceAll(zone, ".", "-")
	second.Spec.SecretName = second.Name
	second.Spec.PrivateKey.Algorithm, second.Spec.PrivateKey.Size = certmanagerv1.RSAKeyAlgorithm, 2048

	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error {
		_, err := issue(first)
		return err
	})
	both.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(twinsApart):
		}
		out, err := issue(second)
		r.report.addTwin(provider.Title, out.ready)
		return err
	})
	return both.Wait()
}
