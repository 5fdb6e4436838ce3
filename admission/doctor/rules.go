package doctor

import (
	"cmp"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// ask asks the rules of the admission server about an object as it is: it may have been applied before they were there.
func (e *examination) ask(object metav1.Object, named report.Object) {
	if e.unreachable != nil {
		return
	}
	environment := &rule.Environment{World: e.evidence(), Settings: rule.Settings{
		ClusterResourceNamespace: e.installation.controller.clusterResources, CertManagerVersion: e.installation.controller.version,
		SolverGroup: e.solvers.first(), SolverWaits: e.solvers.wait(), Ambient: e.solvers.ambient(), CAs: cmp.Or(e.options.CAs, ca.Known()), Now: e.now(),
	}}
	findings, err := e.engine.Review(e.ctx, environment, nil, rule.Request{Operation: rule.Create, Object: object})
	if err != nil {
		e.skipf("some rules about %s (%s)", named, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for _, f := range findings {
		e.rules = append(e.rules, RuleFinding{
			Rule: f.Rule, Severity: string(f.Severity), Object: named, Field: f.Field, Message: f.Text(), Remedy: f.Remedy,
			Docs: report.Documentation(f.Rule),
		})
		if named.Kind == "Certificate" && (f.Severity == rule.Deny || e.isSilent(f.Rule)) {
			e.sign(Sign{Cause: "rule-broken", Object: named, Text: f.Text(), Values: map[string]string{
				"field": f.Field, "message": f.Text(), "rule": f.Rule, "remedy": cmp.Or(f.Remedy, "See "+report.Documentation(f.Rule)),
			}})
		}
	}
}

// isSilent tells whether a rule is about what cert-manager passes over without a word.
func (e *examination) isSilent(id string) bool {
	return slices.ContainsFunc(e.ruleset, func(r rule.Rule) bool { return r.ID == id && r.Silent })
}

// evidence lists, once, what rules ask about.
func (e *examination) evidence() evidence.World {
	if e.observed != nil {
		return e.observed
	}
	w := objects.New(rule.IndexKeys)
	w.ClusterResourceNamespace = e.installation.controller.clusterResources
	issuers, clusterIssuers, certificates := &cmapi.IssuerList{}, &cmapi.ClusterIssuerList{}, &cmapi.CertificateList{}
	issuersKnown, clusterIssuersKnown := e.listMine(issuers), e.list("", clusterIssuers)
	w.CertificatesHidden = !e.listMine(certificates)
	w.IssuersHidden = func(key evidence.IssuerKey) bool {
		return key.Namespace == "" && !clusterIssuersKnown || key.Namespace != "" && !issuersKnown
	}
	for i := range issuers.Items {
		w.AddIssuer(&issuers.Items[i])
	}
	for i := range clusterIssuers.Items {
		w.AddIssuer(&clusterIssuers.Items[i])
	}
	for i := range certificates.Items {
		w.AddCertificate(&certificates.Items[i])
	}
	services := &apiregistrationv1.APIServiceList{}
	w.APIServicesKnown = e.list("", services)
	for i := range services.Items {
		s := &services.Items[i]
		w.AddAPIService(&evidence.APIService{Name: s.Name, Certyun: evidence.InstallationOf(s), Available: slices.ContainsFunc(s.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool {
			return c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue
		})})
	}
	e.observed = w
	return w
}
