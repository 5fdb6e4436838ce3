package issuer

import (
	"slices"
	"strings"
)

// These stand for what somebody is to write: marks in any text, and the names that samples give to people and domains.
var (
	fillIn        = []string{"your", "changeme", "placeholder", "replace", "redacted", "fixme", "todo", "xxx"}
	samplePeople  = []string{"email", "mail", "emailaddress", "mailaddress", "myemail", "mymail", "myname", "user", "username", "you"}
	sampleDomains = []string{"domain", "mydomain", "email", "mail", "example", "company", "mycompany"}
)

// isPlaceholder tells whether a text that is no e-mail address stands where one is to be written, like <your-email>, YOUR_EMAIL or
// your@email.
func isPlaceholder(text string) bool {
	if strings.ContainsAny(text, "$%{}[]…*") || strings.ContainsAny(text, "<>") && !strings.Contains(text, "@") {
		return true
	}
	person, domain, isAddress := strings.Cut(strings.ToLower(text), "@")
	if !isAddress && strings.ToUpper(text) == text {
		return true
	}
	all := letters(person + domain)
	if slices.ContainsFunc(fillIn, func(mark string) bool { return strings.Contains(all, mark) }) {
		return true
	}
	first, rest, _ := strings.Cut(strings.TrimRight(domain, ">"), ".")
	return slices.Contains(samplePeople, letters(person)) || rest == "tld" || slices.Contains(sampleDomains, letters(first)) && !strings.Contains(rest, ".")
}

// letters leaves of a text in lower case nothing but its letters.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, text)
}
