package dnspod_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/quota"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// request is what a scripted server was asked.
type request struct {
	action     string
	language   string
	parameters map[string]any
}

// answer is what a scripted server says. A zero status is 200.
type answer struct {
	status int
	header map[string]string
	body   string
}

// scripted is a server that says what a test wants, and remembers what it was asked.
type scripted struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
}

func serve(t *testing.T, script func(request) answer) *scripted {
	t.Helper()
	s := &scripted{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := request{action: r.Header.Get("X-TC-Action"), language: r.Header.Get("X-TC-Language")}
		if err := json.NewDecoder(r.Body).Decode(&asked.parameters); err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		s.requests = append(s.requests, asked)
		s.mu.Unlock()
		a := script(asked)
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

// asked is all that the server was asked.
func (s *scripted) asked() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// refuseWith makes every answer differ in all that a text must not depend on.
func refuseWith(status int, code string) answer {
	now := time.Now()
	return answer{status: status, body: fmt.Sprintf(
		`{"Response":{"Error":{"Code":%q,"Message":"refused %s at %v, %s"},"RequestId":"request-%d"}}`, code, code, now, keys.ID, now.UnixNano(),
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
	const gone, denied = "credential_gone, retry false after 0s: ", "denied, retry false after 0s: "
	const noZone, wrong = "zone_not_found, retry false after 0s: ", "misconfigured, retry false after 0s: "
	const transient, throttled = "transient, retry true after 0s: ", "throttled, retry true after 0s: "
	const zone = "; check that DNSPod hosts the zone in the account of this SecretId"
	const foreign = noZone + "the zone example.com belongs to another account, or the SecretId may not use it "
	const console = "; see to it in the console of DNSPod"
	const account = "; see to it in the account's security settings and in the console of DNSPod"
	const line = wrong + `the zone example.com does not have the line with the id "0" `
	const setLine = "; set config.recordLine or config.recordLineId to a line of the zone's plan, or leave both out"
	const key = "; create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
	const secret = "; check the SecretKey for a wrong value or a stray line break"
	const clock = "; set the node's clock, for example with NTP: Tencent Cloud allows 5 minutes"
	const policy = "; allow dnspod:CreateRecord in the CAM policy of the user or role"
	const mute = transient + "DNSPod failed without saying why "
	for code, want := range map[string]string{
		"ResourceNotFound.NoDataOfDomain":             noZone + "the account has no zones (ResourceNotFound.NoDataOfDomain)" + zone,
		"InvalidParameterValue.DomainNotExists":       noZone + "the account does not host the zone example.com (InvalidParameterValue.DomainNotExists)" + zone,
		"InvalidParameter.DomainInvalid":              noZone + "example.com cannot be a zone of DNSPod (InvalidParameter.DomainInvalid)" + zone,
		"InvalidParameter.DomainIdInvalid":            noZone + "the account does not host the zone example.com (InvalidParameter.DomainIdInvalid)" + zone,
		"OperationDenied.NoPermissionToOperateDomain": foreign + "(OperationDenied.NoPermissionToOperateDomain)" + zone,
		"OperationDenied.DomainOwnerAllowedOnly":      foreign + "(OperationDenied.DomainOwnerAllowedOnly)" + zone,
		"OperationDenied.AccessDenied":                foreign + "(OperationDenied.AccessDenied)" + zone,
		"FailedOperation.NotDomainOwner":              foreign + "(FailedOperation.NotDomainOwner)" + zone,
		"FailedOperation.DomainOwnedByOtherUser":      foreign + "(FailedOperation.DomainOwnedByOtherUser)" + zone,

		"InvalidParameter.DomainIsAliaser":               wrong + "the zone example.com is an alias of another (InvalidParameter.DomainIsAliaser); use the zone that it is an alias of",
		"InvalidParameter.DomainNotAllowedModifyRecords": wrong + "DNSPod forbids changes in the zone example.com (InvalidParameter.DomainNotAllowedModifyRecords)" + console,
		"FailedOperation.DomainIsLocked":                 wrong + "the zone example.com is locked (FailedOperation.DomainIsLocked)" + console,
		"FailedOperation.DomainIsSpam":                   wrong + "the zone example.com is banned (FailedOperation.DomainIsSpam)" + console,
		"FailedOperation.DomainNotInService":             wrong + "the zone example.com is not in service (FailedOperation.DomainNotInService)" + console,
		"InvalidParameter.DomainInBlackList":             wrong + "the zone example.com is banned (InvalidParameter.DomainInBlackList)" + console,
		"InvalidParameter.DomainIsModifyingDns":          "transient, retry true after 3s: the zone example.com is changing its name servers (InvalidParameter.DomainIsModifyingDns)",
		"InvalidParameter.DomainTaskNotFinished":         "transient, retry true after 1s: another change in the zone example.com is under way (InvalidParameter.DomainTaskNotFinished)",

		"InvalidParameter.RecordLineInvalid":      line + "(InvalidParameter.RecordLineInvalid)" + setLine,
		"InvalidParameter.LineNotExist":           line + "(InvalidParameter.LineNotExist)" + setLine,
		"FailedOperation.MustAddDefaultLineFirst": wrong + "the zone example.com needs a record on the default line first (FailedOperation.MustAddDefaultLineFirst); leave config.recordLine and config.recordLineId out",

		"InvalidParameter.SubdomainInvalid":         wrong + "the zone example.com does not take a record of this name (InvalidParameter.SubdomainInvalid)",
		"InvalidParameter.RecordTypeInvalid":        wrong + "the zone example.com does not take TXT records (InvalidParameter.RecordTypeInvalid)",
		"InvalidParameter.RecordValueInvalid":       wrong + "the zone example.com does not take a record of this value (InvalidParameter.RecordValueInvalid)",
		"InvalidParameter.RecordValueLengthInvalid": wrong + "the zone example.com does not take a record of this value (InvalidParameter.RecordValueLengthInvalid)",
		"InvalidParameter.CustomMessage":            wrong + "DNSPod refused dnspod:CreateRecord for a reason that its message alone tells (InvalidParameter.CustomMessage); see the message in the log at level 4 (-v=4); a record of another type at the name is one",
		"InvalidParameter.SomethingNew":             wrong + "DNSPod refused a parameter of dnspod:CreateRecord (InvalidParameter.SomethingNew)",
		"InvalidParameterValue":                     wrong + "DNSPod refused a parameter of dnspod:CreateRecord (InvalidParameterValue)",
		"InvalidParameter.RecordIdInvalid":          wrong + "the record does not exist in the zone example.com (InvalidParameter.RecordIdInvalid)",
		"ResourceNotFound.NoDataOfRecord":           wrong + "the record does not exist in the zone example.com (ResourceNotFound.NoDataOfRecord)",
		"MissingParameter":                          wrong + "DNSPod misses a parameter of dnspod:CreateRecord (MissingParameter)",
		"LimitExceeded.AAAACountLimit":              wrong + "a limit of the plan of the zone example.com is reached (LimitExceeded.AAAACountLimit)" + console,
		"LimitExceeded.SubdomainLevelLimit":         wrong + "the plan of the zone example.com does not allow a name of so many labels (LimitExceeded.SubdomainLevelLimit); delegate the challenge to a shorter name by CNAME",
		"LimitExceeded.SubdomainRollLimit":          wrong + "the zone example.com takes no more TXT records at this name (LimitExceeded.SubdomainRollLimit); remove those that are left over from earlier challenges",
		"LimitExceeded.RecordTtlLimit":              wrong + "the zone example.com does not allow a TTL of 600 seconds (LimitExceeded.RecordTtlLimit); set config.ttl to at least 600, the minimum of the free and personal plans",

		"RequestLimitExceeded":                              throttled + "too many calls to DNSPod (RequestLimitExceeded)",
		"RequestLimitExceeded.RequestLimitExceeded":         throttled + "too many calls to DNSPod (RequestLimitExceeded.RequestLimitExceeded)",
		"RequestLimitExceeded.UinLimitExceeded":             throttled + "too many calls to DNSPod (RequestLimitExceeded.UinLimitExceeded)",
		"RequestLimitExceeded.IPLimitExceeded":              throttled + "too many calls to DNSPod (RequestLimitExceeded.IPLimitExceeded)",
		"RequestLimitExceeded.GlobalRegionUinLimitExceeded": throttled + "too many calls to DNSPod (RequestLimitExceeded.GlobalRegionUinLimitExceeded)",
		"FailedOperation.FrequencyLimit":                    throttled + "too many calls to DNSPod (FailedOperation.FrequencyLimit)",
		"InvalidParameter.OperationIsTooFrequent":           throttled + "too many calls to DNSPod (InvalidParameter.OperationIsTooFrequent)",

		"FailedOperation.TemporaryError": transient + "an error inside DNSPod (FailedOperation.TemporaryError)",
		"FailedOperation.UnknowError":    transient + "an error inside DNSPod (FailedOperation.UnknowError)",
		"FailedOperation.LoginTimeout":   transient + "an error inside DNSPod (FailedOperation.LoginTimeout)",
		"InternalError":                  transient + "an error inside DNSPod (InternalError)",
		"ResourceUnavailable":            transient + "DNSPod is not available (ResourceUnavailable)",
		"FailedOperation":                mute + "(FailedOperation)",
		"InvalidParameter.OperateFailed": mute + "(InvalidParameter.OperateFailed)",
		"InvalidParameter.Common":        mute + "(InvalidParameter.Common)",

		"InvalidParameter.RequestIpLimited":   denied + "the account does not allow calls from this address (InvalidParameter.RequestIpLimited)" + account,
		"IpInBlacklist":                       denied + "the account does not allow calls from this address (IpInBlacklist)" + account,
		"IpNotInWhitelist":                    denied + "the account does not allow calls from this address (IpNotInWhitelist)" + account,
		"InvalidParameter.UnrealNameUser":     denied + "the account has not passed real-name verification (InvalidParameter.UnrealNameUser)" + account,
		"FailedOperation.NotRealNamedUser":    denied + "the account has not passed real-name verification (FailedOperation.NotRealNamedUser)" + account,
		"InvalidParameter.DomainNotBeian":     denied + "the zone example.com has no ICP filing (InvalidParameter.DomainNotBeian)" + console,
		"InvalidParameter.AccountIsBanned":    denied + "the account is banned (InvalidParameter.AccountIsBanned)" + account,
		"FailedOperation.AccountIsLocked":     denied + "the account is locked (FailedOperation.AccountIsLocked)" + account,
		"FailedOperation.LoginAreaNotAllowed": denied + "the account does not allow calls from this area (FailedOperation.LoginAreaNotAllowed)" + account,
		"FailedOperation.LoginFailed":         denied + "DNSPod does not let the account in (FailedOperation.LoginFailed)" + account,

		"AuthFailure.SecretIdNotFound":      gone + "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound)" + key,
		"AuthFailure.InvalidSecretId":       gone + "the SecretId is none of the API 3.0 (AuthFailure.InvalidSecretId)" + key,
		"InvalidParameter.InvalidSecretId":  gone + "the SecretId is none of the API 3.0 (InvalidParameter.InvalidSecretId)" + key,
		"AuthFailure.InvalidAuthorization":  gone + "the SecretId is none of the API 3.0 (AuthFailure.InvalidAuthorization)" + key,
		"AuthFailure.SignatureFailure":      denied + "the SecretKey does not match the SecretId (AuthFailure.SignatureFailure)" + secret,
		"InvalidParameter.InvalidSignature": denied + "the SecretKey does not match the SecretId (InvalidParameter.InvalidSignature)" + secret,
		"AuthFailure.TokenFailure":          denied + "the token has expired or is not valid for the SecretId (AuthFailure.TokenFailure); renew the keys and the token in the Secret: all three belong together",
		"AuthFailure.SignatureExpire":       wrong + "the clock of this node is off (AuthFailure.SignatureExpire)" + clock,
		"InvalidParameter.TimestampExpired": wrong + "the clock of this node is off (InvalidParameter.TimestampExpired)" + clock,
		"AuthFailure":                       denied + "Tencent Cloud could not verify the caller (AuthFailure)" + key,
		"AuthFailure.MFAFailure":            denied + "Tencent Cloud could not verify the caller (AuthFailure.MFAFailure)" + key,
		"AuthFailure.UnauthorizedOperation": denied + "the CAM policy does not allow dnspod:CreateRecord (AuthFailure.UnauthorizedOperation)" + policy,
		"UnauthorizedOperation":             denied + "the CAM policy does not allow dnspod:CreateRecord (UnauthorizedOperation)" + policy,
		"InvalidParameter.PermissionDenied": denied + "the CAM policy does not allow dnspod:CreateRecord (InvalidParameter.PermissionDenied)" + policy,

		"Something.New":                 wrong + "DNSPod refused dnspod:CreateRecord (Something.New)",
		"not a code: " + "AKIDaliceAli": wrong + "DNSPod refused dnspod:CreateRecord (unreadable code)",
	} {
		t.Run(code, func(t *testing.T) {
			server := serve(t, func(asked request) answer {
				if asked.action != "CreateRecord" {
					return refuseWith(200, "UnauthorizedOperation")
				}
				return refuseWith(200, code)
			})
			account := at(t, server.URL, nil).Account(keys, nil)
			for range 2 {
				_, err := account.AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
				if diff := cmp.Diff(want, described(err)); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
			if language := server.asked()[0].language; language != "en-US" {
				t.Errorf("asked for messages in %q", language)
			}
		})
	}
}

func TestDeleteOfWhatIsGone(t *testing.T) {
	for _, code := range []string{"InvalidParameter.RecordIdInvalid", "ResourceNotFound.NoDataOfRecord"} {
		t.Run(code, func(t *testing.T) {
			server := serve(t, func(request) answer { return refuseWith(200, code) })
			if err := at(t, server.URL, nil).Account(keys, nil).Delete(t.Context(), "example.com", "18446744073709551615"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPunycodeWhereUnicodeIsUnknown(t *testing.T) {
	server := serve(t, func(asked request) answer {
		if asked.parameters["Domain"] != "xn--fsqu00a.com" {
			return refuseWith(200, "InvalidParameterValue.DomainNotExists")
		}
		return answer{body: `{"Response":{"RequestId":"r","RecordId":18446744073709551615}}`}
	})
	id, err := at(t, server.URL, nil).Account(keys, nil).AddTXT(t.Context(), challenge("xn--fsqu00a.com", "_acme-challenge"))
	if err != nil || id != "18446744073709551615" {
		t.Errorf("AddTXT = %q, %v, want the greatest id", id, err)
	}
	var domains []any
	for _, asked := range server.asked() {
		domains = append(domains, asked.parameters["Domain"])
	}
	if diff := cmp.Diff([]any{"例子.com", "xn--fsqu00a.com"}, domains); diff != "" {
		t.Errorf("names that were asked for (-want +got):\n%s", diff)
	}
}

func TestCodesOfOtherStatuses(t *testing.T) {
	for name, test := range map[string]struct {
		answer answer
		want   string
	}{
		"throttling is known by its code, not by its status": {
			refuseWith(503, "RequestLimitExceeded"), "throttled, retry true after 0s: too many calls to DNSPod (RequestLimitExceeded)",
		},
		"an unknown code with HTTP 500 may go away": {
			refuseWith(500, "Something.New"), "transient, retry true after 0s: an error inside DNSPod (Something.New)",
		},
		"an unknown code with HTTP 429 is throttling": {
			refuseWith(429, "Something.New"), "throttled, retry true after 0s: too many calls to DNSPod (Something.New)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(request) answer { return test.answer })
			_, err := at(t, server.URL, nil).Account(keys, nil).AddTXT(t.Context(), challenge("example.com", "_acme-challenge"))
			if diff := cmp.Diff(test.want, described(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if calls := len(server.asked()); calls != 1 {
				t.Errorf("%d calls, want 1", calls)
			}
		})
	}
}

func TestOddAnswers(t *testing.T) {
	const unreadable = "transient, retry true after 0s: HOST answered HTTP %d with something that cannot be read"
	const refused = "misconfigured, retry false after 0s: HOST answered HTTP %d with something that cannot be read; check the endpoint's address and what stands between"
	for name, test := range map[string]struct {
		answer answer
		want   string
	}{
		"a gateway's page":                    {answer{status: 502, body: "<html>" + keys.ID + "</html>"}, fmt.Sprintf(unreadable, 502)},
		"a gateway's page with HTTP 200":      {answer{body: "<html>hello</html>"}, fmt.Sprintf(unreadable, 200)},
		"a document with HTTP 500":            {answer{status: 500, body: `{"Response":{"RequestId":"r"}}`}, fmt.Sprintf(unreadable, 500)},
		"an empty response":                   {answer{body: `{"Response":{}}`}, fmt.Sprintf(unreadable, 200)},
		"a response that is null":             {answer{body: `{"Response":null}`}, fmt.Sprintf(unreadable, 200)},
		"a document of something else":        {answer{body: `{}`}, fmt.Sprintf(unreadable, 200)},
		"null in place of a document":         {answer{body: `null`}, fmt.Sprintf(unreadable, 200)},
		"a list in place of a document":       {answer{body: `[]`}, fmt.Sprintf(unreadable, 200)},
		"no document":                         {answer{body: ``}, fmt.Sprintf(unreadable, 200)},
		"half a document":                     {answer{body: `{"Response":{"RecordCountInfo":{"TotalC`}, fmt.Sprintf(unreadable, 200)},
		"fields of the wrong type":            {answer{body: `{"Response":{"RecordId":"x","RecordList":{},"DomainList":7,"RequestId":[]}}`}, fmt.Sprintf(unreadable, 200)},
		"an error of the API before this one": {answer{body: `{"code":4000,"message":"x","codeDesc":""}`}, fmt.Sprintf(unreadable, 200)},
		"an event stream":                     {answer{header: map[string]string{"Content-Type": "text/event-stream"}, body: "data: x\n\n"}, fmt.Sprintf(unreadable, 200)},
		"a body without a type":               {answer{header: map[string]string{"Content-Type": "application/octet-stream"}, body: "\x00\x01"}, fmt.Sprintf(unreadable, 200)},
		"a body that is too long":             {answer{status: 502, body: strings.Repeat("x", 10<<20)}, "transient, retry true after 0s: the answer of HOST is too long"},
		"an encoding that nobody asked for":   {answer{header: map[string]string{"Content-Encoding": "deflate"}, body: "x"}, fmt.Sprintf(unreadable, 200)},
		"an encoding that nobody knows":       {answer{header: map[string]string{"Content-Encoding": "zstd"}, body: "x"}, fmt.Sprintf(unreadable, 200)},
		"too many calls for the gateway":      {answer{status: 429, body: "slow down"}, "throttled, retry true after 0s: too many calls to HOST"},
		"a page that is not found":            {answer{status: 404, body: "not here"}, fmt.Sprintf(refused, 404)},
		"a time-out of the gateway":           {answer{status: 408, body: "slow"}, fmt.Sprintf(unreadable, 408)},
		"a redirect":                          {answer{status: 302, header: map[string]string{"Location": "http://elsewhere.invalid/"}}, "misconfigured, retry false after 0s: HOST answered with a redirect, which a signed request must not follow; check the endpoint's address and what stands between"},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(request) answer { return test.answer })
			account := at(t, server.URL, nil).Account(keys, nil)
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

func TestIncompleteLists(t *testing.T) {
	for name, test := range map[string]struct {
		body  string
		zones []string
		ids   []provider.RecordID
	}{
		"fields that are null are left out": {
			body: `{"Response":{"RequestId":"r","DomainCountInfo":{"AllTotal":3},"RecordCountInfo":{"TotalCount":3},
				"DomainList":[null,{"Name":null},{"Name":"example.com"}],
				"RecordList":[null,{"RecordId":null,"Name":"x","Type":"TXT","Value":"` + value + `"},{"RecordId":7,"Name":"x","Type":"TXT","Value":"` + value + `"}]}}`,
			zones: []string{"example.com"}, ids: []provider.RecordID{"7"},
		},
		"without a total, a short page is the last": {
			body: `{"Response":{"RequestId":"r","DomainList":[{"Name":"","Punycode":"xn--fsqu00a.com"},{"Name":"bad name"}],
				"RecordList":[{"RecordId":7,"Name":"X","Type":"TXT","Value":"` + value + `"}]}}`,
			zones: []string{"xn--fsqu00a.com"}, ids: []provider.RecordID{"7"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, func(request) answer { return answer{body: test.body} })
			account := at(t, server.URL, nil).Account(keys, nil)
			zones, err := account.Zones(t.Context())
			if diff := cmp.Diff(test.zones, zones); diff != "" || err != nil {
				t.Errorf("zones, %v (-want +got):\n%s", err, diff)
			}
			ids, err := account.FindTXT(t.Context(), challenge("example.com", "x"))
			if diff := cmp.Diff(test.ids, ids); diff != "" || err != nil {
				t.Errorf("ids, %v (-want +got):\n%s", err, diff)
			}
			if calls := len(server.asked()); calls != 2 {
				t.Errorf("%d calls, want 2", calls)
			}
		})
	}
}

// TestShiftingPages holds that a record which moves to the next page while the first is read counts once.
func TestShiftingPages(t *testing.T) {
	server := serve(t, func(request) answer {
		return answer{body: `{"Response":{"RecordCountInfo":{"TotalCount":2},"RecordList":[{"RecordId":5,"Name":"x","Type":"TXT","Value":"` + value + `"}]}}`}
	})
	got, err := at(t, server.URL, nil).Account(keys, nil).FindTXT(t.Context(), challenge("example.com", "x"))
	if diff := cmp.Diff([]provider.RecordID{"5"}, got); diff != "" || err != nil {
		t.Errorf("ids, %v (-want +got):\n%s", err, diff)
	}
	var offsets []any
	for _, asked := range server.asked() {
		offsets = append(offsets, asked.parameters["Offset"])
	}
	if diff := cmp.Diff([]any{0.0, 1.0}, offsets); diff != "" {
		t.Errorf("offsets (-want +got):\n%s", diff)
	}
}

func TestEndlessLists(t *testing.T) {
	server := serve(t, func(request) answer {
		return answer{body: `{"Response":{"DomainCountInfo":{"DomainTotal":1000000000},"DomainList":[{"Name":"example.com"}],
			"RecordCountInfo":{"TotalCount":1000000000},"RecordList":[{"Name":"x"}]}}`}
	})
	for name, do := range map[string]func(context.Context, provider.Provider) error{
		"zones": list, "records": find(challenge("example.com", "x")),
	} {
		t.Run(name, func(t *testing.T) {
			before := len(server.asked())
			err := do(t.Context(), at(t, server.URL, nil).Account(keys, nil))
			if !fault.Is(err, fault.Transient) {
				t.Errorf("error %v, want a transient one", err)
			}
			if calls := len(server.asked()) - before; calls > 1000 {
				t.Errorf("%d calls, want at most 1000", calls)
			}
		})
	}
}

// TestNetworkErrors also looks for keys in the text.
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
		"the connection is reset":  {url: world.DNSPod.URL, fault: cloud.Reset, want: "transient, retry true after 0s: the connection to HOST failed"},
		"the server never answers": {url: world.DNSPod.URL, fault: cloud.Hang, want: "transient, retry true after 0s: no answer from HOST in time"},
	} {
		t.Run(name, func(t *testing.T) {
			world.DNSPod.ClearFaults()
			if test.fault != "" {
				if err := world.DNSPod.Inject(cloud.Fault{Kind: test.fault}); err != nil {
					t.Fatal(err)
				}
			}
			account := at(t, test.url, nil).Account(temporary, nil)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				_, err := account.Zones(ctx)
				cancel()
				want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(test.url, "http://"))
				if diff := cmp.Diff(want, described(err)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				for _, part := range []string{temporary.ID, temporary.Token, "Signature"} {
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
	if err := world.DNSPod.Inject(cloud.Fault{Kind: cloud.Hang}); err != nil {
		t.Fatal(err)
	}
	endpoint, err := wire.ParseEndpoint(world.DNSPod.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	account := dnspod.New(wire.API{Endpoint: endpoint, Transport: transport}).Account(keys, nil)
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
	calls := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		// Every other answer is of a kind whose body the SDK does not close.
		mu.Lock()
		calls++
		stream := calls%2 == 0
		mu.Unlock()
		if stream {
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = w.Write([]byte(`{"Response":{"RequestId":"r","DomainCountInfo":{"DomainTotal":0}}}`))
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
		used := credential.Keys{ID: fmt.Sprint("AKID", i), Secret: "secret"}
		_, err := shared.Account(used, nil).Zones(t.Context())
		if (err != nil) != (i%2 == 1) {
			t.Fatalf("call %d: %v", i, err)
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
	if _, err := at(t, world.DNSPod.URL, world.CA).Account(keys, nil).Zones(t.Context()); err != nil {
		t.Fatal(err)
	}
	if calls := world.DNSPod.Calls(); len(calls) != 1 || !calls[0].TLS {
		t.Errorf("calls %+v, want one over TLS", calls)
	}
	_, err := at(t, world.DNSPod.URL, nil).Account(keys, nil).Zones(t.Context())
	want := "misconfigured, retry false after 0s: the certificate of " + world.DNSPod.Address +
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
			body := io.NopCloser(strings.NewReader(`{"Response":{"RequestId":"r","RecordCountInfo":{"TotalCount":0}}}`))
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: r}, nil
		})
		cloud := dnspod.New(wire.API{Transport: transport})
		account := provider.NewAccounts(quota.New(0.01, "--qps"), false).Account(keys.Identity(), keys.ID, func(pace *quota.Call) provider.Provider {
			return cloud.Account(keys, pace)
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
