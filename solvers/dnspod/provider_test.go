package dnspod_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	ttlRefused = "the zone example.com does not allow a TTL of 60 seconds (LimitExceeded.RecordTtlLimit);" +
		" set config.ttl to at least 600, the minimum of the "
	checkZone = "; check that DNSPod hosts the zone in the account of this SecretId"
	unknownID = "the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound)"
	createKey = "; create a SecretId and SecretKey in CAM (console.cloud.tencent.com/cam/capi) and write them to the Secret"
	renew     = "the token has expired or is not valid for the SecretId (AuthFailure.TokenFailure);" +
		" renew the keys and the token in the Secret: all three belong together"
	setLine = "; set config.recordLine or config.recordLineId to a line of the zone's plan, or leave both out"
)

var host = providertest.Host{
	Name: "DNSPod", Public: "dnspod.tencentcloudapi.com",
	Open: func(api wire.API, keys credential.Keys, pace wire.Pace) provider.Provider {
		return dnspod.New(api).Account(keys, pace)
	},
	Options:   func(o *simulator.Options) *simulator.CloudOptions { return &o.DNSPod },
	Endpoint:  func(w *simulator.World) *simulator.Endpoint { return w.DNSPod },
	Keys:      credential.Keys{ID: "AKIDaliceAliceAliceAlice", Secret: "alice/secret+1"},
	Temporary: credential.Keys{ID: "AKIDaliceTemporary", Secret: "temporary/secret", Token: "token/with+odd=characters"},
	AddAction: "CreateRecord", EditionAction: "DescribeDomain", Edition: "DP_EXTRA", EditionCalls: 2,
	DefaultLine: "0", OtherLine: "10=1", Line: "电信",
	ZonePage: 3000, RecordPage: 3000,
	Codes: providertest.Codes{
		Throttled: "RequestLimitExceeded", NoZone: "InvalidParameterValue.DomainNotExists", UnknownKey: "AuthFailure.SecretIdNotFound",
		Gone: []string{"InvalidParameter.RecordIdInvalid", "ResourceNotFound.NoDataOfRecord"},
	},
	Refusals: providertest.Refusals{
		LowTTL: ttlRefused + "zone's plan",
		PaidTTL: "the zone xn--fsqu00a.com does not allow a TTL of 1 seconds (LimitExceeded.RecordTtlLimit);" +
			" set config.ttl to at least 120, the minimum of the zone's plan",
		HiddenTTL:   ttlRefused + "free and personal plans",
		UnknownLine: `the zone example.com does not have the line "nowhere" (InvalidParameter.RecordLineInvalid)` + setLine,
		ForeignZone: "the zone example.org belongs to another account, or the SecretId may not use it" +
			" (OperationDenied.NoPermissionToOperateDomain)" + checkZone,
		NoZone:        "the account does not host the zone example.net (InvalidParameterValue.DomainNotExists)" + checkZone,
		NoChineseZone: "the account does not host the zone xn--fsqu00a.com (InvalidParameterValue.DomainNotExists)" + checkZone,
		TopLevel:      "com cannot be a zone of DNSPod (InvalidParameter.DomainInvalid)" + checkZone,
		LockedZone:    "the zone locked.com is locked (FailedOperation.DomainIsLocked); see to it in the console of DNSPod",
		UnknownKey:    unknownID + createKey,
		DisabledKey:   unknownID + createKey,
		WrongSecret: "the SecretKey does not match the SecretId (AuthFailure.SignatureFailure);" +
			" check the SecretKey for a wrong value or a stray line break",
		Policy: "the CAM policy does not allow dnspod:CreateRecord (AuthFailure.UnauthorizedOperation);" +
			" allow dnspod:CreateRecord in the CAM policy of the user or role",
		ExpiredToken: renew,
		NoToken:      renew,
		Clock: "the clock of this node is off (AuthFailure.SignatureExpire);" +
			" set the node's clock, for example with NTP: Tencent Cloud allows 5 minutes",
	},
	API: providertest.API{
		Read: read, Status: http.StatusOK, Refusal: refusal, Added: added, Zones: zones, Records: records, LookAction: "DescribeRecord", Look: look,
		ZoneParameter: "Domain", PageParameter: "Offset", FirstPages: []string{"0", "1"},
	},
}

func TestProvider(t *testing.T) { providertest.Run(t, host) }

func read(r *http.Request) (action string, parameters map[string]string, err error) {
	var body object
	decoder := json.NewDecoder(r.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&body); err != nil {
		return "", nil, err
	}
	parameters = map[string]string{}
	for name, v := range body {
		parameters[name] = fmt.Sprint(v)
	}
	return r.Header.Get("X-TC-Action"), parameters, nil
}

type object = map[string]any

func document(response object) string {
	text, err := json.Marshal(object{"Response": response})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func refusal(code, message, requestID string) string {
	return document(object{"Error": object{"Code": code, "Message": message}, "RequestId": requestID})
}

func added(id string) string { return document(object{"RequestId": "r", "RecordId": json.Number(id)}) }

func zones(total int, zones ...providertest.Zone) string {
	list := []object{}
	for _, z := range zones {
		list = append(list, object{"Name": z.Name, "Punycode": z.Punycode})
	}
	return document(object{"RequestId": "r", "DomainCountInfo": object{"DomainTotal": total}, "DomainList": list})
}

func look(r cloud.Record) string {
	return document(object{"RequestId": "r", "RecordInfo": object{"Id": r.ID, "SubDomain": r.RR, "RecordType": r.Type, "Value": r.Value}})
}

func records(total int, records ...cloud.Record) string {
	list := []object{}
	for _, r := range records {
		list = append(list, object{"RecordId": r.ID, "Name": r.RR, "Type": r.Type, "Value": r.Value})
	}
	return document(object{"RequestId": "r", "RecordCountInfo": object{"TotalCount": total}, "RecordList": list})
}
