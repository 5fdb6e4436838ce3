package charts

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/webhook"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

// The entries of the webhook configuration.
const (
	validates   = "validate.certyun.internal"
	deletes     = "delete.certyun.internal"
	annotations = "annotations.certyun.internal"
)

const (
	somebody    = "kubernetes-admin"
	certManager = "system:serviceaccount:cert-manager:cert-manager"
)

// asked is a request about which the API server may ask the webhook. An empty object or old object is not there.
type asked struct {
	entry       string
	operation   admission.Operation
	user        string
	object, old string
}

const certificate = `
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: web
  namespace: team-a
  labels: {app: web}
  annotations: {example.org/note: one, certyun.internal/skip: renewal-window-zero}
spec: {secretName: web-tls, dnsNames: [example.org], issuerRef: {name: le}}
`

const ingress = `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: team-a
  annotations: {cert-manager.io/cluster-issuer: le}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
`

const clusterIssuer = `
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: le}
spec: {selfSigned: {}}
`

// with replaces parts of a manifest, of which each is there once.
func with(manifest string, pairs ...string) string {
	for pair := range slices.Chunk(pairs, 2) {
		if strings.Count(manifest, pair[0]) != 1 {
			panic(strconv.Quote(pair[0]) + " is not there once")
		}
		manifest = strings.Replace(manifest, pair[0], pair[1], 1)
	}
	return manifest
}

