package alidns

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

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	api "github.com/aliyun/alibaba-cloud-sdk-go/services/alidns"

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
	checkZone    = "check that Alidns hosts the zone in the account of this AccessKey"
	checkSecret  = "check the AccessKey Secret for a wrong value or a stray line break"
	checkKey     = "create an AccessKey for the RAM user and write it to the Secret"
	checkClock   = "set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes"
	checkPolicy  = "allow {permission} on the zone in the RAM policy of the user or role (DescribeDomains needs the resource *)"
	checkConsole = "see to it in the console of Alidns"
	renewToken   = "renew the keys and the token in the Secret: all three belong together"
	unsetLine    = "set config.line to a line of the zone's edition, or leave it out"
)

// refusals are the codes of the API by their whole names or, with a star at the end, by their beginning
// (https://api.aliyun.com/document/Alidns/2015-01-09/errorCode has the API's own and those of all Alibaba Cloud). HTTP
// statuses do not tell them apart: nearly all are 400.
var refusals = map[string]refusal{
	"DomainRecordDuplicate":       {kind: fault.Misconfigured, reason: "an equal record exists in the zone {zone}"},
	"DomainRecordNotBelongToUser": {kind: fault.Misconfigured, reason: "the record does not exist in this account"},

	"InvalidDomainName.NoExist": {kind: fault.ZoneNotFound, reason: "the account does not host the zone {zone}", remedy: checkZone},
	"InvalidDomainName*":        {kind: fault.ZoneNotFound, reason: "{zone} cannot be a zone of Alidns", remedy: checkZone},
	"IncorrectDomainUser":       {kind: fault.ZoneNotFound, reason: "the zone {zone} belongs to another account", remedy: checkZone},

	"DomainRecordConflict": {
		kind: fault.Misconfigured, reason: "a record of another type at the name in the zone {zone} forbids a TXT record",
		remedy: "remove that record, or delegate the challenge to another name by CNAME",
	},
	"DomainRecordLocked": {kind: fault.Misconfigured, reason: "the record in the zone {zone} is locked", remedy: checkConsole},
	"DomainForbidden":    {kind: fault.Misconfigured, reason: "Alidns forbids changes in the zone {zone}", remedy: checkConsole},
	"RecordForbidden.BlackHole": {
		kind: fault.Misconfigured, reason: "records of the zone {zone} are in a black hole against attacks", remedy: checkConsole,
	},
	"RecordForbidden.*": {kind: fault.Misconfigured, reason: "Alidns forbids the record in the zone {zone}", remedy: checkConsole},
	"RecordForbidden.DNSChange": {
		kind: fault.Transient, reason: "the zone {zone} is changing its name servers", retryAfter: 3 * time.Second,
	},
	"LastOperationNotFinished": {
		kind: fault.Transient, reason: "another change in the zone {zone} is under way", retryAfter: time.Second,
	},

	"InvalidRR.*":        {kind: fault.Misconfigured, reason: "the zone {zone} does not take a record of this name"},
	"SubDomainInvalid.*": {kind: fault.Misconfigured, reason: "the zone {zone} does not take a record of this name or value"},
	"InvalidParameter*":  {kind: fault.Misconfigured, reason: "Alidns refused a parameter of {permission}"},
	"QuotaExceeded*":     {kind: fault.Misconfigured, reason: "a limit of the edition of the zone {zone} is reached", remedy: checkConsole},
	"QuotaExceeded.Record": {
		kind: fault.Misconfigured, reason: "the zone {zone} takes no more TXT records at this name",
		remedy: "remove those that are left over from earlier challenges",
	},

	"InternalError*":      {kind: fault.Transient, reason: "an error inside Alidns"},
	"ServiceUnavailable*": {kind: fault.Transient, reason: "Alidns is not available"},
	"UnKnownError":        {kind: fault.Transient, reason: "an error inside Alidns"},
	"UnknownError":        {kind: fault.Transient, reason: "an error inside Alidns"},
	"SignatureNonceUsed":  {kind: fault.Transient, reason: "the request was taken for a repeated one"},
	"Throttling*":         {kind: fault.Throttled, reason: "too many calls to Alidns"},

	"InvalidAccessKeyId*":         {kind: fault.CredentialGone, reason: "the AccessKey ID is not valid", remedy: checkKey},
	"InvalidAccessKeyId.NotFound": {kind: fault.CredentialGone, reason: "the AccessKey ID does not exist", remedy: checkKey},
	"InvalidAccessKeyId.Inactive": {
		kind: fault.CredentialGone, reason: "the AccessKey is disabled", remedy: "enable it in the RAM console, or write another to the Secret",
	},
	"SignatureDoesNotMatch":   {kind: fault.Denied, reason: "the AccessKey Secret does not match the AccessKey ID", remedy: checkSecret},
	"InvalidAccessKeySecret*": {kind: fault.Denied, reason: "the AccessKey Secret does not match the AccessKey ID", remedy: checkSecret},
	"IncompleteSignature":     {kind: fault.Denied, reason: "Alibaba Cloud could not verify the signature", remedy: checkSecret},
	"InvalidTimeStamp*":       {kind: fault.Misconfigured, reason: "the clock of this node is off", remedy: checkClock},

	"InvalidSecurityToken*":        {kind: fault.Denied, reason: "the security token is not valid for the AccessKey", remedy: renewToken},
	"InvalidSecurityToken.Expired": {kind: fault.Denied, reason: "the security token has expired", remedy: renewToken},
	"MissingSecurityToken": {
		kind: fault.Denied, reason: "the AccessKey is a temporary one and has no security token", remedy: "set config.securityTokenRef",
	},

	"Forbidden*":    {kind: fault.Denied, reason: "the RAM policy does not allow {permission}", remedy: checkPolicy},
	"NoPermission*": {kind: fault.Denied, reason: "the RAM policy does not allow {permission}", remedy: checkPolicy},
}

