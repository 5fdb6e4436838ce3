package dnspod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
)

// refusal is what an error code of the API means. In its texts {zone}, {line} and {permission} stand for what was asked.
type refusal struct {
	kind       fault.Kind
	reason     string
	remedy     string
	retryAfter time.Duration
}

const (
	checkZone    = "check that DNSPod hosts the zone in the account of this SecretId"
	checkSecret  = "check the SecretKey for a wrong value or a stray line break"
	checkKey     = "create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
	checkClock   = "set the node's clock, for example with NTP: Tencent Cloud allows 5 minutes"
	checkPolicy  = "allow {permission} in the CAM policy of the user or role"
	checkConsole = "see to it in the console of DNSPod"
	checkAccount = "see to it in the account's security settings and in the console of DNSPod"
	renewToken   = "renew the keys and the token in the Secret: all three belong together"
	unsetLine    = "set config.recordLine or config.recordLineId to a line of the zone's plan, or leave both out"
	retiredToken = "it looks like a token of the retired DNSPod API or an APPID: create a SecretId (it begins with AKID) and" +
		" SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
)

const inside = "an error inside DNSPod"

// refusals are the codes of the API by their whole names or, with a star at the end, by their beginning
// (https://cloud.tencent.com/document/api/1427/56192; each action's page has its own list). Nearly all come with HTTP 200.
var refusals = map[string]refusal{
	"InvalidParameter.DomainRecordExist": {kind: fault.Misconfigured, reason: "an equal record exists in the zone {zone}"},
	"InvalidParameter.RecordIdInvalid":   {kind: fault.Misconfigured, reason: "the record does not exist in the zone {zone}"},
	"ResourceNotFound.NoDataOfRecord":    {kind: fault.Misconfigured, reason: "the record does not exist in the zone {zone}"},

	"ResourceNotFound.NoDataOfDomain": {kind: fault.ZoneNotFound, reason: "the account has no zones", remedy: checkZone},
	"InvalidParameterValue.DomainNotExists": {
		kind: fault.ZoneNotFound, reason: "the account does not host the zone {zone}",
		remedy: checkZone,
	},
	"InvalidParameter.DomainInvalid": {kind: fault.ZoneNotFound, reason: "{zone} cannot be a zone of DNSPod", remedy: checkZone},
	"InvalidParameter.DomainIdInvalid": {
		kind: fault.ZoneNotFound, reason: "the account does not host the zone {zone}",
		remedy: checkZone,
	},
	"OperationDenied.NoPermissionToOperateDomain": foreignZone,
	"OperationDenied.DomainOwnerAllowedOnly":      foreignZone,
	"OperationDenied.AccessDenied":                foreignZone,
	"FailedOperation.NotDomainOwner":              foreignZone,
	"FailedOperation.DomainOwnedByOtherUser":      foreignZone,

	"InvalidParameter.DomainIsAliaser": {
		kind: fault.Misconfigured, reason: "the zone {zone} is an alias of another",
		remedy: "use the zone that it is an alias of",
	},
	"InvalidParameter.DomainNotAllowedModifyRecords": {
		kind: fault.Misconfigured, reason: "DNSPod forbids changes in the zone {zone}",
		remedy: checkConsole,
	},
	"FailedOperation.DomainIsLocked": {kind: fault.Misconfigured, reason: "the zone {zone} is locked", remedy: checkConsole},
	"FailedOperation.DomainIsSpam":   {kind: fault.Misconfigured, reason: "the zone {zone} is banned", remedy: checkConsole},
	"FailedOperation.DomainNotInService": {
		kind: fault.Misconfigured, reason: "the zone {zone} is not in service",
		remedy: checkConsole,
	},
	"InvalidParameter.DomainInBlackList": {kind: fault.Misconfigured, reason: "the zone {zone} is banned", remedy: checkConsole},
	"InvalidParameter.DomainIsModifyingDns": {
		kind: fault.Transient, reason: "the zone {zone} is changing its name servers", retryAfter: 3 * time.Second,
	},
	"InvalidParameter.DomainTaskNotFinished": {
		kind: fault.Transient, reason: "another change in the zone {zone} is under way", retryAfter: time.Second,
	},

	"InvalidParameter.RecordLineInvalid": {
		kind: fault.Misconfigured, reason: "the zone {zone} does not have the line {line}",
		remedy: unsetLine,
	},
	"InvalidParameter.LineNotExist": {
		kind: fault.Misconfigured, reason: "the zone {zone} does not have the line {line}",
		remedy: unsetLine,
	},
	"FailedOperation.MustAddDefaultLineFirst": {
		kind: fault.Misconfigured, reason: "the zone {zone} needs a record on the default line first",
		remedy: "leave config.recordLine and config.recordLineId out",
	},

	"InvalidParameter.SubdomainInvalid":         {kind: fault.Misconfigured, reason: "the zone {zone} does not take a record of this name"},
	"InvalidParameter.RecordTypeInvalid":        {kind: fault.Misconfigured, reason: "the zone {zone} does not take TXT records"},
	"InvalidParameter.RecordValueInvalid":       {kind: fault.Misconfigured, reason: "the zone {zone} does not take a record of this value"},
	"InvalidParameter.RecordValueLengthInvalid": {kind: fault.Misconfigured, reason: "the zone {zone} does not take a record of this value"},
	"InvalidParameter.CustomMessage": {
		kind: fault.Misconfigured, reason: "DNSPod refused {permission} for a reason that its message alone tells",
		remedy: "see the message in the log at level 4 (-v=4); a record of another type at the name is one",
	},
	"InvalidParameter*": {kind: fault.Misconfigured, reason: "DNSPod refused a parameter of {permission}"},
	"MissingParameter*": {kind: fault.Misconfigured, reason: "DNSPod misses a parameter of {permission}"},
	"LimitExceeded*": {
		kind: fault.Misconfigured, reason: "a limit of the plan of the zone {zone} is reached",
		remedy: checkConsole,
	},
	"LimitExceeded.SubdomainLevelLimit": {
		kind: fault.Misconfigured, reason: "the plan of the zone {zone} does not allow a name of so many labels",
		remedy: "delegate the challenge to a shorter name by CNAME",
	},
	"LimitExceeded.SubdomainRollLimit": {
		kind: fault.Misconfigured, reason: "the zone {zone} takes no more TXT records at this name",
		remedy: "remove those that are left over from earlier challenges",
	},

	"RequestLimitExceeded*":                   {kind: fault.Throttled, reason: "too many calls to DNSPod"},
	"FailedOperation.FrequencyLimit":          {kind: fault.Throttled, reason: "too many calls to DNSPod"},
	"InvalidParameter.OperationIsTooFrequent": {kind: fault.Throttled, reason: "too many calls to DNSPod"},

	"FailedOperation.TemporaryError": {kind: fault.Transient, reason: inside},
	"FailedOperation.UnknowError":    {kind: fault.Transient, reason: inside},
	"FailedOperation.LoginTimeout":   {kind: fault.Transient, reason: inside},
	"InternalError*":                 {kind: fault.Transient, reason: inside},
	"ResourceUnavailable*":           {kind: fault.Transient, reason: "DNSPod is not available"},
	// These say nothing, and are seen for what goes away by itself.
	"FailedOperation":                {kind: fault.Transient, reason: "DNSPod failed without saying why"},
	"InvalidParameter.OperateFailed": {kind: fault.Transient, reason: "DNSPod failed without saying why"},
	"InvalidParameter.Common":        {kind: fault.Transient, reason: "DNSPod failed without saying why"},

	"InvalidParameter.RequestIpLimited": {
		kind: fault.Denied, reason: "the account does not allow calls from this address",
		remedy: checkAccount,
	},
	"InvalidParameter.UnrealNameUser": {
		kind: fault.Denied, reason: "the account has not passed real-name verification",
		remedy: checkAccount,
	},
	"FailedOperation.NotRealNamedUser": {
		kind: fault.Denied, reason: "the account has not passed real-name verification",
		remedy: checkAccount,
	},
	"InvalidParameter.DomainNotBeian":  {kind: fault.Denied, reason: "the zone {zone} has no ICP filing", remedy: checkConsole},
	"InvalidParameter.AccountIsBanned": {kind: fault.Denied, reason: "the account is banned", remedy: checkAccount},
	"FailedOperation.AccountIsLocked":  {kind: fault.Denied, reason: "the account is locked", remedy: checkAccount},
	"IpInBlacklist": {
		kind: fault.Denied, reason: "the account does not allow calls from this address",
		remedy: checkAccount,
	},
	"IpNotInWhitelist": {
		kind: fault.Denied, reason: "the account does not allow calls from this address",
		remedy: checkAccount,
	},
	"FailedOperation.LoginAreaNotAllowed": {
		kind: fault.Denied, reason: "the account does not allow calls from this area",
		remedy: checkAccount,
	},
	"FailedOperation.LoginFailed": {kind: fault.Denied, reason: "DNSPod does not let the account in", remedy: checkAccount},

	"AuthFailure.SecretIdNotFound":     {kind: fault.CredentialGone, reason: "the SecretId does not exist or is disabled", remedy: checkKey},
	"AuthFailure.InvalidSecretId":      {kind: fault.CredentialGone, reason: "the SecretId is none of the API 3.0", remedy: checkKey},
	"InvalidParameter.InvalidSecretId": {kind: fault.CredentialGone, reason: "the SecretId is none of the API 3.0", remedy: checkKey},
	// With this SDK the header is well formed unless the SecretId has characters that none has, as a token's comma.
	"AuthFailure.InvalidAuthorization":  {kind: fault.CredentialGone, reason: "the SecretId is none of the API 3.0", remedy: checkKey},
	"AuthFailure.SignatureFailure":      {kind: fault.Denied, reason: "the SecretKey does not match the SecretId", remedy: checkSecret},
	"InvalidParameter.InvalidSignature": {kind: fault.Denied, reason: "the SecretKey does not match the SecretId", remedy: checkSecret},
	"AuthFailure.TokenFailure": {
		kind: fault.Denied, reason: "the token has expired or is not valid for the SecretId",
		remedy: renewToken,
	},
	"AuthFailure.SignatureExpire":       {kind: fault.Misconfigured, reason: "the clock of this node is off", remedy: checkClock},
	"InvalidParameter.TimestampExpired": {kind: fault.Misconfigured, reason: "the clock of this node is off", remedy: checkClock},
	"AuthFailure*":                      {kind: fault.Denied, reason: "Tencent Cloud could not verify the caller", remedy: checkKey},
	"AuthFailure.UnauthorizedOperation": {kind: fault.Denied, reason: "the CAM policy does not allow {permission}", remedy: checkPolicy},
	"UnauthorizedOperation*":            {kind: fault.Denied, reason: "the CAM policy does not allow {permission}", remedy: checkPolicy},
	"InvalidParameter.PermissionDenied": {kind: fault.Denied, reason: "the CAM policy does not allow {permission}", remedy: checkPolicy},
}

