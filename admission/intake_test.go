package admission

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/rule"
)

// What is promised of callers who never end what they send.
const (
	attackers  = 200
	mostMemory = 64 << 20
)

// patience is that of those who ask beside an attack. They are answered at once, but the machine may be busy.
const patience = 20 * time.Second

// reviewServer is the real server with a handler of spokenRules, and a client of it.
type reviewServer struct {
	url    string
	roots  *authorityOf
	intake *intake
}

func newReviewServer(t testing.TB, rules []rule.Rule, issuers ...*cmapi.Issuer) *reviewServer {
	t.Helper()
	w := worldOf(issuers...)
	h := newHandler(t, w, w, rules)
	s := &reviewServer{intake: newIntake(&admission.Webhook{Handler: h}, h.metrics)}
	s.url, s.roots = serve(t, &callers{}, s.intake)
	return s
}

// connect is a TLS connection that speaks this protocol.
func (s *reviewServer) connect(ctx context.Context, protocol string) (net.Conn, error) {
	pool := x509.NewCertPool()
	pool.AddCert(s.roots.certificate)
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: pool, ServerName: "localhost", NextProtos: []string{protocol}, MinVersion: tls.VersionTLS12}}
	return dialer.DialContext(ctx, "tcp", strings.TrimPrefix(s.url, "https://"))
}

// review says what is answered to a body.
func (s *reviewServer) review(ctx context.Context, t testing.TB, c *http.Client, body io.Reader) string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/validate", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := c.Do(req)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(string(content)))
	}
	var answer admissionv1.AdmissionReview
	if err := json.Unmarshal(content, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Response.Allowed {
		return "allowed"
	}
	return "denied"
}

// padded is a Certificate that is denied, with an annotation of this size.
func padded(size int) string {
	return certificateHead[:len(certificateHead)-2] + ", annotations: {padding: \"" + strings.Repeat("x", size) + "\"}}\n" +
		"spec: {secretName: tls, issuerRef: {name: le}, dnsNames: [\"deny:\"]}\n"
}

