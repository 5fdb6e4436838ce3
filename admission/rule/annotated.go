package rule

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// annotatedRules are the rules about Ingresses and Gateways for which cert-manager's certificate-shim makes Certificates. They
// all warn: an Ingress routes traffic too. What the shim does with each annotation is in
// https://cert-manager.io/docs/usage/ingress/ and https://cert-manager.io/docs/usage/gateway/.
func annotatedRules() []Rule {
	return slices.Concat([]Rule{ingressIssuerConflict()}, annotationRules(), annotatedTLSRules())
}

// tlsACME is the annotation by which an Ingress asks for cert-manager's default issuer.
const tlsACME = "kubernetes.io/tls-acme"

func annotatedKinds() []string { return []string{"Ingress", "Gateway"} }

func annotationPath(key string) string { return "metadata.annotations[" + key + "]" }

// kindOfAnnotated is "Ingress" or "Gateway".
func kindOfAnnotated(object metav1.Object) string {
	if _, ok := object.(*gatewayv1.Gateway); ok {
		return "Gateway"
	}
	return "Ingress"
}

func titleOfAnnotated(object metav1.Object) string {
	if kindOfAnnotated(object) == "Gateway" {
		return "a Gateway"
	}
	return "an Ingress"
}

// issuerChoice is the issuer that an object asks for, and the annotation that says so.
type issuerChoice struct {
	name, kind, group string
	key               string
}

// asksForCertificates tells whether cert-manager looks at the object at all.
func (r *AnnotatedReview) asksForCertificates() bool {
	annotations := r.Object.GetAnnotations()
	if _, ok := annotations[cmapi.IngressIssuerNameAnnotationKey]; ok {
		return true
	}
	if _, ok := annotations[cmapi.IngressClusterIssuerNameAnnotationKey]; ok {
		return true
	}
	return r.Settings.DefaultIssuer && r.asksForDefaultIssuer()
}

// asksForDefaultIssuer tells whether an Ingress, and it alone, has the annotation for that.
func (r *AnnotatedReview) asksForDefaultIssuer() bool {
	_, ingress := r.Object.(*networkingv1.Ingress)
	wanted, err := strconv.ParseBool(r.Object.GetAnnotations()[tlsACME])
	return ingress && err == nil && wanted
}

// issuer is the issuer that the annotations name; ok is false where they name none, or contradict each other.
func (r *AnnotatedReview) issuer() (choice issuerChoice, ok bool) {
	annotations := r.Object.GetAnnotations()
	choice = issuerChoice{kind: cmapi.IssuerKind, group: certmanager.GroupName, key: cmapi.IngressIssuerNameAnnotationKey}
	if _, cluster := annotations[cmapi.IngressClusterIssuerNameAnnotationKey]; cluster {
		choice.kind, choice.key = cmapi.ClusterIssuerKind, cmapi.IngressClusterIssuerNameAnnotationKey
	}
	choice.name = annotations[choice.key]
	if kind, set := annotations[cmapi.IssuerKindAnnotationKey]; set {
		choice.kind = kind
	}
	if group, set := annotations[cmapi.IssuerGroupAnnotationKey]; set {
		choice.group = group
	}
	return choice, choice.name != "" && len(issuerConflicts(annotations)) == 0
}

// issuerConflicts are annotations of which only one may be there.
func issuerConflicts(annotations map[string]string) [][2]string {
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

func ingressIssuerConflict() Rule {
	return Rule{
		ID:       "ingress-issuer-conflict",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "The annotations name no issuer, or two.",
		Why: "cert-manager accepts an Issuer by cert-manager.io/issuer (with issuer-kind and issuer-group for external ones) or a ClusterIssuer by " +
			"cert-manager.io/cluster-issuer. Given both it makes nothing and leaves an event with reason BadConfig.",
		Remedy: "Keep one of the annotations.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			annotations := r.Object.GetAnnotations()
			var findings []Finding
			for _, pair := range issuerConflicts(annotations) {
				findings = append(findings, Finding{
					Field: "metadata.annotations", Value: pair[0], Remedy: "Keep one",
					Message: fmt.Sprintf("both %s and %s are set; no certificate will be created", pair[0], pair[1]),
				})
			}
			for _, key := range []string{cmapi.IngressIssuerNameAnnotationKey, cmapi.IngressClusterIssuerNameAnnotationKey} {
				if name, set := annotations[key]; set && name == "" && len(findings) == 0 {
					findings = append(findings, Finding{
						Field: annotationPath(key), Remedy: "Write the name of an issuer",
						Message: "empty; no certificate will be created",
					})
				}
			}
			return findings, nil
		},
	}
}

// annotationRules are the rules about single annotations.
func annotationRules() []Rule {
	return []Rule{ingressAnnotationValueInvalid(), ingressAnnotationUnknown(), ingressAnnotationIgnored()}
}

