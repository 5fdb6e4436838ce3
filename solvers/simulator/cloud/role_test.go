package cloud_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

func TestAssume(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 5, time.UTC)
	c := cloud.New(cloud.Options{Now: func() time.Time { return now }, Dialect: cloud.Dialect{SessionKey: "STS."}})
	alice, mallory := cloud.Key{ID: "alice", Secret: "a"}, cloud.Key{ID: "mallory", Secret: "m", Denied: []string{"AssumeRole"}}
	c.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{alice, mallory}})
	c.PutAccount(cloud.Account{Owner: "bob", Keys: []cloud.Key{{ID: "bob"}}, Roles: []cloud.Role{
		{ARN: "dns", Trusts: []string{"alice", "mallory"}, Zones: []string{"bob.example"}, Lists: true, Denied: []string{"DeleteRecord"}},
		{ARN: "asks", Trusts: []string{"alice"}, ExternalID: "x", MaxSession: 12 * time.Hour},
	}})
	for name, test := range map[string]struct {
		caller        cloud.Key
		arn, external string
		lasts         time.Duration
		want          error
	}{
		"one who is trusted":               {alice, "dns", "", time.Hour, nil},
		"one who is not":                   {cloud.Key{ID: "bob"}, "dns", "", time.Hour, cloud.ErrNotTrusted},
		"one whose policy does not let it": {mallory, "dns", "", time.Hour, cloud.ErrNotTrusted},
		"a role that there is not":         {alice, "none", "", time.Hour, cloud.ErrNoRole},
		"for longer than the role allows":  {alice, "dns", "", 2 * time.Hour, cloud.ErrSession},
		"for a moment":                     {alice, "dns", "", time.Minute, cloud.ErrSession},
		"with the external id":             {alice, "asks", "x", 12 * time.Hour, nil},
		"without the external id":          {alice, "asks", "", time.Hour, cloud.ErrNotTrusted},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := c.Assume(test.caller, test.external, cloud.Session{Role: test.arn, Name: "certyun", Lasts: test.lasts})
			if !errors.Is(err, test.want) {
				t.Fatalf("got %v, want %v", err, test.want)
			}
			if err != nil {
				return
			}
			found, owner, ok := c.Key(key.ID)
			if diff := cmp.Diff(key, found); diff != "" || owner != "bob" || !ok || !strings.HasPrefix(key.ID, "STS.") || key.Token == "" {
				t.Errorf("the key of %s (-given +known):\n%s", owner, diff)
			}
			if key.Expired(now.Add(test.lasts-time.Second)) || !key.Expired(now.Add(test.lasts)) {
				t.Errorf("expires at %v", key.Expires)
			}
		})
	}
	session, err := c.Assume(alice, "", cloud.Session{Role: "dns", Lasts: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for action, zone := range map[string]string{"CreateRecord": "bob.example", "DescribeDomainList": ""} {
		if !session.Allows(action, zone) {
			t.Errorf("the role does not allow %s in %q", action, zone)
		}
	}
	for action, zone := range map[string]string{"CreateRecord": "other.example", "DeleteRecord": "bob.example"} {
		if session.Allows(action, zone) {
			t.Errorf("the role allows %s in %q", action, zone)
		}
	}
}
