package issuer

import (
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/solvers/config"
)

// ambientRules are about configs of ours that name no Secret, so that our solver uses the credentials of its own Pod or node. It asks
// first whether it may: see permitAmbient in package solvers.
func ambientRules() []rule.Rule {
	return []rule.Rule{webhookAmbientNotAllowed(), webhookAmbientRoleNotListed()}
}

func webhookAmbientNotAllowed() rule.Rule {
	return rule.Rule{
		ID: "webhook-ambient-not-allowed", Severity: rule.Deny,
		Summary: "Our own solver's config names no Secret, and the Issuer may not use the solver's credentials.",
		Why: "Without a Secret the solver takes the credentials of its own Pod or node: RRSA, another OIDC token, the role of the node. They belong to " +
			"whoever runs it, so its flag --ambient-credentials (the chart's value ambient.credentials) says who may use them: by default only what " +
			"has its Secrets in the cluster resource namespace, as ClusterIssuers have. cert-manager has a say as well: by default it allows " +
			"ClusterIssuers and no Issuer (--cluster-issuer-ambient-credentials, --issuer-ambient-credentials). Lint does not know the installation, so it " +
			"only warns of an Issuer in a namespace, unless it is told by the same flag. With --strict it tells of each config without a Secret.",
		Remedy: "Name a Secret with the keys, or use a ClusterIssuer, or allow it.",
		Check:  forAmbient(checkAmbientAllowed),
	}
}

// forAmbient makes a check of one that looks at each config that names no Secret. It is told what the operator allows, which is the
// default where nobody knows.
func forAmbient(check func(*rule.IssuerReview, *ownConfig, config.Ambient, rule.Yield) error) rule.Issuers {
	return forConfigs(func(r *rule.IssuerReview, c *ownConfig, yield rule.Yield) error {
		if !c.Keys.Ambient() {
			return nil
		}
		if r.Settings.Ambient != nil {
			return check(r, c, *r.Settings.Ambient, yield)
		}
		ambient, err := config.NewAmbient(config.AmbientClusterIssuers, nil)
		if err != nil {
			return err
		}
		return check(r, c, ambient, yield)
	})
}

// allowsAmbient tells whether the solver would use its credentials for the Issuer. It goes by the namespace of the Secrets, too.
func allowsAmbient(r *rule.IssuerReview, ambient config.Ambient) bool {
	return ambient.Allows(r.SecretNamespace() == r.Settings.ClusterResourceNamespace)
}

func checkAmbientAllowed(r *rule.IssuerReview, c *ownConfig, ambient config.Ambient, yield rule.Yield) error {
	ofCluster := r.Kind() == cmapi.ClusterIssuerKind
	f := rule.Finding{
		Field: webhookPath(fieldpath.Solver(c.solver)).Child("config").String(), Type: field.ErrorTypeForbidden,
		Remedy: fmt.Sprintf("Name a Secret with %s and %s", c.cloud.fields[0], c.cloud.fields[1]),
	}
	switch {
	case allowsAmbient(r, ambient):
		if !r.Settings.Strict {
			return nil // most who write no Secret mean it so
		}
		f.Severity, f.Message = rule.Warn, "names no Secret, so the solver's own credentials are used (RRSA, an OIDC token, the node's role)"
		if !ofCluster {
			f.Message += ", if cert-manager has --issuer-ambient-credentials"
		}
		f.Remedy += " if keys are meant"
	case r.Settings.Ambient == nil:
		f.Severity, f.Message = rule.Warn, "names no Secret, and by default no Issuer in a namespace may use the solver's own credentials"
		f.Remedy += ", use a ClusterIssuer, or set certyun's ambient.credentials: all and cert-manager's --issuer-ambient-credentials"
	case !ambient.Allows(true):
		f.Message = "names no Secret, and certyun's --" + config.AmbientFlag + " allows nobody the solver's own credentials"
	default:
		f.Message = "names no Secret, and certyun's --" + config.AmbientFlag + " allows only ClusterIssuers the solver's own credentials"
		f.Remedy += ", use a ClusterIssuer, or have ambient.credentials set to all"
		f.Namespaced = true
	}
	return yield(f)
}

func webhookAmbientRoleNotListed() rule.Rule {
	return rule.Rule{
		ID: "webhook-ambient-role-not-listed", Severity: rule.Deny,
		Summary: "Our own solver's config names a role and no Secret, and the operator does not list the role.",
		Why: "The solver assumes a role with its own credentials only if its flag --ambient-role-arns (the chart's value ambient.roleArns) lists it, " +
			"so that nobody gets at a role by its name alone. By default it lists none. Lint says nothing of it, unless it is told by the same flag.",
		Remedy: "Name a Secret with keys that may assume the role, or have the role added to the list.",
		Check:  forAmbient(checkAmbientRole),
	}
}

func checkAmbientRole(r *rule.IssuerReview, c *ownConfig, ambient config.Ambient, yield rule.Yield) error {
	role := c.Role.ARN
	// Whoever may not use the credentials at all hears that first, as from the solver.
	if r.Settings.Ambient == nil || role == "" || ambient.AllowsRole(role) || !allowsAmbient(r, ambient) {
		return nil
	}
	return yield(rule.Finding{
		Field: c.path("roleArn"), Value: role,
		Message: "is not one of --" + config.AmbientRolesFlag + ", which may be assumed with the solver's own credentials",
		Remedy:  "Name a Secret with keys that may assume it, or have it added to ambient.roleArns",
	})
}
