// Package alidns edits TXT records in Alibaba Cloud DNS, through the API of 2015-01-09
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-overview).
package alidns

import (
	"context"
	"slices"
	"strings"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/wire"
)

// defaultHost serves all regions and both sites
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-endpoint).
const defaultHost = "alidns.aliyuncs.com"

// defaultLine is what the API calls the line of everybody
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-adddomainrecord).
const defaultLine = "default"

// The longest pages that the API sends
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomains,
// https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomainrecords).
const (
	zonePage   = 100
	recordPage = 500
)

// Cloud is Alibaba Cloud DNS. It is made once and used concurrently.
type Cloud struct{ api wire.API }

// New returns the cloud. The zero value of the API's endpoint is the public one, over https. It calls nobody.
func New(api wire.API) *Cloud { return &Cloud{api: api.Or(defaultHost)} }

// SerialWrites says that a change to a zone is refused while another is under way (LastOperationNotFinished,
// https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-adddomainrecord).
const SerialWrites = true

// Account returns the account that the keys belong to, whose requests keep to a pace, if there is one. The region may be empty: the API
// has one host for all, and the region changes nothing but a parameter. An account holds no state and costs nothing.
func (c *Cloud) Account(keys credential.Keys, region string, pace wire.Pace) provider.Provider {
	return &account{caller{api: c.api, keys: keys, region: region, pace: pace, refused: refused}}
}

type account struct{ caller }

// Zones implements provider.Provider with DescribeDomains
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomains).
func (a *account) Zones(ctx context.Context) ([]string, error) {
	var zones []string
	err := provider.Pages(a.api.Endpoint.Host, func(page int, _ int64) (int, int64, error) {
		request, response := api.CreateDescribeDomainsRequest(), api.CreateDescribeDomainsResponse()
		request.PageSize, request.PageNumber = requests.NewInteger(zonePage), requests.NewInteger(page)
		response.TotalCount = unset
		err := a.call(ctx, wire.Question{Action: "DescribeDomains"}, request, response, func() bool { return response.TotalCount != unset })
		for _, domain := range response.Domains.Domain {
			if zone, ok := provider.ZoneName(domain.DomainName, domain.PunyCode); ok {
				zones = append(zones, zone)
			}
		}
		return len(response.Domains.Domain), response.TotalCount, err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(zones)
	return slices.Compact(zones), nil
}

// unset is a total that no answer has, so that a document without one is not taken for an empty list.
const unset = -1

// AddTXT implements provider.Provider with AddDomainRecord
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-adddomainrecord).
func (a *account) AddTXT(ctx context.Context, r provider.TXT) (provider.RecordID, error) {
	line := r.Line
	if line == "" {
		line = defaultLine
	}
	id, err := provider.Adding{
		Duplicate: "DomainRecordDuplicate",
		Add:       func() (provider.RecordID, error) { return a.add(ctx, r, line) },
		Disabled:  func() ([]provider.RecordID, error) { return a.listed(ctx, r, isDisabled) },
		Remove:    func(id provider.RecordID) (bool, error) { return a.Delete(ctx, r.Zone, id) },
	}.Do()
	if err != nil {
		return "", provider.ExplainTTL(err, r.Zone, r.TTL, edition, func() (int64, error) { return a.minimumTTL(ctx, r.Zone) })
	}
	return id, nil
}

func (a *account) add(ctx context.Context, r provider.TXT, line string) (provider.RecordID, error) {
	q := wire.Question{Action: "AddDomainRecord", Zone: r.Zone, Line: line, TTL: r.TTL}
	response := api.CreateAddDomainRecordResponse()
	var err error
	for names := provider.NamesOf(r.Zone); names.Next(err); {
		request := api.CreateAddDomainRecordRequest()
		request.DomainName, request.RR, request.Type, request.Value = names.Name, r.RR, "TXT", r.Value
		request.Line, request.TTL = line, requests.NewInteger(r.TTL)
		err = a.call(ctx, q, request, response, func() bool { return response.RecordId != "" })
	}
	return provider.RecordID(response.RecordId), err
}

// FindTXT implements provider.Provider with DescribeDomainRecords
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomainrecords).
//
// Without a SearchMode the API takes Type exactly and ValueKeyWord as a part of the value, which keeps the list short. It
// is no more than that: what is ours is decided here. Lists are not searched by name, because their search for names is
// fuzzy too, and a list by sub-domain shows 100 records at most.
func (a *account) FindTXT(ctx context.Context, r provider.TXT) ([]provider.RecordID, error) {
	return a.listed(ctx, r, func(api.Record) bool { return true })
}

// isDisabled knows a record that is paused, which the DNS does not show
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-setdomainrecordstatus).
func isDisabled(record api.Record) bool { return strings.EqualFold(record.Status, "DISABLE") }

// listed are the ids of those of the records that equal r which are wanted.
func (a *account) listed(ctx context.Context, r provider.TXT, wanted func(api.Record) bool) ([]provider.RecordID, error) {
	var ids []provider.RecordID
	q := wire.Question{Action: "DescribeDomainRecords", Zone: r.Zone}
	var err error
	for names := provider.NamesOf(r.Zone); names.Next(err); {
		ids = nil
		err = provider.Pages(a.api.Endpoint.Host, func(page int, _ int64) (int, int64, error) {
			request, response := api.CreateDescribeDomainRecordsRequest(), api.CreateDescribeDomainRecordsResponse()
			request.DomainName, request.ValueKeyWord, request.Type, request.TypeKeyWord = names.Name, r.Value, "TXT", "TXT"
			request.PageSize, request.PageNumber = requests.NewInteger(recordPage), requests.NewInteger(page)
			response.TotalCount = unset
			err := a.call(ctx, q, request, response, func() bool { return response.TotalCount != unset })
			for _, record := range response.DomainRecords.Record {
				if r.Is(record.RR, record.Type, record.Value) && wanted(record) {
					ids = append(ids, provider.RecordID(record.RecordId))
				}
			}
			return len(response.DomainRecords.Record), response.TotalCount, err
		})
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Delete implements provider.Provider with DeleteDomainRecord
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-deletedomainrecord). Whether the record is gone or another
// account's, the API says the same: that it does not belong to the user.
func (a *account) Delete(ctx context.Context, zone string, id provider.RecordID) (was bool, err error) {
	request, response := api.CreateDeleteDomainRecordRequest(), api.CreateDeleteDomainRecordResponse()
	request.RecordId = string(id)
	err = a.call(ctx, wire.Question{Action: "DeleteDomainRecord", Zone: zone}, request, response, func() bool {
		return response.RequestId != "" || response.RecordId != ""
	})
	if fault.CodeOf(err) == "DomainRecordNotBelongToUser" {
		return false, nil
	}
	return err == nil, err
}
