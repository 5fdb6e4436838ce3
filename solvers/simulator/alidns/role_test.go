package alidns

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/issuer"
)

const (
	role     = "acs:ram::1:role/dns"
	provider = "acs:ram::1:oidc-provider/ack"
	pod      = "system:serviceaccount:certyun:certyun-solver"
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
		Owner: "bob", Keys: []cloud.Key{{ID: "bob", Secret: "secret"}}, Providers: []cloud.OIDCProvider{its.Provider(provider, "sts.aliyuncs.com")},
		Roles: []cloud.Role{{ARN: role, Trusts: []string{"id"}, Tokens: []cloud.TokenTrust{{Provider: provider, Subject: pod}}}},
	})
	return c, its
}

func tokenOf(t *testing.T, its *issuer.Issuer, subject, audience string, from time.Time) string {
	t.Helper()
	token, err := its.Token(subject, audience, from)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAssumeRoleWithOIDC(t *testing.T) {
	type asked struct {
		method, kind string
		query, form  url.Values
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
		"as it should be":          {func(*asked, *issuer.Issuer) {}, "200"},
		"the token in the URL":     {func(a *asked, _ *issuer.Issuer) { a.query["OIDCToken"] = a.form["OIDCToken"] }, "400 InvalidParameter"},
		"the role in the URL":      {func(a *asked, _ *issuer.Issuer) { a.query["RoleArn"] = a.form["RoleArn"] }, "400 InvalidParameter"},
		"the action in the form":   {func(a *asked, _ *issuer.Issuer) { a.query.Del("Action") }, "404 InvalidAction.NotFound"},
		"another version":          {func(a *asked, _ *issuer.Issuer) { a.query.Set("Version", "2015-01-09") }, "400 InvalidVersion"},
		"no time":                  {func(a *asked, _ *issuer.Issuer) { a.query.Del("Timestamp") }, "400 MissingTimestamp"},
		"by GET":                   {func(a *asked, _ *issuer.Issuer) { a.method = http.MethodGet }, "400 InvalidParameter"},
		"a body that is no form":   {func(a *asked, _ *issuer.Issuer) { a.kind = "application/json" }, "400 InvalidParameter"},
		"a form that is too long":  {func(a *asked, _ *issuer.Issuer) { a.form.Set("OIDCToken", strings.Repeat("x", maxForm)) }, "400 InvalidParameter"},
		"a parameter that is not":  {func(a *asked, _ *issuer.Issuer) { a.form.Set("Policy", "{}") }, "400 InvalidParameter"},
		"no token":                 {func(a *asked, _ *issuer.Issuer) { a.form.Del("OIDCToken") }, "400 MissingOIDCToken"},
		"no provider":              {func(a *asked, _ *issuer.Issuer) { a.form.Del("OIDCProviderArn") }, "400 MissingOIDCProviderArn"},
		"no name of the session":   {func(a *asked, _ *issuer.Issuer) { a.form.Del("RoleSessionName") }, "400 InvalidParameter.RoleSessionName"},
		"a role that is no ARN":    {func(a *asked, _ *issuer.Issuer) { a.form.Set("RoleArn", "dns") }, "400 InvalidParameter.RoleArn"},
		"for too long":             {func(a *asked, _ *issuer.Issuer) { a.form.Set("DurationSeconds", "7200") }, "400 InvalidParameter.DurationSeconds"},
		"a role that there is not": {func(a *asked, _ *issuer.Issuer) { a.form.Set("RoleArn", role+"-2") }, "404 EntityNotExist.Role"},
		"an unregistered provider": {func(a *asked, _ *issuer.Issuer) { a.form.Set("OIDCProviderArn", "x") }, "401 AuthenticationFail.NoPermission"},
		"another subject":          {func(a *asked, i *issuer.Issuer) { a.form.Set("OIDCToken", tokenOf(t, i, "x", "sts.aliyuncs.com", now)) }, "401 AuthenticationFail.NoPermission"},
		"another audience":         {func(a *asked, i *issuer.Issuer) { a.form.Set("OIDCToken", tokenOf(t, i, pod, "x", now)) }, "401 AuthenticationFail.OIDCToken.AudienceNotMatch"},
		"a token of yesterday": {func(a *asked, i *issuer.Issuer) {
			a.form.Set("OIDCToken", tokenOf(t, i, pod, "sts.aliyuncs.com", now.Add(-24*time.Hour)))
		}, "401 AuthenticationFail.OIDCToken.Expired"},
		"what is no token": {func(a *asked, _ *issuer.Issuer) { a.form.Set("OIDCToken", "x") }, "401 AuthenticationFail.OIDCToken.Invalid"},
		"signed by somebody else": {func(a *asked, _ *issuer.Issuer) {
			a.form.Set("OIDCToken", tokenOf(t, stranger, pod, "sts.aliyuncs.com", now))
		}, "401 AuthenticationFail.OIDCToken.InvalidSignature"},
		"the same parameter again":  {func(a *asked, _ *issuer.Issuer) { a.form.Add("RoleArn", role) }, "400 InvalidParameter"},
		"a key that signed nothing": {func(a *asked, _ *issuer.Issuer) { a.query.Set("AccessKeyId", "id") }, "400 InvalidParameter"},
	} {
		t.Run(name, func(t *testing.T) {
			c, its := trusting(t)
			token := tokenOf(t, its, pod, "sts.aliyuncs.com", now)
			a := &asked{
				method: http.MethodPost, kind: "application/x-www-form-urlencoded",
				query: url.Values{"Action": {"AssumeRoleWithOIDC"}, "Version": {"2015-04-01"}, "Format": {"JSON"}, "Timestamp": {now.UTC().Format(timeFormat)}},
				form:  url.Values{"OIDCProviderArn": {provider}, "OIDCToken": {token}, "RoleArn": {role}, "RoleSessionName": {"certyun"}, "DurationSeconds": {"900"}},
			}
			test.change(a, its)
			r := httptest.NewRequest(a.method, "/?"+a.query.Encode(), strings.NewReader(a.form.Encode()))
			r.Header.Set("Content-Type", a.kind)
			w := httptest.NewRecorder()
			New(c).ServeHTTP(w, r)
			call := c.Calls()[0]
			if got := strings.TrimSpace(strconv.Itoa(w.Code) + " " + call.Code); got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, w.Body)
			}
			for name, value := range call.Parameters {
				if name == "OIDCToken" || strings.Contains(value, token) {
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
		params := signed("GetCallerIdentity", parameters{"Version": "2015-04-01", "AccessKeyId": key.ID, "SignatureNonce": key.ID})
		if key.Token != "" {
			params["SecurityToken"] = key.Token
		}
		params["Signature"] = sign(stringToSign(http.MethodPost, params), key.Secret)
		answer, _ := send(c, params)
		var said map[string]string
		if err := json.Unmarshal(answer.Body.Bytes(), &said); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(said, func(name, _ string) bool { return name == "RequestId" })
		return said
	}
	if diff := cmp.Diff(map[string]string{
		"IdentityType": "RAMUser", "AccountId": "alice", "Arn": "acs:ram::alice:user/alice", "UserId": userID, "PrincipalId": userID,
	}, identify(cloud.Key{ID: "id", Secret: "secret"})); diff != "" {
		t.Errorf("a user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"IdentityType": "AssumedRoleUser", "AccountId": "bob", "Arn": "acs:ram::1:assumed-role/dns/certyun", "RoleId": roleID, "PrincipalId": roleID + ":certyun",
	}, identify(session)); diff != "" {
		t.Errorf("a session (-want +got):\n%s", diff)
	}
}
