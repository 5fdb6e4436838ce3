package oracle

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
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
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/rule"
	ourshim "github.com/certyun/certyun/admission/rule/shim"
)

// made is what cert-manager's own certificate-shim does about an Ingress or a Gateway.
type made struct {
	certificates []cmapi.Certificate
	// complaints are the events and the error by which it says that something is wrong.
	complaints []string
}

// make asks cert-manager's certificate-shim to do its work in a cluster that has nothing else.
func makeCertificates(t testing.TB, object metav1.Object) made {
	t.Helper()
	client := fake.NewClientset()
	recorder := record.NewFakeRecorder(1000)
	lister := cmlisters.NewCertificateLister(cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc}))
	sync := shim.SyncFnFor(recorder, logr.Discard(), client, lister, controller.IngressShimOptions{
		DefaultAutoCertificateAnnotations: []string{"kubernetes.io/tls-acme"},
	}, "oracle")
	var m made
	if err := sync(t.Context(), object); err != nil {
		m.complaints = append(m.complaints, err.Error())
	}
	close(recorder.Events)
	for event := range recorder.Events {
		if strings.Contains(event, "BadConfig") {
			m.complaints = append(m.complaints, event)
		}
	}
	list, err := client.CertmanagerV1().Certificates(object.GetNamespace()).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m.certificates = list.Items
	return m
}

