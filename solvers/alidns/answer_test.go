package alidns_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/quota"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

type query = url.Values

// answer is what a scripted server says. A zero status is 200.
type answer struct {
	status int
	header map[string]string
	body   string
}

// scripted is a server that says what a test wants, and remembers what it was asked.
type scripted struct {
	*httptest.Server
	mu      sync.Mutex
	queries []query
}

func serve(t *testing.T, script func(query) answer) *scripted {
	t.Helper()
	s := &scripted{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.queries = append(s.queries, r.URL.Query())
		s.mu.Unlock()
		a := script(r.URL.Query())
		w.Header().Set("Content-Type", "application/json")
		for name, v := range a.header {
			w.Header().Set(name, v)
		}
		w.WriteHeader(max(a.status, 200))
		_, _ = w.Write([]byte(a.body))
	}))
	t.Cleanup(s.Close)
	return s
}

// values are what a parameter was in each call.
func (s *scripted) values(parameter string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, q := range s.queries {
		list = append(list, q.Get(parameter))
	}
	return list
}

// refuse is an error answer with HTTP 400, as most are.
func refuse(code string) answer { return refuseWith(http.StatusBadRequest, code) }

// refuseWith makes every answer differ in all that a text must not depend on.
func refuseWith(status int, code string) answer {
	now := time.Now()
	return answer{status: status, body: fmt.Sprintf(
		`{"RequestId":"REQUEST-%d","HostId":"127.0.0.1","Code":%q,"Message":"refused %s at %v, %s %s","Recommend":"https://api.aliyun.com/troubleshoot?requestId=%d"}`,
		now.UnixNano(), code, code, now, keys.ID, url.QueryEscape(temporary.Token), now.UnixNano(),
	)}
}

// described is a fault in one line.
func described(err error) string {
	after, retry := fault.Retryable(err)
	for kind := fault.Transient; kind <= fault.Misconfigured; kind++ {
		if fault.Is(err, kind) {
			return fmt.Sprintf("%v, retry %v after %v: %v", kind, retry, after, err)
		}
	}
	return fmt.Sprintf("no fault: %v", err)
}

