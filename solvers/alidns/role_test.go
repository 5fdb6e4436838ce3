package alidns_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	dnsRole    = "acs:ram::1234567890123456:role/dns"
	otherRole  = "acs:ram::1234567890123456:role/other"
	allowTrust = "; allow sts:AssumeRole on the role in the RAM policy of the user, and the user in the role's trust policy (with config.externalId, if it" +
		" asks for one); the AccessKey of an account itself assumes no role"
	setARN = "; set config.roleArn to the ARN that the RAM console shows"
)

func assumer(api wire.API) credential.Assumer { return alidns.NewRoles(api) }

func TestRoles(t *testing.T) {
	const refused = "the role " + dnsRole + " may not be assumed with these keys"
	providertest.RunRoles(t, providertest.Roles{
		Host: host, Assumer: assumer, ARN: dnsRole, Other: otherRole,
		Parameters:  map[string]string{"RoleArn": dnsRole, "RoleSessionName": "certyun", "DurationSeconds": "3600"},
		NotTrusted:  "the role " + otherRole + " may not be assumed with these keys (NoPermission)" + allowTrust,
		NoRole:      "the role " + dnsRole + "-2 does not exist (EntityNotExist.Role)" + setARN,
		UnknownKey:  host.Refusals.UnknownKey,
		WrongSecret: host.Refusals.WrongSecret,
		Clock:       host.Refusals.Clock,
		STSCodes: map[string]string{
			"NoPermission":                        "denied, retry false after 0s: " + refused + " (NoPermission)" + allowTrust,
			"Forbidden.RAM":                       "denied, retry false after 0s: " + refused + " (Forbidden.RAM)" + allowTrust,
			"AuthenticationFail.NoPermission":     "denied, retry false after 0s: " + refused + " (AuthenticationFail.NoPermission)" + allowTrust,
			"EntityNotExist.Role":                 "credential_gone, retry false after 0s: the role " + dnsRole + " does not exist (EntityNotExist.Role)" + setARN,
			"InvalidParameter.RoleArn":            "misconfigured, retry false after 0s: STS does not take " + dnsRole + " for the ARN of a role (InvalidParameter.RoleArn)" + setARN,
			"InvalidParameter.RoleSessionName":    "misconfigured, retry false after 0s: STS does not take the name of the session (InvalidParameter.RoleSessionName); set another config.roleSessionName, or none",
			"InvalidParameter.ExternalId":         "misconfigured, retry false after 0s: STS does not take the external id (InvalidParameter.ExternalId); set config.externalId to the one in the role's trust policy",
			"InvalidParameter.DurationSeconds":    "misconfigured, retry false after 0s: STS refused a parameter of sts:AssumeRole (InvalidParameter.DurationSeconds)",
			"InternalError":                       "transient, retry true after 0s: an error inside STS (InternalError)",
			"ServiceUnavailable":                  "transient, retry true after 0s: STS is not available (ServiceUnavailable)",
			"Throttling.User":                     "throttled, retry true after 0s: too many calls to STS (Throttling.User)",
			"InvalidSecurityToken.Expired":        "denied, retry false after 0s: " + host.Refusals.ExpiredToken,
			"Something.New":                       "misconfigured, retry false after 0s: STS refused sts:AssumeRole (Something.New)",
			"not a code: " + host.Keys.Secret[:5]: "misconfigured, retry false after 0s: STS refused sts:AssumeRole (unreadable code)",
		},
		Incomplete: []string{
			`{"RequestId":"R"}`, `{"Credentials":{}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c"}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"tomorrow"}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"","Expiration":"2026-12-01T12:00:00Z"}}`,
			`{"Credentials":{"AccessKeyId":"","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2026-12-01T12:00:00Z"}}`,
		},
	})
}

// A role that asks for an external id is not assumed without it, or with another one.
func TestExternalID(t *testing.T) {
	world := host.Start(t, func(o *simulator.CloudOptions) {
		o.Accounts[1].Roles = []cloud.Role{{ARN: dnsRole, Trusts: []string{host.Keys.ID}, ExternalID: "shop/42"}}
	})
	roles := assumer(providertest.At(t, world.URL, nil))
	for id, trusted := range map[string]bool{"": false, "shop/43": false, "shop/42": true} {
		_, err := roles.Assume(t.Context(), host.Keys, config.Role{ARN: dnsRole, SessionName: "certyun", ExternalID: id})
		if trusted != (err == nil) || !trusted && !fault.Is(err, fault.Denied) {
			t.Errorf("with %q: %v", id, err)
		}
	}
}
