package fault_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certyun/certyun/solvers/fault"
)

// query is what the SDK for Alidns puts into each URL.
const query = "/?AccessKeyId=LTAI5tExample&SecurityToken=CAISexample&Signature=c2lnbmF0dXJl%3D&SignatureNonce=8f14e45fceea167a"

const certificateRemedy = "check the endpoint's address, the roots that are trusted and what stands between"

const proxyRemedy = "check HTTPS_PROXY and NO_PROXY in the environment"

// endpoint is a server that fails in some way, and a client to call it with.
type endpoint struct {
	url    string // scheme and host
	client *http.Client
	ctx    context.Context //nolint:containedctx // each test needs a context that ends in its own way
}

func TestNetwork(t *testing.T) {
	tests := map[string]struct {
		endpoint func(t *testing.T) endpoint
		// want is the fault; SERVER stands for the server in its reason.
		want fault.Error
		// cause is what errors.Is has to find, if anything.
		cause error
	}{
		"nobody listens": {
			refused, fault.Error{Kind: fault.Transient, Reason: "connection refused by SERVER"}, nil,
		},
		"nobody listens where the proxy should be": {
			behindProxy(refused), fault.Error{Kind: fault.Transient, Reason: "connection refused by the proxy on the way to SERVER", Remedy: proxyRemedy}, nil,
		},
		"the proxy's host name does not exist": {
			behindProxy(resolving(dnsAnswer(3), 10*time.Second)),
			fault.Error{Kind: fault.Transient, Reason: "the host name of the proxy on the way to SERVER could not be resolved", Remedy: proxyRemedy},
			nil,
		},
		"the server resets the connection": {
			serving(reset), fault.Error{Kind: fault.Transient, Reason: "the connection to SERVER failed"}, nil,
		},
		"the server closes the connection": {
			serving(closed), fault.Error{Kind: fault.Transient, Reason: "the connection to SERVER failed"}, nil,
		},
		"the server does not speak HTTP": {
			serving(answer("SSH-2.0-OpenSSH_9.9\r\n")), fault.Error{Kind: fault.Transient, Reason: "the connection to SERVER failed"}, nil,
		},
		"the server says nothing until the context ends": {
			func(t *testing.T) endpoint {
				e := serving(hang)(t)
				ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
				t.Cleanup(cancel)
				e.ctx = ctx
				return e
			},
			fault.Error{Kind: fault.Transient, Reason: "no answer from SERVER in time"},
			context.DeadlineExceeded,
		},
		"the server says nothing until the client's own time is up": {
			func(t *testing.T) endpoint {
				e := serving(hang)(t)
				e.client.Timeout = 50 * time.Millisecond
				return e
			},
			fault.Error{Kind: fault.Transient, Reason: "no answer from SERVER in time"},
			context.DeadlineExceeded,
		},
		"the server says nothing to a TLS handshake": {
			func(t *testing.T) endpoint {
				e := serving(hang)(t)
				e.url = strings.Replace(e.url, "http:", "https:", 1)
				e.client.Transport.(*http.Transport).TLSHandshakeTimeout = 50 * time.Millisecond
				return e
			},
			fault.Error{Kind: fault.Transient, Reason: "no answer from SERVER in time"},
			context.DeadlineExceeded,
		},
		"the call is given up": {
			func(t *testing.T) endpoint {
				e := serving(hang)(t)
				ctx, cancel := context.WithCancel(t.Context())
				t.Cleanup(cancel)
				time.AfterFunc(50*time.Millisecond, cancel)
				e.ctx = ctx
				return e
			},
			fault.Error{Kind: fault.Transient, Reason: "the call to SERVER was given up"},
			context.Canceled,
		},
		"nobody vouches for the certificate": {
			serverTLS(func(*tls.Config, *httptest.Server) {}),
			fault.Error{Kind: fault.Misconfigured, Reason: "the certificate of SERVER is not trusted", Remedy: certificateRemedy},
			nil,
		},
		"the certificate is another host's": {
			serverTLS(func(c *tls.Config, s *httptest.Server) { trust(c, s); c.ServerName = "alidns.aliyuncs.com" }),
			fault.Error{Kind: fault.Misconfigured, Reason: "the certificate of SERVER is not trusted", Remedy: certificateRemedy},
			nil,
		},
		"the certificate has expired": {
			serverTLS(func(c *tls.Config, s *httptest.Server) {
				trust(c, s)
				c.Time = func() time.Time { return s.Certificate().NotAfter.Add(time.Hour) }
			}),
			fault.Error{Kind: fault.Misconfigured, Reason: "the certificate of SERVER is not trusted", Remedy: certificateRemedy},
			nil,
		},
		"the server speaks HTTP where HTTPS is expected": {
			func(t *testing.T) endpoint {
				s := httptest.NewServer(http.NotFoundHandler())
				t.Cleanup(s.Close)
				return endpoint{strings.Replace(s.URL, "http:", "https:", 1), client(t, nil), t.Context()}
			},
			fault.Error{Kind: fault.Transient, Reason: "the connection to SERVER failed"},
			nil,
		},
		"the host name does not exist": {
			resolving(dnsAnswer(3), 10*time.Second), fault.Error{Kind: fault.Transient, Reason: "the host SERVER does not exist in DNS"}, nil,
		},
		"the resolver fails": {
			resolving(dnsAnswer(2), 10*time.Second), fault.Error{Kind: fault.Transient, Reason: "the host name of SERVER could not be resolved"}, nil,
		},
		"the resolver says nothing": {
			resolving(func([]byte) []byte { return nil }, 100*time.Millisecond),
			fault.Error{Kind: fault.Transient, Reason: "the host name of SERVER could not be resolved"},
			context.DeadlineExceeded,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := test.endpoint(t)
			_, server, _ := strings.Cut(e.url, "://")
			test.want.Reason = strings.ReplaceAll(test.want.Reason, "SERVER", server)
			var texts [2]string
			for i := range texts {
				err := call(t, e)
				if !strings.Contains(err.Error(), "Signature=") {
					t.Fatalf("net/http hides the URL by itself: %v", err)
				}
				got := fault.Network(err, server)
				if diff := cmp.Diff(test.want, *got, cmpopts.IgnoreFields(fault.Error{}, "Cause")); diff != "" {
					t.Errorf("fault made of %v (-want +got):\n%s", err, diff)
				}
				if test.cause != nil && !errors.Is(got, test.cause) || test.cause == nil && got.Cause != nil {
					t.Errorf("the cause is %v, want %v", got.Cause, test.cause)
				}
				refuseSecrets(t, fmt.Sprintf("%s %+v", got.Error(), got.Cause), server)
				texts[i] = got.Error()
			}
			if texts[0] != texts[1] {
				t.Errorf("the same cause has two texts:\n%s\n%s", texts[0], texts[1])
			}
		})
	}
}

