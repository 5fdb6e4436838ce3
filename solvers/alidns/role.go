package alidns

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/sts"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// stsHost serves all regions (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-endpoint).
const stsHost = "sts.aliyuncs.com"

// Roles assumes RAM roles, through the API of STS of 2015-04-01
// (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-overview). It is made once and used concurrently.
type Roles struct{ api wire.API }

// NewRoles returns the API at an endpoint. The zero value of the endpoint is the public one, over https. It calls nobody.
func NewRoles(api wire.API) *Roles { return &Roles{api: api.Or(stsHost)} }

// Assume implements credential.Assumer with AssumeRole
// (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-assumerole).
func (r *Roles) Assume(ctx context.Context, keys credential.Keys, role config.Role) (credential.Session, error) {
	request, response := sts.CreateAssumeRoleRequest(), sts.CreateAssumeRoleResponse()
	request.RoleArn, request.RoleSessionName, request.ExternalId = role.ARN, role.SessionName, role.ExternalID
	request.DurationSeconds = requests.NewInteger(int(credential.Lifetime / time.Second))
	caller := &caller{api: r.api, keys: keys, refused: func(q wire.Question, code, _ string, status int) error {
		return roleCodes.Of(code, status).Fault(code, "{role}", role.ARN, "{permission}", "sts:"+q.Action)
	}}
	var got credential.Session
	err := caller.call(ctx, wire.Question{Action: "AssumeRole"}, request, response, func() (complete bool) {
		given := response.Credentials
		ends, err := time.Parse(time.RFC3339, given.Expiration)
		got = credential.Session{Keys: credential.Keys{ID: given.AccessKeyId, Secret: given.AccessKeySecret, Token: given.SecurityToken}, Ends: ends}
		return err == nil && got.Keys.OfSession()
	})
	if err != nil {
		return credential.Session{}, err
	}
	return got, nil
}

// Caller asks whose keys these are, by GetCallerIdentity
// (https://help.aliyun.com/document_detail/43767.html). Errors are *fault.Error.
func (r *Roles) Caller(ctx context.Context, keys credential.Keys) (credential.Caller, error) {
	request, response := sts.CreateGetCallerIdentityRequest(), sts.CreateGetCallerIdentityResponse()
	caller := &caller{api: r.api, keys: keys, refused: func(q wire.Question, code, _ string, status int) error {
		return callerCodes.Of(code, status).Fault(code, "{permission}", "sts:"+q.Action)
	}}
	err := caller.call(ctx, wire.Question{Action: "GetCallerIdentity"}, request, response, func() bool {
		return response.AccountId != "" && response.Arn != ""
	})
	if err != nil {
		return credential.Caller{}, err
	}
	return credential.Caller{Account: response.AccountId, ARN: response.Arn}, nil
}

// assumeWithToken assumes a role with a token that an OIDC provider vouches for, by AssumeRoleWithOIDC, which nobody signs
// (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-assumerolewithoidc). The SDK's own request for it has the token in
// the URL, where it does not belong.
func (r *Roles) assumeWithToken(ctx context.Context, oidcProvider, token string, role config.Role) (its credential.Session, err error) {
	const action = "AssumeRoleWithOIDC"
	query := url.Values{"Action": {action}, "Version": {"2015-04-01"}, "Format": {"JSON"}, "Timestamp": {time.Now().UTC().Format(time.RFC3339)}}
	form := url.Values{
		"OIDCProviderArn": {oidcProvider}, "OIDCToken": {token}, "RoleArn": {role.ARN}, "RoleSessionName": {role.SessionName},
		"DurationSeconds": {strconv.Itoa(int(credential.Lifetime / time.Second))},
	}.Encode()
	body, exchange, err := r.api.Ask(ctx, &http.Request{
		Method:        http.MethodPost,
		URL:           &url.URL{Scheme: r.api.Endpoint.Scheme, Host: r.api.Endpoint.Host, Path: "/", RawQuery: query.Encode()},
		Header:        http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:          io.NopCloser(strings.NewReader(form)),
		ContentLength: int64(len(form)),
	})
	defer func() { exchange.End(action, err) }()
	if err != nil {
		return credential.Session{}, err
	}
	var answer struct {
		Code        string          `json:"Code"`
		Message     string          `json:"Message"`
		RequestID   string          `json:"RequestId"`
		Credentials json.RawMessage `json:"Credentials"`
	}
	if bad := json.Unmarshal(body, &answer); bad == nil && answer.Code != "" {
		wire.LogRefusal("Alibaba Cloud", wire.Question{Action: action}, answer.Code, exchange.Status(), answer.RequestID, answer.Message, credential.Keys{Token: token})
		return credential.Session{}, tokenCodes.Of(answer.Code, exchange.Status()).Fault(answer.Code, "{role}", role.ARN, "{permission}", "sts:"+action, "{provider}", oidcProvider)
	}
	return granted(string(answer.Credentials), exchange)
}

