package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	ramRole    = "acs:ram::1234567890123456:role/certyun"
	otherRole  = "acs:ram::6543210987654321:role/dns"
	tokenFile  = "/var/run/secrets/certyun/alidns/token"
	ofSolver   = "system:serviceaccount:certyun:certyun-solver"
	theToken   = "the RRSA token of the solver's ServiceAccount"
	ofPod      = ", as seen in Pod certyun/certyun-solver-1"
	ofTemplate = ", as seen in Deployment certyun/certyun-solver"
)

// clusterIssuer puts a ClusterIssuer in the place of the Issuer.
func (s *scene) clusterIssuer(solver, config string) {
	remove[*cmapi.Issuer](s, "le")
	issuer := testIssuer("", "le", config)
	issuer.Spec.ACME.Solvers[0].DNS01.Webhook.SolverName = solver
	s.add(&cmapi.ClusterIssuer{ObjectMeta: issuer.ObjectMeta, Spec: issuer.Spec, Status: issuer.Status})
}

// solverArgs gives the solver more arguments.
func (s *scene) solverArgs(t *testing.T, args ...string) {
	t.Helper()
	container := &find[*appsv1.Deployment](t, s, "certyun-solver").Spec.Template.Spec.Containers[0]
	container.Args = append(container.Args, args...)
}

// certManagerArgs gives cert-manager's controller arguments.
func (s *scene) certManagerArgs(t *testing.T, args ...string) *corev1.PodSpec {
	t.Helper()
	pod := &find[*appsv1.Deployment](t, s, "cert-manager-controller").Spec.Template.Spec
	pod.Containers = []corev1.Container{{Args: args}}
	return pod
}

// settings gives it a file of settings as well.
func (s *scene) settings(t *testing.T, content string) {
	t.Helper()
	pod := s.certManagerArgs(t, "--config=/var/cert-manager/config/config.yaml")
	pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "config", MountPath: "/var/cert-manager/config"}}
	pod.Volumes = []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}},
	}}}
	s.add(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "cert-manager", Name: "settings"}, Data: map[string]string{"config.yaml": content}})
}

// environment are variables, names and values in turn.
func environment(pairs ...string) (env []corev1.EnvVar) {
	for pair := range slices.Chunk(pairs, 2) {
		env = append(env, corev1.EnvVar{Name: pair[0], Value: pair[1]})
	}
	return env
}

// rrsa are the variables of RRSA.
func rrsa() []corev1.EnvVar {
	return environment("ALIBABA_CLOUD_ROLE_ARN", ramRole, "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack", "ALIBABA_CLOUD_OIDC_TOKEN_FILE", tokenFile)
}

// template gives the solver's Pods variables.
func (s *scene) template(t *testing.T, env []corev1.EnvVar) {
	t.Helper()
	find[*appsv1.Deployment](t, s, "certyun-solver").Spec.Template.Spec.Containers[0].Env = env
}

// solverPod adds a Pod of the solver that runs, with another container before its own.
func (s *scene) solverPod(env ...corev1.EnvVar) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "certyun", Name: "certyun-solver-1", Labels: map[string]string{component: "solver"}, CreationTimestamp: metav1.NewTime(noon)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "mesh"}, {Name: "solver", Args: []string{"solver"}, Env: env}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	s.add(pod)
	return pod
}

// mount has the kubelet write a token to tokenFile.
func mount(pod *corev1.Pod, audience string) {
	pod.Spec.Containers[1].VolumeMounts = []corev1.VolumeMount{{Name: "other", MountPath: "/var/run/secrets/certyun/ali"}, {Name: "token", MountPath: "/var/run/secrets/certyun/alidns"}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "other"}, {Name: "token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: audience, Path: "token"}}},
	}}}}
}

