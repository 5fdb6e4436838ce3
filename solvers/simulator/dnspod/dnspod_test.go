package dnspod_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	vendor "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dnspod"
)

const (
	secretID  = "AKIDalicealicealicealicealicealice"
	secretKey = "alice+secret/with=odd&chars"
)

// world is a cloud with alice, who hosts example.com and 例子.com, and bob, who hosts bob.example.
func world(t *testing.T) (*cloud.Cloud, *httptest.Server) {
	t.Helper()
	c := dnspod.NewCloud(nil)
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{
		{ID: secretID, Secret: secretKey},
		{ID: "AKIDtemporary", Secret: "temporary", Token: "token/+="},
		{ID: "AKIDended", Secret: "temporary", Token: "token", Expires: time.Now().Add(-time.Minute)},
		{ID: "AKIDdisabled", Secret: secretKey, Disabled: true},
		{ID: "AKIDreader", Secret: secretKey, Denied: []string{"CreateRecord"}},
	}})
	c.PutAccount(cloud.Account{Owner: "bob", Keys: []cloud.Key{{ID: "AKIDbob", Secret: "bob"}}})
	c.PutAccount(cloud.Account{Owner: "carol", Keys: []cloud.Key{{ID: "AKIDcarol", Secret: "carol"}}})
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com"}, cloud.Zone{Owner: "alice", Name: "例子.com"}, cloud.Zone{Owner: "bob", Name: "bob.example"})
	server := httptest.NewServer(dnspod.New(c))
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

func client(t *testing.T, server *httptest.Server, id, key, token string) *vendor.Client {
	t.Helper()
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint = strings.TrimPrefix(server.URL, "http://")
	p.HttpProfile.Scheme = "HTTP"
	p.Language = "en-US"
	c, err := vendor.NewClient(common.NewTokenCredential(id, key, token), "", p)
	if err != nil {
		t.Fatal(err)
	}
	c.WithHttpTransport(server.Client().Transport)
	return c
}

func alice(t *testing.T, server *httptest.Server) *vendor.Client {
	t.Helper()
	return client(t, server, secretID, secretKey, "")
}

func createTXT(zone, sub, value string) *vendor.CreateRecordRequest {
	r := vendor.NewCreateRecordRequest()
	r.Domain, r.SubDomain, r.Value = &zone, &sub, &value
	r.RecordType, r.RecordLine, r.RecordLineId = new("TXT"), new("默认"), new("0")
	return r
}

// code is the error code that the vendor's client reports; "" for success.
func code(err error) string {
	if err == nil {
		return ""
	}
	if sdk, ok := errors.AsType[*sdkerrors.TencentCloudSDKError](err); ok {
		return sdk.Code
	}
	return err.Error()
}

func listOf(zone string) *vendor.DescribeRecordListRequest {
	r := vendor.NewDescribeRecordListRequest()
	r.Domain = &zone
	return r
}