var foreignZone = refusal{
	kind:   fault.ZoneNotFound,
	reason: "the zone {zone} belongs to another account, or the SecretId may not use it",
	remedy: checkZone,
}

// errTTL marks the refusal of a TTL, for explainTTL.
var errTTL = errors.New("the TTL is refused")

// refused puts an error code into words.
func refused(q question, secretID, code string, status int) error {
	if code == "LimitExceeded.RecordTtlLimit" {
		return ttlFault(q, code, 0)
	}
	r, known := lookUp(code)
	if !known {
		r = unknown(status)
	}
	if r.remedy == checkKey && looksRetired(secretID) {
		r.remedy = retiredToken
	}
	words := strings.NewReplacer("{zone}", q.zone, "{line}", lineOf(q), "{permission}", "dnspod:"+q.action)
	return &fault.Error{
		Kind:       r.kind,
		Reason:     words.Replace(r.reason),
		Code:       fault.Code(code),
		Remedy:     words.Replace(r.remedy),
		RetryAfter: r.retryAfter,
	}
}

// lookUp finds a code by its whole name, else by its longest known beginning.
func lookUp(code string) (refusal, bool) {
	if r, ok := refusals[code]; ok {
		return r, true
	}
	longestFirst := func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) }
	for _, name := range slices.SortedFunc(maps.Keys(refusals), longestFirst) {
		if beginning, ok := strings.CutSuffix(name, "*"); ok && strings.HasPrefix(code, beginning) {
			return refusals[name], true
		}
	}
	return refusal{}, false
}

