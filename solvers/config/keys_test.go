package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
)

// noSecret is said of a config without keys, by the fields to name them with.
func noSecret(fields string) string {
	return ": Required value: names no Secret, and keys without one (RRSA, the role of a worker node) are not supported yet; name a Secret with " + fields
}

func TestConfigsWithoutKeys(t *testing.T) {
	const alidns, dnspod = "accessKeyIdRef and accessKeySecretRef", "secretIdRef and secretKeyRef"
	tests := map[string]struct {
		config string
		// told is whether it is said that no Secret is named: not where another error is about what was meant as the keys.
		told bool
	}{
		"nothing":                        {``, true},
		"white space":                    {" \n", true},
		"null":                           {`null`, true},
		"an empty object":                {`{}`, true},
		"a TTL":                          {`{"ttl": 600}`, true},
		"a region":                       {`{"regionId": "us-west-1"}`, true},
		"a line":                         {`{"line": "telecom", "recordLine": "x"}`, true},
		"a role":                         {`{"roleArn": "acs:ram::1:role/dns"}`, true},
		"a switch for ambient keys":      {`{"ambient": true}`, true},
		"keys that lie open":             {`{"accessKeyId": "LTAI5tExample", "secretId": "AKIDexample"}`, false},
		"a letter left out":              {`{"accesKeyIdRef": {"name": "a", "key": "b"}}`, false},
		"the retired token":              {`{"apiID": 1}`, false},
		"a config in the config":         {`{"config": {"accessKeyIdRef": {"name": "a", "key": "b"}}}`, false},
		"a wrong type where a key is":    {`{"accessKeyIdRef": "x", "secretIdRef": []}`, false},
		"no object":                      {`[]`, false},
		"a text that YAML made of flows": {`"${CONFIG}"`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for host, got := range map[string]string{alidns: decodeAlidns(test.config), dnspod: decodeDNSPod(test.config)} {
				if told := strings.Contains(got, at+noSecret(host)); told != test.told {
					t.Errorf("that no Secret is named is told: %t, want %t; got:\n%s", told, test.told, got)
				}
				if got == "" {
					t.Errorf("%s: no error", host)
				}
			}
		})
	}
}

// TestMixedKeyFields tries each mixture of the fields by which webhooks for Alidns name the key, and does what the errors say, until
// there is none: after one round.
func TestMixedKeyFields(t *testing.T) {
	fields := []string{"accessKeyIdRef", "accessKeySecretRef", "secretAccessKeyRef", "accessTokenSecretRef", "secretKeySecretRef"}
	for mask := 1; mask < 1<<len(fields); mask++ {
		set := map[string]string{}
		for i, name := range fields {
			if mask&(1<<i) != 0 {
				set[name] = name
			}
		}
		t.Run(strings.Join(keysOf(set, fields), "+"), func(t *testing.T) {
			_, errs := config.DecodeAlidns(path(), encodeRefs(set))
			for _, err := range errs {
				follow(t, set, strings.TrimPrefix(err.Field, at+"."), err.Detail)
			}
			c, errs := config.DecodeAlidns(path(), encodeRefs(set))
			if len(errs) > 0 {
				t.Errorf("after the advice was followed (%v):\n%s", set, strings.Join(texts(errs), "\n"))
			}
			if c.Keys.ID == c.Keys.Secret {
				t.Errorf("keys %+v", c.Keys)
			}
		})
	}
}

// follow does what an error says.
func follow(t *testing.T, set map[string]string, name, advice string) {
	t.Helper()
	if better, found := strings.CutPrefix(advice, "write "); found {
		better, _, _ = strings.Cut(better, " ")
		if set[better] != "" {
			t.Fatalf("%s is to be called %s, which is there", name, better)
		}
		set[better] = set[name]
		delete(set, name)
		return
	}
	if strings.HasPrefix(advice, "remove it") {
		delete(set, name)
		return
	}
	set[name] = "added"
}

func keysOf(set map[string]string, order []string) []string {
	var names []string
	for _, name := range order {
		if set[name] != "" {
			names = append(names, name)
		}
	}
	return names
}

