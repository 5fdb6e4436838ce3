package alidns

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// The request, the text and the signature are the worked example of the vendor's description of the RPC signature:
// https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism
func TestTheVendorsExampleOfASignature(t *testing.T) {
	params, err := readParameters("Timestamp=2016-02-23T12%3A46%3A24Z&Format=XML&AccessKeyId=testid&Action=DescribeRegions&SignatureMethod=HMAC-SHA1" +
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

// world is a cloud with alice, who hosts example.com, 例子.com and paid.example, and bob, who hosts bob.example.
func world(t *testing.T) *cloud.Cloud {
	t.Helper()
	c := NewCloud(nil)
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: "id", Secret: "secret"}, {ID: "STS.id", Secret: "secret", Token: "token"}}})
	for _, z := range []cloud.Zone{
		{Owner: "alice", Name: "example.com", Records: []cloud.Record{{RR: "there", Type: "TXT", Value: "there"}}},
		{Owner: "alice", Name: "例子.com"},
		{Owner: "alice", Name: "paid.example", Edition: "version_enterprise_advanced"},
		{Owner: "alice", Name: "banned.example", Status: cloud.ZoneSpam},
		{Owner: "bob", Name: "bob.example", Records: []cloud.Record{{ID: 5, RR: "a", Type: "TXT", Value: "v"}}},
	} {
		if err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// signed are an action's parameters with those that say who asks.
func signed(action string, business parameters) parameters {
	params := parameters{
		"Action": action, "Version": "2015-01-09", "AccessKeyId": "id", "SignatureMethod": "HMAC-SHA1", "SignatureVersion": "1.0",
		"SignatureNonce": "nonce", "Timestamp": time.Now().UTC().Format(timeFormat),
	}
	maps.Copy(params, business)
	params["Signature"] = sign(stringToSign(http.MethodPost, params), "secret")
	return params
}

// send returns the answer, and as text its status and error code.
func send(c *cloud.Cloud, params parameters) (answer *httptest.ResponseRecorder, text string) {
	values := url.Values{}
	for name, value := range params {
		values.Set(name, value)
	}
	w := httptest.NewRecorder()
	New(c).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/?"+values.Encode(), nil))
	calls := c.Calls()
	return w, strings.TrimSpace(strconv.Itoa(w.Code) + " " + calls[len(calls)-1].Code)
}

func TestWhoMayAsk(t *testing.T) {
	for name, test := range map[string]struct {
		params parameters        // signed
		after  map[string]string // changed after signing
		want   string
	}{
		"a request as it should be":          {want: "200"},
		"a parameter that is added":          {after: parameters{"PageSize": "1"}, want: "400 SignatureDoesNotMatch"},
		"a signature of nothing":             {after: parameters{"Signature": ""}, want: "400 MissingSignature"},
		"another version":                    {params: parameters{"Version": "2014-05-26"}, want: "400 InvalidVersion"},
		"another method of signing":          {params: parameters{"SignatureMethod": "HMAC-SHA256"}, want: "400 IncompleteSignature"},
		"a time in another form":             {params: parameters{"Timestamp": "now"}, want: "400 InvalidTimeStamp.Format"},
		"an unknown action":                  {params: parameters{"Action": "AddCustomLine"}, want: "404 InvalidAction.NotFound"},
		"a parameter that is not simulated":  {params: parameters{"SearchMode": "EXACT"}, want: "400 InvalidParameter"},
		"a temporary key with its token":     {params: parameters{"AccessKeyId": "STS.id", "SecurityToken": "token"}, want: "200"},
		"a temporary key with a wrong token": {params: parameters{"AccessKeyId": "STS.id", "SecurityToken": "other"}, want: "400 InvalidSecurityToken.Malformed"},
		"a lasting key with a token":         {params: parameters{"SecurityToken": "token"}, want: "400 InvalidSecurityToken.MismatchWithAccessKey"},
	} {
		t.Run(name, func(t *testing.T) {
			params := signed("DescribeDomains", test.params)
			maps.Copy(params, test.after)
			answer, got := send(world(t), params)
			if got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, answer.Body)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	c, request := world(t), signed("DescribeDomains", nil)
	if answer, got := send(c, request); got != "200" {
		t.Fatalf("%s: %s", got, answer.Body)
	}
	answer, _ := send(c, request)
	var refusal struct{ Code, Message, RequestID, HostID, Recommend string }
	if err := json.Unmarshal(answer.Body.Bytes(), &refusal); err != nil {
		t.Fatal(err)
	}
	if refusal.Code != "SignatureNonceUsed" || len(refusal.RequestID) != 36 || refusal.HostID == "" || refusal.Recommend == "" {
		t.Errorf("the same request again: %+v", refusal)
	}
	request["Signature"] = "wrong"
	if answer, _ = send(c, request); !strings.Contains(answer.Body.String(), "AccessKeyId%3Did") {
		t.Errorf("the text that was signed, with the AccessKeyId, is missing: %s", answer.Body)
	}
}

// TestWhatIsRefused is about what the tests of the product's client do not ask for.
func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		action string // AddDomainRecord unless given
		params parameters
		want   string
	}{
		"nothing wrong":                  {want: "200"},
		"the zone in punycode":           {params: parameters{"DomainName": "xn--fsqu00a.com"}, want: "200"},
		"the zone in upper case":         {params: parameters{"DomainName": "EXAMPLE.com"}, want: "200"},
		"no zone":                        {params: parameters{"DomainName": ""}, want: "400 MissingDomainName"},
		"a trailing dot":                 {params: parameters{"DomainName": "example.com."}, want: "400 InvalidDomainName.Format"},
		"a banned zone":                  {params: parameters{"DomainName": "banned.example"}, want: "400 DomainForbidden"},
		"a TTL of zero":                  {params: parameters{"TTL": "0"}, want: "400 InvalidTTL"},
		"a TTL above a day":              {params: parameters{"TTL": "86401"}, want: "400 InvalidTTL"},
		"the least TTL of an edition":    {params: parameters{"DomainName": "paid.example", "TTL": "1"}, want: "200"},
		"another type":                   {params: parameters{"Type": "A"}, want: "400 InvalidParameter"},
		"an RR with a space":             {params: parameters{"RR": "a b"}, want: "400 InvalidParameter"},
		"an RR with six labels":          {params: parameters{"RR": "a.b.c.d.e.f"}, want: "400 InvalidParameter"},
		"six labels in a paid edition":   {params: parameters{"DomainName": "paid.example", "RR": "a.b.c.d.e.f"}, want: "200"},
		"a value that is too long":       {params: parameters{"Value": strings.Repeat("x", 513)}, want: "400 SubDomainInvalid.Value"},
		"quotes and spaces do not count": {params: parameters{"RR": "there", "Value": `"there"  `}, want: "400 DomainRecordDuplicate"},
		"the same on another line":       {params: parameters{"RR": "there", "Value": "there", "Line": "telecom"}, want: "200"},
		"another account's record":       {"DeleteDomainRecord", parameters{"RecordId": "5"}, "400 DomainRecordNotBelongToUser"},
		"a record id that is none":       {"DeleteDomainRecord", parameters{"RecordId": "x"}, "400 DomainRecordNotBelongToUser"},
		"a page of records too large":    {"DescribeDomainRecords", parameters{"DomainName": "example.com", "PageSize": "501"}, "400 InvalidParameter"},
		"the largest page of records":    {"DescribeDomainRecords", parameters{"DomainName": "example.com", "PageSize": "500"}, "200"},
		"page zero":                      {"DescribeDomainRecords", parameters{"DomainName": "example.com", "PageNumber": "0"}, "400 InvalidParameter"},
		"a size that is not a number":    {"DescribeDomains", parameters{"PageSize": "x"}, "400 InvalidParameter"},
		"a page of zones too large":      {"DescribeDomains", parameters{"PageSize": "101"}, "400 InvalidParameter"},
		"a page beyond the last":         {"DescribeDomains", parameters{"PageNumber": "9"}, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			action, params := test.action, test.params
			if action == "" {
				action, params = "AddDomainRecord", parameters{"DomainName": "example.com", "RR": "_acme-challenge", "Type": "TXT", "Value": "value"}
				maps.Copy(params, test.params)
			}
			answer, got := send(world(t), signed(action, params))
			if got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, answer.Body)
			}
		})
	}
}

