package rule

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/evidence"
)

// certificateIssuerRules are the rules about a Certificate together with its issuer. Those about names that no CA issues come
// before those about solvers, which are silent about such names.
func certificateIssuerRules() []Rule {
	return slices.Concat(
		[]Rule{issuerKindMismatch(), issuerNotFound(), issuerNotReady(), selfSignedEmptySubject()},
		certificateNameRules(), certificateSolverRules(), certificateKeyRules(), certificateLifetimeRules(),
	)
}

func certificateKinds() []string { return []string{"Certificate", "Ingress", "Gateway"} }

// specPath is the path of a field of a Certificate's spec.
func specPath(name string, more ...string) *field.Path {
	return field.NewPath("spec").Child(name, more...)
}

// cross makes a finding one that the Issuer could lift.
func (r *CertificateReview) cross(f Finding) Finding {
	f.CrossResource, f.Bundle = true, BundleOf(r.Issuer)
	return f
}

// public tells whether the Certificate is for a publicly trusted CA that is known.
func (r *CertificateReview) public() bool { return r.CA != nil && r.CA.Public }

func issuerKindMismatch() Rule {
	return Rule{
		ID: "issuer-kind-mismatch", Severity: Warn, Kinds: certificateKinds(),
		Summary:          "There is no such Issuer, but a ClusterIssuer of that name, or the other way round.",
		Why:              "A reference without kind is to an Issuer in the Certificate's namespace. Until there is one, the CertificateRequest waits with the reason IssuerNotFound.",
		Remedy:           "Write the kind of the issuer that is there.",
		CheckCertificate: checkIssuerKind,
	}
}

func checkIssuerKind(ctx context.Context, r *CertificateReview) ([]Finding, error) {
	key, missing := r.missingIssuer()
	if !missing {
		return nil, nil
	}
	other := evidence.IssuerKey{Name: key.Name}
	if key.Namespace == "" {
		other.Namespace = r.Certificate.Namespace
	}
	found, err := r.World.Issuer(ctx, other)
	if err != nil || found == nil {
		return nil, err
	}
	r.otherKind = true
	f := Finding{Field: specPath("issuerRef", "kind").String()}
	switch {
	case key.Namespace == "":
		f.Message = fmt.Sprintf("no ClusterIssuer %q, but Issuer %q exists in this namespace; set kind: Issuer", key.Name, key.Name)
	case r.Certificate.Spec.IssuerRef.Kind == "":
		f.Message = fmt.Sprintf("no Issuer %q in this namespace, but ClusterIssuer %q exists; kind defaults to Issuer - set kind: ClusterIssuer", key.Name, key.Name)
	default:
		f.Message = fmt.Sprintf("no Issuer %q in this namespace, but ClusterIssuer %q exists; set kind: ClusterIssuer", key.Name, key.Name)
	}
	return []Finding{f}, nil
}

// missingIssuer tells whether the Certificate refers to an issuer of cert-manager's that is not there.
func (r *CertificateReview) missingIssuer() (evidence.IssuerKey, bool) {
	key, ours := r.IssuerKey()
	return key, ours && key.Name != "" && r.Issuer == nil && !r.IssuerUnknown
}

func issuerNotFound() Rule {
	return Rule{
		ID: "issuer-not-found", Severity: Warn, Kinds: certificateKinds(),
		Summary: "The Issuer or ClusterIssuer is not there.",
		Why: "The CertificateRequest waits with the reason IssuerNotFound until somebody makes it. That may be a moment from now, so it is " +
			"only a warning; but no other rule about the issuer can look.",
		Remedy: "Apply the Issuer, or correct the name. An Issuer must be in the Certificate's namespace.",
		CheckCertificate: func(_ context.Context, r *CertificateReview) ([]Finding, error) {
			key, missing := r.missingIssuer()
			if !missing || r.otherKind {
				return nil, nil
			}
			where := ""
			if key.Namespace != "" {
				where = fmt.Sprintf(" in namespace %q", key.Namespace)
			}
			return []Finding{{Field: specPath("issuerRef").String(), Message: fmt.Sprintf(
				"%s not found%s; issuance waits until it exists (checks that need it were skipped)", r.IssuerTitle(), where)}}, nil
		},
	}
}

func issuerNotReady() Rule {
	return Rule{
		ID: "issuer-not-ready", Severity: Warn, Kinds: certificateKinds(),
		Summary: "The Issuer is not ready.",
		Why:     "The CertificateRequest waits with the reason IssuerNotReady. What is wrong stands in the Issuer's status; where a CA refused the account, nothing is tried again until the Issuer changes.",
		Remedy:  "Repair the Issuer. kubectl describe shows its condition.",
		CheckCertificate: func(_ context.Context, r *CertificateReview) ([]Finding, error) {
			if r.Issuer == nil {
				return nil, nil
			}
			for _, c := range r.Issuer.GetStatus().Conditions {
				if c.Type != cmapi.IssuerConditionReady || c.Status != cmmeta.ConditionFalse || c.ObservedGeneration != r.Issuer.GetGeneration() {
					continue
				}
				return []Finding{{
					Field:   specPath("issuerRef").String(),
					Message: fmt.Sprintf("%s is not ready: %s", r.IssuerTitle(), oneLine(c.Reason+": "+c.Message)),
				}}, nil
			}
			return nil, nil
		},
	}
}

// oneLine is the beginning of a text that others wrote.
func oneLine(text string) string {
	const most = 180
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

func selfSignedEmptySubject() Rule {
	return Rule{
		ID: "selfsigned-empty-subject", Severity: Warn, Kinds: certificateKinds(),
		Summary: "A self-signed certificate has no subject.",
		Why:     "The subject is the issuer too. RFC 5280, section 4.1.2.4, wants an issuer that is not empty, and strict clients insist on it. cert-manager says the same in an event, once the certificate is issued.",
		Remedy:  "Set commonName or subject.",
		CheckCertificate: func(_ context.Context, r *CertificateReview) ([]Finding, error) {
			spec := &r.Certificate.Spec
			if r.Issuer == nil || r.Issuer.GetSpec().SelfSigned == nil || spec.CommonName != "" || spec.LiteralSubject != "" || hasSubject(spec) {
				return nil, nil
			}
			return []Finding{{
				Field:   specPath("commonName").String(),
				Message: "a self-signed certificate without subject has an empty Issuer DN (RFC 5280 violation); set commonName",
			}}, nil
		},
	}
}

// hasSubject tells whether spec.subject has anything in it.
func hasSubject(spec *cmapi.CertificateSpec) bool {
	s := spec.Subject
	if s == nil {
		return false
	}
	return s.SerialNumber != "" || len(slices.Concat(s.Organizations, s.OrganizationalUnits, s.Countries, s.Provinces, s.Localities,
		s.PostalCodes, s.StreetAddresses)) > 0
}
