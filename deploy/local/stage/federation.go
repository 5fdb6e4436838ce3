package stage

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Federation is an account's trust in the cluster: what certyun's chart is told of it.
type Federation struct {
	// Provider is the cluster as the account has registered it, Role the role that it trusts, and Account the account with Issuers that
	// name no Secret.
	Provider, Role string
	Account        Account
}

// Federate lets the tokens of a ServiceAccount that are for an audience assume a role of the account's, which may write to the zones.
func (s *Stage) Federate(ctx context.Context, host Account, namespace, serviceAccount, audience string, zones ...string) (Federation, error) {
	provider, err := s.issuer(ctx)
	if err != nil {
		return Federation{}, err
	}
	f := Federation{Provider: host.oidc, Role: host.roles + "keyless", Account: host}
	f.Account.Ambient = true
	provider.ID, provider.Audiences = f.Provider, []string{audience}
	s.Endpoint(host.Provider).PutAccount(cloud.Account{
		Owner: host.Owner, Keys: []cloud.Key{host.Key}, Providers: []cloud.OIDCProvider{provider},
		Roles: []cloud.Role{{ARN: f.Role, Zones: zones, Lists: true, Tokens: []cloud.TokenTrust{
			{Provider: provider.ID, Subject: "system:serviceaccount:" + namespace + ":" + serviceAccount, Audience: audience},
		}}},
	})
	return f, nil
}

// issuer is the API server as an issuer of tokens, from its own discovery documents, as a cloud reads them.
func (s *Stage) issuer(ctx context.Context) (cloud.OIDCProvider, error) {
	var document struct{ Issuer string }
	if err := s.discover(ctx, "/.well-known/openid-configuration", &document); err != nil {
		return cloud.OIDCProvider{}, err
	}
	var set struct{ Keys []webKey }
	if err := s.discover(ctx, "/openid/v1/jwks", &set); err != nil {
		return cloud.OIDCProvider{}, err
	}
	provider := cloud.OIDCProvider{Issuer: document.Issuer}
	for _, key := range set.Keys {
		public, err := key.public()
		if err != nil {
			return cloud.OIDCProvider{}, err
		}
		provider.Keys = append(provider.Keys, cloud.PublicKey{ID: key.Kid, Key: public})
	}
	return provider, nil
}

// webKey is a JSON Web Key (https://www.rfc-editor.org/rfc/rfc7518#section-6) of a kind that API servers have.
type webKey struct{ Kid, Kty, Crv, N, E, X, Y string }

func (k webKey) public() (crypto.PublicKey, error) {
	bytes := func(text string) []byte {
		raw, _ := base64.RawURLEncoding.DecodeString(text) // a key that is none verifies nothing
		return raw
	}
	switch {
	case k.Kty == "RSA":
		return &rsa.PublicKey{N: new(big.Int).SetBytes(bytes(k.N)), E: int(new(big.Int).SetBytes(bytes(k.E)).Int64())}, nil
	case k.Kty == "EC" && k.Crv == "P-256":
		const uncompressed = 4 // https://www.secg.org/sec1-v2.pdf, 2.3.3
		return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{uncompressed}, bytes(k.X), bytes(k.Y)))
	}
	return nil, fmt.Errorf("stage: the API server has a key of the type %s %s", k.Kty, k.Crv)
}

func (s *Stage) discover(ctx context.Context, path string, into any) error {
	text, err := s.Cluster.Client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		return fmt.Errorf("stage: %s: %w", path, err)
	}
	return nil
}
