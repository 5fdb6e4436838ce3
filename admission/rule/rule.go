// Package rule knows what goes wrong with Certificates, Issuers and the annotations of Ingresses and Gateways, and says so
// before cert-manager tries.
//
// A rule is a value. It looks at one object, asks about others, and returns findings; an error means that it could not
// look. What becomes of a finding (a denial, a warning, nothing) is the Engine's business.
package rule

import (
	"context"
	"slices"
)

// Severity is what a finding is worth.
type Severity string

const (
	// Deny is for what can never work.
	Deny Severity = "deny"
	// Warn is for what may fail, is ignored, or depends on what is not there yet.
	Warn Severity = "warn"
	// Off is only in policies.
	Off Severity = "off"
)

// Rule is one thing that can be wrong. Its identifier and its severity are API.
type Rule struct {
	// ID is what policies, annotations and documents call the rule.
	ID string
	// Severity is the most that one of its findings can be.
	Severity Severity
	// Kinds are the kinds that it judges, for the documents.
	Kinds []string
	// Summary says in one line what is wrong.
	Summary string
	// Why says what cert-manager or the CA would do with it, and how it is known.
	Why string
	// Remedy says what to write instead.
	Remedy string
	// Offline is for what a cluster with cert-manager refuses without us. Only files are judged by it.
	Offline bool

	// One of these is set: what the rule does with each family of objects. CheckCertificate is also asked about the
	// Certificates that cert-manager would make for an Ingress or a Gateway, unless OwnCertificates is set. None is set where
	// the rule is about what only the written object shows; then package admission/schema finds it.
	CheckCertificate func(context.Context, *CertificateReview) ([]Finding, error)
	CheckIssuer      func(context.Context, *IssuerReview) ([]Finding, error)
	CheckAnnotated   func(context.Context, *AnnotatedReview) ([]Finding, error)
	OwnCertificates  bool
}

// Catalogue returns all rules there are, in the order of the documents: All and Offline.
func Catalogue() []Rule { return append(All(), Offline()...) }

// All returns the rules that objects in a cluster are judged by, in the order of the documents.
func All() []Rule {
	return slices.Concat(certificateRules(), certificateIssuerRules(), certificateOthersRules(), issuerRules(), annotatedRules())
}

// SkipUnknownRule is what there is to say about SkipUnknown, which the Engine finds by itself.
func SkipUnknownRule() Rule {
	return Rule{
		ID:       SkipUnknown,
		Severity: Warn,
		Kinds:    []string{"Certificate", "Issuer", "ClusterIssuer", "Ingress", "Gateway"},
		Summary:  "The annotation " + SkipAnnotation + " names no rule.",
		Why:      "The annotation softens the rules that it names. A name that is no rule softens nothing, so the object may be denied all the same.",
		Remedy:   "Write the id of a rule. `certyun rules` lists them.",
	}
}
