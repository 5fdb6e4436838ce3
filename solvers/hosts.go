package solvers

import (
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/provider"
)

// The solverNames that Issuers use. AlidnsAlias is what https://github.com/DEVmachine-fr/cert-manager-alidns-webhook calls
// its solver, so that its users change nothing but the groupName.
const (
	AlidnsName  = "alidns"
	AlidnsAlias = "alidns-solver"
	DNSPodName  = "dnspod"
)

// dnspodListLag is how long a new record may be missing from lists (note on
// https://cloud.tencent.com/document/api/1427/56166).
const dnspodListLag = 30 * time.Second

// Solvers returns the solvers that the options describe. They share what they know of the DNS.
func (o *Options) Solvers(counters func(solver string) Counters) (alidns, dnspod *Solver, err error) {
	transport, err := provider.NewTransportTrusting(o.CloudCAFile)
	if err != nil {
		return nil, nil, err
	}
	visibility := o.Propagation.visibility()
	alidns = NewSolver(o.alidnsHost(transport), visibility, counters(AlidnsName))
	dnspod = NewSolver(o.dnspodHost(transport), visibility, counters(DNSPodName))
	memory := ahead.NewMemory(o.CAMemory)
	for _, s := range []*Solver{alidns, dnspod} {
		s.shown, s.anyValue = memory, o.AnyValue
	}
	return alidns, dnspod, nil
}

// visibility is nil where Present is not to wait.
func (o *PropagationOptions) visibility() *Visibility {
	if o.Timeout == 0 {
		return nil
	}
	resolvers := []propagation.Resolver{propagation.SystemResolver()}
	if len(o.resolvers) > 0 {
		resolvers = nil
		for _, address := range o.resolvers {
			resolvers = append(resolvers, propagation.ResolverAt(address))
		}
	}
	return &Visibility{Timeout: o.Timeout, Watcher: propagation.NewWatcher(propagation.Options{
		Timeout: o.Timeout, Resolvers: resolvers, Asker: propagation.Network{},
		Port: uint16(o.Port), Allow: o.networks, Strict: o.Strict,
	})}
}

func (o *Options) alidnsHost(t *provider.Transport) Host {
	cloud := alidns.New(alidns.Options{Endpoint: o.Alidns.endpoint, Transport: t})
	return Host{
		Name:     AlidnsName,
		Accounts: provider.NewAccounts(provider.Limits{QPS: o.Alidns.QPS, Flag: "--alidns-qps", SerialWrites: true}),
		Decode: func(path *field.Path, raw []byte) (Plan, field.ErrorList) {
			c, errs := config.DecodeAlidns(path, raw)
			return Plan{Keys: c.Keys, Region: c.Region, Record: provider.TXT{TTL: c.TTL, Line: c.Line}}, errs
		},
		Open: func(keys credential.Keys, plan Plan) provider.Provider { return cloud.Account(keys, plan.Region) },
	}
}

func (o *Options) dnspodHost(t *provider.Transport) Host {
	cloud := dnspod.New(dnspod.Options{Endpoint: o.DNSPod.endpoint, Transport: t})
	return Host{
		Name:     DNSPodName,
		Accounts: provider.NewAccounts(provider.Limits{QPS: o.DNSPod.QPS, Flag: "--dnspod-qps"}),
		Decode: func(path *field.Path, raw []byte) (Plan, field.ErrorList) {
			c, errs := config.DecodeDNSPod(path, raw)
			return Plan{Keys: c.Keys, Record: provider.TXT{TTL: c.TTL, Line: c.RecordLine, LineID: c.RecordLineID}}, errs
		},
		Open:    func(keys credential.Keys, _ Plan) provider.Provider { return cloud.Account(keys) },
		ListLag: dnspodListLag,
	}
}
