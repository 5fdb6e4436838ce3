package ruletest

import (
	"regexp"
	"strings"

	"github.com/certyun/certyun/admission/rule"
)

// insides are what the texts of Go, CEL and the API machinery look like where nobody has put them into words.
var insides = []string{
	"()", "map[", "interface {}", "evaluating rule", "<nil>", "%!", "no such key", "json:", "Go struct", "in body", "must validate",
}

// typeTwice is a message that demands a type and says that the value is of it.
var typeTwice = regexp.MustCompile(`must be (an? \w+), and is (an? \w+)`)

// Inside says what of a finding is no word for people: a piece of its text, or "no field" where it has none; "" where all is well.
func Inside(f rule.Finding) string {
	if f.Field == "" {
		return "no field"
	}
	return InsideText(f.Message + " " + f.Remedy)
}

// InsideText is Inside for a text alone.
func InsideText(text string) string {
	for _, inside := range insides {
		if strings.Contains(text, inside) {
			return inside
		}
	}
	if types := typeTwice.FindStringSubmatch(text); types != nil && types[1] == types[2] {
		return types[0]
	}
	return ""
}
