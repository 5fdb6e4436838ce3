package issuer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

func secretKeyMissing() rule.Rule {
	return rule.Rule{
		ID: "secret-key-missing", Severity: rule.Warn,
		Summary: "The Secret does not have the key that is asked for.",
		Why: "Names of keys are compared letter by letter. Of Secrets whose manifests are given only the names of the keys are read, those under stringData too, " +
			"and in a cluster not even these. Something may add the key later, so this only warns, and it says nothing of a Secret that has no key " +
			"at all: something fills it. Certificates ask for the password of a keystore.",
		Remedy: "Write the name of a key that the Secret has, or rename the key in the Secret.",
		Check:  rule.Checks{rule.Issuers(checkSecretKeys), rule.WrittenCertificates(checkPasswordKeys)},
	}
}

func checkSecretKeys(ctx context.Context, r *rule.IssuerReview, yield rule.Yield) error {
	namespace := r.SecretNamespace()
	if r.Operation == rule.Delete || namespace == "" {
		return nil
	}
	return checkKeys(ctx, r.World, namespace, SecretRefs(r), yield)
}

// checkPasswordKeys looks for the passwords of keystores, which cert-manager reads after it has the certificate.
func checkPasswordKeys(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	keystores := r.Certificate.Spec.Keystores
	if keystores == nil {
		return nil
	}
	var refs []SecretRef
	add := func(keystore string, create bool, password *string, ref cmmeta.SecretKeySelector) {
		if create && password == nil && ref.Name != "" {
			refs = append(refs, SecretRef{Field: fieldpath.Spec("keystores", keystore, "passwordSecretRef", "name").String(), Name: ref.Name, Key: ref.Key})
		}
	}
	if k := keystores.JKS; k != nil {
		add("jks", k.Create, k.Password, k.PasswordSecretRef)
	}
	if k := keystores.PKCS12; k != nil {
		add("pkcs12", k.Create, k.Password, k.PasswordSecretRef)
	}
	return checkKeys(ctx, r.World, r.Certificate.Namespace, refs, yield)
}

// checkKeys looks for the keys in Secrets of a namespace.
func checkKeys(ctx context.Context, secrets evidence.Secrets, namespace string, refs []SecretRef, yield rule.Yield) error {
	for _, ref := range rule.Until(ctx, refs) {
		if ref.Key == "" {
			continue
		}
		keys, known, err := secrets.SecretKeys(ctx, namespace, ref.Name)
		if err != nil {
			return err
		}
		if !known || len(keys) == 0 || slices.Contains(keys, ref.Key) {
			continue
		}
		if err := yield(ref.missing(keys)); err != nil {
			return err
		}
	}
	return nil
}

// missing says that the Secret has other keys than the one that is asked for.
func (ref SecretRef) missing(keys []string) rule.Finding {
	return rule.Finding{
		Field: ref.Field, Value: ref.Name,
		Message: fmt.Sprintf("the Secret has no key %q; it has %s", words.Excerpt(ref.Key), keysInWords(keys)),
		Remedy:  "Write the name of a key that it has, or rename the key in the Secret",
	}
}

// mostKeys is how many keys a message names.
const mostKeys = 4

func keysInWords(keys []string) string {
	var shown []string
	for _, key := range keys[:min(len(keys), mostKeys)] {
		shown = append(shown, words.Excerpt(key))
	}
	if more := len(keys) - mostKeys; more > 0 {
		shown = append(shown, fmt.Sprintf("%d more", more))
	}
	last := len(shown) - 1
	if last == 0 {
		return shown[0]
	}
	return strings.Join(shown[:last], ", ") + " and " + shown[last]
}

// SecretRef is what somebody reads of a Secret: one key, or with "" whatever is there.
type SecretRef struct {
	Field     string
	Name, Key string
}

// SecretRefs are all that an Issuer reads from Secrets in its namespace, by cert-manager's fields and by the configs of our solvers.
func SecretRefs(r *rule.IssuerReview) []SecretRef {
	spec := r.Issuer.GetSpec()
	var refs []SecretRef
	add := func(ref secretRef) {
		if ref.name != "" {
			refs = append(refs, SecretRef{Field: ref.path.String(), Name: ref.name, Key: ref.key})
		}
	}
	for _, ref := range allSecretRefs(spec) {
		add(ref)
	}
	if spec.CA != nil {
		// cert-manager reads both (pkg/util/kube, SecretTLSKeyPair).
		add(secretRef{path: fieldpath.Spec("ca", "secretName"), name: spec.CA.SecretName, key: "tls.crt"})
		add(secretRef{path: fieldpath.Spec("ca", "secretName"), name: spec.CA.SecretName, key: "tls.key"})
	}
	if spec.ACME == nil {
		return refs
	}
	if key := spec.ACME.PrivateKey; key.Key == "" { // cert-manager's own default
		add(secretRef{path: fieldpath.ACME("privateKeySecretRef", "name"), name: key.Name, key: "tls.key"})
	}
	for i := range spec.ACME.Solvers {
		if raw, this, _, ok := ourConfig(r, &spec.ACME.Solvers[i]); ok {
			for _, ref := range configSecrets(webhookPath(fieldpath.Solver(i)).Child("config"), raw, this) {
				add(ref)
			}
		}
	}
	return refs
}