func FuzzParameters(f *testing.F) {
	for _, seed := range []string{
		"", "Action=AddDomainRecord&DomainName=example.com", "a=1&a=2", "a=%zz", "RR=%E4%BE%8B&Value=~*+%2F%20", "=", "a;b=1", "a=1&a-b=2&a.b=3",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, err := readParameters(text)
		if err != nil {
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
		again, err := readParameters(last)
		if err != nil {
			t.Fatalf("%q: %v", last, err)
		}
		delete(params, "Signature")
		if diff := cmp.Diff(params, again); diff != "" {
			t.Errorf("(-read +signed):\n%s", diff)
		}
	})
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"Action=DescribeDomains&AccessKeyId=id", "Action=DescribeDomainRecords&DomainName=a.b&PageSize=-1&Type=x",
		"Action=DescribeDomainInfo&DomainName=com", "Action=DeleteDomainRecord&RecordId=-1",
		"Action=AssumeRoleWithOIDC&OIDCToken=a.b.c&OIDCProviderArn=x&RoleArn=acs:ram::1:role/dns&RoleSessionName=aa", "Action=GetCallerIdentity",
		"Action=AddDomainRecord&DomainName=example.com&RR=..&Type=TXT&Value=v&TTL=999",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		params, err := readParameters(query)
		act, ok := actions()[params["Action"]]
		if err != nil || !ok {
			return
		}
		a := &api{world(t)}
		if _, err := act.answer(a, caller{owner: "alice"}, params); err != nil && a.cloud.Refusal(err).Code == "InternalError" {
			t.Errorf("%v: no code for %v", params, err)
		}
		if _, err := a.authenticate(http.MethodPost, act, params); err == nil && !act.unsigned {
			t.Errorf("%v: let in without a signature", params)
		}
	})
}
