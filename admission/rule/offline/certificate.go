package offline

import (
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// certificateRules restate what cert-manager's webhook refuses of Certificates. The rule key-size-for-algorithm has the sizes
// of keys.
func certificateRules() []rule.Rule {
	return slices.Concat(referenceRules(), nameRules(), timeRules(), contentRules())
}

func referenceRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-secret-name",
		Summary: "spec.secretName is missing or is not the name of a Secret.",
		Why:     "cert-manager stores the certificate in this Secret, so its webhook wants a name that a Secret can have.",
		Remedy:  "Write lower case letters, digits, \"-\" and \".\".",
		Check:   refusesSpec(refuseSecretName),
	}, {
		ID:      "cm-issuer-ref",
		Summary: "spec.issuerRef has no name, or a kind that cert-manager itself does not have.",
		Why: "Without a group the issuer is one of cert-manager's own, and of those there are Issuers and ClusterIssuers. The webhook looks at " +
			"no kind of another group.",
		Remedy: "Write the name, and kind: Issuer or ClusterIssuer; an issuer of another product needs its group too.",
		Check:  refusesSpec(refuseIssuerRef),
	}}
}

func refuseSecretName(r *refusals, s *cmapi.CertificateSpec) {
	switch {
	case s.SecretName == "":
		r.required(fieldpath.Spec("secretName"), "names no Secret to store the certificate in", `Write a name, like "web-tls"`)
	case len(validation.IsDNS1123Subdomain(s.SecretName)) > 0:
		remedy := `Write lower case letters, digits, "-" and "."`
		if better := strings.ReplaceAll(strings.ToLower(s.SecretName), "_", "-"); len(validation.IsDNS1123Subdomain(better)) == 0 {
			remedy += fmt.Sprintf(", like %q", better)
		}
		r.invalid(fieldpath.Spec("secretName"), s.SecretName, "no Secret can have this name", remedy)
	}
}

func refuseIssuerRef(r *refusals, s *cmapi.CertificateSpec) {
	ref := s.IssuerRef
	if ref.Name == "" {
		r.required(fieldpath.Spec("issuerRef", "name"), "names no issuer", "Write the name of an Issuer or ClusterIssuer")
	}
	kinds := []string{"", cmapi.IssuerKind, cmapi.ClusterIssuerKind}
	if ref.Group != "" && ref.Group != certmanager.GroupName || slices.Contains(kinds, ref.Kind) {
		return
	}
	remedy := "Write Issuer or ClusterIssuer"
	if closest := words.Closest(ref.Kind, kinds[1:]); closest != "" {
		remedy = fmt.Sprintf("Write %q", closest)
	} else if ref.Group == "" {
		remedy += ", or the group of the other product in issuerRef.group"
	}
	r.invalid(fieldpath.Spec("issuerRef", "kind"), ref.Kind, "is not a kind of cert-manager's own issuers", remedy)
}

func nameRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-no-names",
		Summary: "The Certificate has no name of any sort.",
		Why:     "A certificate for nothing is of no use, so cert-manager's webhook wants a commonName (a literalSubject's CN counts) or an alternative name.",
		Remedy:  "Write dnsNames, ipAddresses, uris, emailAddresses, otherNames or a commonName.",
		Check:   refusesSpec(refuseNoNames),
	}, {
		ID:      "cm-common-name-too-long",
		Summary: "The common name has more than 64 bytes.",
		Why:     "X.509 has no room for more (RFC 5280, ub-common-name). cert-manager's webhook counts bytes, also of the CN of a literalSubject.",
		Remedy:  "Leave commonName out and write the name into dnsNames.",
		Check:   refusesSpec(refuseLongCommonName),
	}, {
		ID:      "cm-literal-subject",
		Summary: "spec.literalSubject cannot be read, or stands beside what it replaces.",
		Why: "cert-manager reads a literalSubject as an RFC 4514 string and uses it instead of commonName and subject; its webhook wants only one of them, " +
			"and every key one that it knows.",
		Remedy: "Write the whole subject into literalSubject, like CN=web,O=Corp, or leave literalSubject out.",
		Check:  refusesSpec(refuseLiteralSubject),
	}, {
		ID:      "cm-ip-address",
		Summary: "One of spec.ipAddresses is not an IP address.",
		Why:     "cert-manager's webhook reads them with Go's net.ParseIP, which takes neither names nor networks.",
		Remedy:  "Write addresses like 192.0.2.1 or 2001:db8::1, and names into dnsNames.",
		Check:   refusesSpec(refuseIPAddresses),
	}, {
		ID:      "cm-email-address",
		Summary: "One of spec.emailAddresses is not an e-mail address and nothing else.",
		Why:     "cert-manager's webhook reads them as RFC 5322 addresses without a display name.",
		Remedy:  "Write addresses like ann@corp.example.",
		Check:   refusesSpec(refuseEmailAddresses),
	}, {
		ID:      "cm-other-name",
		Summary: "One of spec.otherNames has no object identifier or no value.",
		Why:     "An otherName is a number in dots and a text. cert-manager's webhook wants both.",
		Remedy:  "Write oid: 1.3.6.1.4.1.311.20.2.3 (the UPN of Microsoft) or another identifier, and utf8Value.",
		Check:   refusesSpec(refuseOtherNames),
	}}
}

