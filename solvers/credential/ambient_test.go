package credential_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
)

// source are ambient credentials whose sessions are numbered.
type source struct {
	// assumes is AssumesRoles, static says that the keys are of no session.
	assumes, static bool

	mu    sync.Mutex
	asked []config.Role
	fail  error
}

// Name implements credential.Ambient.
func (*source) Name() string { return "the role of the node" }

// AssumesRoles implements credential.Ambient.
func (s *source) AssumesRoles() bool { return s.assumes }

// Session implements credential.Ambient.
func (s *source) Session(_ context.Context, role config.Role) (credential.Session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, role)
	if s.fail != nil {
		return credential.Session{}, s.fail
	}
	got := credential.Session{Keys: credential.Keys{ID: fmt.Sprintf("ambient.%d", len(s.asked)), Secret: "s", Token: "t"}, Ends: time.Now().Add(time.Hour)}
	if s.static {
		got.Keys, got.Ends = base, time.Time{}
	}
	return got, nil
}

func (s *source) set(fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

func (s *source) roles() []config.Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// surroundings are what the tests of ambient credentials use, in simulated time.
type surroundings struct {
	*bench
	source *source
}

func inSurroundings(t *testing.T, s *source, test func(s *surroundings)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		assumer := &sts{lasts: time.Hour}
		test(&surroundings{&bench{T: t, sts: assumer, sessions: credential.NewSessions(assumer, s)}, s})
		synctest.Wait()
	})
}

