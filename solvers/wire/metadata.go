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

// Ask makes one request and returns the answer's body and status. A service that has never been reached is none: there is nothing to sign
// with. One that has been is expected to be there again.
func (m *Metadata) Ask(ctx context.Context, method, path string, header http.Header) (body string, status int, err error) {
	target := &url.URL{Scheme: m.API.Endpoint.Scheme, Host: m.API.Endpoint.Host}
	if target, err = target.Parse(path); err != nil {
		return "", 0, (&Exchange{api: m.API}).Unreadable()
	}
	answer, status, err := m.API.Ask(ctx, &http.Request{Method: method, URL: target, Header: header})
	if err == nil {
		m.answered.Store(true)
		return strings.TrimSpace(string(answer)), status, nil
	}
	if f, ok := errors.AsType[*fault.Error](err); ok && status == 0 && !m.answered.Load() {
		return "", 0, &fault.Error{Kind: fault.CredentialGone, Reason: f.Reason, Remedy: m.Absent, Cause: f}
	}
	return "", status, err
}
