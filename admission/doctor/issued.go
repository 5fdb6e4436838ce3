package doctor

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// overdue is how long cert-manager may be late with a renewal.
const overdue = 10 * time.Minute

// judgeReadyCertificate looks for what speaks against a Certificate that calls itself ready.
func (l *looker) judgeReadyCertificate(c *chain) {
	object := ref(certManagerVersion, "Certificate", c.certificate)
	status := c.certificate.Status
	switch {
	case status.NotAfter != nil && status.NotAfter.Time.Before(l.now()):
		text := "it expired at " + status.NotAfter.UTC().Format(time.RFC3339)
		l.checkf(Problem, "%s: %s", object, text)
		l.sign(Sign{Kind: Overdue, Object: object, Text: text, Values: map[string]string{"why": text, "caller": l.facts.Caller}})
	case status.RenewalTime != nil && l.now().Sub(status.RenewalTime.Time) > overdue:
		text := "it should have been renewed at " + status.RenewalTime.UTC().Format(time.RFC3339)
		l.checkf(Problem, "%s: %s", object, text)
		l.sign(Sign{Kind: Overdue, Object: object, Text: text, Values: map[string]string{"why": text, "caller": l.facts.Caller}})
	case status.NotAfter != nil && status.RenewalTime != nil:
		l.checkf(OK, "%s: valid until %s, to be renewed at %s", object, status.NotAfter.UTC().Format(time.RFC3339), status.RenewalTime.UTC().Format(time.RFC3339))
	}
	if c.secretKnown && c.secret == nil {
		text := fmt.Sprintf("its Secret %s/%s is gone", c.certificate.Namespace, c.certificate.Spec.SecretName)
		l.checkf(Problem, "%s: %s", object, text)
		l.sign(Sign{Kind: Overdue, Object: object, Text: text, Values: map[string]string{"why": text, "caller": l.facts.Caller}})
	}
}

// lingers is how long a Challenge may take to be cleaned up: where lists lag, certyun looks twice.
const lingers = 2 * time.Minute

// lingering notes what Challenges in a namespace, or with "" in all, are being deleted and stay: they hold their namespace.
func (l *looker) lingering(namespace string) {
	challenges := &acmev1.ChallengeList{}
	if !l.list(namespace, challenges) && (namespace != "" || l.namespace == "" || !l.list(l.namespace, challenges)) {
		return
	}
	for i := range challenges.Items {
		challenge := &challenges.Items[i]
		if challenge.DeletionTimestamp == nil || l.now().Sub(challenge.DeletionTimestamp.Time) < lingers {
			continue
		}
		why := cmp.Or(challenge.Status.Reason, l.lastWarning("Challenge", challenge), "cert-manager does not say why")
		l.checkf(Problem, "%s is being deleted since %s: %s", ref(acmeVersion, "Challenge", challenge), challenge.DeletionTimestamp.UTC().Format(time.RFC3339), why)
		l.sign(Sign{Kind: Lingering, Object: ref(acmeVersion, "Challenge", challenge), Text: why, Values: map[string]string{"why": why}})
	}
}

// lingeringOf notes challenges of a Certificate that cannot be cleaned up.
func (l *looker) lingeringOf(c *chain) {
	for _, challenge := range c.challenges {
		if challenge.DeletionTimestamp == nil || challenge.Status.Reason == "" {
			continue
		}
		l.sign(Sign{
			Kind: Said, State: Warning, Object: ref(acmeVersion, "Challenge", challenge), Text: challenge.Status.Reason,
			Values: map[string]string{"name": challenge.Spec.DNSName, "record": "_acme-challenge." + challenge.Spec.DNSName},
		})
	}
}

// sameSolver tells whether a challenge was made from a solver of the Issuer as it is. cert-manager writes HTTP-01 annotations of
// the Certificate into its copy, so only DNS-01 is compared.
func sameSolver(a, b *acmev1.ACMEChallengeSolver) bool {
	return equality.Semantic.DeepEqual(a.DNS01, b.DNS01)
}

// unsolvable returns the first name of an order for which the Issuer has no solver. Solved is true where there is none, or where
// nobody can tell.
func (l *looker) unsolvable(c *chain) (name string, solved bool) {
	if c.issuer == nil || c.issuer.GetSpec().ACME == nil || len(c.challenges) > 0 || c.order.Status.State != acmev1.Pending {
		return "", true
	}
	for _, authorization := range c.order.Status.Authorizations {
		name := authorization.Identifier
		if name == "" {
			continue
		}
		if authorization.Wildcard != nil && *authorization.Wildcard {
			name = "*." + name
		}
		solver, challenge := solverpicker.Pick(l.ctx, name, authorization.Challenges, c.issuer.GetSpec().ACME.Solvers, c.order)
		if solver == nil || challenge == nil {
			return name, false
		}
	}
	return "", true
}

// expiry says until when the certificate in a Secret is valid, "" where it has none.
func expiry(secret *corev1.Secret) string {
	block, _ := pem.Decode(secret.Data[corev1.TLSCertKey])
	if block == nil {
		return ""
	}
	parsed := parseChain([][]byte{block.Bytes})
	if parsed == nil {
		return ""
	}
	return "valid until " + parsed[0].NotAfter.UTC().Format(time.RFC3339)
}
