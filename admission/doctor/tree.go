package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

// missingState is the state of what is not there.
const missingState = "missing"

// treeOf shows a Certificate and what was made for it.
func (l *looker) treeOf(c *chain) *Node {
	root := l.certificateNode(c)
	if c.issuer != nil {
		root.Children = append(root.Children, issuerNode(c.issuer))
	} else if reference := c.certificate.Spec.IssuerRef; reference.Name != "" && !l.isForeign(c) {
		object := issuerObject(c.certificate.Namespace, reference.Name)
		if reference.Kind == cmapi.ClusterIssuerKind {
			object = issuerObject("", reference.Name)
		}
		state := "not looked at"
		if l.facts.has(ObjectMissing, func(s Sign) bool { return s.Object == object }) {
			state = missingState
		}
		root.Children = append(root.Children, &Node{Object: object, State: state})
	}
	if c.request != nil {
		request := l.requestNode(c.request)
		root.Children = append(root.Children, request)
		if c.order != nil {
			order := l.orderNode(c.order)
			request.Children = append(request.Children, order)
			for _, challenge := range c.challenges {
				order.Children = append(order.Children, l.challengeNode(challenge))
			}
		}
	}
	if c.secretKnown {
		root.Children = append(root.Children, secretNode(c))
	}
	return root
}

func (l *looker) isForeign(c *chain) bool {
	return cmp.Or(c.certificate.Spec.IssuerRef.Group, "cert-manager.io") != "cert-manager.io"
}

