package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFieldsAreLocated(t *testing.T) {
	t.Parallel()
	const text = `# A comment.
apiVersion: cert-manager.io/v1
metadata:
  annotations:
    cert-manager.io/issuer: le
    "quoted.example/key": |
      two
      lines
spec:
  dnsNames:
  - a.dev
  -   "b.dev"
  - - c
  中文: {flow: [1, 2], a.b: x}
  base: &base {one: 1, two: 2}
  merged:
    <<: *base
    two: 3
  alias: *base
  more: [{<<: [*base, {three: 3}]}]
`
	tests := map[string]string{
		"":                                  "2:1",
		"apiVersion":                        "2:1",
		"kind":                              "2:1",
		"spec":                              "9:1",
		"spec.dnsNames":                     "10:3",
		"spec.dnsNames[0]":                  "11:5",
		"spec.dnsNames[1]":                  "12:7",
		"spec.dnsNames[2][0]":               "13:7",
		"spec.dnsNames[3]":                  "10:3",
		"spec.dnsNames[x]":                  "10:3",
		"spec.dnsNames[-1]":                 "10:3",
		"spec.dnsNames[0].more":             "11:5",
		"spec.absent.deep[2]":               "9:1",
		"spec.中文.flow[1]":                   "14:18",
		"spec.中文.a.b":                       "14:22",
		"spec.merged.one":                   "15:16",
		"spec.merged.two":                   "18:5",
		"spec.alias.two":                    "15:24",
		"spec.more[0].three":                "20:24",
		"metadata.annotations[no.such/key]": "4:3",
		"metadata.annotations[cert-manager.io/issuer]":    "5:5",
		"metadata.annotations[quoted.example/key]":        "6:5",
		"metadata.annotations[quoted.example/key].labels": "6:5",
		"metadata.annotations[":                           "4:3",
		"..":                                              "2:1",
	}
	d := &document{line: 1, column: 1, text: []byte(text)}
	got := map[string]string{}
	for path := range tests {
		line, column := d.locate(path)
		got[path] = fmt.Sprintf("%d:%d", line, column)
	}
	if diff := cmp.Diff(tests, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFieldsOfJSONAreLocated(t *testing.T) {
	t.Parallel()
	const text = "{\"a\" :\t{ \"b/c\\ud83d\\ude00\":[ 1,\n  {\"中文\": true , \"d\": null}]},\n \"e\": []}"
	tests := map[string]string{
		"a": "7:8", "a[b/c😀]": "7:16", "a[b/c😀][0]": "7:36", "a[b/c😀][1]": "8:3", "a[b/c😀][1].中文": "8:4", "a[b/c😀][1].d": "8:17", "e": "9:2", "e[0]": "9:2", "f": "7:7",
	}
	d := &document{line: 7, column: 7, text: []byte(text), json: true}
	got := map[string]string{}
	for path := range tests {
		line, column := d.locate(path)
		got[path] = fmt.Sprintf("%d:%d", line, column)
	}
	if diff := cmp.Diff(tests, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinesAreShownAsTheyAre(t *testing.T) {
	t.Parallel()
	d := &document{line: 5, column: 1, text: []byte("a: 1\n\nb: 2\n" + strings.Repeat("x", maxSource+1) + "\nlast")}
	for line, want := range map[int]string{4: "", 5: "a: 1", 6: "", 7: "b: 2", 8: "", 9: "last", 10: ""} {
		if got := d.source(line); got != want {
			t.Errorf("line %d is %q, want %q", line, got, want)
		}
	}
	later := &document{line: 1, column: 30, text: []byte("{}\n{}")}
	if got := later.source(1); got != "" {
		t.Errorf("a part of a line is shown: %q", got)
	}
}
