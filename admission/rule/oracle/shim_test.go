// Package oracle compares the engine with cert-manager's own controllers. It has tests alone, apart from those of the rules,
// because cert-manager's controllers take long to compile.
package oracle

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/client/clientset/versioned/fake"
	cmlisters "github.com/cert-manager/cert-manager/pkg/client/listers/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/controller"
	shim "github.com/cert-manager/cert-manager/pkg/controller/certificate-shim"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// shimMakes is what cert-manager's certificate-shim creates for an object in an empty cluster. An error means that it cannot
// read an annotation, and made nothing.
func shimMakes(t *testing.T, object metav1.Object) (map[string]*cmapi.Certificate, error) {
	t.Helper()
	client := fake.NewClientset()
	lister := cmlisters.NewCertificateLister(cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}))
	// These are the defaults of cert-manager's flags.
	defaults := controller.IngressShimOptions{
		DefaultIssuerKind: "Issuer", DefaultIssuerGroup: "cert-manager.io",
		DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
	}
	shimErr := shim.SyncFnFor(&record.FakeRecorder{}, logr.Discard(), client, lister, defaults, "oracle")(t.Context(), object)
	made, err := client.CertmanagerV1().Certificates(object.GetNamespace()).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*cmapi.Certificate{}
	for i := range made.Items {
		made.Items[i].TypeMeta = metav1.TypeMeta{}
		made.Items[i].OwnerReferences, made.Items[i].ManagedFields = nil, nil
		found[made.Items[i].Name] = &made.Items[i]
	}
	return found, shimErr
}

// saysWhy tells whether the engine finds fault with the value of an annotation.
func saysWhy(t *testing.T, object metav1.Object) bool {
	t.Helper()
	env := &rule.Environment{World: objects.New(rule.IndexKeys)}
	findings, err := rule.NewOnlineEngine(catalogue.Rules()).Review(t.Context(), env, &rule.Policy{}, rule.Request{Operation: rule.Create, Object: object})
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(findings, func(f rule.Finding) bool {
		return f.Rule == "ingress-annotation-value-invalid" || f.Rule == "key-size-for-algorithm"
	})
}

// engineMakes is what the engine's rules about Certificates are asked about.
func engineMakes(t *testing.T, object metav1.Object) map[string]*cmapi.Certificate {
	t.Helper()
	found := map[string]*cmapi.Certificate{}
	watch := rule.Rule{ID: "watch", Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, _ rule.Yield) error {
		found[r.Certificate.Name] = r.Certificate
		return nil
	})}
	env := &rule.Environment{World: objects.New(rule.IndexKeys)}
	_, err := rule.NewEngine([]rule.Rule{watch}).Review(t.Context(), env, &rule.Policy{}, rule.Request{Operation: rule.Create, Object: object})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// values are good and bad values of each annotation.
func values() map[string][]string {
	return map[string][]string{
		"cert-manager.io/issuer":                               {"le", "le", "le", ""},
		"cert-manager.io/cluster-issuer":                       {"le"},
		"cert-manager.io/issuer-kind":                          {"AWSPCAIssuer"},
		"cert-manager.io/issuer-group":                         {"awspca.cert-manager.io"},
		"kubernetes.io/tls-acme":                               {"true"},
		"cert-manager.io/common-name":                          {"a.dev", ""},
		"cert-manager.io/alt-names":                            {"a.dev,b.dev", "c.dev, 10.0.0.1", "", "a,,b"},
		"cert-manager.io/ip-sans":                              {"10.0.0.1", "x,y", ""},
		"cert-manager.io/email-sans":                           {"a@x.dev", ""},
		"cert-manager.io/subject-organizations":                {`a,"b,c"`, "", `a"b`},
		"cert-manager.io/subject-organizationalunits":          {"a"},
		"cert-manager.io/subject-countries":                    {"DE,FR"},
		"cert-manager.io/subject-provinces":                    {"a"},
		"cert-manager.io/subject-localities":                   {"a\nb"},
		"cert-manager.io/subject-postalcodes":                  {"1"},
		"cert-manager.io/subject-streetaddresses":              {"a"},
		"cert-manager.io/subject-serialnumber":                 {"7", ""},
		"cert-manager.io/duration":                             {"2160h", "90d", "1m"},
		"cert-manager.io/renew-before":                         {"720h", "30"},
		"cert-manager.io/renew-before-percentage":              {"33", "33%", "4294967296"},
		"cert-manager.io/usages":                               {"server auth, client auth", "serverAuth", ""},
		"cert-manager.io/revision-history-limit":               {"1", "0", "x"},
		"cert-manager.io/private-key-algorithm":                {"RSA", "ECDSA", "Ed25519", "ecdsa", ""},
		"cert-manager.io/private-key-encoding":                 {"PKCS8", "pkcs8"},
		"cert-manager.io/private-key-size":                     {"2048", "256", "1024", "x", "0"},
		"cert-manager.io/private-key-rotation-policy":          {"Never", "always"},
		"cert-manager.io/secret-template":                      {`{"labels":{"a":"b"}}`, `{}`, `{"x":1}`, `{"annotations":{"cert-manager.io/a":"b"}}`, ""},
		"cert-manager.io/ignore-tls-listeners":                 {"l1, l2"},
		"acme.cert-manager.io/http01-edit-in-place":            {"true", "True"},
		"acme.cert-manager.io/http01-ingress-class":            {"nginx", ""},
		"acme.cert-manager.io/http01-ingress-ingressclassname": {"nginx"},
	}
}

