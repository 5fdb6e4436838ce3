package providertest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Refusal is a call that the cloud refuses.
type Refusal struct {
	// Keys are alice's where they are left out; Zone is one more.
	Keys   credential.Keys
	Zone   cloud.Zone
	Change func(*cloud.Settings)
	Do     Call
	Kind   fault.Kind
	Want   string
	// Calls is how many are made, one where it is left out.
	Calls int
}

func (h Host) refusals(t *testing.T) {
	low, paid, nowhere := Challenge("example.com", rr), Challenge("xn--fsqu00a.com", rr), Challenge("example.com", rr)
	low.TTL, paid.TTL, nowhere.Line = 60, 1, "nowhere"
	says := h.Refusals
	h.Refused(t, map[string]Refusal{
		"a TTL below the edition's minimum names the minimum": {
			Do: Add(low), Kind: fault.Misconfigured, Calls: 1 + h.EditionCalls, Want: says.LowTTL,
		},
		"a TTL below a paid edition's minimum names that": {
			Zone: cloud.Zone{Owner: "alice", Name: "例子.com", Edition: h.Edition},
			Do:   Add(paid), Kind: fault.Misconfigured, Calls: 1 + h.EditionCalls, Want: says.PaidTTL,
		},
		"without the right to read the edition the usual minimum is named": {
			Keys: h.writer(), Do: Add(low), Kind: fault.Misconfigured, Calls: 2, Want: says.HiddenTTL,
		},
		"an unknown line is named":           {Do: Add(nowhere), Kind: fault.Misconfigured, Want: says.UnknownLine},
		"a zone of another account is named": {Do: Add(Challenge("example.org", rr)), Kind: fault.ZoneNotFound, Want: says.ForeignZone},
		"a zone that nobody hosts is named":  {Do: Find(Challenge("example.net", rr)), Kind: fault.ZoneNotFound, Want: says.NoZone},
		"a Chinese zone that nobody hosts is asked for in both forms": {
			Do: Find(Challenge("xn--fsqu00a.com", rr)), Kind: fault.ZoneNotFound, Calls: 2, Want: says.NoChineseZone,
		},
		"a top-level domain is no zone": {Do: Find(Challenge("com", rr)), Kind: fault.ZoneNotFound, Want: says.TopLevel},
		"a locked zone is named": {
			Zone: cloud.Zone{Owner: "alice", Name: "locked.com", Status: cloud.ZoneLocked},
			Do:   Add(Challenge("locked.com", rr)), Kind: fault.Misconfigured, Want: says.LockedZone,
		},
		"an unknown key": {
			Keys: credential.Keys{ID: h.Keys.ID + "Nobody", Secret: "x"}, Do: List, Kind: fault.CredentialGone, Want: says.UnknownKey,
		},
		"a disabled key": {Keys: h.disabled(), Do: List, Kind: fault.CredentialGone, Want: says.DisabledKey},
		"a wrong secret": {
			Keys: credential.Keys{ID: h.Keys.ID, Secret: "wrong"}, Do: List, Kind: fault.Denied, Want: says.WrongSecret,
		},
		"a policy that does not allow the call names the action": {
			Keys: h.reader(), Do: Add(Challenge("example.com", rr)), Kind: fault.Denied, Want: says.Policy,
		},
		"a token that has expired": {Keys: h.expired(), Do: List, Kind: fault.Denied, Want: says.ExpiredToken},
		"a temporary key without its token": {
			Keys: credential.Keys{ID: h.Temporary.ID, Secret: h.Temporary.Secret}, Do: List, Kind: fault.Denied, Want: says.NoToken,
		},
		"a clock that is 20 minutes off": {
			Change: func(s *cloud.Settings) { s.ClockSkew = 20 * time.Minute }, Do: List, Kind: fault.Misconfigured, Want: says.Clock,
		},
	})
}

// disabled, reader, writer and expired are keys of alice's that are not good for everything.
func (h Host) disabled() credential.Keys {
	return credential.Keys{ID: h.Keys.ID + "Disabled", Secret: "disabled"}
}

func (h Host) reader() credential.Keys {
	return credential.Keys{ID: h.Keys.ID + "Reader", Secret: "reader"}
}

func (h Host) writer() credential.Keys {
	return credential.Keys{ID: h.Keys.ID + "Writer", Secret: "writer"}
}

func (h Host) expired() credential.Keys {
	return credential.Keys{ID: h.Temporary.ID + "Expired", Secret: "expired", Token: "expired-token"}
}

