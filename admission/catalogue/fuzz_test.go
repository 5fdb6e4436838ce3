package catalogue

import (
	"encoding/json"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// fuzzJSON judges whatever can be decoded. No rule may panic, and two looks must see the same.
func fuzzJSON(f *testing.F, kind string, empty func() metav1.Object) {
	f.Helper()
	for _, c := range corpus(f) {
		if last := ruletest.Documents(f, c.Object)[0]; last.Kind == kind {
			raw, err := json.Marshal(last.Decode(f))
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw)
		}
	}
	engine, env := rule.NewOnlineEngine(Rules()), ruletest.NewScene(f, "").Env
	f.Fuzz(func(t *testing.T, raw []byte) {
		o := empty()
		if json.Unmarshal(raw, o) != nil {
			return
		}
		look := func() []string {
			findings, err := engine.Review(t.Context(), env, &rule.Policy{}, rule.Request{Operation: rule.Create, Object: o})
			if err != nil {
				t.Fatalf("Review: %v", err)
			}
			return ruletest.Texts(findings)
		}
		if diff := cmp.Diff(look(), look()); diff != "" {
			t.Errorf("two looks at one object:\n%s", diff)
		}
	})
}

func FuzzCertificateJSON(f *testing.F) {
	for _, spec := range ruletest.RequestSpecs() {
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
