package credential

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	// Identity stands for where the keys come from and for the role. It stays when a session is renewed, and nobody who does not hold the
	// same secret has it.
	Identity string
	// Bearer is public: the id of the access key, the role, or what the ambient credentials are.
	Bearer string
	// forget is for the session that the keys are of; it is nil where they are of none.
	forget func()
}

// Judge says what the error of a call means that was signed with the keys. Keys of a session that the cloud refuses are not used again;
// that it does not know them says that it has ended the session before its time, and not, as of keys that somebody wrote down, that there
// is nothing to sign with.
func (c Credential) Judge(err error) error {
	if c.forget == nil || !fault.Is(err, fault.Denied) && !fault.Is(err, fault.CredentialGone) {
		return err
	}
	c.forget()
	if fault.Is(err, fault.Denied) || errors.Is(err, ErrNoRole) {
		return err
	}
	return &fault.Error{
		Kind: fault.Transient, Reason: "the cloud has ended the session of " + c.Bearer + " before its time", Code: fault.CodeOf(err),
		Remedy: "the next try asks for another one", Cause: err,
	}
}

// ErrNoRole is the cause of a refusal of a role that does not exist.
var ErrNoRole = errors.New("the role does not exist")

// Session is what a cloud gives to whoever assumes a role: keys, until they end.
type Session struct {
	Keys Keys
	// Ends is by the cloud's clock. It is zero for keys that are of no session.
	Ends time.Time
}

// Assumer assumes roles at one cloud.
type Assumer interface {
	// Assume makes one call, signed with the keys, within ctx, and asks for a session of Lifetime. Errors are *fault.Error; that there is
	// no such role has ErrNoRole for its cause. It may be called concurrently.
	Assume(ctx context.Context, keys Keys, role config.Role) (Session, error)
}

// Ambient are the credentials that the process's surroundings have at one cloud: keys in its environment, a token of its Pod, the role of
// its node. Without a Secret they are the only ones that an Issuer has.
type Ambient interface {
	// Name says what they are, in words that hold no secret and stay the same.
	Name() string
	// AssumesRoles tells whether they assume any role by themselves: with a token that proves who the process is.
	AssumesRoles() bool
	// Session gets the keys of their own identity, or, where AssumesRoles, those of a role; the zero role is their own. It asks whoever
	// has to be asked, within ctx, and keeps nothing. Errors are *fault.Error. It may be called concurrently.
	Session(ctx context.Context, role config.Role) (Session, error)
}

// Sessions opens credentials, and keeps the sessions of roles. One is renewed before it ends, while it is still used; where that fails
// it is used until its end. It is safe for concurrent use.
type Sessions struct {
	assumer Assumer
	ambient Ambient
	// Observe, where it is set before the first use, is told of each session that was asked for: of which kind of credential it is, until
	// when it is good, zero for keys without an end, and what became of it.
	Observe func(kind Kind, ends time.Time, err error)
	flight  singleflight.Group

	mu   sync.Mutex // for what is changed by what it was; looking needs no lock
	kept *lru.Cache // of session, by the namespace and the identity of a credential
}

type session struct {
	keys        Keys
	renew, ends time.Time
	// static says that the keys are of no session.
	static bool
}

// Kind is what a session is of.
type Kind string

// The kinds of credentials that are asked for.
const (
	OfRole    Kind = "role"
	OfAmbient Kind = "ambient"
)

// NewSessions returns one that has no session yet. Ambient is nil where there are no ambient credentials to ask for.
func NewSessions(assumer Assumer, ambient Ambient) *Sessions {
	return &Sessions{assumer: assumer, ambient: ambient, kept: lru.New(maxSessions)}
}

// Open returns the credential that the keys are, or that they lead to where a role is to be assumed with them. No session is shared
// between namespaces.
func (s *Sessions) Open(ctx context.Context, namespace string, keys Keys, role config.Role) (Credential, error) {
	return s.assume(ctx, namespace, Credential{Keys: keys, Identity: keys.Identity(), Bearer: keys.ID}, role)
}

