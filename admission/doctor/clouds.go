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

// callerTimeout bounds the call that asks whose keys are, without which much can be said as well.
const callerTimeout = 5 * time.Second

// clouds implements Accounts at Alibaba Cloud DNS and Tencent Cloud DNSPod.
type clouds struct {
	alidns *alidns.Cloud
	dnspod *dnspod.Cloud
	// roles are the clouds' APIs for roles, and sessions those of roles, by the name of the solver.
	roles    map[string]roles
	sessions map[string]*credential.Sessions
}

// roles is what is asked of STS.
type roles interface {
	credential.Assumer
	// Caller asks whose keys are.
	Caller(ctx context.Context, keys credential.Keys) (credential.Caller, error)
}

// newClouds returns the clouds at these endpoints, by the name of the solver, with those of STS; without one, at the public one.
func newClouds(endpoints, sts map[string]wire.Endpoint, caFile string) (*clouds, error) {
	transport, err := wire.NewTransport(caFile)
	if err != nil {
		return nil, err
	}
	c := &clouds{
		alidns: alidns.New(wire.API{Endpoint: endpoints[alidnsName], Transport: transport}),
		dnspod: dnspod.New(wire.API{Endpoint: endpoints[dnspodName], Transport: transport}),
		roles: map[string]roles{
			alidnsName: alidns.NewRoles(wire.API{Endpoint: sts[alidnsName], Transport: transport}),
			dnspodName: dnspod.NewRoles(wire.API{Endpoint: sts[dnspodName], Transport: transport}),
		},
		sessions: map[string]*credential.Sessions{},
	}
	for name, its := range c.roles {
		c.sessions[name] = credential.NewSessions(its, nil) // what is ambient here is not what is ambient to the solver
	}
	return c, nil
}

// cloudOf is the name by which the cloud of a solver is found here, by whichever of its names.
func cloudOf(solver string) string {
	if solver == dnspodName {
		return dnspodName
	}
	return alidnsName
}

// Zones implements Accounts.
func (c *clouds) Zones(ctx context.Context, solver string, keys credential.Keys, wanted config.Solver) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	cloud := cloudOf(solver)
	opened, err := c.sessions[cloud].Open(ctx, "", keys, wanted.Role)
	if err != nil {
		return nil, err
	}
	if cloud == dnspodName {
		return c.dnspod.Account(opened.Keys, nil).Zones(ctx)
	}
	return c.alidns.Account(opened.Keys, wanted.Region, nil).Zones(ctx)
}

// Caller implements Accounts.
func (c *clouds) Caller(ctx context.Context, solver string, keys credential.Keys, wanted config.Solver) (credential.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, callerTimeout)
	defer cancel()
	cloud := cloudOf(solver)
	opened, err := c.sessions[cloud].Open(ctx, "", keys, wanted.Role)
	if err != nil {
		return credential.Caller{}, err
	}
	return c.roles[cloud].Caller(ctx, opened.Keys)
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
	if !i.options.Provider || i.accounts == nil {
		return
	}
	if decoded.Keys.Ambient() {
		i.skipf("the account of %s (it is the solver's own; ask it where it runs)", i.object)
		return
	}
	namespace := i.secretNamespace()
	keys, err := i.read(namespace, decoded.Keys)
	if err != nil {
		i.skipf("the account of %s (its keys could not be read)", i.object)
		return
	}
	bearer := cmp.Or(decoded.Role.ARN, masked(keys.ID))
	its, err := i.account(w.SolverName, keys, decoded)
	if its.caller.ARN != "" {
		i.checkf(OK, "%s: the cloud knows %s as %s, in the account %s", i.object, bearer, its.caller.ARN, its.caller.Account)
	}
	if err != nil {
		text := fmt.Sprintf("%s: listing the zones: %v; the keys are from the Secret %s/%s", w.SolverName, err, namespace, decoded.Keys.ID.Name)
		if decoded.Role.ARN != "" {
			text += ", for the role " + decoded.Role.ARN
		}
		i.complaint(i.object, text, nil)
		return
	}
	i.checkf(OK, "%s: the account of %s hosts %s", i.object, bearer, listed(its.zones, "no zone"))
	i.judgeZones(bearer, its.zones, names)
	if i.options.DNS && w.solver.DNS01.CNAMEStrategy != acmev1.FollowStrategy {
		i.judgeDelegations(its.zones, names)
	}
}

// account is what a cloud says to some keys.
type account struct {
	zones []string
	// caller is whose they are; it is zero where the cloud does not say, as a policy may forbid that.
	caller credential.Caller
}

// account asks a cloud, once. Of one that refuses to list its zones it may still be known whose it is.
func (i *issuer) account(solver string, keys credential.Keys, decoded config.Solver) (account, error) {
	identity := fmt.Sprint(solver, keys.Identity(), decoded.Role)
	if its, asked := i.solvers.accounts[identity]; asked {
		return its, nil
	}
	its := account{}
	its.caller, _ = i.accounts.Caller(i.ctx, solver, keys, decoded)
	var err error
	if its.zones, err = i.accounts.Zones(i.ctx, solver, keys, decoded); err == nil {
		i.solvers.accounts[identity] = its
	}
	return its, err
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
