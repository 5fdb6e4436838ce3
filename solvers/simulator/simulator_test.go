package simulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	aliyun "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"
	"github.com/google/go-cmp/cmp"
	mdns "github.com/miekg/dns"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tencent "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/admin"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
	"github.com/certyun/certyun/solvers/simulator/dnspod"
)

const id, secret = "LTAI5tOrAKIDalice", "secret"

func options() simulator.Options {
	clouds := simulator.CloudOptions{
		Accounts: []cloud.Account{{Owner: "alice", Keys: []cloud.Key{{ID: id, Secret: secret}}}},
		Zones:    []cloud.Zone{{Owner: "alice", Name: "example.com"}},
	}
	other := clouds
	other.Zones = []cloud.Zone{{Owner: "alice", Name: "example.net"}}
	return simulator.Options{Alidns: clouds, DNSPod: other}
}

// transport hides the type of another: the vendor's client rebuilds an *http.Transport.
type transport struct{ http.RoundTripper }

func network(t *testing.T) *http.Transport {
	t.Helper()
	via := &http.Transport{}
	t.Cleanup(via.CloseIdleConnections)
	return via
}

func addAlidns(via http.RoundTripper, endpoint, value string) error {
	scheme, host, _ := strings.Cut(endpoint, "://")
	config := sdk.NewConfig().WithScheme(strings.ToUpper(scheme))
	config.Transport = transport{via}
	client, err := aliyun.NewClientWithOptions("", config, credentials.NewStaticAKCredentialsProvider(id, secret))
	if err != nil {
		return err
	}
	client.Domain = host
	r := aliyun.CreateAddDomainRecordRequest()
	r.DomainName, r.RR, r.Type, r.Value = "example.com", "_acme-challenge", "TXT", value
	_, err = client.AddDomainRecord(r)
	return err
}

func addDNSPod(ctx context.Context, via http.RoundTripper, endpoint, value string) error {
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme, p.HttpProfile.Endpoint, _ = strings.Cut(endpoint, "://")
	client, err := tencent.NewClient(common.NewCredential(id, secret), "", p)
	if err != nil {
		return err
	}
	client.WithHttpTransport(via)
	r := tencent.NewCreateRecordRequest()
	r.Domain, r.SubDomain, r.RecordType, r.RecordLine, r.Value = new("example.net"), new("_acme-challenge"), new("TXT"), new("默认"), &value
	_, err = client.CreateRecordWithContext(ctx, r)
	return err
}

func lookup(t *testing.T, address, name string) []string {
	t.Helper()
	answer, err := mdns.Exchange(new(mdns.Msg).SetQuestion(name, mdns.TypeTXT), address)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, rr := range answer.Answer {
		if txt, ok := rr.(*mdns.TXT); ok {
			values = append(values, txt.Txt...)
		}
	}
	return values
}

