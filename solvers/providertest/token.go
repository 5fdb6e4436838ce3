package providertest

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// tokens: what may be wrong with the token of a Pod, and with what trusts it.
func (a Ambient) tokens(t *testing.T) {
	const (
		never     = ", retry false after 0s: "
		noToken   = "misconfigured" + never + "what is at FILE in the solver's Pod is no token"
		setBehind = "-2"
	)
	now := time.Now()
	for name, test := range map[string]struct {
		// content is what the file has, nil for the pod's token; no file at all where it is "".
		content func(*pretence) string
		set     environment
		role    string
		change  func(*cloud.Settings)
		want    string
	}{
		"no file": {content: func(*pretence) string { return "" }, want: "credential_gone" + never + "there is no token at FILE in the solver's Pod;" +
			" let the chart mount it (ambient.alidns or ambient.dnspod), or have the cloud's webhook inject it, and restart the Pods"},
		"an empty file":         {content: func(*pretence) string { return "\n" }, want: noToken},
		"two tokens":            {content: func(p *pretence) string { return p.token() + "\n" + p.token() }, want: noToken},
		"a token that is long":  {content: func(*pretence) string { return strings.Repeat("x", 20001) }, want: noToken},
		"a file without an end": {content: func(*pretence) string { return strings.Repeat("x", 9<<20) }, want: noToken},
		"another audience":      {content: func(p *pretence) string { return p.tokenOf(p.issuer, pod, "kubernetes", now) }, want: "denied" + never + a.Tokens.Audience},
		"another subject": {
			content: func(p *pretence) string {
				return p.tokenOf(p.issuer, "system:serviceaccount:default:default", a.Audience, now)
			},
			want: "denied" + never + a.Tokens.NotTrusted,
		},
		"another issuer's signature": {
			content: func(p *pretence) string { return p.tokenOf(newIssuer(t, p.issuer.URL), pod, a.Audience, now) }, want: "denied" + never + a.Tokens.Forged,
		},
		"another issuer's name": {
			content: func(p *pretence) string {
				other := *p.issuer
				other.URL = "https://elsewhere.example"
				return p.tokenOf(&other, pod, a.Audience, now)
			},
			want: "denied" + never + a.Tokens.Invalid,
		},
		"what is no JWT":                {content: func(*pretence) string { return "eyJhbGciOiJub25lIn0.e30." }, want: "denied" + never + a.Tokens.Forged},
		"a token of yesterday":          {content: func(p *pretence) string { return p.tokenOf(p.issuer, pod, a.Audience, now.Add(-24*time.Hour)) }, want: a.Tokens.Expired},
		"a node's clock that is behind": {change: func(s *cloud.Settings) { s.ClockSkew = 2 * time.Hour }, want: a.Tokens.Expired},
		"a node's clock that is ahead":  {change: func(s *cloud.Settings) { s.ClockSkew = -2 * time.Hour }, want: "denied" + never + a.Tokens.Invalid},
		"a provider that is not registered": {
			set: environment{a.ProviderVariable: a.Provider + setBehind}, want: "denied" + never + a.Tokens.NoProvider,
		},
		"a role of its own that does not exist": {set: environment{a.RoleVariable: a.ARN + setBehind}, want: "credential_gone" + never + a.Tokens.NoRole},
		"a role of the Issuer that does not":    {role: a.ARN + setBehind, want: "credential_gone" + never + a.Tokens.NoRole},
		"a role that trusts keys alone":         {role: a.ARN + "-keys", want: "denied" + never + a.Tokens.OnlyKeys},
	} {
		t.Run(name, func(t *testing.T) {
			p := a.pretend(t, test.change)
			content := p.token()
			if test.content != nil {
				content = test.content(p)
			}
			if content != "" {
				p.write(content)
			}
			e := p.withToken()
			maps.Copy(e, test.set)
			var role config.Role
			if test.role != "" {
				role = config.Role{ARN: test.role, SessionName: config.DefaultSessionName}
			}
			p.wantFault(p.in(e), role, strings.ReplaceAll(test.want, "FILE", p.file))
		})
	}
	t.Run("a file that cannot be read", func(t *testing.T) {
		p := a.pretend(t, nil)
		p.file = t.TempDir() // a folder
		p.wantFault(p.in(p.withToken()), config.Role{}, "transient, retry true after 0s: the token at "+p.file+" in the solver's Pod cannot be read")
	})
}

