package alidns_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/providertest"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/metadata"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	oidcProvider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa"
	nodeRoles    = "/latest/meta-data/ram/security-credentials/"
	never        = ", retry false after 0s: "
	noNodeRole   = "the solver's node has no RAM role, or not the one that is asked for; attach it to the ECS instance" +
		" (ALIBABA_CLOUD_ECS_METADATA names another one than the instance's)"
	nameASecret = "name a Secret in the Issuer, or give the solver an identity (docs/solvers.md#without-keys)"
)

func ambient(getenv credential.Getenv, sts, node wire.API) credential.Ambient {
	return alidns.NewAmbient(getenv, alidns.NewRoles(sts), node)
}

func TestAmbient(t *testing.T) {
	const (
		federate = "; register this cluster's OIDC provider in RAM, and let the role's trust policy name it with oidc:iss, oidc:aud and, in oidc:sub, the solver's ServiceAccount"
		register = "; register this cluster's issuer as an OIDC provider in RAM, and name it (the chart's ambient.alidns.oidcProviderArn)"
		refused  = " may not be assumed with the token of the solver's ServiceAccount (AuthenticationFail.NoPermission)" + federate
		audience = "the OIDC provider " + oidcProvider + " does not take the audience of the token of the solver's ServiceAccount (AuthenticationFail.OIDCToken.AudienceNotMatch);" +
			" let the token have an audience that is one of the provider's client ids (the chart's ambient.alidns.audience)"
		noVoucher = "the OIDC provider " + oidcProvider + " does not vouch for the token of the solver's ServiceAccount "
		expired   = "transient, retry true after 0s: the token of the solver's ServiceAccount has expired (AuthenticationFail.OIDCToken.Expired);" +
			" the kubelet renews it; check the node's clock"
	)
	providertest.RunAmbient(t, providertest.Ambient{
		Host: host, New: ambient,
		KeyVariables:   []string{"ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"},
		TokenVariables: []string{"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"},
		RoleVariable:   "ALIBABA_CLOUD_ROLE_ARN", ProviderVariable: "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", FileVariable: "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
		FromKeys: "the AccessKey in the solver's environment", FromToken: "the RRSA token of the solver's ServiceAccount",
		FromNode: "the RAM role of the solver's node",
		ARN:      dnsRole, Other: otherRole, Provider: oidcProvider, Audience: "sts.aliyuncs.com",
		TokenAction: "AssumeRoleWithOIDC",
		Parameters:  map[string]string{"RoleArn": dnsRole, "RoleSessionName": "certyun", "DurationSeconds": "3600", "OIDCProviderArn": oidcProvider},
		Metadata:    "http://100.100.100.200", Service: (*metadata.Node).ECS, Steps: []string{"/latest/api/token", nodeRoles, nodeRoles + "dns"},
		NoNodeRole: noNodeRole, Absent: nameASecret,
		Tokens: providertest.TokenRefusals{
			NotTrusted: "the role " + dnsRole + refused, OnlyKeys: "the role " + dnsRole + "-keys" + refused, NoProvider: "the role " + dnsRole + refused,
			NoRole: "the role " + dnsRole + "-2 does not exist (EntityNotExist.Role)" + setARN,
			Forged: noVoucher + "(AuthenticationFail.OIDCToken.InvalidSignature)" + register, Invalid: noVoucher + "(AuthenticationFail.OIDCToken.Invalid)" + register,
			Audience: audience, Expired: expired,
		},
		TokenCodes: map[string]string{
			"AuthenticationFail.NoPermission":               "denied" + never + "the role " + dnsRole + refused,
			"AuthenticationFail.OIDCToken.AudienceNotMatch": "denied" + never + audience,
			"AuthenticationFail.OIDCToken.Expired":          expired,
			"AuthenticationFail.OIDCToken.Other":            "denied" + never + noVoucher + "(AuthenticationFail.OIDCToken.Other)" + register,
			"EntityNotExist.OIDCProvider":                   "denied" + never + "RAM does not know the OIDC provider " + oidcProvider + " (EntityNotExist.OIDCProvider)" + register,
			"EntityNotExist.Role":                           "credential_gone" + never + "the role " + dnsRole + " does not exist (EntityNotExist.Role)" + setARN,
			"InvalidParameter.RoleArn":                      "misconfigured" + never + "STS does not take " + dnsRole + " for the ARN of a role (InvalidParameter.RoleArn)" + setARN,
			"InvalidParameter.OIDCToken":                    "misconfigured" + never + "STS refused a parameter of sts:AssumeRoleWithOIDC (InvalidParameter.OIDCToken)",
			"InternalError":                                 "transient, retry true after 0s: an error inside STS (InternalError)",
			"Throttling.User":                               "throttled, retry true after 0s: too many calls to STS (Throttling.User)",
			"Something.New":                                 "misconfigured" + never + "STS refused sts:AssumeRoleWithOIDC (Something.New)",
			"not a code: eyJhbGciOi":                        "misconfigured" + never + "STS refused sts:AssumeRoleWithOIDC (unreadable code)",
		},
		IncompleteSTS: []string{
			`{"RequestId":"R"}`, `{"Credentials":null}`, `{"Credentials":{}}`, `{"Code":7}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c"}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"tomorrow"}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"","Expiration":"2026-12-01T12:00:00Z"}}`,
			`{"Credentials":{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c\nd","Expiration":"2026-12-01T12:00:00Z"}}`,
		},
		IncompleteNode: []string{
			`{"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c"}`,
			`{"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":1796000000}`,
			`{"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"","Expiration":"2026-12-01T12:00:00Z"}`,
			`{"Code":"Success","AccessKeyId":"","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2026-12-01T12:00:00Z"}`,
			`{"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"b c","SecurityToken":"c","Expiration":"2026-12-01T12:00:00Z"}`,
			`{"Code":"Failed","AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2026-12-01T12:00:00Z"}`,
		},
	})
}

