package ca

// buypass is no more: no new accounts since 2025-09-15, no orders since 2025-10-15.
func buypass() []entry {
	source := Source{"https://community.buypass.com/t/y4y130p", "2025-10-31"}
	return []entry{{&Policy{
		ID:     "buypass",
		Name:   "Buypass",
		Source: source,
		Public: true,
		Ended:  &Ended{source, "Buypass ended its ACME service (last issuance 2025-10-31)", "Use another CA"},
	}, []server{{host: "api.buypass.com"}, {host: "api.test4.buypass.no"}}}}
}
