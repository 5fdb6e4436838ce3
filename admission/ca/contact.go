package ca

import (
	"fmt"
	"net/mail"
	"strings"
)

// ContactProblem says why a CA registers no account with an e-mail address.
type ContactProblem struct {
	// ForbiddenDomain is a documentation domain that the address is in; else "".
	ForbiddenDomain string
	// Reason is what the CA answers, like `unable to parse email address`.
	Reason string
}

// Contact judges the e-mail address of an account, nil when nothing is wrong with it or nothing is known. Only new accounts
// are judged: an account that is there already keeps working. See validContacts in
// https://github.com/letsencrypt/boulder/blob/main/wfe2/wfe.go and ValidEmail in
// https://github.com/letsencrypt/boulder/blob/main/policy/pa.go (2026-08-07).
func (p *Policy) Contact(email string) *ContactProblem {
	if !p.StrictContact || email == "" {
		return nil
	}
	if strings.ContainsAny(email, "?#") {
		return &ContactProblem{Reason: `contact email contains "?" or "#"`}
	}
	for i := range len(email) {
		if email[i] >= 0x80 {
			return &ContactProblem{Reason: "contact email contains non-ASCII characters"}
		}
	}
	address, err := mail.ParseAddress(email)
	if err != nil {
		return &ContactProblem{Reason: "unable to parse email address"}
	}
	domain := strings.ToLower(address.Address[strings.LastIndexByte(address.Address, '@')+1:])
	problem := p.DNSName(domain)
	if strings.Contains(domain, "*") {
		problem = NameProblem{Verdict: NameRefused, Quote: quoteCharacter}
	}
	switch {
	case problem.Verdict == NameRefused && problem.Quote != "" || problem.Quote == quoteNonPublic:
		return &ContactProblem{Reason: "contact email has invalid domain: " + problem.Quote}
	case domain == "example.com" || domain == "example.net" || domain == "example.org":
		return &ContactProblem{ForbiddenDomain: domain, Reason: fmt.Sprintf("contact email has forbidden domain %q", domain)}
	}
	return nil
}
