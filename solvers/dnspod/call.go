package dnspod

import (
	"context"
	"errors"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/wire"
)

// caller calls one of Tencent Cloud's APIs with an account's keys.
type caller struct {
	api  wire.API
	keys credential.Keys
	// secret is what a call carries that is not signed with keys.
	secret string
	region string
	pace   wire.Pace
	// refused puts an error code of the API into words.
	refused func(q wire.Question, code string, status int) error
}

// call makes one call. Complete says whether the response is one: the SDK reads any JSON as success, and every field of a response may
// be nil.
func (c *caller) call(ctx context.Context, q wire.Question, request tchttp.Request, response tchttp.Response, complete func() bool) (err error) {
	exchange := c.api.Exchange(ctx, c.pace)
	defer func() { exchange.End(q.Action, err) }()
	client, err := c.client(exchange)
	if err != nil {
		return exchange.Unreadable()
	}
	request.SetContext(ctx)
	if err = c.do(q, client, request, response); err == nil && complete() {
		return nil
	}
	if f := exchange.Fault(); f != nil {
		return f
	}
	refusal, ok := errors.AsType[*sdkerrors.TencentCloudSDKError](err)
	if !ok || refusal.Code == "" || strings.HasPrefix(refusal.Code, "ClientError.") {
		return exchange.Unreadable() // the SDK's own errors repeat the whole body
	}
	wire.LogRefusal("Tencent Cloud", q, refusal.Code, exchange.Status(), refusal.RequestId, refusal.Message, c)
	return c.refused(q, refusal.Code, exchange.Status())
}

func (c *caller) do(q wire.Question, client *api.Client, request tchttp.Request, response tchttp.Response) (err error) {
	defer wire.Guard(&err, "Tencent Cloud", q, c)
	return client.Send(request, response)
}

// client makes a client for one call, which costs nothing once it is given a transport.
func (c *caller) client(exchange *wire.Exchange) (*api.Client, error) {
	settings := profile.NewClientProfile()
	settings.HttpProfile.Scheme = c.api.Endpoint.Scheme
	settings.HttpProfile.Endpoint = c.api.Endpoint.Host
	// No timeout but the context's and the transport's, and no other endpoint than the one that the operator chose.
	settings.HttpProfile.ReqTimeout = 0
	settings.DisableRegionBreaker = true
	settings.NetworkFailureMaxRetries, settings.RateLimitExceededMaxRetries = 0, 0
	settings.Language = "en-US"
	client, err := api.NewClient(common.NewTokenCredential(c.keys.ID, c.keys.Secret, c.keys.Token), c.region, settings)
	if err != nil {
		return nil, err
	}
	client.WithHttpTransport(exchange)
	return client, nil
}

// Redact implements wire.Redactor.
func (c *caller) Redact(text string) string {
	return credential.Keys{Token: c.secret}.Redact(c.keys.Redact(text))
}
