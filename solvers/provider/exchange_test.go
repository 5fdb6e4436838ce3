package provider

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
)

func TestExchange(t *testing.T) {
	for name, test := range map[string]struct {
		handle http.HandlerFunc
		// body is what the SDK gets to read; fault what is said when it cannot.
		body  string
		fault *fault.Error
	}{
		"an answer is handed on whole": {
			handle: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, body: "hello",
		},
		"an encoding that is none is taken away": {
			handle: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "identity")
				_, _ = io.WriteString(w, "hello")
			},
			body: "hello",
		},
		"an encoding that nobody asked for is not unpacked": {
			handle: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "deflate")
				_, _ = io.WriteString(w, "hello")
			},
			fault: &fault.Error{Kind: fault.Transient, Reason: "cloud.test answered HTTP 200 with something that cannot be read"},
		},
		"an answer that is too long is not read to its end": {
			handle: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", maxBody+1)) },
			fault:  &fault.Error{Kind: fault.Transient, Reason: "the answer of cloud.test is too long"},
		},
		"half an answer is a failed connection": {
			handle: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "hello")
			},
			fault: &fault.Error{Kind: fault.Transient, Reason: "the connection to cloud.test failed"},
		},
		"a redirect is not followed": {
			handle: func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
			},
			fault: &fault.Error{
				Kind: fault.Misconfigured, Reason: "cloud.test answered with a redirect, which a signed request must not follow",
				Remedy: "check the endpoint's address and what stands between",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(test.handle)
			t.Cleanup(server.Close)
			exchange := newTestTransport(t).Exchange(t.Context())
			body, err := get(exchange, server.URL)
			if (err != nil) != (test.fault != nil) || body != test.body {
				t.Errorf("read %q, %v, want %q", body, err, test.body)
			}
			if diff := cmp.Diff(test.fault, exchange.Fault("cloud.test")); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	begun := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Headers and half a body come, then nothing.
		_, _ = io.WriteString(w, "hel")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	exchange := newTestTransport(t).Exchange(ctx)
	go func() {
		<-begun
		cancel()
	}()
	if _, err := get(exchange, server.URL); err == nil {
		t.Error("half an answer was read without an error")
	}
	got := exchange.Fault("cloud.test")
	if want := "the call to cloud.test was given up"; got == nil || got.Error() != want || !errors.Is(got, context.Canceled) {
		t.Errorf("fault %v, want %q because of the context", got, want)
	}
}

func TestExchangePassesFaultsOn(t *testing.T) {
	want := &fault.Error{Kind: fault.Throttled, Reason: "no room"}
	exchange := NewTransportOver(roundTripper(func(*http.Request) (*http.Response, error) { return nil, want })).Exchange(t.Context())
	if _, err := get(exchange, "http://cloud.test/"); err == nil {
		t.Error("there is an answer")
	}
	if got := exchange.Fault("cloud.test"); got != want {
		t.Errorf("fault %v, want %v", got, want)
	}
}

func TestUnreadable(t *testing.T) {
	const advice = "check the endpoint's address and what stands between"
	for name, test := range map[string]struct {
		status int
		want   fault.Error
	}{
		"no answer at all":        {0, fault.Error{Kind: fault.Misconfigured, Reason: "the call to cloud.test could not be made"}},
		"success":                 {200, fault.Error{Kind: fault.Transient, Reason: "cloud.test answered HTTP 200 with something that cannot be read"}},
		"a page that is missing":  {404, fault.Error{Kind: fault.Misconfigured, Reason: "cloud.test answered HTTP 404 with something that cannot be read", Remedy: advice}},
		"a time-out":              {408, fault.Error{Kind: fault.Transient, Reason: "cloud.test answered HTTP 408 with something that cannot be read"}},
		"too many calls":          {429, fault.Error{Kind: fault.Throttled, Reason: "too many calls to cloud.test"}},
		"a gateway without cloud": {502, fault.Error{Kind: fault.Transient, Reason: "cloud.test answered HTTP 502 with something that cannot be read"}},
	} {
		t.Run(name, func(t *testing.T) {
			exchange := &Exchange{status: test.status}
			if diff := cmp.Diff(&test.want, exchange.Unreadable("cloud.test")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// body is a response's; it notes that it was closed.
type body struct {
	io.Reader
	closed bool
}

func (b *body) Close() error {
	b.closed = true
	return nil
}

// TestExchangeClosesBodies holds that an SDK that forgets a body costs no connection.
func TestExchangeClosesBodies(t *testing.T) {
	for name, content := range map[string]io.Reader{
		"an answer that is read":  strings.NewReader("hello"),
		"an answer that breaks":   io.MultiReader(strings.NewReader("hel"), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"an answer that is empty": strings.NewReader(""),
	} {
		t.Run(name, func(t *testing.T) {
			sent := &body{Reader: content}
			exchange := NewTransportOver(roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: sent}, nil
			})).Exchange(t.Context())
			client := http.Client{Transport: exchange}
			_, _ = client.Get("http://cloud.test/") //nolint:bodyclose // as an SDK that forgets it
			if !sent.closed {
				t.Error("the body is open")
			}
		})
	}
}

func newTestTransport(t *testing.T) *Transport {
	t.Helper()
	transport, err := NewTransport(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func get(exchange *Exchange, url string) (string, error) {
	client := http.Client{Transport: exchange, Timeout: 10 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), errors.Join(err, resp.Body.Close())
}

func TestExchangeKeepsNoAddressOfOurs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	exchange := newTestTransport(t).Exchange(t.Context())
	if _, err := get(exchange, "http://"+listener.Addr().String()+"/?Signature=secret"); err == nil {
		t.Fatal("nobody listens, and yet there is an answer")
	}
	want := &fault.Error{Kind: fault.Transient, Reason: "connection refused by cloud.test"}
	if diff := cmp.Diff(want, exchange.Fault("cloud.test")); diff != "" {
		t.Errorf("fault (-want +got):\n%s", diff)
	}
}
