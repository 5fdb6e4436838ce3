package solvers

import (
	"net/http"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/component-base/metrics/legacyregistry"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/quota"
	"github.com/certyun/certyun/solvers/wire"
)

// The solverNames that Issuers use. AlidnsAlias is what https://github.com/DEVmachine-fr/cert-manager-alidns-webhook calls
// its solver, so that its users change nothing but the groupName.
const (
	AlidnsName  = "alidns"
	AlidnsAlias = "alidns-solver"
	DNSPodName  = "dnspod"
)

// host is one DNS host.
type host struct {
	// name is the solverName that Issuers use.
	name string
	// accounts is what is remembered of the host's accounts.
	accounts *provider.Accounts
	// decode reads the config that an Issuer has for this host. Errors carry the path.
	decode func(path *field.Path, raw []byte) (config.Solver, field.ErrorList)
	// sessions opens the credentials that configs name.
	sessions *credential.Sessions
	// open returns the provider that acts with these keys, for one try of one call. It makes no call.
	open func(keys credential.Keys, c config.Solver, pace *quota.Call) provider.Provider
	// listLag is how long a new record may be missing from the host's lists.
	listLag time.Duration
}

// Solvers returns the solvers that valid options describe. They share what they know of the DNS.
func (o *Options) Solvers() (alidns, dnspod *Solver, err error) {
	around, err := o.surroundings()
	if err != nil {
		return nil, nil, err
	}
	watcher, err := o.Propagation.watcher()
	if err != nil {
		return nil, nil, err
	}
	targets, err := o.cnameTargets()
	if err != nil {
		return nil, nil, err
	}
	follower, err := o.Propagation.follower()
	if err != nil {
		return nil, nil, err
	}
	memory, counted := ahead.NewMemory(o.CAMemory), newCounters(legacyregistry.Register)
	ambient, err := config.NewAmbient(o.Ambient.Issuers, o.Ambient.Roles)
	if err != nil {
		return nil, nil, err
	}
	var solvers [2]*Solver
	for i, host := range []func(surroundings, *counters) (host, error){o.alidnsHost, o.dnspodHost} {
		h, err := host(around, counted)
		if err != nil {
			return nil, nil, err
		}
		s := newSolver(h, counted)
		s.ambient, s.clusterResources = ambient, o.Ahead.ClusterResourceNamespace
		s.shown, s.targets, s.aliases, s.anyValue = memory, targets, follower, o.AnyValue
		s.watcher, s.longest = watcher, o.Propagation.Timeout
		solvers[i] = s
	}
	return solvers[0], solvers[1], nil
}

// surroundings are where the process runs.
type surroundings struct {
	// clouds carries calls to the clouds, metadata those to who gives keys to a node or a Pod.
	clouds, metadata http.RoundTripper
	getenv           credential.Getenv
}

func (o *Options) surroundings() (surroundings, error) {
	clouds, err := wire.NewTransport(o.CloudCAFile)
	if err != nil {
		return surroundings{}, err
	}
	metadata, err := wire.NewMetadataTransport(o.CloudCAFile)
	return surroundings{clouds: clouds, metadata: metadata, getenv: os.Getenv}, err
}

// watcher is nil where Present is not to wait.
func (o *PropagationOptions) watcher() (watcher, error) {
	if o.Timeout == 0 {
		return nil, nil
	}
	addresses, err := o.resolvers()
	if err != nil {
		return nil, err
	}
	networks, err := o.networks()
	if err != nil {
		return nil, err
	}
	resolvers := []propagation.Resolver{propagation.SystemResolver()}
	if len(addresses) > 0 {
		resolvers = nil
		for _, address := range addresses {
			resolvers = append(resolvers, propagation.ResolverAt(address))
		}
	}
	return propagation.NewWatcher(propagation.Options{
		Timeout: o.Timeout, Finder: propagation.Finder{Resolvers: resolvers, Allow: networks}, Asker: propagation.Network{},
		Port: uint16(o.Port), Strict: o.Strict,
	}), nil
}

func (o *Options) alidnsHost(around surroundings, counters *counters) (host, error) {
	at, err := o.Alidns.endpoints()
	if err != nil {
		return host{}, err
	}
	counted := observer{counters, AlidnsName}
	cloud := alidns.New(wire.API{Endpoint: at.host, Transport: around.clouds, Observer: counted})
	roles := alidns.NewRoles(wire.API{Endpoint: at.sts, Transport: around.clouds, Observer: counted})
	ambient := alidns.NewAmbient(around.getenv, roles, wire.API{Endpoint: at.metadata, Transport: around.metadata, Observer: counted})
	sessions := credential.NewSessions(roles, ambient)
	sessions.Observe = counted.opened
	return host{
		name:     AlidnsName,
		accounts: provider.NewAccounts(quota.New(o.Alidns.QPS, "--alidns-qps"), alidns.SerialWrites),
		decode:   config.DecodeAlidns,
		sessions: sessions,
		open: func(keys credential.Keys, c config.Solver, pace *quota.Call) provider.Provider {
			return cloud.Account(keys, c.Region, pace)
		},
	}, nil
}

func (o *Options) dnspodHost(around surroundings, counters *counters) (host, error) {
	at, err := o.DNSPod.endpoints()
	if err != nil {
		return host{}, err
	}
	counted := observer{counters, DNSPodName}
	cloud := dnspod.New(wire.API{Endpoint: at.host, Transport: around.clouds, Observer: counted})
	roles := dnspod.NewRoles(wire.API{Endpoint: at.sts, Transport: around.clouds, Observer: counted})
	ambient := dnspod.NewAmbient(around.getenv, roles, wire.API{Endpoint: at.metadata, Transport: around.metadata, Observer: counted})
	sessions := credential.NewSessions(roles, ambient)
	sessions.Observe = counted.opened
	return host{
		name:     DNSPodName,
		accounts: provider.NewAccounts(quota.New(o.DNSPod.QPS, "--dnspod-qps"), false),
		decode:   config.DecodeDNSPod,
		sessions: sessions,
		open: func(keys credential.Keys, _ config.Solver, pace *quota.Call) provider.Provider {
			return cloud.Account(keys, pace)
		},
		listLag: dnspod.ListLag,
	}, nil
}
