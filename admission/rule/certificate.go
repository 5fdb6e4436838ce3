package rule

import (
	"context"
	"fmt"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
)

// CertificateReview is what a rule about Certificates looks at. What more than one rule needs to know is found out once.
type CertificateReview struct {
	*Environment
	Operation Operation
	// Certificate is the object as it would be.
	Certificate *cmapi.Certificate
	// Synthetic says that cert-manager would make this Certificate for an Ingress or a Gateway. It has no owner and no uid.
	Synthetic bool

	// Issuer is what the Certificate refers to; nil when that is not cert-manager's own kind of issuer or is not there.
	Issuer cmapi.GenericIssuer
	// IssuerUnknown says that nobody could look for it, so that it may be there all the same.
	IssuerUnknown bool
	// ACME is the Issuer's ACME part, nil when it has none.
	ACME *cmacme.ACMEIssuer
	// CA is the policy of the ACME server's CA, nil when it is not known.
	CA *ca.Policy

	run         *dryRun
	found       []fault
	unbuildable map[string]bool
	unissuable  map[string]bool
	choice      *choice
	problems    map[string]ca.NameProblem
	// otherKind says that there is an issuer of this name, but of the other kind.
	otherKind bool
}

// newCertificateReview looks up the issuer. Where that fails there is a review all the same: most rules need no issuer.
func newCertificateReview(ctx context.Context, env *Environment, op Operation, crt *cmapi.Certificate) (*CertificateReview, error) {
	r := &CertificateReview{Environment: env, Operation: op, Certificate: crt, unbuildable: map[string]bool{}, unissuable: map[string]bool{}}
	key, ours := r.IssuerKey()
	if !ours || key.Name == "" {
		return r, nil
	}
	issuer, err := env.World.Issuer(ctx, key)
	if err != nil {
		r.IssuerUnknown = true
		return r, fmt.Errorf("look for %s: %w", r.IssuerTitle(), err)
	}
	if issuer == nil {
		return r, nil
	}
	r.Issuer = issuer
	r.ACME = issuer.GetSpec().ACME
	if r.ACME != nil {
		r.CA = env.Settings.CAs.Lookup(r.ACME.Server)
	}
	return r, nil
}

// IssuerKey is what the Certificate refers to; ours is false when that is not an Issuer or ClusterIssuer of cert-manager's.
func (r *CertificateReview) IssuerKey() (key evidence.IssuerKey, ours bool) {
	return issuerKeyOf(r.Certificate)
}

func issuerKeyOf(crt *cmapi.Certificate) (key evidence.IssuerKey, ours bool) {
	ref := crt.Spec.IssuerRef
	if apiutil.IssuerGroup(ref) != certmanager.GroupName {
		return key, false
	}
	switch apiutil.IssuerKind(ref) {
	case cmapi.IssuerKind:
		return evidence.IssuerKey{Namespace: crt.Namespace, Name: ref.Name}, true
	case cmapi.ClusterIssuerKind:
		return evidence.IssuerKey{Name: ref.Name}, true
	}
	return key, false
}

// IssuerTitle names the issuer in a message, like `Issuer "le"`.
func (r *CertificateReview) IssuerTitle() string {
	return fmt.Sprintf("%s %q", apiutil.IssuerKind(r.Certificate.Spec.IssuerRef), r.Certificate.Spec.IssuerRef.Name)
}

// Rules speak once about a name. markUnbuildable and markUnissuable note that a name cannot be in a CSR, or that no CA
// issues it; the rules that come later in All are silent about it.
func (r *CertificateReview) markUnbuildable(name string) { r.unbuildable[name] = true }
func (r *CertificateReview) markUnissuable(name string)  { r.unissuable[name] = true }

// judgedAlready tells whether an earlier rule found that the name can never be issued.
func (r *CertificateReview) judgedAlready(name string) bool {
	return r.unbuildable[name] || r.unissuable[name]
}
