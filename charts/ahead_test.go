package charts

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/certyun/certyun/solvers/ahead"
)

// The solver holds cloud keys, so what it may do in the cluster is told exactly. Without records ahead it has no right on
// Challenges and Orders.
func TestSolverRights(t *testing.T) {
	always := []string{
		"everywhere: ClusterRole system:auth-delegator of Kubernetes",
		"in kube-system: Role extension-apiserver-authentication-reader of Kubernetes",
	}
	ahead := []string{
		"everywhere: [get list watch] acme.cert-manager.io [challenges orders]",
		"in cert-manager: [get update] coordination.k8s.io [leases] [acme.certyun.internal]",
		"in cert-manager: [get patch]  [configmaps] [acme.certyun.internal]",
	}
	namespaced := []string{
		"everywhere: [get]  [namespaces]",
		"in cert-manager: [get]  [secrets]",
	}
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"by default": {want: slices.Concat(ahead, namespaced)},
		"without records ahead": {
			args: []string{"--set", "ahead.enabled=false"}, want: namespaced,
		},
		"with all Secrets": {
			args: []string{"--set", "secrets.clusterWide=true"},
			want: append(slices.Clone(ahead), "everywhere: [get]  [secrets]"),
		},
		"with another group": {
			args: []string{"--set", "groupName=acme.example.org"},
			want: slices.Concat(namespaced, []string{
				ahead[0],
				"in cert-manager: [get update] coordination.k8s.io [leases] [acme.example.org]",
				"in cert-manager: [get patch]  [configmaps] [acme.example.org]",
			}),
		},
		"with as little as can be": {
			args: []string{"--values", goldenDir + "/least-privilege" + valuesSuffix},
			want: []string{
				"everywhere: [get]  [namespaces]",
				"in team-a: [get]  [secrets] [dns-account]",
				"in team-b: [get]  [secrets] [dns-account]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := rights(t, objects(t, render(t, test.args...)), "cert-manager", "certyun-solver")
			want := slices.Sorted(slices.Values(slices.Concat(always, test.want)))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rights (-want +got):\n%s", diff)
			}
		})
	}
}

// A Pod that ends must have come to its end before it is killed.
func TestThereIsTimeToEnd(t *testing.T) {
	for _, object := range objects(t, render(t)) {
		if object.GetKind() != "Deployment" || partOf(object) != "solver" {
			continue
		}
		grace := time.Duration(*decode[appsv1.Deployment](t, object).Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
		if delay := solverOptions(t).ShutdownDelay; delay != 5*time.Second || delay+ahead.HandOverWithin >= grace {
			t.Errorf("a delay of %s and %s for what was written ahead do not fit into %s", delay, ahead.HandOverWithin, grace)
		}
	}
}

// What the solver writes into the Lease and the ConfigMap stays only where the chart has nothing to say about it.
func TestAheadObjectsAreEmpty(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"by default":            {want: []string{"ConfigMap dns/acme.example.org", "Lease dns/acme.example.org"}},
		"without records ahead": {args: []string{"--set", "ahead.enabled=false"}},
		"without the solver":    {args: []string{"--set", "solver.enabled=false"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			args := append([]string{"--namespace", "dns", "--set", "groupName=acme.example.org"}, test.args...)
			for _, object := range objects(t, render(t, args...)) {
				if strings.HasSuffix(object.GetName(), ":ahead") && test.want == nil {
					t.Errorf("there is a %s %s", object.GetKind(), object.GetName())
				}
				if kind := object.GetKind(); kind != "Lease" && kind != "ConfigMap" {
					continue
				}
				got = append(got, object.GetKind()+" "+object.GetNamespace()+"/"+object.GetName())
				parts := slices.Sorted(maps.Keys(object.Object))
				if diff := cmp.Diff([]string{"apiVersion", "kind", "metadata"}, parts); diff != "" {
					t.Errorf("parts of the %s (-want +got):\n%s", object.GetKind(), diff)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAheadValuesReachTheSolver(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"by default": {
			want: []string{"--ahead=200", "--ahead-namespace=cert-manager", "--ca-memory=60s", "--cluster-resource-namespace=cert-manager"},
		},
		"all set": {
			args: []string{"--values", goldenDir + "/everything" + valuesSuffix},
			want: []string{"--ahead=50", "--ahead-namespace=cert-manager", "--ca-memory=90s", "--cluster-resource-namespace=issuers"},
		},
		"in namespaces of their own": {
			args: []string{"--namespace", "dns", "--set", "certManager.namespace=certificates"},
			want: []string{"--ahead=200", "--ahead-namespace=dns", "--ca-memory=60s", "--cluster-resource-namespace=certificates"},
		},
		"turned off": {
			args: []string{"--set", "ahead.enabled=false"},
			want: []string{"--ahead=0", "--ca-memory=60s", "--cluster-resource-namespace=cert-manager"},
		},
		"turned off twice, and the CA's memory": {
			args: []string{"--set", "ahead.enabled=false,ahead.max=0,ahead.caMemory=0"},
			want: []string{"--ahead=0", "--ca-memory=0", "--cluster-resource-namespace=cert-manager"},
		},
		"a memory in parts": {
			args: []string{"--set", "ahead.caMemory=1m1.5s"},
			want: []string{"--ahead=200", "--ahead-namespace=cert-manager", "--ca-memory=1m1.5s", "--cluster-resource-namespace=cert-manager"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, arg := range arguments(t, "solver", test.args...) {
				if flag, _, _ := strings.Cut(arg, "="); strings.HasPrefix(flag, "--ahead") || flag == "--ca-memory" || flag == "--cluster-resource-namespace" {
					got = append(got, arg)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
			solverOptions(t, test.args...) // the solver takes them
		})
	}
}

func TestCAMemoriesThatTheChartAccepts(t *testing.T) {
	for memory, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0m": 0, "500ms": 500 * time.Millisecond, "1.5s": 1500 * time.Millisecond, "60s": time.Minute, "1m": time.Minute,
		"1m0s": time.Minute, "1.5m": 90 * time.Second, "9m59.5s": 599500 * time.Millisecond, "599s": 599 * time.Second,
		"600s": 10 * time.Minute, "10m": 10 * time.Minute, "10m0s": 10 * time.Minute,
	} {
		if got := solverOptions(t, "--set-string", "ahead.caMemory="+memory).CAMemory; got != want {
			t.Errorf("%s: the solver takes it for %s", memory, got)
		}
	}
}
