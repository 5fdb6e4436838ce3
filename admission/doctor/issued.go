package doctor

import (
	"cmp"
	"encoding/pem"
	"fmt"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	corev1 "k8s.io/api/core/v1"
)

// overdue is how long cert-manager may be late with a renewal.
const overdue = 10 * time.Minute

// judgeReadyCertificate looks for what speaks against a Certificate that calls itself ready.
func (c *chain) judgeReadyCertificate() {
	object := ref(certManagerVersion, "Certificate", c.certificate)
	status := c.certificate.Status
	switch {
	case status.NotAfter != nil && status.NotAfter.Time.Before(c.now()):
		text := "it expired at " + status.NotAfter.UTC().Format(time.RFC3339)
		c.problem("renewal-overdue", object, text, nil)
	case status.RenewalTime != nil && c.now().Sub(status.RenewalTime.Time) > overdue:
		text := "it should have been renewed at " + status.RenewalTime.UTC().Format(time.RFC3339)
		c.problem("renewal-overdue", object, text, nil)
	case status.NotAfter != nil && status.RenewalTime != nil:
		valid := ""
		if !c.secretKnown { // else the Secret shows it
			valid = fmt.Sprintf("valid until %s, ", status.NotAfter.UTC().Format(time.RFC3339))
		}
		c.checkf(OK, "%s: %sto be renewed at %s", object, valid, status.RenewalTime.UTC().Format(time.RFC3339))
	}
	if c.secretKnown && c.secret == nil {
		text := fmt.Sprintf("its Secret %s/%s is gone", c.certificate.Namespace, c.certificate.Spec.SecretName)
		c.problem("renewal-overdue", object, text, nil)
	}
}

// lingers is how long a Challenge may take to be cleaned up: where lists lag, certyun looks twice.
const lingers = 2 * time.Minute

// lingering notes what Challenges in a namespace, or with "" in all, are being deleted and stay: they hold their namespace.
func lingering(r *reader, saw *sight, solvers *solvers, namespace string) {
	challenges := &acmev1.ChallengeList{}
	if known := namespace != "" && r.list(namespace, challenges) || namespace == "" && r.listMine(challenges); !known {
		return
	}
	for i := range challenges.Items {
		challenge := &challenges.Items[i]
		if challenge.DeletionTimestamp == nil || r.now().Sub(challenge.DeletionTimestamp.Time) < lingers {
			continue
		}
		solvers.judgeCall(challenge)
		object, text := ref(acmeVersion, "Challenge", challenge), "it is being deleted since "+challenge.DeletionTimestamp.UTC().Format(time.RFC3339)
		saw.checkf(Problem, "%s: %s", object, text)
		saw.sign(Sign{Object: object, Text: text, Values: map[string]string{
			lingersFor: cmp.Or(challenge.Status.Reason, r.lastWarning("Challenge", challenge), "cert-manager does not say why"), calls: callOf(challenge),
		}})
	}
}

// lingeringOf notes challenges of a Certificate that cannot be cleaned up.
func (c *chain) lingeringOf() {
	for _, challenge := range c.challenges {
		if challenge.DeletionTimestamp == nil || challenge.Status.Reason == "" {
			continue
		}
		c.sign(Sign{
			Quoted: true, Level: Warning, Object: ref(acmeVersion, "Challenge", challenge), Text: challenge.Status.Reason,
			Values: map[string]string{"name": challenge.Spec.DNSName, "record": "_acme-challenge." + challenge.Spec.DNSName, calls: callOf(challenge)},
		})
	}
}

// unsolvable returns the first name of an order for which the Issuer has no solver. Solved is true where there is none, or where
// nobody can tell.
func (c *chain) unsolvable() (name string, solved bool) {
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
		solver, challenge := solverpicker.Pick(c.ctx, name, authorization.Challenges, c.issuer.GetSpec().ACME.Solvers, c.order)
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
