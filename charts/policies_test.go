package charts

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Each policy allows the calls that its provider makes, and no others. Providers name the call in the question that their
// errors are about.
func TestPoliciesAllowWhatIsCalled(t *testing.T) {
	for name, test := range map[string]struct{ policy, service, source, but string }{
		"RAM policy for alidns":       {"ram-policy.json", "alidns", "../solvers/alidns/*.go", "role.go"},
		"CAM policy for dnspod":       {"cam-policy.json", "dnspod", "../solvers/dnspod/*.go", "role.go"},
		"RAM policy for STS":          {"ram-assume-role-policy.json", "sts", "../solvers/alidns/role.go", ""},
		"CAM policy for STS":          {"cam-assume-role-policy.json", "name/sts", "../solvers/dnspod/role.go", ""},
		"trust policy for a RAM role": {"ram-trust-policy.json", "sts", "../solvers/alidns/role.go", ""},
		"trust policy for a CAM role": {"cam-trust-policy.json", "name/sts", "../solvers/dnspod/role.go", ""},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("../deploy/policies", test.policy))
			if err != nil {
				t.Fatal(err)
			}
			if !json.Valid(data) {
				t.Fatal("not valid JSON")
			}
			allowed := matches(regexp.MustCompile(`"`+test.service+`:(\w+)"[^:]`), data)
			if diff := cmp.Diff(calls(t, test.source, test.but), allowed); diff != "" {
				t.Errorf("-called +allowed:\n%s", diff)
			}
		})
	}
}

// calls returns the names of the API calls in the sources but one, sorted.
func calls(t *testing.T, pattern, but string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == but {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, data...)
	}
	return matches(regexp.MustCompile(`wire\.Question\{Action: "(\w+)"`), source)
}

// matches returns what the group of the expression matches, sorted, each once.
func matches(expression *regexp.Regexp, data []byte) []string {
	found := map[string]bool{}
	for _, match := range expression.FindAllSubmatch(data, -1) {
		found[string(match[1])] = true
	}
	return slices.Sorted(maps.Keys(found))
}
