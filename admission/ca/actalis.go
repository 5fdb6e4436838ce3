package ca

// actalis has a free plan for one name and its www, and others by contract.
func actalis() []entry {
	source := Source{"https://guide.actalis.com/ssl/activation/acme", "2026-04-23"}
	return []entry{{&Policy{
		ID:        "actalis",
		Name:      "Actalis",
		Source:    source,
		Public:    true,
		Directory: "https://acme-api.actalis.com/acme/directory",
		EAB:       EAB{source, Yes},
		Keys:      commonKeys(),
		Names:     Names{Source: source, PaidWildcards: true},
		Profiles:  Profiles{Source: source, Supported: No, List: []Profile{{Source: source, Lifetimes: []Lifetime{{Validity: 90 * day}}}}},
		NotAfter:  NotAfter{Source: source, Supported: No},
	}, []server{{host: "acme-api.actalis.com"}}}}
}
