package cluster

import (
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// slim drops what no rule reads before an object is kept. A cluster may have tens of thousands of Certificates.
func slim(object any) (any, error) {
	switch o := object.(type) {
	case *cmapi.Certificate:
		// Rules about other Certificates read their names, their issuer, their Secret and their labels, which choose a solver.
		return &cmapi.Certificate{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion, Labels: o.Labels,
				CreationTimestamp: o.CreationTimestamp, DeletionTimestamp: o.DeletionTimestamp, OwnerReferences: o.OwnerReferences,
			},
			Spec: cmapi.CertificateSpec{
				CommonName: o.Spec.CommonName, DNSNames: o.Spec.DNSNames, IPAddresses: o.Spec.IPAddresses,
				IssuerRef: o.Spec.IssuerRef, SecretName: o.Spec.SecretName,
			},
		}, nil
	case *apiregistrationv1.APIService:
		return &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: o.Name, ResourceVersion: o.ResourceVersion, Labels: o.Labels, Annotations: applied(o.Annotations)},
			Status:     o.Status,
		}, nil
	case *metav1.PartialObjectMetadata:
		return &metav1.PartialObjectMetadata{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, ResourceVersion: o.ResourceVersion, Labels: o.Labels,
			Annotations: applied(o.Annotations), OwnerReferences: o.OwnerReferences,
		}}, nil
	case metav1.Object:
		o.SetManagedFields(nil)
		o.SetAnnotations(applied(o.GetAnnotations()))
	}
	return object, nil
}

// applied leaves out the copy of the object that kubectl keeps in its annotations. A Secret's has its data.
func applied(annotations map[string]string) map[string]string {
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return annotations
}
