// Package dnspod edits TXT records in Tencent Cloud DNSPod, through the API 3.0 of 2021-03-23
// (https://cloud.tencent.com/document/api/1427/56193). The older token API (dnsapi.cn) is not spoken.
package dnspod

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
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

// maxPages ends the paging of a list that never does.
const maxPages = 1000

// Options say where the API is.
type Options struct {
	// Endpoint is the API's address. The zero value is the public one, over https.
	Endpoint provider.Endpoint
	// Transport carries the calls. It must not be nil.
	Transport *provider.Transport
}

// Cloud is DNSPod. It is made once and used concurrently.
type Cloud struct {
	endpoint  provider.Endpoint
	transport *provider.Transport
}

// New returns the cloud at an endpoint. It calls nobody.
func New(opts Options) *Cloud {
	endpoint := opts.Endpoint
	if endpoint == (provider.Endpoint{}) {
		endpoint = provider.Endpoint{Scheme: "https", Host: defaultHost}
	}
	return &Cloud{endpoint: endpoint, transport: opts.Transport}
}

// Account returns the account that the keys belong to. It holds no state and costs nothing.
func (c *Cloud) Account(keys credential.Keys) provider.Provider {
	return &account{cloud: c, keys: keys}
}

type account struct {
	cloud *Cloud
	keys  credential.Keys
}

