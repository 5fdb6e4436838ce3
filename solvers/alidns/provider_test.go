package alidns_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	ttlRefused = "the zone example.com does not allow a TTL of 60 seconds (InvalidTTL); set config.ttl to at least 600, the minimum of the "
	checkZone  = "; check that Alidns hosts the zone in the account of this AccessKey"
)

var host = providertest.Host{
	Name: "Alidns", Public: "alidns.aliyuncs.com",
	Open: func(api wire.API, keys credential.Keys, pace wire.Pace) provider.Provider {
		return alidns.New(api).Account(keys, "", pace)
	},
	Options:   func(o *simulator.Options) *simulator.CloudOptions { return &o.Alidns },
	Endpoint:  func(w *simulator.World) *simulator.Endpoint { return w.Alidns },
	Keys:      credential.Keys{ID: "LTAI5tAliceAliceAlice", Secret: "alice/secret+1"},
	Temporary: credential.Keys{ID: "STS.AliceTemporary", Secret: "temporary/secret", Token: "token/with+odd=characters"},
	AddAction: "AddDomainRecord", EditionAction: "DescribeDomainInfo", Edition: "version_enterprise_basic", EditionCalls: 1,
	DefaultLine: "default", OtherLine: "telecom", Line: "telecom",
	ZonePage: 100, RecordPage: 500,
	Codes: providertest.Codes{
		Throttled: "Throttling.User", NoZone: "IncorrectDomainUser", UnknownKey: "InvalidAccessKeyId.NotFound",
		Gone: []string{"DomainRecordNotBelongToUser"},
	},
	Refusals: providertest.Refusals{
		LowTTL:    ttlRefused + "zone's edition",
		PaidTTL:   "the zone xn--fsqu00a.com does not allow a TTL of 1 seconds (InvalidTTL); set config.ttl to at least 60, the minimum of the zone's edition",
		HiddenTTL: ttlRefused + "free and personal editions",
		UnknownLine: `the zone example.com does not have the line "nowhere" (InvalidParameter);` +
			" set config.line to a line of the zone's edition, or leave it out",
		ForeignZone:   "the zone example.org belongs to another account (IncorrectDomainUser)" + checkZone,
		NoZone:        "the account does not host the zone example.net (InvalidDomainName.NoExist)" + checkZone,
		NoChineseZone: "the account does not host the zone xn--fsqu00a.com (InvalidDomainName.NoExist)" + checkZone,
		TopLevel:      "com cannot be a zone of Alidns (InvalidDomainName.Format)" + checkZone,
		LockedZone:    "Alidns forbids changes in the zone locked.com (DomainForbidden); see to it in the console of Alidns",
		UnknownKey: "the AccessKey ID does not exist (InvalidAccessKeyId.NotFound);" +
			" create an AccessKey for the RAM user and write it to the Secret",
		DisabledKey: "the AccessKey is disabled (InvalidAccessKeyId.Inactive); enable it in the RAM console, or write another to the Secret",
		WrongSecret: "the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch);" +
			" check the AccessKey Secret for a wrong value or a stray line break",
		Policy: "the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM);" +
			" allow alidns:AddDomainRecord on the zone in the RAM policy of the user or role (DescribeDomains needs the resource *)",
		ExpiredToken: "the security token has expired (InvalidSecurityToken.Expired);" +
			" renew the keys and the token in the Secret: all three belong together",
		NoToken: "the AccessKey is a temporary one and has no security token (MissingSecurityToken); set config.securityTokenRef",
		Clock: "the clock of this node is off (InvalidTimeStamp.Expired);" +
			" set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes",
	},
	API: providertest.API{
		Read: read, Status: http.StatusBadRequest, Refusal: refusal, Added: added, Zones: zones, Records: records,
		ZoneParameter: "DomainName", PageParameter: "PageNumber", FirstPages: []string{"1", "2"},
	},
}

func TestProvider(t *testing.T) { providertest.Run(t, host) }

func read(r *http.Request) (action string, parameters map[string]string, err error) {
	parameters = map[string]string{}
	for name := range r.URL.Query() {
		parameters[name] = r.URL.Query().Get(name)
	}
	return parameters["Action"], parameters, nil
}

type object = map[string]any

func document(o object) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func refusal(code, message, requestID string) string {
	return document(object{
		"Code": code, "Message": message, "RequestId": requestID, "HostId": "127.0.0.1",
		"Recommend": "https://api.aliyun.com/troubleshoot?requestId=" + requestID,
	})
}

func added(id string) string { return document(object{"RequestId": "R", "RecordId": id}) }

func zones(total int, zones ...providertest.Zone) string {
	list := []object{}
	for _, z := range zones {
		list = append(list, object{"DomainName": z.Name, "PunyCode": z.Punycode})
	}
	return document(object{"RequestId": "R", "TotalCount": total, "Domains": object{"Domain": list}})
}

func records(total int, records ...cloud.Record) string {
	list := []object{}
	for _, r := range records {
		list = append(list, object{"RecordId": strconv.FormatUint(r.ID, 10), "RR": r.RR, "Type": r.Type, "Value": r.Value})
	}
	return document(object{"RequestId": "R", "TotalCount": total, "DomainRecords": object{"Record": list}})
}
