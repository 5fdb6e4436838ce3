package certificate

import (
	"context"
	"fmt"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// issuerRules are the rules about a Certificate together with its issuer.
func issuerRules() []rule.Rule {
	return slices.Concat(
		[]rule.Rule{issuerKindMismatch(), issuerNotFound(), issuerNotReady(), selfSignedEmptySubject()},
		nameRules(), solverRules(), caRules(), lifetimeRules(),
	)
}

func issuerKindMismatch() rule.Rule {
	return rule.Rule{
		ID: "issuer-kind-mismatch", Severity: rule.Warn, Silent: true,
		Summary: "There is no such Issuer, but a ClusterIssuer of that name, or the other way round.",
		Why:     "A reference without kind is to an Issuer in the Certificate's namespace. Until there is one, the CertificateRequest waits with the reason IssuerNotFound.",
		Remedy:  "Write the kind of the issuer that is there.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if !r.OtherKind {
				return nil
			}
			key, _ := r.IssuerKey()
			return yield(rule.Finding{
				Field: fieldpath.Spec("issuerRef", "kind").String(), Message: otherKind(r), Follows: &rule.Follows{Issuer: key},
			})
		}),
	}
}

func otherKind(r *rule.CertificateReview) string {
	ref := r.Certificate.Spec.IssuerRef
	switch ref.Kind {
	case cmapi.ClusterIssuerKind:
		return fmt.Sprintf("no ClusterIssuer %q, but Issuer %q exists in this namespace; set kind: Issuer", ref.Name, ref.Name)
	case "":
		return fmt.Sprintf("no Issuer %q in this namespace, but ClusterIssuer %q exists; kind defaults to Issuer - set kind: ClusterIssuer", ref.Name, ref.Name)
	default:
		return fmt.Sprintf("no Issuer %q in this namespace, but ClusterIssuer %q exists; set kind: ClusterIssuer", ref.Name, ref.Name)
	}
}

func issuerNotFound() rule.Rule {
	return rule.Rule{
		ID: "issuer-not-found", Severity: rule.Warn,
		Summary: "The Issuer or ClusterIssuer is not there.",
		Why: "The CertificateRequest waits with the reason IssuerNotFound until somebody makes it. That may be a moment from now, so it is " +
			"only a warning; but no other rule about the issuer can look.",
		Remedy: "Apply the Issuer, or correct the name. An Issuer must be in the Certificate's namespace.",
		Check:  rule.Certificates(checkIssuerThere),
	}
}

func checkIssuerThere(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	key, ours := r.IssuerKey()
	if !ours || key.Name == "" || r.Issuer != nil || r.IssuerUnknown || r.OtherKind {
		return nil
	}
	missing := &rule.Missing{Title: r.IssuerTitle(), Hint: meantIssuer(r, key)}
	if key.Namespace != "" {
		missing.Where = fmt.Sprintf(" in namespace %q", key.Namespace)
	}
	return yield(rule.Finding{
		Field: fieldpath.Spec("issuerRef").String(), Missing: missing, Follows: &rule.Follows{Issuer: key}, Namespaced: r.Elsewhere != "",
		Message: fmt.Sprintf("%s not found%s; issuance waits until it exists (checks that need it were skipped)%s", missing.Title, missing.Where, missing.Hint),
	})
}

// meantIssuer says which issuer may be meant by a reference to one that is not there, "" where none is like it.
func meantIssuer(r *rule.CertificateReview, key evidence.IssuerKey) string {
	if r.Elsewhere != "" {
		return fmt.Sprintf("; Issuer %q is in namespace %q, and is for Certificates of that namespace", key.Name, r.Elsewhere)
	}
	var clusterIssuers, issuers []string
	for _, other := range r.Beside {
		switch other.Namespace {
		case "":
			clusterIssuers = append(clusterIssuers, other.Name)
		case r.Certificate.Namespace:
			issuers = append(issuers, other.Name)
		}
	}
	same, others, otherKind := issuers, clusterIssuers, cmapi.ClusterIssuerKind
	if key.Namespace == "" {
		same, others, otherKind = clusterIssuers, issuers, cmapi.IssuerKind
	}
	if near := words.ClosestName(key.Name, same); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if near := words.ClosestName(key.Name, others); near != "" {
		return fmt.Sprintf("; did you mean %s %q?", otherKind, near)
	}
	return ""
}

func issuerNotReady() rule.Rule {
	return rule.Rule{
		ID: "issuer-not-ready", Severity: rule.Warn,
		Summary: "The Issuer is not ready.",
		Why:     "The CertificateRequest waits with the reason IssuerNotReady. What is wrong stands in the Issuer's status; where a CA refused the account, nothing is tried again until the Issuer changes.",
		Remedy:  "Repair the Issuer. kubectl describe shows its condition.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.Issuer == nil {
				return nil
			}
			for _, c := range r.Issuer.GetStatus().Conditions {
				if c.Type != cmapi.IssuerConditionReady || c.Status != cmmeta.ConditionFalse || c.ObservedGeneration != r.Issuer.GetGeneration() {
					continue
				}
				return yield(rule.Finding{
					Field:   fieldpath.Spec("issuerRef").String(),
					Message: fmt.Sprintf("%s is not ready: %s", r.IssuerTitle(), words.Line(c.Reason+": "+c.Message)),
				})
			}
			return nil
		}),
	}
}

func selfSignedEmptySubject() rule.Rule {
	return rule.Rule{
		ID: "selfsigned-empty-subject", Severity: rule.Warn,
		Summary: "A self-signed CA certificate has no subject.",
		Why: "The subject is the issuer too. RFC 5280, section 4.1.2.4, wants an issuer that is not empty, and strict clients insist on it. cert-manager says the same in an event, once the certificate is issued. " +
			"Of a certificate that is no CA, such as a webhook's, whose only client has it as caBundle, lint speaks with --strict alone.",
		Remedy: "Set commonName or subject.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			spec := &r.Certificate.Spec
			if !spec.IsCA && !r.Settings.Strict {
				return nil // its only clients most often trust the very certificate
			}
			if r.Issuer == nil || r.Issuer.GetSpec().SelfSigned == nil || spec.CommonName != "" || spec.LiteralSubject != "" || csr.HasSubject(spec) {
				return nil
			}
			return yield(rule.Finding{
				Field:   fieldpath.Spec("commonName").String(),
				Message: "a self-signed certificate without subject has an empty Issuer DN (RFC 5280 violation); set commonName",
			})
		}),
	}
}
