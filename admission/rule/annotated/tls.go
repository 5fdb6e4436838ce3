package annotated

import (
	"context"
	"fmt"
	"slices"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/shim"
)

// tlsRules are the rules about the entries that become Certificates.
func tlsRules() []rule.Rule {
	return []rule.Rule{ingressTLSMissing(), ingressTLSSecretDuplicate(), ingressExistingCertificate()}
}

func ingressTLSMissing() rule.Rule {
	return rule.Rule{
		ID:       "ingress-tls-missing",
		Severity: rule.Warn,
		Summary:  "There is an issuer, but nothing to issue a certificate for.",
		Why: "cert-manager makes one Certificate for each entry of spec.tls that has hosts and a secretName; of a Gateway, for the listeners that have a " +
			"hostname and tls.certificateRefs. It skips the others, and looks neither at rules nor at routes.",
		Remedy: "Add hosts and secretName to spec.tls, or a hostname and tls.certificateRefs to the listener.",
		Check: rule.Annotations(func(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
			if !shim.AsksForCertificates(r.Object, r.Settings.DefaultIssuer) {
				return nil
			}
			_, skipped := shim.Entries(r.Object)
			for _, s := range skipped {
				if err := yield(rule.Finding{Field: s.Field, Message: s.Message}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func ingressTLSSecretDuplicate() rule.Rule {
	return rule.Rule{
		ID:       "ingress-tls-secret-duplicate",
		Severity: rule.Warn,
		Summary:  "Two entries of spec.tls have the same secretName.",
		Why: "Each entry becomes a Certificate with the name of its Secret, and two cannot have one name. cert-manager leaves an event with reason " +
			"BadConfig and makes no Certificate for the Ingress at all.",
		Remedy: "Put all hosts into one entry, or give each its own Secret.",
		Check: rule.Ingresses(func(_ context.Context, r *rule.AnnotatedReview, ingress *networkingv1.Ingress, yield rule.Yield) error {
			if !shim.AsksForCertificates(r.Object, r.Settings.DefaultIssuer) {
				return nil
			}
			for _, pair := range shim.SecretDuplicates(ingress) {
				name := ingress.Spec.TLS[pair[0]].SecretName
				message := fmt.Sprintf("is also the secretName of tls[%d]; cert-manager skips both", pair[1])
				if len(ingress.Spec.TLS) > 2 {
					message += ", and every other entry with them"
				}
				if err := yield(rule.Finding{
					Field: fmt.Sprintf("spec.tls[%d].secretName", pair[0]), Value: name,
					Message: message, Remedy: "Merge the hosts or rename",
				}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// maxMissing is how many Certificates are looked for in vain: each may be a question to the API server.
const maxMissing = 30

func ingressExistingCertificate() rule.Rule {
	return rule.Rule{
		ID:       "ingress-existing-certificate",
		Severity: rule.Warn,
		Summary:  "Somebody else's Certificate has the name that cert-manager would give to its own.",
		Why: "cert-manager names the Certificate like the Secret. It changes none that does not belong to the Ingress or the Gateway; a line in its log " +
			"at level info is all that tells of it. So of two Ingresses with one secretName only the first gets its hosts into the certificate. " +
			"Nothing is said where the first one's has them already, from the same issuer.",
		Remedy: "Remove the issuer annotation and keep the Certificate, or use another secretName.",
		Check:  rule.Annotations(checkExistingCertificates),
	}
}

func checkExistingCertificates(ctx context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
	if !shim.AsksForCertificates(r.Object, r.Settings.DefaultIssuer) {
		return nil
	}
	entries, _ := shim.Entries(r.Object)
	missing := 0
	for _, entry := range rule.Until(ctx, entries) {
		crt, err := r.World.Certificate(ctx, r.Object.GetNamespace(), entry.SecretName)
		if err != nil {
			return err
		}
		if crt == nil {
			if missing++; missing == maxMissing {
				return nil
			}
			continue
		}
		if managedBy(crt, r.Object) || shared(crt, r.Object) {
			continue
		}
		if err := yield(existing(crt, r.Object, entry)); err != nil {
			return err
		}
	}
	return nil
}

// existing says that a Certificate is somebody else's.
func existing(crt *cmapi.Certificate, object metav1.Object, entry shim.Entry) rule.Finding {
	f := rule.Finding{Field: entry.SecretPath, Value: entry.SecretName, Message: fmt.Sprintf(
		"Certificate %q exists and is not managed by this %s; annotations here have no effect on it", crt.Name, shim.Kind(object))}
	if owner := ownerOf(crt); owner != nil {
		f.Message = fmt.Sprintf("%s %q has this secretName too and owns the Certificate; the hosts and the issuer of this %s never get into it",
			owner.Kind, owner.Name, shim.Kind(object))
		f.Remedy = "Use another secretName, or put all hosts into one object"
	}
	return f
}

// ownerOf is the Ingress or the Gateway that a Certificate belongs to, nil where it belongs to none.
func ownerOf(crt *cmapi.Certificate) *metav1.OwnerReference {
	if owner := metav1.GetControllerOf(crt); owner != nil && (owner.Kind == "Ingress" || owner.Kind == "Gateway") {
		return owner
	}
	return nil
}

// shared tells whether another object's Certificate is all that this one asks for.
func shared(crt *cmapi.Certificate, object metav1.Object) bool {
	if ownerOf(crt) == nil {
		return false
	}
	all := shim.Certificates(object)
	i := slices.IndexFunc(all, func(c *shim.Certificate) bool { return c.Name == crt.Name })
	if i < 0 || !sameIssuer(crt, all[i].Certificate) {
		return false
	}
	has := slices.Concat(crt.Spec.DNSNames, crt.Spec.IPAddresses)
	return !slices.ContainsFunc(slices.Concat(all[i].Spec.DNSNames, all[i].Spec.IPAddresses), func(name string) bool { return !slices.Contains(has, name) })
}

func sameIssuer(a, b *cmapi.Certificate) bool {
	return a.Spec.IssuerRef.Name == b.Spec.IssuerRef.Name && apiutil.IssuerKind(a.Spec.IssuerRef) == apiutil.IssuerKind(b.Spec.IssuerRef) &&
		apiutil.IssuerGroup(a.Spec.IssuerRef) == apiutil.IssuerGroup(b.Spec.IssuerRef)
}

// managedBy tells whether a Certificate belongs to the object. An object that is being made anew under the same name counts:
// what belonged to the one before it goes away.
func managedBy(crt *cmapi.Certificate, object metav1.Object) bool {
	owner := metav1.GetControllerOf(crt)
	return owner != nil && owner.Kind == shim.Kind(object) && owner.Name == object.GetName()
}
