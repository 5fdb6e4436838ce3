// Package ca knows what certificate authorities accept, as data: one table per CA, with the source and the date of each fact.
//
// A fact that nobody could check in public is Unknown: rules warn about it or say nothing. A CA that is not in the table is
// not known at all, and no rule about CAs says anything about it.
package ca

import (
	"slices"
	"time"
)

// DataDate is the month of the data, as messages print it.
const DataDate = "2026-09"

// Answer is what is known of whether a CA does something.
type Answer int

const (
	// Unknown is for what is not published, depends on a contract, or is told in different ways.
	Unknown Answer = iota
	// Yes is certain.
	Yes
	// No is certain.
	No
)

// Source says where a fact comes from.
type Source struct {
	// URL is a public page.
	URL string
	// Date is the day on which the page was as the fact says, or the day of the announcement.
	Date string
}

// Policy is what one CA does at one ACME server. Policies are shared and must not be changed.
type Policy struct {
	// ID is what configuration calls the policy, like "letsencrypt-staging".
	ID string
	// Name is how messages call the CA, like "Let's Encrypt".
	Name string
	// Source is the CA's page about this server.
	Source Source
	// Public says that the Baseline Requirements of the CA/Browser Forum hold: the CA is publicly trusted, or rehearses for
	// one that is.
	Public bool
	// Staging says that nobody trusts what it issues.
	Staging bool
	// Directory is the URL of the ACME directory, "" when it depends on the customer.
	Directory string
	// ExactDirectory says that the host has no other directory, so that any other path is a mistake.
	ExactDirectory bool
	// Relayed says that an operator has told us to treat this server like the CA: its URL and its TLS are its own.
	Relayed bool

	// Ended is nil while the server is there.
	Ended *Ended
	EAB   EAB
	// Preauthorized is Yes where an administrator validates domains beforehand, so that no solver is needed, and No where
	// every name is validated by a challenge.
	Preauthorized Answer
	// StrictContact says that the CA checks the address of a new account as Let's Encrypt does.
	StrictContact bool
	Keys          Keys
	Names         Names
	Profiles      Profiles
	NotAfter      NotAfter
	ClientAuth    ClientAuth
	Ignored       Ignored
	Limits        Limits
	// ExpiredChains are values of preferredChain that the CA had once.
	ExpiredChains []string
}

// Ended is for a server that is no more.
type Ended struct {
	Source
	// What tells the story, like "Buypass ended its ACME service (last issuance 2025-10-31)".
	What string
	// Instead is a sentence that says what to do, or "".
	Instead string
}

// EAB is about external account binding.
type EAB struct {
	Source
	// Required is Yes when no account is registered without one.
	Required Answer
}

// Keys are about the key of a certificate.
type Keys struct {
	Source
	// RSA and ECDSA are the sizes that the CA is known to sign.
	RSA, ECDSA []int
	// Text lists these for messages, like "RSA 2048/3072/4096 and ECDSA 256/384".
	Text string
	// Complete says that it refuses all others.
	Complete bool
	// RefusedECDSA are sizes that it is known to refuse.
	RefusedECDSA []int
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

func (k Keys) answer(signed, refused bool) Answer {
	switch {
	case signed:
		return Yes
	case refused, k.Complete:
		return No
	}
	return Unknown
}

// commonKeys are what public CAs sign that have published no list: section 6.1.5 of the Baseline Requirements without P-521,
// which few of them have.
func commonKeys() Keys {
	return Keys{
		Source: Source{"https://cabforum.org/working-groups/server/baseline-requirements/requirements/", "2026-08-21"},
		RSA:    []int{2048, 3072, 4096},
		ECDSA:  []int{256, 384},
		Text:   "RSA 2048/3072/4096 and ECDSA 256/384",
	}
}

// Names are about what may be in a certificate.
type Names struct {
	Source
	// URIs and Emails are about subject alternative names of these types.
	URIs, Emails Answer
	// IPs is about IP addresses, in any profile.
	IPs Answer
	// PaidWildcards says that the free plan has no wildcards.
	PaidWildcards bool
	// Redundant says what comes of a name next to a wildcard that covers it.
	Redundant Answer
	// Strict says that the CA checks names as Let's Encrypt does: no dot at the end, ten labels at most, no R-LDH labels.
	Strict bool
}

// Profiles are about ACME profiles (draft-ietf-acme-profiles). Where a CA has none, List has one without a name.
type Profiles struct {
	Source
	// Supported is No where an order with a profile fails.
	Supported Answer
	// Default is the profile of orders that name none.
	Default string
	// List are the profiles in the order in which messages list them.
	List []Profile
}

// Profile is what a CA issues under one name.
type Profile struct {
	Source
	Name string
	// MaxNames is how many names a certificate may have, 0 when that is not known.
	MaxNames int
	// IPs says whether it may have IP addresses.
	IPs Answer
	// Lifetimes are in order of time.
	Lifetimes []Lifetime
	// Removed is the day since when it is gone, "" while it is there.
	Removed string
}

// Lifetime is how long certificates are valid that are issued from a day on.
type Lifetime struct {
	From     time.Time
	Validity time.Duration
}

// Lifetime is the validity of a certificate that is issued now, 0 when that is not known.
func (p *Profile) Lifetime(now time.Time) time.Duration {
	var validity time.Duration
	for _, l := range p.Lifetimes {
		if now.Before(l.From) {
			break
		}
		validity = l.Validity
	}
	return validity
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
	Supported Answer
	// Refusal is what the CA answers to those that do, "" where that is not known.
	Refusal string
}

// ClientAuth is about requests for the extended key usage "client auth".
type ClientAuth struct {
	Source
	// Dropped is the day since when it is left out of what is issued, "" when it is not.
	Dropped string
	// Refused says that the CA refuses such a CSR.
	Refused bool
}

// Ignored is about parts of a request that the CA leaves out without a word.
type Ignored struct {
	Source
	// CA, Subject, OtherNames and NameConstraints are spec.isCA, spec.subject and so on.
	CA, Subject, OtherNames, NameConstraints bool
}

// Limits are rate limits, 0 where there is none or none is known.
type Limits struct {
	Source
	// SameNames is how many certificates with the same names one may have in a week.
	SameNames int
	// SameNamesRefill is how long it takes until one more is allowed.
	SameNamesRefill time.Duration
	// Domain is how many certificates one may have in a week for one registered domain.
	Domain int
}

// date is a day in the form of Source.Date.
func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

const day = 24 * time.Hour
