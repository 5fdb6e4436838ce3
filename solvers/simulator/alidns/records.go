package alidns

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	maxTTL       = 86400
	maxPage      = 1_000_000
	recordPage   = 500
	subPage      = 100 // the lower of the two limits that the vendor's documents name
	standardPage = 20
	maxTXT       = 512
	freeDepth    = 5
	paidDepth    = 20
)

func recordTypes() []string {
	return []string{"A", "AAAA", "CNAME", "TXT", "MX", "NS", "SRV", "CAA", "REDIRECT_URL", "FORWARD_URL"}
}

func lines() []string {
	return []string{defaultLine, "telecom", "unicom", "mobile", "oversea", "edu", "drpeng", "btvn", "internal", "search", "google", "baidu", "bing"}
}

// zoneName reads and checks a DomainName.
func zoneName(q query) (string, error) {
	name, err := q.need("DomainName")
	if err != nil {
		return "", err
	}
	if !strings.Contains(name, ".") || strings.HasSuffix(name, ".") || strings.HasPrefix(name, ".") || strings.ContainsAny(name, " *\t\n") {
		return "", bad("InvalidDomainName.Format", "The specified domain name is invalid. Check the spelling.")
	}
	return name, nil
}

// record reads and checks the content of a record that is to be written.
func (a *api) record(q query, edition string) (cloud.Record, error) {
	var r cloud.Record
	var errRR, errType, errValue error
	r.RR, errRR = q.need("RR")
	r.Type, errType = q.need("Type")
	r.Value, errValue = q.need("Value")
	if err := errors.Join(errRR, errType, errValue); err != nil {
		return r, err
	}
	r.Type = strings.ToUpper(r.Type)
	r.Line = q.params["Line"]
	if r.Line == "" {
		r.Line = defaultLine
	}
	switch {
	case !slices.Contains(recordTypes(), r.Type):
		return r, bad("InvalidParameter", "The parameter value Type is invalid.")
	case !slices.Contains(lines(), r.Line):
		return r, bad("InvalidParameter", "The parameter value Line is invalid.")
	case !validRR(r.RR, edition):
		return r, bad("InvalidParameter", "The parameter value RR is invalid.")
	}
	if r.Type == "TXT" {
		r.Value = strings.TrimRight(strings.ReplaceAll(r.Value, `"`, ""), " ")
	}
	if !validValue(r.Type, r.Value) {
		return r, bad("SubDomainInvalid.Value", "The DNS record is invalid or in the wrong format.")
	}
	if text := q.params["TTL"]; text != "" {
		ttl, err := strconv.Atoi(text)
		if err != nil || ttl <= 0 || ttl > maxTTL {
			return r, a.invalidTTL()
		}
		r.TTL = ttl
	}
	priority, err := q.number("Priority", 0, 50)
	r.Priority = priority
	return r, err
}

// validRR accepts letters, digits, "-", "_" and Chinese characters in as many labels as the edition allows.
func validRR(rr, edition string) bool {
	if rr == "@" {
		return true
	}
	labels := strings.Split(rr, ".")
	depth := paidDepth
	if edition == "" || edition == "mianfei" {
		depth = freeDepth
	}
	if len(labels) > depth || len(rr) > 253 {
		return false
	}
	for i, label := range labels {
		if label == "*" && i == 0 {
			continue
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool { return !validRune(c) }) {
			return false
		}
	}
	return true
}

func validRune(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		return true
	}
	return unicode.Is(unicode.Han, c)
}

func validValue(kind, value string) bool {
	switch kind {
	case "A", "AAAA":
		address, err := netip.ParseAddr(value)
		return err == nil && address.Is4() == (kind == "A")
	case "TXT":
		return value != "" && len(value) <= maxTXT
	}
	return true
}

func (a *api) addDomainRecord(owner string, q query) (body, error) {
	name, err := zoneName(q)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, name)
	if err != nil {
		return nil, err
	}
	r, err := a.record(q, zone.Edition)
	if err != nil {
		return nil, err
	}
	created, err := a.cloud.Create(owner, name, r)
	if err != nil {
		return nil, err
	}
	return body{"RecordId": recordID(created)}, nil
}

func (a *api) updateDomainRecord(owner string, q query) (body, error) {
	old, err := a.recordByID(owner, q)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, old.Zone)
	if err != nil {
		return nil, err
	}
	r, err := a.record(q, zone.Edition)
	if err != nil {
		return nil, err
	}
	r.ID = old.ID
	if _, err := a.cloud.Update(owner, r); err != nil {
		return nil, err
	}
	return body{"RecordId": recordID(old)}, nil
}

func (a *api) deleteDomainRecord(owner string, q query) (body, error) {
	r, err := a.recordByID(owner, q)
	if err != nil {
		return nil, err
	}
	if _, err := a.cloud.Delete(owner, r.ID); err != nil {
		return nil, err
	}
	return body{"RecordId": recordID(r)}, nil
}

