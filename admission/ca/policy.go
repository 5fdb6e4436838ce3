// Package ca knows what certificate authorities accept. The facts are data, in authorities.yaml, each with its source and its date;
// what follows from them is code.
//
// A fact that nobody could check in public is Unknown: rules warn about it or say nothing. A CA that is not in the table is
// not known at all, and no rule about CAs says anything about it.
package ca

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// DataDate is the month of the data, as messages print it.
const DataDate = "2026-11"

// Policy is what one CA does at one ACME server. Policies are shared and must not be changed.
type Policy struct {
	// ID is what configuration calls the policy, like "letsencrypt-staging".
	ID string `json:"-"`
	// Name is how messages call the CA, like "Let's Encrypt".
	Name string `json:"name"`
	// Owner is who runs it.
	Owner string `json:"owner,omitempty"`
	// Source is the CA's page about this server.
	Source
	// Public says that the Baseline Requirements of the CA/Browser Forum hold: the CA is publicly trusted, or rehearses for
	// one that is.
	Public bool `json:"public,omitempty"`
	// Staging says that nobody trusts what it issues.
	Staging bool `json:"staging,omitempty"`
	// Directory is the URL of the ACME directory, "" when it depends on the customer.
	Directory string `json:"directory,omitempty"`
	// ExactDirectory says that the host has no other directory, so that any other path is a mistake.
	ExactDirectory bool `json:"exactDirectory,omitempty"`
	// Servers are further places where the policy holds: URLs, or hosts with or without a port and a path. Without a path they stand for
	// all paths. The second label of a host may be a star.
	Servers []string `json:"servers,omitempty"`
	// Relayed says that an operator has told us to treat this server like the CA: its URL and its TLS are its own.
	Relayed bool `json:"relayed,omitempty"`

	// Ended is nil while the server is there.
	Ended *Ended `json:"ended,omitempty"`
	EAB   EAB    `json:"eab,omitzero"`
	// Preauthorized is Yes where an administrator validates domains beforehand, so that no solver is needed, and No where
	// every name is validated by a challenge.
	Preauthorized Answer `json:"preauthorized,omitempty"`
	// StrictContact says that the CA checks the address of a new account as Let's Encrypt does.
	StrictContact bool       `json:"strictContact,omitempty"`
	Keys          Keys       `json:"keys,omitzero"`
	Names         Names      `json:"names,omitzero"`
	Profiles      Profiles   `json:"profiles,omitzero"`
	NotAfter      NotAfter   `json:"notAfter,omitzero"`
	ClientAuth    ClientAuth `json:"clientAuth,omitzero"`
	Ignored       Ignored    `json:"ignored,omitzero"`
	Limits        Limits     `json:"limits,omitzero"`
	// ARI is about ACME Renewal Information (RFC 9773), DNSPersist about the challenge dns-persist-01.
	ARI        Offer `json:"ari,omitzero"`
	DNSPersist Offer `json:"dnsPersist,omitzero"`
	CAA        CAA   `json:"caa,omitzero"`
	// ExpiredChains are values of preferredChain that the CA had once.
	ExpiredChains []string `json:"expiredChains,omitempty"`

	// baseline holds for every public CA; nil for others.
	baseline *Baseline
}

// Baseline is what holds for all public CAs.
type Baseline struct {
	Source
	// Validity is the longest lifetime of a certificate, Reuse for how long a validated name needs no new challenge.
	Validity Lifetimes `json:"validity"`
	Reuse    Lifetimes `json:"reuse"`
	// Keys are what those sign that have published no list.
	Keys struct {
		RSA   []int `json:"rsa"`
		ECDSA []int `json:"ecdsa"`
	} `json:"keys"`
}

// Ended is for a server that is no more.
type Ended struct {
	Source
	// From is the day since when nothing is issued.
	From Day `json:"from"`
	// What tells the story, like "Buypass issues no more (since 2025-10-15)".
	What string `json:"what"`
	// Instead is a sentence that says what to do, or "".
	Instead string `json:"instead,omitempty"`
}

// EAB is about external account binding.
type EAB struct {
	Source
	// Required is Yes when no account is registered without one.
	Required Answer `json:"required"`
	// KeyAlgorithm is that of the MAC, "" where that is not told.
	KeyAlgorithm string `json:"keyAlgorithm,omitempty"`
}

// Offer is about something that a CA offers or not.
type Offer struct {
	Source
	Supported Answer `json:"supported"`
}