// The conditions decide in the API server what the webhook is asked about. They are run as the API server runs them, those of
// every entry under failurePolicy Fail, where an error in one would be a refusal.
func TestMatchConditions(t *testing.T) {
	entries := webhooks(t, "--set", "admission.exemptUsers={backup}")
	release := with(certificate, "name: web\n", "name: certyun-solver-tls\n", "namespace: team-a", "namespace: cert-manager")
	for name, test := range map[string]struct {
		asked
		want bool
	}{
		"a new Certificate": {asked{validates, admission.Create, somebody, certificate, ""}, true},
		"a new Certificate whose name the API server makes": {
			asked{validates, admission.Create, somebody, with(certificate, "name: web\n", "generateName: web-\n"), ""}, true,
		},
		"a new Certificate without labels and annotations": {
			asked{validates, admission.Create, somebody, with(certificate,
				"  labels: {app: web}\n", "", "  annotations: {example.org/note: one, certyun.internal/skip: renewal-window-zero}\n", ""), ""}, true,
		},
		"a new ClusterIssuer":                   {asked{validates, admission.Create, somebody, clusterIssuer, ""}, true},
		"a Certificate that cert-manager makes": {asked{validates, admission.Create, certManager, certificate, ""}, false},
		"a Certificate that a controller of the same name in another namespace makes": {
			asked{validates, admission.Create, "system:serviceaccount:team-a:cert-manager", certificate, ""}, true,
		},
		"a Certificate that the operator's exempt user makes": {asked{validates, admission.Create, "backup", certificate, ""}, false},
		"a Certificate of the release itself":                 {asked{validates, admission.Create, somebody, release, ""}, false},
		"a Certificate of the same name in another namespace": {
			asked{validates, admission.Create, somebody, with(release, "namespace: cert-manager", "namespace: team-a"), ""}, true,
		},
		"a ClusterIssuer with the name of the release's Issuer": {
			asked{validates, admission.Create, somebody, with(clusterIssuer, "name: le", "name: certyun-solver-ca"), ""}, true,
		},
		"a change of the spec": {
			asked{validates, admission.Update, somebody, with(certificate, "[example.org]", "[example.org, www.example.org]"), certificate}, true,
		},
		"a change of a label":              {asked{validates, admission.Update, somebody, with(certificate, "app: web", "app: api"), certificate}, true},
		"the first label":                  {asked{validates, admission.Update, somebody, certificate, with(certificate, "  labels: {app: web}\n", "")}, true},
		"the last label":                   {asked{validates, admission.Update, somebody, with(certificate, "  labels: {app: web}\n", ""), certificate}, true},
		"no change":                        {asked{validates, admission.Update, somebody, certificate, certificate}, false},
		"an empty list of labels":          {asked{validates, admission.Update, somebody, with(clusterIssuer, "{name: le}", "{name: le, labels: {}}"), clusterIssuer}, false},
		"a change of a foreign annotation": {asked{validates, admission.Update, somebody, with(certificate, "note: one", "note: two"), certificate}, false},
		"a change of an annotation that rules read": {
			asked{validates, admission.Update, somebody, with(certificate, "skip: renewal-window-zero", "skip: csr-cannot-be-built"), certificate}, true,
		},
		"the loss of an annotation that rules read": {
			asked{validates, admission.Update, somebody, with(certificate, ", certyun.internal/skip: renewal-window-zero", ""), certificate}, true,
		},
		"the first annotation, which rules read": {
			asked{validates, admission.Update, somebody, with(clusterIssuer, "{name: le}", "{name: le, annotations: {acme.cert-manager.io/x: y}}"), clusterIssuer}, true,
		},
		"the first annotation, a foreign one": {
			asked{validates, admission.Update, somebody, with(clusterIssuer, "{name: le}", "{name: le, annotations: {x: y}}"), clusterIssuer}, false,
		},
		"a change of finalizers": {
			asked{validates, admission.Update, somebody, with(certificate, "  labels", "  finalizers: [example.org/wait]\n  labels"), certificate}, false,
		},
		"a change of the spec of what is being deleted": {
			asked{validates, admission.Update, somebody, with(certificate, "  labels", "  deletionTimestamp: 2026-01-01T00:00:00Z\n  labels", "[example.org]", "[]"), certificate}, false,
		},

		"an Issuer is deleted":                         {asked{deletes, admission.Delete, somebody, "", clusterIssuer}, true},
		"a namespace is deleted with its Issuers":      {asked{deletes, admission.Delete, "system:serviceaccount:kube-system:namespace-controller", "", clusterIssuer}, false},
		"an Issuer is deleted that is being deleted":   {asked{deletes, admission.Delete, somebody, "", with(clusterIssuer, "{name: le}", "{name: le, deletionTimestamp: 2026-01-01T00:00:00Z}")}, false},
		"the release's own Issuer is deleted":          {asked{deletes, admission.Delete, somebody, "", with(release, "kind: Certificate", "kind: Issuer", "certyun-solver-tls", "certyun-solver-selfsigned")}, false},
		"another Issuer in the release's namespace is": {asked{deletes, admission.Delete, somebody, "", with(release, "kind: Certificate", "kind: Issuer", "certyun-solver-tls", "corp")}, true},

		"an Ingress for cert-manager": {asked{annotations, admission.Create, somebody, ingress, ""}, true},
		"an Ingress with the old annotation": {
			asked{annotations, admission.Create, somebody, with(ingress, "cert-manager.io/cluster-issuer: le", `kubernetes.io/tls-acme: "true"`), ""}, true,
		},
		"an Ingress with an annotation of an old cert-manager": {
			asked{annotations, admission.Create, somebody, with(ingress, "cert-manager.io/cluster-issuer", "certmanager.k8s.io/cluster-issuer"), ""}, true,
		},
		"an Ingress with a misspelt annotation": {
			asked{annotations, admission.Create, somebody, with(ingress, "cert-manager.io/cluster-issuer", "certmanager.io/cluster-issuer"), ""}, true,
		},
		"an Ingress whose certificate another program gets": {
			asked{annotations, admission.Create, somebody, with(ingress, "cert-manager.io/cluster-issuer: le", "example.org/certificate-arn: manager/cert"), ""}, false,
		},
		"an Ingress for something else": {
			asked{annotations, admission.Create, somebody, with(ingress, "cert-manager.io/cluster-issuer: le", "example.org/note: one"), ""}, false,
		},
		"an Ingress without annotations": {
			asked{annotations, admission.Create, somebody, with(ingress, "  annotations: {cert-manager.io/cluster-issuer: le}\n", ""), ""}, false,
		},
		"an Ingress of cert-manager's own": {asked{annotations, admission.Create, certManager, ingress, ""}, false},
		"another backend of an Ingress for cert-manager": {
			asked{annotations, admission.Update, somebody, with(ingress, "number: 80", "number: 81"), ingress}, true,
		},
		"an Ingress for cert-manager without a change": {asked{annotations, admission.Update, somebody, ingress, ingress}, false},
		"an Ingress loses its annotation": {
			asked{annotations, admission.Update, somebody, with(ingress, "  annotations: {cert-manager.io/cluster-issuer: le}\n", ""), ingress}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isAsked(t, entries, test.asked); got != test.want {
				t.Errorf("the webhook is asked: %v, want %v", got, test.want)
			}
		})
	}
}

// What is not asked about is never told: lint and webhook say the same of annotations under a misspelt group.
func TestIngressesWithSlipsAreAskedAbout(t *testing.T) {
	const group = "cert-manager.io"
	slips := []string{"certmanager.io", "certmanager.k8s.io", "cert-manager.com", "cert_manager.io", "cert-manger.oi", "acme.certmanager.io", "Cert-Manager.io"}
	for i := range len(group) {
		slips = append(slips, group[:i]+group[i+1:], group[:i]+"x"+group[i:], group[:i]+"x"+group[i+1:])
		if i > 0 {
			slips = append(slips, group[:i-1]+group[i:i+1]+group[i-1:i]+group[i+1:])
		}
	}
	entries := webhooks(t)
	for _, slip := range slips {
		misspelt := with(ingress, group+"/cluster-issuer", slip+"/cluster-issuer")
		if !isAsked(t, entries, asked{annotations, admission.Create, somebody, misspelt, ""}) {
			t.Errorf("of an Ingress with %s/cluster-issuer, the webhook is not asked", slip)
		}
	}
}

