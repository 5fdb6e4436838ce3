package issuer

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// serverRules are about the URL of the ACME server.
func serverRules() []rule.Rule {
	return []rule.Rule{serverURLInvalid(), serverPlainHTTP(), serverPath(), serverObsolete(), skipTLSVerifyPublicCA()}
}

func serverURLInvalid() rule.Rule {
	return rule.Rule{
		ID: "acme-server-url-invalid", Severity: rule.Deny,
		Summary: "The URL of the ACME server is not an absolute URL.",
		Why:     "cert-manager accepts any text here. Then the Issuer is Ready=False (InvalidURL) and never tried again.",
		Remedy:  "Write the whole URL of the CA's ACME directory, with https://.",
		Check:   forACME(checkServerURL),
	}
}

func checkServerURL(_ context.Context, _ *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	if acme.Server == "" || absoluteURL(acme.Server) != nil {
		return nil
	}
	return yield(rule.Finding{Field: fieldpath.ACME("server").String(), Value: acme.Server, Message: "must be an absolute URL" + betterURL(acme.Server)})
}

// betterURL guesses which URL was meant.
func betterURL(written string) string {
	written = strings.TrimSpace(written)
	if _, rest, ok := strings.Cut(written, "://"); ok {
		written = rest
	}
	better := absoluteURL("https://" + strings.TrimLeft(written, "/"))
	if better == nil || !strings.ContainsAny(better.Host, ".:") {
		return ", like https://acme-v02.api.letsencrypt.org/directory"
	}
	return fmt.Sprintf("; did you mean %q?", better)
}

// absoluteURL returns the parsed URL of an HTTP server, nil when the text is not one.
func absoluteURL(text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil
	}
	return u
}

func serverPlainHTTP() rule.Rule {
	return rule.Rule{
		ID: "acme-server-plain-http", Severity: rule.Warn,
		Summary: "The URL of the ACME server is without TLS.",
		Why:     "RFC 8555, section 6.1, requires https. A redirect may hide the mistake, or the server may not answer at all.",
		Remedy:  "Write https:// in place of http://.",
		Check: forACME(func(_ context.Context, _ *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			u := absoluteURL(acme.Server)
			if u == nil || u.Scheme != "http" {
				return nil
			}
			u.Scheme = "https"
			return yield(rule.Finding{
				Field: fieldpath.ACME("server").String(), Value: acme.Server,
				Message: "RFC 8555 requires https; use " + u.String(),
			})
		}),
	}
}

func serverPath() rule.Rule {
	return rule.Rule{
		ID: "acme-server-path", Severity: rule.Deny, Facts: []string{""},
		Summary: "The URL is on a CA's ACME host, but is not that of its directory.",
		Why: "Let's Encrypt serves its directory at one path only: at / there is a page for people, and everything else is not " +
			"found (boulder, wfe2/wfe.go). Registration of the account fails. A host of letsencrypt.org that is not known only warns.",
		Remedy: "Write the URL exactly as the CA documents it.",
		Check:  forACME(checkServerPath),
	}
}

func checkServerPath(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	u := absoluteURL(acme.Server)
	if u == nil {
		return nil
	}
	path := fieldpath.ACME("server").String()
	policy := r.CA()
	switch {
	case policy == nil && r.Settings.CAs != nil && !r.Settings.CAs.Has(acme.Server):
		return unknownServerOfLetsEncrypt(u, path, yield)
	case policy == nil || policy.Ended != nil || !policy.ExactDirectory || policy.ServedAt(acme.Server):
		return nil
	}
	return yield(rule.Finding{
		Field: path, Value: acme.Server,
		Message: fmt.Sprintf("%s serves its directory at exactly %q", policy.Name, policy.Directory),
	})
}

// unknownServerOfLetsEncrypt warns about hosts that are often written by mistake. New ones may come, so it never denies.
func unknownServerOfLetsEncrypt(u *url.URL, path string, yield rule.Yield) error {
	host := strings.ToLower(u.Hostname())
	if host != "letsencrypt.org" && !strings.HasSuffix(host, ".letsencrypt.org") {
		return nil
	}
	better := "https://acme-v02.api.letsencrypt.org/directory"
	if strings.Contains(host, "stag") {
		better = "https://acme-staging-v02.api.letsencrypt.org/directory"
	}
	return yield(rule.Finding{
		Severity: rule.Warn, Field: path, Value: u.String(),
		Message: fmt.Sprintf("is not known as an ACME server of Let's Encrypt; did you mean %q?", better),
	})
}

func serverObsolete() rule.Rule {
	return rule.Rule{
		ID: "acme-server-obsolete", Severity: rule.Deny, Facts: []string{"ended"},
		Summary: "The ACME server is no more.",
		Why: "The CA has switched it off; the announcement is in the table of CAs. An update of an Issuer that already has this " +
			"server is only warned about.",
		Remedy: "Use another CA, or the CA's present server.",
		Check:  forACME(checkServerObsolete),
	}
}

func checkServerObsolete(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	policy := r.CA()
	if policy == nil || policy.Ended == nil {
		return nil
	}
	f := rule.Finding{Field: fieldpath.ACME("server").String(), Value: acme.Server, Message: policy.Ended.What, Remedy: policy.Ended.Instead}
	if r.Old != nil && r.Old.GetSpec().ACME != nil && r.Old.GetSpec().ACME.Server == acme.Server {
		f.Severity = rule.Warn
	}
	return yield(f)
}

func skipTLSVerifyPublicCA() rule.Rule {
	return rule.Rule{
		ID: "skip-tls-verify-public-ca", Severity: rule.Warn,
		Summary: "skipTLSVerify is set for a CA that everybody trusts.",
		Why:     "It works, but whoever is between the cluster and the CA can read and change what is ordered.",
		Remedy:  "Remove skipTLSVerify.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			if !acme.SkipTLSVerify || len(acme.CABundle) > 0 || !publicServer(r.CA()) {
				return nil // cert-manager refuses it next to a caBundle.
			}
			return yield(rule.Finding{
				Field: fieldpath.ACME("skipTLSVerify").String(), Value: true,
				Message: "not needed for a publicly trusted CA; exposes account and orders to interception",
			})
		}),
	}
}

// publicServer tells whether the server is the CA's own and has a certificate that everybody trusts.
func publicServer(policy *ca.Policy) bool { return policy != nil && policy.Public && !policy.Relayed }
