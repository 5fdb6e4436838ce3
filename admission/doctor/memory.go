package doctor

import (
	"cmp"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/report"
)

const (
	// caMemory is how long a CA's resolvers remember an answer at most
	// (https://community.letsencrypt.org/t/126670).
	caMemory = time.Minute
	// caLooks is how long a CA may take, from a challenge's turn on, until its last resolver has asked.
	caLooks = 30 * time.Second
)

// rival is the other challenge of a name for which the CA looked shortly before it did not find the value of this one, nil where
// there is none. Then it may not have asked the zone's name servers at all, but have remembered what they answered before.
func (c *chain) rival(challenge *acmev1.Challenge) *acmev1.Challenge {
	wait := challenge.Spec.Solver.WaitInsteadOfSelfCheck
	if challenge.Status.State != acmev1.Invalid || wait == nil || wait.Duration >= caMemory {
		return nil // without a wait of its own, cert-manager waits for a minute
	}
	for _, other := range c.challenges {
		switch {
		case other == challenge || !strings.EqualFold(other.Spec.DNSName, challenge.Spec.DNSName) || other.Spec.Type != challenge.Spec.Type:
		case other.Spec.Key != "" && strings.Contains(challenge.Status.Reason, other.Spec.Key):
			return other // whose value the CA quotes
		case other.Status.State == acmev1.Valid && soonAfter(other, challenge):
			return other
		}
	}
	return nil
}

// soonAfter tells whether a challenge's turn came while the CA remembered what it saw of another. Where cert-manager does not say
// when it was, it was so.
func soonAfter(other, challenge *acmev1.Challenge) bool {
	first, second := other.Status.PresentedAt, challenge.Status.PresentedAt
	if first == nil || second == nil {
		return true
	}
	between := second.Sub(first.Time)
	return between >= 0 && between < caMemory+caLooks
}

// groupOf is the API group of a challenge's solver, "" where it is not a webhook.
func groupOf(challenge *acmev1.Challenge) string {
	if dns := challenge.Spec.Solver.DNS01; dns != nil && dns.Webhook != nil {
		return dns.Webhook.GroupName
	}
	return ""
}

// callOf is what a challenge calls, "group/solver", "" where that is no webhook.
func callOf(challenge *acmev1.Challenge) string {
	if groupOf(challenge) == "" {
		return ""
	}
	return groupOf(challenge) + "/" + challenge.Spec.Solver.DNS01.Webhook.SolverName
}

// fullName is the name that a challenge is for.
func fullName(challenge *acmev1.Challenge) string {
	if challenge.Spec.Wildcard {
		return "*." + challenge.Spec.DNSName
	}
	return challenge.Spec.DNSName
}

// held tells whether certyun holds a challenge back for the time that a CA may remember. Where that lasts for longer, something is
// wrong with it.
func (c *chain) held(challenge *acmev1.Challenge, object report.Object, text string) bool {
	if !strings.Contains(text, heldBack) || c.now().Sub(c.heldSince(challenge)) >= patientlyFor {
		return false
	}
	c.checkf(Waiting, "%s: it is held back for 60 seconds at most (ahead.caMemory), until the CA has forgotten what the name answered before its value was there", object)
	return true
}

// heldSince is when certyun began to hold a challenge back, as far as events tell.
func (c *chain) heldSince(challenge *acmev1.Challenge) time.Time {
	var since time.Time
	for _, e := range c.events("Challenge", challenge) {
		if strings.Contains(e.Message, heldBack) && (since.IsZero() || e.began.Before(since)) {
			since = e.began
		}
	}
	return cmp.Or(since, challenge.CreationTimestamp.Time)
}