// TestAmbient is about Issuers that name no Secret.
func TestAmbient(t *testing.T) {
	t.Parallel()
	const noSecret, listed = "the config names no Secret, and ", "--ambient-role-arns=acs:ram::6543210987654321:role/*,qcs::cam::uin/1:roleName/dns"
	tests := map[string]struct {
		arrange func(*testing.T, *scene)
		// identity is what the solver acts with.
		identity         string
		causes, warnings []string
		sentence         string
		notChecked       []string
	}{
		"the node's role": {
			func(_ *testing.T, s *scene) { s.solverPod(); s.clusterIssuer(alidnsName, `{}`) },
			"the RAM role of the solver's node" + ofPod, nil, nil, "", nil,
		},
		"the node's role, by its name": {
			func(t *testing.T, s *scene) {
				s.template(t, environment("ALIBABA_CLOUD_ECS_METADATA", "certyun"))
				s.clusterIssuer(alidnsAlias, `{}`)
			},
			"the RAM role of the solver's node (as the role certyun)" + ofTemplate, nil, nil, "", nil,
		},
		"the node's role at the other cloud, whatever the variables of the first": {
			func(t *testing.T, s *scene) { s.template(t, rrsa()); s.clusterIssuer(dnspodName, `{}`) },
			"the CAM role of the solver's node" + ofTemplate, nil, nil, "", nil,
		},
		"a role after the node's": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, listed)
				s.clusterIssuer(alidnsName, `{"roleArn":"`+otherRole+`"}`)
			},
			"the RAM role of the solver's node, then the role " + otherRole + ofTemplate, nil, nil, "", nil,
		},
		"a token that a webhook injected into the Pod": {
			func(_ *testing.T, s *scene) {
				pod := s.solverPod(rrsa()...)
				mount(pod, "sts.aliyuncs.com")
				older := s.solverPod()
				older.Name, older.CreationTimestamp = "certyun-solver-0", metav1.NewTime(noon.Add(-time.Hour))
				ends := s.solverPod()
				ends.Name, ends.CreationTimestamp.Time, ends.DeletionTimestamp, ends.Finalizers = "certyun-solver-2", noon.Add(time.Hour), new(metav1.NewTime(noon)), []string{"a/b"}
				s.waitingPod("solver", corev1.ContainerStateWaiting{}).CreationTimestamp.Time = noon.Add(time.Hour)
				s.clusterIssuer(alidnsName, `{}`)
			},
			theToken + " (" + ofSolver + ", for the audience sts.aliyuncs.com, by the OIDC provider acs:ram::1:oidc-provider/ack, as the role " + ramRole + ")" + ofPod, nil, nil, "", nil,
		},
		"a role that the token assumes by itself": {
			func(t *testing.T, s *scene) {
				mount(s.solverPod(rrsa()...), "")
				s.solverArgs(t, listed)
				s.clusterIssuer(alidnsName, `{"roleArn":"`+otherRole+`"}`)
			},
			theToken + " (" + ofSolver + ", for the audience of the API server, by the OIDC provider acs:ram::1:oidc-provider/ack, as the role " + otherRole + ")" + ofPod, nil, nil, "", nil,
		},
		"a role by way of the first": {
			func(t *testing.T, s *scene) {
				mount(s.solverPod(rrsa()...), "sts.aliyuncs.com")
				s.solverArgs(t, listed)
				s.clusterIssuer(alidnsName, `{"roleArn":"`+otherRole+`","roleChain":true}`)
			},
			theToken + " (" + ofSolver + ", for the audience sts.aliyuncs.com, by the OIDC provider acs:ram::1:oidc-provider/ack, as the role " + ramRole + "), then the role " + otherRole + ofPod,
			nil, nil, "", nil,
		},
		"keys in the environment, written elsewhere": {
			func(_ *testing.T, s *scene) {
				s.solverPod(
					corev1.EnvVar{Name: "TENCENTCLOUD_SECRET_ID", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "ids"}}}},
					corev1.EnvVar{Name: "TENCENTCLOUD_SECRET_KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "cam"}}}},
				)
				s.clusterIssuer(dnspodName, `{}`)
			},
			"the key in the solver's environment (TENCENTCLOUD_SECRET_ID from the ConfigMap ids, TENCENTCLOUD_SECRET_KEY from the Secret cam)" + ofPod, nil, nil, "", nil,
		},
		"keys in the environment, of which nothing is shown": {
			func(_ *testing.T, s *scene) {
				s.solverPod(environment("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI5tExampleExample1234", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "averysecretsecret")...)
				s.clusterIssuer(alidnsName, `{}`)
			},
			"the AccessKey in the solver's environment" + ofPod, nil, nil, "", nil,
		},
		"a credentials URI, of which nothing is shown": {
			func(_ *testing.T, s *scene) {
				s.solverPod(environment("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:6666/averysecretsecret")...)
				s.clusterIssuer(alidnsName, `{}`)
			},
			"the credentials URI in the solver's environment" + ofPod, nil, nil, "", nil,
		},
		"nobody may see Pods": {
			func(t *testing.T, s *scene) {
				s.solverPod(rrsa()...)
				s.forbidden = []string{"pods"}
				s.clusterIssuer(alidnsName, `{}`)
			},
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "",
			[]string{"pods in certyun (may not list pods in certyun)"},
		},
		"nobody may see Deployments": {
			func(_ *testing.T, s *scene) { s.forbidden = []string{"deployments"}; s.clusterIssuer(alidnsName, `{}`) },
			"", nil, nil, "",
			[]string{
				"deployments (may not list deployments in all namespaces)", "deployments in cert-manager (may not list deployments in cert-manager)", "deployments in certyun (may not list deployments in certyun)",
				"whether ClusterIssuer le may use ambient credentials, and which (the solver's Deployment cannot be seen)",
			},
		},
		"cert-manager cannot be seen": {
			func(_ *testing.T, s *scene) {
				remove[*appsv1.Deployment](s, "cert-manager-controller")
				s.clusterIssuer(alidnsName, `{}`)
			},
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "",
			[]string{"whether cert-manager lets ClusterIssuer le use ambient credentials (its Deployment, or its file of settings, cannot be seen)"},
		},
		"the clouds are asked": {
			func(_ *testing.T, s *scene) {
				s.options.Provider, s.accounts = true, zonesOf{}
				s.clusterIssuer(alidnsName, `{}`)
			},
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "",
			[]string{"the account of ClusterIssuer le (it is the solver's own; ask it where it runs)"},
		},
		"an Issuer in a namespace": {
			func(t *testing.T, s *scene) {
				s.certManagerArgs(t, "--issuer-ambient-credentials")
				s.issuerSays(t, `{}`)
			},
			"",
			[]string{"ambient-not-allowed"},
			nil,
			"The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: --ambient-credentials allows an Issuer in this namespace no ambient credentials.", nil,
		},
		"an Issuer in a namespace, which only the solver allows": {
			func(t *testing.T, s *scene) { s.solverArgs(t, "--ambient-credentials=all"); s.issuerSays(t, `{}`) },
			"",
			[]string{"ambient-not-allowed"},
			nil,
			"The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: cert-manager does not allow the Issuer ambient credentials.", nil,
		},
		"an Issuer in a namespace, which both allow": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, "--ambient-credentials=none", "--ambient-credentials=all")
				s.certManagerArgs(t, "--issuer-ambient-credentials=true")
				s.issuerSays(t, `{}`)
			},
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "", nil,
		},
		"an Issuer in a namespace, which cert-manager's file allows": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, "--ambient-credentials=all")
				s.settings(t, "issuerAmbientCredentials: true\n")
				s.issuerSays(t, `{}`)
			},
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "", nil,
		},
		"cert-manager's file cannot be read": {
			func(t *testing.T, s *scene) { s.settings(t, "a: b: c"); s.clusterIssuer(alidnsName, `{}`) },
			"the RAM role of the solver's node" + ofTemplate, nil, nil, "",
			[]string{"whether cert-manager lets ClusterIssuer le use ambient credentials (its Deployment, or its file of settings, cannot be seen)"},
		},
		"a ClusterIssuer, which cert-manager's file does not allow": {
			func(t *testing.T, s *scene) {
				s.settings(t, "clusterIssuerAmbientCredentials: false\n")
				s.clusterIssuer(alidnsName, `{}`)
			},
			"",
			[]string{"ambient-not-allowed"},
			nil,
			"The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: cert-manager does not allow the Issuer ambient credentials.", nil,
		},
		"a ClusterIssuer, which cert-manager does not allow": {
			func(t *testing.T, s *scene) {
				s.certManagerArgs(t, "--cluster-issuer-ambient-credentials=false")
				s.clusterIssuer(alidnsName, `{}`)
			},
			"",
			[]string{"ambient-not-allowed"},
			nil,
			"The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: cert-manager does not allow the Issuer ambient credentials.", nil,
		},
		"nobody is allowed": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, "--ambient-credentials=none")
				s.clusterIssuer(alidnsName, `{}`)
			},
			"",
			[]string{"ambient-not-allowed"},
			nil,
			"The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: --ambient-credentials allows no ambient credentials.", nil,
		},
		"a word that the solver does not know": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, "--ambient-credentials=some")
				s.clusterIssuer(alidnsName, `{}`)
			},
			"", nil, nil, "",
			[]string{`whether ClusterIssuer le may use ambient credentials (--ambient-credentials "some" must be one of cluster-issuers, all, none)`},
		},
		"a role that is not listed": {
			func(t *testing.T, s *scene) {
				s.solverArgs(t, listed)
				s.clusterIssuer(alidnsName, `{"roleArn":"`+ramRole+`"}`)
			},
			"",
			[]string{"ambient-role-not-listed"},
			nil, "The role " + ramRole + " is none of those that the operator lets Issuers assume with the solver's own credentials.", nil,
		},
		"a token that is not mounted": {
			func(_ *testing.T, s *scene) { s.solverPod(rrsa()...); s.clusterIssuer(alidnsName, `{}`) },
			"",
			[]string{"token-not-mounted"},
			nil, "The solver's Pod has no token of its ServiceAccount at " + tokenFile + " that can be read.", nil,
		},
		"a token that the template does not mount, and perhaps a webhook": {
			func(t *testing.T, s *scene) { s.template(t, rrsa()); s.clusterIssuer(alidnsName, `{}`) },
			"", nil,
			[]string{"token-not-mounted"},
			"The solver's Pod has no token of its ServiceAccount at " + tokenFile + " that can be read.", nil,
		},
		"a variable that is not set": {
			func(_ *testing.T, s *scene) { s.solverPod(rrsa()[1:]...); s.clusterIssuer(alidnsName, `{}`) },
			"",
			[]string{"no-ambient-identity"},
			nil,
			"The config of the Issuer's solver names no Secret, and the solver's Pod and node give it no credentials: the variable ALIBABA_CLOUD_ROLE_ARN is not set in the solver's environment.", nil,
		},
		"a variable that may come from a whole Secret": {
			func(_ *testing.T, s *scene) {
				s.solverPod(rrsa()[1:]...).Spec.Containers[1].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{}}}
				s.clusterIssuer(alidnsName, `{}`)
			},
			"", nil,
			[]string{"no-ambient-identity"},
			"The config of the Issuer's solver names no Secret, and the solver's Pod and node give it no credentials: the variable ALIBABA_CLOUD_ROLE_ARN is not set in the solver's environment.",
			[]string{"what Pod certyun/certyun-solver-1 has in its environment from whole Secrets and ConfigMaps (envFrom)"},
		},
		"the node's role is turned off": {
			func(_ *testing.T, s *scene) {
				s.solverPod(environment("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")...)
				s.clusterIssuer(alidnsName, `{}`)
			},
			"",
			[]string{"no-ambient-identity"},
			nil,
			"The config of the Issuer's solver names no Secret, and the solver's Pod and node give it no credentials: there are no ambient credentials: the variable ALIBABA_CLOUD_ECS_METADATA_DISABLED turns the node's off.", nil,
		},
		"a role after the keys in a Secret": {
			func(t *testing.T, s *scene) {
				s.issuerSays(t, `{"accessKeyIdRef":{"name":"alidns","key":"id"},"accessKeySecretRef":{"name":"alidns","key":"secret"},"roleArn":"`+otherRole+`"}`)
			},
			"the keys in the Secret shop/alidns, then the role " + otherRole, nil, nil, "", nil,
		},
		"keys in two Secrets, which the user may not see": {
			func(t *testing.T, s *scene) {
				s.forbidden = []string{"secrets"}
				s.issuerSays(t, `{"accessKeyIdRef":{"name":"a","key":"id"},"accessKeySecretRef":{"name":"b","key":"secret"}}`)
			},
			"the keys in the Secret shop/a and the Secret shop/b", nil, nil, "",
			[]string{"secret a in shop (may not get secrets a in shop)", "secret b in shop (may not get secrets b in shop)"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := healthy(t)
			test.arrange(t, s)
			namespace := "shop"
			if slices.ContainsFunc(s.objects, isClusterIssuer) {
				namespace = ""
			}
			found, err := s.doctor(t).Issuer(t.Context(), namespace, "le")
			if err != nil {
				t.Fatal(err)
			}
			checkFilled(t, found)
			identity, sentence := "", ""
			for _, check := range found.Checks {
				if _, after, is := strings.Cut(check.Text, " acts with "); is {
					identity += after
				}
				if strings.Contains(check.Text, "averysecretsecret") || strings.Contains(check.Text, "LTAI5t") {
					t.Errorf("it shows a key: %s", check.Text)
				}
			}
			for _, f := range append(found.Causes, found.Warnings...) {
				sentence += f.Sentence
			}
			if diff := cmp.Diff([]string{test.identity, test.sentence}, []string{identity, sentence}); diff != "" {
				t.Errorf("identity and sentence (-want +got):\n%s", diff)
			}
			want, got := [][]string{test.causes, test.warnings, test.notChecked}, [][]string{ids(found.Causes), ids(found.Warnings), slices.Concat(found.NotChecked)}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("causes, warnings and not checked (-want +got):\n%s", diff)
			}
		})
	}
}

// issuerSays gives the Issuer another config.
func (s *scene) issuerSays(t *testing.T, config string) {
	t.Helper()
	find[*cmapi.Issuer](t, s, "le").Spec.ACME.Solvers[0].DNS01.Webhook.Config.Raw = []byte(config)
}

func isClusterIssuer(object client.Object) bool {
	_, ok := object.(*cmapi.ClusterIssuer)
	return ok
}
