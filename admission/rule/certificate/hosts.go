package certificate

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

func dnsNameInvalid() rule.Rule {
	return rule.Rule{
		ID: "dns-name-invalid", Severity: rule.Warn,
		Summary: "A DNS name is a URL, has a port, a path or a space, or is an IP address.",
		Why: "cert-manager passes on whatever is written, and a private CA or a self-signed Issuer signs it. But a client compares the name with the " +
			"host that it has called, without scheme, port and path, and looks for an address among ipAddresses (RFC 9525, section 6). So no " +
			"client ever accepts it. What a public CA refuses at once says the rule acme-name-not-issuable.",
		Remedy: "Write the host name alone into dnsNames, and addresses into ipAddresses.",
		Check:  rule.Certificates(checkHosts),
	}
}

func checkHosts(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	for i, name := range rule.Until(ctx, r.Certificate.Spec.DNSNames) {
		untrimmed := r.Synthetic && strings.TrimSpace(name) != name // ingress-annotation-value-invalid speaks of it
		if untrimmed || !csr.Carries(name) || r.Public() && r.NameProblem(name).Verdict != ca.NameFine {
			continue // as others do
		}
		if message, remedy := noHost(name); message != "" {
			f := rule.Finding{Field: fieldpath.Spec("dnsNames").Index(i).String(), Value: name, Message: message, Remedy: remedy}
			if err := yield(f); err != nil {
				return err
			}
		}
	}
	return checkHostAsCommonName(r, yield)
}

// checkHostAsCommonName looks for a host name with more around it. A common name may be any text, so without a host in it nothing is said.
func checkHostAsCommonName(r *rule.CertificateReview, yield rule.Yield) error {
	path, name := commonName(&r.Certificate.Spec)
	host := hostIn(name)
	if r.Certificate.Spec.IsCA || r.ACME != nil || host == "" || host == name {
		return nil
	}
	return yield(rule.Finding{
		Field: path.String(), Value: name, Message: "has more than a host name in it, and no client calls a host of that name",
		Remedy: fmt.Sprintf("Write %q into dnsNames, and leave commonName out", host),
	})
}

// noHost says why no client calls a host by a name, and what to write; "" where it may be one.
func noHost(name string) (message, remedy string) {
	if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return "is an IP address, and clients look for addresses in ipAddresses alone", fmt.Sprintf("Move it to ipAddresses as %q", addr)
	}
	if host := hostIn(name); host != "" && host != name {
		remedy = fmt.Sprintf("Write %q", host)
	}
	switch {
	case strings.Contains(name, "://"):
		return "is a URL, and no client finds a host name in it", remedy
	case strings.ContainsAny(name, " \t\r\n"):
		return "has white space in it, and no host name has", remedy
	case strings.ContainsAny(name, ",;"):
		return "is a list in one text, and no host has this name", "Write each name for itself"
	case strings.Contains(name, "/"):
		return "has a slash in it, and no host name has", remedy
	case strings.Contains(name, ":"):
		return "has a port, and clients compare the host name alone", remedy
	case strings.Contains(name, "@"):
		return "is an e-mail address and no host name", "Move it to emailAddresses"
	}
	return "", ""
}

// hostIn is the host name, of two labels at least, that a text has a scheme, a port, a path or white space around; "" where there is none.
func hostIn(text string) string {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = "//" + text
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.User != nil {
		return ""
	}
	host := parsed.Hostname()
	plain := strings.ToLower(strings.TrimPrefix(host, "*."))
	if _, err := netip.ParseAddr(plain); err == nil || !strings.Contains(plain, ".") || len(validation.IsDNS1123Subdomain(plain)) > 0 {
		return ""
	}
	return host
}
