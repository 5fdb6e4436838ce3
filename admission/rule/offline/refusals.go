package offline

import (
	"context"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
)

// refusals are what cert-manager's webhook would say, in our words.
type refusals struct {
	yield rule.Yield
	// err is set once no more are wanted.
	err error
}

func (r *refusals) add(f rule.Finding) {
	if r.err == nil {
		r.err = r.yield(f)
	}
}

// required is for a field that is missing.
func (r *refusals) required(path *field.Path, message, remedy string) {
	r.add(rule.Finding{Field: path.String(), Type: field.ErrorTypeRequired, Message: message, Remedy: remedy})
}

// invalid is for a value; nil is for one that is not printed.
func (r *refusals) invalid(path *field.Path, value any, message, remedy string) {
	r.add(rule.Finding{Field: path.String(), Type: field.ErrorTypeInvalid, Value: value, Message: message, Remedy: remedy})
}

// forbidden is for a field that is one too many.
func (r *refusals) forbidden(path *field.Path, message, remedy string) {
	r.add(rule.Finding{Field: path.String(), Type: field.ErrorTypeForbidden, Message: message, Remedy: remedy})
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
func refusesSpec(check func(*refusals, *cmapi.CertificateSpec)) rule.Check {
	return rule.WrittenCertificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
		found := refusals{yield: yield}
		check(&found, &r.Certificate.Spec)
		return found.err
	})
}

// refusesIssuer makes a check of one that looks at nothing but the spec of an Issuer.
func refusesIssuer(check func(*refusals, *cmapi.IssuerSpec)) rule.Check {
	return rule.Issuers(func(_ context.Context, r *rule.IssuerReview, yield rule.Yield) error {
		if r.Operation == rule.Delete {
			return nil
		}
		found := refusals{yield: yield}
		check(&found, r.Issuer.GetSpec())
		return found.err
	})
}
