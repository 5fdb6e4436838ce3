package certificate

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// solverRules are about which solver each name would have.
func solverRules() []rule.Rule {
	return []rule.Rule{wildcardNeedsDNS01(), noSolverForName(), ipNeedsHTTP01(), http01OverrideConflict()}
}

// challenged tells whether the CA is known to validate every name by a challenge.
func challenged(r *rule.CertificateReview) bool {
	return r.Public() && r.CA.Preauthorized == ca.No
}

func wildcardNeedsDNS01() rule.Rule {
	return rule.Rule{
		ID: "wildcard-needs-dns01", Severity: rule.Deny, Founding: true,
		Summary: "A wildcard name has no DNS-01 solver.",
		Why: "No CA may validate a wildcard by HTTP (Baseline Requirements, sections 3.2.2.4.19 and 3.2.2.4.20). cert-manager finds no solver: " +
			"the Order stays pending for ever, and the Certificate shows only \"Issuing\" (cert-manager#3181). A selector counts: the name must " +
			"be in its dnsNames or dnsZones, and the Certificate must have its labels. A private ACME server may do otherwise, and a CA without " +
			"challenges needs no solver: these are warnings.",
		Remedy: "Give the Issuer a dns01 solver whose selector covers the name, or drop the wildcard.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if !slices.ContainsFunc(r.Certificate.Spec.DNSNames, isWildcard) {
				return nil
			}
			if challenged(r) {
				ctx = context.WithoutCancel(ctx) // what may be denied is looked at to the end
			}
			if err := eachUnsolved(ctx, r, yield, isWildcard, wildcardWithoutSolver); err != nil {
				return err
			}
			return ctx.Err()
		}),
	}
}

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// eachUnsolved judges the names for which cert-manager would choose no solver.
func eachUnsolved(ctx context.Context, r *rule.CertificateReview, yield rule.Yield, about func(string) bool, judge func(*rule.CertificateReview, string) rule.Finding) error {
	if r.Solvers == nil {
		return nil
	}
	for i, name := range rule.Until(ctx, r.Certificate.Spec.DNSNames) {
		if !about(name) || r.Hopeless(name) || r.Solvers.Pick(name) >= 0 || r.Solvers.Unfinished(name) {
			continue
		}
		f := judge(r, words.Excerpt(name))
		f.Field, f.Value = fieldpath.Spec("dnsNames").Index(i).String(), name
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

func wildcardWithoutSolver(r *rule.CertificateReview, name string) rule.Finding {
	switch {
	case len(r.ACME.Solvers) == 0:
		return withoutSolvers(r)
	case !r.Public():
		return r.CrossSolvers(rule.Finding{Severity: rule.Warn, Message: fmt.Sprintf(
			"has no matching dns01 solver on %s (private ACME server); most servers offer only DNS-01 for wildcards", r.IssuerTitle())})
	}
	if !r.Solvers.Has(name) {
		return certain(r, rule.Finding{
			Message: fmt.Sprintf("wildcard names can only be validated with DNS-01, and %s has no dns01 solver (%s)", r.IssuerTitle(), r.Solvers.Kinds()),
			Remedy:  "Add a dns01 solver to the Issuer first, or drop the wildcard",
		})
	}
	why := r.Solvers.Misses(name)
	return certain(r, rule.Finding{
		Message: fmt.Sprintf("wildcard names can only be validated with DNS-01, and no dns01 selector of %s covers this one (%s)", r.IssuerTitle(), why.Text),
		Remedy:  selectorRemedy(name, why),
	})
}

// withoutSolvers is for an Issuer that has no solvers at all.
func withoutSolvers(r *rule.CertificateReview) rule.Finding {
	return r.CrossSolvers(rule.Finding{
		Severity: rule.Warn,
		Message:  r.IssuerTitle() + " has no solvers; the name can only be issued if it is pre-authorized at the CA",
	})
}

// certain denies, and says what would become of the Order. It only warns where the CA may have validated the name in another way.
func certain(r *rule.CertificateReview, f rule.Finding) rule.Finding {
	if challenged(r) {
		f.Message += "; the Order would stay pending"
	} else {
		f.Severity = rule.Warn
		f.Message += "; it can only be issued if " + r.CA.Name + " has validated it already"
	}
	return r.CrossSolvers(f)
}

// selectorRemedy says all that is to be done for the nearest solver to be chosen.
func selectorRemedy(name string, why choice.Miss) string {
	name = strings.ToLower(name)
	var steps []string
	switch {
	case why.Labels > 1:
		steps = append(steps, "the labels")
	case why.Labels == 1:
		steps = append(steps, "the label")
	}
	if why.Name {
		steps = append(steps, fmt.Sprintf("%q to its dnsNames", name))
	}
	if why.Zone {
		steps = append(steps, fmt.Sprintf("%q to its dnsZones", strings.TrimPrefix(name, "*.")))
	}
	remedy := "Add " + strings.Join(steps, " and ")
	switch {
	case why.Labels > 0 && len(steps) == 1:
		return remedy + " or a solver without selector"
	case why.Name && len(steps) == 1:
		return remedy + ", or use dnsZones instead"
	}
	return remedy
}

func noSolverForName() rule.Rule {
	return rule.Rule{
		ID: "no-solver-for-name", Severity: rule.Deny,
		Summary: "A name matches no solver of the Issuer.",
		Why: "cert-manager chooses among the solvers whose selector matches: dnsNames letter by letter, dnsZones with all their subdomains, and " +
			"matchLabels by the Certificate's labels. When none does, the Order stays pending for ever. An Issuer without solvers is only " +
			"right where the CA knows beforehand which names it issues; that is a warning.",
		Remedy: "Widen a selector, add the label to the Certificate, or add a solver without selector.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			return eachUnsolved(ctx, r, yield, func(name string) bool { return !isWildcard(name) && net.ParseIP(name) == nil },
				hostWithoutSolver)
		}),
	}
}

