package config

import (
	"cmp"
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// DefaultSessionName is what sessions are called of which an Issuer says nothing.
const DefaultSessionName = "certyun"

// form is how a text of a role is written.
type form struct {
	pattern     *regexp.Regexp
	least, most int
	otherwise   string
}

// roleForms are how a cloud writes what a role is assumed with. A config without an externalId has no form for it.
type roleForms struct{ arn, session, external form }

// ramRole has Alibaba Cloud's forms (https://help.aliyun.com/zh/ram/developer-reference/api-sts-2015-04-01-assumerole).
var ramRole = roleForms{
	arn: form{
		regexp.MustCompile(`^acs:ram::[0-9]+:role/[A-Za-z0-9._/-]+$`), 1, 256, "must be the ARN of a role like acs:ram::1234567890123456:role/certyun",
	},
	session:  form{regexp.MustCompile(`^[A-Za-z0-9.@_-]+$`), 2, 64, "must be 2 to 64 letters, digits and .@_-"},
	external: form{regexp.MustCompile(`^[A-Za-z0-9=,.@:/_-]+$`), 2, 1224, "must be 2 to 1224 letters, digits and =,.@:/_-"},
}

// camRole has Tencent Cloud's forms (https://cloud.tencent.com/document/product/598/33164).
var camRole = roleForms{
	arn: form{
		regexp.MustCompile(`^qcs::cam::uin/[0-9]+:(roleName|role)/[A-Za-z0-9._/-]+$`), 1, 256,
		"must be the ARN of a role like qcs::cam::uin/100000000001:roleName/certyun",
	},
	session: form{regexp.MustCompile(`^[A-Za-z0-9+=,.@_-]+$`), 2, 128, "must be 2 to 128 letters, digits and +=,.@_-"},
}

// role reads which role is assumed. The pairs are those of the keys that it may be assumed with.
func (o *object) role(forms *roleForms, pairs []pair) Role {
	role := Role{
		ARN: o.matching("roleArn", forms.arn), SessionName: o.matching("roleSessionName", forms.session), Chain: o.boolean("roleChain"),
	}
	if role.Chain && slices.ContainsFunc(fieldsOf(pairs), o.has) {
		o.forbid("roleChain", "remove it: the keys in the Secret assume the role themselves; a chain is for ambient credentials")
	}
	parts := []string{"roleSessionName"}
	if role.Chain {
		parts = append(parts, "roleChain")
	}
	if forms.external.pattern != nil {
		role.ExternalID = o.matching("externalId", forms.external)
		parts = append(parts, "externalId")
	}
	for _, name := range parts {
		if o.has(name) && !o.has("roleArn") {
			o.forbid(name, "is of a role; name the role with roleArn, or remove it")
		}
	}
	if role.ARN == "" {
		return Role{}
	}
	role.SessionName = cmp.Or(role.SessionName, DefaultSessionName)
	return role
}

// matching reads a text that must have a form.
func (o *object) matching(name string, f form) string {
	text := o.text(name)
	if text != "" && (len(text) < f.least || len(text) > f.most || !f.pattern.MatchString(text)) {
		*o.errs = append(*o.errs, field.Invalid(o.child(name), field.OmitValueType{}, f.otherwise))
		return ""
	}
	return text
}
