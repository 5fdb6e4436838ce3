package ca

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestServersAreKnownByTheirURL(t *testing.T) {
	t.Parallel()
	for title, tc := range map[string]struct {
		url  string
		want string
	}{
		"Let's Encrypt":                       {"https://acme-v02.api.letsencrypt.org/directory", "letsencrypt"},
		"Let's Encrypt, host in upper case":   {"https://ACME-V02.API.LetsEncrypt.org/directory", "letsencrypt"},
		"Let's Encrypt, with its port":        {"https://acme-v02.api.letsencrypt.org:443/directory", "letsencrypt"},
		"Let's Encrypt, without TLS":          {"http://acme-v02.api.letsencrypt.org/directory", "letsencrypt"},
		"Let's Encrypt, without TLS, port 80": {"http://acme-v02.api.letsencrypt.org:80/directory", "letsencrypt"},
		"Let's Encrypt, host with a dot":      {"https://acme-v02.api.letsencrypt.org./directory", "letsencrypt"},
		"Let's Encrypt, wrong path":           {"https://acme-v02.api.letsencrypt.org/", "letsencrypt"},
		"Let's Encrypt, misspelled host":      {"https://acme-v2.api.letsencrypt.org/directory", "letsencrypt"},
		"Let's Encrypt, another port":         {"https://acme-v02.api.letsencrypt.org:14000/directory", ""},
		"Let's Encrypt staging":               {"https://acme-staging-v02.api.letsencrypt.org/directory", "letsencrypt-staging"},
		"Let's Encrypt's first protocol":      {"https://acme-v01.api.letsencrypt.org/directory", "letsencrypt-v1"},
		"a host within Let's Encrypt's":       {"https://x.acme-v02.api.letsencrypt.org/directory", ""},
		"ZeroSSL":                             {"https://acme.zerossl.com/v2/DV90", "zerossl"},
		"Google":                              {"https://dv.acme-v02.api.pki.goog/directory", "google"},
		"Google staging":                      {"https://dv.acme-v02.test-api.pki.goog/directory", "google-staging"},
		"Google for signed exchanges":         {"https://dv-sxg.acme-v02.api.pki.goog/directory", "google-sxg"},
		"SSL.com for RSA":                     {"https://acme.ssl.com/sslcom-dv-rsa", "sslcom-rsa"},
		"SSL.com for ECDSA":                   {"https://acme.ssl.com/sslcom-dv-ecc", "sslcom-ecc"},
		"SSL.com for something else":          {"https://acme.ssl.com/sslcom-ev", ""},
		"Sectigo":                             {"https://acme.sectigo.com/v2/DV", "sectigo"},
		"DigiCert":                            {"https://acme.digicert.com/v2/acme/directory", "digicert"},
		"DigiCert with credentials in it":     {"https://acme.digicert.com/v2/acme/directory/abcdef", "digicert-account"},
		"DigiCert ONE":                        {"https://one.digicert.com/mpki/api/v1/acme/v2/directory", "digicert-one"},
		"GlobalSign Atlas":                    {"https://emea.acme.atlas.globalsign.com/directory", "globalsign-atlas"},
		"LiteSSL":                             {"https://acme.litessl.com/acme/v2/directory", "litessl"},
		"FreeSSL":                             {"https://acmepro.freessl.cn/v2/DV", "freessl"},
		"FreeSSL as it was":                   {"https://acme.freessl.cn/v2/DV90", "freessl-dv90"},
		"Actalis":                             {"https://acme-api.actalis.com/acme/directory", "actalis"},
		"Buypass":                             {"https://api.buypass.com/acme/directory", "buypass"},
		"AWS in some region":                  {"https://acm-acme-enroll.eu-west-1.api.aws/0b8c7a6e-0000-4000-8000-000000000000/directory", "aws-acm"},
		"AWS without a region":                {"https://acm-acme-enroll.api.aws/directory", ""},
		"Pebble where it is by default":       {"https://localhost:14000/dir", "pebble"},
		"something else on Pebble's port":     {"https://localhost:14000/directory", ""},
		"a server of somebody's own":          {"https://ca.corp.internal/acme/acme/directory", ""},
		"no scheme":                           {"acme-v02.api.letsencrypt.org/directory", ""},
		"no URL":                              {"https://a b%zz", ""},
		"nothing":                             {"", ""},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			if got := id(Known().Lookup(tc.url)); got != tc.want {
				t.Errorf("Lookup(%q) = %q, want %q", tc.url, got, tc.want)
			}
		})
	}
}

func id(p *Policy) string {
	if p == nil {
		return ""
	}
	return p.ID
}

func TestNoTableKnowsNoCA(t *testing.T) {
	t.Parallel()
	var table *Table
	if p := table.Lookup("https://acme-v02.api.letsencrypt.org/directory"); p != nil {
		t.Errorf("Lookup = %v, want nil", p.ID)
	}
}

