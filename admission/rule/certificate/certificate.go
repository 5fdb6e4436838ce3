package certificate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

func duplicateDNSNames() rule.Rule {
	return rule.Rule{
		ID:       "duplicate-dns-names",
		Severity: rule.Warn,
		Summary:  "A name is there twice.",
		Why: "Names are equal whatever their case, and with or without a dot at the end. cert-manager sends them all. Let's Encrypt drops the second, " +
			"but other ACME servers refuse the CSR (https://github.com/cert-manager/cert-manager/issues/8978).",
		Remedy: "Write each name once.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			first := map[string]int{}
			for i, name := range r.Certificate.Spec.DNSNames {
				same := strings.TrimSuffix(strings.ToLower(name), ".")
				if j, again := first[same]; again {
					if err := yield(rule.Finding{Field: dnsNamePath(i), Value: name, Remedy: "Remove it", Message: fmt.Sprintf(
						"is a duplicate of %s; some ACME servers fail with \"Unexpected number of identifiers found in CSR\"", dnsNamePath(j))}); err != nil {
						return err
					}
					continue
				}
				first[same] = i
			}
			return nil
		}),
	}
}

func dnsNamePath(i int) string { return fmt.Sprintf("spec.dnsNames[%d]", i) }

func issuerGroupUnknown() rule.Rule {
	return rule.Rule{
		ID:       "issuer-group-unknown",
		Silent:   true,
		Severity: rule.Deny,
		Summary:  "The issuer's API group does not exist.",
		Why: "An API group is a domain name in lower case, and cert-manager compares it letter by letter. It takes any other group for one of an external " +
			"issuer, so the CertificateRequest waits for a controller that there cannot be. Denied where no such group can exist; a warning " +
			"where nobody has installed it yet.",
		Remedy: "Leave group out for an Issuer or a ClusterIssuer of cert-manager's, or write \"cert-manager.io\".",
		Check:  rule.Certificates(checkIssuerGroup),
	}
}

func checkIssuerGroup(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	ref := r.Certificate.Spec.IssuerRef
	if apiutil.IssuerGroup(ref) == certmanager.GroupName {
		return nil
	}
	finding := rule.Finding{Field: "spec.issuerRef.group", Value: ref.Group}
	if reason, remedy := impossibleGroup(ref.Group); reason != "" {
		finding.Message = reason + "; cert-manager would treat this as an external issuer and never process it"
		finding.Remedy = remedy
		return yield(finding)
	}
	kind := apiutil.IssuerKind(ref)
	served, known, err := r.World.KindServed(ctx, ref.Group, kind)
	if err != nil || served {
		return err
	}
	finding.Severity = rule.Warn
	ours := kind == cmapi.IssuerKind || kind == cmapi.ClusterIssuerKind
	switch {
	case ours && words.Distance(ref.Group, certmanager.GroupName, 3) < 3:
		finding.Message = fmt.Sprintf("is not cert-manager's group, so cert-manager would treat this as an external issuer; did you mean %q?",
			certmanager.GroupName)
	case known:
		finding.Message = fmt.Sprintf("no CustomResourceDefinition serves %s in this group; install the external issuer", kind)
	default:
		return nil
	}
	return yield(finding)
}

// impossibleGroup says why there can be no API group of this name, and what to write; "" where there can be one.
func impossibleGroup(group string) (reason, remedy string) {
	const ours = `Use "cert-manager.io" or leave group out`
	lower := strings.ToLower(group)
	valid := len(validation.IsDNS1123Subdomain(lower)) == 0
	switch {
	case group == rule.FormerGroup:
		return "was cert-manager's API group before version 0.11", ours
	case lower == rule.FormerGroup || group != lower && lower == certmanager.GroupName:
		return "API groups are lower case", ours
	case group != lower && valid:
		return "API groups are lower case", fmt.Sprintf("Use %q, or leave group out for an issuer of cert-manager's", lower)
	case strings.Contains(group, "/"):
		return "an API group has no version and no \"/\"", ours
	case !valid:
		return "an API group is a domain name in lower case", ours
	}
	return "", ""
}

