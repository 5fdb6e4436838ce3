package issuer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// accountRules are about the ACME account: how it is registered, and where its key is.
func accountRules() []rule.Rule {
	return []rule.Rule{eabRequired(), contactEmailForbidden(), contactEmailInvalid(), accountKeyShared()}
}

func eabRequired() rule.Rule {
	return rule.Rule{
		ID: "eab-required", Severity: rule.Deny, Facts: []string{"eab"},
		Summary: "The CA registers accounts only with an external account binding, and there is none.",
		Why: "Registration fails with externalAccountRequired, which cert-manager does not try again. It only warns where the account's " +
			"Secret is there, where nobody may look for it, or where cert-manager is told not to make a key: then the account may exist already.",
		Remedy: "Get a key ID and an HMAC key from the CA and set externalAccountBinding.",
		Check:  forACME(checkEAB),
	}
}

func checkEAB(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	policy := r.CA()
	if policy == nil || policy.Ended != nil || policy.EAB.Required != ca.Yes || acme.ExternalAccountBinding != nil {
		return nil
	}
	path := fieldpath.ACME("externalAccountBinding").String()
	existing := rule.Finding{Severity: rule.Warn, Field: path, Message: fmt.Sprintf(
		"not set; %s needs it unless Secret %q holds the key of an existing account", policy.Name, words.Excerpt(acme.PrivateKey.Name))}
	if acme.DisableAccountKeyGeneration || acme.PrivateKey.Name == "" || r.SecretNamespace() == "" {
		return yield(existing)
	}
	secret, known, err := r.World.Secret(ctx, r.SecretNamespace(), acme.PrivateKey.Name)
	if err != nil || secret != nil || !known {
		return errors.Join(yield(existing), err)
	}
	return yield(rule.Finding{Field: path, Type: field.ErrorTypeRequired, Message: policy.Name + " only registers accounts with an external account binding " +
		"(keyID + keySecretRef); registration would fail with externalAccountRequired"})
}

func contactEmailForbidden() rule.Rule {
	return rule.Rule{
		ID: "contact-email-forbidden", Severity: rule.Warn,
		Summary: "The contact address is in a documentation domain.",
		Why: "Let's Encrypt refuses to register a new account with such an address (invalidContact). An account that is there already " +
			"keeps working, so this only warns.",
		Remedy: "Use a real address, or none: Let's Encrypt sends no mail about expiry any more.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			problem := contactProblem(r, acme)
			if problem == nil || problem.ForbiddenDomain == "" {
				return nil
			}
			return yield(rule.Finding{
				Field: fieldpath.ACME("email").String(), Value: acme.Email, Remedy: "Use a real address or leave it out",
				Message: fmt.Sprintf("%s refuses new accounts with the forbidden domain %q", r.CA().Name, problem.ForbiddenDomain),
			})
		}),
	}
}

func contactEmailInvalid() rule.Rule {
	return rule.Rule{
		ID: "contact-email-invalid", Severity: rule.Warn,
		Summary: "The contact address is none that the CA accepts.",
		Why: "Let's Encrypt refuses to register a new account with an address that it cannot parse, that is not ASCII, or whose domain " +
			"is not public (invalidContact). An account that is there already keeps working, so this only warns. Of what is plainly to be " +
			"replaced, like <your-email>, it says nothing.",
		Remedy: "Use a real address, or none.",
		Check:  forACME(checkContactEmail),
	}
}

func checkContactEmail(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	problem := contactProblem(r, acme)
	if problem == nil || problem.ForbiddenDomain != "" || isPlaceholder(acme.Email) {
		return nil
	}
	what := fmt.Sprintf("%s refuses it (%s)", r.CA().Name, problem.Reason)
	if strings.HasPrefix(problem.Reason, "unable to parse") {
		what = r.CA().Name + " is unable to parse it"
	}
	return yield(rule.Finding{
		Field: fieldpath.ACME("email").String(), Value: acme.Email,
		Message: what + "; registration will fail with invalidContact",
	})
}

func contactProblem(r *rule.IssuerReview, acme *cmacme.ACMEIssuer) *ca.ContactProblem {
	policy := r.CA()
	if policy == nil || policy.Ended != nil {
		return nil
	}
	return policy.Contact(acme.Email)
}

func accountKeyShared() rule.Rule {
	return rule.Rule{
		ID: "account-key-shared", Severity: rule.Warn,
		Summary: "Two Issuers with different ACME servers keep their account keys in one Secret.",
		Why: "The key is then registered at both servers. That works until one of them is deleted, or has an external account binding " +
			"of its own. Most often it is a copy of a staging Issuer whose Secret nobody renamed.",
		Remedy: "Give each Issuer its own privateKeySecretRef.",
		Check:  forACME(checkAccountKeyShared),
	}
}

func checkAccountKeyShared(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	if acme.PrivateKey.Name == "" {
		return nil
	}
	issuers, err := r.World.IssuersByAccountKey(ctx, r.SecretNamespace(), acme.PrivateKey.Name)
	if err != nil {
		return err
	}
	for _, other := range issuers {
		spec := other.GetSpec().ACME
		if spec == nil || spec.Server == acme.Server || isSameIssuer(other, r.Issuer) {
			continue
		}
		return yield(rule.Finding{
			Field: fieldpath.ACME("privateKeySecretRef", "name").String(), Value: acme.PrivateKey.Name,
			Message: fmt.Sprintf("is also used by %s with another server; give each environment its own Secret", titleBeside(r.Issuer, other)),
		})
	}
	return nil
}

func isSameIssuer(a, b cmapi.GenericIssuer) bool {
	return a.GetNamespace() == b.GetNamespace() && a.GetName() == b.GetName() && rule.KindOfIssuer(a) == rule.KindOfIssuer(b)
}

// titleBeside names another Issuer to whom may know of it: ClusterIssuers are known to all, Issuers in their namespace.
func titleBeside(reviewed, other cmapi.GenericIssuer) string {
	if rule.KindOfIssuer(other) == cmapi.IssuerKind && other.GetNamespace() != reviewed.GetNamespace() {
		return "an Issuer of the cluster resource namespace"
	}
	return fmt.Sprintf("%s %q", rule.KindOfIssuer(other), other.GetName())
}
