package issuer

import (
	"context"
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

func issuerSecretElsewhere() rule.Rule {
	return rule.Rule{
		ID: "issuer-secret-elsewhere", Severity: rule.Warn,
		Summary: "A ClusterIssuer reads a Secret in one namespace, and what it needs is in another.",
		Why: "A ClusterIssuer reads its Secrets in the cluster resource namespace, which is cert-manager's own unless that is configured otherwise " +
			"(https://cert-manager.io/docs/configuration/#cluster-resource-namespace). Where a Certificate writes the Secret, as for a CA, it writes it into " +
			"its own namespace. Something may copy the Secret, so this only warns. What is missing for a solver says the rule solver-secret-missing.",
		Remedy: "Put the Certificate or the Secret into the cluster resource namespace.",
		Check:  rule.Issuers(checkSecretsElsewhere),
	}
}

func checkSecretsElsewhere(ctx context.Context, r *rule.IssuerReview, yield rule.Yield) error {
	namespace := r.SecretNamespace()
	if r.Operation == rule.Delete || r.Kind() != cmapi.ClusterIssuerKind || namespace == "" {
		return nil
	}
	for _, ref := range allSecretRefs(r.Issuer.GetSpec()) {
		path := ref.path.String()
		if ref.name == "" || strings.HasPrefix(path, "spec.acme.privateKeySecretRef") {
			continue // that Secret cert-manager makes itself
		}
		message, err := elsewhere(ctx, r, namespace, ref.name, !strings.HasPrefix(path, "spec.acme.solvers"))
		if err != nil {
			return err
		}
		if message == "" {
			continue
		}
		if err := yield(rule.Finding{
			Field: path, Value: ref.name, Message: message,
			Remedy: fmt.Sprintf("Put it into %q, or name your namespace with --cluster-resource-namespace", namespace),
		}); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere says that a Secret is not where it is read: that a Certificate writes it into another namespace or, where that is asked, that
// it is known to be missing.
func elsewhere(ctx context.Context, r *rule.IssuerReview, namespace, name string, ask bool) (message string, err error) {
	secret, known, err := r.World.Secret(ctx, namespace, name)
	if err != nil || secret != nil {
		return "", err
	}
	var writer *cmapi.Certificate
	err = r.World.VisitCertificates(ctx, evidence.BySecretName, name, func(crt *cmapi.Certificate) bool {
		if key, ours := rule.IssuerKeyOf(crt); crt.Namespace == namespace || isCopied(crt) || ours && key == keyOfIssuer(r.Issuer) {
			writer = nil // it is there, or will be; of one that waits for this very Issuer another rule speaks
			return false
		}
		if writer == nil {
			writer = crt
		}
		return true
	})
	switch {
	case err != nil:
		return "", err
	case writer != nil:
		return fmt.Sprintf("a ClusterIssuer reads it in namespace %q, and Certificate %q writes it in %q", namespace, writer.Name, writer.Namespace), nil
	case !known || !ask:
		return "", nil
	}
	writers, err := r.World.CertificatesBySecret(ctx, namespace, name)
	if err != nil || len(writers) > 0 {
		return "", err
	}
	return fmt.Sprintf("Secret not found in namespace %q (ClusterIssuers read Secrets there)", namespace), nil
}

// isCopied tells whether something is told to copy the Secret of a Certificate to other namespaces.
func isCopied(crt *cmapi.Certificate) bool {
	if crt.Spec.SecretTemplate == nil {
		return false
	}
	for key := range crt.Spec.SecretTemplate.Annotations {
		for _, tool := range []string{"reflector", "replicator", "kubed", "config-syncer", "sync", "copy"} {
			if strings.Contains(strings.ToLower(key), tool) {
				return true
			}
		}
	}
	return false
}
