package csr

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"

	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// encode writes a CSR for Ed25519 as pki.EncodeCSR does, but for its signature, which is all zeros: nobody who reads the CSR of a dry
// run looks at it, and to sign and to check that takes longer than all the rest.
func encode(template *x509.CertificateRequest) ([]byte, error) {
	var w witness
	der, err := pki.EncodeCSR(template, &w)
	if w.seen == nil {
		return der, err
	}
	return asn1.Marshal(unsigned{Contents: asn1.RawValue{FullBytes: w.seen}, Algorithm: ed25519Algorithm, Signature: noSignature})
}

// unsigned is a CSR (RFC 2986, section 4.2).
type unsigned struct {
	Contents  asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

var (
	// ed25519Algorithm is id-Ed25519 (RFC 8410, section 3).
	ed25519Algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 101, 112}}
	noSignature      = asn1.BitString{Bytes: make([]byte, ed25519.SignatureSize), BitLength: 8 * ed25519.SignatureSize}
	// publicKey is any. What else a CSR says does not depend on it.
	publicKey = ed25519.PublicKey(make([]byte, ed25519.PublicKeySize))
)

// witness is a key that signs nothing, and keeps what it was to sign.
type witness struct{ seen []byte }

var errNotSigned = errors.New("not signed")

// Public implements crypto.Signer.
func (w *witness) Public() crypto.PublicKey { return publicKey }

// Sign implements crypto.Signer.
func (w *witness) Sign(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	w.seen = message
	return nil, errNotSigned
}
