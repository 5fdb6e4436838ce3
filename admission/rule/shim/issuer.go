package shim

import (
	"strconv"

	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// TLSACME is the annotation by which an Ingress asks for cert-manager's default issuer.
const TLSACME = "kubernetes.io/tls-acme"

// Kind is "Ingress" or "Gateway".
func Kind(object metav1.Object) string {
	if _, ok := object.(*gatewayv1.Gateway); ok {
		return "Gateway"
	}
	return "Ingress"
}

// issuer is the issuer that an object asks for, and the annotation that says so.
type issuer struct {
	name, kind, group string
	key               string
}

// AsksForCertificates tells whether cert-manager looks at the object at all; defaultIssuer tells whether it has an issuer for those
// that name none.
func AsksForCertificates(object metav1.Object, defaultIssuer bool) bool {
	annotations := object.GetAnnotations()
	if _, ok := annotations[cmapi.IngressIssuerNameAnnotationKey]; ok {
		return true
	}
	if _, ok := annotations[cmapi.IngressClusterIssuerNameAnnotationKey]; ok {
		return true
	}
	return defaultIssuer && asksForDefaultIssuer(object)
}

// asksForDefaultIssuer tells whether an Ingress, and it alone, has the annotation for that.
func asksForDefaultIssuer(object metav1.Object) bool {
	_, ingress := object.(*networkingv1.Ingress)
	wanted, err := strconv.ParseBool(object.GetAnnotations()[TLSACME])
	return ingress && err == nil && wanted
}

// issuerOf is the issuer that the annotations name; ok is false where they name none, or contradict each other.
func issuerOf(annotations map[string]string) (named issuer, ok bool) {
	named = issuer{kind: cmapi.IssuerKind, group: certmanager.GroupName, key: cmapi.IngressIssuerNameAnnotationKey}
	if _, cluster := annotations[cmapi.IngressClusterIssuerNameAnnotationKey]; cluster {
		named.kind, named.key = cmapi.ClusterIssuerKind, cmapi.IngressClusterIssuerNameAnnotationKey
	}
	named.name = annotations[named.key]
	if kind, set := annotations[cmapi.IssuerKindAnnotationKey]; set {
		named.kind = kind
	}
	if group, set := annotations[cmapi.IssuerGroupAnnotationKey]; set {
		named.group = group
	}
	return named, named.name != "" && len(IssuerConflicts(annotations)) == 0
}

// IssuerConflicts are annotations of which only one may be there.
func IssuerConflicts(annotations map[string]string) [][2]string {
	var conflicts [][2]string
	if _, cluster := annotations[cmapi.IngressClusterIssuerNameAnnotationKey]; !cluster {
		return nil
	}
	for _, other := range []string{cmapi.IngressIssuerNameAnnotationKey, cmapi.IssuerKindAnnotationKey, cmapi.IssuerGroupAnnotationKey} {
		if _, set := annotations[other]; set {
			conflicts = append(conflicts, [2]string{other, cmapi.IngressClusterIssuerNameAnnotationKey})
		}
	}
	return conflicts
}
