package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Ambient is which Issuers the operator lets use ambient credentials: those of the solver's own surroundings, such as the identity of its
// Pod or of its node. cert-manager has a say as well.
type Ambient struct {
	issuers string
	roles   []*regexp.Regexp
}

// Which Issuers they are. The first is the default: whoever may write a ClusterIssuer is trusted with the whole cluster.
const (
	AmbientClusterIssuers = "cluster-issuers"
	AmbientAll            = "all"
	AmbientNone           = "none"
)

// The flags that say so, of each command that needs to know.
const (
	AmbientFlag      = "ambient-credentials"
	AmbientRolesFlag = "ambient-role-arns"
)

// anyRole is what may stand in the list of roles: an ARN with stars in it. It must name a cloud.
var anyRole = regexp.MustCompile(`^(acs:ram::|qcs::cam::uin/)[A-Za-z0-9*._/:-]+$`)

// NewAmbient reads what the operator allows: one of the words above, and the ARNs of the roles that may be assumed with ambient
// credentials, in which a star stands for any characters. An error names the flag.
func NewAmbient(issuers string, roles []string) (Ambient, error) {
	a := Ambient{issuers: issuers}
	if known := []string{AmbientClusterIssuers, AmbientAll, AmbientNone}; !slices.Contains(known, issuers) {
		return Ambient{}, fmt.Errorf("--%s %q must be one of %s", AmbientFlag, issuers, strings.Join(known, ", "))
	}
	for _, role := range roles {
		if !anyRole.MatchString(role) {
			return Ambient{}, fmt.Errorf("--%s: %q is not the ARN of a role; write one like acs:ram::1234567890123456:role/certyun or "+
				"qcs::cam::uin/100000000001:roleName/certyun-*, where * stands for any characters", AmbientRolesFlag, role)
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(role), `\*`, ".*") + "$"
		a.roles = append(a.roles, regexp.MustCompile(pattern))
	}
	return a, nil
}

// Allows tells whether ClusterIssuers, or Issuers in a namespace, may use ambient credentials.
func (a Ambient) Allows(clusterIssuer bool) bool {
	return a.issuers == AmbientAll || clusterIssuer && a.issuers == AmbientClusterIssuers
}

// AllowsRole tells whether a role may be assumed with ambient credentials.
func (a Ambient) AllowsRole(arn string) bool {
	return slices.ContainsFunc(a.roles, func(role *regexp.Regexp) bool { return role.MatchString(arn) })
}

// Refuses says why ambient credentials are not for an Issuer, and what to do about it; "" where they are. They belong to whoever runs the
// solver, and not to whoever writes an Issuer. Asked tells whether cert-manager allows it them, and the role is the one that its config names, if any.
func (a Ambient) Refuses(clusterIssuer, asked bool, role string) (reason, remedy string) {
	const nameSecret = "name a Secret with the keys in the config, or "
	switch {
	case !a.Allows(true):
		return "the config names no Secret, and --" + AmbientFlag + " allows no ambient credentials",
			nameSecret + "set the chart's value ambient.credentials to cluster-issuers"
	case !a.Allows(clusterIssuer):
		return "the config names no Secret, and --" + AmbientFlag + " allows an Issuer in this namespace no ambient credentials",
			nameSecret + "use a ClusterIssuer; to allow it to every namespace, set the chart's value ambient.credentials to all"
	case !asked:
		flag := "--issuer-ambient-credentials"
		if clusterIssuer {
			flag = "--cluster-issuer-ambient-credentials (for an Issuer in this namespace: --issuer-ambient-credentials)"
		}
		return "the config names no Secret, and cert-manager does not allow the Issuer ambient credentials", nameSecret + "set cert-manager's flag " + flag
	case role != "" && !a.AllowsRole(role):
		return "the role " + role + " is not one of --" + AmbientRolesFlag + ", which may be assumed with ambient credentials",
			"add it to the chart's value ambient.roleArns, or name a Secret with keys that may assume it"
	}
	return "", ""
}
