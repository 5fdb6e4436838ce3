package rule

import (
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Request is one object to judge.
type Request struct {
	Operation Operation
	// Object is a *Certificate, *Issuer, *ClusterIssuer, *Ingress or *Gateway, nil where only the manifest is judged. On DELETE it
	// is the object that goes.
	Object metav1.Object
	// Old is the object as it is, on UPDATE; else nil.
	Old metav1.Object
	// Manifest is what package admission/schema says of the object as it is written. In a cluster the API server has judged that.
	Manifest []Finding
}

// NewObject returns what an object of a kind that is judged is decoded into, nil for other kinds.
func NewObject(kind schema.GroupVersionKind) metav1.Object {
	switch kind {
	case cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind):
		return &cmapi.Certificate{}
	case cmapi.SchemeGroupVersion.WithKind(cmapi.IssuerKind):
		return &cmapi.Issuer{}
	case cmapi.SchemeGroupVersion.WithKind(cmapi.ClusterIssuerKind):
		return &cmapi.ClusterIssuer{}
	case networkingv1.SchemeGroupVersion.WithKind("Ingress"):
		return &networkingv1.Ingress{}
	case schema.GroupVersion(gatewayv1.GroupVersion).WithKind("Gateway"):
		return &gatewayv1.Gateway{}
	}
	return nil
}

// SameSpec tells whether two versions of an object have the same spec.
func SameSpec(a, b metav1.Object) bool {
	switch a := a.(type) {
	case *cmapi.Certificate:
		b, ok := b.(*cmapi.Certificate)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	case cmapi.GenericIssuer:
		b, ok := b.(cmapi.GenericIssuer)
		return ok && equality.Semantic.DeepEqual(a.GetSpec(), b.GetSpec())
	case *networkingv1.Ingress:
		b, ok := b.(*networkingv1.Ingress)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	case *gatewayv1.Gateway:
		b, ok := b.(*gatewayv1.Gateway)
		return ok && equality.Semantic.DeepEqual(a.Spec, b.Spec)
	}
	return false
}
