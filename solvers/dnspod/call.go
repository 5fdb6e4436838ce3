package dnspod

import (
	"context"
	"errors"
	"strings"

	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/wire"
)

// call makes one call. Complete says whether the response is one: the SDK reads any JSON as success, and every field of a response may
// be nil.
func (a *account) call(ctx context.Context, q wire.Question, request tchttp.Request, response tchttp.Response, complete func() bool) error {
	exchange := a.api.Exchange(ctx, a.pace)
	client, err := a.client(exchange)
	if err != nil {
		return exchange.Unreadable()
	}
	request.SetContext(ctx)
	if err = a.do(q, client, request, response); err == nil && complete() {
		return nil
	}
	if f := exchange.Fault(); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.TencentCloudSDKError](err)
	if !ok || refusal.Code == "" || strings.HasPrefix(refusal.Code, "ClientError.") {
		return exchange.Unreadable() // the SDK's own errors repeat the whole body
	}
	wire.LogRefusal("DNSPod", q, refusal.Code, exchange.Status(), refusal.RequestId, refusal.Message, a.keys)
	return refused(q, a.keys.ID, refusal.Code, exchange.Status())
}

func (a *account) do(q wire.Question, client *api.Client, request tchttp.Request, response tchttp.Response) (err error) {
	defer wire.Guard(&err, "Tencent Cloud", q, a.keys)
	return client.Send(request, response)
}