// An object may have one and a half megabytes, and conditions may not cost more than the API server allows.
func TestMatchConditionsOfHugeObjects(t *testing.T) {
	var solvers, notes strings.Builder
	for i := range 5000 {
		n := strconv.Itoa(i)
		solvers.WriteString("{selector: {dnsNames: [a" + n + ".example.org, b" + n + ".example.org]}, dns01: {webhook: {groupName: acme.example.org, solverName: alidns}}}, ")
	}
	for i := range 2000 {
		notes.WriteString("cert-manager.io/" + strings.Repeat("n", 40) + strconv.Itoa(i) + ": x, ")
	}
	huge := with(clusterIssuer, "{selfSigned: {}}", "{acme: {solvers: ["+solvers.String()+"]}}", "{name: le}", "{name: le, annotations: {"+notes.String()+"}}")
	changed := with(huge, "[a4999.example.org,", "[c4999.example.org,")
	entries := webhooks(t)
	for name, test := range map[string]struct {
		asked
		want bool
	}{
		"made":      {asked{validates, admission.Create, somebody, huge, ""}, true},
		"changed":   {asked{validates, admission.Update, somebody, changed, huge}, true},
		"unchanged": {asked{validates, admission.Update, somebody, huge, huge}, false},
		"deleted":   {asked{deletes, admission.Delete, somebody, "", huge}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isAsked(t, entries, test.asked); got != test.want {
				t.Errorf("the webhook is asked: %v, want %v", got, test.want)
			}
		})
	}
}

// isAsked runs the conditions of one entry as the oldest API server would that the chart accepts.
func isAsked(t *testing.T, entries []admissionregistrationv1.ValidatingWebhook, request asked) bool {
	t.Helper()
	index := slices.IndexFunc(entries, func(entry admissionregistrationv1.ValidatingWebhook) bool { return entry.Name == request.entry })
	if index < 0 {
		t.Fatalf("there is no entry %s", request.entry)
	}
	entries[index].FailurePolicy = new(admissionregistrationv1.Fail)
	compiler := cel.NewConditionCompiler(environment.MustBaseEnvSet(version.MajorMinor(1, 29)))
	matcher := webhook.NewValidatingWebhookAccessor("", "certyun", &entries[index]).GetCompiledMatcher(compiler)

	object, old := parse(t, request.object), parse(t, request.old)
	known := object
	if known == nil {
		known = old
	}
	kind := known.GroupVersionKind()
	resource := apischema.GroupVersionResource{Group: kind.Group, Version: kind.Version, Resource: strings.ToLower(kind.Kind) + "s"}
	attributes := admission.NewAttributesRecord(either(object), either(old), kind, known.GetNamespace(), known.GetName(), resource, "",
		request.operation, &metav1.CreateOptions{}, false, &user.DefaultInfo{Name: request.user})
	versioned := &admission.VersionedAttributes{
		Attributes: attributes, VersionedKind: kind, VersionedObject: either(object), VersionedOldObject: either(old),
	}
	result := matcher.Match(t.Context(), versioned, nil, nil)
	if result.Error != nil {
		t.Fatal(result.Error)
	}
	return result.Matches
}

func parse(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	if manifest == "" {
		return nil
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), object); err != nil {
		t.Fatalf("%v in:\n%s", err, manifest)
	}
	return object
}

// either keeps a missing object from becoming an interface that is not nil.
func either(object *unstructured.Unstructured) runtime.Object {
	if object == nil {
		return nil
	}
	return object
}

func TestNamespacesThatAreJudged(t *testing.T) {
	named := func(name string, more ...string) labels.Set {
		set := labels.Set{"kubernetes.io/metadata.name": name}
		for pair := range slices.Chunk(more, 2) {
			set[pair[0]] = pair[1]
		}
		return set
	}
	own := []string{"--namespace", "certyun"}
	for name, test := range map[string]struct {
		args      []string
		namespace labels.Set
		want      bool
	}{
		"any":                               {own, named("team-a"), true},
		"switched off for cert-manager":     {own, named("team-a", "cert-manager.io/disable-validation", "true"), false},
		"switched off for certyun":          {own, named("team-a", "certyun.internal/admission", "off"), false},
		"switched on for certyun":           {own, named("team-a", "certyun.internal/admission", "on"), true},
		"the release's own":                 {own, named("certyun"), false},
		"cert-manager's":                    {own, named("cert-manager"), false},
		"the release's own, when asked for": {slices.Concat(own, []string{"--set", "admission.exemptOwnNamespaces=false"}), named("certyun"), true},
		"not selected":                      {slices.Concat(own, []string{"--set", "admission.namespaceSelector.matchLabels.tenant=yes"}), named("team-a"), false},
		"selected":                          {slices.Concat(own, []string{"--set", "admission.namespaceSelector.matchLabels.tenant=yes"}), named("team-a", "tenant", "yes"), true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, entry := range webhooks(t, test.args...) {
				selector, err := metav1.LabelSelectorAsSelector(entry.NamespaceSelector)
				if err != nil {
					t.Fatal(err)
				}
				if got := selector.Matches(test.namespace); got != test.want {
					t.Errorf("%s is asked: %v, want %v", entry.Name, got, test.want)
				}
			}
		})
	}
}
