// Package certificate has the rules about Certificates: by themselves, with their issuer, and among others that have to do with their
// Secret.
package certificate

import (
	"slices"

	"github.com/certyun/certyun/admission/rule"
)

// Rules returns the rules, in the order of the documents.
func Rules() []rule.Rule {
	return slices.Concat(ownRules(), issuerRules(), secretRules())
}

// ownRules are the rules about a Certificate for itself.
func ownRules() []rule.Rule {
	return slices.Concat(
		requestRules(),
		[]rule.Rule{keySizeForAlgorithm()},
		renewalRules(),
		[]rule.Rule{
			duplicateDNSNames(), dnsNameInvalid(), issuerGroupUnknown(), keystorePasswordKeyMissing(), usageWithoutCA(), nameConstraintWildcard(),
			secretTemplateReservedLabel(),
		},
	)
}