const (
	checkTrust = "allow sts:AssumeRole on the role in the RAM policy of the user, and the user in the role's trust policy (with config.externalId, if it" +
		" asks for one); the AccessKey of an account itself assumes no role"
	checkRole = "set config.roleArn to the ARN that the RAM console shows"
)

// roleCodes are those of STS (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-errorcodes). What a code says of keys
// and signatures is the same in all of Alibaba Cloud.
var roleCodes = codes.With(map[string]fault.Meaning{
	"NoPermission*":                    untrusted,
	"Forbidden*":                       untrusted,
	"AuthenticationFail.*":             untrusted,
	"EntityNotExist.Role*":             {Kind: fault.CredentialGone, Reason: "the role {role} does not exist", Remedy: checkRole, Cause: credential.ErrNoRole},
	"InvalidParameter.RoleArn":         {Kind: fault.Misconfigured, Reason: "STS does not take {role} for the ARN of a role", Remedy: checkRole},
	"InvalidParameter.RoleSessionName": {Kind: fault.Misconfigured, Reason: "STS does not take the name of the session", Remedy: "set another config.roleSessionName, or none"},
	"InvalidParameter.ExternalId*":     {Kind: fault.Misconfigured, Reason: "STS does not take the external id", Remedy: "set config.externalId to the one in the role's trust policy"},
	"InvalidParameter*":                {Kind: fault.Misconfigured, Reason: "STS refused a parameter of {permission}"},
	"InternalError*":                   {Kind: fault.Transient, Reason: "an error inside STS"},
	"ServiceUnavailable*":              {Kind: fault.Transient, Reason: "STS is not available"},
	"Throttling*":                      {Kind: fault.Throttled, Reason: "too many calls to STS"},
}, fault.Meaning{Kind: fault.Misconfigured, Reason: "STS refused {permission}"})

// callerCodes are those of GetCallerIdentity, in which no role is named.
var callerCodes = roleCodes.With(map[string]fault.Meaning{
	"NoPermission*":        unasked,
	"Forbidden*":           unasked,
	"AuthenticationFail.*": unasked,
}, roleCodes.Other)

var unasked = fault.Meaning{Kind: fault.Denied, Reason: "the RAM policy does not allow {permission}"}

// tokenCodes are those of AssumeRoleWithOIDC.
var tokenCodes = roleCodes.With(map[string]fault.Meaning{
	"AuthenticationFail.NoPermission": {
		Kind: fault.Denied, Reason: "the role {role} may not be assumed with the token of the solver's ServiceAccount", Remedy: checkFederation,
	},
	"EntityNotExist.OIDCProvider*": {Kind: fault.Denied, Reason: "RAM does not know the OIDC provider {provider}", Remedy: checkProvider},
	"AuthenticationFail.OIDCToken.AudienceNotMatch": {
		Kind: fault.Denied, Reason: "the OIDC provider {provider} does not take the audience of the token of the solver's ServiceAccount",
		Remedy: "let the token have an audience that is one of the provider's client ids (the chart's ambient.alidns.audience)",
	},
	"AuthenticationFail.OIDCToken.Expired": {
		Kind: fault.Transient, Reason: "the token of the solver's ServiceAccount has expired", Remedy: "the kubelet renews it; check the node's clock",
	},
	"AuthenticationFail.OIDCToken*": {
		Kind: fault.Denied, Reason: "the OIDC provider {provider} does not vouch for the token of the solver's ServiceAccount", Remedy: checkProvider,
	},
}, roleCodes.Other)

const (
	checkFederation = "register this cluster's OIDC provider in RAM, and let the role's trust policy name it with oidc:iss, oidc:aud and, in oidc:sub, the solver's ServiceAccount"
	checkProvider   = "register this cluster's issuer as an OIDC provider in RAM, and name it (the chart's ambient.alidns.oidcProviderArn)"
)

var untrusted = fault.Meaning{Kind: fault.Denied, Reason: "the role {role} may not be assumed with these keys", Remedy: checkTrust}
