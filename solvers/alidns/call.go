package alidns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/provider"
)

// question is what was asked, in the words of an error about it.
type question struct {
	action, zone, line string
	ttl                int
}

// errPanicked is what a panic inside the SDK becomes.
var errPanicked = errors.New("the SDK panicked")

// call makes one call. Complete says whether the response is one: the SDK reads an empty body, and any JSON, as success.
func (a *account) call(
	ctx context.Context, q question, request requests.AcsRequest, response responses.AcsResponse, complete func() bool,
) error {
	exchange := a.cloud.transport.Exchange(ctx)
	client, err := a.client(exchange)
	if err != nil {
		return err
	}
	err = a.do(client, request, response)
	if err == nil && complete() {
		return nil
	}
	return a.fault(q, exchange, err)
}

// do turns a panic into an error: the SDK panics on error documents whose fields are not of the type that it expects.
func (a *account) do(client *api.Client, request requests.AcsRequest, response responses.AcsResponse) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			klog.V(4).InfoS("The SDK of Alibaba Cloud panicked", "action", request.GetActionName(), "panic", a.keys.Redact(fmt.Sprint(cause)))
			err = errPanicked
		}
	}()
	return client.DoAction(request, response)
}

func (a *account) fault(q question, exchange *provider.Exchange, err error) error {
	host := a.cloud.endpoint.Host
	if f := exchange.Fault(host); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.ServerError](err)
	if !ok || refusal.ErrorCode() == "" {
		return exchange.Unreadable(host)
	}
	klog.V(4).InfoS("Alidns refused a call", "action", q.action, "zone", q.zone, "code", refusal.ErrorCode(),
		"status", refusal.HttpStatus(), "requestID", refusal.RequestId(), "message", a.printable(refusal.Message()))
	return refused(q, refusal.ErrorCode(), refusal.Message(), refusal.HttpStatus())
}

// maxMessage is enough of a vendor's message for a log.
const maxMessage = 512

// printable makes a vendor's message fit for the log. The messages about signatures repeat what was signed, which is the
// whole request with its token, so they are left out.
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
