package ca

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// head is how the CA data of an operator begins.
const head = "apiVersion: certyun.internal/v1\nkind: CertificateAuthorities\nauthorities:\n"

const ownURL = "https://ca.corp.example:8443/acme/acme/directory"

func extended(t *testing.T, entries string) *Table {
	t.Helper()
	table, err := Known().Extended([]byte(head + entries))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestOperatorsAddAuthorities(t *testing.T) {
	t.Parallel()
	table := extended(t, `
  corp:
    name: Corp CA
    directory: `+ownURL+`
    servers: [acme.corp.example, "acme.*.corp.example/dir"]
    eab: {required: yes, source: https://wiki.corp.example/ca, date: 2026-11-02}
    profiles:
      default: short
      list: [{name: short, maxNames: 3, lifetimes: [{validity: 7d}, {from: 2027-01-01, validity: 60h}]}]
    limits: {sameNames: 9, sameNamesRefill: 1h30m}
`)
	for url, want := range map[string]string{
		ownURL: "corp", "https://acme.corp.example/any/path": "corp", "https://acme.eu.corp.example/dir": "corp", "https://acme.eu.corp.example/": "",
		"https://ca.corp.example/acme/acme/directory": "", leURL: "letsencrypt",
	} {
		if got := id(table.Lookup(url)); got != want {
			t.Errorf("Lookup(%s) = %q, want %q", url, got, want)
		}
	}
	want := &Policy{
		ID: "corp", Name: "Corp CA", Directory: ownURL, Servers: []string{"acme.corp.example", "acme.*.corp.example/dir"},
		EAB: EAB{Source: Source{"https://wiki.corp.example/ca", "2026-11-02"}, Required: Yes},
		Profiles: Profiles{Default: "short", List: []Profile{{Name: "short", MaxNames: 3, Lifetimes: Lifetimes{
			{Validity: Span{7 * 24 * time.Hour}}, {From: "2027-01-01", Validity: Span{60 * time.Hour}},
		}}}},
		Limits: Limits{SameNames: 9, SameNamesRefill: Span{90 * time.Minute}},
	}
	got := table.Lookup(ownURL)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Policy{})); diff != "" {
		t.Error(diff)
	}
	if Known().Has(ownURL) {
		t.Error("the table that was extended has the new authority, too")
	}
	relayed, wrong := table.With([]Override{{"https://mirror.corp.example/dir", "corp"}})
	if len(wrong) > 0 || relayed.Lookup("https://mirror.corp.example/dir").Name != "Corp CA" {
		t.Errorf("a policy cannot name the new authority: %v", wrong)
	}
}

func TestOperatorsChangeAuthorities(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		entries, url string
		want         func(*Policy) bool
	}{
		"one part": {
			"  letsencrypt: {like: letsencrypt, limits: {sameNames: 50, domain: 5000}}", leURL,
			func(p *Policy) bool {
				return p.Limits.SameNames == 50 && p.Limits.Orders == 0 && p.EAB.Required == No && p.ExactDirectory
			},
		},
		"a part that is taken away": {
			"  letsencrypt: {like: letsencrypt, limits: null}", leURL, func(p *Policy) bool { return p.Limits == (Limits{}) && p.StrictContact },
		},
		"all of it": {
			"  letsencrypt: {name: LE, servers: [acme-v02.api.letsencrypt.org]}", leURL,
			func(p *Policy) bool { return p.Name == "LE" && p.EAB.Required == Unknown && !p.Public },
		},
		"one that is like another": {
			"  mirror: {like: letsencrypt, servers: [\"" + ownURL + "\"], relayed: true}", ownURL,
			func(p *Policy) bool {
				return p.ID == "mirror" && p.Names.Strict && p.Directory == "" && !p.ExactDirectory && p.Limits.Domain == 50
			},
		},
		"one that is like one of the document": {
			"  a: {like: b, directory: \"" + ownURL + "\"}\n  b: {name: B, owner: us}", ownURL, func(p *Policy) bool { return p.ID == "a" && p.Name == "B" && p.Owner == "us" },
		},
		"a server that another authority has": {
			"  mine: {name: Mine, servers: [\"" + leURL + "\"]}", leURL, func(p *Policy) bool { return p.ID == "mine" },
		},
		"a public one, with the keys of all": {
			"  mine: {name: Mine, public: true, directory: \"" + ownURL + "\"}", ownURL, func(p *Policy) bool {
				longest, since := p.Longest(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
				return p.Key("RSA", 2048) == Yes && p.Key("Ed25519", 0) == No && longest == 200*24*time.Hour && since == "2026-03-15"
			},
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			if got := extended(t, tc.entries+"\n").Lookup(tc.url); got == nil || !tc.want(got) {
				t.Errorf("the policy is %+v", got)
			}
			if staging := extended(t, tc.entries+"\n").Lookup("https://acme-staging-v02.api.letsencrypt.org/directory"); id(staging) != "letsencrypt-staging" {
				t.Errorf("staging is %q", id(staging))
			}
		})
	}
}

