package doctor

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// judgeChallengers warns where cert-manager's chart lets others than cert-manager create Challenges, and no policy of certyun's chart
// keeps them from it.
func (i *installation) judgeChallengers() {
	if !rule.EditorsCreateChallenges(i.controller.version) {
		return
	}
	if policy := i.challengePolicy(); policy != "" {
		i.checkf(OK, "ValidatingAdmissionPolicy %s: only cert-manager creates Challenges", policy)
		return
	}
	i.warning("editors-create-challenges", report.Object{Kind: "Installation", Name: "cert-manager"},
		"its chart of the version "+i.controller.version+" lets whoever may edit a namespace create Challenges", map[string]string{"version": i.controller.version})
}

// challengePolicy is the name of the policy, in force, by which certyun's chart lets only cert-manager create Challenges; "" where
// none can be seen.
func (i *installation) challengePolicy() string {
	policies, bindings := &admissionregistrationv1.ValidatingAdmissionPolicyList{}, &admissionregistrationv1.ValidatingAdmissionPolicyBindingList{}
	if !i.list("", policies, client.MatchingLabels{partOf: ours}) || !i.list("", bindings, client.MatchingLabels{partOf: ours}) {
		return ""
	}
	for _, policy := range policies.Items {
		inForce := slices.ContainsFunc(bindings.Items, func(b admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool {
			return b.Spec.PolicyName == policy.Name && slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny)
		})
		if inForce && isAboutChallenges(policy.Spec.MatchConstraints) {
			return policy.Name
		}
	}
	return ""
}

func isAboutChallenges(match *admissionregistrationv1.MatchResources) bool {
	return match != nil && slices.ContainsFunc(match.ResourceRules, func(r admissionregistrationv1.NamedRuleWithOperations) bool {
		return slices.Contains(r.APIGroups, "acme.cert-manager.io") && slices.Contains(r.Resources, "challenges")
	})
}
