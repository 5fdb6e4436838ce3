package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

// silence is how long cert-manager may leave an object alone before that is a sign: it looks at new ones at once.
const silence = 30 * time.Second

// chain is a Certificate and what cert-manager made for it. What there is none of is nil.
type chain struct {
	*reader
	sight
	solvers     *solvers
	certificate *cmapi.Certificate
	request     *cmapi.CertificateRequest
	order       *acmev1.Order
	challenges  []*acmev1.Challenge
	secret      *corev1.Secret
	// secretKnown tells whether the Secret could be looked at.
	secretKnown bool
	issuer      *issuer
	// issuerMissing tells whether it is known that there is no Issuer.
	issuerMissing bool
}

// read reads what belongs to the Certificate.
func (c *chain) read() {
	namespace := c.certificate.Namespace
	requests := &cmapi.CertificateRequestList{}
	c.list(namespace, requests)
	c.request = newest(requests.Items, func(r *cmapi.CertificateRequest) bool { return metav1.IsControlledBy(r, c.certificate) })
	if c.request != nil {
		orders := &acmev1.OrderList{}
		c.list(namespace, orders)
		c.order = newest(orders.Items, func(o *acmev1.Order) bool { return metav1.IsControlledBy(o, c.request) })
	}
	if c.order != nil {
		challenges := &acmev1.ChallengeList{}
		c.list(namespace, challenges)
		for i := range challenges.Items {
			if metav1.IsControlledBy(&challenges.Items[i], c.order) {
				c.challenges = append(c.challenges, &challenges.Items[i])
			}
		}
	}
	c.secret, c.secretKnown = c.reader.secret(namespace, c.certificate.Spec.SecretName)
}

// newest returns the newest of the objects that are wanted, nil when there is none.
func newest[T any, P interface {
	*T
	client.Object
}](objects []T, wanted func(*T) bool) *T {
	var latest *T
	for i := range objects {
		one := &objects[i]
		if !wanted(one) {
			continue
		}
		if latest == nil || comparesAge(P(one), P(latest)) > 0 {
			latest = one
		}
	}
	return latest
}

// comparesAge is above 0 for a newer object. Times have whole seconds only; cert-manager numbers its requests.
func comparesAge(a, b client.Object) int {
	return cmp.Or(
		a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
		cmp.Compare(len(a.GetName()), len(b.GetName())), cmp.Compare(a.GetName(), b.GetName()),
	)
}

// ready tells whether the Certificate is.
func (c *chain) ready() bool {
	condition := conditionOf(c.certificate, cmapi.CertificateConditionReady)
	return condition != nil && condition.Status == cmmeta.ConditionTrue
}

// issuing tells whether cert-manager is making it.
func (c *chain) issuing() bool {
	condition := conditionOf(c.certificate, cmapi.CertificateConditionIssuing)
	return condition != nil && condition.Status == cmmeta.ConditionTrue
}

func conditionOf(crt *cmapi.Certificate, kind cmapi.CertificateConditionType) *cmapi.CertificateCondition {
	i := slices.IndexFunc(crt.Status.Conditions, func(c cmapi.CertificateCondition) bool { return c.Type == kind })
	if i < 0 {
		return nil
	}
	return &crt.Status.Conditions[i]
}

// look looks for the first thing that is stuck.
func (c *chain) look() {
	c.judgeSolvers()
	c.judgeLinks()
	c.judgeNamespace()
}

// judgeSolvers notes the Challenges whose solver the Issuer does not have any more: cert-manager copies it once and for all.
func (c *chain) judgeSolvers() {
	if c.issuer == nil {
		return
	}
	solvers := c.issuer.webhooks()
	for _, challenge := range c.challenges {
		if groupOf(challenge) == "" || slices.ContainsFunc(solvers, func(w webhookSolver) bool { return w.made(challenge) }) {
			continue
		}
		c.sign(Sign{
			Cause: "challenge-outdated", Object: ref(acmeVersion, "Challenge", challenge),
			Text: fmt.Sprintf("its solver is none that %s has now", c.issuer.object),
			Values: map[string]string{
				"issuer": c.issuer.object.String(), "request": c.request.Name, "request-namespace": c.request.Namespace,
			},
		})
	}
}

// judgeChosen checks the solvers that the challenges use. Before there are challenges, all of the Issuer's could be.
func (c *chain) judgeChosen() {
	for _, w := range c.issuer.webhooks() {
		used := len(c.challenges) == 0
		var names []string
		for _, challenge := range c.challenges {
			if w.made(challenge) {
				used = true
				names = append(names, challenge.Spec.DNSName)
			}
		}
		if used {
			c.issuer.judgeSolver(w, names)
		}
	}
}

