package issuer

import (
	"context"
	"fmt"
	"net"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
	"github.com/certyun/certyun/solvers/dnsname"
)

// solverRules are about each solver of an ACME Issuer by itself.
func solverRules() []rule.Rule {
	return []rule.Rule{solversEmpty(), selectorNeverMatches(), route53HalfCredentials(), dns01TwoProviders(), gatewayNoParent()}
}

func solversEmpty() rule.Rule {
	return rule.Rule{
		ID: "solvers-empty", Severity: rule.Warn,
		Summary: "An ACME Issuer has no solvers.",
		Why:     "That is right only where the CA authorizes names by itself, as some private ones do. Elsewhere each Order stays pending for ever.",
		Remedy:  "Add a solver.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			if policy := r.CA(); len(acme.Solvers) > 0 || policy != nil && policy.Preauthorized == ca.Yes {
				return nil
			}
			field := fieldpath.ACME("solvers").String()
			return yield(rule.Finding{
				Field: field, Follows: &rule.Follows{Issuer: keyOfIssuer(r.Issuer), Field: field},
				Message: "there are no solvers; only names the CA has already authorized can be issued",
			})
		}),
	}
}

func selectorNeverMatches() rule.Rule {
	return rule.Rule{
		ID: "selector-never-matches", Severity: rule.Warn,
		Summary: "An entry of a solver's selector matches no name.",
		Why: "cert-manager compares dnsNames letter by letter with the lower-case names that the CA returns, and dnsZones label by " +
			"label; a zone covers its subdomains and wildcards already. An entry that is spelled otherwise is dead, and its names have no solver.",
		Remedy: "Write names in lower case, in punycode, without a dot at either end, and zones without \"*.\".",
		Check:  forSolvers(checkSelector),
	}
}

func checkSelector(solver *cmacme.ACMEChallengeSolver, path *field.Path, yield rule.Yield) error {
	if solver.Selector == nil {
		return nil
	}
	for i, name := range solver.Selector.DNSNames {
		why := deadEntry(name)
		if lower := strings.ToLower(name); why == "" && lower != name {
			why = fmt.Sprintf("never matches; names are compared in lower case - use %q", words.Excerpt(lower))
		}
		if why != "" {
			if err := yield(selectorFinding(path.Child("selector", "dnsNames").Index(i), name, why)); err != nil {
				return err
			}
		}
	}
	for i, zone := range solver.Selector.DNSZones {
		why := deadEntry(zone)
		if zone == "*" {
			why = "never matches; a solver without dnsZones is for every name"
		}
		if rest, star := strings.CutPrefix(zone, "*."); why == "" && star {
			why = fmt.Sprintf("matches only that literal wildcard; zones cover subdomains already - use %q", words.Excerpt(rest))
		}
		if why != "" {
			if err := yield(selectorFinding(path.Child("selector", "dnsZones").Index(i), zone, why)); err != nil {
				return err
			}
		}
	}
	return nil
}

func selectorFinding(path *field.Path, entry, why string) rule.Finding {
	return rule.Finding{Field: path.String(), Value: entry, Message: why}
}

// deadEntry says why an entry can match neither as a name nor as a zone, "" when it can.
func deadEntry(entry string) string {
	switch {
	case entry == "":
		return "is empty and never matches; remove it"
	case strings.Contains(entry, "://"):
		return "is a URL and never matches" + useInstead(hostOf(entry))
	case strings.ContainsAny(entry, " \t\r\n"):
		return "has white space in it and never matches" + useInstead(strings.Join(strings.Fields(entry), ""))
	case strings.HasSuffix(entry, "."):
		return "has a trailing dot and never matches" + useInstead(strings.TrimRight(entry, "."))
	case strings.HasPrefix(entry, "."):
		return "has a leading dot and never matches" + useInstead(strings.TrimLeft(entry, "."))
	case strings.ContainsFunc(entry, func(r rune) bool { return r > '~' }):
		return "is not in punycode and never matches" + useInstead(entry)
	case strings.Contains(entry, ".."):
		return "has two dots in a row and never matches"
	case strings.ContainsAny(entry, "/?#@") || strings.Contains(entry, ":") && net.ParseIP(entry) == nil:
		return "is not a domain name and never matches" + useInstead(hostOf("//"+entry))
	}
	return ""
}

