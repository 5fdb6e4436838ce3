package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers/config"
)

// at is where an Issuer has the config of its first solver.
const at = "spec.acme.solvers[0].dns01.webhook.config"

func path() *field.Path {
	return field.NewPath("spec", "acme", "solvers").Index(0).Child("dns01", "webhook", "config")
}

var (
	keyID     = config.Ref{Name: "alidns", Key: "access-key-id"}
	keySecret = config.Ref{Name: "alidns", Key: "access-key-secret"}
	keyToken  = config.Ref{Name: "alidns", Key: "token"}
	// pasted is what alidnsPair and dnspodPair name.
	pasted = config.Keys{ID: config.Ref{Name: "a", Key: "id"}, Secret: config.Ref{Name: "a", Key: "secret"}}
)

func TestDecodeAlidns(t *testing.T) {
	pair := config.Keys{ID: keyID, Secret: keySecret}
	tests := map[string]struct {
		config string
		want   config.Solver
	}{
		"every field of today's form": {
			`{"accessKeyIdRef": {"name": "alidns", "key": "access-key-id"},
			  "accessKeySecretRef": {"name": "alidns", "key": "access-key-secret"},
			  "securityTokenRef": {"name": "alidns", "key": "token"},
			  "regionId": "cn-hangzhou", "line": "telecom", "ttl": 60}`,
			config.Solver{
				Keys:   config.Keys{ID: keyID, Secret: keySecret, Token: keyToken},
				Region: "cn-hangzhou", Line: "telecom", TTL: 60,
			},
		},
		"pragkent's form": {
			`{"region": "", "accessKeySecretRef": {"name": "alidns", "key": "access-key-id"},
			  "secretKeySecretRef": {"name": "alidns", "key": "access-key-secret"}}`,
			config.Solver{Keys: pair, TTL: 600},
		},
		"pragkent's form with a region": {
			`{"region": "cn-beijing", "accessKeySecretRef": {"name": "alidns", "key": "access-key-id"},
			  "secretKeySecretRef": {"name": "alidns", "key": "access-key-secret"}}`,
			config.Solver{Keys: pair, Region: "cn-beijing", TTL: 600},
		},
		"DEVmachine-fr's form": {
			`{"regionId": "cn-beijing", "accessTokenSecretRef": {"name": "alidns", "key": "access-key-id"},
			  "secretKeySecretRef": {"name": "alidns", "key": "access-key-secret"}}`,
			config.Solver{Keys: pair, Region: "cn-beijing", TTL: 600},
		},
		"wjiec's form": {
			`{"region": "cn-beijing", "accessKeyIdRef": {"name": "alidns", "key": "access-key-id"},
			  "accessKeySecretRef": {"name": "alidns", "key": "access-key-secret"}, "ttl": 600}`,
			config.Solver{Keys: pair, Region: "cn-beijing", TTL: 600},
		},
		"wjiec's form with its other spelling": {
			`{"accessKeyIdRef": {"name": "alidns", "key": "access-key-id"},
			  "secretAccessKeyRef": {"name": "alidns", "key": "access-key-secret"}}`,
			config.Solver{Keys: pair, TTL: 600},
		},
		"an older form with a token": {
			`{"accessKeySecretRef": {"name": "alidns", "key": "access-key-id"},
			  "secretKeySecretRef": {"name": "alidns", "key": "access-key-secret"},
			  "securityTokenRef": {"name": "alidns", "key": "token"}}`,
			config.Solver{Keys: config.Keys{ID: keyID, Secret: keySecret, Token: keyToken}, TTL: 600},
		},
		"names in other cases": {
			`{"ACCESSKEYIDREF": {"NAME": "alidns", "Key": "access-key-id"},
			  "accesskeysecretref": {"Name": "alidns", "KEY": "access-key-secret"},
			  "RegionID": "cn-hangzhou", "TTL": 700}`,
			config.Solver{Keys: pair, Region: "cn-hangzhou", TTL: 700},
		},
		"an older form in other cases": {
			`{"accesskeysecretref": {"name": "alidns", "key": "access-key-id"},
			  "SECRETKEYSECRETREF": {"name": "alidns", "key": "access-key-secret"}}`,
			config.Solver{Keys: pair, TTL: 600},
		},
		"empty strings, empty references and nulls are unset": {
			`{` + alidnsPair + `, "securityTokenRef": null, "regionId": "", "region": null, "line": "", "ttl": null,
			  "accessTokenSecretRef": {"name": null}, "secretAccessKeyRef": {}}`,
			config.Solver{Keys: pasted, TTL: 600},
		},
		"an empty secretKeySecretRef does not mark the older form": {
			`{"accessKeyIdRef": {"name": "alidns", "key": "access-key-id"},
			  "accessKeySecretRef": {"name": "alidns", "key": "access-key-secret"},
			  "secretKeySecretRef": {"name": "", "key": ""}}`,
			config.Solver{Keys: pair, TTL: 600},
		},
		"an unset spelling beside the one that is set": {
			`{"accessKeyIdRef": {"name": "alidns", "key": "access-key-id"},
			  "secretAccessKeyRef": {"name": "alidns", "key": "access-key-secret"},
			  "accessKeySecretRef": {}, "regionId": "", "region": "cn-beijing"}`,
			config.Solver{Keys: pair, Region: "cn-beijing", TTL: 600},
		},
		"an older form beside unset fields of today's": {
			`{"accessTokenSecretRef": {"name": "alidns", "key": "access-key-id"},
			  "secretKeySecretRef": {"name": "alidns", "key": "access-key-secret"},
			  "accessKeySecretRef": null, "accessKeyIdRef": {}, "secretAccessKeyRef": {"name": ""}}`,
			config.Solver{Keys: pair, TTL: 600},
		},
		"two Secrets": {
			`{"accessKeyIdRef": {"name": "a", "key": "id"}, "accessKeySecretRef": {"name": "b.c-d", "key": "Secret_Key.1"}}`,
			config.Solver{
				Keys: config.Keys{ID: config.Ref{Name: "a", Key: "id"}, Secret: config.Ref{Name: "b.c-d", Key: "Secret_Key.1"}},
				TTL:  600,
			},
		},
		"a line in Chinese": {`{` + alidnsPair + `, "line": "\u9ed8\u8ba4"}`, config.Solver{Keys: pasted, Line: "默认", TTL: 600}},
		"the shortest TTL":  {`{` + alidnsPair + `, "ttl": 1}`, config.Solver{Keys: pasted, TTL: 1}},
		"the longest TTL":   {`{` + alidnsPair + `, "ttl": 86400}`, config.Solver{Keys: pasted, TTL: 86400}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, errs := config.DecodeAlidns(path(), []byte(test.config))
			if len(errs) > 0 {
				t.Errorf("unexpected errors:\n%s", strings.Join(texts(errs), "\n"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeDNSPod(t *testing.T) {
	id, secret := config.Ref{Name: "dnspod", Key: "secret-id"}, config.Ref{Name: "dnspod", Key: "secret-key"}
	tests := map[string]struct {
		config string
		want   config.Solver
	}{
		"every field of today's form": {
			`{"secretIdRef": {"name": "dnspod", "key": "secret-id"}, "secretKeyRef": {"name": "dnspod", "key": "secret-key"},
			  "tokenRef": {"name": "dnspod", "key": "token"}, "recordLine": "电信", "recordLineId": "10=0", "ttl": 120}`,
			config.Solver{
				Keys: config.Keys{ID: id, Secret: secret, Token: config.Ref{Name: "dnspod", Key: "token"}},
				Line: "电信", LineID: "10=0", TTL: 120,
			},
		},
		"imroc's form": {
			`{"secretIdRef": {"name": "dnspod", "key": "secret-id"}, "secretKeyRef": {"name": "dnspod", "key": "secret-key"},
			  "ttl": 600, "recordLine": ""}`,
			config.Solver{Keys: config.Keys{ID: id, Secret: secret}, TTL: 600},
		},
		"imroc's form with a line": {
			`{"secretIdRef": {"name": "dnspod", "key": "secret-id"}, "secretKeyRef": {"name": "dnspod", "key": "secret-key"},
			  "recordLine": "Default"}`,
			config.Solver{Keys: config.Keys{ID: id, Secret: secret}, Line: "Default", TTL: 600},
		},
		"names in other cases": {
			`{"secretIDRef": {"Name": "dnspod", "KEY": "secret-id"}, "SecretKeyRef": {"name": "dnspod", "key": "secret-key"},
			  "RECORDLINE": "x", "recordLineID": "0", "Ttl": 601}`,
			config.Solver{Keys: config.Keys{ID: id, Secret: secret}, Line: "x", LineID: "0", TTL: 601},
		},
		"empty strings, empty references and nulls are unset": {
			`{` + dnspodPair + `, "tokenRef": null, "recordLine": "", "recordLineId": null, "ttl": null}`,
			config.Solver{Keys: pasted, TTL: 600},
		},
		"the shortest TTL": {`{` + dnspodPair + `, "ttl": 1}`, config.Solver{Keys: pasted, TTL: 1}},
		"the longest TTL":  {`{` + dnspodPair + `, "ttl": 604800}`, config.Solver{Keys: pasted, TTL: 604800}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, errs := config.DecodeDNSPod(path(), []byte(test.config))
			if len(errs) > 0 {
				t.Errorf("unexpected errors:\n%s", strings.Join(texts(errs), "\n"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathOfErrors(t *testing.T) {
	_, errs := config.DecodeDNSPod(field.NewPath("config"), []byte(`{"secretIdRef": {"name": "a", "key": "b", "x": 1}}`))
	want := []string{
		"config.secretIdRef.x: Forbidden: there is no such field",
		"config.secretKeyRef: Required value: the keys are a pair; name the Secret and key of its second half",
	}
	if diff := cmp.Diff(want, texts(errs)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

// texts returns the errors as users read them.
func texts(errs field.ErrorList) []string {
	var s []string
	for _, err := range errs {
		s = append(s, err.Error())
	}
	return s
}
