package dnspod

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/issuer"
)

const (
	role = "qcs::cam::uin/1:roleName/dns"
	pod  = "system:serviceaccount:certyun:certyun-solver"
)

// trusting is a cloud in which bob's role trusts tokens of a pod.
func trusting(t *testing.T) (*cloud.Cloud, *issuer.Issuer) {
	t.Helper()
	its, err := issuer.New("https://oidc.example")
	if err != nil {
		t.Fatal(err)
	}
	c := world(t)
	c.PutAccount(cloud.Account{
		Owner: "bob", Keys: []cloud.Key{{ID: "bob", Secret: "secret"}}, Providers: []cloud.OIDCProvider{its.Provider("tke", "sts.cloud.tencent.com")},
		Roles: []cloud.Role{{ARN: role, Trusts: []string{"id"}, Tokens: []cloud.TokenTrust{{Provider: "tke", Subject: pod}}}},
	})
	return c, its
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	type asked struct {
		header http.Header
		body   map[string]any
	}
	tokenOf := func(its *issuer.Issuer, subject, audience string, from time.Time) string {
		token, err := its.Token(subject, audience, from)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	stranger, err := issuer.New("https://oidc.example")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, test := range map[string]struct {
		change func(*asked, *issuer.Issuer)
		want   string
	}{
		"as it should be":                {func(*asked, *issuer.Issuer) {}, ""},
		"another version":                {func(a *asked, _ *issuer.Issuer) { a.header.Set("X-TC-Version", "2021-03-23") }, "NoSuchVersion"},
		"no authorization":               {func(a *asked, _ *issuer.Issuer) { a.header.Del("Authorization") }, "AuthFailure.InvalidAuthorization"},
		"an action that is to be signed": {func(a *asked, _ *issuer.Issuer) { a.header.Set("X-TC-Action", "AssumeRole") }, "AuthFailure.InvalidAuthorization"},
		"no region":                      {func(a *asked, _ *issuer.Issuer) { a.header.Del("X-TC-Region") }, "MissingParameter"},
		"a parameter that is not":        {func(a *asked, _ *issuer.Issuer) { a.body["Policy"] = "{}" }, "UnknownParameter"},
		"no token":                       {func(a *asked, _ *issuer.Issuer) { delete(a.body, "WebIdentityToken") }, "MissingParameter"},
		"a token that is a number":       {func(a *asked, _ *issuer.Issuer) { a.body["WebIdentityToken"] = 1 }, "InvalidParameter"},
		"no provider":                    {func(a *asked, _ *issuer.Issuer) { delete(a.body, "ProviderId") }, "MissingParameter"},
		"a role that is no ARN":          {func(a *asked, _ *issuer.Issuer) { a.body["RoleArn"] = "dns" }, "InvalidParameter.ParamError"},
		"for too long":                   {func(a *asked, _ *issuer.Issuer) { delete(a.body, "DurationSeconds") }, "InvalidParameter.OverTimeError"},
		"a role that there is not":       {func(a *asked, _ *issuer.Issuer) { a.body["RoleArn"] = role + "-2" }, "ResourceNotFound.RoleNotFound"},
		"a provider that is not there":   {func(a *asked, _ *issuer.Issuer) { a.body["ProviderId"] = "x" }, "InvalidParameter.ParamError"},
		"another subject": {func(a *asked, i *issuer.Issuer) {
			a.body["WebIdentityToken"] = tokenOf(i, "x", "sts.cloud.tencent.com", now)
		}, "UnauthorizedOperation"},
		"another audience": {func(a *asked, i *issuer.Issuer) { a.body["WebIdentityToken"] = tokenOf(i, pod, "x", now) }, "InvalidParameter.ParamError"},
		"a token of yesterday": {func(a *asked, i *issuer.Issuer) {
			a.body["WebIdentityToken"] = tokenOf(i, pod, "sts.cloud.tencent.com", now.Add(-24*time.Hour))
		}, "InvalidParameter.ParamError"},
		"what is no token": {func(a *asked, _ *issuer.Issuer) { a.body["WebIdentityToken"] = "x" }, "InvalidParameter.ParamError"},
		"a token signed by somebody else": {func(a *asked, _ *issuer.Issuer) {
			a.body["WebIdentityToken"] = tokenOf(stranger, pod, "sts.cloud.tencent.com", now)
		}, "InvalidParameter.ParamError"},
		"an action of the DNS, not signed": {func(a *asked, _ *issuer.Issuer) {
			a.header["X-Tc-Action"], a.header["X-Tc-Version"] = []string{"DescribeDomainList"}, []string{"2021-03-23"}
		}, "AuthFailure.InvalidAuthorization"},
	} {
		t.Run(name, func(t *testing.T) {
			c, its := trusting(t)
			token := tokenOf(its, pod, "sts.cloud.tencent.com", now)
			a := &asked{
				header: http.Header{
					"X-Tc-Action": {"AssumeRoleWithWebIdentity"}, "X-Tc-Version": {"2018-08-13"}, "X-Tc-Region": {"ap-guangzhou"}, "Authorization": {"SKIP"},
					"X-Tc-Timestamp": {fmt.Sprint(now.Unix())},
				},
				body: map[string]any{"ProviderId": "tke", "WebIdentityToken": token, "RoleArn": role, "RoleSessionName": "certyun", "DurationSeconds": 900},
			}
			test.change(a, its)
			payload, err := json.Marshal(a.body)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(payload)))
			r.Header = a.header
			if answer, got := send(c, r); got != test.want || answer.Code != http.StatusOK {
				t.Errorf("%d %q, want 200 %q: %s", answer.Code, got, test.want, answer.Body)
			}
			for name, value := range c.Calls()[0].Parameters {
				if name == "WebIdentityToken" || strings.Contains(value, token) {
					t.Errorf("the log has the token as %s", name)
				}
			}
		})
	}
}

