package doctor

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/certyun/certyun/solvers/propagation"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

const (
	value    = "0123456789012345678901234567890123456789-_A"
	leftOver = "a123456789012345678901234567890123456789-_A"
)

// internet is a simulated DNS in which example.com is hosted, with two name servers.
func internet(t *testing.T, o simulator.DNSOptions) *simulator.World {
	t.Helper()
	o.NameServers = []dns.NameServer{{Name: "ns1.simulator.test."}, {Name: "ns2.simulator.test."}}
	w, err := simulator.New(simulator.Options{DNS: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	w.Alidns.PutAccount(cloud.Account{Owner: "shop"})
	if err := w.Alidns.PutZone(cloud.Zone{Owner: "shop", Name: "example.com"}); err != nil {
		t.Fatal(err)
	}
	return w
}

func seenFrom(w *simulator.World) *DNS {
	return &DNS{Resolvers: []string{w.Recursive.Address()}, Port: uint16(w.DNS.Port())}
}

// serveDirectory serves an ACME directory, and has the Issuer use it.
func serveDirectory(t *testing.T, issuer *cmapi.Issuer, identities ...string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(map[string]any{"meta": map[string]any{"caaIdentities": identities}}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	certificate, err := x509.ParseCertificate(server.TLS.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	issuer.Spec.ACME.Server = server.URL
	issuer.Spec.ACME.CABundle = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// TestDNS looks at the DNS for a challenge that waits for its record.
func TestDNS(t *testing.T) {
	t.Parallel()
	show := func(t *testing.T, w *simulator.World, records ...string) {
		t.Helper()
		if err := w.DNS.AddRecords(records...); err != nil {
			t.Fatal(err)
		}
	}
	visible := "_acme-challenge.www.example.com. 60 IN TXT " + value
	tests := map[string]struct {
		dns              simulator.DNSOptions
		damage           func(t *testing.T, w *simulator.World, s *scene)
		causes, warnings []string
		checks           []string
	}{
		"all servers show the record": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) { show(t, w, visible) },
			causes: []string{"record-not-visible"}, // which is what cert-manager says
			checks: []string{
				"_acme-challenge.www.example.com at ns1.simulator.test (127.0.0.1): 1 TXT records, 1 of the 1 that challenges wait for",
				"_acme-challenge.www.example.com at ns2.simulator.test (127.0.0.2): 1 TXT records, 1 of the 1 that challenges wait for",
				"CAA of www.example.com: no records, so every CA may issue",
			},
		},
		"no server shows it": {
			causes: []string{"record-not-visible"}, // which is what cert-manager says, too
			checks: []string{"_acme-challenge.www.example.com at ns1.simulator.test (127.0.0.1): 0 TXT records, 0 of the 1 that challenges wait for"},
		},
		"a server is lame": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible)
				if err := w.DNS.ChangeNameServer("ns2.simulator.test.", dns.Refused, 0); err != nil {
					t.Fatal(err)
				}
			},
			causes: []string{"record-not-visible"},
			checks: []string{"_acme-challenge.www.example.com at ns2.simulator.test (127.0.0.2): it answers REFUSED"},
		},
		"the domain is not in the DNS": {
			damage: func(t *testing.T, _ *simulator.World, s *scene) {
				find[*acmev1.Challenge](t, s, "www-1-1-1").Spec.DNSName = "www.nowhere.example"
				find[*cmapi.Certificate](t, s, "www").Spec.DNSNames = []string{"www.nowhere.example"}
			},
			causes: []string{"domain-not-in-dns", "record-not-visible"},
			checks: []string{"Certificate shop/www: the resolvers say that nowhere.example does not exist"},
		},
		"somebody answers in the servers' place": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible)
				for _, name := range []string{"ns1.simulator.test.", "ns2.simulator.test."} {
					if err := w.DNS.ChangeNameServer(name, dns.Intercepted, 0); err != nil {
						t.Fatal(err)
					}
				}
			},
			causes: []string{"dns-closed", "record-not-visible"},
		},
		"the resolver hides SOA records": {
			dns:    simulator.DNSOptions{Recursive: dns.RecursiveOptions{HideSOA: true}},
			causes: []string{"zone-is-public-suffix", "record-not-visible"},
			checks: []string{"Certificate shop/www: the resolvers take com for the zone of _acme-challenge.www.example.com"},
		},
		"a CNAME that the solver does not follow": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, "_acme-challenge.www.example.com. 60 IN CNAME www.acme.example.com.")
			},
			causes: []string{"cname-not-followed", "record-not-visible"},
		},
		"a CNAME that it follows": {
			damage: func(t *testing.T, w *simulator.World, s *scene) {
				show(t, w, "_acme-challenge.www.example.com. 60 IN CNAME www.acme.example.com.", "www.acme.example.com. 60 IN TXT "+value)
				find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.CNAMEStrategy = acmev1.FollowStrategy
				find[*acmev1.Challenge](t, s, "www-1-1-1").Spec.Solver.DNS01.CNAMEStrategy = acmev1.FollowStrategy
			},
			causes: []string{"record-not-visible"},
			checks: []string{
				"CNAME _acme-challenge.www.example.com → www.acme.example.com",
				"www.acme.example.com at ns1.simulator.test (127.0.0.1): 1 TXT records, 1 of the 1 that challenges wait for",
			},
		},
		"a CNAME that leads in a circle": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, "_acme-challenge.www.example.com. 60 IN CNAME a.example.com.", "a.example.com. 60 IN CNAME _acme-challenge.www.example.com.")
			},
			causes: []string{"cname-loop", "record-not-visible"},
		},
		"records of earlier challenges": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, "_acme-challenge.www.example.com. 60 IN TXT "+leftOver, `_acme-challenge.www.example.com. 60 IN TXT "somebody else's"`)
			},
			causes: []string{"record-not-visible"}, warnings: []string{"records-left-over"},
		},
		"records that were written ahead": {
			damage: func(t *testing.T, w *simulator.World, s *scene) {
				show(t, w, visible, "_acme-challenge.www.example.com. 60 IN TXT "+leftOver)
				other := find[*acmev1.Challenge](t, s, "www-1-1-1").DeepCopy()
				other.Namespace, other.UID, other.OwnerReferences, other.Spec.Key, other.Status = "other", "other", nil, leftOver, acmev1.ChallengeStatus{}
				s.add(other)
			},
			causes: []string{"record-not-visible"},
		},
		"a CAA record above forbids the CA": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, `example.com. 60 IN CAA 0 issue "ca.example"`)
			},
			causes: []string{"caa-forbids", "record-not-visible"},
			checks: []string{`Certificate shop/www: the CAA records of www.example.com at example.com are 0 issue "ca.example", and none of them is for letsencrypt.example`},
		},
		"a CAA record allows the CA": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, `example.com. 60 IN CAA 0 issue "letsencrypt.example; validationmethods=dns-01"`)
			},
			causes: []string{"record-not-visible"},
		},
		"a CAA record wants another method": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, `example.com. 60 IN CAA 0 issue "letsencrypt.example; validationmethods=http-01"`)
			},
			causes: []string{"record-not-visible"}, warnings: []string{"caa-restricts"}, // nobody knows what this CA obeys
		},
		"a CAA record wants the Issuer's account": {
			damage: func(t *testing.T, w *simulator.World, s *scene) {
				show(t, w, visible, `example.com. 60 IN CAA 0 issue "letsencrypt.example; accounturi=https://letsencrypt.example/7"`)
				find[*cmapi.Issuer](t, s, "le").Status.ACME = &acmev1.ACMEIssuerStatus{URI: "https://letsencrypt.example/7"}
			},
			causes: []string{"record-not-visible"},
		},
		"CAA records forbid the name, and allow the wildcard that is wanted": {
			damage: func(t *testing.T, w *simulator.World, s *scene) {
				show(t, w, visible, `www.example.com. 60 IN CAA 0 issue ";"`, `www.example.com. 60 IN CAA 0 issuewild "letsencrypt.example"`)
				find[*cmapi.Certificate](t, s, "www").Spec.DNSNames = []string{"*.www.example.com"}
				find[*acmev1.Challenge](t, s, "www-1-1-1").Spec.Wildcard = true
			},
			causes: []string{"record-not-visible"},
		},
		"the CAA record behind a CNAME counts": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, `cdn.example.com. 60 IN CAA 0 issue "ca.example"`, "www.example.com. 60 IN CNAME cdn.example.com.")
			},
			causes: []string{"caa-forbids", "record-not-visible"},
		},
		"a DS record was left behind": {
			damage: func(t *testing.T, w *simulator.World, _ *scene) {
				show(t, w, visible, "example.com. 60 IN DS 12345 13 2 "+strings.Repeat("ab", 32))
			},
			causes: []string{"dnssec-broken", "record-not-visible"},
			checks: []string{"Certificate shop/www: DNSSEC of the zone example.com: the zone above has DS records (key tag 12345), and the zone itself is not signed: it has no DNSKEY"},
		},
		"a DS record was left behind for the zone of the CNAME": {
			damage: func(t *testing.T, w *simulator.World, s *scene) {
				w.DNS.AddZones("example.org")
				show(t, w, "_acme-challenge.www.example.com. 60 IN CNAME www.example.org.", "www.example.org. 60 IN TXT "+value, "example.com. 60 IN DS 12345 13 2 "+strings.Repeat("ab", 32))
				find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.CNAMEStrategy = acmev1.FollowStrategy
				find[*acmev1.Challenge](t, s, "www-1-1-1").Spec.Solver.DNS01.CNAMEStrategy = acmev1.FollowStrategy
			},
			causes: []string{"dnssec-broken", "record-not-visible"},
		},
		"no resolver answers": {
			damage: func(_ *testing.T, _ *simulator.World, s *scene) { s.dns.Resolvers = []string{"127.0.0.1:1"} },
			causes: []string{"dns-closed", "record-not-visible"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := internet(t, test.dns)
			s := healthy(t)
			s.dns, s.options.DNS = seenFrom(w), true
			serveDirectory(t, find[*cmapi.Issuer](t, s, "le"), "letsencrypt.example")
			challenge := s.issuance(t, `Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`)
			challenge.Spec.Key, challenge.Status.Presented = value, true
			if test.damage != nil {
				test.damage(t, w, s)
			}
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if diff := cmp.Diff([][]string{test.causes, test.warnings}, [][]string{ids(found.Causes), ids(found.Warnings)}); diff != "" {
				t.Errorf("causes and warnings (-want +got):\n%s\n%v", diff, found.Checks)
			}
			for _, want := range test.checks {
				if !hasCheck(found, want) {
					t.Errorf("no check says %q: %q", want, found.Checks)
				}
			}
		})
	}
}