func hostWithoutSolver(r *rule.CertificateReview, name string) rule.Finding {
	if len(r.ACME.Solvers) == 0 {
		return withoutSolvers(r)
	}
	if !r.Solvers.Has(name) {
		return r.CrossSolvers(rule.Finding{Severity: rule.Warn, Message: fmt.Sprintf("no solver of %s is dns01 or http01", r.IssuerTitle())})
	}
	why := r.Solvers.Misses(name)
	f := rule.Finding{Message: fmt.Sprintf("no solver of %s matches (%s)", r.IssuerTitle(), why.Text), Remedy: selectorRemedy(name, why)}
	if !r.Public() {
		f.Severity = rule.Warn
		return r.CrossSolvers(f)
	}
	return certain(r, f)
}

func ipNeedsHTTP01() rule.Rule {
	return rule.Rule{
		ID: "ip-needs-http01", Severity: rule.Deny,
		Summary: "An IP address has no HTTP-01 solver.",
		Why:     "RFC 8738, section 7: DNS-01 must not be used for IP addresses. cert-manager finds no solver, and the Order stays pending for ever.",
		Remedy:  "Add an http01 solver to the Issuer, or leave the address out.",
		Check:   rule.Certificates(checkIPSolvers),
	}
}

func checkIPSolvers(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if r.Solvers == nil || len(r.ACME.Solvers) == 0 {
		return nil
	}
	for i, address := range rule.Until(ctx, r.Certificate.Spec.IPAddresses) {
		ip := net.ParseIP(address)
		if ip == nil || r.Solvers.Pick(ip.String()) >= 0 || r.Solvers.Unfinished(ip.String()) {
			continue
		}
		f := rule.Finding{
			Field: fieldpath.Spec("ipAddresses").Index(i).String(), Value: address,
			Message: fmt.Sprintf("dns-01 cannot validate IP addresses (RFC 8738) and %s has no http01 solver", r.IssuerTitle()),
		}
		if r.Solvers.Has(ip.String()) {
			why := r.Solvers.Misses(ip.String())
			f.Message = fmt.Sprintf("dns-01 cannot validate IP addresses (RFC 8738) and no http01 solver of %s matches (%s)", r.IssuerTitle(), why.Text)
			f.Remedy = "Add an http01 solver without dnsNames and dnsZones"
		}
		if r.Public() && !challenged(r) {
			f.Severity = rule.Warn
		}
		if err := yield(r.CrossSolvers(f)); err != nil {
			return err
		}
	}
	return nil
}

func http01OverrideConflict() rule.Rule {
	return rule.Rule{
		ID: "http01-override-conflict", Severity: rule.Deny,
		Summary: "The HTTP-01 annotations contradict each other or are not complete.",
		Why: "cert-manager takes one of http01-override-ingress-name, -class and -ingressclassname, and http01-parentrefname only with " +
			"http01-parentrefkind; a gatewayHTTPRoute solver without parentRefs needs both of these. Otherwise it makes no challenge, and the " +
			"Order stays pending. Where no name has an HTTP-01 solver, nothing comes of it, and it is a warning.",
		Remedy: "Keep one of the override annotations; set both of the parentref annotations, or none.",
		Check:  rule.Certificates(checkHTTP01Overrides),
	}
}