// Whoever signs a request is told who he is, and so is whoever has a session.
func TestGetCallerIdentity(t *testing.T) {
	c, _ := trusting(t)
	session, err := c.Assume(cloud.Key{ID: "id"}, "", cloud.Session{Role: role, Name: "certyun", Lasts: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	identify := func(key cloud.Key) map[string]string {
		r := signedRequest("GetCallerIdentity", "{}", "content-type;host", "sts")
		r.Header.Set("X-TC-Version", "2018-08-13")
		r.Header.Set("X-TC-Region", "ap-guangzhou")
		r.Header.Set("X-TC-Token", key.Token)
		auth, err := parseAuthorization(r.Header.Get("Authorization"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", fmt.Sprintf("%s Credential=%s/%s/sts/tc3_request, SignedHeaders=content-type;host, Signature=%s",
			algorithm, key.ID, auth.date, sign(r, []byte("{}"), auth, key.Secret)))
		answer, _ := send(c, r)
		var said struct{ Response map[string]string }
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil {
			t.Fatalf("%v: %s", err, answer.Body)
		}
		maps.DeleteFunc(said.Response, func(name, _ string) bool { return name == "RequestId" })
		return said.Response
	}
	if diff := cmp.Diff(map[string]string{
		"Type": "CAMUser", "AccountId": "alice", "Arn": "qcs::cam::uin/alice:uin/alice", "UserId": "alice", "PrincipalId": "alice",
	}, identify(cloud.Key{ID: "id", Secret: "secret"})); diff != "" {
		t.Errorf("a user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"Type": "CAMRole", "AccountId": "bob", "Arn": "qcs::sts:bob:assumed-role/" + roleID, "UserId": roleID + ":certyun", "PrincipalId": "bob",
	}, identify(session)); diff != "" {
		t.Errorf("a session (-want +got):\n%s", diff)
	}
}
