// Package csr knows what becomes of a Certificate when cert-manager makes a CSR from it: whether it can, whether the CSR says what
// the spec says, and which value is to blame where not.
package csr

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strings"
	"unicode"

	apiutil "github.com/cert-manager/cert-manager/pkg/api/util"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
)

// Request is the CSR that cert-manager would make from a spec. It is made when it is asked about, once. It is not safe for
// concurrent use.
type Request struct {
	spec   *cmapi.CertificateSpec
	run    *dryRun
	faults []Fault
}

// Of returns the CSR of a spec.
func Of(spec *cmapi.CertificateSpec) *Request { return &Request{spec: spec} }

// dry is what becomes of the spec. What was not finished when ctx ended is an error, and is begun anew by whoever asks again.
func (r *Request) dry(ctx context.Context) (*dryRun, error) {
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case r.run != nil:
		return r.run, nil
	case isPlain(r.spec):
		r.run = &dryRun{}
		return r.run, nil
	}
	spec := bounded(r.spec)
	run := try(spec)
	if !run.ok() {
		faults, err := findFaults(ctx, spec)
		if err != nil {
			return nil, err
		}
		r.faults = faults
	}
	r.run = run
	return run, nil
}

// Faults are the values that keep the CSR from being made, or from saying what the spec says. The error is that of ctx.
func (r *Request) Faults(ctx context.Context) ([]Fault, error) {
	_, err := r.dry(ctx)
	return r.faults, err
}

// Carries tells whether a CSR can have a DNS name: its names are ASCII (RFC 5280, section 4.2.1.6).
func Carries(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII })
}

// Violations are the fields in which the CSR differs from the spec. The error is that of ctx.
func (r *Request) Violations(ctx context.Context) ([]string, error) {
	run, err := r.dry(ctx)
	if err != nil {
		return nil, err
	}
	return run.violations, nil
}

// Unexplained says why there can be no CSR, where no single value is to blame and cert-manager's webhook lets the spec through. Err is
// that of ctx.
func (r *Request) Unexplained(ctx context.Context) (reason, err error) {
	run, err := r.dry(ctx)
	if err != nil || len(r.faults) > 0 || refusedByWebhook(r.spec) {
		return nil, err
	}
	return run.err, nil
}

// dryRun is what becomes of a Certificate when cert-manager makes a CSR from it.
type dryRun struct {
	// err says why there can be no CSR, or none that cert-manager's webhook lets into a CertificateRequest.
	err error
	// violations are the fields in which the CSR differs from the spec.
	violations []string
	csr        *x509.CertificateRequest
}

func (d *dryRun) ok() bool { return d.err == nil && len(d.violations) == 0 }

// try makes a CSR as cert-manager's request manager does, passes it through the checks that its webhook has for
// CertificateRequests, and compares it with the spec, as the request manager does on each later look.
func try(spec *cmapi.CertificateSpec) *dryRun {
	tried := *spec
	tried.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.Ed25519KeyAlgorithm}
	tried.SignatureAlgorithm = ""
	return tryWith(&tried, encode)
}

func tryWith(spec *cmapi.CertificateSpec, encode func(*x509.CertificateRequest) ([]byte, error)) *dryRun {
	template, err := generate(spec)
	if err != nil {
		return &dryRun{err: err}
	}
	der, err := encode(template)
	if err != nil {
		return &dryRun{err: err}
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return &dryRun{err: err}
	}
	keyUsage, extKeyUsage, err := pki.KeyUsagesForCertificateOrCertificateRequest(spec.Usages, spec.IsCA)
	if err != nil {
		return &dryRun{err: err}
	}
	_, err = pki.CertificateTemplateFromCSR(csr, pki.CertificateTemplateValidateAndOverrideBasicConstraints(spec.IsCA, nil),
		pki.CertificateTemplateValidateAndOverrideKeyUsages(keyUsage, extKeyUsage))
	if err != nil {
		return &dryRun{err: err}
	}
	request := &cmapi.CertificateRequest{Spec: cmapi.CertificateRequestSpec{
		Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
		IsCA:    spec.IsCA, Usages: spec.Usages, Duration: spec.Duration, IssuerRef: spec.IssuerRef,
	}}
	violations, err := pki.RequestMatchesSpec(request, *spec)
	return &dryRun{err: err, violations: violations, csr: csr}
}

// generate makes what is to be signed, with the features that cert-manager has on unless somebody turns them off.
func generate(spec *cmapi.CertificateSpec) (*x509.CertificateRequest, error) {
	return pki.GenerateCSR(&cmapi.Certificate{Spec: *spec}, pki.WithUseLiteralSubject(true), pki.WithNameConstraints(true), pki.WithOtherNames(true))
}

// Fault is one value in a spec that a CSR cannot carry, or cannot carry as it is written.
type Fault struct {
	Kind Kind
	// Field is the path of the value, List that of the list that it is in.
	Field, List string
	Value       string
	Err         error
	// Becomes is what a CSR has instead, where there is no Err.
	Becomes string
}

// Kind is what sort of value a fault is.
type Kind int

const (
	Subject Kind = iota
	Name
	Address
	URI
	OID
	Range
)

