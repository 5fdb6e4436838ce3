package charts

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
)

// Go frees memory before the container has all that it may, whatever its limit is and however it is written.
func TestMemoryLimitFollowsTheContainers(t *testing.T) {
	const byDefault = "241591910"
	tests := map[string]struct {
		value string
		want  map[string]string
	}{
		"by default":         {"commonLabels=null", map[string]string{"admission": "483183820", "solver": byDefault}},
		"in binary units":    {"admission.resources.limits.memory=1.5Gi", map[string]string{"admission": "1449551462", "solver": byDefault}},
		"in decimal units":   {"admission.resources.limits.memory=500M", map[string]string{"admission": "450000000", "solver": byDefault}},
		"in bytes":           {"admission.resources.limits.memory=1000000000", map[string]string{"admission": "900000000", "solver": byDefault}},
		"in another way":     {"admission.resources.limits.memory=1e9", map[string]string{"admission": "limits.memory", "solver": byDefault}},
		"no limit of memory": {"admission.resources.limits.memory=null", map[string]string{"admission": "", "solver": byDefault}},
		"no limits":          {"admission.resources.limits=null", map[string]string{"admission": "", "solver": byDefault}},
		"no resources":       {"solver.resources=null", map[string]string{"admission": "483183820", "solver": ""}},
		"as the operator says": {
			"admission.extraEnv[0].name=GOMEMLIMIT,admission.extraEnv[0].value=300MiB", map[string]string{"admission": "300MiB", "solver": byDefault},
		},
		"another limit of solver": {"solver.resources.limits.memory=1Gi", map[string]string{"admission": "483183820", "solver": "966367641"}},
	}
	for name, c := range tests {
		got := map[string]string{}
		for _, object := range objects(t, render(t, "--set", "admission.enabled=true", "--set", c.value)) {
			if object.GetKind() != "Deployment" {
				continue
			}
			container := decode[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0]
			got[container.Name] = ""
			for _, env := range container.Env {
				switch {
				case env.Name != "GOMEMLIMIT":
				case env.ValueFrom != nil:
					got[container.Name] = env.ValueFrom.ResourceFieldRef.Resource
				default:
					got[container.Name] = env.Value
				}
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
