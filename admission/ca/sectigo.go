package ca

// sectigo issues by contract, at servers that differ by product. Domains may be validated beforehand
// (https://github.com/cert-manager/cert-manager/issues/4874).
func sectigo() []entry {
	source := Source{"https://docs.sectigo.com/scm/scm-administrator/understanding-acme-accounts", "2026-04-23"}
	return []entry{{&Policy{
		ID:     "sectigo",
		Name:   "Sectigo",
		Source: source,
		Public: true,
		EAB:    EAB{source, Yes},
		Keys:   commonKeys(),
	}, []server{{host: "acme.sectigo.com"}, {host: "acme.enterprise.sectigo.com"}}}}
}