func TestVendorClientWritesFindsAndDeletesARecord(t *testing.T) {
	c, server := world(t)
	client := alice(t, server)
	const value = `~*+/ 汉字%20&=?-_."\`
	created, err := client.CreateRecord(createTXT("example.com", "_acme-challenge", value))
	if err != nil {
		t.Fatal(err)
	}
	if id := *created.Response.RecordId; id <= 1<<53 || uint64(float64(id)) == id {
		t.Errorf("record id %d survives a float64", id)
	}
	list := listOf("example.com")
	list.Subdomain = new("_acme-challenge")
	found, err := client.DescribeRecordList(list)
	if err != nil {
		t.Fatal(err)
	}
	got := found.Response.RecordList
	if len(got) != 1 || *got[0].RecordId != *created.Response.RecordId || *got[0].Value != value || *got[0].TTL != 600 || *got[0].Line != "默认" || *got[0].LineId != "0" {
		t.Errorf("record list: %s", found.ToJsonString())
	}
	one := vendor.NewDescribeRecordRequest()
	one.Domain, one.RecordId = new("example.com"), created.Response.RecordId
	if got, err := client.DescribeRecord(one); err != nil || *got.Response.RecordInfo.Value != value {
		t.Errorf("DescribeRecord: %v, %v", got, err)
	}
	remove := vendor.NewDeleteRecordRequest()
	remove.Domain, remove.RecordId = new("example.com"), created.Response.RecordId
	if _, err := client.DeleteRecord(remove); err != nil {
		t.Error(err)
	}
	if _, err := client.DeleteRecord(remove); code(err) != "InvalidParameter.RecordIdInvalid" {
		t.Errorf("second deletion: %v", err)
	}
	if _, err := client.DescribeRecordList(list); code(err) != "ResourceNotFound.NoDataOfRecord" {
		t.Errorf("empty list: %v", err)
	}
	if left := c.Records(""); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestVendorClientWritesTXTRecords(t *testing.T) {
	c, server := world(t)
	r := vendor.NewCreateTXTRecordRequest()
	r.Domain, r.RecordLine, r.Value, r.SubDomain = new("xn--fsqu00a.com"), new("默认"), new("value"), new("a")
	if _, err := alice(t, server).CreateTXTRecord(r); err != nil {
		t.Fatal(err)
	}
	if got := c.Records("例子.com"); len(got) != 1 || got[0].Type != "TXT" || got[0].Zone != "例子.com" {
		t.Errorf("records: %v", got)
	}
}

func TestWhoMayAsk(t *testing.T) {
	for name, test := range map[string]struct {
		id, key, token string
		want           string
	}{
		"the right key":                          {secretID, secretKey, "", ""},
		"a wrong key":                            {secretID, "wrong", "", "AuthFailure.SignatureFailure"},
		"a key with a line feed":                 {secretID, secretKey + "\n", "", "AuthFailure.SignatureFailure"},
		"an unknown id":                          {"AKIDnobody", secretKey, "", "AuthFailure.SecretIdNotFound"},
		"a retired token in place of an id":      {"123456", secretKey, "", "AuthFailure.SecretIdNotFound"},
		"a disabled key":                         {"AKIDdisabled", secretKey, "", "AuthFailure.SecretIdNotFound"},
		"a key without the permission":           {"AKIDreader", secretKey, "", "AuthFailure.UnauthorizedOperation"},
		"a temporary key with its token":         {"AKIDtemporary", "temporary", "token/+=", ""},
		"a temporary key without its token":      {"AKIDtemporary", "temporary", "", "AuthFailure.TokenFailure"},
		"a temporary key with a wrong token":     {"AKIDtemporary", "temporary", "other", "AuthFailure.TokenFailure"},
		"a temporary key that has ended":         {"AKIDended", "temporary", "token", "AuthFailure.TokenFailure"},
		"another account, which lacks this zone": {"AKIDbob", "bob", "", "OperationDenied.NoPermissionToOperateDomain"},
	} {
		t.Run(name, func(t *testing.T) {
			c, server := world(t)
			_, err := client(t, server, test.id, test.key, test.token).CreateRecord(createTXT("example.com", "a", "b"))
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
			if call.Token != (test.token != "") || call.Status != 200 || strings.Contains(fmt.Sprint(call), "token") {
				t.Errorf("log: %+v", call)
			}
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		zone   string
		edit   func(*vendor.CreateRecordRequest)
		change func(*cloud.Settings)
		want   string
	}{
		"nothing wrong":               {zone: "example.com"},
		"the zone in punycode":        {zone: "xn--fsqu00a.com"},
		"the zone in Unicode":         {zone: "例子.com"},
		"no zone":                     {zone: "", want: "MissingParameter"},
		"a top-level domain":          {zone: "com", want: "InvalidParameter.DomainInvalid"},
		"a trailing dot":              {zone: "example.com.", want: "InvalidParameter.DomainInvalid"},
		"a zone of nobody":            {zone: "com.cn", want: "InvalidParameterValue.DomainNotExists"},
		"a zone of another account":   {zone: "bob.example", want: "OperationDenied.NoPermissionToOperateDomain"},
		"a locked zone":               {zone: "locked.example", want: "FailedOperation.DomainIsLocked"},
		"a banned zone":               {zone: "banned.example", want: "FailedOperation.DomainIsSpam"},
		"a paused zone":               {zone: "paused.example"},
		"a zone by its id":            {zone: "wrong.example", edit: func(r *vendor.CreateRecordRequest) { r.DomainId = new(uint64(1)) }},
		"an id of another account":    {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.DomainId = new(uint64(3)) }, want: "OperationDenied.NoPermissionToOperateDomain"},
		"an id of no zone":            {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.DomainId = new(uint64(99)) }, want: "InvalidParameter.DomainIdInvalid"},
		"a TTL below the plan's":      {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.TTL = new(uint64(599)) }, want: "LimitExceeded.RecordTtlLimit"},
		"a TTL of zero":               {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.TTL = new(uint64(0)) }, want: "LimitExceeded.RecordTtlLimit"},
		"a TTL above a week":          {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.TTL = new(uint64(604801)) }, want: "InvalidParameterValue"},
		"a TTL in another plan":       {zone: "paid.example", edit: func(r *vendor.CreateRecordRequest) { r.TTL = new(uint64(1)) }},
		"no line":                     {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLine = nil }, want: "MissingParameter"},
		"the line's id wins":          {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLine = new("nonsense") }},
		"an unknown line's id":        {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLineId = new("10=99") }, want: "InvalidParameter.RecordLineInvalid"},
		"a line by name":              {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLine, r.RecordLineId = new("电信"), nil }},
		"the other site's line":       {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLine, r.RecordLineId = new("Default"), nil }, want: "InvalidParameter.RecordLineInvalid"},
		"that line on its site":       {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordLine, r.RecordLineId = new("Default"), nil }, change: func(s *cloud.Settings) { s.International = true }},
		"an unknown type":             {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordType = new("TEXT") }, want: "InvalidParameter.RecordTypeInvalid"},
		"an odd name":                 {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain = new("a..b") }, want: "InvalidParameter.SubdomainInvalid"},
		"a wildcard":                  {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain = new("*") }},
		"no name is the zone itself":  {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain = nil }},
		"a value that is too long":    {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.Value = new(strings.Repeat("x", 2049)) }, want: "InvalidParameter.RecordValueLengthInvalid"},
		"an address that is none":     {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.RecordType = new("A") }, want: "InvalidParameter.RecordValueInvalid"},
		"a record that is there":      {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain, r.Value = new("there"), new("there") }, want: "InvalidParameter.DomainRecordExist"},
		"another value beside one":    {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain = new("there") }},
		"beside a CNAME":              {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.SubDomain = new("alias") }, want: "InvalidParameter.CustomMessage"},
		"a code that the tests chose": {zone: "example.com", edit: func(r *vendor.CreateRecordRequest) { r.TTL = new(uint64(1)) }, change: func(s *cloud.Settings) { s.TTLCode = "InvalidParameter.Ttl" }, want: "InvalidParameter.Ttl"},
	} {
		t.Run(name, func(t *testing.T) {
			c, server := world(t)
			putZones(t, c,
				cloud.Zone{Owner: "alice", Name: "paid.example", Edition: "DP_ULTRA"},
				cloud.Zone{Owner: "alice", Name: "locked.example", Status: cloud.ZoneLocked},
				cloud.Zone{Owner: "alice", Name: "banned.example", Status: cloud.ZoneSpam},
				cloud.Zone{Owner: "alice", Name: "paused.example", Status: cloud.ZonePaused},
				cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
					{RR: "there", Type: "TXT", Value: "there"}, {RR: "alias", Type: "CNAME", Value: "example.net"},
				}},
			)
			if test.change != nil {
				c.Change(test.change)
			}
			r := createTXT(test.zone, "_acme-challenge", "value")
			if test.edit != nil {
				test.edit(r)
			}
			_, err := alice(t, server).CreateRecord(r)
			if got := code(err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

func TestListsOfRecords(t *testing.T) {
	c, server := world(t)
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "Key-1"},
		{RR: "_acme-challenge.www", Type: "TXT", Value: "key-2"},
		{RR: "www", Type: "A", Value: "127.0.0.1", Line: "10=1"},
	}})
	for name, test := range map[string]struct {
		edit   func(*vendor.DescribeRecordListRequest)
		change func(*cloud.Settings)
		want   []string
		code   string
	}{
		"everything, newest first": {want: []string{"www", "_acme-challenge.www", "_acme-challenge"}},
		"a name is exact":          {edit: func(r *vendor.DescribeRecordListRequest) { r.Subdomain = new("_acme-challenge") }, want: []string{"_acme-challenge"}},
		"the newer spelling of the name wins": {edit: func(r *vendor.DescribeRecordListRequest) {
			r.Subdomain, r.SubDomain = new("www"), new("_acme-challenge")
		}, want: []string{"_acme-challenge"}},
		"a type":                               {edit: func(r *vendor.DescribeRecordListRequest) { r.RecordType = new("A") }, want: []string{"www"}},
		"a line":                               {edit: func(r *vendor.DescribeRecordListRequest) { r.RecordLine = new("电信") }, want: []string{"www"}},
		"a line's id":                          {edit: func(r *vendor.DescribeRecordListRequest) { r.RecordLineId = new("0") }, want: []string{"_acme-challenge.www", "_acme-challenge"}},
		"a keyword":                            {edit: func(r *vendor.DescribeRecordListRequest) { r.Keyword = new("KEY-") }, want: []string{"_acme-challenge.www", "_acme-challenge"}},
		"a page":                               {edit: func(r *vendor.DescribeRecordListRequest) { r.Offset, r.Limit = new(uint64(1)), new(uint64(1)) }, want: []string{"_acme-challenge.www"}},
		"beyond the last page":                 {edit: func(r *vendor.DescribeRecordListRequest) { r.Offset = new(uint64(3)) }, code: "ResourceNotFound.NoDataOfRecord"},
		"a page that is too large":             {edit: func(r *vendor.DescribeRecordListRequest) { r.Limit = new(uint64(3001)) }, code: "InvalidParameterValue.LimitInvalid"},
		"nothing there":                        {edit: func(r *vendor.DescribeRecordListRequest) { r.Subdomain = new("none") }, code: "ResourceNotFound.NoDataOfRecord"},
		"nothing there, and that is no error":  {edit: func(r *vendor.DescribeRecordListRequest) { r.Subdomain, r.ErrorOnEmpty = new("none"), new("no") }},
		"a site that ignores ErrorOnEmpty":     {edit: func(r *vendor.DescribeRecordListRequest) { r.Subdomain, r.ErrorOnEmpty = new("none"), new("no") }, change: func(s *cloud.Settings) { s.ErrorOnEmpty = cloud.Ignored }, code: "ResourceNotFound.NoDataOfRecord"},
		"a site that does not know it":         {edit: func(r *vendor.DescribeRecordListRequest) { r.ErrorOnEmpty = new("no") }, change: func(s *cloud.Settings) { s.ErrorOnEmpty = cloud.Rejected }, code: "UnknownParameter"},
		"a zone of another account":            {edit: func(r *vendor.DescribeRecordListRequest) { r.Domain = new("bob.example") }, code: "OperationDenied.NoPermissionToOperateDomain"},
		"the other site's names of the lines":  {edit: func(r *vendor.DescribeRecordListRequest) { r.RecordLine = new("China Telecom") }, change: func(s *cloud.Settings) { s.International = true }, want: []string{"www"}},
		"lines of the other site are refused":  {edit: func(r *vendor.DescribeRecordListRequest) { r.RecordLine = new("China Telecom") }, code: "InvalidParameter.RecordLineInvalid"},
		"the site that ignores it shows lists": {change: func(s *cloud.Settings) { s.ErrorOnEmpty = cloud.Ignored }, want: []string{"www", "_acme-challenge.www", "_acme-challenge"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.Settings()
			defer c.Change(func(s *cloud.Settings) { *s = before })
			if test.change != nil {
				c.Change(test.change)
			}
			r := listOf("example.com")
			if test.edit != nil {
				test.edit(r)
			}
			answer, err := alice(t, server).DescribeRecordList(r)
			if code(err) != test.code {
				t.Fatalf("got %q, want %q (%v)", code(err), test.code, err)
			}
			if err != nil {
				return
			}
			var got []string
			for _, item := range answer.Response.RecordList {
				got = append(got, *item.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilteredLists(t *testing.T) {
	c, server := world(t)
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{
		{RR: "_acme-challenge", Type: "TXT", Value: "Key-1"}, {RR: "_acme-challenge.www", Type: "TXT", Value: "key-2"}, {RR: "www", Type: "A", Value: "127.0.0.1"},
	}})
	for name, test := range map[string]struct {
		edit func(*vendor.DescribeRecordFilterListRequest)
		want []string
	}{
		"a part of the name": {func(r *vendor.DescribeRecordFilterListRequest) { r.SubDomain = new("_acme") }, []string{"_acme-challenge.www", "_acme-challenge"}},
		"the exact name": {func(r *vendor.DescribeRecordFilterListRequest) {
			r.SubDomain, r.IsExactSubDomain = new("www"), new(true)
		}, []string{"www"}},
		"types": {func(r *vendor.DescribeRecordFilterListRequest) {
			r.RecordType = common.StringPtrs([]string{"A", "AAAA"})
		}, []string{"www"}},
		"a part of the value":   {func(r *vendor.DescribeRecordFilterListRequest) { r.RecordValue = new("key-1") }, []string{"_acme-challenge"}},
		"lines":                 {func(r *vendor.DescribeRecordFilterListRequest) { r.RecordLine = common.StringPtrs([]string{"电信"}) }, nil},
		"a keyword and a limit": {func(r *vendor.DescribeRecordFilterListRequest) { r.Keyword, r.Limit = new("www"), new(uint64(1)) }, []string{"www"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := vendor.NewDescribeRecordFilterListRequest()
			r.Domain = new("example.com")
			test.edit(r)
			answer, err := alice(t, server).DescribeRecordFilterList(r)
			if err != nil {
				if test.want != nil || code(err) != "ResourceNotFound.NoDataOfRecord" {
					t.Fatal(err)
				}
				return
			}
			var got []string
			for _, item := range answer.Response.RecordList {
				got = append(got, *item.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestListsLagBehindWrites(t *testing.T) {
	now := time.Now()
	c := dnspod.NewCloud(func() time.Time { return now })
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: secretID, Secret: secretKey}}})
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "example.com", Records: []cloud.Record{{RR: "old", Type: "TXT", Value: "old"}}})
	c.Change(func(s *cloud.Settings) { s.ListLag = 30 * time.Second })
	server := httptest.NewServer(dnspod.New(c))
	defer server.Close()
	client := alice(t, server)
	if _, err := client.CreateRecord(createTXT("example.com", "new", "new")); err != nil {
		t.Fatal(err)
	}
	names := func() (names []string) {
		answer, err := client.DescribeRecordList(listOf("example.com"))
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range answer.Response.RecordList {
			names = append(names, *item.Name)
		}
		return names
	}
	if diff := cmp.Diff([]string{"old"}, names()); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	if _, err := client.CreateRecord(createTXT("example.com", "new", "new")); code(err) != "InvalidParameter.DomainRecordExist" {
		t.Errorf("the same again, not listed yet: %v", err)
	}
	now = now.Add(30 * time.Second)
	if diff := cmp.Diff([]string{"new", "old"}, names()); diff != "" {
		t.Errorf("30 s later (-want +got):\n%s", diff)
	}
}

func TestZones(t *testing.T) {
	c, server := world(t)
	putZones(t, c, cloud.Zone{Owner: "alice", Name: "paused.example", Status: cloud.ZonePaused}, cloud.Zone{Owner: "alice", Name: "banned.example", Status: cloud.ZoneSpam})
	answer, err := alice(t, server).DescribeDomainList(vendor.NewDescribeDomainListRequest())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, z := range answer.Response.DomainList {
		got = append(got, strings.Join([]string{*z.Name, *z.Punycode, *z.Status, *z.Grade}, " "))
	}
	want := []string{"example.com example.com ENABLE DP_FREE", "例子.com xn--fsqu00a.com ENABLE DP_FREE", "paused.example paused.example PAUSE DP_FREE", "banned.example banned.example SPAM DP_FREE"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page := vendor.NewDescribeDomainListRequest()
	page.Offset, page.Limit, page.Type = new(int64(0)), new(int64(1)), new("PAUSE")
	if got, err := alice(t, server).DescribeDomainList(page); err != nil || *got.Response.DomainList[0].Name != "paused.example" || *got.Response.DomainCountInfo.AllTotal != 4 {
		t.Errorf("paused zones: %v, %v", got, err)
	}
	if _, err := client(t, server, "AKIDcarol", "carol", "").DescribeDomainList(vendor.NewDescribeDomainListRequest()); code(err) != "ResourceNotFound.NoDataOfDomain" {
		t.Errorf("an account without zones: %v", err)
	}
	one := vendor.NewDescribeDomainRequest()
	one.Domain = new("xn--fsqu00a.com")
	if got, err := alice(t, server).DescribeDomain(one); err != nil || *got.Response.DomainInfo.Domain != "例子.com" {
		t.Errorf("DescribeDomain: %v, %v", got, err)
	}
	plans, err := alice(t, server).DescribePackageDetail(vendor.NewDescribePackageDetailRequest())
	if err != nil {
		t.Fatal(err)
	}
	free := slices.IndexFunc(plans.Response.Info, func(i *vendor.PackageDetailItem) bool { return *i.DomainGrade == "DP_FREE" })
	if free < 0 || *plans.Response.Info[free].MinTtl != 600 {
		t.Errorf("plans: %s", plans.ToJsonString())
	}
}

func TestTheClockIsChecked(t *testing.T) {
	for name, test := range map[string]struct {
		skew time.Duration
		want string
	}{
		"four minutes behind": {4 * time.Minute, ""},
		"six minutes behind":  {6 * time.Minute, "AuthFailure.SignatureExpire"},
		"six minutes ahead":   {-6 * time.Minute, "AuthFailure.SignatureExpire"},
	} {
		t.Run(name, func(t *testing.T) {
			c, server := world(t)
			c.Change(func(s *cloud.Settings) { s.ClockSkew = test.skew })
			_, err := alice(t, server).CreateRecord(createTXT("example.com", "a", "b"))
			if got := code(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheRateLimitOfAnAccount(t *testing.T) {
	c, server := world(t)
	c.PutAccount(cloud.Account{Owner: "alice", QPS: 0.001, Burst: 1, Keys: []cloud.Key{{ID: secretID, Secret: secretKey}}})
	var got []string
	for i := range 2 {
		_, err := alice(t, server).CreateRecord(createTXT("example.com", "a", fmt.Sprint(i)))
		got = append(got, code(err))
	}
	c.Change(func(s *cloud.Settings) { s.ThrottleCode = "RequestLimitExceeded.UinLimitExceeded" })
	_, err := alice(t, server).CreateRecord(createTXT("example.com", "a", "2"))
	got = append(got, code(err))
	if diff := cmp.Diff([]string{"", "RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVendorClientMayUseGET(t *testing.T) {
	_, server := world(t)
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme, p.HttpProfile.ReqMethod = strings.TrimPrefix(server.URL, "http://"), "HTTP", "GET"
	client, err := vendor.NewClient(common.NewCredential(secretID, secretKey), "", p)
	if err != nil {
		t.Fatal(err)
	}
	r := vendor.NewDescribeDomainRequest()
	r.Domain, r.DomainId = new("ignored.example"), new(uint64(2))
	if got, err := client.DescribeDomain(r); err != nil || *got.Response.DomainInfo.Domain != "例子.com" {
		t.Errorf("%v, %v", got, err)
	}
}
