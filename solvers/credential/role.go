package credential

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/fault"
)

// Lifetime is how long a session is asked for: as long as every role allows
// (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-assumerole, https://cloud.tencent.com/document/product/598/33164).
const Lifetime = time.Hour

const (
	// maxSessions is how many are remembered at once; the least recently used are forgotten, at the cost of another call.
	maxSessions = 4096
	// leastLeft is what a session must have left where another can be had: more than one Present or CleanUp takes.
	leastLeft = 2 * time.Minute
	// renewAfter is the share of a session's time after which it is renewed, or later by up to renewSpread of that share. Replicas that began
	// together do not go on so.
	renewAfter, renewSpread = 0.6, 0.25
	// retryRenewal is how long a renewal that failed is not tried again, while the session lasts.
	retryRenewal = 30 * time.Second
	// assumeTimeout bounds one renewal, which serves all who wait for it and does not end with any of them.
	assumeTimeout = 20 * time.Second
)

// Credential is what an account of a cloud is opened with.
type Credential struct {
	// Keys sign the calls.
	Keys Keys
	// Identity stands for the keys in the Secret and the role. It stays when a session is renewed, and nobody who does not hold the same
	// secret has it.
	Identity string
	// Bearer is public: the id of the access key, or the role.
	Bearer string
	// forget is for the session that the keys are of; it is nil where they are of none.
	forget func()
}

// Refused notes that the cloud refused the keys, so that those of a session are not used again.
func (c Credential) Refused() {
	if c.forget != nil {
		c.forget()
	}
}

// Session is what a cloud gives to whoever assumes a role: keys, until they end.
type Session struct {
	Keys Keys
	// Ends is by the cloud's clock.
	Ends time.Time
}

// Assumer assumes roles at one cloud.
type Assumer interface {
	// Assume makes one call, signed with the keys, within ctx, and asks for a session of Lifetime. Errors are *fault.Error. It may be
	// called concurrently.
	Assume(ctx context.Context, keys Keys, role config.Role) (Session, error)
}

// Sessions opens credentials, and keeps the sessions of roles. One is renewed before it ends, while it is still used; where that fails
// it is used until its end. It is safe for concurrent use.
type Sessions struct {
	assumer Assumer
	flight  singleflight.Group

	mu   sync.Mutex // for what is changed by what it was; looking needs no lock
	kept *lru.Cache // of session, by the namespace and the identity of a credential
}

type session struct {
	keys        Keys
	renew, ends time.Time
}

// NewSessions returns one that has no session yet.
func NewSessions(assumer Assumer) *Sessions {
	return &Sessions{assumer: assumer, kept: lru.New(maxSessions)}
}

// Open returns the credential that the keys are, or that they lead to where a role is to be assumed with them. No session is shared
// between namespaces.
func (s *Sessions) Open(ctx context.Context, namespace string, keys Keys, role config.Role) (Credential, error) {
	if role == (config.Role{}) {
		return Credential{Keys: keys, Identity: keys.Identity(), Bearer: keys.ID}, nil
	}
	identity := identityOf("role", keys.Identity(), role.ARN, role.SessionName, role.ExternalID)
	cache := identityOf(namespace, identity)
	its, err := s.session(ctx, cache, func(ctx context.Context) (Session, error) { return s.assumer.Assume(ctx, keys, role) })
	if err != nil {
		return Credential{}, err
	}
	return Credential{Keys: its, Identity: identity, Bearer: role.ARN, forget: func() { s.forget(cache, its) }}, nil
}

// session returns the keys of the session that is kept, and renews it beforehand or meanwhile, as it needs.
func (s *Sessions) session(ctx context.Context, cache string, assume func(context.Context) (Session, error)) (Keys, error) {
	have, now := s.load(cache), time.Now()
	if now.Before(have.ends.Add(-leastLeft)) {
		if !now.Before(have.renew) {
			s.renewed(ctx, cache, assume) // nobody waits for it
		}
		return have.keys, nil
	}
	select {
	case result := <-s.renewed(ctx, cache, assume):
		if result.Err == nil {
			return result.Val.(Keys), nil
		}
		if time.Now().Before(have.ends) {
			return have.keys, nil
		}
		return Keys{}, result.Err
	case <-ctx.Done():
		return Keys{}, &fault.Error{Kind: fault.Transient, Reason: "the role could not be assumed in time", Cause: ctx.Err()}
	}
}

// renewed gets a session, once for all who ask for it meanwhile.
func (s *Sessions) renewed(ctx context.Context, cache string, assume func(context.Context) (Session, error)) <-chan singleflight.Result {
	return s.flight.DoChan(cache, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), assumeTimeout)
		defer cancel()
		asked := time.Now()
		got, err := assume(ctx)
		if err != nil {
			s.postpone(cache)
			return nil, err
		}
		s.keep(cache, got, asked)
		return got.Keys, nil
	})
}

func (s *Sessions) load(cache string) session {
	if v, ok := s.kept.Get(cache); ok {
		return v.(session)
	}
	return session{}
}

// keep keeps a session for no longer than was asked for, whatever the cloud says and this machine's clock is. One that has ended by
// that clock is used and not kept.
func (s *Sessions) keep(cache string, got Session, asked time.Time) {
	ends := asked.Add(Lifetime)
	if got.Ends.Before(ends) {
		ends = got.Ends
	}
	renew := asked.Add(wait.Jitter(time.Duration(renewAfter*float64(ends.Sub(asked))), renewSpread))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Add(cache, session{keys: got.Keys, renew: renew, ends: ends})
}

// postpone keeps a session that could not be renewed from being renewed at once again.
func (s *Sessions) postpone(cache string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.load(cache); have != (session{}) {
		have.renew = time.Now().Add(retryRenewal)
		s.kept.Add(cache, have)
	}
}

// forget forgets a session, unless there is another by now.
func (s *Sessions) forget(cache string, keys Keys) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.load(cache).keys == keys {
		s.kept.Remove(cache)
	}
}

// identityOf names these exact texts without revealing them.
func identityOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		// Each part is hashed by itself first, so that no two lists run together.
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