func TestBothCloudsFeedOneDNS(t *testing.T) {
	sim := simulator.Start(t, options())
	if err := addAlidns(network(t), sim.Alidns.URL, "one"); err != nil {
		t.Fatal(err)
	}
	if err := addDNSPod(t.Context(), network(t), sim.DNSPod.URL, "two"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{sim.DNS.Addresses()[0], sim.Recursive.Address(), sim.Validation.Address()} {
		for name, want := range map[string]string{"_acme-challenge.example.com.": "one", "_acme-challenge.example.net.": "two"} {
			if diff := cmp.Diff([]string{want}, lookup(t, address, name)); diff != "" {
				t.Errorf("%s at %s (-want +got):\n%s", name, address, diff)
			}
		}
	}
	if sim.Alidns.Count("AddDomainRecord") != 1 || sim.DNSPod.Count() != 1 || sim.DNSPod.Count("DeleteRecord") != 0 {
		t.Errorf("calls: %v, %v", sim.Alidns.Calls(), sim.DNSPod.Calls())
	}
	want := map[string]string{"DomainName": "example.com", "RR": "_acme-challenge", "Type": "TXT", "Value": "one"}
	if diff := cmp.Diff(want, sim.Alidns.Calls()[0].Parameters); diff != "" {
		t.Errorf("logged parameters (-want +got):\n%s", diff)
	}
	sim.Alidns.ResetCalls()
	if got := sim.Alidns.Calls(); len(got) != 0 {
		t.Errorf("after a reset: %v", got)
	}
}

func TestTLS(t *testing.T) {
	o := options()
	o.TLS = true
	sim := simulator.Start(t, o)
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(sim.CA) {
		t.Fatalf("not a certificate: %s", sim.CA)
	}
	trusting := network(t)
	trusting.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if err := addAlidns(trusting, sim.Alidns.URL, "one"); err != nil {
		t.Error(err)
	}
	if err := addDNSPod(t.Context(), trusting, sim.DNSPod.URL, "two"); err != nil {
		t.Error(err)
	}
	if !sim.Alidns.Calls()[0].TLS || !sim.DNSPod.Calls()[0].TLS {
		t.Error("the log does not tell that TLS was used")
	}
	if err := addAlidns(network(t), sim.Alidns.URL, "three"); err == nil {
		t.Error("a client without the authority's certificate got through")
	}
	if _, err := sim.Alidns.Inject(cloud.Fault{Kind: cloud.Reset}); err != nil {
		t.Fatal(err)
	}
	if err := addAlidns(trusting, sim.Alidns.URL, "four"); err == nil {
		t.Error("a reset over TLS was not seen")
	}
}

// answer is what a plain HTTP client sees.
type answer struct {
	status  int
	body    string
	err     error
	elapsed time.Duration
}

func post(ctx context.Context, to string) answer {
	began := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to+"/?Action=AddDomainRecord&DomainName=example.com&AccessKeyId="+id, strings.NewReader("{}"))
	if err != nil {
		return answer{err: err}
	}
	r.Header.Set("X-TC-Action", "AddDomainRecord")
	via := &http.Transport{}
	defer via.CloseIdleConnections()
	response, err := (&http.Client{Transport: via}).Do(r)
	if err != nil {
		return answer{err: err, elapsed: time.Since(began)}
	}
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(text), errors.Join(err, response.Body.Close()), time.Since(began)}
}

