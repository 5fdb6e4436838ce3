package cloud

import (
	"slices"
	"strings"
	"time"
)

// Served lists the names, in A-labels and without a trailing dot, of the zones that the DNS answers for: those that are
// neither paused nor banned.
func (c *Cloud) Served() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []string
	for name, same := range c.zones {
		if slices.ContainsFunc(same, (*zone).served) {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

// Serves says whether the DNS answers for the zone, and with which NS records; none means the simulator's own name servers.
func (c *Cloud) Serves(zoneName string) (nameServers []string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.zones[zoneName], (*zone).served)
	if i < 0 {
		return nil, false
	}
	return slices.Clone(c.zones[zoneName][i].NameServers), true
}

func (z *zone) served() bool { return z.Status == ZoneEnabled || z.Status == ZoneLocked }

// Lookup returns the records that the zone had at a name at a time. The name is relative to the zone, in A-labels, and
// "@" for the zone itself. It also says whether the name exists at all: it does when it or a name below it has a record.
func (c *Cloud) Lookup(zoneName, rr string, at time.Time) (records []Record, exists bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, z := range c.zones[zoneName] {
		if !z.served() {
			continue
		}
		for _, v := range z.names[rr] {
			if v.at(at) && !v.Disabled {
				records = append(records, v.Record)
			}
		}
		exists = exists || z.hasBelow(rr, at)
	}
	return records, exists || len(records) > 0
}

func (z *zone) hasBelow(rr string, at time.Time) bool {
	if rr == "@" {
		return true
	}
	for name, versions := range z.names {
		if !strings.HasSuffix(name, "."+rr) {
			continue
		}
		if slices.ContainsFunc(versions, func(v *version) bool { return v.at(at) && !v.Disabled }) {
			return true
		}
	}
	return false
}
