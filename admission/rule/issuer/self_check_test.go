package issuer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

const (
	foreignDNS   = `dns01: {cloudflare: {apiTokenSecretRef: {name: cf, key: token}}}`
	foreignGroup = `dns01: {webhook: {groupName: acme.other.dev, solverName: alidns}}`
	ownDNS       = `dns01: {webhook: {groupName: acme.certyun.internal, solverName: alidns}}`
	httpSolver   = `http01: {ingress: {}}`
)

// waiting is a solver with this waitInsteadOfSelfCheck, without one where it is "".
func waiting(wait, solver string) string {
	if wait == "" {
		return "- " + solver
	}
	return "- waitInsteadOfSelfCheck: " + wait + "\n  " + solver
}

func solverList(solvers ...string) string { return "solvers:\n" + strings.Join(solvers, "\n") }

func solverDoesNotWait(s *ruletest.Scene) { s.Env.Settings.SolverWaits = false }

func solverIsUnknown(s *ruletest.Scene) { s.Env.Settings.SolverGroup = "" }

// otherRelease makes of the foreign group that of another release of certyun.
func otherRelease(waits bool) func(*ruletest.Scene) {
	return func(s *ruletest.Scene) {
		s.World.AddAPIService(&evidence.APIService{Name: "v1alpha1.acme.other.dev", Available: true, Certyun: &evidence.Installation{Waits: waits}})
	}
}

func certManagerIs(version string) func(*ruletest.Scene) {
	return func(s *ruletest.Scene) { s.Env.Settings.CertManagerVersion = version }
}

func TestSelfCheckSkippedTooEarly(t *testing.T) {
	t.Parallel()
	says := func(solver int, wait string) string {
		return fmt.Sprintf("[self-check-skipped-too-early] spec.acme.solvers[%d].waitInsteadOfSelfCheck: after %s the CA looks, whether or not the "+
			"record is visible by then; this solver does not wait for it. Set 60s or more, or leave the field out", solver, wait)
	}
	off := func(wait string) string {
		return "[self-check-skipped-too-early] spec.acme.solvers[0].waitInsteadOfSelfCheck: after " + wait + " the CA looks, whether or not the record " +
			"is visible by then; certyun's own wait is turned off. Set 60s or more, leave the field out, or turn that wait on (propagation.timeout)"
	}
	runIssuerReviews(t, "self-check-skipped-too-early", map[string]issuerReviewCase{
		"no solvers":                      {acme: "solvers: []"},
		"no wait":                         {acme: solverList(waiting("", foreignDNS))},
		"a null":                          {acme: solverList(waiting("null", foreignDNS))},
		"60 seconds":                      {acme: solverList(waiting("60s", foreignDNS))},
		"a minute":                        {acme: solverList(waiting("1m", foreignGroup))},
		"an hour":                         {acme: solverList(waiting("1h", foreignDNS))},
		"59 seconds":                      {acme: solverList(waiting("59s", foreignDNS)), want: []string{says(0, "59s")}},
		"a nanosecond too few":            {acme: solverList(waiting("59.999999999s", foreignDNS)), want: []string{says(0, "59.999999999s")}},
		"none at all":                     {acme: solverList(waiting("0s", foreignDNS)), want: []string{says(0, "0s")}},
		"a number without a unit":         {acme: solverList(waiting(`"0"`, foreignDNS)), want: []string{says(0, "0s")}},
		"less than none, as cert-manager": {acme: solverList(waiting("-1s", foreignDNS))},
		"another webhook":                 {acme: solverList(waiting("0s", foreignGroup)), want: []string{says(0, "0s")}},
		"another webhook of the same spelling but case": {
			acme: solverList(waiting("0s", `dns01: {webhook: {groupName: Acme.certyun.internal, solverName: alidns}}`)), want: []string{says(0, "0s")},
		},
		"another webhook of the name of ours, with our config": {
			acme: solverList(waiting("0s", `dns01: {webhook: {groupName: acme.other.dev, solverName: dnspod, config: {secretIdRef: {name: a, key: b}, secretKeyRef: {name: a, key: c}}}}`)),
			want: []string{strings.Replace(says(0, "0s"), "this solver does not wait for it. Set 60s or more, or leave the field out",
				"its group is not certyun's, acme.certyun.internal. Write that groupName if the solver is certyun's, or set 60s or more", 1)},
		},
		"another webhook of the name of ours, with a config of anybody's": {
			acme: solverList(waiting("0s", `dns01: {webhook: {groupName: acme.other.dev, solverName: dnspod, config: {ttl: 600}}}`)), want: []string{says(0, "0s")},
		},
		"HTTP-01":                                      {acme: solverList(waiting("0s", httpSolver))},
		"HTTP-01 too, as cert-manager":                 {acme: solverList(waiting("0s", httpSolver+"\n  "+foreignDNS))},
		"ours":                                         {acme: solverList(waiting("0s", ownDNS))},
		"ours, a little":                               {acme: solverList(waiting("10s", ownDNS))},
		"ours, which do not wait":                      {acme: solverList(waiting("0s", ownDNS)), change: solverDoesNotWait, want: []string{off("0s")}},
		"ours, which do not wait, 59s":                 {acme: solverList(waiting("59s", ownDNS)), change: solverDoesNotWait, want: []string{off("59s")}},
		"ours, which do not wait, 60s":                 {acme: solverList(waiting("60s", ownDNS)), change: solverDoesNotWait},
		"ours, which do not wait, nil":                 {acme: solverList(waiting("", ownDNS)), change: solverDoesNotWait},
		"no group of our own":                          {acme: solverList(waiting("0s", ownDNS)), change: solverIsUnknown, want: []string{says(0, "0s")}},
		"no group at all":                              {acme: solverList(waiting("0s", `dns01: {webhook: {groupName: "", solverName: x}}`)), change: solverIsUnknown, want: []string{says(0, "0s")}},
		"another cert-manager":                         {acme: solverList(waiting("0s", foreignDNS)), change: certManagerIs("v1.20.3"), want: []string{says(0, "0s")}},
		"a cert-manager nobody knows":                  {acme: solverList(waiting("0s", foreignDNS)), change: certManagerIs(""), want: []string{says(0, "0s")}},
		"a ClusterIssuer":                              {manifest: ruletest.ClusterIssuer(solverList(waiting("30s", foreignDNS))), want: []string{says(0, "30s")}},
		"another release's group":                      {acme: solverList(waiting("0s", foreignGroup)), change: otherRelease(true)},
		"another release's group, which does not wait": {acme: solverList(waiting("0s", foreignGroup)), change: otherRelease(false), want: []string{off("0s")}},
		"several, of which one is ours":                {acme: solverList(waiting("0s", ownDNS), waiting("0s", foreignDNS), waiting("0s", httpSolver), waiting("61s", foreignDNS)), want: []string{says(1, "0s")}},
		"several": {
			acme: solverList(waiting("", foreignDNS), waiting("10s", foreignDNS), waiting("20s", foreignGroup)),
			want: []string{says(1, "10s"), says(2, "20s")},
		},
	})
}