// OpenAmbient returns the ambient credential, or the one that it leads to where a role is to be assumed. Whether that is allowed is for
// the caller to say.
func (s *Sessions) OpenAmbient(ctx context.Context, namespace string, role config.Role) (Credential, error) {
	direct, then := config.Role{}, role
	if s.ambient.AssumesRoles() && !role.Chain {
		direct, then = role, config.Role{}
	}
	own := Credential{
		Identity: identityOf("ambient", s.ambient.Name(), direct.ARN, direct.SessionName, direct.ExternalID),
		Bearer:   cmp.Or(direct.ARN, s.ambient.Name()),
	}
	own, err := s.open(ctx, namespace, OfAmbient, own, func(ctx context.Context) (Session, error) { return s.ambient.Session(ctx, direct) })
	if err != nil {
		return Credential{}, err
	}
	return s.assume(ctx, namespace, own, then)
}

// AmbientName says what the ambient credentials are.
func (s *Sessions) AmbientName() string { return s.ambient.Name() }

// assume returns the credential that a base leads to, itself where no role is to be assumed with it.
func (s *Sessions) assume(ctx context.Context, namespace string, base Credential, role config.Role) (Credential, error) {
	if role.ARN == "" {
		return base, nil
	}
	its := Credential{
		Identity: identityOf("role", base.Identity, role.ARN, role.SessionName, role.ExternalID),
		Bearer:   role.ARN,
	}
	its, err := s.open(ctx, namespace, OfRole, its, func(ctx context.Context) (Session, error) { return s.assumer.Assume(ctx, base.Keys, role) })
	if err != nil {
		return Credential{}, base.Judge(err)
	}
	return its, nil
}

// open fills in the keys of a session.
func (s *Sessions) open(ctx context.Context, namespace string, kind Kind, its Credential, get func(context.Context) (Session, error)) (Credential, error) {
	cache := identityOf(namespace, its.Identity)
	have, err := s.session(ctx, cache, func(ctx context.Context) (Session, error) {
		got, err := get(ctx)
		if s.Observe != nil {
			s.Observe(kind, got.Ends, err)
		}
		return got, err
	})
	if err != nil {
		return Credential{}, err
	}
	if its.Keys = have.keys; !have.static {
		its.forget = func() { s.forget(cache, have.keys) }
	}
	return its, nil
}

// session returns the session that is kept, and renews it beforehand or meanwhile, as it needs.
func (s *Sessions) session(ctx context.Context, cache string, get func(context.Context) (Session, error)) (session, error) {
	have, now := s.load(cache), time.Now()
	if now.Before(have.ends.Add(-leastLeft)) {
		if !now.Before(have.renew) {
			s.renewed(ctx, cache, get) // nobody waits for it
		}
		return have, nil
	}
	select {
	case result := <-s.renewed(ctx, cache, get):
		if result.Err == nil {
			return result.Val.(session), nil
		}
		if time.Now().Before(have.ends) {
			return have, nil
		}
		return session{}, result.Err
	case <-ctx.Done():
		return session{}, &fault.Error{Kind: fault.Transient, Reason: "no session was had in time", Cause: ctx.Err()}
	}
}

// renewed gets a session, once for all who ask for it meanwhile.
func (s *Sessions) renewed(ctx context.Context, cache string, get func(context.Context) (Session, error)) <-chan singleflight.Result {
	return s.flight.DoChan(cache, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), assumeTimeout)
		defer cancel()
		asked := time.Now()
		got, err := get(ctx)
		if err != nil {
			s.postpone(cache)
			return nil, err
		}
		return s.keep(cache, got, asked), nil
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
func (s *Sessions) keep(cache string, got Session, asked time.Time) session {
	its := session{keys: got.Keys, ends: asked.Add(Lifetime), static: got.Ends.IsZero()}
	if !its.static && got.Ends.Before(its.ends) {
		its.ends = got.Ends
	}
	its.renew = asked.Add(wait.Jitter(time.Duration(renewAfter*float64(its.ends.Sub(asked))), renewSpread))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Add(cache, its)
	return its
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
