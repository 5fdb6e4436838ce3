package charts

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers"
	"github.com/certyun/certyun/solvers/alidns"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/wire"
)

const (
	ramRole     = "acs:ram::1234567890123456:role/certyun-dns"
	ramProvider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789abcdef"
	camRole     = "qcs::cam::uin/100000000001:roleName/certyun-dns"

	asRAMRole = "ambient.alidns.roleArn=" + ramRole + ",ambient.alidns.oidcProviderArn=" + ramProvider
	asCAMRole = "ambient.dnspod.roleArn=" + camRole + ",ambient.dnspod.providerId=cls-01234567"
)

// An identity adds variables, a token and its mount to the solver, and changes nothing else that the chart makes.
func TestIdentityIsMounted(t *testing.T) {
	ramVariables := []corev1.EnvVar{
		{Name: "ALIBABA_CLOUD_ROLE_ARN", Value: ramRole},
		{Name: "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", Value: ramProvider},
		{Name: "ALIBABA_CLOUD_OIDC_TOKEN_FILE", Value: "/var/run/secrets/certyun/alidns/token"},
	}
	camVariables := []corev1.EnvVar{
		{Name: "TKE_ROLE_ARN", Value: camRole},
		{Name: "TKE_PROVIDER_ID", Value: "cls-01234567"},
		{Name: "TKE_WEB_IDENTITY_TOKEN_FILE", Value: "/var/run/secrets/certyun/dnspod/token"},
	}
	for name, test := range map[string]struct {
		values    string
		variables []corev1.EnvVar
		tokens    []corev1.Volume
	}{
		"of Alibaba Cloud": {asRAMRole, ramVariables, []corev1.Volume{tokenVolume("alidns", "sts.aliyuncs.com", 3600)}},
		"of Tencent Cloud": {asCAMRole, camVariables, []corev1.Volume{tokenVolume("dnspod", "sts.cloud.tencent.com", 3600)}},
		"of both, with all that can be set": {
			asRAMRole + "," + asCAMRole + ",ambient.dnspod.region=ap-shanghai,ambient.alidns.audience=sts.example.org,ambient.alidns.tokenExpirationSeconds=600" +
				",ambient.dnspod.audience=sts.example.com,ambient.dnspod.tokenExpirationSeconds=4294967296",
			append(slices.Concat(ramVariables, camVariables), corev1.EnvVar{Name: "TKE_REGION", Value: "ap-shanghai"}),
			[]corev1.Volume{tokenVolume("alidns", "sts.example.org", 600), tokenVolume("dnspod", "sts.example.com", 4294967296)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, got := objects(t, render(t)), objects(t, render(t, "--set", test.values))
			solver := slices.IndexFunc(want, func(o unstructured.Unstructured) bool { return o.GetKind() == "Deployment" && partOf(o) == "solver" })
			wanted, found := decode[appsv1.Deployment](t, want[solver]), decode[appsv1.Deployment](t, got[solver])
			pod := &wanted.Spec.Template.Spec
			container := &pod.Containers[0]
			container.Env = slices.Insert(container.Env, 1, test.variables...) // behind the limit of memory, before what the operator adds
			for _, token := range test.tokens {
				pod.Volumes = append(pod.Volumes, token)
				mount := "/var/run/secrets/certyun/" + strings.TrimSuffix(token.Name, "-token")
				container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: token.Name, MountPath: mount, ReadOnly: true})
			}
			if diff := cmp.Diff(wanted, found); diff != "" {
				t.Errorf("the solver (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(slices.Delete(want, solver, solver+1), slices.Delete(got, solver, solver+1)); diff != "" {
				t.Errorf("other objects (-want +got):\n%s", diff)
			}
		})
	}
}

func tokenVolume(cloud, audience string, seconds int64) corev1.Volume {
	token := &corev1.ServiceAccountTokenProjection{Audience: audience, ExpirationSeconds: &seconds, Path: "token"}
	return corev1.Volume{Name: cloud + "-token", VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: token}}},
	}}
}

