// Package ruletest is the kit of the tests of rules: worlds made of manifests, reviews in them, and what they say.
package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/shim"
	"github.com/certyun/certyun/solvers/config"
)

// Scene is a world and what is judged in it. Tests change it as they need before they ask.
type Scene struct {
	World  *objects.World
	Env    *rule.Environment
	Policy *rule.Policy
}

// NewScene has the objects of the manifests in its world. An object without a namespace is in "default".
//
// What can be known follows from what is there: with one Secret all Secrets are known, with one CustomResourceDefinition all
// kinds are.
func NewScene(t testing.TB, manifests string) *Scene {
	t.Helper()
	w := objects.New(rule.IndexKeys)
	w.ClusterResourceNamespace = "cert-manager"
	w.APIServicesKnown = true
	s := &Scene{World: w, Policy: &rule.Policy{}, Env: &rule.Environment{World: w, Settings: Settings()}}
	for _, document := range Documents(t, manifests) {
		s.Add(t, document)
	}
	return s
}

// Settings are those of an installation with the chart's default values beside cert-manager's newest version.
func Settings() rule.Settings {
	ambient, err := config.NewAmbient(config.AmbientClusterIssuers, nil)
	if err != nil {
		panic(err)
	}
	return rule.Settings{
		ClusterResourceNamespace: "cert-manager",
		CertManagerVersion:       "v1.21.2",
		SolverGroup:              "acme.certyun.internal",
		SolverWaits:              true,
		Ambient:                  &ambient,
		CAs:                      ca.Known(),
		Now:                      time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC),
	}
}

// Review judges the one object in manifest as if it were being created among the objects of world. Each of change is applied
// before.
func Review(t testing.TB, rules []rule.Rule, world, manifest string, change ...func(*Scene)) []rule.Finding {
	t.Helper()
	return Judge(t, rules, NewScene(t, world), rule.Request{Operation: rule.Create, Object: Object(t, manifest)}, change...)
}

// Update judges the change of an object from one manifest to another.
func Update(t testing.TB, rules []rule.Rule, world, before, after string, change ...func(*Scene)) []rule.Finding {
	t.Helper()
	return Judge(t, rules, NewScene(t, world), rule.Request{Operation: rule.Update, Old: Object(t, before), Object: Object(t, after)}, change...)
}

// Delete judges the deletion of the object in manifest.
func Delete(t testing.TB, rules []rule.Rule, world, manifest string, change ...func(*Scene)) []rule.Finding {
	t.Helper()
	return Judge(t, rules, NewScene(t, world), rule.Request{Operation: rule.Delete, Object: Object(t, manifest)}, change...)
}

// Judge judges a request in a scene by these rules.
func Judge(t testing.TB, rules []rule.Rule, s *Scene, request rule.Request, change ...func(*Scene)) []rule.Finding {
	t.Helper()
	for _, c := range change {
		c(s)
	}
	findings, err := rule.NewEngine(rules).Review(t.Context(), s.Env, s.Policy, request)
	if err != nil {
		t.Fatalf("Review: %v", err)
	}
	return findings
}

// Texts are the findings of these rules, of all rules when none is named, as a person sees them.
func Texts(findings []rule.Finding, rules ...string) []string {
	lines := []string{}
	for _, f := range findings {
		if len(rules) == 0 || slices.Contains(rules, f.Rule) {
			lines = append(lines, f.String())
		}
	}
	return lines
}

// Want demands that one rule says exactly this; other rules may say what they want.
func Want(t testing.TB, id string, got []rule.Finding, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), Texts(got, id)); diff != "" {
		t.Errorf("findings of %s (-want +got):\n%s\nall findings:\n%s", id, diff, strings.Join(Texts(got), "\n"))
	}
}

// Certificate is a manifest with these lines as its spec, beside secretName and issuerRef where the lines have none. The
// lines are indented as they need to be among themselves.
func Certificate(spec string) string {
	spec = strings.Trim(Dedent(spec), "\n")
	if !hasLine(spec, "secretName:") {
		spec = "secretName: web-tls\n" + spec
	}
	if !hasLine(spec, "issuerRef:") {
		spec += "\nissuerRef: {name: le}"
	}
	return "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: default}\nspec:\n  " +
		strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
}

