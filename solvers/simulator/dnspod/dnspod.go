// Package dnspod is a stand-in for Tencent Cloud's DNSPod API 3.0, version 2021-03-23, over simulated accounts and zones. It
// recomputes TC3-HMAC-SHA256 signatures over the headers that a request says it signed, refuses wrong clocks and tokens, keeps
// the limits of pages, values and plans, and answers with the codes and bodies that the vendor documents; errors come with
// HTTP 200, as they do there.
//
// Beside it there is what gives sessions of roles, STS of version 2018-08-13, at the same address.
//
// It has the actions that the product calls, with the parameters that the product sends, for TXT records; whatever else
// it is sent it refuses, so that a client which begins to use more hears of it. Its messages are in English, as for the
// X-TC-Language that the product sends, and answers have the fields that a client needs. An account's number is the name of its
// owner.
//
// Sources: https://cloud.tencent.com/document/api/1427/56193 for actions, https://cloud.tencent.com/document/api/1427/56192 for
// error codes, https://cloud.tencent.com/document/api/1427/56189 for signatures, https://cloud.tencent.com/document/product/598/33164,
// https://www.tencentcloud.com/document/product/1150/49454 and https://cloud.tencent.com/document/api/1312/66098 for roles.
package dnspod

import (
	"io"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	clockWindow = 5 * time.Minute
	// firstID is above 2^53, so that an id that went through a float64 is another record's.
	firstID = 1<<53 + 1
)

// NewCloud makes an empty cloud with the limits of DNSPod. A nil clock is time.Now.
func NewCloud(now func() time.Time) *cloud.Cloud {
	return cloud.New(cloud.Options{
		Now:         now,
		DefaultLine: lines()[0].id,
		FirstID:     firstID,
		ClockWindow: clockWindow,
		Editions: map[string]int{
			"": 600, freePlan: 600, "DP_PLUS": 600, "DP_EXTRA": 120, "DP_EXPERT": 60, "DP_ULTRA": 1,
		},
		Dialect: cloud.Dialect{Refusals: refusals(), ErrorStatus: http.StatusOK, SessionKey: "AKID", Success: success, Failure: failure},
	})
}

func success(content cloud.Body, requestID string) cloud.Body {
	content["RequestId"] = requestID
	return cloud.Body{"Response": content}
}

func failure(r cloud.APIError, requestID string) cloud.Body {
	return success(cloud.Body{"Error": cloud.Body{"Code": r.Code, "Message": r.Message}}, requestID)
}

func refuse(code, message string) cloud.APIError { return cloud.APIError{Code: code, Message: message} }

// refusals are the API's words.
func refusals() map[error]cloud.APIError {
	return map[error]cloud.APIError{
		cloud.ErrNoZone:        refuse("InvalidParameterValue.DomainNotExists", "The domain name is not under the current account."),
		cloud.ErrForeignZone:   refuse("OperationDenied.NoPermissionToOperateDomain", "You have no permission to operate this domain name."),
		cloud.ErrZoneLocked:    refuse("FailedOperation.DomainIsLocked", "The domain name is locked and its records can not be changed."),
		cloud.ErrZoneSpam:      refuse("FailedOperation.DomainIsSpam", "The domain name has been blocked and can not be operated on."),
		cloud.ErrNoRecord:      refuse("InvalidParameter.RecordIdInvalid", "The record ID is incorrect."),
		cloud.ErrForeignRecord: refuse("InvalidParameter.RecordIdInvalid", "The record ID is incorrect."),
		cloud.ErrRecordLocked:  refuse("InvalidParameter.DomainNotAllowedModifyRecords", "The DNS records of the domain name can not be changed."),
		cloud.ErrDuplicate:     refuse("InvalidParameter.DomainRecordExist", "The record already exists, and does not need to be added again."),
		cloud.ErrConflict:      refuse("InvalidParameter.CustomMessage", "The record conflicts with another record of this host."),
		cloud.ErrRecordLimit:   refuse("LimitExceeded.SubdomainRollLimit", "The number of load-balanced records is over the limit."),
		cloud.ErrTTL:           refuse("LimitExceeded.RecordTtlLimit", "The TTL value of the record is out of the limit of the package."),
		cloud.ErrOverlap:       refuse("InvalidParameter.OperationIsTooFrequent", "The operation is too frequent. Please try again later."),
		cloud.ErrNoRole:        refuse("ResourceNotFound.RoleNotFound", "The role is not found."),
		cloud.ErrNotTrusted:    refuse("UnauthorizedOperation", "You are not authorized to perform this operation. Check your CAM policies."),
		cloud.ErrSession:       refuse("InvalidParameter.OverTimeError", "The duration is out of range."),
		// The API has no codes of its own for what is wrong with a token.
		cloud.ErrTokenNotTrusted: refuse("UnauthorizedOperation", "You are not authorized to perform this operation. Check your CAM policies."),
		cloud.ErrNoProvider:      refuse("InvalidParameter.ParamError", "The provider does not exist."),
		cloud.ErrTokenAudience:   refuse("InvalidParameter.ParamError", "The web identity token is for another audience."),
		cloud.ErrTokenExpired:    refuse("InvalidParameter.ParamError", "The web identity token has expired."),
		cloud.ErrTokenInvalid:    refuse("InvalidParameter.ParamError", "The web identity token is not valid."),
		cloud.ErrTokenSignature:  refuse("InvalidParameter.ParamError", "The web identity token is not valid."),
		cloud.ErrThrottled: refuse("RequestLimitExceeded",
			"Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second."),
	}
}

