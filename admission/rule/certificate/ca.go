package certificate

import (
	"context"
	"fmt"
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

// caRules are about what else of the CSR a CA refuses or leaves out.
func caRules() []rule.Rule {
	return []rule.Rule{acmeKeyNotAllowed(), acmeClientAuth(), acmeFieldIgnored()}
}

func acmeKeyNotAllowed() rule.Rule {
	return rule.Rule{
		ID: "acme-key-not-allowed", Severity: rule.Deny, Facts: []string{"baseline", "keys"},
		Summary: "The CA does not sign keys of this kind or size.",
		Why: "The CA sees the key only in the CSR, after all challenges, and refuses it (badCSR). No public CA signs Ed25519 (Baseline " +
			"Requirements, section 6.1.5). Let's Encrypt signs RSA 2048, 3072 and 4096 and ECDSA 256 and 384; ZeroSSL refuses ECDSA 521. What " +
			"nobody has published is a warning.",
		Remedy: "Use ECDSA with size 256 or 384, or RSA with 2048, 3072 or 4096.",
		Check:  rule.Certificates(checkACMEKey),
	}
}

func checkACMEKey(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if !r.Public() || r.CA.Keys.Text == "" {
		return nil
	}
	key := r.Certificate.Spec.PrivateKey
	if key == nil {
		key = &cmapi.CertificatePrivateKey{}
	}
	algorithm, size, known := keyOf(key)
	if !known {
		return nil // Of a key that nobody can make, another rule speaks.
	}
	answer := r.CA.Key(string(algorithm), size)
	if answer == ca.Yes {
		return nil
	}
	f := rule.Finding{Field: fieldpath.Spec("privateKey", "size").String(), Type: field.ErrorTypeNotSupported, Value: key.Size}
	if key.Size == 0 || algorithm == cmapi.Ed25519KeyAlgorithm {
		f.Field, f.Value = fieldpath.Spec("privateKey", "algorithm").String(), string(algorithm)
	}
	switch {
	case answer == ca.Unknown:
		f.Severity = rule.Warn
		f.Message = fmt.Sprintf("%s is not known to sign %s keys (it signs %s); it may refuse the CSR after validation",
			r.CA.Name, describeKey(algorithm, size), r.CA.Keys.Text)
	case r.CA.Keys.Complete:
		f.Message = fmt.Sprintf("%s signs %s only; it would refuse the CSR after validation (%q)", r.CA.Name, r.CA.Keys.Text, keyRefusal(algorithm, size))
	case algorithm == cmapi.Ed25519KeyAlgorithm:
		f.Message = fmt.Sprintf("no public CA signs Ed25519 keys (Baseline Requirements, section 6.1.5), and %s would refuse the CSR after validation", r.CA.Name)
	default:
		f.Message = fmt.Sprintf("%s signs %s and refuses %s after validation", r.CA.Name, r.CA.Keys.Text, describeKey(algorithm, size))
	}
	return yield(r.Cross(f))
}

// keyOf is the key that cert-manager makes, known being false where it makes none.
func keyOf(key *cmapi.CertificatePrivateKey) (algorithm cmapi.PrivateKeyAlgorithm, size int, known bool) {
	switch key.Algorithm {
	case "", cmapi.RSAKeyAlgorithm:
		if key.Size == 0 {
			return cmapi.RSAKeyAlgorithm, pki.MinRSAKeySize, true
		}
		return cmapi.RSAKeyAlgorithm, key.Size, key.Size >= pki.MinRSAKeySize && key.Size <= pki.MaxRSAKeySize
	case cmapi.ECDSAKeyAlgorithm:
		if key.Size == 0 {
			return key.Algorithm, pki.ECCurve256, true
		}
		return key.Algorithm, key.Size, slices.Contains([]int{pki.ECCurve256, pki.ECCurve384, pki.ECCurve521}, key.Size)
	case cmapi.Ed25519KeyAlgorithm:
		return key.Algorithm, 0, true
	}
	return "", 0, false
}

func describeKey(algorithm cmapi.PrivateKeyAlgorithm, size int) string {
	if size == 0 {
		return string(algorithm)
	}
	return fmt.Sprintf("%s %d", algorithm, size)
}

// keyRefusal is what Boulder says of a key: https://github.com/letsencrypt/boulder/blob/main/goodkey/good_key.go (2026-08-07).
func keyRefusal(algorithm cmapi.PrivateKeyAlgorithm, size int) string {
	switch algorithm {
	case cmapi.Ed25519KeyAlgorithm:
		return "unsupported key type ed25519.PublicKey"
	case cmapi.ECDSAKeyAlgorithm:
		return fmt.Sprintf("ECDSA curve P-%d not allowed", size)
	case cmapi.RSAKeyAlgorithm:
	}
	return fmt.Sprintf("key size not supported: %d", size)
}

func acmeClientAuth() rule.Rule {
	return rule.Rule{
		ID: "acme-client-auth", Severity: rule.Deny, Facts: []string{"clientAuth"},
		Summary: "The certificate shall be for clients too, which this public CA no longer issues.",
		Why: "Root programs want server certificates to be for servers only. Let's Encrypt leaves client auth out since 2026-02-11, without a " +
			"word: a client that shows the certificate is refused at run time. Google Trust Services refuses a CSR that asks for it (badCSR) " +
			"since 2026-04-13; cert-manager asks unless encodeUsagesInRequest is false.",
		Remedy: "Remove client auth, and use a private CA for mTLS clients.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			spec := &r.Certificate.Spec
			i := slices.Index(spec.Usages, cmapi.UsageClientAuth)
			if r.CA == nil || i < 0 {
				return nil
			}
			f := rule.Finding{Field: fieldpath.Spec("usages").Index(i).String(), Value: string(cmapi.UsageClientAuth)}
			switch policy := r.CA.ClientAuth; {
			case policy.Dropped != "":
				f.Severity = rule.Warn
				f.Message = fmt.Sprintf("is no longer issued by %s (since %s); mTLS clients will reject this certificate", r.CA.Name, policy.Dropped)
				return yield(f)
			case policy.Refused && (spec.EncodeUsagesInRequest == nil || *spec.EncodeUsagesInRequest):
				f.Type, f.Remedy = field.ErrorTypeNotSupported, "Remove it or set encodeUsagesInRequest: false"
				f.Message = r.CA.Name + " refuses CSRs with this usage (badCSR)"
				return yield(r.Cross(f))
			}
			return nil
		}),
	}
}

