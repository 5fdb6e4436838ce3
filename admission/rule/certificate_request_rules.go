package rule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/certyun/certyun/solvers/dnsname"
)

// requestRules are the rules about the CSR that cert-manager would make. They share a dry run.
func requestRules() []Rule {
	s := newSigner()
	return []Rule{csrCannotBeBuilt(s), csrRoundTripMismatch(s)}
}

func csrCannotBeBuilt(s *signer) Rule {
	return Rule{
		ID:       "csr-cannot-be-built",
		Severity: Deny,
		Kinds:    []string{"Certificate"},
		Summary:  "No CSR can be made from a value in the spec.",
		Why: "cert-manager makes a CSR from the spec before it asks any issuer. Where it cannot, it writes a line into its log and never tries " +
			"again: the Certificate stays in \"Issuing\" (https://github.com/cert-manager/cert-manager/issues/9139). A URI that cannot be parsed " +
			"comes into a CSR, but then cert-manager's own webhook refuses the CertificateRequest. Found by making the CSR with cert-manager's code.",
		Remedy: "Write names in ASCII: internationalized domain names in their punycode form, address ranges with a mask, URIs as RFC 3986 has them.",
		CheckCertificate: func(_ context.Context, r *CertificateReview) ([]Finding, error) {
			var findings []Finding
			for _, f := range s.faults(r) {
				if f.err == nil {
					continue
				}
				if f.part.kind == namePart {
					r.markUnbuildable(f.value)
				}
				if finding, ok := unbuildable(&r.Settings, &f); ok {
					findings = append(findings, finding)
				}
			}
			if len(findings) == 0 && s.request(r).err != nil && len(s.faults(r)) == 0 && !refusedByWebhook(&r.Certificate.Spec) {
				findings = append(findings, Finding{Field: "spec", Message: fmt.Sprintf("cert-manager cannot build a CSR from this spec (%q) and %s",
					s.request(r).err.Error(), stuck(&r.Settings))})
			}
			return findings, nil
		},
	}
}

// stuck says what becomes of a Certificate from which no CSR can be made. Since version 1.22 cert-manager tells of it in an
// event (https://github.com/cert-manager/cert-manager/pull/9140).
func stuck(s *Settings) string {
	if s.certManagerAtLeast("1.22") {
		return `would stay in "Issuing"`
	}
	return `would stay in "Issuing" without any event`
}

// unbuildable is the finding about a fault; ok is false where cert-manager's own webhook speaks.
func unbuildable(s *Settings, f *fault) (finding Finding, ok bool) {
	if f.part.kind == rangePart && s.certManagerAtLeast("1.22") {
		// Its webhook then looks into the ranges itself.
		return Finding{}, false
	}
	finding = Finding{Field: f.path(), Value: f.value, Remedy: rewrite(f)}
	reason := fmt.Sprintf("from this spec (%q)", rootText(f))
	if f.part.path == "spec.dnsNames" {
		reason = "from this name (not ASCII)"
	}
	finding.Message = fmt.Sprintf("cert-manager cannot build a CSR %s and %s", reason, stuck(s))
	if f.part.kind == uriPart && isASCII(f.value) {
		finding.Message = fmt.Sprintf("cert-manager cannot build a CSR %s and would stay in \"Issuing\": its own webhook would refuse the CertificateRequest",
			reason)
	}
	return finding, true
}

// rootText is the innermost reason of a fault.
func rootText(f *fault) string {
	if f.part.kind == uriPart {
		var parseError *url.Error
		if _, err := url.Parse(f.value); errors.As(err, &parseError) {
			return parseError.Err.Error()
		}
		if strings.HasSuffix(f.err.Error(), ": invalid domain") {
			return "invalid domain"
		}
	}
	return f.err.Error()
}

// rewrite says what to write instead.
func rewrite(f *fault) string {
	switch f.part.kind {
	case namePart:
		dot := ""
		if strings.HasPrefix(f.value, ".") {
			dot = "."
		}
		if ascii, err := dnsname.Parse(strings.TrimPrefix(f.value, ".")); err == nil {
			return fmt.Sprintf("Write the punycode form %q", dot+ascii)
		}
		return "Write it in ASCII"
	case addressPart:
		local, domain, found := strings.Cut(f.value, "@")
		if ascii, err := dnsname.Parse(domain); found && err == nil && isASCII(local) {
			return fmt.Sprintf("Write the domain in its punycode form: %q", local+"@"+ascii)
		}
		return "Use an address with only ASCII characters before the @"
	case rangePart:
		if prefix, ok := guessPrefix(f.value); ok {
			return fmt.Sprintf("Write %q", prefix)
		}
		return "Write an address and the length of its mask, like \"10.0.0.0/8\""
	case uriPart:
		return "Write a URI as RFC 3986 has it, with only ASCII characters and \"%\" only before two hexadecimal digits"
	case oidPart:
		return "Write an object identifier that exists, like \"1.3.6.1.4.1.311.20.2.3\""
	case plainPart:
	}
	return "Write it in another form"
}

// guessPrefix is the range that an address without a mask probably stands for: all that begins like it before its trailing
// zero bytes.
func guessPrefix(text string) (string, bool) {
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return "", false
	}
	bytes := addr.AsSlice()
	n := len(bytes)
	for n > 1 && bytes[n-1] == 0 {
		n--
	}
	return (&net.IPNet{IP: bytes, Mask: net.CIDRMask(8*n, 8*len(bytes))}).String(), true
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 127 })
}

func csrRoundTripMismatch(s *signer) Rule {
	return Rule{
		ID:       "csr-round-trip-mismatch",
		Severity: Deny,
		Kinds:    []string{"Certificate"},
		Summary:  "A CSR stores a value otherwise than the spec has it.",
		Why: "cert-manager compares each CertificateRequest's CSR with the spec. Where they differ it deletes the CertificateRequest and makes the " +
			"same one again, for ever. Found by making the CSR and comparing it with cert-manager's own pki.RequestMatchesSpec.",
		Remedy: "Write the value as the CSR would have it: a URI's scheme in lower case, with spaces and other special characters escaped.",
		CheckCertificate: func(_ context.Context, r *CertificateReview) ([]Finding, error) {
			var findings []Finding
			for _, f := range s.faults(r) {
				if f.err == nil {
					findings = append(findings, mismatched(&f))
				}
			}
			if violations := s.request(r).violations; len(findings) == 0 && len(violations) > 0 {
				findings = append(findings, Finding{Field: violations[0], Message: endless("")})
			}
			return findings, nil
		},
	}
}

func endless(becomes string) string {
	return "is not stored in the CSR as written" + becomes + ", so cert-manager would re-create the CertificateRequest endlessly"
}

func mismatched(f *fault) Finding {
	finding := Finding{Field: f.path(), Value: f.value}
	if f.part.kind == uriPart {
		finding.Field = f.part.path
	}
	if f.becomes == "" {
		finding.Message = endless("")
		return finding
	}
	finding.Message = endless(" (it becomes " + strconv.Quote(f.becomes) + ")")
	finding.Remedy = "Use " + strconv.Quote(f.becomes)
	return finding
}
