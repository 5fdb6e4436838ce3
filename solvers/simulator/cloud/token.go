package cloud

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Why a cloud does not let somebody assume a role with a token.
var (
	ErrNoProvider      = errors.New("no such OIDC provider")
	ErrTokenInvalid    = errors.New("the token is none of the provider's, or not good yet")
	ErrTokenSignature  = errors.New("the signature of the token is none of the provider's")
	ErrTokenExpired    = errors.New("the token has expired")
	ErrTokenAudience   = errors.New("the token is for another audience")
	ErrTokenNotTrusted = errors.New("the role does not trust the token")
)

// OIDCProvider is an issuer of tokens that an account has registered.
type OIDCProvider struct {
	// ID is what the cloud calls it.
	ID string
	// Issuer is what tokens say of who issued them.
	Issuer string
	// Audiences are those that tokens may be for, the client ids of the provider.
	Audiences []string
	Keys      []PublicKey
}

// PublicKey verifies tokens.
type PublicKey struct {
	// ID is that in a token's header. A key without one is tried with every token.
	ID  string
	Key crypto.PublicKey
}

// TokenTrust lets a role be assumed with the tokens of a provider of the same account.
type TokenTrust struct {
	// Provider is the provider's ID, Subject whom the token is about.
	Provider, Subject string
	// Audience, when set, must be one of the token's.
	Audience string
}

// AssumeWithToken gives a temporary key with the rights of a role, to whoever has a token of an OIDC provider that the role trusts.
func (c *Cloud) AssumeWithToken(provider, token string, wanted Session) (Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, role := c.roleOf(wanted.Role)
	if role == nil {
		return Key{}, ErrNoRole
	}
	i := slices.IndexFunc(account.Providers, func(p OIDCProvider) bool { return p.ID == provider })
	if i < 0 {
		return Key{}, ErrNoProvider
	}
	claims, err := account.Providers[i].verify(token, c.clock)
	if err != nil {
		return Key{}, err
	}
	trusts := func(t TokenTrust) bool {
		return t.Provider == provider && t.Subject == claims.Subject && (t.Audience == "" || slices.Contains(claims.Audience, t.Audience))
	}
	if !slices.ContainsFunc(role.Tokens, trusts) {
		return Key{}, ErrTokenNotTrusted
	}
	if !role.lasts(wanted.Lasts) {
		return Key{}, ErrSession
	}
	return c.grant(account, role, wanted), nil
}

// verify returns what a token says, if it is one of the provider's.
func (p OIDCProvider) verify(token string, now func() time.Time) (*jwt.RegisteredClaims, error) {
	if p.Issuer == "" || len(p.Audiences) == 0 {
		return nil, ErrTokenInvalid // the parser would take any
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256", "ES256"}), jwt.WithIssuer(p.Issuer), jwt.WithAudience(p.Audiences...),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(now))
	claims := &jwt.RegisteredClaims{}
	_, err := parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) { return p.keysFor(t), nil })
	switch {
	case err == nil:
		return claims, nil
	case errors.Is(err, jwt.ErrTokenSignatureInvalid), errors.Is(err, jwt.ErrTokenUnverifiable):
		return nil, ErrTokenSignature
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return nil, ErrTokenInvalid
	case errors.Is(err, jwt.ErrTokenExpired):
		return nil, ErrTokenExpired
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return nil, ErrTokenAudience
	}
	return nil, ErrTokenInvalid
}

// keysFor are the keys that a token may be signed with.
func (p OIDCProvider) keysFor(t *jwt.Token) jwt.VerificationKeySet {
	var set jwt.VerificationKeySet
	for _, k := range p.Keys {
		if k.ID == "" || k.ID == t.Header["kid"] {
			set.Keys = append(set.Keys, k.Key)
		}
	}
	return set
}