func keystorePasswordKeyMissing() rule.Rule {
	return rule.Rule{
		ID:       "keystore-password-key-missing",
		Severity: rule.Deny,
		Summary:  "A keystore's password Secret is named without a key.",
		Why: "The key says which entry of the Secret is the password, and there is no default. cert-manager's webhook does not look at it. Its controller " +
			"issues the certificate, cannot write the Secret, and tries again for ever.",
		Remedy: "Write passwordSecretRef.key.",
		Check: rule.WrittenCertificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			keystores := r.Certificate.Spec.Keystores
			if keystores == nil {
				return nil
			}
			missing := func(path, title string) error {
				return yield(rule.Finding{
					Field: "spec.keystores." + path + ".passwordSecretRef.key", Type: field.ErrorTypeRequired,
					Message: fmt.Sprintf("cert-manager has no default here and would fail after issuance (%s keystore password Secret contains no data for key \"\")", title),
				})
			}
			if s := keystores.JKS; s != nil && s.Create && s.Password == nil && s.PasswordSecretRef.Name != "" && s.PasswordSecretRef.Key == "" {
				if err := missing("jks", "JKS"); err != nil {
					return err
				}
			}
			if s := keystores.PKCS12; s != nil && s.Create && s.Password == nil && s.PasswordSecretRef.Name != "" && s.PasswordSecretRef.Key == "" {
				return missing("pkcs12", "PKCS12")
			}
			return nil
		}),
	}
}

func usageWithoutCA() rule.Rule {
	return rule.Rule{
		ID:       "usage-without-ca",
		Severity: rule.Warn,
		Summary:  "A certificate that is no CA asks for a CA's usages.",
		Why: "cert-manager issues it, but RFC 5280, section 4.2.1.3, has these usages for CAs alone, and many verifiers reject a leaf certificate that " +
			"carries them.",
		Remedy: "Remove the usage, or set isCA: true.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.Certificate.Spec.IsCA {
				return nil
			}
			for i, usage := range r.Certificate.Spec.Usages {
				if usage == cmapi.UsageCertSign || usage == cmapi.UsageCRLSign {
					if err := yield(rule.Finding{
						Field: fmt.Sprintf("spec.usages[%d]", i), Value: string(usage),
						Message: "without isCA: true gives a leaf certificate that many verifiers reject",
					}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

func nameConstraintWildcard() rule.Rule {
	return rule.Rule{
		ID:       "name-constraint-wildcard",
		Severity: rule.Warn,
		Summary:  "A name constraint is written like a wildcard.",
		Why:      "In RFC 5280, section 4.2.1.10, a constraint on a domain covers all names under it and there are no wildcards. Verifiers reject \"*.\" or match nothing.",
		Remedy:   "Write the domain without \"*.\".",
		Check: rule.WrittenCertificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			constraints := r.Certificate.Spec.NameConstraints
			if constraints == nil || !r.Certificate.Spec.IsCA {
				return nil
			}
			if err := wildcardConstraints("permitted", constraints.Permitted, yield); err != nil {
				return err
			}
			return wildcardConstraints("excluded", constraints.Excluded, yield)
		}),
	}
}

func wildcardConstraints(side string, item *cmapi.NameConstraintItem, yield rule.Yield) error {
	if item == nil {
		return nil
	}
	for i, domain := range item.DNSDomains {
		if plain, wildcard := strings.CutPrefix(domain, "*."); wildcard {
			if err := yield(rule.Finding{
				Field: fmt.Sprintf("spec.nameConstraints.%s.dnsDomains[%d]", side, i), Value: domain,
				Message: fmt.Sprintf("is not valid constraint syntax; %q already covers every subdomain", plain),
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func secretTemplateReservedLabel() rule.Rule {
	return rule.Rule{
		ID:       "secret-template-reserved-label",
		Severity: rule.Warn,
		Summary:  "The Secret's template sets a label that is cert-manager's own.",
		Why: "cert-manager's webhook guards its annotations, but not its labels. Its controller sets controller.cert-manager.io/fao to \"true\" each time " +
			"it writes the Secret, so the Secret never looks as the template says; it finds Secrets of its own by other labels.",
		Remedy: "Remove the label.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			template := r.Certificate.Spec.SecretTemplate
			if template == nil || len(metav1validation.ValidateLabels(template.Labels, nil)) > 0 {
				// cert-manager's webhook refuses labels that are none.
				return nil
			}
			for _, label := range slices.Sorted(maps.Keys(template.Labels)) {
				prefix, _, qualified := strings.Cut(label, "/")
				if !qualified || prefix != "cert-manager.io" && prefix != "controller.cert-manager.io" {
					continue
				}
				message := "reserved for cert-manager; remove it"
				if label == cmapi.PartOfCertManagerControllerLabelKey {
					message = "reserved for cert-manager, which overwrites it with \"true\" on every sync; remove it"
				}
				if err := yield(rule.Finding{Field: "spec.secretTemplate.labels[" + label + "]", Message: message}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
