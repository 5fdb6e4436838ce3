package offline

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// issuerRules restate what cert-manager's webhook refuses of Issuers and ClusterIssuers, but for their solvers.
func issuerRules() []rule.Rule {
	return slices.Concat(issuerTypeRules(), accountRules(), otherIssuerRules())
}

func issuerTypeRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-issuer-type",
		Summary: "The Issuer is of no type, or of more than one.",
		Why:     "An Issuer is one of acme, ca, selfSigned, vault and venafi. cert-manager's webhook takes the first in this order and refuses the others.",
		Remedy:  "Keep one of acme, ca, selfSigned, vault and venafi.",
		Check:   refusesIssuer(refuseIssuerTypes),
	}}
}

// issuerTypes are the types that an Issuer is of, in the order in which cert-manager's webhook looks at them. It does not look
// into the second.
func issuerTypes(s *cmapi.IssuerSpec) []string {
	var types []string
	for _, t := range []struct {
		name string
		set  bool
	}{{"acme", s.ACME != nil}, {"ca", s.CA != nil}, {"selfSigned", s.SelfSigned != nil}, {"vault", s.Vault != nil}, {"venafi", s.Venafi != nil}} {
		if t.set {
			types = append(types, t.name)
		}
	}
	return types
}

// firstType tells whether this is the type that cert-manager's webhook looks into.
func firstType(s *cmapi.IssuerSpec, name string) bool {
	types := issuerTypes(s)
	return len(types) > 0 && types[0] == name
}

func refuseIssuerTypes(r *refusals, s *cmapi.IssuerSpec) {
	types := issuerTypes(s)
	if len(types) == 0 {
		r.required(field.NewPath("spec"), "has no type of issuer", "Write one of acme, ca, selfSigned, vault and venafi")
		return
	}
	for _, name := range types[1:] {
		r.forbidden(fieldpath.Spec(name), "is a second type beside "+types[0], "Keep one of them")
	}
}

func accountRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-acme-required",
		Summary: "spec.acme has no server, or no Secret for the account's key.",
		Why:     "cert-manager registers an account at the server and stores its key in the Secret. Its webhook wants both names, and looks no closer at them.",
		Remedy:  "Write server and privateKeySecretRef: {name: …}. cert-manager creates the Secret.",
		Check: refusesIssuer(func(r *refusals, s *cmapi.IssuerSpec) {
			if s.ACME != nil && s.ACME.PrivateKey.Name == "" {
				r.required(fieldpath.ACME("privateKeySecretRef", "name"), "names no Secret for the account's key",
					`Write a name, like "letsencrypt-account"; cert-manager creates the Secret`)
			}
			if s.ACME != nil && s.ACME.Server == "" {
				r.required(fieldpath.ACME("server"), "names no ACME server", `Write a URL, like "https://acme-v02.api.letsencrypt.org/directory"`)
			}
		}),
	}, {
		ID:      "cm-acme-ca-bundle",
		Summary: "spec.acme.caBundle has no certificate, or stands beside skipTLSVerify.",
		Why:     "caBundle says which CAs the server's certificate may come from, and skipTLSVerify that nobody looks. cert-manager's webhook wants at least one certificate in PEM, in base64.",
		Remedy:  "Write the certificates of the CA as PEM in base64, and no skipTLSVerify.",
		Check: refusesIssuer(func(r *refusals, s *cmapi.IssuerSpec) {
			if s.ACME == nil || len(s.ACME.CABundle) == 0 {
				return
			}
			if s.ACME.SkipTLSVerify {
				r.invalid(fieldpath.ACME("skipTLSVerify"), true, "stands beside caBundle, which it makes void", "Remove it")
				r.invalid(fieldpath.ACME("caBundle"), nil, "stands beside skipTLSVerify, which makes it void", "Remove skipTLSVerify")
			}
			r.bundle(fieldpath.ACME("caBundle"), s.ACME.CABundle)
		}),
	}, {
		ID:      "cm-external-account-binding",
		Summary: "spec.acme.externalAccountBinding has no key ID, or no key.",
		Why:     "The binding is an ID and a key that the CA gave out; the key is in a Secret. cert-manager's webhook wants the ID and the names of the Secret and of the key in it.",
		Remedy:  "Write keyID and keySecretRef: {name: …, key: …}.",
		Check: refusesIssuer(func(r *refusals, s *cmapi.IssuerSpec) {
			if s.ACME == nil || s.ACME.ExternalAccountBinding == nil {
				return
			}
			eab := s.ACME.ExternalAccountBinding
			if eab.KeyID == "" {
				r.required(fieldpath.ACME("externalAccountBinding", "keyID"), "has no ID of the key", "Write the ID that the CA gave you")
			}
			r.selector(fieldpath.ACME("externalAccountBinding", "keySecretRef"), &eab.Key)
		}),
	}}
}

