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
	appsv1 "k8s.io/api/apps/v1"
)

// Each policy allows the calls that its provider makes, and no others. Providers name the call in the question that their
// errors are about.
func TestPoliciesAllowWhatIsCalled(t *testing.T) {
	for name, test := range map[string]struct{ policy, service, source string }{
		"RAM policy for alidns": {"ram-policy.json", "alidns", "../solvers/alidns/*.go"},
		"CAM policy for dnspod": {"cam-policy.json", "dnspod", "../solvers/dnspod/*.go"},
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
			if diff := cmp.Diff(calls(t, test.source), allowed); diff != "" {
				t.Errorf("-called +allowed:\n%s", diff)
			}
		})
	}
}

// statement is the only one of a policy about a role, in the case of RAM or of CAM.
type statement struct{ Effect, Action, Resource, Principal, Condition any }

// Whoever is to assume a role may do so, and nobody else. The names of what the chart makes are those of an install as in the README.
func TestPoliciesOfRoles(t *testing.T) {
	type (
		list   = []any
		object = map[string]any
	)
	values := chartDefaults(t)
	subject := "system:serviceaccount:cert-manager:" + values.account
	for file, want := range map[string]statement{
		"ram-assume-role-policy.json": {Effect: "Allow", Action: "sts:AssumeRole", Resource: "acs:ram::1000000000000000:role/certyun-dns"},
		"cam-assume-role-policy.json": {
			Effect: "allow", Action: list{"name/sts:AssumeRole"}, Resource: list{"qcs::cam::uin/100000000000:roleName/certyun-dns"},
		},
		"ram-trust-policy.json": {
			Effect: "Allow", Action: "sts:AssumeRole", Principal: object{"RAM": list{"acs:ram::2000000000000000:user/certyun"}},
			Condition: object{"StringEquals": object{"sts:ExternalId": "an-id-of-your-own"}},
		},
		"cam-trust-policy.json": {
			Effect: "allow", Action: list{"name/sts:AssumeRole"}, Principal: object{"qcs": list{"qcs::cam::uin/200000000000:uin/200000000001"}},
		},
		// What is called is AssumeRoleWithOIDC, and what is allowed AssumeRole
		// (https://help.aliyun.com/zh/ack/ack-managed-and-ack-dedicated/user-guide/use-rrsa-to-authorize-pods-to-access-different-cloud-services).
		"ram-trust-policy-oidc.json": {
			Effect: "Allow", Action: "sts:AssumeRole",
			Principal: object{"Federated": list{"acs:ram::1000000000000000:oidc-provider/ack-rrsa-c0123456789abcdef"}},
			Condition: object{"StringEquals": object{
				"oidc:iss": "https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c0123456789abcdef", "oidc:aud": values.audiences["alidns"], "oidc:sub": subject,
			}},
		},
		"cam-trust-policy-oidc.json": {
			Effect: "allow", Action: list{"name/sts:AssumeRoleWithWebIdentity"},
			Principal: object{"federated": list{"qcs::cam::uin/100000000000:oidc-provider/cls-01234567"}},
			Condition: object{"string_equal": object{
				"oidc:iss": list{"https://ap-guangzhou-oidc.tke.tencentcs.com/id/0123456789abcdef01234567"},
				"oidc:aud": list{values.audiences["dnspod"]}, "oidc:sub": list{subject},
			}},
		},
		"ram-trust-policy-ecs.json": {Effect: "Allow", Action: "sts:AssumeRole", Principal: object{"Service": list{"ecs.aliyuncs.com"}}},
		"cam-trust-policy-cvm.json": {Effect: "allow", Action: list{"name/sts:AssumeRole"}, Principal: object{"service": list{"cvm.qcloud.com"}}},
	} {
		t.Run(file, func(t *testing.T) {
			var policy struct{ Statement []statement }
			if err := json.Unmarshal([]byte(read(t, filepath.Join("../deploy/policies", file))), &policy); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]statement{want}, policy.Statement); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	files, err := filepath.Glob("../deploy/policies/*.json")
	if err != nil || len(files) != 10 {
		t.Errorf("the tests know 10 policies, and there are %d: %v", len(files), err)
	}
}

// identity is what the chart makes of a token.
type identity struct {
	account   string
	audiences map[string]string
}

func chartDefaults(t *testing.T) identity {
	t.Helper()
	its := identity{audiences: map[string]string{}}
	for _, object := range objects(t, render(t, "--set", asRAMRole, "--set", asCAMRole)) {
		if object.GetKind() != "Deployment" || partOf(object) != "solver" {
			continue
		}
		pod := decode[appsv1.Deployment](t, object).Spec.Template.Spec
		its.account = pod.ServiceAccountName
		for _, volume := range pod.Volumes {
			if cloud, ok := strings.CutSuffix(volume.Name, "-token"); ok {
				its.audiences[cloud] = volume.Projected.Sources[0].ServiceAccountToken.Audience
			}
		}
	}
	return its
}

// calls returns the names of the API calls in the sources but those to STS, sorted.
func calls(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || filepath.Base(file) == "role.go" {
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