// aboutCertificates are the findings of rules that judge a Certificate wherever it comes from. Where it comes from decides about
// the path, the severity and some words, so these do not count.
func aboutCertificates(findings []rule.Finding) []string {
	var rules []string
	for _, r := range catalogue.Online() {
		if _, wherever := r.Check.(rule.Certificates); wherever {
			rules = append(rules, r.ID)
		}
	}
	list := []string{}
	for _, f := range findings {
		if slices.Contains(rules, f.Rule) {
			list = append(list, fmt.Sprintf("%s %v", f.Rule, f.Value))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// compareWithShim demands that an Ingress or a Gateway is judged like the Certificates that cert-manager makes for it, and that
// something is said where cert-manager complains.
func compareWithShim(t testing.TB, m *manifest) (certificates, complaints int) {
	t.Helper()
	m.object.SetUID("5f1c1d0e-0000-4000-8000-000000000002")
	got := review(t, m.world, m.object)
	done := makeCertificates(t, m.object)
	var judged []rule.Finding
	for i := range done.certificates {
		judged = append(judged, review(t, m.world, &done.certificates[i])...)
	}
	// Of a space in an annotation the rule about annotations tells.
	judged = slices.DeleteFunc(judged, func(f rule.Finding) bool {
		name, _ := f.Value.(string)
		return f.Rule == "dns-name-invalid" && strings.TrimSpace(name) != name
	})
	if diff := cmp.Diff(aboutCertificates(judged), aboutCertificates(got)); diff != "" {
		t.Errorf("%s: findings (-about cert-manager's Certificates +about the object):\n%s\n%s\n%s", m.name, diff, yamlOf(t, m.object), yamlOf(t, done.certificates))
	}
	// kubernetes.io/tls-acme alone may be for another controller.
	meant := slices.ContainsFunc(slices.Collect(maps.Keys(m.object.GetAnnotations())), ourshim.Meant)
	if len(done.complaints) > 0 && len(got) == 0 && meant {
		t.Errorf("%s: cert-manager says %v, and we say nothing about\n%s", m.name, done.complaints, yamlOf(t, m.object))
	}
	return len(done.certificates), len(done.complaints)
}

func TestManifestsWithAnnotationsAreJudgedAsTheirCertificates(t *testing.T) {
	t.Parallel()
	for _, m := range corpus(t) {
		switch object := m.object.(type) {
		case *networkingv1.Ingress:
		case *gatewayv1.Gateway:
			// The API server fills these in.
			for i := range object.Spec.Listeners {
				fillIn(&object.Spec.Listeners[i])
			}
		default:
			continue
		}
		compareWithShim(t, m)
	}
}

func fillIn(listener *gatewayv1.Listener) {
	if listener.TLS == nil {
		return
	}
	if listener.TLS.Mode == nil {
		listener.TLS.Mode = new(gatewayv1.TLSModeTerminate)
	}
	for i := range listener.TLS.CertificateRefs {
		ref := &listener.TLS.CertificateRefs[i]
		if ref.Group == nil {
			ref.Group = new(gatewayv1.Group(""))
		}
		if ref.Kind == nil {
			ref.Kind = new(gatewayv1.Kind("Secret"))
		}
	}
}

func TestRandomIngressesAreJudgedAsTheirCertificates(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 21))
	certificates, complaints := 0, 0
	for i := range 1000 {
		world := newWorld()
		issuer := randomACME(random)
		world.AddIssuer(issuer)
		m := &manifest{name: fmt.Sprintf("Ingress %d", i), object: randomIngress(random), world: world}
		made, wrong := compareWithShim(t, m)
		certificates += made
		complaints += wrong
		if t.Failed() {
			t.Fatalf("the Issuer was\n%s", yamlOf(t, issuer))
		}
	}
	t.Logf("cert-manager made %d Certificates and complained %d times", certificates, complaints)
	if min(certificates, complaints) < 200 {
		t.Errorf("cert-manager made %d Certificates and complained %d times, which tries too little", certificates, complaints)
	}
}

func randomIngress(random *rand.Rand) *networkingv1.Ingress {
	ingress := &networkingv1.Ingress{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "Ingress"},
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", Annotations: map[string]string{"cert-manager.io/issuer": one(random, "le", "le", "le", "none")}},
	}
	values := map[string][]string{
		"cert-manager.io/cluster-issuer":              {"le", ""},
		"cert-manager.io/issuer-kind":                 {"Issuer", "ClusterIssuer", ""},
		"cert-manager.io/issuer-group":                {"cert-manager.io", "Cert-Manager.io", ""},
		"cert-manager.io/common-name":                 {"www.cert-lab.dev", "cert-lab.dev", "", " x"},
		"cert-manager.io/alt-names":                   {"www.cert-lab.dev", "a.cert-lab.dev,b.cert-lab.dev", "a.cert-lab.dev, b.cert-lab.dev", "", ",", "*.cert-lab.dev"},
		"cert-manager.io/ip-sans":                     {"8.8.4.4", "192.168.0.5,8.8.4.4", "a", ""},
		"cert-manager.io/email-sans":                  {"ann@cert-lab.dev", "Ann <ann@cert-lab.dev>", "a", ""},
		"cert-manager.io/subject-organizations":       {"Corp", "Corp,\"Corp, Inc.\"", "\"", ""},
		"cert-manager.io/subject-serialnumber":        {"42"},
		"cert-manager.io/duration":                    {"2160h", "90d", "24h", "1m", ""},
		"cert-manager.io/renew-before":                {"360h", "soon", "1m"},
		"cert-manager.io/renew-before-percentage":     {"33", "150", "x"},
		"cert-manager.io/usages":                      {"server auth", "server auth, client auth", "client auth,", "tls", ""},
		"cert-manager.io/revision-history-limit":      {"2", "0", "x", "-1"},
		"cert-manager.io/private-key-algorithm":       {"ECDSA", "RSA", "Ed25519", "ecdsa", ""},
		"cert-manager.io/private-key-size":            {"256", "384", "2048", "8192", "1", "x", "521"},
		"cert-manager.io/private-key-encoding":        {"PKCS1", "PKCS8", "pkcs8"},
		"cert-manager.io/private-key-rotation-policy": {"Always", "Never", "never"},
		"cert-manager.io/secret-template":             {`{"labels": {"a": "b"}}`, `{"labels": {"controller.cert-manager.io/fao": "x"}}`, "{", `{"annotations": {"cert-manager.io/x": "y"}}`, `{"data": {}}`},
		"acme.cert-manager.io/http01-edit-in-place":   {"true", "false", "True"},
		"acme.cert-manager.io/http01-ingress-class":   {"nginx", ""},
	}
	keys := slices.Sorted(func(yield func(string) bool) {
		for key := range values {
			if !yield(key) {
				return
			}
		}
	})
	for range random.IntN(4) {
		key := one(random, keys...)
		ingress.Annotations[key] = one(random, values[key]...)
	}
	if rarely(random, 3) {
		ingress.Labels = map[string]string{one(random, "team", "tier"): one(random, "web", "db"), "applyset.kubernetes.io/part-of": "x"}
	}
	for range random.IntN(4) {
		ingress.Spec.TLS = append(ingress.Spec.TLS, networkingv1.IngressTLS{
			Hosts:      some(random, "www.cert-lab.dev", "*.cert-lab.dev", "cert-lab.dev", "8.8.4.4", "www.eu.cert-lab.dev", "WWW.other-lab.dev", "www.cert-lab.dev"),
			SecretName: one(random, "web-tls", "shop-tls", "mail-tls", "account", ""),
		})
	}
	return ingress
}