func reviewOf(t testing.TB, manifest string) []byte {
	t.Helper()
	raw, err := json.Marshal(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request:  request{Object: manifest}.admissionRequest(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// attack begins a request and never ends it. It returns when the server has ended the connection, or ctx has.
type attack func(ctx context.Context, s *reviewServer)

var megabyte = bytes.Repeat([]byte(" "), 1<<20)

// http1 sends this head, and then a body of this size in pieces.
func http1(head string, size int, frame func(piece []byte) []byte) attack {
	return func(ctx context.Context, s *reviewServer) {
		c, err := s.connect(ctx, "http/1.1")
		if err != nil {
			return
		}
		defer c.Close()
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
		_, err = fmt.Fprintf(c, "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n", head)
		for sent := 0; sent < size && err == nil; {
			piece := megabyte[:min(len(megabyte), size-sent)]
			_, err = c.Write(frame(piece))
			sent += len(piece)
		}
		_, _ = io.Copy(io.Discard, c)
	}
}

func plain(piece []byte) []byte { return piece }

var chunk = append(append([]byte("100000\r\n"), megabyte...), "\r\n"...)

func chunked([]byte) []byte { return chunk }

// drip sends one byte after the other.
func drip(ctx context.Context, s *reviewServer) {
	c, err := s.connect(ctx, "http/1.1")
	if err != nil {
		return
	}
	defer c.Close()
	_, err = fmt.Fprint(c, "POST /validate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7340031\r\n\r\n")
	for err == nil && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		_, err = c.Write(megabyte[:1])
	}
}

// headers never ends its headers.
func headers(ctx context.Context, s *reviewServer) {
	c, err := s.connect(ctx, "http/1.1")
	if err != nil {
		return
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_, _ = fmt.Fprint(c, "POST /validate HTTP/1.1\r\nX-Long: ")
	_, _ = c.Write(megabyte) // which takes no memory of its own
	_, _ = io.Copy(io.Discard, c)
}

// streams opens so many streams on one HTTP/2 connection and sends on each as much as the server lets it.
func streams(n int, length string) attack {
	return func(ctx context.Context, s *reviewServer) {
		c, err := s.connect(ctx, "h2")
		if err != nil {
			return
		}
		defer c.Close()
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
		_, _ = io.WriteString(c, http2.ClientPreface)
		flow := &windows{framer: http2.NewFramer(c, c), streams: map[uint32]int{}, connection: 65535, initial: 65535}
		_ = flow.framer.WriteSettings()
		for i := range n {
			var block bytes.Buffer
			encoder := hpack.NewEncoder(&block)
			for _, field := range [][2]string{{":method", "POST"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/validate"}, {"content-length", length}} {
				if field[1] != "" {
					_ = encoder.WriteField(hpack.HeaderField{Name: field[0], Value: field[1]})
				}
			}
			id := uint32(2*i + 1)
			_ = flow.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block.Bytes(), EndHeaders: true})
			flow.streams[id] = flow.initial
		}
		flow.fill()
	}
}

// windows is how much more may be sent on a connection and on each of its streams.
type windows struct {
	framer              *http2.Framer
	streams             map[uint32]int
	connection, initial int
}

// fill sends whatever it may until the server ends the connection or all streams.
func (w *windows) fill() {
	for len(w.streams) > 0 {
		for id, window := range w.streams {
			if n := min(window, w.connection, 16<<10); n > 0 {
				if w.framer.WriteData(id, false, megabyte[:n]) != nil {
					return
				}
				w.streams[id] -= n
				w.connection -= n
			}
		}
		frame, err := w.framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if size, ok := frame.Value(http2.SettingInitialWindowSize); ok {
				for id := range w.streams {
					w.streams[id] += int(size) - w.initial
				}
				w.initial = int(size)
			}
			if !frame.IsAck() {
				_ = w.framer.WriteSettingsAck()
			}
		case *http2.WindowUpdateFrame:
			if frame.StreamID == 0 {
				w.connection += int(frame.Increment)
			} else if _, open := w.streams[frame.StreamID]; open {
				w.streams[frame.StreamID] += int(frame.Increment)
			}
		case *http2.RSTStreamFrame:
			delete(w.streams, frame.StreamID)
		}
	}
}

// inUse is the memory of the process that a collection does not free.
func inUse() int {
	runtime.GC()
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return int(samples[0].Value.Uint64() + samples[1].Value.Uint64())
}

func TestUnfinishedRequestsTakeLittleMemoryAndKeepNobodyWaiting(t *testing.T) {
	const almost = maxBody - 10
	attacks := map[string]attack{
		"bodies of a length, almost whole":     http1("Content-Length: 7340031\r\n", almost, plain),
		"bodies in chunks":                     http1("Transfer-Encoding: chunked\r\n", almost, chunked),
		"bodies of one megabyte, almost whole": http1("Content-Length: 1048577\r\n", 1<<20, plain),
		"bodies that come byte by byte":        drip,
		"headers without an end":               headers,
		"two streams of no length in each":     streams(2, ""),
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			s := newReviewServer(t, spokenRules())
			client := httpsClient(s.roots, nil)
			client.Timeout = patience
			asked := func() {
				t.Helper()
				if got := s.review(t.Context(), t, client, bytes.NewReader(reviewOf(t, padded(10<<10)))); got != "denied" {
					t.Errorf("a review: %q", got)
				}
			}
			asked()
			before := inUse()
			ctx, end := context.WithTimeout(t.Context(), patience)
			defer end()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				var all sync.WaitGroup
				for range attackers {
					all.Go(func() { attack(ctx, s) })
				}
				all.Wait()
			}()
			most := 0
			for open := true; open; {
				most = max(most, inUse()-before)
				asked()
				select {
				case <-ended:
					open = false
				case <-time.After(20 * time.Millisecond):
				}
			}
			if ctx.Err() != nil {
				t.Error("the server lets requests go on for as long as they like")
			}
			if most > mostMemory {
				t.Errorf("%d connections take %d MiB", attackers, most>>20)
			}
			eventually(t, "all room is given back", s.intake.empty)
		})
	}
}

