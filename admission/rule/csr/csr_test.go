package csr_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/certificate"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestDryRunSaysWhatTheSpecsOwnAlgorithmSays(t *testing.T) {
	t.Parallel()
	keys := map[string]crypto.Signer{}
	for _, algorithm := range []string{"", "RSA", "ECDSA", "Ed25519"} {
		key, err := pki.GeneratePrivateKeyForCertificate(&cmapi.Certificate{Spec: cmapi.CertificateSpec{
			PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.PrivateKeyAlgorithm(algorithm)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		keys[algorithm] = key
	}
	type verdict struct {
		Err        string
		Violations []string
	}
	verdictOf := func(d *csr.DryRun) verdict {
		v := verdict{Violations: d.Violations()}
		if d.Err() != nil {
			v.Err = d.Err().Error()
		}
		return v
	}
	broken := 0
	for _, text := range ruletest.RequestSpecs() {
		var spec cmapi.CertificateSpec
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
		got := verdictOf(csr.Try(&spec))
		if got.Err != "" || len(got.Violations) > 0 {
			broken++
		}
		for algorithm, key := range keys {
			own := spec
			own.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.PrivateKeyAlgorithm(algorithm)}
			want := verdictOf(csr.TryWith(&own, func(template *x509.CertificateRequest) ([]byte, error) { return pki.EncodeCSR(template, key) }))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s with algorithm %q (-own +dry run):\n%s", text, algorithm, diff)
			}
		}
	}
	if broken < 10 {
		t.Errorf("only %d of the specs are broken, so the test says little", broken)
	}
}

// FuzzUnsigned compares a CSR with the one that cert-manager signs: they differ in the key and in the signature alone.
func FuzzUnsigned(f *testing.F) {
	for _, text := range ruletest.RequestSpecs() {
		f.Add([]byte(text))
	}
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte("seed"), ed25519.SeedSize/4))
	f.Fuzz(func(t *testing.T, text []byte) {
		var spec cmapi.CertificateSpec
		if json.Unmarshal(text, &spec) != nil {
			return
		}
		spec.PrivateKey, spec.SignatureAlgorithm = &cmapi.CertificatePrivateKey{Algorithm: cmapi.Ed25519KeyAlgorithm}, ""
		template, err := csr.Generate(&spec)
		if err != nil {
			return
		}
		want, wantErr := pki.EncodeCSR(template, key)
		got, gotErr := csr.Encode(template)
		if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) {
			t.Fatalf("%s: error %v, want %v", text, gotErr, wantErr)
		}
		want = bytes.Replace(want, key[ed25519.SeedSize:], make([]byte, ed25519.PublicKeySize), 1)
		if wantErr == nil {
			clear(want[len(want)-ed25519.SignatureSize:])
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n%x, want\n%x", text, got, want)
		}
	})
}

func TestManyBadNamesAreCounted(t *testing.T) {
	t.Parallel()
	spec := cmapi.CertificateSpec{}
	for i := range 5000 {
		spec.DNSNames = append(spec.DNSNames, fmt.Sprintf("中%d.cn", i))
		spec.URIs = append(spec.URIs, fmt.Sprintf("SPIFFE://x/%d", i))
	}
	if got := len(csr.Of(&spec).Faults()); got != csr.MaxFaults {
		t.Errorf("%d faults, want %d", got, csr.MaxFaults)
	}
}

func TestEveryBrokenCSRIsToldOrLeftToCertManager(t *testing.T) {
	t.Parallel()
	for _, text := range ruletest.RequestSpecs() {
		var spec cmapi.CertificateSpec
		if err := json.Unmarshal([]byte(text), &spec); err != nil {
			t.Fatal(err)
		}
		findings := ruletest.Judge(t, certificate.Rules(), ruletest.NewScene(t, ""), rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: spec}})
		said := len(ruletest.Texts(findings, "csr-cannot-be-built", "csr-round-trip-mismatch"))
		ok := csr.Try(&spec).OK()
		if ok && said > 0 || !ok && said == 0 && !csr.RefusedByWebhook(&spec) {
			t.Errorf("%s: dry run ok: %v, webhook refuses: %v, findings: %q", text, ok, csr.RefusedByWebhook(&spec), ruletest.Texts(findings))
		}
	}
}