// The solver finds by the variables all that it needs, but for the token itself, which no test has at such a place.
func TestSolverFindsTheIdentity(t *testing.T) {
	variables := map[string]string{}
	for _, variable := range solverContainer(t, "--set", asRAMRole, "--set", asCAMRole).Env {
		variables[variable.Name] = variable.Value
	}
	getenv := func(name string) string { return variables[name] }
	const missing = "there is no token at /var/run/secrets/certyun/%s/token in the solver's Pod"
	for cloud, ambient := range map[string]credential.Ambient{
		"alidns": alidns.NewAmbient(getenv, alidns.NewRoles(wire.API{}), wire.API{}),
		"dnspod": dnspod.NewAmbient(getenv, dnspod.NewRoles(wire.API{}), wire.API{}),
	} {
		_, err := ambient.Session(t.Context(), config.Role{})
		if want := fmt.Sprintf(missing, cloud); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s: the error is %v, want %q in it", cloud, ambient.Name(), err, want)
		}
	}
}

func solverContainer(t *testing.T, args ...string) corev1.Container {
	t.Helper()
	for _, object := range objects(t, render(t, args...)) {
		if object.GetKind() == "Deployment" && partOf(object) == "solver" {
			return decode[appsv1.Deployment](t, object).Spec.Template.Spec.Containers[0]
		}
	}
	t.Fatal("there is no solver")
	return corev1.Container{}
}

// Both servers are told who may use the identity, in the same words.
func TestAmbientValuesReachTheServers(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want solvers.AmbientOptions
		said []string
	}{
		"by default": {
			want: solvers.NewOptions().Ambient,
			said: []string{"--ambient-credentials=cluster-issuers"},
		},
		"nobody": {
			args: []string{"--set", "ambient.credentials=none"},
			want: solvers.AmbientOptions{Issuers: "none"},
			said: []string{"--ambient-credentials=none"},
		},
		"everybody, with roles": {
			args: []string{"--set", "ambient.credentials=all,ambient.roleArns={" + ramRole + ",qcs::cam::uin/*:roleName/dns-*," + ramRole + "}"},
			want: solvers.AmbientOptions{Issuers: "all", Roles: []string{ramRole, "qcs::cam::uin/*:roleName/dns-*"}},
			said: []string{"--ambient-credentials=all", "--ambient-role-arns=" + ramRole + ",qcs::cam::uin/*:roleName/dns-*"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, solverOptions(t, test.args...).Ambient); diff != "" {
				t.Errorf("the solver (-want +got):\n%s", diff)
			}
			for _, part := range []string{"solver", "admission"} {
				said := arguments(t, part, test.args...)
				said = slices.DeleteFunc(said, func(arg string) bool { return !strings.HasPrefix(arg, "--ambient-") })
				if diff := cmp.Diff(test.said, said); diff != "" {
					t.Errorf("arguments of the %s (-want +got):\n%s", part, diff)
				}
			}
		})
	}
}

