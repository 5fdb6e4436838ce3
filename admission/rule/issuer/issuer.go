package issuer

import (
	"context"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// acmeCheck looks at the ACME part of an Issuer.
type acmeCheck func(context.Context, *rule.IssuerReview, *cmacme.ACMEIssuer, rule.Yield) error

// forACME makes a check of one that looks at the ACME part of an Issuer. An Issuer that goes away, or that has no ACME part,
// has nothing wrong with it.
func forACME(check acmeCheck) rule.Issuers {
	return func(ctx context.Context, r *rule.IssuerReview, yield rule.Yield) error {
		acme := r.Issuer.GetSpec().ACME
		if r.Operation == rule.Delete || acme == nil {
			return nil
		}
		return check(ctx, r, acme, yield)
	}
}

// forSolvers makes a check of one that looks at each solver for itself.
func forSolvers(check func(*cmacme.ACMEChallengeSolver, *field.Path, rule.Yield) error) rule.Issuers {
	return forACME(func(ctx context.Context, _ *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
		for i := range rule.Until(ctx, acme.Solvers) {
			if err := check(&acme.Solvers[i], fieldpath.Solver(i), yield); err != nil {
				return err
			}
		}
		return nil
	})
}
