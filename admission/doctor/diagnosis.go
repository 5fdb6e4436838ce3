package doctor

import (
	"cmp"
	"slices"
	"time"

	"github.com/certyun/certyun/admission/report"
)

// DiagnosisVersion and DiagnosisKind mark the JSON form of a Diagnosis. Fields may be added to it; none is renamed, and none
// changes its meaning.
const (
	DiagnosisVersion = "certyun.internal/v1"
	DiagnosisKind    = "Diagnosis"
)

// State is how the subject of a Diagnosis is.
type State string

// The states.
const (
	// Healthy is an installation or an Issuer with which nothing is wrong.
	Healthy State = "healthy"
	// Ready is a Certificate that is there.
	Ready State = "ready"
	// Issuing is a Certificate that is on its way, as far as can be seen.
	Issuing State = "issuing"
	// Stuck is a Certificate that does not come, or will not be renewed, unless somebody does something.
	Stuck State = "stuck"
	// Broken is an installation or an Issuer that does not work.
	Broken State = "broken"
	// Unseen is what nobody could look at.
	Unseen State = "unknown"
)

// Diagnosis is what was found out about one thing.
type Diagnosis struct {
	APIVersion string        `json:"apiVersion"`
	Kind       string        `json:"kind"`
	Subject    report.Object `json:"subject"`
	State      State         `json:"state"`
	// Causes are what is wrong, the first thing to mend first.
	Causes []Finding `json:"causes"`
	// Warnings are what may go wrong.
	Warnings []Finding `json:"warnings"`
	// Tree is the object and what was made for it; nil for an installation.
	Tree   *Node   `json:"tree,omitempty"`
	Checks []Check `json:"checks"`
	// Rules are what the rules of the admission server say about the object as it is.
	Rules []RuleFinding `json:"rules"`
	// NotChecked says what could not be looked at, and why.
	NotChecked []string `json:"notChecked"`
}

// Finding is a cause that was recognised.
type Finding struct {
	// Cause is the ID of the cause, and its anchor in troubleshooting.md.
	Cause string `json:"cause"`
	Title string `json:"title"`
	// Object is what showed it.
	Object report.Object `json:"object"`
	// Objects are all that show it, up to 20, where there is more than one.
	Objects []report.Object `json:"objects,omitempty"`
	// Sentence says what is wrong here.
	Sentence string `json:"sentence"`
	// Quote is what the object or server said, word by word; it may be empty.
	Quote string `json:"quote,omitempty"`
	// Next is a command that shows more or mends it.
	Next string `json:"next"`
	// Fix says what to do.
	Fix  string `json:"fix"`
	Docs string `json:"docs"`
	// signs are all that say it.
	signs []Sign
}

// RuleFinding is one finding of a rule.
type RuleFinding struct {
	Rule     string        `json:"rule"`
	Severity string        `json:"severity"`
	Object   report.Object `json:"object"`
	Field    string        `json:"field"`
	Message  string        `json:"message"`
	Remedy   string        `json:"remedy,omitempty"`
	Docs     string        `json:"docs"`
}

// Node is an object in the tree of what belongs to a Certificate.
type Node struct {
	Object report.Object `json:"object"`
	// State is in cert-manager's words, as "pending"; "missing" where there is none.
	State string `json:"state"`
	// Good tells whether the state is the one that is waited for.
	Good bool `json:"good"`
	// Unseen tells that nobody could look at it, so that it may be good.
	Unseen bool `json:"unseen,omitempty"`
	// Created is when the object was made; nil where there is none.
	Created *time.Time `json:"created,omitempty"`
	// Detail says more about what the object is, as "dns-01 for www.example.com".
	Detail string `json:"detail,omitempty"`
	// Message is why it is in this state, in cert-manager's words.
	Message  string  `json:"message,omitempty"`
	Events   []Event `json:"events,omitempty"`
	Children []*Node `json:"children,omitempty"`
}

// Event is something that happened to an object.
type Event struct {
	Time    time.Time `json:"time"`
	Type    string    `json:"type"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
	Count   int       `json:"count"`
	// began is when it happened for the first time.
	began time.Time
}

// children are what belongs to the object, nil where there is no tree.
func (n *Node) children() []*Node {
	if n == nil {
		return nil
	}
	return n.Children
}

// Wrong tells whether something has to be done.
func (d *Diagnosis) Wrong() bool { return d.State == Stuck || d.State == Broken }

// diagnose puts together what was seen.
func (e *examination) diagnose(subject report.Object, tree *Node, sights ...*sight) (*Diagnosis, error) {
	if e.unreachable != nil {
		return nil, e.unreachable
	}
	all := sight{area: "cert-manager"}
	if e.undefined != "" {
		object := report.Object{Kind: "Installation", Name: "cert-manager"}
		all.problem("definitions-missing", object, e.undefined, map[string]string{"missing": e.undefined})
	}
	for _, one := range append(sights, &e.sight) {
		all.checks = append(all.checks, one.checks...)
		all.signs = append(all.signs, one.signs...)
		all.works = append(all.works, one.works...)
	}
	causes, warnings, waiting := recognise(Table(), e.facts(&all, subject, tree))
	d := &Diagnosis{
		APIVersion: DiagnosisVersion, Kind: DiagnosisKind, Subject: subject,
		Causes: orEmpty(causes), Warnings: orEmpty(warnings), Tree: tree,
		Checks: orEmpty(all.checks), Rules: orEmpty(e.rules), NotChecked: orEmpty(e.notChecked),
	}
	d.State = stateOf(subject.Kind, len(causes) > 0, waiting || tree != nil && !tree.Good)
	if len(causes) == 0 && !e.seen {
		d.State = Unseen
	}
	return d, nil
}

// facts are what is known beside the signs.
func (e *examination) facts(saw *sight, subject report.Object, tree *Node) *Facts {
	f := &Facts{
		Signs: saw.signs, Works: map[string]bool{}, Groups: map[string]Group{}, Served: e.solvers.served, ServedKnown: e.solvers.known,
		Caller: e.installation.controller.caller(), ClusterResourceNamespace: e.installation.controller.clusterResources,
		DNS: e.options.DNS, Provider: e.options.Provider, Program: e.options.Program,
	}
	for _, what := range saw.works {
		f.Works[what] = true
	}
	for _, s := range e.solvers.looked {
		f.Groups[s.name] = s.Group
		f.SolverNamespace = cmp.Or(s.namespace, f.SolverNamespace)
	}
	switch {
	case isIssuer(subject):
		f.Issuer = subject
	case subject.Kind == "Certificate":
		f.Certificate = subject
		f.Renewal = tree != nil && tree.Good
	}
	for _, child := range tree.children() {
		if isIssuer(child.Object) {
			f.Issuer = child.Object
		}
	}
	return f
}

func stateOf(kind string, wrong, unfinished bool) State {
	isCertificate := kind == "Certificate"
	switch {
	case wrong && isCertificate:
		return Stuck
	case wrong:
		return Broken
	case !isCertificate:
		return Healthy
	case unfinished:
		return Issuing
	}
	return Ready
}

// orEmpty makes JSON say [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return slices.Clip(list)
}