func TestFaults(t *testing.T) {
	contains := func(status int, part string) func(answer) bool {
		return func(a answer) bool { return a.err == nil && a.status == status && strings.Contains(a.body, part) }
	}
	for name, test := range map[string]struct {
		fault            cloud.Fault
		alidns, dnspod   func(answer) bool
		wantCode, podToo string
	}{
		"throttling":               {cloud.Fault{Kind: cloud.Throttle}, contains(400, `"Code":"Throttling.User"`), contains(200, `"Code":"RequestLimitExceeded"`), "Throttling.User", "RequestLimitExceeded"},
		"throttling of one's own":  {cloud.Fault{Kind: cloud.Throttle, Status: 503, Code: "Throttling"}, contains(503, `"Code":"Throttling"`), contains(503, `"Code":"Throttling"`), "Throttling", "Throttling"},
		"an error":                 {cloud.Fault{Kind: cloud.Error, Code: "X.Y", Message: "no"}, contains(400, `"Message":"no"`), contains(200, `{"Code":"X.Y","Message":"no"}`), "X.Y", "X.Y"},
		"an error with request id": {cloud.Fault{Kind: cloud.Error, Status: 500, Code: "X.Y"}, contains(500, "request id"), contains(500, "[request id:"), "X.Y", "X.Y"},
		"a gateway's page":         {cloud.Fault{Kind: cloud.HTML}, contains(502, "<html>"), contains(502, "<html>"), "", ""},
		"a page with 200":          {cloud.Fault{Kind: cloud.HTML, Status: 200}, contains(200, "<html>"), contains(200, "<html>"), "", ""},
		"a code that is no text":   {cloud.Fault{Kind: cloud.NonStringCode}, contains(502, `"Code":502`), contains(502, `"Code":502`), "", ""},
		"a body of the test's":     {cloud.Fault{Kind: cloud.Body, Text: `{"Response":{}}`}, contains(200, `{"Response":{}}`), contains(200, `{"Response":{}}`), "", ""},
		"ten megabytes": {
			cloud.Fault{Kind: cloud.Large},
			func(a answer) bool { return a.err == nil && len(a.body) == 10<<20 },
			func(a answer) bool { return len(a.body) == 10<<20 }, "", "",
		},
		"half an answer": {
			cloud.Fault{Kind: cloud.Truncated},
			func(a answer) bool { return a.err == nil && len(a.body) > 10 && !json.Valid([]byte(a.body)) },
			func(a answer) bool { return a.err == nil && len(a.body) > 10 && !json.Valid([]byte(a.body)) }, "MissingVersion", "InvalidAction",
		},
		"a reset connection": {
			cloud.Fault{Kind: cloud.Reset},
			func(a answer) bool { return errors.Is(a.err, syscall.ECONNRESET) },
			func(a answer) bool { return errors.Is(a.err, syscall.ECONNRESET) }, "", "",
		},
		"no answer": {
			cloud.Fault{Kind: cloud.Hang},
			func(a answer) bool { return errors.Is(a.err, context.DeadlineExceeded) },
			func(a answer) bool { return errors.Is(a.err, context.DeadlineExceeded) }, "", "",
		},
		"a slow answer": {
			cloud.Fault{Kind: cloud.Slow, Latency: 50 * time.Millisecond},
			func(a answer) bool { return a.status == 400 && a.elapsed >= 50*time.Millisecond },
			func(a answer) bool { return a.status == 200 && a.elapsed >= 50*time.Millisecond }, "MissingVersion", "InvalidAction",
		},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.Start(t, options())
			for _, side := range []struct {
				*simulator.Endpoint
				want func(answer) bool
				code string
			}{{sim.Alidns, test.alidns, test.wantCode}, {sim.DNSPod, test.dnspod, test.podToo}} {
				test.fault.Count = 1
				if _, err := side.Inject(test.fault); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if test.fault.Kind != cloud.Hang {
					ctx = t.Context()
				}
				if got := post(ctx, side.URL); !side.want(got) {
					t.Errorf("%s: %d %.200s, %v", side.URL, got.status, got.body, got.err)
				}
				call := side.Calls()[0]
				if call.Fault != test.fault.Kind || call.Code != side.code || call.Action != "AddDomainRecord" {
					t.Errorf("log: %+v", call)
				}
				if len(side.Faults()) != 0 {
					t.Errorf("still to come: %+v", side.Faults())
				}
			}
		})
	}
}

func TestFaultsByActionAndCount(t *testing.T) {
	for name, test := range map[string]struct {
		fault cloud.Fault
		want  []int // status of five calls
	}{
		"for ever":                 {cloud.Fault{}, []int{599, 599, 599, 599, 599}},
		"twice":                    {cloud.Fault{Count: 2}, []int{599, 599, 400, 400, 400}},
		"the second and the third": {cloud.Fault{Skip: 1, Count: 2}, []int{400, 599, 599, 400, 400}},
		"this action":              {cloud.Fault{Action: "AddDomainRecord", Count: 1}, []int{599, 400, 400, 400, 400}},
		"another action":           {cloud.Fault{Action: "DeleteDomainRecord"}, []int{400, 400, 400, 400, 400}},
		"this account":             {cloud.Fault{Owner: "alice", Count: 1}, []int{599, 400, 400, 400, 400}},
		"another account":          {cloud.Fault{Owner: "bob"}, []int{400, 400, 400, 400, 400}},
		"this zone":                {cloud.Fault{Zone: "EXAMPLE.com.", Count: 1}, []int{599, 400, 400, 400, 400}},
		"another zone":             {cloud.Fault{Zone: "example.net"}, []int{400, 400, 400, 400, 400}},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.Start(t, options())
			test.fault.Kind, test.fault.Status, test.fault.Code = cloud.Error, 599, "X"
			if _, err := sim.Alidns.Inject(test.fault); err != nil {
				t.Fatal(err)
			}
			var got []int
			for range 5 {
				got = append(got, post(t.Context(), sim.Alidns.URL).status)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			sim.Alidns.ClearFaults()
			if got := post(t.Context(), sim.Alidns.URL).status; got != 400 {
				t.Errorf("cleared: %d", got)
			}
		})
	}
}

