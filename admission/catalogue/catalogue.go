// Package catalogue lists the rules, and shows them to people: which there are, and all that is known of one.
package catalogue

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/annotated"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/certificate"
	"github.com/certyun/certyun/admission/rule/issuer"
	"github.com/certyun/certyun/admission/rule/offline"
	"github.com/certyun/certyun/admission/words"
)

// The formats.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
)

// Options are the settings of the command.
type Options struct {
	// Format is text, json or markdown.
	Format string
	// ID is the rule to explain, "" for all.
	ID string
}

// NewCommand returns the command that shows the rules.
func NewCommand() *cobra.Command {
	o := &Options{Format: formatText}
	cmd := &cobra.Command{
		Use:   "rules [ID]",
		Short: "List the rules, or explain one of them",
		Long: `List the rules by which certyun admission and certyun lint judge, or explain one of them: what is wrong, why, an example,
what is said about it, and what to write instead.`,
		Example: `  certyun rules
  certyun rules wildcard-needs-dns01
  certyun rules -o json | jq -r '.rules[] | select(.severity == "deny") | .id'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := cobra.MaximumNArgs(1)(cmd, args); err != nil {
				return report.Usage(err)
			}
			return nil
		},
		ValidArgsFunction: completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ID = args[0]
			}
			if err := o.Validate(); err != nil {
				return report.Usage(err)
			}
			return o.Run(cmd.OutOrStdout())
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return report.Usage(err) })
	cmd.Flags().StringVarP(&o.Format, "output", "o", o.Format, "How to write: "+strings.Join(formats(), ", ")+".")
	// It fails only for a flag that there is not.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func formats() []string { return []string{formatText, formatJSON, formatMarkdown} }

// All returns all rules that findings can be of, in the order of the documents.
func All() []rule.Rule { return append(Rules(), rule.SkipUnknownRule()) }

// Rules returns the rules that an engine can ask, in the order of the documents: Online and those for files only.
func Rules() []rule.Rule { return append(Online(), offline.Rules()...) }

// Online returns the rules that objects in a cluster are judged by.
func Online() []rule.Rule {
	return slices.Concat(certificate.Rules(), issuer.Rules(), annotated.Rules())
}

// Validate says what is wrong with the options.
func (o *Options) Validate() error {
	if !slices.Contains(formats(), o.Format) {
		return fmt.Errorf("--output: there is no format %q; want one of %s", o.Format, strings.Join(formats(), ", "))
	}
	if o.ID == "" {
		return nil
	}
	rules := All()
	if slices.IndexFunc(rules, o.named) >= 0 {
		return nil
	}
	hint := "`certyun rules` lists them"
	if near := Near(o.ID); len(near) > 0 {
		hint = "is it " + strings.Join(near, ", ") + "?"
	}
	return fmt.Errorf("there is no rule %q; %s", o.ID, hint)
}

func (o *Options) named(r rule.Rule) bool { return r.ID == o.ID }

// maxNear is how many rules are offered in place of one that there is not.
const maxNear = 5

// Near returns the ids of rules that are like what was written, or have a part of it.
func Near(written string) []string {
	var ids []string
	for _, r := range All() {
		ids = append(ids, r.ID)
	}
	var near []string
	if closest := words.Closest(written, ids); closest != "" {
		near = append(near, closest)
	}
	written = strings.ToLower(strings.TrimSpace(written))
	for _, id := range ids {
		if len(near) < maxNear && len(written) > 1 && strings.Contains(id, written) && !slices.Contains(near, id) {
			near = append(near, id)
		}
	}
	return near
}

func completeID(_ *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var found []cobra.Completion
	if len(args) == 0 {
		for _, r := range All() {
			if strings.HasPrefix(r.ID, toComplete) {
				found = append(found, cobra.CompletionWithDesc(r.ID, r.Summary))
			}
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// shown is a rule, what it is shown by, and what is known of CAs on which it rests.
type shown struct {
	*rule.Rule
	examples []cases.Case
	sources  []ca.Cited
}

// withExamples returns rules and what they are shown by.
func withExamples(rules []rule.Rule) ([]shown, error) {
	all := make([]shown, len(rules))
	facts := ca.Known().Facts()
	for i := range rules {
		examples, err := cases.Examples(rules[i].ID)
		if err != nil {
			return nil, err
		}
		all[i] = shown{&rules[i], examples, ca.Cite(facts, rules[i].Facts)}
	}
	return all, nil
}

// Run writes the rules.
func (o *Options) Run(w io.Writer) error {
	rules := All()
	one := slices.IndexFunc(rules, o.named)
	if one >= 0 {
		rules = rules[one : one+1]
	}
	all, err := withExamples(rules)
	switch {
	case err != nil:
		return err
	case one >= 0:
		return o.explain(w, &all[0])
	case o.Format == formatJSON:
		list := jsonList{APIVersion: apiVersion, Kind: "RuleList", Rules: make([]jsonRule, len(all))}
		for i := range all {
			list.Rules[i] = all[i].json()
		}
		return writeJSON(w, list)
	case o.Format == formatMarkdown:
		_, err := io.WriteString(w, "# Rules\n\n"+reference(all))
		return err
	default:
		return writeTable(w, rules)
	}
}

func (o *Options) explain(w io.Writer, r *shown) error {
	switch o.Format {
	case formatJSON:
		return writeJSON(w, jsonSingle{APIVersion: apiVersion, Kind: "Rule", jsonRule: r.json()})
	case formatMarkdown:
		_, err := io.WriteString(w, r.markdown())
		return err
	default:
		_, err := io.WriteString(w, r.explained())
		return err
	}
}

func writeTable(w io.Writer, rules []rule.Rule) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "ID\tSEVERITY\tJUDGED IN\tKINDS\tWHAT IS WRONG\n")
	for i := range rules {
		r := &rules[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.ID, r.Severity, where(r), strings.Join(r.Check.Kinds(), ","), r.Summary)
	}
	return table.Flush()
}

func where(r *rule.Rule) string {
	if r.Offline {
		return "files"
	}
	return "cluster,files"
}

// apiVersion is that of all that certyun writes for machines.
const apiVersion = "certyun.internal/v1"

// The shape of the JSON is API: fields are added, never renamed.
type (
	jsonList struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Rules      []jsonRule `json:"rules"`
	}
	jsonSingle struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		jsonRule
	}
	jsonRule struct {
		ID       string        `json:"id"`
		Severity rule.Severity `json:"severity"`
		// Offline is true of what only files are judged by.
		Offline  bool          `json:"offline"`
		Kinds    []string      `json:"kinds"`
		Summary  string        `json:"summary"`
		Why      string        `json:"why"`
		Remedy   string        `json:"remedy"`
		Examples []jsonExample `json:"examples"`
		// Sources are of what is known of CAs on which the rule rests.
		Sources []ca.Cited `json:"sources,omitempty"`
		Docs    string     `json:"docs"`
	}
	jsonExample struct {
		Title    string `json:"title"`
		Old      string `json:"old,omitempty"`
		Manifest string `json:"manifest"`
		Deleted  bool   `json:"deleted,omitempty"`
		Message  string `json:"message"`
	}
)

func (r *shown) json() jsonRule {
	out := jsonRule{
		ID: r.ID, Severity: r.Severity, Offline: r.Offline, Kinds: r.Check.Kinds(), Summary: r.Summary, Why: r.Why, Remedy: r.Remedy,
		Examples: make([]jsonExample, len(r.examples)), Sources: r.sources, Docs: report.Documentation(r.ID),
	}
	for i := range r.examples {
		e := &r.examples[i]
		out.Examples[i] = jsonExample{
			Title: e.Example, Old: e.Old, Manifest: e.Manifest(), Deleted: e.Operation == string(rule.Delete), Message: e.Message,
		}
	}
	return out
}

func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
