package cloud_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	pod    = "system:serviceaccount:certyun:certyun-solver"
	issuer = "https://oidc.example"
)

// signers are the keys of an issuer: two that its provider has, each by its id, and one that it has not.
type signers struct {
	rsa             *rsa.PrivateKey
	elliptic, other *ecdsa.PrivateKey
}

func newSigners(t *testing.T) signers {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	o, err3 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	return signers{r, e, o}
}

// shown is a token: how it is signed, and what it says.
type shown struct {
	method jwt.SigningMethod
	key    any
	kid    string
	claims jwt.MapClaims
}

func (s shown) token(t *testing.T) string {
	t.Helper()
	token := jwt.NewWithClaims(s.method, s.claims)
	if s.kid != "" {
		token.Header["kid"] = s.kid
	}
	text, err := token.SignedString(s.key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestAssumeWithToken(t *testing.T) {
	now, keys := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), newSigners(t)
	type asked struct {
		shown
		provider, role string
		lasts, skew    time.Duration
		spoil          func(token string) string
	}
	usual := func() asked {
		return asked{provider: "oidc", role: "dns", lasts: time.Hour, shown: shown{method: jwt.SigningMethodES256, key: keys.elliptic, kid: "e", claims: jwt.MapClaims{
			"iss": issuer, "sub": pod, "aud": []string{"sts.example"}, "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		}}}
	}
	claim := func(name string, value any) func(*asked) { return func(a *asked) { a.claims[name] = value } }
	without := func(name string) func(*asked) { return func(a *asked) { delete(a.claims, name) } }
	part := func(i int, text string) func(*asked) {
		return func(a *asked) {
			a.spoil = func(token string) string {
				parts := strings.Split(token, ".")
				parts[i] = base64.RawURLEncoding.EncodeToString([]byte(text))
				return strings.Join(parts, ".")
			}
		}
	}
	for name, test := range map[string]struct {
		change func(*asked)
		want   error
	}{
		"signed with ES256":                         {func(*asked) {}, nil},
		"signed with RS256":                         {func(a *asked) { a.method, a.key, a.kid = jwt.SigningMethodRS256, keys.rsa, "r" }, nil},
		"one audience of two is enough":             {claim("aud", []string{"other", "sts.example"}), nil},
		"an audience that is one text":              {claim("aud", "sts.example"), nil},
		"a role that asks for the audience":         {func(a *asked) { a.role = "asks" }, nil},
		"a role that asks for another":              {func(a *asked) { a.role, a.claims["aud"] = "asks", "second.example" }, cloud.ErrTokenNotTrusted},
		"a key that the provider has not":           {func(a *asked) { a.key = keys.other }, cloud.ErrTokenSignature},
		"a key by the id of another":                {func(a *asked) { a.kid = "r" }, cloud.ErrTokenSignature},
		"a key by an id that there is not":          {func(a *asked) { a.kid = "x" }, cloud.ErrTokenSignature},
		"no key's id":                               {func(a *asked) { a.kid = "" }, cloud.ErrTokenSignature},
		"a key without an id is tried with any":     {func(a *asked) { a.provider, a.role = "plain", "plain" }, nil},
		"signed with HMAC":                          {func(a *asked) { a.method, a.key = jwt.SigningMethodHS256, []byte("secret") }, cloud.ErrTokenSignature},
		"signed with PS256":                         {func(a *asked) { a.method, a.key, a.kid = jwt.SigningMethodPS256, keys.rsa, "r" }, cloud.ErrTokenSignature},
		"not signed":                                {func(a *asked) { a.method, a.key = jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType }, cloud.ErrTokenSignature},
		"claims that were changed after":            {part(1, `{"iss":"`+issuer+`","sub":"`+pod+`","aud":"sts.example","exp":99999999999}`), cloud.ErrTokenSignature},
		"another issuer":                            {claim("iss", "https://evil.example"), cloud.ErrTokenInvalid},
		"no issuer":                                 {without("iss"), cloud.ErrTokenInvalid},
		"another audience":                          {claim("aud", "kubernetes"), cloud.ErrTokenAudience},
		"no audience":                               {without("aud"), cloud.ErrTokenInvalid},
		"another subject":                           {claim("sub", "system:serviceaccount:default:default"), cloud.ErrTokenNotTrusted},
		"expired":                                   {claim("exp", now.Add(-time.Second).Unix()), cloud.ErrTokenExpired},
		"expired by the cloud's clock":              {func(a *asked) { a.skew = time.Hour }, cloud.ErrTokenExpired},
		"for ever":                                  {without("exp"), cloud.ErrTokenInvalid},
		"not good yet":                              {claim("nbf", now.Add(time.Second).Unix()), cloud.ErrTokenInvalid},
		"no token":                                  {func(a *asked) { a.spoil = func(string) string { return "" } }, cloud.ErrTokenInvalid},
		"half a token":                              {func(a *asked) { a.spoil = func(s string) string { return s[:len(s)/2] } }, cloud.ErrTokenInvalid},
		"another provider, whom the role knows not": {func(a *asked) { a.provider = "plain" }, cloud.ErrTokenNotTrusted},
		"a provider that is not registered":         {func(a *asked) { a.provider = "none" }, cloud.ErrNoProvider},
		"a provider of another account":             {func(a *asked) { a.provider = "alices" }, cloud.ErrNoProvider},
		"a provider that takes no audience":         {func(a *asked) { a.provider = "closed" }, cloud.ErrTokenInvalid},
		"a role that there is not":                  {func(a *asked) { a.role = "none" }, cloud.ErrNoRole},
		"a role that trusts keys alone":             {func(a *asked) { a.role = "keys" }, cloud.ErrTokenNotTrusted},
		"for a moment":                              {func(a *asked) { a.lasts = time.Minute }, cloud.ErrSession},
		"for longer than the role allows":           {func(a *asked) { a.lasts = 2 * time.Hour }, cloud.ErrSession},
	} {
		t.Run(name, func(t *testing.T) {
			a := usual()
			test.change(&a)
			c := cloud.New(cloud.Options{Now: func() time.Time { return now }, Settings: cloud.Settings{ClockSkew: a.skew}, Dialect: cloud.Dialect{SessionKey: "STS."}})
			provider := cloud.OIDCProvider{
				ID: "oidc", Issuer: issuer, Audiences: []string{"sts.example", "second.example"},
				Keys: []cloud.PublicKey{{"r", keys.rsa.Public()}, {"e", keys.elliptic.Public()}},
			}
			plain, closed, alices := provider, provider, provider
			plain.ID, plain.Keys = "plain", []cloud.PublicKey{{Key: keys.rsa.Public()}, {Key: keys.elliptic.Public()}}
			closed.ID, closed.Audiences = "closed", nil
			alices.ID = "alices"
			c.PutAccount(cloud.Account{Owner: "alice", Providers: []cloud.OIDCProvider{alices}})
			c.PutAccount(cloud.Account{Owner: "bob", Providers: []cloud.OIDCProvider{provider, plain, closed}, Roles: []cloud.Role{
				{ARN: "dns", Tokens: []cloud.TokenTrust{{Provider: "oidc", Subject: pod}}, Zones: []string{"bob.example"}},
				{ARN: "asks", Tokens: []cloud.TokenTrust{{Provider: "oidc", Subject: pod, Audience: "sts.example"}}},
				{ARN: "plain", Tokens: []cloud.TokenTrust{{Provider: "plain", Subject: pod}}},
				{ARN: "keys", Trusts: []string{"alice", pod, "oidc"}},
			}})
			token := a.token(t)
			if a.spoil != nil {
				token = a.spoil(token)
			}
			key, err := c.AssumeWithToken(a.provider, token, cloud.Session{Role: a.role, Name: "certyun", Lasts: a.lasts})
			if !errors.Is(err, test.want) || (err == nil) != (key.Token != "") {
				t.Fatalf("got %v, want %v, and a key: %v", err, test.want, key.Token != "")
			}
			if _, owner, known := c.Key(key.ID); known != (err == nil) || known && (owner != "bob" || !key.Expires.Equal(now.Add(time.Hour))) {
				t.Errorf("the key of %q is known: %v, and ends at %v", owner, known, key.Expires)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	c := cloud.New(cloud.Options{Now: func() time.Time { return now }})
	c.PutAccount(cloud.Account{Owner: "bob", Roles: []cloud.Role{{ARN: "node"}, {ARN: "dns", Trusts: []string{"node"}}}})
	if _, err := c.Grant(cloud.Session{Role: "none", Lasts: time.Hour}); !errors.Is(err, cloud.ErrNoRole) {
		t.Errorf("a role that there is not: %v", err)
	}
	key, err := c.Grant(cloud.Session{Role: "node", Name: "i-1", Lasts: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if !key.Expires.Equal(now.Add(time.Minute)) || key.Session.Role != "node" || key.Session.Name != "i-1" {
		t.Errorf("the key is of %+v and ends at %v", key.Session, key.Expires)
	}
	if _, err := c.Assume(key, "", cloud.Session{Role: "dns", Lasts: time.Hour}); err != nil {
		t.Errorf("a session of a role that is trusted: %v", err)
	}
	if _, err := c.Assume(key, "", cloud.Session{Role: "node", Lasts: time.Hour}); !errors.Is(err, cloud.ErrNotTrusted) {
		t.Errorf("a session of a role that is not trusted: %v", err)
	}
}
