package ca

// sslcom has a server for each kind of key. What an account may have depends on what it has paid.
func sslcom() []entry {
	rsa := sslcomPolicy("sslcom-rsa", "https://acme.ssl.com/sslcom-dv-rsa")
	rsa.Keys.RSA, rsa.Keys.Text = []int{2048, 3072, 4096}, "RSA at this URL (ECDSA at https://acme.ssl.com/sslcom-dv-ecc)"
	ecc := sslcomPolicy("sslcom-ecc", "https://acme.ssl.com/sslcom-dv-ecc")
	ecc.Keys.ECDSA, ecc.Keys.Text = []int{256, 384}, "ECDSA at this URL (RSA at https://acme.ssl.com/sslcom-dv-rsa)"
	return []entry{
		{rsa, []server{{host: "acme.ssl.com", path: "/sslcom-dv-rsa"}}},
		{ecc, []server{{host: "acme.ssl.com", path: "/sslcom-dv-ecc"}}},
	}
}

func sslcomPolicy(id, directory string) *Policy {
	guide := Source{"https://www.ssl.com/guide/ssl-tls-certificate-issuance-and-revocation-with-acme/", "2026-04-23"}
	comparison := Source{"https://poshac.me/docs/latest/Guides/ACME-CA-Comparison/", "2026-04-23"}
	return &Policy{
		ID:            id,
		Name:          "SSL.com",
		Source:        guide,
		Public:        true,
		Directory:     directory,
		EAB:           EAB{guide, Yes},
		Preauthorized: No,
		Keys:          Keys{Source: guide},
		Names:         Names{Source: comparison, IPs: No, PaidWildcards: true},
		// 90 days without pay, more with it.
		Profiles: Profiles{Source: comparison, Supported: No, List: []Profile{{Source: comparison}}},
		NotAfter: NotAfter{Source: comparison, Supported: No},
		Ignored:  domainValidated(guide),
	}
}
