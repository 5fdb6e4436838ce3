package config_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certyun/certyun/solvers/config"
)

// maxErrorText is more than the errors of any config may need together.
const maxErrorText = 256 << 10

func FuzzDecodeAlidns(f *testing.F) {
	addSeeds(f)
	for _, seed := range []string{
		`{` + alidnsPair + `, "securityTokenRef": {"name": "a", "key": "t"}, "regionId": "cn-hangzhou", "line": "default", "ttl": 600}`,
		`{"region": "cn-beijing", ` + oldPair + `}`,
		`{"regionId": "cn-beijing", "accessTokenSecretRef": {"name": "a", "key": "i"}, "secretKeySecretRef": {"name": "a", "key": "s"}}`,
		`{"accessKeyIdRef": {"name": "a", "key": "i"}, "secretAccessKeyRef": {"name": "a", "key": "s"}, "accessKeySecretRef": {}}`,
		`{` + alidnsPair + `, "secretKeySecretRef": {"name": "a", "key": "s"}}`,
		`{` + alidnsPair + `, "roleArn": "acs:ram::1:role/dns", "externalId": "x1"}`,
		`{"roleArn": "acs:ram::1:role/dns", "roleSessionName": "team", "roleChain": true}`,
		`{"accessKeyId": "LTAI5tExample", "accessKeySecret": "hunter2hunter2", "endpoint": "https://evil.example"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, errs := config.DecodeAlidns(path(), raw)
		if len(errs) > 0 {
			checkErrors(t, raw, texts(errs))
			return
		}
		checkKeys(t, c.Keys)
		if c.TTL < 1 || c.TTL > 86400 {
			t.Fatalf("TTL %d", c.TTL)
		}
		if c.Region != "" && !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(c.Region) {
			t.Fatalf("region %q", c.Region)
		}
		again, errs := config.DecodeAlidns(path(), encode(t, map[string]any{
			"accessKeyIdRef": refOf(c.Keys.ID), "accessKeySecretRef": refOf(c.Keys.Secret), "securityTokenRef": refOf(c.Keys.Token),
			"regionId": c.Region, "line": c.Line, "ttl": c.TTL,
			"roleArn": c.Role.ARN, "roleSessionName": c.Role.SessionName, "externalId": c.Role.ExternalID, "roleChain": c.Role.Chain,
		}))
		if diff := cmp.Diff(c, again); diff != "" || len(errs) > 0 {
			t.Fatalf("decoded from its canonical form (-before +after):\n%s\n%v", diff, errs)
		}
	})
}

func FuzzDecodeDNSPod(f *testing.F) {
	addSeeds(f)
	for _, seed := range []string{
		`{` + dnspodPair + `, "tokenRef": {"name": "a", "key": "t"}, "recordLine": "默认", "recordLineId": "10=0", "ttl": 600}`,
		`{"SECRETIDREF": {"Name": "a", "KEY": "i"}, "secretkeyref": {"name": "a", "key": "s"}, "recordLine": ""}`,
		`{"apiID": 123456, "apiTokenSecretRef": {"name": "a", "key": "token"}}`,
		`{"secretId": "AKIDexample", "secretKey": "hunter2hunter2", "endpoint": "evil.example"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, errs := config.DecodeDNSPod(path(), raw)
		if len(errs) > 0 {
			checkErrors(t, raw, texts(errs))
			return
		}
		checkKeys(t, c.Keys)
		if c.TTL < 1 || c.TTL > 604800 {
			t.Fatalf("TTL %d", c.TTL)
		}
		again, errs := config.DecodeDNSPod(path(), encode(t, map[string]any{
			"secretIdRef": refOf(c.Keys.ID), "secretKeyRef": refOf(c.Keys.Secret), "tokenRef": refOf(c.Keys.Token),
			"recordLine": c.Line, "recordLineId": c.LineID, "ttl": c.TTL,
			"roleArn": c.Role.ARN, "roleSessionName": c.Role.SessionName, "roleChain": c.Role.Chain,
		}))
		if diff := cmp.Diff(c, again); diff != "" || len(errs) > 0 {
			t.Fatalf("decoded from its canonical form (-before +after):\n%s\n%v", diff, errs)
		}
	})
}

