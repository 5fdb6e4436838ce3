package alidns_test

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
	"sync/atomic"
	"testing"
	"time"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/wire"
)

func newCloud(endpoint wire.Endpoint, transport http.RoundTripper) *alidns.Cloud {
	return alidns.New(wire.API{Endpoint: endpoint, Transport: transport})
}

// callee is the environment variable by which a test tells its child, a second process of this test binary, whom to
// call: the SDK and net/http read the environment once in a process.
const callee = "CERTYUN_TEST_CALLEE"

// TestChild is the child's part: one call to the endpoint in the environment, "default" for the default one.
func TestChild(t *testing.T) {
	url := os.Getenv(callee)
	if url == "" {
		return // this is not a child; the tests below start one
	}
	var endpoint wire.Endpoint
	if url != "default" {
		scheme, host, _ := strings.Cut(url, "://")
		endpoint = wire.Endpoint{Scheme: scheme, Host: host}
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := newCloud(endpoint, transport).Account(temporary, "", nil).Zones(ctx); err != nil {
		t.Fatal(err)
	}
}

// child runs a child with these variables added, and returns all that it printed.
func child(t *testing.T, environment ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasSuffix(strings.ToLower(name), "_proxy") && name != "DEBUG" {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, environment...)
	output, err := command.CombinedOutput()
	return string(output), err
}

func TestDebugPrintsNothing(t *testing.T) {
	server := serve(t, func(query) answer { return answer{body: `{"TotalCount":0}`} })
	for name, debug := range map[string]string{"sdk alone": "sdk", "sdk among others": "tea,sdk,other"} {
		t.Run(name, func(t *testing.T) {
			output, err := child(t, callee+"="+server.URL, "DEBUG="+debug)
			if err != nil {
				t.Fatalf("%v:\n%s", err, output)
			}
			for _, part := range []string{"Signature", temporary.ID, "SecurityToken", "AccessKeyId", "DescribeDomains"} {
				if strings.Contains(output, part) {
					t.Errorf("the output holds %q:\n%s", part, output)
				}
			}
		})
	}
}

// tunnel is an HTTP proxy that counts, and takes every connection to one server.
func tunnel(t *testing.T, server string) (url string, count func() int64) {
	t.Helper()
	var used atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used.Add(1)
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		conn, err := net.Dial("tcp", server)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		if err := r.Write(conn); err != nil {
			t.Error(err)
			return
		}
		client, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = client.Close() }()
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		answer, _ := io.ReadAll(conn)
		_, _ = io.Copy(client, bytes.NewReader(answer))
	}))
	t.Cleanup(proxy.Close)
	return proxy.URL, used.Load
}

func TestProxies(t *testing.T) {
	server := serve(t, func(query) answer {
		return answer{header: map[string]string{"Connection": "close"}, body: `{"TotalCount":0}`}
	})
	proxy, used := tunnel(t, server.Listener.Addr().String())
	for name, test := range map[string]struct {
		callee      string
		environment []string
		proxied     bool
		want        string
	}{
		"a proxy is used": {
			callee: "http://alidns.test", environment: []string{"HTTP_PROXY=" + proxy}, proxied: true,
		},
		"NO_PROXY with a trailing comma and networks is read as Go reads it": {
			callee: "http://alidns.test", environment: []string{"HTTP_PROXY=" + proxy, "NO_PROXY=.svc,.cluster.local,10.0.0.0/8,"}, proxied: true,
		},
		"NO_PROXY is no list of regular expressions": {
			callee: "http://alidns.test", environment: []string{"HTTP_PROXY=" + proxy, "NO_PROXY=[,(,dns"}, proxied: true,
		},
		"a loopback address is called directly, and a proxy's address that is none does not matter then": {
			callee: server.URL, environment: []string{"HTTP_PROXY=http://[::1"},
		},
		"https is the default and goes through HTTPS_PROXY": {
			callee: "default", environment: []string{"HTTPS_PROXY=" + proxy, "NO_PROXY=(,"}, proxied: true,
			want: "the connection to alidns.aliyuncs.com failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := used()
			output, err := child(t, append(test.environment, callee+"="+test.callee)...)
			if (err != nil) != (test.want != "") || !strings.Contains(output, test.want) {
				t.Errorf("%v, want %q:\n%s", err, test.want, output)
			}
			if got := used() > before; got != test.proxied {
				t.Errorf("through the proxy: %v, want %v:\n%s", got, test.proxied, output)
			}
			if strings.Contains(output, temporary.ID) || strings.Contains(output, "Signature") {
				t.Errorf("the output holds a signed request:\n%s", output)
			}
		})
	}
}
