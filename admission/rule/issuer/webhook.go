package issuer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// webhookRules are about how cert-manager finds a webhook solver: it posts to
// /apis/<groupName>/v1alpha1/<solverName> (pkg/issuer/acme/dns/webhook).
func webhookRules() []rule.Rule {
	return []rule.Rule{webhookGroupEmpty(), webhookGroupReserved(), webhookAPIServiceMissing(), webhookSolverUnknown()}
}

func webhookGroupEmpty() rule.Rule {
	return rule.Rule{
		ID: "webhook-group-empty", Severity: rule.Deny,
		Summary: "A webhook solver has no group name.",
		Why:     "cert-manager would post to /apis//v1alpha1, which is the URL of nothing.",
		Remedy:  "Write the group name with which the webhook was installed.",
		Check: forSolvers(func(solver *cmacme.ACMEChallengeSolver, path *field.Path, yield rule.Yield) error {
			if webhookOf(solver) == nil || solver.DNS01.Webhook.GroupName != "" {
				return nil
			}
			return yield(rule.Finding{
				Field: webhookPath(path).Child("groupName").String(), Type: field.ErrorTypeRequired,
				Message: "groupName selects the APIService that serves the solver",
			})
		}),
	}
}

func webhookGroupReserved() rule.Rule {
	return rule.Rule{
		ID: "webhook-group-reserved", Severity: rule.Warn,
		Summary: "The group of a webhook solver is cert-manager's or Kubernetes' own.",
		Why: "Each webhook has an API group of its own, by which cert-manager reaches it. In the groups of cert-manager and Kubernetes the API " +
			"server serves their kinds, so that each challenge says \"the server could not find the requested resource\". Somebody could register " +
			"a webhook there all the same; so this only warns, and says nothing where one is there.",
		Remedy: "Write the group name with which the webhook was installed.",
		Check: forWebhooks(func(r *webhookReview, yield rule.Yield) error {
			owner := ownerOfGroup(r.webhook.GroupName)
			if owner == "" || r.service != nil {
				return nil
			}
			return yield(rule.Finding{
				Field: r.path.Child("groupName").String(), Value: r.webhook.GroupName, Remedy: "Write the group of the webhook" + certyunsGroup(r),
				Message: "is " + owner + "'s own API group; no webhook solver is served there",
			})
		}),
	}
}

// certyunsGroup names our own group where the solver has a name of ours.
func certyunsGroup(r *webhookReview) string {
	if r.Settings.SolverGroup == "" || !slices.Contains(ourSolvers(), r.webhook.SolverName) {
		return ""
	}
	return "; certyun's is " + r.Settings.SolverGroup
}

// ownerOfGroup says whose an API group is that no webhook has, "" for any other.
func ownerOfGroup(group string) string {
	switch group = strings.ToLower(group); {
	case slices.Contains([]string{"cert-manager.io", "acme.cert-manager.io", "trust.cert-manager.io", "policy.cert-manager.io", rule.FormerGroup}, group):
		return "cert-manager"
	case slices.Contains([]string{"k8s.io", "kubernetes.io", "apps", "autoscaling", "batch", "extensions", "policy"}, group),
		strings.HasSuffix(group, ".k8s.io"):
		return "Kubernetes"
	}
	return ""
}

// webhookOf is the webhook of a solver, nil where there is none. Next to another provider cert-manager's own webhook refuses it.
func webhookOf(solver *cmacme.ACMEChallengeSolver) *cmacme.ACMEIssuerDNS01ProviderWebhook {
	if !slices.Equal(choice.Providers(solver.DNS01), []string{"webhook"}) {
		return nil
	}
	return solver.DNS01.Webhook
}

func webhookPath(solver *field.Path) *field.Path { return solver.Child("dns01", "webhook") }

func webhookAPIServiceMissing() rule.Rule {
	return rule.Rule{
		ID: "webhook-apiservice-missing", Severity: rule.Warn,
		Summary: "Nobody serves the group of a webhook solver.",
		Why: "cert-manager reaches a webhook through the APIService v1alpha1.<groupName>. Without it each challenge says \"the server could " +
			"not find the requested resource\". It may be installed later, so this only warns.",
		Remedy: "Install the webhook with this group name, or correct the name.",
		Check:  forWebhooks(checkAPIService),
	}
}

