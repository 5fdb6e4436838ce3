package providertest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/wire"
)

// Roles is what differs between how roles are assumed at the hosts' clouds.
type Roles struct {
	Host
	// Assumer returns what assumes roles at an API.
	Assumer func(wire.API) credential.Assumer
	// ARN is one that may be, and Other another one.
	ARN, Other string
	// Parameters are those of a call for ARN, with the session's name "certyun" and an hour.
	Parameters map[string]string
	// Refusals are the cloud's words: for a role that does not trust the keys, for one that does not exist, and for what is wrong with keys.
	NotTrusted, NoRole, UnknownKey, WrongSecret, Clock string
	// STSCodes are what is said to codes of STS, with the kind of the fault in front.
	STSCodes map[string]string
	// Incomplete are documents without an error in which something is missing.
	Incomplete []string
}

// RunRoles holds a host's Assumer to its contract.
func RunRoles(t *testing.T, r Roles) {
	for name, test := range map[string]func(*testing.T){
		"a session": r.session, "refusals": r.refused, "codes": r.codes, "odd answers": r.odd,
	} {
		t.Run(name, test)
	}
}

func (r Roles) role() config.Role {
	return config.Role{ARN: r.ARN, SessionName: config.DefaultSessionName}
}

// start starts a world in which bob has the role and trusts alice's keys.
func (r Roles) start(t *testing.T, change func(*cloud.Settings)) *simulator.Endpoint {
	t.Helper()
	return r.Start(t, func(o *simulator.CloudOptions) {
		o.Change = change
		o.Accounts[1].Roles = []cloud.Role{
			{ARN: r.ARN, Trusts: []string{r.Keys.ID}, Zones: []string{"example.org"}, Lists: true}, {ARN: r.Other, Trusts: []string{"nobody"}},
		}
	})
}

// session: alice assumes bob's role, and is let into his zone, and not into hers, with a token.
func (r Roles) session(t *testing.T) {
	world := r.start(t, nil)
	asked := time.Now()
	got, err := r.Assumer(At(t, world.URL, nil)).Assume(t.Context(), r.Keys, r.role())
	if err != nil {
		t.Fatal(err)
	}
	if lasts := got.Ends.Sub(asked); lasts < credential.Lifetime-2*time.Second || lasts > credential.Lifetime+time.Minute {
		t.Errorf("the session lasts %v", lasts)
	}
	call := world.Calls()[0]
	if diff := cmp.Diff(r.Parameters, call.Parameters); diff != "" || call.Action != "AssumeRole" || call.Owner != "alice" {
		t.Errorf("%s by %s, parameters (-want +got):\n%s", call.Action, call.Owner, diff)
	}
	account := r.Account(t, world.URL, got.Keys)
	zones, err := account.Zones(t.Context())
	if diff := cmp.Diff([]string{"example.org"}, zones); err != nil || diff != "" {
		t.Errorf("zones (-want +got), %v:\n%s", err, diff)
	}
	if err := Add(Challenge("example.org", rr))(t.Context(), account); err != nil {
		t.Error(err)
	}
	if err := Add(Challenge("example.com", rr))(t.Context(), account); err == nil {
		t.Error("the session reaches into the zone of another account")
	}
	if last := world.Calls()[2]; !last.Token || last.Owner != "bob" {
		t.Errorf("the session's calls are %s's, with a token: %v", last.Owner, last.Token)
	}
}

func (r Roles) refused(t *testing.T) {
	for name, test := range map[string]struct {
		keys   credential.Keys
		arn    string
		change func(*cloud.Settings)
		kind   fault.Kind
		want   string
	}{
		"a role that does not trust the keys": {r.Keys, r.Other, nil, fault.Denied, r.NotTrusted},
		"a role that does not exist":          {r.Keys, r.ARN + "-2", nil, fault.CredentialGone, r.NoRole},
		"an unknown key":                      {credential.Keys{ID: r.Keys.ID + "Nobody", Secret: "x"}, r.ARN, nil, fault.CredentialGone, r.UnknownKey},
		"a wrong secret":                      {credential.Keys{ID: r.Keys.ID, Secret: "wrong"}, r.ARN, nil, fault.Denied, r.WrongSecret},
		"a clock that is 20 minutes off": {
			r.Keys, r.ARN, func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }, fault.Misconfigured, r.Clock,
		},
	} {
		t.Run(name, func(t *testing.T) {
			world := r.start(t, test.change)
			_, err := r.Assumer(At(t, world.URL, nil)).Assume(t.Context(), test.keys, config.Role{ARN: test.arn, SessionName: "certyun"})
			if diff := cmp.Diff(test.want, Text(err)); diff != "" || !fault.Is(err, test.kind) {
				t.Errorf("%s (-want +got):\n%s", Described(err), diff)
			}
			checkSecrets(t, err, test.keys)
		})
	}
}

// codes: what STS says is put into words, the same each time.
func (r Roles) codes(t *testing.T) {
	code := ""
	server := r.Serve(t, func(Asked) Answer { return r.Refuse(code) })
	assumer := r.Assumer(At(t, server.URL, nil))
	for _, code = range slices.Sorted(maps.Keys(r.STSCodes)) {
		for range 2 {
			_, err := assumer.Assume(t.Context(), r.Keys, r.role())
			if diff := cmp.Diff(r.STSCodes[code], Described(err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", code, diff)
			}
			checkSecrets(t, err, r.Keys)
		}
	}
}

// odd: what is no session is none, whatever its form.
func (r Roles) odd(t *testing.T) {
	r.oddSessions(t, r.Incomplete, func(api wire.API) (credential.Session, error) {
		return r.Assumer(api).Assume(t.Context(), r.Keys, r.role())
	})
}

// oddSessions has STS answer a call for a session with what is none.
func (h Host) oddSessions(t *testing.T, incomplete []string, ask func(wire.API) (credential.Session, error)) {
	t.Helper()
	answers := []Answer{
		{Status: http.StatusBadGateway, Body: "<html>bad gateway</html>"},
		{Body: ""},
		{Body: "null"},
		{Body: "[]"},
		{Body: "{"},
		{Body: `{"Response":7}`},
		{Body: `{"Credentials":7}`},
		{Status: http.StatusTooManyRequests, Body: "{}"},
		{Body: strings.Repeat("x", 9<<20)},
		{Status: http.StatusFound, Header: map[string]string{"Location": "http://127.0.0.1:1/"}},
	}
	for _, body := range incomplete {
		answers = append(answers, Answer{Body: body})
	}
	for i, answer := range answers {
		server := h.Serve(t, func(Asked) Answer { return answer })
		got, err := ask(At(t, server.URL, nil))
		if err == nil || got != (credential.Session{}) || strings.HasPrefix(Described(err), "no fault") {
			t.Errorf("answer %d is taken for a session: %s", i, Described(err))
		}
		checkSecrets(t, err, h.Keys)
	}
}
