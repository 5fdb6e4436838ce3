package doctor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/certyun/certyun/admission/ca"
)

// applicant is who asks a CA for a certificate, and how the CA reads CAA records.
type applicant struct {
	// identities are the names by which records call the CA.
	identities []string
	// account is the URI of the ACME account, "" where none is registered yet.
	account string
	// obeys tells whether the CA is known to obey the parameters of RFC 8657.
	obeys bool
}

// obliged is the day from which every public CA has to obey the parameters of RFC 8657
// (https://cabforum.org/working-groups/server/baseline-requirements/requirements/, ballot SC-098).
var obliged = time.Date(2027, time.March, 15, 0, 0, 0, 0, time.UTC)

// obeysParameters tells whether a CA is known to obey them. Let's Encrypt does
// (https://letsencrypt.org/docs/caa/).
func obeysParameters(policy *ca.Policy, now time.Time) bool {
	if policy == nil {
		return false
	}
	return strings.HasPrefix(policy.ID, "letsencrypt") || policy.Public && !now.Before(obliged)
}

// critical is the flag of a property that a CA has to know. Boulder takes the lowest bit for it, too, as many write 1
// (https://github.com/letsencrypt/boulder/blob/main/va/caa.go).
const critical = 128

// knownTags are those of properties that CAs know.
func knownTags() []string {
	return []string{"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}
}

// objection is what CAA records have against a CA that issues for a name that is validated by one of these methods, nil where they let it
// (https://www.rfc-editor.org/rfc/rfc8659#section-4.2).
func (a applicant) objection(records []*dns.CAA, methods []string, wildcard bool) *Sign {
	values := map[string][]string{}
	for _, record := range records {
		tag := strings.ToLower(record.Tag)
		if record.Flag&critical != 0 && !slices.Contains(knownTags(), tag) {
			return &Sign{Cause: "caa-forbids", Level: Problem, Text: fmt.Sprintf("%q is critical and no tag that CAs know", record.Tag)}
		}
		values[tag] = append(values[tag], record.Value)
	}
	decisive := values["issue"]
	if wildcard && values["issuewild"] != nil {
		decisive = values["issuewild"]
	}
	if decisive == nil {
		return nil
	}
	return a.refused(decisive, methods)
}

// refused is what the decisive properties have against the CA: any one that permits is enough.
func (a applicant) refused(values, methods []string) *Sign {
	var reasons []string
	level := Problem
	for _, value := range values {
		p := parsePermit(value)
		if !slices.ContainsFunc(a.identities, func(identity string) bool { return strings.EqualFold(identity, p.issuer) }) {
			continue
		}
		why, sure := p.lacks(a.account, methods)
		if why == "" {
			return nil
		}
		if !sure || !a.obeys {
			level = Warning
		}
		reasons = append(reasons, why)
	}
	of := strings.Join(a.identities, " or ")
	if reasons == nil {
		return &Sign{Cause: "caa-forbids", Level: Problem, Text: "none of them is for " + of}
	}
	return &Sign{Cause: "caa-restricts", Level: level, Text: fmt.Sprintf("what they say for %s is no use: %s", of, listed(reasons, ""))}
}

// permit is the value of an issue or issuewild property.
type permit struct {
	// issuer is the name of the CA, "" for none.
	issuer string
	// malformed values permit nothing.
	malformed bool
	// accounts and methods are the values of the parameters of RFC 8657, one for each time that they are there.
	accounts, methods []string
	// odd tells whether one of these is not spelled as there, so that a CA may pass over it.
	odd bool
}

var (
	parameterTag = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?$`)
	// parameterValue leaves out white space and the semicolon.
	parameterValue = regexp.MustCompile(`^[\x21-\x3a\x3c-\x7e]*$`)
	methodLabel    = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
)

// parsePermit reads a value by the grammar of https://www.rfc-editor.org/rfc/rfc8659#section-4.2. There a semicolon is between
// parameters, not after the last one.
func parsePermit(value string) permit {
	const white = " \t"
	issuer, rest, _ := strings.Cut(value, ";")
	p := permit{issuer: strings.ToLower(strings.Trim(issuer, white))}
	if strings.Trim(rest, white) == "" {
		return p
	}
	for parameter := range strings.SplitSeq(rest, ";") {
		tag, content, found := strings.Cut(parameter, "=")
		tag, content = strings.Trim(tag, white), strings.Trim(content, white)
		if !found || !parameterTag.MatchString(tag) || !parameterValue.MatchString(content) {
			p.malformed = true
			continue
		}
		p = p.with(tag, content)
	}
	return p
}

// with is the permit with one more parameter.
func (p permit) with(tag, content string) permit {
	known := strings.ToLower(tag)
	switch known {
	case "accounturi":
		p.accounts = append(p.accounts, content)
	case "validationmethods":
		p.methods = append(p.methods, content)
	default:
		return p // which concerns other CAs
	}
	p.odd = p.odd || tag != known
	return p
}

// lacks is why an account and these methods do not fit a permit, "" where they do. Sure is false where a CA may see it otherwise.
func (p permit) lacks(account string, methods []string) (why string, sure bool) {
	switch {
	case p.malformed:
		return "its parameters are not in the form tag=value; tag=value", true
	case len(p.methods) > 1:
		return "it has validationmethods more than once", !p.odd
	case len(p.accounts) > 1:
		return "it has accounturi more than once", !p.odd
	case len(p.methods) == 1 && !p.allowsOne(methods):
		return fmt.Sprintf("it is for validation by %q only, not by %s", p.methods[0], strings.Join(methods, " or ")), !p.odd
	case len(p.accounts) == 0 || sameAccount(p.accounts[0], account):
		return "", true
	case account == "":
		return fmt.Sprintf("it is for the account %s only, and the Issuer has none yet", p.accounts[0]), false
	}
	return fmt.Sprintf("it is for the account %s only, and the Issuer's is %s", p.accounts[0], account), !p.odd
}

// allowsOne tells whether a permit allows one of these methods (https://www.rfc-editor.org/rfc/rfc8657#section-4).
func (p permit) allowsOne(methods []string) bool {
	labels := strings.Split(p.methods[0], ",")
	if slices.ContainsFunc(labels, func(label string) bool { return !methodLabel.MatchString(label) }) {
		return false
	}
	return slices.ContainsFunc(labels, func(label string) bool { return slices.Contains(methods, label) })
}

// sameAccount compares the URIs of two accounts. Those of Let's Encrypt have another form from the first version of ACME, which counts, too.
func sameAccount(a, b string) bool {
	now := strings.NewReplacer(
		"https://acme-v01.api.letsencrypt.org/acme/reg/", "https://acme-v02.api.letsencrypt.org/acme/acct/",
		"https://acme-staging.api.letsencrypt.org/acme/reg/", "https://acme-staging-v02.api.letsencrypt.org/acme/acct/",
	)
	return b != "" && now.Replace(a) == now.Replace(b)
}
