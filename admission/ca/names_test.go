package ca

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const (
	leURL   = "https://acme-v02.api.letsencrypt.org/directory"
	zeroURL = "https://acme.zerossl.com/v2/DV90"
)

func judged(url, name string) NameProblem {
	return Known().Lookup(url).DNSName(name)
}

func TestNamesThatNobodyMinds(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, name := range []string{
		"cert-lab.dev", "WWW.Cert-Lab.DEV", "*.cert-lab.dev", "a.b.c.d.e.f.g.h.cert.dev", "123.dev", "0.1.2.dev", "x.co.uk", "*.x.com.cn",
		"github.io", "*.github.io", "me.github.io", "*.s3.amazonaws.com", "xn--fiq228c.cert-lab.dev", "xn--fiqs8s.xn--fiqs8s", "a--b.dev",
		long + ".cert-lab.dev", "foo.zip", "*.a.b.c.d.e.f.g.cert.dev", "x.ck.example.ck",
	} {
		for _, url := range []string{leURL, zeroURL} {
			if got := judged(url, name); got.Verdict != NameFine {
				t.Errorf("%s of %s: %+v", name, url, got)
			}
		}
	}
}

func TestNamesThatEveryPublicCARefuses(t *testing.T) {
	t.Parallel()
	const character = "Domain name contains an invalid character"
	const suffix = "Domain name does not end with a valid public suffix (TLD)"
	const private = "Use a private CA issuer"
	const closed4 = "is in the reverse zone in-addr.arpa, closed to public CAs since 2026-03-15 (Baseline Requirements, section 4.2.2)"
	const host = "Use the host's name, or ipAddresses"
	for name, want := range map[string]NameProblem{
		"my_app.x.dev":                         {Reason: "contains an underscore", Quote: character, Remedy: `Use "-" instead, or a private CA issuer`},
		"_acme.x.dev":                          {Reason: "contains an underscore", Quote: character, Remedy: `Use "-" instead, or a private CA issuer`},
		"a b.x.dev":                            {Reason: "contains white space", Quote: character, Remedy: "Remove it"},
		" x.dev":                               {Reason: "contains white space", Quote: character, Remedy: "Remove it"},
		"-a.x.dev":                             {Reason: `has a label that begins or ends with a hyphen ("-a")`, Quote: character},
		"a-.x.dev":                             {Reason: `has a label that begins or ends with a hyphen ("a-")`, Quote: character},
		"x.dev:443":                            {Reason: "contains a colon", Quote: character, Remedy: "Write the host name without a port"},
		"https://x.dev":                        {Reason: "has a scheme (https://)", Quote: character, Remedy: "Write the bare host name"},
		"x.dev/path":                           {Reason: "contains a slash", Quote: character, Remedy: "Write the host name without a path"},
		"a@x.dev":                              {Reason: "is an e-mail address", Quote: character, Remedy: "Write a host name"},
		"中文.x.dev":                             {Reason: "is not ASCII", Quote: character, Remedy: "Write the punycode form"},
		"a,b.dev":                              {Reason: `contains ','`, Quote: character, Remedy: "Use only letters, digits, hyphens and dots"},
		"localhost":                            {Reason: "needs at least one dot", Quote: "Domain name needs at least one dot", Remedy: private},
		"com":                                  {Reason: "needs at least one dot", Quote: "Domain name needs at least one dot", Remedy: private},
		"":                                     {Reason: "is empty", Quote: "Domain name is empty", Remedy: "Remove it"},
		"*.":                                   {Reason: "is empty", Quote: "Domain name is empty", Remedy: "Remove it"},
		"a..x.dev":                             {Reason: "has an empty label", Quote: "Domain name can not have two dots in a row", Remedy: "Remove the dot that is too many"},
		".x.dev":                               {Reason: "has an empty label", Quote: "Domain name can not have two dots in a row", Remedy: "Remove the dot that is too many"},
		"8.8.4.4":                              {Reason: "is an IP address", Quote: "Identifier type is DNS but value is an IP address", Remedy: "Use ipAddresses"},
		"::1":                                  {Reason: "is an IP address", Quote: "Identifier type is DNS but value is an IP address", Remedy: "Use ipAddresses"},
		"a.*.x.dev":                            {Reason: `"*" is only allowed as the whole first label`, Quote: "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name"},
		"w*.x.dev":                             {Reason: `"*" is only allowed as the whole first label`, Quote: "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name"},
		"*":                                    {Reason: `"*" is only allowed as the whole first label`, Quote: "Domain name contains an invalid wildcard. A wildcard is only permitted before the first dot in a domain name"},
		"*.*.x.dev":                            {Reason: `has more than one "*"`, Quote: "Domain name has more than one wildcard", Remedy: `Use one "*", as the whole first label`},
		"*.com.cn":                             {Reason: "wildcard directly under a public suffix", Quote: "Domain name is a wildcard for an ICANN TLD", Remedy: "Use a wildcard under a domain of your own"},
		"*.dev":                                {Reason: "wildcard directly under a public suffix", Quote: "Domain name is a wildcard for an ICANN TLD", Remedy: "Use a wildcard under a domain of your own"},
		"1.168.192.in-addr.arpa":               {Reason: closed4, Remedy: host},
		"*.168.192.IN-ADDR.arpa":               {Reason: closed4, Remedy: host},
		"in-addr.arpa":                         {Reason: closed4, Remedy: host},
		"8.b.d.0.1.0.0.2.ip6.arpa":             {Reason: strings.Replace(closed4, "in-addr", "ip6", 1), Remedy: host},
		"web.svc.internal":                     {Reason: `not a public domain name (".internal" is special-use)`, Quote: suffix, Remedy: private},
		"*.svc.cluster.local":                  {Reason: `not a public domain name (".local" is special-use)`, Quote: suffix, Remedy: private},
		"x.test":                               {Reason: `not a public domain name (".test" is special-use)`, Quote: suffix, Remedy: private},
		"x.CORP":                               {Reason: `not a public domain name (".corp" is special-use)`, Quote: suffix, Remedy: private},
		"*.local":                              {Reason: `not a public domain name (".local" is special-use)`, Quote: suffix, Remedy: private},
		strings.Repeat("a", 64) + ".x.dev":     {Reason: "has a label longer than 63 bytes", Quote: "Domain has a label (component between dots) longer than 63 bytes"},
		strings.Repeat("abcdefg.", 32) + "dev": {Reason: "is longer than 253 bytes", Quote: "Domain name is longer than 253 bytes"},
		"xx." + strings.Repeat("a", 250) + ".local": {Reason: "is longer than 253 bytes", Quote: "Domain name is longer than 253 bytes"},
	} {
		want.Verdict = NameRefused
		for _, url := range []string{leURL, zeroURL} {
			if diff := cmp.Diff(want, judged(url, name), cmpopts.IgnoreUnexported(NameProblem{})); diff != "" {
				t.Errorf("%q of %s (-want +got):\n%s", name, url, diff)
			}
		}
		if got := Known().Lookup("https://localhost:14000/dir").DNSName(name); got.Verdict != NameFine {
			t.Errorf("%q: Pebble minds: %+v", name, got)
		}
	}
}

