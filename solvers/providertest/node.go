package providertest

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// nodeWait is within what it is known that there is no node.
const nodeWait = 3 * time.Second

// nodeRole: a node's role may come, change and go.
func (a Ambient) nodeRole(t *testing.T) {
	p := a.pretend(t, nil)
	ambient := p.in(nil)
	for _, arn := range []string{"", a.ARN, a.Other, "", a.ARN} {
		p.world.Node.Attach(arn, 10*time.Minute)
		if arn == "" {
			p.wantFault(ambient, config.Role{}, "credential_gone, retry false after 0s: "+a.NoNodeRole)
			continue
		}
		got, err := ambient.Session(t.Context(), config.Role{})
		if err != nil {
			t.Fatal(err)
		}
		key, _, _ := p.world.Key(got.Keys.ID)
		if key.Session.Role != arn || key.Token != got.Keys.Token || !got.Ends.Equal(key.Expires) {
			t.Errorf("a session of %s that ends at %v, want %s and %v", key.Session.Role, got.Ends, arn, key.Expires)
		}
	}
}

// noNode: where there is no node it is said so, soon, with what to do; what must be mended is no absence.
func (a Ambient) noNode(t *testing.T) {
	const gone = "credential_gone, retry false after 0s: "
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // the kernel takes connections, nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for name, test := range map[string]struct{ url, want string }{
		"nobody listens": {refusing.URL, gone + "connection refused by HOST; " + a.Absent},
		"nobody answers": {"http://" + silent.Addr().String(), gone + "no answer from HOST in time; " + a.Absent},
		"a stranger": {secure.URL, "misconfigured, retry false after 0s: the certificate of HOST is not trusted;" +
			" check the endpoint's address, the roots that are trusted and what stands between"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pretence{T: t, a: a}
			start := time.Now()
			_, err := a.at(t, nil, "http://127.0.0.1:1", test.url).Session(t.Context(), config.Role{})
			if took := time.Since(start); took > nodeWait {
				t.Errorf("took %v", took)
			}
			if diff := cmp.Diff(strings.ReplaceAll(test.want, "HOST", endpointOf(test.url).Host), Described(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			p.checkError(err)
		})
	}
	t.Run("a name that is not in the DNS", func(t *testing.T) {
		_, err := a.over(func(*http.Request) (*http.Response, error) {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}).Session(t.Context(), config.Role{})
		if diff := cmp.Diff(gone+"the host node.test does not exist in DNS; "+a.Absent, Described(err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("a caller who gives up knows nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.over(hang).Session(ctx, config.Role{})
		if diff := cmp.Diff("transient, retry true after 0s: the call to node.test was given up", Described(err)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// over are the ambient credentials of a node that is called over a network.
func (a Ambient) over(network roundTripper) credential.Ambient {
	return a.New(environment{}.get, wire.API{}, wire.API{Endpoint: wire.Endpoint{Scheme: "http", Host: "node.test"}, Transport: network})
}

// hang answers when nobody waits any more.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// hangingNode: packets that are dropped hold nobody up, at whatever step, and for all steps together.
func (a Ambient) hangingNode(t *testing.T) {
	for answered := range len(a.Steps) {
		synctest.Test(t, func(t *testing.T) {
			start, asked := time.Now(), 0
			_, err := a.over(func(r *http.Request) (*http.Response, error) {
				if asked++; asked > answered {
					return hang(r)
				}
				time.Sleep(time.Second)
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("dns"))}, nil
			}).Session(t.Context(), config.Role{})
			if took := time.Since(start); took > nodeWait {
				t.Errorf("took %v", took)
			}
			want := "transient, retry true after 0s: no answer from node.test in time"
			if answered == 0 {
				want = "credential_gone, retry false after 0s: no answer from node.test in time; " + a.Absent
			}
			if diff := cmp.Diff(want, Described(err)); diff != "" {
				t.Errorf("after %d answers (-want +got):\n%s", answered, diff)
			}
		})
	}
}

// lostNode: one that was there once is expected to be there again. Any answer will do.
func (a Ambient) lostNode(t *testing.T) {
	for name, first := range map[string]Answer{"an answer": {Status: 503}, "a redirect": {Status: 302}, "half an answer": {Header: map[string]string{"Content-Length": "9"}}} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(first.handler())
			t.Cleanup(server.Close)
			ambient := a.at(t, nil, "http://127.0.0.1:1", server.URL)
			if _, err := ambient.Session(t.Context(), config.Role{}); err == nil || fault.Is(err, fault.CredentialGone) {
				t.Fatalf("while it is there: %v", Described(err))
			}
			server.Close()
			p := &pretence{T: t, a: a}
			p.wantFault(ambient, config.Role{}, "transient, retry true after 0s: connection refused by "+endpointOf(server.URL).Host)
		})
	}
}

// handler gives the answer to everybody.
func (a Answer) handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		for name, value := range a.Header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(max(a.Status, http.StatusOK))
		_, _ = io.WriteString(w, a.Body) // who sends less than he said is cut off
	})
}

