package doctor

import (
	"cmp"
	"fmt"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/report"
)

// missingState is the state of what is not there.
const missingState = "missing"

// node shows a Certificate and what was made for it.
func (c *chain) node() *Node {
	root := c.certificateNode()
	if c.issuer != nil {
		root.Children = append(root.Children, c.issuer.node())
	} else if reference := c.certificate.Spec.IssuerRef; reference.Name != "" && !c.isForeign() {
		node := &Node{Object: c.referred(), State: "not looked at", Unseen: true}
		if c.issuerMissing {
			node.State, node.Unseen = missingState, false
		}
		root.Children = append(root.Children, node)
	}
	if c.request != nil {
		request := c.requestNode(c.request)
		root.Children = append(root.Children, request)
		if c.order != nil {
			order := c.orderNode(c.order)
			request.Children = append(request.Children, order)
			for _, challenge := range c.challenges {
				order.Children = append(order.Children, c.challengeNode(challenge))
			}
		}
	}
	if c.secretKnown {
		root.Children = append(root.Children, secretNode(c))
	}
	return root
}

// isForeign tells whether the Certificate refers to somebody else's issuer.
func (c *chain) isForeign() bool {
	return cmp.Or(c.certificate.Spec.IssuerRef.Group, "cert-manager.io") != "cert-manager.io"
}

// referred is the Issuer that the Certificate refers to.
func (c *chain) referred() report.Object {
	reference := c.certificate.Spec.IssuerRef
	if reference.Kind == cmapi.ClusterIssuerKind {
		return issuerObject("", reference.Name)
	}
	return issuerObject(c.certificate.Namespace, reference.Name)
}

// created is when an object was made, nil where it does not say.
func created(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC()
	return &utc
}

func (c *chain) certificateNode() *Node {
	crt := c.certificate
	node := &Node{
		Object: ref(certManagerVersion, "Certificate", crt), State: "not ready", Created: created(crt.CreationTimestamp.Time),
		Detail: listed(crt.Spec.DNSNames, ""), Events: c.recent("Certificate", crt),
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
		node.Detail += fmt.Sprintf("; %s failed in a row, the last %s ago%s", counted(*crt.Status.FailedIssuanceAttempts, "attempt"), c.sinceFailure(crt), c.nextTry(crt))
	}
	return node
}

func (c *chain) sinceFailure(crt *cmapi.Certificate) string {
	if crt.Status.LastFailureTime == nil {
		return "some time"
	}
	return age(c.now().Sub(crt.Status.LastFailureTime.Time))
}

// How cert-manager waits between attempts, unless its flags say otherwise
// (https://cert-manager.io/docs/faq/#what-happens-if-a-renewal-fails).
const (
	firstWait   = time.Hour
	longestWait = 32 * time.Hour
)

// nextTry says when cert-manager will try to issue a certificate again.
func (c *chain) nextTry(crt *cmapi.Certificate) string {
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
	if next.Before(c.now()) {
		return ""
	}
	return fmt.Sprintf(", the next in about %s", age(next.Sub(c.now())))
}

func (c *chain) requestNode(request *cmapi.CertificateRequest) *Node {
	node := &Node{
		Object: ref(certManagerVersion, "CertificateRequest", request), State: "new", Created: created(request.CreationTimestamp.Time),
		Events: c.recent("CertificateRequest", request),
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

func (c *chain) orderNode(order *acmev1.Order) *Node {
	return &Node{
		Object: ref(acmeVersion, "Order", order), State: cmp.Or(string(order.Status.State), "new"), Good: order.Status.State == acmev1.Valid,
		Created: created(order.CreationTimestamp.Time), Message: order.Status.Reason, Events: c.recent("Order", order),
	}
}

func (c *chain) challengeNode(challenge *acmev1.Challenge) *Node {
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
		Message: challenge.Status.Reason, Events: c.recent("Challenge", challenge),
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
