package simulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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
	if sim.Alidns.Count("AddDomainRecord") != 1 || len(sim.DNSPod.Calls()) != 1 || sim.DNSPod.Count("DeleteRecord") != 0 {
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
		code, dnspodCode string
	}{
		"throttling":              {cloud.Fault{Kind: cloud.Throttle}, contains(400, `"Code":"Throttling.User"`), contains(200, `"Code":"RequestLimitExceeded"`), "Throttling.User", "RequestLimitExceeded"},
		"throttling of one's own": {cloud.Fault{Kind: cloud.Throttle, Status: 503, Code: "Throttling"}, contains(503, `"Code":"Throttling"`), contains(503, `"Code":"Throttling"`), "Throttling", "Throttling"},
		"an error":                {cloud.Fault{Kind: cloud.Error, Code: "X.Y", Message: "no"}, contains(400, `"Message":"no"`), contains(200, `{"Code":"X.Y","Message":"no"}`), "X.Y", "X.Y"},
		"a gateway's page":        {cloud.Fault{Kind: cloud.HTML}, contains(502, "<html>"), contains(502, "<html>"), "", ""},
		"a page with 200":         {cloud.Fault{Kind: cloud.HTML, Status: 200}, contains(200, "<html>"), contains(200, "<html>"), "", ""},
		"a code that is no text":  {cloud.Fault{Kind: cloud.NonStringCode}, contains(502, `"Code":502`), contains(502, `"Code":502`), "", ""},
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
			}{{sim.Alidns, test.alidns, test.code}, {sim.DNSPod, test.dnspod, test.dnspodCode}} {
				if err := side.Inject(test.fault); err != nil {
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
				if call.Code != side.code || call.Action != "AddDomainRecord" {
					t.Errorf("log: %+v", call)
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
		"for ever":        {cloud.Fault{}, []int{599, 599, 599, 599, 599}},
		"twice":           {cloud.Fault{Count: 2}, []int{599, 599, 400, 400, 400}},
		"this action":     {cloud.Fault{Action: "AddDomainRecord", Count: 1}, []int{599, 400, 400, 400, 400}},
		"another action":  {cloud.Fault{Action: "DeleteDomainRecord"}, []int{400, 400, 400, 400, 400}},
		"this account":    {cloud.Fault{Owner: "alice", Count: 1}, []int{599, 400, 400, 400, 400}},
		"another account": {cloud.Fault{Owner: "bob"}, []int{400, 400, 400, 400, 400}},
	} {
		t.Run(name, func(t *testing.T) {
			sim := simulator.Start(t, options())
			test.fault.Kind, test.fault.Status, test.fault.Code = cloud.Error, 599, "X"
			if err := sim.Alidns.Inject(test.fault); err != nil {
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
	if err := sim.Alidns.Inject(cloud.Fault{Kind: cloud.Reset, Count: 1, Applied: true}); err != nil {
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
	if err := sim.DNSPod.Inject(cloud.Fault{Kind: cloud.Hang}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan answer, 1)
	go func() { ended <- post(t.Context(), sim.DNSPod.URL) }()
	for len(sim.DNSPod.Calls()) == 0 {
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
		if err := c.PutZone(o.Zones[0]); err != nil {
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
		if err := c.Inject(cloud.Fault{Kind: cloud.Hang, Count: 1}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := addDNSPod(ctx, via, "http://dnspod.example", "two"); err == nil || time.Since(began) != 70*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if err := c.Inject(cloud.Fault{Kind: cloud.Reset}); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://dnspod.example/", nil)
		response, err := via.RoundTrip(r)
		if err == nil {
			t.Errorf("an answer came: %v", response.Body.Close())
		}
		if err == nil || err.Error() != "connection reset by peer" {
			t.Errorf("reset: %v", err)
		}
	})
}

func TestAWorldThatCanNotStart(t *testing.T) {
	for name, change := range map[string]func(*simulator.Options){
		"a zone without a name":            func(o *simulator.Options) { o.DNSPod.Zones = []cloud.Zone{{Owner: "alice"}} },
		"a name server in an unknown mode": func(o *simulator.Options) { o.DNS.NameServers = []dns.NameServer{{Name: "a.test", Mode: "x"}} },
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			change(&o)
			if w, err := simulator.New(o); err == nil {
				t.Errorf("started: %v", w.Close())
			}
		})
	}
}