func hasCheck(d *Diagnosis, text string) bool {
	for _, c := range d.Checks {
		if c.Text == text {
			return true
		}
	}
	return false
}

// TestClouds asks the simulated clouds, and recognises how each refuses.
func TestClouds(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*cloud.Key, *simulator.Endpoint)
		cause  string
	}{
		"the account has another zone": {func(*cloud.Key, *simulator.Endpoint) {}, "zone-in-another-account"},
		"the key is disabled":          {func(k *cloud.Key, _ *simulator.Endpoint) { k.Disabled = true }, "access-key-unknown"},
		"the key is another":           {func(k *cloud.Key, _ *simulator.Endpoint) { k.ID = "LTAI5tAnotherKeyOfTheAccount" }, "access-key-unknown"},
		"the secret is another":        {func(k *cloud.Key, _ *simulator.Endpoint) { k.Secret = "another" }, "signature-wrong"},
		"the policy allows nothing":    {func(k *cloud.Key, _ *simulator.Endpoint) { k.Denied = []string{"*"} }, "cloud-permission-missing"},
		"the cloud throttles": {func(_ *cloud.Key, e *simulator.Endpoint) {
			if err := e.Inject(cloud.Fault{Kind: cloud.Throttle}); err != nil {
				panic(err)
			}
		}, "cloud-throttles"},
		"the cloud is down": {func(_ *cloud.Key, e *simulator.Endpoint) {
			if err := e.Inject(cloud.Fault{Kind: cloud.HTML}); err != nil {
				panic(err)
			}
		}, "cloud-unreachable"},
	}
	for _, solver := range []string{alidnsName, dnspodName} {
		for name, test := range tests {
			t.Run(solver+": "+name, func(t *testing.T) {
				t.Parallel()
				w := internet(t, simulator.DNSOptions{})
				id, endpoint, config := "LTAI5tExampleExample1234", w.Alidns, `{"accessKeyIdRef":{"name":"alidns","key":"id"},"accessKeySecretRef":{"name":"alidns","key":"secret"}}`
				if solver == dnspodName {
					id, endpoint, config = "AKIDExampleExample1234567890", w.DNSPod, `{"secretIdRef":{"name":"alidns","key":"id"},"secretKeyRef":{"name":"alidns","key":"secret"}}`
				}
				key := cloud.Key{ID: id, Secret: "averysecretsecret"}
				test.change(&key, endpoint)
				endpoint.PutAccount(cloud.Account{Owner: "shop", Keys: []cloud.Key{key}})
				endpoints, err := endpointsOf("endpoint", w.Alidns.URL, w.DNSPod.URL)
				if err != nil {
					t.Fatal(err)
				}
				clouds, err := newClouds(endpoints, endpoints, "")
				if err != nil {
					t.Fatal(err)
				}
				s := healthy(t)
				find[*corev1.Secret](t, s, "alidns").Data["id"] = []byte(id)
				s.options.Provider, s.accounts = true, clouds
				webhook := find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook
				webhook.SolverName, webhook.Config.Raw = solver, []byte(config)
				if err := endpoint.PutZone(cloud.Zone{Owner: "shop", Name: "another.example"}); err != nil {
					t.Fatal(err)
				}
				if solver == alidnsName {
					if err := endpoint.RemoveZone("shop", "example.com"); err != nil {
						t.Fatal(err)
					}
				}
				s.issuance(t, "")
				found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(strings.Join(ids(found.Causes), " "), test.cause) {
					t.Errorf("causes %q lack %s: %v", ids(found.Causes), test.cause, found.Checks)
				}
			})
		}
	}
}

