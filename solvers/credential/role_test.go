package credential_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
)

var (
	base = credential.Keys{ID: "LTAI5tBase", Secret: "base-secret"}
	role = config.Role{ARN: "acs:ram::1:role/dns", SessionName: "certyun"}
)

// sts gives sessions whose ids are numbered.
type sts struct {
	mu    sync.Mutex
	calls int
	asked []credential.Keys
	// lasts is how long sessions are, takes how long a call takes, fail why none succeeds.
	lasts, takes time.Duration
	fail         error
}

func (s *sts) Assume(ctx context.Context, keys credential.Keys, role config.Role) (credential.Session, error) {
	s.mu.Lock()
	s.calls++
	s.asked = append(s.asked, keys)
	n, lasts, takes, fail := s.calls, s.lasts, s.takes, s.fail
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return credential.Session{}, &fault.Error{Kind: fault.Transient, Reason: "STS did not answer", Cause: ctx.Err()}
	}
	if fail != nil {
		return credential.Session{}, fail
	}
	id := fmt.Sprintf("STS.%d", n)
	return credential.Session{Keys: credential.Keys{ID: id, Secret: "session-secret", Token: "token-of-" + role.ARN}, Ends: time.Now().Add(lasts)}, nil
}

func (s *sts) set(change func(*sts)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *sts) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// bench is what the tests of sessions use, in simulated time.
type bench struct {
	*testing.T
	sts      *sts
	sessions *credential.Sessions
}

func inTime(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &sts{lasts: time.Hour, takes: 100 * time.Millisecond}
		test(&bench{T: t, sts: s, sessions: credential.NewSessions(s, nil)})
		synctest.Wait()
	})
}

func (b *bench) open() (credential.Credential, error) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), 23*time.Second)
	defer cancel()
	return b.sessions.Open(ctx, "team-a", base, role)
}

// want opens the role and checks whose keys it gets, and how many calls were made until then.
func (b *bench) want(id string, calls int) {
	b.Helper()
	c, err := b.open()
	if err != nil {
		b.Fatal(err)
	}
	if c.Keys.ID != id || b.sts.count() != calls {
		b.Errorf("got %s after %d calls, want %s after %d", c.Keys.ID, b.sts.count(), id, calls)
	}
}

var errGone = &fault.Error{Kind: fault.CredentialGone, Reason: "no such key", Code: "InvalidAccessKeyId.NotFound"}

// refuse has a cloud refuse the keys of a session.
func refuse(c credential.Credential) { _ = c.Judge(errGone) }

var errDown = &fault.Error{Kind: fault.Transient, Reason: "STS is not available"}

