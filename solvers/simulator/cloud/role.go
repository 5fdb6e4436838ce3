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

// leastSession is how short a session may be.
const leastSession = 15 * time.Minute

// Assume gives a temporary key with the rights of a role, to whoever has the caller's key. Its id begins with prefix.
func (c *Cloud) Assume(caller Key, arn, externalID, prefix string, lasts time.Duration) (Key, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	account, role := c.roleOf(arn)
	switch {
	case role == nil:
		return Key{}, ErrNoRole
	case slices.Contains(caller.Denied, "AssumeRole"), !slices.Contains(role.Trusts, caller.ID), role.ExternalID != "" && role.ExternalID != externalID:
		return Key{}, ErrNotTrusted
	case lasts < leastSession, lasts > cmp.Or(role.MaxSession, time.Hour):
		return Key{}, ErrSession
	}
	random := func() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }
	key := Key{
		ID: prefix + random(), Secret: random(), Token: base64.StdEncoding.EncodeToString([]byte(random() + random())),
		Expires: c.clock().Add(lasts).Truncate(time.Second), Denied: role.Denied, Zones: role.Zones, Lists: role.Lists,
	}
	account.Keys = append(account.Keys, key)
	return key, nil
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
