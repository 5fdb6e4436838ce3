package certificate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// lifetimeRules are about how long a CA's certificates last and how many it issues.
func lifetimeRules() []rule.Rule {
	return []rule.Rule{acmeDurationUnsupported(), acmeDurationIgnored(), renewBeforeVsCALifetime(), acmeRateLimit()}
}

// requested is the duration that the Certificate asks for, 0 when it asks for none or for one that cert-manager's own webhook
// refuses.
func requested(r *rule.CertificateReview) time.Duration {
	if d := r.Certificate.Spec.Duration; d != nil && d.Duration >= cmapi.MinimumCertificateDuration {
		return d.Duration
	}
	return 0
}

func acmeDurationUnsupported() rule.Rule {
	return rule.Rule{
		ID: "acme-duration-unsupported", Severity: rule.Deny,
		Summary: "The Issuer sends the duration to a CA that refuses orders with one.",
		Facts:   []string{"notAfter", "baseline"},
		Why: "With enableDurationFeature cert-manager puts the duration into the order as notAfter. Let's Encrypt refuses such orders. Where a CA " +
			"takes it, it may issue no more than 200 days since 2026-03-15, 100 days from 2027-03-15 and 47 days from 2029-03-15 (Baseline " +
			"Requirements, section 6.3.2): a longer duration is a warning.",
		Remedy: "Remove duration and choose a profile instead, or turn enableDurationFeature off.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.CA == nil || !r.ACME.EnableDurationFeature || requested(r) == 0 {
				return nil
			}
			if r.CA.NotAfter.Supported != ca.No {
				return tooLong(r, yield)
			}
			f := rule.Finding{
				Field: fieldpath.Spec("duration").String(), Type: field.ErrorTypeForbidden,
				Message: fmt.Sprintf("%s sends the duration to %s, which answers %q", r.IssuerTitle(), r.CA.Name, r.CA.NotAfter.Refusal),
				Remedy:  "Remove duration (choose a profile instead) or enableDurationFeature",
			}
			if r.CA.NotAfter.Refusal == "" {
				f.Severity, f.Remedy = rule.Warn, "Remove duration or enableDurationFeature"
				f.Message = fmt.Sprintf("%s sends the duration to %s, which does not support it and may refuse the order", r.IssuerTitle(), r.CA.Name)
			}
			return yield(r.Cross(f))
		}),
	}
}

// tooLong speaks of a duration that is sent to a public CA and is longer than any of them may issue.
func tooLong(r *rule.CertificateReview, yield rule.Yield) error {
	longest, since := r.CA.Longest(r.Settings.Now)
	if longest == 0 || requested(r) <= longest || r.CA.Ended != nil {
		return nil
	}
	return yield(r.Cross(rule.Finding{
		Severity: rule.Warn, Field: fieldpath.Spec("duration").String(), Remedy: "Ask for less, or remove duration",
		Message: fmt.Sprintf("%s sends %s to %s, and no public CA may issue more than %s%s; it may refuse the order or issue less",
			r.IssuerTitle(), words.Duration(requested(r)), r.CA.Name, days(longest), sinceDay(since)),
	}))
}

func sinceDay(day ca.Day) string {
	if day == "" {
		return ""
	}
	return fmt.Sprintf(" (since %s)", day)
}

func acmeDurationIgnored() rule.Rule {
	return rule.Rule{
		ID: "acme-duration-ignored", Severity: rule.Warn,
		Summary: "The CA decides how long its certificates last, not the Certificate.",
		Facts:   []string{"profiles", "baseline"},
		Why: "Without enableDurationFeature cert-manager does not tell an ACME server the duration (cert-manager#4782). Where the duration is what " +
			"the CA issues anyway, the rule is silent. Where it is not known what that is, it speaks of more than any public CA may issue.",
		Remedy: "Remove duration. A shorter lifetime is a matter of the Issuer's profile.",
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			title, lifetime := issued(r)
			asked := requested(r)
			if lifetime == 0 {
				return longerThanAny(r, yield)
			}
			if asked == 0 || asked == lifetime || r.ACME.EnableDurationFeature {
				return nil
			}
			f := rule.Finding{
				Field:   fieldpath.Spec("duration").String(),
				Message: fmt.Sprintf("%s is ignored; %s issues %s whatever is requested", words.Duration(asked), title, days(lifetime)),
			}
			if r.CA.NotAfter.Supported == ca.Yes {
				f.Message = fmt.Sprintf("%s is ignored, since %s does not send it; %s issues %s", words.Duration(asked), r.IssuerTitle(), title, days(lifetime))
				f.Remedy = "Set enableDurationFeature: true on the Issuer"
			}
			return yield(f)
		}),
	}
}

