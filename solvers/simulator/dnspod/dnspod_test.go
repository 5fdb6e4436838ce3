package dnspod

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// world is a cloud with alice, who hosts example.com, 例子.com and more, and bob, who hosts bob.example.
func world(t *testing.T) *cloud.Cloud {
	t.Helper()
	c := NewCloud(nil)
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
	for _, z := range []cloud.Zone{
		{Owner: "alice", Name: "example.com", Records: []cloud.Record{
			{ID: 5, RR: "there", Type: "TXT", Value: "there"}, {ID: 6, RR: "alias", Type: "CNAME", Value: "example.net"},
		}},
		{Owner: "alice", Name: "例子.com"},
		{Owner: "alice", Name: "paid.example", Edition: "DP_ULTRA"},
		{Owner: "alice", Name: "paused.example", Status: cloud.ZonePaused},
		{Owner: "bob", Name: "bob.example", Records: []cloud.Record{{ID: 7, RR: "a", Type: "TXT", Value: "v"}}},
	} {
		if err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func signedRequest(action, payload, signedHeaders, service string) *http.Request {
	now := time.Now()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(payload))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-TC-Action", action)
	r.Header.Set("X-TC-Version", "2021-03-23")
	r.Header.Set("X-TC-Timestamp", fmt.Sprint(now.Unix()))
	auth := authorization{keyID: "id", date: now.UTC().Format(time.DateOnly), service: service, signedHeaders: strings.Split(signedHeaders, ";")}
	r.Header.Set("Authorization", fmt.Sprintf("%s Credential=id/%s/%s/tc3_request, SignedHeaders=%s, Signature=%s",
		algorithm, auth.date, service, signedHeaders, sign(r, []byte(payload), auth, "secret")))
	return r
}

// send returns the answer and its error code.
func send(c *cloud.Cloud, r *http.Request) (answer *httptest.ResponseRecorder, code string) {
	w := httptest.NewRecorder()
	New(c).ServeHTTP(w, r)
	calls := c.Calls()
	return w, calls[len(calls)-1].Code
}

func TestTheHeadersThatARequestNamesAreSigned(t *testing.T) {
	for name, test := range map[string]struct {
		signedHeaders string
		spoil         func(*http.Request)
		want          string
	}{
		"the two that must be":              {"content-type;host", func(*http.Request) {}, ""},
		"the action too":                    {"content-type;host;x-tc-action", func(*http.Request) {}, ""},
		"an action that is not signed":      {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Action", "DescribeDomain") }, "MissingParameter"},
		"an action changed after signing":   {"content-type;host;x-tc-action", func(r *http.Request) { r.Header.Set("X-TC-Action", "DescribeDomain") }, "AuthFailure.SignatureFailure"},
		"without the host":                  {"content-type", func(*http.Request) {}, "AuthFailure.InvalidAuthorization"},
		"a host changed after signing":      {"content-type;host", func(r *http.Request) { r.Host = "dnspod.tencentcloudapi.com" }, "AuthFailure.SignatureFailure"},
		"a media type changed afterwards":   {"content-type;host", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, "AuthFailure.SignatureFailure"},
		"a time changed afterwards":         {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Timestamp", fmt.Sprint(time.Now().Unix()+1)) }, "AuthFailure.SignatureFailure"},
		"a time that is none":               {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Timestamp", "now") }, "InvalidParameter"},
		"another version":                   {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Version", "2017-03-12") }, "NoSuchVersion"},
		"an unknown action":                 {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Action", "CreateDomain") }, "InvalidAction"},
		"no authorization":                  {"content-type;host", func(r *http.Request) { r.Header.Del("Authorization") }, "AuthFailure.InvalidAuthorization"},
		"an algorithm that is not accepted": {"content-type;host", func(r *http.Request) { r.Header.Set("Authorization", "HmacSHA1 x") }, "AuthFailure.InvalidAuthorization"},
		"a token where none belongs":        {"content-type;host", func(r *http.Request) { r.Header.Set("X-TC-Token", "x") }, "AuthFailure.TokenFailure"},
	} {
		t.Run(name, func(t *testing.T) {
			r := signedRequest("DescribeDomainList", "{}", test.signedHeaders, "dnspod")
			test.spoil(r)
			if answer, got := send(world(t), r); got != test.want || answer.Code != http.StatusOK {
				t.Errorf("%d %q, want 200 %q: %s", answer.Code, got, test.want, answer.Body)
			}
		})
	}
}

func TestBodies(t *testing.T) {
	for name, test := range map[string]struct{ action, payload, service, want string }{
		"no JSON":                      {"DescribeDomain", "", "dnspod", "InvalidParameter"},
		"a list":                       {"DescribeDomain", "[]", "dnspod", "InvalidParameter"},
		"null":                         {"DescribeDomain", "null", "dnspod", "InvalidParameter"},
		"two objects":                  {"DescribeDomain", "{}{}", "dnspod", "InvalidParameter"},
		"a required parameter missing": {"DescribeDomain", "{}", "dnspod", "MissingParameter"},
		"the parameter is null":        {"DescribeDomain", `{"Domain":null}`, "dnspod", "MissingParameter"},
		"a number for a text":          {"DescribeDomain", `{"Domain":1}`, "dnspod", "InvalidParameter"},
		"an unknown parameter":         {"DescribeDomain", `{"Domain":"example.com","Zone":"x"}`, "dnspod", "UnknownParameter"},
		"signed for another service":   {"DescribeDomain", `{"Domain":"example.com"}`, "cvm", "AuthFailure.SignatureFailure"},
		"nothing wrong with it":        {"DescribeDomain", `{"Domain":"xn--fsqu00a.com"}`, "dnspod", ""},
		"a text for a number":          {"DeleteRecord", `{"Domain":"example.com","RecordId":"x"}`, "dnspod", "InvalidParameter"},
		"a fraction for a number":      {"DeleteRecord", `{"Domain":"example.com","RecordId":1.5}`, "dnspod", "InvalidParameter"},
		"no record id":                 {"DeleteRecord", `{"Domain":"example.com"}`, "dnspod", "MissingParameter"},
		"a record id of another zone":  {"DeleteRecord", `{"Domain":"paid.example","RecordId":5}`, "dnspod", "InvalidParameter.RecordIdInvalid"},
		"the right zone for it":        {"DeleteRecord", `{"Domain":"example.com","RecordId":5}`, "dnspod", ""},
		"another account's record":     {"DeleteRecord", `{"Domain":"example.com","RecordId":7}`, "dnspod", "InvalidParameter.RecordIdInvalid"},
		"a negative offset":            {"DescribeRecordList", `{"Domain":"example.com","Offset":-1}`, "dnspod", "InvalidParameter.OffsetInvalid"},
		"a page that is too large":     {"DescribeRecordList", `{"Domain":"example.com","Limit":3001}`, "dnspod", "InvalidParameterValue.LimitInvalid"},
		"the largest page":             {"DescribeRecordList", `{"Domain":"example.com","Limit":3000}`, "dnspod", ""},
		"beyond the last page":         {"DescribeRecordList", `{"Domain":"example.com","Offset":2}`, "dnspod", "ResourceNotFound.NoDataOfRecord"},
		"a type that is not there":     {"DescribeRecordList", `{"Domain":"example.com","RecordType":"A"}`, "dnspod", "ResourceNotFound.NoDataOfRecord"},
		"a part of a name":             {"DescribeRecordList", `{"Domain":"example.com","Subdomain":"oth"}`, "dnspod", "ResourceNotFound.NoDataOfRecord"},
		"zones beyond the last page":   {"DescribeDomainList", `{"Offset":4}`, "dnspod", "ResourceNotFound.NoDataOfDomain"},
	} {
		t.Run(name, func(t *testing.T) {
			if answer, got := send(world(t), signedRequest(test.action, test.payload, "content-type;host", test.service)); got != test.want {
				t.Errorf("%q, want %q: %s", got, test.want, answer.Body)
			}
		})
	}
}

// TestWhatIsRefused is about what the tests of the product's client do not ask for.
func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		params map[string]any
		change func(*cloud.Settings)
		want   string
	}{
		"nothing wrong":              {},
		"the zone in punycode":       {params: map[string]any{"Domain": "xn--fsqu00a.com"}},
		"no zone":                    {params: map[string]any{"Domain": ""}, want: "MissingParameter"},
		"a trailing dot":             {params: map[string]any{"Domain": "example.com."}, want: "InvalidParameter.DomainInvalid"},
		"a paused zone":              {params: map[string]any{"Domain": "paused.example"}},
		"a TTL of zero":              {params: map[string]any{"TTL": 0}, want: "LimitExceeded.RecordTtlLimit"},
		"a TTL above a week":         {params: map[string]any{"TTL": 604801}, want: "InvalidParameterValue"},
		"a TTL in another plan":      {params: map[string]any{"Domain": "paid.example", "TTL": 1}},
		"no line":                    {params: map[string]any{"RecordLine": ""}, want: "MissingParameter"},
		"the line's id wins":         {params: map[string]any{"RecordLine": "nonsense", "RecordLineId": "0"}},
		"the other site's line":      {params: map[string]any{"RecordLine": "Default"}, want: "InvalidParameter.RecordLineInvalid"},
		"that line on its site":      {params: map[string]any{"RecordLine": "Default"}, change: func(s *cloud.Settings) { s.International = true }},
		"another type":               {params: map[string]any{"RecordType": "A"}, want: "InvalidParameter.RecordTypeInvalid"},
		"an odd name":                {params: map[string]any{"SubDomain": "a..b"}, want: "InvalidParameter.SubdomainInvalid"},
		"a value that is too long":   {params: map[string]any{"Value": strings.Repeat("x", 2049)}, want: "InvalidParameter.RecordValueLengthInvalid"},
		"another value beside one":   {params: map[string]any{"SubDomain": "there"}},
		"beside a CNAME":             {params: map[string]any{"SubDomain": "alias"}, want: "InvalidParameter.CustomMessage"},
		"a parameter of another use": {params: map[string]any{"Weight": 1}, want: "UnknownParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			c := world(t)
			if test.change != nil {
				c.Change(test.change)
			}
			params := map[string]any{"Domain": "example.com", "SubDomain": "_acme-challenge", "RecordType": "TXT", "RecordLine": "默认", "Value": "value"}
			maps.Copy(params, test.params)
			payload, err := json.Marshal(params)
			if err != nil {
				t.Fatal(err)
			}
			if answer, got := send(c, signedRequest("CreateRecord", string(payload), "content-type;host", "dnspod")); got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, answer.Body)
			}
		})
	}
}

func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{
		"TC3-HMAC-SHA256 Credential=AKID/2026-01-02/dnspod/tc3_request, SignedHeaders=content-type;host, Signature=00ff",
		"TC3-HMAC-SHA256 Credential=AKID/2026-01-02/dnspod/tc3_request,SignedHeaders=host,Signature=",
		"TC3-HMAC-SHA256 Credential=////, SignedHeaders=;, Signature=x", "TC3-HMAC-SHA256 ", "", "TC3-HMAC-SHA256 a=b, a=b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		got, err := parseAuthorization(header)
		if err != nil {
			if diff := cmp.Diff(authorization{}, got, cmp.AllowUnexported(authorization{})); diff != "" {
				t.Errorf("not empty beside an error:\n%s", diff)
			}
			return
		}
		written := fmt.Sprintf("%s Credential=%s/%s/%s/%s, SignedHeaders=%s, Signature=%s",
			algorithm, got.keyID, got.date, got.service, ending, strings.Join(got.signedHeaders, ";"), got.signature)
		again, err := parseAuthorization(written)
		if err != nil {
			t.Fatalf("%q, read from %q: %v", written, header, err)
		}
		if diff := cmp.Diff(got, again, cmp.AllowUnexported(authorization{})); diff != "" {
			t.Errorf("(-first +second reading):\n%s", diff)
		}
	})
}

