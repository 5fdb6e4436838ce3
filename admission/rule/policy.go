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
	// NoSkip lists rules that an object's annotation cannot soften.
	NoSkip []string
}

// severity is what the policy makes of a finding of this severity, and why.
func (p *Policy) severity(f Finding) (severity Severity, mildly string) {
	switch override := p.Rules[f.Rule]; {
	case override == Off, override == Deny:
		return override, ""
	case override == Warn && f.Severity == Deny:
		return Warn, "a warning by policy"
	}
	return f.Severity, ""
}

func (p *Policy) exempts(namespace string) bool {
	return namespace != "" && slices.Contains(p.ExemptNamespaces, namespace)
}
