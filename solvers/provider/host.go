package provider

import (
	"errors"
	"fmt"

	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
)

// What the DNS hosts have in common, for those who implement Provider.

// maxPages ends the paging of a list that never does.
const maxPages = 1000

// Pages reads a list of a server page by page, until as many entries as the total were seen, or a page has none. Read is told the
// number of the page, from 1 on, and how many entries were seen before.
func Pages(server string, read func(page int, seen int64) (entries int, total int64, err error)) error {
	var seen int64
	for page := 1; page <= maxPages; page++ {
		entries, total, err := read(page, seen)
		if err != nil {
			return err
		}
		seen += int64(entries)
		if entries == 0 || seen >= total {
			return nil
		}
	}
	return &fault.Error{Kind: fault.Transient, Reason: "a list of " + server + " does not end"}
}

// ZoneName is the canonical name of a zone that a host lists under several names: the first that is one.
func ZoneName(names ...string) (string, bool) {
	for _, name := range names {
		if zone, err := dnsname.Parse(name); err == nil {
			return zone, true
		}
	}
	return "", false
}

// Names are those by which a host may know a zone:
//
//	for names := NamesOf(zone); names.Next(err); {
//		err = … // by names.Name
//	}
//
// The hosts list zones by their Unicode names. Their documents do not say whether they know the other form, so that is tried when they do
// not know the first.
type Names struct {
	// Name is the one to try now.
	Name string

	zone  string
	tried int
}

// NamesOf returns the names of a zone.
func NamesOf(zone string) *Names { return &Names{zone: zone} }

// Next tells whether there is a name to try, after what became of the one before.
func (n *Names) Next(err error) bool {
	n.tried++
	switch {
	case n.tried == 1:
		n.Name = dnsname.Unicode(n.zone)
	case n.tried == 2 && n.Name != n.zone && fault.Is(err, fault.ZoneNotFound):
		n.Name = n.zone
	default:
		return false
	}
	return true
}

// Adding adds a record at a host that refuses one of which there is an equal one.
type Adding struct {
	// Duplicate is the host's code for that.
	Duplicate string
	Add       func() (RecordID, error)
	// Disabled finds the equal records that the DNS does not show, because somebody has paused them, and Remove removes one.
	Disabled func() ([]RecordID, error)
	Remove   func(RecordID) (was bool, err error)
}

// Do adds the record, and replaces equal ones that are disabled: to enable one would need a right that nothing else needs. It returns ""
// where an equal one is there that is not known to be disabled.
func (a Adding) Do() (RecordID, error) {
	id, err := a.Add()
	if fault.CodeOf(err) != a.Duplicate {
		return id, err
	}
	disabled, unknown := a.Disabled()
	if unknown != nil || len(disabled) == 0 {
		return "", nil //nolint:nilerr // the record is there, and whether it shows is waited for
	}
	for _, id := range disabled {
		if _, err := a.Remove(id); err != nil {
			return "", err
		}
	}
	if id, err = a.Add(); fault.CodeOf(err) == a.Duplicate {
		return "", nil // another replica was faster
	}
	return id, err
}

// errTTL marks the refusal of a TTL.
var errTTL = errors.New("the TTL is refused")

// freeMinimum is the lowest TTL of the free and personal editions of both hosts
// (https://www.alibabacloud.com/help/en/doc-detail/29806.htm, https://docs.dnspod.cn/dns/faq-ttl/).
const freeMinimum = 600

// TTLRefused is the refusal of a TTL with a code of the host's. Edition is what the host calls what a customer has bought.
func TTLRefused(zone string, ttl int, edition, code string) *fault.Error {
	return ttlFault(zone, ttl, code, fmt.Sprintf("%d, the minimum of the free and personal %ss", freeMinimum, edition))
}

// ExplainTTL makes the refusal of a TTL say the least that is allowed, if the error is one and ask knows it.
func ExplainTTL(err error, zone string, ttl int, edition string, ask func() (minimum int64, err error)) error {
	if !errors.Is(err, errTTL) {
		return err
	}
	minimum, unknown := ask()
	if unknown != nil || minimum <= int64(ttl) {
		return err
	}
	return ttlFault(zone, ttl, fault.CodeOf(err), fmt.Sprintf("%d, the minimum of the zone's %s", minimum, edition))
}

func ttlFault(zone string, ttl int, code, least string) *fault.Error {
	return &fault.Error{
		Kind:   fault.Misconfigured,
		Reason: fmt.Sprintf("the zone %s does not allow a TTL of %d seconds", zone, ttl),
		Code:   fault.Code(code),
		Remedy: "set config.ttl to at least " + least,
		Cause:  errTTL,
	}
}