// oddNode: at each step, what is no answer of a node gives no session, and sends nobody elsewhere.
func (a Ambient) oddNode(t *testing.T) {
	var elsewhere atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(target.Close)
	answers := map[string]Answer{
		"an error":               {Status: http.StatusInternalServerError},
		"a gateway's page":       {Status: http.StatusBadGateway, Body: "<html>bad gateway</html>"},
		"a refusal":              {Status: http.StatusForbidden, Body: "no"},
		"too many calls":         {Status: http.StatusTooManyRequests},
		"nothing with HTTP 204":  {Status: http.StatusNoContent},
		"a page with HTTP 201":   {Status: http.StatusCreated, Body: "dns"},
		"more than a node sends": {Body: strings.Repeat("x", 9<<20)},
		"half an answer":         {Header: map[string]string{"Content-Length": "1000"}, Body: `{"Code":"Success"`},
		"another encoding":       {Header: map[string]string{"Content-Encoding": "gzip"}, Body: "\x1f\x8b"},
		"a redirect":             {Status: http.StatusFound, Header: map[string]string{"Location": target.URL}},
		"another redirect":       {Status: http.StatusTemporaryRedirect, Header: map[string]string{"Location": target.URL}},
	}
	last := len(a.Steps) - 1
	for step, path := range a.Steps {
		own := map[string]Answer{}
		switch step {
		case last:
			for i, body := range append([]string{"", "null", "[]", "{}", "{", "7", `{"Code":"Failed"}`, "<html>hello</html>"}, a.IncompleteNode...) {
				own[fmt.Sprintf("document %d", i)] = Answer{Body: body}
			}
		case last - 1:
			for i, body := range []string{"../token", "a b", "a\nb", "dns/x", "dns?x=y", strings.Repeat("x", 200), "<html>hello</html>", "角色"} {
				own[fmt.Sprintf("name %d", i)] = Answer{Body: body}
			}
		default:
			own["no token"] = Answer{Body: " "}
			own["no such page"] = Answer{Status: http.StatusNotFound}
		}
		for _, answers := range []map[string]Answer{answers, own} {
			for name, answer := range answers {
				t.Run(path+": "+name, func(t *testing.T) { a.spoilt(t, path, answer) })
			}
		}
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// spoilt asks a node for a session whose answer at a path is another one.
func (a Ambient) spoilt(t *testing.T, path string, answer Answer) {
	p := a.pretend(t, nil)
	p.world.Node.Attach(a.ARN, time.Hour)
	truth := a.Service(p.world.Node)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			answer.handler().ServeHTTP(w, r)
			return
		}
		truth.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	ambient := a.at(t, nil, p.world.URL, server.URL)
	got, err := ambient.Session(t.Context(), config.Role{})
	if err == nil || got != (credential.Session{}) || fault.Is(err, fault.CredentialGone) || strings.HasPrefix(Described(err), "no fault") {
		t.Errorf("a session: %v, %s", got != (credential.Session{}), Described(err))
	}
	p.checkError(err)
	if len(answer.Body) > 1<<20 {
		return // how soon so much arrives depends on the machine
	}
	if _, again := ambient.Session(t.Context(), config.Role{}); Described(again) != Described(err) {
		t.Errorf("%s, and then %s", Described(err), Described(again))
	}
}

// nodeCallee is a node that no address is known of, so that only a proxy could reach it.
const nodeCallee = "http://node.invalid"

// callNode is the part of a child that asks a node: see noProxy.
func (a Ambient) callNode(t *testing.T, callee string) {
	t.Helper()
	_, err := a.at(t, nil, "http://127.0.0.1:1", callee).Session(t.Context(), config.Role{})
	t.Log(Described(err))
}

// noProxy: a proxy would be given keys, and has no business to know.
func (a Ambient) noProxy(t *testing.T) {
	node := httptest.NewServer(Answer{Body: "dns"}.handler())
	t.Cleanup(node.Close)
	proxy := startTunnel(t, node.Listener.Addr().String())
	output, err := child(t, "TestAmbient", nodeCallee, "HTTP_PROXY="+proxy.URL, "HTTPS_PROXY="+proxy.URL, "ALL_PROXY="+proxy.URL)
	if err != nil || !strings.Contains(output, "credential_gone") || !strings.Contains(output, "node.invalid") {
		t.Errorf("%v:\n%s", err, output)
	}
	if diff := cmp.Diff([]string(nil), proxy.asked()); diff != "" {
		t.Errorf("what the proxy was asked (-want +got):\n%s", diff)
	}
}

// ownAddress: where no flag names another, a node asks its own cloud.
func (a Ambient) ownAddress(t *testing.T) {
	var asked []string
	network := roundTripper(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.Method+" "+r.URL.String())
		return nil, &net.DNSError{IsNotFound: true}
	})
	_, err := a.New(environment{}.get, wire.API{}, wire.API{Transport: network}).Session(t.Context(), config.Role{})
	method := http.MethodGet
	if len(a.Steps) > 2 {
		method = http.MethodPut // for a token
	}
	if diff := cmp.Diff([]string{method + " " + a.Metadata + a.Steps[0]}, asked); err == nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
