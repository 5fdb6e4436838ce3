package alidns

import (
	"context"
	"errors"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

	// Before the SDK is initialised.
	_ "github.com/certyun/certyun/solvers/alidns/internal/quiet"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// sdkTimeout is longer than any call. The context and the transport bound one; the SDK's own default of 10 seconds would
// count the wait for the account's rate limit, too.
const sdkTimeout = time.Hour

// caller calls one of Alibaba Cloud's APIs with an account's keys.
type caller struct {
	api    wire.API
	keys   credential.Keys
	region string
	pace   wire.Pace
	// refused puts an error code of the API into words.
	refused func(q wire.Question, code, message string, status int) error
}

// call makes one call. Complete says whether the response is one: the SDK reads an empty body, and any JSON, as success.
func (c *caller) call(
	ctx context.Context, q wire.Question, request requests.AcsRequest, response responses.AcsResponse, complete func() bool,
) (err error) {
	exchange := c.api.Exchange(ctx, c.pace)
	defer func() { exchange.End(q.Action, err) }()
	client, err := c.client(exchange)
	if err != nil {
		return err
	}
	if err = c.do(q, client, request, response); err == nil && complete() {
		return nil
	}
	if f := exchange.Fault(); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.ServerError](err)
	if !ok || refusal.ErrorCode() == "" {
		return exchange.Unreadable()
	}
	wire.LogRefusal("Alibaba Cloud", q, refusal.ErrorCode(), refusal.HttpStatus(), refusal.RequestId(), refusal.Message(), c.keys)
	return c.refused(q, refusal.ErrorCode(), refusal.Message(), refusal.HttpStatus())
}

func (c *caller) do(q wire.Question, client *api.Client, request requests.AcsRequest, response responses.AcsResponse) (err error) {
	defer wire.Guard(&err, "Alibaba Cloud", q, c.keys)
	return client.DoAction(request, response)
}

// client makes a client for one call. A client is not safe for concurrent use, and costs nothing once it is given a
// transport. It is not made by the constructors of the SDK's package alidns, which write a global variable.
func (c *caller) client(exchange *wire.Exchange) (*api.Client, error) {
	config := sdk.NewConfig().WithScheme(c.api.Endpoint.Scheme).WithAutoRetry(false)
	config.Transport = exchange
	client := &api.Client{}
	if err := client.InitWithOptions(c.region, config, c.credential()); err != nil {
		return nil, &fault.Error{
			Kind:   fault.Misconfigured,
			Reason: "the region has characters that no region id has",
			Remedy: "set config.regionId to an id such as cn-hangzhou, or leave it out",
		}
	}
	client.Domain = c.api.Endpoint.Host
	client.SetReadTimeout(sdkTimeout)
	// Proxies are the transport's business. These settings keep the SDK from reading the environment's, where it takes
	// NO_PROXY for regular expressions and fails the call if one is none.
	client.SetHttpProxy("http://proxy.invalid")
	client.SetHttpsProxy("http://proxy.invalid")
	client.SetNoProxy("^$")
	// A trace would hold the signed URL.
	client.SetCloseTrace(true)
	return client, nil
}

func (c *caller) credential() auth.Credential {
	if c.keys.Token != "" {
		return credentials.NewStsTokenCredential(c.keys.ID, c.keys.Secret, c.keys.Token)
	}
	return credentials.NewAccessKeyCredential(c.keys.ID, c.keys.Secret)
}
