package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/words"
)

// Severity is what a finding is worth.
type Severity string

const (
	// Deny is for what can never work.
	Deny Severity = "deny"
	// Warn is for what may fail, is ignored, or depends on what is not there yet.
	Warn Severity = "warn"
	// Off is only in policies.
	Off Severity = "off"
)

// Finding is one thing that is wrong with one object.
type Finding struct {
	// Rule is the ID of the rule.
	Rule     string
	Severity Severity
	// Field is the path of the field, like spec.dnsNames[0].
	Field string
	// Type says in which way the field is wrong: field.ErrorTypeInvalid, …Required, …NotSupported, …Forbidden, …TooMany.
	// "" is field.ErrorTypeInvalid.
	Type field.ErrorType
	// Value is the field's value as it is to be printed, nil where there is none to print or none that may be printed.
	Value any
	// Message says what is wrong and what would come of it. It begins as a sentence goes on after "path: ", and has no full
	// stop at its end.
	Message string
	// Remedy says what to write instead: a sentence without its full stop, or "".
	Remedy string
	// CrossResource is for a denial that another object's change could lift. The Engine warns instead where both objects
	// come in one bundle, since nobody could choose their order.
	CrossResource bool
	// Bundle tells the Engine which other object that is: its labels and annotations.
	Bundle Bundle
	// Follows is what of an Issuer the finding follows from, nil where it follows from none.
	Follows *Follows
	// Missing is the other object for whose absence alone the finding is, nil for other findings.
	Missing *Missing
	// Namespaced says that the finding does not hold where the object is in another namespace than it is taken to be in.
	Namespaced bool
	// Downgraded says why a finding of a rule that denies only warns. The Engine sets it.
	Downgraded string
}

// Follows is a field of an Issuer. Where that is wrong itself, the findings that follow from it say nothing new.
type Follows struct {
	Issuer evidence.IssuerKey
	Field  string
}

// Missing is an object that is not there. Whatever refers to it has the same finding, so a report may say it once.
type Missing struct {
	// Title is like `Issuer "le"`, Where like ` in namespace "default"` or "".
	Title, Where string
	// Hint is what may have been meant, like `; did you mean "le-prod"?`, or "".
	Hint string
}

// Cause is the finding's text without its path, as a cause of a denial has it: kubectl prints the path before it.
func (f Finding) Cause() string {
	var b strings.Builder
	if f.Severity == Deny {
		b.WriteString(f.typeText() + ": ")
	}
	b.WriteString(f.Text())
	if f.Remedy != "" {
		b.WriteString(fullStop(b.String()) + " " + f.Remedy)
	}
	if f.Severity == Deny {
		b.WriteString(fullStop(b.String()) + " [" + f.Rule + "]")
	}
	return b.String()
}

// Text is what is wrong, with the value, but without the path, the remedy and the rule. It has no full stop at its end.
func (f Finding) Text() string {
	if f.Value != nil {
		return f.valueText() + ": " + f.Message + f.downgradedText()
	}
	return f.Message + f.downgradedText()
}

func (f Finding) downgradedText() string {
	if f.Downgraded == "" {
		return ""
	}
	return " (" + f.Downgraded + ")"
}

// fullStop is what ends a sentence that is as yet without an end: a question has one.
func fullStop(sentence string) string {
	if strings.HasSuffix(sentence, "?") || strings.HasSuffix(sentence, ".") {
		return ""
	}
	return "."
}

// String is the finding in one line: of a denial "path: type: value: message. remedy. [rule]", of a warning
// "[rule] path: message. remedy".
func (f Finding) String() string {
	path := f.Field
	if path != "" {
		path += ": "
	}
	if f.Severity == Deny {
		return path + f.Cause()
	}
	return fmt.Sprintf("[%s] %s%s", f.Rule, path, f.Cause())
}

func (f Finding) typeText() string {
	if f.Type == "" {
		return field.ErrorTypeInvalid.String()
	}
	return f.Type.String()
}

func (f Finding) valueText() string {
	if s, ok := f.Value.(string); ok {
		return strconv.Quote(words.Excerpt(s))
	}
	return words.Excerpt(fmt.Sprint(f.Value))
}

// Sort puts findings into the order in which they are shown: denials first, then by path and rule.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(severityRank(a.Severity), severityRank(b.Severity)),
			comparePaths(a.Field, b.Field),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

func severityRank(s Severity) int {
	if s == Deny {
		return 0
	}
	return 1
}

// comparePaths orders spec.dnsNames[2] before spec.dnsNames[10].
func comparePaths(a, b string) int {
	for a != "" && b != "" {
		an, at, aNumber := nextPart(a)
		bn, bt, bNumber := nextPart(b)
		if aNumber && bNumber {
			if c := cmp.Or(cmp.Compare(len(an), len(bn)), cmp.Compare(an, bn)); c != 0 {
				return c
			}
		} else if c := cmp.Compare(an, bn); c != 0 {
			return c
		}
		a, b = at, bt
	}
	return cmp.Compare(len(a), len(b))
}

// nextPart splits off the longest run of digits, or of other characters, that a path begins with.
func nextPart(path string) (part, rest string, number bool) {
	isDigit := func(i int) bool { return path[i] >= '0' && path[i] <= '9' }
	number = isDigit(0)
	i := 1
	for i < len(path) && isDigit(i) == number {
		i++
	}
	return path[:i], path[i:], number
}
