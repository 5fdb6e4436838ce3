package issuer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
)

// profileRules are about what an ACME Issuer asks its CA for.
func profileRules() []rule.Rule {
	return []rule.Rule{unknownProfile(), durationFeatureUnsupported(), preferredChainExpired()}
}

func unknownProfile() rule.Rule {
	return rule.Rule{
		ID: "unknown-profile", Severity: rule.Warn, Facts: []string{"profiles"},
		Summary: "The CA has no such profile.",
		Why: "cert-manager looks the profile up in the CA's directory, letter by letter, and fails each Order when it is not there. The " +
			"list of profiles may be longer by now than we know, so this only warns.",
		Remedy: "Use one of the CA's profiles, or none.",
		Check:  forACME(checkProfile),
	}
}

func checkProfile(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	policy := r.CA()
	if policy == nil || policy.Ended != nil || acme.Profile == "" || policy.Profile(acme.Profile) != nil {
		return nil
	}
	f := rule.Finding{Field: fieldpath.ACME("profile").String(), Value: acme.Profile}
	switch names := policy.ProfileNames(); {
	case policy.Profiles.Supported == ca.No:
		f.Message = fmt.Sprintf("%s has no profiles, so that each Order would fail; leave profile out", policy.Name)
	case len(names) > 0:
		f.Message = fmt.Sprintf("is not a %s profile (%s; case matters)%s", policy.Name, strings.Join(names, ", "),
			removedOr(policy, acme.Profile, words.DidYouMean(acme.Profile, names)))
	default:
		return nil
	}
	return yield(f)
}

// removedOr says since when a profile is gone; for one that never was, otherwise.
func removedOr(policy *ca.Policy, name, otherwise string) string {
	for _, p := range policy.Profiles.List {
		if p.Name == name && p.Removed != "" {
			return "; it was removed on " + string(p.Removed)
		}
	}
	return otherwise
}

func durationFeatureUnsupported() rule.Rule {
	return rule.Rule{
		ID: "duration-feature-unsupported", Severity: rule.Warn, Facts: []string{"notAfter"},
		Summary: "The CA lets nobody choose a lifetime, and enableDurationFeature is set.",
		Why:     "cert-manager then sends notAfter for each Certificate that has a duration, and the CA refuses the Order. Others are issued.",
		Remedy:  "Remove enableDurationFeature; Let's Encrypt has profiles for shorter lifetimes.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			policy := r.CA()
			if !acme.EnableDurationFeature || policy == nil || policy.Ended != nil || policy.NotAfter.Supported != ca.No {
				return nil
			}
			message := policy.Name + " does not support it and refuses every Certificate with a duration"
			if policy.NotAfter.Refusal != "" {
				message = fmt.Sprintf("%s answers %q for every Certificate with a duration", policy.Name, policy.NotAfter.Refusal)
			}
			return yield(rule.Finding{Field: fieldpath.ACME("enableDurationFeature").String(), Value: true, Message: message})
		}),
	}
}

func preferredChainExpired() rule.Rule {
	return rule.Rule{
		ID: "preferred-chain-expired", Severity: rule.Warn,
		Summary: "The preferred chain is one that the CA no longer has.",
		Why:     "cert-manager falls back to the default chain and says so only in its debug log.",
		Remedy:  "Remove preferredChain.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			policy := r.CA()
			if policy == nil || policy.Ended != nil || !slices.Contains(policy.ExpiredChains, acme.PreferredChain) {
				return nil
			}
			return yield(rule.Finding{
				Field: fieldpath.ACME("preferredChain").String(), Value: acme.PreferredChain,
				Message: "no longer exists; the default chain is used",
			})
		}),
	}
}
