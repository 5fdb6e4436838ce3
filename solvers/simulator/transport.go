package simulator

import (
	"errors"
	"net/http"
	"net/http/httptest"
)

// Transport calls a handler in place of a network, so that a test of a client can run in a testing/synctest bubble, where time
// is simulated too. A request ends early when its context does.
func Transport(handler http.Handler) http.RoundTripper { return transport{handler} }

type transport struct{ handler http.Handler }

// errReset is what a request ends with where a server would have reset the connection.
var errReset = errors.New("connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	served := r.Clone(r.Context())
	served.RequestURI = r.URL.RequestURI()
	if served.Host == "" {
		served.Host = r.URL.Host
	}
	if served.Body == nil {
		served.Body = http.NoBody
	}
	recorder := httptest.NewRecorder()
	done := make(chan error, 1)
	go func() { done <- t.serve(recorder, served) }()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		response := recorder.Result()
		response.Request = r
		return response, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

func (t transport) serve(w http.ResponseWriter, r *http.Request) (err error) {
	defer r.Body.Close()
	defer func() {
		if p := recover(); p != nil {
			if aborted, ok := p.(error); !ok || !errors.Is(aborted, http.ErrAbortHandler) {
				panic(p)
			}
			err = errReset
		}
	}()
	t.handler.ServeHTTP(w, r)
	return nil
}
