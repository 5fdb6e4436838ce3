package ahead

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

const (
	name     = "_acme-challenge.example.com"
	minute   = time.Minute
	ownOrder = "an Order"
)

func TestMemory_Show(t *testing.T) {
	for sentence, test := range map[string]struct {
		before func(m *Memory)
		claim  Claim
		others func(now time.Time) []Look
		want   time.Duration
	}{
		"nobody has asked for the name": {
			before: func(*Memory) {},
		},
		"another value is looked for, and this one was visible before": {
			before: func(m *Memory) {
				m.Saw(name, "b")
				time.Sleep(time.Second)
				m.Show(Claim{Name: name, Value: "a"}, nil)
				time.Sleep(time.Second)
			},
		},
		"another value is looked for, and this one is visible since": {
			before: func(m *Memory) {
				m.Show(Claim{Name: name, Value: "a"}, nil)
				time.Sleep(5 * time.Second)
				m.Saw(name, "b")
				time.Sleep(2 * time.Second)
			},
			want: minute - 2*time.Second,
		},
		"the CA was done before this one was visible": {
			before: func(m *Memory) {
				m.Show(Claim{Name: name, Value: "a"}, nil)
				time.Sleep(5 * time.Second)
				m.Concluded(name, "a")
				time.Sleep(20 * time.Second)
				m.Saw(name, "b")
			},
			want: minute - 20*time.Second,
		},
		"the CA has forgotten": {
			before: func(m *Memory) {
				m.Show(Claim{Name: name, Value: "a"}, nil)
				m.Concluded(name, "a")
				time.Sleep(minute)
				m.Saw(name, "b")
			},
		},
		"another name was looked for": {
			before: func(m *Memory) { m.Show(Claim{Name: "_acme-challenge.example.net", Value: "a"}, nil) },
		},
		"this one was away in between": {
			before: func(m *Memory) {
				m.Saw(name, "b")
				m.Show(Claim{Name: name, Value: "a"}, nil)
				m.Missed(name, "b")
				time.Sleep(time.Second)
				m.Saw(name, "b")
			},
			want: minute,
		},
		"the value itself was looked for": {
			before: func(m *Memory) { m.Show(Claim{Name: name, Value: "b"}, nil) },
		},
		"the CA is never heard of again": {
			before: func(m *Memory) {
				m.Show(Claim{Name: name, Value: "a"}, nil)
				time.Sleep(unheardOf + minute)
				m.Saw(name, "b")
			},
		},
		"another replica let the CA look, and this one's Challenge came later": {
			before: func(m *Memory) { m.Saw(name, "b") },
			claim:  Claim{Created: time.Unix(946684800+100, 0)},
			others: func(now time.Time) []Look {
				return []Look{{Value: "a", From: now.Add(-time.Second), Until: now, Exact: true}}
			},
			want: minute,
		},
		"another replica let the CA look, and this one's Challenge was there": {
			before: func(m *Memory) { time.Sleep(10 * time.Second); m.Saw(name, "b") },
			claim:  Claim{Created: time.Unix(946684800, 0)},
			others: func(now time.Time) []Look {
				return []Look{{Value: "a", From: now.Add(-time.Second), Until: now, Exact: true}}
			},
		},
		"another replica let the CA look, and this one was seen missing later": {
			before: func(m *Memory) {
				time.Sleep(10 * time.Second)
				m.Missed(name, "b")
				time.Sleep(time.Second)
				m.Saw(name, "b")
			},
			claim:  Claim{Created: time.Unix(946684800, 0)},
			others: func(now time.Time) []Look { return []Look{{Value: "a", From: now.Add(-3 * time.Second), Exact: true}} },
			want:   minute,
		},
		"another replica may be letting the CA look, for a Challenge of the same Order": {
			before: func(m *Memory) { time.Sleep(10 * time.Second); m.Saw(name, "b") },
			claim:  Claim{Created: time.Unix(946684800+9, 0), Order: ownOrder},
			others: func(now time.Time) []Look {
				return []Look{{Value: "a", From: now.Add(-3 * time.Second), Order: ownOrder}}
			},
		},
		"another replica may be letting the CA look, for a Challenge of another Order": {
			before: func(m *Memory) { time.Sleep(10 * time.Second); m.Saw(name, "b") },
			claim:  Claim{Created: time.Unix(946684800+9, 0), Order: ownOrder},
			others: func(now time.Time) []Look {
				return []Look{{Value: "a", From: now.Add(-3 * time.Second), Order: "another"}}
			},
			want: minute,
		},
		"what this process did itself it knows better": {
			before: func(m *Memory) {
				m.Saw(name, "b")
				m.Show(Claim{Name: name, Value: "a"}, nil)
			},
			others: func(now time.Time) []Look { return []Look{{Value: "a", From: now.Add(-minute)}} },
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := NewMemory(minute)
				test.before(m)
				claim := test.claim
				claim.Name, claim.Value = name, "b"
				var others []Look
				if test.others != nil {
					others = test.others(time.Now())
				}
				if got := m.Show(claim, others); got != test.want {
					t.Fatalf("held back for %s, want %s", got, test.want)
				}
				time.Sleep(test.want)
				if got := m.Show(claim, others); got != 0 {
					t.Errorf("held back for %s more", got)
				}
			})
		})
	}
}

func TestMemory_WithoutASpanNothingIsHeldBack(t *testing.T) {
	m := NewMemory(0)
	m.Show(Claim{Name: name, Value: "a"}, nil)
	m.Missed(name, "b")
	if held := m.Show(Claim{Name: name, Value: "b"}, []Look{{Value: "c", From: time.Now()}}); held != 0 {
		t.Errorf("held back for %s", held)
	}
}

func TestMemory_AValueThatIsNeverSeenIsWaitedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(minute)
		if !m.Hopeful(name, "b") {
			t.Error("one that nobody has waited for is given up")
		}
		m.Overlooked(name, "b")
		if m.Hopeful(name, "b") {
			t.Error("one that was waited for in vain is waited for again")
		}
		m.Saw(name, "b")
		if !m.Hopeful(name, "b") {
			t.Error("one that was seen is given up")
		}
	})
}

func TestMemory_IsBounded(t *testing.T) {
	m := NewMemory(minute)
	for i := range 10 * maxValues {
		m.Saw(name, fmt.Sprint(i))
	}
	_, values := m.of(name, "one more")
	if len(values) > maxValues {
		t.Errorf("%d values of one name are kept", len(values))
	}
	for i := range 2 * maxSightings / maxValues {
		for n := range maxValues {
			m.Saw(fmt.Sprint(i), fmt.Sprint(n))
		}
	}
	for i := range maxSightings {
		m.Saw(fmt.Sprint("another ", i), "a")
	}
	m.Saw(name, "last")
	if m.count > maxSightings || m.names.Len() > maxSightings {
		t.Errorf("%d values of %d names are kept", m.count, m.names.Len())
	}
	if m.Hopeful(name, "last"); m.valuesOf(name)[hashOf("last")] == nil {
		t.Error("what came last is forgotten")
	}
}

func TestMemory_WhatNobodyWroteIsNotRemembered(t *testing.T) {
	m := NewMemory(minute)
	m.Concluded(name, "a")
	if !m.Hopeful(name, "b") || m.count != 0 || m.names.Len() != 0 {
		t.Errorf("%d values of %d names are remembered", m.count, m.names.Len())
	}
}