func unknown(status int) refusal {
	switch {
	case status == http.StatusTooManyRequests:
		return refusals["RequestLimitExceeded*"]
	case status >= 500:
		return refusals["InternalError*"]
	}
	return refusal{kind: fault.Misconfigured, reason: "DNSPod refused {permission}"}
}

// looksRetired tells whether a SecretId is none: the token API's credential was "number,token", and the number alone, or
// the account's APPID, is what people mistake for it. A SecretId begins with AKID, on the international site with IKID
// (https://cloud.tencent.com/document/product/598/40488).
func looksRetired(secretID string) bool {
	return !strings.HasPrefix(secretID, "AKID") && !strings.HasPrefix(secretID, "IKID") || strings.Contains(secretID, ",")
}

func lineOf(q question) string {
	switch {
	case q.lineID != "":
		return fmt.Sprintf("with the id %q", q.lineID)
	case q.line != "":
		return fmt.Sprintf("%q", q.line)
	}
	return fmt.Sprintf("with the id %q", defaultLineID)
}

// freeMinimum is the lowest TTL of the free and personal plans.
const freeMinimum = 600

// explainTTL asks for the lowest TTL of the zone's plan and says it. Without an answer the refusal says the minimum of
// most zones.
func (a *account) explainTTL(ctx context.Context, r provider.TXT, refusal error) error {
	minimum, err := a.minimumTTL(ctx, r.Zone)
	if err != nil || minimum <= uint64(max(r.TTL, 0)) {
		return refusal
	}
	return ttlFault(question{zone: r.Zone, ttl: r.TTL}, codeOf(refusal), minimum)
}

