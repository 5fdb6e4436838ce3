package provider_test

import (
	"testing"

	"github.com/certyun/certyun/solvers/provider"
)

func TestTXTIs(t *testing.T) {
	const value = "-9Zx_b3qvVYkbmN2pYB5hrm0kbmN2pYB5hrm0kbmN2pY"
	challenge := provider.TXT{Zone: "example.com", RR: "_acme-challenge", Value: value, TTL: 600, Line: "default"}
	apex, chinese := challenge, challenge
	apex.RR, chinese.RR = "@", "_acme-challenge.xn--fsqu00a"
	tests := map[string]struct {
		record                provider.TXT
		rr, recordType, value string
		want                  bool
	}{
		"the record itself":                           {challenge, "_acme-challenge", "TXT", value, true},
		"in upper case":                               {challenge, "_ACME-Challenge", "txt", value, true},
		"with a trailing dot":                         {challenge, "_acme-challenge.", "TXT", value, true},
		"quoted as in a zone file":                    {challenge, "_acme-challenge", "TXT", `"` + value + `"`, true},
		"the apex":                                    {apex, "@", "TXT", value, true},
		"the apex as no name at all":                  {apex, "", "TXT", value, true},
		"a Chinese name in Unicode":                   {chinese, "_acme-challenge.例子", "TXT", value, true},
		"a Chinese name in A-labels":                  {chinese, "_acme-challenge.XN--FSQU00A", "TXT", value, true},
		"another name that begins alike":              {challenge, "_acme-challenge.www", "TXT", value, false},
		"another name that ends alike":                {challenge, "x_acme-challenge", "TXT", value, false},
		"the apex for another name":                   {challenge, "@", "TXT", value, false},
		"another name for the apex":                   {apex, "_acme-challenge", "TXT", value, false},
		"a wildcard for the name":                     {challenge, "*", "TXT", value, false},
		"another type":                                {challenge, "_acme-challenge", "CNAME", value, false},
		"a type that begins alike":                    {challenge, "_acme-challenge", "TXTX", value, false},
		"no type":                                     {challenge, "_acme-challenge", "", value, false},
		"another value":                               {challenge, "_acme-challenge", "TXT", value + "x", false},
		"the value in another case":                   {challenge, "_acme-challenge", "TXT", "-9zx_b3qvvykbmn2pyb5hrm0kbmn2pyb5hrm0kbmn2py", false},
		"the value without its hyphen":                {challenge, "_acme-challenge", "TXT", value[1:], false},
		"the value with a space at the end":           {challenge, "_acme-challenge", "TXT", value + " ", false},
		"half of the quotation marks":                 {challenge, "_acme-challenge", "TXT", `"` + value, false},
		"two pairs of quotation marks":                {challenge, "_acme-challenge", "TXT", `""` + value + `""`, false},
		"no value":                                    {challenge, "_acme-challenge", "TXT", "", false},
		"a name that no domain can have, as it is":    {provider.TXT{RR: "a b", Value: value}, "A b", "TXT", value, true},
		"a name that no domain can have, and another": {provider.TXT{RR: "a b", Value: value}, "a  b", "TXT", value, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.record.Is(test.rr, test.recordType, test.value); got != test.want {
				t.Errorf("Is(%q, %q, %q) = %t", test.rr, test.recordType, test.value, got)
			}
		})
	}
}
