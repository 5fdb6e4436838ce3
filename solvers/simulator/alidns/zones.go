package alidns

import (
	"cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const zonePage = 100

func (a *api) describeDomains(owner string, params parameters) (cloud.Body, error) {
	list, content, err := page(params, zonePage, a.cloud.Zones(owner))
	if err != nil {
		return nil, err
	}
	zones := []cloud.Body{}
	for _, z := range list {
		zones = append(zones, describeZone(z))
	}
	content["Domains"] = cloud.Body{"Domain": zones}
	return content, nil
}

func describeZone(z cloud.Zone) cloud.Body {
	return cloud.Body{
		"DomainName": z.Name, "PunyCode": cloud.ASCII(z.Name), "AliDomain": true, "VersionCode": cmp.Or(z.Edition, freeEdition),
	}
}

func (a *api) describeDomainInfo(owner string, params parameters) (cloud.Body, error) {
	name, err := zoneName(params)
	if err != nil {
		return nil, err
	}
	zone, err := a.cloud.Zone(owner, name)
	if err != nil {
		return nil, err
	}
	content := describeZone(zone)
	if params["NeedDetailAttributes"] == "true" {
		content["MinTtl"] = a.cloud.MinTTL(zone.Edition)
	}
	return content, nil
}

// zoneName reads and checks a DomainName.
func zoneName(params parameters) (string, error) {
	name, err := params.need("DomainName")
	if err != nil {
		return "", err
	}
	if !cloud.ValidZone(name) {
		return "", bad("InvalidDomainName.Format", "The specified domain name is invalid. Check the spelling.")
	}
	return name, nil
}
