package simulator

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
)

// ErrReset is what a request through a Transport ends with where a server would have reset the connection.
var ErrReset = errors.New("connection reset by peer")

// Transport calls a handler in place of a network, so that a test of a client can run in a testing/synctest bubble, where time
// is simulated too. A request ends early when its context does.
func Transport(handler http.Handler) http.RoundTripper { return transport{handler} }

type transport struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	served.RequestURI = r.URL.RequestURI()
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	body, err := readAll(r.Body)
	if err != nil {
		return nil, err
	}
	served.Body = io.NopCloser(bytes.NewReader(body))
	w := &response{header: http.Header{}}
	done := make(chan struct{})
	go t.serve(w, served, done)
	select {
	case <-done:
		return w.result(r)
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func readAll(body io.ReadCloser) (content []byte, err error) {
	if body == nil {
		return nil, nil
	}
	content, err = io.ReadAll(body)
	return content, errors.Join(err, body.Close())
}

func (t transport) serve(w *response, r *http.Request, done chan<- struct{}) {
	defer close(done)
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			w.abort()
		}
	}()
	t.handler.ServeHTTP(w, r)
}

// response collects what a handler writes.
type response struct {
	mu      sync.Mutex
	header  http.Header
	status  int
	body    bytes.Buffer
	aborted bool
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.body.Write(b)
}

func (w *response) abort() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.aborted = true
}

func (w *response) result(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.aborted {
		return nil, ErrReset
	}
	return &http.Response{
		Status: strings.TrimSpace(http.StatusText(w.status)), StatusCode: w.status, Header: w.header, Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(w.body.Len()), Body: io.NopCloser(bytes.NewReader(w.body.Bytes())),
	}, nil
}