// randomAnnotations has an issuer most of the time, and a few others.
func randomAnnotations(random *rand.Rand) map[string]string {
	all := values()
	keys := slices.Sorted(maps.Keys(all))
	annotations := map[string]string{"cert-manager.io/issuer": "le"}
	if random.IntN(10) == 0 {
		annotations = map[string]string{}
	}
	for range random.IntN(5) {
		key := keys[random.IntN(len(keys))]
		annotations[key] = all[key][random.IntN(len(all[key]))]
	}
	return annotations
}

func randomMeta(random *rand.Rand) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Name: "web", Namespace: "default", UID: types.UID("1"), Annotations: randomAnnotations(random)}
	if random.IntN(2) == 0 {
		meta.Labels = map[string]string{"a": "b", "applyset.kubernetes.io/part-of": "x"}
	}
	if random.IntN(20) == 0 {
		meta.Finalizers = []string{metav1.FinalizerDeleteDependents}
	}
	return meta
}

var hosts = []string{"a.dev", "b.dev", "*.c.dev", "10.0.0.1", "2001:db8::1", "a.dev"}

func randomIngress(random *rand.Rand) *networkingv1.Ingress {
	ingress := &networkingv1.Ingress{ObjectMeta: randomMeta(random)}
	for range random.IntN(4) {
		entry := networkingv1.IngressTLS{SecretName: []string{"s", "t", "u", "v", "w", ""}[random.IntN(6)]}
		for range random.IntN(4) {
			entry.Hosts = append(entry.Hosts, hosts[random.IntN(len(hosts))])
		}
		ingress.Spec.TLS = append(ingress.Spec.TLS, entry)
	}
	return ingress
}

func oneOf[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// randomGateway has what the API server fills in.
func randomGateway(random *rand.Rand) *gatewayv1.Gateway {
	gateway := &gatewayv1.Gateway{ObjectMeta: randomMeta(random)}
	for i := range random.IntN(4) {
		listener := gatewayv1.Listener{
			Name:     gatewayv1.SectionName(fmt.Sprintf("l%d", i)),
			Protocol: oneOf(random, gatewayv1.HTTPSProtocolType, gatewayv1.HTTPSProtocolType, gatewayv1.TLSProtocolType, gatewayv1.HTTPProtocolType),
		}
		if random.IntN(6) > 0 {
			hostname := gatewayv1.Hostname(oneOf(random, "a.dev", "b.dev", "*.c.dev", ""))
			listener.Hostname = &hostname
		}
		if random.IntN(6) > 0 {
			mode := oneOf(random, gatewayv1.TLSModeTerminate, gatewayv1.TLSModeTerminate, gatewayv1.TLSModeTerminate, gatewayv1.TLSModePassthrough)
			listener.TLS = &gatewayv1.ListenerTLSConfig{Mode: &mode}
			for range random.IntN(3) {
				group, kind := gatewayv1.Group(oneOf(random, "", "", "core", "x.dev")), gatewayv1.Kind(oneOf(random, "Secret", "Secret", "Secret", "ConfigMap"))
				ref := gatewayv1.SecretObjectReference{Name: gatewayv1.ObjectName(oneOf(random, "s", "t", "u")), Group: &group, Kind: &kind}
				if random.IntN(3) == 0 {
					namespace := gatewayv1.Namespace(oneOf(random, "default", "other"))
					ref.Namespace = &namespace
				}
				listener.TLS.CertificateRefs = append(listener.TLS.CertificateRefs, ref)
			}
		}
		gateway.Spec.Listeners = append(gateway.Spec.Listeners, listener)
	}
	return gateway
}

func TestEngineMakesTheCertificatesThatCertManagerMakes(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	made := 0
	for i := range 4000 {
		var object metav1.Object = randomIngress(random)
		if i%2 == 1 {
			object = randomGateway(random)
		}
		want, err := shimMakes(t, object)
		made += len(want)
		if err != nil && !saysWhy(t, object) {
			t.Errorf("cert-manager gives up on %+v and the engine says nothing: %v", object, err)
		}
		if diff := cmp.Diff(want, engineMakes(t, object)); diff != "" {
			t.Fatalf("Certificates for %+v (-cert-manager +engine):\n%s", object, diff)
		}
	}
	if made < 500 {
		t.Errorf("cert-manager made %d Certificates, so the test says little", made)
	}
}