// TestDelegations compares the zones that an account hosts with those that the DNS asks.
func TestDelegations(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		zones   []string
		records []string
		follow  bool
		// blind has nobody answer in the DNS.
		blind bool
		want  string
	}{
		"the zone is delegated": {zones: []string{"example.com"}},
		"a sub-zone is hosted beside it that nobody asks": {
			zones: []string{"example.com", "local.example.com"},
			want:  "the zone local.example.com has no name servers in the DNS: the account hosts it beside example.com, and the records for www.local.example.com are written to local.example.com",
		},
		"only the sub-zone is hosted": {
			zones: []string{"local.example.com"},
			want:  "the zone local.example.com has no name servers in the DNS: the account hosts it, and the records for www.local.example.com are written to it",
		},
		"the sub-zone is a name to which a wildcard answers": {
			zones: []string{"example.com", "local.example.com"}, records: []string{"*.example.com. 60 IN CNAME lb.example.com.", "lb.example.com. 60 IN A 192.0.2.1"},
			want: "the zone local.example.com has no name servers in the DNS: the account hosts it beside example.com, and the records for www.local.example.com are written to local.example.com",
		},
		"another sub-zone is hosted":    {zones: []string{"example.com", "other.example.com"}},
		"the record may be elsewhere":   {zones: []string{"local.example.com"}, follow: true},
		"the resolvers cannot be asked": {zones: []string{"local.example.com"}, blind: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := internet(t, simulator.DNSOptions{})
			if err := w.DNS.AddRecords(test.records...); err != nil {
				t.Fatal(err)
			}
			s := healthy(t)
			s.dns, s.options.DNS, s.options.Provider, s.accounts = seenFrom(w), true, true, zonesOf{zones: test.zones}
			if test.blind {
				s.dns = &DNS{}
			}
			issuer := find[*cmapi.Issuer](t, s, "le")
			serveDirectory(t, issuer, "letsencrypt.example")
			if test.follow {
				issuer.Spec.ACME.Solvers[0].DNS01.CNAMEStrategy = acmev1.FollowStrategy
			}
			s.issuance(t, presenting+"no answer from alidns.aliyuncs.com in time").Spec.DNSName = "www.local.example.com"
			find[*cmapi.Certificate](t, s, "www").Spec.DNSNames = []string{"www.local.example.com"}
			found, err := s.doctor(t).Certificate(t.Context(), "shop", "www")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			if slices.Contains(ids(found.Causes), "zone-not-delegated") != (test.want != "") || test.want != "" && !hasCheck(found, "Issuer shop/le: "+test.want) {
				t.Errorf("no check says %q: %q, %q", test.want, ids(found.Causes), found.Checks)
			}
		})
	}
}

