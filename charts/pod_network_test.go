package charts

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// TestPodNetwork reads how both Deployments reach the network, and how their Pods are replaced.
func TestPodNetwork(t *testing.T) {
	const replace = `"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1,"maxUnavailable":0}}`
	const inTurn = `"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}`
	for name, test := range map[string]struct{ values, want string }{
		"nothing is said by default": {
			values: `{}`,
			want:   `{` + replace + `}`,
		},
		"in the network of the nodes, names of the cluster are still found and ports are free before the next comes": {
			values: `{"hostNetwork":true}`,
			want:   `{"hostNetwork":true,"dnsPolicy":"ClusterFirstWithHostNet",` + inTurn + `}`,
		},
		"in the network of the nodes, with their resolvers": {
			values: `{"hostNetwork":true,"dnsPolicy":"Default"}`,
			want:   `{"hostNetwork":true,"dnsPolicy":"Default",` + inTurn + `}`,
		},
		"with resolvers of its own": {
			values: `{"dnsPolicy":"None","dnsConfig":{"nameservers":["10.20.0.2"],"searches":["example.org"],"options":[{"name":"ndots","value":"1"}]}}`,
			want: `{"dnsPolicy":"None","dnsConfig":{"nameservers":["10.20.0.2"],"searches":["example.org"],"options":[{"name":"ndots","value":"1"}]},` +
				replace + `}`,
		},
		"with names that no server knows": {
			values: `{"hostAliases":[{"ip":"10.20.0.9","hostnames":["proxy.example.org"]}]}`,
			want:   `{"hostAliases":[{"ip":"10.20.0.9","hostnames":["proxy.example.org"]}],` + replace + `}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := render(t, "--set-json", "solver="+test.values, "--set-json", "admission="+test.values)
			var want map[string]any
			if err := utiljson.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, object := range objects(t, out) {
				if object.GetKind() != "Deployment" {
					continue
				}
				found++
				if diff := cmp.Diff(want, network(t, object)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", object.GetName(), diff)
				}
			}
			if found != 2 {
				t.Errorf("%d Deployments, want 2", found)
			}
		})
	}
}

// TestMetricsOnOneNode: no two containers that run in the network of a node want the same port of it.
func TestMetricsOnOneNode(t *testing.T) {
	for values, want := range map[string]int{
		"solver.hostNetwork=true,admission.hostNetwork=true": 4, "solver.hostNetwork=true,admission.hostNetwork=true,solver.metrics.port=9500": 4,
		"solver.hostNetwork=true,admission.hostNetwork=true,admission.metrics.enabled=false": 3, "solver.hostNetwork=false": 3,
	} {
		ports := map[string]bool{}
		for _, object := range objects(t, render(t, "--set", values)) {
			if object.GetKind() != "Deployment" {
				continue
			}
			containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
			if err != nil {
				t.Fatal(err)
			}
			for _, port := range containers[0].(map[string]any)["ports"].([]any) {
				ports[fmt.Sprint(port.(map[string]any)["containerPort"])] = true
			}
		}
		if len(ports) != want {
			t.Errorf("%s: ports %v, want %d of them", values, ports, want)
		}
	}
}

// network is what a Deployment says of the network of its Pods, and its strategy.
func network(t *testing.T, deployment unstructured.Unstructured) map[string]any {
	t.Helper()
	pod, _, err := unstructured.NestedMap(deployment.Object, "spec", "template", "spec")
	if err != nil {
		t.Fatal(err)
	}
	strategy, _, err := unstructured.NestedMap(deployment.Object, "spec", "strategy")
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]any{"strategy": strategy}
	for _, field := range []string{"hostNetwork", "dnsPolicy", "dnsConfig", "hostAliases"} {
		if value, has := pod[field]; has {
			said[field] = value
		}
	}
	return said
}
