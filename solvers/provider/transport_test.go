package provider

import (
	"bytes"
	"compress/gzip"
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
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/certyun/certyun/solvers/fault"
)

// fetch reads a whole answer.
func fetch(ctx context.Context, rt http.RoundTripper, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody) //nolint:gosec // a test's own URL
	if err != nil {
		return "", err
	}
	resp, err := (&http.Client{Transport: rt}).Do(req) //nolint:gosec // a test's own URL
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func TestTransportFollowsNoRedirect(t *testing.T) {
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			var elsewhere atomic.Int32
			other := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) })
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", other.URL)
				w.WriteHeader(status)
			})
			transport := newTestTransport(t)
			body, err := fetch(t.Context(), transport, s.URL)
			if !errors.Is(err, ErrRedirect) || body != "" {
				t.Errorf("answer %q, error %v, want that it is a redirect", body, err)
			}
			if n := elsewhere.Load(); n != 0 {
				t.Errorf("%d requests were sent on", n)
			}
			exchange := transport.Exchange(t.Context())
			if _, err := fetch(t.Context(), exchange, s.URL); !errors.Is(err, ErrRedirect) {
				t.Errorf("error of the exchange %v, want that it is a redirect", err)
			}
		})
	}
}

func TestTransportHandsOnWhatIsNoRedirect(t *testing.T) {
	for _, status := range []int{200, 299, 400, 404, 500, 503} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "body")
		})
		body, err := fetch(t.Context(), newTestTransport(t), s.URL)
		if err != nil || body != "body" {
			t.Errorf("HTTP %d: %q, %v", status, body, err)
		}
	}
}

func TestTransportBoundsTheBody(t *testing.T) {
	long := bytes.Repeat([]byte("x"), maxBody+1)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(bytes.Repeat(long, 8))
	_ = w.Close()
	tests := map[string]struct {
		body     []byte
		encoding string
		want     int
		err      error
	}{
		"a short one is handed on whole":       {long[:10], "", 10, nil},
		"none is none":                         {nil, "", 0, nil},
		"one just below the bound":             {long[:maxBody-1], "", maxBody - 1, nil},
		"one just above the bound is cut":      {long, "", maxBody, ErrBodyTooLong},
		"a packed one is cut once it is plain": {packed.Bytes(), "gzip", maxBody, ErrBodyTooLong},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if test.encoding != "" {
					w.Header().Set("Content-Encoding", test.encoding)
				}
				_, _ = w.Write(test.body)
			})
			body, err := fetch(t.Context(), newTestTransport(t), s.URL)
			if len(body) != test.want || !errors.Is(err, test.err) {
				t.Errorf("%d bytes, %v, want %d, %v", len(body), err, test.want, test.err)
			}
		})
	}
}

// piped is a Transport whose connections are pipes to a server, so that time in a bubble goes by while they wait.
func piped(server func(net.Conn)) *Transport {
	return NewTransportOver(&http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				_, _ = theirs.Read(make([]byte, 64<<10))
				server(theirs)
			}()
			return ours, nil
		},
	})
}

// silent reads until the other end goes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func TestTransportBoundsTheTime(t *testing.T) {
	tests := map[string]struct {
		server func(net.Conn)
		within time.Duration
		want   time.Duration
	}{
		"a server that says nothing":              {silent, time.Minute, 10 * time.Second},
		"a caller who has less time":              {silent, 3 * time.Second, 3 * time.Second},
		"a body that never ends":                  {partly("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), time.Minute, 10 * time.Second},
		"a body that never ends, less time":       {partly("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), 3 * time.Second, 3 * time.Second},
		"a header that never ends":                {partly("HTTP/1.1 200 OK\r\nContent-"), time.Minute, 10 * time.Second},
		"a server that goes on to say a bit more": {drip, time.Minute, 10 * time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := fetch(within(t, test.within), piped(test.server), "http://cloud.example/")
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != test.want {
					t.Errorf("after %s: %v, want the deadline after %s", took, err, test.want)
				}
				if got := fault.Network(err, "cloud.example").Error(); got != "no answer from cloud.example in time" {
					t.Errorf("the fault says %q", got)
				}
				time.Sleep(2 * time.Second) // so that the server sees that nobody listens any more
			})
		})
	}
}

// partly sends a part of an answer and waits.
func partly(s string) func(net.Conn) {
	return func(conn net.Conn) {
		_, _ = io.WriteString(conn, s)
		silent(conn)
	}
}

// drip sends a byte each second.
func drip(conn net.Conn) {
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
	for err == nil {
		time.Sleep(time.Second)
		_, err = io.WriteString(conn, "x")
	}
}

func TestInEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := fetch(t.Context(), piped(silent).In(ctx), "http://cloud.example/")
		if !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// TestTransportLeavesNoTimerBehind looks at the context of a request once its answer was read, or did not come.
