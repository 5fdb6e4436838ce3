package e2e

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// solverKilled kills both replicas between Present and CleanUp, so that nobody remembers the record's id, while DNSPod's
// lists do not show the new record yet.
func (s *suite) solverKilled(t *testing.T) {
	const lag = 10 * time.Second
	s.World.DNSPod.Change(func(settings *cloud.Settings) { settings.ListLag = lag })
	defer s.World.DNSPod.Change(func(settings *cloud.Settings) { settings.ListLag = 0 })
	for _, provider := range providers() {
		zone := provider.SolverName + "-killed.example"
		account := s.account(t, provider, "killed", zone)
		account.Wait = pendingFor
		name := "killed-" + provider.SolverName
		issuer := s.issuer(t, "", name, account)
		namespace := s.namespace(t, name)
		s.create(t, stage.Certificate(namespace, "web", issuer, zone, "*."+zone))
		s.expectPresented(t, provider, namespace, zone)
	}
	killed, err := s.Cluster.Kubelet.Kill(stage.Namespace, labels.SelectorFromSet(labels.Set{"app.kubernetes.io/component": "solver"}))
	if err != nil {
		t.Fatal(err)
	}
	if killed != 2 {
		t.Errorf("%d replicas were killed, want 2", killed)
	}
	for _, provider := range providers() {
		zone := provider.SolverName + "-killed.example"
		s.expectIssued(t, "killed-"+provider.SolverName, "web", zone, "*."+zone)
	}
}

// callers tries the solver's API with a token of an ordinary ServiceAccount, with cert-manager's, and without any.
func (s *suite) callers(t *testing.T) {
	tests := map[string]struct {
		namespace, serviceAccount string
		allowed                   bool
	}{
		"an ordinary ServiceAccount may not":     {namespace: metav1.NamespaceDefault, serviceAccount: "default"},
		"the CA injector may not":                {namespace: certmanager.Namespace, serviceAccount: certmanager.InjectorServiceAccount},
		"the solver itself may not":              {namespace: stage.Namespace, serviceAccount: "certyun-solver"},
		"cert-manager's controller may":          {namespace: certmanager.Namespace, serviceAccount: certmanager.ServiceAccount, allowed: true},
		"one who does not say who he is may not": {},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, resource := range []string{"alidns", "alidns-solver", "dnspod"} {
				answer, err := s.call(t, test.namespace, test.serviceAccount, resource)
				switch {
				case test.allowed && err != nil:
					t.Errorf("%s: %v", resource, err)
				case test.allowed && !strings.Contains(answer, "nonsense"):
					t.Errorf("%s: the solver did not answer: %s", resource, answer)
				case !test.allowed && !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err):
					t.Errorf("%s: not refused: %s, %v", resource, answer, err)
				}
			}
		})
	}
}

// call posts a challenge whose config no solver takes, so nothing happens even when it is let in.
func (s *suite) call(t *testing.T, namespace, serviceAccount, resource string) (string, error) {
	t.Helper()
	config := rest.AnonymousClientConfig(s.Cluster.Config)
	if serviceAccount != "" {
		token, err := s.Cluster.Client.CoreV1().ServiceAccounts(namespace).
			CreateToken(t.Context(), serviceAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		config.BearerToken = token.Status.Token
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(map[string]any{
		"apiVersion": "webhook.acme.cert-manager.io/v1alpha1", "kind": "ChallengePayload",
		"request": map[string]any{
			"uid": "e2e", "action": "Present", "type": "dns-01", "dnsName": "nobody.example", "key": "none",
			"resourceNamespace": metav1.NamespaceDefault, "resolvedFQDN": "_acme-challenge.nobody.example.",
			"resolvedZone": "nobody.example.", "config": map[string]any{"nonsense": true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.RESTClient().Post().AbsPath("/apis/"+stage.GroupName+"/v1alpha1/"+resource).
		SetHeader("Content-Type", "application/json").Body(payload).DoRaw(t.Context())
	return string(answer), err
}

func (s *suite) discovery(t *testing.T) {
	resources, err := s.Cluster.Client.Discovery().ServerResourcesForGroupVersion(stage.GroupName + "/v1alpha1")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, resource := range resources.APIResources {
		names = append(names, resource.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff([]string{"alidns", "alidns-solver", "dnspod"}, names); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
	for _, path := range []string{"/openapi/v2", "/openapi/v3/apis/" + stage.GroupName + "/v1alpha1"} {
		s.eventually(t, func() error {
			text, err := s.Cluster.Client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(t.Context())
			if err != nil {
				return err
			}
			for _, name := range names {
				if !strings.Contains(string(text), "/apis/"+stage.GroupName+"/v1alpha1/"+name) {
					return &fs.PathError{Op: "look for " + name + " in", Path: path, Err: fs.ErrNotExist}
				}
			}
			return nil
		})
	}
}

// webToken is a JSON Web Token: a header, what it says, and a signature.
var webToken = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}`)

// logsHoldNoKey searches all that was logged, and all events and challenges, for the keys of all accounts and for tokens.
func (s *suite) logsHoldNoKey(t *testing.T) {
	texts := map[string]string{}
	logs := os.DirFS(s.Cluster.Logs())
	err := fs.WalkDir(logs, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(logs, path)
		texts[entry.Name()] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	events, err := s.Cluster.Client.CoreV1().Events(corev1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range events.Items {
		texts["events"] += event.Message + "\n"
	}
	solvers := 0
	for name := range texts {
		if strings.HasPrefix(name, stage.Namespace+"_") {
			solvers++
		}
	}
	if solvers < 2 || texts["events"] == "" {
		t.Fatalf("there is too little to search: %d logs of the solver, %d bytes of events", solvers, len(texts["events"]))
	}
	for name, text := range texts {
		if token := webToken.FindString(text); token != "" {
			t.Errorf("%s holds a token of a ServiceAccount, which begins with %.20s", name, token)
		}
		for _, provider := range providers() {
			for _, key := range s.Endpoint(provider).Keys() {
				for what, part := range map[string]string{"secret": key.Secret, "id": key.ID, "token": key.Token} {
					if part != "" && strings.Contains(text, part) {
						t.Errorf("%s holds the %s of a key at %s", name, what, provider.Title)
					}
				}
			}
		}
	}
}
