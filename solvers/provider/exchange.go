package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/certyun/certyun/solvers/fault"
)

// errEncoding is what an answer in a compression that nobody asked for becomes. One of the SDKs would unpack it without
// a bound.
var errEncoding = errors.New("the response has a content encoding that was not asked for")

// Exchange carries one call of an SDK. It keeps what the SDKs lose or bury in text: the error of the network, and the
// HTTP status. It reads the answer to its end and hands it on from memory, because neither SDK closes every body: an
// event stream or an unexpected encoding would cost a connection.
//
// It belongs to one call and is not for concurrent use.
type Exchange struct {
	base   http.RoundTripper
	status int
	err    error
	// cut says that the answer is a JSON object whose end is missing.
	cut bool
}

// Exchange returns an http.RoundTripper for one call, which ends with ctx.
func (t *Transport) Exchange(ctx context.Context) *Exchange {
	return &Exchange{base: t.In(ctx)}
}

// RoundTrip implements http.RoundTripper.
func (e *Exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.roundTrip(req)
	e.err = err
	return resp, err
}

func (e *Exchange) roundTrip(req *http.Request) (*http.Response, error) {
	resp, err := e.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	e.status = resp.StatusCode
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	resp.Header.Del("Content-Encoding")
	e.cut = bytes.HasPrefix(body, []byte("{")) && !json.Valid(body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// Fault says why no answer arrived, or not all of it. It is nil when one did. Server is the host that was called.
func (e *Exchange) Fault(server string) *fault.Error {
	if f, ok := errors.AsType[*fault.Error](e.err); ok {
		return f // the rate limit's
	}
	switch {
	case e.err == nil:
		return nil
	case errors.Is(e.err, ErrBodyTooLong):
		return &fault.Error{Kind: fault.Transient, Reason: "the answer of " + server + " is too long"}
	case errors.Is(e.err, errEncoding):
		return e.Unreadable(server)
	case errors.Is(e.err, ErrRedirect):
		return &fault.Error{
			Kind:   fault.Misconfigured,
			Reason: server + " answered with a redirect, which a signed request must not follow",
			Remedy: "check the endpoint's address and what stands between",
		}
	}
	return fault.Network(e.err, server)
}

// Unreadable is the fault of an answer that is none of the API's own: a gateway's page, half a document, the wrong
// document. Only its HTTP status tells something.
func (e *Exchange) Unreadable(server string) *fault.Error {
	f := &fault.Error{
		Kind:   fault.Transient,
		Reason: fmt.Sprintf("%s answered HTTP %d with something that cannot be read", server, e.status),
	}
	switch {
	case e.status == 0:
		return &fault.Error{Kind: fault.Misconfigured, Reason: "the call to " + server + " could not be made"}
	case e.status == http.StatusTooManyRequests:
		f.Kind, f.Reason = fault.Throttled, "too many calls to "+server
	case e.status >= 400 && e.status < 500 && e.status != http.StatusRequestTimeout && !e.cut:
		f.Kind = fault.Misconfigured
		f.Remedy = "check the endpoint's address and what stands between"
	}
	return f
}

// Status is the HTTP status of the answer, 0 when there was none.
func (e *Exchange) Status() int { return e.status }
