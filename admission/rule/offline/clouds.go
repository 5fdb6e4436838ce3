package offline

import (
	"slices"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
)

// cloudRules restate what cert-manager's webhook refuses of the built-in providers that are clouds.
func cloudRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-dns01-akamai",
		Summary: "The akamai provider lacks its domain or one of its credentials.",
		Why:     "cert-manager's webhook wants the service consumer domain, and a Secret and key for each of the three credentials.",
		Remedy:  "Write serviceConsumerDomain, accessTokenSecretRef, clientSecretSecretRef and clientTokenSecretRef.",
		Check: refusesProvider("akamai", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			r.selector(path.Child("accessTokenSecretRef"), &p.Akamai.AccessToken)
			r.selector(path.Child("clientSecretSecretRef"), &p.Akamai.ClientSecret)
			r.selector(path.Child("clientTokenSecretRef"), &p.Akamai.ClientToken)
			if p.Akamai.ServiceConsumerDomain == "" {
				r.required(path.Child("serviceConsumerDomain"), "names no domain", "Write the host of your API client")
			}
		}),
	}, {
		ID:      "cm-dns01-azure",
		Summary: "The azureDNS provider lacks something, or has half of its credentials, or two sorts of them.",
		Why: "cert-manager's webhook wants subscriptionID and resourceGroupName always, clientID, clientSecretSecretRef and tenantID together, and " +
			"managedIdentity without them.",
		Remedy: "Write subscriptionID, resourceGroupName, and either all of clientID, clientSecretSecretRef and tenantID, or managedIdentity.",
		Check:  refusesProvider("azureDNS", refuseAzure),
	}, {
		ID:      "cm-dns01-cloud-dns",
		Summary: "The cloudDNS provider has no project, or names half of a Secret.",
		Why:     "cert-manager's webhook wants the project, and both names of a Secret where there is one. Without one it uses the identity of the node.",
		Remedy:  "Write project, and serviceAccountSecretRef: {name: …, key: …}.",
		Check: refusesProvider("cloudDNS", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			if p.CloudDNS.ServiceAccount != nil {
				r.selector(path.Child("serviceAccountSecretRef"), p.CloudDNS.ServiceAccount)
			}
			if p.CloudDNS.Project == "" {
				r.required(path.Child("project"), "names no project", "Write the ID of the project")
			}
		}),
	}, {
		ID:      "cm-dns01-cloudflare",
		Summary: "The cloudflare provider has no credentials, or two, or half of them.",
		Why:     "cert-manager's webhook wants either an API token, or an API key and the account's e-mail address.",
		Remedy:  "Write apiTokenSecretRef: {name: …, key: …}.",
		Check:   refusesProvider("cloudflare", refuseCloudflare),
	}, {
		ID:      "cm-dns01-route53",
		Summary: "The route53 provider has two access key IDs, or half of a Secret with one.",
		Why: "cert-manager's webhook wants at most one of accessKeyID and accessKeyIDSecretRef, and with the latter both its names. With neither, " +
			"cert-manager uses the identity of its Pod.",
		Remedy: "Write one of them, with secretAccessKeySecretRef beside it.",
		Check: refusesProvider("route53", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			if p.Route53.SecretAccessKeyID == nil {
				return
			}
			if p.Route53.AccessKeyID != "" {
				r.forbidden(path, "has accessKeyID and accessKeyIDSecretRef", "Keep one of them")
			}
			r.selector(path.Child("accessKeyIDSecretRef"), p.Route53.SecretAccessKeyID)
		}),
	}, {
		ID:      "cm-dns01-digitalocean",
		Summary: "The digitalocean provider names no Secret or no key in it.",
		Why:     "cert-manager's webhook wants both names.",
		Remedy:  "Write tokenSecretRef: {name: …, key: …}.",
		Check: refusesProvider("digitalocean", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			r.selector(path.Child("tokenSecretRef"), &p.DigitalOcean.Token)
		}),
	}}
}

func refuseAzure(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
	azure := p.AzureDNS
	if azure.ClientID != "" || azure.TenantID != "" || azure.ClientSecret != nil {
		refuseServicePrincipal(r, azure, path)
	} else if azure.ManagedIdentity != nil {
		refuseManagedIdentity(r, azure.ManagedIdentity, path.Child("managedIdentity"))
	}
	if azure.SubscriptionID == "" {
		r.required(path.Child("subscriptionID"), "names no subscription", "Write its ID")
	}
	if azure.ResourceGroupName == "" {
		r.required(path.Child("resourceGroupName"), "names no resource group", "Write the one with the zone")
	}
	environments := []cmacme.AzureDNSEnvironment{
		"", cmacme.AzurePublicCloud, cmacme.AzureChinaCloud, cmacme.AzureGermanCloud, cmacme.AzureUSGovernmentCloud,
	}
	if !slices.Contains(environments, azure.Environment) {
		r.invalid(path.Child("environment"), string(azure.Environment), "is not a cloud of Azure",
			"Write AzurePublicCloud, AzureChinaCloud, AzureGermanCloud or AzureUSGovernmentCloud")
	}
}

func refuseServicePrincipal(r *refusals, azure *cmacme.ACMEIssuerDNS01ProviderAzureDNS, path *field.Path) {
	const message, remedy = "is missing beside clientID, clientSecretSecretRef or tenantID", "Write all three of them"
	if azure.ClientID == "" {
		r.required(path.Child("clientID"), message, remedy)
	}
	if azure.ClientSecret == nil {
		r.required(path.Child("clientSecretSecretRef"), message, remedy)
	} else {
		r.selector(path.Child("clientSecretSecretRef"), azure.ClientSecret)
	}
	if azure.TenantID == "" {
		r.required(path.Child("tenantID"), message, remedy)
	}
	if azure.ManagedIdentity != nil {
		r.forbidden(path.Child("managedIdentity"), "stands beside clientID, clientSecretSecretRef or tenantID", "Keep it or them")
	}
}

func refuseManagedIdentity(r *refusals, identity *cmacme.AzureManagedIdentity, path *field.Path) {
	switch {
	case identity.ResourceID != "" && identity.ClientID != "":
		r.forbidden(path, "has clientID and resourceID", "Keep one of them")
	case identity.ResourceID != "" && identity.TenantID != "":
		r.forbidden(path, "has tenantID and resourceID", "Write clientID instead of resourceID")
	case identity.TenantID != "" && identity.ClientID == "":
		r.required(path, "has tenantID without clientID", "Write clientID too")
	}
}

func refuseCloudflare(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
	key, token := p.Cloudflare.APIKey, p.Cloudflare.APIToken
	if key != nil {
		r.selector(path.Child("apiKeySecretRef"), key)
		if p.Cloudflare.Email == "" {
			r.required(path.Child("email"), "is missing beside apiKeySecretRef", "Write the account's e-mail address, or use apiTokenSecretRef")
		}
	}
	if token != nil {
		r.selector(path.Child("apiTokenSecretRef"), token)
	}
	switch {
	case key != nil && token != nil:
		r.forbidden(path, "has apiKeySecretRef and apiTokenSecretRef", "Keep one of them")
	case key == nil && token == nil:
		r.required(path, "has neither apiTokenSecretRef nor apiKeySecretRef", "Write apiTokenSecretRef with a name and a key")
	}
}