func TestCodes(t *testing.T) {
	const checkZone = "check that Alidns hosts the zone in the account of this AccessKey"
	const console = "see to it in the console of Alidns"
	const key = "create an AccessKey for the RAM user and write it to the Secret"
	const secret = "check the AccessKey Secret for a wrong value or a stray line break"
	const clock = "set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes"
	const renew = "renew the keys and the token in the Secret: all three belong together"
	const policy = "allow alidns:AddDomainRecord on the zone in the RAM policy of the user or role (DescribeDomains needs the resource *)"
	for code, want := range map[string]string{
		"InvalidDomainName.NoExist": "zone_not_found, retry false after 0s: the account does not host the zone example.com (InvalidDomainName.NoExist); " + checkZone,
		"InvalidDomainName.Format":  "zone_not_found, retry false after 0s: example.com cannot be a zone of Alidns (InvalidDomainName.Format); " + checkZone,
		"IncorrectDomainUser":       "zone_not_found, retry false after 0s: the zone example.com belongs to another account (IncorrectDomainUser); " + checkZone,

		"DomainRecordNotBelongToUser": "misconfigured, retry false after 0s: the record does not exist in this account (DomainRecordNotBelongToUser)",
		"DomainRecordConflict":        "misconfigured, retry false after 0s: a record of another type at the name in the zone example.com forbids a TXT record (DomainRecordConflict); remove that record, or delegate the challenge to another name by CNAME",
		"DomainRecordLocked":          "misconfigured, retry false after 0s: the record in the zone example.com is locked (DomainRecordLocked); " + console,
		"DomainForbidden":             "misconfigured, retry false after 0s: Alidns forbids changes in the zone example.com (DomainForbidden); " + console,
		"RecordForbidden.BlackHole":   "misconfigured, retry false after 0s: records of the zone example.com are in a black hole against attacks (RecordForbidden.BlackHole); " + console,
		"RecordForbidden.Other":       "misconfigured, retry false after 0s: Alidns forbids the record in the zone example.com (RecordForbidden.Other); " + console,
		"RecordForbidden.DNSChange":   "transient, retry true after 3s: the zone example.com is changing its name servers (RecordForbidden.DNSChange)",
		"LastOperationNotFinished":    "transient, retry true after 1s: another change in the zone example.com is under way (LastOperationNotFinished)",

		"InvalidRR.NoExist":       "misconfigured, retry false after 0s: the zone example.com does not take a record of this name (InvalidRR.NoExist)",
		"SubDomainInvalid.Value":  "misconfigured, retry false after 0s: the zone example.com does not take a record of this name or value (SubDomainInvalid.Value)",
		"InvalidParameter":        "misconfigured, retry false after 0s: Alidns refused a parameter of alidns:AddDomainRecord (InvalidParameter)",
		"InvalidParameter.Format": "misconfigured, retry false after 0s: Alidns refused a parameter of alidns:AddDomainRecord (InvalidParameter.Format)",
		"InvalidLine.NoExist":     `misconfigured, retry false after 0s: the zone example.com does not have the line "default" (InvalidLine.NoExist); set config.line to a line of the zone's edition, or leave it out`,
		"QuotaExceeded.Record":    "misconfigured, retry false after 0s: the zone example.com takes no more TXT records at this name (QuotaExceeded.Record); remove those that are left over from earlier challenges",
		"QuotaExceeded.ARecord":   "misconfigured, retry false after 0s: a limit of the edition of the zone example.com is reached (QuotaExceeded.ARecord); " + console,
		"QuotaExceeded.TTL":       "misconfigured, retry false after 0s: the zone example.com does not allow a TTL of 600 seconds (QuotaExceeded.TTL); set config.ttl to at least 600, the minimum of the free and personal editions",

		"InternalError":      "transient, retry true after 0s: an error inside Alidns (InternalError)",
		"ServiceUnavailable": "transient, retry true after 0s: Alidns is not available (ServiceUnavailable)",
		"UnKnownError":       "transient, retry true after 0s: an error inside Alidns (UnKnownError)",
		"UnknownError":       "transient, retry true after 0s: an error inside Alidns (UnknownError)",
		"SignatureNonceUsed": "transient, retry true after 0s: the request was taken for a repeated one (SignatureNonceUsed)",
		"Throttling":         "throttled, retry true after 0s: too many calls to Alidns (Throttling)",
		"Throttling.User":    "throttled, retry true after 0s: too many calls to Alidns (Throttling.User)",
		"Throttling.Api":     "throttled, retry true after 0s: too many calls to Alidns (Throttling.Api)",
		"Throttling.NewOne":  "throttled, retry true after 0s: too many calls to Alidns (Throttling.NewOne)",

		"InvalidAccessKeyId":                         "credential_gone, retry false after 0s: the AccessKey ID is not valid (InvalidAccessKeyId); " + key,
		"InvalidAccessKeyId.NotFound":                "credential_gone, retry false after 0s: the AccessKey ID does not exist (InvalidAccessKeyId.NotFound); " + key,
		"InvalidAccessKeyId.Inactive":                "credential_gone, retry false after 0s: the AccessKey is disabled (InvalidAccessKeyId.Inactive); enable it in the RAM console, or write another to the Secret",
		"SignatureDoesNotMatch":                      "denied, retry false after 0s: the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch); " + secret,
		"InvalidAccessKeySecret":                     "denied, retry false after 0s: the AccessKey Secret does not match the AccessKey ID (InvalidAccessKeySecret); " + secret,
		"IncompleteSignature":                        "denied, retry false after 0s: Alibaba Cloud could not verify the signature (IncompleteSignature); " + secret,
		"InvalidTimeStamp.Expired":                   "misconfigured, retry false after 0s: the clock of this node is off (InvalidTimeStamp.Expired); " + clock,
		"InvalidTimeStamp.Format":                    "misconfigured, retry false after 0s: the clock of this node is off (InvalidTimeStamp.Format); " + clock,
		"InvalidSecurityToken.Expired":               "denied, retry false after 0s: the security token has expired (InvalidSecurityToken.Expired); " + renew,
		"InvalidSecurityToken.Malformed":             "denied, retry false after 0s: the security token is not valid for the AccessKey (InvalidSecurityToken.Malformed); " + renew,
		"InvalidSecurityToken.MismatchWithAccessKey": "denied, retry false after 0s: the security token is not valid for the AccessKey (InvalidSecurityToken.MismatchWithAccessKey); " + renew,
		"MissingSecurityToken":                       "denied, retry false after 0s: the AccessKey is a temporary one and has no security token (MissingSecurityToken); set config.securityTokenRef",
		"Forbidden":                                  "denied, retry false after 0s: the RAM policy does not allow alidns:AddDomainRecord (Forbidden); " + policy,
		"Forbidden.RAM":                              "denied, retry false after 0s: the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM); " + policy,
		"NoPermission":                               "denied, retry false after 0s: the RAM policy does not allow alidns:AddDomainRecord (NoPermission); " + policy,

		"Something.New":             "misconfigured, retry false after 0s: Alidns refused alidns:AddDomainRecord (Something.New)",
		"not a code: " + "LTAI5tAl": "misconfigured, retry false after 0s: Alidns refused alidns:AddDomainRecord (unreadable code)",
	} {
		t.Run(code, func(t *testing.T) {
			server := serve(t, func(q query) answer {
				if q.Get("Action") == "DescribeDomainInfo" {
					return refuse("Forbidden.RAM")
				}
				return refuse(code)
			})
			account := at(t, server.URL, nil).Account(keys, "", nil)
			for range 2 {
				_, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
				if diff := cmp.Diff(want, described(err)); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestCodesOfOtherStatuses(t *testing.T) {
	for name, test := range map[string]struct {
		answer answer
		want   string
	}{
		"throttling is known by its code, not by its status": {
			refuseWith(503, "Throttling.User"), "throttled, retry true after 0s: too many calls to Alidns (Throttling.User)",
		},
		"a permanent code stays permanent with HTTP 500": {
			refuseWith(500, "IncorrectDomainUser"),
			"zone_not_found, retry false after 0s: the zone example.com belongs to another account (IncorrectDomainUser); check that Alidns hosts the zone in the account of this AccessKey",
		},
		"an unknown code with HTTP 500 may go away": {
			refuseWith(500, "Something.New"), "transient, retry true after 0s: an error inside Alidns (Something.New)",
		},
		"an unknown code with HTTP 429 is throttling": {
			refuseWith(429, "Something.New"), "throttled, retry true after 0s: too many calls to Alidns (Something.New)",
		},
		"an unknown key with HTTP 404": {
			refuseWith(404, "InvalidAccessKeyId.NotFound"),
			"credential_gone, retry false after 0s: the AccessKey ID does not exist (InvalidAccessKeyId.NotFound); create an AccessKey for the RAM user and write it to the Secret",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(query) answer { return test.answer })
			_, err := at(t, server.URL, nil).Account(keys, "", nil).AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
			if diff := cmp.Diff(test.want, described(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestOddAnswers(t *testing.T) {
	const unreadable = "transient, retry true after 0s: HOST answered HTTP %d with something that cannot be read"
	for name, test := range map[string]struct {
		answer answer
		want   string
	}{
		"a gateway's page":                  {answer{status: 502, body: "<html>" + keys.ID + "</html>"}, fmt.Sprintf(unreadable, 502)},
		"a gateway's page with HTTP 200":    {answer{body: "<html>hello</html>"}, fmt.Sprintf(unreadable, 200)},
		"a code that is a number":           {answer{status: 502, body: `{"Code":502}`}, fmt.Sprintf(unreadable, 502)},
		"a code that is a list":             {answer{status: 502, body: `{"Code":["x"]}`}, fmt.Sprintf(unreadable, 502)},
		"a message that is an object":       {answer{status: 500, body: `{"Code":"X","Message":{}}`}, fmt.Sprintf(unreadable, 500)},
		"an error without a code":           {answer{status: 503, body: `{}`}, fmt.Sprintf(unreadable, 503)},
		"half a document":                   {answer{body: `{"TotalCount":1,"Domains":{"Dom`}, fmt.Sprintf(unreadable, 200)},
		"no document":                       {answer{body: ``}, fmt.Sprintf(unreadable, 200)},
		"a document of something else":      {answer{body: `{}`}, fmt.Sprintf(unreadable, 200)},
		"a list in place of a document":     {answer{body: `[]`}, fmt.Sprintf(unreadable, 200)},
		"null in place of a document":       {answer{body: `null`}, fmt.Sprintf(unreadable, 200)},
		"fields of the wrong type":          {answer{body: `{"TotalCount":{},"Domains":[]}`}, fmt.Sprintf(unreadable, 200)},
		"a body that is too long":           {answer{status: 502, body: strings.Repeat("x", 10<<20)}, "transient, retry true after 0s: the answer of HOST is too long"},
		"an encoding that nobody asked for": {answer{header: map[string]string{"Content-Encoding": "gzip"}, body: `{"TotalCount":0}`}, fmt.Sprintf(unreadable, 200)},
		"too many calls for the gateway":    {answer{status: 429, body: "slow down"}, "throttled, retry true after 0s: too many calls to HOST"},
		"a page that is not found":          {answer{status: 404, body: "not here"}, "misconfigured, retry false after 0s: HOST answered HTTP 404 with something that cannot be read; check the endpoint's address and what stands between"},
		"a redirect":                        {answer{status: 302, header: map[string]string{"Location": "http://elsewhere.invalid/"}}, "misconfigured, retry false after 0s: HOST answered with a redirect, which a signed request must not follow; check the endpoint's address and what stands between"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(query) answer { return test.answer })
			account := at(t, server.URL, nil).Account(keys, "", nil)
			want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(server.URL, "http://"))
			for method, do := range map[string]func(context.Context, provider.Provider) error{
				"Zones": list, "AddTXT": add(challenge("example.com", "_acme-challenge")), "FindTXT": find(challenge("example.com", "_acme-challenge")),
				"Delete": func(ctx context.Context, p provider.Provider) error { return p.Delete(ctx, "example.com", "1") },
			} {
				if diff := cmp.Diff(want, described(do(t.Context(), account))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
		})
	}
}

// TestShiftingPages holds that a record which moves to the next page while the first is read counts once.
func TestShiftingPages(t *testing.T) {
	server := serve(t, func(query) answer {
		return answer{body: `{"TotalCount":2,"DomainRecords":{"Record":[{"RecordId":"5","RR":"x","Type":"TXT","Value":"` + value + `"}]}}`}
	})
	got, err := at(t, server.URL, nil).Account(keys, "", nil).FindTXT(t.Context(), challenge("example.com", "x"))
	if diff := cmp.Diff([]provider.RecordID{"5"}, got); diff != "" || err != nil {
		t.Errorf("ids, %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"1", "2"}, server.values("PageNumber")); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestEndlessLists(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		do   func(context.Context, provider.Provider) error
		want bool
		most int
	}{
		"a total that is never reached ends with an error": {
			body: `{"TotalCount":1000000000,"Domains":{"Domain":[{"DomainName":"example.com"}]}}`, do: list, want: true, most: 1000,
		},
		"an empty page ends the list": {body: `{"TotalCount":1000000000,"Domains":{"Domain":[]}}`, do: list, most: 1},
		"so it is with records": {
			body: `{"TotalCount":1000000000,"DomainRecords":{"Record":[{"RR":"x"}]}}`, do: find(challenge("example.com", "x")), want: true, most: 1000,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(query) answer { return answer{body: test.body} })
			err := test.do(t.Context(), at(t, server.URL, nil).Account(keys, "", nil))
			if got := fault.Is(err, fault.Transient); got != test.want {
				t.Errorf("error %v, want one: %v", err, test.want)
			}
			if calls := len(server.values("Action")); calls > test.most {
				t.Errorf("%d calls, want at most %d", calls, test.most)
			}
		})
	}
}

func TestZonesThatAreNoNames(t *testing.T) {
	server := serve(t, func(query) answer {
		return answer{body: `{"TotalCount":4,"Domains":{"Domain":[
			{"DomainName":"bad name.com","PunyCode":"also bad"},{"DomainName":"","PunyCode":"xn--fsqu00a.com"},
			{"DomainName":"example.com"},{"DomainName":"EXAMPLE.com"}]}}`}
	})
	got, err := at(t, server.URL, nil).Account(keys, "", nil).Zones(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"example.com", "xn--fsqu00a.com"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRegion(t *testing.T) {
	server := serve(t, func(query) answer { return answer{body: `{"TotalCount":0}`} })
	for name, test := range map[string]struct{ region, want string }{
		"none":                {"", ""},
		"a region":            {"cn-hangzhou", ""},
		"what is none":        {"cn hangzhou&x=y", "the region has characters that no region id has; set config.regionId to an id such as cn-hangzhou, or leave it out"},
		"a host is no region": {"evil.example.com/", "the region has characters that no region id has; set config.regionId to an id such as cn-hangzhou, or leave it out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := at(t, server.URL, nil).Account(keys, test.region, nil).Zones(t.Context())
			if got := text(err); got != test.want {
				t.Errorf("error %q, want %q", got, test.want)
			}
		})
	}
	if diff := cmp.Diff([]string{"", "cn-hangzhou"}, server.values("RegionId"), ignoreOrder(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("regions sent (-want +got):\n%s", diff)
	}
}

// TestNetworkErrors also looks for what a signed URL has in the text.
func TestNetworkErrors(t *testing.T) {
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + refused.Addr().String()
	if err := refused.Close(); err != nil {
		t.Fatal(err)
	}
	world := start(t, nil)
	for name, test := range map[string]struct {
		url   string
		fault cloud.FaultKind
		want  string
	}{
		"nobody listens":           {url: closed, want: "transient, retry true after 0s: connection refused by HOST"},
		"the connection is reset":  {url: world.Alidns.URL, fault: cloud.Reset, want: "transient, retry true after 0s: the connection to HOST failed"},
		"the server never answers": {url: world.Alidns.URL, fault: cloud.Hang, want: "transient, retry true after 0s: no answer from HOST in time"},
	} {
		t.Run(name, func(t *testing.T) {
			world.Alidns.ClearFaults()
			if test.fault != "" {
				if err := world.Alidns.Inject(cloud.Fault{Kind: test.fault}); err != nil {
					t.Fatal(err)
				}
			}
			account := at(t, test.url, nil).Account(temporary, "", nil)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err := account.Zones(ctx)
				cancel()
				want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(test.url, "http://"))
				if diff := cmp.Diff(want, described(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for _, part := range []string{temporary.ID, temporary.Token, "Signature", "SecurityToken"} {
					if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), part) {
						t.Errorf("the error holds %q", part)
					}
				}
			}
		})
	}
}

// TestHang holds that calls which are given up leave neither goroutines nor connections behind.
func TestHang(t *testing.T) {
	world := start(t, nil)
	if err := world.Alidns.Inject(cloud.Fault{Kind: cloud.Hang}); err != nil {
		t.Fatal(err)
	}
	endpoint, err := wire.ParseEndpoint(world.Alidns.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	account := newCloud(endpoint, transport).Account(keys, "", nil)
	before := runtime.NumGoroutine()
	began := time.Now()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if _, err := account.Zones(ctx); !fault.Is(err, fault.Transient) {
				t.Errorf("error %v, want a transient one", err)
			}
		})
	}
	group.Wait()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the calls took %v, want about 300ms", took)
	}
	transport.CloseIdleConnections()
	settle(t, before)
}

// settle waits until there are no more goroutines than before, give or take those of the runtime.
func settle(t *testing.T, before int) {
	t.Helper()
	after := 0
	for range 100 {
		if after = runtime.NumGoroutine(); after <= before+2 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", after, before)
}

func TestConnectionsAreShared(t *testing.T) {
	var mu sync.Mutex
	opened := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"TotalCount":0}`))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			mu.Lock()
			opened++
			mu.Unlock()
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	shared := at(t, server.URL, nil)
	for i := range 50 {
		used := credential.Keys{ID: fmt.Sprint("id", i), Secret: "secret"}
		if _, err := shared.Account(used, "", nil).Zones(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if opened != 1 {
		t.Errorf("50 calls of 50 accounts opened %d connections, want 1", opened)
	}
}

func TestTLS(t *testing.T) {
	world := start(t, func(o *simulator.Options) { o.TLS = true })
	if _, err := at(t, world.Alidns.URL, world.CA).Account(keys, "", nil).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := world.Alidns.Calls(); len(calls) != 1 || !calls[0].TLS {
		t.Errorf("calls %+v, want one over TLS", calls)
	}
	_, err := at(t, world.Alidns.URL, nil).Account(keys, "", nil).Zones(t.Context())
	want := "misconfigured, retry false after 0s: the certificate of " + world.Alidns.Address +
		" is not trusted; check the endpoint's address, the roots that are trusted and what stands between"
	if diff := cmp.Diff(want, described(err)); diff != "" {
		t.Errorf("with the system's roots (-want +got):\n%s", diff)
	}
}

// TestRateLimit holds that the SDK's time-outs do not end the wait for the account's turn, which the transport does
// within the call, and that the limit's own fault comes through.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			select {
			case <-r.Cancel: //nolint:staticcheck // so the time-out of an http.Client reaches a transport that is given another context
				return nil, errors.New("the SDK's time-out")
			default:
			}
			body := io.NopCloser(strings.NewReader(`{"RequestId":"R","TotalCount":0}`))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
		})
		cloud := alidns.New(wire.API{Transport: transport})
		account := provider.NewAccounts(quota.New(0.01, "--qps"), false).Account(keys.Identity(), keys.ID, func(pace *quota.Call) provider.Provider {
			return cloud.Account(keys, "", pace)
		})
		begun, waited := time.Now(), 0
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
			if _, err := account.FindTXT(ctx, challenge("example.com", "_acme-challenge")); err != nil {
				t.Fatalf("after %v: %v", time.Since(begun), err)
			}
			cancel()
			if time.Since(begun) > time.Minute {
				waited++
			}
			begun = time.Now()
		}
		if waited == 0 {
			t.Error("no call waited for a minute, so this shows nothing")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := account.FindTXT(ctx, challenge("example.com", "_acme-challenge")); !fault.Is(err, fault.Throttled) {
			t.Errorf("without time to wait: %v, want a throttled fault", err)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
