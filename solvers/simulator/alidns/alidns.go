// Package alidns is a stand-in for the API of Alibaba Cloud DNS, version 2015-01-09, over simulated accounts and zones. It
// recomputes signatures (RPC style, HMAC-SHA1, from the query), refuses reused nonces and wrong clocks, keeps the limits of
// pages, values and editions, and answers with the codes, statuses and bodies that the vendor documents.
//
// Beside it there is what gives sessions of roles, STS of version 2015-04-01, at the same address.
//
// It has the actions that the product calls, with the parameters that the product sends, for TXT records; whatever else
// it is sent it refuses, so that a client which begins to use more hears of it. Answers are JSON whatever the Format
// parameter says, and have the fields that a client needs. An account's number is the name of its owner.
//
// Sources: https://www.alibabacloud.com/help/en/dns/api-alidns-2015-01-09-overview for actions and error codes,
// https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism for signatures,
// https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-overview for roles,
// https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-errorcodes for why they are not assumed.
package alidns

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	clockWindow = 15 * time.Minute
	recordLimit = 90
	defaultLine = "default"
	freeEdition = "mianfei"
	// firstID has as many digits as real record ids, more than a float64 holds.
	firstID = 987654321098765431
)

// NewCloud makes an empty cloud with the limits of Alidns. A nil clock is time.Now.
func NewCloud(now func() time.Time) *cloud.Cloud {
	return cloud.New(cloud.Options{
		Now:         now,
		DefaultLine: defaultLine,
		FirstID:     firstID,
		ClockWindow: clockWindow,
		Editions: map[string]int{
			"": 600, freeEdition: 600, "version_personal": 600, "version_basic": 120,
			"version_enterprise_basic": 60, "version_enterprise_advanced": 1,
		},
		Settings: cloud.Settings{RecordLimit: recordLimit},
		Dialect:  cloud.Dialect{Refusals: refusals(), ErrorStatus: http.StatusBadRequest, SessionKey: "STS.", Success: success, Failure: failure},
	})
}

func success(content cloud.Body, requestID string) cloud.Body {
	content["RequestId"] = strings.ToUpper(requestID)
	return content
}

func failure(r cloud.APIError, requestID string) cloud.Body {
	id := strings.ToUpper(requestID)
	advice := url.Values{"q": {r.Code}, "product": {"Alidns"}, "requestId": {id}}
	return cloud.Body{
		"RequestId": id, "HostId": "alidns.aliyuncs.com", "Code": r.Code, "Message": r.Message,
		"Recommend": "https://api.alibabacloud.com/troubleshoot?" + advice.Encode(),
	}
}

func bad(code, message string) cloud.APIError { return cloud.APIError{Code: code, Message: message} }

func invalid(parameter string) cloud.APIError {
	return bad("InvalidParameter", "The parameter value "+parameter+" is invalid.")
}

func unauthenticated(code, message string) cloud.APIError {
	return cloud.APIError{Status: http.StatusUnauthorized, Code: "AuthenticationFail." + code, Message: message}
}

// refusals are the API's words. Which code a TTL is refused with is not documented, so the settings may change it.
func refusals() map[error]cloud.APIError {
	return map[error]cloud.APIError{
		cloud.ErrNoZone:        bad("InvalidDomainName.NoExist", "The specified domain name does not exist. Refresh the page and try again."),
		cloud.ErrForeignZone:   bad("IncorrectDomainUser", "The domain name does not belong to this user."),
		cloud.ErrZoneLocked:    bad("DomainForbidden", "The action could not be completed because the domain has been forbidden."),
		cloud.ErrZoneSpam:      bad("DomainForbidden", "The action could not be completed because the domain has been forbidden."),
		cloud.ErrNoRecord:      bad("DomainRecordNotBelongToUser", "The domain record does not belong to this user."),
		cloud.ErrForeignRecord: bad("DomainRecordNotBelongToUser", "The domain record does not belong to this user."),
		cloud.ErrRecordLocked:  bad("DomainRecordLocked", "The domain record has been locked."),
		cloud.ErrDuplicate:     bad("DomainRecordDuplicate", "The DNS record already exists."),
		cloud.ErrConflict:      bad("DomainRecordConflict", "The DNS record conflicts with other records."),
		cloud.ErrRecordLimit: bad("QuotaExceeded.Record",
			"You can't add this domain record because the (Type RR Line) record has been out of MAX count(90)."),
		cloud.ErrTTL:       bad("InvalidTTL", "Specified parameter TTL is not valid."),
		cloud.ErrOverlap:   bad("LastOperationNotFinished", "The last operation has not finished, please try again later."),
		cloud.ErrThrottled: bad("Throttling.User", "Request was denied due to user flow control."),
		cloud.ErrNoRole: {
			Status: http.StatusNotFound, Code: "EntityNotExist.Role", Message: "The role not exists: acs:ram::***.",
		},
		cloud.ErrNotTrusted: {
			Status: http.StatusForbidden, Code: "NoPermission", Message: "You are not authorized to do this action. You should be authorized by RAM.",
		},
		cloud.ErrSession:         bad("InvalidParameter.DurationSeconds", "The Min/Max value of DurationSeconds is 15min/1hr."),
		cloud.ErrNoProvider:      unauthenticated("NoPermission", "No such OIDC Provider registered."),
		cloud.ErrTokenNotTrusted: unauthenticated("NoPermission", "This operation is forbidden by the trust policy of the role."),
		cloud.ErrTokenAudience:   unauthenticated("OIDCToken.AudienceNotMatch", "The audience in the OIDC token does not match any client id of the provider."),
		cloud.ErrTokenExpired:    unauthenticated("OIDCToken.Expired", "This JSON Web Token has expired."),
		cloud.ErrTokenInvalid:    unauthenticated("OIDCToken.Invalid", "This JSON Web Token is invalid."),
		cloud.ErrTokenSignature:  unauthenticated("OIDCToken.InvalidSignature", "The signature of this JSON Web Token is invalid."),
	}
}

