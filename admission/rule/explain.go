package rule

import (
	"context"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/shim"
)

// Explanation is which solvers cert-manager would choose for the names of one Certificate.
type Explanation struct {
	// Certificate is the object itself, or what cert-manager would make for an Ingress or a Gateway.
	Certificate *cmapi.Certificate
	// Issuer names the issuer, like `ClusterIssuer "le"`, and Server its ACME server, "" when there is none.
	Issuer, Server string
	// Note says why there is nothing to choose, or why the choice does not matter; "" where it does.
	Note string
	// Picks has all names in their order, then the IP addresses.
	Picks []choice.Pick
}

// Explain says which solvers cert-manager would choose for a Certificate, or for the Certificates that it would make for an
// Ingress or a Gateway. Any other object has no explanation.
func Explain(ctx context.Context, env *Environment, object metav1.Object) ([]Explanation, error) {
	switch object := object.(type) {
	case *cmapi.Certificate:
		e, err := explain(ctx, env, object)
		return []Explanation{e}, err
	case *networkingv1.Ingress, *gatewayv1.Gateway:
	default:
		return nil, nil
	}
	var all []Explanation
	for _, s := range shim.Certificates(object) {
		e, err := explain(ctx, env, s.Certificate)
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func explain(ctx context.Context, env *Environment, crt *cmapi.Certificate) (Explanation, error) {
	r, err := newCertificateReview(ctx, env, Create, crt)
	e := Explanation{Certificate: crt, Issuer: r.IssuerTitle()}
	_, ours := r.IssuerKey()
	switch {
	case r.IssuerUnknown:
		return e, err
	case !ours:
		e.Note = "an external issuer, which chooses by itself"
		return e, nil
	case r.Issuer == nil:
		e.Note = "not found among what was given"
		return e, nil
	case r.ACME == nil:
		e.Note = "not an ACME issuer, so no solver is needed"
		return e, nil
	}
	e.Server = r.ACME.Server
	if r.Solvers == nil {
		e.Note = r.CA.Name + " has validated the names beforehand, so no solver is used"
	}
	c := choice.New(ctx, r.ACME.Solvers, crt.Labels)
	for _, name := range slices.Concat(crt.Spec.DNSNames, crt.Spec.IPAddresses) {
		if err := ctx.Err(); err != nil {
			return e, err
		}
		e.Picks = append(e.Picks, c.Explain(name, r.ACME.Solvers))
	}
	return e, nil
}
