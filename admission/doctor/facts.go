package doctor

import (
	"strings"

	"github.com/certyun/certyun/admission/report"
)

// State is how something is.
type State string

// States of checks. Those of a Diagnosis are in diagnosis.go.
const (
	OK State = "ok"
	// Problem is for what keeps something from working.
	Problem State = "problem"
	// Warning is for what works and may not go on working.
	Warning State = "warning"
	// Waiting is for what is not there yet, and may well come.
	Waiting State = "waiting"
	// NotChecked is for what nobody could look at.
	NotChecked State = "not checked"
)

// Check is one thing that was looked at.
type Check struct {
	// Area is what it belongs to, as "cert-manager".
	Area  string `json:"area"`
	State State  `json:"state"`
	// Text says what was looked at and how it is.
	Text string `json:"text"`
}

// Kind is what sort of thing a sign is.
type Kind string

// These are the kinds of signs. Most causes recognise Said by its words; the others were seen by looking.
const (
	// Said is what an object, a cloud or a server says.
	Said Kind = "said"
	// Silent is an object to which nothing happens.
	Silent Kind = "silent"

	ObjectMissing         Kind = "object-missing"
	ServerUnsupported     Kind = "server-unsupported"
	DefinitionsMissing    Kind = "definitions-missing"
	ControllerDown        Kind = "controller-down"
	APIServiceMissing     Kind = "apiservice-missing"
	APIServiceUnavailable Kind = "apiservice-unavailable"
	SolverDown            Kind = "solver-down"
	BundleWrong           Kind = "bundle-wrong"
	ServingExpired        Kind = "serving-expired"
	ServingExpires        Kind = "serving-expires"
	ServingEarly          Kind = "serving-early"
	ServingNamed          Kind = "serving-named"
	GroupNotServed        Kind = "group-not-served"
	SolverUnknown         Kind = "solver-unknown"
	CallerDenied          Kind = "caller-denied"
	DelegationDenied      Kind = "delegation-denied"
	ReaderDenied          Kind = "reader-denied"
	AheadDenied           Kind = "ahead-denied"
	SecretElsewhere       Kind = "secret-elsewhere"
	SecretPadded          Kind = "secret-padded"
	KeysSwapped           Kind = "keys-swapped"
	ConfigWrong           Kind = "config-wrong"
	AdmissionDown         Kind = "admission-down"
	NoSolverMatches       Kind = "no-solver-matches"
	ZoneElsewhere         Kind = "zone-elsewhere"
	ZoneTooHigh           Kind = "zone-too-high"
	DomainUnknown         Kind = "domain-unknown"
	RecordUnseen          Kind = "record-unseen"
	Unanswered            Kind = "unanswered"
	Forbidden             Kind = "caa-forbids"
	CNAMEIgnored          Kind = "cname-ignored"
	LeftOver              Kind = "left-over"
	Queued                Kind = "queued"
	Outdated              Kind = "outdated"
	RequestDenied         Kind = "request-denied"
	NotApproved           Kind = "not-approved"
	Overdue               Kind = "overdue"
	Vanishing             Kind = "vanishing"
	Lingering             Kind = "lingering"
	ControllerDenied      Kind = "controller-denied"
	RuleBroken            Kind = "rule-broken"
)

// Sign is one thing that is not as it should be. What it comes from is for the table of causes to say.
type Sign struct {
	Kind Kind
	// State is Problem, Warning or Waiting.
	State  State
	Object report.Object
	// Text is what was said, or what was seen: it is quoted.
	Text string
	// Values fill the sentences of the cause that recognises it.
	Values map[string]string
}

// says tells whether the text has one of these parts.
func (s Sign) says(parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(s.Text, part) {
			return true
		}
	}
	return false
}

// Facts is what a table of causes recognises from: the signs, in the order in which they were found, and what else is known.
// It holds no content of any Secret but the names of its keys.
type Facts struct {
	Signs []Sign
	// Groups are the API groups of webhook solvers that were looked at.
	Groups map[string]Group
	// Served are the groups of certyun's APIServices, nil until somebody looked. ServedKnown tells whether he was allowed to.
	Served      []string
	ServedKnown bool
	// Caller is cert-manager's ServiceAccount, "namespace/name".
	Caller string
	// SolverNamespace is where the solvers run.
	SolverNamespace string
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are.
	ClusterResourceNamespace string
	// Elsewhere has, for "namespace/name" of a Secret that is not there, the namespaces that have one of this name.
	Elsewhere map[string][]string
	// Works has what was found in order: "call group/solver" for a solver that is there and that cert-manager may call,
	// "secret namespace/name" for a Secret that is there, "read namespace/name" for one that certyun may read, and
	// "key namespace/name/key" for a key in one.
	Works map[string]bool
	// DNS and Provider tell whether these were looked at, so that it is no use to tell people to.
	DNS, Provider bool
	// Program is how this command is called. Issuer and Certificate are what it was called for, or found on the way.
	Program             string
	Issuer, Certificate report.Object
}

// Group is what is known of an API group.
type Group struct {
	// Known tells whether the rest could be looked at.
	Known bool
	// Served tells whether there is an APIService for it.
	Served bool
	// Resources are the names of its solvers, nil where they could not be asked for.
	Resources []string
	// Answers tells whether what serves it was there when it was asked.
	Answers bool
}

// has returns the first sign of a kind that the test likes.
func (f *Facts) has(kind Kind, like func(Sign) bool) bool {
	for _, s := range f.Signs {
		if s.Kind == kind && like(s) {
			return true
		}
	}
	return false
}