func TestNamesThatOnlyLetsEncryptIsKnownToRefuse(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]NameProblem{
		"x.dev.":                     {Reason: "ends in a dot", Quote: "Domain name ends in a dot", Remedy: "Write it without the last dot"},
		"a.b.c.d.e.f.g.h.i.cert.dev": {Reason: "has 11 labels, more than 10", Quote: "Domain name has more than 10 labels (parts)", Remedy: "Use a shorter name, or a wildcard"},
		"*.b.c.d.e.f.g.h.i.cert.dev": {Reason: "has 11 labels, more than 10", Quote: "Domain name has more than 10 labels (parts)", Remedy: "Use a shorter name, or a wildcard"},
		"ab--cd.x.dev":               {Reason: `has "--" as third and fourth character of a label (R-LDH: "ab--cd")`, Quote: "Domain name contains an invalid label in a reserved format (R-LDH: '??--')", Remedy: "Use another name"},
		"xn--zzzzzzzzzz999999.dev":   {Reason: `contains malformed punycode ("xn--zzzzzzzzzz999999")`, Quote: "Domain name contains malformed punycode"},
		"com.cn":                     {Reason: "is a public suffix", Quote: "Domain name is an ICANN TLD", Remedy: "Use a domain of your own"},
	} {
		want.Verdict = NameRefused
		if diff := cmp.Diff(want, judged(leURL, name), cmpopts.IgnoreUnexported(NameProblem{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
		if got := judged(zeroURL, name); got.Verdict != NameFine {
			t.Errorf("%q: ZeroSSL minds: %+v", name, got)
		}
	}
}

func TestNamesThatMayFail(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]NameProblem{
		"nas.home.arpa":             {Verdict: NameMayFail, Reason: `is a private-use zone; Let's Encrypt cannot validate it over public DNS`},
		"as112.arpa":                {Verdict: NameMayFail, Reason: `is in the infrastructure zone .arpa; Let's Encrypt cannot validate it over public DNS`},
		"xin-addr.arpa":             {Verdict: NameMayFail, Reason: `is in the infrastructure zone .arpa; Let's Encrypt cannot validate it over public DNS`},
		"in-addr.arpa.cert-lab.dev": {},
		"*.abcdef.onion":            {Verdict: NameMayFail, Reason: `is an onion service; Let's Encrypt cannot validate it over public DNS`},
		"www.shop.brandnewtld":      {Verdict: NameMayFail, Reason: `".brandnewtld" is not on our public suffix list (2026-02); Let's Encrypt refuses unknown TLDs`, Quote: quoteNonPublic},
		"*.brandnewtld":             {Verdict: NameMayFail, Reason: `".brandnewtld" is not on our public suffix list (2026-02); Let's Encrypt refuses unknown TLDs`, Quote: quoteNonPublic},
		"example.com":               {Verdict: NameForbidden, Reason: `is a documentation domain; Let's Encrypt refuses it (forbidden by policy)`, Remedy: "Use your own domain"},
		"*.WWW.example.org":         {Verdict: NameForbidden, Reason: `is a documentation domain; Let's Encrypt refuses it (forbidden by policy)`, Remedy: "Use your own domain"},
		"notexample.com":            {},
		"example.com.cert-lab.dev":  {},
		"example.cn":                {},
		"home.arpa.cert-lab.dev":    {},
		"brandnewtld.cert-lab.dev":  {},
		"svc.cluster.local.abc.dev": {},
	} {
		if diff := cmp.Diff(want, judged(leURL, name), cmpopts.IgnoreUnexported(NameProblem{}), cmpopts.IgnoreFields(NameProblem{}, "Quote")); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

func TestNamesInPunycode(t *testing.T) {
	t.Parallel()
	const google = "https://dv.acme-v02.api.pki.goog/directory"
	refusing, err := Known().Extended([]byte(head + "  google: {like: google, names: {punycode: no, punycodeRefusal: Never}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, label := range map[string]string{
		"xn--0zwm56d.cert-lab.cn": "xn--0zwm56d", "*.XN--0zwm56d.cert-lab.cn": "xn--0zwm56d", "www.cert-lab.xn--fiqs8s": "xn--fiqs8s", "cert-xn--lab.dev": "",
	} {
		want, never := NameProblem{}, NameProblem{}
		if label != "" {
			want = NameProblem{
				Verdict: NameMayFail, Remedy: "Use a CA that issues such names, such as Let's Encrypt",
				Reason: `has a label in punycode ("` + label + `"), to which Google Trust Services has answered "Punycode labels are not supported"`,
			}
			never = NameProblem{Verdict: NameRefused, Alone: true, Quote: "Never", Remedy: want.Remedy, Reason: `has a label in punycode ("` + label + `")`}
		}
		if diff := cmp.Diff(want, judged(google, name), cmpopts.IgnoreUnexported(NameProblem{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if diff := cmp.Diff(never, refusing.Lookup(google).DNSName(name), cmpopts.IgnoreUnexported(NameProblem{})); diff != "" {
			t.Errorf("%s where it is certain: %s", name, diff)
		}
		for _, other := range []string{leURL, zeroURL} {
			if got := judged(other, name); got.Verdict != NameFine {
				t.Errorf("%s at %s: %+v", name, other, got)
			}
		}
	}
}

func TestWildcardsOfSomePlansOnly(t *testing.T) {
	t.Parallel()
	const url = "https://acme.ssl.com/sslcom-dv-rsa"
	want := NameProblem{Verdict: NameMayFail, Reason: `is a wildcard, which SSL.com issues only under some plans`}
	if diff := cmp.Diff(want, judged(url, "*.cert-lab.dev"), cmpopts.IgnoreUnexported(NameProblem{})); diff != "" {
		t.Error(diff)
	}
	if got := judged(url, "*.com.cn"); got.Verdict != NameRefused {
		t.Errorf("a wildcard that nobody issues: %+v", got)
	}
}

func FuzzDNSName(f *testing.F) {
	for _, name := range []string{"", ".", "*.", "*.*", "x.dev.", "..", "xn--", "*.com.cn", "::1", "\x00", "ab--.dev", "*.xn--a.dev", "." + strings.Repeat("a.", 200)} {
		f.Add(name)
	}
	policy := Known().Lookup(leURL)
	f.Fuzz(func(t *testing.T, name string) {
		problem := policy.DNSName(name)
		if (problem.Verdict == NameFine) != (problem.Reason == "") {
			t.Errorf("%q: %+v", name, problem)
		}
		if again := policy.DNSName(strings.ToUpper(name)); strings.EqualFold(strings.ToUpper(name), name) && again.Verdict != problem.Verdict {
			t.Errorf("%q: %+v, in upper case %+v", name, problem, again)
		}
	})
}

func TestRegisteredDomains(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"www.Cert-Lab.dev": "cert-lab.dev", "*.a.x.com.cn": "x.com.cn", "x.dev.": "x.dev", "com.cn": "", "localhost": "", "": "", ".": "", "a..dev": "",
	} {
		if got := RegisteredDomain(name); got != want {
			t.Errorf("RegisteredDomain(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestContactsOfNewAccounts(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]*ContactProblem{
		"":                      nil,
		"ops@cert-lab.dev":      nil,
		"ops+le@cert-lab.dev":   nil,
		"user@example.com":      {ForbiddenDomain: "example.com", Reason: `contact email has forbidden domain "example.com"`},
		"user@EXAMPLE.org":      {ForbiddenDomain: "example.org", Reason: `contact email has forbidden domain "example.org"`},
		"user@mail.example.com": nil,
		"<Your Email>":          {Reason: "unable to parse email address"},
		"no address":            {Reason: "unable to parse email address"},
		"用户@cert-lab.dev":       {Reason: "contact email contains non-ASCII characters"},
		"a?b@cert-lab.dev":      {Reason: `contact email contains "?" or "#"`},
		"a#b@cert-lab.dev":      {Reason: `contact email contains "?" or "#"`},
		"a@localhost":           {Reason: "contact email has invalid domain: Domain name needs at least one dot"},
		"a@foo.internal":        {Reason: "contact email has invalid domain: Domain name does not end with a valid public suffix (TLD)"},
		"a@foo.brandnewtld":     {Reason: "contact email has invalid domain: Domain name does not end with a valid public suffix (TLD)"},
		"a@under_score.dev":     {Reason: "contact email has invalid domain: Domain name contains an invalid character"},
		"a@*.cert-lab.dev":      {Reason: "contact email has invalid domain: Domain name contains an invalid character"},
		"Me <me@cert-lab.dev>":  nil,
		"a@[192.0.2.1]":         {Reason: "contact email has invalid domain: Domain name contains an invalid character"},
		"a@com.cn":              {Reason: "contact email has invalid domain: Domain name is an ICANN TLD"},
	} {
		if diff := cmp.Diff(want, Known().Lookup(leURL).Contact(email)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", email, diff)
		}
		if got := Known().Lookup(zeroURL).Contact(email); got != nil {
			t.Errorf("%q: ZeroSSL minds: %+v", email, got)
		}
	}
}

func TestReservedAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"8.8.4.4": "", "9.255.255.255": "", "11.0.0.0": "", "172.15.255.255": "", "172.32.0.0": "", "192.167.0.1": "", "100.63.255.255": "",
		"100.128.0.0": "", "198.17.255.255": "", "198.20.0.0": "", "223.255.255.255": "", "192.0.1.1": "", "2001:4860:4860::8888": "", "2606:4700::1111": "",
		"10.0.0.0": "RFC 1918", "172.16.0.0": "RFC 1918", "172.31.255.255": "RFC 1918", "192.168.0.5": "RFC 1918", "::ffff:192.168.0.5": "RFC 1918",
		"127.0.0.1": "RFC 1122, loopback", "169.254.169.254": "RFC 3927, link-local", "100.64.0.1": "RFC 6598, shared address space",
		"192.0.2.1": "RFC 5737, documentation", "198.51.100.7": "RFC 5737, documentation", "203.0.113.9": "RFC 5737, documentation", "0.0.0.0": "RFC 791, this network",
		"192.0.0.8": "RFC 6890, IETF protocol assignments", "198.18.0.1": "RFC 2544, benchmarking", "198.19.255.255": "RFC 2544, benchmarking",
		"224.0.0.1": "RFC 5771, multicast", "255.255.255.255": "RFC 1112, reserved", "::1": "RFC 4291", "::": "RFC 4291", "fd00::1": "RFC 4193, unique local",
		"fe80::1%eth0": "RFC 4291, link-local", "ff02::1": "RFC 4291, multicast", "2001:db8::1": "RFC 3849 and RFC 9637, documentation",
		"64:ff9b::1": "RFC 6052 and RFC 8215, IPv4/IPv6 translation", "2002::1": "RFC 3056, 6to4", "2001:1ff::1": "RFC 2928, IETF protocol assignments", "2001:200::1": "",
		"192.31.196.1": "RFC 7535, AS112", "192.52.193.1": "RFC 7450, AMT", "192.88.99.1": "RFC 7526, 6to4 relay anycast", "192.175.48.1": "RFC 7534, AS112",
		"100::1": "RFC 6666 and RFC 9780, discard and dummy prefixes", "2620:4f:8000::1": "RFC 7534, AS112", "5f00::1": "RFC 9602, segment routing",
	} {
		if got := Reserved(netip.MustParseAddr(address)); got != want {
			t.Errorf("Reserved(%s) = %q, want %q", address, got, want)
		}
	}
	if got := Reserved(netip.Addr{}); got != "" {
		t.Errorf("Reserved of no address = %q", got)
	}
}
