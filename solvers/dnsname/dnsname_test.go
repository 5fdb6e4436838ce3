package dnsname_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/dnsname"
)

var (
	label63 = strings.Repeat("a", 63)
	name253 = strings.Join([]string{label63, label63, label63, strings.Repeat("b", 61)}, ".")
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string
	}{
		"a canonical name stays as it is":                  {"www.example.com", "www.example.com"},
		"a trailing dot goes":                              {"www.example.com.", "www.example.com"},
		"upper case becomes lower case":                    {"WWW.Example.COM", "www.example.com"},
		"a single label is a name":                         {"com.", "com"},
		"the label of a challenge is a name's":             {"_ACME-Challenge.Example.com.", "_acme-challenge.example.com"},
		"an underscore may stand anywhere in a label":      {"a_b.c_.example.com", "a_b.c_.example.com"},
		"a wildcard is a name":                             {"*.example.com", "*.example.com"},
		"digits alone are a label":                         {"1.0.0.127", "1.0.0.127"},
		"a hyphen at either end of a label is let through": {"-a-.example.com", "-a-.example.com"},
		"a Chinese name becomes its A-labels":              {"例子.com", "xn--fsqu00a.com"},
		"A-labels stay":                                    {"xn--fsqu00a.com", "xn--fsqu00a.com"},
		"A-labels in upper case become lower case":         {"XN--FSQU00A.COM.", "xn--fsqu00a.com"},
		"a Chinese top-level domain becomes its A-label":   {"例子.中国", "xn--fsqu00a.xn--fiqs8s"},
		"only the Chinese label changes":                   {"_acme-challenge.例子.com.", "_acme-challenge.xn--fsqu00a.com"},
		"an ideographic full stop is a dot":                {"www。例子。com。", "www.xn--fsqu00a.com"},
		"a full-width full stop is a dot":                  {"www．example．com", "www.example.com"},
		"a half-width ideographic full stop is a dot":      {"www｡example｡com", "www.example.com"},
		"full-width letters are the plain ones":            {"ｗｗｗ.ｅｘａｍｐｌｅ.com", "www.example.com"},
		"upper case outside ASCII becomes lower case":      {"BÜCHER.example", "xn--bcher-kva.example"},
		"a decomposed letter is its composed one":          {"bu\u0308cher.example", "xn--bcher-kva.example"},
		"a sharp s is not two of them":                     {"straße.example", "xn--strae-oqa.example"},
		"a soft hyphen within a label is dropped":          {"exam\u00adple.com", "example.com"},
		"an A-label that decodes to nothing is let through": {
			"xn--99999999.com", "xn--99999999.com",
		},
		"a label of 63 characters is not too long": {label63 + ".example.com", label63 + ".example.com"},
		"a name of 253 characters is not too long": {name253 + ".", name253},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dnsname.Parse(test.in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", test.in, err)
			}
			if got != test.want {
				t.Errorf("Parse(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", 64) + ".com"
	tests := map[string]struct {
		in   string
		want string
	}{
		"nothing":                        {"", "the domain name is empty"},
		"the root":                       {".", "the domain name is empty"},
		"an ideographic dot alone":       {"。", "the domain name is empty"},
		"two dots at the end":            {"example.com..", `"example.com.." is not a domain name: it has an empty label`},
		"a dot at the start":             {".example.com", `".example.com" is not a domain name: it has an empty label`},
		"an empty label within":          {"www..example.com", `"www..example.com" is not a domain name: it has an empty label`},
		"a label that maps to nothing":   {"\u00ad.com", "\"\\u00ad.com\" is not a domain name: it has an empty label"},
		"a label of 64 characters":       {long, `"` + long + `" is not a domain name: a label is longer than 63 characters`},
		"a name of 254 characters":       {name253 + "b", `"` + name253 + `b" is not a domain name: it is longer than 253 characters`},
		"a space within":                 {"www. example.com", `"www. example.com" is not a domain name: the label " example" has a character that no label may have`},
		"a space at the end":             {"example.com ", `"example.com " is not a domain name: the label "com " has a character that no label may have`},
		"a line feed":                    {"example.com\n", `"example.com\n" is not a domain name: the label "com\n" has a character that no label may have`},
		"a NUL":                          {"a\x00.com", `"a\x00.com" is not a domain name: the label "a\x00" has a character that no label may have`},
		"a DEL":                          {"a\x7f.com", `"a\x7f.com" is not a domain name: the label "a\x7f" has a character that no label may have`},
		"the record name of the apex":    {"@", `"@" is not a domain name: the label "@" has a character that no label may have`},
		"a quotation mark":               {`"a".com`, `"\"a\".com" is not a domain name: the label "\"a\"" has a character that no label may have`},
		"an escaped dot":                 {`a\.b.com`, `"a\\.b.com" is not a domain name: the label "a\\" has a character that no label may have`},
		"a slash":                        {"a/b.com", `"a/b.com" is not a domain name: the label "a/b" has a character that no label may have`},
		"a colon and port":               {"example.com:53", `"example.com:53" is not a domain name: the label "com:53" has a character that no label may have`},
		"bytes that are not UTF-8":       {"\xff\xfe.com", `"\xff\xfe.com" is not a domain name: the label "��" is not valid in a domain name`},
		"a character that maps to a dot": {"a\u2024b.com", "\"a․b.com\" is not a domain name: the label \"a․b\" is not valid in a domain name"},
		"a character that maps to text with a slash": {
			"\u2100.com", "\"℀.com\" is not a domain name: the label \"℀\" is not valid in a domain name",
		},
		"a right-to-left override": {"a\u202eb.com", `"a\u202eb.com" is not a domain name: the label "a\u202eb" is not valid in a domain name`},
		"a Chinese label that is too long as an A-label": {
			strings.Repeat("例", 64) + ".com",
			`"` + strings.Repeat("例", 64) + `.com" is not a domain name: a label is longer than 63 characters`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := dnsname.Parse(test.in)
			if err == nil {
				t.Fatalf("Parse(%q) = %q, want an error", test.in, got)
			}
			if got != "" {
				t.Errorf("Parse(%q) = %q beside its error", test.in, got)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnicode(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string
	}{
		"a Chinese label":                                {"xn--fsqu00a.com", "例子.com"},
		"two of them":                                    {"xn--fsqu00a.xn--fiqs8s", "例子.中国"},
		"labels of a challenge stay beside it":           {"_acme-challenge.xn--fsqu00a.com", "_acme-challenge.例子.com"},
		"a wildcard stays":                               {"*.xn--fsqu00a.com", "*.例子.com"},
		"a name in ASCII stays":                          {"www.example.com", "www.example.com"},
		"an A-label that cannot be decoded stays":        {"xn--99999999.xn--fsqu00a.com", "xn--99999999.例子.com"},
		"an A-label of plain ASCII stays":                {"xn--abc-.com", "xn--abc-.com"},
		"an A-label of a disallowed character stays":     {"xn--iea.com", "xn--iea.com"},
		"the prefix within a label is not one":           {"a-xn--fsqu00a.com", "a-xn--fsqu00a.com"},
		"an empty A-label stays":                         {"xn--.com", "xn--.com"},
		"an A-label that holds an ideographic dot stays": {"xn--ab-r13a.com", "xn--ab-r13a.com"},
		"nothing is nothing":                             {"", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := dnsname.Unicode(test.in); got != test.want {
				t.Errorf("Unicode(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestEnclosesAndRelative(t *testing.T) {
	tests := map[string]struct {
		zone string
		name string
		// rr is "" where the zone does not enclose the name.
		rr string
	}{
		"the zone itself is the apex":                     {"example.com", "example.com", "@"},
		"a name beneath":                                  {"example.com", "_acme-challenge.example.com", "_acme-challenge"},
		"a name far beneath":                              {"example.com", "_acme-challenge.a.b.example.com", "_acme-challenge.a.b"},
		"a wildcard beneath":                              {"example.com", "*.example.com", "*"},
		"the zone's name once more within":                {"example.com", "example.com.example.com", "example.com"},
		"a top-level domain":                              {"com", "example.com", "example"},
		"a sibling whose name ends alike":                 {"example.com", "notexample.com", ""},
		"a name that ends alike after a hyphen":           {"example.com", "not-example.com", ""},
		"the parent":                                      {"a.example.com", "example.com", ""},
		"another zone":                                    {"example.org", "www.example.com", ""},
		"a zone that is longer than the name":             {"www.example.com", "example.com", ""},
		"no zone at all":                                  {"", "example.com", ""},
		"a zone that is the end of a label":               {"om", "example.com", ""},
		"a zone with a dot in front is none on our terms": {".com", "example.com", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got, want := dnsname.Encloses(test.zone, test.name), test.rr != ""; got != want {
				t.Errorf("Encloses(%q, %q) = %t, want %t", test.zone, test.name, got, want)
			}
			rr, err := dnsname.Relative(test.name, test.zone)
			if test.rr == "" {
				want := test.name + " does not lie in the zone " + test.zone
				if err == nil || err.Error() != want {
					t.Errorf("Relative(%q, %q) = %q, %v, want the error %q", test.name, test.zone, rr, err, want)
				}
				return
			}
			if err != nil || rr != test.rr {
				t.Errorf("Relative(%q, %q) = %q, %v, want %q", test.name, test.zone, rr, err, test.rr)
			}
			if back := dnsname.Join(rr, test.zone); back != test.name {
				t.Errorf("Join(%q, %q) = %q, want %q", rr, test.zone, back, test.name)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	tests := map[string]struct {
		rr, want string
	}{
		"the apex":                     {"@", "example.com"},
		"no record name is the apex":   {"", "example.com"},
		"one label":                    {"www", "www.example.com"},
		"several labels":               {"a.b", "a.b.example.com"},
		"a wildcard":                   {"*", "*.example.com"},
		"a label that looks like apex": {"a@", "a@.example.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := dnsname.Join(test.rr, "example.com"); got != test.want {
				t.Errorf("Join(%q) = %q, want %q", test.rr, got, test.want)
			}
		})
	}
}

func TestLongestZone(t *testing.T) {
	tests := map[string]struct {
		zones []string
		name  string
		want  string
	}{
		"no zones":                                   {nil, "www.example.com", ""},
		"no zone that encloses the name":             {[]string{"example.org", "example.net"}, "www.example.com", ""},
		"the only one":                               {[]string{"example.com"}, "www.example.com", "example.com"},
		"the child before its parent":                {[]string{"example.com", "sub.example.com"}, "a.sub.example.com", "sub.example.com"},
		"in whichever order they are listed":         {[]string{"sub.example.com", "example.com"}, "a.sub.example.com", "sub.example.com"},
		"the parent for a name beside the child":     {[]string{"example.com", "sub.example.com"}, "a.example.com", "example.com"},
		"the zone that equals the name":              {[]string{"example.com", "sub.example.com"}, "sub.example.com", "sub.example.com"},
		"label boundaries, not characters":           {[]string{"le.com", "notexample.com"}, "www.example.com", ""},
		"a longer zone that ends alike is passed by": {[]string{"example.com", "notexample.com"}, "www.example.com", "example.com"},
		"a public suffix that the account hosts":     {[]string{"com.cn", "example.com.cn"}, "www.example.com.cn", "example.com.cn"},
		"an empty zone encloses nothing":             {[]string{""}, "example.com", ""},
		"a zone that is listed twice":                {[]string{"example.com", "example.com"}, "example.com", "example.com"},
		"A-labels":                                   {[]string{"xn--fsqu00a.com"}, "www.xn--fsqu00a.com", "xn--fsqu00a.com"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			given := slices.Clone(test.zones)
			got, ok := dnsname.LongestZone(test.zones, test.name)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("LongestZone(%q, %q) = %q, %t, want %q", test.zones, test.name, got, ok, test.want)
			}
			if diff := cmp.Diff(given, test.zones); diff != "" {
				t.Errorf("the zones were changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestIsPublicSuffix(t *testing.T) {
	tests := map[string]bool{
		"com": true, "cn": true, "com.cn": true, "co.uk": true, "xn--fiqs8s": true, "nosuchtld": true,
		"example.com": false, "example.com.cn": false, "sub.example.com": false,
		// A private suffix, under which an account may well host its zone.
		"github.io": false,
	}
	for zone, want := range tests {
		if got := dnsname.IsPublicSuffix(zone); got != want {
			t.Errorf("IsPublicSuffix(%q) = %t, want %t", zone, got, want)
		}
	}
}

func TestWildcards(t *testing.T) {
	for name, want := range map[string][]string{
		"_acme-challenge.a.shop.example.com": {"*.a.shop.example.com", "*.shop.example.com", "*.example.com"},
		"_acme-challenge.example.com.cn":     {"*.example.com.cn"},
		"_acme-challenge.me.github.io":       {"*.me.github.io", "*.github.io"},
		"example.com":                        nil,
		"com":                                nil,
		"":                                   nil,
	} {
		if got := dnsname.Wildcards(name); !slices.Equal(got, want) {
			t.Errorf("Wildcards(%q) = %q, want %q", name, got, want)
		}
	}
}
