package dnspod_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator/metadata"
	"github.com/certyun/certyun/solvers/wire"
)

func ambient(getenv credential.Getenv, sts, node wire.API) credential.Ambient {
	return dnspod.NewAmbient(getenv, dnspod.NewRoles(sts), node)
}

func TestAmbient(t *testing.T) {
	const (
		dnsRole, otherRole = "qcs::cam::uin/100000000001:roleName/dns", "qcs::cam::uin/100000000001:roleName/other"
		provider           = "tke-oidc-1"
		nodeRoles          = "/latest/meta-data/cam/security-credentials/"
		never              = ", retry false after 0s: "
		refused            = " may not be assumed with the token of the solver's ServiceAccount "
		check              = "; check that CAM has the OIDC provider " + provider + " with this cluster's issuer and keys, that the token's audience is one of its client ids" +
			" (the chart's ambient.dnspod.audience), and that the role's trust policy names the provider and the solver's ServiceAccount"
		untrusted = "the role " + dnsRole + refused + "(UnauthorizedOperation)" + check
		wrong     = "the role " + dnsRole + refused + "(InvalidParameter.ParamError)"
		setARN    = "; set config.roleArn to the role's ARN (RoleArn) that the CAM console shows"
	)
	providertest.RunAmbient(t, providertest.Ambient{
		Host: host, New: ambient,
		KeyVariables:   []string{"TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN"},
		TokenVariables: []string{"TKE_PROVIDER_ID", "TKE_WEB_IDENTITY_TOKEN_FILE", "TKE_ROLE_ARN"},
		RoleVariable:   "TKE_ROLE_ARN", ProviderVariable: "TKE_PROVIDER_ID", FileVariable: "TKE_WEB_IDENTITY_TOKEN_FILE",
		FromKeys: "the key in the solver's environment", FromToken: "the OIDC token of the solver's ServiceAccount",
		FromNode: "the CAM role of the solver's node",
		ARN:      dnsRole, Other: otherRole, Provider: provider, Audience: "sts.cloud.tencent.com",
		TokenAction: "AssumeRoleWithWebIdentity",
		Parameters:  map[string]string{"RoleArn": dnsRole, "RoleSessionName": "certyun", "DurationSeconds": "3600", "ProviderId": provider},
		Metadata:    "http://metadata.tencentyun.com", Service: (*metadata.Node).CVM, Steps: []string{nodeRoles, nodeRoles + "dns"},
		NoNodeRole: "the solver's node has no CAM role; bind one to the CVM instance",
		Absent:     "name a Secret in the Issuer, or give the solver an identity (docs/solvers.md#without-keys)",
		Tokens: providertest.TokenRefusals{
			NotTrusted: untrusted, OnlyKeys: "the role " + dnsRole + "-keys" + refused + "(UnauthorizedOperation)" + check,
			NoRole: "the role " + dnsRole + "-2 does not exist (ResourceNotFound.RoleNotFound)" + setARN,
			NoProvider: wrong + "; check that CAM has the OIDC provider " + provider + "-2 with this cluster's issuer and keys, that the token's audience is one of its client ids" +
				" (the chart's ambient.dnspod.audience), and that the role's trust policy names the provider and the solver's ServiceAccount",
			Forged: wrong + check, Invalid: wrong + check, Audience: wrong + check, Expired: "denied" + never + wrong + check,
		},
		TokenCodes: map[string]string{
			"UnauthorizedOperation":         "denied" + never + untrusted,
			"AuthFailure.SecretIdNotFound":  "denied" + never + "the role " + dnsRole + refused + "(AuthFailure.SecretIdNotFound)" + check,
			"AuthFailure.TokenFailure":      "denied" + never + "the role " + dnsRole + refused + "(AuthFailure.TokenFailure)" + check,
			"InvalidParameter.ParamError":   "denied" + never + wrong + check,
			"InternalError.IllegalRole":     "denied" + never + "the role " + dnsRole + refused + "(InternalError.IllegalRole)" + check,
			"InternalError.GetRoleError":    "denied" + never + "the role " + dnsRole + refused + "(InternalError.GetRoleError)" + check,
			"ResourceNotFound.RoleNotFound": "credential_gone" + never + "the role " + dnsRole + " does not exist (ResourceNotFound.RoleNotFound)" + setARN,
			"InternalError.SystemError":     "transient, retry true after 0s: an error inside STS (InternalError.SystemError)",
			"RequestLimitExceeded":          "throttled, retry true after 0s: too many calls to STS (RequestLimitExceeded)",
			"Something.New":                 "misconfigured" + never + "STS refused sts:AssumeRoleWithWebIdentity (Something.New)",
			"not a code: eyJhbGciOi":        "misconfigured" + never + "STS refused sts:AssumeRoleWithWebIdentity (unreadable code)",
		},
		IncompleteSTS: []string{
			`{"Response":{"RequestId":"R"}}`, `{"Response":{"Credentials":{}}}`,
			`{"Response":{"Credentials":{"Token":"a","TmpSecretId":"b","TmpSecretKey":"c"}}}`,
			`{"Response":{"Credentials":{"Token":"","TmpSecretId":"b","TmpSecretKey":"c"},"ExpiredTime":1796000000}}`,
			`{"Response":{"Credentials":{"Token":"a\nb","TmpSecretId":"b","TmpSecretKey":"c"},"ExpiredTime":1796000000}}`,
		},
		IncompleteNode: []string{
			`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"b","Token":"c"}`,
			`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"b","Token":"c","ExpiredTime":"soon"}`,
			`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"b","Token":"","ExpiredTime":1796000000}`,
			`{"Code":"Success","TmpSecretId":"","TmpSecretKey":"b","Token":"c","ExpiredTime":1796000000}`,
			`{"Code":"Success","TmpSecretId":"a","TmpSecretKey":"b c","Token":"c","ExpiredTime":1796000000}`,
			`{"TmpSecretId":"a","TmpSecretKey":"b","Token":"c","ExpiredTime":1796000000}`,
			`{"Code":"InternalError","TmpSecretId":"a","TmpSecretKey":"b","Token":"c","ExpiredTime":1796000000}`,
		},
	})
}

// STS is asked in the cluster's region where TKE says which that is.
func TestRegionOfAToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{"ap-beijing": "ap-beijing", "": "ap-guangzhou"} {
		server := host.Serve(t, func(providertest.Asked) providertest.Answer { return host.Refuse("UnauthorizedOperation") })
		environment := map[string]string{
			"TKE_REGION": set, "TKE_PROVIDER_ID": "tke", "TKE_WEB_IDENTITY_TOKEN_FILE": file, "TKE_ROLE_ARN": "qcs::cam::uin/1:roleName/dns",
		}
		its := ambient(func(name string) string { return environment[name] }, providertest.At(t, server.URL, nil), wire.API{})
		if _, err := its.Session(t.Context(), config.Role{}); err == nil {
			t.Error("a refusal is a session")
		}
		if got := server.Asked()[0].Header.Get("X-TC-Region"); got != want {
			t.Errorf("with %q, asked in %q", set, got)
		}
	}
}
