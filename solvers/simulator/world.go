// Package simulator is a world to test a DNS-01 solver in: stand-ins for Alibaba Cloud DNS and Tencent Cloud DNSPod that check
// signatures and keep state, and a DNS that serves the records written through them. Package admin describes the HTTP API that
// edits a running world.
package simulator

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
	"github.com/certyun/certyun/solvers/simulator/dnspod"
)

// Options are what a world starts with. The zero value is a world without accounts or zones, on free ports of 127.0.0.1.
type Options struct {
	// Now is the clock of everything in the world; nil is time.Now.
	Now    func() time.Time
	Alidns CloudOptions
	DNSPod CloudOptions
	// TLS serves both clouds over HTTPS, with a certificate of the world's own authority.
	TLS bool
	DNS DNSOptions
}

// CloudOptions are what one cloud starts with.
type CloudOptions struct {
	// Address is host:port; empty is a free port of 127.0.0.1.
	Address  string
	Accounts []cloud.Account
	Zones    []cloud.Zone
	// Change edits the cloud's own settings.
	Change func(*cloud.Settings)
}

// DNSOptions are what the DNS starts with.
type DNSOptions struct {
	// Port is the port of all authoritative name servers; zero takes a free one.
	Port int
	// NameServers, Delay, NegativeTTL, Zones and Records are those of dns.Options.
	NameServers []dns.NameServer
	Delay       time.Duration
	NegativeTTL time.Duration
	Zones       []string
	Records     []string
	// Recursive is the resolver for those who look for zones and records; Validation is one for a certificate authority, and
	// "validation" in the log of questions. They differ in their caches: a name that the first has cached as absent must not
	// fail the validation.
	Recursive  dns.RecursiveOptions
	Validation dns.RecursiveOptions
}

// Endpoint is one cloud that is being served.
type Endpoint struct {
	*cloud.Cloud
	// URL is http://host:port or https://host:port.
	URL string
	// Address is host:port.
	Address string
	// Handler is the API itself, to be called without a network: see Transport.
	Handler http.Handler

	server *http.Server
	done   chan struct{}
}

// World is everything together.
type World struct {
	Alidns *Endpoint
	DNSPod *Endpoint
	DNS    *dns.Authority
	// Recursive and Validation are the two resolvers: see DNSOptions.
	Recursive  *dns.Recursive
	Validation *dns.Recursive
	// CA is the certificate, in PEM, of the authority that signed the clouds' certificates; empty without TLS.
	CA []byte
}

// New starts a world.
func New(o Options) (*World, error) {
	w := &World{}
	if err := w.start(o); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) start(o Options) error {
	var authority *authority
	if o.TLS {
		var err error
		if authority, err = newAuthority(); err != nil {
			return fmt.Errorf("certificate authority: %w", err)
		}
		w.CA = authority.pem
	}
	var err error
	aliCloud := alidns.NewCloud(o.Now)
	if w.Alidns, err = serve(aliCloud, alidns.New(aliCloud), o.Alidns, authority); err != nil {
		return fmt.Errorf("alidns: %w", err)
	}
	podCloud := dnspod.NewCloud(o.Now)
	if w.DNSPod, err = serve(podCloud, dnspod.New(podCloud), o.DNSPod, authority); err != nil {
		return fmt.Errorf("dnspod: %w", err)
	}
	return w.startDNS(o)
}

func (w *World) startDNS(o Options) error {
	var err error
	w.DNS, err = dns.Start(dns.Options{
		Clouds: []*cloud.Cloud{w.Alidns.Cloud, w.DNSPod.Cloud}, Now: o.Now,
		NameServers: o.DNS.NameServers, Port: o.DNS.Port, Delay: o.DNS.Delay, NegativeTTL: o.DNS.NegativeTTL,
		Zones: o.DNS.Zones, Records: o.DNS.Records,
	})
	if err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	if w.Recursive, err = dns.StartRecursive(w.DNS, o.DNS.Recursive); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	o.DNS.Validation.Name = cmp.Or(o.DNS.Validation.Name, "validation")
	if w.Validation, err = dns.StartRecursive(w.DNS, o.DNS.Validation); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	return nil
}

// Close stops everything. Requests that hang are dropped.
func (w *World) Close() error {
	var errs []error
	for _, e := range []*Endpoint{w.Alidns, w.DNSPod} {
		if e != nil {
			errs = append(errs, e.stop())
		}
	}
	for _, r := range []*dns.Recursive{w.Recursive, w.Validation} {
		if r != nil {
			errs = append(errs, r.Close())
		}
	}
	if w.DNS != nil {
		errs = append(errs, w.DNS.Close())
	}
	return errors.Join(errs...)
}
