package dnspod

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

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
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCloud(nil)
			c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
			if _, err := c.PutZone(cloud.Zone{Owner: "alice", Name: "example.com"}); err != nil {
				t.Fatal(err)
			}
			r := signedRequest("DescribeDomainList", "{}", test.signedHeaders, "dnspod")
			test.spoil(r)
			w := httptest.NewRecorder()
			New(c).ServeHTTP(w, r)
			if got := c.Calls()[0].Code; got != test.want || w.Code != http.StatusOK {
				t.Errorf("%d %q, want 200 %q: %s", w.Code, got, test.want, w.Body)
			}
		})
	}
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

func TestBodies(t *testing.T) {
	for name, test := range map[string]struct{ action, payload, service, want string }{
		"no JSON":                       {"DescribeDomain", "", service, "InvalidParameter"},
		"a list":                        {"DescribeDomain", "[]", service, "InvalidParameter"},
		"null":                          {"DescribeDomain", "null", service, "InvalidParameter"},
		"two objects":                   {"DescribeDomain", "{}{}", service, "InvalidParameter"},
		"a required parameter missing":  {"DescribeDomain", "{}", service, "MissingParameter"},
		"the parameter is null":         {"DescribeDomain", `{"Domain":null}`, service, "MissingParameter"},
		"a number for a text":           {"DescribeDomain", `{"Domain":1}`, service, "InvalidParameter"},
		"a text for a number":           {"DeleteRecord", `{"Domain":"example.com","RecordId":"x"}`, service, "InvalidParameter"},
		"a fraction for a number":       {"DeleteRecord", `{"Domain":"example.com","RecordId":1.5}`, service, "InvalidParameter"},
		"a text for a flag":             {"DescribeRecordFilterList", `{"Domain":"example.com","IsExactSubDomain":"yes"}`, service, "InvalidParameter"},
		"a text for a list":             {"DescribeRecordFilterList", `{"Domain":"example.com","RecordType":"TXT"}`, service, "InvalidParameter"},
		"an unknown parameter":          {"DescribeDomain", `{"Domain":"example.com","Zone":"x"}`, service, "UnknownParameter"},
		"a type where there is none":    {"CreateTXTRecord", `{"Domain":"example.com","RecordType":"A"}`, service, "UnknownParameter"},
		"no record id":                  {"DeleteRecord", `{"Domain":"example.com"}`, service, "MissingParameter"},
		"a record id of another zone":   {"DeleteRecord", `{"Domain":"example.com","RecordId":9007199254740993}`, service, "InvalidParameter.RecordIdInvalid"},
		"the right zone for it":         {"DeleteRecord", `{"Domain":"example.net","RecordId":9007199254740993}`, service, ""},
		"signed for another service":    {"DescribeDomain", `{"Domain":"example.com"}`, "cvm", "AuthFailure.SignatureFailure"},
		"nothing wrong with it":         {"DescribeDomain", `{"Domain":"example.com"}`, service, ""},
		"a negative offset in the list": {"DescribeRecordList", `{"Domain":"example.com","Offset":-1}`, service, "InvalidParameter.OffsetInvalid"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCloud(nil)
			c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
			for zone, records := range map[string][]cloud.Record{"example.com": nil, "example.net": {{RR: "a", Type: "TXT", Value: "b"}}} {
				if _, err := c.PutZone(cloud.Zone{Owner: "alice", Name: zone, Records: records}); err != nil {
					t.Fatal(err)
				}
			}
			w := httptest.NewRecorder()
			New(c).ServeHTTP(w, signedRequest(test.action, test.payload, "content-type;host", test.service))
			if got := c.Calls()[0].Code; got != test.want {
				t.Errorf("%q, want %q: %s", got, test.want, w.Body)
			}
		})
	}
}

func TestErrorsAreInChineseUnlessEnglishIsAskedFor(t *testing.T) {
	for name, test := range map[string]struct {
		language      string
		international bool
		want          string
	}{
		"nothing asked for":      {"", false, "缺少必要参数 `Domain`。"},
		"English":                {"en-US", false, "The request is missing a required parameter `Domain`."},
		"the international site": {"", true, "The request is missing a required parameter `Domain`."},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCloud(nil)
			c.Change(func(s *cloud.Settings) { s.International = test.international })
			c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
			r := signedRequest("DescribeDomain", "{}", "content-type;host", service)
			r.Header.Set("X-TC-Language", test.language)
			w := httptest.NewRecorder()
			New(c).ServeHTTP(w, r)
			var answer struct {
				Response struct {
					Error     struct{ Code, Message string }
					RequestID string
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer.Response.Error.Message != test.want || len(answer.Response.RequestID) != 36 {
				t.Errorf("%+v, want %q", answer, test.want)
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
		{"DescribeRecordList", `{"Domain":"example.com","Offset":18446744073709551615,"Limit":3000,"ErrorOnEmpty":"no"}`},
		{"DescribeRecordFilterList", `{"Domain":"例子.com","RecordType":["TXT"],"IsExactSubDomain":true}`},
		{"DescribeDomainList", `{"Type":"ALL","Tags":[]}`},
		{"DescribeDomain", `{"DomainId":"1"}`},
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
		act, ok := actionNamed(name)
		if !ok || got.known(act.fields) != nil {
			return
		}
		c := NewCloud(nil)
		if _, err := c.PutZone(cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{{RR: "a", Type: "TXT", Value: "v"}}}); err != nil {
			t.Fatal(err)
		}
		a := &api{c}
		if _, err := act.answer(a, "alice", got); err != nil && a.translate(err).code == "InternalError" {
			t.Errorf("%s %s: no code for %v", name, payload, err)
		}
		if !slices.ContainsFunc(c.Zones("alice"), func(z cloud.Zone) bool { return z.Name == "example.com" }) {
			t.Errorf("%s %s: the zone is gone", name, payload)
		}
	})
}
