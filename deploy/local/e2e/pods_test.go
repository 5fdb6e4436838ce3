package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The actor is this test program in the place of a container: it serves what it sees of its world.
const (
	actorRole  = "E2E_ACTOR"
	actorImage = "registry.example/e2e/actor"
)

// sight is what the actor sees.
type sight struct {
	Args  []string
	Env   map[string]string
	Files map[string]string
}

// act serves /see until it is told to stop, which it does in its own time: it says so in a file that outlives it.
func act() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var ready atomic.Bool
	ready.Store(true)
	mux := http.NewServeMux()
	mux.HandleFunc("/see", func(w http.ResponseWriter, r *http.Request) {
		s := sight{Args: os.Args[1:], Env: map[string]string{}, Files: map[string]string{}}
		for _, name := range r.URL.Query()["env"] {
			s.Env[name] = os.Getenv(name)
		}
		for _, name := range r.URL.Query()["file"] {
			data, err := os.ReadFile(os.Getenv("FILES") + "/" + name)
			s.Files[name] = string(data)
			if err != nil {
				s.Files[name] = err.Error()
			}
		}
		_ = json.NewEncoder(w).Encode(s)
	})
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/unready", func(http.ResponseWriter, *http.Request) { ready.Store(false) })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		time.Sleep(500 * time.Millisecond)
		_ = os.WriteFile(os.Getenv("FAREWELL"), []byte("farewell"), 0o644)
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (s *suite) pods(t *testing.T) {
	namespace := s.namespace(t, "pods")
	port, err := s.Cluster.Kubelet.ReservePort(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	farewell := t.TempDir() + "/farewell"
	s.create(t,
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "secret"}, StringData: map[string]string{"word": "first"}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "config"}, Data: map[string]string{"key": "value"}},
		actorService(namespace, int32(port)),
		actorDeployment(namespace, farewell),
	)
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	s.eventually(t, func() error { return s.replicas(t, namespace, 2) })
	s.actorSees(t, base)
	s.secretChanges(t, namespace, base)
	s.crash(t, namespace, base)
	s.unready(t, namespace, base)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "actor"}}
	s.delete(t, deployment)
	s.eventually(t, func() error {
		_, err := os.Stat(farewell)
		return err
	})
	s.eventually(t, func() error {
		var pods corev1.PodList
		if err := s.Client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			return err
		}
		if len(pods.Items) > 0 {
			return fmt.Errorf("%d Pods are still there", len(pods.Items))
		}
		return nil
	})
}

