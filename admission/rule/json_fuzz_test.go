package rule

import (
	"encoding/json"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// fuzzJSON judges whatever can be decoded. No rule may panic, and two looks must see the same.
func fuzzJSON(f *testing.F, kind string, empty func() metav1.Object) {
	f.Helper()
	for _, c := range corpus(f) {
		if last := documents(f, c.Object)[0]; last.kind == kind {
			raw, err := json.Marshal(last.decode(f))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	engine, env := NewEngine(All()), newScene(f, "").env
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := empty()
		if json.Unmarshal(raw, o) != nil {
			return
		}
		look := func() []string {
			findings, err := engine.Review(t.Context(), env, &Policy{}, Request{Operation: Create, Object: o})
			if err != nil {
				t.Fatalf("Review: %v", err)
			}
			return texts(findings)
		}
		if diff := cmp.Diff(look(), look()); diff != "" {
			t.Errorf("two looks at one object:\n%s", diff)
		}
	})
}

func FuzzCertificateJSON(f *testing.F) {
	for _, spec := range requestSpecs() {
		f.Add([]byte(`{"spec":` + spec + `}`))
	}
	fuzzJSON(f, "Certificate", func() metav1.Object { return &cmapi.Certificate{} })
}

func FuzzIngressJSON(f *testing.F) {
	fuzzJSON(f, "Ingress", func() metav1.Object { return &networkingv1.Ingress{} })
}

func FuzzGatewayJSON(f *testing.F) {
	fuzzJSON(f, "Gateway", func() metav1.Object { return &gatewayv1.Gateway{} })
}