// Refused holds the host to what it says, twice, to calls that the cloud refuses.
func (h Host) Refused(t *testing.T, refusals map[string]Refusal) {
	t.Helper()
	for name, test := range refusals {
		t.Run(name, func(t *testing.T) {
			world := h.Start(t, func(o *simulator.CloudOptions) {
				o.Change = test.Change
				o.Accounts[0].Keys = append(o.Accounts[0].Keys,
					cloud.Key{ID: h.disabled().ID, Secret: h.disabled().Secret, Disabled: true},
					cloud.Key{ID: h.reader().ID, Secret: h.reader().Secret, Denied: []string{h.AddAction}},
					cloud.Key{ID: h.writer().ID, Secret: h.writer().Secret, Denied: []string{h.EditionAction}},
					cloud.Key{ID: h.expired().ID, Secret: h.expired().Secret, Token: h.expired().Token, Expires: time.Now().Add(-time.Hour)},
				)
				if test.Zone.Name != "" {
					o.Zones = append(o.Zones, test.Zone)
				}
			})
			used := test.Keys
			if used == (credential.Keys{}) {
				used = h.Keys
			}
			account, before := h.Account(t, world.URL, used), world.Records("")
			for range 2 {
				world.ResetCalls()
				err := test.Do(t.Context(), account)
				if diff := cmp.Diff(test.Want, Text(err)); diff != "" || !fault.Is(err, test.Kind) {
					t.Fatalf("error %v, want the kind %v (-want +got):\n%s", err, test.Kind, diff)
				}
				checkSecrets(t, err, used)
				if got := len(world.Calls()); got != max(test.Calls, 1) {
					t.Errorf("%d calls, want %d", got, max(test.Calls, 1))
				}
			}
			if diff := cmp.Diff(before, world.Records("")); diff != "" {
				t.Errorf("what became of the records (-want +got):\n%s", diff)
			}
		})
	}
}

// checkSecrets looks for what belongs to the caller, and for what a signed URL has, in all that can be printed of an error.
func checkSecrets(t *testing.T, err error, keys credential.Keys) {
	t.Helper()
	for _, part := range []string{keys.ID, keys.Token, "Signature=", "SecurityToken="} {
		if part != "" && strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), part) {
			t.Errorf("the error holds %q", part)
		}
	}
}

// CodesPage holds what the host says to each code that the API may answer AddTXT with: those that are known, each with an ending where
// it is the beginning of others, and some more.
func (h Host) CodesPage(t *testing.T, known map[string]fault.Meaning, more ...string) string {
	t.Helper()
	codes := more
	for code := range known {
		beginning, many := strings.CutSuffix(code, "*")
		codes = append(codes, beginning)
		if many {
			codes = append(codes, beginning+".Other")
		}
	}
	slices.Sort(codes)
	code := ""
	server := h.Serve(t, func(asked Asked) Answer {
		if asked.Action != h.AddAction {
			return Answer{Status: http.StatusInternalServerError}
		}
		return h.Refuse(code)
	})
	account, add := h.Account(t, server.URL), Add(Challenge("example.com", rr))
	var page strings.Builder
	for _, code = range slices.Compact(codes) {
		err, again := add(t.Context(), account), add(t.Context(), account)
		checkSecrets(t, err, h.Keys)
		if diff := cmp.Diff(Described(err), Described(again)); diff != "" {
			t.Errorf("%s is not put into the same words (-first +second):\n%s", code, diff)
		}
		fmt.Fprintf(&page, "%s → %s\n", code, entry(err))
	}
	return page.String()
}

// entry is what a page says about an error: its kind, the wait that it asks for, and its text.
func entry(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case err == nil:
		return "success"
	case !ok:
		return "no fault"
	case f.RetryAfter > 0:
		return fmt.Sprintf("%v, again after %v\n    %v", f.Kind, f.RetryAfter, f)
	}
	return fmt.Sprintf("%v\n    %v", f.Kind, f)
}

// Golden compares a page with a file, or writes the file.
func Golden(t *testing.T, file, page string, update bool) {
	t.Helper()
	if update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), page); diff != "" {
		t.Errorf("%s (-want +got); go test -update writes it anew:\n%s", file, diff)
	}
}

// statuses holds that a code which is known means the same with any HTTP status, and that else the status tells.
func (h Host) statuses(t *testing.T) {
	said := func(status int, code string) string {
		server := h.Serve(t, func(Asked) Answer { return h.refuseWith(status, code) })
		err := Add(Challenge("example.com", rr))(t.Context(), h.Account(t, server.URL))
		if calls := len(server.Asked()); calls != 1 {
			t.Errorf("%d calls, want 1", calls)
		}
		return Described(err)
	}
	for _, code := range []string{h.Codes.Throttled, h.Codes.NoZone, h.Codes.UnknownKey} {
		want := said(h.API.Status, code)
		for _, status := range []int{404, 500, 503} {
			if diff := cmp.Diff(want, said(status, code)); diff != "" {
				t.Errorf("%s with HTTP %d (-want +got):\n%s", code, status, diff)
			}
		}
	}
	for status, want := range map[int]string{
		500: "transient, retry true after 0s: an error inside " + h.Name + " (Something.New)",
		503: "transient, retry true after 0s: an error inside " + h.Name + " (Something.New)",
		429: "throttled, retry true after 0s: too many calls to " + h.Name + " (Something.New)",
	} {
		if diff := cmp.Diff(want, said(status, "Something.New")); diff != "" {
			t.Errorf("an unknown code with HTTP %d (-want +got):\n%s", status, diff)
		}
	}
}
