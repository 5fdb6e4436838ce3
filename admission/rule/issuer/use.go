package issuer

import (
	"context"
	"fmt"
	"iter"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// useRules are about the Certificates that refer to an Issuer which changes or goes away.
func useRules() []rule.Rule { return []rule.Rule{issuerChangeOrphans(), issuerDeleteInUse()} }

func issuerChangeOrphans() rule.Rule {
	return rule.Rule{
		ID: "issuer-change-orphans-certificates", Severity: rule.Warn,
		Summary: "Names of existing Certificates lose their solver by the change of their Issuer.",
		Why: "Their next Order stays pending for ever, and their certificate runs out. Found by asking cert-manager's own choice " +
			"(pkg/util/solverpicker) about each name, with the old solvers and with the new ones. With very many names only a part of them is looked at, and the message says how many.",
		Remedy: "Keep a solver for these names, or change the Certificates as well.",
		Check:  forACME(checkOrphans),
	}
}

// orphans are the Certificates that lose their solver. The search ends when the budget of either choice is spent.
type orphans struct {
	old, new *choice.Reach
	// looked and total count Certificates.
	looked, total, lost int
	namespaces          map[string]bool
	// first are some of them.
	first []string
}

func checkOrphans(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	if r.Operation != rule.Update || r.Old == nil || r.Old.GetSpec().ACME == nil {
		return nil
	}
	gone := goneSolvers(r.Old.GetSpec().ACME.Solvers, acme.Solvers)
	if len(gone) == 0 {
		return nil
	}
	o := &orphans{old: choice.NewReach(ctx, gone), new: choice.NewReach(ctx, acme.Solvers), namespaces: map[string]bool{}}
	err := r.World.VisitCertificates(ctx, evidence.ByIssuer, keyOfIssuer(r.Issuer).String(), func(crt *cmapi.Certificate) bool {
		o.total++
		if !o.old.Exhausted() && !o.new.Exhausted() {
			o.look(crt)
		}
		return ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || o.lost == 0 && o.looked == o.total {
		return err
	}
	return yield(rule.Finding{Field: fieldpath.ACME("solvers").String(), Message: o.message(r.Kind())})
}

func keyOfIssuer(issuer cmapi.GenericIssuer) evidence.IssuerKey {
	return evidence.IssuerKey{Namespace: issuer.GetNamespace(), Name: issuer.GetName()}
}

// goneSolvers are the old solvers of whose kind and selector no new one is. Only names that these were for can lose their solver.
func goneSolvers(before, after []cmacme.ACMEChallengeSolver) []cmacme.ACMEChallengeSolver {
	kept := map[string]bool{}
	for i := range after {
		kept[choiceOf(&after[i])] = true
	}
	var gone []cmacme.ACMEChallengeSolver
	for i := range before {
		if !kept[choiceOf(&before[i])] {
			gone = append(gone, before[i])
		}
	}
	return gone
}

// look asks about each name whether it had a solver that is gone and has none now.
func (o *orphans) look(crt *cmapi.Certificate) {
	o.looked++
	for name := range namesOf(crt) {
		if o.old.Pick(name, crt.Labels) < 0 || o.new.Pick(name, crt.Labels) >= 0 {
			continue
		}
		o.lost++
		o.namespaces[crt.Namespace] = true
		if len(o.first) <= maxNamed {
			o.first = append(o.first, crt.Name+": "+words.Excerpt(name))
		}
		return
	}
}

// maxNamed is how many Certificates a message names.
const maxNamed = 3

// message says how many Certificates lose their solver. Those of a ClusterIssuer are in other namespaces and not named.
func (o *orphans) message(kind string) string {
	part := ""
	if o.looked < o.total {
		part = fmt.Sprintf("; looked at %d of %d Certificates, since they are so many", o.looked, o.total)
	}
	if o.lost == 0 {
		return "no Certificate is known to lose its solver" + part
	}
	if kind == cmapi.ClusterIssuerKind {
		return fmt.Sprintf("%s in %s would lose their solver at renewal%s", count(o.lost, "Certificate"), count(len(o.namespaces), "namespace"), part)
	}
	names := o.first
	if len(names) > maxNamed {
		names = append(names[:maxNamed:maxNamed], "…")
	}
	return fmt.Sprintf("%s would lose their solver at renewal (%s)%s", count(o.lost, "Certificate"), strings.Join(names, ", "), part)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// namesOf are the names that the CA is asked to validate, as it writes them.
func namesOf(crt *cmapi.Certificate) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, names := range [][]string{crt.Spec.DNSNames, crt.Spec.IPAddresses} {
			for _, name := range names {
				if !yield(strings.ToLower(name)) {
					return
				}
			}
		}
	}
}

// choiceOf is all of a solver that cert-manager's choice depends on.
func choiceOf(solver *cmacme.ACMEChallengeSolver) string {
	kind := fmt.Sprintf("http01 %t dns01 %t", solver.HTTP01 != nil, solver.DNS01 != nil)
	s := solver.Selector
	if s == nil || len(s.DNSNames)+len(s.DNSZones)+len(s.MatchLabels) == 0 {
		return kind
	}
	// Maps are printed in the order of their keys.
	return fmt.Sprintf("%s %q %q %q", kind, s.DNSNames, s.DNSZones, s.MatchLabels)
}

func issuerDeleteInUse() rule.Rule {
	return rule.Rule{
		ID: "issuer-delete-in-use", Severity: rule.Warn,
		Summary: "An Issuer is deleted that Certificates refer to.",
		Why:     "They keep what they have, and cannot renew it. A tool that prunes may delete in any order, so this only warns.",
		Remedy:  "Delete the Certificates first, or let them refer to another Issuer.",
		Check:   rule.Issuers(checkDeleteInUse),
	}
}

// maxCounted is how many Certificates are counted.
const maxCounted = 100_000

func checkDeleteInUse(ctx context.Context, r *rule.IssuerReview, yield rule.Yield) error {
	if r.Operation != rule.Delete {
		return nil
	}
	total := 0
	err := r.World.VisitCertificates(ctx, evidence.ByIssuer, keyOfIssuer(r.Issuer).String(), func(*cmapi.Certificate) bool {
		total++
		return total <= maxCounted && ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || total == 0 {
		return err
	}
	users, they := count(total, "Certificate"), "they"
	switch {
	case total == 1:
		they = "it"
	case total > maxCounted:
		users = fmt.Sprintf("more than %d Certificates", maxCounted)
	}
	return yield(rule.Finding{Message: fmt.Sprintf("%s %q is referenced by %s; %s cannot renew without it", r.Kind(), r.Issuer.GetName(), users, they)})
}