// longerThanAny speaks of a duration that is sent to no CA, where it is not known what this one issues.
func longerThanAny(r *rule.CertificateReview, yield rule.Yield) error {
	if r.CA == nil || r.CA.Ended != nil || r.ACME.EnableDurationFeature {
		return nil
	}
	longest, since := r.CA.Longest(r.Settings.Now)
	if longest == 0 || requested(r) <= longest {
		return nil
	}
	return yield(rule.Finding{
		Field: fieldpath.Spec("duration").String(),
		Message: fmt.Sprintf("%s is ignored, since %s does not send it; no public CA may issue more than %s%s",
			words.Duration(requested(r)), r.IssuerTitle(), days(longest), sinceDay(since)),
	})
}

// issued is how long a certificate is valid that the CA issues now, and a name for the CA and its profile. The lifetime is 0
// where that is not known or not the CA's to decide.
func issued(r *rule.CertificateReview) (title string, lifetime time.Duration) {
	if r.CA == nil {
		return "", 0
	}
	profile := r.CA.Profile(r.ACME.Profile)
	if profile == nil {
		return "", 0
	}
	return strings.TrimSpace(r.CA.Name + " " + profile.Name), profile.Lifetime(r.Settings.Now)
}

// days writes a lifetime, like "90 days" or "160h".
func days(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 30*day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return words.Duration(d)
}

func renewBeforeVsCALifetime() rule.Rule {
	return rule.Rule{
		ID: "renew-before-vs-ca-lifetime", Severity: rule.Warn, Facts: []string{"profiles", "limits"},
		Summary: "The time of renewal does not fit the lifetime that the CA gives.",
		Why: "cert-manager renews so long before the end of the certificate that was issued, not of the duration that was asked for. Where " +
			"renewBefore is not shorter than that, it is ignored; where it is almost as long, the certificate is renewed every few hours, and " +
			"Let's Encrypt issues only 5 certificates a week for the same names.",
		Remedy: "Use renewBeforePercentage, which fits any lifetime.",
		Check:  rule.Certificates(checkRenewBefore),
	}
}

func checkRenewBefore(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	title, lifetime := issued(r)
	spec := &r.Certificate.Spec
	if lifetime == 0 || !renewsValidly(&r.Certificate.Spec) || (r.ACME.EnableDurationFeature && requested(r) > 0) {
		return nil
	}
	const remedy = "Use renewBeforePercentage: 33"
	if spec.RenewBefore != nil && spec.RenewBefore.Duration >= lifetime {
		return yield(rule.Finding{Field: fieldpath.Spec("renewBefore").String(), Remedy: remedy, Message: fmt.Sprintf(
			"%s is not shorter than the %s of a certificate of %s and is ignored; renewal falls back to 1/3 of the lifetime before expiry",
			words.Duration(spec.RenewBefore.Duration), days(lifetime), title)})
	}
	from := r.Settings.Now.Truncate(time.Second)
	// Only the distance counts, so windows, which may keep a renewal waiting, are left out.
	renewal, err := pki.RenewalTime(from, from.Add(lifetime), spec.RenewBefore, spec.RenewBeforePercentage, nil)
	if err != nil || renewal == nil {
		return nil //nolint:nilerr // there is no such time, of which cert-manager's webhook or another rule speaks
	}
	every := renewal.Sub(from)
	limits := r.CA.Limits
	if limits.SameNames == 0 || every >= limits.SameNamesRefill.Duration {
		return nil
	}
	f := rule.Finding{Field: fieldpath.Spec("renewBefore").String(), Remedy: remedy}
	var what string
	if spec.RenewBefore != nil {
		what = words.Duration(spec.RenewBefore.Duration)
	} else {
		f.Field, what = fieldpath.Spec("renewBeforePercentage").String(), fmt.Sprintf("%d%%", *spec.RenewBeforePercentage)
	}
	f.Message = fmt.Sprintf("%s of a %s certificate renews every %s; %s allows %d per week for the same names",
		what, strings.TrimSuffix(days(lifetime), "s"), words.Duration(every), r.CA.Name, limits.SameNames)
	return yield(f)
}

