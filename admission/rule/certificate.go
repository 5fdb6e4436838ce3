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
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/csr"
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

	// OtherKind says that the Issuer is not there, but one of the other kind and of this name is.
	OtherKind bool
	// Beside are the issuers that may be meant, where the Issuer is not there.
	Beside []evidence.IssuerKey
	// Elsewhere is another namespace that has an Issuer of this name, where the Issuer is not there; "" where none is known.
	Elsewhere string
	// CSR is what cert-manager would make of the Certificate.
	CSR *csr.Request
	// Solvers is the choice among the Issuer's solvers, nil when none is needed: without ACME, and where the CA knows beforehand
	// which names it issues.
	Solvers *choice.Choice

	names map[string]ca.NameProblem
}

// newCertificateReview looks up the issuer. Where that fails there is a review all the same: most rules need no issuer.
func newCertificateReview(ctx context.Context, env *Environment, op Operation, crt *cmapi.Certificate) (*CertificateReview, error) {
	r := &CertificateReview{Environment: env, Operation: op, Certificate: crt, CSR: csr.Of(&crt.Spec)}
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
		return r, r.lookElsewhere(ctx, key)
	}
	r.Issuer, r.ACME = issuer, issuer.GetSpec().ACME
	if r.ACME == nil {
		return r, nil
	}
	r.CA = env.Settings.CAs.Lookup(r.ACME.Server).On(env.Settings.Now)
	if r.CA == nil || r.CA.Preauthorized != ca.Yes {
		r.Solvers = choice.New(ctx, r.ACME.Solvers, crt.Labels)
	}
	return r, nil
}

// lookElsewhere looks for what may be meant by a reference to an issuer that is not there. One of this name in another namespace may be
// it as well as one of the other kind.
func (r *CertificateReview) lookElsewhere(ctx context.Context, key evidence.IssuerKey) (err error) {
	if r.Beside, err = r.World.IssuersBeside(ctx, r.Certificate.Namespace); err != nil {
		return fmt.Errorf("look for other issuers: %w", err)
	}
	for _, other := range r.Beside {
		if other.Name == key.Name && other.Namespace != "" && other.Namespace != r.Certificate.Namespace {
			r.Elsewhere = other.Namespace
		}
	}
	other := evidence.IssuerKey{Name: key.Name}
	if key.Namespace == "" {
		other.Namespace = r.Certificate.Namespace
	}
	found, err := r.World.Issuer(ctx, other)
	if err != nil {
		return fmt.Errorf("look for an issuer of the other kind: %w", err)
	}
	r.OtherKind = found != nil && (r.Elsewhere == "" || key.Namespace == "")
	return nil
}

// of is the review of another Certificate with the same issuer and the same labels.
func (r *CertificateReview) of(crt *cmapi.Certificate) *CertificateReview {
	other := *r
	other.Certificate, other.CSR = crt, csr.Of(&crt.Spec)
	return &other
}

// IssuerKey is what the Certificate refers to; ours is false when that is not an Issuer or ClusterIssuer of cert-manager's.
func (r *CertificateReview) IssuerKey() (key evidence.IssuerKey, ours bool) {
	return IssuerKeyOf(r.Certificate)
}

// IssuerKeyOf is what a Certificate refers to; ours is false when that is not an Issuer or ClusterIssuer of cert-manager's.
func IssuerKeyOf(crt *cmapi.Certificate) (key evidence.IssuerKey, ours bool) {
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

// Public tells whether the Certificate is for a publicly trusted CA that is known.
func (r *CertificateReview) Public() bool { return r.CA != nil && r.CA.Public }

// Cross makes a finding one that the Issuer could lift.
func (r *CertificateReview) Cross(f Finding) Finding { return r.cross(f, "spec") }

// CrossSolvers makes a finding one that the Issuer's solvers could lift.
func (r *CertificateReview) CrossSolvers(f Finding) Finding { return r.cross(f, "spec.acme.solvers") }

func (r *CertificateReview) cross(f Finding, from string) Finding {
	key, _ := r.IssuerKey()
	f.CrossResource, f.Bundle, f.Follows = true, BundleOf(r.Issuer), &Follows{Issuer: key, Field: from}
	return f
}

// NameProblem is what the CA, which must be known, thinks of a name. It is asked once for all rules.
func (r *CertificateReview) NameProblem(name string) ca.NameProblem {
	problem, ok := r.names[name]
	if !ok {
		problem = r.CA.DNSName(name)
		if r.names == nil {
			r.names = make(map[string]ca.NameProblem, len(r.Certificate.Spec.DNSNames))
		}
		r.names[name] = problem
	}
	return problem
}

// Hopeless tells whether a name can be in no CSR, or is issued by no CA. Rules speak once about a name: of such a one those do that
// are about just that.
func (r *CertificateReview) Hopeless(name string) bool {
	return !csr.Carries(name) || r.CA != nil && r.NameProblem(name).Verdict == ca.NameRefused
}
