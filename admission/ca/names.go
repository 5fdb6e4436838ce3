package ca

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// NameVerdict is how a CA takes a DNS name.
type NameVerdict int

const (
	// NameFine is for names of which nothing is to be said.
	NameFine NameVerdict = iota
	// NameRefused is for names that the CA refuses for certain.
	NameRefused
	// NameMayFail is for names that it may refuse or cannot validate.
	NameMayFail
	// NameForbidden is for names that it refuses by a policy that is not published.
	NameForbidden
)

// NameProblem says what is wrong with a DNS name.
type NameProblem struct {
	Verdict NameVerdict
	// Reason of a refused name goes on after the name, like `contains an underscore`. Otherwise it is a sentence of its own,
	// like `"nas.home.arpa" is a private-use zone; Let's Encrypt cannot validate it over public DNS`.
	Reason string
	// Quote is what Let's Encrypt would answer, or the CA that is Alone; "" where that is not known.
	Quote string
	// Remedy says what to write instead.
	Remedy string
	// Alone says that other public CAs are not known to mind.
	Alone bool
	// strictly says that only a CA whose names are Strict is known to mind.
	strictly bool
}

const (
	quoteCharacter = "Domain name contains an invalid character"
	quoteNonPublic = "Domain name does not end with a valid public suffix (TLD)"
	privateCA      = "Use a private CA issuer"
	otherCA        = "Use a CA that issues such names, such as Let's Encrypt"
)

// DNSName judges a name of a certificate, wildcards included. Let's Encrypt's answers are those of WellFormedIdentifiers in
// https://github.com/letsencrypt/boulder/blob/main/policy/pa.go; what every public CA minds is in sections 3.2.2.6, 4.2.2 and
// 7.1.2.7.12 of https://cabforum.org/working-groups/server/baseline-requirements/requirements/.
func (p *Policy) DNSName(name string) NameProblem {
	if !p.Public {
		return NameProblem{}
	}
	problem := judgeName(strings.ToLower(name))
	switch {
	case problem.strictly && !p.Names.Strict:
		return NameProblem{}
	case problem.Verdict == NameFine:
		return p.particular(strings.ToLower(name))
	case problem.Verdict == NameMayFail && problem.Quote != "":
		problem.Reason += "; " + p.Name + " refuses unknown TLDs"
	case problem.Verdict == NameMayFail:
		problem.Reason = fmt.Sprintf("%s; %s cannot validate it over public DNS", problem.Reason, p.Name)
	case problem.Verdict == NameForbidden && p.Names.Strict:
		problem.Reason = fmt.Sprintf("%s; %s refuses it (forbidden by policy)", problem.Reason, p.Name)
	case problem.Verdict == NameForbidden:
		problem.Reason = fmt.Sprintf("%s; %s may refuse it", problem.Reason, p.Name)
	}
	return problem
}

// particular judges a name that public CAs issue in general.
func (p *Policy) particular(name string) NameProblem {
	label := punycodeLabel(name)
	switch refusal := p.Names.PunycodeRefusal; {
	case label != "" && p.Names.Punycode == No:
		return NameProblem{
			Verdict: NameRefused, Alone: true, Reason: fmt.Sprintf("has a label in punycode (%q)", label), Quote: refusal, Remedy: otherCA,
		}
	case label != "" && refusal != "":
		return NameProblem{
			Verdict: NameMayFail, Reason: fmt.Sprintf("has a label in punycode (%q), to which %s has answered %q", label, p.Name, refusal), Remedy: otherCA,
		}
	case p.Names.PaidWildcards && strings.HasPrefix(name, "*."):
		return NameProblem{Verdict: NameMayFail, Reason: fmt.Sprintf("is a wildcard, which %s issues only under some plans", p.Name)}
	}
	return NameProblem{}
}

// punycodeLabel is the first label of a name that stands for one in another script, "" where there is none.
func punycodeLabel(name string) string {
	for label := range strings.SplitSeq(name, ".") {
		if strings.HasPrefix(label, "xn--") {
			return label
		}
	}
	return ""
}

func judgeName(name string) NameProblem {
	base, isWildcard := strings.CutPrefix(name, "*.")
	whole := base
	if isWildcard {
		// Boulder puts a letter for the star when it counts labels and bytes.
		whole = "x." + base
	}
	for _, check := range []func() NameProblem{
		func() NameProblem { return judgeStar(name) },
		func() NameProblem { return judgeCharacters(name, base) },
		func() NameProblem { return judgeLength(whole) },
		func() NameProblem { return judgeLabels(whole) },
		func() NameProblem { return judgeSuffix(base, isWildcard) },
	} {
		if problem := check(); problem.Verdict != NameFine {
			return problem
		}
	}
	return NameProblem{}
}

