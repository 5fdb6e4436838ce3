// Package annotated has the rules about Ingresses and Gateways for which cert-manager's certificate-shim makes Certificates.
package annotated

import (
	"slices"

	"github.com/certyun/certyun/admission/rule"
)

// Rules returns the rules, in the order of the documents. They all warn: an Ingress routes traffic too. What the shim does with each
// annotation is in https://cert-manager.io/docs/usage/ingress/ and https://cert-manager.io/docs/usage/gateway/.
func Rules() []rule.Rule {
	return slices.Concat([]rule.Rule{ingressIssuerConflict()}, annotationRules(), tlsRules())
}