func TestKeysWithoutARole(t *testing.T) {
	t.Parallel()
	s := &sts{}
	got, err := credential.NewSessions(s, nil).Open(t.Context(), "team-a", base, config.Role{})
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Judge(errGone); err != errGone { //nolint:errorlint // it is to be the same
		t.Errorf("of keys that somebody wrote down, it is said: %v", err)
	}
	if got.Keys != base || got.Identity != base.Identity() || got.Bearer != base.ID || s.count() != 0 {
		t.Errorf("got the keys %v, identity %s, bearer %s after %d calls", got.Keys == base, got.Identity, got.Bearer, s.count())
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(b *bench){
		"one is used again": func(b *bench) {
			b.want("STS.1", 1)
			time.Sleep(35 * time.Minute)
			b.want("STS.1", 1)
		},
		"all who ask at once get one": func(b *bench) {
			var group sync.WaitGroup
			for range 50 {
				group.Go(func() { b.want("STS.1", 1) })
			}
			group.Wait()
		},
		"one is renewed before it ends, and nobody waits for that": func(b *bench) {
			b.want("STS.1", 1)
			time.Sleep(46 * time.Minute)
			start := time.Now()
			b.want("STS.1", 1)
			if waited := time.Since(start); waited != 0 {
				b.Errorf("waited %v", waited)
			}
			time.Sleep(time.Second)
			b.want("STS.2", 2)
		},
		"one that has ended is not used": func(b *bench) {
			b.want("STS.1", 1)
			time.Sleep(59 * time.Minute)
			b.want("STS.2", 2)
			time.Sleep(3 * time.Hour)
			b.want("STS.3", 3)
		},
		"while STS is down, one is used to its end": func(b *bench) {
			b.want("STS.1", 1)
			b.sts.set(func(s *sts) { s.fail = errDown })
			for range 59 {
				time.Sleep(time.Minute)
				if c, err := b.open(); err != nil || c.Keys.ID != "STS.1" {
					b.Fatalf("%v, %v", c.Keys.ID, err)
				}
			}
			if tries := b.sts.count(); tries > 26 {
				b.Errorf("%d tries to renew it in 24 minutes", tries-1)
			}
			time.Sleep(2 * time.Minute)
			if _, err := b.open(); !errors.Is(err, errDown) {
				b.Errorf("got %v", err)
			}
			b.sts.set(func(s *sts) { s.fail = nil })
			time.Sleep(time.Second)
			if _, err := b.open(); err != nil {
				b.Error(err)
			}
		},
		"STS that hangs holds nobody up for longer than he has": func(b *bench) {
			b.sts.set(func(s *sts) { s.takes = time.Hour })
			ctx, cancel := context.WithTimeout(b.Context(), 5*time.Second)
			defer cancel()
			start := time.Now()
			_, err := b.sessions.Open(ctx, "team-a", base, role)
			if time.Since(start) != 5*time.Second || !fault.Is(err, fault.Transient) || err.Error() != "no session was had in time" {
				b.Errorf("after %v: %v", time.Since(start), err)
			}
			if _, err := b.open(); err == nil || err.Error() != "STS did not answer" {
				b.Errorf("got %v", err)
			}
		},
		"one that is renewed while STS is slow is used meanwhile": func(b *bench) {
			b.want("STS.1", 1)
			b.sts.set(func(s *sts) { s.takes = 15 * time.Second })
			time.Sleep(46 * time.Minute)
			for range 10 {
				if c, err := b.open(); err != nil || c.Keys.ID != "STS.1" {
					b.Fatalf("%v, %v", c.Keys.ID, err)
				}
				time.Sleep(time.Second)
			}
			time.Sleep(10 * time.Second)
			b.want("STS.2", 2)
		},
		"what STS says of the end is believed where that is earlier": func(b *bench) {
			b.sts.set(func(s *sts) { s.lasts = 15 * time.Minute })
			b.want("STS.1", 1)
			time.Sleep(14 * time.Minute)
			b.want("STS.2", 2)
		},
		"what STS says of the end is not believed where that is later": func(b *bench) {
			b.sts.set(func(s *sts) { s.lasts = 1000 * time.Hour })
			b.want("STS.1", 1)
			time.Sleep(time.Hour)
			b.want("STS.2", 2)
		},
		"one that has ended by this clock is used, and not again": func(b *bench) {
			b.sts.set(func(s *sts) { s.lasts = -2 * time.Hour })
			b.want("STS.1", 1)
			b.want("STS.2", 2)
		},
		"one whose keys were refused is not used again": func(b *bench) {
			c, err := b.open()
			if err != nil {
				b.Fatal(err)
			}
			refuse(c)
			b.want("STS.2", 2)
			refuse(c) // which is about the first one
			b.want("STS.2", 2)
		},
		"a refusal is not remembered": func(b *bench) {
			b.sts.set(func(s *sts) { s.fail = errDown })
			if _, err := b.open(); !errors.Is(err, errDown) {
				b.Fatal(err)
			}
			b.sts.set(func(s *sts) { s.fail = nil })
			b.want("STS.2", 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTime(t, test)
		})
	}
}

// No two credentials that differ in anything share a session, and the public part is never all of it.
func TestSessionsAreNobodyElses(t *testing.T) {
	t.Parallel()
	inTime(t, func(b *bench) {
		first, err := b.open()
		if err != nil {
			b.Fatal(err)
		}
		for name, other := range map[string]struct {
			namespace string
			keys      credential.Keys
			role      config.Role
			same      bool // the account is the same, though not the session
		}{
			"another namespace":         {"team-b", base, role, true},
			"another secret":            {"team-a", credential.Keys{ID: base.ID, Secret: "guess"}, role, false},
			"another token":             {"team-a", credential.Keys{ID: base.ID, Secret: base.Secret, Token: "t"}, role, false},
			"another role":              {"team-a", base, config.Role{ARN: "acs:ram::1:role/other", SessionName: "certyun"}, false},
			"another name":              {"team-a", base, config.Role{ARN: role.ARN, SessionName: "other"}, false},
			"another external id":       {"team-a", base, config.Role{ARN: role.ARN, SessionName: "certyun", ExternalID: "x1"}, false},
			"parts that run together":   {"team-a", base, config.Role{ARN: role.ARN + "certyun"}, false},
			"the keys without the role": {"team-a", base, config.Role{}, false},
		} {
			got, err := b.sessions.Open(b.Context(), other.namespace, other.keys, other.role)
			if err != nil {
				b.Fatal(err)
			}
			if got.Keys == first.Keys || (got.Identity == first.Identity) != other.same {
				b.Errorf("%s: the keys are the same: %v, the identity is: %v", name, got.Keys == first.Keys, got.Identity == first.Identity)
			}
		}
		if diff := cmp.Diff(role.ARN, first.Bearer); diff != "" {
			b.Errorf("bearer (-want +got):\n%s", diff)
		}
	})
}

// Replicas that began together do not renew together.
func TestRenewalsAreSpread(t *testing.T) {
	t.Parallel()
	inTime(t, func(b *bench) {
		replicas := make([]*credential.Sessions, 20)
		for i := range replicas {
			replicas[i] = credential.NewSessions(b.sts, nil)
			if _, err := replicas[i].Open(b.Context(), "team-a", base, role); err != nil {
				b.Fatal(err)
			}
		}
		var most, before int
		for before = b.sts.count(); before < 2*len(replicas); before = b.sts.count() {
			time.Sleep(time.Minute)
			for _, r := range replicas {
				if _, err := r.Open(b.Context(), "team-a", base, role); err != nil {
					b.Fatal(err)
				}
			}
			time.Sleep(time.Second)
			most = max(most, b.sts.count()-before)
		}
		if most > len(replicas)/2 {
			b.Errorf("%d of %d renewed in one minute", most, len(replicas))
		}
	})
}
