package issuer

import (
	"context"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// maxIssuerFindings is how often one rule speaks about one Issuer. A list of selectors may be as long as an object may be
// large, and nobody reads a thousand warnings.
const maxIssuerFindings = 50

// forACME makes a check of one that looks at the ACME part of an Issuer. An Issuer that goes away, or that has no ACME part,
// has nothing wrong with it.
func forACME(check func(context.Context, *rule.IssuerReview, *cmacme.ACMEIssuer) ([]rule.Finding, error)) func(context.Context, *rule.IssuerReview) ([]rule.Finding, error) {
	return func(ctx context.Context, r *rule.IssuerReview) ([]rule.Finding, error) {
		acme := r.Issuer.GetSpec().ACME
		if r.Operation == rule.Delete || acme == nil {
			return nil, nil
		}
		return check(ctx, r, acme)
	}
}

// forSolvers makes a check of one that looks at each solver for itself.
func forSolvers(check func(*cmacme.ACMEChallengeSolver, *field.Path) []rule.Finding) func(context.Context, *rule.IssuerReview) ([]rule.Finding, error) {
	return forACME(func(_ context.Context, _ *rule.IssuerReview, acme *cmacme.ACMEIssuer) ([]rule.Finding, error) {
		var findings []rule.Finding
		for i := range acme.Solvers {
			if findings = append(findings, check(&acme.Solvers[i], fieldpath.Solver(i))...); len(findings) > maxIssuerFindings {
				break
			}
		}
		return atMost(findings, fieldpath.ACME("solvers")), nil
	})
}

// atMost cuts a long list of findings off, and says so in the last one.
func atMost(findings []rule.Finding, path *field.Path) []rule.Finding {
	if len(findings) <= maxIssuerFindings {
		return findings
	}
	last := rule.Finding{Severity: findings[0].Severity, Field: path.String(), Message: "there are more of these mistakes"}
	return append(findings[:maxIssuerFindings-1:maxIssuerFindings-1], last)
}
