package dnspod

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

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

// lineOf finds the line by id, which wins, or by name. The international site knows both names, the Chinese one only its own.
func (a *api) lineOf(name, id string) (line, error) {
	international := a.cloud.Settings().International
	for _, l := range lines() {
		byName := id == "" && (name == l.name || international && name == l.international)
		if id == l.id || byName {
			return l, nil
		}
	}
	return line{}, refuse("InvalidParameter.RecordLineInvalid", "The record line is incorrect.", "记录线路不正确。")
}

func recordTypes() []string {
	return []string{"A", "AAAA", "CNAME", "TXT", "MX", "NS", "SRV", "CAA", "HTTPS", "SPF", "显性URL", "隐性URL"}
}

// zoneOf finds the account's zone that DomainId, or else Domain, names.
func (a *api) zoneOf(owner string, f fields) (cloud.Zone, error) {
	name, err := f.need("Domain")
	if err != nil {
		return cloud.Zone{}, err
	}
	id, given, err := f.number("DomainId")
	if err != nil {
		return cloud.Zone{}, err
	}
	if given {
		zone, err := a.cloud.ZoneByID(owner, id)
		if errors.Is(err, cloud.ErrNoZone) {
			return zone, refuse("InvalidParameter.DomainIdInvalid", "The domain name ID is incorrect.", "域名编号不正确。")
		}
		return zone, err
	}
	if !strings.Contains(name, ".") || strings.HasSuffix(name, ".") || strings.HasPrefix(name, ".") || strings.ContainsAny(name, " *_") {
		return cloud.Zone{}, refuse("InvalidParameter.DomainInvalid", "The domain name is incorrect. Enter a top-level domain name such as dnspod.cn.", "域名不正确，请输入主域名，如 dnspod.cn。")
	}
	return a.cloud.Zone(owner, name)
}

func (a *api) createTXTRecord(owner string, f fields) (body, error) {
	f["RecordType"] = []byte(`"TXT"`)
	return a.createRecord(owner, f)
}

func (a *api) createRecord(owner string, f fields) (body, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	r, err := a.record(f)
	if err != nil {
		return nil, err
	}
	created, err := a.cloud.Create(owner, zone.Name, r)
	if err != nil {
		return nil, err
	}
	return body{"RecordId": created.ID}, nil
}

// record reads and checks the content of a record that is to be written.
func (a *api) record(f fields) (cloud.Record, error) {
	var r cloud.Record
	var errs [6]error
	var lineName, lineID, status string
	r.Type, errs[0] = f.need("RecordType")
	lineName, errs[1] = f.need("RecordLine")
	r.Value, errs[2] = f.need("Value")
	r.RR, errs[3] = f.text("SubDomain")
	lineID, errs[4] = f.text("RecordLineId")
	status, errs[5] = f.text("Status")
	if err := errors.Join(errs[:]...); err != nil {
		return r, err
	}
	chosen, err := a.lineOf(lineName, lineID)
	if err != nil {
		return r, err
	}
	r.Line, r.Type, r.Disabled = chosen.id, strings.ToUpper(r.Type), status == "DISABLE"
	if err := valid(&r); err != nil {
		return r, err
	}
	if r.TTL, err = a.ttl(f); err != nil {
		return r, err
	}
	r.Remark, err = f.text("Remark")
	return r, err
}

// ttl is the TTL of the record, zero where none is given.
func (a *api) ttl(f fields) (int, error) {
	ttl, given, err := f.number("TTL")
	switch {
	case err != nil || !given:
		return 0, err
	case ttl == 0:
		return 0, a.ttlTooLow()
	case ttl > maxTTL:
		return 0, refuse("InvalidParameterValue", "The value of TTL must be from 1 to 604800.", "TTL 取值范围为 1-604800。")
	}
	return int(ttl), nil
}

func valid(r *cloud.Record) error {
	if r.RR == "" {
		r.RR = "@"
	}
	switch {
	case !slices.Contains(recordTypes(), r.Type):
		return refuse("InvalidParameter.RecordTypeInvalid", "The record type is incorrect.", "记录类型不正确。")
	case !validRR(r.RR):
		return refuse("InvalidParameter.SubdomainInvalid", "The subdomain is incorrect.", "子域名不正确。")
	case r.Type == "TXT" && len(r.Value) > maxTXT:
		return refuse("InvalidParameter.RecordValueLengthInvalid", "The record value is too long.", "解析记录值过长。")
	case !validValue(r.Type, r.Value):
		return refuse("InvalidParameter.RecordValueInvalid", "The record value is incorrect.", "记录的值不正确。")
	}
	return nil
}

func validRR(rr string) bool {
	if rr == "@" {
		return true
	}
	for i, label := range strings.Split(cloud.ASCII(rr), ".") {
		if label == "*" && i == 0 {
			continue
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, func(c rune) bool { return !validRune(c) }) {
			return false
		}
	}
	return len(rr) <= 253
}

func validRune(c rune) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

func validValue(kind, value string) bool {
	if kind != "A" && kind != "AAAA" {
		return true
	}
	address, err := netip.ParseAddr(value)
	return err == nil && address.Is4() == (kind == "A")
}

// recordOf finds the record that RecordId names in the zone.
func (a *api) recordOf(owner string, f fields) (cloud.Record, cloud.Zone, error) {
	zone, err := a.zoneOf(owner, f)
	if err != nil {
		return cloud.Record{}, zone, err
	}
	id, given, err := f.number("RecordId")
	if err != nil {
		return cloud.Record{}, zone, err
	}
	if !given {
		return cloud.Record{}, zone, missing("RecordId")
	}
	r, err := a.cloud.Record(owner, id)
	if err == nil && cloud.ASCII(r.Zone) != cloud.ASCII(zone.Name) {
		err = cloud.ErrNoRecord
	}
	return r, zone, err
}

func (a *api) deleteRecord(owner string, f fields) (body, error) {
	r, _, err := a.recordOf(owner, f)
	if err != nil {
		return nil, err
	}
	if _, err := a.cloud.Delete(owner, r.ID); err != nil {
		return nil, err
	}
	return body{}, nil
}

func (a *api) describeRecord(owner string, f fields) (body, error) {
	r, zone, err := a.recordOf(owner, f)
	if err != nil {
		return nil, err
	}
	enabled := 1
	if r.Disabled {
		enabled = 0
	}
	l := a.lineFor(r)
	return body{"RecordInfo": body{
		"Id": r.ID, "SubDomain": r.RR, "RecordType": r.Type, "RecordLine": l.name, "RecordLineId": l.id, "Value": a.shown(r), "TTL": r.TTL,
		"MX": r.Priority, "Enabled": enabled, "MonitorStatus": "", "Remark": r.Remark, "UpdatedOn": r.Created.Format(time.DateTime), "DomainId": zone.ID,
	}}, nil
}

// lineFor is the line of a record, which holds its id. An unknown one is the default line.
func (a *api) lineFor(r cloud.Record) line {
	found := lines()[0]
	for _, l := range lines() {
		if r.Line == l.id {
			found = l
		}
	}
	if a.cloud.Settings().International {
		found.name = found.international
	}
	return found
}

func (a *api) shown(r cloud.Record) string {
	if r.Type == "TXT" && a.cloud.Settings().QuoteTXT {
		return `"` + r.Value + `"`
	}
	return r.Value
}