// actorSees compares what the actor sees with what its Pod says.
func (s *suite) actorSees(t *testing.T, base string) {
	t.Helper()
	got := s.lookAt(t, base, "?env=NAME&env=WORD&env=GREETING&env=MEMORY&file=secret/word&file=config/nested/key&file=about/labels&file=token/namespace")
	if !strings.HasPrefix(got.Env["NAME"], "actor-") {
		t.Errorf("the Pod's name is %q", got.Env["NAME"])
	}
	delete(got.Env, "NAME")
	want := sight{
		Args: []string{"--greeting=hello first"},
		Env:  map[string]string{"WORD": "first", "GREETING": "hello first", "MEMORY": "64"},
		Files: map[string]string{
			"secret/word": "first", "config/nested/key": "value", "token/namespace": "pods",
			"about/labels": got.Files["about/labels"],
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the actor sees (-want +got):\n%s", diff)
	}
	if !strings.Contains(got.Files["about/labels"], `app="actor"`) {
		t.Errorf("labels are %q", got.Files["about/labels"])
	}
}

func (s *suite) secretChanges(t *testing.T, namespace, base string) {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "secret"}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"stringData":{"word":"second"}}`))
	if err := s.Client.Patch(t.Context(), secret, patch); err != nil {
		t.Fatal(err)
	}
	for range 2 { // both replicas, which the Service asks in turn
		s.eventually(t, func() error {
			got, err := look(t.Context(), base, "?file=secret/word")
			if err != nil {
				return err
			}
			if got.Files["secret/word"] != "second" {
				return fmt.Errorf("the file says %q", got.Files["secret/word"])
			}
			return nil
		})
	}
}

// crash ends one replica's process: it must be counted and started again.
func (s *suite) crash(t *testing.T, namespace, base string) {
	t.Helper()
	if _, err := get(t.Context(), base+"/crash"); err == nil {
		t.Error("a crashed process answered")
	}
	s.eventually(t, func() error {
		var pods corev1.PodList
		if err := s.Client.List(t.Context(), &pods, client.InNamespace(namespace)); err != nil {
			return err
		}
		for _, pod := range pods.Items {
			for _, status := range pod.Status.ContainerStatuses {
				last := status.LastTerminationState.Terminated
				if status.RestartCount == 1 && last != nil && last.ExitCode == 3 {
					return nil
				}
			}
		}
		return errors.New("no restart is reported")
	})
	s.eventually(t, func() error { return s.replicas(t, namespace, 2) })
}

// unready makes one replica unready: it must be out of the Service.
func (s *suite) unready(t *testing.T, namespace, base string) {
	t.Helper()
	if _, err := get(t.Context(), base+"/unready"); err != nil {
		t.Fatal(err)
	}
	s.eventually(t, func() error { return s.replicas(t, namespace, 1) })
	names := map[string]bool{}
	for range 4 {
		names[s.lookAt(t, base, "?env=NAME").Env["NAME"]] = true
	}
	if len(names) != 1 {
		t.Errorf("Pods that answer beside an unready one: %v", names)
	}
}

// replicas says whether so many replicas are ready.
func (s *suite) replicas(t *testing.T, namespace string, want int32) error {
	var deployment appsv1.Deployment
	if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "actor"}, &deployment); err != nil {
		return err
	}
	if deployment.Status.ReadyReplicas != want {
		return fmt.Errorf("%d replicas are ready, want %d", deployment.Status.ReadyReplicas, want)
	}
	return nil
}

// lookAt looks until somebody answers: the Service may know of a Pod a moment after the Deployment does.
func (s *suite) lookAt(t *testing.T, base, query string) (got sight) {
	t.Helper()
	s.eventually(t, func() (err error) {
		got, err = look(t.Context(), base, query)
		return err
	})
	return got
}

func look(ctx context.Context, base, query string) (sight, error) {
	text, err := get(ctx, base+"/see"+query)
	if err != nil {
		return sight{}, err
	}
	var s sight
	return s, json.Unmarshal(text, &s)
}

// get asks with a connection of its own, so that the Service may choose another Pod each time.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func actorService(namespace string, port int32) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "actor"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "actor"},
			Ports:    []corev1.ServicePort{{Port: port, TargetPort: intstr.FromString("http")}},
		},
	}
}

func actorDeployment(namespace, farewell string) *appsv1.Deployment {
	labels := map[string]string{"app": "actor"}
	replicas := int32(2)
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP}},
		PeriodSeconds: 1, FailureThreshold: 1,
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "actor"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{
						Name: "actor", Image: actorImage + ":v1@sha256:" + strings.Repeat("0", 64),
						Command: []string{"/actor"}, Args: []string{"--greeting=$(GREETING)"},
						Env:            actorEnvironment(farewell),
						Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
						ReadinessProbe: probe,
						Resources: corev1.ResourceRequirements{
							Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
						},
						VolumeMounts: []corev1.VolumeMount{{Name: "files", MountPath: "/var/files"}},
					}},
					Volumes: []corev1.Volume{{Name: "files", VolumeSource: corev1.VolumeSource{Projected: actorFiles()}}},
				},
			},
		},
	}
}

func actorEnvironment(farewell string) []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: actorRole, Value: "1"},
		{Name: "FAREWELL", Value: farewell},
		{Name: "PORT", Value: "8080"},
		{Name: "FILES", Value: "/var/files"},
		{Name: "NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
		{Name: "WORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "secret"}, Key: "word",
		}}},
		{Name: "GREETING", Value: "hello $(WORD)"},
		{Name: "MEMORY", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{
			Resource: "limits.memory", Divisor: resource.MustParse("1Mi"),
		}}},
	}
}

func actorFiles() *corev1.ProjectedVolumeSource {
	return &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{Secret: &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "secret"},
			Items:                []corev1.KeyToPath{{Key: "word", Path: "secret/word"}},
		}},
		{ConfigMap: &corev1.ConfigMapProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: "config"},
			Items:                []corev1.KeyToPath{{Key: "key", Path: "config/nested/key"}},
		}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "about/labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
			{Path: "token/namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}},
		}}},
	}}
}
