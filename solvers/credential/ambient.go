package credential

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/fault"
)

// Getenv looks up a variable of the environment, "" for one that is not set: os.Getenv.
type Getenv func(name string) string

// Variables are the names of those that an ambient credential needs: all, or it is none.
type Variables []string

// Set tells whether any of them is set.
func (v Variables) Set(getenv Getenv) bool {
	for _, name := range v {
		if getenv(name) != "" {
			return true
		}
	}
	return false
}

// Read returns their values, by name. It is a fault that one is missing.
func (v Variables) Read(getenv Getenv) (map[string]string, error) {
	values := map[string]string{}
	for _, name := range v {
		value := strings.TrimSpace(getenv(name))
		if value == "" {
			return nil, &fault.Error{
				Kind: fault.CredentialGone, Reason: fmt.Sprintf("the variable %s is not set in the solver's environment", name),
				Remedy: fmt.Sprintf("set all of %s, or none", strings.Join(v, ", ")),
			}
		}
		values[name] = value
	}
	return values, nil
}

// NoIdentity says what to do where there are no ambient credentials.
const NoIdentity = "name a Secret in the Issuer, or give the solver an identity (docs/solvers.md#without-keys)"

// OwnKeys are ambient credentials that assume no role by themselves: get gets the keys of their own identity.
func OwnKeys(name string, get func(context.Context) (Session, error)) Ambient {
	return ambient{name: name, session: func(ctx context.Context, _ config.Role) (Session, error) { return get(ctx) }}
}

// ByToken are ambient credentials that assume any role with a token: see Ambient.Session.
func ByToken(name string, session func(context.Context, config.Role) (Session, error)) Ambient {
	return ambient{name: name, assumesRoles: true, session: session}
}

// Unusable are ambient credentials that nothing can come of. The error is a *fault.Error.
func Unusable(name string, err error) Ambient {
	return OwnKeys(name, func(context.Context) (Session, error) { return Session{}, err })
}

type ambient struct {
	name         string
	assumesRoles bool
	session      func(context.Context, config.Role) (Session, error)
}

// Name implements Ambient.
func (a ambient) Name() string { return a.name }

// AssumesRoles implements Ambient.
func (a ambient) AssumesRoles() bool { return a.assumesRoles }

// Session implements Ambient.
func (a ambient) Session(ctx context.Context, role config.Role) (Session, error) {
	return a.session(ctx, role)
}

// FromEnvironment are ambient credentials whose keys stand in the environment. The token is that of temporary keys, which nobody renews.
func FromEnvironment(name string, getenv Getenv, id, secret, token string) Ambient {
	its := environment{getenv: getenv, id: id, secret: secret, token: token}
	return OwnKeys(name, its.session)
}

type environment struct {
	getenv            Getenv
	id, secret, token string
}

func (e environment) session(context.Context) (Session, error) {
	values, err := Variables{e.id, e.secret}.Read(e.getenv)
	if err != nil {
		return Session{}, err
	}
	keys := Keys{ID: values[e.id], Secret: values[e.secret], Token: strings.TrimSpace(e.getenv(e.token))}
	for _, variable := range []struct{ name, value string }{{e.id, keys.ID}, {e.secret, keys.Secret}, {e.token, keys.Token}} {
		if strings.ContainsFunc(variable.value, notInKey) {
			return Session{}, &fault.Error{
				Kind:   fault.Misconfigured,
				Reason: fmt.Sprintf("the variable %s in the solver's environment has white space or another character inside that no access key has", variable.name),
				Remedy: "write the access key there as the cloud's console shows it",
			}
		}
	}
	return Session{Keys: keys}, nil
}

// maxToken is more than the longest token that a cloud takes
// (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-assumerolewithoidc).
const maxToken = 20000

// maxFile is the longest token with a line break of two characters behind it.
const maxFile = maxToken + 2

// ReadToken reads the token that a file holds, as it is now: the kubelet replaces it long before it ends.
func ReadToken(file string) (string, error) {
	text, err := readBounded(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", &fault.Error{
			Kind: fault.CredentialGone, Reason: fmt.Sprintf("there is no token at %s in the solver's Pod", file), Cause: err,
			Remedy: "let the chart mount it (ambient.alidns or ambient.dnspod), or have the cloud's webhook inject it, and restart the Pods",
		}
	case err != nil:
		return "", &fault.Error{Kind: fault.Transient, Reason: fmt.Sprintf("the token at %s in the solver's Pod cannot be read", file), Cause: err}
	}
	token := strings.TrimSpace(string(text))
	if token == "" || len(text) > maxFile || len(token) > maxToken || strings.ContainsFunc(token, notInKey) {
		return "", &fault.Error{Kind: fault.Misconfigured, Reason: fmt.Sprintf("what is at %s in the solver's Pod is no token", file)}
	}
	return token, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}