func TestAFaultMayComeAfterTheWrite(t *testing.T) {
	sim := simulator.Start(t, options())
	if _, err := sim.Alidns.Inject(cloud.Fault{Kind: cloud.Reset, Count: 1, Applied: true}); err != nil {
		t.Fatal(err)
	}
	fresh := network(t)
	if err := addAlidns(fresh, sim.Alidns.URL, "one"); err == nil {
		t.Error("the answer came through")
	}
	if err := addAlidns(fresh, sim.Alidns.URL, "one"); err == nil || !strings.Contains(err.Error(), "DomainRecordDuplicate") {
		t.Errorf("the record was not written: %v", err)
	}
}

func TestClosingEndsCallsThatHang(t *testing.T) {
	sim, err := simulator.New(options())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sim.DNSPod.Inject(cloud.Fault{Kind: cloud.Hang}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan answer, 1)
	go func() { ended <- post(t.Context(), sim.DNSPod.URL) }()
	for sim.DNSPod.Count() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := sim.Close(); err != nil {
		t.Error(err)
	}
	if got := <-ended; got.err == nil {
		t.Errorf("an answer came: %+v", got)
	}
}

func TestTransportRunsInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dnspod.NewCloud(nil)
		defer c.Close()
		o := options().DNSPod
		c.PutAccount(o.Accounts[0])
		if _, err := c.PutZone(o.Zones[0]); err != nil {
			t.Fatal(err)
		}
		via := simulator.Transport(dnspod.New(c))
		c.Change(func(s *cloud.Settings) { s.WriteTime = 40 * time.Second })
		began := time.Now()
		if err := addDNSPod(t.Context(), via, "http://dnspod.example", "one"); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("took %s", took)
		}
		if _, err := c.Inject(cloud.Fault{Kind: cloud.Hang, Count: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := addDNSPod(ctx, via, "http://dnspod.example", "two"); err == nil || time.Since(began) != 70*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if _, err := c.Inject(cloud.Fault{Kind: cloud.Reset}); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://dnspod.example/", nil)
		response, err := via.RoundTrip(r)
		if err == nil {
			t.Errorf("an answer came: %v", response.Body.Close())
		}
		if !errors.Is(err, simulator.ErrReset) {
			t.Errorf("reset: %v", err)
		}
	})
}