func refused(reason, quote, remedy string) NameProblem {
	return NameProblem{Verdict: NameRefused, Reason: reason, Quote: quote, Remedy: remedy}
}

func refusedStrictly(reason, quote, remedy string) NameProblem {
	return NameProblem{Verdict: NameRefused, Reason: reason, Quote: quote, Remedy: remedy, strictly: true}
}

func judgeStar(name string) NameProblem {
	switch stars := strings.Count(name, "*"); {
	case stars > 1:
		return refused(`has more than one "*"`, "Domain name has more than one wildcard", `Use one "*", as the whole first label`)
	case stars == 1 && !strings.HasPrefix(name, "*."):
		return refused(`"*" is only allowed as the whole first label`, "Domain name contains an invalid wildcard. A wildcard is only "+
			"permitted before the first dot in a domain name", "")
	}
	return NameProblem{}
}

func judgeCharacters(name, base string) NameProblem {
	if isAddress(base) {
		return refused("is an IP address", "Identifier type is DNS but value is an IP address", "Use ipAddresses")
	}
	if base == "" {
		return refused("is empty", "Domain name is empty", "Remove it")
	}
	for i := range len(base) {
		if c := base[i]; c != '.' && !isLDH(c) {
			return refusedCharacter(name, c)
		}
	}
	return NameProblem{}
}

// refusedCharacter guesses from a character that no name has what somebody meant.
func refusedCharacter(name string, c byte) NameProblem {
	if scheme, _, ok := strings.Cut(name, "://"); ok && (scheme == "https" || scheme == "http") {
		return refused("has a scheme ("+scheme+"://)", quoteCharacter, "Write the bare host name")
	}
	switch {
	case c == '_':
		return refused("contains an underscore", quoteCharacter, `Use "-" instead, or a private CA issuer`)
	case c == ':':
		return refused("contains a colon", quoteCharacter, "Write the host name without a port")
	case c == '/':
		return refused("contains a slash", quoteCharacter, "Write the host name without a path")
	case c == '@':
		return refused("is an e-mail address", quoteCharacter, "Write a host name")
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return refused("contains white space", quoteCharacter, "Remove it")
	case c >= 0x80:
		return refused("is not ASCII", quoteCharacter, "Write the punycode form")
	}
	return refused(fmt.Sprintf("contains %q", c), quoteCharacter, "Use only letters, digits, hyphens and dots")
}

func isLDH(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-'
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

func judgeLength(name string) NameProblem {
	labels := strings.Count(name, ".") + 1
	switch {
	case len(name) > 253:
		return refused("is longer than 253 bytes", "Domain name is longer than 253 bytes", "")
	case strings.HasSuffix(name, "."):
		if strings.Trim(name, ".") == "" {
			break // The labels say more.
		}
		return refusedStrictly("ends in a dot", "Domain name ends in a dot", "Write it without the last dot")
	case labels > 10:
		return refusedStrictly(fmt.Sprintf("has %d labels, more than 10", labels), "Domain name has more than 10 labels (parts)",
			"Use a shorter name, or a wildcard")
	case labels < 2:
		return refused("needs at least one dot", "Domain name needs at least one dot", privateCA)
	}
	return NameProblem{}
}

func judgeLabels(name string) NameProblem {
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		switch {
		case label == "":
			return refused("has an empty label", "Domain name can not have two dots in a row", "Remove the dot that is too many")
		case len(label) > 63:
			return refused("has a label longer than 63 bytes", "Domain has a label (component between dots) longer than 63 bytes", "")
		case label[0] == '-' || label[len(label)-1] == '-':
			return refused(fmt.Sprintf("has a label that begins or ends with a hyphen (%q)", label), quoteCharacter, "")
		case len(label) < 4 || label[2:4] != "--":
			continue
		case label[:2] != "xn":
			return refusedStrictly(fmt.Sprintf(`has "--" as third and fourth character of a label (R-LDH: %q)`, label),
				"Domain name contains an invalid label in a reserved format (R-LDH: '??--')", "Use another name")
		case !isPunycode(label):
			return refusedStrictly(fmt.Sprintf("contains malformed punycode (%q)", label), "Domain name contains malformed punycode", "")
		}
	}
	return NameProblem{}
}