func hasLine(text, prefix string) bool {
	return strings.HasPrefix(text, prefix) || strings.Contains(text, "\n"+prefix)
}

// Document is one object of a manifest.
type Document struct {
	Kind string
	Raw  []byte
}

// Documents splits a manifest, leaving out what is empty.
func Documents(t testing.TB, manifests string) []Document {
	t.Helper()
	var found []Document
	for _, raw := range cases.Split(Dedent(manifests)) {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(raw), &meta); err != nil {
			t.Fatalf("decode manifest: %v\n%s", err, raw)
		}
		if meta.Kind != "" {
			found = append(found, Document{Kind: meta.Kind, Raw: []byte(raw)})
		} else if strings.TrimSpace(raw) != "" {
			t.Fatalf("a document has no kind:\n%s", raw)
		}
	}
	return found
}

// Dedent removes the tabs that a literal has only because of the code around it.
func Dedent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}

// Object decodes the one object of a manifest that can be judged.
func Object(t testing.TB, manifest string) metav1.Object {
	t.Helper()
	docs := Documents(t, manifest)
	if len(docs) != 1 {
		t.Fatalf("the manifest has %d objects, want 1:\n%s", len(docs), manifest)
	}
	return docs[0].Decode(t)
}

// Decode decodes an object that is judged, or a Secret.
func (d Document) Decode(t testing.TB) metav1.Object {
	t.Helper()
	if d.Kind == "Secret" {
		secret := &metav1.PartialObjectMetadata{}
		if err := yaml.Unmarshal(d.Raw, secret); err != nil {
			t.Fatalf("decode Secret: %v", err)
		}
		return inNamespace(secret)
	}
	o := Judged(t, d.Raw)
	if o == nil {
		t.Fatalf("nobody judges a %s:\n%s", d.Kind, d.Raw)
	}
	return o
}

// Judged decodes an object that is judged, nil for one of another kind.
func Judged(t testing.TB, raw []byte) metav1.Object {
	t.Helper()
	o, err := Read(raw)
	if err != nil {
		t.Fatalf("decode an object: %v\n%s", err, raw)
	}
	return o
}

// Read decodes an object that is judged, in the namespace that it would be applied in; nil for one of another kind.
func Read(raw []byte) (metav1.Object, error) {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(raw, &kind); err != nil {
		return nil, err
	}
	o := newObject(kind)
	if o == nil {
		return nil, nil
	}
	if err := yaml.UnmarshalStrict(raw, o); err != nil {
		return nil, err
	}
	return inNamespace(o), nil
}

// newObject is rule.NewObject for what may have no apiVersion.
func newObject(kind metav1.TypeMeta) metav1.Object {
	if kind.APIVersion != "" {
		return rule.NewObject(kind.GroupVersionKind())
	}
	for _, group := range []schema.GroupVersion{cmapi.SchemeGroupVersion, networkingv1.SchemeGroupVersion, schema.GroupVersion(gatewayv1.GroupVersion)} {
		if o := rule.NewObject(group.WithKind(kind.Kind)); o != nil {
			return o
		}
	}
	return nil
}

// inNamespace puts an object into a namespace if it is to have one.
func inNamespace(o metav1.Object) metav1.Object {
	if _, everywhere := o.(*cmapi.ClusterIssuer); o.GetNamespace() == "" && !everywhere {
		o.SetNamespace("default")
	}
	return o
}

// Add puts an object into the world.
func (s *Scene) Add(t testing.TB, d Document) {
	t.Helper()
	switch d.Kind {
	case "APIService":
		s.World.AddAPIService(apiService(t, d))
		return
	case "CustomResourceDefinition":
		var crd struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal(d.Raw, &crd); err != nil {
			t.Fatalf("decode CustomResourceDefinition: %v", err)
		}
		s.World.KindsKnown = true
		s.World.AddKind(schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind})
		return
	}
	switch o := d.Decode(t).(type) {
	case *cmapi.Certificate:
		s.World.AddCertificate(o)
	case cmapi.GenericIssuer:
		s.World.AddIssuer(o)
	case *metav1.PartialObjectMetadata:
		s.World.SecretsKnown = true
		s.World.AddSecret(o)
		s.World.AddSecretKeys(o.Namespace, o.Name, keysOf(t, d))
	case *networkingv1.Ingress, *gatewayv1.Gateway:
		s.addUser(o)
	}
}

