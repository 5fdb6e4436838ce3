package dnspod

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// errNoRecords is an empty list.
func errNoRecords() error {
	return refuse("ResourceNotFound.NoDataOfRecord", "The record list is empty.", "记录列表为空。")
}

func (a *api) describeRecordList(owner string, f fields) (body, error) {
	emptyIsError, err := a.errorOnEmpty(f)
	if err != nil {
		return nil, err
	}
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	match, err := a.listFilter(f)
	if err != nil {
		return nil, err
	}
	return a.recordPage(owner, zone, f, emptyIsError, match)
}

// errorOnEmpty reads the parameter of this name, which not every site knows.
func (a *api) errorOnEmpty(f fields) (bool, error) {
	value, err := f.text("ErrorOnEmpty")
	if err != nil {
		return false, err
	}
	switch support := a.cloud.Settings().ErrorOnEmpty; {
	case support == cloud.Rejected && value != "":
		return false, unknownParameter("ErrorOnEmpty")
	case support == cloud.Supported:
		return value != "no", nil
	}
	return true, nil
}

// listFilter is DescribeRecordList's: the name exact, the rest exact too, but for the keyword.
func (a *api) listFilter(f fields) (func(cloud.Record) bool, error) {
	var errs [6]error
	var sub, alias, kind, lineName, lineID, keyword string
	alias, errs[0] = f.text("Subdomain")
	sub, errs[1] = f.text("SubDomain")
	kind, errs[2] = f.text("RecordType")
	lineName, errs[3] = f.text("RecordLine")
	lineID, errs[4] = f.text("RecordLineId")
	keyword, errs[5] = f.text("Keyword")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if sub == "" {
		sub = alias // the newer spelling wins where both are given
	}
	if lineName != "" || lineID != "" {
		chosen, err := a.lineOf(lineName, lineID)
		if err != nil {
			return nil, err
		}
		lineID = chosen.id
	}
	return func(r cloud.Record) bool {
		return (sub == "" || cloud.ASCII(r.RR) == cloud.ASCII(sub)) && exactly(kind, r.Type) && exactly(lineID, a.lineFor(r).id) && hasKeyword(keyword, r)
	}, nil
}

func exactly(word, text string) bool { return word == "" || strings.EqualFold(word, text) }

func contains(word, text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(word))
}

func hasKeyword(word string, r cloud.Record) bool {
	return contains(word, r.RR) || contains(word, r.Value)
}

func (a *api) describeRecordFilterList(owner string, f fields) (body, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	var errs [7]error
	var exact bool
	var sub, value, remark, keyword string
	var kinds, lineNames []string
	exact, errs[0] = f.flag("IsExactSubDomain")
	sub, errs[1] = f.text("SubDomain")
	value, errs[2] = f.text("RecordValue")
	remark, errs[3] = f.text("Remark")
	keyword, errs[4] = f.text("Keyword")
	kinds, errs[5] = f.texts("RecordType")
	lineNames, errs[6] = f.texts("RecordLine")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return a.recordPage(owner, zone, f, true, func(r cloud.Record) bool {
		named := contains(sub, r.RR)
		if exact {
			named = exactly(sub, r.RR)
		}
		return named && contains(value, r.Value) && contains(remark, r.Remark) && hasKeyword(keyword, r) &&
			(len(kinds) == 0 || slices.Contains(kinds, r.Type)) && (len(lineNames) == 0 || slices.Contains(lineNames, a.lineFor(r).name))
	})
}

// window reads Offset and Limit.
func window(f fields, standard int) (offset, limit int, err error) {
	from, _, err := f.number("Offset")
	if err != nil {
		return 0, 0, refuse("InvalidParameter.OffsetInvalid", "The pagination offset is incorrect.", "分页起始数量错误。")
	}
	length, given, err := f.number("Limit")
	if err != nil || length > maxLimit {
		return 0, 0, refuse("InvalidParameterValue.LimitInvalid", "The pagination length is incorrect.", "分页长度数量错误。")
	}
	if !given || length == 0 {
		length = uint64(standard)
	}
	return int(min(from, 1<<31)), int(length), nil
}

func cut[E any](list []E, offset, limit int) []E {
	from := min(offset, len(list))
	return list[from:min(from+limit, len(list))]
}

// recordPage answers with the records that match, from Offset on.
func (a *api) recordPage(owner string, zone cloud.Zone, f fields, emptyIsError bool, match func(cloud.Record) bool) (body, error) {
	offset, limit, err := window(f, recordPage)
	if err != nil {
		return nil, err
	}
	list, err := a.cloud.List(owner, zone.Name)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(r cloud.Record) bool { return !match(r) })
	page := cut(list, offset, limit)
	if len(page) == 0 && emptyIsError {
		return nil, errNoRecords()
	}
	names := map[string]bool{}
	for _, r := range list {
		names[r.RR] = true
	}
	records := []body{}
	for _, r := range page {
		records = append(records, a.listed(r))
	}
	count := body{"SubdomainCount": len(names), "ListCount": len(page), "TotalCount": len(list)}
	return body{"RecordCountInfo": count, "RecordList": records}, nil
}

func (a *api) listed(r cloud.Record) body {
	status := "ENABLE"
	if r.Disabled {
		status = "DISABLE"
	}
	l := a.lineFor(r)
	return body{
		"RecordId": r.ID, "Name": r.RR, "Type": r.Type, "Value": a.shown(r), "Line": l.name, "LineId": l.id, "TTL": r.TTL, "MX": r.Priority,
		"Status": status, "MonitorStatus": "", "Remark": r.Remark, "Weight": nil, "DefaultNS": false, "UpdatedOn": r.Created.Format(time.DateTime),
	}
}
