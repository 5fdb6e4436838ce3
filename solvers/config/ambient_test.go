package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
)

func TestWhoMayUseAmbientCredentials(t *testing.T) {
	type allowed struct{ ClusterIssuers, Issuers bool }
	for words, want := range map[string]allowed{"cluster-issuers": {true, false}, "all": {true, true}, "none": {false, false}} {
		a, err := config.NewAmbient(words, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, allowed{a.Allows(true), a.Allows(false)}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", words, diff)
		}
	}
	if unset := (config.Ambient{}); unset.Allows(true) || unset.Allows(false) || unset.AllowsRole("acs:ram::1:role/dns") {
		t.Error("what nobody set allows something")
	}
}

func TestRolesOfAmbientCredentials(t *testing.T) {
	const dns = "acs:ram::1234567890123456:role/dns"
	for name, test := range map[string]struct {
		roles []string
		arn   string
		want  bool
	}{
		"none is listed":                        {nil, dns, false},
		"the role":                              {[]string{dns}, dns, true},
		"another role":                          {[]string{dns}, dns + "-admin", false},
		"a role whose end it is":                {[]string{dns}, "x" + dns, false},
		"one of several":                        {[]string{"acs:ram::1:role/x", dns}, dns, true},
		"the role of another account":           {[]string{dns}, "acs:ram::2:role/dns", false},
		"all of an account":                     {[]string{"acs:ram::1234567890123456:role/*"}, dns, true},
		"all of an account, and another one":    {[]string{"acs:ram::1234567890123456:role/*"}, "acs:ram::12345678901234567:role/dns", false},
		"a beginning":                           {[]string{"acs:ram::1234567890123456:role/d*"}, dns, true},
		"a star in the middle":                  {[]string{"acs:ram::*:role/dns"}, dns, true},
		"a star stands for nothing, too":        {[]string{dns + "*"}, dns, true},
		"a dot is a dot":                        {[]string{"acs:ram::1:role/a.b"}, "acs:ram::1:role/axb", false},
		"all of one cloud":                      {[]string{"acs:ram::*"}, dns, true},
		"all of one cloud are none of another":  {[]string{"acs:ram::*"}, "qcs::cam::uin/100000000001:roleName/dns", false},
		"a role of Tencent Cloud":               {[]string{"qcs::cam::uin/100000000001:roleName/d*"}, "qcs::cam::uin/100000000001:roleName/dns", true},
		"a role with a line break behind":       {[]string{dns}, dns + "\n", false},
		"a role with a line break in the star":  {[]string{"acs:ram::1:role/*"}, "acs:ram::1:role/a\nb", false},
		"upper case is another role":            {[]string{dns}, "acs:ram::1234567890123456:role/DNS", false},
		"what an Issuer writes is no pattern":   {[]string{dns}, "acs:ram::*:role/*", false},
		"a beginning that is only a cloud's id": {[]string{"acs:ram::1*"}, dns, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := config.NewAmbient(config.AmbientAll, test.roles)
			if err != nil {
				t.Fatal(err)
			}
			if got := a.AllowsRole(test.arn); got != test.want {
				t.Errorf("%v allow %q: %v", test.roles, test.arn, got)
			}
		})
	}
}

// What an operator wrote wrong is said with the flag and the value.
func TestAmbientRefuses(t *testing.T) {
	const (
		words = " must be one of cluster-issuers, all, none"
		arn   = " is not the ARN of a role; write one like acs:ram::1234567890123456:role/certyun or qcs::cam::uin/100000000001:roleName/certyun-*," +
			" where * stands for any characters"
	)
	for name, test := range map[string]struct {
		issuers, role, want string
	}{
		"no word":                {"", "acs:ram::*", `--ambient-credentials ""` + words},
		"another word":           {"issuers", "acs:ram::*", `--ambient-credentials "issuers"` + words},
		"a word in upper case":   {"All", "acs:ram::*", `--ambient-credentials "All"` + words},
		"all roles of all":       {"all", "*", `--ambient-role-arns: "*"` + arn},
		"a name":                 {"all", "dns", `--ambient-role-arns: "dns"` + arn},
		"nothing":                {"all", "", `--ambient-role-arns: ""` + arn},
		"a cloud alone":          {"all", "acs:ram::", `--ambient-role-arns: "acs:ram::"` + arn},
		"a regular expression":   {"all", "acs:ram::1:role/(a|b)", `--ambient-role-arns: "acs:ram::1:role/(a|b)"` + arn},
		"two in one":             {"all", "acs:ram::1:role/a,acs:ram::1:role/b", `--ambient-role-arns: "acs:ram::1:role/a,acs:ram::1:role/b"` + arn},
		"a role of a third":      {"all", "arn:aws:iam::1:role/dns", `--ambient-role-arns: "arn:aws:iam::1:role/dns"` + arn},
		"a line break behind it": {"all", "acs:ram::1:role/a\n", `--ambient-role-arns: "acs:ram::1:role/a\n"` + arn},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.NewAmbient(test.issuers, []string{"acs:ram::1:role/fine", test.role})
			if err == nil {
				t.Fatal("it is taken")
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
