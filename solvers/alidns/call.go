package alidns

import (
	"context"
	"errors"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

	"github.com/certyun/certyun/solvers/wire"
)

// call makes one call. Complete says whether the response is one: the SDK reads an empty body, and any JSON, as success.
func (a *account) call(
	ctx context.Context, q wire.Question, request requests.AcsRequest, response responses.AcsResponse, complete func() bool,
) error {
	exchange := a.api.Exchange(ctx, a.pace)
	client, err := a.client(exchange)
	if err != nil {
		return err
	}
	if err = a.do(q, client, request, response); err == nil && complete() {
		return nil
	}
	if f := exchange.Fault(); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.ServerError](err)
	if !ok || refusal.ErrorCode() == "" {
		return exchange.Unreadable()
	}
	wire.LogRefusal("Alidns", q, refusal.ErrorCode(), refusal.HttpStatus(), refusal.RequestId(), refusal.Message(), a.keys)
	return refused(q, refusal.ErrorCode(), refusal.Message(), refusal.HttpStatus())
}

func (a *account) do(q wire.Question, client *api.Client, request requests.AcsRequest, response responses.AcsResponse) (err error) {
	defer wire.Guard(&err, "Alibaba Cloud", q, a.keys)
	return client.DoAction(request, response)
}
