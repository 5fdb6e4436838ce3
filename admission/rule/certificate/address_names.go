package certificate

import (
	"context"
	"fmt"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/csr"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

// eachAddressName judges names that tell an address, such as those of nip.io.
func eachAddressName(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if !r.Public() {
		return nil
	}
	for i, name := range rule.Until(ctx, r.Certificate.Spec.DNSNames) {
		tells, ok := ca.AddressIn(name)
		if !ok || !csr.Carries(name) || r.NameProblem(name).Verdict != ca.NameFine {
			continue
		}
		f := rule.Finding{Field: fieldpath.Spec("dnsNames").Index(i).String(), Value: name, Remedy: "Use a name under a domain of your own, or a private CA"}
		switch {
		case !tells.Public():
			f.Message = fmt.Sprintf("leads to %s, which no CA reaches, and a DNS-01 record under %s is not yours to write", tells.Address, tells.Domain)
		case byDNS01(r, name) && !tells.Delegates:
			f.Message = fmt.Sprintf("has a dns01 solver, and a DNS-01 record under %s is not yours to write", tells.Domain)
			f.Remedy = "Use an http01 solver for it, or a name under a domain of your own"
		default:
			continue
		}
		if err := yield(f); err != nil {
			return err
		}
	}
	return nil
}

// byDNS01 tells whether cert-manager would choose a dns01 solver for a name.
func byDNS01(r *rule.CertificateReview, name string) bool {
	if r.Solvers == nil {
		return false
	}
	i := r.Solvers.Pick(name)
	return i >= 0 && r.ACME.Solvers[i].DNS01 != nil
}