func isPunycode(label string) bool {
	unicode, err := idna.ToUnicode(label)
	return err == nil && norm.NFC.IsNormalString(unicode)
}

// judgeSuffix judges a well-formed name, for a wildcard what stands after the star.
func judgeSuffix(base string, isWildcard bool) NameProblem {
	base = strings.TrimSuffix(base, ".")
	tld := base[strings.LastIndexByte(base, '.')+1:]
	suffix := icannSuffix(base)
	switch {
	case isSpecialUse(tld):
		return refused(fmt.Sprintf(`not a public domain name (".%s" is special-use)`, tld), quoteNonPublic, privateCA)
	case suffix == "":
		return NameProblem{
			Verdict: NameMayFail, Reason: fmt.Sprintf(`".%s" is not on our public suffix list (%s)`, tld, listMonth()),
			Quote: quoteNonPublic,
		}
	case tld == "arpa":
		return judgeArpa(base)
	case tld == "onion":
		return NameProblem{Verdict: NameMayFail, Reason: "is an onion service"}
	case suffix == base && isWildcard:
		return refused("wildcard directly under a public suffix", "Domain name is a wildcard for an ICANN TLD",
			"Use a wildcard under a domain of your own")
	case suffix == base:
		return refusedStrictly("is a public suffix", "Domain name is an ICANN TLD", "Use a domain of your own")
	case isDocumentation(base):
		return NameProblem{Verdict: NameForbidden, Reason: "is a documentation domain", Quote: "The ACME server refuses to issue a " +
			"certificate for this domain name, because it is forbidden by policy", Remedy: "Use your own domain"}
	}
	return NameProblem{}
}

// judgeArpa judges names for which there is no host in the public DNS. The two reverse zones are in section 4.2.2 of the Baseline
// Requirements.
func judgeArpa(base string) NameProblem {
	for _, zone := range []string{"in-addr.arpa", "ip6.arpa"} {
		if isWithin(base, zone) {
			return refused(fmt.Sprintf("is in the reverse zone %s, closed to public CAs since 2026-03-15 (Baseline Requirements, section 4.2.2)", zone), "",
				"Use the host's name, or ipAddresses")
		}
	}
	if isWithin(base, "home.arpa") {
		return NameProblem{Verdict: NameMayFail, Reason: "is a private-use zone"}
	}
	return NameProblem{Verdict: NameMayFail, Reason: "is in the infrastructure zone .arpa"}
}

func isWithin(name, zone string) bool { return name == zone || strings.HasSuffix(name, "."+zone) }

// icannSuffix is the public suffix of a name by the ICANN section of the list, "" when its top level is not on the list.
// Private entries, like github.io, are domains like any other to a CA.
func icannSuffix(name string) string {
	suffix, icann := publicsuffix.PublicSuffix(name)
	for !icann {
		_, parent, ok := strings.Cut(suffix, ".")
		if !ok {
			return ""
		}
		suffix, icann = publicsuffix.PublicSuffix(parent)
	}
	return suffix
}

// listMonth is when the public suffix list was made that is built in, like "2026-02". Its own description ends with the time.
func listMonth() string {
	_, made, _ := strings.Cut(publicsuffix.List.String(), "(")
	return made[:min(len(made), len("2026-02"))]
}

// isSpecialUse tells whether a top level is never in the public DNS: https://www.iana.org/assignments/special-use-domain-names
// (2026-08-21), appendix G of RFC 6762, and ICANN's resolutions of 2018-02-04 (corp, home, mail) and 2024-07-29 (internal).
func isSpecialUse(tld string) bool {
	switch tld {
	case "alt", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localhost", "mail", "private", "test":
		return true
	}
	return false
}

// isDocumentation tells whether a name is in one of the domains that RFC 2606 keeps for examples.
func isDocumentation(name string) bool {
	switch RegisteredDomain(name) {
	case "example.com", "example.net", "example.org":
		return true
	}
	return false
}

// RegisteredDomain returns the domain that was registered under a public suffix, in lower case, for any name beneath it; ""
// where there is none.
func RegisteredDomain(name string) string {
	name = strings.TrimPrefix(strings.ToLower(strings.TrimSuffix(name, ".")), "*.")
	domain, err := publicsuffix.EffectiveTLDPlusOne(name)
	if err != nil {
		return ""
	}
	return domain
}
