package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miekg "github.com/miekg/dns"

	"github.com/certyun/certyun/admission/ca"
)

// TestObjection has the examples of RFC 8659, section 4, and of RFC 8657, and what CAs make of them.
func TestObjection(t *testing.T) {
	t.Parallel()
	const (
		account   = "https://ca1.example.com/acme/acct/7"
		forbidden = "caa-forbids problem"
		bound     = "caa-restricts problem"
		unsure    = "caa-restricts warning"
	)
	issue := func(value string) string { return `0 issue "` + value + `"` }
	tests := map[string]struct {
		records  []string
		wildcard bool
		want     string
	}{
		"no records":      {nil, false, ""},
		"the CA is named": {[]string{issue("ca1.example.com")}, false, ""},
		"the CA is named in capitals, with a parameter": {[]string{issue("CA1.Example.Com; account=230123")}, false, ""},
		"another CA is named":                           {[]string{issue("ca2.example.org")}, false, forbidden},
		"two are named":                                 {[]string{issue("ca2.example.org"), issue("ca1.example.com")}, false, ""},
		"nobody may":                                    {[]string{issue(";")}, false, forbidden},
		"an empty value":                                {[]string{issue("")}, false, forbidden},
		"only reports are asked for":                    {[]string{`0 iodef "mailto:security@example.com"`}, false, ""},
		"a wildcard falls back to issue":                {[]string{issue("ca1.example.com")}, true, ""},
		"issuewild decides about a wildcard":            {[]string{issue("ca1.example.com"), `0 issuewild "ca2.example.org"`}, true, forbidden},
		"issuewild allows what issue forbids":           {[]string{issue(";"), `0 issuewild "ca1.example.com"`}, true, ""},
		"issuewild says nothing about other names":      {[]string{issue("ca1.example.com"), `0 issuewild "ca2.example.org"`}, false, ""},
		"issuewild alone leaves other names to all":     {[]string{`0 issuewild "ca2.example.org"`}, false, ""},
		"a critical tag that nobody knows forbids":      {[]string{issue("ca1.example.com"), `128 tbs "Unknown"`}, false, forbidden},
		"a tag that nobody knows is passed over":        {[]string{issue("ca1.example.com"), `0 tbs "Unknown"`}, false, ""},
		"a critical tag that everybody knows is obeyed": {[]string{`128 issue "ca1.example.com"`}, false, ""},
		"a tag in capitals":                             {[]string{`0 ISSUE "ca2.example.org"`}, false, forbidden},

		"the method":         {[]string{issue("ca1.example.com; validationmethods=dns-01")}, false, ""},
		"one of the methods": {[]string{issue("ca1.example.com;validationmethods=http-01,dns-01")}, false, ""},
		"another method":     {[]string{issue("ca1.example.com; validationmethods=http-01")}, false, bound},
		"a method whose name only begins like it":   {[]string{issue("ca1.example.com; validationmethods=dns-account-01,ca-dns-01")}, false, bound},
		"the method in capitals":                    {[]string{issue("ca1.example.com; validationmethods=DNS-01")}, false, bound},
		"no method":                                 {[]string{issue("ca1.example.com; validationmethods=")}, false, bound},
		"a comma too many":                          {[]string{issue("ca1.example.com; validationmethods=dns-01,")}, false, bound},
		"methods with a blank between":              {[]string{issue("ca1.example.com; validationmethods=http-01, dns-01")}, false, bound},
		"methods twice":                             {[]string{issue("ca1.example.com; validationmethods=dns-01; validationmethods=dns-01")}, false, bound},
		"blanks and tabs all around":                {[]string{issue("\t ca1.example.com \t;  validationmethods \t= dns-01  ")}, false, ""},
		"another record allows the method":          {[]string{issue("ca1.example.com; validationmethods=http-01"), issue("ca1.example.com; validationmethods=dns-01")}, false, ""},
		"another CA's parameters":                   {[]string{issue("ca2.example.org; validationmethods=http-01"), issue("ca1.example.com")}, false, ""},
		"another method for the wildcard":           {[]string{issue("ca1.example.com"), `0 issuewild "ca1.example.com; validationmethods=http-01"`}, true, bound},
		"another method for what is not asked for":  {[]string{issue("ca1.example.com; validationmethods=http-01"), `0 issuewild "ca1.example.com"`}, true, ""},
		"the parameter in capitals, another method": {[]string{issue("ca1.example.com; ValidationMethods=http-01")}, false, unsure},
		"the parameter in capitals":                 {[]string{issue("ca1.example.com; ValidationMethods=dns-01")}, false, ""},

		"the account":                         {[]string{issue("ca1.example.com; accounturi=" + account)}, false, ""},
		"another account":                     {[]string{issue("ca1.example.com; accounturi=" + account + "1")}, false, bound},
		"the account and the method":          {[]string{issue("ca1.example.com; validationmethods=dns-01; accounturi=" + account)}, false, ""},
		"the account and another method":      {[]string{issue("ca1.example.com; accounturi=" + account + "; validationmethods=tls-alpn-01")}, false, bound},
		"the account twice":                   {[]string{issue("ca1.example.com; accounturi=" + account + "; accounturi=" + account)}, false, bound},
		"an account with an equals sign":      {[]string{issue("ca1.example.com; accounturi=https://ca1.example.com/?a=b")}, false, bound},
		"one record for each of two accounts": {[]string{issue("ca1.example.com; accounturi=https://a.example/1"), issue("ca1.example.com; accounturi=" + account)}, false, ""},

		"only a semicolon after the name":     {[]string{issue("ca1.example.com;")}, false, ""},
		"a parameter without a value":         {[]string{issue("ca1.example.com; dns-01")}, false, bound},
		"a semicolon after the last one":      {[]string{issue("ca1.example.com; validationmethods=dns-01;")}, false, bound},
		"a comma instead of a semicolon":      {[]string{issue("ca1.example.com, validationmethods=dns-01")}, false, forbidden},
		"a tag with another character":        {[]string{issue("ca1.example.com; validation_methods=dns-01")}, false, bound},
		"an unknown parameter is passed over": {[]string{issue("ca1.example.com; x-y=z")}, false, ""},
	}
	who := applicant{identities: []string{"ca1.example.com"}, account: account, obeys: true}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := who.objection(caaRecords(t, test.records), []string{byDNS}, test.wildcard)
			if diff := cmp.Diff(test.want, inShort(got)); diff != "" {
				t.Errorf("objection (-want +got):\n%s\n%v", diff, got)
			}
			lax := applicant{identities: who.identities, account: account}
			if got := inShort(lax.objection(caaRecords(t, test.records), []string{byDNS}, test.wildcard)); got != strings.Replace(test.want, bound, unsure, 1) {
				t.Errorf("of a CA that may not obey: %s", got)
			}
		})
	}
}