func TestDirectoryIsServedAtItsPathOnly(t *testing.T) {
	t.Parallel()
	policy := Known().Lookup("https://acme-v02.api.letsencrypt.org/directory")
	for title, tc := range map[string]struct {
		url  string
		want bool
	}{
		"as it is":                    {"https://acme-v02.api.letsencrypt.org/directory", true},
		"another case of the host":    {"https://Acme-V02.api.letsencrypt.org/directory", true},
		"with a query":                {"https://acme-v02.api.letsencrypt.org/directory?x=1", true},
		"another case of the path":    {"https://acme-v02.api.letsencrypt.org/Directory", false},
		"a slash at the end":          {"https://acme-v02.api.letsencrypt.org/directory/", false},
		"no path":                     {"https://acme-v02.api.letsencrypt.org", false},
		"a misspelled host":           {"https://acme-v2.api.letsencrypt.org/directory", false},
		"the host of the environment": {"https://acme-staging-v02.api.letsencrypt.org/directory", false},
	} {
		if got := policy.ServedAt(tc.url); got != tc.want {
			t.Errorf("%s: ServedAt(%q) = %v, want %v", title, tc.url, got, tc.want)
		}
	}
}

func TestOverridesSayHowServersAre(t *testing.T) {
	t.Parallel()
	const mirror, own, le = "https://acme.corp.example/dir", "https://CA.corp.example:8443/acme/x/directory", "https://acme-v02.api.letsencrypt.org/directory"
	table, wrong := Known().With([]Override{{mirror, "letsencrypt"}, {own, LikePrivate}, {mirror, "off"}, {"https://a.example/dir", "x"}, {le, LikeOff}})
	if len(wrong) != 2 {
		t.Errorf("the two that are wrong: %v", wrong)
	}
	got := table.Lookup(mirror)
	if id(got) != "letsencrypt" || !got.Relayed || got.ExactDirectory || got.Directory != mirror || !got.Public {
		t.Errorf("the mirror's policy is %+v", got)
	}
	if got := table.Lookup("https://ca.corp.example:8443/acme/x/directory"); id(got) != LikePrivate || got.Public {
		t.Errorf("the private server's policy is %+v", got)
	}
	if got := table.Lookup("https://ca.corp.example/acme/x/directory"); got != nil {
		t.Errorf("another port of the host has the policy %q", got.ID)
	}
	if got := table.Lookup(le); got != nil {
		t.Errorf("a server that is off has the policy %q", got.ID)
	}
	for server, want := range map[string]bool{mirror: true, own: true, le: true, "https://ca.corp.example/dir": false, "no URL": false} {
		if got := table.Has(server); got != want {
			t.Errorf("the table has %s: %v", server, got)
		}
	}
	if got := Known().Lookup(le); got.Relayed || got.Directory != le {
		t.Errorf("the override changed the table that it was made from: %+v", got)
	}
}

// An operator writes them as YAML, in which a bare off is a boolean.
func TestOverridesAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]Like{`"off"`: LikeOff, `false`: LikeOff, `"step-ca"`: "step-ca", `true`: "true", `[1]`: "[1]", `""`: ""} {
		var got Override
		if err := json.Unmarshal([]byte(`{"server":"https://acme.corp.example/dir","like":`+written+`}`), &got); err != nil {
			t.Errorf("%s: %v", written, err)
		}
		if diff := cmp.Diff(Override{"https://acme.corp.example/dir", want}, got); diff != "" {
			t.Errorf("%s: %s", written, diff)
		}
	}
}

func TestOverridesAreStrict(t *testing.T) {
	t.Parallel()
	const url = "https://acme.corp.example/dir"
	for title, tc := range map[string]struct {
		overrides []Override
		want      string
	}{
		"no URL": {
			[]Override{{"acme.corp.example", "off"}},
			`[0].server: "acme.corp.example" is not the absolute URL of an ACME directory`,
		},
		"a CA that nobody knows": {
			[]Override{{"https://a.example/dir", "off"}, {url, "Lets Encrypt"}},
			`[1].like: "Lets Encrypt" is none of actalis, aws-acm, buypass, digicert, digicert-account, digicert-one, freessl, freessl-dv90, ` +
				`globalsign-atlas, google, google-staging, google-sxg, letsencrypt, letsencrypt-staging, letsencrypt-v1, letsencrypt-v1-staging, litessl, ` +
				`pebble, sectigo, sslcom-ecc, sslcom-rsa, step-ca, zerossl, private, off`,
		},
		"nothing said":      {[]Override{{url, ""}}, ""},
		"one server, twice": {[]Override{{url, "off"}, {"https://ACME.corp.example:443/dir", "private"}}, `[1].server: "https://ACME.corp.example:443/dir" is there twice`},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			_, wrong := Known().With(tc.overrides)
			if len(wrong) != 1 {
				t.Fatalf("With says %v", wrong)
			}
			if tc.want != "" && wrong[0].Error() != tc.want {
				t.Error(cmp.Diff(tc.want, wrong[0].Error()))
			}
		})
	}
}