// Zones implements provider.Provider with DescribeDomainList (https://cloud.tencent.com/document/api/1427/56172), which
// lists the zones that are shared with the account too.
func (a *account) Zones(ctx context.Context) ([]string, error) {
	var zones []string
	err := a.paged(func(offset int) (int, uint64, error) {
		request := api.NewDescribeDomainListRequest()
		request.Offset, request.Limit = new(int64(offset)), new(int64(page))
		list, total, err := a.zonePage(ctx, request)
		for _, domain := range list {
			if zone, ok := canonicalZone(domain); ok {
				zones = append(zones, zone)
			}
		}
		return len(list), total, err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

func (a *account) zonePage(ctx context.Context, request *api.DescribeDomainListRequest) ([]*api.DomainListItem, uint64, error) {
	var list *api.DescribeDomainListResponseParams
	err := a.call(ctx, question{action: "DescribeDomainList"}, func(client *api.Client) (bool, error) {
		response, err := client.DescribeDomainListWithContext(ctx, request)
		if err != nil {
			return false, err
		}
		list = response.Response
		return list != nil && (list.DomainCountInfo != nil || len(list.DomainList) > 0), nil
	})
	if codeOf(err) == "ResourceNotFound.NoDataOfDomain" {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	total := uint64(unknownTotal)
	if count := list.DomainCountInfo; count != nil {
		total = value(count.DomainTotal)
		if count.DomainTotal == nil {
			total = value(count.AllTotal)
		}
	}
	return list.DomainList, total, nil
}

func canonicalZone(domain *api.DomainListItem) (string, bool) {
	if domain == nil {
		return "", false
	}
	for _, name := range []string{value(domain.Name), value(domain.Punycode)} {
		if zone, err := dnsname.Parse(name); err == nil {
			return zone, true
		}
	}
	return "", false
}

// unknownTotal makes a list without a total be read to its last page.
const unknownTotal = math.MaxUint64

// paged reads a list page by page, until as many entries as the total were seen.
func (a *account) paged(read func(offset int) (entries int, total uint64, err error)) error {
	offset := 0
	for range maxPages {
		entries, total, err := read(offset)
		if err != nil {
			return err
		}
		offset += entries
		if entries == 0 || uint64(offset) >= total || total == unknownTotal && entries < page {
			return nil
		}
	}
	return &fault.Error{Kind: fault.Transient, Reason: "a list of " + a.cloud.endpoint.Host + " does not end"}
}

// AddTXT implements provider.Provider with CreateRecord (https://cloud.tencent.com/document/api/1427/56180). The
// international site does not document CreateTXTRecord.
func (a *account) AddTXT(ctx context.Context, r provider.TXT) (provider.RecordID, error) {
	q := question{action: "CreateRecord", zone: r.Zone, line: r.Line, lineID: r.LineID, ttl: r.TTL}
	var id *uint64
	err := inZone(r.Zone, func(domain string) error {
		request := newRecord(domain, r)
		return a.call(ctx, q, func(client *api.Client) (bool, error) {
			response, err := client.CreateRecordWithContext(ctx, request)
			if err != nil || response.Response == nil {
				return false, err
			}
			id = response.Response.RecordId
			return id != nil, nil
		})
	})
	switch {
	case codeOf(err) == "InvalidParameter.DomainRecordExist":
		return "", nil
	case errors.Is(err, errTTL):
		return "", a.explainTTL(ctx, r, err)
	case err != nil:
		return "", err
	}
	return recordID(*id), nil
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
// whose search for a name is exact. A record may be missing from the list for half a minute after it was created.
func (a *account) FindTXT(ctx context.Context, r provider.TXT) ([]provider.RecordID, error) {
	var ids []provider.RecordID
	err := inZone(r.Zone, func(domain string) error {
		ids = nil
		return a.paged(func(offset int) (int, uint64, error) {
			request := api.NewDescribeRecordListRequest()
			request.Domain, request.Subdomain, request.RecordType = &domain, &r.RR, new("TXT")
			request.Offset, request.Limit = new(uint64(offset)), new(uint64(page))
			list, total, err := a.recordPage(ctx, r.Zone, request)
			for _, record := range list {
				if record != nil && record.RecordId != nil && r.Is(value(record.Name), value(record.Type), value(record.Value)) {
					ids = append(ids, recordID(*record.RecordId))
				}
			}
			return len(list), total, err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// recordPage reads one page. An empty list is an error of the API unless ErrorOnEmpty says otherwise, which not every
// site knows, so the error is expected.
func (a *account) recordPage(
	ctx context.Context, zone string, request *api.DescribeRecordListRequest,
) ([]*api.RecordListItem, uint64, error) {
	var list *api.DescribeRecordListResponseParams
	err := a.call(ctx, question{action: "DescribeRecordList", zone: zone}, func(client *api.Client) (bool, error) {
		response, err := client.DescribeRecordListWithContext(ctx, request)
		if err != nil {
			return false, err
		}
		list = response.Response
		return list != nil && (list.RecordCountInfo != nil || len(list.RecordList) > 0), nil
	})
	if codeOf(err) == "ResourceNotFound.NoDataOfRecord" {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	total := uint64(unknownTotal)
	if count := list.RecordCountInfo; count != nil && count.TotalCount != nil {
		total = *count.TotalCount
	}
	return list.RecordList, total, nil
}

// Delete implements provider.Provider with DeleteRecord (https://cloud.tencent.com/document/api/1427/56176).
func (a *account) Delete(ctx context.Context, zone string, id provider.RecordID) error {
	number, err := strconv.ParseUint(string(id), 10, 64)
	if err != nil {
		return &fault.Error{Kind: fault.Misconfigured, Reason: "the record id is none of DNSPod's"}
	}
	err = inZone(zone, func(domain string) error {
		request := api.NewDeleteRecordRequest()
		request.Domain, request.RecordId = &domain, &number
		return a.call(ctx, question{action: "DeleteRecord", zone: zone}, func(client *api.Client) (bool, error) {
			response, err := client.DeleteRecordWithContext(ctx, request)
			if err != nil || response.Response == nil {
				return false, err
			}
			return value(response.Response.RequestId) != "", nil
		})
	})
	switch codeOf(err) {
	case "InvalidParameter.RecordIdInvalid", "ResourceNotFound.NoDataOfRecord":
		return nil
	}
	return err
}

// recordID is exact for ids above 2^53 too.
func recordID(id uint64) provider.RecordID {
	return provider.RecordID(strconv.FormatUint(id, 10))
}

// inZone does something with a zone by the name that the API lists it by, which is the Unicode one, and, when the API
// does not know that, by the other.
func inZone(zone string, do func(domain string) error) error {
	listed := dnsname.Unicode(zone)
	err := do(listed)
	if listed == zone || !fault.Is(err, fault.ZoneNotFound) {
		return err
	}
	return do(zone)
}

// value is what a pointer of the SDK points to; the API leaves fields out.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// client makes a client for one call, which costs nothing once it is given a transport.
func (a *account) client(exchange *provider.Exchange) (*api.Client, error) {
	settings := profile.NewClientProfile()
	settings.HttpProfile.Scheme = a.cloud.endpoint.Scheme
	settings.HttpProfile.Endpoint = a.cloud.endpoint.Host
	// No timeout but the context's and the transport's, and no other endpoint than the one that the operator chose.
	settings.HttpProfile.ReqTimeout = 0
	settings.DisableRegionBreaker = true
	settings.NetworkFailureMaxRetries, settings.RateLimitExceededMaxRetries = 0, 0
	settings.Language = "en-US"
	client, err := api.NewClient(common.NewTokenCredential(a.keys.ID, a.keys.Secret, a.keys.Token), "", settings)
	if err != nil {
		return nil, err
	}
	client.WithHttpTransport(exchange)
	return client, nil
}
