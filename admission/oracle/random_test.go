package oracle

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cert-manager/cert-manager/internal/apis/certmanager"
	"github.com/cert-manager/cert-manager/internal/apis/certmanager/validation"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// one returns one of the values.
func one[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// some returns none to three of the values.
func some(random *rand.Rand, values ...string) []string {
	var list []string
	for range random.IntN(4) {
		list = append(list, one(random, values...))
	}
	return list
}

// mostly returns the other value one time out of n.
func mostly[T any](random *rand.Rand, n int, value, other T) T {
	if rarely(random, n) {
		return other
	}
	return value
}

// rarely is true one time out of n.
func rarely(random *rand.Rand, n int) bool { return random.IntN(n) == 0 }

// randomCertificate refers to an issuer that is not there, so that only the Certificate itself counts.
func randomCertificate(random *rand.Rand) *cmapi.Certificate {
	crt := &cmapi.Certificate{
		TypeMeta:   metav1.TypeMeta{APIVersion: "cert-manager.io/v1", Kind: "Certificate"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec: cmapi.CertificateSpec{
			SecretName: mostly(random, 15, "web-tls", "Web_TLS"),
			CommonName: one(random, "", "", "web", "证书", fmt.Sprintf("%065d", 1), "a\x00b"),
			DNSNames:   some(random, "a.cert-lab.dev", "*.cert-lab.dev", "b.cert-lab.dev", "中文.cert-lab.dev", "x y", "1.2.3.4", "a_b", ".", "A.cert-lab.dev"),
			IssuerRef:  cmmeta.IssuerReference{Name: "none", Kind: mostly(random, 15, one(random, "", "Issuer", "ClusterIssuer"), "issuer")},
			IsCA:       rarely(random, 3),
		},
	}
	if rarely(random, 4) {
		crt.Spec.URIs = some(random, "spiffe://a/b", "https://x", "spiffe://foo/%zz", "SPIFFE://a/b", "a b", "urn:x", "")
	}
	if rarely(random, 4) {
		crt.Spec.IPAddresses = some(random, "10.0.0.1", "::1", "::ffff:10.0.0.1", "0:0:0:0:0:0:0:1", "10.0.0.256", "")
	}
	if rarely(random, 4) {
		crt.Spec.EmailAddresses = some(random, "a@b.example", "用户@b.example", "Ann <a@b.example>", "a", "\"a b\"@b.example")
	}
	randomKey(random, &crt.Spec)
	randomSubject(random, &crt.Spec)
	randomExtras(random, &crt.Spec)
	randomTimes(random, &crt.Spec)
	return crt
}

func randomKey(random *rand.Rand, spec *cmapi.CertificateSpec) {
	if !rarely(random, 3) {
		return
	}
	spec.PrivateKey = &cmapi.CertificatePrivateKey{
		Algorithm: one(random, "", cmapi.RSAKeyAlgorithm, cmapi.ECDSAKeyAlgorithm, cmapi.ECDSAKeyAlgorithm, cmapi.Ed25519KeyAlgorithm),
		Size:      one(random, 0, 0, 256, 384, 521, 2048, 3000, 1024, -1),
	}
	if rarely(random, 2) {
		spec.SignatureAlgorithm = one(random, cmapi.SHA256WithRSA, cmapi.ECDSAWithSHA256, cmapi.ECDSAWithSHA512, cmapi.PureEd25519)
	}
}

func randomSubject(random *rand.Rand, spec *cmapi.CertificateSpec) {
	if rarely(random, 5) {
		spec.Subject = &cmapi.X509Subject{Organizations: some(random, "Corp", "云证", ""), SerialNumber: one(random, "", "42", "号")}
	}
	if rarely(random, 5) {
		spec.LiteralSubject = one(random, "CN=web", "O=Corp,CN=web", "CN", "X=1", "CN=,O=a", "2.5.4.3=web", "CN=a+CN=b", "CN=证书")
		if !rarely(random, 3) {
			spec.CommonName = ""
		}
	}
}

func randomExtras(random *rand.Rand, spec *cmapi.CertificateSpec) {
	if rarely(random, 4) {
		spec.Usages = []cmapi.KeyUsage{one(random, cmapi.UsageServerAuth, cmapi.UsageCertSign, cmapi.UsageAny)}
	}
	if rarely(random, 4) {
		spec.OtherNames = []cmapi.OtherName{{
			OID:       one(random, "1.3.6.1.4.1.311.20.2.3", "1.2.3", "9.9.9", "upn", "", "1", "2.999.99999999999"),
			UTF8Value: one(random, "a@b.example", "用户", ""),
		}}
	}
	if rarely(random, 4) {
		item := &cmapi.NameConstraintItem{
			DNSDomains: some(random, "corp.example", ".corp.example", "*.corp.example", "中文", ""), IPRanges: some(random, "10.0.0.0/8", "10.0.0.0", "fd00::/8"),
			EmailAddresses: some(random, "corp.example", "用户@x"), URIDomains: some(random, ".corp.example", "中文"),
		}
		spec.NameConstraints = &cmapi.NameConstraints{Critical: rarely(random, 2), Permitted: item}
		if rarely(random, 3) {
			spec.NameConstraints.Permitted, spec.NameConstraints.Excluded = nil, item
		}
	}
	if rarely(random, 8) {
		spec.Keystores = &cmapi.CertificateKeystores{JKS: &cmapi.JKSKeystore{
			Create: true, Password: one[*string](random, nil, new("")),
			PasswordSecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: one(random, "", "pw")}, Key: "k"},
		}}
	}
	if rarely(random, 8) {
		spec.SecretTemplate = &cmapi.CertificateSecretTemplate{
			Labels:      map[string]string{mostly(random, 8, one(random, "app", "controller.cert-manager.io/fao"), "bad label"): mostly(random, 8, one(random, "web", "true"), "bad value")},
			Annotations: map[string]string{mostly(random, 8, one(random, "app", "cert-manager.io/allow-direct-injection"), "cert-manager.io/x"): "x"},
		}
	}
}

