package ca

// digicert issues by contract. Its older directory URLs hold the account's credentials in their path and need no binding
// (https://github.com/cert-manager/cert-manager/issues/2700); domains are validated beforehand.
func digicert() []entry {
	source := Source{"https://docs.digicert.com/en/certcentral/certificate-tools/certificate-lifecycle-automation-guides/third-party-acme-integration.html", "2026-04-23"}
	policy := func(id string, eab Answer) *Policy {
		return &Policy{ID: id, Name: "DigiCert", Source: source, Public: true, EAB: EAB{source, eab}, Keys: commonKeys()}
	}
	return []entry{
		{policy("digicert", Yes), []server{
			{host: "acme.digicert.com", path: "/v2/acme/directory"},
			{host: "acme.digicert.com", path: "/v2/acme/directory/"},
		}},
		{policy("digicert-account", Unknown), []server{{host: "acme.digicert.com"}}},
	}
}
