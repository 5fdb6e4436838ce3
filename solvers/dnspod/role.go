package dnspod

import (
	"context"
	"time"

	tchttp "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/http"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// stsHost serves all regions; the international site has another (https://cloud.tencent.com/document/product/598/33164).
const stsHost = "sts.tencentcloudapi.com"

// stsRegion stands in each call, because the API wants one. Sessions are good everywhere.
const stsRegion = "ap-guangzhou"

// Roles assumes CAM roles, through the API of STS of 2018-08-13 (https://cloud.tencent.com/document/product/598/33164). It is made once
// and used concurrently.
type Roles struct{ api wire.API }

// NewRoles returns the API at an endpoint. The zero value of the endpoint is the public one, over https. It calls nobody.
func NewRoles(api wire.API) *Roles { return &Roles{api: api.Or(stsHost)} }

// The SDK's own package for STS is a module for these types.
type (
	assumeRoleRequest struct {
		*tchttp.BaseRequest
		RoleArn, RoleSessionName *string
		DurationSeconds          *uint64
	}
	assumeRoleResponse struct {
		*tchttp.BaseResponse
		Response struct {
			Credentials struct{ Token, TmpSecretID, TmpSecretKey string }
			ExpiredTime int64
		}
	}
	webIdentityRequest struct {
		*tchttp.BaseRequest
		ProviderID               *string `json:"ProviderId"`
		WebIdentityToken         *string
		RoleArn, RoleSessionName *string
		DurationSeconds          *uint64
	}
	callerRequest  struct{ *tchttp.BaseRequest }
	callerResponse struct {
		*tchttp.BaseResponse
		Response struct{ Arn, AccountID string }
	}
)

// Assume implements credential.Assumer with AssumeRole (https://cloud.tencent.com/document/product/598/33164).
func (r *Roles) Assume(ctx context.Context, keys credential.Keys, role config.Role) (credential.Session, error) {
	request := &assumeRoleRequest{
		BaseRequest: &tchttp.BaseRequest{}, RoleArn: &role.ARN, RoleSessionName: &role.SessionName, DurationSeconds: new(lifetime),
	}
	request.Init().WithApiInfo(stsService, stsVersion, "AssumeRole")
	caller := &caller{api: r.api, keys: keys, region: stsRegion, refused: func(q wire.Question, code string, status int) error {
		return meaningOf(roleCodes, keys.ID, code, status).Fault(code, "{role}", role.ARN, "{permission}", "sts:"+q.Action)
	}}
	return session(ctx, caller, "AssumeRole", request)
}

// Caller asks whose keys these are, by GetCallerIdentity (https://cloud.tencent.com/document/api/1312/66098). Errors are *fault.Error.
func (r *Roles) Caller(ctx context.Context, keys credential.Keys) (credential.Caller, error) {
	request, response := &callerRequest{&tchttp.BaseRequest{}}, &callerResponse{BaseResponse: &tchttp.BaseResponse{}}
	request.Init().WithApiInfo(stsService, stsVersion, "GetCallerIdentity")
	caller := &caller{api: r.api, keys: keys, region: stsRegion, refused: func(q wire.Question, code string, status int) error {
		return meaningOf(callerCodes, keys.ID, code, status).Fault(code, "{permission}", "sts:"+q.Action)
	}}
	its := &response.Response
	err := caller.call(ctx, wire.Question{Action: "GetCallerIdentity"}, request, response, func() bool { return its.AccountID != "" && its.Arn != "" })
	if err != nil {
		return credential.Caller{}, err
	}
	return credential.Caller{Account: its.AccountID, ARN: its.Arn}, nil
}

// webIdentity is a token that an OIDC provider vouches for.
type webIdentity struct{ provider, token, region string }

// assumeWithToken assumes a role with a token, by AssumeRoleWithWebIdentity, which nobody signs
// (https://www.tencentcloud.com/document/product/1150/49454).
func (r *Roles) assumeWithToken(ctx context.Context, w webIdentity, role config.Role) (credential.Session, error) {
	request := &webIdentityRequest{
		BaseRequest: &tchttp.BaseRequest{}, ProviderID: &w.provider, WebIdentityToken: &w.token,
		RoleArn: &role.ARN, RoleSessionName: &role.SessionName, DurationSeconds: new(lifetime),
	}
	request.Init().WithApiInfo(stsService, stsVersion, "AssumeRoleWithWebIdentity")
	request.SetSkipSign(true)
	caller := &caller{api: r.api, secret: w.token, region: w.region, refused: func(q wire.Question, code string, status int) error {
		return tokenCodes.Of(code, status).Fault(code, "{role}", role.ARN, "{permission}", "sts:"+q.Action, "{provider}", w.provider)
	}}
	return session(ctx, caller, "AssumeRoleWithWebIdentity", request)
}

const (
	stsService, stsVersion = "sts", "2018-08-13"
	lifetime               = uint64(credential.Lifetime / time.Second)
)

// session makes a call that is answered with one.
func session(ctx context.Context, caller *caller, action string, request tchttp.Request) (credential.Session, error) {
	response := &assumeRoleResponse{BaseResponse: &tchttp.BaseResponse{}}
	var got credential.Session
	err := caller.call(ctx, wire.Question{Action: action}, request, response, func() bool {
		given, ends := response.Response.Credentials, response.Response.ExpiredTime
		got = credential.Session{Keys: credential.Keys{ID: given.TmpSecretID, Secret: given.TmpSecretKey, Token: given.Token}, Ends: time.Unix(ends, 0)}
		return got.Keys.OfSession() && ends > 0
	})
	if err != nil {
		return credential.Session{}, err
	}
	return got, nil
}

const (
	checkTrust = "allow sts:AssumeRole on the role in the CAM policy of the user, and the user in the role's trust policy"
	checkRole  = "set config.roleArn to the role's ARN (RoleArn) that the CAM console shows"
)

// roleCodes are those of STS (https://cloud.tencent.com/document/product/598/33164). What a code says of keys and signatures is the same
// in all of Tencent Cloud.
var roleCodes = codes.With(map[string]fault.Meaning{
	"UnauthorizedOperation*":            untrusted,
	"AuthFailure.UnauthorizedOperation": untrusted,
	"InternalError.IllegalRole":         untrusted,
	"ResourceNotFound.RoleNotFound":     {Kind: fault.CredentialGone, Reason: "the role {role} does not exist", Remedy: checkRole, Cause: credential.ErrNoRole},
	"InternalError.GetRoleError":        {Kind: fault.Denied, Reason: "STS does not find the role {role}", Remedy: checkRole},
	"InvalidParameter*":                 {Kind: fault.Misconfigured, Reason: "STS refused a parameter of {permission}", Remedy: checkRole},
	"InternalError*":                    {Kind: fault.Transient, Reason: "an error inside STS"},
	"RequestLimitExceeded*":             {Kind: fault.Throttled, Reason: "too many calls to STS"},
}, fault.Meaning{Kind: fault.Misconfigured, Reason: "STS refused {permission}"})

// callerCodes are those of GetCallerIdentity, in which no role is named.
var callerCodes = roleCodes.With(map[string]fault.Meaning{
	"UnauthorizedOperation*":            unasked,
	"AuthFailure.UnauthorizedOperation": unasked,
}, roleCodes.Other)

var unasked = fault.Meaning{Kind: fault.Denied, Reason: "the CAM policy does not allow {permission}"}

// tokenCodes are those of AssumeRoleWithWebIdentity (https://www.tencentcloud.com/document/product/1150/49454). The API has no codes of its
// own for what is wrong with a token, and those about keys can be about nothing else.
var tokenCodes = roleCodes.With(map[string]fault.Meaning{
	"UnauthorizedOperation*":            untrustedToken,
	"AuthFailure*":                      untrustedToken,
	"AuthFailure.InvalidAuthorization":  untrustedToken,
	"AuthFailure.InvalidSecretId":       untrustedToken,
	"AuthFailure.SecretIdNotFound":      untrustedToken,
	"AuthFailure.SignatureFailure":      untrustedToken,
	"AuthFailure.TokenFailure":          untrustedToken,
	"AuthFailure.UnauthorizedOperation": untrustedToken,
	"InvalidParameter*":                 untrustedToken,
	"InternalError.IllegalRole":         untrustedToken,
	"InternalError.GetRoleError":        untrustedToken,
}, roleCodes.Other)

var untrustedToken = fault.Meaning{
	Kind: fault.Denied, Reason: "the role {role} may not be assumed with the token of the solver's ServiceAccount",
	Remedy: "check that CAM has the OIDC provider {provider} with this cluster's issuer and keys, that the token's audience is one of its client ids" +
		" (the chart's ambient.dnspod.audience), and that the role's trust policy names the provider and the solver's ServiceAccount",
}

var untrusted = fault.Meaning{Kind: fault.Denied, Reason: "the role {role} may not be assumed with these keys", Remedy: checkTrust}
