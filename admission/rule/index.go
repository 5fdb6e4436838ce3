package rule

import (
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
)

// IndexKeys returns the keys under which a world has a Certificate in each of its indexes.
func IndexKeys(crt *cmapi.Certificate) map[evidence.Index][]string {
	keys := map[evidence.Index][]string{}
	if issuer, ours := IssuerKeyOf(crt); ours {
		keys[evidence.ByIssuer] = []string{issuer.String()}
	}
	if crt.Spec.SecretName != "" {
		keys[evidence.BySecretName] = []string{crt.Spec.SecretName}
	}
	names := slices.Concat(crt.Spec.DNSNames, crt.Spec.IPAddresses)
	if len(names) == 0 {
		return keys
	}
	if len(names) < evidence.MaxNames {
		keys[evidence.ByNames] = []string{evidence.NamesKey(names)}
	}
	seen := map[string]bool{"": true}
	for _, name := range crt.Spec.DNSNames[:min(len(crt.Spec.DNSNames), evidence.MaxNames)] {
		if domain := ca.RegisteredDomain(name); !seen[domain] {
			seen[domain] = true
			keys[evidence.ByDomain] = append(keys[evidence.ByDomain], domain)
		}
	}
	return keys
}