func TestAdmin(t *testing.T) {
	sim := simulator.Start(t, options())
	server := httptest.NewServer(sim.AdminHandler("http://admin.example"))
	defer server.Close()
	ctx, client := t.Context(), admin.NewClient(server.URL+"/", nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	endpoints, err := client.Endpoints(ctx)
	must(err)
	want := admin.Endpoints{
		Alidns: sim.Alidns.URL, DNSPod: sim.DNSPod.URL, NameServers: sim.DNS.Addresses(), Recursive: sim.Recursive.Address(),
		Validation: sim.Validation.Address(), Admin: "http://admin.example",
	}
	if diff := cmp.Diff(want, endpoints); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	must(client.PutAccount(ctx, admin.DNSPod, cloud.Account{Owner: "bob", QPS: 3, Keys: []cloud.Key{{ID: "b", Secret: "s"}}}))
	accounts, err := client.Accounts(ctx, admin.DNSPod)
	must(err)
	zone, err := client.PutZone(ctx, admin.DNSPod, cloud.Zone{Owner: "bob", Name: "bob.example"})
	must(err)
	record, err := client.AddRecord(ctx, admin.DNSPod, cloud.Record{Owner: "bob", Zone: "bob.example", RR: "a", Type: "TXT", Value: "v"})
	must(err)
	records, err := client.Records(ctx, admin.DNSPod, "bob.example")
	must(err)
	if diff := cmp.Diff(sim.DNSPod.Records(""), records); diff != "" || len(accounts) != 2 || zone.ID == 0 || records[0].ID != record.ID || record.ID <= 1<<53 {
		t.Errorf("%v, %v, %v (-want +got):\n%s", accounts, zone, record, diff)
	}
	must(client.RemoveRecord(ctx, admin.DNSPod, record.ID))
	must(client.RemoveZone(ctx, admin.DNSPod, "bob", "bob.example"))
	must(client.RemoveAccount(ctx, admin.DNSPod, "bob"))
	zones, err := client.Zones(ctx, admin.DNSPod)
	must(err)
	if len(sim.DNSPod.Records("")) != 0 || len(zones) != 1 || len(sim.DNSPod.Accounts()) != 1 {
		t.Errorf("left: %v, %v", sim.DNSPod.Records(""), zones)
	}
	injected, err := client.Inject(ctx, admin.Alidns, cloud.Fault{Kind: cloud.Error, Code: "X", Latency: time.Millisecond})
	must(err)
	faults, err := client.Faults(ctx, admin.Alidns)
	must(err)
	if diff := cmp.Diff([]cloud.Fault{injected}, faults); diff != "" || injected.ID == 0 {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	post(ctx, sim.Alidns.URL)
	must(client.ClearFaults(ctx, admin.Alidns))
	post(ctx, sim.Alidns.URL)
	calls, err := client.Calls(ctx, admin.Alidns, "AddDomainRecord")
	must(err)
	none, err := client.Calls(ctx, admin.Alidns, "DeleteDomainRecord")
	must(err)
	if len(calls) != 2 || len(none) != 0 || calls[0].Fault != cloud.Error || calls[1].Fault != "" {
		t.Errorf("calls: %+v, %+v", calls, none)
	}
	must(client.ResetCalls(ctx, admin.Alidns))
	if sim.Alidns.Count() != 0 {
		t.Error("the log is not empty")
	}
	must(client.Change(ctx, admin.Alidns, func(s *cloud.Settings) { s.WriteTime, s.RecordLimit = time.Second, 0 }))
	settings, err := client.Settings(ctx, admin.Alidns)
	must(err)
	if diff := cmp.Diff(cloud.Settings{WriteTime: time.Second, ClockWindow: 15 * time.Minute}, settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestAdminOfTheDNS(t *testing.T) {
	sim := simulator.Start(t, options())
	server := httptest.NewServer(sim.AdminHandler("http://admin.example"))
	defer server.Close()
	ctx, client := t.Context(), admin.NewClient(server.URL, server.Client())
	err := client.ChangeDNS(ctx, admin.DNS{
		Delay: new("3s"), Cache: new(true), HideSOA: new(true), Zones: []string{"shop.example"}, Records: []string{"a.shop.example. 60 IN TXT here"},
		NameServers: []dns.NameServer{{Name: "ns1.simulator.test", Mode: dns.Truncated, Delay: time.Second}},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.DNS(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := admin.DNS{Delay: new("3s"), Cache: new(true), HideSOA: new(true), NameServers: sim.DNS.NameServers()}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b dns.NameServer) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if sim.DNS.Delay() != 3*time.Second || got.NameServers[0].Mode != dns.Truncated || got.NameServers[0].Delay != time.Second {
		t.Errorf("not done: %+v", got)
	}
	if diff := cmp.Diff([]string{"here"}, lookup(t, sim.Recursive.Address(), "a.shop.example.")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	queries, err := client.Queries(ctx)
	if err != nil || len(queries) != 1 || queries[0].Name != "a.shop.example." {
		t.Errorf("queries: %v, %v", queries, err)
	}
	if err := errors.Join(client.ResetQueries(ctx), client.Flush(ctx)); err != nil || len(sim.DNS.Queries()) != 0 {
		t.Errorf("reset: %v", err)
	}
}

func TestWhatTheAdminRefuses(t *testing.T) {
	sim := simulator.Start(t, options())
	handler := sim.AdminHandler("")
	for name, test := range map[string]struct{ method, target, body string }{
		"no cloud":               {"GET", "/records", ""},
		"an unknown cloud":       {"GET", "/records?cloud=route53", ""},
		"a fault of no kind":     {"POST", "/faults?cloud=alidns", `{"kind":"x"}`},
		"an unknown field":       {"POST", "/faults?cloud=alidns", `{"kind":"hang","times":1}`},
		"no JSON":                {"POST", "/zones?cloud=alidns", ``},
		"a zone without a name":  {"POST", "/zones?cloud=alidns", `{"owner":"alice"}`},
		"an unknown account key": {"POST", "/accounts?cloud=alidns", `{"name":"x"}`},
		"a record of no zone":    {"POST", "/records?cloud=alidns", `{"owner":"bob","zone":"example.com"}`},
		"an id that is none":     {"DELETE", "/records?cloud=alidns&id=x", ""},
		"an id of nothing":       {"DELETE", "/records?cloud=alidns&id=1", ""},
		"a zone of nobody":       {"DELETE", "/zones?cloud=alidns&owner=bob&zone=x", ""},
		"an unknown setting":     {"POST", "/settings?cloud=alidns", `{"lag":"1s"}`},
		"an unknown mode":        {"POST", "/dns", `{"nameServers":[{"name":"ns1.simulator.test","address":"127.0.0.1","mode":"x"}]}`},
		"a delay without a unit": {"POST", "/dns", `{"delay":"3"}`},
		"a record of no form":    {"POST", "/dns", `{"records":["x"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(test.method, test.target, strings.NewReader(test.body)))
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `{"error":"`) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/settings?cloud=dnspod", strings.NewReader(`{"listLag":"30s"}`))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d says of everything
	handler.ServeHTTP(w, r)
	if s := sim.DNSPod.Settings(); w.Code != http.StatusOK || s.ListLag != 30*time.Second || s.ClockWindow != 5*time.Minute {
		t.Errorf("a change of one setting: %d %s", w.Code, w.Body)
	}
}

func TestAnErrorOfTheAdminNamesTheCall(t *testing.T) {
	sim := simulator.Start(t, options())
	server := httptest.NewServer(sim.AdminHandler(""))
	client := admin.NewClient(server.URL, nil)
	_, err := client.Records(t.Context(), "route53", "")
	if want := `GET records: status 400: {"error":"cloud \"route53\": want alidns or dnspod"}`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	server.Close()
	err = client.Flush(t.Context())
	if _, ok := errors.AsType[*url.Error](err); !ok {
		t.Errorf("a server that is gone: %v", err)
	}
}

const config = `{
  "alidns": {"accounts": [{"owner": "alice", "keys": [{"id": "LTAI5tOrAKIDalice", "secret": "secret"}], "qps": 5}],
             "zones": [{"owner": "alice", "name": "example.com", "records": [{"rr": "www", "type": "A", "value": "127.0.0.1"}]}],
             "settings": {"rejectOverlappingWrites": true, "writeTime": "20ms"}},
  "dns": {"delay": "3s", "negativeTTL": "60s", "nameServers": [{"name": "ns1.simulator.test", "address": "127.0.0.1", "delay": "1s"}],
          "zones": ["shop.example"], "records": ["a.shop.example. 60 IN A 127.0.0.1"], "cache": true}
}`

func TestConfig(t *testing.T) {
	parsed, err := simulator.ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	o, err := parsed.Options()
	if err != nil {
		t.Fatal(err)
	}
	sim := simulator.Start(t, o)
	settings := sim.Alidns.Settings()
	if sim.DNS.Delay() != 3*time.Second || !sim.Recursive.Caching() || sim.Validation.Caching() || len(sim.Alidns.Records("example.com")) != 1 ||
		settings.WriteTime != 20*time.Millisecond || settings.RecordLimit != 90 || sim.DNS.NameServers()[0].Delay != time.Second {
		t.Errorf("not as configured: %+v, %+v", settings, sim.DNS.NameServers())
	}
	for name, text := range map[string]string{
		"an unknown field":        `{"aliyun":{}}`,
		"an unknown setting":      `{"alidns":{"settings":{"lag":"1s"}}}`,
		"a zone of no account":    `{"dnspod":{"zones":[{"owner":"alice","name":"example.com"}]}}`,
		"an account of nobody":    `{"dnspod":{"accounts":[{"keys":[]}]}}`,
		"an account twice":        `{"dnspod":{"accounts":[{"owner":"a","keys":[]},{"owner":"a","keys":[]}]}}`,
		"a delay without a unit":  `{"dns":{"delay":"3"}}`,
		"a negative delay":        `{"dns":{"delay":"-3s"}}`,
		"a minimum of no form":    `{"dns":{"negativeTTL":"x"}}`,
		"a second JSON value":     `{}{}`,
		"a key's unknown field":   `{"alidns":{"accounts":[{"owner":"a","keys":[{"secretKey":"x"}]}]}}`,
		"a name server's delay":   `{"dns":{"nameServers":[{"name":"a","delay":"x"}]}}`,
		"a name server's address": `{"dns":{"nameServers":[{"name":"a","address":"x"}]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := simulator.ParseConfig([]byte(text))
			if err == nil {
				_, err = parsed.Options()
			}
			if err == nil {
				t.Error("taken")
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{config, "{}", "null", `{"alidns":{"settings":{"listLag":"1s"}}}`, `{"dns":{"nameServers":[{}]}}`, "["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		parsed, err := simulator.ParseConfig(text)
		if err != nil {
			return
		}
		first, err := parsed.Options()
		if err != nil {
			return
		}
		written, err := json.Marshal(parsed)
		if err != nil {
			t.Fatal(err)
		}
		again, err := simulator.ParseConfig(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		second, err := again.Options()
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if fmt.Sprint(first.DNS) != fmt.Sprint(second.DNS) || len(first.Alidns.Zones) != len(second.Alidns.Zones) {
			t.Errorf("%+v, and written and read again %+v", first, second)
		}
	})
}

func TestAWorldThatCanNotStart(t *testing.T) {
	for name, change := range map[string]func(*simulator.Options){
		"an address that is none":          func(o *simulator.Options) { o.Alidns.Address = "nowhere" },
		"the other cloud's":                func(o *simulator.Options) { o.DNSPod.Address = "nowhere" },
		"a zone without a name":            func(o *simulator.Options) { o.DNSPod.Zones = []cloud.Zone{{Owner: "alice"}} },
		"a DNS record of no form":          func(o *simulator.Options) { o.DNS.Records = []string{"x"} },
		"a resolver's address":             func(o *simulator.Options) { o.DNS.Recursive.Address = "nowhere" },
		"the validation resolver's":        func(o *simulator.Options) { o.DNS.Validation.Address = "nowhere" },
		"a name server in an unknown mode": func(o *simulator.Options) { o.DNS.NameServers = []dns.NameServer{{Name: "a.test", Mode: "x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			change(&o)
			var failed failure
			failed.try(func() { simulator.Start(&failed, o) })
			if !strings.HasPrefix(failed.message, "simulator: ") {
				t.Errorf("failed with %q", failed.message)
			}
		})
	}
}

// failure is a test that records how it fails.
type failure struct{ message string }

func (f *failure) Helper()        {}
func (f *failure) Cleanup(func()) {}
func (f *failure) Fatalf(format string, arguments ...any) {
	f.message = fmt.Sprintf(format, arguments...)
	panic(f)
}

func (f *failure) try(do func()) {
	defer func() {
		if p := recover(); p != nil && p != any(f) {
			panic(p)
		}
	}()
	do()
}
