package dnspod

import (
	"errors"
	"slices"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func (a *api) describeDomainList(owner string, f fields) (body, error) {
	offset, limit, err := window(f, maxLimit)
	if err != nil {
		return nil, err
	}
	keyword, errKeyword := f.text("Keyword")
	kind, errKind := f.text("Type")
	if err := errors.Join(errKeyword, errKind); err != nil {
		return nil, err
	}
	all := a.cloud.Zones(owner)
	list := slices.DeleteFunc(slices.Clone(all), func(z cloud.Zone) bool {
		return !ofKind(z, kind) || !contains(keyword, z.Name) && !contains(keyword, cloud.ASCII(z.Name))
	})
	page := cut(list, offset, limit)
	if len(page) == 0 {
		return nil, refuse("ResourceNotFound.NoDataOfDomain", "There are no domain names. Please add one first.", "没有任何域名，请先添加域名。")
	}
	zones := []body{}
	for _, z := range page {
		zones = append(zones, a.listedZone(z))
	}
	count := body{
		"DomainTotal": len(list), "AllTotal": len(all), "MineTotal": len(all), "ShareTotal": 0, "VipTotal": 0, "PauseTotal": counted(all, "PAUSE"),
		"ErrorTotal": 0, "LockTotal": counted(all, "LOCK"), "SpamTotal": counted(all, "SPAM"), "VipExpire": 0, "ShareOutTotal": 0, "GroupTotal": 0,
	}
	return body{"DomainCountInfo": count, "DomainList": zones}, nil
}

// ofKind says whether a zone belongs to the list of a Type.
func ofKind(z cloud.Zone, kind string) bool {
	switch kind {
	case "", "ALL", "MINE":
		return true
	case "PAUSE", "LOCK", "SPAM":
		return counted([]cloud.Zone{z}, kind) == 1
	}
	return false
}

func counted(zones []cloud.Zone, kind string) int {
	status := map[string]cloud.ZoneStatus{"PAUSE": cloud.ZonePaused, "LOCK": cloud.ZoneLocked, "SPAM": cloud.ZoneSpam}[kind]
	n := 0
	for _, z := range zones {
		if z.Status == status {
			n++
		}
	}
	return n
}

// statusOf is the Status of a zone; a locked one counts as enabled.
func statusOf(z cloud.Zone) string {
	switch z.Status {
	case cloud.ZonePaused:
		return "PAUSE"
	case cloud.ZoneSpam:
		return "SPAM"
	default:
		return "ENABLE"
	}
}

func gradeOf(z cloud.Zone) string {
	if z.Edition == "" {
		return "DP_FREE"
	}
	return z.Edition
}

func nameServers(z cloud.Zone) []string {
	if len(z.NameServers) > 0 {
		return z.NameServers
	}
	return []string{"f1g1ns1.dnspod.net", "f1g1ns2.dnspod.net"}
}

func (a *api) listedZone(z cloud.Zone) body {
	return body{
		"DomainId": z.ID, "Name": z.Name, "Punycode": cloud.ASCII(z.Name), "Status": statusOf(z), "DNSStatus": "", "Grade": gradeOf(z), "GradeTitle": gradeOf(z),
		"GroupId": 1, "TTL": cloud.DefaultTTL, "RecordCount": a.cloud.RecordCount(z.Owner, z.Name), "Owner": z.Owner, "EffectiveDNS": nameServers(z), "IsVip": "NO",
	}
}

func (a *api) describeDomain(owner string, f fields) (body, error) {
	z, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	return body{"DomainInfo": body{
		"DomainId": z.ID, "Domain": z.Name, "Punycode": cloud.ASCII(z.Name), "Status": statusOf(z), "DnsStatus": "", "Grade": gradeOf(z), "GradeTitle": gradeOf(z),
		"GroupId": 1, "TTL": cloud.DefaultTTL, "RecordCount": a.cloud.RecordCount(z.Owner, z.Name), "Owner": z.Owner, "DnspodNsList": nameServers(z),
		"ActualNsList": nameServers(z), "IsVip": "NO", "IsSubDomain": false, "UserId": 1, "Uin": "100000000001",
	}}, nil
}

// describePackageDetail tells the lowest TTL of each edition.
func (a *api) describePackageDetail(string, fields) (body, error) {
	info := []body{}
	for _, grade := range a.cloud.Editions() {
		info = append(info, body{
			"DomainGrade": grade, "DomainGradeCn": grade, "MinTtl": a.cloud.MinTTL(grade), "RecordRoll": 2, "SubDomainLevel": 5, "MaxWildcard": 3,
			"RealPrice": 0, "ChangedTimes": 0, "GradeLevel": 1, "DnsServerRegion": "", "Ns": []string{"f1g1ns1.dnspod.net", "f1g1ns2.dnspod.net"},
		})
	}
	return body{"Info": info, "LevelMap": a.cloud.Editions()}, nil
}