func hostOf(text string) string {
	_, rest, _ := strings.Cut(text, "//")
	if end := strings.IndexAny(rest, "/:?#"); end >= 0 {
		rest = rest[:end]
	}
	return rest
}

// useInstead proposes a name, in the form in which CAs write it, when that is one.
func useInstead(name string) string {
	canonical, err := dnsname.Parse(name)
	if err != nil || !strings.Contains(canonical, ".") {
		return ""
	}
	return fmt.Sprintf(" - use %q", canonical)
}

func route53HalfCredentials() rule.Rule {
	return rule.Rule{
		ID: "route53-half-credentials", Severity: rule.Deny,
		Summary: "A Route 53 solver has one half of an access key.",
		Why:     "cert-manager refuses every challenge with \"only one of access and secret key was provided\" (pkg/issuer/acme/dns/route53).",
		Remedy:  "Set both halves, or neither for ambient credentials.",
		Check:   forSolvers(checkRoute53),
	}
}

func checkRoute53(solver *cmacme.ACMEChallengeSolver, path *field.Path, yield rule.Yield) error {
	if providers := choice.Providers(solver.DNS01); len(providers) == 0 || providers[0] != "route53" {
		return nil // cert-manager's own webhook refuses a second provider.
	}
	p := solver.DNS01.Route53
	if ref := p.SecretAccessKeyID; ref != nil && (p.AccessKeyID != "" || ref.Name == "" || ref.Key == "") {
		return nil // cert-manager's own webhook says so.
	}
	id, secret := strings.TrimSpace(p.AccessKeyID) != "" || p.SecretAccessKeyID != nil, p.SecretAccessKey.Name != ""
	if id == secret {
		return nil
	}
	missing := "secretAccessKeySecretRef"
	if secret {
		missing = "accessKeyID or accessKeyIDSecretRef"
	}
	return yield(rule.Finding{
		Field:   path.Child("dns01", "route53").String(),
		Message: "only one of access key and secret key is set; cert-manager refuses this",
		Remedy:  "Set " + missing + ", or remove both for ambient credentials",
	})
}

func dns01TwoProviders() rule.Rule {
	return rule.Rule{
		ID: "dns01-two-providers", Severity: rule.Warn,
		Summary: "A DNS-01 solver has acmeDNS and another provider.",
		Why: "cert-manager refuses two providers in one solver, but overlooks acmeDNS next to akamai, azureDNS, cloudDNS, cloudflare " +
			"or route53. It then uses the other one and never acmeDNS (pkg/issuer/acme/dns).",
		Remedy: "Make two solvers of them.",
		Check:  forSolvers(checkTwoProviders),
	}
}

func checkTwoProviders(solver *cmacme.ACMEChallengeSolver, path *field.Path, yield rule.Yield) error {
	providers := choice.Providers(solver.DNS01)
	if len(providers) != 2 || providers[1] != choice.AcmeDNS {
		return nil // One provider is right, and cert-manager's own webhook refuses others.
	}
	return yield(rule.Finding{
		Field:   path.Child("dns01").String(),
		Message: providers[0] + " and acmeDNS are both set; only one is used", Remedy: "Split into two solvers",
	})
}

func gatewayNoParent() rule.Rule {
	return rule.Rule{
		ID: "gateway-no-parent", Severity: rule.Warn,
		Summary: "An HTTP-01 solver for the Gateway API names no Gateway.",
		Why:     "Then each Certificate has to name one by annotation; for one that does not, cert-manager cannot create the challenge.",
		Remedy:  "Name the Gateway in parentRefs.",
		Check: forSolvers(func(solver *cmacme.ACMEChallengeSolver, path *field.Path, yield rule.Yield) error {
			if solver.HTTP01 == nil || solver.HTTP01.GatewayHTTPRoute == nil || len(solver.HTTP01.GatewayHTTPRoute.ParentRefs) > 0 ||
				solver.HTTP01.Ingress != nil { // cert-manager refuses both at once.
				return nil
			}
			return yield(rule.Finding{
				Field:   path.Child("http01", "gatewayHTTPRoute", "parentRefs").String(),
				Message: "empty; every Certificate needs the http01-parentrefname/-kind annotations",
			})
		}),
	}
}
