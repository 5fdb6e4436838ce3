package annotated

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/apis/certmanager"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/rule/shim"
	"github.com/certyun/certyun/admission/words"
)

func ingressIssuerConflict() rule.Rule {
	return rule.Rule{
		ID:       "ingress-issuer-conflict",
		Severity: rule.Warn,
		Summary:  "The annotations name no issuer, or two.",
		Why: "cert-manager accepts an Issuer by cert-manager.io/issuer (with issuer-kind and issuer-group for external ones) or a ClusterIssuer by " +
			"cert-manager.io/cluster-issuer. Given both it makes nothing and leaves an event with reason BadConfig.",
		Remedy: "Keep one of the annotations.",
		Check: rule.Annotations(func(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
			annotations := r.Object.GetAnnotations()
			conflicts := shim.IssuerConflicts(annotations)
			for _, pair := range conflicts {
				if err := yield(rule.Finding{
					Field: "metadata.annotations", Remedy: "Keep one",
					Message: fmt.Sprintf("both %s and %s are set; no certificate will be created", pair[0], pair[1]),
				}); err != nil {
					return err
				}
			}
			for _, key := range []string{cmapi.IngressIssuerNameAnnotationKey, cmapi.IngressClusterIssuerNameAnnotationKey} {
				if name, set := annotations[key]; set && name == "" && len(conflicts) == 0 {
					if err := yield(rule.Finding{
						Field: fieldpath.Annotation(key), Remedy: "Write the name of an issuer",
						Message: "empty; no certificate will be created",
					}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

// annotationRules are the rules about single annotations.
func annotationRules() []rule.Rule {
	return []rule.Rule{ingressAnnotationValueInvalid(), ingressAnnotationUnknown(), ingressAnnotationIgnored()}
}

func ingressAnnotationValueInvalid() rule.Rule {
	return rule.Rule{
		ID:       "ingress-annotation-value-invalid",
		Severity: rule.Warn,
		Summary:  "cert-manager cannot read the value of an annotation.",
		Why: "One value that cert-manager cannot read keeps it from making any Certificate for the object, and only its log tells of it " +
			"(https://github.com/cert-manager/cert-manager/issues/9145). Lists are cut at commas and not trimmed, so a space becomes part of a name. " +
			"What is wrong with a private key's annotations says the rule key-size-for-algorithm.",
		Remedy: "Write the value as the finding says.",
		Check: rule.Annotations(func(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
			annotations, doubts := r.Object.GetAnnotations(), doubts(r.Settings)
			for _, a := range shim.Annotations() {
				value, set := annotations[a.Key]
				if !set || a.Key == cmapi.PrivateKeyAlgorithmAnnotationKey || a.Key == cmapi.PrivateKeySizeAnnotationKey {
					continue // key-size-for-algorithm speaks about these two
				}
				problem := a.Read(&cmapi.Certificate{}, value)
				if doubt := doubts[a.Key]; problem == "" && doubt != nil {
					problem = doubt(value, annotations)
				}
				if problem != "" {
					if err := yield(rule.Finding{Field: fieldpath.Annotation(a.Key), Value: value, Message: problem}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

func ingressAnnotationUnknown() rule.Rule {
	return rule.Rule{
		ID:       "ingress-annotation-unknown",
		Severity: rule.Warn,
		Summary:  "cert-manager has no such annotation.",
		Why: "Annotations are free text to the API server, and cert-manager passes over what it does not know. Nothing ever tells of it. " +
			"Groups that are like cert-manager.io count too, such as certmanager.io, where the rest of the name is one that cert-manager has.",
		Remedy: "Write an annotation of https://cert-manager.io/docs/reference/annotations/.",
		Check: rule.Annotations(func(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
			known := shim.KnownAnnotations()
			for key := range r.Object.GetAnnotations() {
				prefix, name, _ := strings.Cut(strings.ToLower(key), "/")
				meant := meantAnnotation(name, known)
				if slices.Contains(known, key) || !isOurGroup(prefix) && (!isLikeOurGroup(prefix) || meant == "") {
					continue
				}
				message := "unknown and ignored"
				if meant != "" {
					message += "; did you mean " + meant + "?"
				}
				if err := yield(rule.Finding{Field: fieldpath.Annotation(key), Message: message}); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// isOurGroup tells whether only cert-manager has annotations under a prefix, in lower case.
func isOurGroup(prefix string) bool {
	return prefix == certmanager.GroupName || prefix == "acme."+certmanager.GroupName || prefix == rule.FormerGroup
}

// isLikeOurGroup tells whether a prefix was probably meant to be cert-manager's group: its own name with a slip of the pen, or with an
// end that other projects have. Whoever has a domain may have annotations of this kind under it, so the rest of the name counts too.
func isLikeOurGroup(prefix string) bool {
	first, rest, _ := strings.Cut(strings.TrimPrefix(prefix, "acme."), ".")
	const slips = 3
	name, _, _ := strings.Cut(certmanager.GroupName, ".")
	ends := []string{"", "io", "oi", "i", "com", "org", "net", "dev", "cloud", "k8s.io", "kubernetes.io", "x-k8s.io", "jetstack.io"}
	return words.Distance(prefix, certmanager.GroupName, slips) < slips ||
		words.Distance(first, name, slips) < slips && slices.Contains(ends, rest)
}

// meantForUs tells whether an annotation is under cert-manager's group, or was meant to be.
func meantForUs(annotations map[string]string) bool {
	for key := range annotations {
		if prefix, _, _ := strings.Cut(strings.ToLower(key), "/"); isOurGroup(prefix) || isLikeOurGroup(prefix) {
			return true
		}
	}
	return false
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
		if d := words.Distance(name, candidate, bestDistance); d < bestDistance && d*3 < len(candidate) {
			best, bestDistance = key, d
		}
	}
	return best
}

func ingressAnnotationIgnored() rule.Rule {
	return rule.Rule{
		ID:       "ingress-annotation-ignored",
		Severity: rule.Warn,
		Summary:  "An annotation has no effect here.",
		Why: "cert-manager reads some annotations on Certificates alone, takes http01-edit-in-place only as the exact text \"true\", and can do nothing " +
			"for kubernetes.io/tls-acme where it runs without --default-issuer-name.",
		Remedy: "Remove the annotation, or do what the finding says.",
		Check: rule.Annotations(func(_ context.Context, r *rule.AnnotatedReview, yield rule.Yield) error {
			for key, value := range r.Object.GetAnnotations() {
				if message := ignoredAnnotation(r, key, value); message != "" {
					if err := yield(rule.Finding{Field: fieldpath.Annotation(key), Value: value, Message: message}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

// ignoredAnnotation says why an annotation has no effect, "" where it has one.
func ignoredAnnotation(r *rule.AnnotatedReview, key, value string) string {
	kind := shim.Kind(r.Object)
	switch {
	case slices.Contains(shim.CertificateAnnotations(), key):
		if kind == "Gateway" {
			return "not read on Gateways; create a Certificate instead"
		}
		return "not read on Ingresses; create a Certificate instead"
	case key == cmacme.IngressEditInPlaceAnnotationKey && value != "true":
		if off, err := strconv.ParseBool(value); value == "" || err == nil && !off {
			return ""
		}
		return `is ignored; only the exact text "true" counts`
	case key == cmapi.CertificateIgnoreTLSListeners && kind == "Ingress":
		return "not read on Ingresses, which have no listeners"
	case key == cmacme.ACMECertificateHTTP01ParentRefFallback:
		return "read on ListenerSets only"
	case key == shim.TLSACME:
		return ignoredDefaultIssuer(r, value)
	}
	return ""
}

func ignoredDefaultIssuer(r *rule.AnnotatedReview, value string) string {
	wanted, err := strconv.ParseBool(value)
	switch {
	case err != nil || !wanted || shim.AsksForCertificates(r.Object, r.Settings.DefaultIssuer):
		return ""
	case !r.Settings.DefaultIssuer && !meantForUs(r.Object.GetAnnotations()):
		return "" // other controllers read it too
	case shim.Kind(r.Object) == "Gateway":
		return "not read on Gateways; write cert-manager.io/issuer or cert-manager.io/cluster-issuer"
	}
	return "no issuer annotation and cert-manager has no default issuer; nothing will be created"
}
