// Package placeholder knows what stands in a text for what a tool fills in later.
package placeholder

import (
	"regexp"
	"slices"
	"strings"
)

// anywhere are the forms that mean a placeholder in any text. What is escaped comes first, and is none.
var anywhere = regexp.MustCompile(strings.Join([]string{
	// envsubst and Flux (https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution): two dollar
	// signs are one.
	`\$\$`,
	`(\$\{[A-Za-z_](?:[^{}\n]|\$?\{[^{}\n]*\})*\}`, // ${NAME}, ${NAME:=default}, ${NAME:-${OTHER}}
	`\$\{\{[^{}\n]+\}\}`,                           // ${{ name }}, of workflows
	`\$\([A-Za-z_][^()\n]*\)`,                      // $(NAME), of kustomize and make
	`\{\{[^{}\n]+\}\}`,                             // {{ .Values.name }}, of Helm, Ansible and Jinja
	`\[\[ ?[A-Za-z.$][^\[\]\n]*\]\]`,               // [[ .Name ]]
	`<{1,2}[a-z]+:[^<>\n]+>{1,2}`,                  // <path:secret/data#key>, <secret:name>, of Argo CD's plugins
	`\(\?P?<[^<>\n]*>`,                             // the name of a group in a regular expression, which is none
	`<{1,2}[A-Za-z][^<>@\n]*>{1,2}`,                // <your-domain>
	`#\{[A-Za-z_][^{}\n]*\}#?`,                     // #{NAME}#
	`@[A-Z][A-Z0-9_]*@`,                            // @NAME@, of autoconf
	`%[A-Z][A-Z0-9_]{2,}%`,                         // %NAME%; shorter ones are bytes in a URL
	`ENC\[[A-Z0-9_]+,[^\]\n]*\]`,                   // what sops has encrypted
	`\bref\+[a-z0-9]+://\S+)`,                      // ref+vault://path, of vals
}, "|"))

// inNames are the forms that mean one where a name must be, because no name may have such characters, or that case.
var inNames = regexp.MustCompile(strings.Join([]string{
	`\$[A-Za-z_][A-Za-z0-9_]*`,                          // $NAME
	`__[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*__`,                // __NAME__
	`\(\( ?[A-Za-z][^()\n]*\)\)`,                        // ((name))
	`\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b`,                 // MY_NAME
	`\b(?:PLACEHOLDER|REPLACEME|CHANGEME|CHANGETHIS)\b`, // such words alone
}, "|"))

// Span is where a placeholder stands in a text: from a byte up to another.
type Span struct{ Start, End int }

// Find returns the placeholders in a text, in order. Where a name of something must be, a few more forms are placeholders.
func Find(text string, isName bool) []Span {
	// Most texts have nothing that any of the forms begins with or has in it, and are not worth a regular expression.
	mayBeAnywhere, mayBeName := strings.ContainsAny(text, "${[<@%+"), isName && strings.ContainsFunc(text, inName)
	if !mayBeAnywhere && !mayBeName {
		return nil
	}
	return find(text, isName)
}

// inName is true of what stands in each of the forms in names.
func inName(r rune) bool { return r == '$' || r == '_' || r == '(' || 'A' <= r && r <= 'Z' }

func find(text string, isName bool) []Span {
	var found []Span
	for _, match := range anywhere.FindAllStringSubmatchIndex(text, -1) {
		if match[2] >= 0 && !strings.HasPrefix(text[match[2]:], "(?") {
			found = append(found, Span{match[2], match[3]})
		}
	}
	if !isName {
		return found
	}
	for _, match := range inNames.FindAllStringIndex(text, -1) {
		one := Span{match[0], match[1]}
		if !escaped(text, one) && !slices.ContainsFunc(found, one.meets) {
			found = append(found, one)
		}
	}
	slices.SortFunc(found, func(a, b Span) int { return a.Start - b.Start })
	return found
}

// escaped tells whether what begins with a dollar sign goes on with what stands before it.
func escaped(text string, s Span) bool {
	return text[s.Start] == '$' && s.Start > 0 && strings.Trim(text[s.Start-1:s.Start], ".-/@:*") != ""
}

func (s Span) meets(other Span) bool { return s.Start < other.End && other.Start < s.End }

// Fill returns the text with others in the place of placeholders.
func Fill(text string, spans []Span, fill func(placeholder string) string) string {
	var b strings.Builder
	end := 0
	for _, s := range spans {
		b.WriteString(text[end:s.Start])
		b.WriteString(fill(text[s.Start:s.End]))
		end = s.End
	}
	b.WriteString(text[end:])
	return b.String()
}