// judgeCalls checks what the challenges call, where the Issuer cannot be seen.
func (c *chain) judgeCalls() {
	for _, challenge := range c.challenges {
		c.solvers.judgeCall(challenge)
	}
}

// judgeNamespace notes a namespace that is going away: nothing can be made in it any more.
func (c *chain) judgeNamespace() {
	namespace, notes := &corev1.Namespace{}, len(c.notChecked)
	found, known := c.get("", c.certificate.Namespace, namespace)
	if !known {
		c.unnoted(notes) // who may see a Certificate knows its namespace
	}
	if found && namespace.DeletionTimestamp != nil {
		c.vanishing(namespace)
	}
}

// judgeLinks finds the deepest object that does not go on, and notes what it says.
func (c *chain) judgeLinks() {
	if c.ready() && !c.issuing() {
		c.judgeReadyCertificate()
		c.lingeringOf()
		return
	}
	switch {
	case c.judgeChallenges():
	case c.judgeOrder():
	case c.judgeRequest():
	default:
		c.judgeCertificate()
	}
}

// presentingFor is how long cert-manager may wait for a solver's answer before it says anything: the API server gives up on it
// after a minute.
const presentingFor = 90 * time.Second

// patientlyFor is how long a challenge may wait for its record to be seen before that is a problem.
const patientlyFor = 3 * time.Minute

// judgeChallenges notes what keeps challenges. It tells whether one does not go on.
func (c *chain) judgeChallenges() (stuck bool) {
	for _, challenge := range c.challenges {
		if challenge.Status.State == acmev1.Valid {
			continue
		}
		object := ref(acmeVersion, "Challenge", challenge)
		text := cmp.Or(challenge.Status.Reason, c.lastWarning("Challenge", challenge))
		age := c.now().Sub(challenge.CreationTimestamp.Time)
		values := map[string]string{"name": challenge.Spec.DNSName, "record": "_acme-challenge." + challenge.Spec.DNSName, calls: callOf(challenge)}
		stuck = true
		switch {
		case text != "":
			level := Problem
			if waits(challenge) && age < patientlyFor || c.held(challenge, object, text) {
				level = Waiting
			}
			if rival := c.rival(challenge); rival != nil {
				values[rivalName] = fullName(rival)
				if group := groupOf(challenge); group != "" {
					c.solvers.of(group).worksAhead()
				}
			}
			c.sign(Sign{Quoted: true, Level: level, Object: object, Text: text, Values: values})
		case !challenge.Status.Processing:
			c.queued(challenge, object, values)
		case age > presentingFor && !challenge.Status.Presented:
			c.silent(object, age)
		default:
			c.sign(Sign{Level: Waiting, Object: object, Text: "it has been presented, and the ACME server looks for it"})
		}
	}
	return stuck
}

// waits tells whether a challenge's record is written and waited for.
func waits(challenge *acmev1.Challenge) bool {
	return challenge.Status.Presented && strings.HasPrefix(challenge.Status.Reason, "Waiting ")
}

// queued notes a challenge that cert-manager has not begun with. It does not solve two for one name at once
// (pkg/controller/acmechallenges/scheduler).
func (c *chain) queued(challenge *acmev1.Challenge, object report.Object, values map[string]string) {
	others := &acmev1.ChallengeList{}
	if !c.list("", others) {
		c.list(challenge.Namespace, others)
	}
	running := 0
	for i := range others.Items {
		other := &others.Items[i]
		if !other.Status.Processing {
			continue
		}
		running++
		if other.Spec.DNSName == challenge.Spec.DNSName && other.Spec.Type == challenge.Spec.Type && other.UID != challenge.UID {
			text := fmt.Sprintf("it waits for Challenge %s/%s, which is for the same name", other.Namespace, other.Name)
			c.sign(Sign{Cause: "challenge-queued", Object: object, Level: c.impatient(challenge), Text: text, Quoted: true, Values: values})
			return
		}
	}
	text := fmt.Sprintf("cert-manager has not begun with it; it works on %d challenges now", running)
	c.sign(Sign{Cause: "challenge-queued", Level: c.impatient(challenge), Object: object, Text: text, Quoted: true, Values: values})
}