func TestTransportLeavesNoTimerBehind(t *testing.T) {
	for name, answer := range map[string]error{"an answer": nil, "no answer": errors.New("refused")} {
		t.Run(name, func(t *testing.T) {
			var sent *http.Request
			transport := NewTransportOver(roundTripper(func(req *http.Request) (*http.Response, error) {
				sent = req
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("body")), Request: req}, answer
			}))
			if _, err := fetch(t.Context(), transport, "http://cloud.example/"); !errors.Is(err, answer) {
				t.Fatal(err)
			}
			if !errors.Is(sent.Context().Err(), context.Canceled) {
				t.Errorf("the request's context goes on: %v", sent.Context().Err())
			}
		})
	}
}

// closer notes that a request's body was closed.
type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

func TestTransportKeepsToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		transport := NewTransportOver(roundTripper(func(req *http.Request) (*http.Response, error) {
			sent++
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		}))
		a := NewAccounts(Limits{QPS: 1, Flag: "--cloud-qps"}).trusted("identity", "LTAI5tExample", &cloud{})
		ctx := a.pacer().in(within(t, 6500*time.Millisecond))
		start := time.Now()
		for range 6 {
			if _, err := fetch(t.Context(), transport.In(ctx), "http://cloud.example/"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); !roughly(took, 5*time.Second) {
			t.Errorf("six requests took %s, want 5s", took)
		}
		body := &closer{Reader: strings.NewReader("x")}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cloud.example/", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := transport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if !fault.Is(err, fault.Throttled) || sent != 6 || !body.closed {
			t.Errorf("error %v after %d requests, body closed: %t", err, sent, body.closed)
		}
		if _, err := fetch(t.Context(), transport, "http://cloud.example/"); err != nil || sent != 7 {
			t.Errorf("without an account: %v after %d requests", err, sent)
		}
	})
}

func TestTransportTrustsTheGivenRoots(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})

	trusting, err := NewTransport(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(trusting.CloseIdleConnections)
	if body, err := fetch(t.Context(), trusting, s.URL); err != nil || body != "body" {
		t.Errorf("with its root: %q, %v", body, err)
	}
	server := strings.TrimPrefix(s.URL, "https://")
	_, err = fetch(t.Context(), newTestTransport(t), s.URL)
	if got, want := fault.Network(err, server).Reason, "the certificate of "+server+" is not trusted"; got != want {
		t.Errorf("without its root: %q, want %q", got, want)
	}
}

func TestNewTransportRefusesWhatIsNoRoot(t *testing.T) {
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("key")})
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("not a certificate")})
	for name, roots := range map[string][]byte{"text": []byte("text"), "white space": []byte("\n"), "a key": key, "a broken certificate": broken} {
		transport, err := NewTransport(roots)
		if transport != nil || text(err) != "there is no certificate in PEM form" {
			t.Errorf("%s: %v, %v", name, transport, err)
		}
	}
}

// TestTransportKeepsItsConnections makes calls as the SDKs do, with a client for each, and counts connections and
// goroutines.
func TestTransportKeepsItsConnections(t *testing.T) {
	var opened atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "body") }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	before := runtime.NumGoroutine()
	s.Start()
	transport := newTestTransport(t)
	for range 50 {
		if body, err := fetch(t.Context(), transport.Exchange(t.Context()), s.URL); err != nil || body != "body" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("50 calls opened %d connections", n)
	}
	transport.CloseIdleConnections()
	s.Close()
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d goroutines before and %d after", before, runtime.NumGoroutine())
}

// dialled is the variable that makes this test's own binary print which address it dials for a URL.
const dialled = "CERTYUN_TEST_DIAL_FOR"

// TestProxy runs itself, because net/http reads the environment once for each process.
func TestProxy(t *testing.T) {
	if url := os.Getenv(dialled); url != "" {
		transport := newTestTransport(t)
		transport.base.(*http.Transport).DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			return nil, errors.New("dialled " + address + ".")
		}
		_, err := fetch(t.Context(), transport, url)
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
			cmd := exec.CommandContext(t.Context(), binary, "-test.run=^TestProxy$")
			cmd.Env = append([]string{dialled + "=" + test.url}, test.env...)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), fmt.Sprintf("dialled %s.", test.want)) {
				t.Errorf("want that it dials %s; %v:\n%s", test.want, err, out)
			}
		})
	}
}

func TestExchangeKeepsOurOwnFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := NewTransportOver(roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("nothing should be sent")
		}))
		a := NewAccounts(Limits{QPS: 0.001, Flag: "--cloud-qps"}).trusted("identity", "LTAI5tExample", &cloud{})
		ctx := a.pacer().in(within(t, time.Second))
		if err := pace(ctx); err != nil { // the whole burst
			t.Fatal(err)
		}
		exchange := transport.Exchange(ctx)
		if _, err := fetch(t.Context(), exchange, "http://cloud.example/"); err == nil {
			t.Error("the call went through")
		}
		if got := exchange.Fault("cloud.example"); got == nil || got.Kind != fault.Throttled {
			t.Errorf("fault %#v", got)
		}
	})
}
