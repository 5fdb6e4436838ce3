package doctor

import (
	"context"
	"time"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/wire"
)

// providerTimeout bounds the calls to a cloud for one account.
const providerTimeout = 30 * time.Second

// clouds implements Zones at Alibaba Cloud DNS and Tencent Cloud DNSPod.
type clouds struct {
	alidns *alidns.Cloud
	dnspod *dnspod.Cloud
}

// newClouds returns the clouds at these endpoints, by the name of the solver; without one, at the public one.
func newClouds(endpoints map[string]wire.Endpoint, caFile string) (*clouds, error) {
	transport, err := wire.NewTransport(caFile)
	if err != nil {
		return nil, err
	}
	return &clouds{
		alidns: alidns.New(wire.API{Endpoint: endpoints[alidnsName], Transport: transport}),
		dnspod: dnspod.New(wire.API{Endpoint: endpoints[dnspodName], Transport: transport}),
	}, nil
}

// Zones implements Zones.
func (c *clouds) Zones(ctx context.Context, solver string, keys credential.Keys, region string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	if solver == dnspodName {
		return c.dnspod.Account(keys, nil).Zones(ctx)
	}
	return c.alidns.Account(keys, region, nil).Zones(ctx)
}
