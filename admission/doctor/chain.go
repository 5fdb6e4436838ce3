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
	"github.com/certyun/certyun/admission/rule"
)

// silence is how long cert-manager may leave an object alone before that is a sign: it looks at new ones at once.
const silence = 30 * time.Second

// chain is a Certificate and what cert-manager made for it. What there is none of is nil.
type chain struct {
	certificate *cmapi.Certificate
	request     *cmapi.CertificateRequest
	order       *acmev1.Order
	challenges  []*acmev1.Challenge
	secret      *corev1.Secret
	// secretKnown tells whether the Secret could be looked at.
	secretKnown bool
	issuer      *issuer
	tree        *Node
}

// chain reads what belongs to a Certificate. It is nil where there is none.
func (l *looker) chain(object report.Object) *chain {
	c := &chain{certificate: &cmapi.Certificate{}}
	found, known := l.get(object.Namespace, object.Name, c.certificate)
	if !known {
		return nil
	}
	l.seen = true
	if !found {
		l.missing(object, l.otherCertificate(object))
		return nil
	}
	namespace := object.Namespace
	requests := &cmapi.CertificateRequestList{}
	l.list(namespace, requests)
	c.request = newest(requests.Items, func(r *cmapi.CertificateRequest) bool { return metav1.IsControlledBy(r, c.certificate) })
	if c.request != nil {
		orders := &acmev1.OrderList{}
		l.list(namespace, orders)
		c.order = newest(orders.Items, func(o *acmev1.Order) bool { return metav1.IsControlledBy(o, c.request) })
	}
	if c.order != nil {
		challenges := &acmev1.ChallengeList{}
		l.list(namespace, challenges)
		for i := range challenges.Items {
			if metav1.IsControlledBy(&challenges.Items[i], c.order) {
				c.challenges = append(c.challenges, &challenges.Items[i])
			}
		}
	}
	c.secret, c.secretKnown = l.secret(namespace, c.certificate.Spec.SecretName)
	l.referred(c)
	c.tree = l.treeOf(c)
	return c
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

// referred reads the Issuer that the Certificate refers to. One of another group is somebody else's.
func (l *looker) referred(c *chain) {
	reference := c.certificate.Spec.IssuerRef
	if group := cmp.Or(reference.Group, "cert-manager.io"); group != "cert-manager.io" {
		l.skipf("the issuer %s %s (%s is not cert-manager's)", reference.Kind, reference.Name, group)
		return
	}
	namespace := c.certificate.Namespace
	if reference.Kind == cmapi.ClusterIssuerKind {
		namespace = ""
	}
	l.facts.Issuer = issuerObject(namespace, reference.Name)
	c.issuer = l.issuer(l.facts.Issuer)
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

// judgeChain looks for the first thing that is stuck. Where the Certificate is there, what is wrong concerns its renewal, and
// is a warning.
func (l *looker) judgeChain(c *chain) {
	begin := len(l.facts.Signs)
	l.area = "Issuer"
	if c.issuer != nil {
		l.judgeReady(c.issuer)
		l.judgeChosen(c)
	} else {
		l.judgeCalls(c)
	}
	l.area = "Certificate"
	l.judgeNamespace(c)
	l.judgeLinks(c)
	if c.issuer != nil {
		l.rules(c.issuer)
	}
	l.rules(c.certificate)
	if l.options.DNS {
		l.area = "DNS"
		l.lookDNS(c)
	}
	table, facts := Table(), l.facts
	if !slices.ContainsFunc(l.facts.Signs, func(s Sign) bool { return isProblem(s) && specific(table, &facts, s) < leastSpecific }) {
		l.blameRules(c)
		facts = l.facts
	}
	if l.facts.has(Silent, isProblem) || l.facts.has(Overdue, isProblem) {
		l.area = "cert-manager"
		l.controllerMay(c.certificate.Namespace)
		l.judgeRehearsal(c.certificate.Namespace)
		if l.facts.has(Overdue, isProblem) && len(l.deployments) > 0 {
			l.certManagerPart(l.deployments, "controller")
		}
		facts = l.facts
	}
	// What the Certificate's own objects say comes first, where it says something.
	slices.SortStableFunc(l.facts.Signs, func(a, b Sign) int { return specific(table, &facts, a) - specific(table, &facts, b) })
	if c.ready() && !c.issuing() {
		for i := begin; i < len(l.facts.Signs); i++ {
			if s := &l.facts.Signs[i]; s.State == Problem && s.Kind != Overdue && !s.stopsAll() {
				s.State = Warning
			}
		}
	}
}

// judgeChosen checks the solvers that the challenges use. Before there are challenges, all of the Issuer's could be.
func (l *looker) judgeChosen(c *chain) {
	all := webhooksOf(c.issuer)
	if len(c.challenges) == 0 {
		for _, w := range all {
			l.judgeSolver(c.issuer, w)
		}
		return
	}
	for _, challenge := range c.challenges {
		if challenge.Spec.Solver.DNS01 == nil || challenge.Spec.Solver.DNS01.Webhook == nil {
			continue
		}
		i := slices.IndexFunc(all, func(w webhookSolver) bool { return sameSolver(w.solver, &challenge.Spec.Solver) })
		if i < 0 {
			l.outdated(c, challenge)
			continue
		}
		key := all[i].GroupName + "/" + all[i].SolverName
		l.solved[key] = append(l.solved[key], challenge.Spec.DNSName)
	}
	for _, w := range all {
		if slices.ContainsFunc(c.challenges, func(ch *acmev1.Challenge) bool { return sameSolver(w.solver, &ch.Spec.Solver) }) {
			l.judgeSolver(c.issuer, w)
		}
	}
}

// judgeCalls checks what the challenges call, where the Issuer cannot be seen.
func (l *looker) judgeCalls(c *chain) {
	for _, challenge := range c.challenges {
		if challenge.Spec.Solver.DNS01 == nil || challenge.Spec.Solver.DNS01.Webhook == nil {
			continue
		}
		webhook := challenge.Spec.Solver.DNS01.Webhook
		if slices.Contains(l.group(webhook.GroupName).Resources, webhook.SolverName) {
			l.callerMay(webhook.GroupName, webhook.SolverName)
		}
	}
}

// outdated notes a Challenge whose solver the Issuer does not have any more: cert-manager copies it once and for all.
func (l *looker) outdated(c *chain, challenge *acmev1.Challenge) {
	l.sign(Sign{
		Kind: Outdated, Object: ref(acmeVersion, "Challenge", challenge),
		Text: fmt.Sprintf("its solver is none that %s has now", c.issuer.object),
		Values: map[string]string{
			"issuer": c.issuer.object.String(), "request": c.request.Name, "request-namespace": c.request.Namespace,
		},
	})
}

// silencing are the rules that warn about what cert-manager passes over without a word.
func silencing() []string {
	return []string{"secret-name-shared", "secret-has-other-manager", "issuer-kind-mismatch", "issuer-group-unknown"}
}

// blameRules takes what the rules say about the Certificate for the cause, where nothing else is known.
func (l *looker) blameRules(c *chain) {
	object := ref(certManagerVersion, "Certificate", c.certificate)
	for _, f := range l.findings {
		blamed := f.Severity == string(rule.Deny) || slices.Contains(silencing(), f.Rule)
		if f.Object != object || !blamed || !slices.ContainsFunc(l.facts.Signs, isProblem) {
			continue
		}
		l.sign(Sign{Kind: RuleBroken, Object: object, Text: f.Message, Values: map[string]string{
			"field": f.Field, "message": f.Message, "rule": f.Rule, "remedy": cmp.Or(f.Remedy, "See docs/rules.md#"+f.Rule),
		}})
	}
}

// judgeNamespace notes a namespace that is going away: nothing can be made in it any more.
func (l *looker) judgeNamespace(c *chain) {
	namespace, notes := &corev1.Namespace{}, len(l.notChecked)
	found, known := l.get("", c.certificate.Namespace, namespace)
	if !known {
		l.unnoted(notes) // who may see a Certificate knows its namespace
	}
	if found && namespace.DeletionTimestamp != nil {
		l.vanishing(namespace)
	}
}

func (l *looker) vanishing(namespace *corev1.Namespace) {
	object := report.Object{APIVersion: "v1", Kind: "Namespace", Name: namespace.Name}
	text := "it is being deleted"
	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Message != "" {
			text = condition.Message
		}
	}
	l.checkf(Problem, "%s is being deleted: %s", object, text)
	l.sign(Sign{Kind: Vanishing, Object: object, Text: text, Values: map[string]string{"why": text}})
}

// judgeLinks finds the deepest object that does not go on, and notes what it says.
func (l *looker) judgeLinks(c *chain) {
	if c.ready() && !c.issuing() {
		l.judgeReadyCertificate(c)
		l.lingeringOf(c)
		return
	}
	switch {
	case l.judgeChallenges(c):
	case l.judgeOrder(c):
	case l.judgeRequest(c):
	default:
		l.judgeCertificate(c)
	}
}

// presentingFor is how long cert-manager may wait for a solver's answer before it says anything: the API server gives up on it
// after a minute.
const presentingFor = 90 * time.Second

// patientlyFor is how long a challenge may wait for its record to be seen before that is a problem.
const patientlyFor = 3 * time.Minute

// judgeChallenges notes what keeps challenges. It tells whether one does not go on.
func (l *looker) judgeChallenges(c *chain) (stuck bool) {
	for _, challenge := range c.challenges {
		if challenge.Status.State == acmev1.Valid {
			continue
		}
		object := ref(acmeVersion, "Challenge", challenge)
		text := cmp.Or(challenge.Status.Reason, l.lastWarning("Challenge", challenge))
		age := l.now().Sub(challenge.CreationTimestamp.Time)
		values := map[string]string{"name": challenge.Spec.DNSName, "record": "_acme-challenge." + challenge.Spec.DNSName}
		stuck = true
		switch {
		case text != "":
			state := Problem
			if waits(challenge) && age < patientlyFor || l.held(challenge, object, text) {
				state = Waiting
			}
			if rival := c.rival(challenge); rival != nil {
				values[rivalName] = fullName(rival)
				l.worksAhead(groupOf(challenge))
			}
			l.sign(Sign{Kind: Said, State: state, Object: object, Text: text, Values: values})
		case !challenge.Status.Processing:
			l.queued(challenge, object, values)
		case age > presentingFor && !challenge.Status.Presented:
			l.silent(object, challenge.CreationTimestamp.Time)
		default:
			l.sign(Sign{Kind: Said, State: Waiting, Object: object, Text: "it has been presented, and the ACME server looks for it", Values: values})
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
func (l *looker) queued(challenge *acmev1.Challenge, object report.Object, values map[string]string) {
	others := &acmev1.ChallengeList{}
	if !l.list("", others) {
		l.list(challenge.Namespace, others)
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
			l.sign(Sign{Kind: Queued, Object: object, State: l.impatient(challenge), Text: text, Values: with(values, "why", text, "reason", other.Status.Reason)})
			return
		}
	}
	if l.impatient(challenge) == Waiting {
		l.sign(Sign{Kind: Queued, State: Waiting, Object: object, Text: "cert-manager has not begun with it", Values: with(values, "why", "cert-manager has not begun with it")})
		return
	}
	text := fmt.Sprintf("cert-manager has not begun with it; it works on %d challenges now", running)
	l.sign(Sign{Kind: Queued, Object: object, Text: text, Values: with(values, "why", text)})
}

// impatient is Waiting for an object that is young.
func (l *looker) impatient(object client.Object) State {
	if l.now().Sub(object.GetCreationTimestamp().Time) < patientlyFor {
		return Waiting
	}
	return Problem
}

// judgeOrder notes what keeps the order, where no challenge does.
func (l *looker) judgeOrder(c *chain) (stuck bool) {
	if c.order == nil || c.order.Status.State == acmev1.Valid {
		return false
	}
	object := ref(acmeVersion, "Order", c.order)
	if name, solved := l.unsolvable(c); !solved {
		l.sign(Sign{
			Kind: NoSolverMatches, Object: object, Text: cmp.Or(l.lastWarning("Order", c.order), "no solver of the Issuer matches "+name),
			Values: map[string]string{"name": name, "issuer": c.issuer.object.String()},
		})
		return true
	}
	text := cmp.Or(c.order.Status.Reason, l.lastWarning("Order", c.order))
	age := l.now().Sub(c.order.CreationTimestamp.Time)
	switch {
	case text != "":
		l.sign(Sign{Kind: Said, Object: object, Text: text, Values: map[string]string{"state": string(c.order.Status.State)}})
	case age > silence && (c.order.Status.State == "" || c.order.Status.State == acmev1.Pending && len(c.challenges) == 0) || age > patientlyFor:
		l.silent(object, c.order.CreationTimestamp.Time)
	default:
		l.sign(Sign{Kind: Said, State: Waiting, Object: object, Text: "the order is " + cmp.Or(string(c.order.Status.State), "new")})
	}
	return true
}

// judgeRequest notes what keeps the CertificateRequest, where no order does.
func (l *looker) judgeRequest(c *chain) (stuck bool) {
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
			l.sign(Sign{Kind: RequestDenied, Object: object, Text: condition.Message, Values: map[string]string{"why": condition.Message}})
			return true
		}
	}
	age := l.now().Sub(c.request.CreationTimestamp.Time)
	if !approved && age > silence {
		l.sign(Sign{Kind: NotApproved, Object: object, Text: "nobody has approved it"})
		return true
	}
	for _, condition := range c.request.Status.Conditions {
		if condition.Type != cmapi.CertificateRequestConditionReady {
			continue
		}
		if condition.Status == cmmeta.ConditionTrue {
			return false // it is signed: what comes after it keeps the Certificate
		}
		state := Problem
		if condition.Reason == cmapi.CertificateRequestReasonPending && age < silence {
			state = Waiting
		}
		l.sign(Sign{Kind: Said, State: state, Object: object, Text: condition.Message, Values: map[string]string{"state": condition.Reason}})
		return true
	}
	if age <= silence {
		return false
	}
	if text := l.lastWarning("CertificateRequest", c.request); text != "" {
		l.sign(Sign{Kind: Said, Object: object, Text: text})
		return true
	}
	l.silent(object, c.request.CreationTimestamp.Time)
	return true
}

// failed tells whether the last attempt did.
func (c *chain) failed() bool { return c.certificate.Status.FailedIssuanceAttempts != nil }

// judgeCertificate notes what the Certificate itself says, where nothing that belongs to it says more.
func (l *looker) judgeCertificate(c *chain) {
	object := ref(certManagerVersion, "Certificate", c.certificate)
	age := l.now().Sub(c.certificate.CreationTimestamp.Time)
	failure := conditionOf(c.certificate, cmapi.CertificateConditionIssuing)
	switch {
	case failure != nil && failure.Status == cmmeta.ConditionFalse && failure.Message != "":
		l.sign(Sign{Kind: Said, Object: object, Text: failure.Message, Values: map[string]string{"state": failure.Reason}})
	case !c.issuing() && notReadyMessage(c.certificate) != "" && age > silence:
		l.sign(Sign{Kind: Said, Object: object, Text: notReadyMessage(c.certificate)})
	case c.issuer == nil && l.facts.has(ObjectMissing, func(Sign) bool { return true }): // which says it all
	case age > silence:
		if text := l.lastWarning("Certificate", c.certificate); text != "" {
			l.sign(Sign{Kind: Said, Object: object, Text: text})
			return
		}
		l.silent(object, c.certificate.CreationTimestamp.Time)
	default:
		l.sign(Sign{Kind: Said, State: Waiting, Object: object, Text: "cert-manager begins with it"})
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

// silent notes that nothing happens to an object.
func (l *looker) silent(object report.Object, since time.Time) {
	text := "nothing has happened to it for " + age(l.now().Sub(since))
	l.sign(Sign{Kind: Silent, Object: object, Text: text, Values: map[string]string{"for": age(l.now().Sub(since)), "caller": l.facts.Caller}})
}
