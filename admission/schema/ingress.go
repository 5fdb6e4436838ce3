package schema

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
)

// ingressClassAnnotation is what spec.ingressClassName was once.
const ingressClassAnnotation = "kubernetes.io/ingress.class"

// ingress restates what the API server has Go code for (https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/).
// This is what no API server takes, so it denies.
func (j *judgement) ingress() {
	var ingress networkingv1.Ingress
	raw, err := json.Marshal(map[string]any{"spec": j.tree["spec"]})
	if err != nil || json.Unmarshal(raw, &ingress) != nil {
		return // the types do not fit, which is told of already
	}
	spec := &ingress.Spec
	if len(spec.Rules) == 0 && spec.DefaultBackend == nil {
		j.ingressLacks("spec", "has neither rules nor a defaultBackend", "Write one of them")
	}
	if spec.DefaultBackend != nil {
		j.backend("spec.defaultBackend", spec.DefaultBackend)
	}
	for i := range spec.Rules {
		j.ingressRule(fmt.Sprintf("spec.rules[%d]", i), &spec.Rules[i])
	}
	for i, tls := range spec.TLS {
		for k, host := range tls.Hosts {
			j.mustBe(fmt.Sprintf("spec.tls[%d].hosts[%d]", i, k), host, hostFaults(host))
		}
		if tls.SecretName != "" {
			j.mustBe(fmt.Sprintf("spec.tls[%d].secretName", i), tls.SecretName, validation.IsDNS1123Subdomain(tls.SecretName))
		}
	}
	j.ingressClass(spec.IngressClassName)
	j.finalizers()
}

// finalizers must have a group, but for three that Kubernetes itself has. Of its own kinds the API server demands that, of others not
// (https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/).
func (j *judgement) finalizers() {
	metadata, _ := j.tree["metadata"].(map[string]any)
	finalizers, _ := metadata["finalizers"].([]any)
	known := []string{"kubernetes", metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents}
	for i, value := range finalizers {
		if name, isText := value.(string); isText && !strings.Contains(name, "/") && !slices.Contains(known, name) {
			j.ingressSay(fmt.Sprintf("metadata.finalizers[%d]", i), name, "has no group", fmt.Sprintf("Write %q", "example.com/"+name))
		}
	}
}

func (j *judgement) ingressSay(path string, value any, message, remedy string) {
	j.say(rule.Finding{
		Rule: rule.CMIngress, Type: field.ErrorTypeInvalid, Field: path, Value: value, Remedy: remedy,
		Message: message + ", so the API server refuses the Ingress",
	})
}

// ingressLacks is for what is not there.
func (j *judgement) ingressLacks(path, message, remedy string) {
	j.say(rule.Finding{
		Rule: rule.CMIngress, Type: field.ErrorTypeRequired, Field: path, Remedy: remedy, Message: message + ", so the API server refuses the Ingress",
	})
}

// mustBe says the first thing that is wrong with a name.
func (j *judgement) mustBe(path, name string, faults []string) {
	if len(faults) > 0 {
		wanted, _, _ := strings.Cut(faults[0], " (e.g.") // what follows is a regular expression
		j.ingressSay(path, name, "is no name that can stand here", "Here "+strings.TrimSuffix(wanted, "."))
	}
}

func hostFaults(host string) []string {
	if strings.Contains(host, "*") {
		return validation.IsWildcardDNS1123Subdomain(host)
	}
	return validation.IsDNS1123Subdomain(host)
}

func (j *judgement) ingressClass(name *string) {
	if name == nil {
		return
	}
	j.mustBe("spec.ingressClassName", *name, validation.IsDNS1123Subdomain(*name))
	metadata, _ := j.tree["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if annotation, set := annotations[ingressClassAnnotation]; set && annotation != *name {
		path := fmt.Sprintf("metadata.annotations[%s]", ingressClassAnnotation)
		j.ingressSay(path, annotation, fmt.Sprintf("is not %q as spec.ingressClassName is", *name), "Remove the annotation")
	}
}

