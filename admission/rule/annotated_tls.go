package rule

import (
	"context"
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// tlsEntry is what becomes one Certificate.
type tlsEntry struct {
	secretName string
	// secretPath is where the name of the Secret stands, hostsPath where the hosts do.
	secretPath, hostsPath string
	hosts                 []hostAt
}

// hostAt is a host and where it stands.
type hostAt struct {
	name, path string
}

// tlsEntries are the entries that cert-manager can use, and what it says about the others.
func tlsEntries(object metav1.Object) ([]tlsEntry, []Finding) {
	switch o := object.(type) {
	case *networkingv1.Ingress:
		return ingressEntries(o)
	case *gatewayv1.Gateway:
		return gatewayEntries(o)
	}
	return nil, nil
}

func ingressEntries(ingress *networkingv1.Ingress) ([]tlsEntry, []Finding) {
	if len(ingress.Spec.TLS) == 0 {
		return nil, []Finding{{Field: "spec.tls", Message: "empty, so no Certificate will be created; add hosts and secretName"}}
	}
	var entries []tlsEntry
	var skipped []Finding
	for i, tls := range ingress.Spec.TLS {
		path := fmt.Sprintf("spec.tls[%d]", i)
		entry := tlsEntry{secretName: tls.SecretName, secretPath: path + ".secretName", hostsPath: path + ".hosts"}
		for j, host := range tls.Hosts {
			entry.hosts = append(entry.hosts, hostAt{host, fmt.Sprintf("%s[%d]", entry.hostsPath, j)})
		}
		switch {
		case tls.SecretName == "":
			skipped = append(skipped, Finding{Field: entry.secretPath, Message: "empty, so this entry is skipped"})
		case len(tls.Hosts) == 0:
			skipped = append(skipped, Finding{Field: entry.hostsPath, Message: "empty, so this entry is skipped"})
		default:
			entries = append(entries, entry)
		}
	}
	return entries, skipped
}

// gatewayEntries has one entry for each Secret, whose hosts may be of several listeners.
func gatewayEntries(gateway *gatewayv1.Gateway) ([]tlsEntry, []Finding) {
	var entries []tlsEntry
	var skipped []Finding
	position := map[string]int{}
	candidates := 0
	for i, listener := range gateway.Spec.Listeners {
		if listener.Protocol != gatewayv1.HTTPSProtocolType && listener.Protocol != gatewayv1.TLSProtocolType {
			if listener.TLS != nil {
				// An operator may have told cert-manager of more protocols.
				candidates++
			}
			continue
		}
		candidates++
		if passesThrough(listener) || ignoresListener(gateway, listener) {
			continue
		}
		path := fmt.Sprintf("spec.listeners[%d]", i)
		if finding := listenerProblem(gateway.Namespace, path, listener); finding != nil {
			skipped = append(skipped, *finding)
			continue
		}
		host := hostAt{string(*listener.Hostname), path + ".hostname"}
		for j, ref := range listener.TLS.CertificateRefs {
			name := string(ref.Name)
			at, known := position[name]
			if !known {
				at = len(entries)
				position[name] = at
				entries = append(entries, tlsEntry{
					secretName: name, hostsPath: host.path,
					secretPath: fmt.Sprintf("%s.tls.certificateRefs[%d].name", path, j),
				})
			}
			entries[at].hosts = append(entries[at].hosts, host)
		}
	}
	if candidates == 0 {
		skipped = append(skipped, Finding{
			Field:   "spec.listeners",
			Message: "no listener has the protocol HTTPS or TLS, so no Certificate will be created; add one with hostname and tls.certificateRefs",
		})
	}
	return entries, skipped
}

func passesThrough(listener gatewayv1.Listener) bool {
	return listener.TLS != nil && listener.TLS.Mode != nil && *listener.TLS.Mode == gatewayv1.TLSModePassthrough
}

// ignoresListener tells whether the Gateway asks for no Certificate for this listener.
func ignoresListener(gateway *gatewayv1.Gateway, listener gatewayv1.Listener) bool {
	list, set := gateway.Annotations[cmapi.CertificateIgnoreTLSListeners]
	if !set {
		return false
	}
	for name := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(name) == string(listener.Name) {
			return true
		}
	}
	return false
}

// listenerProblem says why cert-manager skips a listener, nil where it does not. What the API server fills in may be missing.
func listenerProblem(namespace, path string, listener gatewayv1.Listener) *Finding {
	problem := func(field, message string) *Finding {
		return &Finding{Field: path + field, Message: message + ", so this listener is skipped"}
	}
	switch {
	case listener.Hostname == nil || *listener.Hostname == "":
		return problem(".hostname", "empty")
	case listener.TLS == nil:
		return problem(".tls", "empty")
	case len(listener.TLS.CertificateRefs) == 0:
		return problem(".tls.certificateRefs", "empty")
	case listener.TLS.Mode != nil && *listener.TLS.Mode != gatewayv1.TLSModeTerminate:
		return problem(".tls.mode", fmt.Sprintf("%q is not Terminate", *listener.TLS.Mode))
	}
	for j, ref := range listener.TLS.CertificateRefs {
		at := fmt.Sprintf(".tls.certificateRefs[%d]", j)
		switch {
		case ref.Group != nil && *ref.Group != "" && *ref.Group != "core":
			return problem(at+".group", fmt.Sprintf("%q is not the group of Secrets", *ref.Group))
		case ref.Kind != nil && *ref.Kind != "" && *ref.Kind != "Secret":
			return problem(at+".kind", fmt.Sprintf("%q is not Secret", *ref.Kind))
		case ref.Namespace != nil && string(*ref.Namespace) != namespace:
			return problem(at+".namespace", "cert-manager writes no Secret of another namespace")
		}
	}
	return nil
}

