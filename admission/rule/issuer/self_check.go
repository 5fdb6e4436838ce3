package issuer

import (
	"context"
	"fmt"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// selfCheckRules are about waitInsteadOfSelfCheck, by which cert-manager 1.21 and later let the CA look without having
// looked themselves (pkg/controller/acmechallenges/readiness.go). An older one does not know the field: its API server drops
// it before anybody but a judge of files sees it.
func selfCheckRules() []rule.Rule {
	return []rule.Rule{selfCheckSkippedTooEarly(), selfCheckNotNeeded()}
}

// shortestWait is how long after Present a record is likely to be seen everywhere: what cert-manager itself waits after its
// own check of a record (pkg/issuer/acme/dns/dns.go). It is also as long as a CA's resolvers remember what a name answered before,
// such as the other value of an apex and its wildcard (https://community.letsencrypt.org/t/126670).
const shortestWait = 60 * time.Second

// selfCheckSince is the first cert-manager that has waitInsteadOfSelfCheck.
const selfCheckSince = "1.21"

func selfCheckSkippedTooEarly() rule.Rule {
	return rule.Rule{
		ID: "self-check-skipped-too-early", Severity: rule.Warn,
		Summary: "cert-manager's self check is left out, and nobody waits until the record is visible.",
		Why: "With waitInsteadOfSelfCheck cert-manager does not look for the record. It waits that long after the solver has answered, and then " +
			"asks the CA to look. Most DNS providers answer at once and show the record later. When the CA does not find it, the Order has " +
			"failed, and failed validations count against a limit of the CA. A record that is visible may not be enough: a CA's resolvers remember " +
			"for up to a minute what a name answered. An apex and its wildcard have one name, and cert-manager works them one after the other, so " +
			"after less than 60s the CA may be told the first value again when it looks for the second. certyun's own solvers write both before the " +
			"CA looks and answer when they are visible, so with them 0s is right, unless their wait is turned off (propagation.timeout=0). There are " +
			"cases that cannot be seen here, such as another program that writes at the same names: docs/solvers.md has them. Of HTTP-01 solvers " +
			"nothing is said.",
		Remedy: "Wait 60s or more, or leave the field out, so that cert-manager looks for the record first.",
		Check:  forACME(checkSkippedTooEarly),
	}
}

func checkSkippedTooEarly(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	known := releases{}
	for i := range acme.Solvers {
		solver := &acme.Solvers[i]
		wait := solver.WaitInsteadOfSelfCheck
		// cert-manager refuses a wait below zero.
		if wait == nil || wait.Duration < 0 || wait.Duration >= shortestWait || !isDNS01(solver) {
			continue
		}
		certyun, err := known.of(ctx, r, solver)
		if err != nil {
			return err
		}
		if certyun != nil && certyun.Waits {
			continue
		}
		waits, remedy := "this solver does not wait for it", "Set 60s or more, or leave the field out"
		if certyun == nil && readsAsOurs(r, solver) {
			waits, remedy = fmt.Sprintf("its group is not certyun's, %s", r.Settings.SolverGroup), "Write that groupName if the solver is certyun's, or set 60s or more"
		}
		if certyun != nil {
			waits, remedy = "certyun's own wait is turned off", "Set 60s or more, leave the field out, or turn that wait on (propagation.timeout)"
		}
		if err := yield(rule.Finding{
			Field:   waitPath(i).String(),
			Message: fmt.Sprintf("after %v the CA looks, whether or not the record is visible by then; %s", wait.Duration, waits),
			Remedy:  remedy,
		}); err != nil {
			return err
		}
	}
	return nil
}

func selfCheckNotNeeded() rule.Rule {
	return rule.Rule{
		ID: "self-check-not-needed", Severity: rule.Warn,
		Summary: "cert-manager checks once more what certyun has seen already.",
		Why: "certyun's solvers answer when the zone's authoritative name servers show the record, or after their whole wait. Without " +
			"waitInsteadOfSelfCheck cert-manager then asks a resolver, which may remember for minutes that there was no such name, and waits " +
			"60 seconds after it has seen the record, once for each name. Where other programs or clusters write at the same names, 60s is " +
			"right. This is said once for an Issuer, for cert-manager 1.21 and later, and only while certyun's wait is turned on.",
		Remedy: "Write waitInsteadOfSelfCheck: 0s beside dns01.",
		Check:  forACME(checkNotNeeded),
	}
}

func checkNotNeeded(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	if !r.Settings.SolverWaits || !r.Settings.CertManagerAtLeast(selfCheckSince) {
		return nil
	}
	first, more := -1, 0
	for i := range acme.Solvers {
		solver := &acme.Solvers[i]
		switch {
		case solver.WaitInsteadOfSelfCheck != nil || !isDNS01(solver) || !isOurs(r, solver):
		case first < 0:
			first = i
		default:
			more++
		}
	}
	if first < 0 {
		return nil
	}
	where := "not set"
	switch more {
	case 0:
	case 1:
		where += " here and in another solver"
	default:
		where += fmt.Sprintf(" here and in %d other solvers", more)
	}
	return yield(rule.Finding{
		Field:   waitPath(first).String(),
		Message: where + "; certyun has seen the record on the zone's name servers, and cert-manager's own check adds a minute or more for each name",
		Remedy:  "Set it to 0s",
	})
}

func waitPath(i int) *field.Path { return fieldpath.Solver(i).Child("waitInsteadOfSelfCheck") }

// isDNS01 tells whether a solver is for DNS-01. One that is for HTTP-01 as well is refused by cert-manager.
func isDNS01(solver *cmacme.ACMEChallengeSolver) bool {
	return solver.DNS01 != nil && solver.HTTP01 == nil
}

// isOurs tells whether a solver is a webhook of our own group.
func isOurs(r *rule.IssuerReview, solver *cmacme.ACMEChallengeSolver) bool {
	webhook := webhookOf(solver)
	return webhook != nil && webhook.GroupName != "" && webhook.GroupName == r.Settings.SolverGroup
}

// readsAsOurs tells whether our solver could read the config of a webhook solver that is in another group, under one of our names.
func readsAsOurs(r *rule.IssuerReview, solver *cmacme.ACMEChallengeSolver) bool {
	webhook := webhookOf(solver)
	if webhook == nil || webhook.Config == nil || r.Settings.SolverGroup == "" {
		return false
	}
	this, _, known := cloudsOf(webhook.SolverName)
	if !known {
		return false
	}
	decoded, errs := this.decode(nil, webhook.Config.Raw)
	return len(errs) == 0 && !decoded.Keys.Ambient() // a config without keys tells nothing of whose it is
}

// releases are the certyuns by whose groups they serve, nil for a group that is not certyun's. Each group is looked up once.
type releases map[string]*evidence.Installation

// of is the certyun whose group a solver is for: our own, or that of another release, by its APIService. It is nil for any other solver.
func (known releases) of(ctx context.Context, r *rule.IssuerReview, solver *cmacme.ACMEChallengeSolver) (*evidence.Installation, error) {
	if isOurs(r, solver) {
		return &evidence.Installation{Waits: r.Settings.SolverWaits}, nil
	}
	webhook := webhookOf(solver)
	if webhook == nil || webhook.GroupName == "" {
		return nil, nil
	}
	group := webhook.GroupName
	if release, seen := known[group]; seen {
		return release, nil
	}
	review := webhookReview{IssuerReview: r, name: apiServiceOf(group)}
	if err := review.look(ctx); err != nil {
		return nil, err
	}
	known[group] = nil
	if review.service != nil {
		known[group] = review.service.Certyun
	}
	return known[group], nil
}
