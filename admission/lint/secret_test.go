package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecretsAreLearntAndForgotten(t *testing.T) {
	t.Parallel()
	const notBase64, noText = "is not base64, so the API server refuses the Secret", "is no text, and the API server takes nothing else"
	for name, test := range map[string]struct {
		lines string
		keys  []string
		want  map[string]string
	}{
		"both mappings":       {"data: {a: aHVudGVyMg==}\nstringData: {b: hunter2}", []string{"a", "b"}, nil},
		"no base64":           {"data: {a: hunter2-hunter2, b: aHVudGVyMg==}", []string{"a", "b"}, map[string]string{"data[a]": notBase64}},
		"base64 in lines":     {"data:\n  a: |\n    aHVu\n    dGVyMg==", []string{"a"}, nil},
		"no padding":          {"data: {a: aHVudGVyMg}", []string{"a"}, map[string]string{"data[a]": notBase64}},
		"an empty value":      {"data: {a: \"\", b: null}", []string{"a", "b"}, nil},
		"a number":            {"data: {a: 12345678}\nstringData: {b: 12345678}", []string{"a", "b"}, map[string]string{"data[a]": noText, "stringData[b]": noText}},
		"a switch":            {"stringData: {b: true}", []string{"b"}, map[string]string{"stringData[b]": noText}},
		"a mapping":           {"stringData: {b: {hunter2: x}}", []string{"b"}, map[string]string{"stringData[b]": noText}},
		"a variable":          {"data: {a: \"${KEY}\", b: \"<path:secret/data/x#y>\", c: YOUR_KEY_HERE, d: \"<base64>\"}", []string{"a", "b", "c", "d"}, nil},
		"what SOPS encrypted": {"data: {a: \"ENC[AES256_GCM,data:x,iv:y]\"}", []string{"a"}, nil},
		"nothing":             {"type: Opaque", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents, _ := split("f.yaml", fromName, []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"+test.lines+"\n"))
			m := documents[0].parse().manifests[0]
			m.settle("default")
			object, err := m.decode()
			if err != nil {
				t.Fatal(err)
			}
			s := object.(*secret)
			var got map[string]string
			for _, f := range s.refused {
				if got == nil {
					got = map[string]string{}
				}
				got[f.Field] = f.Message
				if strings.Contains(f.String(), "hunter2") || strings.Contains(f.String(), "12345678") {
					t.Errorf("shows a value: %s", f)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.keys, s.keys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			if s.Data != nil || s.StringData != nil {
				t.Error("values are kept")
			}
		})
	}
}
