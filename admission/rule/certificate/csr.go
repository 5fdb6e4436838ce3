package certificate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/solvers/dnsname"
)

// requestRules are the rules about the CSR that cert-manager would make. They share a dry run.
func requestRules() []rule.Rule {
	return []rule.Rule{csrCannotBeBuilt(), csrRoundTripMismatch()}
}

func csrCannotBeBuilt() rule.Rule {
	return rule.Rule{
		ID:       "csr-cannot-be-built",
		Severity: rule.Deny,
		Summary:  "No CSR can be made from a value in the spec.",
		Why: "cert-manager makes a CSR from the spec before it asks any issuer. Where it cannot, it writes a line into its log and never tries " +
			"again: the Certificate stays in \"Issuing\" (https://github.com/cert-manager/cert-manager/issues/9139). A URI that cannot be parsed " +
			"comes into a CSR, but then cert-manager's own webhook refuses the CertificateRequest. Found by making the CSR with cert-manager's code.",
		Remedy: "Write names in ASCII: internationalized domain names in their punycode form, address ranges with a mask, URIs as RFC 3986 has them.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			faults, err := r.CSR.Faults(ctx)
			if err != nil {
				return err
			}
			for _, f := range faults {
				if f.Err == nil {
					continue
				}
				if finding, ok := unbuildable(&r.Settings, &f); ok {
					if err := yield(finding); err != nil {
						return err
					}
				}
			}
			reason, err := r.CSR.Unexplained(ctx)
			if reason == nil || err != nil {
				return err
			}
			return yield(rule.Finding{Field: "spec", Message: fmt.Sprintf("cert-manager cannot build a CSR from this spec (%q) and %s",
				reason.Error(), stuck(&r.Settings))})
		}),
	}
}

// stuck says what becomes of a Certificate from which no CSR can be made. Since version 1.22 cert-manager tells of it in an
// event (https://github.com/cert-manager/cert-manager/pull/9140).
func stuck(s *rule.Settings) string {
	if s.CertManagerAtLeast("1.22") {
		return `would stay in "Issuing"`
	}
	return `would stay in "Issuing" without any event`
}

// unbuildable is the finding about a fault; ok is false where cert-manager's own webhook speaks.
func unbuildable(s *rule.Settings, f *csr.Fault) (finding rule.Finding, ok bool) {
	if f.Kind == csr.Range && s.CertManagerAtLeast("1.22") {
		// Its webhook then looks into the ranges itself.
		return rule.Finding{}, false
	}
	finding = rule.Finding{Field: f.Field, Value: f.Value, Remedy: rewrite(f)}
	reason := fmt.Sprintf("from this spec (%q)", rootText(f))
	if f.List == "spec.dnsNames" {
		reason = "from this name (not ASCII)"
	}
	finding.Message = fmt.Sprintf("cert-manager cannot build a CSR %s and %s", reason, stuck(s))
	if f.Kind == csr.URI && isASCII(f.Value) {
		finding.Message = fmt.Sprintf("cert-manager cannot build a CSR %s and would stay in \"Issuing\": its own webhook would refuse the CertificateRequest",
			reason)
	}
	return finding, true
}

// rootText is the innermost reason of a fault.
func rootText(f *csr.Fault) string {
	if f.Kind == csr.URI {
		var parseError *url.Error
		if _, err := url.Parse(f.Value); errors.As(err, &parseError) {
			return parseError.Err.Error()
		}
		if strings.HasSuffix(f.Err.Error(), ": invalid domain") {
			return "invalid domain"
		}
	}
	return f.Err.Error()
}

// rewrite says what to write instead.
func rewrite(f *csr.Fault) string {
	switch f.Kind {
	case csr.Name:
		dot := ""
		if strings.HasPrefix(f.Value, ".") {
			dot = "."
		}
		if ascii, err := dnsname.Parse(strings.TrimPrefix(f.Value, ".")); err == nil {
			return fmt.Sprintf("Write the punycode form %q", dot+ascii)
		}
		return "Write it in ASCII"
	case csr.Address:
		local, domain, found := strings.Cut(f.Value, "@")
		if ascii, err := dnsname.Parse(domain); found && err == nil && isASCII(local) {
			return fmt.Sprintf("Write the domain in its punycode form: %q", local+"@"+ascii)
		}
		return "Use an address with only ASCII characters before the @"
	case csr.Range:
		if prefix, ok := guessPrefix(f.Value); ok {
			return fmt.Sprintf("Write %q", prefix)
		}
		return "Write an address and the length of its mask, like \"10.0.0.0/8\""
	case csr.URI:
		return "Write a URI as RFC 3986 has it, in ASCII, and with \"%\" only before two hexadecimal digits"
	case csr.OID:
		return "Write an object identifier that exists, like \"1.3.6.1.4.1.311.20.2.3\""
	case csr.Subject:
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

func csrRoundTripMismatch() rule.Rule {
	return rule.Rule{
		ID:       "csr-round-trip-mismatch",
		Severity: rule.Deny,
		Summary:  "A CSR stores a value otherwise than the spec has it.",
		Why: "cert-manager compares each CertificateRequest's CSR with the spec. Where they differ it deletes the CertificateRequest and makes the " +
			"same one again, for ever. Found by making the CSR and comparing it with cert-manager's own pki.RequestMatchesSpec.",
		Remedy: "Write the value as the CSR would have it: a URI's scheme in lower case, with spaces and other special characters escaped.",
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			faults, err := r.CSR.Faults(ctx)
			if err != nil {
				return err
			}
			explained := false
			for _, f := range faults {
				if f.Err != nil {
					continue
				}
				explained = true
				if err := yield(mismatched(&f)); err != nil {
					return err
				}
			}
			violations, err := r.CSR.Violations(ctx)
			if explained || len(violations) == 0 || err != nil {
				return err
			}
			return yield(rule.Finding{Field: violations[0], Message: endless("")})
		}),
	}
}

func endless(becomes string) string {
	return "is not stored in the CSR as written" + becomes + ", so cert-manager would re-create the CertificateRequest endlessly"
}

func mismatched(f *csr.Fault) rule.Finding {
	finding := rule.Finding{Field: f.Field, Value: f.Value}
	if f.Kind == csr.URI {
		finding.Field = f.List
	}
	if f.Becomes == "" {
		finding.Message = endless("")
		return finding
	}
	finding.Message = endless(" (it becomes " + strconv.Quote(f.Becomes) + ")")
	finding.Remedy = "Use " + strconv.Quote(f.Becomes)
	return finding
}
