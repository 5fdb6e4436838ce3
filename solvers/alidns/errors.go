package alidns

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/wire"
)

// edition is what Alidns calls what a customer has bought.
const edition = "edition"

const (
	checkZone    = "check that Alidns hosts the zone in the account of this AccessKey"
	checkSecret  = "check the AccessKey Secret for a wrong value or a stray line break"
	checkKey     = "create an AccessKey for the RAM user and write it to the Secret"
	checkClock   = "set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes"
	checkPolicy  = "allow {permission} on the zone in the RAM policy of the user or role (DescribeDomains needs the resource *)"
	checkConsole = "see to it in the console of Alidns"
	renewToken   = "renew the keys and the token in the Secret: all three belong together"
	unsetLine    = "set config.line to a line of the zone's edition, or leave it out"
)

// codes are those of the API
// (https://api.aliyun.com/document/Alidns/2015-01-09/errorCode has the API's own and those of all Alibaba Cloud). HTTP
// statuses do not tell them apart: nearly all are 400.
var codes = fault.Codes{
	Throttled: "Throttling*", Inside: "InternalError*",
	Other: fault.Meaning{Kind: fault.Misconfigured, Reason: "Alidns refused {permission}"},
	Known: known,
}

var known = map[string]fault.Meaning{
	"DomainRecordDuplicate":       {Kind: fault.Misconfigured, Reason: "an equal record exists in the zone {zone}"},
	"DomainRecordNotBelongToUser": {Kind: fault.Misconfigured, Reason: "the record does not exist in this account"},

	"InvalidDomainName.NoExist": {Kind: fault.ZoneNotFound, Reason: "the account does not host the zone {zone}", Remedy: checkZone},
	"InvalidDomainName*":        {Kind: fault.ZoneNotFound, Reason: "{zone} cannot be a zone of Alidns", Remedy: checkZone},
	"IncorrectDomainUser":       {Kind: fault.ZoneNotFound, Reason: "the zone {zone} belongs to another account", Remedy: checkZone},

	"DomainRecordConflict": {
		Kind: fault.Misconfigured, Reason: "a record of another type at the name in the zone {zone} forbids a TXT record",
		Remedy: "remove that record, or delegate the challenge to another name by CNAME",
	},
	"DomainRecordLocked": {Kind: fault.Misconfigured, Reason: "the record in the zone {zone} is locked", Remedy: checkConsole},
	"DomainForbidden":    {Kind: fault.Misconfigured, Reason: "Alidns forbids changes in the zone {zone}", Remedy: checkConsole},
	"RecordForbidden.BlackHole": {
		Kind: fault.Misconfigured, Reason: "records of the zone {zone} are in a black hole against attacks", Remedy: checkConsole,
	},
	"RecordForbidden.*": {Kind: fault.Misconfigured, Reason: "Alidns forbids the record in the zone {zone}", Remedy: checkConsole},
	"RecordForbidden.DNSChange": {
		Kind: fault.Transient, Reason: "the zone {zone} is changing its name servers", RetryAfter: 3 * time.Second,
	},
	"LastOperationNotFinished": {
		Kind: fault.Transient, Reason: "another change in the zone {zone} is under way", RetryAfter: time.Second,
	},

	"InvalidRR.*":        {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take a record of this name"},
	"SubDomainInvalid.*": {Kind: fault.Misconfigured, Reason: "the zone {zone} does not take a record of this name or value"},
	"InvalidParameter*":  {Kind: fault.Misconfigured, Reason: "Alidns refused a parameter of {permission}"},
	"QuotaExceeded*":     {Kind: fault.Misconfigured, Reason: "a limit of the edition of the zone {zone} is reached", Remedy: checkConsole},
	"QuotaExceeded.Record": {
		Kind: fault.Misconfigured, Reason: "the zone {zone} takes no more TXT records at this name",
		Remedy: "remove those that are left over from earlier challenges",
	},

	"InternalError*":      {Kind: fault.Transient, Reason: "an error inside Alidns"},
	"ServiceUnavailable*": {Kind: fault.Transient, Reason: "Alidns is not available"},
	"UnKnownError":        {Kind: fault.Transient, Reason: "an error inside Alidns"},
	"UnknownError":        {Kind: fault.Transient, Reason: "an error inside Alidns"},
	"SignatureNonceUsed":  {Kind: fault.Transient, Reason: "the request was taken for a repeated one"},
	"Throttling*":         {Kind: fault.Throttled, Reason: "too many calls to Alidns"},

	"InvalidAccessKeyId*":         {Kind: fault.CredentialGone, Reason: "the AccessKey ID is not valid", Remedy: checkKey},
	"InvalidAccessKeyId.NotFound": {Kind: fault.CredentialGone, Reason: "the AccessKey ID does not exist", Remedy: checkKey},
	"InvalidAccessKeyId.Inactive": {
		Kind: fault.CredentialGone, Reason: "the AccessKey is disabled", Remedy: "enable it in the RAM console, or write another to the Secret",
	},
	"SignatureDoesNotMatch":   {Kind: fault.Denied, Reason: "the AccessKey Secret does not match the AccessKey ID", Remedy: checkSecret},
	"InvalidAccessKeySecret*": {Kind: fault.Denied, Reason: "the AccessKey Secret does not match the AccessKey ID", Remedy: checkSecret},
	"IncompleteSignature":     {Kind: fault.Denied, Reason: "Alibaba Cloud could not verify the signature", Remedy: checkSecret},
	"InvalidTimeStamp*":       {Kind: fault.Misconfigured, Reason: "the clock of this node is off", Remedy: checkClock},

	"InvalidSecurityToken*":        {Kind: fault.Denied, Reason: "the security token is not valid for the AccessKey", Remedy: renewToken},
	"InvalidSecurityToken.Expired": {Kind: fault.Denied, Reason: "the security token has expired", Remedy: renewToken},
	"MissingSecurityToken": {
		Kind: fault.Denied, Reason: "the AccessKey is a temporary one and has no security token", Remedy: "set config.securityTokenRef",
	},

	"Forbidden*":    {Kind: fault.Denied, Reason: "the RAM policy does not allow {permission}", Remedy: checkPolicy, Cause: fault.ErrPolicy},
	"NoPermission*": {Kind: fault.Denied, Reason: "the RAM policy does not allow {permission}", Remedy: checkPolicy, Cause: fault.ErrPolicy},
}

// refused puts an error code into words. The message is looked at where a code says nothing, and is never repeated.
func refused(q wire.Question, code, message string, status int) error {
	meaning := codes.Of(code, status)
	if q.Action == "AddDomainRecord" && isAboutTTL(code, message) {
		return provider.TTLRefused(q.Zone, q.TTL, edition, code)
	}
	if q.Action == "AddDomainRecord" && isAboutLine(code, message) {
		meaning = fault.Meaning{Kind: fault.Misconfigured, Reason: "the zone {zone} does not have the line {line}", Remedy: unsetLine}
	}
	return meaning.Fault(code, "{zone}", q.Zone, "{line}", strconv.Quote(q.Line), "{permission}", "alidns:"+q.Action)
}

// isAboutTTL knows the code that is seen (QuotaExceeded.TTL) and those that look like it. The case matters: "Throttling"
// has the letters, too.
func isAboutTTL(code, message string) bool {
	return strings.Contains(code, "TTL") || strings.Contains(code, "Ttl") || isParameter("TTL", code, message)
}

func isAboutLine(code, message string) bool {
	return strings.Contains(code, "Line") || isParameter("Line", code, message)
}

// isParameter tells whether a bare InvalidParameter is about this one; its message alone says so.
func isParameter(name, code, message string) bool {
	return strings.HasPrefix(code, "InvalidParameter") && slices.Contains(strings.Fields(message), name)
}

// minimumTTL asks for the lowest TTL of the zone's edition, with DescribeDomainInfo
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomaininfo).
func (a *account) minimumTTL(ctx context.Context, zone string) (minimum int64, err error) {
	q, response := wire.Question{Action: "DescribeDomainInfo", Zone: zone}, api.CreateDescribeDomainInfoResponse()
	for names := provider.NamesOf(zone); names.Next(err); {
		request := api.CreateDescribeDomainInfoRequest()
		request.DomainName, request.NeedDetailAttributes = names.Name, requests.NewBoolean(true)
		err = a.call(ctx, q, request, response, func() bool { return response.MinTtl > 0 })
	}
	return response.MinTtl, err
}
