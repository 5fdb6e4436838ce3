package csr

import cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

// maxTried is how many bytes of one list are tried. It is more than any CSR may have, so a spec from which something is left out fails
// all the same, and for the same reason.
const maxTried = 64 << 10

// bounded is a spec with no more names of each kind than are tried.
func bounded(spec *cmapi.CertificateSpec) *cmapi.CertificateSpec {
	b := *spec
	b.DNSNames = head(spec.DNSNames, text)
	b.IPAddresses = head(spec.IPAddresses, text)
	b.URIs = head(spec.URIs, text)
	b.EmailAddresses = head(spec.EmailAddresses, text)
	b.OtherNames = head(spec.OtherNames, func(name cmapi.OtherName) int { return len(name.OID) + len(name.UTF8Value) })
	return &b
}

func text(name string) int { return len(name) }

// head is the part of a list that is tried. The value with which it is enough is in it.
func head[T any](list []T, size func(T) int) []T {
	total := 0
	for i, value := range list {
		if total += size(value); total > maxTried {
			return list[:i+1]
		}
	}
	return list
}
