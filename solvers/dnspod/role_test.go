package dnspod_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/wire"
)

func TestRoles(t *testing.T) {
	const (
		dnsRole, otherRole = "qcs::cam::uin/100000000001:roleName/dns", "qcs::cam::uin/100000000001:roleName/other"
		allowTrust         = "; allow sts:AssumeRole on the role in the CAM policy of the user, and the user in the role's trust policy"
		setARN             = "; set config.roleArn to the role's ARN (RoleArn) that the CAM console shows"
		refused            = "the role " + dnsRole + " may not be assumed with these keys"
		never              = ", retry false after 0s: "
	)
	providertest.RunRoles(t, providertest.Roles{
		Host: host, Assumer: func(api wire.API) credential.Assumer { return dnspod.NewRoles(api) }, ARN: dnsRole, Other: otherRole,
		Parameters:  map[string]string{"RoleArn": dnsRole, "RoleSessionName": "certyun", "DurationSeconds": "3600"},
		NotTrusted:  "the role " + otherRole + " may not be assumed with these keys (UnauthorizedOperation)" + allowTrust,
		NoRole:      "the role " + dnsRole + "-2 does not exist (ResourceNotFound.RoleNotFound)" + setARN,
		UnknownKey:  host.Refusals.UnknownKey,
		WrongSecret: host.Refusals.WrongSecret,
		Clock:       host.Refusals.Clock,
		STSCodes: map[string]string{
			"UnauthorizedOperation":               "denied" + never + refused + " (UnauthorizedOperation)" + allowTrust,
			"AuthFailure.UnauthorizedOperation":   "denied" + never + refused + " (AuthFailure.UnauthorizedOperation)" + allowTrust,
			"InternalError.IllegalRole":           "denied" + never + refused + " (InternalError.IllegalRole)" + allowTrust,
			"InternalError.GetRoleError":          "denied" + never + "STS does not find the role " + dnsRole + " (InternalError.GetRoleError)" + setARN,
			"ResourceNotFound.RoleNotFound":       "credential_gone" + never + "the role " + dnsRole + " does not exist (ResourceNotFound.RoleNotFound)" + setARN,
			"InvalidParameter.ParamError":         "misconfigured" + never + "STS refused a parameter of sts:AssumeRole (InvalidParameter.ParamError)" + setARN,
			"InternalError.SystemError":           "transient, retry true after 0s: an error inside STS (InternalError.SystemError)",
			"RequestLimitExceeded":                "throttled, retry true after 0s: too many calls to STS (RequestLimitExceeded)",
			"AuthFailure.TokenFailure":            "denied" + never + renew,
			"Something.New":                       "misconfigured" + never + "STS refused sts:AssumeRole (Something.New)",
			"not a code: " + host.Keys.Secret[:5]: "misconfigured" + never + "STS refused sts:AssumeRole (unreadable code)",
		},
		Incomplete: []string{
			`{"Response":{"RequestId":"R"}}`, `{"Response":{"Credentials":{}}}`,
			`{"Response":{"Credentials":{"Token":"a","TmpSecretId":"b","TmpSecretKey":"c"}}}`,
			`{"Response":{"Credentials":{"Token":"a","TmpSecretId":"b","TmpSecretKey":"c"},"ExpiredTime":"soon"}}`,
			`{"Response":{"Credentials":{"Token":"","TmpSecretId":"b","TmpSecretKey":"c"},"ExpiredTime":1796000000}}`,
			`{"Response":{"Credentials":{"Token":"a","TmpSecretId":"","TmpSecretKey":"c"},"ExpiredTime":1796000000}}`,
		},
	})
}
