package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	admissionv1 "k8s.io/api/admission/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

// mostLooks is how often one review may ask the API server.
const mostLooks = 60

// emptyCluster has nothing, so that each question to it would be one to the API server.
type emptyCluster struct {
	evidence.World
	looks atomic.Int64
}

func (c *emptyCluster) Issuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	c.looks.Add(1)
	return nil, nil
}

func (c *emptyCluster) Certificate(context.Context, string, string) (*cmapi.Certificate, error) {
	c.looks.Add(1)
	return nil, nil
}

func (c *emptyCluster) APIService(context.Context, string) (*evidence.APIService, bool, error) {
	c.looks.Add(1)
	return nil, true, nil
}

func (c *emptyCluster) KindServed(context.Context, string, string) (served, known bool, err error) {
	c.looks.Add(1)
	return false, true, nil
}

func (c *emptyCluster) Secret(context.Context, string, string) (*metav1.PartialObjectMetadata, bool, error) {
	c.looks.Add(1)
	return nil, true, nil
}

// webhookSolver has a group and a Secret of its own.
func webhookSolver(i int) acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{
		GroupName: fmt.Sprintf("g%d.certyun.dev", i), SolverName: "s",
	}}}
}

func cloudSolver(i int) acmev1.ACMEChallengeSolver {
	return acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{Cloudflare: &acmev1.ACMEIssuerDNS01ProviderCloudflare{
		APIToken: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: fmt.Sprintf("token-%d", i)}, Key: "token"},
	}}}
}

func issuerOf(n int, solvers ...func(int) acmev1.ACMEChallengeSolver) *cmapi.Issuer {
	issuer := acmeIssuer("many")
	for i := range n {
		for _, solver := range solvers {
			issuer.Spec.ACME.Solvers = append(issuer.Spec.ACME.Solvers, solver(i))
		}
	}
	return issuer
}

func ingressOf(n int, annotations map[string]string) *networkingv1.Ingress {
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "many", Annotations: annotations}}
	for i := range n {
		host := fmt.Sprintf("h%d.certyun.dev", i)
		ingress.Spec.TLS = append(ingress.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{host}, SecretName: host})
	}
	return ingress
}

func referring(ref cmmeta.IssuerReference) *cmapi.Certificate {
	crt := newCertificate("web", "*.certyun.dev")
	crt.Spec.IssuerRef = ref
	return crt
}

func TestOneReviewAsksTheAPIServerSixtyTimesAtMost(t *testing.T) {
	issuer := cmapi.SchemeGroupVersion.WithKind("Issuer")
	certificate := cmapi.SchemeGroupVersion.WithKind("Certificate")
	ingress := networkingv1.SchemeGroupVersion.WithKind("Ingress")
	tests := map[string]struct {
		kind        schema.GroupVersionKind
		object, old client.Object
		most        int64
	}{
		"a Certificate without its Issuer":            {kind: certificate, object: referring(cmmeta.IssuerReference{Name: "le"}), most: 3},
		"a Certificate for another kind of issuer":    {kind: certificate, object: referring(cmmeta.IssuerReference{Name: "a", Kind: "X", Group: "x.dev"}), most: 2},
		"a Certificate that changes its Issuer":       {kind: certificate, object: referring(cmmeta.IssuerReference{Name: "a"}), old: referring(cmmeta.IssuerReference{Name: "b"}), most: 6},
		"an Issuer of a thousand groups":              {kind: issuer, object: issuerOf(1000, webhookSolver), most: mostLooks},
		"an Issuer of ten thousand groups":            {kind: issuer, object: issuerOf(10_000, webhookSolver), most: mostLooks},
		"an Issuer of a thousand groups and Secrets":  {kind: issuer, object: issuerOf(1000, webhookSolver, cloudSolver), most: mostLooks},
		"an Issuer that had a thousand other groups":  {kind: issuer, object: issuerOf(500, webhookSolver), old: issuerOf(1000, webhookSolver), most: mostLooks},
		"an Ingress of a thousand Secrets":            {kind: ingress, object: ingressOf(1000, map[string]string{"cert-manager.io/issuer": "le"}), most: mostLooks},
		"an Ingress for another kind of issuer":       {kind: ingress, object: ingressOf(1000, map[string]string{"cert-manager.io/issuer": "le", "cert-manager.io/issuer-kind": "X", "cert-manager.io/issuer-group": "x.dev"}), most: mostLooks},
		"an Ingress with hosts of a thousand domains": {kind: ingress, object: ingressOf(1000, map[string]string{"cert-manager.io/cluster-issuer": "le"}), old: ingressOf(900, nil), most: mostLooks},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			w := &emptyCluster{World: worldOf()}
			h := newHandler(t, w, w, catalogue.Rules())
			h.settings = rule.Settings{ClusterResourceNamespace: "cert-manager", CertManagerVersion: "v1.21.2"}
			ar := admissionv1.AdmissionRequest{
				UID: "1", Operation: admissionv1.Create, Kind: metav1.GroupVersionKind(c.kind), Namespace: c.object.GetNamespace(), Name: c.object.GetName(),
			}
			ar.Object.Raw = encoded(t, c.kind, c.object)
			if c.old != nil {
				ar.Operation, ar.OldObject.Raw = admissionv1.Update, encoded(t, c.kind, c.old)
			}
			h.Handle(t.Context(), admission.Request{AdmissionRequest: ar})
			if looks := w.looks.Load(); looks == 0 || looks > c.most {
				t.Errorf("it looks %d times, want %d at most", looks, c.most)
			}
		})
	}
}

func encoded(t testing.TB, kind schema.GroupVersionKind, object client.Object) []byte {
	t.Helper()
	object.GetObjectKind().SetGroupVersionKind(kind)
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
