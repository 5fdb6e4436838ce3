package certificate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// keySizeForAlgorithm stands whatever cert-manager's own webhook does: it refuses most of this too, but files are judged
// without it.
func keySizeForAlgorithm() rule.Rule {
	return rule.Rule{
		ID:       "key-size-for-algorithm",
		Severity: rule.Deny,
		Founding: true,
		Summary:  "The private key's size is none that its algorithm has, or the algorithm is misspelled.",
		Why: "cert-manager makes RSA keys of 2048 to 8192 bits, ECDSA keys of 256, 384 or 521 bits, and Ed25519 keys, which have one size " +
			"(https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificatePrivateKey). It generates no other key, so nothing " +
			"is ever issued. On an Ingress or a Gateway it gives up on all annotations and says so only in its log.",
		Remedy: "Write a size that belongs to the algorithm, or leave size out: RSA keys then have 2048 bits and ECDSA keys 256.",
		Check:  rule.Checks{rule.WrittenCertificates(checkPrivateKey), rule.Annotations(checkPrivateKeyAnnotations)},
	}
}

func checkPrivateKey(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	key := r.Certificate.Spec.PrivateKey
	if key == nil {
		return nil
	}
	const algorithmField, sizeField = "spec.privateKey.algorithm", "spec.privateKey.size"
	algorithm := key.Algorithm
	if algorithm != "" && !slices.Contains(csr.KeyAlgorithms(), algorithm) {
		return yield(rule.Finding{
			Field: algorithmField, Type: field.ErrorTypeNotSupported, Value: string(algorithm),
			Message: notAnAlgorithm, Remedy: fmt.Sprintf("Write %q", closestAlgorithm(algorithm)),
		})
	}
	if algorithm == cmapi.Ed25519KeyAlgorithm && key.Size != 0 {
		return yield(rule.Finding{
			Severity: rule.Warn, Field: sizeField, Value: key.Size,
			Message: ignoredSize, Remedy: "Remove it",
		})
	}
	if key.Size == 0 || csr.KeySizeFits(algorithm, key.Size) {
		return nil
	}
	finding := rule.Finding{Field: sizeField, Type: field.ErrorTypeNotSupported, Value: key.Size, Message: sizesOf(algorithm)}
	if algorithm == "" {
		finding.Message += ", and without an algorithm the key is RSA"
	}
	switch other := algorithmOfSize(key.Size); {
	case other != "" && algorithm == cmapi.ECDSAKeyAlgorithm:
		finding.Remedy = fmt.Sprintf("%d is an RSA size: write algorithm: RSA, or an ECDSA size", key.Size)
	case other != "":
		finding.Remedy = fmt.Sprintf("%d is an ECDSA size: write algorithm: ECDSA, or an RSA size", key.Size)
	default:
		finding.Remedy = "Write " + usualSizes(algorithm)
	}
	return yield(finding)
}

// checkPrivateKeyAnnotations judges the two annotations in the order in which cert-manager reads them.
func checkPrivateKeyAnnotations(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
	annotations := r.Object.GetAnnotations()
	algorithm, set := annotations[cmapi.PrivateKeyAlgorithmAnnotationKey]
	if set && !slices.Contains(csr.KeyAlgorithms(), cmapi.PrivateKeyAlgorithm(algorithm)) {
		return yield(rule.Finding{
			Severity: rule.Warn, Field: fieldpath.Annotation(cmapi.PrivateKeyAlgorithmAnnotationKey), Value: algorithm,
			Message: notAnAlgorithm,
			Remedy:  fmt.Sprintf("Write %q", closestAlgorithm(cmapi.PrivateKeyAlgorithm(algorithm))),
		})
	}
	text, set := annotations[cmapi.PrivateKeySizeAnnotationKey]
	if !set {
		return nil
	}
	message := wrongSizeAnnotation(cmapi.PrivateKeyAlgorithm(algorithm), text)
	if message == "" {
		return nil
	}
	return yield(rule.Finding{Severity: rule.Warn, Field: fieldpath.Annotation(cmapi.PrivateKeySizeAnnotationKey), Value: text, Message: message})
}

// wrongSizeAnnotation says what is wrong with a size in an annotation, "" when nothing is.
func wrongSizeAnnotation(algorithm cmapi.PrivateKeyAlgorithm, text string) string {
	size, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return "is not a number; " + sizesOf(algorithm)
	case algorithm == cmapi.Ed25519KeyAlgorithm:
		return ignoredSize
	case csr.KeySizeFits(algorithm, size):
		return ""
	}
	title := "an RSA"
	if algorithm == cmapi.ECDSAKeyAlgorithm {
		title = "an ECDSA"
	}
	message := fmt.Sprintf("is not %s size (%s)", title, sizesOf(algorithm))
	other := algorithmOfSize(size)
	switch {
	case other != "" && algorithm == "":
		return message + fmt.Sprintf("; also set %s: %s", cmapi.PrivateKeyAlgorithmAnnotationKey, other)
	case other != "":
		return message + fmt.Sprintf("; it is a size of %s: set %s: %s", other, cmapi.PrivateKeyAlgorithmAnnotationKey, other)
	}
	return message + "; write " + usualSizes(algorithm)
}

const (
	notAnAlgorithm = "is not one of RSA, ECDSA, Ed25519 (case matters)"
	ignoredSize    = "is ignored: Ed25519 keys have one size"
)

// closestAlgorithm is what was probably meant by a misspelled algorithm.
func closestAlgorithm(written cmapi.PrivateKeyAlgorithm) cmapi.PrivateKeyAlgorithm {
	text := strings.ToLower(string(written))
	switch {
	case strings.Contains(text, "25519") || text == "eddsa":
		return cmapi.Ed25519KeyAlgorithm
	case strings.HasPrefix(text, "ec") || strings.HasPrefix(text, "p-"):
		return cmapi.ECDSAKeyAlgorithm
	}
	return cmapi.RSAKeyAlgorithm
}

// algorithmOfSize is the algorithm that has keys of this size, "" where none has.
func algorithmOfSize(size int) cmapi.PrivateKeyAlgorithm {
	for _, algorithm := range csr.KeyAlgorithms() {
		if csr.KeySizeFits(algorithm, size) {
			return algorithm
		}
	}
	return ""
}

func sizesOf(algorithm cmapi.PrivateKeyAlgorithm) string {
	switch algorithm {
	case cmapi.ECDSAKeyAlgorithm:
		return "ECDSA keys have 256, 384 or 521 bits"
	case cmapi.Ed25519KeyAlgorithm:
		return "Ed25519 keys have one size"
	default:
		return fmt.Sprintf("RSA keys have %d to %d bits", pki.MinRSAKeySize, pki.MaxRSAKeySize)
	}
}

func usualSizes(algorithm cmapi.PrivateKeyAlgorithm) string {
	if algorithm == cmapi.ECDSAKeyAlgorithm {
		return "256, 384 or 521"
	}
	return "2048, 3072 or 4096"
}
