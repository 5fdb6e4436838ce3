package ca

// awsACM gives each customer a server of its own, in a region, and an administrator approves domains beforehand.
func awsACM() []entry {
	endpoints := Source{"https://docs.aws.amazon.com/acm/latest/userguide/acm-acme-endpoints.html", "2026-08-03"}
	return []entry{{&Policy{
		ID:            "aws-acm",
		Name:          "AWS Certificate Manager",
		Source:        endpoints,
		Public:        true,
		EAB:           EAB{Source{"https://docs.aws.amazon.com/acm/latest/userguide/acm-acme-eab.html", "2026-08-03"}, Yes},
		Preauthorized: Yes,
		Keys:          commonKeys(),
	}, []server{{host: "acm-acme-enroll.*.api.aws"}}}}
}
