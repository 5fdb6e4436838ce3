package provider

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
)

const (
	// zonesKept is how long a list of zones is believed where it answers the question.
	zonesKept = 10 * time.Minute
	// zonesDoubted is how long it is believed where a zone that was added since would give another answer.
	zonesDoubted = time.Minute
	// zonesTimeout bounds one look at all zones of an account; large accounts have many pages. It may be longer than a caller has:
	// what it finds serves the calls that follow.
	zonesTimeout = 40 * time.Second
)

// zoneList is what the cloud said at one time. It is not changed after it was made.
type zoneList struct {
	names []string
	asked time.Time
}

// InZone calls do with the zone of the account that the name belongs to: the one that cert-manager resolved, if the
// account hosts it, else the longest one that encloses the name. Both names are canonical; resolved may be "".
//
// If the cloud then says that the zone is not in the account, the list is dropped, the account's zones are listed anew and do
// is called once more if that gives another zone. So InZone fails with fault.ZoneNotFound only when a list that was asked for
// during the call has no zone for the name.
func (a *Account) InZone(ctx context.Context, name, resolved string, do func(zone string) error) error {
	zone, err := a.zoneOf(ctx, name, resolved, time.Now().Add(-zonesKept))
	if err != nil {
		return err
	}
	return a.tryZone(ctx, name, resolved, zone, do)
}

// InLikelyZone is InZone without a list of the zones where none is remembered: it first calls do with the zone that
// cert-manager resolved. That the cloud does not refuse it shows that the account hosts it. It is for calls that change
// nothing in a zone that turns out not to be the right one.
func (a *Account) InLikelyZone(ctx context.Context, name, resolved string, do func(zone string) error) error {
	if a.state.zones.Load() != nil || !dnsname.Encloses(resolved, name) || dnsname.IsPublicSuffix(resolved) {
		return a.InZone(ctx, name, resolved, do)
	}
	return a.tryZone(ctx, name, resolved, resolved, do)
}

// tryZone calls do with a zone, and with another one if a fresh look at the account's zones gives another.
func (a *Account) tryZone(ctx context.Context, name, resolved, zone string, do func(zone string) error) error {
	list := a.state.zones.Load()
	refusal := do(zone)
	if !fault.Is(refusal, fault.ZoneNotFound) {
		return refusal
	}
	a.state.zones.CompareAndSwap(list, nil) // so that nobody else tries it, even if the look that follows fails
	again, err := a.zoneOf(ctx, name, resolved, time.Now())
	if err != nil {
		return err
	}
	if again != zone {
		refusal = do(again)
	}
	return listedButRefused(refusal)
}

// listedButRefused turns "no such zone" about a zone that the account lists into a refusal: the zone is there, but not
// for these keys.
func listedButRefused(err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.ZoneNotFound {
		return err
	}
	denied := *e
	denied.Kind = fault.Denied
	return &denied
}

// zoneOf chooses the zone from a list that is as new as asked for, and newer where that could give another answer.
func (a *Account) zoneOf(ctx context.Context, name, resolved string, notBefore time.Time) (string, error) {
	if !dnsname.Encloses(resolved, name) {
		resolved = ""
	}
	now := time.Now()
	list, err := a.zonesSince(ctx, notBefore)
	if err != nil {
		return "", err
	}
	if zone, ok := choose(list.names, name, resolved); ok && !list.doubtful(zone, resolved, now) {
		return zone, nil
	}
	if list, err = a.zonesSince(ctx, now); err != nil {
		return "", err
	}
	zone, ok := choose(list.names, name, resolved)
	if !ok {
		return "", noZone(name)
	}
	return zone, nil
}

// doubtful tells whether the list may be too old for this choice: cert-manager saw a zone beneath the chosen one, and the
// account may host it by now.
func (l *zoneList) doubtful(zone, resolved string, now time.Time) bool {
	return zone != resolved && dnsname.Encloses(zone, resolved) && l.asked.Before(now.Add(-zonesDoubted))
}

func choose(zones []string, name, resolved string) (string, bool) {
	if resolved != "" && slices.Contains(zones, resolved) {
		return resolved, true
	}
	return dnsname.LongestZone(zones, name)
}

func noZone(name string) error {
	return &fault.Error{
		Kind:   fault.ZoneNotFound,
		Reason: "no zone of this account encloses " + name,
		Remedy: "add the domain to the account, or use the keys of the account that hosts it",
	}
}

// zonesSince returns a list of the account's zones that was asked for at the given time or later. Calls that need one at
// the same time share it.
func (a *Account) zonesSince(ctx context.Context, notBefore time.Time) (*zoneList, error) {
	for {
		if list := a.state.zones.Load(); list != nil && !list.asked.Before(notBefore) {
			return list, nil
		}
		// The look serves others too, so it outlives the call that began it.
		result := a.state.flight.DoChan("zones", func() (any, error) { return nil, a.listZones(context.WithoutCancel(ctx)) })
		select {
		case <-ctx.Done():
			if cause := a.state.unlisted.Load(); cause != nil {
				return nil, *cause
			}
			return nil, &fault.Error{Kind: fault.Transient, Reason: "listing the account's zones took all the time there was", Cause: ctx.Err()}
		case r := <-result:
			if r.Err != nil {
				return nil, r.Err
			}
		}
	}
}

func (a *Account) listZones(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, zonesTimeout)
	defer cancel()
	asked := time.Now()
	var names []string
	a.state.unlisted.Store(nil)
	inHaste := *a // others wait for it too
	inHaste.patient = false
	err := inHaste.retry(ctx, func(ctx context.Context) (err error) {
		asked = time.Now()
		if names, err = a.provider.Zones(ctx); err != nil {
			a.state.unlisted.Store(&err)
		}
		return err
	})
	if err != nil {
		return err
	}
	a.state.zones.Store(&zoneList{names: names, asked: asked})
	return nil
}
