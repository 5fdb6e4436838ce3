package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/config"
)

const (
	firstHalf  = "Required value: the keys are a pair; name the Secret and key of its first half"
	secondHalf = "Required value: the keys are a pair; name the Secret and key of its second half"
	noField    = "Forbidden: there is no such field"
	notRef     = "Invalid value: must be an object with the name of a Secret and a key in it, not "
	namespaced = "Forbidden: Secrets are read only in the namespace of the Issuer (of a ClusterIssuer: the cluster resource namespace)"
	noInline   = "Forbidden: keys do not belong into an Issuer; put them into a Secret and refer to it with "
)

// pairs of references, to be put into a config.
const (
	alidnsPair = `"accessKeyIdRef": {"name": "a", "key": "id"}, "accessKeySecretRef": {"name": "a", "key": "secret"}`
	dnspodPair = `"secretIdRef": {"name": "a", "key": "id"}, "secretKeyRef": {"name": "a", "key": "secret"}`
	oldPair    = `"accessKeySecretRef": {"name": "a", "key": "id"}, "secretKeySecretRef": {"name": "a", "key": "secret"}`
)

func TestDecodeAlidnsRefuses(t *testing.T) {
	tests := map[string]struct {
		config string
		// want is the errors, each without the config's own path in front.
		want []string
	}{
		"the ID without the Secret": {
			`{"accessKeyIdRef": {"name": "a", "key": "id"}}`,
			[]string{".accessKeySecretRef: " + secondHalf},
		},
		"the Secret without the ID": {
			`{"accessKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef: " + firstHalf},
		},
		"the Secret's other spelling without the ID": {
			`{"secretAccessKeyRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef: " + firstHalf},
		},
		"a token alone": {
			`{"securityTokenRef": {"name": "a", "key": "token"}}`,
			[]string{".accessKeyIdRef: " + firstHalf, ".accessKeySecretRef: " + secondHalf},
		},
		"a half that is empty": {
			`{"accessKeyIdRef": {"name": "a", "key": "id"}, "accessKeySecretRef": {"name": "", "key": ""}}`,
			[]string{".accessKeySecretRef: " + secondHalf},
		},
		"secretKeySecretRef alone": {
			`{"secretKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeySecretRef: Required value: secretKeySecretRef names the AccessKey Secret; name the AccessKey ID beside it"},
		},
		"accessTokenSecretRef alone": {
			`{"accessTokenSecretRef": {"name": "a", "key": "id"}}`,
			[]string{".secretKeySecretRef: Required value: accessTokenSecretRef names the AccessKey ID; name the AccessKey Secret beside it"},
		},
		"both spellings of the region": {
			`{` + alidnsPair + `, "regionId": "cn-hangzhou", "Region": "cn-hangzhou"}`,
			[]string{".Region: Forbidden: may not stand beside " + at + ".regionId: they say the same thing"},
		},
		"a role without a form": {`{"roleArn": "dns"}`, []string{".roleArn: Invalid value: must be the ARN of a role like acs:ram::1234567890123456:role/certyun"}},
		"a chain that is no switch": {
			`{"roleArn": "acs:ram::1:role/dns", "roleChain": "yes"}`, []string{".roleChain: Invalid value: must be true or false, not a string"},
		},
		"a chain for keys in a Secret": {
			`{` + alidnsPair + `, "roleArn": "acs:ram::1:role/dns", "roleChain": true}`,
			[]string{".roleChain: Forbidden: remove it: the keys in the Secret assume the role themselves; a chain is for ambient credentials"},
		},
		"a chain for no role": {`{"roleChain": true}`, []string{".roleChain: Forbidden: is of a role; name the role with roleArn, or remove it"}},
		"an older ID of a wrong type": {
			`{"accessKeySecretRef": "id", "secretKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeySecretRef: " + notRef + "a string"},
		},
		"an inline pair": {
			`{"accessKeyId": "LTAI5tExample", "accessKeySecret": "hunter2hunter2"}`,
			[]string{".accessKeyId: " + noInline + "accessKeyIdRef", ".accessKeySecret: " + noInline + "accessKeySecretRef"},
		},
		"an inline pair in other words": {
			`{"AccessKey": "LTAI5tExample", "SecretKey": "hunter2hunter2"}`,
			[]string{".AccessKey: " + noInline + "accessKeyIdRef and accessKeySecretRef", ".SecretKey: " + noInline + "accessKeySecretRef"},
		},
		"an inline key in a reference's place": {
			`{"accessKeyIdRef": "LTAI5tExample", "accessKeySecretRef": "hunter2hunter2"}`,
			[]string{".accessKeyIdRef: " + notRef + "a string", ".accessKeySecretRef: " + notRef + "a string"},
		},
		"an endpoint": {
			`{` + alidnsPair + `, "endpoint": "https://evil.example"}`,
			[]string{".endpoint: Forbidden: the endpoint is the operator's choice; it is a flag of the solver, --alidns-endpoint"},
		},
		"a namespace in a reference": {
			`{"accessKeyIdRef": {"name": "a", "key": "id", "namespace": "kube-system"}, "accessKeySecretRef": {"namespace": "b", "name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef.namespace: " + namespaced, ".accessKeySecretRef.namespace: " + namespaced},
		},
		"a namespace alone in a reference": {
			`{"accessKeyIdRef": {"namespace": "kube-system"}, "accessKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef.namespace: " + namespaced},
		},
		"an unknown field in a reference": {
			`{"accessKeyIdRef": {"name": "a", "key": "id", "optional": true}, "accessKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef.optional: " + noField},
		},
		"unknown fields, empty ones too": {
			`{` + alidnsPair + `, "foo": "", "regionID ": "cn-hangzhou", "": null, "recordLine": "x", "zone": {}}`,
			[]string{".foo: " + noField, ".regionID : " + noField, "[]: " + noField, ".recordLine: " + noField, ".zone: " + noField},
		},
		"a reference without a key": {
			`{"accessKeyIdRef": {"name": "a"}, "accessKeySecretRef": {"name": "a", "key": ""}}`,
			[]string{".accessKeyIdRef.key: Required value: name the key in the Secret", ".accessKeySecretRef.key: Required value: name the key in the Secret"},
		},
		"a reference without a name": {
			`{"accessKeyIdRef": {"key": "id"}, "accessKeySecretRef": {"name": null, "key": "secret"}}`,
			[]string{".accessKeyIdRef.name: Required value: name the Secret", ".accessKeySecretRef.name: Required value: name the Secret"},
		},
		"names that no Secret has": {
			`{"accessKeyIdRef": {"name": "../a", "key": "id"}, "accessKeySecretRef": {"name": "a", "key": "a/b"}}`,
			[]string{
				".accessKeyIdRef.name: Invalid value: is not a name that a Secret can have",
				".accessKeySecretRef.key: Invalid value: is not a key that a Secret can have",
			},
		},
		"regions that no SDK takes": {
			`{` + alidnsPair + `, "regionId": "cn-hangzhou.evil.example"}`,
			[]string{".regionId: Invalid value: must be a region like cn-hangzhou"},
		},
		"an older region that no SDK takes": {
			`{` + alidnsPair + `, "region": "cn hangzhou"}`,
			[]string{".region: Invalid value: must be a region like cn-hangzhou"},
		},
		"one field twice": {
			`{` + alidnsPair + `, "ttl": 600, "ttl": 700}`,
			[]string{".ttl: Duplicate value"},
		},
		"one field twice in two cases": {
			`{` + alidnsPair + `, "line": "a", "Line": "a", "LINE": "a"}`,
			[]string{".Line: Duplicate value", ".LINE: Duplicate value"},
		},
		"one field of a reference twice": {
			`{"accessKeyIdRef": {"name": "a", "key": "id", "Name": "b"}, "accessKeySecretRef": {"name": "a", "key": "secret"}}`,
			[]string{".accessKeyIdRef.Name: Duplicate value"},
		},
		"every mistake at once": {
			`{"ttl": "600", "line": 1, "accessKeyIdRef": [], "bogus": 1}`,
			[]string{
				".accessKeyIdRef: " + notRef + "an array",
				".accessKeySecretRef: " + secondHalf,
				".line: Invalid value: must be a string, not a number",
				".ttl: Invalid value: must be a whole number, not a string",
				".bogus: " + noField,
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, errs := config.DecodeAlidns(path(), []byte(test.config))
			if diff := cmp.Diff(below(test.want), texts(errs)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeDNSPodRefuses(t *testing.T) {
	const retired = "Forbidden: the DNSPod token API is retired; create an API key (SecretId and SecretKey) in Tencent Cloud's " +
		"Access Management, put it into a Secret and refer to it with secretIdRef and secretKeyRef"
	tests := map[string]struct {
		config string
		want   []string
	}{
		"the ID without the key":    {`{"secretIdRef": {"name": "a", "key": "id"}}`, []string{".secretKeyRef: " + secondHalf}},
		"the key without the ID":    {`{"secretKeyRef": {"name": "a", "key": "key"}}`, []string{".secretIdRef: " + firstHalf}},
		"a token alone":             {`{"tokenRef": {"name": "a", "key": "t"}}`, []string{".secretIdRef: " + firstHalf, ".secretKeyRef: " + secondHalf}},
		"the retired form":          {`{"apiID": 123456, "apiTokenSecretRef": {"name": "a", "key": "token"}}`, []string{".apiID: " + retired, ".apiTokenSecretRef: " + retired}},
		"the retired form's ID":     {`{"apiid": "123456"}`, []string{".apiid: " + retired}},
		"inline keys":               {`{"secretId": "AKIDexample", "secretKey": "hunter2"}`, []string{".secretId: " + noInline + "secretIdRef", ".secretKey: " + noInline + "secretKeyRef"}},
		"an endpoint":               {`{` + dnspodPair + `, "endpoint": "evil.example"}`, []string{".endpoint: Forbidden: the endpoint is the operator's choice; it is a flag of the solver, --dnspod-endpoint"}},
		"a field of the other host": {`{` + dnspodPair + `, "regionId": "ap-guangzhou"}`, []string{".regionId: " + noField}},
		"a line that is a number": {
			`{` + dnspodPair + `, "recordLineId": 0}`,
			[]string{".recordLineId: Invalid value: must be a string, not a number"},
		},
		"a namespace in a reference": {
			`{"secretIdRef": {"name": "a", "key": "id", "NameSpace": "b"}, "secretKeyRef": {"name": "a", "key": "key"}}`,
			[]string{".secretIdRef.NameSpace: " + namespaced},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, errs := config.DecodeDNSPod(path(), []byte(test.config))
			if diff := cmp.Diff(below(test.want), texts(errs)); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// TestWrongTypes puts every JSON type where it does not belong.
func TestWrongTypes(t *testing.T) {
	values := map[string]string{
		"a string": `"text"`, "a number": `1`, "a boolean": `true`, "an array": `[]`, "an object": `{"a": 1}`, "null": `null`,
	}
	fields := map[string]struct {
		// want is what the decoder asks for; takes is the JSON type that it takes instead of an error about the type.
		want, takes string
	}{
		"line": {"a string", "a string"}, "regionId": {"a string", "a string"}, "region": {"a string", "a string"},
		"recordLine": {"a string", "a string"}, "recordLineId": {"a string", "a string"},
		"ttl":            {"a whole number", "a number"},
		"accessKeyIdRef": {"an object with the name of a Secret and a key in it", "an object"},
		"secretIdRef":    {"an object with the name of a Secret and a key in it", "an object"},
	}
	for name, f := range fields {
		for kind, value := range values {
			t.Run(fmt.Sprintf("%s for %s", kind, name), func(t *testing.T) {
				decode := decodeAlidns
				if strings.HasPrefix(name, "record") || strings.HasPrefix(name, "secret") {
					decode = decodeDNSPod
				}
				got := decode(fmt.Sprintf(`{%q: %s}`, name, value))
				refused := fmt.Sprintf("%s.%s: Invalid value: must be %s, not %s", at, name, f.want, kind)
				if want := kind != f.takes && kind != "null"; strings.Contains(got, refused) != want {
					t.Errorf("errors about the type wanted: %t; got:\n%s", want, got)
				}
			})
		}
	}
	for _, part := range []string{"name", "key"} {
		for kind, value := range values {
			t.Run(fmt.Sprintf("%s for the %s of a reference", kind, part), func(t *testing.T) {
				got := decodeDNSPod(fmt.Sprintf(`{"secretIdRef": {%q: %s}}`, part, value))
				refused := fmt.Sprintf("%s.secretIdRef.%s: Invalid value: must be a string, not %s", at, part, kind)
				if want := kind != "a string" && kind != "null"; strings.Contains(got, refused) != want {
					t.Errorf("errors about the type wanted: %t; got:\n%s", want, got)
				}
			})
		}
	}
}

func TestTTL(t *testing.T) {
	const alidns, dnspod = "must be a whole number from 1 to 86400", "must be a whole number from 1 to 604800"
	tests := map[string]struct {
		ttl            string
		alidns, dnspod string
	}{
		"zero":                           {"0", "0: " + alidns, "0: " + dnspod},
		"below zero":                     {"-1", "-1: " + alidns, "-1: " + dnspod},
		"one":                            {"1", "", ""},
		"Alidns's longest":               {"86400", "", ""},
		"longer than Alidns's":           {"86401", "86401: " + alidns, ""},
		"DNSPod's longest":               {"604800", "604800: " + alidns, ""},
		"longer than both":               {"604801", "604801: " + alidns, "604801: " + dnspod},
		"half a second":                  {"0.5", "0.5: " + alidns, "0.5: " + dnspod},
		"a whole number with a fraction": {"600.0", "600.0: " + alidns, "600.0: " + dnspod},
		"a whole number as a power":      {"6e2", "6e2: " + alidns, "6e2: " + dnspod},
		"more than 64 bits hold":         {"18446744073709551616", "18446744073709551616: " + alidns, "18446744073709551616: " + dnspod},
		"more digits than are printed":   {strings.Repeat("1", 100_000), alidns, dnspod},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			rest := `, "ttl": ` + test.ttl + `}`
			if diff := cmp.Diff(ttlError(test.alidns), decodeAlidns(`{`+alidnsPair+rest)); diff != "" {
				t.Errorf("alidns (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(ttlError(test.dnspod), decodeDNSPod(`{`+dnspodPair+rest)); diff != "" {
				t.Errorf("dnspod (-want +got):\n%s", diff)
			}
		})
	}
}

func ttlError(s string) string {
	if s == "" {
		return ""
	}
	return at + ".ttl: Invalid value: " + s
}

// TestNotAConfig gives both decoders what is no object, or one that nobody means.
func TestNotAConfig(t *testing.T) {
	distinct := func(n int) string {
		var fields []string
		for i := range n {
			fields = append(fields, fmt.Sprintf(`"f%d": null`, i))
		}
		return "{" + strings.Join(fields, ",") + "}"
	}
	tests := map[string]struct {
		config string
		want   string
	}{
		"a string":               {`"LTAI5tExample"`, "must be a JSON object, not a string"},
		"a number":               {`5`, "must be a JSON object, not a number"},
		"a boolean":              {`false`, "must be a JSON object, not a boolean"},
		"an array":               {`[{}]`, "must be a JSON object, not an array"},
		"text":                   {`accessKeyIdRef: {}`, "is not valid JSON"},
		"half an object":         {`{"ttl": 600`, "is not valid JSON"},
		"two objects":            {`{} {}`, "is not valid JSON"},
		"a trailing comma":       {`{"ttl": 600,}`, "is not valid JSON"},
		"a byte order mark":      {"\ufeff{}", "is not valid JSON"},
		"nesting without an end": {strings.Repeat(`{"a":`, 1_000_000), "is not valid JSON"},
		"nesting too deep":       {`{"a":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}", "is not valid JSON"},
		"too many fields":        {distinct(65), "has more than 64 fields"},
		"a long name of a field": {`{"` + strings.Repeat("x", 65) + `": 1}`, "has a field whose name is longer than 64 characters"},
		"a name of a megabyte":   {`{"` + strings.Repeat("x", 1<<20) + `": 1}`, "has a field whose name is longer than 64 characters"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := at + ": Invalid value: " + test.want
			if diff := cmp.Diff(want, decodeAlidns(test.config)); diff != "" {
				t.Errorf("alidns (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, decodeDNSPod(test.config)); diff != "" {
				t.Errorf("dnspod (-want +got):\n%s", diff)
			}
		})
	}
}

// TestManyDuplicates looks at what 200,000 times the same field costs whoever reads the errors.
func TestManyDuplicates(t *testing.T) {
	want := strings.Repeat(at+".a: Duplicate value\n", 63) + at + ": Invalid value: has more than 64 fields"
	raw := "{" + strings.Repeat(`"a": 1,`, 200_000) + `"a": 1}`
	if diff := cmp.Diff(want, decodeAlidns(raw)); diff != "" {
		t.Errorf("alidns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, decodeDNSPod(raw)); diff != "" {
		t.Errorf("dnspod (-want +got):\n%s", diff)
	}
}

// TestNoValueIsEchoed puts a key into every place where a string can stand, and looks for it in the errors.
func TestNoValueIsEchoed(t *testing.T) {
	const pasted = "LTAI5t/pasted+key=="
	places := map[string]string{
		"the whole config":           `"%s"`,
		"an array":                   `["%s"]`,
		"a reference":                `{"accessKeyIdRef": "%s", "secretIdRef": "%[1]s", "secretKeyRef": "%[1]s", "accessKeySecretRef": "%[1]s"}`,
		"the name of a Secret":       `{"accessKeyIdRef": {"name": "%s", "key": "k"}, "secretIdRef": {"name": "%[1]s", "key": "k"}}`,
		"the key in a Secret":        `{"accessKeyIdRef": {"name": "a", "key": "%s"}, "secretIdRef": {"name": "a", "key": "%[1]s"}}`,
		"the namespace of a Secret":  `{"accessKeyIdRef": {"namespace": "%s"}, "secretIdRef": {"namespace": "%[1]s"}}`,
		"an unknown field":           `{"foo": "%s"}`,
		"an inline key":              `{"accessKeyId": "%s", "accessKeySecret": "%[1]s", "secretId": "%[1]s", "secretKey": "%[1]s", "apiID": "%[1]s"}`,
		"the TTL":                    `{"ttl": "%s"}`,
		"the region":                 `{"regionId": "%s"}`,
		"the region's older name":    `{"region": "%s"}`,
		"both names of the region":   `{"region": "%s", "regionId": "%[1]s"}`,
		"a field twice":              `{"line": "%s", "line": "%[1]s", "recordLine": "%[1]s", "recordLine": "%[1]s"}`,
		"deep within what is no ref": `{"accessKeyIdRef": [{"a": "%s"}], "secretIdRef": {"name": {"a": "%[1]s"}}}`,
		"what is no JSON":            `{"accessKeyIdRef": %s}`,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			raw := fmt.Sprintf(place, pasted)
			for host, got := range map[string]string{"alidns": decodeAlidns(raw), "dnspod": decodeDNSPod(raw)} {
				if got == "" {
					t.Errorf("%s: no error", host)
				}
				if strings.Contains(got, pasted) || strings.Contains(got, "LTAI5t") {
					t.Errorf("%s: an error shows what was pasted:\n%s", host, got)
				}
			}
		})
	}
}

// below puts the config's own path in front of each error.
func below(errs []string) []string {
	var s []string
	for _, err := range errs {
		s = append(s, at+err)
	}
	return s
}

func decodeAlidns(raw string) string {
	_, errs := config.DecodeAlidns(path(), []byte(raw))
	return strings.Join(texts(errs), "\n")
}

func decodeDNSPod(raw string) string {
	_, errs := config.DecodeDNSPod(path(), []byte(raw))
	return strings.Join(texts(errs), "\n")
}
