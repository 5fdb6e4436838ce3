package alidns

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// The request, the text and the signature are the worked example of the vendor's description of the RPC signature:
// https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism
func TestTheVendorsExampleOfASignature(t *testing.T) {
	params := parameters{}
	err := params.parse("Timestamp=2016-02-23T12%3A46%3A24Z&Format=XML&AccessKeyId=testid&Action=DescribeRegions&SignatureMethod=HMAC-SHA1" +
		"&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&Version=2014-05-26&SignatureVersion=1.0&Signature=ignored")
	if err != nil {
		t.Fatal(err)
	}
	text := stringToSign("GET", params)
	const want = "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1" +
		"%26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0%26Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("string to sign (-want +got):\n%s", diff)
	}
	if got := sign(text, "testsecret"); got != "OLeaidS1JvxuMvnyHOwuJ+uX5qY=" {
		t.Errorf("signature %s", got)
	}
}

func TestQueryAndFormAreBothRead(t *testing.T) {
	for name, test := range map[string]struct {
		method           string
		inQuery, inForm  []string
		change           func(url.Values)
		wantStatus       int
		wantCode, action string
	}{
		"a GET":                        {method: http.MethodGet, action: "DescribeDomains", wantStatus: 200},
		"a POST with a form":           {method: http.MethodPost, inForm: []string{"Action", "Signature", "AccessKeyId"}, action: "DescribeDomains", wantStatus: 200},
		"a PUT":                        {method: http.MethodPut, action: "DescribeDomains", wantStatus: 405, wantCode: "UnsupportedHTTPMethod"},
		"a parameter in both":          {method: http.MethodPost, inForm: []string{"Action"}, inQuery: []string{"Action"}, action: "DescribeDomains", wantStatus: 400, wantCode: "InvalidParameter"},
		"an unknown action":            {method: http.MethodGet, action: "AddCustomLine", wantStatus: 404, wantCode: "InvalidAction.NotFound"},
		"another version":              {method: http.MethodGet, action: "DescribeDomains", change: func(v url.Values) { v.Set("Version", "2014-05-26") }, wantStatus: 400, wantCode: "InvalidVersion"},
		"another method of signing":    {method: http.MethodGet, action: "DescribeDomains", change: func(v url.Values) { v.Set("SignatureMethod", "HMAC-SHA256") }, wantStatus: 400, wantCode: "IncompleteSignature"},
		"a time in another form":       {method: http.MethodGet, action: "DescribeDomains", change: func(v url.Values) { v.Set("Timestamp", "now") }, wantStatus: 400, wantCode: "InvalidTimeStamp.Format"},
		"no signature":                 {method: http.MethodGet, action: "DescribeDomains", change: func(v url.Values) { v.Del("Signature") }, wantStatus: 400, wantCode: "MissingSignature"},
		"a parameter that is not real": {method: http.MethodGet, action: "DescribeDomains", change: func(v url.Values) { v.Set("KeyWord", "added later") }, wantStatus: 400, wantCode: "SignatureDoesNotMatch"},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCloud(nil)
			c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
			values := signed(t, test.method, test.action)
			if test.change != nil {
				test.change(values)
			}
			form := url.Values{}
			for _, key := range test.inForm {
				form.Set(key, values.Get(key))
				values.Del(key)
			}
			for _, key := range test.inQuery {
				values.Set(key, form.Get(key))
			}
			r := httptest.NewRequest(test.method, "/?"+values.Encode(), strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			New(c).ServeHTTP(w, r)
			if got := c.Calls()[0].Code; w.Code != test.wantStatus || got != test.wantCode {
				t.Errorf("%d %q, want %d %q: %s", w.Code, got, test.wantStatus, test.wantCode, w.Body)
			}
		})
	}
}

func signed(t *testing.T, method, action string) url.Values {
	t.Helper()
	params := parameters{
		"Action": action, "Version": "2015-01-09", "AccessKeyId": "id", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		"SignatureNonce": t.Name(), "Timestamp": time.Now().UTC().Format(timeFormat),
	}
	params["Signature"] = sign(stringToSign(method, params), "secret")
	values := url.Values{}
	for name, value := range params {
		values.Set(name, value)
	}
	return values
}

func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"", "Action=AddDomainRecord&DomainName=example.com", "a=1&a=2", "a=%zz", "RR=%E4%BE%8B&Value=~*+%2F%20", "=", "a;b=1", "a=1&a-b=2&a.b=3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params := parameters{}
		if params.parse(text) != nil {
			return
		}
		canonical := stringToSign("POST", params)
		if strings.Count(canonical, "&") != 2 || strings.ContainsAny(canonical, " +*\n") {
			t.Errorf("%q is not a string to sign", canonical)
		}
		// What is signed names every parameter but the signature, exactly.
		last, err := url.PathUnescape(canonical[strings.LastIndex(canonical, "&")+1:])
		if err != nil {
			t.Fatal(err)
		}
		again := parameters{}
		if err := again.parse(last); err != nil {
			t.Fatalf("%q: %v", last, err)
		}
		delete(params, "Signature")
		if diff := cmp.Diff(params, again); diff != "" {
			t.Errorf("(-read +signed):\n%s", diff)
		}
	})
}

func FuzzRequest(f *testing.F) {
	f.Add("POST", "Action=DescribeDomains&AccessKeyId=id", "")
	f.Add("GET", "Action=DescribeDomainRecords&DomainName=a.b&PageSize=-1&SearchMode=x", "")
	f.Add("POST", "Action=DescribeSubDomainRecords&SubDomain=com", "Action=x")
	f.Add("POST", "Action=AddDomainRecord&DomainName=example.com&RR=..&Type=MX&Value=v&Priority=999", "")
	f.Fuzz(func(t *testing.T, method, inQuery, inForm string) {
		c := NewCloud(nil)
		c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}}})
		if _, err := c.PutZone(cloud.Zone{Owner: "alice", Name: "example.com"}); err != nil {
			t.Fatal(err)
		}
		params := parameters{}
		if params.parse(inQuery) != nil || params.parse(inForm) != nil {
			return
		}
		a := &api{c}
		act, ok := actionNamed(params["Action"])
		if !ok {
			return
		}
		q := query{params: params, method: method}
		if _, err := act(a, "alice", q); err != nil && a.translate(err).code == "InternalError" {
			t.Errorf("%v: no code for %v", params, err)
		}
		if _, refusal := a.authenticate(q); refusal == nil {
			t.Errorf("%v: let in without a signature", params)
		}
	})
}
