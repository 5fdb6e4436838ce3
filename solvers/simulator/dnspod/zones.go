package dnspod

import (
	"cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const freePlan = "DP_FREE"

// zoneOf finds the account's zone that Domain names.
func (a *api) zoneOf(owner string, f fields) (cloud.Zone, error) {
	name, err := f.need("Domain")
	if err != nil {
		return cloud.Zone{}, err
	}
	if !cloud.ValidZone(name) {
		return cloud.Zone{}, refuse("InvalidParameter.DomainInvalid", "The domain name is incorrect.")
	}
	return a.cloud.Zone(owner, name)
}

// describeDomainList lists paused and banned zones too. An empty list is an error.
func (a *api) describeDomainList(owner string, f fields) (cloud.Body, error) {
	offset, limit, err := window(f, maxLimit)
	if err != nil {
		return nil, err
	}
	all := a.cloud.Zones(owner)
	page := cloud.Page(all, offset, limit)
	if len(page) == 0 {
		return nil, refuse("ResourceNotFound.NoDataOfDomain", "There are no domain names. Please add one first.")
	}
	zones := []cloud.Body{}
	for _, z := range page {
		zones = append(zones, cloud.Body{"Name": z.Name, "Punycode": cloud.ASCII(z.Name), "Grade": planOf(z), "Owner": z.Owner})
	}
	return cloud.Body{"DomainCountInfo": cloud.Body{"DomainTotal": len(all), "AllTotal": len(all)}, "DomainList": zones}, nil
}

func (a *api) describeDomain(owner string, f fields) (cloud.Body, error) {
	z, err := a.zoneOf(owner, f)
	if err != nil {
		return nil, err
	}
	return cloud.Body{"DomainInfo": cloud.Body{"Domain": z.Name, "Punycode": cloud.ASCII(z.Name), "Grade": planOf(z)}}, nil
}

func planOf(z cloud.Zone) string { return cmp.Or(z.Edition, freePlan) }

// describePackageDetail tells the lowest TTL of each plan.
func (a *api) describePackageDetail(string, fields) (cloud.Body, error) {
	info := []cloud.Body{}
	for _, plan := range a.cloud.Editions() {
		info = append(info, cloud.Body{"DomainGrade": plan, "MinTtl": a.cloud.MinTTL(plan)})
	}
	return cloud.Body{"Info": info}, nil
}