func randomTimes(random *rand.Rand, spec *cmapi.CertificateSpec) {
	if rarely(random, 4) {
		spec.Duration = &metav1.Duration{Duration: mostly(random, 8, one(random, 24*time.Hour, 90*24*time.Hour), one(random, time.Minute, -time.Hour))}
	}
	if rarely(random, 4) {
		spec.RenewBefore = &metav1.Duration{Duration: mostly(random, 8, 8*time.Hour, one(random, time.Minute, 200*24*time.Hour, -time.Hour))}
	}
	if rarely(random, 5) {
		spec.RenewBeforePercentage = new(one(random, int32(0), 33, 100, 150, -5))
	}
	if rarely(random, 6) {
		spec.RevisionHistoryLimit = new(mostly(random, 8, int32(1), one(random, int32(0), -1)))
	}
	if rarely(random, 5) {
		spec.Renewal = &cmapi.CertificateRenewal{Policy: one(random, cmapi.CertificateRenewalPolicyRenewBefore, cmapi.CertificateRenewalPolicyDisabled)}
		if rarely(random, 2) {
			spec.Renewal.Windows = []cmapi.CertificateRenewalWindows{{
				Cron:           one(random, "0 0 * * *", "never", "0 0 30 2 *", ""),
				WindowDuration: one(random, nil, &metav1.Duration{Duration: time.Hour}, &metav1.Duration{}),
				Timezone:       one(random, "", "Europe/Berlin", "Nowhere"),
			}}
		}
	}
}

// keys are made once: what a CSR says does not depend on which key of its kind it has.
var keys = sync.OnceValues(func() (map[string]crypto.Signer, error) {
	rsaKey, err := rsa.GenerateKey(cryptorand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	_, edKey, err := ed25519.GenerateKey(cryptorand.Reader)
	if err != nil {
		return nil, err
	}
	signers := map[string]crypto.Signer{"RSA": rsaKey, "Ed25519": edKey}
	for size, curve := range map[string]elliptic.Curve{"256": elliptic.P256(), "384": elliptic.P384(), "521": elliptic.P521()} {
		if signers["ECDSA "+size], err = ecdsa.GenerateKey(curve, cryptorand.Reader); err != nil {
			return nil, err
		}
	}
	return signers, nil
})

func keyFor(key *cmapi.CertificatePrivateKey) (crypto.Signer, error) {
	signers, err := keys()
	if err != nil {
		return nil, err
	}
	switch {
	case key == nil || key.Algorithm == "" || key.Algorithm == cmapi.RSAKeyAlgorithm:
		if key != nil && key.Size != 0 && (key.Size < pki.MinRSAKeySize || key.Size > pki.MaxRSAKeySize) {
			return nil, errors.New("no RSA key has this size")
		}
		return signers["RSA"], nil
	case key.Algorithm == cmapi.Ed25519KeyAlgorithm:
		return signers["Ed25519"], nil
	case key.Size == 0:
		return signers["ECDSA 256"], nil
	}
	if signer := signers[fmt.Sprintf("ECDSA %d", key.Size)]; signer != nil {
		return signer, nil
	}
	return nil, errors.New("no ECDSA key has this size")
}

// makeCSR does what cert-manager's controller does with a Certificate, and with the CertificateRequest that comes of it. An
// error means that nothing can ever be issued.
func (c *certManager) makeCSR(crt *cmapi.Certificate) error {
	signer, err := keyFor(crt.Spec.PrivateKey)
	if err != nil {
		return err
	}
	template, err := pki.GenerateCSR(crt, pki.WithUseLiteralSubject(true), pki.WithNameConstraints(true), pki.WithOtherNames(true))
	if err != nil {
		return err
	}
	der, err := pki.EncodeCSR(template, signer)
	if err != nil {
		return err
	}
	request := &cmapi.CertificateRequest{Spec: cmapi.CertificateRequestSpec{
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), IsCA: crt.Spec.IsCA, Usages: crt.Spec.Usages,
		Duration: crt.Spec.Duration, IssuerRef: crt.Spec.IssuerRef,
	}}
	var internal certmanager.CertificateRequest
	if err := c.scheme.Convert(request, &internal, nil); err != nil {
		return err
	}
	if errs := validation.ValidateCertificateRequestSpec(&internal.Spec, field.NewPath("spec")); len(errs) > 0 {
		return errs.ToAggregate()
	}
	violations, err := pki.RequestMatchesSpec(request, crt.Spec)
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return fmt.Errorf("the CSR differs in %v", violations)
	}
	return nil
}
