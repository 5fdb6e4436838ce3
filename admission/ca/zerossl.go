package ca

// zeroSSL publishes little; the rest is what clients saw.
func zeroSSL() []entry {
	const directory = "https://acme.zerossl.com/v2/DV90"
	comparison := Source{"https://poshac.me/docs/latest/Guides/ACME-CA-Comparison/", "2026-04-23"}
	return []entry{{&Policy{
		ID:            "zerossl",
		Name:          "ZeroSSL",
		Source:        Source{"https://zerossl.com/documentation/acme/", "2026-04-23"},
		Public:        true,
		Directory:     directory,
		EAB:           EAB{Source{"https://zerossl.com/documentation/acme/", "2026-04-23"}, Yes},
		Preauthorized: No,
		Keys: Keys{
			Source:       Source{"https://github.com/acmesh-official/acme.sh/issues/3840", "2021-12-04"},
			RSA:          []int{2048, 3072, 4096},
			ECDSA:        []int{256, 384},
			Text:         "RSA 2048/3072/4096 and ECDSA 256/384",
			RefusedECDSA: []int{521},
		},
		Names: Names{Source: comparison, IPs: No},
		Profiles: Profiles{
			Source:    comparison,
			Supported: No,
			List:      []Profile{{Source: comparison, Lifetimes: []Lifetime{{Validity: 90 * day}}}},
		},
		NotAfter: NotAfter{Source: comparison, Supported: No},
		Ignored:  domainValidated(comparison),
	}, []server{{host: "acme.zerossl.com"}}}}
}

// domainValidated is what no CA puts into a certificate after it has validated no more than domains: section 7.1.2.7.2 of the
// Baseline Requirements, https://cabforum.org/working-groups/server/baseline-requirements/requirements/.
func domainValidated(source Source) Ignored {
	return Ignored{Source: source, CA: true, Subject: true, OtherNames: true, NameConstraints: true}
}
