package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	apiservervalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/offline"
)

// texts are the findings about a manifest, as a person sees them.
func texts(t testing.TB, v *Validator, manifest string) []string {
	t.Helper()
	findings, err := v.Validate(t.Context(), treeOf(t, manifest))
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for _, f := range findings {
		lines = append(lines, f.String())
	}
	return lines
}

func treeOf(t testing.TB, manifest string) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(manifest), &tree); err != nil {
		t.Fatalf("%v\n%s", err, manifest)
	}
	return tree
}

func TestExamplesOfTheRulesSayWhatTheyAreSaidToSay(t *testing.T) {
	t.Parallel()
	v, examples := New(), 0
	for _, r := range offline.Rules() {
		if _, mine := r.Check.(rule.Manifests); !mine || r.ID == rule.CMSecretData {
			continue
		}
		all, err := cases.Examples(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			examples++
			if diff := cmp.Diff([]string{c.Message}, texts(t, v, c.Object)); diff != "" {
				t.Errorf("%s: findings (-want +got):\n%s", c.Name, diff)
			}
		}
	}
	if examples < 5 {
		t.Errorf("there are only %d examples", examples)
	}
}

func TestFieldsAreJudged(t *testing.T) {
	t.Parallel()
	v := New()
	certificate := func(spec string) string {
		return "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: web}, spec: {secretName: a, dnsNames: [a], issuerRef: {name: a}, " + spec + "}}"
	}
	solver := func(text string) string {
		return "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: le}, spec: {acme: {server: a, privateKeySecretRef: {name: a}, solvers: [{" + text + "}]}}}"
	}
	for name, c := range map[string]struct {
		manifest string
		want     []string
	}{
		"a Certificate":           {manifest: certificate("")},
		"a status is passed over": {manifest: "{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a}, spec: {selfSigned: {}}, status: {conditions: 7}}"},
		"but not what no status has": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a}, spec: {selfSigned: {}}, status: {ready: true}}", []string{
			`status.ready: Forbidden: Issuer has no such field, and kubectl refuses the object. Remove "ready", or look where it belongs. [cm-unknown-field]`,
		}},
		"nothing at all": {"{apiVersion: cert-manager.io/v1, kind: Certificate}", []string{
			`metadata.name: Required value: name or generateName is required. [cm-metadata]`,
		}},
		"a name that the API server makes": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {generateName: a-}, spec: {selfSigned: {}}}", []string{
			`[cm-metadata] metadata.generateName: makes a new object each time, which kubectl create can do and kubectl apply refuses. Give it a name`,
		}},
		"a number without quotes": {certificate("commonName: 7"), []string{
			`spec.commonName: Invalid value: 7: must be a string, and is an integer. Write it in quotes: "7". [cm-schema]`,
		}},
		"a number in quotes": {certificate("privateKey: {size: '2048'}"), []string{
			`spec.privateKey.size: Invalid value: "2048": must be an integer, and is a string. Write it without quotes: 2048. [cm-schema]`,
		}},
		"a word in quotes": {certificate("isCA: 'true'"), []string{
			`spec.isCA: Invalid value: "true": must be a boolean, and is a string. Write it without quotes: true. [cm-schema]`,
		}},
		"a certificate as it is where its base64 should be": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a}, spec: {vault: {server: 'https://v.dev', path: p, " +
			"caBundle: '-----BEGIN CERTIFICATE-----', auth: {tokenSecretRef: {name: t, key: t}}}}}", []string{
			`spec.vault.caBundle: Invalid value: is not base64. Encode the text with base64 -w0. [cm-schema]`,
		}},
		"a password is never shown": {certificate("keystores: {jks: {create: true, password: 12345}}"), []string{
			`spec.keystores.jks.password: Invalid value: must be a string, and is an integer. Write it in quotes: "12345". [cm-schema]`,
		}},
		"an object where a text should be": {certificate("secretTemplate: {labels: {a.b/c: {}}}"), []string{
			`spec.secretTemplate.labels[a.b/c]: Invalid value: must be a string, and is an object. [cm-schema]`,
		}},
		"a word that is not in the list": {certificate("privateKey: {rotationPolicy: always}"), []string{
			`spec.privateKey.rotationPolicy: Unsupported value: "always": is not one of Never, Always. Write "Always". [cm-schema]`,
		}},
		"an item of a list": {certificate("usages: [server auth, serverauth]"), []string{
			`spec.usages[1]: Unsupported value: "serverauth": is not one of signing, digital signature, content commitment, key encipherment, key agreement, ` +
				`data encipherment, cert sign, crl sign, encipher only, decipher only, any, server auth, client auth, code signing, email protection, s/mime, ` +
				`ipsec end system, ipsec tunnel, ipsec user, timestamping, ocsp signing, microsoft sgc, netscape sgc. Write "server auth". [cm-schema]`,
		}},
		"a field of nothing": {solver("dns01: {webhook: {groupName: a, solverName: b, config: {anything: [1, {at: all}]}}}"), nil},
		"a misspelled solver": {solver("dns-01: {route53: {}}"), []string{
			`spec.acme.solvers[0].dns-01: Forbidden: ClusterIssuer has no such field, and kubectl refuses the object. Write "dns01". [cm-unknown-field]`,
		}},
		"an account outside": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: le}, spec: {email: a@b.example, acme: {server: a, privateKeySecretRef: {name: a}}}}", []string{
			`spec.email: Forbidden: Issuer has no such field, and kubectl refuses the object. Remove "email", or look where it belongs. [cm-unknown-field]`,
		}},
		"a chain that is too long": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: le}, spec: {acme: {server: a, privateKeySecretRef: {name: a}, preferredChain: " + strings.Repeat("a", 65) + "}}}", []string{
			`spec.acme.preferredChain: Too long: "` + strings.Repeat("a", 65) + `": is longer than 64 characters. [cm-schema]`,
		}},
		"a number that is too large": {certificate("revisionHistoryLimit: 99999999999"), []string{
			`spec.revisionHistoryLimit: Invalid value: 99999999999: does not fit into 32 bits. [cm-schema]`,
		}},
		"a rule of the schema": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a}, spec: {venafi: {zone: a}}}", []string{
			`spec.venafi: Invalid value: exactly one of tpp, cloud, or ngts must be configured. [cm-schema]`,
		}},
		"a number as a duration": {certificate("duration: '7776000'"), []string{
			`spec.duration: Invalid value: "7776000": is not a duration in hours, minutes and seconds, and cert-manager's webhook cannot read it. Write "7776000h" for hours, or "2160h" if you mean seconds. [cm-unreadable-value]`,
		}},
		"a duration of weeks": {certificate("renewBefore: 2w"), []string{
			`spec.renewBefore: Invalid value: "2w": is not a duration in hours, minutes and seconds, and cert-manager's webhook cannot read it. Write it like "2160h". [cm-unreadable-value]`,
		}},
		"a name with capitals": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: LE}, spec: {selfSigned: {}}}", []string{
			`metadata.name: Invalid value: "LE": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'). [cm-metadata]`,
		}},
		"a namespace of what is in none": {manifest: "{apiVersion: cert-manager.io/v1, kind: ClusterIssuer, metadata: {name: a, namespace: b}, spec: {selfSigned: {}}}"},
		"a field of no metadata": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a, label: {}}, spec: {selfSigned: {}}}", []string{
			`metadata.label: Forbidden: Issuer has no such field, and kubectl refuses the object. Write "labels". [cm-unknown-field]`,
		}},
		"a resourceVersion": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: a, resourceVersion: '7'}, spec: {selfSigned: {}}}", []string{
			`metadata.resourceVersion: Forbidden: must not be set on an object that is created. Remove it. [cm-metadata]`,
		}},
		"an Ingress": {manifest: "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {defaultBackend: {service: {name: a, port: {number: 80}}}}}"},
		"an annotation of an Ingress": {"{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a, annotations: {kubernetes.io/tls-acme: true}}, spec: {}}", []string{
			`metadata.annotations[kubernetes.io/tls-acme]: Invalid value: true: must be a string, and is a boolean. Write it in quotes: "true". [cm-metadata]`,
		}},
		"the spec of an Ingress is for other tools": {manifest: "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: a}, spec: {backend: {serviceName: a}, rules: 7}}"},
		"metadata that is none": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: [a], spec: {selfSigned: {}}}", []string{
			`metadata: Invalid value: must be an object, and is a list. [cm-metadata]`,
		}},
		"all that is wrong with the metadata": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {name: 7, label: {}, labels: {a: 1, b: c, d: }, annotations: [], generation: 1.5, finalizers: [7], ownerReferences: a, creationTimestamp: now}, spec: {selfSigned: {}}}", []string{
			`metadata.annotations: Invalid value: must be an object, and is a list. [cm-metadata]`,
			`metadata.creationTimestamp: Invalid value: "now": is not a time like 2006-01-02T15:04:05Z. [cm-metadata]`,
			`metadata.finalizers: Invalid value: an entry must be a string, and is a number. [cm-metadata]`,
			`metadata.generation: Invalid value: 1.5: must be an integer, and is a number. [cm-metadata]`,
			`metadata.label: Forbidden: Issuer has no such field, and kubectl refuses the object. Write "labels". [cm-unknown-field]`,
			`metadata.labels[a]: Invalid value: 1: must be a string, and is an integer. Write it in quotes: "1". [cm-metadata]`,
			`metadata.name: Invalid value: 7: must be a string, and is an integer. Write it in quotes: "7". [cm-metadata]`,
			`metadata.ownerReferences: Invalid value: "a": must be a list, and is a string. Write a list: ["a"]. [cm-metadata]`,
		}},
		"a name that the API server completes": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {generateName: a-, generation: -1}, spec: {selfSigned: {}}}", []string{
			`[cm-metadata] metadata.generateName: makes a new object each time, which kubectl create can do and kubectl apply refuses. Give it a name`,
		}},
		"a name that the API server cannot complete": {"{apiVersion: cert-manager.io/v1, kind: Issuer, metadata: {generateName: a.}, spec: {selfSigned: {}}}", []string{
			`metadata.generateName: Invalid value: "a.": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'). [cm-metadata]`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(append([]string{}, c.want...), texts(t, v, c.manifest)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKindsThatThereAreNot(t *testing.T) {
	t.Parallel()
	v := New()
	for object, want := range map[string]string{
		"cert-manager.io/v1 Certificate":                  "",
		"cert-manager.io/v1 CertificateList":              "",
		"cert-manager.io/v1beta1 Issuer":                  `apiVersion: Invalid value: "cert-manager.io/v1beta1": no API server serves Issuer in this version. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"certmanager.k8s.io/v1alpha1 Certificate":         `apiVersion: Invalid value: "certmanager.k8s.io/v1alpha1": Certificate is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"certmanager.k8s.io/v1alpha1 Order":               `apiVersion: Invalid value: "certmanager.k8s.io/v1alpha1": Order is not in this group. Write "acme.cert-manager.io/v1". [cm-no-such-kind]`,
		"CERT-MANAGER.IO/v1 Issuer":                       `apiVersion: Invalid value: "CERT-MANAGER.IO/v1": API groups are lower case. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"cert-manager.io/v1 certificate":                  `kind: Invalid value: "certificate": cert-manager.io has no such kind. Write "Certificate". [cm-no-such-kind]`,
		"cert-manager.io/v1 Clusterissuers":               `kind: Invalid value: "Clusterissuers": cert-manager.io has no such kind. Write "ClusterIssuer". [cm-no-such-kind]`,
		"cert-manager.io/v1 ClusterIsuer":                 `kind: Invalid value: "ClusterIsuer": cert-manager.io/v1 has no such kind. Write "ClusterIssuer". [cm-no-such-kind]`,
		"cert-manager.io/v1 Bundle":                       `kind: Invalid value: "Bundle": cert-manager.io/v1 has no such kind. cert-manager has Certificate, CertificateRequest, Issuer, ClusterIssuer, Order, Challenge. [cm-no-such-kind]`,
		"cert-manger.io/v1 Certificate":                   `apiVersion: Invalid value: "cert-manger.io/v1": Certificate is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"certmanager.io/v1 ClusterIssuer":                 `apiVersion: Invalid value: "certmanager.io/v1": ClusterIssuer is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"cert-manager.k8s.io/v1 Issuer":                   `apiVersion: Invalid value: "cert-manager.k8s.io/v1": Issuer is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"cert-manager/v1 Issuer":                          `apiVersion: Invalid value: "cert-manager/v1": Issuer is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"network.k8s.io/v1 Ingress":                       "",
		"networking.k8s.oi/v1 Ingress":                    `apiVersion: Invalid value: "networking.k8s.oi/v1": Ingress is not in this group. Write "networking.k8s.io/v1". [cm-no-such-kind]`,
		"certmanager.freeipa.org/v1beta1 Issuer":          "",
		"networking.istio.io/v1 Gateway":                  "",
		"cert-manager.k8s.cloudflare.com/v1 OriginIssuer": "",
		"v1 Certificate":                                  `apiVersion: Invalid value: "v1": Certificate is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"cert-manager.io Certificate":                     `apiVersion: Invalid value: "cert-manager.io": Certificate is not in this group. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		"extensions/v1beta1 Ingress":                      `apiVersion: Invalid value: "extensions/v1beta1": Ingress is not in this group. Write "networking.k8s.io/v1". [cm-no-such-kind]`,
		"networking.k8s.io/v1beta1 Ingress":               `apiVersion: Invalid value: "networking.k8s.io/v1beta1": no API server serves Ingress in this version. Write "networking.k8s.io/v1". [cm-no-such-kind]`,
		"gateway.networking.k8s.io/v1alpha2 Gateway":      `apiVersion: Invalid value: "gateway.networking.k8s.io/v1alpha2": no API server serves Gateway in this version. Write "gateway.networking.k8s.io/v1". [cm-no-such-kind]`,
		"config.openshift.io/v1 Ingress":                  "",
		"trust.cert-manager.io/v1alpha1 Bundle":           "",
		"awspca.cert-manager.io/v1beta1 AWSPCAIssuer":     "",
		"v1 Secret":              "",
		"apps/v1 Deployment":     "",
		"acm.aws/v1 Certificate": "",
	} {
		t.Run(object, func(t *testing.T) {
			t.Parallel()
			apiVersion, kind, _ := strings.Cut(object, " ")
			_, findings := v.kindOf(map[string]any{"apiVersion": apiVersion, "kind": kind})
			got := ""
			if len(findings) > 0 {
				got = findings[0].String()
			}
			if got != want || len(findings) > 1 {
				t.Errorf("got %v, want %s", findings, want)
			}
		})
	}
}

func TestTheObjectIsNotChanged(t *testing.T) {
	t.Parallel()
	v := New()
	for _, object := range corpus(t) {
		before, _ := plain(object).(map[string]any)
		if _, err := v.Validate(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		after, _ := plain(object).(map[string]any)
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("the object is another (-before +after):\n%s", diff)
		}
	}
}

func TestWholeNumbersMayBeOfBothTypes(t *testing.T) {
	t.Parallel()
	v := New()
	for _, size := range []any{int64(2048), float64(2048)} {
		object := treeOf(t, "{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: a}, spec: {secretName: a, issuerRef: {name: a}, privateKey: {}}}")
		object["spec"].(map[string]any)["privateKey"].(map[string]any)["size"] = size
		findings, err := v.Validate(t.Context(), object)
		if err != nil || len(findings) > 0 {
			t.Errorf("%T: %v %v", size, findings, err)
		}
	}
}

// TestConcurrently has many ask for the same schemas at once.
func TestConcurrently(t *testing.T) {
	t.Parallel()
	v, objects := New(), corpus(t)
	want := fmt.Sprint(texts(t, New(), string(yamlOf(t, objects[0]))))
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 40 {
				if _, err := v.Validate(t.Context(), objects[(worker*7+i)%len(objects)]); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := fmt.Sprint(texts(t, v, string(yamlOf(t, objects[0])))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestHostileObjects has objects as large as a file may be.
func TestHostileObjects(t *testing.T) {
	t.Parallel()
	const n = 50_000
	fields, items, labels := map[string]any{}, make([]any, n), map[string]any{}
	for i := range n {
		fields[fmt.Sprintf("field-%d", i)] = i
		items[i] = i
		labels[fmt.Sprintf("l%d", i)] = i
	}
	solvers := make([]any, 2000)
	for i := range solvers {
		solvers[i] = map[string]any{"selector": map[string]any{"dnsNames": []any{1, 2, 3, 4, 5, 6, 7, 8}}}
	}
	nothing := make([]any, n)
	for i := range nothing {
		nothing[i] = map[string]any{}
	}
	words := make([]any, n)
	for i := range words {
		words[i] = fmt.Sprintf("word %d", i)
	}
	var deep any = "x"
	for range 5000 {
		deep = map[string]any{"a": deep}
	}
	v := New()
	for name, spec := range map[string]map[string]any{
		"unknown fields":     fields,
		"items of a type":    {"dnsNames": items},
		"words of no list":   {"usages": words},
		"lists in lists":     {"acme": map[string]any{"solvers": solvers}},
		"objects of nothing": {"otherNames": make([]any, n), "additionalOutputFormats": nothing},
		"labels":             {"secretTemplate": map[string]any{"labels": labels}},
		"metadata":           nil,
		"nesting":            {"deep": deep, "issuerRef": deep},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			kind := "Certificate"
			if spec["acme"] != nil {
				kind = "Issuer"
			}
			metadata := map[string]any{"name": "a"}
			if spec == nil {
				metadata["labels"] = labels
			}
			findings, err := v.Validate(t.Context(), map[string]any{
				"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": metadata, "spec": spec,
			})
			if err != nil || len(findings) == 0 || len(findings) > enough {
				t.Errorf("%d findings, %v", len(findings), err)
			}
			if took := time.Since(start); took > 30*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestNodesFindWhatTheAPIServerFinds changes the corpus at random. Value by value as much is found as in the whole.
func TestNodesFindWhatTheAPIServerFinds(t *testing.T) {
	t.Parallel()
	v, objects, values, found := New(), corpus(t), map[string][]any{}, 0
	for _, o := range objects {
		gather(o, values)
	}
	random := rand.New(rand.NewPCG(2, 21))
	for _, o := range objects {
		kind, _ := v.kindOf(o)
		if kind == nil || kind.file == "" {
			continue
		}
		c, err := v.schemas[kind.file]()
		if err != nil {
			t.Fatal(err)
		}
		whole := apiservervalidation.NewSchemaValidatorFromOpenAPI(c.structural.ToKubeOpenAPI())
		for range 20 {
			work, _ := plain(o).(map[string]any)
			delete(work, "metadata")
			change(random, work, values)
			defaulting.Default(work, c.structural)
			pruning.PruneWithOptions(work, c.structural, true, structuralschema.UnknownFieldPathOptions{})
			defaulting.PruneNonNullableNullsWithoutDefaults(work, c.structural)
			got := c.values.judge(nil, work, nil)
			found += len(got)
			if diff := cmp.Diff(placesOf(apiservervalidation.ValidateCustomResource(nil, work, whole)), placesOf(got)); diff != "" {
				t.Fatalf("errors (-whole +ours):\n%s%s", diff, yamlOf(t, work))
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d mistakes were found", found)
	}
}

// placesOf are the fields of errors. Of some errors about the whole the field is in the text only.
func placesOf(errs field.ErrorList) []string {
	places := make([]string, len(errs))
	for i, err := range errs {
		path := err.Field
		if _, in, found := strings.Cut(err.Detail, " in "); path == "<nil>" && found {
			path = in
		}
		places[i] = path + ": " + err.Type.String()
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// TestAllDurationsAreJudged looks for durations in cert-manager's types.
func TestAllDurationsAreJudged(t *testing.T) {
	t.Parallel()
	specs := map[string]reflect.Type{
		"Certificate": reflect.TypeFor[cmapi.CertificateSpec](), "Issuer": reflect.TypeFor[cmapi.IssuerSpec](), "ClusterIssuer": reflect.TypeFor[cmapi.IssuerSpec](),
	}
	for _, kind := range definedKinds() {
		got := slices.Sorted(slices.Values(kind.durations))
		if diff := cmp.Diff(durationsIn("spec", specs[kind.kind]), got); diff != "" {
			t.Errorf("%s (-type +ours):\n%s", kind.kind, diff)
		}
	}
}

func durationsIn(path string, t reflect.Type) []string {
	switch {
	case t == reflect.TypeFor[metav1.Duration]():
		return []string{path}
	case t.Kind() == reflect.Pointer:
		return durationsIn(path, t.Elem())
	case t.Kind() == reflect.Slice:
		return durationsIn(path+".[]", t.Elem())
	case t.Kind() != reflect.Struct:
		return nil
	}
	var found []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		found = append(found, durationsIn(strings.TrimSuffix(path+"."+name, "."), f.Type)...)
	}
	slices.Sort(found)
	return found
}

// FuzzValidate demands that nothing panics.
func FuzzValidate(f *testing.F) {
	for _, object := range corpus(f) {
		raw, err := json.Marshal(object)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	v := New()
	f.Fuzz(func(t *testing.T, raw []byte) {
		var object map[string]any
		if json.Unmarshal(raw, &object) != nil {
			return
		}
		if _, err := v.Validate(t.Context(), object); err != nil {
			t.Error(err)
		}
	})
}