// minimumTTL reads the zone's plan with DescribeDomain (https://cloud.tencent.com/document/api/1427/56173) and what the
// plan allows with DescribePackageDetail (https://cloud.tencent.com/document/api/1427/86551). It is 0 for a plan that is
// not listed.
func (a *account) minimumTTL(ctx context.Context, zone string) (uint64, error) {
	var plan string
	err := inZone(zone, func(domain string) error {
		request := api.NewDescribeDomainRequest()
		request.Domain = &domain
		return a.call(ctx, question{action: "DescribeDomain", zone: zone}, func(client *api.Client) (bool, error) {
			response, err := client.DescribeDomainWithContext(ctx, request)
			if err != nil || response.Response == nil || response.Response.DomainInfo == nil {
				return false, err
			}
			plan = value(response.Response.DomainInfo.Grade)
			return plan != "", nil
		})
	})
	if err != nil {
		return 0, err
	}
	var minimum uint64
	err = a.call(ctx, question{action: "DescribePackageDetail"}, func(client *api.Client) (bool, error) {
		response, err := client.DescribePackageDetailWithContext(ctx, api.NewDescribePackageDetailRequest())
		if err != nil || response.Response == nil {
			return false, err
		}
		for _, detail := range response.Response.Info {
			if detail != nil && strings.EqualFold(value(detail.DomainGrade), plan) {
				minimum = value(detail.MinTtl)
			}
		}
		return true, nil
	})
	return minimum, err
}

// ttlFault is the refusal of a TTL. A minimum of 0 is unknown.
func ttlFault(q question, code string, minimum uint64) error {
	f := &fault.Error{
		Kind:   fault.Misconfigured,
		Reason: fmt.Sprintf("the zone %s does not allow a TTL of %d seconds", q.zone, q.ttl),
		Code:   fault.Code(code),
		Remedy: fmt.Sprintf("set config.ttl to at least %d, the minimum of the free and personal plans", freeMinimum),
		Cause:  errTTL,
	}
	if minimum > 0 {
		f.Remedy = fmt.Sprintf("set config.ttl to at least %d, the minimum of the zone's plan", minimum)
	}
	return f
}

// codeOf returns the cloud's code in an error, "" if there is none.
func codeOf(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Code
	}
	return ""
}