func FuzzBody(f *testing.F) {
	for _, seed := range []struct{ action, payload string }{
		{"CreateRecord", `{"Domain":"example.com","SubDomain":"a","RecordType":"TXT","RecordLine":"默认","Value":"v","TTL":600}`},
		{"DeleteRecord", `{"Domain":"example.com","RecordId":9007199254740993}`},
		{"DescribeRecordList", `{"Domain":"example.com","Offset":18446744073709551615,"Limit":3000}`},
		{"DescribeDomainList", `{"Offset":0,"Limit":1e3}`},
		{"DescribeDomain", `{"Domain":{"a":[1]}}`},
		{"AssumeRoleWithWebIdentity", `{"ProviderId":"tke","WebIdentityToken":"a.b.c","RoleArn":"qcs::cam::uin/1:roleName/dns","RoleSessionName":"aa"}`},
		{"GetCallerIdentity", `{}`},
		{"", `null`},
		{"", `[`},
	} {
		f.Add(seed.action, []byte(seed.payload))
	}
	f.Fuzz(func(t *testing.T, name string, payload []byte) {
		got, err := parseFields(payload)
		if err != nil {
			return
		}
		got.plain()
		act, ok := actions()[name]
		if !ok {
			return
		}
		a := &api{world(t)}
		if _, err := act.answer(a, caller{owner: "alice"}, got); err != nil && a.cloud.Refusal(err).Code == "InternalError" {
			t.Errorf("%s %s: no code for %v", name, payload, err)
		}
	})
}
