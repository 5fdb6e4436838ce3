package shim

import (
	"fmt"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Entry is what becomes one Certificate.
type Entry struct {
	SecretName string
	// SecretPath is where the name of the Secret stands, hostsPath where the hosts do.
	SecretPath, hostsPath string
	hosts                 []hostAt
}

// hostAt is a host and where it stands.
type hostAt struct {
	name, path string
}

// Entries are the entries that cert-manager can use, and what it says about the others.
func Entries(object metav1.Object) ([]Entry, []Skipped) {
	switch o := object.(type) {
	case *networkingv1.Ingress:
		return ingressEntries(o)
	case *gatewayv1.Gateway:
		return gatewayEntries(o)
	}
	return nil, nil
}

// Skipped is where an object says too little or too much for a Certificate, and what comes of it.
type Skipped struct{ Field, Message string }

func ingressEntries(ingress *networkingv1.Ingress) ([]Entry, []Skipped) {
	if len(ingress.Spec.TLS) == 0 {
		return nil, []Skipped{{Field: "spec.tls", Message: "empty, so no Certificate will be created; add hosts and secretName"}}
	}
	var entries []Entry
	var skipped []Skipped
	for i, tls := range ingress.Spec.TLS {
		path := fmt.Sprintf("spec.tls[%d]", i)
		entry := Entry{SecretName: tls.SecretName, SecretPath: path + ".secretName", hostsPath: path + ".hosts"}
		for j, host := range tls.Hosts {
			entry.hosts = append(entry.hosts, hostAt{host, fmt.Sprintf("%s[%d]", entry.hostsPath, j)})
		}
		switch {
		case tls.SecretName == "":
			skipped = append(skipped, Skipped{Field: entry.SecretPath, Message: "empty, so this entry is skipped"})
		case len(tls.Hosts) == 0:
			skipped = append(skipped, Skipped{Field: entry.hostsPath, Message: "empty, so this entry is skipped"})
		default:
			entries = append(entries, entry)
		}
	}
	return entries, skipped
}

// gatewayEntries has one entry for each Secret, whose hosts may be of several listeners.
func gatewayEntries(gateway *gatewayv1.Gateway) ([]Entry, []Skipped) {
	var entries []Entry
	var skipped []Skipped
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
				entries = append(entries, Entry{
					SecretName: name, hostsPath: host.path,
					SecretPath: fmt.Sprintf("%s.tls.certificateRefs[%d].name", path, j),
				})
			}
			entries[at].hosts = append(entries[at].hosts, host)
		}
	}
	if candidates == 0 {
		skipped = append(skipped, Skipped{
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
func listenerProblem(namespace, path string, listener gatewayv1.Listener) *Skipped {
	problem := func(field, message string) *Skipped {
		return &Skipped{Field: path + field, Message: message + ", so this listener is skipped"}
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

// SecretDuplicates finds the entries of an Ingress whose secretName an earlier one has: their positions, and the earlier ones.
func SecretDuplicates(object metav1.Object) [][2]int {
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