func (j *judgement) ingressRule(path string, r *networkingv1.IngressRule) {
	switch {
	case r.Host == "":
	case net.ParseIP(r.Host) != nil:
		j.ingressSay(path+".host", r.Host, "is an IP address", "Write a DNS name, or leave host out")
	default:
		j.mustBe(path+".host", r.Host, hostFaults(r.Host))
	}
	if r.HTTP == nil {
		return
	}
	if len(r.HTTP.Paths) == 0 {
		j.ingressLacks(path+".http.paths", "is missing", "Write at least one path")
	}
	for i := range r.HTTP.Paths {
		j.ingressPath(fmt.Sprintf("%s.http.paths[%d]", path, i), &r.HTTP.Paths[i])
	}
}

func (j *judgement) ingressPath(path string, p *networkingv1.HTTPIngressPath) {
	if p.PathType == nil {
		j.ingressLacks(path+".pathType", "is missing", "Write Prefix, Exact or ImplementationSpecific")
		return
	}
	types := []networkingv1.PathType{networkingv1.PathTypePrefix, networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific}
	anyPath := *p.PathType == networkingv1.PathTypeImplementationSpecific
	bad := func(part string) bool { return strings.Contains(p.Path, part) }
	switch {
	case !slices.Contains(types, *p.PathType):
		j.ingressSay(path+".pathType", string(*p.PathType), "is not a pathType", "Write Prefix, Exact or ImplementationSpecific")
	case !strings.HasPrefix(p.Path, "/") && (!anyPath || p.Path != ""):
		j.ingressSay(path+".path", p.Path, "does not begin with a slash", fmt.Sprintf("Write %q", "/"+p.Path))
	case anyPath:
	case slices.ContainsFunc([]string{"//", "/./", "/../", "%2f", "%2F"}, bad) || strings.HasSuffix(p.Path, "/.") || strings.HasSuffix(p.Path, "/.."):
		j.ingressSay(path+".path", p.Path, "has a part that no path may have", "Leave out //, /./, /../ and %2f")
	}
	j.backend(path+".backend", &p.Backend)
}

func (j *judgement) backend(path string, b *networkingv1.IngressBackend) {
	switch {
	case b.Resource != nil && b.Service != nil:
		j.ingressSay(path, nil, "has a resource and a service", "Keep one of them")
	case b.Resource != nil:
		if group := b.Resource.APIGroup; group != nil {
			j.mustBe(path+".resource.apiGroup", *group, validation.IsDNS1123Subdomain(*group))
		}
		j.segment(path+".resource.kind", b.Resource.Kind)
		j.segment(path+".resource.name", b.Resource.Name)
	case b.Service != nil:
		j.service(path, b.Service)
	default:
		j.ingressLacks(path, "has neither a service nor a resource", "Write service: {name: web, port: {number: 80}}")
	}
}

// segment is for a name that need only fit into a URL.
func (j *judgement) segment(path, name string) {
	if name == "" {
		j.ingressLacks(path, "is missing", "")
		return
	}
	j.mustBe(path, name, content.IsPathSegmentName(name))
}

func (j *judgement) service(path string, s *networkingv1.IngressServiceBackend) {
	if s.Name == "" {
		j.ingressLacks(path+".service.name", "is missing", "Write the name of the Service")
	} else {
		j.mustBe(path+".service.name", s.Name, validation.IsDNS1123Label(s.Name))
	}
	port := path + ".service.port"
	switch number, name := s.Port.Number, s.Port.Name; {
	case name != "" && number != 0:
		j.ingressSay(path, nil, "has the name and the number of a port", "Keep one of them")
	case name != "":
		j.mustBe(port+".name", name, validation.IsValidPortName(name))
	case number != 0 && len(validation.IsValidPortNum(int(number))) > 0:
		j.ingressSay(port+".number", number, "is not the number of a port", "Write a number from 1 to 65535")
	case number == 0:
		j.ingressLacks(path, "has no port", "Write service: {port: {number: 80}}")
	}
}
