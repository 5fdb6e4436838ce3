package rule

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestTextOfFindings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		finding Finding
		// want is the whole line, cause what kubectl prints after the path.
		want, cause string
	}{
		"a denial with everything": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a[0]", Value: "x", Message: "is wrong; it would fail", Remedy: "Write y"},
			`spec.a[0]: Invalid value: "x": is wrong; it would fail. Write y. [r]`, `Invalid value: "x": is wrong; it would fail. Write y. [r]`,
		},
		"a denial of what is not there": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Type: field.ErrorTypeRequired, Message: "there is no default"},
			`spec.a: Required value: there is no default. [r]`, `Required value: there is no default. [r]`,
		},
		"a denial of too many": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Type: field.ErrorTypeTooMany, Message: "101 names"},
			`spec.a: Too many: 101 names. [r]`, `Too many: 101 names. [r]`,
		},
		"a denial of an unsupported number": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Type: field.ErrorTypeNotSupported, Value: 521, Message: "use 384"},
			`spec.a: Unsupported value: 521: use 384. [r]`, `Unsupported value: 521: use 384. [r]`,
		},
		"a number as it was written": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Value: json.Number("1e3"), Message: "is wrong"},
			`spec.a: Invalid value: 1e3: is wrong. [r]`, `Invalid value: 1e3: is wrong. [r]`,
		},
		"a denial that asks": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Value: "x", Message: `is wrong; did you mean "y"?`},
			`spec.a: Invalid value: "x": is wrong; did you mean "y"? [r]`, `Invalid value: "x": is wrong; did you mean "y"? [r]`,
		},
		"a denial that asks, and says what to do": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Message: `did you mean "y"?`, Remedy: "Write y"},
			`spec.a: Invalid value: did you mean "y"? Write y. [r]`, `Invalid value: did you mean "y"? Write y. [r]`,
		},
		"a denial of the whole object": {
			Finding{Rule: "r", Severity: Deny, Message: "is wrong"},
			`Invalid value: is wrong. [r]`, `Invalid value: is wrong. [r]`,
		},
		"a value with quotes and lines": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Value: "x\n\"y\"", Message: "is wrong"},
			`spec.a: Invalid value: "x\n\"y\"": is wrong. [r]`, `Invalid value: "x\n\"y\"": is wrong. [r]`,
		},
		"a value that is too long": {
			Finding{Rule: "r", Severity: Deny, Field: "spec.a", Value: strings.Repeat("a", 299) + "中", Message: "is wrong"},
			`spec.a: Invalid value: "` + strings.Repeat("a", 299) + `…": is wrong. [r]`, `Invalid value: "` + strings.Repeat("a", 299) + `…": is wrong. [r]`,
		},
		"a warning": {
			Finding{Rule: "r", Severity: Warn, Field: "spec.a", Value: "x", Message: "is ignored", Remedy: "Remove it"},
			`[r] spec.a: "x": is ignored. Remove it`, `"x": is ignored. Remove it`,
		},
		"a warning without a path": {
			Finding{Rule: "r", Severity: Warn, Message: `it is in use`}, `[r] it is in use`, `it is in use`,
		},
		"a denial that only warns": {
			Finding{Rule: "r", Severity: Warn, Field: "spec.a", Value: "x", Message: "is wrong", Remedy: "Write y", Downgraded: "already present"},
			`[r] spec.a: "x": is wrong (already present). Write y`, `"x": is wrong (already present). Write y`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff([]string{test.want, test.cause}, []string{test.finding.String(), test.finding.Cause()}); diff != "" {
				t.Errorf("text and cause (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOrderOfFindings(t *testing.T) {
	t.Parallel()
	sorted := []Finding{
		{Severity: Deny, Field: "", Rule: "a"},
		{Severity: Deny, Field: "metadata.annotations", Rule: "a"},
		{Severity: Deny, Field: "spec.dnsNames", Rule: "a"},
		{Severity: Deny, Field: "spec.dnsNames[0]", Rule: "a"},
		{Severity: Deny, Field: "spec.dnsNames[2]", Rule: "a"},
		{Severity: Deny, Field: "spec.dnsNames[2]", Rule: "b", Message: "one"},
		{Severity: Deny, Field: "spec.dnsNames[2]", Rule: "b", Message: "two"},
		{Severity: Deny, Field: "spec.dnsNames[10]", Rule: "a"},
		{Severity: Deny, Field: "spec.dnsNames[100]", Rule: "a"},
		{Severity: Deny, Field: "spec.solvers[9].dns01", Rule: "a"},
		{Severity: Deny, Field: "spec.solvers[10].dns01.a[2]", Rule: "a"},
		{Severity: Deny, Field: "spec.solvers[10].dns01.a[11]", Rule: "a"},
		{Severity: Warn, Field: "", Rule: "a"},
		{Severity: Warn, Field: "metadata", Rule: "z"},
		{Severity: Warn, Field: "spec", Rule: "a"},
	}
	for range 50 {
		shuffled := slices.Clone(sorted)
		rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		Sort(shuffled)
		if diff := cmp.Diff(sorted, shuffled); diff != "" {
			t.Fatalf("order (-want +got):\n%s", diff)
		}
	}
}
