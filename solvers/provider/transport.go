package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// maxBody is more than the longest page that either cloud sends (3,000 records of DNSPod).
const maxBody = 8 << 20

// callTimeout bounds one call. Both clouds answer within a second; what hangs is tried again.
const callTimeout = 10 * time.Second

// ErrBodyTooLong is what reading a response body ends with when it is longer than any that the clouds send.
var ErrBodyTooLong = errors.New("the response is too long")

// ErrRedirect is what a redirect becomes: a signed request is not sent on to another host.
var ErrRedirect = errors.New("the response is a redirect")

// Transport carries the calls to all accounts of all clouds over few connections. Both SDKs would open a connection
// pool for each client, and the one for Alidns never closes its own; they are handed this one instead. It is not an
// *http.Transport, because that SDK changes the settings of one that it is given.
type Transport struct {
	base http.RoundTripper
}

// NewTransportOver returns a Transport whose requests another RoundTripper sends.
func NewTransportOver(base http.RoundTripper) *Transport { return &Transport{base: base} }

// NewTransportTrusting is NewTransport with the roots of the file that --cloud-ca-file names, if it names one.
func NewTransportTrusting(cloudCAFile string) (*Transport, error) {
	if cloudCAFile == "" {
		return NewTransport(nil)
	}
	roots, err := os.ReadFile(cloudCAFile)
	if err != nil {
		return nil, fmt.Errorf("--cloud-ca-file: %w", err)
	}
	if len(roots) == 0 {
		return nil, fmt.Errorf("--cloud-ca-file: %s is empty", cloudCAFile)
	}
	t, err := NewTransport(roots)
	if err != nil {
		return nil, fmt.Errorf("--cloud-ca-file %q: %w", cloudCAFile, err)
	}
	return t, nil
}

// NewTransport returns a Transport that trusts the system's roots and, beside them, those in PEM form. Proxies are taken
// from HTTPS_PROXY, HTTP_PROXY and NO_PROXY, read as net/http reads them.
func NewTransport(rootsPEM []byte) (*Transport, error) {
	tlsConfig := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(rootsPEM) > 0 {
		roots, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("reading the system's root certificates: %w", err)
		}
		if !roots.AppendCertsFromPEM(rootsPEM) {
			return nil, errors.New("there is no certificate in PEM form")
		}
		tlsConfig.RootCAs = roots
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return NewTransportOver(&http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSClientConfig:     tlsConfig,
		TLSHandshakeTimeout: 5 * time.Second,
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 16,
		IdleConnTimeout:     90 * time.Second,
	}), nil
}

// RoundTrip implements http.RoundTripper. It waits for the account's rate limit, follows no redirect, and bounds the
// time of the call and the length of the body.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := pace(req.Context()); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), callTimeout)
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &boundedBody{ReadCloser: resp.Body, left: maxBody, done: cancel}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		_ = resp.Body.Close()
		return nil, ErrRedirect
	}
	return resp, nil
}

// closeBody does what RoundTrip owes its caller for a request that is not sent.
func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t *Transport) CloseIdleConnections() { (&http.Client{Transport: t.base}).CloseIdleConnections() }

// In returns a RoundTripper whose requests all end with ctx. The SDK for Alidns knows no context.
func (t *Transport) In(ctx context.Context) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		return t.RoundTrip(req.WithContext(ctx))
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

type boundedBody struct {
	io.ReadCloser
	left int64
	done context.CancelFunc
}

func (b *boundedBody) Close() error {
	defer b.done()
	return b.ReadCloser.Close()
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrBodyTooLong
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}