func TestNetworkKeepsAFaultOfOurs(t *testing.T) {
	ours := &fault.Error{Kind: fault.Throttled, Reason: "too many calls"}
	tests := map[string]error{
		"as it is":                     ours,
		"wrapped":                      fmt.Errorf("sending: %w", ours),
		"as http.Client hands it on":   &url.Error{Op: "Post", URL: "https://alidns.aliyuncs.com" + query, Err: ours},
		"as the SDKs wrap http.Client": fmt.Errorf("sdk: %w", &url.Error{Op: "Post", URL: "https://alidns.aliyuncs.com" + query, Err: fmt.Errorf("a: %w", ours)}),
	}
	for name, err := range tests {
		t.Run(name, func(t *testing.T) {
			if got := fault.Network(err, "alidns.aliyuncs.com"); got != ours {
				t.Errorf("Network made another fault of it: %v", got)
			}
		})
	}
}

func TestNetworkOfErrorsThatAreMadeUp(t *testing.T) {
	const server = "alidns.aliyuncs.com"
	failed := fault.Error{Kind: fault.Transient, Reason: "the connection to " + server + " failed"}
	tests := map[string]struct {
		err  error
		want fault.Error
	}{
		"text with a signed URL":       {errors.New("Post https://x" + query + ": broken"), failed},
		"a body that ended early":      {io.ErrUnexpectedEOF, failed},
		"a URL within a URL":           {&url.Error{Op: "Post", URL: query, Err: &url.Error{Op: "Get", URL: query, Err: io.EOF}}, failed},
		"a proxy's refusal":            {&url.Error{Op: "Post", URL: query, Err: errors.New("Proxy Authentication Required")}, failed},
		"a write to our end of it":     {&net.OpError{Op: "write", Net: "tcp", Source: &net.TCPAddr{Port: 54321}, Err: io.ErrClosedPipe}, failed},
		"a deadline":                   {context.DeadlineExceeded, fault.Error{Kind: fault.Transient, Reason: "no answer from " + server + " in time", Cause: context.DeadlineExceeded}},
		"a deadline within a URL":      {&url.Error{Op: "Post", URL: query, Err: context.DeadlineExceeded}, fault.Error{Kind: fault.Transient, Reason: "no answer from " + server + " in time", Cause: context.DeadlineExceeded}},
		"given up":                     {fmt.Errorf("a: %w", context.Canceled), fault.Error{Kind: fault.Transient, Reason: "the call to " + server + " was given up", Cause: context.Canceled}},
		"a name that is not found":     {&net.DNSError{Err: "no such host", Name: "x", Server: "10.0.0.10:53", IsNotFound: true}, fault.Error{Kind: fault.Transient, Reason: "the host " + server + " does not exist in DNS"}},
		"a resolver that is forbidden": {&net.DNSError{Err: "dial udp 10.0.0.1:54321->10.0.0.10:53", Server: "10.0.0.10:53"}, fault.Error{Kind: fault.Transient, Reason: "the host name of " + server + " could not be resolved"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := fault.Network(test.err, server)
			if diff := cmp.Diff(test.want, *got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
			if strings.Contains(got.Error(), "54321") || strings.Contains(got.Error(), "Signature") {
				t.Errorf("text %q", got.Error())
			}
		})
	}
}

// refuseSecrets fails if a text shows more of the connection than the server's address.
func refuseSecrets(t *testing.T, text, server string) {
	t.Helper()
	rest := strings.ReplaceAll(text, server, "SERVER")
	for _, secret := range []string{"LTAI5t", "CAIS", "Signature", "c2ln", "8f14", "http://", "https://", "?", "Post"} {
		if strings.Contains(rest, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
	if strings.ContainsAny(rest, "0123456789") {
		t.Errorf("there is a number in %q, which may be a port or a time", text)
	}
}

// call posts as the SDK for Alidns does, and returns the error.
func call(t *testing.T, e endpoint) error {
	t.Helper()
	req, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.url+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("the call succeeded with %s", resp.Status)
	}
	return err
}

func client(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func refused(t *testing.T) endpoint {
	listener := listen(t)
	_ = listener.Close()
	return endpoint{"http://" + listener.Addr().String(), client(t, nil), t.Context()}
}

// behindProxy takes what another endpoint is for the proxy on the way to a server.
func behindProxy(proxy func(t *testing.T) endpoint) func(t *testing.T) endpoint {
	return func(t *testing.T) endpoint {
		e := proxy(t)
		at, err := url.Parse(e.url)
		if err != nil {
			t.Fatal(err)
		}
		e.client.Transport.(*http.Transport).Proxy = http.ProxyURL(at)
		e.url = "https://alidns.aliyuncs.com"
		return e
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serving is a server that does the same with each connection once a request has begun.
func serving(do func(net.Conn)) func(*testing.T) endpoint {
	return func(t *testing.T) endpoint {
		t.Helper()
		listener := listen(t)
		var running sync.WaitGroup
		running.Go(func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				running.Go(func() {
					defer conn.Close()
					if _, err := conn.Read(make([]byte, 64<<10)); err == nil {
						do(conn)
					}
				})
			}
		})
		t.Cleanup(func() {
			_ = listener.Close()
			running.Wait()
		})
		return endpoint{"http://" + listener.Addr().String(), client(t, nil), t.Context()}
	}
}

func closed(net.Conn) {}

// reset makes closing the connection a reset.
func reset(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) }

// hang waits until the other end closes the connection.
func hang(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

func answer(s string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, s) }
}

// serverTLS is a server with a certificate of its own making, and a client that was prepared for it.
func serverTLS(prepare func(*tls.Config, *httptest.Server)) func(*testing.T) endpoint {
	return func(t *testing.T) endpoint {
		t.Helper()
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = quiet()
		s.StartTLS()
		t.Cleanup(s.Close)
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		prepare(config, s)
		return endpoint{s.URL, client(t, config), t.Context()}
	}
}

func trust(c *tls.Config, s *httptest.Server) {
	c.RootCAs = s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
}

// resolving is a host whose name is asked for, for so long, at a resolver that answers each question in the same way.
func resolving(reply func(question []byte) []byte, timeout time.Duration) func(*testing.T) endpoint {
	return func(t *testing.T) endpoint {
		t.Helper()
		conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() {
			buffer := make([]byte, 4096)
			for {
				n, from, err := conn.ReadFrom(buffer)
				if err != nil {
					return
				}
				if answer := reply(buffer[:n]); answer != nil {
					_, _ = conn.WriteTo(answer, from)
				}
			}
		})
		t.Cleanup(func() {
			_ = conn.Close()
			running.Wait()
		})
		dialer := &net.Dialer{Timeout: timeout, Resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
		}}}
		c := client(t, nil)
		c.Transport.(*http.Transport).DialContext = dialer.DialContext
		return endpoint{"http://alidns.invalid.", c, t.Context()}
	}
}

// dnsAnswer turns a question into an answer with this response code and no records (RFC 1035, section 4.1.1).
func dnsAnswer(code byte) func([]byte) []byte {
	return func(question []byte) []byte {
		answer := append([]byte(nil), question...)
		answer[2] |= 0x80
		answer[3] = answer[3]&0xf0 | code
		return answer
	}
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func TestServersPortIsKept(t *testing.T) {
	e := refused(t)
	_, server, _ := strings.Cut(e.url, "://")
	_, port, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		t.Fatal(err)
	}
	if got, want := fault.Network(call(t, e), server).Error(), "connection refused by 127.0.0.1:"+port; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}
