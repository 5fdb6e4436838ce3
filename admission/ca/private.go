package ca

// stepCA has no host by which it is known; an operator says where it is. Its policy depends on its provisioner.
func stepCA() []entry {
	source := Source{"https://github.com/smallstep/certificates/blob/master/acme/order.go", "2026-08-17"}
	return []entry{{&Policy{
		ID:       "step-ca",
		Name:     "step-ca",
		Source:   source,
		Names:    Names{Source: source, Emails: No},
		Profiles: Profiles{Source: source, Supported: No},
		NotAfter: NotAfter{Source: source, Supported: Yes},
	}, nil}}
}

// pebble is a CA for tests. It is known only where its own documents put it.
func pebble() []entry {
	source := Source{"https://github.com/letsencrypt/pebble", "2026-04-20"}
	const directory = "https://localhost:14000/dir"
	return []entry{{&Policy{
		ID:        "pebble",
		Name:      "Pebble",
		Source:    source,
		Directory: directory,
		NotAfter:  NotAfter{Source: source, Supported: Yes},
	}, []server{{host: "localhost:14000", path: "/dir"}}}}
}