// TestCompare tells servers that lag from servers that do not answer.
func TestCompare(t *testing.T) {
	t.Parallel()
	server := func(n string) propagation.Server {
		return propagation.Server{Name: "ns" + n + ".example.com", Addr: netip.MustParseAddr("192.0.2." + n)}
	}
	shows, lacks := []string{value}, []string{}
	silent := errors.New("does not answer")
	tests := map[string]struct {
		seen  []sighting
		young bool
		cause string
		level Level
		text  string
	}{
		"one of two lags":                      {[]sighting{{server("1"), shows, nil}, {server("2"), lacks, nil}}, false, "record-not-visible", Problem, "not visible yet on ns2.example.com (192.0.2.2)"},
		"one lags behind a young challenge":    {[]sighting{{server("1"), shows, nil}, {server("2"), lacks, nil}}, true, "record-not-visible", Problem, "not visible yet on ns2.example.com (192.0.2.2)"},
		"both are behind a young challenge":    {[]sighting{{server("1"), lacks, nil}, {server("2"), lacks, nil}}, true, "record-not-visible", Waiting, "not visible yet on ns1.example.com (192.0.2.1), ns2.example.com (192.0.2.2)"},
		"one is silent, which the CA may meet": {[]sighting{{server("1"), shows, nil}, {server("2"), nil, silent}}, false, "", "", ""},
		"none answers":                         {[]sighting{{server("1"), nil, silent}, {server("2"), nil, silent}}, false, "dns-closed", Problem, "_acme-challenge.www.example.com: ns1.example.com (192.0.2.1) does not answer, ns2.example.com (192.0.2.2) does not answer"},
		"there are none":                       {nil, false, "zone-not-delegated", Problem, "_acme-challenge.www.example.com: the zone has no name servers"},
		"all show it":                          {[]sighting{{server("1"), shows, nil}, {server("2"), shows, nil}}, false, "", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &records{reader: (&Doctor{dns: &DNS{}}).reader(t.Context()), chain: &chain{certificate: &cmapi.Certificate{}}}
			one := &lookup{name: "www.example.com", expected: []string{value}, waiting: test.young}
			d.compare(one, test.seen, map[string]string{"record": "_acme-challenge.www.example.com"})
			var want, got []Sign
			if test.cause != "" {
				want = []Sign{{Cause: test.cause, Level: test.level, Text: test.text}}
			}
			for _, s := range d.signs {
				got = append(got, Sign{Cause: s.Cause, Level: s.Level, Text: s.Text})
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("signs (-want +got):\n%s", diff)
			}
		})
	}
}
