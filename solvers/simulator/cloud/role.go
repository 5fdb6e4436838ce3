package cloud

import (
	"cmp"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Why a cloud does not let somebody assume a role.
var (
	ErrNoRole     = errors.New("no such role")
	ErrNotTrusted = errors.New("the role does not trust the caller")
	ErrSession    = errors.New("the session would last too long, or not long enough")
)

// leastSession is how short a session may be that somebody asks for.
const leastSession = 15 * time.Minute

// Session is one of a role.
type Session struct {
	// Role is the role's ARN, Name what the session is called.
	Role, Name string
	Lasts      time.Duration
}

// Assume gives a temporary key with the rights of a role, to whoever has the caller's key.
func (c *Cloud) Assume(caller Key, externalID string, wanted Session) (Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, role := c.roleOf(wanted.Role)
	switch {
	case role == nil:
		return Key{}, ErrNoRole
	case slices.Contains(caller.Denied, "AssumeRole"), !role.trusts(caller), role.ExternalID != "" && role.ExternalID != externalID:
		return Key{}, ErrNotTrusted
	case !role.lasts(wanted.Lasts):
		return Key{}, ErrSession
	}
	return c.grant(account, role, wanted), nil
}

// Grant gives a temporary key with the rights of a role to what the role is attached to, such as a machine.
func (c *Cloud) Grant(wanted Session) (Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, role := c.roleOf(wanted.Role)
	if role == nil {
		return Key{}, ErrNoRole
	}
	return c.grant(account, role, wanted), nil
}

// trusts says whether a key may assume the role: by its id or, as a session, by the ARN of its own role.
func (r *Role) trusts(caller Key) bool {
	return slices.Contains(r.Trusts, caller.ID) || caller.Session.Role != "" && slices.Contains(r.Trusts, caller.Session.Role)
}

func (r *Role) lasts(d time.Duration) bool {
	return d >= leastSession && d <= cmp.Or(r.MaxSession, time.Hour)
}

func (c *Cloud) grant(a *account, role *Role, its Session) Key {
	random := func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }
	key := Key{
		ID: c.dialect.SessionKey + random(), Secret: random(), Token: base64.StdEncoding.EncodeToString([]byte(random() + random())), Session: its,
		Expires: c.clock().Add(its.Lasts).Truncate(time.Second), Denied: role.Denied, Zones: role.Zones, Lists: role.Lists,
	}
	a.Keys = append(a.Keys, key)
	return key
}

func (c *Cloud) roleOf(arn string) (*account, *Role) {
	for _, a := range c.accounts {
		for i := range a.Roles {
			if a.Roles[i].ARN == arn {
				return a, &a.Roles[i]
			}
		}
	}
	return nil, nil
}
