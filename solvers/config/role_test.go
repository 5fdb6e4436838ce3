package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers/config"
)

func TestRoles(t *testing.T) {
	const (
		ram, cam = "acs:ram::1234567890123456:role/dns", "qcs::cam::uin/100000000001:roleName/dns"
		notRAM   = "roleArn: Invalid value: must be the ARN of a role like acs:ram::1234567890123456:role/certyun"
		notCAM   = "roleArn: Invalid value: must be the ARN of a role like qcs::cam::uin/100000000001:roleName/certyun"
		noRole   = ": Forbidden: is of a role; name the role with roleArn, or remove it"
	)
	alidns := func(fields string) (config.Solver, field.ErrorList) {
		return config.DecodeAlidns(nil, []byte(`{`+alidnsPair+`, `+fields+`}`))
	}
	dnspod := func(fields string) (config.Solver, field.ErrorList) {
		return config.DecodeDNSPod(nil, []byte(`{`+dnspodPair+`, `+fields+`}`))
	}
	for name, test := range map[string]struct {
		decode func(fields string) (config.Solver, field.ErrorList)
		fields string
		want   config.Role
		errs   []string
	}{
		"a RAM role": {alidns, `"roleArn": "` + ram + `"`, config.Role{ARN: ram, SessionName: "certyun"}, nil},
		"a RAM role with all that belongs to it": {
			alidns, `"rolearn": "` + ram + `", "roleSessionName": "team-a@shop", "externalId": "acme:42/x"`,
			config.Role{ARN: ram, SessionName: "team-a@shop", ExternalID: "acme:42/x"},
			nil,
		},
		"a CAM role": {dnspod, `"roleArn": "` + cam + `", "roleSessionName": "team=a"`, config.Role{ARN: cam, SessionName: "team=a"}, nil},
		"a CAM role by its number": {
			dnspod, `"roleArn": "qcs::cam::uin/1:role/4611686018427397919"`, config.Role{ARN: "qcs::cam::uin/1:role/4611686018427397919", SessionName: "certyun"}, nil,
		},
		"empty texts are unset":           {alidns, `"roleArn": "", "roleSessionName": "", "externalId": null`, config.Role{}, nil},
		"a name alone":                    {alidns, `"roleArn": "dns"`, config.Role{}, []string{notRAM}},
		"a CAM role in alidns":            {alidns, `"roleArn": "` + cam + `"`, config.Role{}, []string{notRAM}},
		"a RAM role in dnspod":            {dnspod, `"roleArn": "` + ram + `"`, config.Role{}, []string{notCAM}},
		"a user":                          {alidns, `"roleArn": "acs:ram::1:user/dns"`, config.Role{}, []string{notRAM}},
		"a line break after it":           {alidns, `"roleArn": "` + ram + `\n"`, config.Role{}, []string{notRAM}},
		"an external id for dnspod":       {dnspod, `"roleArn": "` + cam + `", "externalId": "x1"`, config.Role{ARN: cam, SessionName: "certyun"}, []string{"externalId: " + noField}},
		"a name of a session for no role": {dnspod, `"roleSessionName": "dns"`, config.Role{}, []string{"roleSessionName" + noRole}},
		"an external id for no role":      {alidns, `"externalId": "x1"`, config.Role{}, []string{"externalId" + noRole}},
		"a short name of a session": {
			alidns, `"roleArn": "` + ram + `", "roleSessionName": "a"`,
			config.Role{ARN: ram, SessionName: "certyun"},
			[]string{"roleSessionName: Invalid value: must be 2 to 64 letters, digits and .@_-"},
		},
		"a name of a session with a blank": {
			dnspod, `"roleArn": "` + cam + `", "roleSessionName": "team a"`,
			config.Role{ARN: cam, SessionName: "certyun"},
			[]string{"roleSessionName: Invalid value: must be 2 to 128 letters, digits and +=,.@_-"},
		},
		"an external id with a blank": {
			alidns, `"roleArn": "` + ram + `", "externalId": "a b"`,
			config.Role{ARN: ram, SessionName: "certyun"},
			[]string{"externalId: Invalid value: must be 2 to 1224 letters, digits and =,.@:/_-"},
		},
		"a number": {alidns, `"roleArn": 1234567890123456`, config.Role{}, []string{"roleArn: Invalid value: must be a string, not a number"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs := test.decode(test.fields)
			if diff := cmp.Diff(test.want, got.Role); diff != "" {
				t.Errorf("role (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.errs, texts(errs)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}
