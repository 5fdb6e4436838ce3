// Package config reads what an Issuer says in the config of a webhook solver.
//
// It is strict: an unknown field, a wrong type or two spellings of one thing are errors that carry the JSON path.
// It reads the spellings of older webhooks for the same clouds too, so that their Issuers work unchanged but for the
// group name: https://github.com/pragkent/alidns-webhook, https://github.com/DEVmachine-fr/cert-manager-alidns-webhook,
// https://github.com/wjiec/alidns-webhook, https://github.com/imroc/cert-manager-webhook-dnspod. As there, field names
// match without regard to case and an empty string is unset.
package config

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// DefaultGroup is the API group of the solvers. The top-level domain "internal" is reserved for private use
// (https://www.icann.org/en/board-activities-and-meetings/materials/approved-resolutions-special-meeting-of-the-icann-board-29-07-2024-en),
// so the name clashes with nobody's.
const DefaultGroup = "acme.certyun.internal"

// DefaultTTL in seconds is the least that every plan of both clouds allows
// (https://help.aliyun.com/zh/dns/ttl-definition, https://docs.dnspod.cn/dns/faq-ttl/).
const DefaultTTL = 600

// The largest TTL that the clouds accept: https://help.aliyun.com/zh/dns/api-alidns-2015-01-09-adddomainrecord and
// https://cloud.tencent.com/document/api/1427/56180.
const (
	maxTTLAlidns = 86400
	maxTTLDNSPod = 604800
)

// Ref names one key of a Secret. The Secret's namespace is never the Issuer author's choice.
type Ref struct {
	Name string
	Key  string
}

// IsSet tells whether the Issuer names a Secret at all.
func (r Ref) IsSet() bool { return r != Ref{} }

// Keys says where the parts of a cloud's access key are.
type Keys struct {
	ID     Ref
	Secret Ref
	// Token is of temporary keys; it may be unset.
	Token Ref
}

// Ambient tells whether the config names no Secret: the credentials are those of the solver's own surroundings.
func (k Keys) Ambient() bool { return k == Keys{} }

// Role is a role of the cloud's that is assumed with the keys, or with the ambient credentials. The zero value is none.
type Role struct {
	ARN string
	// SessionName is what the cloud's audit log calls the session.
	SessionName string
	// ExternalID is what the role's trust policy asks for, "" where it asks for nothing.
	ExternalID string
	// Chain says that ambient credentials assume it by way of their own role, where they could by themselves.
	Chain bool
}

// Solver is what an Issuer wants, in the terms of any host.
type Solver struct {
	Keys Keys
	Role Role
	// Region is sent along with each call, where the host knows regions. It does not choose the endpoint. It may be "".
	Region string
	// Line and LineID choose the resolution line, the id winning where a host has ids for lines; both "" for the default one.
	Line, LineID string
	// TTL is in seconds.
	TTL int
}

// regionID is what the SDK accepts in a region's place.
var regionID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

const inlineHint = "keys do not belong into an Issuer; put them into a Secret and refer to it with "

// DecodeAlidns reads the config of an alidns solver. The path is that of the config itself.
func DecodeAlidns(path *field.Path, raw []byte) (Solver, field.ErrorList) {
	var errs field.ErrorList
	o := readObject(path, raw, &errs)
	c := Solver{
		Keys:   o.keys(alidnsPairs(), dnspodPairs(), "securityTokenRef"),
		Role:   o.role(&ramRole, alidnsPairs()),
		Region: o.either("regionId", "region"),
		Line:   o.text("line"),
		TTL:    o.number("ttl", DefaultTTL, 1, maxTTLAlidns),
	}
	if c.Region != "" && !regionID.MatchString(c.Region) {
		at := o.child("regionId")
		if !o.has("regionId") {
			at = o.child("region")
		}
		errs = append(errs, field.Invalid(at, field.OmitValueType{}, "must be a region like cn-hangzhou"))
	}
	o.rejectUnknown(map[string]string{
		"accesskeyid":     inlineHint + "accessKeyIdRef",
		"accesskeysecret": inlineHint + "accessKeySecretRef",
		"accesskey":       inlineHint + "accessKeyIdRef and accessKeySecretRef",
		"secretkey":       inlineHint + "accessKeySecretRef",
		"endpoint":        "the endpoint is the operator's choice; it is a flag of the solver, --alidns-endpoint",
	})
	return c, errs
}

// alidnsPairs are the spellings of where the AccessKey is, today's first. In the older ones accessKeySecretRef is the AccessKey ID, and
// not, as today, the AccessKey Secret.
func alidnsPairs() []pair {
	return []pair{
		{"accessKeyIdRef", "accessKeySecretRef"},
		{"accessKeyIdRef", "secretAccessKeyRef"},
		{"accessKeySecretRef", "secretKeySecretRef"},
		{"accessTokenSecretRef", "secretKeySecretRef"},
	}
}

// DecodeDNSPod reads the config of a dnspod solver. The path is that of the config itself.
func DecodeDNSPod(path *field.Path, raw []byte) (Solver, field.ErrorList) {
	var errs field.ErrorList
	o := readObject(path, raw, &errs)
	c := Solver{
		Keys:   o.keys(dnspodPairs(), alidnsPairs(), "tokenRef"),
		Role:   o.role(&camRole, dnspodPairs()),
		Line:   o.text("recordLine"),
		LineID: o.text("recordLineId"),
		TTL:    o.number("ttl", DefaultTTL, 1, maxTTLDNSPod),
	}
	const retired = "the DNSPod token API is retired; create an API key (SecretId and SecretKey) in Tencent Cloud's " +
		"Access Management, put it into a Secret and refer to it with secretIdRef and secretKeyRef"
	o.rejectUnknown(map[string]string{
		"apiid":             retired,
		"apitokensecretref": retired,
		"secretid":          inlineHint + "secretIdRef",
		"secretkey":         inlineHint + "secretKeyRef",
		"endpoint":          "the endpoint is the operator's choice; it is a flag of the solver, --dnspod-endpoint",
	})
	return c, errs
}

func dnspodPairs() []pair { return []pair{{"secretIdRef", "secretKeyRef"}} }

// either reads a string that may be spelled in two ways, but not in both at once.
func (o *object) either(name, older string) string {
	if o.has(name) && o.has(older) {
		o.forbid(older, fmt.Sprintf("may not stand beside %s: they say the same thing", o.child(name)))
	}
	a, b := o.text(name), o.text(older)
	if a != "" {
		return a
	}
	return b
}

func (o *object) require(name, detail string) {
	*o.errs = append(*o.errs, field.Required(o.child(name), detail))
}

func (o *object) forbid(name, detail string) {
	*o.errs = append(*o.errs, field.Forbidden(o.child(name), detail))
}