// bundle demands that there is a certificate in PEM.
func (r *refusals) bundle(path *field.Path, pem []byte) {
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		r.invalid(path, nil, "has no certificate", "Encode the PEM file of the CA with base64 -w0")
	}
}

func otherIssuerRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-ca-issuer",
		Summary: "spec.ca names no Secret, or has an empty URL.",
		Why:     "The Secret has the CA's certificate and key. The URLs go into every certificate.",
		Remedy:  "Write secretName, and URLs like http://ocsp.corp.example.",
		Check:   refusesIssuer(refuseCA),
	}, {
		ID:      "cm-vault",
		Summary: "spec.vault lacks something, or has two things of which one is enough.",
		Why: "Vault is reached at a server, signs at a path, and wants one way to log in. cert-manager's webhook refuses paths with \"..\", two CA " +
			"bundles, and half of a client certificate. It admits two ways to log in, and takes the first.",
		Remedy: "Write server, path, and one of auth.tokenSecretRef, appRole, clientCertificate, kubernetes and aws.",
		Check: refusesIssuer(func(r *refusals, s *cmapi.IssuerSpec) {
			if firstType(s, "vault") {
				refuseVault(r, s.Vault)
			}
		}),
	}, {
		ID:      "cm-venafi",
		Summary: "spec.venafi has no zone, or not exactly one service.",
		Why:     "The zone is the policy folder or the application. The service is one of tpp, cloud and ngts, each with what it needs.",
		Remedy:  "Write zone, and one of tpp, cloud and ngts.",
		Check: refusesIssuer(func(r *refusals, s *cmapi.IssuerSpec) {
			if firstType(s, "venafi") {
				refuseVenafi(r, s.Venafi)
			}
		}),
	}}
}

func refuseCA(r *refusals, s *cmapi.IssuerSpec) {
	if !firstType(s, "ca") {
		return
	}
	if s.CA.SecretName == "" {
		r.required(fieldpath.Spec("ca", "secretName"), "names no Secret with the CA's certificate and key", "Write its name")
	}
	for name, urls := range map[string][]string{"ocspServers": s.CA.OCSPServers, "issuingCertificateURLs": s.CA.IssuingCertificateURLs} {
		for i, url := range urls {
			if url == "" {
				r.invalid(fieldpath.Spec("ca", name).Index(i), "", "is not a URL", "Write one, or remove it")
			}
		}
	}
}

func refuseVault(r *refusals, v *cmapi.VaultIssuer) {
	path := fieldpath.Spec("vault")
	if v.Server == "" {
		r.required(path.Child("server"), "names no server", `Write a URL, like "https://vault.corp.example"`)
	}
	if v.Path == "" {
		r.required(path.Child("path"), "names no path that signs", `Write one, like "pki/sign/web"`)
	}
	r.noDots(path.Child("path"), v.Path)
	if len(v.CABundle) > 0 {
		r.bundle(path.Child("caBundle"), v.CABundle)
		if v.CABundleSecretRef != nil {
			r.invalid(path.Child("caBundle"), nil, "stands beside caBundleSecretRef", "Keep one of them")
			r.invalid(path.Child("caBundleSecretRef"), v.CABundleSecretRef.Name, "stands beside caBundle", "Keep one of them")
		}
	}
	switch {
	case v.ClientCertSecretRef != nil && v.ClientKeySecretRef == nil:
		r.required(path.Child("clientKeySecretRef"), "is missing beside clientCertSecretRef", "Write where the key is")
	case v.ClientCertSecretRef == nil && v.ClientKeySecretRef != nil:
		r.required(path.Child("clientCertSecretRef"), "is missing beside clientKeySecretRef", "Write where the certificate is")
	}
	refuseVaultAuth(r, path.Child("auth"), &v.Auth)
}

// noDots demands that a path does not go up.
func (r *refusals) noDots(path *field.Path, value string) {
	if slices.Contains(strings.Split(value, "/"), "..") {
		r.invalid(path, value, `has ".." between its slashes`, "Write the whole path")
	}
}

