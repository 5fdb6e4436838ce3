package cloud

import (
	"bytes"
	"cmp"
	"context"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Exchange answers one HTTP request, truly by way of answer or with the fault that waits for it, and logs it. The error of
// answer is one of this package, or an APIError.
func (c *Cloud) Exchange(w http.ResponseWriter, r *http.Request, keyID string, call Call, answer func() (Body, error)) {
	call.TLS = r.TLS != nil
	_, call.Owner, _ = c.Key(keyID)
	fault := c.takeFault(call)
	if fault == nil {
		c.finish(w, call, c.replyOf(answer()))
		return
	}
	c.wait(r.Context(), fault.Latency)
	var truth reply
	if fault.Applied || fault.Kind == Truncated || fault.Kind == Slow {
		truth = c.replyOf(answer())
	}
	switch fault.Kind {
	case Hang:
		c.log(call)
		select {
		case <-r.Context().Done():
		case <-c.closed:
		}
		panic(http.ErrAbortHandler) // the only way to end a handler without an answer
	case Reset:
		c.log(call)
		reset(w)
	default:
		c.finish(w, call, c.spoilt(truth, *fault))
	}
}

func (c *Cloud) finish(w http.ResponseWriter, call Call, answer reply) {
	call.Code = answer.code
	c.log(call)
	w.Header().Set("Content-Type", answer.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.body)))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // the client may be gone; there is nobody else to tell
}

// wait ends early when the request or the cloud does.
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

// spoilt is the answer of a fault.
func (c *Cloud) spoilt(truth reply, f Fault) reply {
	status := cmp.Or(f.Status, http.StatusBadGateway)
	switch f.Kind {
	case Throttle:
		own := c.Refusal(ErrThrottled)
		return c.refuse(APIError{cmp.Or(f.Status, own.Status), cmp.Or(f.Code, own.Code), cmp.Or(f.Message, own.Message)})
	case Error:
		return c.refuse(APIError{f.Status, f.Code, f.Message})
	case HTML:
		return reply{status: status, contentType: "text/html", body: []byte(gatewayPage)}
	case NonStringCode:
		return reply{status: status, contentType: "application/json", body: []byte(`{"Code":502,"Message":"Bad Gateway"}`)}
	case Large:
		return reply{status: status, contentType: "text/plain", body: bytes.Repeat([]byte("0123456789abcde\n"), largeSize/16)}
	case Truncated:
		truth.body = truth.body[:len(truth.body)/2]
		return truth
	default:
		return truth
	}
}

// reset drops the connection so that the client sees a reset and not an orderly end.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler) // in-process transports have nothing to hijack
	}
	conn, _, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the close below is orderly, which is a milder fault
	}
	_ = conn.Close()
}
