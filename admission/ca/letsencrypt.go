package ca

import "time"

const (
	boulder        = "https://github.com/letsencrypt/boulder"
	leProfiles     = "https://letsencrypt.org/docs/profiles/"
	leProfilesDate = "2026-07-14"
)

// letsEncrypt runs Boulder, whose source is public, at both its servers.
func letsEncrypt() []entry {
	production := letsEncryptPolicy("letsencrypt", "https://acme-v02.api.letsencrypt.org/directory",
		Source{"https://letsencrypt.org/docs/acme-protocol-updates/", "2026-08-21"})
	// The limits of staging are so high that nobody reaches them.
	production.Limits = Limits{Source{"https://letsencrypt.org/docs/rate-limits/", "2026-08-05"}, 5, 34 * time.Hour, 50}

	staging := letsEncryptPolicy("letsencrypt-staging", "https://acme-staging-v02.api.letsencrypt.org/directory",
		Source{"https://letsencrypt.org/docs/staging-environment/", "2026-08-21"})
	staging.Staging = true

	return []entry{
		{production, []server{
			{host: "acme-v02.api.letsencrypt.org"},
			// Two misspellings of the host that are not in the DNS.
			{host: "acme-v2.api.letsencrypt.org"},
			{host: "api.letsencrypt.org"},
		}},
		{staging, []server{{host: "acme-staging-v02.api.letsencrypt.org"}}},
		{acmeV1("letsencrypt-v1", production.Directory), []server{{host: "acme-v01.api.letsencrypt.org"}}},
		{acmeV1("letsencrypt-v1-staging", staging.Directory), []server{{host: "acme-staging.api.letsencrypt.org"}}},
	}
}

func letsEncryptPolicy(id, directory string, source Source) *Policy {
	return &Policy{
		ID:             id,
		Name:           "Let's Encrypt",
		Source:         source,
		Public:         true,
		Directory:      directory,
		ExactDirectory: true,
		EAB:            EAB{Source{"https://letsencrypt.org/docs/account-id/", "2026-08-21"}, No},
		Preauthorized:  No,
		StrictContact:  true,
		Keys: Keys{
			Source:   Source{boulder + "/blob/main/goodkey/good_key.go", "2026-08-07"},
			RSA:      []int{2048, 3072, 4096},
			ECDSA:    []int{256, 384},
			Text:     "RSA 2048/3072/4096 and ECDSA 256/384",
			Complete: true,
		},
		Names: Names{
			Source:    Source{boulder + "/blob/main/policy/pa.go", "2026-08-07"},
			URIs:      No,
			Emails:    No,
			IPs:       Yes,
			Redundant: No,
			Strict:    true,
		},
		Profiles: letsEncryptProfiles(),
		NotAfter: NotAfter{
			Source:    Source{boulder + "/blob/main/wfe2/wfe.go", "2026-08-07"},
			Supported: No,
			Refusal:   "NotBefore and NotAfter are not supported",
		},
		ClientAuth: ClientAuth{
			Source:  Source{"https://letsencrypt.org/2025/05/14/ending-tls-client-authentication/", "2026-02-11"},
			Dropped: "2026-02-11",
		},
		Ignored: Ignored{
			Source: Source{boulder + "/blob/main/csr/csr.go", "2026-08-07"},
			CA:     true, Subject: true, OtherNames: true, NameConstraints: true,
		},
		// The root ended in September 2021, the chain over it in September 2024.
		ExpiredChains: []string{"DST Root CA X3"},
	}
}

func letsEncryptProfiles() Profiles {
	source := Source{leProfiles, leProfilesDate}
	return Profiles{
		Source:    source,
		Supported: Yes,
		Default:   "classic",
		List: []Profile{
			{
				Source: source, Name: "classic", MaxNames: 100, IPs: No,
				// The later dates are announced: https://letsencrypt.org/2025/12/02/from-90-to-45/.
				Lifetimes: []Lifetime{
					{Validity: 90 * day},
					{From: date(2027, time.February, 10), Validity: 64 * day},
					{From: date(2028, time.February, 16), Validity: 45 * day},
				},
			},
			{
				Source: source, Name: "tlsserver", MaxNames: 25, IPs: No,
				Lifetimes: []Lifetime{{Validity: 90 * day}, {From: date(2026, time.May, 13), Validity: 45 * day}},
			},
			{
				Source: source, Name: "shortlived", MaxNames: 25, IPs: Yes,
				Lifetimes: []Lifetime{{Validity: 160 * time.Hour}},
			},
			{Source: source, Name: "tlsclient", Removed: "2026-07-08"},
		},
	}
}

// acmeV1 is for the servers of the first version of the protocol.
func acmeV1(id, instead string) *Policy {
	source := Source{"https://community.letsencrypt.org/t/end-of-life-plan-for-acmev1/88430", "2021-06-01"}
	return &Policy{
		ID: id, Name: "Let's Encrypt", Source: source, Public: true,
		Ended: &Ended{source, "ACMEv1 was switched off in 2021; use " + instead, ""},
	}
}
