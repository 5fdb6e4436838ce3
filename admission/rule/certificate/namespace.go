package certificate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

func secretInOtherNamespace() rule.Rule {
	return rule.Rule{
		ID: "secret-in-other-namespace", Severity: rule.Warn,
		Summary: "An Ingress or a Gateway for these names looks for the Secret in another namespace.",
		Why: "cert-manager writes the Secret into the Certificate's namespace, and an Ingress reads it in its own. Only where the manifests of both are " +
			"given is that seen, and only of hosts that the Certificate is for. Nothing is said of a Certificate whose secretTemplate has annotations or labels: " +
			"by these, other programs copy Secrets.",
		Remedy: "Write the Certificate into the namespace of the Ingress, or have the Secret copied there.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			crt := r.Certificate
			if crt.Spec.SecretName == "" || isCopied(crt) {
				return nil
			}
			users, err := r.World.SecretUsers(ctx, crt.Namespace, crt.Spec.SecretName)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(users, func(user evidence.SecretUser) bool { return coversAll(crt, user.Hosts) })
			if i < 0 {
				return nil
			}
			return yield(rule.Finding{
				Field: fieldpath.Spec("secretName").String(), Value: crt.Spec.SecretName,
				Message: fmt.Sprintf("%s %s/%s uses the Secret of this name in its own namespace, and this Certificate writes it into %q",
					users[i].Kind, users[i].Namespace, users[i].Name, crt.Namespace),
				Remedy: fmt.Sprintf("Write the Certificate into %q, or have the Secret copied there", users[i].Namespace),
			})
		}),
	}
}

// isCopied tells whether other programs may be told to copy the Secret.
func isCopied(crt *cmapi.Certificate) bool {
	template := crt.Spec.SecretTemplate
	return template != nil && len(template.Annotations)+len(template.Labels) > 0
}

// coversAll tells whether a Certificate is for all of these hosts, by name or by a wildcard.
func coversAll(crt *cmapi.Certificate, hosts []string) bool {
	covers := func(host string) bool {
		_, parent, _ := strings.Cut(strings.ToLower(host), ".")
		return slices.ContainsFunc(crt.Spec.DNSNames, func(name string) bool {
			return strings.EqualFold(name, host) || strings.EqualFold(name, "*."+parent)
		})
	}
	return len(hosts) > 0 && !slices.ContainsFunc(hosts, func(host string) bool { return !covers(host) })
}
