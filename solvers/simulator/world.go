// Package simulator is a world to test a DNS-01 solver in: stand-ins for the APIs of Alibaba Cloud DNS and Tencent Cloud
// DNSPod, a machine at each, and a DNS that serves the records written through them. It runs in the process that uses it.
//
// The clouds check signatures, clocks, tokens and policies, keep accounts, zones and records, and refuse in the vendors' codes
// what their limits forbid. They can be told to throttle, to lag, to fail and to hang, as the real ones do. The DNS has
// authoritative name servers, which may lag behind the clouds and differ from each other, and resolvers that cache.
//
// They leave out what the product does not use: other actions and parameters, records that are not for TXT but were put there
// by a test, DNSSEC, zone transfers.
package simulator

import (
	"cmp"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
	"github.com/certyun/certyun/solvers/simulator/dnspod"
	"github.com/certyun/certyun/solvers/simulator/metadata"
)

// Options are what a world starts with. The zero value is a world without accounts or zones.
type Options struct {
	Alidns CloudOptions
	DNSPod CloudOptions
	// TLS serves both clouds over HTTPS.
	TLS bool
	DNS DNSOptions
}

// CloudOptions are what one cloud starts with.
type CloudOptions struct {
	Accounts []cloud.Account
	Zones    []cloud.Zone
	// Change edits the cloud's own settings.
	Change func(*cloud.Settings)
}

// DNSOptions are what the DNS starts with.
type DNSOptions struct {
	// NameServers and Delay are those of dns.Options.
	NameServers []dns.NameServer
	Delay       time.Duration
	// Recursive is the resolver for those who look for zones and records; Validation is one for a certificate authority, and
	// "validation" in the log of questions. They differ in their caches: a name that the first has cached as absent must not
	// fail the validation.
	Recursive  dns.RecursiveOptions
	Validation dns.RecursiveOptions
}

// Endpoint is one cloud that is being served, at a free port of 127.0.0.1.
type Endpoint struct {
	*cloud.Cloud
	// URL is http://host:port or https://host:port.
	URL string
	// Address is host:port.
	Address string
	// Node is a machine at the cloud, which has no role yet, and Metadata the URL of its metadata service: http://host:port.
	Node     *metadata.Node
	Metadata string

	servers []*httptest.Server
}

// World is everything together.
type World struct {
	Alidns *Endpoint
	DNSPod *Endpoint
	DNS    *dns.Authority
	// Recursive and Validation are the two resolvers: see DNSOptions.
	Recursive  *dns.Recursive
	Validation *dns.Recursive
	// CA is the root, in PEM, of the clouds' certificates; empty without TLS.
	CA []byte
}

// Start starts a world that ends with the test.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatalf("simulator: %v", err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	return w
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
	aliCloud, podCloud := alidns.NewCloud(nil), dnspod.NewCloud(nil)
	if err := errors.Join(fill(aliCloud, o.Alidns), fill(podCloud, o.DNSPod)); err != nil {
		return err
	}
	w.Alidns = serve(aliCloud, alidns.New(aliCloud), (*metadata.Node).ECS, o.TLS)
	w.DNSPod = serve(podCloud, dnspod.New(podCloud), (*metadata.Node).CVM, o.TLS)
	if o.TLS {
		// Its certificate signs itself, and both clouds have the same.
		w.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Alidns.servers[0].Certificate().Raw})
	}
	return w.startDNS(o.DNS)
}

func (w *World) startDNS(o DNSOptions) error {
	clouds := []*cloud.Cloud{w.Alidns.Cloud, w.DNSPod.Cloud}
	var err error
	if w.DNS, err = dns.Start(dns.Options{Clouds: clouds, NameServers: o.NameServers, Delay: o.Delay}); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	if w.Recursive, err = dns.StartRecursive(w.DNS, o.Recursive); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	o.Validation.Name = cmp.Or(o.Validation.Name, "validation")
	if w.Validation, err = dns.StartRecursive(w.DNS, o.Validation); err != nil {
		return fmt.Errorf("dns: %w", err)
	}
	return nil
}

func fill(c *cloud.Cloud, o CloudOptions) error {
	if o.Change != nil {
		c.Change(o.Change)
	}
	for _, a := range o.Accounts {
		c.PutAccount(a)
	}
	for _, z := range o.Zones {
		if err := c.PutZone(z); err != nil {
			return err
		}
	}
	return nil
}

func serve(c *cloud.Cloud, api http.Handler, service func(*metadata.Node) http.Handler, overTLS bool) *Endpoint {
	server := httptest.NewUnstartedServer(api)
	// What goes wrong here goes wrong on purpose, or on the client's side, which reports it.
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if overTLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	node := metadata.NewNode(c)
	its := httptest.NewServer(service(node))
	return &Endpoint{
		Cloud: c, URL: server.URL, Address: server.Listener.Addr().String(), Node: node, Metadata: its.URL, servers: []*httptest.Server{server, its},
	}
}

// Close stops everything. Requests that hang are dropped.
func (w *World) Close() error {
	var errs []error
	for _, e := range []*Endpoint{w.Alidns, w.DNSPod} {
		if e != nil {
			e.Cloud.Close()
			for _, server := range e.servers {
				server.Close()
			}
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