// webhookReview is one webhook solver and who serves its group.
type webhookReview struct {
	*rule.IssuerReview
	webhook *cmacme.ACMEIssuerDNS01ProviderWebhook
	path    *field.Path
	// name is that of the APIService, service what is known of it: nil when there is none, or when known is false.
	name    string
	service *evidence.APIService
	known   bool
}

// forWebhooks makes a check of one that looks at a webhook solver. Each group is looked up once.
func forWebhooks(check func(*webhookReview, rule.Yield) error) rule.Issuers {
	return forACME(func(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
		reviews := map[string]webhookReview{}
		for i := range acme.Solvers {
			webhook := webhookOf(&acme.Solvers[i])
			if webhook == nil || webhook.GroupName == "" {
				continue
			}
			review, seen := reviews[webhook.GroupName]
			if !seen {
				review = webhookReview{IssuerReview: r, name: apiServiceOf(webhook.GroupName)}
				if err := review.look(ctx); err != nil {
					return err
				}
				reviews[webhook.GroupName] = review
			}
			review.webhook, review.path = webhook, webhookPath(fieldpath.Solver(i))
			if err := check(&review, yield); err != nil {
				return err
			}
		}
		return nil
	})
}

// apiServiceOf is the name of the APIService of a webhook's group.
func apiServiceOf(group string) string { return "v1alpha1." + group }

// look looks for the APIService. One that cannot be is known not to be there.
func (r *webhookReview) look(ctx context.Context) (err error) {
	if len(validation.IsDNS1123Subdomain(r.name)) > 0 {
		r.known = true
		return nil
	}
	r.service, r.known, err = r.World.APIService(ctx, r.name)
	return err
}

func checkAPIService(r *webhookReview, yield rule.Yield) error {
	path := r.path.Child("groupName").String()
	name := words.Excerpt(r.name)
	switch {
	case !r.known, r.service == nil && ownerOfGroup(r.webhook.GroupName) != "":
		return nil
	case r.service == nil && len(validation.IsDNS1123Subdomain(r.name)) > 0:
		return yield(rule.Finding{Field: path, Value: r.webhook.GroupName, Message: fmt.Sprintf(
			"APIService %q cannot exist: an API group is a domain name in lower case", name)})
	case r.service == nil:
		return yield(rule.Finding{Field: path, Value: r.webhook.GroupName, Message: fmt.Sprintf(
			"APIService %q not found; is the solver installed with this group name?", name)})
	case !r.service.Available:
		return yield(rule.Finding{Field: path, Value: r.webhook.GroupName, Message: fmt.Sprintf(
			"APIService %q is not available; until it is, challenges fail with \"the server is currently unable to handle the request\"", name)})
	}
	return nil
}

func webhookSolverUnknown() rule.Rule {
	return rule.Rule{
		ID: "webhook-solver-unknown", Severity: rule.Warn,
		Summary: "The webhook has no solver of this name.",
		Why: "The solver names of a webhook are the resources of its API group. For any other, each challenge says \"the server could not " +
			"find the requested resource\". A newer webhook may be on its way, so this only warns.",
		Remedy: "Write one of the names that the group serves.",
		Check:  forWebhooks(checkSolverName),
	}
}

// ourSolvers are the names under which we serve solvers.
func ourSolvers() []string { return []string{"alidns", "alidns-solver", "dnspod"} }

func checkSolverName(r *webhookReview, yield rule.Yield) error {
	name := r.webhook.SolverName
	var served []string
	switch {
	case name == "": // cert-manager's own webhook says so.
		return nil
	case r.service != nil && r.service.Available && r.service.Resources != nil:
		served = slices.Sorted(slices.Values(r.service.Resources))
	case r.webhook.GroupName == r.Settings.SolverGroup, r.service != nil && r.service.Certyun != nil:
		served = ourSolvers()
	default:
		return nil
	}
	if slices.Contains(served, name) {
		return nil
	}
	list := strings.Join(served, ", ")
	if list == "" {
		list = "nothing"
	}
	return yield(rule.Finding{Field: r.path.Child("solverName").String(), Value: name, Message: fmt.Sprintf(
		"is not served by %s (it serves: %s)%s", words.Excerpt(r.webhook.GroupName), words.Excerpt(list), words.DidYouMean(name, served))})
}
