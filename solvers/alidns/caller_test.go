package alidns_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/wire"
)

func TestCaller(t *testing.T) {
	const arn = "acs:ram::1234567890123456:user/certyun"
	providertest.RunCallers(t, providertest.Callers{
		Host: host, At: func(api wire.API) providertest.Caller { return alidns.NewRoles(api) },
		Document: `{"IdentityType":"RAMUser","AccountId":"1234567890123456","RequestId":"R","PrincipalId":"28","UserId":"28","Arn":"` + arn + `"}`,
		Caller:   credential.Caller{Account: "1234567890123456", ARN: arn},
		Incomplete: []string{
			`{"RequestId":"R"}`, `{"RequestId":"R","AccountId":"1234567890123456"}`, `{"RequestId":"R","Arn":"` + arn + `"}`, `{"AccountId":7,"Arn":[]}`,
		},
		Codes: map[string]string{
			"NoPermission":                    "denied, retry false after 0s: the RAM policy does not allow sts:GetCallerIdentity (NoPermission)",
			"Forbidden.RAM":                   "denied, retry false after 0s: the RAM policy does not allow sts:GetCallerIdentity (Forbidden.RAM)",
			"AuthenticationFail.NoPermission": "denied, retry false after 0s: the RAM policy does not allow sts:GetCallerIdentity (AuthenticationFail.NoPermission)",
			"InvalidAction.NotFound":          "misconfigured, retry false after 0s: STS refused sts:GetCallerIdentity (InvalidAction.NotFound)",
			"InvalidAccessKeyId.NotFound":     "credential_gone, retry false after 0s: " + host.Refusals.UnknownKey,
			"InternalError":                   "transient, retry true after 0s: an error inside STS (InternalError)",
		},
	})
}