// The example that people copy is CA data, and does what it says.
func TestExampleInTheDocuments(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(guide), "kind: CertificateAuthorities\nauthorities:\n")
	example, _, found := strings.Cut(example, "```")
	if !found {
		t.Fatal("docs/policy.md has no example")
	}
	table := extended(t, example)
	if corp := table.Lookup("https://ca.example.org/acme/acme/directory"); id(corp) != "corp" || corp.EAB.Required != Yes {
		t.Errorf("the new authority is %+v", corp)
	}
	if le := table.Lookup(leURL); le.Limits.Domain != 2000 || !le.StrictContact {
		t.Errorf("the authority that was changed is %+v", le)
	}
}

func TestNoDataChangesNothing(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "# later\n", "---\n"} {
		if table, err := Known().Extended([]byte(raw)); err != nil || table != Known() {
			t.Errorf("%q: %v", raw, err)
		}
	}
}

// A mistake names the entry and the field, and leaves out no other entry.
func TestMistakesInTheData(t *testing.T) {
	t.Parallel()
	const ours = "  corp: {name: C, "
	for title, tc := range map[string]struct{ raw, want string }{
		"an unknown field":           {head + ours + "eabs: {required: yes}}", `authorities.corp: unknown field "eabs"`},
		"an unknown field of a part": {head + ours + "eab: {requird: yes}}", `authorities.corp: unknown field "eab.requird"`},
		"an unknown field of a profile": {
			head + ours + "profiles: {list: [{nam: a}]}}", `authorities.corp: unknown field "profiles.list[0].nam"`,
		},
		"no answer":            {head + ours + "eab: {required: perhaps}}", "authorities.corp: eab.required must be yes, no or unknown"},
		"no day":               {head + ours + "eab: {date: 30.11.2026}}", "authorities.corp: eab.date must be a day like 2026-11-30"},
		"a day that is not":    {head + ours + "ended: {from: 2026-02-30}}", "authorities.corp: ended.from must be a day like 2026-11-30"},
		"no time":              {head + ours + "limits: {sameNamesRefill: 34}}", "authorities.corp: limits.sameNamesRefill must be a time like 90d or 160h"},
		"a time below nothing": {head + ours + "limits: {sameNamesRefill: -1h}}", "authorities.corp: limits.sameNamesRefill must be a time like 90d or 160h"},
		"a text for a number":  {head + ours + "limits: {domain: many}}", "authorities.corp: limits.domain must be a whole number"},
		"a text for a list":    {head + ours + "servers: a.example}", "authorities.corp: servers must be a list"},
		"a text for a part":    {head + ours + "eab: yes}", "authorities.corp: eab must be a mapping"},
		"no name":              {head + "  corp: {public: true}", "authorities.corp: name is missing: what messages call the CA"},
		"no URL":               {head + ours + "directory: ca.corp.example/dir}", `authorities.corp: directory: "ca.corp.example/dir" is not the absolute URL of an ACME directory`},
		"no server":            {head + ours + "servers: [a.example, \"b c\"]}", `authorities.corp: servers[1]: "b c" is neither a URL nor a host with or without a path`},
		"exactly nothing":      {head + ours + "exactDirectory: true}", "authorities.corp: exactDirectory needs a directory"},
		"a default of none":    {head + ours + "profiles: {default: x}}", `authorities.corp: profiles.default: there is no profile "x" in profiles.list`},
		"days out of order": {
			head + ours + "profiles: {list: [{lifetimes: [{from: 2027-01-01, validity: 1d}, {validity: 2d}]}]}}",
			"authorities.corp: profiles.list[0].lifetimes: write the days in order, the earliest first",
		},
		"a source without TLS":      {head + ours + "eab: {source: \"http://a.example/\"}}", `authorities.corp: eab.source: "http://a.example/" is not an https URL`},
		"like nothing":              {head + "  corp: {like: LetsEncrypt}", `authorities.corp: like: there is no authority "LetsEncrypt"`},
		"like itself":               {head + "  corp: {like: corp}", `authorities.corp: like: there is no authority "corp"`},
		"a word that is taken":      {head + "  private: {name: P}", "authorities.private: this word has a meaning of its own; choose another one"},
		"an entry without anything": {head + "  corp:", "authorities.corp: is empty"},
		"an entry that is no entry": {head + "  corp: [a]", "authorities.corp: must be a mapping"},
		"one server, twice":         {head + "  a: {name: A, servers: [x.example/dir]}\n  corp: {name: C, servers: [\"https://X.example/dir\"]}", "authorities.corp: x.example/dir is that of a, too"},
		"another head":              {"apiVersion: v1\nkind: Policy\nauthorities: {}", "CA data must begin with apiVersion: certyun.internal/v1 and kind: CertificateAuthorities"},
		"another part of the file":  {strings.Replace(head, "authorities", "cas", 1) + "  corp: {}", `unknown field "cas"`},
		"what holds for all":        {strings.Replace(head, "authorities:\n", "baseline: {}\n", 1), "baseline: what holds for all public CAs cannot be changed"},
		"two documents":             {head + "  corp: {name: C}\n---\na: b", "line 5: a second document begins here; CA data is one document"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			table, err := Known().Extended([]byte(tc.raw + "\n"))
			if err == nil || err.Error() != tc.want {
				t.Errorf("the error is:\n%v\nwant:\n%s", err, tc.want)
			}
			if id(table.Lookup(leURL)) != "letsencrypt" {
				t.Error("an entry that is right is lost")
			}
		})
	}
}