// renewsValidly tells whether there is a time of renewal that cert-manager's own webhook accepts.
func renewsValidly(spec *cmapi.CertificateSpec) bool {
	duration := cmapi.DefaultCertificateDuration
	if spec.Duration != nil {
		duration = spec.Duration.Duration
	}
	if spec.Renewal != nil && spec.Renewal.Policy == cmapi.CertificateRenewalPolicyDisabled {
		return false
	}
	switch before, percentage := spec.RenewBefore, spec.RenewBeforePercentage; {
	case before != nil && percentage != nil:
		return false
	case before != nil:
		return before.Duration >= cmapi.MinimumRenewBefore && before.Duration < duration
	case percentage != nil:
		return *percentage > 0 && *percentage < 100
	}
	return false
}

func acmeRateLimit() rule.Rule {
	return rule.Rule{
		ID: "acme-rate-limit", Severity: rule.Warn, Facts: []string{"limits"},
		Summary: "Other Certificates use up what the CA issues in a week, or takes in three hours.",
		Why: "Let's Encrypt issues 5 certificates in 7 days for exactly the same names (and one more every 34 hours), and 50 for one registered " +
			"domain, whoever asks; and it takes 300 orders of an account in 3 hours. An order for exactly the names of an earlier certificate is a " +
			"renewal, for which only the first of these limits holds; for a renewal by ARI, which cert-manager leaves off by default, none does. A " +
			"cluster that is set up again, or that has a copy of a Certificate in every namespace, runs into that. So does what fails: after 5 failures of a name in an hour the account " +
			"must wait, and after 1,152 in a row the name is paused until somebody asks the CA to go on. Certificates that are older than the time " +
			"of a limit are not counted.",
		Remedy: "Have one Certificate and share its Secret, or one for a wildcard.",
		Check:  rule.Certificates(checkRateLimit),
	}
}

const (
	// sameNamesWarning is how many other Certificates with the same names are too many.
	sameNamesWarning = 3
	// rateLimitVisits is how many Certificates are looked at for all names together, rateLimitIssuers how many issuers.
	rateLimitVisits, rateLimitIssuers = 400, 10
	// domainWindow and ordersWindow are the times of the limits: for a domain, and for all orders of an account.
	domainWindow, ordersWindow = 7 * 24 * time.Hour, 3 * time.Hour
)

func checkRateLimit(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if r.CA == nil || r.CA.Limits.SameNames == 0 {
		return nil
	}
	counter := &sameCA{review: r, visits: rateLimitVisits, known: map[evidence.IssuerKey]bool{}}
	same := 0
	if key := namesKey(r.Certificate); key != "" {
		var err error
		if same, err = counter.count(ctx, evidence.ByNames, key, math.MaxInt, anyCertificate); err != nil {
			return err
		}
		if same >= sameNamesWarning {
			return yield(rule.Finding{Field: fieldpath.Spec("dnsNames").String(), Remedy: "Share one Secret instead", Message: fmt.Sprintf(
				"%d other Certificates request exactly these names; %s allows %d per 7 days", same, r.CA.Name, r.CA.Limits.SameNames)})
		}
	}
	if r.Operation != rule.Create || same > 0 {
		return nil // A renewal, be it of another Certificate's names, counts neither for a domain nor as a new order.
	}
	if err := counter.domains(ctx, yield); err != nil {
		return err
	}
	return counter.orders(ctx, yield)
}

// namesKey is the key of a Certificate's names in the index, "" where they have none.
func namesKey(crt *cmapi.Certificate) string {
	names := slices.Concat(crt.Spec.DNSNames, crt.Spec.IPAddresses)
	if len(names) == 0 || len(names) >= evidence.MaxNames {
		return ""
	}
	return evidence.NamesKey(names)
}

func anyCertificate(*cmapi.Certificate) bool { return true }

// sameCA counts other Certificates that the same CA issues.
type sameCA struct {
	review *rule.CertificateReview
	visits int
	known  map[evidence.IssuerKey]bool
}

