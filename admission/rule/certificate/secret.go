package certificate

import (
	"context"
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// secretRules are the rules about a Certificate among other objects that have to do with its Secret.
func secretRules() []rule.Rule {
	return []rule.Rule{
		secretNameShared(), secretIsCAIssuerKey(), caWaitsForItself(), secretIsACMEAccountKey(), secretHasOtherManager(), secretInOtherNamespace(),
	}
}

func secretNameShared() rule.Rule {
	return rule.Rule{
		ID: "secret-name-shared", Severity: rule.Warn, Silent: true,
		Summary: "Two Certificates write the same Secret.",
		Why: "cert-manager lets the one win that has written the Secret, else the older one, and ignores the other without an event. When a Certificate is " +
			"renamed and the old one is pruned later, both are there for a while; so it is only a warning.",
		Remedy: "Give each Certificate a Secret of its own.",
		Check:  rule.Certificates(checkSharedSecret),
	}
}

func checkSharedSecret(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	mine := r.Certificate
	if mine.Spec.SecretName == "" {
		return nil
	}
	all, err := r.World.CertificatesBySecret(ctx, mine.Namespace, mine.Spec.SecretName)
	if err != nil {
		return err
	}
	var others []*cmapi.Certificate
	older := false
	for _, crt := range all {
		if crt.Name == mine.Name || crt.DeletionTimestamp != nil {
			continue
		}
		others = append(others, crt)
		older = older || r.Operation == rule.Create || crt.CreationTimestamp.Before(&mine.CreationTimestamp)
	}
	if len(others) == 0 {
		return nil
	}
	name := fmt.Sprintf("Certificate %q", others[0].Name)
	if len(others) > 1 {
		name += fmt.Sprintf(" and %d more", len(others)-1)
	}
	f := rule.Finding{
		Field: fieldpath.Spec("secretName").String(), Value: mine.Spec.SecretName, Remedy: "Use another secretName",
		Message: "is already used by " + name + "; cert-manager will silently ignore this Certificate",
	}
	if !older {
		f.Message = "is also used by " + name + "; cert-manager silently ignores all but one of them"
	}
	return yield(f)
}

func secretIsCAIssuerKey() rule.Rule {
	return rule.Rule{
		ID: "secret-is-ca-issuer-key", Severity: rule.Deny,
		Summary: "The Certificate would overwrite the key of the CA that signs it.",
		Why: "The Secret of a CA Issuer holds the key that it signs with. cert-manager would write the new leaf over it, and from then on sign " +
			"with the leaf's key (cert-manager#7002).",
		Remedy: "Use another secretName.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			secret := r.Certificate.Spec.SecretName
			if r.Issuer == nil || r.Issuer.GetSpec().CA == nil || secret == "" || r.Issuer.GetSpec().CA.SecretName != secret {
				return nil
			}
			namespace := r.Issuer.GetNamespace()
			if namespace == "" {
				namespace = r.Settings.ClusterResourceNamespace
			}
			if namespace != r.Certificate.Namespace {
				return nil
			}
			return yield(r.Cross(rule.Finding{
				Field: fieldpath.Spec("secretName").String(), Value: secret,
				Message: fmt.Sprintf("is the signing key of %s; issuing would overwrite the CA", r.IssuerTitle()), Remedy: "Use another secretName",
			}))
		}),
	}
}

func secretIsACMEAccountKey() rule.Rule {
	return rule.Rule{
		ID: "secret-is-acme-account-key", Severity: rule.Deny,
		Summary: "The Certificate would overwrite the account key of an ACME Issuer.",
		Why: "Both keep their key under tls.key. The account would be lost with its key, and Let's Encrypt refuses a certificate whose key is the " +
			"account's (\"certificate public key must be different than account key\", cert-manager#1387).",
		Remedy: "Use another secretName.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			secret := r.Certificate.Spec.SecretName
			if secret == "" {
				return nil
			}
			issuers, err := r.World.IssuersByAccountKey(ctx, r.Certificate.Namespace, secret)
			if err != nil || len(issuers) == 0 {
				return err
			}
			return yield(rule.Finding{
				Field: fieldpath.Spec("secretName").String(), Value: secret, CrossResource: true, Bundle: rule.BundleOf(issuers[0]),
				Message: fmt.Sprintf("holds the ACME account key of %s %q", rule.KindOfIssuer(issuers[0]), issuers[0].GetName()), Remedy: "Use another secretName",
			})
		}),
	}
}

func secretHasOtherManager() rule.Rule {
	return rule.Rule{
		ID: "secret-has-other-manager", Severity: rule.Warn, Silent: true,
		Summary: "The Secret is there already, and something else writes it.",
		Why: "cert-manager and the other writer change the Secret back again and again, and with each change cert-manager issues anew, up to the " +
			"CA's rate limit. The rule needs to see the metadata of Secrets, which an operator allows by namespace.",
		Remedy: "Use another secretName, or stop the other writer.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			name := r.Certificate.Spec.SecretName
			if name == "" {
				return nil
			}
			secret, known, err := r.World.Secret(ctx, r.Certificate.Namespace, name)
			if err != nil || !known || secret == nil {
				return err
			}
			manager := managerOf(secret)
			if manager == "" {
				return nil
			}
			return yield(rule.Finding{
				Field: fieldpath.Spec("secretName").String(), Value: name,
				Message: "the Secret is managed by " + manager + "; two writers cause endless re-issuance",
			})
		}),
	}
}

// managerOf says who else writes a Secret, "" when nobody is known to or cert-manager has written it.
func managerOf(secret *metav1.PartialObjectMetadata) string {
	if _, ours := secret.Annotations[cmapi.CertificateNameKey]; ours {
		return ""
	}
	for _, owner := range secret.OwnerReferences {
		switch group, _, _ := strings.Cut(owner.APIVersion, "/"); {
		case group == "external-secrets.io" && owner.Kind == "ExternalSecret", group == "bitnami.com" && owner.Kind == "SealedSecret":
			return fmt.Sprintf("%s %q", owner.Kind, owner.Name)
		}
	}
	switch labels, annotations := secret.Labels, secret.Annotations; {
	case annotations["meta.helm.sh/release-name"] != "":
		return fmt.Sprintf("Helm release %q", annotations["meta.helm.sh/release-name"])
	case labels["app.kubernetes.io/managed-by"] == "Helm":
		return "Helm"
	case labels["reconcile.external-secrets.io/managed"] == "true":
		return "the External Secrets Operator"
	case annotations["reflector.v1.k8s.emberstack.com/reflects"] != "":
		return "Reflector"
	}
	return ""
}
