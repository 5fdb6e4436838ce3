package rule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// refusesSolvers makes a check of one that looks at each solver for itself.
func refusesSolvers(check func(*refusals, *cmacme.ACMEChallengeSolver, *field.Path)) func(context.Context, *IssuerReview) ([]Finding, error) {
	return forSolvers(func(solver *cmacme.ACMEChallengeSolver, path *field.Path) []Finding {
		var found refusals
		check(&found, solver, path)
		return found
	})
}

// cmSolverRules restate what cert-manager's webhook refuses of solvers.
func cmSolverRules() []Rule {
	return ofIssuers([]Rule{{
		ID:      "cm-solver-type",
		Summary: "A solver has neither http01 nor dns01, or both.",
		Why:     "A solver is for one type of challenge. An Issuer may have several solvers.",
		Remedy:  "Write one of http01 and dns01 into each item of solvers.",
		CheckIssuer: refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
			switch {
			case solver.HTTP01 == nil && solver.DNS01 == nil:
				r.required(path, "has neither http01 nor dns01", "Write one of them")
			case solver.HTTP01 != nil && solver.DNS01 != nil:
				r.forbidden(path, "has http01 and dns01", "Make two solvers of them")
			}
		}),
	}, {
		ID:      "cm-solver-wait",
		Summary: "waitInsteadOfSelfCheck is less than nothing.",
		Why:     "It is how long cert-manager waits instead of looking for the record itself.",
		Remedy:  "Write a duration, like 2m, or leave it out.",
		CheckIssuer: refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
			if wait := solver.WaitInsteadOfSelfCheck; wait != nil && wait.Duration < 0 {
				r.invalid(path.Child("waitInsteadOfSelfCheck"), shortDuration(wait.Duration), "is less than nothing", `Write a duration, like "2m", or leave it out`)
			}
		}),
	}, {
		ID:      "cm-http01",
		Summary: "An HTTP-01 solver is of no type or of two, or names its class, Ingress, Service or Gateway in a way that cannot be.",
		Why: "It is either ingress or gatewayHTTPRoute. With ingress there is at most one of ingressClassName, class and name, and a Service is of type ClusterIP " +
			"or NodePort.",
		Remedy:      "Write http01: {ingress: {ingressClassName: nginx}} or http01: {gatewayHTTPRoute: {parentRefs: [{name: web}]}}.",
		CheckIssuer: refusesSolvers(refuseHTTP01),
	}})
}

func refuseHTTP01(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
	http01, path := solver.HTTP01, path.Child("http01")
	if http01 == nil {
		return
	}
	switch {
	case http01.Ingress == nil && http01.GatewayHTTPRoute == nil:
		r.required(path, "has neither ingress nor gatewayHTTPRoute", "Write one of them, like ingress: {ingressClassName: nginx}")
	case http01.Ingress != nil && http01.GatewayHTTPRoute != nil:
		r.forbidden(path, "has ingress and gatewayHTTPRoute", "Keep one of them")
	}
	if http01.Ingress != nil {
		refuseHTTP01Ingress(r, http01.Ingress, path.Child("ingress"))
	}
	if gateway := http01.GatewayHTTPRoute; gateway != nil {
		path := path.Child("gatewayHTTPRoute")
		r.serviceType(path, gateway.ServiceType)
		for i, parent := range gateway.ParentRefs {
			if parent.Name == "" { // the kind has a default
				r.required(path.Child("parentRefs").Index(i).Child("name"), "names no Gateway", "Write the name of the Gateway")
			}
		}
	}
}

func refuseHTTP01Ingress(r *refusals, ingress *cmacme.ACMEChallengeSolverHTTP01Ingress, path *field.Path) {
	var ways []string
	if ingress.IngressClassName != nil {
		ways = append(ways, "ingressClassName")
		if name := *ingress.IngressClassName; len(validation.IsDNS1123Subdomain(name)) > 0 {
			r.invalid(path.Child("ingressClassName"), name, "no IngressClass can have this name", "Write the name of an IngressClass, or write it into class")
		}
	}
	if ingress.Class != nil {
		ways = append(ways, "class")
	}
	if ingress.Name != "" {
		ways = append(ways, "name")
	}
	if len(ways) > 1 {
		r.forbidden(path, "has "+strings.Join(ways, " and "), "Keep one of them")
	}
	r.serviceType(path, ingress.ServiceType)
}

func (r *refusals) serviceType(path *field.Path, is corev1.ServiceType) {
	if !slices.Contains([]corev1.ServiceType{"", corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort}, is) {
		r.invalid(path.Child("serviceType"), string(is), "is not a type that a solver's Service can have", "Write ClusterIP or NodePort")
	}
}

// dns01Provider is one of the providers of a DNS-01 solver.
type dns01Provider struct {
	name string
	set  bool
}

// acmeDNSProvider is the one provider that cert-manager's webhook looks into even if it is the second.
const acmeDNSProvider = "acmeDNS"

// dns01Providers are all providers, in the order in which cert-manager's webhook looks at them. It looks into the first.
func dns01Providers(p *cmacme.ACMEChallengeSolverDNS01) []dns01Provider {
	return []dns01Provider{
		{"akamai", p.Akamai != nil},
		{"azureDNS", p.AzureDNS != nil},
		{"cloudDNS", p.CloudDNS != nil},
		{"cloudflare", p.Cloudflare != nil},
		{"route53", p.Route53 != nil},
		{acmeDNSProvider, p.AcmeDNS != nil},
		{"digitalocean", p.DigitalOcean != nil},
		{"rfc2136", p.RFC2136 != nil},
		{"webhook", p.Webhook != nil},
	}
}

