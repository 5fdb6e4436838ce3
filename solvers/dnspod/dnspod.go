// Package dnspod edits TXT records in Tencent Cloud DNSPod, through the API 3.0 of 2021-03-23
// (https://cloud.tencent.com/document/api/1427/56193). The older token API (dnsapi.cn) is not spoken.
package dnspod

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/wire"
)

// defaultHost serves all regions; the international site has another
// (https://cloud.tencent.com/document/api/1427/56187).
const defaultHost = "dnspod.tencentcloudapi.com"

// The line of everybody. Its id is the same on all sites; its name, which the API wants as well, is not, and the id wins
// (https://cloud.tencent.com/document/api/1427/56180).
const (
	defaultLine   = "默认"
	defaultLineID = "0"
)

// page is the longest page of zones and of records that the API sends
// (https://cloud.tencent.com/document/api/1427/56172, https://cloud.tencent.com/document/api/1427/56166).
const page = 3000

// ListLag is how long a new record may be missing from lists (note on https://cloud.tencent.com/document/api/1427/56166).
const ListLag = 30 * time.Second

// Cloud is DNSPod. It is made once and used concurrently.
type Cloud struct{ api wire.API }

// New returns the cloud. The zero value of the API's endpoint is the public one, over https. It calls nobody.
func New(api wire.API) *Cloud { return &Cloud{api: api.Or(defaultHost)} }

// Account returns the account that the keys belong to, whose requests keep to a pace, if there is one. It holds no state and costs
// nothing.
func (c *Cloud) Account(keys credential.Keys, pace wire.Pace) provider.Provider {
	return &account{caller{api: c.api, keys: keys, pace: pace, refused: func(q wire.Question, code string, status int) error {
		return refused(q, keys.ID, code, status)
	}}}
}

type account struct{ caller }