// CAA is about the records by which a domain says who may issue.
type CAA struct {
	Source
	// Identities are the names under which the CA finds itself in them.
	Identities []string `json:"identities"`
}

// Keys are about the key of a certificate.
type Keys struct {
	Source
	// RSA and ECDSA are the sizes that the CA is known to sign.
	RSA   []int `json:"rsa,omitempty"`
	ECDSA []int `json:"ecdsa,omitempty"`
	// Text lists these for messages. Without one it is like "RSA 2048/3072/4096 and ECDSA 256/384".
	Text string `json:"text,omitempty"`
	// Complete says that it refuses all others.
	Complete bool `json:"complete,omitempty"`
	// RefusedECDSA are sizes that it is known to refuse.
	RefusedECDSA []int `json:"refusedECDSA,omitempty"`
}

// Key says whether the CA signs an RSA or ECDSA key of this size, or an Ed25519 key.
func (p *Policy) Key(algorithm string, size int) Answer {
	switch algorithm {
	case "RSA":
		return p.Keys.answer(slices.Contains(p.Keys.RSA, size), false)
	case "ECDSA":
		return p.Keys.answer(slices.Contains(p.Keys.ECDSA, size), slices.Contains(p.Keys.RefusedECDSA, size))
	case "Ed25519":
		// Section 6.1.5 of the Baseline Requirements lists RSA and the NIST curves only.
		if p.Public {
			return No
		}
	}
	return Unknown
}

func (k *Keys) answer(signed, refused bool) Answer {
	switch {
	case signed:
		return Yes
	case refused, k.Complete:
		return No
	}
	return Unknown
}

// described is how messages list the keys.
func (k *Keys) described() string {
	var kinds []string
	for _, kind := range []struct {
		name  string
		sizes []int
	}{{"RSA", k.RSA}, {"ECDSA", k.ECDSA}} {
		if len(kind.sizes) > 0 {
			kinds = append(kinds, kind.name+" "+strings.ReplaceAll(strings.Trim(fmt.Sprint(kind.sizes), "[]"), " ", "/"))
		}
	}
	return strings.Join(kinds, " and ")
}

// Names are about what may be in a certificate.
type Names struct {
	Source
	// URIs and Emails are about subject alternative names of these types.
	URIs   Answer `json:"uris,omitempty"`
	Emails Answer `json:"emails,omitempty"`
	// IPs is about IP addresses, in any profile.
	IPs Answer `json:"ips,omitempty"`
	// Punycode is about names with a label that begins with xn--. PunycodeRefusal is what the CA answers, or has answered, to these.
	Punycode        Answer `json:"punycode,omitempty"`
	PunycodeRefusal string `json:"punycodeRefusal,omitempty"`
	// PaidWildcards says that the free plan has no wildcards.
	PaidWildcards bool `json:"paidWildcards,omitempty"`
	// Redundant says what comes of a name next to a wildcard that covers it.
	Redundant Answer `json:"redundant,omitempty"`
	// Strict says that the CA checks names as Let's Encrypt does: no dot at the end, ten labels at most, no R-LDH labels.
	Strict bool `json:"strict,omitempty"`
}

// Profiles are about ACME profiles (draft-ietf-acme-profiles). Where a CA has none, List has one without a name.
type Profiles struct {
	Source
	// Supported is No where an order with a profile fails.
	Supported Answer `json:"supported,omitempty"`
	// Default is the profile of orders that name none.
	Default string `json:"default,omitempty"`
	// List are the profiles in the order in which messages list them.
	List []Profile `json:"list,omitempty"`
}

// Profile is what a CA issues under one name.
type Profile struct {
	Name string `json:"name,omitempty"`
	// MaxNames is how many names a certificate may have, 0 when that is not known.
	MaxNames int `json:"maxNames,omitempty"`
	// IPs says whether it may have IP addresses.
	IPs Answer `json:"ips,omitempty"`
	// Lifetimes are those of certificates, Reuse for how long a validated name needs no new challenge.
	Lifetimes Lifetimes `json:"lifetimes,omitempty"`
	Reuse     Lifetimes `json:"reuse,omitempty"`
	// Removed is the day since when it is gone, "" while it is there.
	Removed Day `json:"removed,omitempty"`
}

// Lifetime is the validity of a certificate that is issued now, 0 when that is not known.
func (p *Profile) Lifetime(now time.Time) time.Duration { return p.Lifetimes.on(now) }

// Lifetimes are in order of time.
type Lifetimes []Lifetime

// Lifetime is how long something is valid that is issued from a day on.
type Lifetime struct {
	From     Day  `json:"from,omitempty"`
	Validity Span `json:"validity"`
}

