package rule

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Bundle is the labels and annotations by which deployment tools mark what they apply together.
type Bundle struct {
	Labels      map[string]string
	Annotations map[string]string
}

// BundleOf returns an object's marks.
func BundleOf(object metav1.Object) Bundle {
	return Bundle{Labels: object.GetLabels(), Annotations: object.GetAnnotations()}
}

// bundleMarks are pairs of a label or annotation, in its first part the name and in its second the namespace of what applied
// the object.
var bundleMarks = []struct {
	title           string
	name, namespace string
	annotations     bool
}{
	{"Helm release", "meta.helm.sh/release-name", "meta.helm.sh/release-namespace", true},
	{"Flux Kustomization", "kustomize.toolkit.fluxcd.io/name", "kustomize.toolkit.fluxcd.io/namespace", false},
	{"Flux HelmRelease", "helm.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/namespace", false},
}

// SameAs names the bundle that both objects belong to, like `Helm release "app"`, or returns "".
func (b Bundle) SameAs(other Bundle) string {
	for _, mark := range bundleMarks {
		mine, others := b.Labels, other.Labels
		if mark.annotations {
			mine, others = b.Annotations, other.Annotations
		}
		name := mine[mark.name]
		if name != "" && name == others[mark.name] && mine[mark.namespace] == others[mark.namespace] {
			return mark.title + ` "` + name + `"`
		}
	}
	return ""
}