func TestMetadataEndpointsReachTheSolver(t *testing.T) {
	const set = "solver.alidns.metadataEndpoint=https://metadata.example.org,solver.dnspod.metadataEndpoint=http://127.0.0.1:8080"
	for name, test := range map[string]struct{ args, want []string }{
		"by default": {want: []string{"", ""}},
		"set":        {args: []string{"--set", set}, want: []string{"https://metadata.example.org", "http://127.0.0.1:8080"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := solverOptions(t, test.args...)
			if diff := cmp.Diff(test.want, []string{options.Alidns.MetadataEndpoint, options.DNSPod.MetadataEndpoint}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Helm refuses what the solver, or a cloud, would refuse of an ARN, and nothing else.
func TestChartKnowsARNsAsTheSolverDoes(t *testing.T) {
	decodes := func(decode func(*field.Path, []byte) (config.Solver, field.ErrorList)) func(string) bool {
		return func(arn string) bool {
			_, errs := decode(field.NewPath("config"), fmt.Appendf(nil, `{"roleArn":%q}`, arn))
			return len(errs) == 0
		}
	}
	lists := func(arn string) bool {
		_, err := config.NewAmbient(config.AmbientAll, []string{arn})
		return err == nil
	}
	for value, test := range map[string]struct {
		values string
		takes  func(string) bool
	}{
		"ambient.alidns.roleArn": {"{alidns: {roleArn: %q, oidcProviderArn: " + ramProvider + "}}", decodes(config.DecodeAlidns)},
		"ambient.dnspod.roleArn": {"{dnspod: {roleArn: %q, providerId: cls-01234567}}", decodes(config.DecodeDNSPod)},
		"ambient.roleArns":       {"{roleArns: [%q]}", lists},
	} {
		taken := 0
		for _, arn := range []string{
			ramRole, camRole, "qcs::cam::uin/100000000001:role/4611686018427397919", "acs:ram::1234567890123456:role/path/certyun", ramProvider,
			"acs:ram::1234567890123456:role/*", "qcs::cam::uin/*", "acs:ram::*", "*", "certyun", "acs:ram::certyun:role/dns", "acs:ram::1234567890123456:role/",
			"acs:ram::1234567890123456:role/a b", "acs:ram::1234567890123456:role/a,b", ramRole + "\n", " " + ramRole,
			"arn:aws:iam::123456789012:role/dns", "acs:ram::1234567890123456:role/" + strings.Repeat("n", 256),
		} {
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, fmt.Appendf(nil, "ambient: "+test.values, arn), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := template(t, "--values", file)
			if takes := test.takes(arn); takes != (err == nil) {
				t.Errorf("%s: of %q the solver says %t, and helm: %v", value, arn, takes, err)
			} else if takes {
				taken++
			}
		}
		if taken == 0 {
			t.Errorf("%s: no ARN is taken", value)
		}
	}
}

// The notes tell who the solver is, and show a config without keys where there is an identity that may be used.
func TestIdentityInNotes(t *testing.T) {
	const nothing = "what the environment of its Pods or their node gives, if anything"
	for name, test := range map[string]struct {
		values  string
		says    []string
		keyless int
	}{
		"by default": {
			values: "commonLabels=null",
			says:   []string{"ClusterIssuers that name no Secret", "alidns: " + nothing, "dnspod: " + nothing},
		},
		"with a role": {
			values:  asRAMRole + ",solver.serviceAccount.name=dns",
			says:    []string{"alidns: the role " + ramRole + ", with a token of the ServiceAccount cert-manager/dns\n", "dnspod: " + nothing},
			keyless: 1,
		},
		"with roles for everybody": {
			values:  asRAMRole + "," + asCAMRole + ",ambient.credentials=all",
			says:    []string{"Issuers of every namespace that name no Secret", "dnspod: the role " + camRole + ", with a token of the ServiceAccount cert-manager/certyun-solver\n"},
			keyless: 2,
		},
		"with roles for nobody": {
			values: asRAMRole + "," + asCAMRole + ",ambient.credentials=none",
			says:   []string{"Every Issuer must name a Secret (ambient.credentials is none)."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := notes(t, "--set", test.values)
			for _, says := range test.says {
				if !strings.Contains(text, says) {
					t.Errorf("the notes do not say %q:\n%s", says, text)
				}
			}
			if keyless := checkStanzas(t, text, true); keyless != test.keyless {
				t.Errorf("%d stanzas have no keys, want %d, in:\n%s", keyless, test.keyless, text)
			}
		})
	}
}

// Nobody asks a node for its keys through the policy unless that is wanted.
func TestNetworkPolicyLetsTheNodeBeAsked(t *testing.T) {
	node := networkingv1.NetworkPolicyEgressRule{
		Ports: []networkingv1.NetworkPolicyPort{networkPort(corev1.ProtocolTCP, 80)},
		To: []networkingv1.NetworkPolicyPeer{
			{IPBlock: &networkingv1.IPBlock{CIDR: alidns.MetadataEndpoint.Host + "/32"}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "169.254.0.23/32"}}, // what dnspod.MetadataEndpoint resolves to
		},
	}
	for name, test := range map[string]struct {
		values string
		want   []networkingv1.NetworkPolicyEgressRule
	}{
		"by default":         {values: "ambient.credentials=all"},
		"where it is wanted": {values: "solver.networkPolicy.nodeMetadata=true", want: []networkingv1.NetworkPolicyEgressRule{node}},
	} {
		t.Run(name, func(t *testing.T) {
			egress := solverEgress(t, "--set", "solver.networkPolicy.enabled=true,"+test.values)
			if diff := cmp.Diff(test.want, egress[1:], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("egress beside that to any address (-want +got):\n%s", diff)
			}
		})
	}
}
