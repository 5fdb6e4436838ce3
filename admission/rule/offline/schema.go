package offline

import (
	"slices"

	"github.com/certyun/certyun/admission/rule"
)

// schemaRules are the rules of package admission/schema, which judges objects as they are written.
func schemaRules() []rule.Rule { return slices.Concat(kindRules(), valueRules()) }

// kinds are those that a cluster with cert-manager judges as they are written: all of cert-manager's, and Ingresses and Gateways.
func kinds() rule.Manifests {
	return append(written(), "CertificateRequest", "Order", "Challenge", "Ingress", "Gateway")
}

// written are the kinds that people write, whose definitions are there.
func written() rule.Manifests { return rule.Manifests{"Certificate", "Issuer", "ClusterIssuer"} }

func kindRules() []rule.Rule {
	return []rule.Rule{{
		ID:      rule.CMNoSuchKind,
		Check:   kinds(),
		Summary: "The apiVersion and the kind are of nothing that a cluster with cert-manager serves.",
		Why: "cert-manager serves cert-manager.io/v1 and acme.cert-manager.io/v1. The versions v1alpha2, v1alpha3 and v1beta1 went with cert-manager 1.6, " +
			"the group certmanager.k8s.io with 0.11 (https://cert-manager.io/docs/releases/upgrading/), and Ingresses of extensions/v1beta1 with " +
			"Kubernetes 1.22. Groups are lower case.",
		Remedy: "Write apiVersion: cert-manager.io/v1.",
	}, {
		ID:      rule.CMUnknownField,
		Check:   kinds(),
		Summary: "The kind has no such field.",
		Why: "The API server tells kubectl of every field that the schema does not have, and kubectl apply refuses the object " +
			"(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation). Tools that do not ask for that lose the field without a word.",
		Remedy: "Write the field as the schema spells it, at the place where it has it.",
	}}
}

func valueRules() []rule.Rule {
	return []rule.Rule{{
		ID:      rule.CMSchema,
		Check:   written(),
		Summary: "A value is not as the schema of the kind demands.",
		Why: "The API server holds every object to the schema of its CustomResourceDefinition: types, required fields, lists of words, patterns, limits and CEL " +
			"rules. certyun does it with the packages of the API server, and the definitions of cert-manager 1.21.2; where the version is 1.22 or " +
			"later, with the fields besides that its main branch had on 2026-08-22 (1.22 is not released). It holds Ingresses and Gateways to no schema: other tools do that.",
		Remedy: "Write a value of the type and the form that the message says.",
	}, {
		ID:      rule.CMUnreadable,
		Check:   written(),
		Summary: "The schema admits a value, but cert-manager's webhook cannot decode it.",
		Why: "For the schema a duration is any text. cert-manager's webhook decodes it with Go's time.ParseDuration, which knows hours, minutes and seconds " +
			"but no days, and refuses the object when that fails.",
		Remedy: "Write durations in hours, minutes and seconds, like 2160h for 90 days.",
	}, {
		ID:      rule.CMMetadata,
		Check:   kinds(),
		Summary: "The metadata is not as that of all objects must be.",
		Why: "The API server wants a name that fits into a URL, labels and annotations of its syntax with texts as values, and no resourceVersion on a new object " +
			"(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). kubectl fills the namespace in where there is none.",
		Remedy: "Write names in lower case, and values of labels and annotations in quotes.",
	}, {
		ID:      rule.CMSecretData,
		Check:   rule.Manifests{"Secret"},
		Summary: "A value of a Secret that an Issuer reads is not base64, or is no text.",
		Why: "Under data the API server takes base64 only, and under stringData texts only, so it refuses the Secret " +
			"(https://kubernetes.io/docs/concepts/configuration/secret/). The value is never repeated. Nothing is said of other Secrets, and of " +
			"values that something else fills in before.",
		Remedy: "Write the value in quotes under stringData, which takes it as it is.",
	}}
}