// rotates: the kubelet lays a link to another folder in place of the old one, and the next session is had with the new token. What is said
// of the call holds no token.
func (a Ambient) rotates(t *testing.T) {
	p := a.pretend(t, nil)
	mount := t.TempDir()
	rotate := func(folder, token string) {
		link := filepath.Join(mount, "..data_tmp")
		for _, err := range []error{
			os.Mkdir(filepath.Join(mount, folder), 0o700),
			os.WriteFile(filepath.Join(mount, folder, "token"), []byte(token), 0o600),
			os.Symlink(folder, link),
			os.Rename(link, filepath.Join(mount, "..data")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.file = filepath.Join(mount, "token")
	if err := os.Symlink(filepath.Join("..data", "token"), p.file); err != nil {
		t.Fatal(err)
	}
	rotate("..1", p.tokenOf(p.issuer, pod, a.Audience, time.Now().Add(-24*time.Hour)))
	ambient := p.in(p.withToken())
	p.wantFault(ambient, config.Role{}, a.Tokens.Expired)
	rotate("..2", p.token())
	if _, err := ambient.Session(t.Context(), config.Role{}); err != nil {
		t.Fatal(err)
	}
	calls := p.world.Calls()
	if last := calls[len(calls)-1]; last.Action != a.TokenAction || last.Token {
		t.Errorf("called %s, with a session's token: %v", last.Action, last.Token)
	}
	if diff := cmp.Diff(a.Parameters, calls[len(calls)-1].Parameters); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

// sts: STS that is slow is waited for, and one that is down is an error that tries again.
func (a Ambient) sts(t *testing.T) {
	const again = "transient, retry true after 0s: "
	for name, test := range map[string]struct {
		fault cloud.Fault
		want  string // "" for a session
	}{
		"slow":             {cloud.Fault{Kind: cloud.Slow, Latency: 300 * time.Millisecond}, ""},
		"silent":           {cloud.Fault{Kind: cloud.Hang}, again + "no answer from HOST in time"},
		"cut off":          {cloud.Fault{Kind: cloud.Reset}, again + "the connection to HOST failed"},
		"a gateway's page": {cloud.Fault{Kind: cloud.HTML}, again + "HOST answered HTTP 502 with something that cannot be read"},
		"half an answer":   {cloud.Fault{Kind: cloud.Truncated}, again + "HOST answered HTTP 200 with something that cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			p := a.pretend(t, nil)
			p.write(p.token())
			test.fault.Action = a.TokenAction
			if err := p.world.Inject(test.fault); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			got, err := p.in(p.withToken()).Session(ctx, config.Role{})
			if test.want == "" {
				if err != nil || !got.Keys.OfSession() {
					t.Error(err)
				}
				return
			}
			if diff := cmp.Diff(strings.ReplaceAll(test.want, "HOST", p.world.Address), Described(err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			p.checkError(err)
		})
	}
	t.Run("gone", func(t *testing.T) {
		p := a.pretend(t, nil)
		p.write(p.token())
		gone := httptest.NewServer(http.NotFoundHandler())
		gone.Close()
		p.wantFault(a.at(t, p.withToken(), gone.URL, p.world.Metadata), config.Role{}, again+"connection refused by "+endpointOf(gone.URL).Host)
	})
}

// assumeAt assumes a role with a token at an API.
func (p *pretence) assumeAt(api wire.API) (credential.Session, error) {
	return p.a.New(p.withToken().get, api, wire.API{}).Session(p.Context(), config.Role{})
}

// tokenCodes: what STS says of tokens is put into words, the same each time.
func (a Ambient) tokenCodes(t *testing.T) {
	p := a.pretend(t, nil)
	p.write(p.token())
	code := ""
	server := a.Serve(t, func(Asked) Answer { return a.Refuse(code) })
	api := At(t, server.URL, nil)
	for _, code = range slices.Sorted(maps.Keys(a.TokenCodes)) {
		for range 2 {
			_, err := p.assumeAt(api)
			if diff := cmp.Diff(a.TokenCodes[code], Described(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", code, diff)
			}
			p.checkError(err)
		}
	}
}

// oddSTS: what is no session is none, whatever its form.
func (a Ambient) oddSTS(t *testing.T) {
	p := a.pretend(t, nil)
	p.write(p.token())
	a.oddSessions(t, a.IncompleteSTS, p.assumeAt)
}