// TestApplicant is about who asks, where the records are the same.
func TestApplicant(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		account string
		methods []string
		want    string
	}{
		"the account":                         {"https://acme-v02.api.letsencrypt.org/acme/acct/7", []string{byDNS}, ""},
		"another account":                     {"https://acme-v02.api.letsencrypt.org/acme/acct/70", []string{byDNS}, "caa-restricts problem"},
		"there is none yet":                   {"", []string{byDNS}, "caa-restricts warning"},
		"it may be validated over HTTP":       {"https://acme-v02.api.letsencrypt.org/acme/acct/7", []string{byHTTP, byDNS}, ""},
		"it is validated over HTTP only":      {"https://acme-v02.api.letsencrypt.org/acme/acct/7", []string{byHTTP}, "caa-restricts problem"},
		"neither the account nor the methods": {"", []string{byHTTP}, "caa-restricts problem"},
	}
	// This is how the first version of ACME wrote the account.
	records := caaRecords(t, []string{`0 issue "letsencrypt.org; accounturi=https://acme-v01.api.letsencrypt.org/acme/reg/7; validationmethods=dns-01"`})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			who := applicant{identities: []string{"letsencrypt.org"}, account: test.account, obeys: true}
			if diff := cmp.Diff(test.want, inShort(who.objection(records, test.methods, false))); diff != "" {
				t.Errorf("objection (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObeysParameters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		policy *ca.Policy
		now    time.Time
		want   bool
	}{
		"a CA that nobody knows":         {nil, obliged, false},
		"Let's Encrypt":                  {&ca.Policy{ID: "letsencrypt"}, noon, true},
		"Let's Encrypt's staging server": {&ca.Policy{ID: "letsencrypt-staging"}, noon, true},
		"another one the day before":     {&ca.Policy{ID: "zerossl", Public: true}, obliged.Add(-time.Second), false},
		"another one on the day":         {&ca.Policy{ID: "zerossl", Public: true}, obliged, true},
		"a private one on the day":       {&ca.Policy{ID: "private"}, obliged, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := obeysParameters(test.policy, test.now); got != test.want {
				t.Errorf("obeys = %t", got)
			}
		})
	}
}

// caaRecords are records from the text after their type.
func caaRecords(t *testing.T, texts []string) []*miekg.CAA {
	t.Helper()
	var records []*miekg.CAA
	for _, text := range texts {
		rr, err := miekg.NewRR("example.com. 60 IN CAA " + text)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, rr.(*miekg.CAA))
	}
	return records
}

func inShort(s *Sign) string {
	if s == nil {
		return ""
	}
	return s.Cause + " " + string(s.Level)
}
