package providertest

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/issuer"
	"github.com/certyun/certyun/solvers/simulator/metadata"
	"github.com/certyun/certyun/solvers/wire"
)

// Ambient is what differs between the ambient credentials at the hosts' clouds.
type Ambient struct {
	Host
	// New returns the ambient credentials of an environment, with STS and the metadata service of a node where the APIs are.
	New func(getenv credential.Getenv, sts, node wire.API) credential.Ambient
	// KeyVariables are those of keys: the id, the secret and the token. TokenVariables are all that a token needs, as texts list them.
	KeyVariables, TokenVariables []string
	// RoleVariable, ProviderVariable and FileVariable are the same by what they hold.
	RoleVariable, ProviderVariable, FileVariable string
	// FromKeys, FromToken and FromNode are what the credentials are called.
	FromKeys, FromToken, FromNode string
	// ARN and Other are roles of bob's, Provider is an OIDC provider of his, and Audience its client id.
	ARN, Other, Provider, Audience string
	// TokenAction is what assumes a role with a token, and Parameters are those of a call for ARN but the token.
	TokenAction string
	Parameters  map[string]string
	// Metadata is where a node's metadata service is, Service is one, and Steps are the paths that it is asked for in turn: the last but one
	// names the role, the last gives its keys.
	Metadata string
	Service  func(*metadata.Node) http.Handler
	Steps    []string
	// NoNodeRole is said of a node that has no role, and Absent what to do where there is no node.
	NoNodeRole, Absent string
	Tokens             TokenRefusals
	// TokenCodes are what is said to codes of STS, with the kind of the fault in front.
	TokenCodes map[string]string
	// IncompleteSTS and IncompleteNode are documents without an error in which something is missing or odd.
	IncompleteSTS, IncompleteNode []string
}

// TokenRefusals are the host's words for what is wrong with a token for Ambient.ARN.
type TokenRefusals struct {
	// NotTrusted is for a token that the role does not trust, OnlyKeys for a role that trusts no token: that of ARN with "-keys" behind.
	NotTrusted, OnlyKeys string
	// NoRole is for the role of ARN with "-2" behind, NoProvider for the provider of Provider with "-2" behind.
	NoRole, NoProvider string
	// Forged is for one whose signature is not the issuer's, Invalid for one of another issuer, or not good yet.
	Forged, Invalid, Audience string
	// Expired has the kind of the fault in front.
	Expired string
}

// pod is the ServiceAccount whom bob's roles trust.
const pod = "system:serviceaccount:certyun:certyun-solver"

// RunAmbient holds a host's ambient credentials to their contract, from a test that is called TestAmbient.
func RunAmbient(t *testing.T, a Ambient) {
	if callee := os.Getenv(calleeVariable); callee != "" {
		a.callNode(t, callee)
		return
	}
	for name, test := range map[string]func(*testing.T){
		"sources": a.sources, "order": a.order, "incomplete environments": a.incomplete, "keys that are none": a.oddKeys,
		"tokens": a.tokens, "a token that rotates": a.rotates, "STS": a.sts, "codes": a.tokenCodes, "odd answers of STS": a.oddSTS,
		"a node's role": a.nodeRole, "no node": a.noNode, "a node that was there": a.lostNode, "a node that hangs": a.hangingNode,
		"odd answers of a node": a.oddNode, "proxies": a.noProxy, "the node's own address": a.ownAddress,
	} {
		t.Run(name, test)
	}
}

// pretence is a world in which bob's roles trust the tokens of a pod.
type pretence struct {
	*testing.T
	a      Ambient
	world  *simulator.Endpoint
	issuer *issuer.Issuer
	// file is where the pod's token is, once it is there.
	file string
}

func (a Ambient) pretend(t *testing.T, change func(*cloud.Settings)) *pretence {
	t.Helper()
	its := newIssuer(t, "https://oidc.example")
	trust := []cloud.TokenTrust{{Provider: a.Provider, Subject: pod}}
	world := a.Start(t, func(o *simulator.CloudOptions) {
		o.Change = change
		o.Accounts[1].Providers = []cloud.OIDCProvider{its.Provider(a.Provider, a.Audience)}
		o.Accounts[1].Roles = []cloud.Role{{ARN: a.ARN, Tokens: trust}, {ARN: a.Other, Tokens: trust}, {ARN: a.ARN + "-keys", Trusts: []string{pod}}}
	})
	return &pretence{T: t, a: a, world: world, issuer: its, file: filepath.Join(t.TempDir(), "token")}
}

