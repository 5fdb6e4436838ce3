// Package alidns edits TXT records in Alibaba Cloud DNS, through the API of 2015-01-09
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-overview).
package alidns

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

	// Before the SDK is initialised.
	_ "github.com/certyun/certyun/solvers/alidns/internal/quiet"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
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

// maxPages ends the paging of a list that never does.
const maxPages = 1000

// sdkTimeout is longer than any call. The context and the transport bound one; the SDK's own default of 10 seconds would
// count the wait for the account's rate limit, too.
const sdkTimeout = time.Hour

// Options say where the API is.
type Options struct {
	// Endpoint is the API's address. The zero value is the public one, over https.
	Endpoint provider.Endpoint
	// Transport carries the calls. It must not be nil.
	Transport *provider.Transport
}

// Cloud is Alibaba Cloud DNS. It is made once and used concurrently.
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

// Account returns the account that the keys belong to. The region may be empty: the API has one host for all, and the
// region changes nothing but a parameter. An account holds no state and costs nothing.
func (c *Cloud) Account(keys credential.Keys, region string) provider.Provider {
	return &account{cloud: c, keys: keys, region: region}
}

type account struct {
	cloud  *Cloud
	keys   credential.Keys
	region string
}

// Zones implements provider.Provider with DescribeDomains
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomains).
func (a *account) Zones(ctx context.Context) ([]string, error) {
	var zones []string
	err := a.paged(func(page int) (int, int64, error) {
		request, response := api.CreateDescribeDomainsRequest(), api.CreateDescribeDomainsResponse()
		request.PageSize, request.PageNumber = requests.NewInteger(zonePage), requests.NewInteger(page)
		response.TotalCount = unset
		err := a.call(ctx, question{action: "DescribeDomains"}, request, response, func() bool { return response.TotalCount != unset })
		for _, domain := range response.Domains.Domain {
			if zone, ok := canonicalZone(domain); ok {
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

func canonicalZone(domain api.DomainInDescribeDomains) (string, bool) {
	for _, name := range []string{domain.DomainName, domain.PunyCode} {
		if zone, err := dnsname.Parse(name); err == nil {
			return zone, true
		}
	}
	return "", false
}

// paged reads a list page by page, until as many entries as the total were seen.
func (a *account) paged(read func(page int) (entries int, total int64, err error)) error {
	var seen int64
	for page := 1; page <= maxPages; page++ {
		entries, total, err := read(page)
		if err != nil {
			return err
		}
		seen += int64(entries)
		if entries == 0 || seen >= total {
			return nil
		}
	}
	return &fault.Error{Kind: fault.Transient, Reason: "a list of " + a.cloud.endpoint.Host + " does not end"}
}

// AddTXT implements provider.Provider with AddDomainRecord
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-adddomainrecord).
func (a *account) AddTXT(ctx context.Context, r provider.TXT) (provider.RecordID, error) {
	line := r.Line
	if line == "" {
		line = defaultLine
	}
	q := question{action: "AddDomainRecord", zone: r.Zone, line: line, ttl: r.TTL}
	response := api.CreateAddDomainRecordResponse()
	err := inZone(r.Zone, func(domain string) error {
		request := api.CreateAddDomainRecordRequest()
		request.DomainName, request.RR, request.Type, request.Value = domain, r.RR, "TXT", r.Value
		request.Line, request.TTL = line, requests.NewInteger(r.TTL)
		return a.call(ctx, q, request, response, func() bool { return response.RecordId != "" })
	})
	switch {
	case codeOf(err) == "DomainRecordDuplicate":
		return "", nil
	case errors.Is(err, errTTL):
		return "", a.explainTTL(ctx, r, err)
	case err != nil:
		return "", err
	}
	return provider.RecordID(response.RecordId), nil
}

// FindTXT implements provider.Provider with DescribeDomainRecords
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomainrecords).
//
// Without a SearchMode the API takes Type exactly and ValueKeyWord as a part of the value, which keeps the list short. It
// is no more than that: what is ours is decided here. Lists are not searched by name, because their search for names is
// fuzzy too, and a list by sub-domain shows 100 records at most.
func (a *account) FindTXT(ctx context.Context, r provider.TXT) ([]provider.RecordID, error) {
	var ids []provider.RecordID
	q := question{action: "DescribeDomainRecords", zone: r.Zone}
	err := inZone(r.Zone, func(domain string) error {
		ids = nil
		return a.paged(func(page int) (int, int64, error) {
			request, response := api.CreateDescribeDomainRecordsRequest(), api.CreateDescribeDomainRecordsResponse()
			request.DomainName, request.ValueKeyWord, request.Type, request.TypeKeyWord = domain, r.Value, "TXT", "TXT"
			request.PageSize, request.PageNumber = requests.NewInteger(recordPage), requests.NewInteger(page)
			response.TotalCount = unset
			err := a.call(ctx, q, request, response, func() bool { return response.TotalCount != unset })
			for _, record := range response.DomainRecords.Record {
				if r.Is(record.RR, record.Type, record.Value) {
					ids = append(ids, provider.RecordID(record.RecordId))
				}
			}
			return len(response.DomainRecords.Record), response.TotalCount, err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Delete implements provider.Provider with DeleteDomainRecord
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-deletedomainrecord). Whether the record is gone or another
// account's, the API says the same: that it does not belong to the user.
func (a *account) Delete(ctx context.Context, zone string, id provider.RecordID) error {
	request, response := api.CreateDeleteDomainRecordRequest(), api.CreateDeleteDomainRecordResponse()
	request.RecordId = string(id)
	err := a.call(ctx, question{action: "DeleteDomainRecord", zone: zone}, request, response, func() bool {
		return response.RequestId != "" || response.RecordId != ""
	})
	if codeOf(err) == "DomainRecordNotBelongToUser" {
		return nil
	}
	return err
}

// inZone does something with a zone by the name that the API lists it by, which is the Unicode one. The API's documents
// do not say whether it knows the other form, so that is tried when it does not know the first.
func inZone(zone string, do func(domain string) error) error {
	listed := dnsname.Unicode(zone)
	err := do(listed)
	if listed == zone || !fault.Is(err, fault.ZoneNotFound) {
		return err
	}
	return do(zone)
}

// client makes a client for one call. A client is not safe for concurrent use, and costs nothing once it is given a
// transport. It is not made by the constructors of the SDK's package alidns, which write a global variable.
func (a *account) client(exchange *provider.Exchange) (*api.Client, error) {
	config := sdk.NewConfig().WithScheme(a.cloud.endpoint.Scheme).WithAutoRetry(false)
	config.Transport = exchange
	client := &api.Client{}
	if err := client.InitWithOptions(a.region, config, a.credential()); err != nil {
		return nil, &fault.Error{
			Kind:   fault.Misconfigured,
			Reason: "the region has characters that no region id has",
			Remedy: "set config.regionId to an id such as cn-hangzhou, or leave it out",
		}
	}
	client.Domain = a.cloud.endpoint.Host
	client.SetReadTimeout(sdkTimeout)
	// Proxies are the transport's business. These settings keep the SDK from reading the environment's, where it takes
	// NO_PROXY for regular expressions and fails the call if one is none.
	client.SetHttpProxy("http://proxy.invalid")
	client.SetHttpsProxy("http://proxy.invalid")
	client.SetNoProxy("^$")
	// A trace would hold the signed URL.
	client.SetCloseTrace(true)
	return client, nil
}

func (a *account) credential() auth.Credential {
	if a.keys.Token != "" {
		return credentials.NewStsTokenCredential(a.keys.ID, a.keys.Secret, a.keys.Token)
	}
	return credentials.NewAccessKeyCredential(a.keys.ID, a.keys.Secret)
}