func encodeRefs(set map[string]string) []byte {
	var members []string
	for name, key := range set {
		members = append(members, fmt.Sprintf(`%q: {"name": "a", "key": %q}`, name, key))
	}
	return []byte("{" + strings.Join(members, ",") + "}")
}

func TestMixedKeyFieldsInWords(t *testing.T) {
	const elsewhere = " instead: this is a field of another solver's config"
	tests := map[string]struct {
		decode func(string) string
		fields []string
		want   string
	}{
		"wjiec's ID and pragkent's secret": {
			decodeAlidns,
			[]string{"accessKeyIdRef", "secretKeySecretRef"},
			".secretKeySecretRef: Forbidden: write accessKeySecretRef instead of secretKeySecretRef for the AccessKey Secret: beside accessKeyIdRef it is of another webhook's form",
		},
		"DEVmachine's ID and wjiec's secret": {
			decodeAlidns,
			[]string{"accessTokenSecretRef", "accessKeySecretRef"},
			".accessTokenSecretRef: Forbidden: write accessKeyIdRef instead of accessTokenSecretRef for the AccessKey ID: beside accessKeySecretRef it is of another webhook's form",
		},
		"a whole pair and one more": {
			decodeAlidns,
			[]string{"accessKeyIdRef", "accessKeySecretRef", "secretKeySecretRef"},
			".secretKeySecretRef: Forbidden: remove it: accessKeyIdRef and accessKeySecretRef name the key already",
		},
		"an ID of Alidns and a secret of DNSPod, at Alidns": {
			decodeAlidns, []string{"accessKeyIdRef", "secretKeyRef"}, ".secretKeyRef: Forbidden: write accessKeySecretRef" + elsewhere,
		},
		"an older ID and a secret of DNSPod, at Alidns": {
			decodeAlidns, []string{"accessTokenSecretRef", "secretKeyRef"}, ".secretKeyRef: Forbidden: write secretKeySecretRef" + elsewhere,
		},
		"an ID of DNSPod and a secret of Alidns, at Alidns": {
			decodeAlidns, []string{"secretIdRef", "accessKeySecretRef"}, ".secretIdRef: Forbidden: write accessKeyIdRef" + elsewhere,
		},
		"an ID of DNSPod and a secret of Alidns, at DNSPod": {
			decodeDNSPod, []string{"secretIdRef", "accessKeySecretRef"}, ".accessKeySecretRef: Forbidden: write secretKeyRef" + elsewhere,
		},
		"an ID of Alidns and a secret of DNSPod, at DNSPod": {
			decodeDNSPod, []string{"accessKeyIdRef", "secretKeyRef"}, ".accessKeyIdRef: Forbidden: write secretIdRef" + elsewhere,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set := map[string]string{}
			for _, field := range test.fields {
				set[field] = field
			}
			if diff := cmp.Diff(at+test.want, test.decode(string(encodeRefs(set)))); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFieldsOfCertManagerInTheConfig(t *testing.T) {
	for name, want := range map[string]string{
		"cnameStrategy": "beside webhook, under dns01", "CNAMEStrategy": "beside webhook, under dns01",
		"groupName": "beside config, under webhook", "solverName": "beside config, under webhook", "config": "beside config, under webhook",
		"webhook": "under dns01", "selector": "beside dns01, in the solver", "dns01": "beside dns01, in the solver",
		"waitInsteadOfSelfCheck": "beside dns01, in the solver", "dnsZones": "under selector, which is beside dns01",
	} {
		t.Run(name, func(t *testing.T) {
			for pair, decode := range map[string]func(string) string{alidnsPair: decodeAlidns, dnspodPair: decodeDNSPod} {
				got := decode(fmt.Sprintf(`{%s, %q: {}}`, pair, name))
				if !strings.HasPrefix(got, at+"."+name+": Forbidden: it belongs "+want) || strings.Contains(got, "\n") {
					t.Errorf("got:\n%s", got)
				}
			}
		})
	}
}
