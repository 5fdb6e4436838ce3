package ca

// google has one CA at three servers: production, staging, and one for signed exchanges.
func google() []entry {
	return []entry{
		{googlePolicy("google", "https://dv.acme-v02.api.pki.goog/directory", false), []server{{host: "dv.acme-v02.api.pki.goog"}}},
		{
			googlePolicy("google-staging", "https://dv.acme-v02.test-api.pki.goog/directory", true),
			[]server{{host: "dv.acme-v02.test-api.pki.goog"}},
		},
		{
			googlePolicy("google-sxg", "https://dv-sxg.acme-v02.api.pki.goog/directory", false),
			[]server{{host: "dv-sxg.acme-v02.api.pki.goog"}},
		},
	}
}

func googlePolicy(id, directory string, staging bool) *Policy {
	tutorial := Source{"https://cloud.google.com/certificate-manager/docs/public-ca-tutorial", "2026-04-23"}
	comparison := Source{"https://poshac.me/docs/latest/Guides/ACME-CA-Comparison/", "2026-04-23"}
	return &Policy{
		ID:            id,
		Name:          "Google Trust Services",
		Source:        tutorial,
		Public:        true,
		Staging:       staging,
		Directory:     directory,
		EAB:           EAB{tutorial, Yes},
		Preauthorized: No,
		Keys: Keys{
			// Whether it signs P-521 is told in different ways.
			Source: Source{"https://pki.goog/faq/", "2026-04-23"},
			RSA:    []int{2048, 3072, 4096},
			ECDSA:  []int{256, 384},
			Text:   "RSA 2048/3072/4096 and ECDSA 256/384",
		},
		Names: Names{Source: comparison},
		// Its documents name profiles, and clients saw none.
		Profiles: Profiles{
			Source: comparison,
			List:   []Profile{{Source: comparison, Lifetimes: []Lifetime{{Validity: 90 * day}}}},
		},
		NotAfter: NotAfter{Source: comparison, Supported: Yes},
		ClientAuth: ClientAuth{
			Source:  Source{"https://github.com/acmesh-official/acme.sh/issues/6610", "2026-04-13"},
			Refused: true,
		},
		Ignored: domainValidated(tutorial),
	}
}
