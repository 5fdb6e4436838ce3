package dnspod

import (
	"errors"
	"slices"
	"strings"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	maxTTL     = 604800
	maxLimit   = 3000
	recordPage = 100
	maxTXT     = 2048
)

// line is a group of users that see a record.
type line struct{ id, name, international string }

// lines of the free plan; the first is the default one.
func lines() []line {
	return []line{
		{"0", "默认", "Default"},
		{"10=1", "电信", "China Telecom"},
		{"10=0", "联通", "China Unicom"},
		{"10=3", "移动", "China Mobile"},
		{"10=2", "教育网", "CERNET"},
		{"7=0", "境内", "Chinese mainland"},
		{"3=0", "境外", "Outside the Chinese mainland"},
	}
}

// lineOf finds the id of a line by id, which wins, or by name. The international site knows both names, the Chinese one only
// its own.
func (a *api) lineOf(name, id string) (string, error) {
	international := a.cloud.Settings().International
	for _, l := range lines() {
		byName := id == "" && (name == l.name || international && name == l.international)
		if id == l.id || byName {
			return l.id, nil
		}
	}
	return "", refuse("InvalidParameter.RecordLineInvalid", "The record line is incorrect.")
}

func (a *api) createRecord(owner string, f fields) (cloud.Body, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	r, err := a.newRecord(f)
	if err != nil {
		return nil, err
	}
	created, err := a.cloud.Create(owner, zone.Name, r)
	if err != nil {
		return nil, err
	}
	return cloud.Body{"RecordId": created.ID}, nil
}

// newRecord reads and checks the content of a record that is to be written.
func (a *api) newRecord(f fields) (cloud.Record, error) {
	kind, errType := f.need("RecordType")
	lineName, errLine := f.need("RecordLine")
	value, errValue := f.need("Value")
	rr, errRR := f.need("SubDomain")
	lineID, errLineID := f.text("RecordLineId")
	if err := errors.Join(errType, errLine, errValue, errRR, errLineID); err != nil {
		return cloud.Record{}, err
	}
	line, err := a.lineOf(lineName, lineID)
	r := cloud.Record{RR: rr, Type: "TXT", Value: value, Line: line}
	switch {
	case err != nil:
		return r, err
	case kind != "TXT":
		return r, refuse("InvalidParameter.RecordTypeInvalid", "The record type is incorrect.")
	case !cloud.ValidRR(rr):
		return r, refuse("InvalidParameter.SubdomainInvalid", "The subdomain is incorrect.")
	case len(value) > maxTXT:
		return r, refuse("InvalidParameter.RecordValueLengthInvalid", "The record value is too long.")
	}
	r.TTL, err = ttl(f)
	return r, err
}

// ttl is the TTL of the record, zero where none is given.
func ttl(f fields) (int, error) {
	ttl, given, err := f.number("TTL")
	switch {
	case err != nil || !given:
		return 0, err
	case ttl == 0:
		return 0, cloud.ErrTTL
	case ttl > maxTTL:
		return 0, refuse("InvalidParameterValue", "The value of TTL must be from 1 to 604800.")
	}
	return int(ttl), nil
}

// recordOf finds the record by its id, in the zone that is named.
func (a *api) recordOf(owner string, f fields) (cloud.Record, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return cloud.Record{}, err
	}
	id, given, err := f.number("RecordId")
	if err != nil {
		return cloud.Record{}, err
	}
	if !given {
		return cloud.Record{}, missing("RecordId")
	}
	r, err := a.cloud.Record(owner, id)
	if err == nil && r.Zone != zone.Name {
		err = cloud.ErrNoRecord
	}
	return r, err
}

func (a *api) deleteRecord(owner string, f fields) (cloud.Body, error) {
	r, err := a.recordOf(owner, f)
	if err != nil {
		return nil, err
	}
	return cloud.Body{}, a.cloud.Delete(owner, r.ID)
}

func (a *api) describeRecord(owner string, f fields) (cloud.Body, error) {
	r, err := a.recordOf(owner, f)
	if err != nil {
		return nil, err
	}
	return cloud.Body{"RecordInfo": cloud.Body{
		"Id": r.ID, "SubDomain": r.RR, "RecordType": r.Type, "Value": r.Value, "RecordLineId": r.Line, "TTL": r.TTL,
		"Enabled": enabled(r),
	}}, nil
}

// enabled and status are the two ways in which the API says whether the DNS serves a record.
func enabled(r cloud.Record) int {
	if r.Disabled {
		return 0
	}
	return 1
}

func status(r cloud.Record) string {
	if r.Disabled {
		return "DISABLE"
	}
	return "ENABLE"
}

// describeRecordList searches by exact name and type. An empty list is an error.
func (a *api) describeRecordList(owner string, f fields) (cloud.Body, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	sub, errSub := f.text("Subdomain")
	kind, errKind := f.text("RecordType")
	offset, limit, errWindow := window(f, recordPage)
	if err := errors.Join(errSub, errKind, errWindow); err != nil {
		return nil, err
	}
	all, err := a.cloud.List(owner, zone.Name)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(all, func(r cloud.Record) bool {
		return sub != "" && cloud.ASCII(r.RR) != cloud.ASCII(sub) || kind != "" && !strings.EqualFold(r.Type, kind)
	})
	page := cloud.Page(list, offset, limit)
	if len(page) == 0 {
		return nil, refuse("ResourceNotFound.NoDataOfRecord", "The record list is empty.")
	}
	records := []cloud.Body{}
	for _, r := range page {
		records = append(records, cloud.Body{
			"RecordId": r.ID, "Name": r.RR, "Type": r.Type, "Value": r.Value, "LineId": r.Line, "TTL": r.TTL, "Status": status(r),
		})
	}
	return cloud.Body{"RecordCountInfo": cloud.Body{"ListCount": len(page), "TotalCount": len(list)}, "RecordList": records}, nil
}

// window reads Offset and Limit.
func window(f fields, standard uint64) (offset, limit int, err error) {
	from, _, err := f.number("Offset")
	if err != nil {
		return 0, 0, refuse("InvalidParameter.OffsetInvalid", "The pagination offset is incorrect.")
	}
	length, given, err := f.number("Limit")
	if err != nil || length > maxLimit {
		return 0, 0, refuse("InvalidParameterValue.LimitInvalid", "The pagination length is incorrect.")
	}
	if !given || length == 0 {
		length = standard
	}
	return int(min(from, 1<<31)), int(length), nil
}
