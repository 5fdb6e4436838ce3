package quiet

import "testing"

func TestWithout(t *testing.T) {
	for name, test := range map[string]struct{ flags, want string }{
		"the flag alone":            {"sdk", ""},
		"the flag among others":     {"tea,sdk,other", "tea,other"},
		"no flag":                   {"", ""},
		"a flag that only looks so": {"sdkx,xsdk", "sdkx,xsdk"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := without(test.flags, "sdk"); got != test.want {
				t.Errorf("without(%q) = %q, want %q", test.flags, got, test.want)
			}
		})
	}
}