// part is one field of a spec that is tried for itself. A field that cert-manager's webhook judges is tried without what it
// refuses.
type part struct {
	// path is the field, suffix what follows an index of it.
	path, suffix string
	// single says that the field is no list.
	single bool
	kind   Kind
	// values are what the field has.
	values []string
	// with is a spec that a CSR can be made from, with no more than the values from..to.
	with func(from, to int) *cmapi.CertificateSpec
	// read finds the values in a CSR.
	read func(*x509.CertificateRequest) []string
	// altered says that a CSR may have another value. Otherwise a value that can be written is read again as it was, and
	// nothing needs to be signed to find a culprit.
	altered bool
}

// maxFaults is how many faults of a spec are told apart.
const maxFaults = 50

// findFaults tries each part of a spec for itself. It costs little for the parts that are in order.
func findFaults(ctx context.Context, spec *cmapi.CertificateSpec) ([]Fault, error) {
	var faults []Fault
	for _, p := range parts(spec) {
		for _, i := range culprits(ctx, len(p.values), p.fails) {
			if faults = append(faults, p.fault(i)); len(faults) == maxFaults {
				return faults, ctx.Err()
			}
		}
	}
	return faults, ctx.Err()
}

// fault is what is wrong with one of the part's values.
func (p *part) fault(i int) Fault {
	run := try(p.with(i, i+1))
	f := Fault{Kind: p.kind, List: p.path, Field: p.path, Value: p.values[i], Err: run.err}
	if !p.single {
		f.Field = fmt.Sprintf("%s[%d]%s", p.path, i, p.suffix)
	}
	if run.err == nil && p.read != nil {
		if read := p.read(run.csr); len(read) == 1 {
			f.Becomes = read[0]
		}
	}
	return f
}

func (p *part) fails(from, to int) bool {
	spec := p.with(from, to)
	if p.altered {
		return !try(spec).ok()
	}
	spec.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.Ed25519KeyAlgorithm}
	_, err := generate(spec)
	return err != nil
}

// culprits are the positions among n with which something fails, found by halving; at most maxFaults of them, and fewer once ctx has ended.
func culprits(ctx context.Context, n int, fails func(from, to int) bool) []int {
	var found []int
	var search func(from, to int)
	search = func(from, to int) {
		if from == to || len(found) >= maxFaults || ctx.Err() != nil || !fails(from, to) {
			return
		}
		if to-from == 1 {
			found = append(found, from)
			return
		}
		middle := from + (to-from)/2
		search(from, middle)
		search(middle, to)
	}
	search(0, n)
	return found
}

// parts are the fields of a spec whose values a CSR may not be able to carry.
func parts(spec *cmapi.CertificateSpec) []*part {
	list := []*part{
		{
			path: "spec.dnsNames", kind: Name, values: spec.DNSNames,
			with: func(from, to int) *cmapi.CertificateSpec {
				return &cmapi.CertificateSpec{DNSNames: spec.DNSNames[from:to]}
			},
		},
		{
			path: "spec.emailAddresses", kind: Address, values: spec.EmailAddresses,
			with: func(from, to int) *cmapi.CertificateSpec {
				return &cmapi.CertificateSpec{CommonName: "x", EmailAddresses: acceptedAddresses(spec.EmailAddresses[from:to])}
			},
		},
		{
			path: "spec.uris", kind: URI, altered: true, values: spec.URIs,
			with: func(from, to int) *cmapi.CertificateSpec { return &cmapi.CertificateSpec{URIs: spec.URIs[from:to]} },
			read: func(csr *x509.CertificateRequest) []string { return pki.URLsToString(csr.URIs) },
		},
		otherNamesPart(spec.OtherNames),
	}
	list = append(list, literalSubjectParts(spec)...)
	return append(list, constraintParts(spec)...)
}

// otherNamesPart tries what cert-manager's webhook accepts.
func otherNamesPart(names []cmapi.OtherName) *part {
	p := &part{path: "spec.otherNames", suffix: ".oid", kind: OID, altered: true}
	for _, name := range names {
		p.values = append(p.values, name.OID)
	}
	p.with = func(from, to int) *cmapi.CertificateSpec {
		accepted := slices.DeleteFunc(slices.Clone(names[from:to]), refusedOtherName)
		if len(accepted) == 0 {
			// An empty list is not the same as none: the comparison would look for it in the CSR.
			accepted = nil
		}
		return &cmapi.CertificateSpec{CommonName: "x", OtherNames: accepted}
	}
	return p
}

func refusedOtherName(name cmapi.OtherName) bool {
	_, err := pki.ParseObjectIdentifier(name.OID)
	return err != nil || name.UTF8Value == ""
}

// literalSubjectParts tries the subject where cert-manager's webhook lets it through.
func literalSubjectParts(spec *cmapi.CertificateSpec) []*part {
	if spec.LiteralSubject == "" || refusedLiteralSubject(spec) {
		return nil
	}
	return []*part{{
		path: "spec.literalSubject", single: true, altered: true, values: []string{spec.LiteralSubject},
		with: func(int, int) *cmapi.CertificateSpec {
			return &cmapi.CertificateSpec{LiteralSubject: spec.LiteralSubject, DNSNames: []string{"x"}}
		},
	}}
}

