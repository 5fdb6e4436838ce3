package wire

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/certyun/certyun/solvers/fault"
)

// metadataTimeout bounds all that is asked for one identity. Such a service is on the same machine, or next to it, and answers at once;
// where there is none, nothing answers at all.
const metadataTimeout = 2500 * time.Millisecond

// NewMetadataTransport returns what carries requests to metadata services: to them directly, because they know the caller by where he
// calls from, and a proxy would be given keys.
func NewMetadataTransport(cloudCAFile string) (*http.Transport, error) {
	transport, err := NewTransport(cloudCAFile)
	if err != nil {
		return nil, err
	}
	transport.Proxy = nil
	transport.DialContext = (&net.Dialer{Timeout: time.Second}).DialContext
	return transport, nil
}

// Metadata is a service that gives keys to whoever may call it, without a signature: that of a cloud's machines, or one beside a Pod. It
// is safe for concurrent use.
type Metadata struct {
	// API is where it is.
	API API
	// Absent says what to do where it is not.
	Absent string

	answered atomic.Bool
}

// Within bounds what is asked for one identity.
func (m *Metadata) Within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, metadataTimeout)
}

// Ask makes one request and returns the answer's body without white space around it, and the exchange that it came by. A service that has
// never been reached is none: there is nothing to sign with. One that has been is expected to be there again.
func (m *Metadata) Ask(ctx context.Context, method, path string, header http.Header) (string, *Exchange, error) {
	target, err := url.ParseRequestURI(path) // and not by reference: two slashes would name another host
	if err != nil {
		return "", nil, (&Exchange{api: m.API}).Unreadable()
	}
	target.Scheme, target.Host = m.API.Endpoint.Scheme, m.API.Endpoint.Host
	if header == nil {
		header = http.Header{} // net/http does not send a request without one
	}
	answer, exchange, err := m.API.Ask(ctx, &http.Request{Method: method, URL: target, Header: header})
	if exchange.status != 0 {
		m.answered.Store(true)
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind == fault.Transient && !errors.Is(f, context.Canceled) && !m.answered.Load() {
		return "", exchange, &fault.Error{Kind: fault.CredentialGone, Reason: f.Reason, Remedy: m.Absent, Cause: f}
	}
	return strings.TrimSpace(string(answer)), exchange, err
}
