package dnsname_test

import (
	"strings"
	"testing"

	"github.com/certyun/certyun/solvers/dnsname"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", ".", "example.com", "EXAMPLE.com.", "_acme-challenge.www.example.com.", "*.example.com", "例子.com", "xn--fsqu00a.com",
		"例子。中国。", "a..b", "a b", "a\x00b", "\xff", "xn--99999999.com", "xn--abc-.com", "xn--ab-r13a", "straße.example", "\u00ad.com",
		"a\u200d.com", "\u0644\u0647.com", "1\u0660.com", strings.Repeat("a.", 127), strings.Repeat("例", 30),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name, err := dnsname.Parse(s)
		if err != nil {
			if name != "" {
				t.Fatalf("Parse(%q) = %q beside the error %v", s, name, err)
			}
			return
		}
		checkCanonical(t, s, name)
		if again, err := dnsname.Parse(name); err != nil || again != name {
			t.Fatalf("Parse(%q) = %q, of which Parse makes %q, %v", s, name, again, err)
		}
		if dotted, err := dnsname.Parse(strings.ToUpper(name) + "."); err != nil || dotted != name {
			t.Fatalf("upper case and a trailing dot make %q, %v of %q", dotted, err, name)
		}
		if back, err := dnsname.Parse(dnsname.Unicode(name)); err != nil || back != name {
			t.Fatalf("the Unicode form of %q is %q, of which Parse makes %q, %v", name, dnsname.Unicode(name), back, err)
		}
		checkEveryZone(t, name)
	})
}

func checkCanonical(t *testing.T, given, name string) {
	t.Helper()
	if len(name) == 0 || len(name) > 253 {
		t.Fatalf("Parse(%q) has %d characters", given, len(name))
	}
	for label := range strings.SplitSeq(name, ".") {
		if len(label) == 0 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_*") != "" {
			t.Fatalf("Parse(%q) = %q has the label %q", given, name, label)
		}
	}
}

// checkEveryZone takes the name apart at each of its dots and puts it together again.
func checkEveryZone(t *testing.T, name string) {
	t.Helper()
	for zone, more := name, true; more; _, zone, more = strings.Cut(zone, ".") {
		if !dnsname.Encloses(zone, name) {
			t.Fatalf("%q does not enclose %q", zone, name)
		}
		rr, err := dnsname.Relative(name, zone)
		if err != nil {
			t.Fatal(err)
		}
		if (rr == dnsname.Apex) != (zone == name) {
			t.Fatalf("Relative(%q, %q) = %q", name, zone, rr)
		}
		if back := dnsname.Join(rr, zone); back != name {
			t.Fatalf("Join(%q, %q) = %q, want %q", rr, zone, back, name)
		}
	}
}

func FuzzLongestZone(f *testing.F) {
	for _, seed := range []struct{ zones, name string }{
		{"", ""},
		{"example.com", "www.example.com"},
		{"example.com sub.example.com", "a.sub.example.com"},
		{"notexample.com le.com com", "www.example.com"},
		{"sub.example.com example.com", "sub.example.com"},
		{"com.cn cn example.com.cn", "_acme-challenge.example.com.cn"},
		{". .com com.", "example.com"},
	} {
		f.Add(seed.zones, seed.name)
	}
	f.Fuzz(func(t *testing.T, list, name string) {
		zones := strings.Split(list, " ")
		got, ok := dnsname.LongestZone(zones, name)
		if ok != (got != "") {
			t.Fatalf("LongestZone(%q, %q) = %q, %t", zones, name, got, ok)
		}
		if ok && !dnsname.Encloses(got, name) {
			t.Fatalf("LongestZone(%q, %q) = %q, which does not enclose it", zones, name, got)
		}
		listed := !ok
		for _, zone := range zones {
			listed = listed || zone == got
			if len(zone) > len(got) && dnsname.Encloses(zone, name) {
				t.Fatalf("LongestZone(%q, %q) = %q, but %q is longer", zones, name, got, zone)
			}
		}
		if !listed {
			t.Fatalf("LongestZone(%q, %q) = %q, which is not among them", zones, name, got)
		}
	})
}
