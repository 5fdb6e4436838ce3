package doctor

import (
	"fmt"
	"regexp"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certyun/certyun/admission/report"
)

// quoted is a value as one word of a command for a shell. Whoever may write an object, a condition or an event chooses what stands
// there, so that nothing of it is left for a shell, or for the program that is called, to act upon. What this would take for an
// option is no name of anything: it is left to the reader to fill in, by the name of the value.
func quoted(name, value string) string {
	switch {
	case strings.HasPrefix(value, "-") || strings.HasPrefix(value, "+") || strings.HasPrefix(value, "@"):
		return strings.ToUpper(name)
	case plain.MatchString(value):
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// plain is what every shell takes as it is.
var plain = regexp.MustCompile(`^[A-Za-z0-9._:/@=,-]+$`)

// phrases are the values that are words of a command already: what makes them quotes each.
func phrases() []string {
	return []string{"certyun", "in", "issuer-args", "certificate-args", "type"}
}

// flagOf is how kubectl is told where an object is.
func flagOf(object report.Object) string {
	if object.Namespace == "" {
		return ""
	}
	return " -n " + quoted("namespace", object.Namespace)
}

// resourcesLike are the resources among which to look for what is missing. Issuers and ClusterIssuers are easily confused.
func resourcesLike(object report.Object) string {
	if isIssuer(object) {
		return "issuers.cert-manager.io,clusterissuers.cert-manager.io"
	}
	return resourceName(object)
}

// resourceName is how kubectl is told of a kind: by its group too, where others have a kind of the same name.
func resourceName(object report.Object) string {
	group, _, grouped := strings.Cut(object.APIVersion, "/")
	name := strings.ToLower(object.Kind)
	if grouped && strings.HasSuffix(group, "cert-manager.io") {
		return name + "s." + group
	}
	return name
}

func argsFor(object report.Object) string {
	name := quoted("name", object.Name)
	if object.Kind == "ClusterIssuer" {
		return name + " --kind ClusterIssuer"
	}
	return name + flagOf(object)
}

// typed is how kubectl auth can-i is told of a resource.
func typed(resource, group, namespace string) string {
	name, subresource, _ := strings.Cut(resource, "/")
	if group != "" {
		name += "." + group
	}
	name = quoted("resource", name)
	if subresource != "" {
		name += " --subresource=" + quoted("subresource", subresource)
	}
	if namespace != "" {
		name += " -n " + quoted("namespace", namespace)
	}
	return name
}

// described is what was to be read, as "the secret web in default".
func described(resource, namespace, name string) string {
	text := resource
	if name != "" {
		text = strings.TrimSuffix(resource, "s") + " " + name
	}
	if namespace != "" {
		text += " in " + namespace
	}
	return text
}

// permission is a permission, as "list secrets in default".
func permission(verb, resource, namespace, name string) string {
	where := ""
	if namespace != "" {
		where = " in " + namespace
	} else if verb == "list" {
		where = " in all namespaces"
	}
	return strings.TrimSpace(verb+" "+resource+" "+name) + where
}

// resourceOf is the resource of an object or a list, as people call it.
func resourceOf(object runtime.Object) string {
	name := fmt.Sprintf("%T", object)
	name = strings.TrimSuffix(name[strings.LastIndex(name, ".")+1:], "List")
	if m, ok := object.(*metav1.PartialObjectMetadata); ok {
		name = m.Kind
	}
	if m, ok := object.(*metav1.PartialObjectMetadataList); ok {
		name = strings.TrimSuffix(m.Kind, "List")
	}
	name = strings.ToLower(name)
	if stem, isPolicy := strings.CutSuffix(name, "y"); isPolicy {
		return stem + "ies"
	}
	return name + "s"
}