func ingressAnnotationValueInvalid() Rule {
	return Rule{
		ID:       "ingress-annotation-value-invalid",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "cert-manager cannot read the value of an annotation.",
		Why: "One value that cert-manager cannot read keeps it from making any Certificate for the object, and only its log tells of it " +
			"(https://github.com/cert-manager/cert-manager/issues/9145). Lists are cut at commas and not trimmed, so a space becomes part of a name. " +
			"What is wrong with a private key's annotations says the rule key-size-for-algorithm.",
		Remedy: "Write the value as the finding says.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			var findings []Finding
			annotations := r.Object.GetAnnotations()
			for _, a := range shimAnnotations() {
				value, set := annotations[a.key]
				if !set || a.judgedElsewhere {
					continue
				}
				problem := a.read(&cmapi.Certificate{}, value)
				if problem == "" && a.doubt != nil {
					problem = a.doubt(value, annotations)
				}
				if problem != "" {
					findings = append(findings, Finding{Field: annotationPath(a.key), Value: value, Message: problem})
				}
			}
			return findings, nil
		},
	}
}

func ingressAnnotationUnknown() Rule {
	return Rule{
		ID:       "ingress-annotation-unknown",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "cert-manager has no such annotation.",
		Why:      "Annotations are free text to the API server, and cert-manager passes over what it does not know. Nothing ever tells of it.",
		Remedy:   "Write an annotation of https://cert-manager.io/docs/reference/annotations/.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			known := knownAnnotations()
			var findings []Finding
			for key := range r.Object.GetAnnotations() {
				prefix, name, _ := strings.Cut(strings.ToLower(key), "/")
				ours := prefix == certmanager.GroupName || prefix == "acme."+certmanager.GroupName || prefix == formerGroup
				if !ours || slices.Contains(known, key) {
					continue
				}
				message := "unknown and ignored"
				if meant := meantAnnotation(name, known); meant != "" {
					message += "; did you mean " + meant + "?"
				}
				findings = append(findings, Finding{Field: annotationPath(key), Value: key, Message: message})
			}
			return findings, nil
		},
	}
}

// meantAnnotation is the annotation of which a name reminds, "" where there is none.
func meantAnnotation(name string, known []string) string {
	others := map[string]string{
		"issuer-name":         cmapi.IngressIssuerNameAnnotationKey,
		"cluster-issuer-name": cmapi.IngressClusterIssuerNameAnnotationKey,
		"dns-names":           cmapi.AltNamesAnnotationKey,
		"dns-sans":            cmapi.AltNamesAnnotationKey,
		"key-algorithm":       cmapi.PrivateKeyAlgorithmAnnotationKey,
		"key-size":            cmapi.PrivateKeySizeAnnotationKey,
	}
	if key, ok := others[name]; ok {
		return key
	}
	best, bestDistance := "", 3
	for _, key := range known {
		_, candidate, _ := strings.Cut(key, "/")
		if d := distance(name, candidate, bestDistance); d < bestDistance && d*3 < len(candidate) {
			best, bestDistance = key, d
		}
	}
	return best
}

func ingressAnnotationIgnored() Rule {
	return Rule{
		ID:       "ingress-annotation-ignored",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "An annotation has no effect here.",
		Why: "cert-manager reads some annotations on Certificates alone, takes http01-edit-in-place only as the exact text \"true\", and can do nothing " +
			"for kubernetes.io/tls-acme where it runs without --default-issuer-name.",
		Remedy: "Remove the annotation, or do what the finding says.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			var findings []Finding
			for key, value := range r.Object.GetAnnotations() {
				if message := ignoredAnnotation(r, key, value); message != "" {
					findings = append(findings, Finding{Field: annotationPath(key), Value: value, Message: message})
				}
			}
			return findings, nil
		},
	}
}

// ignoredAnnotation says why an annotation has no effect, "" where it has one.
func ignoredAnnotation(r *AnnotatedReview, key, value string) string {
	kind := kindOfAnnotated(r.Object)
	switch {
	case slices.Contains(certificateAnnotations(), key):
		if kind == "Gateway" {
			return "not read on Gateways; create a Certificate instead"
		}
		return "not read on Ingresses; create a Certificate instead"
	case key == cmacme.IngressEditInPlaceAnnotationKey && value != "true":
		if off, err := strconv.ParseBool(value); value == "" || err == nil && !off {
			return ""
		}
		return fmt.Sprintf("%q is ignored; only the exact text \"true\" counts", value)
	case key == cmapi.CertificateIgnoreTLSListeners && kind == "Ingress":
		return "not read on Ingresses, which have no listeners"
	case key == cmacme.ACMECertificateHTTP01ParentRefFallback:
		return "read on ListenerSets only"
	case key == tlsACME:
		return ignoredDefaultIssuer(r, value)
	}
	return ""
}

func ignoredDefaultIssuer(r *AnnotatedReview, value string) string {
	wanted, err := strconv.ParseBool(value)
	switch {
	case err != nil || !wanted || r.asksForCertificates():
		return ""
	case kindOfAnnotated(r.Object) == "Gateway":
		return "not read on Gateways; write cert-manager.io/issuer or cert-manager.io/cluster-issuer"
	}
	return "no issuer annotation and cert-manager has no default issuer; nothing will be created"
}
