package wire

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// newTransport returns a transport that trusts these roots beside the system's, if there are any.
func newTransport(t *testing.T, roots []byte) *http.Transport {
	t.Helper()
	file := ""
	if len(roots) > 0 {
		file = writeRoots(t, roots)
	}
	transport, err := NewTransport(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func writeRoots(t *testing.T, roots []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, roots, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNewTransport_TrustsTheGivenRoots(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if body, err := get(exchangeOver(t, newTransport(t, root)), s.URL); err != nil || body != "body" {
		t.Errorf("with its root: %q, %v", body, err)
	}
	stranger := exchangeOver(t, newTransport(t, nil))
	_, _ = get(stranger, s.URL)
	if f, want := stranger.Fault(), "the certificate of cloud.test is not trusted"; f == nil || f.Reason != want {
		t.Errorf("without its root: %v, want %q", f, want)
	}
}

func TestNewTransport_RefusesWhatIsNoRoot(t *testing.T) {
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("not a certificate")})
	for name, test := range map[string]struct {
		roots []byte
		want  string
	}{
		"text":                 {[]byte("text"), "--cloud-ca-file %q: there is no certificate in PEM form"},
		"white space":          {[]byte("\n"), "--cloud-ca-file %q: there is no certificate in PEM form"},
		"a key":                {key, "--cloud-ca-file %q: there is no certificate in PEM form"},
		"a broken certificate": {broken, "--cloud-ca-file %q: there is no certificate in PEM form"},
		"nothing":              {nil, "--cloud-ca-file: %s is empty"},
	} {
		file := writeRoots(t, test.roots)
		if transport, err := NewTransport(file); transport != nil || err == nil || err.Error() != fmt.Sprintf(test.want, file) {
			t.Errorf("%s: %v, %v", name, transport, err)
		}
	}
}

// TestNewTransport_KeepsItsConnections makes calls as the SDKs do, with a client for each.
func TestNewTransport_KeepsItsConnections(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	transport := newTransport(t, nil)
	for range 50 {
		if body, err := get(exchangeOver(t, transport), s.URL); err != nil || body != "body" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("50 calls opened %d connections", n)
	}
}

// dialled is the variable that makes this test's own binary print which address it dials for a URL.
const dialled = "CERTYUN_TEST_DIAL_FOR"

// TestNewTransport_TakesTheProxyFromTheEnvironment runs itself, because net/http reads the environment once for each process.
func TestNewTransport_TakesTheProxyFromTheEnvironment(t *testing.T) {
	if url := os.Getenv(dialled); url != "" {
		transport := newTransport(t, nil)
		transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, errors.New("dialled " + address + ".")
		}
		_, err := get(exchangeOver(t, transport), url)
		t.Fatal(err)
	}
	const url, own = "https://alidns.aliyuncs.com/", "alidns.aliyuncs.com:443"
	tests := map[string]struct {
		url  string
		env  []string
		want string
	}{
		"no proxy":                                 {url, nil, own},
		"a proxy for https":                        {url, []string{"HTTPS_PROXY=http://proxy.example:3128"}, "proxy.example:3128"},
		"in lower case":                            {url, []string{"https_proxy=http://proxy.example:3128"}, "proxy.example:3128"},
		"without a scheme":                         {url, []string{"HTTPS_PROXY=proxy.example:3128"}, "proxy.example:3128"},
		"a proxy for http only":                    {url, []string{"HTTP_PROXY=http://proxy.example:3128"}, own},
		"a domain that goes without":               {url, []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.svc,.aliyuncs.com"}, own},
		"another domain that goes without":         {url, []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.svc,.example"}, "proxy.example:3128"},
		"a network that goes without":              {"https://10.1.2.3/", []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.svc,10.0.0.0/8"}, "10.1.2.3:443"},
		"an address beside that network":           {"https://11.1.2.3/", []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.svc,10.0.0.0/8"}, "proxy.example:3128"},
		"everything goes without":                  {url, []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=*"}, own},
		"a loopback address always goes without":   {"http://127.0.0.1:8080/", []string{"HTTP_PROXY=http://proxy.example:3128"}, "127.0.0.1:8080"},
		"a port that goes without, and ours is it": {"https://alidns.example:8443/", []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=alidns.example:8443"}, "alidns.example:8443"},
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestNewTransport_TakesTheProxyFromTheEnvironment$")
			cmd.Env = append([]string{dialled + "=" + test.url}, test.env...)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), fmt.Sprintf("dialled %s.", test.want)) {
				t.Errorf("want that it dials %s; %v:\n%s", test.want, err, out)
			}
		})
	}
}