func addSeeds(f *testing.F) {
	f.Helper()
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `"LTAI5tExample"`, `{"ttl": 0.5}`, `{"ttl": 1, "TTL": 2}`, `{"ttl": null, "foo": {"bar": ["hunter2hunter2"]}}`,
		`{"accessKeyIdRef": {"name": "a", "key": "b", "namespace": "c"}, "secretIdRef": {"name": "../a", "key": "/"}}`,
		`{"line": "\ud800", "recordLine": "\u0000"}`, "{\"\xff\": 1, \"\xfe\": 2}", `{"a":{"a":{"a":{}}}}`, `{"":{`,
	} {
		f.Add([]byte(seed))
	}
}

// checkKeys looks at what an accepted config may refer to: nothing, or at least a pair, each by names that a Secret has.
func checkKeys(t *testing.T, keys config.Keys) {
	t.Helper()
	if keys.Ambient() {
		return
	}
	if !keys.ID.IsSet() || !keys.Secret.IsSet() {
		t.Fatalf("half of the keys: %+v", keys)
	}
	for _, ref := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if !ref.IsSet() {
			continue
		}
		if len(validation.IsDNS1123Subdomain(ref.Name)) > 0 || len(validation.IsConfigMapKey(ref.Key)) > 0 {
			t.Fatalf("no Secret has %+v", ref)
		}
	}
}

// checkErrors looks for the config's strings in the errors about it. What is a field's name too, or so short that it is
// in our own words, proves nothing.
func checkErrors(t *testing.T, raw []byte, errs []string) {
	t.Helper()
	text := strings.Join(errs, "\n")
	if len(text) > maxErrorText {
		t.Fatalf("%d bytes of errors about %d bytes", len(text), len(raw))
	}
	if again := decodeAlidns(string(raw)) + decodeDNSPod(string(raw)); !strings.Contains(again, text) {
		t.Fatalf("the same config has other errors:\n%s\nthen:\n%s", text, again)
	}
	var names, values []string
	collect(json.NewDecoder(bytes.NewReader(raw)), &names, &values)
	for _, value := range values {
		if len(value) < 12 || strings.Contains(strings.Join(names, "\n"), value) || isOurs(value) {
			continue
		}
		if strings.Contains(text, value) {
			t.Fatalf("the value %q is in the errors:\n%s", value, text)
		}
	}
}

// isOurs tells whether a value is a piece of what the errors say whatever the config: then it cannot be told apart.
func isOurs(value string) bool {
	var all strings.Builder
	for _, config := range []string{
		`[]`, `{`, `{"ttl": "", "line": 1, "accessKeyIdRef": []}`, `{"ttl": -1}`, `{"endpoint": 1, "foo": 1, "foo": 2}`, `{"region": "a b"}`, `{"roleArn": "a", "roleSessionName": "a", "externalId": " "}`, `{"roleSessionName": "ab", "externalId": "ab"}`,
		`{"accessKeyId": 1, "accessKeySecret": 1, "accessKey": 1, "secretKey": 1, "secretId": 1}`, `{"secretKeySecretRef": {"name": "a"}}`,
		`{"accessTokenSecretRef": {"key": "a"}}`, `{"accessKeyIdRef": {"name": ".", "key": "/", "namespace": 1}}`, `{"apiID": 1}`,
		`{"secretIdRef": {"name": ".", "key": "/", "namespace": 1}}`, `{"tokenRef": {"name": "a", "key": "b"}}`,
		`{` + alidnsPair + `, "secretAccessKeyRef": {"name": "a", "key": "b"}}`, `{` + alidnsPair + `, "secretKeySecretRef": {"name": "a", "key": "b"}}`,
	} {
		all.WriteString(decodeAlidns(config) + decodeDNSPod(config))
	}
	return strings.Contains(all.String(), value)
}

// collect reads the names and the strings of a JSON text, as far as it is one.
func collect(dec *json.Decoder, names, values *[]string) {
	for {
		token, err := dec.Token()
		if err != nil {
			return
		}
		switch token {
		case json.Delim('{'):
			for dec.More() {
				token, _ := dec.Token()
				name, ok := token.(string)
				if !ok {
					return
				}
				*names = append(*names, name)
				collectValue(dec, names, values)
			}
		default:
			if s, ok := token.(string); ok {
				*values = append(*values, s)
			}
		}
	}
}

func collectValue(dec *json.Decoder, names, values *[]string) {
	var raw json.RawMessage
	if dec.Decode(&raw) == nil {
		collect(json.NewDecoder(bytes.NewReader(raw)), names, values)
	}
}

func refOf(r config.Ref) map[string]string { return map[string]string{"name": r.Name, "key": r.Key} }

func encode(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
