// Package issuer signs tokens for ServiceAccounts as the API server of a cluster does.
package issuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Issuer is that of one cluster. It has one key.
type Issuer struct {
	// URL is what its tokens say of who issued them.
	URL string
	key *ecdsa.PrivateKey
}

// New makes an issuer.
func New(url string) (*Issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("the key of the issuer %s: %w", url, err)
	}
	return &Issuer{url, key}, nil
}

// Provider is the issuer as an account of a cloud registers it.
func (i *Issuer) Provider(id string, audiences ...string) cloud.OIDCProvider {
	return cloud.OIDCProvider{ID: id, Issuer: i.URL, Audiences: audiences, Keys: []cloud.PublicKey{{Key: i.key.Public()}}}
}

// Token is one about a subject, which is good for an hour from a time on.
func (i *Issuer) Token(subject, audience string, from time.Time) (string, error) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.RegisteredClaims{
		Issuer: i.URL, Subject: subject, Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(from), NotBefore: jwt.NewNumericDate(from), ExpiresAt: jwt.NewNumericDate(from.Add(time.Hour)),
	}).SignedString(i.key)
	if err != nil {
		return "", fmt.Errorf("a token of the issuer %s: %w", i.URL, err)
	}
	return token, nil
}