const acmeAnnotations = "acme.cert-manager.io/"

func checkHTTP01Overrides(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if r.Solvers == nil || len(r.ACME.Solvers) == 0 {
		return nil
	}
	annotations := r.Certificate.Annotations
	overrides := annotated(annotations, cmacme.ACMECertificateHTTP01IngressNameOverride, cmacme.ACMECertificateHTTP01IngressClassOverride,
		cmacme.ACMECertificateHTTP01IngressClassNameOverride)
	parents := annotated(annotations, cmacme.ACMECertificateHTTP01ParentRefName, cmacme.ACMECertificateHTTP01ParentRefKind)
	if len(overrides) < 2 && (len(parents) == 2 || len(parents) == 0 && !slices.ContainsFunc(r.ACME.Solvers, isBareGateway)) {
		return nil
	}
	ingress, gateway, bare, err := http01Chosen(ctx, r)
	if err != nil {
		return err
	}
	if len(overrides) > 1 {
		if err := yield(override(r, ingress, rule.Finding{
			Value:   strings.Join(overrides, ", "),
			Message: "more than one HTTP-01 override annotation; cert-manager would not create the challenge", Remedy: "Keep one",
		})); err != nil {
			return err
		}
	}
	switch {
	case len(parents) == 1:
		if err := yield(override(r, gateway, rule.Finding{
			Value:   parents[0],
			Message: "http01-parentrefname and http01-parentrefkind need each other; cert-manager would not create the challenge", Remedy: "Set both, or none",
		})); err != nil {
			return err
		}
	case len(parents) == 0 && bare >= 0:
		if err := yield(override(r, true, rule.Finding{
			Type: field.ErrorTypeRequired, Message: fmt.Sprintf(
				"solvers[%d] of %s is a gatewayHTTPRoute without parentRefs; cert-manager would not create the challenge", bare, r.IssuerTitle()),
			Remedy: "Set acme.cert-manager.io/http01-parentrefname and acme.cert-manager.io/http01-parentrefkind",
		})); err != nil {
			return err
		}
	}
	return nil
}

// isBareGateway tells whether a solver makes an HTTPRoute and does not say for which gateway.
func isBareGateway(solver cmacme.ACMEChallengeSolver) bool {
	return solver.HTTP01 != nil && solver.HTTP01.GatewayHTTPRoute != nil && len(solver.HTTP01.GatewayHTTPRoute.ParentRefs) == 0
}

// http01Chosen tells whether some name has an Ingress or a Gateway as its solver, and the place of a gateway solver that does
// not say which gateway, -1 when there is none.
func http01Chosen(ctx context.Context, r *rule.CertificateReview) (ingress, gateway bool, bare int, err error) {
	bare = -1
	for _, name := range slices.Concat(r.Certificate.Spec.DNSNames, r.Certificate.Spec.IPAddresses) {
		if err := ctx.Err(); err != nil {
			return false, false, bare, err
		}
		if r.Hopeless(name) {
			continue
		}
		if ip := net.ParseIP(name); ip != nil {
			name = ip.String()
		}
		i := r.Solvers.Pick(name)
		if i < 0 || r.ACME.Solvers[i].HTTP01 == nil {
			continue
		}
		http01 := r.ACME.Solvers[i].HTTP01
		ingress = ingress || http01.Ingress != nil
		gateway = gateway || http01.GatewayHTTPRoute != nil
		if isBareGateway(r.ACME.Solvers[i]) {
			bare = i
		}
	}
	return ingress, gateway, bare, nil
}

// annotated lists which of these annotations are there, without their prefix.
func annotated(annotations map[string]string, names ...string) []string {
	var set []string
	for _, name := range names {
		if _, ok := annotations[name]; ok {
			set = append(set, strings.TrimPrefix(name, acmeAnnotations))
		}
	}
	return set
}

// override denies what keeps a challenge from being made, and warns where there may be no such challenge.
func override(r *rule.CertificateReview, certain bool, f rule.Finding) rule.Finding {
	f.Field = "metadata.annotations"
	if !certain || !r.Public() {
		f.Severity = rule.Warn
		return f
	}
	return r.CrossSolvers(f)
}