// errTTL marks the refusal of a TTL, for explainTTL.
var errTTL = errors.New("the TTL is refused")

// refused puts an error code into words. The message is looked at where a code says nothing, and is never repeated.
func refused(q question, code, message string, status int) error {
	r, known := lookUp(code)
	f := &fault.Error{Kind: r.kind, Code: fault.Code(code), RetryAfter: r.retryAfter}
	switch {
	case q.action == "AddDomainRecord" && isAboutTTL(code, message):
		return ttlFault(q, code, 0)
	case q.action == "AddDomainRecord" && isAboutLine(code, message):
		r = refusal{reason: "the zone {zone} does not have the line {line}", remedy: unsetLine}
		f.Kind = fault.Misconfigured
	case known:
	case status == http.StatusTooManyRequests:
		r = refusals["Throttling*"]
		f.Kind = r.kind
	case status >= 500:
		r = refusals["InternalError*"]
		f.Kind = r.kind
	default:
		r = refusal{reason: "Alidns refused {permission}"}
		f.Kind = fault.Misconfigured
	}
	words := strings.NewReplacer("{zone}", q.zone, "{line}", fmt.Sprintf("%q", q.line), "{permission}", "alidns:"+q.action)
	f.Reason, f.Remedy = words.Replace(r.reason), words.Replace(r.remedy)
	return f
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

// freeMinimum is the lowest TTL of the free and personal editions
// (https://www.alibabacloud.com/help/en/doc-detail/29806.htm).
const freeMinimum = 600

// explainTTL asks for the lowest TTL of the zone's edition, with DescribeDomainInfo
// (https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-describedomaininfo), and says it. Without an answer the refusal
// says the minimum of most zones.
func (a *account) explainTTL(ctx context.Context, r provider.TXT, refusal error) error {
	var minimum int64
	err := inZone(r.Zone, func(domain string) error {
		request, response := api.CreateDescribeDomainInfoRequest(), api.CreateDescribeDomainInfoResponse()
		request.DomainName, request.NeedDetailAttributes = domain, requests.NewBoolean(true)
		err := a.call(ctx, question{action: "DescribeDomainInfo", zone: r.Zone}, request, response, func() bool {
			return response.MinTtl > 0
		})
		minimum = response.MinTtl
		return err
	})
	if err != nil || minimum <= int64(r.TTL) {
		return refusal
	}
	return ttlFault(question{zone: r.Zone, ttl: r.TTL}, codeOf(refusal), minimum)
}

// ttlFault is the refusal of a TTL. A minimum of 0 is unknown.
func ttlFault(q question, code string, minimum int64) error {
	f := &fault.Error{
		Kind:   fault.Misconfigured,
		Reason: fmt.Sprintf("the zone %s does not allow a TTL of %d seconds", q.zone, q.ttl),
		Code:   fault.Code(code),
		Remedy: fmt.Sprintf("set config.ttl to at least %d, the minimum of the free and personal editions", freeMinimum),
		Cause:  errTTL,
	}
	if minimum > 0 {
		f.Remedy = fmt.Sprintf("set config.ttl to at least %d, the minimum of the zone's edition", minimum)
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