func (l Lifetimes) on(now time.Time) time.Duration {
	var validity time.Duration
	for _, one := range l {
		if one.From.after(now) {
			break
		}
		validity = one.Validity.Duration
	}
	return validity
}

// Longest is the longest lifetime that a certificate of a public CA may have which is issued now, and the day since when; 0 for other CAs.
func (p *Policy) Longest(now time.Time) (longest time.Duration, since Day) {
	if p.baseline == nil {
		return 0, ""
	}
	for _, one := range p.baseline.Validity {
		if !one.From.after(now) {
			longest, since = one.Validity.Duration, one.From
		}
	}
	return longest, since
}

// On is the policy of a day: without what comes later. Where the day is not known, it is the whole.
func (p *Policy) On(now time.Time) *Policy {
	if p == nil || now.IsZero() || !p.announces(now) {
		return p
	}
	today := *p
	if today.Ended != nil && today.Ended.From.after(now) {
		today.Ended = nil
	}
	if today.ClientAuth.Dropped.after(now) {
		today.ClientAuth = ClientAuth{}
	}
	today.Profiles.List = slices.Clone(p.Profiles.List)
	for i := range today.Profiles.List {
		if profile := &today.Profiles.List[i]; profile.Removed.after(now) {
			profile.Removed = ""
		}
	}
	return &today
}

// announces tells whether there is something that comes later.
func (p *Policy) announces(now time.Time) bool {
	return p.Ended != nil && p.Ended.From.after(now) || p.ClientAuth.Dropped.after(now) ||
		slices.ContainsFunc(p.Profiles.List, func(profile Profile) bool { return profile.Removed.after(now) })
}

// Profile returns the profile of this name, or the default one for "". It returns nil when the CA is not known to have it, or
// no longer has it.
func (p *Policy) Profile(name string) *Profile {
	if name == "" {
		name = p.Profiles.Default
	}
	for i := range p.Profiles.List {
		if profile := &p.Profiles.List[i]; profile.Name == name && profile.Removed == "" {
			return profile
		}
	}
	return nil
}

// ProfileNames lists the profiles that there are.
func (p *Policy) ProfileNames() []string {
	var names []string
	for _, profile := range p.Profiles.List {
		if profile.Name != "" && profile.Removed == "" {
			names = append(names, profile.Name)
		}
	}
	return names
}

// NotAfter is about orders that ask for a lifetime.
type NotAfter struct {
	Source
	Supported Answer `json:"supported"`
	// Refusal is what the CA answers to those that do, "" where that is not known.
	Refusal string `json:"refusal,omitempty"`
}

// ClientAuth is about requests for the extended key usage "client auth".
type ClientAuth struct {
	Source
	// Dropped is the day since when it is left out of what is issued, "" when it is not.
	Dropped Day `json:"dropped,omitempty"`
	// Refused says that the CA refuses such a CSR.
	Refused bool `json:"refused,omitempty"`
}

// Ignored is about parts of a request that the CA leaves out without a word: what no CA puts into a certificate after it has validated
// no more than domains (section 7.1.2.7.2 of the Baseline Requirements).
type Ignored struct {
	Source
	// CA, Subject, OtherNames and NameConstraints are spec.isCA, spec.subject and so on.
	CA              bool `json:"ca,omitempty"`
	Subject         bool `json:"subject,omitempty"`
	OtherNames      bool `json:"otherNames,omitempty"`
	NameConstraints bool `json:"nameConstraints,omitempty"`
}

// Limits are rate limits, 0 where there is none or none is known.
type Limits struct {
	Source
	// SameNames is how many certificates with the same names one may have in a week.
	SameNames int `json:"sameNames,omitempty"`
	// SameNamesRefill is how long it takes until one more is allowed.
	SameNamesRefill Span `json:"sameNamesRefill,omitzero"`
	// Domain is how many certificates one may have in a week for one registered domain. Names that were issued before do not count.
	Domain int `json:"domain,omitempty"`
	// Orders is how many orders an account may make in three hours. Names that were issued before do not count.
	Orders int `json:"orders,omitempty"`
	// Failures is how many challenges of a name may fail for an account in an hour, FailuresInARow after how many it is paused.
	Failures       int `json:"failures,omitempty"`
	FailuresInARow int `json:"failuresInARow,omitempty"`
	// ExemptARI says that none of the limits hold for renewals by ARI.
	ExemptARI bool `json:"exemptARI,omitempty"`
}
