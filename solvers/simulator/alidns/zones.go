package alidns

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const zonePage = 100

func (a *api) describeDomains(owner string, q query) (body, error) {
	number, errNumber := q.number("PageNumber", 1, maxPage)
	size, errSize := q.number("PageSize", standardPage, zonePage)
	if err := errors.Join(errNumber, errSize); err != nil {
		return nil, err
	}
	matches := like
	switch strings.ToUpper(q.params["SearchMode"]) {
	case "", "LIKE":
	case "EXACT":
		matches = exactly
	default:
		return nil, bad("InvalidParameter", "The parameter value SearchMode is invalid.")
	}
	word := strings.TrimSuffix(q.params["KeyWord"], ".")
	list := slices.DeleteFunc(a.cloud.Zones(owner), func(z cloud.Zone) bool {
		byPunycode := !a.cloud.Settings().RefusePunycode && matches(word, cloud.ASCII(z.Name))
		return !matches(word, z.Name) && !byPunycode
	})
	zones := []body{}
	for _, z := range cut(list, number, size) {
		zones = append(zones, a.describeZone(z))
	}
	return body{"TotalCount": len(list), "PageNumber": number, "PageSize": size, "Domains": body{"Domain": zones}}, nil
}

func (a *api) describeZone(z cloud.Zone) body {
	servers := z.NameServers
	if len(servers) == 0 {
		servers = []string{"dns1.hichina.com", "dns2.hichina.com"}
	}
	code := z.Edition
	if code == "" {
		code = "mianfei"
	}
	return body{
		"DomainName": z.Name, "PunyCode": cloud.ASCII(z.Name), "DomainId": zoneID(z), "VersionCode": code, "VersionName": code,
		"AliDomain": true, "RecordCount": a.cloud.RecordCount(z.Owner, z.Name), "DnsServers": body{"DnsServer": servers},
	}
}

func (a *api) describeDomainInfo(owner string, q query) (body, error) {
	name, err := zoneName(q)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, name)
	if err != nil {
		return nil, err
	}
	content := a.describeZone(zone)
	content["InBlackHole"], content["InClean"], content["LineType"] = false, zone.Status == cloud.ZoneSpam, "region_isp"
	if q.params["NeedDetailAttributes"] != "true" {
		return content, nil
	}
	recordLines := []body{}
	for _, line := range lines() {
		recordLines = append(recordLines, body{"LineCode": line, "LineName": line, "LineDisplayName": line})
	}
	content["MinTtl"] = zone.MinTTL
	content["AvailableTtls"] = body{"AvailableTtl": availableTTLs(zone.MinTTL)}
	content["RecordLines"] = body{"RecordLine": recordLines}
	return content, nil
}

// availableTTLs are the TTLs that the console offers from the minimum on.
func availableTTLs(lowest int) []string {
	list := []string{}
	for _, ttl := range []int{1, 5, 10, 60, 120, 600, 1800, 3600, 43200, 86400} {
		if ttl >= lowest {
			list = append(list, strconv.Itoa(ttl))
		}
	}
	return list
}

// zoneID looks like the vendor's: a hexadecimal text.
func zoneID(z cloud.Zone) string { return fmt.Sprintf("%032x", z.ID) }
