package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
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
			exchange := exchangeOver(t, newTransport(t, nil))
			body, err := get(exchange, server.URL)
			if (err != nil) != (test.fault != nil) || body != test.body {
				t.Errorf("read %q, %v, want %q", body, err, test.body)
			}
			if diff := cmp.Diff(test.fault, exchange.Fault()); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExchangeEndsWithItsDeadline(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Headers and half a body come, then nothing.
		_, _ = io.WriteString(w, "hel")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	exchange := api(newTransport(t, nil)).Exchange(ctx, nil)
	if _, err := get(exchange, server.URL); err == nil {
		t.Error("half an answer was read without an error")
	}
	got := exchange.Fault()
	if want := "no answer from cloud.test in time"; got == nil || got.Error() != want || !errors.Is(got, context.DeadlineExceeded) {
		t.Errorf("fault %v, want %q because of the deadline", got, want)
	}
}

// What the cloud may carry out is waited for, so that nobody makes another change in its place meanwhile.
func TestExchangeGivesUpWhatIsNotSentAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		time.Sleep(50 * time.Millisecond)
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(server.Close)
	begun := api(newTransport(t, nil)).Exchange(ctx, nil)
	if body, err := get(begun, server.URL); err != nil || body != "done" {
		t.Errorf("what was sent was answered with %q, %v, want its answer", body, err)
	}
	late := api(newTransport(t, nil)).Exchange(ctx, nil)
	if _, err := get(late, server.URL); err == nil {
		t.Error("a request was sent after its context had ended")
	}
	got := late.Fault()
	if want := "the call to cloud.test was given up"; got == nil || got.Error() != want || !errors.Is(got, context.Canceled) {
		t.Errorf("fault %v, want %q because of the context", got, want)
	}
}

func TestExchangePassesFaultsOn(t *testing.T) {
	want := &fault.Error{Kind: fault.Throttled, Reason: "no room"}
	exchange := exchangeOver(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, want }))
	if _, err := get(exchange, "http://cloud.test/"); err == nil {
		t.Error("there is an answer")
	}
	if got := exchange.Fault(); got != want {
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
			exchange := &Exchange{api: api(nil), status: test.status}
			if diff := cmp.Diff(&test.want, exchange.Unreadable()); diff != "" {
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
			exchange := exchangeOver(t, roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: sent}, nil
			}))
			client := http.Client{Transport: exchange}
			_, _ = client.Get("http://cloud.test/") //nolint:bodyclose // as an SDK that forgets it
			if !sent.closed {
				t.Error("the body is open")
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// api is one that everybody knows as cloud.test, wherever it is.
func api(transport http.RoundTripper) API {
	return API{Endpoint: Endpoint{Scheme: "https", Host: "cloud.test"}, Transport: transport}
}

// exchangeOver is an exchange without a pace.
func exchangeOver(t *testing.T, transport http.RoundTripper) *Exchange {
	t.Helper()
	return api(transport).Exchange(t.Context(), nil)
}

func get(exchange *Exchange, url string) (string, error) {
	client := http.Client{Transport: exchange}
	resp, err := client.Get(url) //nolint:gosec // a test's own URL
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
	exchange := exchangeOver(t, newTransport(t, nil))
	if _, err := get(exchange, "http://"+listener.Addr().String()+"/?Signature=secret"); err == nil {
		t.Fatal("nobody listens, and yet there is an answer")
	}
	want := &fault.Error{Kind: fault.Transient, Reason: "connection refused by cloud.test"}
	if diff := cmp.Diff(want, exchange.Fault()); diff != "" {
		t.Errorf("fault (-want +got):\n%s", diff)
	}
}

func TestExchange_FollowsNoRedirect(t *testing.T) {
	for _, status := range []int{300, 301, 302, 303, 304, 307, 308} {
		var elsewhere atomic.Int32
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
		t.Cleanup(other.Close)
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		exchange := exchangeOver(t, newTransport(t, nil))
		if body, err := get(exchange, s.URL); !errors.Is(err, errRedirect) || body != "" || elsewhere.Load() != 0 {
			t.Errorf("HTTP %d: answer %q, error %v, %d requests were sent on", status, body, err, elsewhere.Load())
		}
	}
}

// piped has connections that are pipes to a server, so that time in a bubble goes by while they wait.
func piped(server func(net.Conn)) *http.Transport {
	return &http.Transport{
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
	}
}

// silent reads until the other end goes.
func silent(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

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

func TestExchange_BoundsTheTime(t *testing.T) {
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
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				defer cancel()
				exchange, start := api(piped(test.server)).Exchange(ctx, nil), time.Now()
				if _, err := get(exchange, "http://cloud.test/"); err == nil || time.Since(start) != test.want {
					t.Errorf("after %s: %v, want the end after %s", time.Since(start), err, test.want)
				}
				if f, want := exchange.Fault(), "no answer from cloud.test in time"; f == nil || f.Error() != want {
					t.Errorf("the fault says %v, want %q", f, want)
				}
				time.Sleep(2 * time.Second) // so that the server sees that nobody listens any more
			})
		})
	}
}

// paces are what a Pace answers, one after another.
type paces []error

func (p *paces) Wait(context.Context) error {
	err := (*p)[0]
	*p = (*p)[1:]
	return err
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

func TestExchange_KeepsToItsPace(t *testing.T) {
	full := &fault.Error{Kind: fault.Throttled, Reason: "no room"}
	sent := 0
	transport := roundTripper(func(req *http.Request) (*http.Response, error) {
		sent++
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	exchange := api(transport).Exchange(t.Context(), &paces{nil, nil, full})
	for i, want := range []error{nil, nil, full} {
		body := &closer{Reader: strings.NewReader("x")}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://cloud.test/", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := exchange.RoundTrip(req)
		if err == nil {
			err = resp.Body.Close()
		}
		if !errors.Is(err, want) || sent != min(i+1, 2) || !body.closed {
			t.Errorf("request %d: %v after %d were sent, body closed: %t", i+1, err, sent, body.closed)
		}
	}
	if got := exchange.Fault(); got != full {
		t.Errorf("fault %v, want the pace's own", got)
	}
}

// TestExchange_LeavesNoTimerBehind looks at the context of a request once its answer was read, or did not come.
func TestExchange_LeavesNoTimerBehind(t *testing.T) {
	for name, answer := range map[string]error{"an answer": nil, "no answer": errors.New("refused")} {
		var sent *http.Request
		exchange := exchangeOver(t, roundTripper(func(req *http.Request) (*http.Response, error) {
			sent = req
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, answer
		}))
		if _, err := get(exchange, "http://cloud.test/"); !errors.Is(err, answer) {
			t.Errorf("%s: %v", name, err)
		}
		if !errors.Is(sent.Context().Err(), context.Canceled) {
			t.Errorf("%s: the request's context goes on: %v", name, sent.Context().Err())
		}
	}
}
