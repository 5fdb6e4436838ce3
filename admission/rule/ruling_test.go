package rule

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestEngineTellsPathsApartWhereThereIsNoValue(t *testing.T) {
	t.Parallel()
	before := history{count: func() (map[complaint]int, error) {
		return map[complaint]int{complaintOf(Finding{Rule: "a", Field: "spec.acme.solvers[1].dns01.webhook.groupName"}): 1}, nil
	}}
	after := []Finding{
		{Rule: "a", Severity: Deny, Field: "spec.acme.solvers[0].dns01.webhook.groupName"},
		{Rule: "a", Severity: Deny, Field: "spec.acme.solvers[1].dns01.webhook.groupName"},
		{Rule: "a", Severity: Deny, Field: "spec.acme.solvers[2].dns01.webhook.solverName"},
		{Rule: "a", Severity: Deny, Field: "spec.acme.server"},
		{Rule: "b", Severity: Deny, Field: "spec.acme.solvers[1].dns01.webhook.groupName"},
	}
	var got []string
	for _, f := range after {
		got = append(got, before.excuse(f))
	}
	if diff := cmp.Diff([]string{"already present, so not denied", "", "", "", ""}, got); diff != "" {
		t.Errorf("excuses (-want +got):\n%s", diff)
	}
}

func TestRulesThatKnowBetter(t *testing.T) {
	t.Parallel()
	manifest := []Finding{
		{Rule: CMSchema, Field: "spec.privateKey.algorithm"},
		{Rule: CMSchema, Field: "spec.issuerRef", Type: field.ErrorTypeRequired},
		{Rule: CMSchema, Field: "spec.duration"},
		{Rule: CMUnknownField, Field: "spec.x"},
	}
	judged := []Finding{
		{Rule: "key-size-for-algorithm", Severity: Deny, Field: "spec.privateKey.algorithm"},
		{Rule: "acme-duration-ignored", Severity: Warn, Field: "spec.duration"},
		{Rule: "cm-issuer-ref", Severity: Deny, Field: "spec.issuerRef.name"},
		{Rule: "x", Severity: Deny, Field: "spec.x"},
	}
	if diff := cmp.Diff(manifest[2:], beside(slices.Clone(manifest), judged)); diff != "" {
		t.Errorf("what stays (-want +got):\n%s", diff)
	}
}
