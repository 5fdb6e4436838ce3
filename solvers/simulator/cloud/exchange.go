package cloud

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Request is what the front of a cloud read from an HTTP request.
type Request struct {
	Action     string
	KeyID      string
	Zone       string
	Token      bool
	Parameters map[string]string
}

// Reply is an HTTP answer. Code is its error code, for the log.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
	Code        string
}

// Dialect writes errors as one cloud does.
type Dialect interface {
	// Throttled is the answer to a request over the limit. A zero status and empty texts mean the cloud's own.
	Throttled(status int, code, message string) Reply
	// Failure is an error answer.
	Failure(status int, code, message string) Reply
}

// Exchange answers one HTTP request, truly by way of answer or with the fault that waits for it, and logs it.
func (c *Cloud) Exchange(w http.ResponseWriter, r *http.Request, req Request, d Dialect, answer func() Reply) {
	call := Call{
		Action: req.Action, KeyID: req.KeyID, Zone: req.Zone, Token: req.Token, TLS: r.TLS != nil, Parameters: req.Parameters,
	}
	if _, account, ok := c.Key(req.KeyID); ok {
		call.Owner = account.Owner
	}
	fault := c.takeFault(call)
	if fault == nil {
		c.finish(w, call, answer())
		return
	}
	call.Fault = fault.Kind
	c.spoil(w, r, call, fault, d, answer)
}

func (c *Cloud) finish(w http.ResponseWriter, call Call, reply Reply) {
	call.Time, call.Status, call.Code = c.now(), reply.Status, reply.Code
	c.log(call)
	w.Header().Set("Content-Type", reply.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // the client may be gone; there is nobody else to tell
}

func (c *Cloud) spoil(w http.ResponseWriter, r *http.Request, call Call, f *Fault, d Dialect, answer func() Reply) {
	c.wait(r.Context(), f.Latency)
	var truth Reply
	if f.Applied || f.Kind == Truncated || f.Kind == Slow {
		truth = answer()
	}
	switch f.Kind {
	case Hang:
		call.Time = c.now()
		c.log(call)
		select {
		case <-r.Context().Done():
		case <-c.closed:
		}
		panic(http.ErrAbortHandler) // the only way to end a handler without an answer
	case Reset:
		call.Time = c.now()
		c.log(call)
		reset(w)
	default:
		c.finish(w, call, f.reply(truth, d))
	}
}

func (c *Cloud) wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-c.closed:
	}
}

const gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n" +
	"<hr><center>gateway</center>\r\n</body>\r\n</html>\r\n"

const largeSize = 10 << 20

// reply is the spoilt answer.
func (f Fault) reply(truth Reply, d Dialect) Reply {
	status := func(standard int) int {
		if f.Status != 0 {
			return f.Status
		}
		return standard
	}
	switch f.Kind {
	case Throttle:
		return d.Throttled(f.Status, f.Code, f.Message)
	case Error:
		return d.Failure(f.Status, f.Code, f.Message)
	case HTML:
		return Reply{Status: status(http.StatusBadGateway), ContentType: "text/html", Body: []byte(gatewayPage)}
	case NonStringCode:
		return Reply{Status: status(http.StatusBadGateway), ContentType: "application/json", Body: []byte(`{"Code":502,"Message":"Bad Gateway"}`)}
	case Large:
		return Reply{Status: status(http.StatusBadGateway), ContentType: "text/plain", Body: bytes.Repeat([]byte("0123456789abcde\n"), largeSize/16)}
	case Body:
		kind := f.ContentType
		if kind == "" {
			kind = "application/json"
		}
		return Reply{Status: status(http.StatusOK), ContentType: kind, Body: []byte(f.Text)}
	case Truncated:
		truth.Body = truth.Body[:len(truth.Body)/2]
		return truth
	default:
		return truth
	}
}

// reset drops the connection so that the client sees a reset and not an orderly end.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler) // HTTP/2 and in-process transports have nothing to hijack
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	inner := conn
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = secure.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close below is orderly, which is a milder fault
	}
	_ = inner.Close()
}
