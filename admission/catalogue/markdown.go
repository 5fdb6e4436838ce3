package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/rule"
)

// reference is a table of rules with links to what follows about each.
func reference(rules []shown) string {
	var b strings.Builder
	b.WriteString("| rule | severity | judges | what is wrong |\n| --- | --- | --- | --- |\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "| [%s](#%s) | %s%s | %s | %s |\n", r.ID, r.ID, r.Severity, onlyFiles(r.Rule), strings.Join(r.Check.Kinds(), ", "),
			strings.ReplaceAll(r.Summary, "|", `\|`))
	}
	for i := range rules {
		b.WriteString("\n" + rules[i].markdown())
	}
	return b.String()
}

// markdown is what the documents say about the rule, its heading included.
func (r *shown) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s** for %s%s. %s\n", r.ID, r.Severity, listed(r.Check.Kinds()), onlyFiles(r.Rule), r.Summary)
	fmt.Fprintf(&b, "\n**Why:** %s\n\n**What to write instead:** %s\n", r.Why, r.Remedy)
	if len(r.sources) > 0 {
		b.WriteString("\n**Known from:**\n\n")
		for _, cited := range r.sources {
			fmt.Fprintf(&b, "- %s (%s): <%s>\n", strings.Join(cited.Names, ", "), cited.Date, cited.URL)
		}
	}
	for i := range r.examples {
		e := &r.examples[i]
		fmt.Fprintf(&b, "\n%s:\n\n", e.Example)
		switch e.Operation {
		case string(rule.Update):
			fmt.Fprintf(&b, "```yaml\n%s```\n\nbecomes\n\n", e.Old)
		case string(rule.Delete):
			b.WriteString("The last object is deleted.\n\n")
		}
		fmt.Fprintf(&b, "```yaml\n%s```\n\n```text\n%s\n```\n", e.Manifest(), e.Message)
	}
	fmt.Fprintf(&b, "\nIn the policy: `%s: %s`.\n", r.ID, strings.Join(otherSettings(r.Rule), "` or `"+r.ID+": "))
	return b.String()
}

// onlyFiles tells what is not judged by the rule.
func onlyFiles(r *rule.Rule) string {
	if r.Offline {
		return ", in files only"
	}
	return ""
}

// otherSettings are what a policy may make of the rule. Ingresses and Gateways are never denied.
func otherSettings(r *rule.Rule) []string {
	switch {
	case r.Severity == rule.Deny:
		return []string{string(rule.Warn), string(rule.Off)}
	case r.ID == rule.SkipUnknown || !slices.ContainsFunc(r.Check.Kinds(), func(kind string) bool { return kind != "Ingress" && kind != "Gateway" }):
		return []string{string(rule.Off)}
	default:
		return []string{string(rule.Deny), string(rule.Off)}
	}
}

func listed(kinds []string) string {
	if len(kinds) < 2 {
		return strings.Join(kinds, "")
	}
	last := len(kinds) - 1
	return strings.Join(kinds[:last], ", ") + " and " + kinds[last]
}