// annotatedTLSRules are the rules about the entries that become Certificates.
func annotatedTLSRules() []Rule {
	return []Rule{ingressTLSMissing(), ingressTLSSecretDuplicate(), ingressExistingCertificate()}
}

func ingressTLSMissing() Rule {
	return Rule{
		ID:       "ingress-tls-missing",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "There is an issuer, but nothing to issue a certificate for.",
		Why: "cert-manager makes one Certificate for each entry of spec.tls that has hosts and a secretName; of a Gateway, for the listeners that have a " +
			"hostname and tls.certificateRefs. It skips the others, and looks neither at rules nor at routes.",
		Remedy: "Add hosts and secretName to spec.tls, or a hostname and tls.certificateRefs to the listener.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			if !r.asksForCertificates() {
				return nil, nil
			}
			_, skipped := tlsEntries(r.Object)
			return skipped, nil
		},
	}
}

// secretDuplicates finds the entries of an Ingress whose secretName an earlier one has: their positions, and the earlier ones.
func secretDuplicates(object metav1.Object) [][2]int {
	ingress, ok := object.(*networkingv1.Ingress)
	if !ok {
		return nil
	}
	var duplicates [][2]int
	first := map[string]int{}
	for i, tls := range ingress.Spec.TLS {
		if j, again := first[tls.SecretName]; again {
			duplicates = append(duplicates, [2]int{i, j})
			continue
		}
		first[tls.SecretName] = i
	}
	return duplicates
}

func ingressTLSSecretDuplicate() Rule {
	return Rule{
		ID:       "ingress-tls-secret-duplicate",
		Severity: Warn,
		Kinds:    []string{"Ingress"},
		Summary:  "Two entries of spec.tls have the same secretName.",
		Why: "Each entry becomes a Certificate with the name of its Secret, and two cannot have one name. cert-manager leaves an event with reason " +
			"BadConfig and makes no Certificate for the Ingress at all.",
		Remedy: "Put all hosts into one entry, or give each its own Secret.",
		CheckAnnotated: func(_ context.Context, r *AnnotatedReview) ([]Finding, error) {
			ingress, ok := r.Object.(*networkingv1.Ingress)
			if !ok || !r.asksForCertificates() {
				return nil, nil
			}
			var findings []Finding
			for _, pair := range secretDuplicates(ingress) {
				name := ingress.Spec.TLS[pair[0]].SecretName
				message := fmt.Sprintf("same secretName %q as tls[%d]; cert-manager skips both", name, pair[1])
				if len(ingress.Spec.TLS) > 2 {
					message += ", and every other entry with them"
				}
				findings = append(findings, Finding{
					Field: fmt.Sprintf("spec.tls[%d].secretName", pair[0]), Value: name,
					Message: message, Remedy: "Merge the hosts or rename",
				})
			}
			return findings, nil
		},
	}
}

func ingressExistingCertificate() Rule {
	return Rule{
		ID:       "ingress-existing-certificate",
		Severity: Warn,
		Kinds:    annotatedKinds(),
		Summary:  "Somebody else's Certificate has the name that cert-manager would give to its own.",
		Why: "cert-manager names the Certificate like the Secret. It changes none that does not belong to the Ingress or the Gateway; a line in its log " +
			"at level info is all that tells of it.",
		Remedy: "Remove the issuer annotation and keep the Certificate, or use another secretName.",
		CheckAnnotated: func(ctx context.Context, r *AnnotatedReview) ([]Finding, error) {
			if !r.asksForCertificates() {
				return nil, nil
			}
			entries, _ := tlsEntries(r.Object)
			var findings []Finding
			for _, entry := range entries {
				if err := ctx.Err(); err != nil {
					return findings, err
				}
				crt, err := r.World.Certificate(ctx, r.Object.GetNamespace(), entry.secretName)
				if err != nil {
					return findings, err
				}
				if crt == nil || managedBy(crt, r.Object) {
					continue
				}
				findings = append(findings, Finding{Field: entry.secretPath, Value: entry.secretName, Message: fmt.Sprintf(
					"Certificate %q exists and is not managed by this %s; annotations here have no effect on it", crt.Name, kindOfAnnotated(r.Object))})
			}
			return findings, nil
		},
	}
}

// managedBy tells whether a Certificate belongs to the object. An object that is being made anew under the same name counts:
// what belonged to the one before it goes away.
func managedBy(crt *cmapi.Certificate, object metav1.Object) bool {
	owner := metav1.GetControllerOf(crt)
	return owner != nil && owner.Kind == kindOfAnnotated(object) && owner.Name == object.GetName()
}
