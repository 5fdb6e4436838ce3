package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// maxHosted is how many zones of an account are remembered whose zones may not be listed.
const maxHosted = 64

// barring is the refusal of a list of zones by the policy of the keys. It is believed for as long as a list is that could be too old.
type barring struct {
	why  error
	said time.Time
}

// barring is why the zones may not be listed, as far as it is remembered.
func (s *state) barring() error {
	if b := s.barred.Load(); b != nil && time.Since(b.said) < zonesDoubted {
		return b.why
	}
	return nil
}

// InZone tries the zone of the account that the name belongs to: the one that cert-manager resolved, if the account hosts it, else the
// longest one that encloses the name. Both names are canonical; resolved may be "".
//
// Where the policy of the keys does not allow to list the zones, the one that cert-manager resolved is tried: that the cloud does not
// refuse it shows that the account hosts it.
//
// If the cloud then says that the zone is not in the account, the list is dropped, the account's zones are listed anew, and another
// zone is tried if there is one now. So it fails with fault.ZoneNotFound only when a list that was asked for meanwhile has no zone
// for the name.
func (a *Account) InZone(name, resolved string) *Zones {
	return &Zones{account: a, name: name, resolved: resolved}
}

// InLikelyZone is InZone without a list of the zones where none is remembered: it first tries the zone that cert-manager resolved. It is
// for calls that change nothing in a zone that turns out not to be the right one.
func (a *Account) InLikelyZone(name, resolved string) *Zones {
	zones := a.InZone(name, resolved)
	zones.likely = a.state.zones.Load() == nil && zones.hostable()
	return zones
}

// Zones are the zones that a name may belong to, one or two:
//
//	for zones.Next(ctx) {
//		zones.Err = … // with zones.Zone
//	}
//	return zones.Err
type Zones struct {
	// Zone is the one to try now.
	Zone string
	// Err is what became of it; after the last one, what became of all.
	Err error

	account        *Account
	name, resolved string
	likely         bool
	// barred is why the zones may not be listed, so that the resolved one is all there is to try.
	barred error
	// list is that of before the first try, tried how many there were.
	list  *zoneList
	tried int
}

// Next chooses a zone to try. It is false when there is none, or when the last one was it.
func (z *Zones) Next(ctx context.Context) bool {
	z.tried++
	switch z.tried {
	case 1:
		return z.first(ctx)
	case 2:
		if z.Err == nil && z.barred != nil {
			z.account.state.hosted.Add(z.Zone, true)
		}
		return z.mayBeAnother() && z.second(ctx)
	}
	z.Err = listedButRefused(z.Err)
	return false
}

// hostable tells whether an account may host the zone that cert-manager resolved.
func (z *Zones) hostable() bool {
	return dnsname.Encloses(z.resolved, z.name) && !dnsname.IsPublicSuffix(z.resolved)
}

func (z *Zones) first(ctx context.Context) bool {
	if z.Zone = z.resolved; z.likely {
		return true
	}
	if z.guess(z.account.state.barring()) {
		return true
	}
	z.Zone, z.Err = z.account.zoneOf(ctx, z.name, z.resolved, time.Now().Add(-zonesKept))
	z.list = z.account.state.zones.Load()
	return z.Err == nil || z.guess(z.Err)
}

// guess chooses a zone without a list, if that is refused by the policy and there is one to try.
func (z *Zones) guess(refused error) bool {
	if !errors.Is(refused, fault.ErrPolicy) {
		return false
	}
	zone := z.account.state.hostedOf(z.name)
	if z.hostable() {
		zone = z.resolved
	}
	if zone == "" {
		return false
	}
	z.Zone, z.barred, z.Err = zone, refused, nil
	return true
}

// hostedOf is the longest zone that encloses the name and that is remembered as the account's, "" for none.
func (s *state) hostedOf(name string) string {
	for zone, more := name, true; more; _, zone, more = strings.Cut(zone, ".") {
		if _, hosted := s.hosted.Get(zone); hosted {
			return zone
		}
	}
	return ""
}

// mayBeAnother tells whether the first zone was refused in a way that leaves another one to look for. A policy that is limited to some
// zones refuses those that the account does not host like any other.
func (z *Zones) mayBeAnother() bool {
	return fault.Is(z.Err, fault.ZoneNotFound) || (z.likely || z.barred != nil) && errors.Is(z.Err, fault.ErrPolicy)
}

// second looks anew for a zone.
func (z *Zones) second(ctx context.Context) bool {
	if z.barred != nil {
		z.Err = unlisted(z.barred, z.Zone, z.Err)
		return false
	}
	z.account.state.zones.CompareAndSwap(z.list, nil) // so that nobody else tries it, even if the look that follows fails
	again, err := z.account.zoneOf(ctx, z.name, z.resolved, time.Now())
	if errors.Is(err, fault.ErrPolicy) {
		err = unlisted(err, z.Zone, z.Err)
	}
	if err != nil {
		z.Err = err
		return false
	}
	if again == z.Zone {
		z.Err = listedButRefused(z.Err)
		return false
	}
	z.Zone = again
	return true
}

// unlisted is the error of a zone that was refused, where the account's zones may not be listed to find another.
func unlisted(barred error, zone string, refused error) error {
	list, ok := errors.AsType[*fault.Error](barred)
	tried, alsoOK := errors.AsType[*fault.Error](refused)
	if !ok || !alsoOK {
		return barred
	}
	both := *list
	both.Reason = fmt.Sprintf("%s, and %s, the zone that cert-manager found, is refused: %s", list.Reason, zone, tried.Reason)
	return &both
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
	inHaste := *a // others wait for it too
	inHaste.patient = false
	a.state.unlisted.Store(nil)
	t := inHaste.tries(ctx)
	defer t.end()
	list := &zoneList{}
	var err error
	for t.next(err) {
		list.asked = time.Now()
		if list.names, err = t.provider.Zones(ctx); err != nil {
			cause := err
			a.state.unlisted.Store(&cause)
		}
	}
	switch {
	case t.err == nil:
		a.state.barred.Store(nil)
		a.accounts.kept.keep(a.state, list)
	case errors.Is(t.err, fault.ErrPolicy):
		a.state.barred.Store(&barring{t.err, time.Now()})
	}
	return t.err
}