func TestAuthoritiesInACircle(t *testing.T) {
	t.Parallel()
	_, err := Known().Extended([]byte(head + "  a: {like: b}\n  b: {like: c}\n  c: {like: a}\n"))
	if err == nil || strings.Count(err.Error(), "the authorities are like each other in a circle") != 3 {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatComesLaterDoesNotHoldYet(t *testing.T) {
	t.Parallel()
	policy := extended(t, `
  corp:
    name: Corp CA
    directory: `+ownURL+`
    ended: {from: 2027-01-01, what: It ended}
    clientAuth: {dropped: 2027-01-01}
    profiles: {list: [{name: old, removed: 2027-01-01}]}
`).Lookup(ownURL)
	before, after := policy.On(time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)), policy.On(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	if before.Ended != nil || before.ClientAuth.Dropped != "" || before.Profile("old") == nil {
		t.Errorf("the day before: %+v", before)
	}
	if after.Ended == nil || after.ClientAuth.Dropped == "" || after.Profile("old") != nil {
		t.Errorf("on the day: %+v", after)
	}
	if policy.Profiles.List[0].Removed == "" || policy.On(time.Time{}).Ended == nil {
		t.Errorf("the policy itself is changed: %+v", policy)
	}
}

func TestLongestLifetimesOfPublicCAs(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]int{"2026-03-14": 398, "2026-03-15": 200, "2027-03-15": 100, "2029-03-14": 100, "2029-03-15": 47} {
		now, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		if longest, _ := Known().Lookup(leURL).Longest(now); int(longest.Hours()) != 24*want {
			t.Errorf("%s: %v, want %d days", day, longest, want)
		}
	}
	if longest, _ := Known().Lookup("https://localhost:14000/dir").Longest(time.Now()); longest != 0 {
		t.Errorf("Pebble: %v", longest)
	}
}
