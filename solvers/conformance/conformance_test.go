// Package conformance runs cert-manager's conformance suite for DNS-01 webhooks. It stands apart from the solvers' other tests
// because the suite ends the process where it does not find a Kubernetes API server to run.
package conformance

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	acmetest "github.com/cert-manager/cert-manager/test/acme"

	"github.com/certyun/certyun/solvers"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const keyID, keySecret = "AKIDaliceLTAI5t", "alice-secret-value"

// TestConformance runs the suite in strict mode, against a real etcd and kube-apiserver (TEST_ASSET_ETCD,
// TEST_ASSET_KUBE_APISERVER and TEST_ASSET_KUBECTL, which `make test` sets) and the simulated clouds and DNS.
func TestConformance(t *testing.T) {
	world := simulator.Start(t, simulator.Options{
		TLS: true,
		Alidns: simulator.CloudOptions{
			Accounts: []cloud.Account{{Owner: "alice", Keys: []cloud.Key{{ID: keyID, Secret: keySecret}}}},
			Zones:    []cloud.Zone{{Owner: "alice", Name: "example.com"}},
		},
		DNSPod: simulator.CloudOptions{
			Accounts: []cloud.Account{{Owner: "alice", Keys: []cloud.Key{{ID: keyID, Secret: keySecret}}}},
			Zones:    []cloud.Zone{{Owner: "alice", Name: "example.net"}},
			Change:   func(s *cloud.Settings) { s.ListLag = 30 * time.Second },
		},
		DNS: simulator.DNSOptions{Delay: 500 * time.Millisecond},
	})
	o := solvers.NewOptions()
	o.Alidns.Endpoint, o.DNSPod.Endpoint = world.Alidns.URL, world.DNSPod.URL
	// The suite's values are none of a challenge's, and it presents a second one at once.
	o.AnyValue, o.CAMemory = true, 0
	o.CloudCAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(o.CloudCAFile, world.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Propagation.Nameservers, o.Propagation.Port = []string{world.Recursive.Address()}, world.DNS.Port()
	o.Propagation.AllowNetworks = []string{"127.0.0.0/8"}
	if err := o.Complete(); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	alidns, dnspod, err := o.Solvers()
	if err != nil {
		t.Fatal(err)
	}
	for solver, zone := range map[*solvers.Solver]string{alidns: "example.com.", dnspod: "example.net."} {
		t.Run(solver.Name(), func(t *testing.T) {
			acmetest.NewFixture(solver,
				acmetest.SetResolvedZone(zone),
				acmetest.SetManifestPath(manifests(t, solver.Name())),
				acmetest.SetDNSServer(world.DNS.Addresses()[0]),
				acmetest.SetUseAuthoritative(false),
				acmetest.SetPollInterval(100*time.Millisecond),
				acmetest.SetPropagationLimit(20*time.Second),
				acmetest.SetStrict(true),
			).RunConformance(t)
		})
	}
	for _, endpoint := range []*simulator.Endpoint{world.Alidns, world.DNSPod} {
		for _, record := range endpoint.Records("") {
			if record.Type == "TXT" {
				t.Errorf("a record is left behind: %+v", record)
			}
		}
	}
}

// manifests copies the conformance manifests, whose Secret holds placeholders, with the keys of this run.
func manifests(t *testing.T, name string) string {
	t.Helper()
	from, to := filepath.Join("..", "..", "testdata", "conformance", name), t.TempDir()
	for _, file := range []string{"config.json", "secret.yaml"} {
		raw, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.ReplaceAll(raw, []byte("${ID}"), []byte(keyID))
		raw = bytes.ReplaceAll(raw, []byte("${SECRET}"), []byte(keySecret))
		if err := os.WriteFile(filepath.Join(to, file), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}
