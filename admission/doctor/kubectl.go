package doctor

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/certyun/certyun/admission/report"
)

// flagOf is how kubectl is told where an object is.
func flagOf(object report.Object) string {
	if object.Namespace == "" {
		return ""
	}
	return " -n " + object.Namespace
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
	if object.Kind == "ClusterIssuer" {
		return object.Name + " --kind ClusterIssuer"
	}
	return object.Name + flagOf(object)
}

// typed is how kubectl auth can-i is told of a resource.
func typed(resource, group, namespace string) string {
	name, subresource, _ := strings.Cut(resource, "/")
	if group != "" {
		name += "." + group
	}
	if subresource != "" {
		name += " --subresource=" + subresource
	}
	if namespace != "" {
		name += " -n " + namespace
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
	return strings.ToLower(name) + "s"
}