func acmeFieldIgnored() rule.Rule {
	return rule.Rule{
		ID: "acme-field-ignored", Severity: rule.Warn, Facts: []string{"ignored"},
		Summary: "The CA leaves parts of the request out.",
		Why: "Who validates domains puts names into a certificate and nothing else: no subject but perhaps the common name, no other names, no " +
			"right to sign. The certificate is issued without them, and whatever relies on them fails at run time.",
		Remedy: "Remove the fields, or use a private CA issuer.",
		Check:  rule.Certificates(checkIgnoredFields),
	}
}

func checkIgnoredFields(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if r.CA == nil {
		return nil
	}
	spec, ignored := &r.Certificate.Spec, r.CA.Ignored
	candidates := []struct {
		field   string
		set     bool
		message string
	}{
		{"isCA", ignored.CA && spec.IsCA, "never issues CA certificates"},
		// Next to a literal subject cert-manager's own webhook refuses it.
		{"subject", ignored.Subject && csr.HasSubject(spec) && spec.LiteralSubject == "", "puts no subject into certificates"},
		{"literalSubject", ignored.Subject && literalSubjectHasMore(spec.LiteralSubject), "puts no subject but the common name into certificates"},
		{"otherNames", ignored.OtherNames && len(spec.OtherNames) > 0, "issues no other names"},
		{"nameConstraints", ignored.NameConstraints && spec.IsCA && spec.NameConstraints != nil, "issues no name constraints"},
	}
	var fields []string
	message := ""
	for _, c := range candidates {
		if !c.set {
			continue
		}
		if message == "" {
			message = c.message
		}
		fields = append(fields, fieldpath.Spec(c.field).String())
	}
	if len(fields) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s %s; the field is dropped", r.CA.Name, message)
	if len(fields) > 1 {
		text += ", and so are " + strings.Join(fields[1:], ", ")
	}
	return yield(rule.Finding{Field: fields[0], Message: text})
}

// literalSubjectHasMore tells whether literalSubject has more than a common name.
func literalSubjectHasMore(literal string) bool {
	if literal == "" {
		return false
	}
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(literal)
	if err != nil {
		return false
	}
	for _, names := range sequence {
		for _, name := range names {
			if !name.Type.Equal(pki.OIDConstants.CommonName) {
				return true
			}
		}
	}
	return false
}
