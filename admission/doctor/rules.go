package doctor

import (
	"context"
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

// rules asks the rules of the admission server about an object as it is: it may have been applied before they were there.
func (l *looker) rules(object metav1.Object) {
	subject, ok := object.(*issuer)
	named := report.Object{}
	if ok {
		object, named = subject.GenericIssuer, subject.object
	} else if crt, isCertificate := object.(*cmapi.Certificate); isCertificate {
		named = ref(certManagerVersion, "Certificate", crt)
	}
	if l.unreachable != nil {
		return
	}
	environment := &rule.Environment{World: l.evidence(), Settings: rule.Settings{
		ClusterResourceNamespace: l.controller.clusterResources, CertManagerVersion: l.controller.version,
		SolverGroup: l.solverGroup(), SolverWaits: !l.idle[l.solverGroup()], CAs: ca.Known(), Now: l.now(),
	}}
	findings, err := l.engine.Review(l.ctx, environment, nil, rule.Request{Operation: rule.Create, Object: object})
	if err != nil {
		l.skipf("some rules about %s (%s)", named, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	for _, f := range findings {
		l.findings = append(l.findings, RuleFinding{
			Rule: f.Rule, Severity: string(f.Severity), Object: named, Field: f.Field, Message: f.Text(), Remedy: f.Remedy,
			Docs: "docs/rules.md#" + f.Rule,
		})
	}
}

// solverGroup is the first API group that certyun serves here.
func (l *looker) solverGroup() string {
	if served := l.servedGroups(); len(served) > 0 {
		return served[0]
	}
	return ""
}

// observed is a world of what was listed. What could not be listed is an error, not absent.
type observed struct {
	*objects.World
	issuersKnown, clusterIssuersKnown, certificatesKnown, servicesKnown bool
}

// evidence lists what rules ask about.
func (l *looker) evidence() evidence.World {
	if l.observed != nil {
		return l.observed
	}
	w := &observed{World: objects.New(rule.IndexKeys)}
	w.ClusterResourceNamespace = l.controller.clusterResources
	issuers, clusterIssuers := &cmapi.IssuerList{}, &cmapi.ClusterIssuerList{}
	w.issuersKnown, w.clusterIssuersKnown = l.list("", issuers), l.list("", clusterIssuers)
	if !w.issuersKnown && l.namespace != "" {
		w.issuersKnown = l.list(l.namespace, issuers)
	}
	for i := range issuers.Items {
		w.AddIssuer(&issuers.Items[i])
	}
	for i := range clusterIssuers.Items {
		w.AddIssuer(&clusterIssuers.Items[i])
	}
	certificates := &cmapi.CertificateList{}
	w.certificatesKnown = l.list("", certificates)
	if !w.certificatesKnown && l.namespace != "" {
		w.certificatesKnown = l.list(l.namespace, certificates)
	}
	for i := range certificates.Items {
		w.AddCertificate(&certificates.Items[i])
	}
	services := &apiregistrationv1.APIServiceList{}
	w.servicesKnown = l.list("", services)
	for i := range services.Items {
		s := &services.Items[i]
		w.AddAPIService(&evidence.APIService{Name: s.Name, Available: slices.ContainsFunc(s.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool {
			return c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue
		})})
	}
	l.observed = w
	return w
}

// Issuer implements evidence.Issuers.
func (o *observed) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	known := o.issuersKnown
	if key.Namespace == "" {
		known = o.clusterIssuersKnown
	}
	found, err := o.World.Issuer(ctx, key)
	if found == nil && err == nil && !known {
		return nil, errNotAllowed
	}
	return found, err
}

// KnownIssuer implements evidence.Issuers.
func (o *observed) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return o.Issuer(ctx, key)
}

// IssuersByAccountKey implements evidence.Issuers.
func (o *observed) IssuersByAccountKey(ctx context.Context, namespace, name string) ([]cmapi.GenericIssuer, error) {
	if !o.issuersKnown || !o.clusterIssuersKnown {
		return nil, errNotAllowed
	}
	return o.World.IssuersByAccountKey(ctx, namespace, name)
}

// CertificatesBySecret implements evidence.Certificates.
func (o *observed) CertificatesBySecret(ctx context.Context, namespace, name string) ([]*cmapi.Certificate, error) {
	if !o.certificatesKnown {
		return nil, errNotAllowed
	}
	return o.World.CertificatesBySecret(ctx, namespace, name)
}

// VisitCertificates implements evidence.Certificates.
func (o *observed) VisitCertificates(ctx context.Context, index evidence.Index, key string, visit func(*cmapi.Certificate) bool) error {
	if !o.certificatesKnown {
		return errNotAllowed
	}
	return o.World.VisitCertificates(ctx, index, key, visit)
}

// APIService implements evidence.Services.
func (o *observed) APIService(ctx context.Context, name string) (service *evidence.APIService, known bool, err error) {
	if !o.servicesKnown {
		return nil, false, nil
	}
	return o.World.APIService(ctx, name)
}
