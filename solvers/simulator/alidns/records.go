package alidns

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	maxTTL       = 86400
	maxPage      = 1_000_000
	recordPage   = 500
	standardPage = 20
	maxTXT       = 512
	freeDepth    = 5
	paidDepth    = 20
)

func lines() []string {
	return []string{
		defaultLine, "telecom", "unicom", "mobile", "oversea", "edu", "drpeng", "btvn", "internal", "search", "google", "baidu", "bing",
	}
}

// newRecord reads and checks the content of a record that is to be written.
func newRecord(params parameters, edition string) (cloud.Record, error) {
	rr, errRR := params.need("RR")
	kind, errType := params.need("Type")
	value, errValue := params.need("Value")
	if err := errors.Join(errRR, errType, errValue); err != nil {
		return cloud.Record{}, err
	}
	value = strings.TrimRight(strings.ReplaceAll(value, `"`, ""), " ")
	r := cloud.Record{RR: rr, Type: "TXT", Value: value, Line: cmp.Or(params["Line"], defaultLine)}
	switch {
	case kind != "TXT":
		return r, invalid("Type")
	case !slices.Contains(lines(), r.Line):
		return r, invalid("Line")
	case !cloud.ValidRR(rr) || strings.Count(rr, ".") >= depth(edition):
		return r, invalid("RR")
	case value == "" || len(value) > maxTXT:
		return r, bad("SubDomainInvalid.Value", "The DNS record is invalid or in the wrong format.")
	}
	if text := params["TTL"]; text != "" {
		ttl, err := strconv.Atoi(text)
		if err != nil || ttl <= 0 || ttl > maxTTL {
			return r, cloud.ErrTTL
		}
		r.TTL = ttl
	}
	return r, nil
}

// depth is how many labels an RR may have in an edition.
func depth(edition string) int {
	if edition == "" || edition == freeEdition {
		return freeDepth
	}
	return paidDepth
}

func (a *api) addDomainRecord(owner string, params parameters) (cloud.Body, error) {
	name, err := zoneName(params)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, name)
	if err != nil {
		return nil, err
	}
	r, err := newRecord(params, zone.Edition)
	if err != nil {
		return nil, err
	}
	created, err := a.cloud.Create(owner, name, r)
	if err != nil {
		return nil, err
	}
	return cloud.Body{"RecordId": recordID(created)}, nil
}

// deleteDomainRecord finds the record by its id alone. One that is not a number is no record's id.
func (a *api) deleteDomainRecord(owner string, params parameters) (cloud.Body, error) {
	text, err := params.need("RecordId")
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil, cloud.ErrNoRecord
	}
	if err := a.cloud.Delete(owner, id); err != nil {
		return nil, err
	}
	return cloud.Body{"RecordId": text}, nil
}

// describeDomainRecords searches without a SearchMode: types exactly, values by a part of them.
func (a *api) describeDomainRecords(owner string, params parameters) (cloud.Body, error) {
	name, err := zoneName(params)
	if err != nil {
		return nil, err
	}
	all, err := a.cloud.List(owner, name)
	if err != nil {
		return nil, err
	}
	matching := slices.DeleteFunc(all, func(r cloud.Record) bool {
		return !isType(params["Type"], r) || !isType(params["TypeKeyWord"], r) ||
			!strings.Contains(strings.ToLower(r.Value), strings.ToLower(params["ValueKeyWord"]))
	})
	list, content, err := page(params, recordPage, matching)
	if err != nil {
		return nil, err
	}
	records := []cloud.Body{}
	for _, r := range list {
		records = append(records, cloud.Body{
			"DomainName": r.Zone, "RecordId": recordID(r), "RR": r.RR, "Type": r.Type, "Value": r.Value, "Line": r.Line, "TTL": r.TTL,
			"Status": status(r), "Locked": r.Locked, "Weight": 1,
		})
	}
	content["DomainRecords"] = cloud.Body{"Record": records}
	return content, nil
}

func status(r cloud.Record) string {
	if r.Disabled {
		return "DISABLE"
	}
	return "ENABLE"
}

// isType says whether a record is of a type; an empty one is any.
func isType(word string, r cloud.Record) bool { return word == "" || strings.EqualFold(word, r.Type) }

// page is one page of a list, and the part of the answer that says which.
func page[E any](params parameters, largest int, list []E) ([]E, cloud.Body, error) {
	number, errNumber := params.number("PageNumber", 1, maxPage)
	size, errSize := params.number("PageSize", standardPage, largest)
	if err := errors.Join(errNumber, errSize); err != nil {
		return nil, nil, err
	}
	return cloud.Page(list, (number-1)*size, size), cloud.Body{"TotalCount": len(list), "PageNumber": number, "PageSize": size}, nil
}

func recordID(r cloud.Record) string { return strconv.FormatUint(r.ID, 10) }
