package alidns_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	vendor "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/alidns"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	keyID  = "LTAI5tAliceAliceAlice"
	secret = "alice+secret/with=odd&chars"
)

// world is a cloud with alice, who hosts example.com and 例子.com, and bob, who hosts bob.example.
func world(t *testing.T) (*cloud.Cloud, *httptest.Server) {
	t.Helper()
	c := alidns.NewCloud(nil)
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{
		{ID: keyID, Secret: secret},
		{ID: "STS.Alice", Secret: "temporary", Token: "token/+="},
		{ID: "STS.Ended", Secret: "temporary", Token: "token", Expires: time.Now().Add(-time.Minute)},
		{ID: "LTAI5tDisabled", Secret: secret, Disabled: true},
		{ID: "LTAI5tReader", Secret: secret, Denied: []string{"AddDomainRecord"}},
	}})
	c.PutAccount(cloud.Account{Owner: "bob", Keys: []cloud.Key{{ID: "LTAI5tBob", Secret: "bob"}}})
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com"}, cloud.Zone{Owner: "alice", Name: "例子.com"}, cloud.Zone{Owner: "bob", Name: "bob.example"})
	server := httptest.NewServer(alidns.New(c))
	t.Cleanup(server.Close)
	t.Cleanup(c.Close)
	return c, server
}

func putZones(t *testing.T, c *cloud.Cloud, zones ...cloud.Zone) {
	t.Helper()
	for _, z := range zones {
		if _, err := c.PutZone(z); err != nil {
			t.Fatal(err)
		}
	}
}

func client(t *testing.T, server *httptest.Server, id, secret, token string) *vendor.Client {
	t.Helper()
	var provider credentials.CredentialsProvider = credentials.NewStaticAKCredentialsProvider(id, secret)
	if token != "" {
		provider = credentials.NewStaticSTSCredentialsProvider(id, secret, token)
	}
	config := sdk.NewConfig().WithScheme("HTTP")
	config.Transport = transport{server.Client().Transport}
	c, err := vendor.NewClientWithOptions("", config, provider)
	if err != nil {
		t.Fatal(err)
	}
	c.Domain = strings.TrimPrefix(server.URL, "http://")
	return c
}

// transport hides the type of another: the vendor's client edits an *http.Transport at each call, which is a data race.
type transport struct{ http.RoundTripper }

func alice(t *testing.T, server *httptest.Server) *vendor.Client {
	t.Helper()
	return client(t, server, keyID, secret, "")
}

func addTXT(zone, rr, value string) *vendor.AddDomainRecordRequest {
	r := vendor.CreateAddDomainRecordRequest()
	r.DomainName, r.RR, r.Type, r.Value = zone, rr, "TXT", value
	return r
}

// code is the error code that the vendor's client reports, with the HTTP status; "" for success.
func code(err error) string {
	if err == nil {
		return ""
	}
	if server, ok := errors.AsType[*sdkerrors.ServerError](err); ok {
		return fmt.Sprintf("%d %s", server.HttpStatus(), server.ErrorCode())
	}
	return err.Error()
}

