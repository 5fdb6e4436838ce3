package rule

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// issuerRules are the rules about Issuers and ClusterIssuers.
func issuerRules() []Rule {
	return slices.Concat(issuerServerRules(), issuerAccountRules(), issuerProfileRules(), issuerSolverRules(), issuerReachRules(),
		issuerWebhookRules(), issuerConfigRules(), issuerSelfCheckRules(), issuerSecretRules(), issuerUseRules())
}

// maxIssuerFindings is how often one rule speaks about one Issuer. A list of selectors may be as long as an object may be
// large, and nobody reads a thousand warnings.
const maxIssuerFindings = 50

// issuerKinds are the kinds that the rules of this family judge.
func issuerKinds() []string { return []string{cmapi.IssuerKind, cmapi.ClusterIssuerKind} }

// forACME makes a check of one that looks at the ACME part of an Issuer. An Issuer that goes away, or that has no ACME part,
// has nothing wrong with it.
func forACME(check func(context.Context, *IssuerReview, *cmacme.ACMEIssuer) ([]Finding, error)) func(context.Context, *IssuerReview) ([]Finding, error) {
	return func(ctx context.Context, r *IssuerReview) ([]Finding, error) {
		acme := r.Issuer.GetSpec().ACME
		if r.Operation == Delete || acme == nil {
			return nil, nil
		}
		return check(ctx, r, acme)
	}
}

// forSolvers makes a check of one that looks at each solver for itself.
func forSolvers(check func(*cmacme.ACMEChallengeSolver, *field.Path) []Finding) func(context.Context, *IssuerReview) ([]Finding, error) {
	return forACME(func(_ context.Context, _ *IssuerReview, acme *cmacme.ACMEIssuer) ([]Finding, error) {
		var findings []Finding
		for i := range acme.Solvers {
			if findings = append(findings, check(&acme.Solvers[i], solverPath(i))...); len(findings) > maxIssuerFindings {
				break
			}
		}
		return atMost(findings, acmePath("solvers")), nil
	})
}

func acmePath(names ...string) *field.Path {
	return field.NewPath("spec", "acme").Child(names[0], names[1:]...)
}

func solverPath(i int) *field.Path { return acmePath("solvers").Index(i) }

// atMost cuts a long list of findings off, and says so in the last one.
func atMost(findings []Finding, path *field.Path) []Finding {
	if len(findings) <= maxIssuerFindings {
		return findings
	}
	last := Finding{Severity: findings[0].Severity, Field: path.String(), Message: "there are more of these mistakes"}
	return append(findings[:maxIssuerFindings-1:maxIssuerFindings-1], last)
}

// didYouMean returns `; did you mean "alidns"?` for the closest candidate, "" where there is none.
func didYouMean(written string, candidates []string) string {
	best := Closest(written, candidates)
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// Closest returns the candidate that differs from what was written only by case, or by a slip or two of the pen; "" where there
// is none.
func Closest(written string, candidates []string) string {
	best, bestDistance := "", 3
	for _, candidate := range candidates {
		if strings.EqualFold(candidate, written) {
			return candidate
		}
		if d := distance(strings.ToLower(written), strings.ToLower(candidate), bestDistance); d < bestDistance && d*3 < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is how many letters one must add, remove or change to get from one word to the other; limit where that is not
// fewer.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return min(row[len(b)], limit)
}
