package provider

import (
	"strings"

	"github.com/certyun/certyun/solvers/dnsname"
)

// Is tells whether a record that a DNS host lists is r: the same name, a TXT record, and the same value byte for byte.
// Names may be listed in either form and in any case. A value may stand in one pair of double quotes, as in a zone file.
func (r TXT) Is(rr, recordType, value string) bool {
	return strings.EqualFold(recordType, "TXT") &&
		(value == r.Value || value == `"`+r.Value+`"`) &&
		canonicalRR(rr) == canonicalRR(r.RR)
}

func canonicalRR(rr string) string {
	if rr == "" {
		return dnsname.Apex
	}
	if name, err := dnsname.Parse(rr); err == nil {
		return name
	}
	return strings.ToLower(rr)
}
