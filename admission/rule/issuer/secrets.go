package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// secretRules are about the Secrets that an Issuer refers to.
func secretRules() []rule.Rule {
	return []rule.Rule{secretNameInvalid(), solverSecretMissing(), issuerSecretElsewhere(), secretKeyMissing()}
}

// secretRef is a reference to a Secret, with its place in the Issuer. A name that is "" is for cert-manager to judge.
type secretRef struct {
	path *field.Path
	name string
	key  string
}

func selectorRef(path *field.Path, ref *cmmeta.SecretKeySelector) secretRef {
	if ref == nil {
		return secretRef{path: path}
	}
	return secretRef{path: path, name: ref.Name, key: ref.Key}
}

func secretNameInvalid() rule.Rule {
	return rule.Rule{
		ID: "secret-name-invalid", Severity: rule.Deny,
		Summary: "An Issuer refers to a Secret by a name that no Secret can have.",
		Why:     "Kubernetes refuses to create such a Secret, and cert-manager accepts any text here. The Issuer is never ready.",
		Remedy:  "Write a name in lower case, of letters, digits, \"-\" and \".\".",
		Check: rule.Issuers(func(_ context.Context, r *rule.IssuerReview, yield rule.Yield) error {
			if r.Operation == rule.Delete {
				return nil
			}
			for _, ref := range allSecretRefs(r.Issuer.GetSpec()) {
				if ref.name == "" || len(validation.IsDNS1123Subdomain(ref.name)) == 0 {
					continue
				}
				if err := yield(rule.Finding{
					Field: ref.path.String(), Value: ref.name,
					Message: `must be a DNS-1123 subdomain (lower case, digits, "-", "."); this Secret can never be created`,
				}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// allSecretRefs are the references of cert-manager's own fields. The path is that of the name.
func allSecretRefs(spec *cmapi.IssuerSpec) []secretRef {
	var refs []secretRef
	path := field.NewPath("spec")
	if acme := spec.ACME; acme != nil {
		refs = append(refs, selectorRef(fieldpath.ACME("privateKeySecretRef"), &acme.PrivateKey))
		if acme.ExternalAccountBinding != nil {
			refs = append(refs, selectorRef(fieldpath.ACME("externalAccountBinding", "keySecretRef"), &acme.ExternalAccountBinding.Key))
		}
		for i := range acme.Solvers {
			refs = append(refs, dns01SecretRefs(fieldpath.Solver(i).Child("dns01"), acme.Solvers[i].DNS01)...)
		}
	}
	refs = append(refs, vaultSecretRefs(path.Child("vault"), spec.Vault)...)
	refs = append(refs, venafiSecretRefs(path.Child("venafi"), spec.Venafi)...)
	for i := range refs {
		refs[i].path = refs[i].path.Child("name")
	}
	if spec.CA != nil {
		refs = append(refs, secretRef{path: path.Child("ca", "secretName"), name: spec.CA.SecretName})
	}
	if v := spec.Vault; v != nil && v.Auth.ClientCertificate != nil {
		refs = append(refs, secretRef{path: path.Child("vault", "auth", "clientCertificate", "secretName"), name: v.Auth.ClientCertificate.SecretName})
	}
	return refs
}

// dns01SecretRefs are the references of a solver's built-in provider.
func dns01SecretRefs(path *field.Path, p *cmacme.ACMEChallengeSolverDNS01) []secretRef {
	if p == nil {
		return nil
	}
	var refs []secretRef
	add := func(provider, name string, ref *cmmeta.SecretKeySelector) {
		if ref != nil {
			refs = append(refs, selectorRef(path.Child(provider, name), ref))
		}
	}
	if p.Akamai != nil {
		add("akamai", "clientTokenSecretRef", &p.Akamai.ClientToken)
		add("akamai", "clientSecretSecretRef", &p.Akamai.ClientSecret)
		add("akamai", "accessTokenSecretRef", &p.Akamai.AccessToken)
	}
	if p.AzureDNS != nil {
		add("azureDNS", "clientSecretSecretRef", p.AzureDNS.ClientSecret)
	}
	if p.CloudDNS != nil {
		add("cloudDNS", "serviceAccountSecretRef", p.CloudDNS.ServiceAccount)
	}
	if p.Cloudflare != nil {
		add("cloudflare", "apiKeySecretRef", p.Cloudflare.APIKey)
		add("cloudflare", "apiTokenSecretRef", p.Cloudflare.APIToken)
	}
	if p.Route53 != nil {
		add("route53", "accessKeyIDSecretRef", p.Route53.SecretAccessKeyID)
		add("route53", "secretAccessKeySecretRef", &p.Route53.SecretAccessKey)
	}
	if p.AcmeDNS != nil {
		add("acmeDNS", "accountSecretRef", &p.AcmeDNS.AccountSecret)
	}
	if p.DigitalOcean != nil {
		add("digitalocean", "tokenSecretRef", &p.DigitalOcean.Token)
	}
	if p.RFC2136 != nil {
		add("rfc2136", "tsigSecretSecretRef", &p.RFC2136.TSIGSecret)
	}
	return refs
}

func vaultSecretRefs(path *field.Path, v *cmapi.VaultIssuer) []secretRef {
	if v == nil {
		return nil
	}
	auth := path.Child("auth")
	refs := []secretRef{
		selectorRef(path.Child("caBundleSecretRef"), v.CABundleSecretRef),
		selectorRef(path.Child("clientCertSecretRef"), v.ClientCertSecretRef),
		selectorRef(path.Child("clientKeySecretRef"), v.ClientKeySecretRef),
		selectorRef(auth.Child("tokenSecretRef"), v.Auth.TokenSecretRef),
	}
	if v.Auth.AppRole != nil {
		refs = append(refs, selectorRef(auth.Child("appRole", "secretRef"), &v.Auth.AppRole.SecretRef))
	}
	if v.Auth.Kubernetes != nil {
		refs = append(refs, selectorRef(auth.Child("kubernetes", "secretRef"), &v.Auth.Kubernetes.SecretRef))
	}
	return refs
}

func venafiSecretRefs(path *field.Path, v *cmapi.VenafiIssuer) []secretRef {
	if v == nil {
		return nil
	}
	var refs []secretRef
	if v.TPP != nil {
		refs = append(refs, secretRef{path: path.Child("tpp", "credentialsRef"), name: v.TPP.CredentialsRef.Name},
			selectorRef(path.Child("tpp", "caBundleSecretRef"), v.TPP.CABundleSecretRef))
	}
	if v.Cloud != nil {
		refs = append(refs, selectorRef(path.Child("cloud", "apiTokenSecretRef"), &v.Cloud.APITokenSecretRef))
	}
	if v.NGTS != nil {
		refs = append(refs, secretRef{path: path.Child("ngts", "credentialsRef"), name: v.NGTS.CredentialsRef.Name})
	}
	return refs
}

func solverSecretMissing() rule.Rule {
	return rule.Rule{
		ID: "solver-secret-missing", Severity: rule.Warn,
		Summary: "A Secret that a solver needs is not there.",
		Why: "Each challenge fails until it is. For a ClusterIssuer it has to be in the cluster resource namespace, which is cert-manager's " +
			"own unless that is configured otherwise. It may come later, so this only warns. It says nothing where nobody may look for Secrets.",
		Remedy: "Create the Secret, in the namespace that is named.",
		Check:  forACME(checkSolverSecrets),
	}
}

// maxSecretsMissing is how many Secrets are looked for in vain: each may be a question to the API server.
const maxSecretsMissing = 30

func checkSolverSecrets(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	namespace := r.SecretNamespace()
	if namespace == "" {
		return nil
	}
	where := ""
	if r.Kind() == cmapi.ClusterIssuerKind {
		where = " (ClusterIssuers read Secrets there)"
	}
	looked, missing := map[string]bool{}, 0
	for i := range acme.Solvers {
		for _, ref := range neededSecrets(r, &acme.Solvers[i], i) {
			if looked[ref.name] || len(validation.IsDNS1123Subdomain(ref.name)) > 0 {
				continue
			}
			looked[ref.name] = true
			secret, known, err := r.World.Secret(ctx, namespace, ref.name)
			if err != nil || !known {
				return err
			}
			if secret != nil {
				continue
			}
			if missing++; missing > maxSecretsMissing {
				return nil
			}
			if err := yield(rule.Finding{
				Field: ref.path.String(), Value: ref.name, Namespaced: r.Kind() == cmapi.IssuerKind,
				Message: fmt.Sprintf("Secret not found in namespace %q%s", namespace, where),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// neededSecrets are the references to Secrets that a solver cannot do without: those of cert-manager's RequiredDNS01SolverSecrets
// (pkg/acme) for its built-in providers, and what our solver reads from its config. That function cannot be called: it needs
// conversions that only cert-manager's own binaries register.
func neededSecrets(r *rule.IssuerReview, solver *cmacme.ACMEChallengeSolver, i int) []secretRef {
	if raw, this, _, ok := ourConfig(r, solver); ok {
		return configSecrets(webhookPath(fieldpath.Solver(i)).Child("config"), raw, this)
	}
	return slices.DeleteFunc(dns01SecretRefs(fieldpath.Solver(i).Child("dns01"), solver.DNS01), func(ref secretRef) bool { return ref.name == "" })
}

// configSecrets are the references in a config of our solver, as they are spelled there. One that it cannot read names none.
func configSecrets(path *field.Path, raw []byte, this cloud) []secretRef {
	if _, errs := this.decode(path, raw); len(errs) > 0 {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil
	}
	var refs []secretRef
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		var ref struct {
			Name string `json:"name"`
			Key  string `json:"key"`
		}
		// A field that is no reference is not one of these.
		if json.Unmarshal(fields[name], &ref) == nil && ref.Name != "" {
			refs = append(refs, secretRef{path: path.Child(name), name: ref.Name, key: ref.Key})
		}
	}
	return refs
}
