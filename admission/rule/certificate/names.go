package certificate

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// nameRules are about which names a CA issues.
func nameRules() []rule.Rule {
	return []rule.Rule{
		acmeNameNotIssuable(), acmeNameMayFail(), acmeNameForbidden(), acmeWildcardRedundant(), acmeTooManyNames(),
		acmeCNNotInSANs(), acmeSANTypeNotAllowed(), acmeIPNotPublic(), acmeIPNeedsProfile(),
	}
}

func acmeNameNotIssuable() rule.Rule {
	return rule.Rule{
		ID: "acme-name-not-issuable", Severity: rule.Deny, Facts: []string{"baseline", "names"},
		Summary: "No public CA, or not this one, issues a certificate for the name.",
		Why: "cert-manager passes any name on. The CA refuses the order (rejectedIdentifier or malformed), and cert-manager tries again after 1, 2, " +
			"4 and up to 32 hours. What every public CA refuses is in the Baseline Requirements; what only Let's Encrypt is known to refuse " +
			"(a dot at the end, more than ten labels, \"--\" as third and fourth character, a public suffix itself) is denied there alone. Top levels are judged by the public suffix " +
			"list that is built in. For names under in-addr.arpa and ip6.arpa no public CA may issue since 2026-03-15.",
		Remedy: "Write a host name under a domain of your own, or use a private CA.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			return eachName(ctx, r, ca.NameRefused, yield, func(name string, problem ca.NameProblem) rule.Finding {
				message := fmt.Sprintf("%s; %s, like every public CA, refuses it", problem.Reason, r.CA.Name)
				if problem.Quote != "" && (r.CA.Names.Strict || problem.Alone) {
					message = fmt.Sprintf("%s; %s would answer rejectedIdentifier %q", problem.Reason, r.CA.Name, problem.Quote)
				}
				return r.Cross(rule.Finding{Value: name, Message: message, Remedy: problem.Remedy})
			})
		}),
	}
}

// eachName judges the names of which the CA thinks in one way.
func eachName(ctx context.Context, r *rule.CertificateReview, verdict ca.NameVerdict, yield rule.Yield, judge func(string, ca.NameProblem) rule.Finding) error {
	if r.CA == nil {
		return nil
	}
	for i, name := range rule.Until(ctx, r.Certificate.Spec.DNSNames) {
		if !csr.Carries(name) {
			continue
		}
		if problem := r.NameProblem(name); problem.Verdict == verdict {
			f := judge(name, problem)
			f.Field = fieldpath.Spec("dnsNames").Index(i).String()
			if err := yield(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func warnAboutName(name string, problem ca.NameProblem) rule.Finding {
	return rule.Finding{Value: name, Message: problem.Reason, Remedy: problem.Remedy}
}

func acmeNameMayFail() rule.Rule {
	return rule.Rule{
		ID: "acme-name-may-fail", Severity: rule.Warn, Facts: []string{"names"},
		Summary: "The CA probably cannot validate the name.",
		Why: "Names under home.arpa, .arpa and .onion are well-formed, but nobody can validate them over public DNS. A top level that is not on " +
			"the built-in public suffix list is unknown to CAs too, unless it is newer than the list. Some CAs issue wildcards only under some plans. " +
			"Google Trust Services has answered \"Punycode labels are not supported\" to names with a label in punycode; it is said to take " +
			"some since 2025, so it is only a warning. Names that tell an address, as under nip.io and sslip.io, are their owner's: a private " +
			"address no CA reaches, and no account of yours writes records there.",
		Remedy: "Use a name under a public domain, or a private CA.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if err := eachName(ctx, r, ca.NameMayFail, yield, warnAboutName); err != nil {
				return err
			}
			return eachAddressName(ctx, r, yield)
		}),
	}
}

func acmeNameForbidden() rule.Rule {
	return rule.Rule{
		ID: "acme-name-forbidden", Severity: rule.Warn,
		Summary: "The name is under example.com, example.net or example.org.",
		Why: "These domains are for documentation (RFC 2606) and on Let's Encrypt's blocklist, which is not published. They stand in many samples " +
			"that people try first, so it is only a warning.",
		Remedy: "Use your own domain.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			return eachName(ctx, r, ca.NameForbidden, yield, warnAboutName)
		}),
	}
}

func acmeWildcardRedundant() rule.Rule {
	return rule.Rule{
		ID: "acme-wildcard-redundant", Severity: rule.Deny, Facts: []string{"names"},
		Summary: "A wildcard of the same Certificate covers the name already.",
		Why: "Let's Encrypt refuses such an order: \"Domain name … is redundant with a wildcard domain in the same request\" (cert-manager#2128). " +
			"Other public CAs may, so it is a warning there. A wildcard covers one label only, and not its own domain: \"x.dev\" and \"a.b.x.dev\" go well with \"*.x.dev\".",
		Remedy: "Remove the name or the wildcard.",
		Check:  rule.Certificates(checkRedundantNames),
	}
}

