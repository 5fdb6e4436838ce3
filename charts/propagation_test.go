package charts

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/certyun/certyun/solvers"
)

// arguments returns those of one of the two servers, without the command.
func arguments(t *testing.T, part string, args ...string) []string {
	t.Helper()
	for _, object := range objects(t, render(t, args...)) {
		if object.GetKind() == "Deployment" && partOf(object) == part {
			return decode[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0].Args[1:]
		}
	}
	return nil
}

// solverOptions reads the arguments that the chart gives the solver, as the solver does.
func solverOptions(t *testing.T, args ...string) *solvers.Options {
	t.Helper()
	o := solvers.NewOptions()
	flags := pflag.NewFlagSet("solver", pflag.ContinueOnError)
	for _, set := range o.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(arguments(t, "solver", args...)); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	return o
}

func TestSolverArgumentsAreFlags(t *testing.T) {
	for name, values := range valueSets(t) {
		if name != "without-solver" {
			t.Run(name, func(t *testing.T) { solverOptions(t, "--values", values) })
		}
	}
}

func TestPropagationValuesReachTheSolver(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want solvers.PropagationOptions
	}{
		"by default": {want: solvers.NewOptions().Propagation},
		"all set": {
			args: []string{"--values", goldenDir + "/everything" + valuesSuffix},
			want: solvers.PropagationOptions{
				Timeout:       20 * time.Second,
				Nameservers:   []string{"10.20.0.2", "dns.example.org:5353", "2001:db8::53", "[2001:db8::54]:5354"},
				Port:          10053,
				AllowNetworks: []string{"10.20.0.0/16", "fd00:20::/64"},
				Strict:        true,
			},
		},
		"a resolver whose address ends in a colon": {
			args: []string{"--set", "propagation.nameservers={2001:db8::}"},
			want: solvers.PropagationOptions{Timeout: 30 * time.Second, Port: 53, Nameservers: []string{"2001:db8::"}},
		},
		"the longest": {
			args: []string{"--set", "propagation.timeout=30s"},
			want: solvers.PropagationOptions{Timeout: 30 * time.Second, Port: 53},
		},
		"turned off": {
			args: []string{"--set", "propagation.timeout=0"},
			want: solvers.PropagationOptions{Port: 53},
		},
	} {
		t.Run(name, func(t *testing.T) {
			unexported := cmpopts.IgnoreUnexported(solvers.PropagationOptions{}) // what Validate makes of the others
			if diff := cmp.Diff(test.want, solverOptions(t, test.args...).Propagation, unexported); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCNAMETargetsReachTheSolver(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"by default": {},
		"several":    {args: []string{"--set", "solver.cnameTargets={acme.example.net,例子.com,acme.example.net}"}, want: []string{"acme.example.net", "例子.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, solverOptions(t, test.args...).CNAMETargets); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What the admission server is told of the solver decides what it advises about cert-manager's own check.
func TestAdmissionKnowsWhetherTheSolverWaits(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want bool
	}{
		"by default":                   {want: true},
		"a second":                     {args: []string{"--set", "propagation.timeout=1s"}, want: true},
		"a part of a second":           {args: []string{"--set", "propagation.timeout=0.5s"}, want: true},
		"minutes and seconds":          {args: []string{"--set", "propagation.timeout=0m10s"}, want: true},
		"the number 0":                 {args: []string{"--set", "propagation.timeout=0"}},
		"the text 0":                   {args: []string{"--set-string", "propagation.timeout=0"}},
		"0 in a file":                  {args: []string{"--values", goldenDir + "/without-propagation" + valuesSuffix}},
		"no seconds":                   {args: []string{"--set", "propagation.timeout=0s"}},
		"no seconds, in other words":   {args: []string{"--set", "propagation.timeout=0h0m0.00s"}},
		"no solver":                    {args: []string{"--set", "solver.enabled=false"}},
		"no solver, and a time for it": {args: []string{"--set", "solver.enabled=false,propagation.timeout=10s"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := arguments(t, "admission", test.args...)
			if got := slices.Contains(args, "--solver-waits"); got != test.want {
				t.Errorf("--solver-waits: %t, want %t, in %v", got, test.want, args)
			}
			// The solver itself must agree.
			if arguments(t, "solver", test.args...) == nil {
				return
			}
			if got := solverOptions(t, test.args...).Propagation.Timeout > 0; got != test.want {
				t.Errorf("the solver waits: %t, want %t", got, test.want)
			}
		})
	}
}

func TestNetworkPolicyLetsNameServersBeAsked(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want []int
	}{
		"by default":               {want: []int{53}},
		"another port":             {args: []string{"--set", "propagation.port=10053"}, want: []int{53, 10053}},
		"resolvers at the same":    {args: []string{"--set", "propagation.nameservers={223.5.5.5,119.29.29.29:53}"}, want: []int{53}},
		"resolvers without a port": {args: []string{"--set", "propagation.nameservers={dns.example.org,2001:db8::53,[2001:db8::54]}"}, want: []int{53}},
		"resolvers at other ports": {args: []string{"--set", "propagation.nameservers={dns.example.org:5353,[2001:db8::54]:5354}"}, want: []int{53, 5353, 5354}},
		"the wait is turned off":   {args: []string{"--set", "propagation.timeout=0s,propagation.port=10053"}, want: []int{53}},
		"with all that can be set": {args: []string{"--values", goldenDir + "/everything" + valuesSuffix}, want: []int{53, 10053, 5353, 5354}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--set", "solver.networkPolicy.enabled=true,solver.networkPolicy.egressPorts={443}"}, test.args...)
			got := solverEgress(t, append(args, "--set", "solver.networkPolicy.nodeMetadata=false")...)
			var want networkingv1.NetworkPolicyEgressRule // to any address
			for _, port := range test.want {
				want.Ports = append(want.Ports, networkPort(corev1.ProtocolUDP, port), networkPort(corev1.ProtocolTCP, port))
			}
			want.Ports = append(want.Ports, networkPort(corev1.ProtocolTCP, 443))
			if diff := cmp.Diff([]networkingv1.NetworkPolicyEgressRule{want}, got); diff != "" {
				t.Errorf("egress (-want +got):\n%s", diff)
			}
		})
	}
}

// solverEgress is to where the NetworkPolicy lets the solver connect.
func solverEgress(t *testing.T, args ...string) []networkingv1.NetworkPolicyEgressRule {
	t.Helper()
	for _, object := range objects(t, render(t, args...)) {
		if object.GetKind() == "NetworkPolicy" && partOf(object) == "solver" {
			return decode[networkingv1.NetworkPolicy](t, object).Spec.Egress
		}
	}
	t.Fatal("there is no NetworkPolicy")
	return nil
}

func networkPort(protocol corev1.Protocol, port int) networkingv1.NetworkPolicyPort {
	return networkingv1.NetworkPolicyPort{Protocol: new(protocol), Port: new(intstr.FromInt(port))}
}
