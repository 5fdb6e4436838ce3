package rule

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/words"
)

// SkipAnnotation on an object names rules, separated by commas, whose denials become warnings for it.
const SkipAnnotation = "certyun.internal/skip"

// SkipUnknown is the rule that speaks about a SkipAnnotation which names no rule.
const SkipUnknown = "skip-unknown-rule"

// SkipUnknownRule is what there is to say about SkipUnknown, which the Engine finds by itself.
func SkipUnknownRule() Rule {
	return Rule{
		ID:       SkipUnknown,
		Severity: Warn,
		Summary:  "The annotation " + SkipAnnotation + " names no rule.",
		Why:      "The annotation softens the rules that it names. A name that is no rule softens nothing, so the object may be denied all the same.",
		Check:    Checks{WrittenCertificates(nil), Issuers(nil), Annotations(nil)},
		Remedy:   "Write the id of a rule. `certyun rules` lists them.",
	}
}

// skips are the rules that the object's annotation names.
func skips(object metav1.Object) []string {
	var ids []string
	for id := range strings.SplitSeq(object.GetAnnotations()[SkipAnnotation], ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// maxUnknownSkips is how many rules that there are not are named: an annotation may be very long.
const maxUnknownSkips = 10

// unknownSkips are findings about the names in the annotation that are none of these rules.
func unknownSkips(rules known, object metav1.Object) []Finding {
	var findings []Finding
	for _, id := range skips(object) {
		if rules[id] == nil && id != SkipUnknown && len(findings) < maxUnknownSkips {
			findings = append(findings, Finding{
				Rule: SkipUnknown, Severity: Warn, Field: "metadata.annotations[" + SkipAnnotation + "]",
				Message: fmt.Sprintf("there is no rule %q", words.Excerpt(id)),
			})
		}
	}
	return findings
}
