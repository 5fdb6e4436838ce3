package issuer

import (
	"testing"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestServerURLInvalid(t *testing.T) {
	t.Parallel()
	says := func(value, hint string) []string {
		return []string{`spec.acme.server: Invalid value: "` + value + `": must be an absolute URL` + hint + ` [acme-server-url-invalid]`}
	}
	runIssuerReviews(t, "acme-server-url-invalid", map[string]issuerReviewCase{
		"https":                    {acme: `server: https://acme-v02.api.letsencrypt.org/directory`},
		"http":                     {acme: `server: http://ca.corp.internal/directory`},
		"a capital scheme":         {acme: `server: HTTPS://ca.corp.internal/directory`},
		"a port":                   {acme: `server: https://localhost:14000/dir`},
		"nothing, as cert-manager": {acme: `server: ""`},
		"no scheme":                {acme: `server: ca.corp.dev/directory`, want: says("ca.corp.dev/directory", `; did you mean "https://ca.corp.dev/directory"?`)},
		"no scheme, but a port":    {acme: `server: "localhost:14000/dir"`, want: says("localhost:14000/dir", `; did you mean "https://localhost:14000/dir"?`)},
		"another scheme":           {acme: `server: ftp://ca.corp.dev/directory`, want: says("ftp://ca.corp.dev/directory", `; did you mean "https://ca.corp.dev/directory"?`)},
		"two slashes alone":        {acme: `server: //ca.corp.dev/directory`, want: says("//ca.corp.dev/directory", `; did you mean "https://ca.corp.dev/directory"?`)},
		"white space in front":     {acme: `server: " https://ca.corp.dev/directory"`, want: says(" https://ca.corp.dev/directory", `; did you mean "https://ca.corp.dev/directory"?`)},
		"a word":                   {acme: `server: letsencrypt`, want: says("letsencrypt", `, like https://acme-v02.api.letsencrypt.org/directory.`)},
		"no host":                  {acme: `server: "https:///directory"`, want: says("https:///directory", `, like https://acme-v02.api.letsencrypt.org/directory.`)},
		"a port alone":             {acme: `server: "https://:443/directory"`, want: says("https://:443/directory", `, like https://acme-v02.api.letsencrypt.org/directory.`)},
	})
}

func TestServerPlainHTTP(t *testing.T) {
	t.Parallel()
	runIssuerReviews(t, "acme-server-plain-http", map[string]issuerReviewCase{
		"https": {},
		"http": {
			acme: `server: http://acme-v02.api.letsencrypt.org/directory`,
			want: []string{`[acme-server-plain-http] spec.acme.server: "http://acme-v02.api.letsencrypt.org/directory": RFC 8555 requires https; use https://acme-v02.api.letsencrypt.org/directory`},
		},
		"http to a private server": {
			acme: `server: HTTP://ca.corp.internal:8080/directory`,
			want: []string{`[acme-server-plain-http] spec.acme.server: "HTTP://ca.corp.internal:8080/directory": RFC 8555 requires https; use https://ca.corp.internal:8080/directory`},
		},
	})
}

func TestServerPath(t *testing.T) {
	t.Parallel()
	says := func(value string) []string {
		return []string{`spec.acme.server: Invalid value: "` + value + `": Let's Encrypt serves its directory at exactly "https://acme-v02.api.letsencrypt.org/directory". [acme-server-path]`}
	}
	runIssuerReviews(t, "acme-server-path", map[string]issuerReviewCase{
		"production":             {acme: `server: https://acme-v02.api.letsencrypt.org/directory`},
		"staging":                {acme: `server: https://acme-staging-v02.api.letsencrypt.org/directory`},
		"production over http":   {acme: `server: http://acme-v02.api.letsencrypt.org/directory`},
		"production in capitals": {acme: `server: https://ACME-v02.api.letsencrypt.org/directory`},
		"a private server":       {acme: `server: https://ca.corp.internal/`},
		"a path too long":        {acme: `server: https://acme-v02.api.letsencrypt.org/directory/`, want: says("https://acme-v02.api.letsencrypt.org/directory/")},
		"no path":                {acme: `server: https://acme-v02.api.letsencrypt.org`, want: says("https://acme-v02.api.letsencrypt.org")},
		"a path in capitals":     {acme: `server: https://acme-v02.api.letsencrypt.org/Directory`, want: says("https://acme-v02.api.letsencrypt.org/Directory")},
		"the host without -v02":  {acme: `server: https://api.letsencrypt.org/directory`, want: says("https://api.letsencrypt.org/directory")},
		"staging without a path": {acme: `server: https://acme-staging-v02.api.letsencrypt.org/`, want: []string{
			`spec.acme.server: Invalid value: "https://acme-staging-v02.api.letsencrypt.org/": Let's Encrypt serves its directory at exactly "https://acme-staging-v02.api.letsencrypt.org/directory". [acme-server-path]`,
		}},
		"a host that nobody knows": {acme: `server: https://acme-v3.api.letsencrypt.org/directory`, want: []string{
			`[acme-server-path] spec.acme.server: "https://acme-v3.api.letsencrypt.org/directory": is not known as an ACME server of Let's Encrypt; did you mean "https://acme-v02.api.letsencrypt.org/directory"?`,
		}},
		"a host that looks like it":   {acme: `server: https://acme-v02.api.notletsencrypt.org/`},
		"a host that is switched off": {acme: `server: https://acme-v02.api.letsencrypt.org/`, change: ruletest.Like("https://acme-v02.api.letsencrypt.org/", ca.LikeOff)},
		"without the table of CAs":    {acme: `server: https://acme-v02.api.letsencrypt.org/`, change: func(s *ruletest.Scene) { s.Env.Settings.CAs = nil }},
	})
}

func TestServerObsolete(t *testing.T) {
	t.Parallel()
	runIssuerReviews(t, "acme-server-obsolete", map[string]issuerReviewCase{
		"a server that is there": {},
		"Buypass": {acme: `server: https://api.buypass.com/acme/directory`, want: []string{
			`spec.acme.server: Invalid value: "https://api.buypass.com/acme/directory": Buypass issues no more (since 2025-10-15), and its ACME service ended on 2026-04-15. Use another CA. [acme-server-obsolete]`,
		}},
		"staging of the first ACME": {acme: `server: https://acme-staging.api.letsencrypt.org/directory`, want: []string{
			`spec.acme.server: Invalid value: "https://acme-staging.api.letsencrypt.org/directory": ACMEv1 was switched off in 2021; use https://acme-staging-v02.api.letsencrypt.org/directory. [acme-server-obsolete]`,
		}},
	})
}

func TestServerObsoleteOnUpdate(t *testing.T) {
	t.Parallel()
	old, changed := ruletest.Issuer(`server: https://api.buypass.com/acme/directory`), ruletest.Issuer(`
		server: https://api.buypass.com/acme/directory
		email: ops@cert-lab.dev`)
	ruletest.Want(t, "acme-server-obsolete", ruletest.Update(t, Rules(), "", old, changed),
		`[acme-server-obsolete] spec.acme.server: "https://api.buypass.com/acme/directory": Buypass issues no more (since 2025-10-15), and its ACME service ended on 2026-04-15. Use another CA`)
	ruletest.Want(t, "acme-server-obsolete", ruletest.Update(t, Rules(), "", ruletest.Issuer(``), changed),
		`spec.acme.server: Invalid value: "https://api.buypass.com/acme/directory": Buypass issues no more (since 2025-10-15), and its ACME service ended on 2026-04-15. Use another CA. [acme-server-obsolete]`)
	ruletest.Want(t, "acme-server-obsolete", ruletest.Update(t, Rules(), "", ruletest.Issuer(``), changed, func(s *ruletest.Scene) { s.Env.Settings.CAs = nil }))
}

func TestSkipTLSVerifyPublicCA(t *testing.T) {
	t.Parallel()
	runIssuerReviews(t, "skip-tls-verify-public-ca", map[string]issuerReviewCase{
		"verified": {},
		"a private server": {acme: `
			server: https://ca.corp.internal/directory
			skipTLSVerify: true`},
		"Pebble": {acme: `
			server: https://localhost:14000/dir
			skipTLSVerify: true`},
		"ZeroSSL": {acme: `
			server: https://acme.zerossl.com/v2/DV90
			skipTLSVerify: true`, want: []string{
			`[skip-tls-verify-public-ca] spec.acme.skipTLSVerify: true: not needed for a publicly trusted CA; exposes account and orders to interception`,
		}},
	})
}