// constraintParts tries name constraints, which only a CA may have.
func constraintParts(spec *cmapi.CertificateSpec) []*part {
	if spec.NameConstraints == nil || !spec.IsCA {
		return nil
	}
	var list []*part
	for _, side := range []struct {
		path string
		item *cmapi.NameConstraintItem
		wrap func(*cmapi.NameConstraintItem) *cmapi.NameConstraints
	}{
		{
			"spec.nameConstraints.permitted.", spec.NameConstraints.Permitted,
			func(item *cmapi.NameConstraintItem) *cmapi.NameConstraints {
				return &cmapi.NameConstraints{Permitted: item}
			},
		},
		{
			"spec.nameConstraints.excluded.", spec.NameConstraints.Excluded,
			func(item *cmapi.NameConstraintItem) *cmapi.NameConstraints {
				return &cmapi.NameConstraints{Excluded: item}
			},
		},
	} {
		if side.item == nil {
			continue
		}
		constraint := func(name string, kind Kind, values []string, item func([]string) *cmapi.NameConstraintItem) {
			list = append(list, &part{
				path: side.path + name, kind: kind, values: values,
				with: func(from, to int) *cmapi.CertificateSpec {
					return &cmapi.CertificateSpec{CommonName: "x", IsCA: true, NameConstraints: side.wrap(item(values[from:to]))}
				},
			})
		}
		constraint("dnsDomains", Name, side.item.DNSDomains, func(v []string) *cmapi.NameConstraintItem {
			return &cmapi.NameConstraintItem{DNSDomains: v}
		})
		constraint("ipRanges", Range, side.item.IPRanges, func(v []string) *cmapi.NameConstraintItem {
			return &cmapi.NameConstraintItem{IPRanges: v}
		})
		constraint("emailAddresses", Address, side.item.EmailAddresses, func(v []string) *cmapi.NameConstraintItem {
			return &cmapi.NameConstraintItem{EmailAddresses: v}
		})
		constraint("uriDomains", Name, side.item.URIDomains, func(v []string) *cmapi.NameConstraintItem {
			return &cmapi.NameConstraintItem{URIDomains: v}
		})
	}
	return list
}

// acceptedAddresses are the e-mail addresses that cert-manager's webhook lets through.
func acceptedAddresses(addresses []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), RefusedAddress)
}

// RefusedAddress tells whether cert-manager's webhook refuses an e-mail address: it takes none with a display name.
func RefusedAddress(address string) bool {
	parsed, err := mail.ParseAddress(address)
	return err != nil || parsed.Address != address
}

// refusedLiteralSubject tells whether cert-manager's webhook refuses the subject, or what stands beside it.
func refusedLiteralSubject(spec *cmapi.CertificateSpec) bool {
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(spec.LiteralSubject)
	if err != nil || spec.CommonName != "" {
		return true
	}
	for _, names := range sequence {
		for _, name := range names {
			if name.Type.Equal(nil) {
				return true
			}
		}
	}
	return false
}

// commonNameOf is the common name, wherever it stands.
func commonNameOf(spec *cmapi.CertificateSpec) string {
	sequence, err := pki.UnmarshalSubjectStringToRDNSequence(spec.LiteralSubject)
	if spec.LiteralSubject == "" || err != nil {
		return spec.CommonName
	}
	return pki.ExtractCommonNameFromRDNSequence(sequence)
}

// refusedByWebhook tells whether cert-manager's own webhook refuses the spec for something that also makes a dry run fail.
func refusedByWebhook(spec *cmapi.CertificateSpec) bool {
	unknownUsage := func(usage cmapi.KeyUsage) bool {
		_, plain := apiutil.KeyUsageType(usage)
		_, extended := apiutil.ExtKeyUsageType(usage)
		return !plain && !extended
	}
	nameless := commonNameOf(spec) == "" && len(spec.DNSNames) == 0 && len(spec.URIs) == 0 &&
		len(spec.EmailAddresses) == 0 && len(spec.IPAddresses) == 0 && len(spec.OtherNames) == 0
	return nameless ||
		spec.LiteralSubject != "" && refusedLiteralSubject(spec) ||
		spec.NameConstraints != nil && !spec.IsCA ||
		slices.ContainsFunc(spec.IPAddresses, func(ip string) bool { return net.ParseIP(ip) == nil }) ||
		slices.ContainsFunc(spec.EmailAddresses, RefusedAddress) ||
		slices.ContainsFunc(spec.OtherNames, refusedOtherName) ||
		slices.ContainsFunc(spec.Usages, unknownUsage)
}

// HasSubject tells whether spec.subject has anything in it.
func HasSubject(spec *cmapi.CertificateSpec) bool {
	s := spec.Subject
	if s == nil {
		return false
	}
	return s.SerialNumber != "" || len(slices.Concat(s.Organizations, s.OrganizationalUnits, s.Countries, s.Provinces, s.Localities,
		s.PostalCodes, s.StreetAddresses)) > 0
}