// addUser adds the Certificates that cert-manager would make for an object, or the Secrets that it uses without them.
func (s *Scene) addUser(o metav1.Object) {
	for _, crt := range shim.Certificates(o) {
		s.World.AddMade(crt.Owned())
	}
	if shim.AsksForCertificates(o, true) {
		return
	}
	for name, hosts := range shim.Uses(o) {
		s.World.AddSecretUser(name, evidence.SecretUser{Kind: shim.Kind(o), Namespace: o.GetNamespace(), Name: o.GetName(), Hosts: hosts})
	}
}

// keysOf are the names of a Secret's keys.
func keysOf(t testing.TB, d Document) []string {
	t.Helper()
	var o struct{ Data, StringData map[string]string }
	if err := yaml.Unmarshal(d.Raw, &o); err != nil {
		t.Fatalf("decode Secret: %v", err)
	}
	return slices.AppendSeq(slices.Collect(maps.Keys(o.Data)), maps.Keys(o.StringData))
}

// apiService reads an APIService. What it serves is not in the object; here it is the list in the annotation "resources".
func apiService(t testing.TB, d Document) *evidence.APIService {
	t.Helper()
	var o struct {
		Metadata metav1.ObjectMeta `json:"metadata"`
		Status   struct {
			Conditions []metav1.Condition `json:"conditions"`
		} `json:"status"`
	}
	if err := yaml.Unmarshal(d.Raw, &o); err != nil {
		t.Fatalf("decode APIService: %v", err)
	}
	service := &evidence.APIService{Name: o.Metadata.Name}
	for _, c := range o.Status.Conditions {
		if c.Type == "Available" {
			service.Available = c.Status == metav1.ConditionTrue
		}
	}
	if list := o.Metadata.Annotations["resources"]; list != "" {
		service.Resources = strings.Split(list, ",")
	}
	return service
}

// Ingress is a manifest with these annotations, in YAML's flow form, and these entries of spec.tls.
func Ingress(annotations, tls string) string {
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: default, annotations: {%s}}\nspec: {tls: [%s]}\n",
		annotations, tls)
}

// Gateway is one with these listeners.
func Gateway(annotations, listeners string) string {
	return fmt.Sprintf("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: web, namespace: default, annotations: {%s}}\nspec: {gatewayClassName: public, listeners: [%s]}\n",
		annotations, listeners)
}

func ProcessorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

const (
	IssuerAnnotation = "cert-manager.io/issuer: le"
	OneEntry         = "{hosts: [www.cert-lab.dev], secretName: web-tls}"
	HTTPSListener    = "{name: https, port: 443, protocol: HTTPS, hostname: www.cert-lab.dev, tls: {certificateRefs: [{name: web-tls}]}}"
)

func Value(name, text string) string {
	return Ingress(fmt.Sprintf("%s, cert-manager.io/%s: %q", IssuerAnnotation, name, text), OneEntry)
}

// Issuer is the manifest of the Issuer default/le with these lines as its spec.acme, beside a server, an account key and a
// solver where the lines have none.
func Issuer(lines string) string { return issuerManifest("Issuer", lines) }

// ClusterIssuer is anIssuer for a ClusterIssuer.
func ClusterIssuer(lines string) string { return issuerManifest("ClusterIssuer", lines) }

func issuerManifest(kind, lines string) string {
	lines = strings.Trim(Dedent(lines), "\n")
	for _, line := range []string{"server: https://acme-v02.api.letsencrypt.org/directory", "privateKeySecretRef: {name: le-account}", "solvers: [{http01: {ingress: {}}}]"} {
		if name, _, _ := strings.Cut(line, " "); !hasLine(lines, name) {
			lines = strings.Trim(lines+"\n"+line, "\n")
		}
	}
	metadata := "{name: le, namespace: default}"
	if kind == "ClusterIssuer" {
		metadata = "{name: le}"
	}
	return "apiVersion: cert-manager.io/v1\nkind: " + kind + "\nmetadata: " + metadata + "\nspec:\n  acme:\n    " +
		strings.ReplaceAll(lines, "\n", "\n    ") + "\n"
}

