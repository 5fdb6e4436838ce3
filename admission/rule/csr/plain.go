package csr

import (
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
)

// maxPlain is how many bytes of names fit into any CSR: cert-manager reads no more than 36,500 bytes of PEM
// (https://github.com/cert-manager/cert-manager/blob/v1.21.2/internal/pem/decode.go).
const maxPlain = 16 << 10

// isPlain tells whether nothing goes into the CSR but names that every CSR can have, and not too many, as with most Certificates. There
// is nothing to try then.
func isPlain(spec *cmapi.CertificateSpec) bool {
	return len(spec.DNSNames) > 0 && !slices.ContainsFunc(spec.DNSNames, isUnusual) && sizeOf(spec.DNSNames) <= maxPlain &&
		(spec.CommonName == "" || !isUnusual(spec.CommonName)) &&
		spec.URIs == nil && spec.EmailAddresses == nil && spec.IPAddresses == nil && spec.OtherNames == nil &&
		spec.Subject == nil && spec.LiteralSubject == "" && spec.NameConstraints == nil &&
		spec.Usages == nil && spec.EncodeUsagesInRequest == nil && !spec.IsCA
}

// sizeOf is what names take in a CSR.
func sizeOf(names []string) int {
	const rest = 4 // the tag and the length of each (X.690, section 8.1)
	size := 0
	for _, name := range names {
		size += len(name) + rest
	}
	return size
}

// isUnusual tells whether a name is anything but a domain's (RFC 1123, section 2.1), or a wildcard for one.
func isUnusual(name string) bool {
	name = strings.TrimPrefix(name, "*.")
	if name == "" || len(name) > 253 {
		return true
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notOfLabels) {
			return true
		}
	}
	return false
}

func notOfLabels(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
}