// Whoever changes a fact must be able to look where it came from.
func TestEveryFactHasASourceAndADate(t *testing.T) {
	t.Parallel()
	if _, err := known(); err != nil {
		t.Fatalf("the data has mistakes: %v", err)
	}
	facts := Known().Facts()
	for _, fact := range facts {
		if !strings.HasPrefix(fact.URL, "https://") || fact.Date == "" {
			t.Errorf("%s, %s: the source is %+v", fact.Authority, fact.Part, fact.Source)
		}
	}
	// A part without any source is none of the facts, so each is looked for.
	sources := map[string]bool{}
	for _, fact := range facts {
		sources[fact.Authority+"."+fact.Part] = true
	}
	for id, written := range Known().parts {
		for part, raw := range written {
			if strings.HasPrefix(string(raw), "{") && !sources[id+"."+part] {
				t.Errorf("%s.%s has no source", id, part)
			}
		}
	}
	newest := slices.MaxFunc(facts, func(a, b Fact) int { return strings.Compare(string(a.Date), string(b.Date)) })
	if !strings.HasPrefix(string(newest.Date), DataDate) {
		t.Errorf("DataDate is %s, and the newest fact is of %s", DataDate, newest.Date)
	}
}

func TestFactsGrowOld(t *testing.T) {
	t.Parallel()
	facts := []Fact{{Part: "before", Source: Source{Date: "2026-08-31"}}, {Part: "on", Source: Source{Date: "2026-09-01"}}, {Part: "after", Source: Source{Date: "2026-11-30"}}}
	if diff := cmp.Diff(facts[:1], Older(facts, "2026-09-01")); diff != "" {
		t.Error(diff)
	}
}

func TestProfilesOfLetsEncrypt(t *testing.T) {
	t.Parallel()
	policy := Known().Lookup("https://acme-v02.api.letsencrypt.org/directory")
	if diff := cmp.Diff([]string{"classic", "tlsserver", "shortlived"}, policy.ProfileNames()); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"tlsclient", "Classic", "x"} {
		if policy.Profile(name) != nil {
			t.Errorf("there is a profile %q", name)
		}
	}
	if got := policy.Profile(""); got == nil || got.Name != "classic" {
		t.Errorf("the default profile is %+v", got)
	}
}

func TestLifetimesChangeOnTheirDay(t *testing.T) {
	t.Parallel()
	classic := Known().Lookup("https://acme-v02.api.letsencrypt.org/directory").Profile("")
	for title, tc := range map[string]struct{ year, month, day, want int }{
		"before":                {2026, 10, 1, 90},
		"the last day of 90":    {2027, 2, 9, 90},
		"the first day of 64":   {2027, 2, 10, 64},
		"the last day of 64":    {2028, 2, 15, 64},
		"the first day of 45":   {2028, 2, 16, 45},
		"long after":            {2040, 1, 1, 45},
		"a clock that is unset": {1, 1, 1, 90},
	} {
		got := classic.Lifetime(time.Date(tc.year, time.Month(tc.month), tc.day, 0, 0, 0, 0, time.UTC))
		if int(got.Hours()) != tc.want*24 {
			t.Errorf("%s: %v, want %d days", title, got, tc.want)
		}
	}
}

func TestKeysThatCAsSign(t *testing.T) {
	t.Parallel()
	const le, zero, google, rsa, own = "https://acme-v02.api.letsencrypt.org/directory", "https://acme.zerossl.com/v2/DV90",
		"https://dv.acme-v02.api.pki.goog/directory", "https://acme.ssl.com/sslcom-dv-rsa", "https://localhost:14000/dir"
	for title, tc := range map[string]struct {
		url       string
		algorithm string
		size      int
		want      Answer
	}{
		"Let's Encrypt, RSA 2048":   {le, "RSA", 2048, Yes},
		"Let's Encrypt, RSA 2049":   {le, "RSA", 2049, No},
		"Let's Encrypt, RSA 8192":   {le, "RSA", 8192, No},
		"Let's Encrypt, P-384":      {le, "ECDSA", 384, Yes},
		"Let's Encrypt, P-521":      {le, "ECDSA", 521, No},
		"Let's Encrypt, Ed25519":    {le, "Ed25519", 0, No},
		"ZeroSSL, P-521":            {zero, "ECDSA", 521, No},
		"ZeroSSL, RSA 8192":         {zero, "RSA", 8192, Unknown},
		"ZeroSSL, Ed25519":          {zero, "Ed25519", 0, No},
		"Google, P-521":             {google, "ECDSA", 521, Unknown},
		"Google, Ed25519":           {google, "Ed25519", 0, No},
		"SSL.com, ECDSA at the RSA": {rsa, "ECDSA", 256, Unknown},
		"Pebble, Ed25519":           {own, "Ed25519", 0, Unknown},
		"an algorithm of tomorrow":  {le, "ML-DSA", 44, Unknown},
	} {
		if got := Known().Lookup(tc.url).Key(tc.algorithm, tc.size); got != tc.want {
			t.Errorf("%s: %v, want %v", title, got, tc.want)
		}
	}
}

func TestIDsAreInOrder(t *testing.T) {
	t.Parallel()
	ids := Known().IDs()
	if !slices.IsSorted(ids[:len(ids)-2]) {
		t.Errorf("IDs() = %v", ids)
	}
}
