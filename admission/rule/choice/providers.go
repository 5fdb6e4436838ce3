package choice

import cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

// AcmeDNS is the provider that cert-manager overlooks beside another one.
const AcmeDNS = "acmeDNS"

// Providers are the providers that a DNS-01 solver names, in the order in which cert-manager looks at them. It uses the first.
func Providers(p *cmacme.ACMEChallengeSolverDNS01) []string {
	if p == nil {
		return nil
	}
	var names []string
	for _, provider := range []struct {
		name string
		set  bool
	}{
		{"akamai", p.Akamai != nil},
		{"azureDNS", p.AzureDNS != nil},
		{"cloudDNS", p.CloudDNS != nil},
		{"cloudflare", p.Cloudflare != nil},
		{"route53", p.Route53 != nil},
		{AcmeDNS, p.AcmeDNS != nil},
		{"digitalocean", p.DigitalOcean != nil},
		{"rfc2136", p.RFC2136 != nil},
		{"webhook", p.Webhook != nil},
	} {
		if provider.set {
			names = append(names, provider.name)
		}
	}
	return names
}
