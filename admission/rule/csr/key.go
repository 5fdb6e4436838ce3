package csr

import (
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// KeyAlgorithms are the algorithms as the API spells them.
func KeyAlgorithms() []cmapi.PrivateKeyAlgorithm {
	return []cmapi.PrivateKeyAlgorithm{cmapi.RSAKeyAlgorithm, cmapi.ECDSAKeyAlgorithm, cmapi.Ed25519KeyAlgorithm}
}

// KeySizeFits tells whether an algorithm, "" is RSA, has keys of this size.
func KeySizeFits(algorithm cmapi.PrivateKeyAlgorithm, size int) bool {
	switch algorithm {
	case cmapi.ECDSAKeyAlgorithm:
		return size == pki.ECCurve256 || size == pki.ECCurve384 || size == pki.ECCurve521
	case "", cmapi.RSAKeyAlgorithm:
		return size >= pki.MinRSAKeySize && size <= pki.MaxRSAKeySize
	default:
		return false
	}
}