func newIssuer(t *testing.T, url string) *issuer.Issuer {
	t.Helper()
	its, err := issuer.New(url)
	if err != nil {
		t.Fatal(err)
	}
	return its
}

// token is one of the pod's.
func (p *pretence) token() string { return p.tokenOf(p.issuer, pod, p.a.Audience, time.Now()) }

func (p *pretence) tokenOf(its *issuer.Issuer, subject, audience string, from time.Time) string {
	p.Helper()
	token, err := its.Token(subject, audience, from)
	if err != nil {
		p.Fatal(err)
	}
	return token
}

func (p *pretence) write(content string) {
	p.Helper()
	if err := os.WriteFile(p.file, []byte(content), 0o600); err != nil {
		p.Fatal(err)
	}
}

// environment has variables, by name.
type environment map[string]string

func (p *pretence) withToken() environment {
	return environment{p.a.RoleVariable: p.a.ARN, p.a.ProviderVariable: p.a.Provider, p.a.FileVariable: p.file}
}

func (a Ambient) withKeys(keys credential.Keys) environment {
	return environment{a.KeyVariables[0]: keys.ID, a.KeyVariables[1]: keys.Secret, a.KeyVariables[2]: keys.Token}
}

// in are the ambient credentials of an environment in the pretended world.
func (p *pretence) in(e environment) credential.Ambient {
	p.Helper()
	return p.a.at(p.T, e, p.world.URL, p.world.Metadata)
}

// at are those where STS and a metadata service are at URLs.
func (a Ambient) at(t *testing.T, e environment, sts, node string) credential.Ambient {
	t.Helper()
	transport, err := wire.NewMetadataTransport("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return a.New(e.get, At(t, sts, nil), wire.API{Endpoint: endpointOf(node), Transport: transport})
}

// get implements credential.Getenv.
func (e environment) get(name string) string { return e[name] }

func endpointOf(url string) wire.Endpoint {
	scheme, host, _ := strings.Cut(url, "://")
	return wire.Endpoint{Scheme: scheme, Host: host}
}

// sources: whatever gives keys, they are let into the zone of the account that they are of.
func (a Ambient) sources(t *testing.T) {
	none := func(*pretence) environment { return nil }
	for name, test := range map[string]struct {
		environment func(*pretence) environment
		role        config.Role
		called      string
		assumes     bool
		session     string        // whose it is, "" for keys that are of none
		lasts       time.Duration // of a session
		zone        string
	}{
		"keys": {func(*pretence) environment { return a.withKeys(a.Keys) }, config.Role{}, a.FromKeys, false, "", 0, "example.com"},
		"temporary keys": {
			func(*pretence) environment { return a.withKeys(a.Temporary) }, config.Role{}, a.FromKeys, false, "", 0, "example.com",
		},
		"a token, for the role that goes with it": {
			(*pretence).withToken, config.Role{}, a.FromToken, true, a.ARN, credential.Lifetime, "example.org",
		},
		"a token, for another role": {
			(*pretence).withToken, config.Role{ARN: a.Other, SessionName: "team-a"}, a.FromToken, true, a.Other, credential.Lifetime, "example.org",
		},
		"a node": {none, config.Role{}, a.FromNode, false, a.ARN, 6 * time.Hour, "example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			p := a.pretend(t, nil)
			p.write(p.token() + "\n")
			p.world.Node.Attach(a.ARN, 6*time.Hour)
			ambient := p.in(test.environment(p))
			if ambient.Name() != test.called || ambient.AssumesRoles() != test.assumes {
				t.Errorf("called %q, assumes roles: %v", ambient.Name(), ambient.AssumesRoles())
			}
			got, err := ambient.Session(t.Context(), test.role)
			if err != nil {
				t.Fatal(err)
			}
			key, _, _ := p.world.Key(got.Keys.ID)
			if key.Session.Role != test.session || !got.Ends.Equal(key.Expires) {
				t.Errorf("the session of %q ends at %v, want that of %q and %v", key.Session.Role, got.Ends, test.session, key.Expires)
			}
			if test.role.SessionName != "" && key.Session.Name != test.role.SessionName {
				t.Errorf("the session is called %q", key.Session.Name)
			}
			if key.Session.Lasts != test.lasts {
				t.Errorf("the session lasts %v, want %v", key.Session.Lasts, test.lasts)
			}
			account := a.Account(t, p.world.URL, got.Keys)
			zones, err := account.Zones(t.Context())
			if diff := cmp.Diff([]string{test.zone}, zones); err != nil || diff != "" {
				t.Errorf("zones (-want +got), %v:\n%s", err, diff)
			}
			if err := Add(Challenge(test.zone, rr))(t.Context(), account); err != nil {
				t.Error(err)
			}
		})
	}
}