// Whoever may apply objects reaches the server through the API server, and can apply many at once.
func TestManyReviewsAtOnceTakeLittleMemoryAndKeepNobodyWaiting(t *testing.T) {
	const callers = 150
	names := make([]string, 0, 3300)
	for i := range cap(names) {
		names = append(names, fmt.Sprintf("*.n%d.plain.certyun.dev", i))
	}
	issuer := acmeIssuer("le", http01Solver())
	issuer.Namespace = "shop"
	s := newReviewServer(t, catalogue.Rules(), issuer)
	heavy := reviewOf(t, certificateOf(names...))
	client := httpsClient(s.roots, nil)
	client.Timeout = patience
	small := reviewOf(t, certificateOf("*.certyun.dev"))
	if got := s.review(t.Context(), t, client, bytes.NewReader(small)); got != "denied" {
		t.Fatalf("a review before: %q", got)
	}
	before := inUse()
	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer end()
	for range callers {
		all.Go(func() {
			one := httpsClient(s.roots, nil)
			for ctx.Err() == nil {
				s.review(ctx, t, one, bytes.NewReader(heavy))
			}
		})
	}
	most := 0
	for range 10 {
		most = max(most, inUse()-before)
		if got := s.review(t.Context(), t, client, bytes.NewReader(small)); got != "denied" {
			t.Errorf("a review meanwhile: %q", got)
		}
	}
	if most > 2*mostMemory {
		t.Errorf("%d callers take %d MiB", callers, most>>20)
	}
}

// empty tells whether nobody has any room.
func (i *intake) empty() bool {
	for _, r := range []*room{i.bodies, i.judging} {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.free != r.size {
			return false
		}
	}
	return true
}

func TestWhichRequestsAreReviewed(t *testing.T) {
	s := newReviewServer(t, spokenRules())
	client := httpsClient(s.roots, nil)
	unknownLength := func(body []byte) io.Reader { return io.MultiReader(bytes.NewReader(body)) }
	tests := map[string]struct {
		body io.Reader
		want string
	}{
		"a small one":                           {bytes.NewReader(reviewOf(t, padded(0))), "denied"},
		"a small one of no length":              {unknownLength(reviewOf(t, padded(0))), "denied"},
		"one of the size of a piece":            {bytes.NewReader(ofSize(reviewOf(t, padded(0)), minPiece)), "denied"},
		"one of no length, the size of a piece": {unknownLength(ofSize(reviewOf(t, padded(0)), minPiece)), "denied"},
		"a large one":                           {bytes.NewReader(reviewOf(t, padded(3<<20))), "denied"},
		"the largest":                           {bytes.NewReader(ofSize(reviewOf(t, padded(0)), maxBody-1)), "denied"},
		"the largest, of no length":             {unknownLength(ofSize(reviewOf(t, padded(0)), maxBody-1)), "denied"},
		"one that is too large":                 {bytes.NewReader(ofSize(reviewOf(t, padded(0)), maxBody)), "413 the review is too large: it must be smaller than 7 MiB"},
		"one of no length that is too large":    {unknownLength(ofSize(reviewOf(t, padded(0)), maxBody)), "413 the review is too large: it must be smaller than 7 MiB"},
		"one that does not come":                {stalled{t.Context()}, "408 the review did not come in time"},
	}
	for name, c := range tests {
		if got := s.review(t.Context(), t, client, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	eventually(t, "all room is given back", s.intake.empty)
	whole := claimOf(t, s.intake.bodies, bodyRoom-bodyRoom/3)
	if got, want := s.review(t.Context(), t, client, bytes.NewReader(reviewOf(t, padded(3<<20)))), "503 the server is busy with other reviews, and has no room for one of this size; try again"; got != want {
		t.Errorf("where there is no room: %q, want %q", got, want)
	}
	whole.leave()
}

// ofSize is a review that is filled up with spaces.
func ofSize(review []byte, size int) []byte {
	return append(review, bytes.Repeat([]byte(" "), size-len(review))...)
}

// stalled is a body of which nothing comes.
type stalled struct{ ctx context.Context }

func (s stalled) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, io.EOF
}

func claimOf(t testing.TB, r *room, size int) *claim {
	t.Helper()
	c := r.enter(func() {})
	if err := c.grow(t.Context(), size); err != nil {
		t.Fatal(err)
	}
	return c
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("it was read")
	return 0, io.EOF
}

func TestNobodyElsesBodyIsRead(t *testing.T) {
	trusted := newAuthority(t, "trusted")
	caFile := filepath.Join(t.TempDir(), "ca.crt")
	writeFile(t, caFile, trusted.pem())
	callers, err := newCallers(caFile, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", unread{t})
	recorder := httptest.NewRecorder()
	callers.only(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reviewed") })).ServeHTTP(recorder, r)
	if recorder.Code != http.StatusForbidden {
		t.Errorf("status %d", recorder.Code)
	}
}
