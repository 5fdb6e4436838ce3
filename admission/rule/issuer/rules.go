// Package issuer has the rules about Issuers and ClusterIssuers.
package issuer

import (
	"slices"

	"github.com/certyun/certyun/admission/rule"
)

// Rules returns the rules, in the order of the documents.
func Rules() []rule.Rule {
	return slices.Concat(serverRules(), accountRules(), profileRules(), solverRules(), reachRules(),
		webhookRules(), configRules(), ambientRules(), selfCheckRules(), secretRules(), useRules())
}