func (s *surroundings) openAs(namespace string, role config.Role) credential.Credential {
	s.Helper()
	c, err := s.sessions.OpenAmbient(s.Context(), namespace, role)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// Which way leads from ambient credentials to those that an Issuer uses.
func TestWaysFromAmbientCredentials(t *testing.T) {
	t.Parallel()
	chained, none := role, config.Role{}
	chained.Chain = true
	const name = "the role of the node"
	for sentence, test := range map[string]struct {
		source *source
		role   config.Role
		// asked is what the source is asked for, assumed the keys that a role is assumed with.
		asked      []config.Role
		assumed    []credential.Keys
		id, bearer string
	}{
		"a token is used for the role that goes with it": {&source{assumes: true}, none, []config.Role{none}, nil, "ambient.1", name},
		"a token assumes another role directly":          {&source{assumes: true}, role, []config.Role{role}, nil, "ambient.1", role.ARN},
		"a chain goes through the first role": {
			&source{assumes: true}, chained, []config.Role{none}, []credential.Keys{{ID: "ambient.1", Secret: "s", Token: "t"}}, "STS.1", role.ARN,
		},
		"a node is its own role": {&source{}, none, []config.Role{none}, nil, "ambient.1", name},
		"a node's role assumes another": {
			&source{}, role, []config.Role{none}, []credential.Keys{{ID: "ambient.1", Secret: "s", Token: "t"}}, "STS.1", role.ARN,
		},
		"keys are what they are":   {&source{static: true}, none, []config.Role{none}, nil, base.ID, name},
		"keys may assume a role":   {&source{static: true}, role, []config.Role{none}, []credential.Keys{base}, "STS.1", role.ARN},
		"a chain from keys is one": {&source{static: true}, chained, []config.Role{none}, []credential.Keys{base}, "STS.1", role.ARN},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			inSurroundings(t, test.source, func(s *surroundings) {
				got := s.openAs("team-a", test.role)
				if diff := cmp.Diff([]string{test.id, test.bearer}, []string{got.Keys.ID, got.Bearer}); diff != "" {
					t.Errorf("id and bearer (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.asked, s.source.roles()); diff != "" {
					t.Errorf("asked for (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(fmt.Sprint(len(test.assumed)), fmt.Sprint(len(s.sts.asked))); diff != "" || len(test.assumed) > 0 && s.sts.asked[0] != test.assumed[0] {
					t.Errorf("not assumed with the right keys (-want +got):\n%s", diff)
				}
				if again := s.openAs("team-a", test.role); again.Keys != got.Keys || again.Identity != got.Identity || len(s.source.roles()) != 1 {
					t.Errorf("the second time it is another, after %d questions", len(s.source.roles()))
				}
			})
		})
	}
}

func TestAmbientSessions(t *testing.T) {
	t.Parallel()
	chained := role
	chained.Chain = true
	for name, test := range map[string]struct {
		source *source
		test   func(s *surroundings)
	}{
		"each namespace has its own, of the same account": {&source{}, func(s *surroundings) {
			a, b := s.openAs("team-a", config.Role{}), s.openAs("team-b", config.Role{})
			if a.Keys == b.Keys || a.Identity != b.Identity {
				s.Errorf("the keys are the same: %v, the identity is: %v", a.Keys == b.Keys, a.Identity == b.Identity)
			}
		}},
		"each role, name and way has its own": {&source{assumes: true}, func(s *surroundings) {
			other, named := role, role
			other.ARN, named.SessionName = "acs:ram::1:role/other", "other"
			seen := map[string]bool{}
			for _, its := range []config.Role{{}, role, other, named, chained} {
				c := s.openAs("team-a", its)
				if seen[c.Identity] || seen[c.Keys.ID] {
					s.Errorf("%+v is another's", its)
				}
				seen[c.Identity], seen[c.Keys.ID] = true, true
			}
		}},
		"nobody who wrote the keys down has the identity of those around": {&source{static: true}, func(s *surroundings) {
			written, err := s.sessions.Open(s.Context(), "team-a", base, config.Role{})
			if around := s.openAs("team-a", config.Role{}); err != nil || around.Keys != written.Keys || around.Identity == written.Identity {
				s.Errorf("%v, the keys are the same: %v, the identity is: %v", err, around.Keys == written.Keys, around.Identity == written.Identity)
			}
		}},
		"one is renewed before it ends, and nobody waits for that": {&source{}, func(s *surroundings) {
			s.wantAmbient("ambient.1")
			time.Sleep(46 * time.Minute)
			s.wantAmbient("ambient.1")
			synctest.Wait()
			s.wantAmbient("ambient.2")
		}},
		"while the source is down, one is used to its end": {&source{}, func(s *surroundings) {
			s.wantAmbient("ambient.1")
			s.source.set(errDown)
			for range 59 {
				time.Sleep(time.Minute)
				s.wantAmbient("ambient.1")
			}
			time.Sleep(2 * time.Minute)
			if _, err := s.sessions.OpenAmbient(s.Context(), "team-a", config.Role{}); !errors.Is(err, errDown) {
				s.Errorf("got %v", err)
			}
			s.source.set(nil)
			if s.openAs("team-a", config.Role{}).Keys.ID == "ambient.1" {
				s.Error("one that has ended is used")
			}
		}},
		"one that the cloud ended before its time is replaced": {&source{}, func(s *surroundings) {
			c := s.openAs("team-a", config.Role{})
			s.wantEnded(c.Judge(errGone), "the role of the node")
			s.wantAmbient("ambient.2")
		}},
		"of one that a role was assumed with, too": {&source{}, func(s *surroundings) {
			s.sts.set(func(s *sts) { s.fail = errGone })
			_, err := s.sessions.OpenAmbient(s.Context(), "team-a", role)
			s.wantEnded(err, "the role of the node")
			s.sts.set(func(s *sts) { s.fail = nil })
			s.openAs("team-a", role)
			if last := s.sts.asked[len(s.sts.asked)-1]; last.ID != "ambient.2" {
				s.Errorf("the role is assumed with %s", last.ID)
			}
		}},
		"a role that does not exist says nothing of the base": {&source{}, func(s *surroundings) {
			none := &fault.Error{Kind: fault.CredentialGone, Reason: "no such role", Cause: credential.ErrNoRole}
			s.sts.set(func(s *sts) { s.fail = none })
			if _, err := s.sessions.OpenAmbient(s.Context(), "team-a", role); err != none { //nolint:errorlint // it is to be the same
				s.Errorf("got %v", err)
			}
		}},
		"keys that are of no session have not ended": {&source{static: true}, func(s *surroundings) {
			if err := s.openAs("team-a", config.Role{}).Judge(errGone); err != errGone { //nolint:errorlint // it is to be the same
				s.Errorf("got %v", err)
			}
		}},
		"a refusal is not remembered": {&source{assumes: true, fail: errDown}, func(s *surroundings) {
			if _, err := s.sessions.OpenAmbient(s.Context(), "team-a", role); !errors.Is(err, errDown) {
				s.Errorf("got %v", err)
			}
			s.source.set(nil)
			s.openAs("team-a", role)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inSurroundings(t, test.source, test.test)
		})
	}
}

func (s *surroundings) wantAmbient(id string) {
	s.Helper()
	if got := s.openAs("team-a", config.Role{}).Keys.ID; got != id {
		s.Errorf("got %s, want %s", got, id)
	}
}

func (s *surroundings) wantEnded(err error, whose string) {
	s.Helper()
	want := "the cloud has ended the session of " + whose + " before its time (InvalidAccessKeyId.NotFound); the next try asks for another one"
	if err == nil || err.Error() != want || !fault.Is(err, fault.Transient) {
		s.Errorf("got %v", err)
	}
}

func TestKeysInTheEnvironment(t *testing.T) {
	t.Parallel()
	const odd = " in the solver's environment has white space or another character inside that no access key has; write the access key there as the cloud's console shows it"
	for name, test := range map[string]struct {
		environment map[string]string
		want        credential.Keys
		err         string
	}{
		"a pair":                      {map[string]string{"ID": "a", "SECRET": "b"}, credential.Keys{ID: "a", Secret: "b"}, ""},
		"with a token":                {map[string]string{"ID": "a", "SECRET": "b", "TOKEN": "c"}, credential.Keys{ID: "a", Secret: "b", Token: "c"}, ""},
		"white space around them":     {map[string]string{"ID": " a\n", "SECRET": "b\n", "TOKEN": "\tc"}, credential.Keys{ID: "a", Secret: "b", Token: "c"}, ""},
		"the id alone":                {map[string]string{"ID": "a"}, credential.Keys{}, "the variable SECRET is not set in the solver's environment; set all of ID, SECRET, or none"},
		"the secret alone":            {map[string]string{"SECRET": "b"}, credential.Keys{}, "the variable ID is not set in the solver's environment; set all of ID, SECRET, or none"},
		"white space inside a token":  {map[string]string{"ID": "a", "SECRET": "b", "TOKEN": "c d"}, credential.Keys{}, "the variable TOKEN" + odd},
		"the first of several is one": {map[string]string{"ID": "ключ", "SECRET": "b c", "TOKEN": "c d"}, credential.Keys{}, "the variable ID" + odd},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			its := credential.FromEnvironment("keys", func(name string) string { return test.environment[name] }, "ID", "SECRET", "TOKEN")
			for range 10 {
				got, err := its.Session(t.Context(), config.Role{})
				if got.Keys != test.want || !got.Ends.IsZero() || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
					t.Fatalf("the keys are right: %v, %v", got.Keys == test.want, err)
				}
			}
			if its.Name() != "keys" || its.AssumesRoles() {
				t.Errorf("called %s, assumes roles: %v", its.Name(), its.AssumesRoles())
			}
		})
	}
}

func TestReadToken(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		content string
		want    string // "" for none
	}{
		"a token":                    {"a.b.c", "a.b.c"},
		"a line break behind it":     {"a.b.c\n", "a.b.c"},
		"the longest":                {strings.Repeat("x", 20000) + "\r\n", strings.Repeat("x", 20000)},
		"longer":                     {strings.Repeat("x", 20001), ""},
		"the longest, and much more": {strings.Repeat("x", 20000) + "\n\n" + strings.Repeat("y", 1<<20), ""},
		"nothing":                    {"", ""},
		"white space":                {" \n", ""},
		"two lines":                  {"a.b.c\nd", ""},
		"a zero byte":                {"a.b\x00c", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			got, err := credential.ReadToken(file)
			if got != test.want {
				t.Errorf("got %d bytes, want %d", len(got), len(test.want))
			}
			if test.want != "" {
				return
			}
			if want := "what is at " + file + " in the solver's Pod is no token"; err == nil || err.Error() != want || !fault.Is(err, fault.Misconfigured) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