func TestSelfCheckNotNeeded(t *testing.T) {
	t.Parallel()
	says := func(solver int, where string) []string {
		return []string{fmt.Sprintf("[self-check-not-needed] spec.acme.solvers[%d].waitInsteadOfSelfCheck: not set%s; certyun has seen the record on the "+
			"zone's name servers, and cert-manager's own check adds a minute or more for each name. Set it to 0s", solver, where)}
	}
	one := solverList(waiting("", ownDNS))
	runIssuerReviews(t, "self-check-not-needed", map[string]issuerReviewCase{
		"no solvers":                     {acme: "solvers: []"},
		"HTTP-01":                        {acme: solverList(waiting("", httpSolver))},
		"another provider":               {acme: solverList(waiting("", foreignDNS))},
		"another webhook":                {acme: solverList(waiting("", foreignGroup))},
		"ours":                           {acme: one, want: says(0, "")},
		"ours, of a ClusterIssuer":       {manifest: ruletest.ClusterIssuer(one), want: says(0, "")},
		"ours, null":                     {acme: solverList(waiting("null", ownDNS)), want: says(0, "")},
		"ours, 0s":                       {acme: solverList(waiting("0s", ownDNS))},
		"ours, a minute":                 {acme: solverList(waiting("60s", ownDNS))},
		"HTTP-01 too, as cert-manager":   {acme: solverList(waiting("", httpSolver+"\n  "+ownDNS))},
		"ours, which do not wait":        {acme: one, change: solverDoesNotWait},
		"no group of our own":            {acme: one, change: solverIsUnknown},
		"no group at all":                {acme: solverList(waiting("", `dns01: {webhook: {groupName: "", solverName: x}}`)), change: solverIsUnknown},
		"cert-manager 1.20":              {acme: one, change: certManagerIs("v1.20.99")},
		"cert-manager 1.21":              {acme: one, change: certManagerIs("v1.21.0"), want: says(0, "")},
		"cert-manager 1.21, before":      {acme: one, change: certManagerIs("v1.21.0-alpha.1"), want: says(0, "")},
		"cert-manager 1.22":              {acme: one, change: certManagerIs("v1.22.0"), want: says(0, "")},
		"cert-manager 2":                 {acme: one, change: certManagerIs("v2.0.0"), want: says(0, "")},
		"cert-manager 1.3":               {acme: one, change: certManagerIs("v1.3.1")},
		"a cert-manager nobody knows":    {acme: one, change: certManagerIs("")},
		"a cert-manager that has a word": {acme: one, change: certManagerIs("canary")},
		"two, one of which has it":       {acme: solverList(waiting("0s", ownDNS), waiting("", ownDNS)), want: says(1, "")},
		"one of ours among others":       {acme: solverList(waiting("", foreignDNS), waiting("", httpSolver), waiting("", ownDNS)), want: says(2, "")},
		"two":                            {acme: solverList(waiting("", ownDNS), waiting("", foreignDNS), waiting("", ownDNS)), want: says(0, " here and in another solver")},
		"a hundred": {
			acme: "solvers:" + strings.Repeat("\n"+waiting("", ownDNS), 100),
			want: says(0, " here and in 99 other solvers"),
		},
	})
}

func TestSelfCheckRulesNeverDeny(t *testing.T) {
	t.Parallel()
	for _, issuer := range []string{
		solverList(waiting("0s", foreignDNS), waiting("", ownDNS)),
		"solvers:" + strings.Repeat("\n"+waiting("1s", foreignDNS), 100),
	} {
		found := 0
		for _, f := range ruletest.Review(t, Rules(), "", ruletest.Issuer(issuer)) {
			if strings.HasPrefix(f.Rule, "self-check-") {
				found++
				if f.Severity != rule.Warn {
					t.Errorf("%s is a %s", f, f.Severity)
				}
			}
		}
		if found == 0 || found > 50 {
			t.Errorf("%d findings", found)
		}
	}
}
