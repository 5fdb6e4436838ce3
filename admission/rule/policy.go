package rule

import "slices"

// CrossResource says what becomes of a denial that another object's change could lift.
type CrossResource string

const (
	// CrossAuto denies, unless both objects come in one bundle.
	CrossAuto CrossResource = "auto"
	// CrossDeny always denies.
	CrossDeny CrossResource = "deny"
	// CrossWarn never denies.
	CrossWarn CrossResource = "warn"
)

// Policy is what an operator decides about rules. The zero value changes nothing.
type Policy struct {
	// Rules overrides the severity of rules by ID.
	Rules map[string]Severity
	// ExemptNamespaces are not judged at all.
	ExemptNamespaces []string
	// CrossResource is CrossAuto when it is "".
	CrossResource CrossResource
	// NoSkip lists rules that nothing in an object can soften, neither its annotation nor the marks of a bundle.
	NoSkip []string
}

// denies tells whether a finding would be a denial by itself.
func (p *Policy) denies(f Finding) bool {
	set := p.Rules[f.Rule]
	return set == Deny || f.Severity == Deny && set == ""
}

func (p *Policy) exempts(namespace string) bool {
	return namespace != "" && slices.Contains(p.ExemptNamespaces, namespace)
}

// insistsOn tells whether a rule is one that nothing in an object softens.
func (p *Policy) insistsOn(id string) bool { return slices.Contains(p.NoSkip, id) }
