package dnspod_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/wire"
)

func TestCaller(t *testing.T) {
	const arn = "qcs::cam::uin/100000000001:uin/100000000002"
	providertest.RunCallers(t, providertest.Callers{
		Host: host, At: func(api wire.API) providertest.Caller { return dnspod.NewRoles(api) },
		Document: `{"Response":{"Type":"CAMUser","AccountId":"100000000001","UserId":"100000000002","PrincipalId":"100000000002","Arn":"` + arn + `","RequestId":"R"}}`,
		Caller:   credential.Caller{Account: "100000000001", ARN: arn},
		Incomplete: []string{
			`{"Response":{"RequestId":"R"}}`, `{"Response":{"AccountId":"100000000001"}}`, `{"Response":{"Arn":"` + arn + `"}}`, `{"Response":{"AccountId":7,"Arn":[]}}`,
		},
		Codes: map[string]string{
			"UnauthorizedOperation":             "denied, retry false after 0s: the CAM policy does not allow sts:GetCallerIdentity (UnauthorizedOperation)",
			"AuthFailure.UnauthorizedOperation": "denied, retry false after 0s: the CAM policy does not allow sts:GetCallerIdentity (AuthFailure.UnauthorizedOperation)",
			"InvalidAction":                     "misconfigured, retry false after 0s: STS refused sts:GetCallerIdentity (InvalidAction)",
			"AuthFailure.SecretIdNotFound":      "credential_gone, retry false after 0s: " + host.Refusals.UnknownKey,
			"InternalError.SystemError":         "transient, retry true after 0s: an error inside STS (InternalError.SystemError)",
		},
	})
}