// created is when an object was made, nil where it does not say.
func created(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

func (l *looker) certificateNode(c *chain) *Node {
	crt := c.certificate
	node := &Node{
		Object: ref(certManagerVersion, "Certificate", crt), State: "not ready", Created: created(crt.CreationTimestamp.Time),
		Detail: listed(crt.Spec.DNSNames, ""), Events: l.recent("Certificate", crt),
	}
	if ready := conditionOf(crt, cmapi.CertificateConditionReady); ready != nil {
		node.Message = ready.Message
		if ready.Status == cmmeta.ConditionTrue {
			node.State, node.Good = "ready", true
		}
	}
	issuing := conditionOf(crt, cmapi.CertificateConditionIssuing)
	switch {
	case issuing == nil:
	case issuing.Status == cmmeta.ConditionTrue:
		node.State, node.Good, node.Message = "issuing", false, issuing.Message
	case crt.Status.FailedIssuanceAttempts != nil:
		node.Message = issuing.Message
		node.Detail += fmt.Sprintf("; %s failed in a row, the last %s ago%s", counted(*crt.Status.FailedIssuanceAttempts, "attempt"), l.sinceFailure(crt), l.nextTry(crt))
	}
	return node
}

func (l *looker) sinceFailure(crt *cmapi.Certificate) string {
	if crt.Status.LastFailureTime == nil {
		return "some time"
	}
	return age(l.now().Sub(crt.Status.LastFailureTime.Time))
}

// How cert-manager waits between attempts, unless its flags say otherwise
// (https://cert-manager.io/docs/faq/#what-happens-if-a-renewal-fails).
const (
	firstWait   = time.Hour
	longestWait = 32 * time.Hour
)

// nextTry says when cert-manager will try to issue a certificate again.
func (l *looker) nextTry(crt *cmapi.Certificate) string {
	if crt.Status.LastFailureTime == nil {
		return ""
	}
	wait := firstWait
	for range *crt.Status.FailedIssuanceAttempts - 1 {
		if wait = min(2*wait, longestWait); wait == longestWait {
			break
		}
	}
	next := crt.Status.LastFailureTime.Add(wait)
	if next.Before(l.now()) {
		return ""
	}
	return fmt.Sprintf(", the next in about %s", age(next.Sub(l.now())))
}

func (l *looker) requestNode(request *cmapi.CertificateRequest) *Node {
	node := &Node{
		Object: ref(certManagerVersion, "CertificateRequest", request), State: "new", Created: created(request.CreationTimestamp.Time),
		Events: l.recent("CertificateRequest", request),
	}
	for _, condition := range request.Status.Conditions {
		switch condition.Type {
		case cmapi.CertificateRequestConditionReady:
			node.State, node.Message = condition.Reason, condition.Message
			node.Good = condition.Status == cmmeta.ConditionTrue
		case cmapi.CertificateRequestConditionDenied, cmapi.CertificateRequestConditionInvalidRequest:
			if condition.Status == cmmeta.ConditionTrue {
				node.State, node.Message = string(condition.Type), condition.Message
				return node
			}
		case cmapi.CertificateRequestConditionApproved:
		}
	}
	return node
}

func (l *looker) orderNode(order *acmev1.Order) *Node {
	return &Node{
		Object: ref(acmeVersion, "Order", order), State: cmp.Or(string(order.Status.State), "new"), Good: order.Status.State == acmev1.Valid,
		Created: created(order.CreationTimestamp.Time), Message: order.Status.Reason, Events: l.recent("Order", order),
	}
}

func (l *looker) challengeNode(challenge *acmev1.Challenge) *Node {
	state := cmp.Or(string(challenge.Status.State), "new")
	switch {
	case challenge.DeletionTimestamp != nil:
		state += ", being deleted"
	case challenge.Status.Presented:
		state += ", presented"
	case challenge.Status.Processing:
		state += ", not presented"
	}
	return &Node{
		Object: ref(acmeVersion, "Challenge", challenge), State: state, Good: challenge.Status.State == acmev1.Valid,
		Created: created(challenge.CreationTimestamp.Time), Detail: string(challenge.Spec.Type) + " for " + fullName(challenge) + solverOf(challenge),
		Message: challenge.Status.Reason, Events: l.recent("Challenge", challenge),
	}
}

// solverOf names the solver of a challenge, where it is a webhook.
func solverOf(challenge *acmev1.Challenge) string {
	if dns := challenge.Spec.Solver.DNS01; dns != nil && dns.Webhook != nil {
		return " by " + dns.Webhook.SolverName + "." + dns.Webhook.GroupName
	}
	return ""
}

func secretNode(c *chain) *Node {
	node := &Node{
		Object: report.Object{APIVersion: "v1", Kind: "Secret", Namespace: c.certificate.Namespace, Name: c.certificate.Spec.SecretName},
		State:  missingState,
	}
	if c.secret == nil {
		return node
	}
	node.Created = created(c.secret.CreationTimestamp.Time)
	node.State, node.Detail = "there", expiry(c.secret)
	node.Good = node.Detail != ""
	if !node.Good {
		node.State = "there, without a certificate"
	}
	return node
}

// maxEvents is how many events of an object are shown.
const maxEvents = 3

// recent are the last events of an object, the newest last.
func (l *looker) recent(kind string, object client.Object) []Event {
	events := l.events(kind, object)
	return events[max(0, len(events)-maxEvents):]
}

// events are those of an object that the API server still has, in order. They are kept for an hour by default.
func (l *looker) events(kind string, object client.Object) []Event {
	namespace := object.GetNamespace()
	all, looked := l.happened[namespace]
	if !looked {
		list := &corev1.EventList{}
		l.list(namespace, list)
		all = list.Items
		l.happened[namespace] = all
	}
	var events []Event
	for i := range all {
		e := &all[i]
		if e.InvolvedObject.Kind == kind && e.InvolvedObject.Name == object.GetName() && (e.InvolvedObject.UID == "" || e.InvolvedObject.UID == object.GetUID()) {
			events = append(events, Event{Time: timeOf(e), Type: e.Type, Reason: e.Reason, Message: e.Message, Count: countOf(e), began: beganAt(e)})
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.Time.Compare(b.Time) })
	return events
}

// timeOf is when an event happened last. The older and the newer API of events put it into different fields.
func timeOf(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil:
		return e.Series.LastObservedTime.UTC()
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.UTC()
	case !e.EventTime.IsZero():
		return e.EventTime.UTC()
	}
	return e.CreationTimestamp.UTC()
}

// beganAt is when an event happened for the first time.
func beganAt(e *corev1.Event) time.Time {
	return cmp.Or(e.FirstTimestamp.UTC(), e.EventTime.UTC(), timeOf(e))
}

func countOf(e *corev1.Event) int {
	if e.Series != nil {
		return int(e.Series.Count)
	}
	return max(1, int(e.Count))
}

// age writes a duration as kubectl does: 45s, 3m10s, 2h5m, 3d4h.
func age(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d/day))
}
