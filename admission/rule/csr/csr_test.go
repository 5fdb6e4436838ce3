package csr_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

// FuzzPlain tries what is not tried.
func FuzzPlain(f *testing.F) {
	for _, text := range append(ruletest.RequestSpecs(), `{"commonName":"WWW.cert-lab.dev","dnsNames":["www.cert-lab.dev","www.cert-lab.dev"],"usages":null}`) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var spec cmapi.CertificateSpec
		if json.Unmarshal(text, &spec) != nil || !csr.IsPlain(&spec) {
			return
		}
		if run := csr.Try(&spec); !run.OK() {
			t.Errorf("%s is plain, but: %v, violations %q", text, run.Err(), run.Violations())
		}
	})
}

func TestAsManyNamesAsArePlainFitIntoACSR(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 8, 63, 200, 253} {
		t.Run(fmt.Sprintf("%d bytes each", length), func(t *testing.T) {
			t.Parallel()
			name := strings.Repeat("abcdefg.", length/8) + strings.Repeat("x", length%8)
			name = strings.TrimSuffix(name, ".")
			spec := cmapi.CertificateSpec{DNSNames: []string{name}}
			for csr.IsPlain(&spec) {
				spec.DNSNames = append(spec.DNSNames, name)
			}
			spec.DNSNames = spec.DNSNames[1:]
			if run := csr.Try(&spec); !csr.IsPlain(&spec) || !run.OK() {
				t.Errorf("%d names: %v, violations %q", len(spec.DNSNames), run.Err(), run.Violations())
			}
		})
	}
}

func TestPlainSpecsHaveNothingElseThatGoesIntoACSR(t *testing.T) {
	t.Parallel()
	elsewhere := []string{ // nowhere in a CSR, or the same in all
		"DNSNames", "CommonName", "Duration", "RenewBefore", "RenewBeforePercentage", "Renewal", "SecretName", "SecretTemplate", "Keystores",
		"IssuerRef", "PrivateKey", "SignatureAlgorithm", "RevisionHistoryLimit", "AdditionalOutputFormats",
	}
	for field := range reflect.TypeFor[cmapi.CertificateSpec]().Fields() {
		spec := cmapi.CertificateSpec{DNSNames: []string{"www.cert-lab.dev"}}
		if !csr.IsPlain(&spec) {
			t.Fatal("a name alone is not plain")
		}
		value := reflect.ValueOf(&spec).Elem().FieldByIndex(field.Index)
		switch value.Kind() {
		case reflect.Pointer:
			value.Set(reflect.New(field.Type.Elem()))
		case reflect.Slice:
			value.Set(reflect.MakeSlice(field.Type, 1, 1))
		case reflect.String:
			value.SetString("CN=x")
		case reflect.Bool:
			value.SetBool(true)
		default: // a structure, which is in the list
		}
		if csr.IsPlain(&spec) && !slices.Contains(elsewhere, field.Name) {
			t.Errorf("a spec with %s is plain", field.Name)
		}
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
	faults, err := csr.Of(&spec).Faults(t.Context())
	if err != nil || len(faults) != csr.MaxFaults {
		t.Errorf("%d faults, %v, want %d", len(faults), err, csr.MaxFaults)
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

func TestADryRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	spec := cmapi.CertificateSpec{DNSNames: []string{"中.cn"}}
	request := csr.Of(&spec)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if faults, err := request.Faults(ended); !errors.Is(err, context.Canceled) || faults != nil {
		t.Errorf("without time: %v, %v", faults, err)
	}
	if faults, err := request.Faults(t.Context()); err != nil || len(faults) != 1 {
		t.Errorf("asked again: %v, %v", faults, err)
	}
}

// More than a CSR can have is not tried, and what is said is the same.
func TestADryRunIsBounded(t *testing.T) {
	t.Parallel()
	of := func(n int) *cmapi.CertificateSpec {
		spec := &cmapi.CertificateSpec{}
		for i := range n {
			spec.DNSNames = append(spec.DNSNames, fmt.Sprintf("n%d.certyun.dev", i))
			spec.OtherNames = append(spec.OtherNames, cmapi.OtherName{OID: fmt.Sprintf("1.3.6.1.%d", i), UTF8Value: "x"})
		}
		return spec
	}
	whole := csr.Try(of(10_000))
	reason, err := csr.Of(of(10_000)).Unexplained(t.Context())
	if err != nil || reason == nil || reason.Error() != whole.Err().Error() {
		t.Errorf("the reason is %v, %v; of the whole it is %v", reason, err, whole.Err())
	}
	if tried := csr.Bounded(of(100_000)); len(tried.DNSNames) > 5000 || len(tried.OtherNames) > 7000 {
		t.Errorf("%d names and %d other names are tried", len(tried.DNSNames), len(tried.OtherNames))
	}
	if diff := cmp.Diff(of(100), csr.Bounded(of(100))); diff != "" {
		t.Errorf("what fits is tried whole (-want +got):\n%s", diff)
	}
}

func FuzzCarries(f *testing.F) {
	for _, name := range []string{"", "a.dev", "*.a.dev", "中.cn", "a b", "\x00", "\x7f", "\x80", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		spec := &cmapi.CertificateSpec{CommonName: "x", DNSNames: []string{name}, PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.Ed25519KeyAlgorithm}}
		if _, err := csr.Generate(spec); csr.Carries(name) != (err == nil) {
			t.Errorf("%q: Carries says %t, cert-manager says %v", name, csr.Carries(name), err)
		}
	})
}