// Zones implements provider.Provider with DescribeDomainList (https://cloud.tencent.com/document/api/1427/56172), which
// lists the zones that are shared with the account too.
func (a *account) Zones(ctx context.Context) ([]string, error) {
	var zones []string
	err := provider.Pages(a.api.Endpoint.Host, func(_ int, seen int64) (int, int64, error) {
		request, response := api.NewDescribeDomainListRequest(), api.NewDescribeDomainListResponse()
		request.Offset, request.Limit = new(seen), new(int64(page))
		err := a.call(ctx, wire.Question{Action: "DescribeDomainList"}, request, response, func() bool {
			return response.Response != nil && (response.Response.DomainCountInfo != nil || len(response.Response.DomainList) > 0)
		})
		if err != nil {
			return 0, 0, unlessEmpty(err, "ResourceNotFound.NoDataOfDomain")
		}
		list := response.Response.DomainList
		for _, domain := range list {
			if domain == nil {
				continue
			}
			if zone, ok := provider.ZoneName(value(domain.Name), value(domain.Punycode)); ok {
				zones = append(zones, zone)
			}
		}
		total := (*uint64)(nil)
		if count := response.Response.DomainCountInfo; count != nil {
			total = cmp.Or(count.DomainTotal, count.AllTotal, new(uint64))
		}
		return len(list), totalOf(total, len(list)), nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// unlessEmpty is nil for the code with which the API says that a list is empty.
func unlessEmpty(err error, code string) error {
	if fault.CodeOf(err) == code {
		return nil
	}
	return err
}

// totalOf is what a list has in all. One that does not say it is read to its last page, which is the first that is not full.
func totalOf(total *uint64, entries int) int64 {
	switch {
	case total != nil:
		return int64(min(*total, math.MaxInt64))
	case entries < page:
		return 0
	}
	return math.MaxInt64
}

// AddTXT implements provider.Provider with CreateRecord (https://cloud.tencent.com/document/api/1427/56180). The
// international site does not document CreateTXTRecord.
func (a *account) AddTXT(ctx context.Context, r provider.TXT) (provider.RecordID, error) {
	id, err := provider.Adding{
		Duplicate: "InvalidParameter.DomainRecordExist",
		Add:       func() (provider.RecordID, error) { return a.add(ctx, r) },
		Disabled:  func() ([]provider.RecordID, error) { return a.found(ctx, r, isDisabled) },
		Remove:    func(id provider.RecordID) (bool, error) { return a.Delete(ctx, r.Zone, id) },
	}.Do()
	if err != nil {
		return "", provider.ExplainTTL(err, r.Zone, r.TTL, edition, func() (int64, error) { return a.minimumTTL(ctx, r.Zone) })
	}
	return id, nil
}

func (a *account) add(ctx context.Context, r provider.TXT) (provider.RecordID, error) {
	q := wire.Question{Action: "CreateRecord", Zone: r.Zone, Line: lineOf(r), TTL: r.TTL}
	response := api.NewCreateRecordResponse()
	var err error
	for names := provider.NamesOf(r.Zone); names.Next(err); {
		err = a.call(ctx, q, newRecord(names.Name, r), response, func() bool {
			return response.Response != nil && response.Response.RecordId != nil
		})
	}
	if err != nil {
		return "", err
	}
	return recordID(*response.Response.RecordId), nil
}

func newRecord(domain string, r provider.TXT) *api.CreateRecordRequest {
	request := api.NewCreateRecordRequest()
	request.Domain, request.SubDomain = &domain, &r.RR
	request.RecordType, request.Value = new("TXT"), &r.Value
	request.TTL = new(uint64(max(r.TTL, 0)))
	request.RecordLine, request.RecordLineId = new(defaultLine), new(defaultLineID)
	if r.Line != "" {
		request.RecordLine, request.RecordLineId = &r.Line, nil
	}
	if r.LineID != "" {
		request.RecordLineId = &r.LineID
	}
	return request
}

// FindTXT implements provider.Provider with DescribeRecordList (https://cloud.tencent.com/document/api/1427/56166),
// whose search for a name is exact. A list may be half a minute behind, so each record is looked at by its id as well, and one whose id
// is known is found without a list. Where the policy does not allow that look, the list decides.
func (a *account) FindTXT(ctx context.Context, r provider.TXT) ([]provider.RecordID, error) {
	if r.Known != "" {
		if is, err := a.is(ctx, r, r.Known); is || unsettled(err) {
			return []provider.RecordID{r.Known}, err
		}
	}
	return a.found(ctx, r, func(*api.RecordListItem) bool { return true })
}

// isDisabled knows a record that is paused, which the DNS does not show (https://cloud.tencent.com/document/api/1427/56166).
func isDisabled(record *api.RecordListItem) bool {
	return strings.EqualFold(value(record.Status), "DISABLE")
}

// found are the ids of those of the records that are listed as r which are wanted, and still are r.
func (a *account) found(ctx context.Context, r provider.TXT, wanted func(*api.RecordListItem) bool) ([]provider.RecordID, error) {
	ids, err := a.listed(ctx, r, wanted)
	if err != nil {
		return nil, err
	}
	var found []provider.RecordID
	for _, id := range ids {
		is, err := a.is(ctx, r, id)
		if unsettled(err) {
			return nil, err
		}
		if is || err != nil {
			found = append(found, id)
		}
	}
	return found, nil
}

// unsettled tells whether another look may bring what this one did not.
func unsettled(err error) bool {
	_, retryable := fault.Retryable(err)
	return retryable || fault.Is(err, fault.ZoneNotFound)
}

// listed are the ids of those of the records that are listed as r which are wanted.
//
// An empty list is an error of the API unless ErrorOnEmpty says otherwise, which not every site knows, so the error is expected.
func (a *account) listed(ctx context.Context, r provider.TXT, wanted func(*api.RecordListItem) bool) ([]provider.RecordID, error) {
	var ids []provider.RecordID
	q := wire.Question{Action: "DescribeRecordList", Zone: r.Zone}
	var err error
	for names := provider.NamesOf(r.Zone); names.Next(err); {
		ids = nil
		err = provider.Pages(a.api.Endpoint.Host, func(_ int, seen int64) (int, int64, error) {
			request, response := api.NewDescribeRecordListRequest(), api.NewDescribeRecordListResponse()
			request.Domain, request.Subdomain, request.RecordType = &names.Name, &r.RR, new("TXT")
			request.Offset, request.Limit = new(uint64(seen)), new(uint64(page))
			err := a.call(ctx, q, request, response, func() bool {
				return response.Response != nil && (response.Response.RecordCountInfo != nil || len(response.Response.RecordList) > 0)
			})
			if err != nil {
				return 0, 0, unlessEmpty(err, "ResourceNotFound.NoDataOfRecord")
			}
			list := response.Response.RecordList
			for _, record := range list {
				if record == nil || record.RecordId == nil || !wanted(record) {
					continue
				}
				if r.Is(value(record.Name), value(record.Type), value(record.Value)) {
					ids = append(ids, recordID(*record.RecordId))
				}
			}
			total := (*uint64)(nil)
			if count := response.Response.RecordCountInfo; count != nil {
				total = count.TotalCount
			}
			return len(list), totalOf(total, len(list)), nil
		})
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// is tells with DescribeRecord (https://cloud.tencent.com/document/api/1427/56168) whether the record with the id is r.
func (a *account) is(ctx context.Context, r provider.TXT, id provider.RecordID) (is bool, err error) {
	number, err := numberOf(id)
	if err != nil {
		return false, err
	}
	for names := provider.NamesOf(r.Zone); names.Next(err); {
		request, response := api.NewDescribeRecordRequest(), api.NewDescribeRecordResponse()
		request.Domain, request.RecordId = &names.Name, &number
		err = a.call(ctx, wire.Question{Action: "DescribeRecord", Zone: r.Zone}, request, response, func() bool {
			return response.Response != nil && response.Response.RecordInfo != nil
		})
		if err == nil {
			record := response.Response.RecordInfo
			is = r.Is(value(record.SubDomain), value(record.RecordType), value(record.Value))
		}
	}
	if noSuchRecord(err) {
		return false, nil
	}
	return is, err
}

// Delete implements provider.Provider with DeleteRecord (https://cloud.tencent.com/document/api/1427/56176).
func (a *account) Delete(ctx context.Context, zone string, id provider.RecordID) (was bool, err error) {
	number, err := numberOf(id)
	if err != nil {
		return false, err
	}
	for names := provider.NamesOf(zone); names.Next(err); {
		request, response := api.NewDeleteRecordRequest(), api.NewDeleteRecordResponse()
		request.Domain, request.RecordId = &names.Name, &number
		err = a.call(ctx, wire.Question{Action: "DeleteRecord", Zone: zone}, request, response, func() bool {
			return response.Response != nil && value(response.Response.RequestId) != ""
		})
	}
	if noSuchRecord(err) {
		return false, nil
	}
	return err == nil, err
}

func noSuchRecord(err error) bool {
	code := fault.CodeOf(err)
	return code == "InvalidParameter.RecordIdInvalid" || code == "ResourceNotFound.NoDataOfRecord"
}

func numberOf(id provider.RecordID) (uint64, error) {
	number, err := strconv.ParseUint(string(id), 10, 64)
	if err != nil {
		return 0, &fault.Error{Kind: fault.Misconfigured, Reason: "the record id is none of DNSPod's"}
	}
	return number, nil
}

// recordID is exact for ids above 2^53 too.
func recordID(id uint64) provider.RecordID {
	return provider.RecordID(strconv.FormatUint(id, 10))
}

// value is what a pointer of the SDK points to; the API leaves fields out.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
