package providertest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/wire"
)

// calleeVariable is the environment variable by which a test tells its child, a second process of this test binary, whom to call:
// SDKs and net/http read the environment once in a process.
const calleeVariable = "CERTYUN_TEST_CALLEE"

// public is the callee of the default endpoint.
const public = "default"

// call is the child's part: one call.
func (h Host) call(t *testing.T, callee string) {
	t.Helper()
	var endpoint wire.Endpoint
	if callee != public {
		scheme, host, _ := strings.Cut(callee, "://")
		endpoint = wire.Endpoint{Scheme: scheme, Host: host}
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := h.Open(wire.API{Endpoint: endpoint, Transport: transport}, h.Temporary, nil).Zones(ctx); err != nil {
		t.Fatal(err)
	}
}

// Child calls a URL from a process with these variables in its environment, and returns all that it printed.
func Child(t *testing.T, callee string, environment ...string) (string, error) {
	t.Helper()
	return child(t, "TestProvider", callee, environment...)
}

// child runs one test in such a process.
func child(t *testing.T, test, callee string, environment ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v")
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasSuffix(strings.ToLower(name), "_proxy") && name != "DEBUG" {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(append(command.Env, environment...), calleeVariable+"="+callee)
	output, err := command.CombinedOutput()
	return string(output), err
}

// proxies holds that proxies are taken from the environment as Go reads it, whatever an SDK does, and that the default is https.
func (h Host) proxies(t *testing.T) {
	server := h.Serve(t, func(Asked) Answer {
		return Answer{Header: map[string]string{"Connection": "close"}, Body: h.API.Zones(0)}
	})
	proxy := startTunnel(t, server.Listener.Addr().String())
	const somewhere = "http://cloud.test"
	for name, test := range map[string]struct {
		callee      string
		environment []string
		proxied     []string
		want        string
	}{
		"a proxy is used": {
			callee: somewhere, environment: []string{"HTTP_PROXY=" + proxy.URL}, proxied: []string{"cloud.test"},
		},
		"NO_PROXY with a trailing comma and networks is read as Go reads it": {
			callee: somewhere, environment: []string{"HTTP_PROXY=" + proxy.URL, "NO_PROXY=.svc,.cluster.local,10.0.0.0/8,"},
			proxied: []string{"cloud.test"},
		},
		"NO_PROXY is no list of regular expressions": {
			callee: somewhere, environment: []string{"HTTP_PROXY=" + proxy.URL, "NO_PROXY=[,(,dns"}, proxied: []string{"cloud.test"},
		},
		"a loopback address is called directly, and a proxy's address that is none does not matter then": {
			callee: server.URL, environment: []string{"HTTP_PROXY=http://[::1"},
		},
		"https is the default and goes through HTTPS_PROXY": {
			callee: public, environment: []string{"HTTPS_PROXY=" + proxy.URL, "NO_PROXY=.svc,10.0.0.0/8,(,"},
			proxied: []string{"CONNECT " + h.Public + ":443"}, want: "the connection to " + h.Public + " failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			output, err := Child(t, test.callee, test.environment...)
			if (err != nil) != (test.want != "") || !strings.Contains(output, test.want) {
				t.Errorf("%v, want %q:\n%s", err, test.want, output)
			}
			if diff := cmp.Diff(test.proxied, proxy.asked()); diff != "" {
				t.Errorf("what the proxy was asked (-want +got):\n%s\n%s", diff, output)
			}
			if strings.Contains(output, h.Temporary.ID) || strings.Contains(output, "Signature") {
				t.Errorf("the output holds a signed request:\n%s", output)
			}
		})
	}
}

// tunnel is an HTTP proxy that takes every connection to one server, and refuses to make any that it cannot read.
type tunnel struct {
	*httptest.Server
	server string
	mu     sync.Mutex
	hosts  []string
}

func startTunnel(t *testing.T, server string) *tunnel {
	t.Helper()
	p := &tunnel{server: server}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if r.Method == http.MethodConnect {
			p.hosts = append(p.hosts, "CONNECT "+r.Host)
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		p.hosts = append(p.hosts, r.Host)
		if err := p.forward(w, r); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *tunnel) forward(w http.ResponseWriter, r *http.Request) error {
	conn, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", p.server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := r.Write(conn); err != nil {
		return err
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	_, err = io.Copy(client, bytes.NewReader(answer))
	return err
}

// asked are the hosts that the proxy was asked for since the last time.
func (p *tunnel) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	hosts := p.hosts
	p.hosts = nil
	return hosts
}