// countedCommonName is the common name that cert-manager looks at. A literalSubject's last CN, even an empty one, takes the place of
// commonName.
func countedCommonName(s *cmapi.CertificateSpec) (name string, path *field.Path) {
	name, path = s.CommonName, fieldpath.Spec("commonName")
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(s.LiteralSubject)
	if s.LiteralSubject == "" || err != nil {
		return name, path
	}
	for _, set := range sequence {
		for _, attribute := range set {
			if text, ok := attribute.Value.(string); ok && attribute.Type.Equal(pki.OIDConstants.CommonName) {
				name, path = text, fieldpath.Spec("literalSubject")
			}
		}
	}
	return name, path
}

func refuseNoNames(r *refusals, s *cmapi.CertificateSpec) {
	names := len(s.DNSNames) + len(s.URIs) + len(s.EmailAddresses) + len(s.IPAddresses) + len(s.OtherNames)
	if commonName, _ := countedCommonName(s); names == 0 && commonName == "" {
		r.invalid(field.NewPath("spec"), nil, "is for no name at all", "Write dnsNames, ipAddresses, uris, emailAddresses, otherNames or a commonName")
	}
}

// maxCommonName is RFC 5280's ub-common-name.
const maxCommonName = 64

func refuseLongCommonName(r *refusals, s *cmapi.CertificateSpec) {
	name, path := countedCommonName(s)
	if len(name) <= maxCommonName {
		return
	}
	remedy := "Leave commonName out: dnsNames are enough"
	if s.LiteralSubject != "" {
		remedy = "Write a shorter CN"
	}
	r.add(rule.Finding{
		Field: path.String(), Type: field.ErrorTypeTooLong, Value: name, Remedy: remedy,
		Message: fmt.Sprintf("has %d bytes, and a common name may have %d", len(name), maxCommonName),
	})
}

func refuseLiteralSubject(r *refusals, s *cmapi.CertificateSpec) {
	if s.LiteralSubject == "" {
		return
	}
	const message, remedy = "stands beside literalSubject, which replaces it", "Write it into literalSubject, or leave literalSubject out"
	if s.CommonName != "" {
		r.invalid(fieldpath.Spec("commonName"), s.CommonName, message, remedy)
	}
	if csr.HasSubject(s) {
		r.invalid(fieldpath.Spec("subject"), nil, message, remedy)
	}
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(s.LiteralSubject)
	if err != nil {
		r.invalid(fieldpath.Spec("literalSubject"), s.LiteralSubject, "cannot be read: "+err.Error(), "Write pairs with commas between them, like CN=web,O=Corp")
	}
	for _, set := range sequence {
		for _, attribute := range set {
			if len(attribute.Type) == 0 {
				message := fmt.Sprintf("has a key that cert-manager does not know, with the value %q", words.Excerpt(fmt.Sprint(attribute.Value)))
				r.invalid(fieldpath.Spec("literalSubject"), s.LiteralSubject, message, "Use C, O, OU, CN, SERIALNUMBER, L, ST, STREET, DC or UID")
			}
		}
	}
}

func refuseIPAddresses(r *refusals, s *cmapi.CertificateSpec) {
	for i, text := range s.IPAddresses {
		if net.ParseIP(text) != nil {
			continue
		}
		remedy := `Write one like "192.0.2.1"; names go into dnsNames`
		if ip, _, err := net.ParseCIDR(text); err == nil {
			remedy = fmt.Sprintf("Write one address, like %q", ip)
		}
		r.invalid(fieldpath.Spec("ipAddresses").Index(i), text, "is not an IP address", remedy)
	}
}

func refuseEmailAddresses(r *refusals, s *cmapi.CertificateSpec) {
	for i, text := range s.EmailAddresses {
		address, err := mail.ParseAddress(text)
		switch {
		case err != nil:
			r.invalid(fieldpath.Spec("emailAddresses").Index(i), text, "is not an e-mail address", `Write one like "ann@corp.example"`)
		case address.Address != text:
			r.invalid(fieldpath.Spec("emailAddresses").Index(i), text, "is more than an e-mail address", fmt.Sprintf("Write %q", address.Address))
		}
	}
}

func refuseOtherNames(r *refusals, s *cmapi.CertificateSpec) {
	for i, name := range s.OtherNames {
		path := fieldpath.Spec("otherNames").Index(i)
		if name.OID == "" {
			r.required(path.Child("oid"), "has no object identifier", `Write numbers with dots, like "1.3.6.1.4.1.311.20.2.3"`)
		} else if _, err := pki.ParseObjectIdentifier(name.OID); err != nil {
			r.invalid(path.Child("oid"), name.OID, "is not an object identifier", `Write numbers with dots, like "1.3.6.1.4.1.311.20.2.3"`)
		}
		if name.UTF8Value == "" || !utf8.ValidString(name.UTF8Value) {
			r.required(path.Child("utf8Value"), "has no value", "Write the name")
		}
	}
}
