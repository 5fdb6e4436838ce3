package rule

import (
	"fmt"
	"regexp"
)

// ratchet makes warnings of the denials that the old object had too: the same rule about the same value, wherever that is
// now. Where there is no value to compare, the path counts without its indexes, as often as it was there.
func ratchet(before map[complaint]int, after []Finding) {
	for i, f := range after {
		key := complaintOf(f)
		if f.Severity != Deny || before[key] == 0 {
			continue
		}
		if f.Value == nil {
			before[key]--
		}
		after[i].Severity, after[i].Downgraded = Warn, "already present, so not denied"
	}
}

// complaint is what makes a finding the same as one about another version of the object.
type complaint struct{ rule, about string }

var indexes = regexp.MustCompile(`\[\d+\]`)

// complaints counts the findings that would be denials by themselves.
func complaints(policy *Policy, findings []Finding) map[complaint]int {
	counts := map[complaint]int{}
	for _, f := range findings {
		if policy.denies(f) {
			counts[complaintOf(f)]++
		}
	}
	return counts
}

func complaintOf(f Finding) complaint {
	if f.Value != nil {
		return complaint{f.Rule, fmt.Sprintf("%T %v", f.Value, f.Value)}
	}
	return complaint{f.Rule, indexes.ReplaceAllString(f.Field, "[]")}
}

// downgrade makes warnings of all denials.
func downgrade(findings []Finding, reason string) {
	for i := range findings {
		if findings[i].Severity == Deny {
			findings[i].Severity, findings[i].Downgraded = Warn, reason
		}
	}
}

func denies(f Finding) bool { return f.Severity == Deny }
