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
		Examples: []Example{{
			Title:    "A version that is not served any more",
			Manifest: "apiVersion: cert-manager.io/v1alpha2\nkind: Certificate\nmetadata: {name: web}\nspec: {}\n",
			Message:  `apiVersion: Invalid value: "cert-manager.io/v1alpha2": no API server serves Certificate in this version. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		}, {
			Title:    "Capital letters in the group",
			Manifest: "apiVersion: Cert-Manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec: {}\n",
			Message:  `apiVersion: Invalid value: "Cert-Manager.io/v1": API groups are lower case. Write "cert-manager.io/v1". [cm-no-such-kind]`,
		}},
	}, {
		ID:      CMUnknownField,
		Summary: "The kind has no such field.",
		Why: "The API server tells kubectl of every field that the schema does not have, and kubectl apply refuses the object " +
			"(https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation). Tools that do not ask for that lose the field without a word.",
		Remedy: "Write the field as the schema spells it, at the place where it has it.",
		Examples: []Example{{
			Title: "A slip of the pen",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n" +
				"spec:\n  secretName: web-tls\n  dnsName: [www.cert-lab.dev]\n  issuerRef: {name: le}\n",
			Message: `spec.dnsName: Forbidden: Certificate has no such field, and kubectl refuses the object. Write "dnsNames". [cm-unknown-field]`,
		}, {
			Title: "A field at the wrong place",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n" +
				"spec:\n  secretName: web-tls\n  dnsNames: [www.cert-lab.dev]\n  issuerRef: {name: le}\n  rotationPolicy: Always\n",
			Message: `spec.rotationPolicy: Forbidden: Certificate has no such field, and kubectl refuses the object. It belongs at spec.privateKey.rotationPolicy. [cm-unknown-field]`,
		}},
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
		Examples: []Example{{
			Title: "A text instead of a list",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n" +
				"spec:\n  secretName: web-tls\n  dnsNames: www.cert-lab.dev\n  issuerRef: {name: le}\n",
			Message: `spec.dnsNames: Invalid value: "www.cert-lab.dev": must be a list, and is a string. Write a list: ["www.cert-lab.dev"]. [cm-schema]`,
		}, {
			Title: "A required field that is missing",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n" +
				"spec:\n  secretName: web-tls\n  dnsNames: [www.cert-lab.dev]\n",
			Message: `spec.issuerRef: Required value: is missing. Write an object with name. [cm-schema]`,
		}},
	}, {
		ID:      CMUnreadable,
		Kinds:   []string{"Certificate", "Issuer", "ClusterIssuer", "CertificateRequest", "Order", "Challenge"},
		Summary: "The schema admits a value, but cert-manager's webhook cannot decode it.",
		Why: "For the schema a duration is any text. cert-manager's webhook decodes it with Go's time.ParseDuration, which knows hours, minutes and seconds " +
			"but no days, and refuses the object when that fails.",
		Remedy: "Write durations in hours, minutes and seconds, like 2160h for 90 days.",
		Examples: []Example{{
			Title: "Days",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\n" +
				"spec:\n  secretName: web-tls\n  dnsNames: [www.cert-lab.dev]\n  issuerRef: {name: le}\n  duration: 90d\n",
			Message: `spec.duration: Invalid value: "90d": is not a duration in hours, minutes and seconds, and cert-manager's webhook cannot read it. Write 90 days as "2160h". [cm-unreadable-value]`,
		}},
	}, {
		ID:      CMMetadata,
		Summary: "The metadata is not as that of all objects must be.",
		Why: "The API server wants a name that fits into a URL, labels and annotations of its syntax with texts as values, and no resourceVersion on a new object " +
			"(https://kubernetes.io/docs/concepts/overview/working-with-objects/names/). kubectl fills the namespace in where there is none.",
		Remedy: "Write names in lower case, and values of labels and annotations in quotes.",
		Examples: []Example{{
			Title: "A label without quotes",
			Manifest: "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, labels: {production: true}}\n" +
				"spec:\n  secretName: web-tls\n  dnsNames: [www.cert-lab.dev]\n  issuerRef: {name: le}\n",
			Message: `metadata.labels[production]: Invalid value: true: must be a string, and is a boolean. Write it in quotes: "true". [cm-metadata]`,
		}},
	}, {
		ID:      CMIngress,
		Kinds:   []string{"Ingress"},
		Summary: "The API server refuses the Ingress, whatever its annotations say.",
		Why: "The API server validates Ingresses by its own code: there must be rules or a defaultBackend, hosts and Secrets need names that can be, and paths need " +
			"a pathType and a backend (https://kubernetes.io/docs/reference/kubernetes-api/networking/ingress-v1/).",
		Remedy: "Write a whole Ingress.",
		Examples: []Example{{
			Title: "An Ingress that routes nothing",
			Manifest: "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\n" +
				"spec:\n  tls: [{hosts: [www.cert-lab.dev], secretName: web-tls}]\n",
			Message: `spec: Required value: has neither rules nor a defaultBackend, so the API server refuses the Ingress. Write one of them. [cm-ingress]`,
		}},
	}}
}
