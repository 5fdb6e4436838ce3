package rule

import (
	"fmt"
	"strings"
)

// MarkdownTable lists rules, with links to what Markdown says about each.
func MarkdownTable(rules []Rule) string {
	var b strings.Builder
	b.WriteString("| rule | severity | judges | what is wrong |\n| --- | --- | --- | --- |\n")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(&b, "| [%s](#%s) | %s%s | %s | %s |\n", r.ID, r.ID, r.Severity, r.where(), strings.Join(r.Kinds, ", "),
			strings.ReplaceAll(r.Summary, "|", `\|`))
	}
	return b.String()
}

// Markdown is what the documents say about the rule, its heading included.
func (r *Rule) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s\n\n**%s** for %s%s. %s\n", r.ID, r.Severity, listed(r.Kinds), r.where(), r.Summary)
	fmt.Fprintf(&b, "\n**Why:** %s\n\n**What to write instead:** %s\n", r.Why, r.Remedy)
	for i := range r.Examples {
		e := &r.Examples[i]
		fmt.Fprintf(&b, "\n%s:\n\n", e.Title)
		switch {
		case e.Old != "":
			fmt.Fprintf(&b, "```yaml\n%s```\n\nbecomes\n\n", e.OldYAML())
		case e.Deleted:
			b.WriteString("The last object is deleted.\n\n")
		}
		fmt.Fprintf(&b, "```yaml\n%s```\n\n```text\n%s\n```\n", e.YAML(), e.Message)
	}
	fmt.Fprintf(&b, "\nIn the policy: `%s: %s`.\n", r.ID, strings.Join(r.otherSettings(), "` or `"+r.ID+": "))
	return b.String()
}

// where tells what is not judged by the rule.
func (r *Rule) where() string {
	if r.Offline {
		return ", in files only"
	}
	return ""
}

// otherSettings are what a policy may make of the rule.
func (r *Rule) otherSettings() []string {
	switch {
	case r.Severity == Deny:
		return []string{string(Warn), string(Off)}
	case r.onlyAnnotated():
		return []string{string(Off)}
	default:
		return []string{string(Deny), string(Off)}
	}
}

// onlyAnnotated tells whether a rule is about nothing but annotations, which are never denied.
func (r *Rule) onlyAnnotated() bool { return r.CheckCertificate == nil && r.CheckIssuer == nil }

// SkipUnknownRule is what there is to say about SkipUnknown, which the Engine finds by itself.
func SkipUnknownRule() Rule {
	return Rule{
		ID:       SkipUnknown,
		Severity: Warn,
		Kinds:    []string{"Certificate", "Issuer", "ClusterIssuer", "Ingress", "Gateway"},
		Summary:  "The annotation " + SkipAnnotation + " names no rule.",
		Why:      "The annotation softens the rules that it names. A name that is no rule softens nothing, so the object may be denied all the same.",
		Remedy:   "Write the id of a rule. `certyun rules` lists them.",
	}
}

// YAML is the manifest as it is shown.
func (e *Example) YAML() string { return shown(e.Manifest) }

// OldYAML is the object before the change as it is shown.
func (e *Example) OldYAML() string { return shown(e.Old) }

func shown(manifest string) string { return strings.Trim(dedent(manifest), "\n") + "\n" }

// dedent removes the tabs that a literal has only because of the code around it.
func dedent(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t")
	}
	return strings.Join(lines, "\n")
}

func listed(kinds []string) string {
	if len(kinds) < 2 {
		return strings.Join(kinds, "")
	}
	last := len(kinds) - 1
	return strings.Join(kinds[:last], ", ") + " and " + kinds[last]
}
