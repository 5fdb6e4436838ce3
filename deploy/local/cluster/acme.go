package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/certyun/certyun/deploy/local/toolbox"
)

// ACME is Pebble, a small ACME server for tests by Let's Encrypt: https://github.com/letsencrypt/pebble
type ACME struct {
	// Directory is the URL that an Issuer names.
	Directory string
	// CABundle is what an Issuer must trust to talk to it.
	CABundle []byte

	management string
	client     *http.Client
}

// validity is how long its certificates are valid, in seconds: 90 days.
const validity = 90 * 24 * 60 * 60

func (c *Cluster) startACME(ctx context.Context) error {
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	management, err := freeAddress()
	if err != nil {
		return err
	}
	ca, err := newAuthority("pebble-https")
	if err != nil {
		return err
	}
	certificate, key, err := ca.issue(c.certificates(), "pebble", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": certificate, "privateKey": key,
		"httpPort": 5002, "tlsPort": 5001, "keyAlgorithm": "ecdsa",
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "90 days", "validityPeriod": validity}},
	}}
	text, err := json.Marshal(config)
	if err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	file := filepath.Join(c.Dir, "pebble.json")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	// It would else wait a random time before it validates, take most authorizations from earlier orders, and refuse some
	// requests only to see them repeated.
	env := []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0", "PEBBLE_WFE_NONCEREJECT=0"}
	process, err := c.start(ctx, toolbox.Pebble, env, "-config", file, "-dnsserver", c.options.ValidationNameserver)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.certificate)
	c.ACME = &ACME{
		Directory: "https://" + listen + "/dir", CABundle: ca.pem(), management: "https://" + management,
		client: &http.Client{
			Timeout:   5 * time.Second,
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
		},
	}
	return poll(ctx, process, func() error {
		_, err := c.ACME.get(ctx, c.ACME.Directory)
		return err
	})
}

// Roots are the authorities that sign the certificates it issues. They are made anew at each start.
func (a *ACME) Roots(ctx context.Context) (*x509.CertPool, error) {
	text, err := a.get(ctx, a.management+"/roots/0")
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bytes.TrimSpace(text)) {
		return nil, fmt.Errorf("cluster: the ACME server has no root certificate")
	}
	return roots, nil
}

func (a *ACME) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cluster: %s answered %s", url, response.Status)
	}
	return io.ReadAll(response.Body)
}