// New serves the API over a cloud.
func New(c *cloud.Cloud) http.Handler { return &api{c} }

type api struct{ cloud *cloud.Cloud }

// maxBody bounds what is read of a request.
const maxBody = 10 << 20

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	q := query{request: r, payload: payload}
	if err == nil {
		q.fields, err = parseFields(payload)
	}
	q.authorization, q.malformed = parseAuthorization(r.Header.Get("Authorization"))
	zone, _ := q.fields.text("Domain")
	call := cloud.Call{Action: r.Header.Get("X-TC-Action"), Zone: zone, Token: r.Header.Get("X-TC-Token") != "", Parameters: q.fields.plain()}
	a.cloud.Exchange(w, r, q.authorization.keyID, call, func() (cloud.Body, error) {
		if err != nil {
			return nil, refuse("InvalidParameter", "The request body is not a valid JSON object.")
		}
		return a.answer(q, call)
	})
}

// query is a request that was read.
type query struct {
	request       *http.Request
	payload       []byte
	fields        fields
	authorization authorization
	malformed     error
}

// service is one of the APIs.
type service struct {
	name, version string
	// limited says that it is called within an account's rate, and as far as the key's policy allows.
	limited bool
}

// STS has limits of its own, and the role says who may assume it.
var dnsService, stsService = service{"dnspod", "2021-03-23", true}, service{"sts", "2018-08-13", false}

// action answers one action. Its parameters are all that it knows.
type action struct {
	service    service
	parameters []string
	answer     func(a *api, by caller, f fields) (cloud.Body, error)
	// unsigned says that a token says who asks, and not a signature.
	unsigned bool
}

// caller is who signed a request; nobody where nobody did.
type caller struct {
	owner string
	key   cloud.Key
}

func actions() map[string]action {
	dns := func(answer func(*api, string, fields) (cloud.Body, error), names ...string) action {
		return action{service: dnsService, parameters: names, answer: func(a *api, by caller, f fields) (cloud.Body, error) {
			return answer(a, by.owner, f)
		}}
	}
	return map[string]action{
		"CreateRecord": dns((*api).createRecord,
			"Domain", "SubDomain", "RecordType", "RecordLine", "RecordLineId", "Value", "TTL"),
		"DeleteRecord":          dns((*api).deleteRecord, "Domain", "RecordId"),
		"DescribeDomain":        dns((*api).describeDomain, "Domain"),
		"DescribeDomainList":    dns((*api).describeDomainList, "Offset", "Limit"),
		"DescribePackageDetail": dns((*api).describePackageDetail),
		"DescribeRecord":        dns((*api).describeRecord, "Domain", "RecordId"),
		"DescribeRecordList":    dns((*api).describeRecordList, "Domain", "Subdomain", "RecordType", "Offset", "Limit"),
		"AssumeRole":            {stsService, []string{"RoleArn", "RoleSessionName", "DurationSeconds"}, (*api).assumeRole, false},
		"AssumeRoleWithWebIdentity": {
			stsService, []string{"ProviderId", "RoleArn", "RoleSessionName", "DurationSeconds"}, (*api).assumeRoleWithWebIdentity, true,
		},
		"GetCallerIdentity": {stsService, nil, (*api).getCallerIdentity, false},
	}
}

func (a *api) answer(q query, call cloud.Call) (cloud.Body, error) {
	act, ok := actions()[call.Action]
	if !ok {
		return nil, refuse("InvalidAction", "The action `"+call.Action+"` is invalid or not found.")
	}
	if version := q.request.Header.Get("X-TC-Version"); version != act.service.version {
		return nil, refuse("NoSuchVersion", "The API version `"+version+"` does not exist.")
	}
	by, err := a.authenticate(q, act, call)
	if err != nil {
		return nil, err
	}
	if act.service == stsService && q.request.Header.Get("X-TC-Region") == "" {
		return nil, missing("Region")
	}
	if unknown := call.Unknown(act.parameters); unknown != "" {
		return nil, refuse("UnknownParameter", "The parameter `"+unknown+"` is not recognized.")
	}
	return act.answer(a, by, q.fields)
}
