// Package offline has the rules that only files are judged by: what the API server and cert-manager's own webhook refuse. In a cluster
// they say it themselves.
package offline

import (
	"slices"

	"github.com/certyun/certyun/admission/rule"
)

// Rules returns the rules, in the order of the documents.
func Rules() []rule.Rule {
	rules := slices.Concat(schemaRules(), certificateRules(), issuerRules(), solverRules(), providerRules())
	for i := range rules {
		rules[i].Offline = true
		if rules[i].Severity == "" {
			rules[i].Severity = rule.Deny
		}
	}
	return rules
}
