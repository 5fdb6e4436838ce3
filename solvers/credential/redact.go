package credential

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
)

// Redact replaces every part of the keys in a text that somebody else wrote, as it is and as it stands in a query, once
// or twice escaped (the string that is signed escapes the query again).
func (k Keys) Redact(s string) string {
	var forms []string
	for _, part := range []string{k.ID, k.Secret, k.Token} {
		if part == "" {
			continue
		}
		query := url.QueryEscape(part)
		forms = append(forms, part, query, url.QueryEscape(query), url.PathEscape(part))
	}
	// The longest first, so that no form leaves the rest of a longer one behind.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, form := range forms {
		s = strings.ReplaceAll(s, form, "***")
	}
	return s
}
