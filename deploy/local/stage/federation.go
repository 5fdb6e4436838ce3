package stage

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

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
	var set struct {
		Keys []struct{ Kid, Kty, N, E string }
	}
	if err := s.discover(ctx, "/openid/v1/jwks", &set); err != nil {
		return cloud.OIDCProvider{}, err
	}
	provider := cloud.OIDCProvider{Issuer: document.Issuer}
	for _, key := range set.Keys {
		n, badN := base64.RawURLEncoding.DecodeString(key.N)
		e, badE := base64.RawURLEncoding.DecodeString(key.E)
		if key.Kty != "RSA" || badN != nil || badE != nil {
			return cloud.OIDCProvider{}, fmt.Errorf("stage: the API server has a key of the type %q", key.Kty)
		}
		public := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
		provider.Keys = append(provider.Keys, cloud.PublicKey{ID: key.Kid, Key: public})
	}
	return provider, nil
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