func checkRedundantNames(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if !r.Public() {
		return nil
	}
	wildcards := map[string]bool{}
	for _, name := range r.Certificate.Spec.DNSNames {
		if isWildcard(name) {
			wildcards[strings.ToLower(name)] = true
		}
	}
	if len(wildcards) == 0 {
		return nil
	}
	for i, name := range rule.Until(ctx, r.Certificate.Spec.DNSNames) {
		label, parent, _ := strings.Cut(strings.ToLower(name), ".")
		wildcard := "*." + parent
		if label == "*" || r.Hopeless(name) || !wildcards[wildcard] {
			continue
		}
		f := rule.Finding{
			Field: fieldpath.Spec("dnsNames").Index(i).String(), Value: name, Remedy: "Remove one of the two",
			Message: fmt.Sprintf("redundant with %q; %s refuses such orders", wildcard, r.CA.Name),
		}
		if r.CA.Names.Redundant != ca.No {
			f.Severity, f.Message = rule.Warn, fmt.Sprintf("is redundant with %q; %s may refuse such orders", wildcard, r.CA.Name)
		}
		if err := yield(r.Cross(f)); err != nil {
			return err
		}
	}
	return nil
}

func acmeTooManyNames() rule.Rule {
	return rule.Rule{
		ID: "acme-too-many-names", Severity: rule.Deny, Facts: []string{"profiles"},
		Summary: "There are more names than the CA puts into one certificate.",
		Why:     "Let's Encrypt allows 100 names in the profile classic and 25 in the others, and refuses the order otherwise: \"Order cannot contain more than 100 identifiers\". Names count once, whatever their case.",
		Remedy:  "Split into several Certificates, or use a wildcard.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.CA == nil {
				return nil
			}
			profile := r.CA.Profile(r.ACME.Profile)
			names := identifiers(&r.Certificate.Spec)
			if profile == nil || profile.MaxNames == 0 || names <= profile.MaxNames {
				return nil
			}
			path := fieldpath.Spec("dnsNames")
			if len(r.Certificate.Spec.DNSNames) == 0 {
				path = fieldpath.Spec("ipAddresses")
			}
			return yield(r.Cross(rule.Finding{
				Field: path.String(), Type: field.ErrorTypeTooMany,
				Message: fmt.Sprintf("%d names; %s profile %q allows %d", names, r.CA.Name, profile.Name, profile.MaxNames),
				Remedy:  "Split into several Certificates or use a wildcard",
			}))
		}),
	}
}

// identifiers counts what the CA would count: each name and each address once.
func identifiers(spec *cmapi.CertificateSpec) int {
	seen := map[string]bool{}
	for _, name := range spec.DNSNames {
		seen[strings.ToLower(name)] = true
	}
	for _, address := range spec.IPAddresses {
		if ip := net.ParseIP(address); ip != nil {
			seen[ip.String()] = true
		}
	}
	return len(seen)
}

func acmeCNNotInSANs() rule.Rule {
	return rule.Rule{
		ID: "acme-cn-not-in-sans", Severity: rule.Deny,
		Summary: "The common name is none of the DNS names and IP addresses.",
		Why: "Whatever the ACME server, cert-manager itself fails such a CertificateRequest with the reason InvalidOrder " +
			"(pkg/controller/certificaterequests/acme/acme.go). It compares byte by byte. The common name of a literalSubject counts too.",
		Remedy: "Add the common name to dnsNames, or remove it: nothing reads it today.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			path, name := commonName(&r.Certificate.Spec)
			if r.ACME == nil || name == "" || len(name) > 64 || !csr.Carries(name) {
				return nil // A longer one cert-manager's own webhook refuses.
			}
			spec := &r.Certificate.Spec
			isIP := func(address string) bool {
				ip := net.ParseIP(address)
				return ip != nil && ip.String() == name
			}
			if slices.Contains(spec.DNSNames, name) || slices.ContainsFunc(spec.IPAddresses, isIP) {
				return nil
			}
			return yield(r.Cross(rule.Finding{
				Field: path.String(), Value: name,
				Message: "is in neither dnsNames nor ipAddresses, where ACME issuers need it; cert-manager would fail the request",
				Remedy:  "Add it to dnsNames or remove commonName",
			}))
		}),
	}
}

// commonName is the common name that the CSR would have, and where it comes from.
func commonName(spec *cmapi.CertificateSpec) (*field.Path, string) {
	if spec.LiteralSubject == "" {
		return fieldpath.Spec("commonName"), spec.CommonName
	}
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(spec.LiteralSubject)
	if err != nil {
		return fieldpath.Spec("literalSubject"), "" // cert-manager's own webhook says so.
	}
	return fieldpath.Spec("literalSubject"), pki.ExtractCommonNameFromRDNSequence(sequence)
}