// Within is the processor's time that a review may take at most, however large the objects are that somebody wrote. A review
// ends within one second, as the benchmarks hold; here are only the orders of magnitude by which an unbounded search would miss that.
const Within = 5 * slowdown * time.Second

// BigIssuer has this many solvers with this many dnsZones each, and no solver for anything else.
func BigIssuer(solvers, zones int, title string) *cmapi.Issuer {
	issuer := &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "le"}}
	acme := &cmacme.ACMEIssuer{
		Server:     "https://acme-v02.api.letsencrypt.org/directory",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "le-account"}},
	}
	for i := range solvers {
		selector := &cmacme.CertificateDNSNameSelector{}
		for z := range zones {
			selector.DNSZones = append(selector.DNSZones, fmt.Sprintf("%s-%d-%d.cert-lab.dev", title, i, z))
		}
		acme.Solvers = append(acme.Solvers, cmacme.ACMEChallengeSolver{Selector: selector, DNS01: &cmacme.ACMEChallengeSolverDNS01{
			Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{GroupName: "acme.certyun.internal", SolverName: "alidns"},
		}})
	}
	issuer.Spec.ACME = acme
	return issuer
}

// RequestSpecs are specs that a CSR can and cannot be made from.
func RequestSpecs() []string {
	return []string{
		`{"dnsNames":["www.cert-lab.dev","*.cert-lab.dev"]}`,
		`{"commonName":"a","dnsNames":["www.cert-lab.dev"],"duration":"2160h","usages":["server auth","client auth"]}`,
		`{"dnsNames":["中文.cn"]}`, `{"dnsNames":[""]}`, `{"dnsNames":["a\u0000b"]}`, `{"commonName":"` + strings.Repeat("ü", 40) + `"}`,
		`{"emailAddresses":["用户@x.dev"]}`, `{"emailAddresses":["a@x.dev"]}`,
		`{"ipAddresses":["10.0.0.1","2001:db8::1","::ffff:1.2.3.4"]}`, `{"ipAddresses":["x"]}`, `{"ipAddresses":["fe80::1%eth0"]}`,
		`{"uris":["spiffe://foo/%zz"]}`, `{"uris":["SPIFFE://foo/bar"]}`, `{"uris":["spiffe://foo/a b"]}`, `{"uris":["spiffe://a..b/"]}`, `{"uris":["ü"]}`,
		`{"otherNames":[{"oid":"9.9.9","utf8Value":"x"}]}`, `{"otherNames":[{"oid":"1.3.6.1","utf8Value":"ü"}]}`, `{"otherNames":[{"oid":"1.-3","utf8Value":"x"}]}`,
		`{"literalSubject":"CN=a,O=b"}`, `{"literalSubject":"9.9.9=x,CN=a"}`, `{"literalSubject":"CN=#0403aabb"}`, `{"literalSubject":"=,"}`,
		`{"commonName":"a","subject":{"organizations":["x","","x"],"countries":["DE"],"postalCodes":["1"],"serialNumber":"7"}}`,
		`{"isCA":true,"commonName":"ca","nameConstraints":{"critical":true,"permitted":{"ipRanges":["10.0.0.0"]}}}`,
		`{"isCA":true,"commonName":"ca","nameConstraints":{"permitted":{"dnsDomains":["x.dev"],"ipRanges":["10.0.0.0/8","2001:db8::/32"]},"excluded":{"uriDomains":["ü"]}}}`,
		`{}`, `{"dnsNames":["x.dev"],"usages":["nonsense"]}`, `{"dnsNames":["x.dev"],"encodeUsagesInRequest":false}`,
	}
}

// Like tells the table of CAs how a server is.
func Like(server string, policy ca.Like) func(*Scene) {
	return func(s *Scene) {
		table, err := ca.Known().With([]ca.Override{{Server: server, Like: policy}})
		if err != nil {
			panic(err)
		}
		s.Env.Settings.CAs = table
	}
}
