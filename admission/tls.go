package admission

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	servertls "github.com/cert-manager/cert-manager/pkg/server/tls"
	"github.com/cert-manager/cert-manager/pkg/server/tls/authority"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// certificateSource is where the serving certificate is from. It is renewed while start runs.
type certificateSource struct {
	get     func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	healthy func() bool
	start   func(context.Context) error
}

// source reads files, or signs certificates with a CA that it keeps in a Secret. The latter is how cert-manager's own webhook
// serves: it needs no object that this webhook guards.
func (o *TLSOptions) source(config *rest.Config) (*certificateSource, error) {
	if o.CertFile != "" {
		watcher, err := certwatcher.New(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert-file, --tls-private-key-file: %w", err)
		}
		return &certificateSource{get: watcher.GetCertificate, healthy: func() bool { return true }, start: watcher.Start}, nil
	}
	dynamic := &servertls.DynamicSource{
		DNSNames: o.DNSNames,
		Authority: &authority.DynamicAuthority{
			SecretNamespace: o.SecretNamespace, SecretName: o.SecretName, RESTConfig: config, CommonName: "certyun-admission-ca",
		},
	}
	return &certificateSource{get: dynamic.GetCertificate, healthy: dynamic.Healthy, start: dynamic.Start}, nil
}

// tlsConfig asks for the caller's certificate and leaves it to callers to judge it: probes come without one.
func tlsConfig(source *certificateSource, callers *callers) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: source.get}
	if callers.authority != nil {
		c.ClientAuth = tls.RequestClientCert
	}
	return c
}

// callers are those who may ask for reviews.
type callers struct {
	authority *dynamiccertificates.DynamicFileCAContent // nil: anybody may
	names     []string
}

// newCallers reads the CA for the first time. Without a file anybody may ask.
func newCallers(caFile string, names []string) (*callers, error) {
	if caFile == "" {
		return &callers{}, nil
	}
	content, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", caFile)
	if err != nil {
		return nil, fmt.Errorf("--client-ca-file: %w", err)
	}
	return &callers{authority: content, names: names}, nil
}

// watch reads the CA again when its file changes, until ctx ends.
func (c *callers) watch(ctx context.Context) {
	if c.authority != nil {
		c.authority.Run(ctx, 1)
	}
}

// only lets the callers through and refuses everybody else.
func (c *callers) only(next http.Handler) http.Handler {
	if c.authority == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := c.verify(r.TLS); err != nil {
			klog.InfoS("Refused to review for a caller", "remote", r.RemoteAddr, "reason", err.Error())
			http.Error(w, "reviews are given to the API server only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *callers) verify(state *tls.ConnectionState) error {
	options, ok := c.authority.VerifyOptions()
	if !ok {
		return errors.New("the client CA has not been read")
	}
	if state == nil || len(state.PeerCertificates) == 0 {
		return errors.New("it sent no certificate")
	}
	leaf := state.PeerCertificates[0]
	options.CurrentTime = time.Now()
	options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	options.Intermediates = x509.NewCertPool()
	for _, intermediate := range state.PeerCertificates[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	if _, err := leaf.Verify(options); err != nil {
		return err
	}
	if len(c.names) > 0 && !slices.Contains(c.names, leaf.Subject.CommonName) {
		return fmt.Errorf("%q is none of --client-names", leaf.Subject.CommonName)
	}
	return nil
}
