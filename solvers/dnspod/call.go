package dnspod

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/provider"
)

// question is what was asked, in the words of an error about it.
type question struct {
	action, zone, line, lineID string
	ttl                        int
}

// errPanicked is what a panic inside the SDK becomes.
var errPanicked = errors.New("the SDK panicked")

// call makes one call. Send returns whether the response is complete: the SDK reads any JSON as success, and every field
// of a response may be nil.
func (a *account) call(ctx context.Context, q question, send func(*api.Client) (complete bool, err error)) error {
	exchange := a.cloud.transport.Exchange(ctx)
	client, err := a.client(exchange)
	if err != nil {
		return exchange.Unreadable(a.cloud.endpoint.Host)
	}
	complete, err := a.do(q, client, send)
	if err == nil && complete {
		return nil
	}
	return a.fault(q, exchange, err)
}

// do turns a panic into an error: the SDK does not expect every JSON document, "null" for one.
func (a *account) do(q question, client *api.Client, send func(*api.Client) (bool, error)) (complete bool, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			klog.V(4).InfoS("The SDK of Tencent Cloud panicked", "action", q.action, "panic", a.keys.Redact(fmt.Sprint(cause)))
			err = errPanicked
		}
	}()
	return send(client)
}

func (a *account) fault(q question, exchange *provider.Exchange, err error) error {
	host := a.cloud.endpoint.Host
	if f := exchange.Fault(host); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.TencentCloudSDKError](err)
	if !ok || refusal.Code == "" || strings.HasPrefix(refusal.Code, "ClientError.") {
		// The SDK's own errors repeat the whole body.
		return exchange.Unreadable(host)
	}
	klog.V(4).InfoS("DNSPod refused a call", "action", q.action, "zone", q.zone, "code", refusal.Code,
		"status", exchange.Status(), "requestID", refusal.RequestId, "message", a.printable(refusal.Message))
	return refused(q, a.keys.ID, refusal.Code, exchange.Status())
}

// maxMessage is enough of a vendor's message for a log.
const maxMessage = 512

// printable makes a vendor's message fit for the log.
func (a *account) printable(message string) string {
	if strings.Contains(strings.ToLower(message), "string to sign") {
		return "(left out: it repeats the signed request)"
	}
	message = a.keys.Redact(message)
	if len(message) > maxMessage {
		return message[:maxMessage] + "…"
	}
	return message
}
