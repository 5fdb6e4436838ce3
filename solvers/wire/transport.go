package wire

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// NewTransport returns what carries the calls to all accounts of all clouds over few connections: both SDKs would open a connection
// pool for each client, and the one for Alidns never closes its own. It trusts the system's roots and, beside them, those of the file
// that --cloud-ca-file names, if it names one. Proxies are taken from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read as net/http reads
// them.
func NewTransport(cloudCAFile string) (*http.Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if cloudCAFile != "" {
		roots, err := rootsWith(cloudCAFile)
		if err != nil {
			return nil, err
		}
		tlsConfig.RootCAs = roots
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}, nil
}

func rootsWith(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--cloud-ca-file: %w", err)
	}
	if len(pem) == 0 {
		return nil, fmt.Errorf("--cloud-ca-file: %s is empty", file)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("--cloud-ca-file %q: reading the system's root certificates: %w", file, err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--cloud-ca-file %q: there is no certificate in PEM form", file)
	}
	return roots, nil
}
