package rule

import (
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/solvers/config"
)

// Operation is what is being done to an object.
type Operation string

const (
	Create Operation = "CREATE"
	Update Operation = "UPDATE"
	Delete Operation = "DELETE"
)

// Settings are what rules need to know of the installation. The zero value knows nothing and says less.
type Settings struct {
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are.
	ClusterResourceNamespace string
	// CertManagerVersion is like "v1.21.2", "" when it is not known.
	CertManagerVersion string
	// SolverGroup is the API group of our own solvers, "" when there are none.
	SolverGroup string
	// SolverWaits tells whether our own solvers wait until records are visible.
	SolverWaits bool
	// Ambient is whom the operator lets use our own solvers' credentials, nil when that is not known.
	Ambient *config.Ambient
	// Strict tells rules to speak of what most often is right as it is, too.
	Strict bool
	// DefaultIssuer tells whether cert-manager's certificate-shim has a default issuer.
	DefaultIssuer bool
	// CAs is the table of what certificate authorities do.
	CAs *ca.Table
	// Now is the time of the review.
	Now time.Time
}

// Environment is what all reviews have in common.
type Environment struct {
	World evidence.World
	// Fresh answers as World does, but never from a cache; nil where World has none. It is asked before a denial that depends on
	// another object.
	Fresh    evidence.World
	Settings Settings
}

// IssuerReview is what a rule about Issuers and ClusterIssuers looks at.
type IssuerReview struct {
	*Environment
	Operation Operation
	// Issuer is the object as it would be; on DELETE, as it is.
	Issuer cmapi.GenericIssuer
	// Old is the object as it is, on UPDATE.
	Old cmapi.GenericIssuer
}

// Kind is "Issuer" or "ClusterIssuer".
func (r *IssuerReview) Kind() string { return KindOfIssuer(r.Issuer) }

// SecretNamespace is where the Issuer's Secrets are; "" for a ClusterIssuer when the cluster resource namespace is not known.
func (r *IssuerReview) SecretNamespace() string {
	if ns := r.Issuer.GetNamespace(); ns != "" {
		return ns
	}
	return r.Settings.ClusterResourceNamespace
}

// CA is the policy of the CA whose ACME server the Issuer uses, nil when there is none or it is not known.
func (r *IssuerReview) CA() *ca.Policy {
	if acme := r.Issuer.GetSpec().ACME; acme != nil {
		return r.Settings.CAs.Lookup(acme.Server).On(r.Settings.Now)
	}
	return nil
}

// KindOfIssuer is "Issuer" or "ClusterIssuer".
func KindOfIssuer(issuer cmapi.GenericIssuer) string {
	if _, ok := issuer.(*cmapi.ClusterIssuer); ok {
		return cmapi.ClusterIssuerKind
	}
	return cmapi.IssuerKind
}

// AnnotatedReview is what a rule about an annotated Ingress or Gateway looks at.
type AnnotatedReview struct {
	*Environment
	Operation Operation
	// Object is a *networkingv1.Ingress or a *gatewayv1.Gateway.
	Object metav1.Object
}

// FormerGroup was cert-manager's API group before its version 0.11.
const FormerGroup = "certmanager.k8s.io"
