package rule

import (
	"context"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The rules of package admission/schema: what a cluster refuses before any rule looks at what an object says.
const (
	// CMNoSuchKind is for a kind that no API server with cert-manager serves.
	CMNoSuchKind = "cm-no-such-kind"
	// CMUnknownField is for a field that the kind does not have.
	CMUnknownField = "cm-unknown-field"
	// CMSchema is for a value that the schema of the kind does not admit.
	CMSchema = "cm-schema"
	// CMUnreadable is for a value that the schema admits and cert-manager's webhook cannot decode.
	CMUnreadable = "cm-unreadable-value"
	// CMMetadata is for metadata that no object may have.
	CMMetadata = "cm-metadata"
	// CMIngress is for an Ingress that the API server refuses by its own code.
	CMIngress = "cm-ingress"
)

// Offline returns the rules that only files are judged by, in the order of the documents: what the API server and
// cert-manager's own webhook refuse. In a cluster they say it themselves.
func Offline() []Rule {
	rules := slices.Concat(cmSchemaRules(), cmCertificateRules(), cmIssuerRules(), cmSolverRules(), cmProviderRules())
	for i := range rules {
		rules[i].Offline = true
		rules[i].OwnCertificates = true
		if rules[i].Severity == "" {
			rules[i].Severity = Deny
		}
	}
	return rules
}

// refusals are what cert-manager's webhook would say, in our words.
type refusals []Finding

func (r *refusals) add(f Finding) {
	if len(*r) < maxIssuerFindings {
		*r = append(*r, f)
	}
}

// required is for a field that is missing.
func (r *refusals) required(path *field.Path, message, remedy string) {
	r.add(Finding{Field: path.String(), Type: field.ErrorTypeRequired, Message: message, Remedy: remedy})
}

// invalid is for a value; nil is for one that is not printed.
func (r *refusals) invalid(path *field.Path, value any, message, remedy string) {
	r.add(Finding{Field: path.String(), Type: field.ErrorTypeInvalid, Value: value, Message: message, Remedy: remedy})
}

// forbidden is for a field that is one too many.
func (r *refusals) forbidden(path *field.Path, message, remedy string) {
	r.add(Finding{Field: path.String(), Type: field.ErrorTypeForbidden, Message: message, Remedy: remedy})
}

// selector demands that a reference names a Secret and a key in it.
func (r *refusals) selector(path *field.Path, ref *cmmeta.SecretKeySelector) {
	if ref.Name == "" {
		r.required(path.Child("name"), "names no Secret", "Write the name of the Secret")
	}
	if ref.Key == "" {
		r.required(path.Child("key"), "names no key of the Secret", "Write which key of the Secret it is")
	}
}

// refusesSpec makes a check of one that looks at nothing but the spec of a Certificate.
func refusesSpec(check func(*refusals, *cmapi.CertificateSpec)) func(context.Context, *CertificateReview) ([]Finding, error) {
	return func(_ context.Context, r *CertificateReview) ([]Finding, error) {
		var found refusals
		check(&found, &r.Certificate.Spec)
		return found, nil
	}
}

// refusesIssuer makes a check of one that looks at nothing but the spec of an Issuer.
func refusesIssuer(check func(*refusals, *cmapi.IssuerSpec)) func(context.Context, *IssuerReview) ([]Finding, error) {
	return func(_ context.Context, r *IssuerReview) ([]Finding, error) {
		if r.Operation == Delete {
			return nil, nil
		}
		var found refusals
		check(&found, r.Issuer.GetSpec())
		return found, nil
	}
}
