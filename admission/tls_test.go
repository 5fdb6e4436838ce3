package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authorityOf is a CA that lives as long as a test.
type authorityOf struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) *authorityOf {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authorityOf{certificate, key}
}

// issue returns a certificate for 127.0.0.1, and its key, in PEM form.
func (a *authorityOf) issue(t testing.TB, name string, usage x509.ExtKeyUsage) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return toPEM("CERTIFICATE", der), toPEM("PRIVATE KEY", keyDER)
}

func (a *authorityOf) pem() []byte { return toPEM("CERTIFICATE", a.certificate.Raw) }

func toPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeFile(t testing.TB, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// httpsClient trusts the authority and shows this certificate, if any, by itself: servers need not name the CAs they know.
func httpsClient(roots *authorityOf, certificate *tls.Certificate) *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(roots.certificate)
	config := &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
}

func keyPair(t testing.TB, a *authorityOf, name string, usage x509.ExtKeyUsage) *tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(a.issue(t, name, usage))
	if err != nil {
		t.Fatal(err)
	}
	return &pair
}

// background runs something until the test ends.
func background(t testing.TB, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

func TestTheServingCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := TLSOptions{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
	write := func(a *authorityOf) {
		certificate, key := a.issue(t, "server", x509.ExtKeyUsageServerAuth)
		writeFile(t, options.CertFile, certificate)
		writeFile(t, options.KeyFile, key)
	}
	if _, err := options.source(nil); err == nil {
		t.Error("a server starts without its certificate")
	}
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	write(first)
	source, err := options.source(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !source.healthy() {
		t.Error("it has no certificate to serve with")
	}
	background(t, func(ctx context.Context) {
		if err := source.start(ctx); err != nil {
			t.Errorf("watching the files ended with %v", err)
		}
	})
	servedBy := func() string {
		served, err := source.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return served.Leaf.Issuer.CommonName
	}
	if got := servedBy(); got != "first" {
		t.Errorf("the first certificate is by %q", got)
	}
	eventually(t, "the second certificate is served", func() bool {
		write(second) // again and again: the first time nobody may be watching yet
		time.Sleep(20 * time.Millisecond)
		return servedBy() == "second"
	})
	writeFile(t, options.CertFile, []byte("broken"))
	time.Sleep(50 * time.Millisecond)
	if got := servedBy(); got != "second" {
		t.Errorf("with a broken file the certificate is by %q", got)
	}
}

func TestWhoMayAskForReviews(t *testing.T) {
	t.Parallel()
	trusted, stranger := newAuthority(t, "trusted"), newAuthority(t, "stranger")
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, caFile, trusted.pem())
	tests := map[string]struct {
		certificate *tls.Certificate
		names       []string
		open        bool
		want        int
	}{
		"nobody is asked who he is":           {open: true, want: http.StatusOK},
		"no certificate":                      {want: http.StatusForbidden},
		"a certificate of another CA":         {certificate: keyPair(t, stranger, "kube-apiserver", x509.ExtKeyUsageClientAuth), want: http.StatusForbidden},
		"a server's certificate":              {certificate: keyPair(t, trusted, "kube-apiserver", x509.ExtKeyUsageServerAuth), want: http.StatusForbidden},
		"a certificate of the CA":             {certificate: keyPair(t, trusted, "anybody", x509.ExtKeyUsageClientAuth), want: http.StatusOK},
		"a certificate with another name":     {certificate: keyPair(t, trusted, "kubelet", x509.ExtKeyUsageClientAuth), names: []string{"kube-apiserver"}, want: http.StatusForbidden},
		"a certificate with the right name":   {certificate: keyPair(t, trusted, "kube-apiserver", x509.ExtKeyUsageClientAuth), names: []string{"front-proxy", "kube-apiserver"}, want: http.StatusOK},
		"the right name and the wrong CA":     {certificate: keyPair(t, stranger, "kube-apiserver", x509.ExtKeyUsageClientAuth), names: []string{"kube-apiserver"}, want: http.StatusForbidden},
		"the right CA and the name of nobody": {certificate: keyPair(t, trusted, "", x509.ExtKeyUsageClientAuth), names: []string{"kube-apiserver"}, want: http.StatusForbidden},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := caFile
			if c.open {
				file = ""
			}
			callers, err := newCallers(file, c.names) // nothing runs yet: the CA is known before the first request
			if err != nil {
				t.Fatal(err)
			}
			server, roots := serve(t, callers, nothing)
			for path, want := range map[string]int{"/validate": c.want, "/livez": http.StatusOK} {
				got := status(t, httpsClient(roots, c.certificate), server+path)
				if got != want {
					t.Errorf("%s: status %d, want %d", path, got, want)
				}
			}
		})
	}
}

// nothing is an empty answer.
var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// serve is the real server, with these reviews.
func serve(t testing.TB, callers *callers, reviews http.Handler) (url string, roots *authorityOf) {
	t.Helper()
	roots = newAuthority(t, "serving")
	pair := keyPair(t, roots, "server", x509.ExtKeyUsageServerAuth)
	source := &certificateSource{get: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return pair, nil }}
	server := newServer(callers.only(reviews), reviews)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", tlsConfig(source, callers))
	if err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) {
		context.AfterFunc(ctx, func() { _ = server.Close() })
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return "https://" + listener.Addr().String(), roots
}

func status(t testing.TB, c *http.Client, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	defer c.CloseIdleConnections()
	return response.StatusCode
}

func TestTheClientCAIsReadAgain(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	if _, err := newCallers(caFile, nil); err == nil {
		t.Error("a server starts without its client CA")
	}
	writeFile(t, caFile, first.pem())
	callers, err := newCallers(caFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	background(t, callers.watch)
	server, roots := serve(t, callers, nothing)
	caller := httpsClient(roots, keyPair(t, second, "kube-apiserver", x509.ExtKeyUsageClientAuth))
	if got := status(t, caller, server+"/validate"); got != http.StatusForbidden {
		t.Errorf("status %d before the CA is there", got)
	}
	writeFile(t, caFile, append(first.pem(), second.pem()...))
	eventually(t, "a caller of the new CA is let in", func() bool { return status(t, caller, server+"/validate") == http.StatusOK })
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	ended, end := context.WithCancel(t.Context())
	end()
	yes, no := func() bool { return true }, func() bool { return false }
	tests := map[string]struct {
		serving           context.Context
		synced, certified func() bool
		want              int
		body              string
	}{
		"everything is there":       {t.Context(), yes, yes, 200, "ok"},
		"there is no certificate":   {t.Context(), yes, no, 503, "there is no serving certificate yet\n"},
		"the caches are not filled": {t.Context(), no, yes, 503, "the caches are not filled yet\n"},
		"the end has begun":         {ended, yes, yes, 503, "the server is shutting down\n"},
	}
	for name, c := range tests {
		recorder := httptest.NewRecorder()
		ready(c.serving, c.synced, c.certified).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", http.NoBody))
		if recorder.Code != c.want || recorder.Body.String() != c.body {
			t.Errorf("%s: %d %q, want %d %q", name, recorder.Code, recorder.Body, c.want, c.body)
		}
	}
}