func acmeSANTypeNotAllowed() rule.Rule {
	return rule.Rule{
		ID: "acme-san-type-not-allowed", Severity: rule.Deny, Facts: []string{"names"},
		Summary: "The CA issues no certificates with URIs, e-mail addresses or IP addresses.",
		Why: "ACME has no way to validate a URI or an e-mail address of a server certificate. Let's Encrypt refuses the CSR, after all challenges " +
			"(badCSR), and step-ca refuses e-mail addresses; of other public CAs nothing is published, so it is a warning there.",
		Remedy: "Use a private CA issuer for such names.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.CA == nil {
				return nil
			}
			spec := &r.Certificate.Spec
			if len(spec.URIs) > 0 {
				if err := sanType(r, "uris", "URI", r.CA.Names.URIs, "CSR contains one or more URI fields", "Use a private CA issuer for SPIFFE identities", yield); err != nil {
					return err
				}
			}
			if len(spec.EmailAddresses) > 0 && !slices.ContainsFunc(spec.EmailAddresses, csr.RefusedAddress) {
				quote := "CSR contains one or more email address fields"
				if !r.CA.Public {
					quote = "Only DNS names and IP addresses are allowed"
				}
				if err := sanType(r, "emailAddresses", "email", r.CA.Names.Emails, quote, "", yield); err != nil {
					return err
				}
			}
			if len(spec.IPAddresses) > 0 && r.CA.Names.IPs == ca.No {
				if err := yield(rule.Finding{
					Severity: rule.Warn, Field: fieldpath.Spec("ipAddresses").String(),
					Message: r.CA.Name + " is not known to issue IP addresses over ACME; it would refuse the order",
				}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func sanType(r *rule.CertificateReview, name, kind string, allowed ca.Answer, quote, remedy string, yield rule.Yield) error {
	f := rule.Finding{
		Field: fieldpath.Spec(name).String(), Type: field.ErrorTypeForbidden, Remedy: remedy,
		Message: fmt.Sprintf("%s refuses CSRs with %s names (%q)", r.CA.Name, kind, quote),
	}
	switch {
	case allowed == ca.No:
		return yield(r.Cross(f))
	case allowed == ca.Yes || !r.CA.Public:
		return nil
	}
	f.Severity = rule.Warn
	f.Message = fmt.Sprintf("%s is not known to issue %s names over ACME; it may refuse the CSR or drop them", r.CA.Name, kind)
	return yield(f)
}

func acmeIPNotPublic() rule.Rule {
	return rule.Rule{
		ID: "acme-ip-not-public", Severity: rule.Deny,
		Summary: "The IP address is not a public one.",
		Why:     "No public CA may issue for an address of the IANA special-purpose registries (Baseline Requirements, section 7.1.2.7.12).",
		Remedy:  "Use a private CA issuer.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if !r.Public() {
				return nil
			}
			for i, address := range rule.Until(ctx, r.Certificate.Spec.IPAddresses) {
				if block := reserved(address); block != "" {
					if err := yield(r.Cross(rule.Finding{
						Field: fieldpath.Spec("ipAddresses").Index(i).String(), Value: address,
						Message: fmt.Sprintf("is in a reserved block (%s), which %s refuses", block, r.CA.Name), Remedy: "Use a private CA issuer",
					})); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

// reserved says why an address is not public, "" when it is or is no address at all.
func reserved(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	return ca.Reserved(addr)
}

func acmeIPNeedsProfile() rule.Rule {
	return rule.Rule{
		ID: "acme-ip-needs-profile", Severity: rule.Deny, Facts: []string{"profiles"},
		Summary: "Let's Encrypt issues IP addresses in one profile only.",
		Why:     "In any other profile it refuses the order: \"Default profile does not permit IP address identifiers\".",
		Remedy:  "Set profile: shortlived in the Issuer's acme section.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if !r.Public() || r.CA.Names.IPs != ca.Yes {
				return nil
			}
			profile := r.CA.Profile(r.ACME.Profile)
			if profile == nil || profile.IPs != ca.No {
				return nil
			}
			sets := "sets none"
			if r.ACME.Profile != "" {
				sets = fmt.Sprintf("sets %q", r.ACME.Profile)
			}
			for i, address := range rule.Until(ctx, r.Certificate.Spec.IPAddresses) {
				if _, err := netip.ParseAddr(address); err != nil || reserved(address) != "" {
					continue
				}
				if err := yield(r.Cross(rule.Finding{
					Field: fieldpath.Spec("ipAddresses").Index(i).String(), Value: address,
					Message: fmt.Sprintf("%s issues IP addresses only with profile %s; %s %s", r.CA.Name, ipProfiles(r.CA), r.IssuerTitle(), sets),
				})); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// ipProfiles lists the profiles that may have IP addresses.
func ipProfiles(policy *ca.Policy) string {
	var names []string
	for _, profile := range policy.Profiles.List {
		if profile.IPs == ca.Yes && profile.Removed == "" {
			names = append(names, fmt.Sprintf("%q", profile.Name))
		}
	}
	return strings.Join(names, " or ")
}
