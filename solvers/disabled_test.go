package solvers

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// kept is what a test says about a record that is there in the end.
type kept struct {
	Value, Line string
	Disabled    bool
}

// TestPresent_ADisabledRecordIsReplaced has records at the challenge's name that somebody has paused in the console.
func TestPresent_ADisabledRecordIsReplaced(t *testing.T) {
	lines := map[string]string{"alidns": "telecom", "dnspod": "10=1"}
	defaults := map[string]string{"alidns": "default", "dnspod": "0"}
	paused := func(value, line string, ttl int) cloud.Record {
		return cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: value, Line: line, TTL: ttl, Disabled: true}
	}
	for name, test := range map[string]struct {
		records func(line, other string) []cloud.Record
		lag     time.Duration
		want    func(line, other string) []kept
		removed int
	}{
		"an equal one": {
			records: func(line, _ string) []cloud.Record { return []cloud.Record{paused(value, line, 600)} },
			want:    func(line, _ string) []kept { return []kept{{Value: value, Line: line}} }, removed: 1,
		},
		"an equal one of another TTL": {
			records: func(line, _ string) []cloud.Record { return []cloud.Record{paused(value, line, 3600)} },
			want:    func(line, _ string) []kept { return []kept{{Value: value, Line: line}} }, removed: 1,
		},
		"an equal one on another line, which is not in the way but of no use": {
			records: func(_, other string) []cloud.Record { return []cloud.Record{paused(value, other, 600)} },
			want:    func(line, _ string) []kept { return []kept{{Value: value, Line: line}} }, removed: 1,
		},
		"an equal one beside another value, which stays disabled": {
			records: func(line, _ string) []cloud.Record {
				return []cloud.Record{paused("somebody else's", line, 600), paused(value, line, 600), paused(otherValue, line, 600)}
			},
			want: func(line, _ string) []kept {
				return []kept{{"somebody else's", line, true}, {otherValue, line, true}, {Value: value, Line: line}}
			},
			removed: 1,
		},
		"an equal one that is not disabled stays": {
			records: func(line, _ string) []cloud.Record {
				return []cloud.Record{{RR: "_acme-challenge", Type: "TXT", Value: value, Line: line, TTL: 3600}}
			},
			want: func(line, _ string) []kept { return []kept{{Value: value, Line: line}} },
		},
		"an equal one, where lists lag behind": {
			records: func(line, _ string) []cloud.Record { return []cloud.Record{paused(value, line, 600)} }, lag: 30 * time.Second,
			want: func(line, _ string) []kept { return []kept{{Value: value, Line: line}} }, removed: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(r *rig) {
				line, other := defaults[r.name], lines[r.name]
				r.putZone("alice", "example.com", test.records(line, other)...)
				if r.name == "dnspod" { // the lists of the other one do not lag
					r.cloud.Change(func(s *cloud.Settings) { s.ListLag = test.lag })
				}
				r.present()
				r.present() // which finds it as it is
				r.wantCalls(r.remove, test.removed)
				var got []kept
				for _, record := range r.cloud.Records("example.com") {
					got = append(got, kept{record.Value, record.Line, record.Disabled})
				}
				if diff := cmp.Diff(test.want(line, other), got); diff != "" {
					t.Errorf("records (-want +got):\n%s", diff)
				}
				time.Sleep(time.Minute)
				r.restart()
				r.cleanUp() // on every line
				for _, left := range r.cloud.Records("example.com") {
					if left.Value == value {
						t.Errorf("%+v is left", left)
					}
				}
			})
		})
	}
}

// TestPresent_ADisabledRecordAndTooFewRights has keys that lack a right which is needed for that alone.
func TestPresent_ADisabledRecordAndTooFewRights(t *testing.T) {
	paused := cloud.Record{RR: "_acme-challenge", Type: "TXT", Value: value, Disabled: true}
	denied := func(r *rig, action string) {
		r.cloud.PutAccount(cloud.Account{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret, Denied: []string{action}}}})
		r.putZone("alice", "example.com", paused)
	}
	forBoth(t, func(r *rig) {
		denied(r, r.remove)
		r.wantError(func() error { return r.solver.Present(r.request()) }, r.name+":"+r.remove, "the Secret team-a/alice")
		if err := r.solver.Present(r.request()); !fault.Is(err, fault.Denied) {
			t.Errorf("error %v", err)
		}
	})
	forBoth(t, func(r *rig) {
		denied(r, r.list)
		r.present() // as far as anybody can tell; the wait tells the rest
	})
}

func TestCleanUp_ADisabledRecord(t *testing.T) {
	forBoth(t, func(r *rig) {
		r.present()
		record := r.cloud.Records("example.com")[0]
		record.Disabled = true
		if err := r.cloud.Update("alice", record); err != nil {
			t.Fatal(err)
		}
		if got := r.txt("alice"); len(got) != 1 || !strings.HasSuffix(got[0], value) {
			t.Fatalf("records %q", got)
		}
		r.cleanUp()
		r.wantTXT("alice")
	})
}