// cmProviderRules restate what cert-manager's webhook refuses of the providers of DNS-01.
func cmProviderRules() []Rule {
	return ofIssuers(append([]Rule{{
		ID:      "cm-dns01-provider",
		Summary: "A DNS-01 solver has no provider, or two, or a cnameStrategy that there is not.",
		Why: "A solver writes records at one provider. cert-manager's webhook overlooks a second one where that is acmeDNS; the rule dns01-two-providers " +
			"speaks about that.",
		Remedy:      "Write one provider into each solver.",
		CheckIssuer: refusesSolvers(refuseProviders),
	}}, append(cmCloudRules(), cmServerRules()...)...))
}

func refuseProviders(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
	dns01 := dns01Of(solver)
	if dns01 == nil {
		return
	}
	path = path.Child("dns01")
	strategies := []cmacme.CNAMEStrategy{"", cmacme.NoneStrategy, cmacme.FollowStrategy}
	if !slices.Contains(strategies, dns01.CNAMEStrategy) {
		r.invalid(path.Child("cnameStrategy"), string(dns01.CNAMEStrategy), "is neither None nor Follow", "Write None or Follow")
	}
	first := ""
	for _, provider := range dns01Providers(dns01) {
		switch {
		case !provider.set:
		case first == "":
			first = provider.name
		case provider.name != acmeDNSProvider:
			r.forbidden(path.Child(provider.name), "is a second provider beside "+first, "Make two solvers of them")
		}
	}
	if first == "" {
		r.required(path, "has no provider", "Write one, like webhook")
	}
}

// refusesProvider makes a check of one that looks at a provider where cert-manager's webhook does.
func refusesProvider(name string, check func(*refusals, *cmacme.ACMEChallengeSolverDNS01, *field.Path)) func(context.Context, *IssuerReview) ([]Finding, error) {
	return refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
		dns01 := dns01Of(solver)
		if dns01 == nil {
			return
		}
		for _, provider := range dns01Providers(dns01) {
			if provider.set && provider.name == name {
				check(r, dns01, path.Child("dns01", name))
			}
			if provider.set && name != acmeDNSProvider {
				return
			}
		}
	})
}

func cmServerRules() []Rule {
	return []Rule{{
		ID:      "cm-dns01-acme-dns",
		Summary: "The acmeDNS provider lacks its host or its account.",
		Why:     "cert-manager's webhook wants the server's URL, and the Secret and key with the accounts.",
		Remedy:  "Write host and accountSecretRef: {name: …, key: …}.",
		CheckIssuer: refusesProvider(acmeDNSProvider, func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			r.selector(path.Child("accountSecretRef"), &p.AcmeDNS.AccountSecret)
			if p.AcmeDNS.Host == "" {
				r.required(path.Child("host"), "names no server", "Write its URL")
			}
		}),
	}, {
		ID:          "cm-dns01-rfc2136",
		Summary:     "The rfc2136 provider lacks something, or has a name server or an algorithm that cannot be.",
		Why:         "cert-manager's webhook wants a name server as host or host:port, one of four TSIG algorithms, and a TSIG key's name and its Secret together.",
		Remedy:      "Write nameserver: 192.0.2.53:53, and with TSIG tsigKeyName, tsigSecretSecretRef and tsigAlgorithm.",
		CheckIssuer: refusesProvider("rfc2136", refuseRFC2136),
	}, {
		ID:      "cm-dns01-webhook",
		Summary: "The webhook provider has no solverName.",
		Why:     "cert-manager's webhook wants it, but neither the groupName nor the config; other rules look at those.",
		Remedy:  "Write the name of the solver, which its documentation says.",
		CheckIssuer: refusesProvider("webhook", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			if p.Webhook.SolverName == "" {
				r.required(path.Child("solverName"), "names no solver", "Write the name that the webhook's documentation says")
			}
		}),
	}}
}

func refuseRFC2136(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
	server := p.RFC2136
	switch {
	case server.Nameserver == "":
		r.required(path.Child("nameserver"), "names no name server", `Write one like "192.0.2.53:53"`)
	case !isNameserver(server.Nameserver):
		r.invalid(path.Child("nameserver"), server.Nameserver, "is not host or host:port", `Write one like "192.0.2.53:53" or "[2001:db8::53]:53"`)
	}
	algorithms := []string{"HMACMD5", "HMACSHA1", "HMACSHA256", "HMACSHA512"}
	if written := server.TSIGAlgorithm; written != "" && !slices.Contains(algorithms, strings.ToUpper(written)) {
		finding := Finding{
			Field: path.Child("tsigAlgorithm").String(), Type: field.ErrorTypeNotSupported, Value: written,
			Message: "is not one of " + strings.Join(algorithms, ", "),
		}
		if closest := Closest(strings.NewReplacer("-", "", "_", "").Replace(written), algorithms); closest != "" {
			finding.Remedy = fmt.Sprintf("Write %q", closest)
		}
		r.add(finding)
	}
	complete := server.TSIGSecret.Name != "" && server.TSIGSecret.Key != ""
	switch {
	case server.TSIGKeyName != "":
		r.selector(path.Child("tsigSecretSecretRef"), &server.TSIGSecret)
	case complete:
		r.required(path.Child("tsigKeyName"), "has no name of the key in tsigSecretSecretRef", "Write the name that the server knows the key by")
	}
}

// isNameserver tells whether a text is a host, an IPv6 address in brackets, or one of them and a port.
func isNameserver(text string) bool {
	text = strings.TrimSpace(text)
	host, _, err := net.SplitHostPort(text)
	if wrong, ok := errors.AsType[*net.AddrError](err); ok && strings.Contains(wrong.Err, "missing port") {
		host, err = strings.Trim(text, "[]"), nil
	}
	return err == nil && host != ""
}
