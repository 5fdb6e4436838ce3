package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/wire"
)

// providerTimeout bounds the calls to a cloud for one account.
const providerTimeout = 30 * time.Second

// clouds implements Zones at Alibaba Cloud DNS and Tencent Cloud DNSPod.
type clouds struct {
	alidns *alidns.Cloud
	dnspod *dnspod.Cloud
	// sessions are of roles, by the name of the solver.
	sessions map[string]*credential.Sessions
}

// newClouds returns the clouds at these endpoints, by the name of the solver, with those of STS; without one, at the public one.
func newClouds(endpoints, sts map[string]wire.Endpoint, caFile string) (*clouds, error) {
	transport, err := wire.NewTransport(caFile)
	if err != nil {
		return nil, err
	}
	return &clouds{
		alidns: alidns.New(wire.API{Endpoint: endpoints[alidnsName], Transport: transport}),
		dnspod: dnspod.New(wire.API{Endpoint: endpoints[dnspodName], Transport: transport}),
		sessions: map[string]*credential.Sessions{
			alidnsName: credential.NewSessions(alidns.NewRoles(wire.API{Endpoint: sts[alidnsName], Transport: transport}), nil),
			dnspodName: credential.NewSessions(dnspod.NewRoles(wire.API{Endpoint: sts[dnspodName], Transport: transport}), nil),
		},
	}, nil
}

// Zones implements Zones.
func (c *clouds) Zones(ctx context.Context, solver string, keys credential.Keys, wanted config.Solver) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	if solver != dnspodName {
		solver = alidnsName // by whichever of its names
	}
	opened, err := c.sessions[solver].Open(ctx, "", keys, wanted.Role)
	if err != nil {
		return nil, err
	}
	if solver == dnspodName {
		return c.dnspod.Account(opened.Keys, nil).Zones(ctx)
	}
	return c.alidns.Account(opened.Keys, wanted.Region, nil).Zones(ctx)
}

// masked shows enough of an access key's public part to find it in the cloud's console.
func masked(id string) string {
	const shown = 4
	if len(id) <= 3*shown {
		return "…"
	}
	return id[:shown] + "…" + id[len(id)-shown:]
}

// provider asks the cloud which zones the keys of a solver open, and whether the names are in them.
func (i *issuer) provider(w webhookSolver, decoded config.Solver, names []string) {
	if !i.options.Provider || i.zones == nil {
		return
	}
	namespace := i.secretNamespace()
	keys, err := i.read(namespace, decoded.Keys)
	if err != nil {
		i.skipf("the account of %s (its keys could not be read)", i.object)
		return
	}
	identity := fmt.Sprint(w.SolverName, keys.Identity(), decoded.Role)
	zones, asked := i.solvers.accounts[identity]
	if !asked {
		zones, err = i.zones.Zones(i.ctx, w.SolverName, keys, decoded)
		if err != nil {
			text := fmt.Sprintf("%s: listing the zones: %v; the keys are from the Secret %s/%s", w.SolverName, err, namespace, decoded.Keys.ID.Name)
			if decoded.Role.ARN != "" {
				text += ", for the role " + decoded.Role.ARN
			}
			i.complaint(i.object, text, nil)
			return
		}
		i.solvers.accounts[identity] = zones
	}
	bearer := cmp.Or(decoded.Role.ARN, masked(keys.ID))
	i.checkf(OK, "%s: the account of %s hosts %s", i.object, bearer, listed(zones, "no zone"))
	i.judgeZones(bearer, zones, names)
	if i.options.DNS && w.solver.DNS01.CNAMEStrategy != acmev1.FollowStrategy {
		i.judgeDelegations(zones, names)
	}
}

// judgeDelegations looks whether the DNS asks the zones into which the solver writes, which are the longest ones of the account.
func (i *issuer) judgeDelegations(zones, names []string) {
	for _, name := range names {
		zone, found := dnsname.LongestZone(zones, name)
		if !found {
			continue
		}
		servers, err := i.dns.LookupNS(i.ctx, zone)
		if missing, ok := errors.AsType[*net.DNSError](err); len(servers) > 0 || !ok || !missing.IsNotFound {
			continue
		}
		why := fmt.Sprintf("the account hosts it, and the records for %s are written to it", name)
		others := slices.DeleteFunc(slices.Clone(zones), func(other string) bool { return other == zone })
		if above, hosted := dnsname.LongestZone(others, zone); hosted {
			why = fmt.Sprintf("the account hosts it beside %s, and the records for %s are written to %s", above, name, zone)
		}
		i.problem("zone-not-delegated", i.object, fmt.Sprintf("the zone %s has %s in the DNS: %s", zone, noServers, why), map[string]string{"zone": zone, "why": why})
	}
}

// judgeZones compares an account's zones with the names that shall be solved with it.
func (i *issuer) judgeZones(bearer string, zones, names []string) {
	for _, name := range names {
		if encloses(zones, name) {
			continue
		}
		i.problem("zone-in-another-account", i.object, fmt.Sprintf("no zone of the account of %s encloses %s", bearer, name), map[string]string{"zone": name})
	}
}
