package issuer

import "testing"

func TestUnknownProfile(t *testing.T) {
	t.Parallel()
	const is = `: is not a Let's Encrypt profile (classic, tlsserver, shortlived; case matters)`
	says := func(text string) []string { return []string{`[unknown-profile] spec.acme.profile: ` + text} }
	runIssuerReviews(t, "unknown-profile", map[string]issuerReviewCase{
		"none":                   {},
		"classic":                {acme: `profile: classic`},
		"shortlived, staging":    {acme: "profile: shortlived\nserver: " + stagingURL},
		"a CA that nobody knows": {acme: "profile: ShortLived\nserver: https://ca.corp.internal/directory"},
		"capital letters":        {acme: `profile: TLSServer`, want: says(`"TLSServer"` + is + `; did you mean "tlsserver"?`)},
		"a slip of the pen":      {acme: `profile: shortlive`, want: says(`"shortlive"` + is + `; did you mean "shortlived"?`)},
		"something else":         {acme: `profile: default`, want: says(`"default"` + is)},
		"one that is gone":       {acme: `profile: tlsclient`, want: says(`"tlsclient"` + is + `; it was removed on 2026-07-08`)},
		"a CA without profiles": {
			acme: "profile: classic\nserver: https://acme.zerossl.com/v2/DV90",
			want: says(`"classic": ZeroSSL has no profiles, so that each Order would fail; leave profile out`),
		},
		"a CA of which it is not known": {acme: "profile: standard\nserver: https://dv.acme-v02.api.pki.goog/directory"},
	})
}

func TestDurationFeatureUnsupported(t *testing.T) {
	t.Parallel()
	says := func(text string) []string {
		return []string{`[duration-feature-unsupported] spec.acme.enableDurationFeature: true: ` + text + ` every Certificate with a duration`}
	}
	runIssuerReviews(t, "duration-feature-unsupported", map[string]issuerReviewCase{
		"off":                    {},
		"a CA that nobody knows": {acme: "enableDurationFeature: true\nserver: https://ca.corp.internal/directory"},
		"a CA that supports it":  {acme: "enableDurationFeature: true\nserver: https://dv.acme-v02.api.pki.goog/directory"},
		"Let's Encrypt":          {acme: `enableDurationFeature: true`, want: says(`Let's Encrypt answers "NotBefore and NotAfter are not supported" for`)},
		"ZeroSSL": {
			acme: "enableDurationFeature: true\nserver: https://acme.zerossl.com/v2/DV90",
			want: says(`ZeroSSL does not support it and refuses`),
		},
	})
}

func TestPreferredChainExpired(t *testing.T) {
	t.Parallel()
	runIssuerReviews(t, "preferred-chain-expired", map[string]issuerReviewCase{
		"none":                   {},
		"one that is there":      {acme: `preferredChain: ISRG Root X1`},
		"a CA that nobody knows": {acme: "preferredChain: DST Root CA X3\nserver: https://ca.corp.internal/directory"},
		"one that is gone": {acme: `preferredChain: DST Root CA X3`, want: []string{
			`[preferred-chain-expired] spec.acme.preferredChain: "DST Root CA X3": no longer exists; the default chain is used`,
		}},
	})
}