func TestVendorClientWritesFindsAndDeletesARecord(t *testing.T) {
	c, server := world(t)
	client := alice(t, server)
	const value = `~*+/ 汉字%20&=?-_.`
	added, err := client.AddDomainRecord(addTXT("example.com", "_acme-challenge", value))
	if err != nil {
		t.Fatal(err)
	}
	list := vendor.CreateDescribeDomainRecordsRequest()
	list.DomainName, list.RRKeyWord = "example.com", "_ACME"
	found, err := client.DescribeDomainRecords(list)
	if err != nil {
		t.Fatal(err)
	}
	want := []vendor.Record{{
		DomainName: "example.com", RecordId: added.RecordId, RR: "_acme-challenge", Type: "TXT", Value: value, Line: "default", TTL: 600,
		Status: "ENABLE", Weight: 1,
	}}
	if diff := cmp.Diff(want, found.DomainRecords.Record); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	sub := vendor.CreateDescribeSubDomainRecordsRequest()
	sub.SubDomain = "_acme-challenge.example.com"
	if got, err := client.DescribeSubDomainRecords(sub); err != nil || got.TotalCount != 1 {
		t.Errorf("DescribeSubDomainRecords: %v, %v; want one record", got, err)
	}
	info := vendor.CreateDescribeDomainRecordInfoRequest()
	info.RecordId = added.RecordId
	if got, err := client.DescribeDomainRecordInfo(info); err != nil || got.Value != value {
		t.Errorf("DescribeDomainRecordInfo: %v, %v; want the value", got, err)
	}
	remove := vendor.CreateDeleteDomainRecordRequest()
	remove.RecordId = added.RecordId
	if _, err := client.DeleteDomainRecord(remove); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteDomainRecord(remove); code(err) != "400 DomainRecordNotBelongToUser" {
		t.Errorf("second deletion: %s", code(err))
	}
	if left := c.Records(""); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestVendorClientUpdatesARecord(t *testing.T) {
	c, server := world(t)
	added, err := alice(t, server).AddDomainRecord(addTXT("example.com", "a", "old"))
	if err != nil {
		t.Fatal(err)
	}
	update := vendor.CreateUpdateDomainRecordRequest()
	update.RecordId, update.RR, update.Type, update.Value = added.RecordId, "a", "TXT", "old"
	if _, err := alice(t, server).UpdateDomainRecord(update); code(err) != "400 DomainRecordDuplicate" {
		t.Errorf("unchanged: %s", code(err))
	}
	update.Value = "new"
	if _, err := alice(t, server).UpdateDomainRecord(update); err != nil {
		t.Error(err)
	}
	if got := c.Records("example.com"); len(got) != 1 || got[0].Value != "new" || recordID(got[0]) != added.RecordId {
		t.Errorf("records: %v", got)
	}
}

func recordID(r cloud.Record) string { return fmt.Sprint(r.ID) }

func TestWhoMayAsk(t *testing.T) {
	for name, test := range map[string]struct {
		id, secret, token string
		want              string
	}{
		"the right secret":                       {keyID, secret, "", ""},
		"a wrong secret":                         {keyID, "wrong", "", "400 SignatureDoesNotMatch"},
		"a secret with a line feed":              {keyID, secret + "\n", "", "400 SignatureDoesNotMatch"},
		"an unknown key":                         {"LTAI5tNobody", secret, "", "404 InvalidAccessKeyId.NotFound"},
		"a disabled key":                         {"LTAI5tDisabled", secret, "", "400 InvalidAccessKeyId.Inactive"},
		"a key without the permission":           {"LTAI5tReader", secret, "", "403 Forbidden.RAM"},
		"a temporary key with its token":         {"STS.Alice", "temporary", "token/+=", ""},
		"a temporary key without its token":      {"STS.Alice", "temporary", "", "400 MissingSecurityToken"},
		"a temporary key with a wrong token":     {"STS.Alice", "temporary", "other", "400 InvalidSecurityToken.Malformed"},
		"a temporary key that has ended":         {"STS.Ended", "temporary", "token", "400 InvalidSecurityToken.Expired"},
		"a lasting key with a token":             {keyID, secret, "token", "400 InvalidSecurityToken.MismatchWithAccessKey"},
		"another account, which lacks this zone": {"LTAI5tBob", "bob", "", "400 IncorrectDomainUser"},
	} {
		t.Run(name, func(t *testing.T) {
			c, server := world(t)
			_, err := client(t, server, test.id, test.secret, test.token).AddDomainRecord(addTXT("example.com", "a", "b"))
			if got := code(err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
			wantRecords := 0
			if test.want == "" {
				wantRecords = 1
			}
			if got := len(c.Records("")); got != wantRecords {
				t.Errorf("%d records, want %d", got, wantRecords)
			}
			call := c.Calls()[0]
			if call.Token != (test.token != "") || strings.Contains(fmt.Sprint(call), "token") {
				t.Errorf("log: %+v", call)
			}
		})
	}
}

func TestASignatureErrorTellsWhatWasSigned(t *testing.T) {
	_, server := world(t)
	_, err := client(t, server, keyID, "wrong", "").AddDomainRecord(addTXT("example.com", "a", "b"))
	if err == nil || !strings.Contains(err.Error(), "AccessKeyId%3D"+keyID) {
		t.Errorf("the text that was signed, with the AccessKeyId, is missing: %v", err)
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		zone, rr, kind, value, ttl, line string
		change                           func(*cloud.Settings)
		want                             string
	}{
		"nothing wrong":                    {zone: "example.com", want: ""},
		"the zone in punycode":             {zone: "xn--fsqu00a.com", want: ""},
		"the zone in Unicode":              {zone: "例子.com", want: ""},
		"punycode where only Unicode goes": {zone: "xn--fsqu00a.com", change: func(s *cloud.Settings) { s.RefusePunycode = true }, want: "400 InvalidDomainName.NoExist"},
		"the zone in upper case":           {zone: "EXAMPLE.com", want: ""},
		"no zone":                          {zone: "", want: "400 MissingDomainName"},
		"a top-level domain":               {zone: "com", want: "400 InvalidDomainName.Format"},
		"a trailing dot":                   {zone: "example.com.", want: "400 InvalidDomainName.Format"},
		"a zone of nobody":                 {zone: "com.cn", want: "400 InvalidDomainName.NoExist"},
		"a zone of another account":        {zone: "bob.example", want: "400 IncorrectDomainUser"},
		"a TTL below the edition's":        {zone: "example.com", ttl: "599", want: "400 InvalidTTL"},
		"a TTL of zero":                    {zone: "example.com", ttl: "0", want: "400 InvalidTTL"},
		"a TTL above a day":                {zone: "example.com", ttl: "86401", want: "400 InvalidTTL"},
		"another code for the TTL":         {zone: "example.com", ttl: "60", change: func(s *cloud.Settings) { s.TTLCode = "QuotaExceeded.TTL" }, want: "400 QuotaExceeded.TTL"},
		"the least TTL":                    {zone: "example.com", ttl: "600", want: ""},
		"a TTL in another edition":         {zone: "paid.example", ttl: "1", want: ""},
		"a known line":                     {zone: "example.com", line: "telecom", want: ""},
		"an unknown line":                  {zone: "example.com", line: "10=1", want: "400 InvalidParameter"},
		"an unknown type":                  {zone: "example.com", kind: "TEXT", want: "400 InvalidParameter"},
		"an RR with a space":               {zone: "example.com", rr: "a b", want: "400 InvalidParameter"},
		"an RR with an umlaut":             {zone: "example.com", rr: "ü", want: "400 InvalidParameter"},
		"a Chinese RR":                     {zone: "example.com", rr: "例子", want: ""},
		"an RR with six labels":            {zone: "example.com", rr: "a.b.c.d.e.f", want: "400 InvalidParameter"},
		"six labels in a paid edition":     {zone: "paid.example", rr: "a.b.c.d.e.f", want: ""},
		"the zone itself":                  {zone: "example.com", rr: "@", want: ""},
		"a TXT value that is too long":     {zone: "example.com", value: strings.Repeat("x", 513), want: "400 SubDomainInvalid.Value"},
		"an address that is none":          {zone: "example.com", kind: "A", value: "1.2.3", want: "400 SubDomainInvalid.Value"},
		"a record that is there":           {zone: "example.com", rr: "there", value: "there", want: "400 DomainRecordDuplicate"},
		"the same on another line":         {zone: "example.com", rr: "there", value: "there", line: "telecom", want: ""},
		"another value beside one":         {zone: "example.com", rr: "there", value: "other", want: ""},
		"beside a CNAME":                   {zone: "example.com", rr: "alias", want: "400 DomainRecordConflict"},
		"the ninety-first of a kind":       {zone: "example.com", rr: "many", want: "400 QuotaExceeded.Record"},
		"a locked zone":                    {zone: "locked.example", want: "400 DomainForbidden"},
		"a banned zone":                    {zone: "banned.example", want: "400 DomainForbidden"},
		"quotes and spaces do not count":   {zone: "example.com", rr: "there", value: `"there"  `, want: "400 DomainRecordDuplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			c, server := world(t)
			putZones(t, c,
				cloud.Zone{Owner: "alice", Name: "paid.example", Edition: "version_enterprise_advanced"},
				cloud.Zone{Owner: "alice", Name: "locked.example", Status: cloud.ZoneLocked},
				cloud.Zone{Owner: "alice", Name: "banned.example", Status: cloud.ZoneSpam},
				cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
					{RR: "there", Type: "TXT", Value: "there"}, {RR: "alias", Type: "CNAME", Value: "example.net"},
				}},
			)
			for i := range 90 {
				if _, err := c.AddRecord("alice", "example.com", cloud.Record{RR: "many", Type: "TXT", Value: fmt.Sprint(i)}); err != nil {
					t.Fatal(err)
				}
			}
			if test.change != nil {
				c.Change(test.change)
			}
			r := addTXT(test.zone, or(test.rr, "_acme-challenge"), or(test.value, "value"))
			r.Type, r.TTL, r.Line = or(test.kind, "TXT"), requests.Integer(test.ttl), test.line
			_, err := alice(t, server).AddDomainRecord(r)
			if got := code(err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func TestSearch(t *testing.T) {
	c, server := world(t)
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "Key-1"},
		{RR: "_acme-challenge", Type: "CNAME", Value: "key-1", Line: "telecom"},
		{RR: "_acme-challenge.www", Type: "TXT", Value: "key-1"},
		{RR: "www", Type: "A", Value: "127.0.0.1"},
		{RR: "old", Type: "TXT", Value: "_acme-challenge", Disabled: true},
	}})
	for name, test := range map[string]struct {
		request vendor.DescribeDomainRecordsRequest
		want    []string
	}{
		"everything, newest first": {vendor.DescribeDomainRecordsRequest{}, []string{"old", "www", "_acme-challenge.www", "_acme-challenge CNAME", "_acme-challenge"}},
		"oldest first":             {vendor.DescribeDomainRecordsRequest{Direction: "ASC"}, []string{"_acme-challenge", "_acme-challenge CNAME", "_acme-challenge.www", "www", "old"}},
		"a fuzzy RR in any case":   {vendor.DescribeDomainRecordsRequest{RRKeyWord: "_ACME-challenge"}, []string{"_acme-challenge.www", "_acme-challenge CNAME", "_acme-challenge"}},
		"a fuzzy RR and a type":    {vendor.DescribeDomainRecordsRequest{RRKeyWord: "_acme", Type: "TXT"}, []string{"_acme-challenge.www", "_acme-challenge"}},
		"a fuzzy value":            {vendor.DescribeDomainRecordsRequest{ValueKeyWord: "EY-"}, []string{"_acme-challenge.www", "_acme-challenge CNAME", "_acme-challenge"}},
		"a type keyword":           {vendor.DescribeDomainRecordsRequest{TypeKeyWord: "a"}, []string{"www"}},
		"a line":                   {vendor.DescribeDomainRecordsRequest{Line: "telecom"}, []string{"_acme-challenge CNAME"}},
		"a status":                 {vendor.DescribeDomainRecordsRequest{Status: "Disable"}, []string{"old"}},
		"a keyword alone is fuzzy, ignoring type": {vendor.DescribeDomainRecordsRequest{KeyWord: "acme", Type: "A"}, []string{"old", "_acme-challenge.www", "_acme-challenge CNAME", "_acme-challenge"}},
		"LIKE ignores the RR keyword":             {vendor.DescribeDomainRecordsRequest{SearchMode: "LIKE", KeyWord: "www", RRKeyWord: "old"}, []string{"www", "_acme-challenge.www"}},
		"EXACT ignores the type":                  {vendor.DescribeDomainRecordsRequest{SearchMode: "EXACT", KeyWord: "www", Type: "TXT"}, []string{"www"}},
		"ADVANCED is fuzzy and ignores KeyWord":   {vendor.DescribeDomainRecordsRequest{SearchMode: "ADVANCED", KeyWord: "old", RRKeyWord: "challenge", Type: "TXT"}, []string{"_acme-challenge.www", "_acme-challenge"}},
		"COMBINATION is exact":                    {vendor.DescribeDomainRecordsRequest{SearchMode: "COMBINATION", RRKeyWord: "_acme-challenge", TypeKeyWord: "TXT", ValueKeyWord: "key-1"}, []string{"_acme-challenge"}},
	} {
		t.Run(name, func(t *testing.T) {
			request := vendor.CreateDescribeDomainRecordsRequest()
			test.request.RpcRequest = request.RpcRequest
			test.request.DomainName = "example.com"
			answer, err := alice(t, server).DescribeDomainRecords(&test.request)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range answer.DomainRecords.Record {
				got = append(got, strings.TrimSuffix(r.RR+" CNAME", strings.Repeat(" CNAME", bit(r.Type != "CNAME"))))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestPagesOfRecords(t *testing.T) {
	c, server := world(t)
	for i := range 600 {
		if _, err := c.AddRecord("alice", "example.com", cloud.Record{RR: "a", Type: "TXT", Value: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		page, size  requests.Integer
		want        int
		first, code string
	}{
		"the standard page":           {"", "", 20, "599", ""},
		"the largest page":            {"1", "500", 500, "599", ""},
		"the last page":               {"2", "500", 100, "99", ""},
		"beyond the last page":        {"3", "500", 0, "", ""},
		"a page that is too large":    {"1", "501", 0, "", "400 InvalidParameter"},
		"page zero":                   {"0", "20", 0, "", "400 InvalidParameter"},
		"a size that is not a number": {"1", "x", 0, "", "400 InvalidParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			r := vendor.CreateDescribeDomainRecordsRequest()
			r.DomainName, r.PageNumber, r.PageSize = "example.com", test.page, test.size
			answer, err := alice(t, server).DescribeDomainRecords(r)
			if code(err) != test.code {
				t.Fatalf("got %q, want %q", code(err), test.code)
			}
			if err != nil {
				return
			}
			got := answer.DomainRecords.Record
			if len(got) != test.want || answer.TotalCount != 600 || (test.want > 0 && got[0].Value != test.first) {
				t.Errorf("%d records of %d, want %d of 600 from %s on", len(got), answer.TotalCount, test.want, test.first)
			}
		})
	}
}

func TestZones(t *testing.T) {
	_, server := world(t)
	for name, test := range map[string]struct {
		keyWord, mode string
		want          []string
	}{
		"all of the account":    {"", "", []string{"example.com xn--", "例子.com"}},
		"a part of the name":    {"XAMP", "", []string{"example.com xn--"}},
		"the whole name":        {"example.com", "EXACT", []string{"example.com xn--"}},
		"not a part of it":      {"example", "EXACT", nil},
		"by its punycode":       {"xn--fsqu00a.com", "EXACT", []string{"例子.com"}},
		"another account's one": {"bob", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := vendor.CreateDescribeDomainsRequest()
			r.KeyWord, r.SearchMode = test.keyWord, test.mode
			answer, err := alice(t, server).DescribeDomains(r)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, z := range answer.Domains.Domain {
				text := z.DomainName
				if z.PunyCode == z.DomainName {
					text += " xn--"
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	r := vendor.CreateDescribeDomainsRequest()
	r.PageSize = "101"
	if _, err := alice(t, server).DescribeDomains(r); code(err) != "400 InvalidParameter" {
		t.Errorf("a page of 101 zones: %q", code(err))
	}
	info := vendor.CreateDescribeDomainInfoRequest()
	info.DomainName, info.NeedDetailAttributes = "example.com", "true"
	if got, err := alice(t, server).DescribeDomainInfo(info); err != nil || got.MinTtl != 600 || got.AvailableTtls.AvailableTtl[0] != "600" {
		t.Errorf("DescribeDomainInfo: %v, %v; want a least TTL of 600", got, err)
	}
}

func TestDeletingAllOfANameLeavesLockedRecords(t *testing.T) {
	c, server := world(t)
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
		{RR: "a", Type: "TXT", Value: "1"}, {RR: "a", Type: "TXT", Value: "2", Locked: true}, {RR: "a", Type: "A", Value: "127.0.0.1"},
	}})
	r := vendor.CreateDeleteSubDomainRecordsRequest()
	r.DomainName, r.RR, r.Type = "example.com", "a", "TXT"
	answer, err := alice(t, server).DeleteSubDomainRecords(r)
	if err != nil || answer.TotalCount != "1" {
		t.Errorf("%v, %v; want one deleted", answer, err)
	}
	if left := c.Records("example.com"); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	one := vendor.CreateDeleteDomainRecordRequest()
	one.RecordId = recordID(c.Records("example.com")[0])
	if _, err := alice(t, server).DeleteDomainRecord(one); code(err) != "400 DomainRecordLocked" {
		t.Errorf("deleting a locked record: %q", code(err))
	}
}

func TestOverlappingWritesAreRefused(t *testing.T) {
	c, server := world(t)
	c.Change(func(s *cloud.Settings) { s.RejectOverlappingWrites, s.WriteTime = true, time.Second })
	codes := make(chan string, 2)
	for i := range cap(codes) {
		client := alice(t, server)
		go func() {
			_, err := client.AddDomainRecord(addTXT("example.com", "a", fmt.Sprint(i)))
			codes <- code(err)
		}()
	}
	got := []string{<-codes, <-codes}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"", "400 LastOperationNotFinished"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheClockAndTheNonceAreChecked(t *testing.T) {
	c, server := world(t)
	c.Change(func(s *cloud.Settings) { s.ClockSkew = 16 * time.Minute })
	if _, err := alice(t, server).AddDomainRecord(addTXT("example.com", "a", "1")); code(err) != "400 InvalidTimeStamp.Expired" {
		t.Errorf("16 minutes off: %q", code(err))
	}
	c.Change(func(s *cloud.Settings) { s.ClockSkew = -14 * time.Minute })
	recorder := &recorder{inner: server.Client().Transport}
	config := sdk.NewConfig().WithScheme("HTTP")
	config.Transport = recorder
	client, err := vendor.NewClientWithOptions("", config, credentials.NewStaticAKCredentialsProvider(keyID, secret))
	if err != nil {
		t.Fatal(err)
	}
	client.Domain = strings.TrimPrefix(server.URL, "http://")
	if _, err := client.AddDomainRecord(addTXT("example.com", "a", "1")); err != nil {
		t.Fatalf("14 minutes off: %v", err)
	}
	response, err := server.Client().Post(recorder.url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Code, Message, RequestID, HostID, Recommend string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Code != "SignatureNonceUsed" || response.StatusCode != http.StatusBadRequest || len(answer.RequestID) != 36 || answer.HostID != client.Domain || answer.Recommend == "" {
		t.Errorf("the same request again: %d %+v", response.StatusCode, answer)
	}
}

type recorder struct {
	inner http.RoundTripper
	url   string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.url = request.URL.String()
	return r.inner.RoundTrip(request)
}

func TestTheRateLimitOfAnAccount(t *testing.T) {
	c, server := world(t)
	now := time.Now()
	c.PutAccount(cloud.Account{Owner: "alice", QPS: 0.001, Burst: 2, Keys: []cloud.Key{{ID: keyID, Secret: secret}}})
	client := alice(t, server)
	var got []string
	for i := range 3 {
		_, err := client.AddDomainRecord(addTXT("example.com", "a", fmt.Sprint(i)))
		got = append(got, code(err))
	}
	c.Change(func(s *cloud.Settings) { s.ThrottleCode, s.ThrottleStatus = "Throttling", 503 })
	_, err := client.AddDomainRecord(addTXT("example.com", "a", "3"))
	got = append(got, code(err))
	if diff := cmp.Diff([]string{"", "", "400 Throttling.User", "503 Throttling"}, got); diff != "" {
		t.Errorf("after %s (-want +got):\n%s", time.Since(now), diff)
	}
}
