// Package wire carries one call of a cloud's SDK: paced, bounded, never redirected, and read to its end.
package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/fault"
)

// maxBody is more than the longest page that either cloud sends (3,000 records of DNSPod).
const maxBody = 8 << 20

// callTimeout bounds one request. Both clouds answer within a second; what hangs is tried again.
const callTimeout = 10 * time.Second

var (
	// errEncoding is what an answer in a compression that nobody asked for becomes. One of the SDKs would unpack it without a bound.
	errEncoding = errors.New("the response has a content encoding that was not asked for")
	// errTooLong is for an answer that is longer than any that the clouds send.
	errTooLong = errors.New("the response is too long")
	// errRedirect is what a redirect becomes: a signed request is not sent on to another host.
	errRedirect = errors.New("the response is a redirect")
)

// Pace says when a request may be sent.
type Pace interface {
	// Wait returns when one more request may be sent, or when ctx ends. It may return a *fault.Error, which is then what became of the
	// call.
	Wait(ctx context.Context) error
}

// API is where a cloud is called.
type API struct {
	Endpoint Endpoint
	// Transport carries the calls. The SDKs never see it: one of them changes the settings of an *http.Transport that it is given.
	Transport http.RoundTripper
	// Observer is told of calls; it may be nil.
	Observer Observer
}

// Observer counts calls. It may be called concurrently.
type Observer interface {
	// Called notes that a call was made: the API's name for it, what became of it, and for how long its requests waited and were under way.
	Called(action string, err error, waited, took time.Duration)
}

// Or is the API at an endpoint, or over https at the host where the endpoint is the zero value.
func (a API) Or(host string) API {
	if a.Endpoint == (Endpoint{}) {
		a.Endpoint = Endpoint{Scheme: "https", Host: host}
	}
	return a
}

// Exchange is the http.RoundTripper of one call, which may be several requests. It keeps what the SDKs lose or bury in text: the error
// of the network, and the HTTP status. It reads the answer to its end and hands it on from memory, because neither SDK closes every
// body: an event stream or an unexpected encoding would cost a connection. It is not for concurrent use.
type Exchange struct {
	// ctx ends the call, but no request that was sent: see sent. The SDK for Alidns knows none.
	ctx    context.Context
	api    API
	pace   Pace
	status int
	err    error
	// sent says that a request was; waited and took are what the Observer is told.
	sent         bool
	waited, took time.Duration
	// cut says that the answer is a JSON object whose end is missing.
	cut bool
}

// Exchange returns an http.RoundTripper for one call, which ends with ctx. Without a pace it waits for nobody.
func (a API) Exchange(ctx context.Context, pace Pace) *Exchange {
	return &Exchange{ctx: ctx, api: a, pace: pace}
}

// RoundTrip implements http.RoundTripper. It waits until the account may call, follows no redirect, and bounds the time of the
// request and the length of the answer.
func (e *Exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		defer req.Body.Close()
	}
	begun := time.Now()
	if e.pace != nil {
		if e.err = e.pace.Wait(e.ctx); e.err != nil {
			return nil, e.err
		}
	}
	if e.err = e.ctx.Err(); e.err != nil {
		return nil, e.err
	}
	e.sent = true
	e.waited += time.Since(begun)
	defer func(sent time.Time) { e.took += time.Since(sent) }(time.Now())
	ctx, cancel := sent(e.ctx)
	defer cancel()
	var resp *http.Response
	if resp, e.err = e.api.Transport.RoundTrip(req.WithContext(ctx)); e.err != nil {
		return nil, e.err
	}
	defer resp.Body.Close()
	e.status = resp.StatusCode
	var body []byte
	if body, e.err = read(resp); e.err != nil {
		return nil, e.err
	}
	e.cut = bytes.HasPrefix(body, []byte("{")) && !json.Valid(body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// End tells the API's Observer of the call, if anything of it was sent.
func (e *Exchange) End(action string, err error) {
	if e.sent && e.api.Observer != nil {
		e.api.Observer.Called(action, err, e.waited, e.took)
	}
}

// sent bounds a request by the deadline of ctx and by callTimeout, and by nothing else: the cloud may carry out what was sent although
// nobody waits for the answer, and then after the change that somebody else makes in its place.
func sent(ctx context.Context) (context.Context, context.CancelFunc) {
	end := time.Now().Add(callTimeout)
	if deadline, bounded := ctx.Deadline(); bounded && deadline.Before(end) {
		end = deadline
	}
	return context.WithDeadline(context.WithoutCancel(ctx), end)
}

func read(resp *http.Response) ([]byte, error) {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, errRedirect
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, errEncoding
	}
	resp.Header.Del("Content-Encoding")
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errTooLong
	}
	return body, err
}

// Fault says why no answer arrived, or not all of it. It is nil when one did.
func (e *Exchange) Fault() *fault.Error {
	if f, ok := errors.AsType[*fault.Error](e.err); ok {
		return f // the pace's
	}
	server := e.api.Endpoint.Host
	switch {
	case e.err == nil:
		return nil
	case errors.Is(e.err, errTooLong):
		return &fault.Error{Kind: fault.Transient, Reason: "the answer of " + server + " is too long"}
	case errors.Is(e.err, errEncoding):
		return e.Unreadable()
	case errors.Is(e.err, errRedirect):
		return &fault.Error{
			Kind:   fault.Misconfigured,
			Reason: server + " answered with a redirect, which a signed request must not follow",
			Remedy: "check the endpoint's address and what stands between",
		}
	}
	return fault.Network(e.err, server)
}

// Unreadable is the fault of an answer that is none of the API's own: a gateway's page, half a document, the wrong document. Only its
// HTTP status tells something.
func (e *Exchange) Unreadable() *fault.Error {
	server := e.api.Endpoint.Host
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

// Ask makes one request that no SDK signs, and returns the answer's body, and the exchange that it came by. Errors are *fault.Error.
func (a API) Ask(ctx context.Context, req *http.Request) ([]byte, *Exchange, error) {
	exchange := a.Exchange(ctx, nil)
	resp, err := exchange.RoundTrip(req) //nolint:contextcheck // the exchange has it
	if err != nil {
		return nil, exchange, exchange.Fault()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return body, exchange, err // from memory, so that reading does not fail
}
