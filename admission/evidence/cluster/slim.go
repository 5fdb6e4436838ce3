package cluster

import (
	"encoding/json"
	"slices"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/certyun/certyun/admission/evidence"
)

// Whoever may write an object decides how large it is. What is kept of it has bounds, in bytes.
const (
	// maxName is the length of the longest name that an object or a host can have.
	maxName = 253
	// maxServer is the length of the longest address of an ACME server.
	maxServer = 2 << 10
	// maxMetadata is for the metadata of an object as JSON.
	maxMetadata = 16 << 10
	// maxIssuer is for an Issuer as JSON. In memory it may be ten times as large.
	maxIssuer = 64 << 10
)

// partial is the annotation of an Issuer that is not kept whole.
const partial = "certyun.internal/partial"

// slim drops what no rule reads before an object is kept. A cluster may have tens of thousands of Certificates. It changes the object,
// and may be called with it again.
func slim(object any) (any, error) {
	switch o := object.(type) {
	case *cmapi.Certificate:
		slimCertificate(o)
	case *apiregistrationv1.APIService:
		*o = apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: o.Name, ResourceVersion: o.ResourceVersion, Labels: o.Labels, Annotations: applied(o.Annotations)},
			Status:     o.Status,
		}
	case *metav1.PartialObjectMetadata:
		*o = metav1.PartialObjectMetadata{TypeMeta: o.TypeMeta, ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, ResourceVersion: o.ResourceVersion, Labels: o.Labels,
			Annotations: applied(o.Annotations), OwnerReferences: o.OwnerReferences,
		}}
		return object, slimMetadata(&o.ObjectMeta)
	case issuerObject:
		return object, slimIssuer(o)
	}
	return object, nil
}

// slimCertificate keeps what rules about other Certificates read: their names, their issuer, their Secret and their labels, which
// choose a solver. Of what no CA issues and of what has more labels than anybody reads it keeps neither names nor labels.
func slimCertificate(crt *cmapi.Certificate) {
	ref := crt.Spec.IssuerRef
	kept := cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: crt.Namespace, Name: crt.Name, UID: crt.UID, ResourceVersion: crt.ResourceVersion,
			CreationTimestamp: crt.CreationTimestamp, DeletionTimestamp: crt.DeletionTimestamp, OwnerReferences: controller(crt),
		},
		Spec: cmapi.CertificateSpec{
			IssuerRef:  cmmeta.IssuerReference{Name: possible(ref.Name), Kind: possible(ref.Kind), Group: possible(ref.Group)},
			SecretName: possible(crt.Spec.SecretName),
		},
	}
	tooLong := func(name string) bool { return len(name) > maxName }
	if !slices.ContainsFunc(crt.Spec.DNSNames, tooLong) && !slices.ContainsFunc(crt.Spec.IPAddresses, tooLong) && sizeOf(crt.Labels) <= maxMetadata {
		kept.Labels = crt.Labels
		kept.Spec.DNSNames = first(crt.Spec.DNSNames, evidence.MaxNames)
		kept.Spec.IPAddresses = first(crt.Spec.IPAddresses, evidence.MaxNames-len(kept.Spec.DNSNames))
	}
	*crt = kept
}

// slimIssuer keeps an Issuer whole, or of a large one what is asked about Issuers in general.
func slimIssuer(issuer issuerObject) error {
	issuer.SetManagedFields(nil)
	issuer.SetAnnotations(applied(issuer.GetAnnotations()))
	raw, err := json.Marshal(issuer)
	if err != nil || len(raw) <= maxIssuer {
		return err
	}
	meta := metav1.ObjectMeta{
		Namespace: issuer.GetNamespace(), Name: issuer.GetName(), UID: issuer.GetUID(), ResourceVersion: issuer.GetResourceVersion(),
		Annotations: map[string]string{partial: ""},
	}
	var spec cmapi.IssuerSpec
	if acme := issuer.GetSpec().ACME; acme != nil {
		spec.ACME = &cmacme.ACMEIssuer{Server: within(maxServer, acme.Server), PrivateKey: acme.PrivateKey}
		spec.ACME.PrivateKey.Name = possible(acme.PrivateKey.Name)
		spec.ACME.PrivateKey.Key = possible(acme.PrivateKey.Key)
	}
	switch o := issuer.(type) {
	case *cmapi.Issuer:
		*o = cmapi.Issuer{ObjectMeta: meta, Spec: spec}
	case *cmapi.ClusterIssuer:
		*o = cmapi.ClusterIssuer{ObjectMeta: meta, Spec: spec}
	}
	return nil
}

// slimMetadata keeps of large metadata what identifies the object.
func slimMetadata(o *metav1.ObjectMeta) error {
	raw, err := json.Marshal(o)
	if err == nil && len(raw) > maxMetadata {
		o.Labels, o.Annotations, o.OwnerReferences = nil, nil, nil
	}
	return err
}

// controller is the one owner that rules ask about.
func controller(o metav1.Object) []metav1.OwnerReference {
	owner := metav1.GetControllerOf(o)
	if owner == nil {
		return nil
	}
	return []metav1.OwnerReference{{
		APIVersion: possible(owner.APIVersion), Kind: possible(owner.Kind), Name: possible(owner.Name), UID: owner.UID, Controller: owner.Controller,
	}}
}

// first are the first names, and nothing that holds on to the others.
func first(names []string, n int) []string {
	if len(names) <= n {
		return names
	}
	return slices.Clone(names[:n])
}

// possible is a name, or "" where no object can have it.
func possible(name string) string { return within(maxName, name) }

func within(length int, s string) string {
	if len(s) > length {
		return ""
	}
	return s
}

func sizeOf(labels map[string]string) (size int) {
	for name, value := range labels {
		size += len(name) + len(value)
	}
	return size
}

// applied leaves out the copy of the object that kubectl keeps in its annotations. A Secret's has its data.
func applied(annotations map[string]string) map[string]string {
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	return annotations
}
