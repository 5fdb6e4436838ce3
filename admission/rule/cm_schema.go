package rule

import "slices"

// cmSchemaRules are the rules of package admission/schema, which judges objects as they are written. They have no check here.
func cmSchemaRules() []Rule {
	kinds := []string{"Certificate", "Issuer", "ClusterIssuer", "CertificateRequest", "Order", "Challenge", "Ingress", "Gateway"}
	rules := slices.Concat(cmKindRules(), cmValueRules())
	for i := range rules {
		if rules[i].Kinds == nil {
			rules[i].Kinds = kinds
		}
	}
	return rules
}

func cmKindRules() []Rule {
	return []Rule{{
		ID:      CMNoSuchKind,
		Summary: "The apiVersion and the kind are of nothing that a cluster with cert-manager serves.",
		Why: "cert-manager serves cert-manager.io/v1 and acme.cert-manager.io/v1. The versions v1alpha2, v1alpha3 and v1beta1 went with cert-manager 1.6, " +
			"the group certmanager.k8s.io with 0.11 (https://cert-manager.io/docs/releases/upgrading/), and Ingresses of extensions/v1beta1 with " +
			"Kubernetes 1.22. Groups are lower case.",
		Remedy: "Write apiVersion: cert-manager.io/v1.",
	}, {
		ID:      CMUnknownField,
		Summary: "The kind has no such field.",
		Why: "The API server tells kubectl of every field that the schema does not have, and kubectl apply refuses the object " +
			"(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation). Tools that do not ask for that lose the field without a word.",
		Remedy: "Write the field as the schema spells it, at the place where it has it.",
	}}
}

func cmValueRules() []Rule {
	return []Rule{{
		ID:      CMSchema,
		Summary: "A value is not as the schema of the kind demands.",
		Why: "The API server holds every object to the schema of its CustomResourceDefinition: types, required fields, lists of words, patterns, limits and CEL " +
			"rules. certyun does it with the packages of the API server, and the definitions of cert-manager 1.21.2 and of the standard channel of the " +
			"Gateway API 1.6.0.",
		Remedy: "Write a value of the type and the form that the message says.",
	}, {
		ID:      CMUnreadable,
		Kinds:   []string{"Certificate", "Issuer", "ClusterIssuer", "CertificateRequest", "Order", "Challenge"},
		Summary: "The schema admits a value, but cert-manager's webhook cannot decode it.",
		Why: "For the schema a duration is any text. cert-manager's webhook decodes it with Go's time.ParseDuration, which knows hours, minutes and seconds " +
			"but no days, and refuses the object when that fails.",
		Remedy: "Write durations in hours, minutes and seconds, like 2160h for 90 days.",
	}, {
		ID:      CMMetadata,
		Summary: "The metadata is not as that of all objects must be.",
		Why: "The API server wants a name that fits into a URL, labels and annotations of its syntax with texts as values, and no resourceVersion on a new object " +
			"(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). kubectl fills the namespace in where there is none.",
		Remedy: "Write names in lower case, and values of labels and annotations in quotes.",
	}, {
		ID:      CMIngress,
		Kinds:   []string{"Ingress"},
		Summary: "The API server refuses the Ingress, whatever its annotations say.",
		Why: "The API server validates Ingresses by its own code: there must be rules or a defaultBackend, hosts and Secrets need names that can be, and paths need " +
			"a pathType and a backend (https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/).",
		Remedy: "Write a whole Ingress.",
	}}
}