// deleteSubDomainRecords deletes all records of a name, and leaves locked ones in place, as the vendor's does.
func (a *api) deleteSubDomainRecords(owner string, q query) (body, error) {
	name, err := zoneName(q)
	if err != nil {
		return nil, err
	}
	rr, err := q.need("RR")
	if err != nil {
		return nil, err
	}
	list, err := a.cloud.List(owner, name)
	if err != nil {
		return nil, err
	}
	deleted := 0
	for _, r := range list {
		if !strings.EqualFold(r.RR, rr) || (q.params["Type"] != "" && !strings.EqualFold(r.Type, q.params["Type"])) {
			continue
		}
		_, err := a.cloud.Delete(owner, r.ID)
		switch {
		case err == nil:
			deleted++
		case !errors.Is(err, cloud.ErrRecordLocked):
			return nil, err
		}
	}
	return body{"RR": rr, "TotalCount": strconv.Itoa(deleted)}, nil
}

func (a *api) describeDomainRecordInfo(owner string, q query) (body, error) {
	r, err := a.recordByID(owner, q)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, r.Zone)
	if err != nil {
		return nil, err
	}
	content := a.describe(r)
	content["PunyCode"] = cloud.ASCII(zone.Name)
	content["DomainId"] = zoneID(zone)
	return content, nil
}

// recordByID finds the record that RecordId names. One that is not a number is no record's id.
func (a *api) recordByID(owner string, q query) (cloud.Record, error) {
	text, err := q.need("RecordId")
	if err != nil {
		return cloud.Record{}, err
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return cloud.Record{}, cloud.ErrNoRecord
	}
	return a.cloud.Record(owner, id)
}

func (a *api) describeDomainRecords(owner string, q query) (body, error) {
	name, err := zoneName(q)
	if err != nil {
		return nil, err
	}
	match, err := searchFor(q)
	if err != nil {
		return nil, err
	}
	list, err := a.cloud.List(owner, name)
	if err != nil {
		return nil, err
	}
	if strings.EqualFold(q.params["Direction"], "ASC") {
		slices.Reverse(list)
	}
	return a.page(q, recordPage, keep(list, match))
}

func (a *api) describeSubDomainRecords(owner string, q query) (body, error) {
	sub, err := q.need("SubDomain")
	if err != nil {
		return nil, err
	}
	if q.params["DomainName"] == "" {
		// Without a zone the service takes the registrable domain, whatever zones the account has.
		registrable, err := publicsuffix.EffectiveTLDPlusOne(cloud.ASCII(sub))
		if err != nil {
			return nil, bad("InvalidDomainName.Format", "The specified domain name is invalid. Check the spelling.")
		}
		q.params["DomainName"] = registrable
	}
	name, err := zoneName(q)
	if err != nil {
		return nil, err
	}
	rr, ok := below(sub, name)
	if !ok {
		return nil, bad("InvalidParameter", "The parameter value SubDomain is invalid.")
	}
	list, err := a.cloud.List(owner, name)
	if err != nil {
		return nil, err
	}
	return a.page(q, subPage, keep(list, func(r cloud.Record) bool {
		return cloud.ASCII(r.RR) == rr && exactly(q.params["Type"], r.Type) && exactly(q.params["Line"], r.Line)
	}))
}

// below is the RR of a name in a zone, both in whatever spelling.
func below(name, zone string) (rr string, ok bool) {
	name, zone = cloud.ASCII(name), cloud.ASCII(zone)
	if name == zone {
		return "@", true
	}
	return strings.CutSuffix(name, "."+zone)
}

func keep(list []cloud.Record, match func(cloud.Record) bool) []cloud.Record {
	return slices.DeleteFunc(list, func(r cloud.Record) bool { return !match(r) })
}

// page answers with one page of the records.
func (a *api) page(q query, largest int, list []cloud.Record) (body, error) {
	number, errNumber := q.number("PageNumber", 1, maxPage)
	size, errSize := q.number("PageSize", standardPage, largest)
	if err := errors.Join(errNumber, errSize); err != nil {
		return nil, err
	}
	records := []body{}
	for _, r := range cut(list, number, size) {
		records = append(records, a.describe(r))
	}
	return body{
		"TotalCount": len(list), "PageNumber": number, "PageSize": size,
		"DomainRecords": body{"Record": records},
	}, nil
}

func cut[E any](list []E, number, size int) []E {
	from := min((number-1)*size, len(list))
	return list[from:min(from+size, len(list))]
}

func (a *api) describe(r cloud.Record) body {
	status := "ENABLE"
	if r.Disabled {
		status = "DISABLE"
	}
	value := r.Value
	if r.Type == "TXT" && a.cloud.Settings().QuoteTXT {
		value = `"` + value + `"`
	}
	content := body{
		"DomainName": r.Zone, "RecordId": recordID(r), "RR": r.RR, "Type": r.Type, "Value": value, "Line": r.Line, "TTL": r.TTL,
		"Status": status, "Locked": r.Locked, "Weight": 1, "CreateTimestamp": r.Created.UnixMilli(), "UpdateTimestamp": r.Created.UnixMilli(),
	}
	if r.Remark != "" {
		content["Remark"] = r.Remark
	}
	if r.Type == "MX" {
		content["Priority"] = r.Priority
	}
	return content
}

func recordID(r cloud.Record) string { return strconv.FormatUint(r.ID, 10) }