// New serves the API over a cloud.
func New(c *cloud.Cloud) http.Handler { return &api{c} }

type api struct{ cloud *cloud.Cloud }

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, err := readParameters(r.URL.RawQuery)
	act, known := actions()[params["Action"]]
	if err == nil && act.unsigned {
		params, err = params.withForm(w, r)
	}
	call := cloud.Call{
		Action: params["Action"], Zone: params["DomainName"], Token: params["SecurityToken"] != "", Parameters: params.business(),
	}
	a.cloud.Exchange(w, r, params["AccessKeyId"], call, func() (cloud.Body, error) {
		switch {
		case err != nil:
			return nil, bad("InvalidParameter", "The request can not be parsed.")
		case !known:
			return nil, cloud.APIError{
				Status: http.StatusNotFound, Code: "InvalidAction.NotFound",
				Message: "Specified api is not found, please check your url and method.",
			}
		}
		return a.answer(r.Method, act, params, call)
	})
}

// service is one of the APIs.
type service struct {
	version string
	// limited says that it is called within an account's rate, and as far as the key's policy allows.
	limited bool
}

// STS has limits of its own, and the role says who may assume it.
var dnsService, stsService = service{"2015-01-09", true}, service{"2015-04-01", false}

// action answers one action. Its parameters are all that it knows.
type action struct {
	service    service
	parameters []string
	answer     func(a *api, by caller, params parameters) (cloud.Body, error)
	// unsigned says that a token says who asks, and not a signature.
	unsigned bool
}

// caller is who signed a request; nobody where nobody did.
type caller struct {
	owner string
	key   cloud.Key
}

func actions() map[string]action {
	dns := func(answer func(*api, string, parameters) (cloud.Body, error), names ...string) action {
		return action{service: dnsService, parameters: names, answer: func(a *api, by caller, params parameters) (cloud.Body, error) {
			return answer(a, by.owner, params)
		}}
	}
	return map[string]action{
		"AddDomainRecord":    dns((*api).addDomainRecord, "DomainName", "RR", "Type", "Value", "Line", "TTL"),
		"DeleteDomainRecord": dns((*api).deleteDomainRecord, "RecordId"),
		"DescribeDomainInfo": dns((*api).describeDomainInfo, "DomainName", "NeedDetailAttributes"),
		"DescribeDomainRecords": dns((*api).describeDomainRecords,
			"DomainName", "Type", "TypeKeyWord", "ValueKeyWord", "PageNumber", "PageSize"),
		"DescribeDomains": dns((*api).describeDomains, "PageNumber", "PageSize"),
		"AssumeRole":      {stsService, []string{"RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId"}, (*api).assumeRole, false},
		"AssumeRoleWithOIDC": {
			stsService, []string{"OIDCProviderArn", "RoleArn", "RoleSessionName", "DurationSeconds"}, (*api).assumeRoleWithOIDC, true,
		},
		"GetCallerIdentity": {stsService, nil, (*api).getCallerIdentity, false},
	}
}

func (a *api) answer(method string, act action, params parameters, call cloud.Call) (cloud.Body, error) {
	by, err := a.authenticate(method, act, params)
	if err != nil {
		return nil, err
	}
	if unknown := call.Unknown(act.parameters); unknown != "" {
		return nil, invalid(unknown)
	}
	return act.answer(a, by, params)
}
