package dnspod

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	api "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/dnspod/v20210323"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/wire"
)

// edition is what DNSPod calls what a customer has bought.
const edition = "plan"

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

// codes are those of the API
// (https://cloud.tencent.com/document/api/1427/56192; each action's page has its own list). Nearly all come with HTTP 200.
var codes = fault.Codes{
	Throttled: "RequestLimitExceeded*", Inside: "InternalError*",
	Other: fault.Meaning{Kind: fault.Misconfigured, Reason: "DNSPod refused {permission}"},
	Known: known,
}

var known = map[string]fault.Meaning{
	"InvalidParameter.DomainRecordExist": {Kind: fault.Misconfigured, Reason: "an equal record exists in the zone {zone}"},
	"InvalidParameter.RecordIdInvalid":   {Kind: fault.Misconfigured, Reason: "the record does not exist in the zone {zone}"},
	"ResourceNotFound.NoDataOfRecord":    {Kind: fault.Misconfigured, Reason: "the record does not exist in the zone {zone}"},

	"ResourceNotFound.NoDataOfDomain": {Kind: fault.ZoneNotFound, Reason: "the account has no zones", Remedy: checkZone},
	"InvalidParameterValue.DomainNotExists": {
		Kind: fault.ZoneNotFound, Reason: "the account does not host the zone {zone}",
		Remedy: checkZone,
	},
	"InvalidParameter.DomainInvalid": {Kind: fault.ZoneNotFound, Reason: "{zone} cannot be a zone of DNSPod", Remedy: checkZone},
	"InvalidParameter.DomainIdInvalid": {
		Kind: fault.ZoneNotFound, Reason: "the account does not host the zone {zone}",
		Remedy: checkZone,
	},
	"OperationDenied.NoPermissionToOperateDomain": foreignZone,
	"OperationDenied.DomainOwnerAllowedOnly":      foreignZone,
	"OperationDenied.AccessDenied":                foreignZone,
	"FailedOperation.NotDomainOwner":              foreignZone,
	"FailedOperation.DomainOwnedByOtherUser":      foreignZone,

	"InvalidParameter.DomainIsAliaser": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} is an alias of another",
		Remedy: "use the zone that it is an alias of",
	},
	"InvalidParameter.DomainNotAllowedModifyRecords": {
		Kind: fault.Misconfigured, Reason: "DNSPod forbids changes in the zone {zone}",
		Remedy: checkConsole,
	},
	"FailedOperation.DomainIsLocked": {Kind: fault.Misconfigured, Reason: "the zone {zone} is locked", Remedy: checkConsole},
	"FailedOperation.DomainIsSpam":   {Kind: fault.Misconfigured, Reason: "the zone {zone} is banned", Remedy: checkConsole},
	"FailedOperation.DomainNotInService": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} is not in service",
		Remedy: checkConsole,
	},
	"InvalidParameter.DomainInBlackList": {Kind: fault.Misconfigured, Reason: "the zone {zone} is banned", Remedy: checkConsole},
	"InvalidParameter.DomainIsModifyingDns": {
		Kind: fault.Transient, Reason: "the zone {zone} is changing its name servers", RetryAfter: 3 * time.Second,
	},
	"InvalidParameter.DomainTaskNotFinished": {
		Kind: fault.Transient, Reason: "another change in the zone {zone} is under way", RetryAfter: time.Second,
	},

	"InvalidParameter.RecordLineInvalid": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} does not have the line {line}",
		Remedy: unsetLine,
	},
	"InvalidParameter.LineNotExist": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} does not have the line {line}",
		Remedy: unsetLine,
	},
	"FailedOperation.MustAddDefaultLineFirst": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} needs a record on the default line first",
		Remedy: "leave config.recordLine and config.recordLineId out",
	},

	"InvalidParameter.SubdomainInvalid":         {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take a record of this name"},
	"InvalidParameter.RecordTypeInvalid":        {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take TXT records"},
	"InvalidParameter.RecordValueInvalid":       {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take a record of this value"},
	"InvalidParameter.RecordValueLengthInvalid": {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take a record of this value"},
	"InvalidParameter.CustomMessage": {
		Kind: fault.Misconfigured, Reason: "DNSPod refused {permission} for a reason that its message alone tells",
		Remedy: "see the message in the log at level 4 (-v=4); a record of another type at the name is one",
	},
	"InvalidParameter*": {Kind: fault.Misconfigured, Reason: "DNSPod refused a parameter of {permission}"},
	"MissingParameter*": {Kind: fault.Misconfigured, Reason: "DNSPod misses a parameter of {permission}"},
	"LimitExceeded*": {
		Kind: fault.Misconfigured, Reason: "a limit of the plan of the zone {zone} is reached",
		Remedy: checkConsole,
	},
	"LimitExceeded.SubdomainLevelLimit": {
		Kind: fault.Misconfigured, Reason: "the plan of the zone {zone} does not allow a name of so many labels",
		Remedy: "delegate the challenge to a shorter name by CNAME",
	},
	"LimitExceeded.SubdomainRollLimit": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} takes no more TXT records at this name",
		Remedy: "remove those that are left over from earlier challenges",
	},

	"RequestLimitExceeded*":                   {Kind: fault.Throttled, Reason: "too many calls to DNSPod"},
	"FailedOperation.FrequencyLimit":          {Kind: fault.Throttled, Reason: "too many calls to DNSPod"},
	"InvalidParameter.OperationIsTooFrequent": {Kind: fault.Throttled, Reason: "too many calls to DNSPod"},

	"FailedOperation.TemporaryError": {Kind: fault.Transient, Reason: inside},
	"FailedOperation.UnknowError":    {Kind: fault.Transient, Reason: inside},
	"FailedOperation.LoginTimeout":   {Kind: fault.Transient, Reason: inside},
	"InternalError*":                 {Kind: fault.Transient, Reason: inside},
	"ResourceUnavailable*":           {Kind: fault.Transient, Reason: "DNSPod is not available"},
	// These say nothing, and are seen for what goes away by itself.
	"FailedOperation":                {Kind: fault.Transient, Reason: "DNSPod failed without saying why"},
	"InvalidParameter.OperateFailed": {Kind: fault.Transient, Reason: "DNSPod failed without saying why"},
	"InvalidParameter.Common":        {Kind: fault.Transient, Reason: "DNSPod failed without saying why"},

	"InvalidParameter.RequestIpLimited": {
		Kind: fault.Denied, Reason: "the account does not allow calls from this address",
		Remedy: checkAccount,
	},
	"InvalidParameter.UnrealNameUser": {
		Kind: fault.Denied, Reason: "the account has not passed real-name verification",
		Remedy: checkAccount,
	},
	"FailedOperation.NotRealNamedUser": {
		Kind: fault.Denied, Reason: "the account has not passed real-name verification",
		Remedy: checkAccount,
	},
	"InvalidParameter.DomainNotBeian":  {Kind: fault.Denied, Reason: "the zone {zone} has no ICP filing", Remedy: checkConsole},
	"InvalidParameter.AccountIsBanned": {Kind: fault.Denied, Reason: "the account is banned", Remedy: checkAccount},
	"FailedOperation.AccountIsLocked":  {Kind: fault.Denied, Reason: "the account is locked", Remedy: checkAccount},
	"IpInBlacklist": {
		Kind: fault.Denied, Reason: "the account does not allow calls from this address",
		Remedy: checkAccount,
	},
	"IpNotInWhitelist": {
		Kind: fault.Denied, Reason: "the account does not allow calls from this address",
		Remedy: checkAccount,
	},
	"FailedOperation.LoginAreaNotAllowed": {
		Kind: fault.Denied, Reason: "the account does not allow calls from this area",
		Remedy: checkAccount,
	},
	"FailedOperation.LoginFailed": {Kind: fault.Denied, Reason: "DNSPod does not let the account in", Remedy: checkAccount},

	"AuthFailure.SecretIdNotFound":     {Kind: fault.CredentialGone, Reason: "the SecretId does not exist or is disabled", Remedy: checkKey},
	"AuthFailure.InvalidSecretId":      {Kind: fault.CredentialGone, Reason: "the SecretId is none of the API 3.0", Remedy: checkKey},
	"InvalidParameter.InvalidSecretId": {Kind: fault.CredentialGone, Reason: "the SecretId is none of the API 3.0", Remedy: checkKey},
	// With this SDK the header is well formed unless the SecretId has characters that none has, as a token's comma.
	"AuthFailure.InvalidAuthorization":  {Kind: fault.CredentialGone, Reason: "the SecretId is none of the API 3.0", Remedy: checkKey},
	"AuthFailure.SignatureFailure":      {Kind: fault.Denied, Reason: "the SecretKey does not match the SecretId", Remedy: checkSecret},
	"InvalidParameter.InvalidSignature": {Kind: fault.Denied, Reason: "the SecretKey does not match the SecretId", Remedy: checkSecret},
	"AuthFailure.TokenFailure": {
		Kind: fault.Denied, Reason: "the token has expired or is not valid for the SecretId",
		Remedy: renewToken,
	},
	"AuthFailure.SignatureExpire":       {Kind: fault.Misconfigured, Reason: "the clock of this node is off", Remedy: checkClock},
	"InvalidParameter.TimestampExpired": {Kind: fault.Misconfigured, Reason: "the clock of this node is off", Remedy: checkClock},
	"AuthFailure*":                      {Kind: fault.Denied, Reason: "Tencent Cloud could not verify the caller", Remedy: checkKey},
	"AuthFailure.UnauthorizedOperation": {Kind: fault.Denied, Reason: "the CAM policy does not allow {permission}", Remedy: checkPolicy, Cause: fault.ErrPolicy},
	"UnauthorizedOperation*":            {Kind: fault.Denied, Reason: "the CAM policy does not allow {permission}", Remedy: checkPolicy, Cause: fault.ErrPolicy},
	"InvalidParameter.PermissionDenied": {Kind: fault.Denied, Reason: "the CAM policy does not allow {permission}", Remedy: checkPolicy, Cause: fault.ErrPolicy},
}

var foreignZone = fault.Meaning{
	Kind:   fault.ZoneNotFound,
	Reason: "the zone {zone} belongs to another account, or the SecretId may not use it",
	Remedy: checkZone,
}

// refused puts an error code into words.
func refused(q wire.Question, secretID, code string, status int) error {
	if code == "LimitExceeded.RecordTtlLimit" {
		return provider.TTLRefused(q.Zone, q.TTL, edition, code)
	}
	return meaningOf(codes, secretID, code, status).Fault(code, "{zone}", q.Zone, "{line}", q.Line, "{permission}", "dnspod:"+q.Action)
}

// meaningOf is what a code means to whoever has the SecretId.
func meaningOf(codes fault.Codes, secretID, code string, status int) fault.Meaning {
	meaning := codes.Of(code, status)
	if meaning.Remedy == checkKey && looksRetired(secretID) {
		meaning.Remedy = retiredToken
	}
	return meaning
}

// looksRetired tells whether a SecretId is none: the token API's credential was "number,token", and the number alone, or
// the account's APPID, is what people mistake for it. A SecretId begins with AKID, on the international site with IKID
// (https://cloud.tencent.com/document/product/598/40488).
func looksRetired(secretID string) bool {
	return !strings.HasPrefix(secretID, "AKID") && !strings.HasPrefix(secretID, "IKID") || strings.Contains(secretID, ",")
}

// lineOf names the line of a record.
func lineOf(r provider.TXT) string {
	switch {
	case r.LineID != "":
		return fmt.Sprintf("with the id %q", r.LineID)
	case r.Line != "":
		return strconv.Quote(r.Line)
	}
	return fmt.Sprintf("with the id %q", defaultLineID)
}

// minimumTTL reads the zone's plan with DescribeDomain (https://cloud.tencent.com/document/api/1427/56173) and what the
// plan allows with DescribePackageDetail (https://cloud.tencent.com/document/api/1427/86551). It is 0 for a plan that is
// not listed.
func (a *account) minimumTTL(ctx context.Context, zone string) (minimum int64, err error) {
	plan := ""
	for names := provider.NamesOf(zone); names.Next(err); {
		request, response := api.NewDescribeDomainRequest(), api.NewDescribeDomainResponse()
		request.Domain = &names.Name
		err = a.call(ctx, wire.Question{Action: "DescribeDomain", Zone: zone}, request, response, func() bool {
			if response.Response != nil && response.Response.DomainInfo != nil {
				plan = value(response.Response.DomainInfo.Grade)
			}
			return plan != ""
		})
	}
	if err != nil {
		return 0, err
	}
	response := api.NewDescribePackageDetailResponse()
	err = a.call(ctx, wire.Question{Action: "DescribePackageDetail"}, api.NewDescribePackageDetailRequest(), response, func() bool {
		return response.Response != nil
	})
	if err != nil {
		return 0, err
	}
	for _, detail := range response.Response.Info {
		if detail != nil && strings.EqualFold(value(detail.DomainGrade), plan) {
			minimum = int64(value(detail.MinTtl))
		}
	}
	return minimum, nil
}
