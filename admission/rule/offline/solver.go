package offline

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// refusesSolvers makes a check of one that looks at each solver for itself.
func refusesSolvers(check func(*refusals, *cmacme.ACMEChallengeSolver, *field.Path)) rule.Check {
	return refusesIssuer(func(found *refusals, s *cmapi.IssuerSpec) {
		if s.ACME == nil {
			return
		}
		for i := range s.ACME.Solvers {
			check(found, &s.ACME.Solvers[i], fieldpath.Solver(i))
		}
	})
}

// solverRules restate what cert-manager's webhook refuses of solvers.
func solverRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-solver-type",
		Summary: "A solver has neither http01 nor dns01, or both.",
		Why:     "A solver is for one type of challenge. An Issuer may have several solvers.",
		Remedy:  "Write one of http01 and dns01 into each item of solvers.",
		Check: refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
			switch {
			case solver.HTTP01 == nil && solver.DNS01 == nil:
				r.required(path, "has neither http01 nor dns01", "Write one of them")
			case solver.HTTP01 != nil && solver.DNS01 != nil:
				r.forbidden(path, "has http01 and dns01", "Make two solvers of them")
			}
		}),
	}, {
		ID:      "cm-solver-wait",
		Summary: "waitInsteadOfSelfCheck is a negative duration.",
		Why:     "It is how long cert-manager waits instead of looking for the record itself.",
		Remedy:  "Write a duration, like 2m, or leave it out.",
		Check: refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
			if wait := solver.WaitInsteadOfSelfCheck; wait != nil && wait.Duration < 0 {
				r.invalid(path.Child("waitInsteadOfSelfCheck"), words.Duration(wait.Duration), "is a negative duration", `Write a duration, like "2m", or leave it out`)
			}
		}),
	}, {
		ID:      "cm-http01",
		Summary: "An HTTP-01 solver is of no type or of two, or names its class, Ingress, Service or Gateway in a way that cannot be.",
		Why: "It is either ingress or gatewayHTTPRoute. With ingress there is at most one of ingressClassName, class and name, and a Service is of type ClusterIP " +
			"or NodePort.",
		Remedy: "Write http01: {ingress: {ingressClassName: nginx}} or http01: {gatewayHTTPRoute: {parentRefs: [{name: web}]}}.",
		Check:  refusesSolvers(refuseHTTP01),
	}}
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

// providerRules restate what cert-manager's webhook refuses of the providers of DNS-01.
func providerRules() []rule.Rule {
	return append([]rule.Rule{{
		ID:      "cm-dns01-provider",
		Summary: "A DNS-01 solver has no provider, or two, or a cnameStrategy that there is not.",
		Why: "A solver writes records at one provider. cert-manager's webhook overlooks a second one where that is acmeDNS; the rule dns01-two-providers " +
			"speaks about that.",
		Remedy: "Write one provider into each solver.",
		Check:  refusesSolvers(refuseProviders),
	}}, append(cloudRules(), serverRules()...)...)
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
	providers := choice.Providers(dns01)
	if len(providers) == 0 {
		r.required(path, "has no provider", "Write one, like webhook")
		return
	}
	for _, name := range providers[1:] {
		if name != choice.AcmeDNS {
			r.forbidden(path.Child(name), "is a second provider beside "+providers[0], "Make two solvers of them")
		}
	}
}

// refusesProvider makes a check of one that looks at a provider where cert-manager's webhook does: into the first, and into acmeDNS.
func refusesProvider(name string, check func(*refusals, *cmacme.ACMEChallengeSolverDNS01, *field.Path)) rule.Check {
	return refusesSolvers(func(r *refusals, solver *cmacme.ACMEChallengeSolver, path *field.Path) {
		dns01 := dns01Of(solver)
		if dns01 == nil {
			return
		}
		providers := choice.Providers(dns01)
		if len(providers) > 0 && providers[0] == name || name == choice.AcmeDNS && slices.Contains(providers, name) {
			check(r, dns01, path.Child("dns01", name))
		}
	})
}

func serverRules() []rule.Rule {
	return []rule.Rule{{
		ID:      "cm-dns01-acme-dns",
		Summary: "The acmeDNS provider lacks its host or its account.",
		Why:     "cert-manager's webhook wants the server's URL, and the Secret and key with the accounts.",
		Remedy:  "Write host and accountSecretRef: {name: …, key: …}.",
		Check: refusesProvider(choice.AcmeDNS, func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
			r.selector(path.Child("accountSecretRef"), &p.AcmeDNS.AccountSecret)
			if p.AcmeDNS.Host == "" {
				r.required(path.Child("host"), "names no server", "Write its URL")
			}
		}),
	}, {
		ID:      "cm-dns01-rfc2136",
		Summary: "The rfc2136 provider lacks something, or has a name server or an algorithm that cannot be.",
		Why:     "cert-manager's webhook wants a name server as host or host:port, one of four TSIG algorithms, and a TSIG key's name and its Secret together.",
		Remedy:  "Write nameserver: 192.0.2.53:53, and with TSIG tsigKeyName, tsigSecretSecretRef and tsigAlgorithm.",
		Check:   refusesProvider("rfc2136", refuseRFC2136),
	}, {
		ID:      "cm-dns01-webhook",
		Summary: "The webhook provider has no solverName.",
		Why:     "cert-manager's webhook wants it, but neither the groupName nor the config; other rules look at those.",
		Remedy:  "Write the name of the solver, which its documentation says.",
		Check: refusesProvider("webhook", func(r *refusals, p *cmacme.ACMEChallengeSolverDNS01, path *field.Path) {
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
		finding := rule.Finding{
			Field: path.Child("tsigAlgorithm").String(), Type: field.ErrorTypeNotSupported, Value: written,
			Message: "is not one of " + strings.Join(algorithms, ", "),
		}
		if closest := words.Closest(strings.NewReplacer("-", "", "_", "").Replace(written), algorithms); closest != "" {
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