func refuseVaultAuth(r *refusals, path *field.Path, auth *cmapi.VaultAuth) {
	if auth.TokenSecretRef == nil && auth.AppRole == nil && auth.ClientCertificate == nil && auth.Kubernetes == nil && auth.AWS == nil {
		r.required(path, "has no way to log in", "Write one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws")
	}
	if role := auth.AppRole; role != nil {
		if role.RoleId == "" {
			r.required(path.Child("appRole", "roleId"), "has no role", "Write the role's ID")
		}
		if role.SecretRef.Name == "" {
			r.required(path.Child("appRole", "secretRef", "name"), "names no Secret", "Write the name of the Secret")
		}
		r.noDots(path.Child("appRole", "path"), role.Path)
	}
	if auth.ClientCertificate != nil {
		r.noDots(path.Child("clientCertificate", "mountPath"), auth.ClientCertificate.Path)
	}
	if auth.Kubernetes != nil {
		refuseVaultKubernetes(r, path.Child("kubernetes"), auth.Kubernetes)
	}
	if auth.AWS != nil {
		refuseVaultAWS(r, path.Child("aws"), auth.AWS)
	}
}

func refuseVaultKubernetes(r *refusals, path *field.Path, auth *cmapi.VaultKubernetesAuth) {
	if auth.Role == "" {
		r.required(path.Child("role"), "has no role", "Write the role in Vault")
	}
	r.noDots(path.Child("mountPath"), auth.Path)
	if auth.ServiceAccountRef != nil && auth.ServiceAccountRef.Name == "" {
		r.required(path.Child("serviceAccountRef", "name"), "names no ServiceAccount", "Write its name")
	}
	switch secret := auth.SecretRef.Name != ""; {
	case !secret && auth.ServiceAccountRef == nil:
		r.required(path, "has neither secretRef nor serviceAccountRef", "Write one of them")
	case secret && auth.ServiceAccountRef != nil:
		r.forbidden(path, "has secretRef and serviceAccountRef", "Keep one of them")
	}
}

func refuseVaultAWS(r *refusals, path *field.Path, auth *cmapi.VaultAWSAuth) {
	if auth.Role == "" {
		r.required(path.Child("role"), "has no role", "Write the role in Vault")
	}
	r.noDots(path.Child("mountPath"), auth.MountPath)
	if auth.ServiceAccountRef == nil {
		return
	}
	if auth.ServiceAccountRef.Name == "" {
		r.required(path.Child("serviceAccountRef", "name"), "names no ServiceAccount", "Write its name")
	}
	if auth.IAMRoleARN == "" {
		r.required(path.Child("iamRoleArn"), "names no IAM role for the ServiceAccount", "Write the ARN of the role")
	}
}

func refuseVenafi(r *refusals, v *cmapi.VenafiIssuer) {
	path := fieldpath.Spec("venafi")
	if v.Zone == "" {
		r.required(path.Child("zone"), "names no zone", "Write the policy folder or the application and its template")
	}
	services := 0
	if v.Cloud != nil {
		services++
	}
	if tpp := v.TPP; tpp != nil {
		services++
		if tpp.URL == "" {
			r.required(path.Child("tpp", "url"), "names no server", "Write its URL")
		}
		if len(tpp.CABundle) > 0 && tpp.CABundleSecretRef != nil {
			r.forbidden(path.Child("tpp"), "has caBundle and caBundleSecretRef", "Keep one of them")
		}
	}
	if ngts := v.NGTS; ngts != nil {
		services++
		if ngts.TSGID == "" {
			r.required(path.Child("ngts", "tsgID"), "has no ID", "Write the ID of the tenant service group")
		}
		if ngts.CredentialsRef.Name == "" {
			r.required(path.Child("ngts", "credentialsRef", "name"), "names no Secret", "Write the name of the Secret")
		}
	}
	switch {
	case services == 0:
		r.required(path, "has none of tpp, cloud and ngts", "Write one of them")
	case services > 1:
		r.forbidden(path, fmt.Sprintf("has %d of tpp, cloud and ngts", services), "Keep one of them")
	}
}

// dns01Of is the DNS-01 part of a solver where cert-manager's webhook looks into it.
func dns01Of(solver *cmacme.ACMEChallengeSolver) *cmacme.ACMEChallengeSolverDNS01 {
	if solver.HTTP01 != nil {
		return nil
	}
	return solver.DNS01
}