// count counts what an index has under a key, up to a number.
func (c *sameCA) count(ctx context.Context, index evidence.Index, key string, most int, counts func(*cmapi.Certificate) bool) (int, error) {
	found := 0
	var failed error
	err := c.review.World.VisitCertificates(ctx, index, key, func(crt *cmapi.Certificate) bool {
		c.visits--
		mine := c.review.Certificate
		if crt.Namespace == mine.Namespace && crt.Name == mine.Name {
			return c.visits > 0
		}
		same, err := c.same(ctx, crt)
		if err != nil {
			failed = err
			return false
		}
		if same && counts(crt) {
			found++
		}
		return c.visits > 0 && found < most && ctx.Err() == nil
	})
	if err == nil {
		err = failed
	}
	return found, err
}

// same tells whether a Certificate is for the same CA. Looking an issuer up may cost a request, so only the first few are.
func (c *sameCA) same(ctx context.Context, crt *cmapi.Certificate) (bool, error) {
	key, ours := rule.IssuerKeyOf(crt)
	if mine, _ := c.review.IssuerKey(); !ours || key == mine {
		return ours, nil
	}
	if same, ok := c.known[key]; ok || len(c.known) >= rateLimitIssuers {
		return same, nil
	}
	issuer, err := c.review.World.KnownIssuer(ctx, key)
	if err != nil {
		return false, err
	}
	same := false
	if issuer != nil && issuer.GetSpec().ACME != nil {
		policy := c.review.Settings.CAs.Lookup(issuer.GetSpec().ACME.Server)
		same = policy != nil && policy.ID == c.review.CA.ID
	}
	c.known[key] = same
	return same, nil
}

// isNew tells whether a Certificate is no older than a limit's time. One that is in a file has no age.
func (c *sameCA) isNew(crt *cmapi.Certificate, window time.Duration) bool {
	return crt.CreationTimestamp.IsZero() || c.review.Settings.Now.Sub(crt.CreationTimestamp.Time) < window
}

// newNames tells of each set of names once that is no older than a limit's time: a second Certificate for it is a renewal.
func (c *sameCA) newNames(window time.Duration) func(*cmapi.Certificate) bool {
	seen := map[string]bool{}
	return func(crt *cmapi.Certificate) bool {
		key := namesKey(crt)
		if !c.isNew(crt, window) || key != "" && seen[key] {
			return false
		}
		seen[key] = true
		return true
	}
}

// domains counts new Certificates of each registered domain.
func (c *sameCA) domains(ctx context.Context, yield rule.Yield) error {
	r := c.review
	if r.CA.Limits.Domain == 0 || !c.isNew(r.Certificate, domainWindow) {
		return nil
	}
	seen := map[string]bool{}
	for i, name := range r.Certificate.Spec.DNSNames {
		domain := ca.RegisteredDomain(name)
		if domain == "" || seen[domain] || c.visits <= 0 {
			continue
		}
		seen[domain] = true
		limit := r.CA.Limits.Domain
		found, err := c.count(ctx, evidence.ByDomain, domain, limit, c.newNames(domainWindow))
		if err != nil {
			return err
		}
		if found >= limit {
			return yield(rule.Finding{
				Field: fieldpath.Spec("dnsNames").Index(i).String(), Message: fmt.Sprintf(
					"%d or more other Certificates are under %q; %s allows %d new ones per 7 days", found, domain, r.CA.Name, limit),
				Remedy: "Use a wildcard, or spread them over time",
			})
		}
	}
	return nil
}

// orders counts new Certificates of the same issuer, whose orders are of one account.
func (c *sameCA) orders(ctx context.Context, yield rule.Yield) error {
	r, limit := c.review, c.review.CA.Limits.Orders
	issuer, ours := r.IssuerKey()
	if limit == 0 || !ours || c.visits <= 0 || !c.isNew(r.Certificate, ordersWindow) {
		return nil
	}
	found, err := c.count(ctx, evidence.ByIssuer, issuer.String(), limit, c.newNames(ordersWindow))
	if err != nil || found < limit {
		return err
	}
	return yield(rule.Finding{
		Field: fieldpath.Spec("issuerRef", "name").String(), Message: fmt.Sprintf(
			"%d or more other Certificates of %s are new; %s takes %d new orders of an account in 3 hours", found, r.IssuerTitle(), r.CA.Name, limit),
		Remedy: "Apply them in parts, or use wildcards",
	})
}