// impatient is Waiting for an object that is young.
func (c *chain) impatient(object client.Object) Level {
	if c.now().Sub(object.GetCreationTimestamp().Time) < patientlyFor {
		return Waiting
	}
	return Problem
}

// judgeOrder notes what keeps the order, where no challenge does.
func (c *chain) judgeOrder() (stuck bool) {
	if c.order == nil || c.order.Status.State == acmev1.Valid {
		return false
	}
	object := ref(acmeVersion, "Order", c.order)
	if name, solved := c.unsolvable(); !solved {
		c.sign(Sign{
			Cause: "no-solver-matches", Quoted: true, Object: object, Text: cmp.Or(c.lastWarning("Order", c.order), "no solver of the Issuer matches "+name),
			Values: map[string]string{"name": name},
		})
		return true
	}
	text := cmp.Or(c.order.Status.Reason, c.lastWarning("Order", c.order))
	age := c.now().Sub(c.order.CreationTimestamp.Time)
	switch {
	case text != "":
		c.said(object, text, nil)
	case age > silence && (c.order.Status.State == "" || c.order.Status.State == acmev1.Pending && len(c.challenges) == 0) || age > patientlyFor:
		c.silent(object, age)
	default:
		c.sign(Sign{Level: Waiting, Object: object, Text: "the order is " + cmp.Or(string(c.order.Status.State), "new")})
	}
	return true
}

// judgeRequest notes what keeps the CertificateRequest, where no order does.
func (c *chain) judgeRequest() (stuck bool) {
	if c.request == nil || !c.issuing() && !c.failed() {
		return false
	}
	object := ref(certManagerVersion, "CertificateRequest", c.request)
	approved := false
	for _, condition := range c.request.Status.Conditions {
		switch {
		case condition.Type == cmapi.CertificateRequestConditionApproved:
			approved = condition.Status == cmmeta.ConditionTrue
		case condition.Type == cmapi.CertificateRequestConditionDenied && condition.Status == cmmeta.ConditionTrue:
			c.sign(Sign{Cause: "request-denied", Quoted: true, Object: object, Text: condition.Message})
			return true
		}
	}
	age := c.now().Sub(c.request.CreationTimestamp.Time)
	if !approved && age > silence {
		c.sign(Sign{Cause: "request-not-approved", Object: object, Text: "nobody has approved it"})
		return true
	}
	for _, condition := range c.request.Status.Conditions {
		if condition.Type != cmapi.CertificateRequestConditionReady {
			continue
		}
		if condition.Status == cmmeta.ConditionTrue {
			return false // it is signed: what comes after it keeps the Certificate
		}
		level := Problem
		if condition.Reason == cmapi.CertificateRequestReasonPending && age < silence {
			level = Waiting
		}
		c.sign(Sign{Quoted: true, Level: level, Object: object, Text: condition.Message})
		return true
	}
	if age <= silence {
		return false
	}
	if text := c.lastWarning("CertificateRequest", c.request); text != "" {
		c.said(object, text, nil)
		return true
	}
	c.silent(object, age)
	return true
}

// failed tells whether the last attempt did.
func (c *chain) failed() bool { return c.certificate.Status.FailedIssuanceAttempts != nil }

// judgeCertificate notes what the Certificate itself says, where nothing that belongs to it says more.
func (c *chain) judgeCertificate() {
	object := ref(certManagerVersion, "Certificate", c.certificate)
	age := c.now().Sub(c.certificate.CreationTimestamp.Time)
	failure := conditionOf(c.certificate, cmapi.CertificateConditionIssuing)
	switch {
	case failure != nil && failure.Status == cmmeta.ConditionFalse && failure.Message != "":
		c.said(object, failure.Message, nil)
	case !c.issuing() && notReadyMessage(c.certificate) != "" && age > silence:
		c.said(object, notReadyMessage(c.certificate), nil)
	case c.issuerMissing: // which says it all
	case age > silence:
		if text := c.lastWarning("Certificate", c.certificate); text != "" {
			c.said(object, text, nil)
			return
		}
		c.silent(object, age)
	default:
		c.sign(Sign{Level: Waiting, Object: object, Text: "cert-manager begins with it"})
	}
}

// notReadyMessage is what a Certificate says of why it is not ready, "" where it says nothing or is.
func notReadyMessage(crt *cmapi.Certificate) string {
	ready := conditionOf(crt, cmapi.CertificateConditionReady)
	if ready == nil || ready.Status == cmmeta.ConditionTrue {
		return ""
	}
	return ready.Message
}
