package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
)

func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	ctrl.SetLogger(logr.Discard())
	os.Exit(m.Run())
}

// apiServer is a real API server with the definitions that we have, and without any webhook.
type apiServer struct {
	client *http.Client
	host   string
}

func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS must name the directory of etcd and kube-apiserver (make tools)")
	}
	environment := &envtest.Environment{
		CRDDirectoryPaths: []string{
			filepath.Join(moduleFolder(t, "github.com/cert-manager/cert-manager"), "deploy", "crds"),
		},
		ErrorIfCRDPathMissing: true,
	}
	config, err := environment.Start()
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := environment.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	config.QPS = -1
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return &apiServer{client: client, host: strings.TrimSuffix(config.Host, "/")}
}

// creates has the API server create an object without storing it, as strictly as kubectl does. It returns the fields that are
// wrong, and what the API server says.
func (s *apiServer) creates(t *testing.T, kind *served, tree map[string]any) (fields []string, message string) {
	t.Helper()
	_, plural, _ := strings.Cut(kind.file, "_")
	namespace := ""
	if !kind.cluster {
		namespace = "namespaces/default/"
	}
	url := fmt.Sprintf("%s/apis/%s/%s%s?dryRun=All&fieldValidation=Strict", s.host, kind.apiVersion(), namespace, plural)
	body, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode == http.StatusCreated {
		return nil, ""
	}
	var status metav1.Status
	if err := json.Unmarshal(raw, &status); err != nil {
		t.Fatalf("%s: %s: %v", url, raw, err)
	}
	return wrongFields(&status), status.Message
}

var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	entry        = regexp.MustCompile(`^(metadata\.(?:labels|annotations))\[.*$`)
	index        = regexp.MustCompile(`\[([^]]*)\]`)
)

// dotted is a path without brackets around keys, as most of the API server's paths are.
func dotted(path string) string { return index.ReplaceAllString(path, ".$1") }

func wrongFields(status *metav1.Status) []string {
	var fields []string
	for _, match := range unknownField.FindAllStringSubmatch(status.Message, -1) {
		fields = append(fields, dotted(match[1]))
	}
	if status.Details != nil {
		for _, cause := range status.Details.Causes {
			if cause.Field != "" && cause.Field != "<nil>" {
				fields = append(fields, dotted(cause.Field))
			}
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// fieldsOf are the fields that the API server refuses, as far as we know. It looks at nothing more when there is an unknown
// field, and what cert-manager's webhook cannot read it does not see.
func fieldsOf(findings []rule.Finding) []string {
	var unknown, others []string
	for _, f := range findings {
		switch f.Rule {
		case rule.CMUnknownField:
			unknown = append(unknown, dotted(f.Field))
		case rule.CMUnreadable:
		default:
			// The API server does not say which label it is.
			others = append(others, dotted(entry.ReplaceAllString(f.Field, "$1")))
		}
	}
	if unknown != nil {
		others = unknown
	}
	slices.Sort(others)
	return slices.Compact(others)
}

// TestAgainstTheAPIServer shows a real API server the corpus, and what comes of it by changes at random.
func TestAgainstTheAPIServer(t *testing.T) {
	t.Parallel()
	server, validator := startAPIServer(t), New()
	objects := corpus(t)
	values := map[string][]any{}
	for _, o := range objects {
		gather(o, values)
	}
	random := rand.New(rand.NewPCG(1, 21))
	accepted, refused := 0, 0
	try := func(tree map[string]any) {
		kind, _ := validator.kindOf(tree)
		if kind == nil || kind.file == "" {
			return
		}
		inDefault(tree)
		findings, err := validator.Validate(t.Context(), tree)
		if err != nil {
			t.Fatal(err)
		}
		want, message := server.creates(t, kind, tree)
		got := fieldsOf(findings)
		if message == "" {
			accepted++
		} else {
			refused++
		}
		if diff := cmp.Diff(want, got); (message == "") != (len(got) == 0) || len(want) > 0 && diff != "" {
			t.Errorf("fields (-API server +ours):\n%s%s\n%v\n%s", diff, message, findings, yamlOf(t, tree))
		}
	}
	for _, o := range objects {
		try(o)
		for range 6 {
			changed, _ := plain(o).(map[string]any)
			for range 1 + random.IntN(2) {
				change(random, changed, values)
			}
			try(changed)
		}
		if t.Failed() && accepted+refused > 400 {
			break
		}
	}
	t.Logf("the API server accepts %d and refuses %d", accepted, refused)
	if accepted < 300 || refused < 300 {
		t.Errorf("the API server accepts %d and refuses %d, which tries too little", accepted, refused)
	}
}

// inDefault leaves out a namespace that could be there: the API server asks for it.
func inDefault(tree map[string]any) {
	metadata, _ := tree["metadata"].(map[string]any)
	if name, ok := metadata["namespace"].(string); ok && len(validation.IsDNS1123Label(name)) == 0 {
		delete(metadata, "namespace")
	}
}

// corpus are the objects of all cases.
func corpus(t testing.TB) []map[string]any {
	t.Helper()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	var objects []map[string]any
	for _, c := range all {
		for _, document := range c.Documents() {
			objects = append(objects, treeOf(t, document))
		}
	}
	return objects
}

func yamlOf(t testing.TB, tree any) []byte {
	t.Helper()
	raw, err := yaml.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// gather has the values of all objects by the names of their fields.
func gather(tree any, values map[string][]any) {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			values[key] = append(values[key], tree[key])
			gather(tree[key], values)
		}
	case []any:
		for _, item := range tree {
			gather(item, values)
		}
	}
}

// change changes one field of an object, or one item of a list in it.
func change(random *rand.Rand, tree map[string]any, values map[string][]any) {
	var changes []func()
	names := slices.Sorted(maps.Keys(values))
	var visit func(any)
	visit = func(tree any) {
		switch tree := tree.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(tree)) {
				if key == "apiVersion" || key == "kind" {
					continue
				}
				if known := values[key]; len(known) > 0 {
					changes = append(changes, func() { tree[key] = plain(known[random.IntN(len(known))]) })
				}
				changes = append(changes,
					func() { delete(tree, key) },
					func() { tree[key] = odd(random) },
					func() {
						name := names[random.IntN(len(names))]
						tree[name] = plain(values[name][random.IntN(len(values[name]))])
					})
				visit(tree[key])
			}
		case []any:
			for i := range tree {
				changes = append(changes, func() { tree[i] = odd(random) })
				visit(tree[i])
			}
		}
	}
	visit(tree)
	if len(changes) > 0 {
		changes[random.IntN(len(changes))]()
	}
}

func odd(random *rand.Rand) any {
	all := []any{
		"", "x", "Bad_Name!", "-a", "a.b/c", strings.Repeat("x", 300), "1h", "true", "12", int64(0), int64(-1), int64(7), int64(1) << 40, 1.5, true, nil,
		[]any{},
		[]any{"a", "a"},
		[]any{map[string]any{}},
		map[string]any{},
		map[string]any{"name": "a", "a/b.c": "d"},
		map[string]any{"a b": int64(1)},
	}
	return plain(all[random.IntN(len(all))])
}