// order: keys come before a token, and a token before a node; one variable of those that are needed decides.
func (a Ambient) order(t *testing.T) {
	keys, token := a.KeyVariables, a.TokenVariables
	for name, test := range map[string]struct {
		set  []string
		want string
	}{
		"all of them":             {append(append([]string{}, keys...), token...), a.FromKeys},
		"an id alone, and tokens": {append([]string{keys[0]}, token...), a.FromKeys},
		"a secret alone":          {[]string{keys[1]}, a.FromKeys},
		"a token":                 {token, a.FromToken},
		"a provider alone":        {[]string{a.ProviderVariable}, a.FromToken},
		"a file alone":            {[]string{a.FileVariable}, a.FromToken},
		"a role alone is nothing": {[]string{a.RoleVariable}, a.FromNode},
		"the token of no keys":    {[]string{keys[2]}, a.FromNode},
		"nothing":                 {nil, a.FromNode},
	} {
		t.Run(name, func(t *testing.T) {
			e := environment{}
			for _, variable := range test.set {
				e[variable] = "x"
			}
			if got := a.at(t, e, "http://127.0.0.1:1", "http://127.0.0.1:1").Name(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// incomplete: what is begun and lacks something is not passed over for the next, and nobody is asked.
func (a Ambient) incomplete(t *testing.T) {
	for needed, whole := range map[string]func(*pretence) environment{
		strings.Join(a.KeyVariables[:2], ", "): func(*pretence) environment { return a.withKeys(a.Keys) },
		strings.Join(a.TokenVariables, ", "):   (*pretence).withToken,
	} {
		for variable := range strings.SplitSeq(needed, ", ") {
			for name, value := range map[string]string{"not there": "", "white space": " \n"} {
				t.Run(variable+" is "+name, func(t *testing.T) {
					p := a.pretend(t, nil)
					p.write(p.token())
					p.world.Node.Attach(a.ARN, time.Hour)
					e := whole(p)
					e[variable] = value
					want := "credential_gone, retry false after 0s: the variable " + variable + " is not set in the solver's environment; set all of " + needed + ", or none"
					p.wantFault(p.in(e), config.Role{}, want)
					if calls := p.world.Calls(); len(calls) != 0 {
						t.Errorf("asked %v", calls)
					}
				})
			}
		}
	}
}

// wantFault holds that a session is not to be had, twice, and what is said of it.
func (p *pretence) wantFault(ambient credential.Ambient, role config.Role, want string) {
	p.Helper()
	for range 2 {
		got, err := ambient.Session(p.Context(), role)
		if diff := cmp.Diff(want, Described(err)); diff != "" || got != (credential.Session{}) {
			p.Fatalf("a session: %v (-want +got):\n%s", got != (credential.Session{}), diff)
		}
		p.checkError(err)
	}
}

// checkError looks for what no error may hold.
func (p *pretence) checkError(err error) {
	p.Helper()
	token, _ := os.ReadFile(p.file) // if there is one
	for _, keys := range []credential.Keys{p.a.Keys, p.a.Temporary, {Token: strings.TrimSpace(string(token))}} {
		checkSecrets(p.T, err, keys)
	}
	if text := Text(err); strings.Contains(text, "://") || strings.Contains(text, "/latest/") {
		p.Errorf("the error holds a URL: %s", text)
	}
}

// oddKeys: of keys that cannot be any it is said which variable has them, always the same.
func (a Ambient) oddKeys(t *testing.T) {
	for i, name := range a.KeyVariables {
		p := a.pretend(t, nil)
		e := a.withKeys(a.Temporary)
		for _, odd := range a.KeyVariables[i:] {
			e[odd] = "half a key"
		}
		for range 10 {
			p.wantFault(p.in(e), config.Role{}, "misconfigured, retry false after 0s: the variable "+name+" in the solver's environment has white space or"+
				" another character inside that no access key has; write the access key there as the cloud's console shows it")
		}
	}
}
