package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers/config"
)

// TestConfigsWithoutKeys: credentials are ambient where nothing is named, and nowhere else.
func TestConfigsWithoutKeys(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing": ``, "white space": " \n", "null": `null`, "an empty object": `{}`, "a TTL": `{"ttl": 600}`, "empty references": `{"accessKeyIdRef": {}, "secretKeyRef": null}`,
	} {
		for host, decode := range map[string]func(*field.Path, []byte) (config.Solver, field.ErrorList){"alidns": config.DecodeAlidns, "dnspod": config.DecodeDNSPod} {
			if c, errs := decode(path(), []byte(raw)); !c.Keys.Ambient() || name != "empty references" && len(errs) > 0 {
				t.Errorf("%s: %s: ambient %t, %v", name, host, c.Keys.Ambient(), errs)
			}
		}
	}
	for name, raw := range map[string]string{
		"a switch": `{"ambient": true}`, "keys that lie open": `{"accessKeyId": "LTAI5tExample", "secretId": "AKIDexample"}`,
		"a letter left out": `{"accesKeyIdRef": {"name": "a", "key": "b"}}`, "the retired token": `{"apiID": 1}`,
		"a config in the config":      `{"config": {"accessKeyIdRef": {"name": "a", "key": "b"}}}`,
		"a wrong type where a key is": `{"accessKeyIdRef": "x", "secretIdRef": []}`, "no object": `[]`, "a text that YAML made of flows": `"${CONFIG}"`,
		"a token alone": `{"securityTokenRef": {"name": "a", "key": "b"}, "tokenRef": {"name": "a", "key": "b"}}`,
	} {
		for host, got := range map[string]string{"alidns": decodeAlidns(raw), "dnspod": decodeDNSPod(raw)} {
			if got == "" {
				t.Errorf("%s: %s: no error", name, host)
			}
		}
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
