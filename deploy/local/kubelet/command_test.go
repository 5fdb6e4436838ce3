package kubelet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
)

func TestExpand(t *testing.T) {
	env := environment{{"A", "one"}, {"A", "two"}, {"EMPTY", ""}}
	for name, test := range map[string]struct{ text, want string }{
		"a variable becomes its last value":     {"x=$(A);", "x=two;"},
		"an empty variable becomes nothing":     {"[$(EMPTY)]", "[]"},
		"an unknown variable stays":             {"$(B)", "$(B)"},
		"two dollar signs are one":              {"$$(A) $$$$", "$(A) $$"},
		"a lone dollar sign stays":              {"a$b $", "a$b $"},
		"a bracket that is not closed stays":    {"$(A", "$(A"},
		"what a variable holds is not expanded": {"$(A)$(A)", "twotwo"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := expand(test.text, env); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTranslate(t *testing.T) {
	where := place{
		mounts: map[string]string{"/etc/tls": "/real/tls", "/etc/tls/extra": "/real/extra", "/etc": "/real/etc"},
		ports:  map[int32]int{8443: 41000, 80: 42000},
	}
	for name, test := range map[string]struct{ text, want string }{
		"a file below a mount":                   {"--cert=/etc/tls/tls.crt", "--cert=/real/tls/tls.crt"},
		"the mount itself":                       {"/etc/tls", "/real/tls"},
		"the deepest mount decides":              {"/etc/tls/extra/a", "/real/extra/a"},
		"several paths":                          {"/etc/tls/a:/etc/b,/etc/tls/extra", "/real/tls/a:/real/etc/b,/real/extra"},
		"a longer name is another path":          {"/etc/tlsx", "/real/etc/tlsx"},
		"a path inside another path stays":       {"/opt/etc/tls", "/opt/etc/tls"},
		"a port of a flag":                       {"--secure-port=8443", "--secure-port=41000"},
		"a port of an address":                   {"--listen=127.0.0.1:80", "--listen=127.0.0.1:42000"},
		"a port alone":                           {"8443", "41000"},
		"a number that is no port stays":         {"--timeout=8444", "--timeout=8444"},
		"a port in the middle of a number stays": {"--id=184430", "--id=184430"},
		"a port in a URL's path stays":           {"http://127.0.0.1:9/8443/x", "http://127.0.0.1:9/8443/x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := where.translate(test.text); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestHostPort(t *testing.T) {
	container := &corev1.Container{Ports: []corev1.ContainerPort{{Name: "https", ContainerPort: 8443}, {ContainerPort: 80}}}
	where := place{ports: map[int32]int{8443: 41000, 80: 42000}}
	for name, test := range map[string]struct {
		port intstr.IntOrString
		want int
		ok   bool
	}{
		"by name":                 {intstr.FromString("https"), 41000, true},
		"by number":               {intstr.FromInt32(80), 42000, true},
		"an unknown name":         {intstr.FromString("http"), 0, false},
		"an undeclared number":    {intstr.FromInt32(81), 0, false},
		"an empty name is no one": {intstr.FromString("https2"), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := where.hostPort(container, test.port); got != test.want || ok != test.ok {
				t.Errorf("got %d, %t, want %d, %t", got, ok, test.want, test.ok)
			}
		})
	}
}

func TestResolveEnvironment(t *testing.T) {
	objects := fake.NewClientset(
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "secret"}, Data: map[string][]byte{"key": []byte("word")}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "config"}, Data: map[string]string{"B": "2", "A": "1"}},
	)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: "pod", UID: "uid", Labels: map[string]string{"app": "x"}, Annotations: map[string]string{"note": "y"},
	}}
	optional := true
	secretKey := func(name, key string, optional *bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: name}, Key: key, Optional: optional,
		}}
	}
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	for name, test := range map[string]struct {
		container corev1.Container
		want      environment
		fails     bool
	}{
		"plain values refer to earlier ones": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)$(C)"}, {Name: "C", Value: "3"}}},
			want:      environment{{"BASE", "0"}, {"A", "1"}, {"B", "1$(C)"}, {"C", "3"}},
		},
		"a whole ConfigMap, in order and with a prefix": {
			container: corev1.Container{EnvFrom: []corev1.EnvFromSource{{Prefix: "P_", ConfigMapRef: &corev1.ConfigMapEnvSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "config"},
			}}}},
			want: environment{{"BASE", "0"}, {"P_A", "1"}, {"P_B", "2"}},
		},
		"a key of a Secret": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "S", ValueFrom: secretKey("secret", "key", nil)}}},
			want:      environment{{"BASE", "0"}, {"S", "word"}},
		},
		"a missing key is an error": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "S", ValueFrom: secretKey("secret", "other", nil)}}}, fails: true,
		},
		"a missing Secret is an error": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "S", ValueFrom: secretKey("other", "key", nil)}}}, fails: true,
		},
		"what is optional and missing is left out": {
			container: corev1.Container{Env: []corev1.EnvVar{
				{Name: "S", ValueFrom: secretKey("secret", "other", &optional)}, {Name: "T", ValueFrom: secretKey("other", "key", &optional)},
			}},
			want: environment{{"BASE", "0"}},
		},
		"fields of the Pod": {
			container: corev1.Container{Env: []corev1.EnvVar{
				{Name: "NAME", ValueFrom: field("metadata.name")},
				{Name: "NAMESPACE", ValueFrom: field("metadata.namespace")},
				{Name: "LABEL", ValueFrom: field("metadata.labels['app']")},
				{Name: "NOTE", ValueFrom: field("metadata.annotations['note']")},
			}},
			want: environment{{"BASE", "0"}, {"NAME", "pod"}, {"NAMESPACE", "ns"}, {"LABEL", "x"}, {"NOTE", "y"}},
		},
		"an unknown field is an error": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "X", ValueFrom: field("spec.hostname")}}}, fails: true,
		},
		"a limit, rounded up": {
			container: corev1.Container{
				Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1500m")}},
				Env: []corev1.EnvVar{{Name: "CPU", ValueFrom: &corev1.EnvVarSource{
					ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"},
				}}},
			},
			want: environment{{"BASE", "0"}, {"CPU", "2"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := resolveEnvironment(t.Context(), objects, pod, &test.container, environment{{"BASE", "0"}})
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t", err, test.fails)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(variable{})); diff != "" {
				t.Errorf("environment (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	image := Image{Entrypoint: "/certyun", Program: "/real/certyun", Args: map[string][]string{"solver": {"--kubeconfig=$(KUBECONFIG)"}}}
	env := environment{{"KUBECONFIG", "/real/kubeconfig"}}
	where := place{mounts: map[string]string{"/tls": "/real/tls"}, ports: map[int32]int{8443: 41000}}
	for name, test := range map[string]struct {
		container corev1.Container
		want      []string
		fails     bool
	}{
		"arguments follow the image's program": {
			container: corev1.Container{Args: []string{"solver", "--secure-port=8443", "--cert=/tls/crt"}},
			want:      []string{"/real/certyun", "solver", "--secure-port=41000", "--cert=/real/tls/crt", "--kubeconfig=/real/kubeconfig"},
		},
		"a command names the program by its path": {
			container: corev1.Container{Command: []string{"/certyun", "solver"}, Args: []string{"-v=2"}},
			want:      []string{"/real/certyun", "solver", "-v=2", "--kubeconfig=/real/kubeconfig"},
		},
		"a command names the program by its name": {
			container: corev1.Container{Command: []string{"certyun"}},
			want:      []string{"/real/certyun"},
		},
		"another subcommand gets what is its own": {
			container: corev1.Container{Args: []string{"version"}}, want: []string{"/real/certyun", "version"},
		},
		"there is no shell": {container: corev1.Container{Command: []string{"/bin/sh", "-c", "certyun"}}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			program, args, err := commandLine(image, &test.container, env, where)
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t", err, test.fails)
			}
			if test.fails {
				return
			}
			if diff := cmp.Diff(test.want, append([]string{program}, args...)); diff != "" {
				t.Errorf("command line (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImage(t *testing.T) {
	k := &Kubelet{options: Options{Images: map[string]Image{"registry.example:5000/certyun": {Program: "/real"}}}}
	for name, test := range map[string]struct {
		reference string
		known     bool
	}{
		"with a tag":         {"registry.example:5000/certyun:v1", true},
		"with a digest":      {"registry.example:5000/certyun@sha256:00", true},
		"with both":          {"registry.example:5000/certyun:v1@sha256:00", true},
		"with neither":       {"registry.example:5000/certyun", true},
		"another repository": {"registry.example:5000/other:v1", false},
		"another registry":   {"certyun:v1", false},
	} {
		t.Run(name, func(t *testing.T) {
			image, err := k.image(test.reference)
			if (err == nil) != test.known || test.known && image.Program != "/real" {
				t.Errorf("got %v, %v", image, err)
			}
		})
	}
}
