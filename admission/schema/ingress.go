package schema

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certyun/certyun/admission/rule"
)

// ingressClassAnnotation is what spec.ingressClassName was once.
const ingressClassAnnotation = "kubernetes.io/ingress.class"

// ingress restates what the API server has Go code for (https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/).
// An Ingress routes traffic too, so all of this only warns.
func (j *judgement) ingress() {
	var ingress networkingv1.Ingress
	raw, err := json.Marshal(map[string]any{"spec": j.tree["spec"]})
	if err != nil || json.Unmarshal(raw, &ingress) != nil {
		return // the types do not fit, which is told of already
	}
	spec := &ingress.Spec
	if len(spec.Rules) == 0 && spec.DefaultBackend == nil {
		j.ingressSay("spec", nil, "has neither rules nor a defaultBackend", "Write one of them")
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
}

func (j *judgement) ingressSay(path string, value any, message, remedy string) {
	j.say(rule.Finding{
		Rule: rule.CMIngress, Severity: rule.Warn, Field: path, Value: value, Remedy: remedy,
		Message: message + ", so the API server refuses the Ingress",
	})
}

// mustBe says the first thing that is wrong with a name.
func (j *judgement) mustBe(path, name string, faults []string) {
	if len(faults) > 0 {
		j.ingressSay(path, name, fmt.Sprintf("%q is no such name", name), "Here "+strings.TrimSuffix(faults[0], "."))
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
		j.ingressSay(path+".host", r.Host, fmt.Sprintf("%q is an IP address", r.Host), "Write a DNS name, or leave host out")
	default:
		j.mustBe(path+".host", r.Host, hostFaults(r.Host))
	}
	if r.HTTP == nil {
		return
	}
	if len(r.HTTP.Paths) == 0 {
		j.ingressSay(path+".http.paths", nil, "is missing", "Write at least one path")
	}
	for i := range r.HTTP.Paths {
		j.ingressPath(fmt.Sprintf("%s.http.paths[%d]", path, i), &r.HTTP.Paths[i])
	}
}

func (j *judgement) ingressPath(path string, p *networkingv1.HTTPIngressPath) {
	if p.PathType == nil {
		j.ingressSay(path+".pathType", nil, "is missing", "Write Prefix, Exact or ImplementationSpecific")
		return
	}
	types := []networkingv1.PathType{networkingv1.PathTypePrefix, networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific}
	anyPath := *p.PathType == networkingv1.PathTypeImplementationSpecific
	bad := func(part string) bool { return strings.Contains(p.Path, part) }
	switch {
	case !slices.Contains(types, *p.PathType):
		j.ingressSay(path+".pathType", string(*p.PathType), fmt.Sprintf("%q is not a pathType", *p.PathType), "Write Prefix, Exact or ImplementationSpecific")
	case !strings.HasPrefix(p.Path, "/") && (!anyPath || p.Path != ""):
		j.ingressSay(path+".path", p.Path, fmt.Sprintf("%q does not begin with a slash", p.Path), fmt.Sprintf("Write %q", "/"+p.Path))
	case anyPath:
	case slices.ContainsFunc([]string{"//", "/./", "/../", "%2f", "%2F"}, bad) || strings.HasSuffix(p.Path, "/.") || strings.HasSuffix(p.Path, "/.."):
		j.ingressSay(path+".path", p.Path, fmt.Sprintf("%q has a part that no path may have", p.Path), "Leave out //, /./, /../ and %2f")
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
		j.ingressSay(path, nil, "has neither a service nor a resource", "Write service: {name: web, port: {number: 80}}")
	}
}

// segment is for a name that need only fit into a URL.
func (j *judgement) segment(path, name string) {
	if name == "" {
		j.ingressSay(path, nil, "is missing", "")
		return
	}
	j.mustBe(path, name, content.IsPathSegmentName(name))
}

func (j *judgement) service(path string, s *networkingv1.IngressServiceBackend) {
	if s.Name == "" {
		j.ingressSay(path+".service.name", nil, "is missing", "Write the name of the Service")
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
		j.ingressSay(port+".number", number, fmt.Sprintf("%d is not the number of a port", number), "Write a number from 1 to 65535")
	case number == 0:
		j.ingressSay(path, nil, "has no port", "Write service: {port: {number: 80}}")
	}
}