// node is a machine at a cloud where bob has a role.
func node(t *testing.T) *simulator.Endpoint {
	t.Helper()
	return host.Start(t, func(o *simulator.CloudOptions) { o.Accounts[1].Roles = []cloud.Role{{ARN: dnsRole}} })
}

// in are the ambient credentials of an environment, with a node's metadata service at a URL.
func in(t *testing.T, environment map[string]string, service string) credential.Ambient {
	t.Helper()
	transport, err := wire.NewMetadataTransport("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	getenv := func(name string) string { return environment[name] }
	scheme, at, _ := strings.Cut(service, "://")
	return ambient(getenv, wire.API{}, wire.API{Endpoint: wire.Endpoint{Scheme: scheme, Host: at}, Transport: transport})
}

func TestNodeRolesThatTheEnvironmentNames(t *testing.T) {
	for name, test := range map[string]struct {
		environment map[string]string
		want        string // "" for a session
	}{
		"the node's": {environment: map[string]string{"ALIBABA_CLOUD_ECS_METADATA": "dns"}},
		"another":    {map[string]string{"ALIBABA_CLOUD_ECS_METADATA": "other"}, "credential_gone" + never + noNodeRole},
		"an ARN": {
			map[string]string{"ALIBABA_CLOUD_ECS_METADATA": dnsRole},
			"misconfigured" + never + "the variable ALIBABA_CLOUD_ECS_METADATA in the solver's environment is not the name of a role; write the name, not the ARN",
		},
		"turned off": {
			map[string]string{"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "True"},
			"credential_gone" + never + "there are no ambient credentials: the variable ALIBABA_CLOUD_ECS_METADATA_DISABLED turns the node's off; " + nameASecret,
		},
		"not turned off": {environment: map[string]string{"ALIBABA_CLOUD_ECS_METADATA_DISABLED": "false"}},
	} {
		t.Run(name, func(t *testing.T) {
			world := node(t)
			world.Node.Attach(dnsRole, time.Hour)
			its := in(t, test.environment, world.Metadata)
			got, err := its.Session(t.Context(), config.Role{})
			if its.Name() != "the RAM role of the solver's node" || its.AssumesRoles() {
				t.Errorf("called %q, assumes roles: %v", its.Name(), its.AssumesRoles())
			}
			if test.want == "" && err == nil && got.Keys.OfSession() {
				return
			}
			if diff := cmp.Diff(test.want, providertest.Described(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialsURI(t *testing.T) {
	const (
		called  = "the credentials URI in the solver's environment"
		absent  = "; see to it that the service is there, or unset ALIBABA_CLOUD_CREDENTIALS_URI"
		invalid = "misconfigured" + never + "the variable ALIBABA_CLOUD_CREDENTIALS_URI in the solver's environment is not the URL of a service; write it like http://127.0.0.1:6666/"
		odd     = "transient, retry true after 0s: HOST answered HTTP %d with something that cannot be read"
	)
	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, body, status) })
	}
	for name, test := range map[string]struct {
		uri     string // "" for that of the server
		path    string
		handler http.Handler // nil for the node's
		want    string       // "" for a session
	}{
		"keys":                               {},
		"a path and a query are asked for":   {path: "/creds?secret=s3cret"},
		"two slashes name no other host":     {path: "//creds"},
		"no service":                         {uri: "http://127.0.0.1:1/creds?secret=s3cret", want: "credential_gone" + never + "connection refused by 127.0.0.1:1" + absent},
		"another scheme":                     {uri: "file:///etc/passwd", want: invalid},
		"no host":                            {uri: "http:///creds", want: invalid},
		"a user":                             {uri: "http://s3cret@127.0.0.1:1/", want: invalid},
		"no URL":                             {uri: "s3cret\x7f", want: invalid},
		"a service that fails":               {handler: answer(500, "no"), want: fmt.Sprintf(odd, 500)},
		"a page":                             {handler: answer(200, "<html>hello</html>"), want: fmt.Sprintf(odd, 200)},
		"no Code is as good as Success":      {handler: answer(200, `{"AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2036-12-01T12:00:00Z"}`)},
		"another Code":                       {handler: answer(200, `{"Code":"Failed","AccessKeyId":"STS.a","AccessKeySecret":"b","SecurityToken":"c","Expiration":"2036-12-01T12:00:00Z"}`), want: fmt.Sprintf(odd, 200)},
		"a redirect":                         {handler: http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound), want: "misconfigured" + never + "HOST answered with a redirect, which a signed request must not follow; check the endpoint's address and what stands between"},
		"a service that refuses to say them": {handler: answer(404, "no"), want: "misconfigured" + never + "HOST answered HTTP 404 with something that cannot be read; check the endpoint's address and what stands between"},
	} {
		t.Run(name, func(t *testing.T) {
			world := node(t)
			world.Node.Attach(dnsRole, time.Hour)
			handler, asked := test.handler, ""
			if handler == nil {
				handler = world.Node.URI()
			}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = r.Method + " " + r.RequestURI
				handler.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)
			uri := test.uri
			if uri == "" {
				uri = server.URL + test.path
			}
			its := in(t, map[string]string{"ALIBABA_CLOUD_CREDENTIALS_URI": uri}, world.Metadata)
			got, err := its.Session(t.Context(), config.Role{})
			if its.Name() != called || its.AssumesRoles() {
				t.Errorf("called %q, assumes roles: %v", its.Name(), its.AssumesRoles())
			}
			if strings.Contains(providertest.Text(err), "s3cret") {
				t.Errorf("the error holds a secret: %v", err)
			}
			if test.want != "" {
				if diff := cmp.Diff(strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(server.URL, "http://")), providertest.Described(err)); diff != "" || got != (credential.Session{}) {
					t.Errorf("(-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if path := test.path; path != "" && asked != "GET "+path {
				t.Errorf("asked %q, want %q", asked, path)
			}
			if test.handler != nil {
				return
			}
			if zones, err := host.Account(t, world.URL, got.Keys).Zones(t.Context()); err != nil || len(zones) != 1 {
				t.Errorf("zones %v, %v", zones, err)
			}
		})
	}
}

// A credentials URI comes after a token and before the node.
func TestOrderWithACredentialsURI(t *testing.T) {
	const uri, file = "ALIBABA_CLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"
	for want, environment := range map[string]map[string]string{
		"the RRSA token of the solver's ServiceAccount":   {uri: "http://127.0.0.1:1/", file: "x"},
		"the credentials URI in the solver's environment": {uri: "http://127.0.0.1:1/", "ALIBABA_CLOUD_ECS_METADATA": "dns"},
	} {
		if got := in(t, environment, "http://127.0.0.1:1").Name(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What only RRSA has: no external id, and a name of the session in the environment.
func TestRRSA(t *testing.T) {
	world := host.Start(t, func(o *simulator.CloudOptions) { o.Accounts[1].Roles = []cloud.Role{{ARN: dnsRole}} })
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"ALIBABA_CLOUD_ROLE_ARN": dnsRole, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": oidcProvider, "ALIBABA_CLOUD_OIDC_TOKEN_FILE": file,
		"ALIBABA_CLOUD_ROLE_SESSION_NAME": "cluster-a",
	}
	its := ambient(func(name string) string { return environment[name] }, providertest.At(t, world.URL, nil), wire.API{})
	_, err := its.Session(t.Context(), config.Role{ARN: dnsRole, SessionName: "certyun", ExternalID: "shop/42"})
	want := "misconfigured" + never + "an RRSA token assumes a role without an external id; remove config.externalId, or set config.roleChain to true"
	if diff := cmp.Diff(want, providertest.Described(err)); diff != "" || len(world.Calls()) != 0 {
		t.Errorf("%d calls (-want +got):\n%s", len(world.Calls()), diff)
	}
	for want, role := range map[string]config.Role{"cluster-a": {}, "team-a": {ARN: dnsRole, SessionName: "team-a"}} {
		world.ResetCalls()
		if _, err := its.Session(t.Context(), role); err == nil {
			t.Fatal("a token that is none is taken")
		}
		if got := world.Calls()[0].Parameters["RoleSessionName"]; got != want {
			t.Errorf("the session is called %q, want %q", got, want)
		}
	}
}
