package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// served is a kind that an API server with cert-manager serves.
type served struct {
	group, kind string
	// versions are the versions that it is served in, the best first. Their schemas are the same.
	versions []string
	// file is the definition, "" for a kind whose objects are judged by their metadata alone: nobody writes them, or other tools know
	// them better.
	file string
	// durations are the fields that are any text for the definition, and durations for cert-manager. A part "[]" stands for all items.
	durations []string
	// cluster says that its objects are in no namespace.
	cluster bool
	// pastGroups are groups that the kind was in once, or that people think it is in.
	pastGroups []string
}

const (
	certManagerGroup = "cert-manager.io"
	acmeGroup        = "acme.cert-manager.io"
	gatewayGroup     = "gateway.networking.k8s.io"
	ingressGroup     = "networking.k8s.io"
	// pastGroup is where all of cert-manager's kinds were before version 0.11.
	pastGroup = "certmanager.k8s.io"
)

func servedKinds() []served {
	v1, past := []string{"v1"}, []string{pastGroup, "cert-manager.k8s.io", "cert-manager"}
	acmePast := append([]string{certManagerGroup}, past...)
	renewal := []string{"spec.duration", "spec.renewBefore", "spec.renewal.windows.[].windowDuration"}
	waiting := []string{"spec.acme.solvers.[].waitInsteadOfSelfCheck"}
	return []served{
		{certManagerGroup, "Certificate", v1, "cert-manager.io_certificates", renewal, false, past},
		{certManagerGroup, "CertificateRequest", v1, "", nil, false, past},
		{certManagerGroup, "Issuer", v1, "cert-manager.io_issuers", waiting, false, past},
		{certManagerGroup, "ClusterIssuer", v1, "cert-manager.io_clusterissuers", waiting, true, past},
		{acmeGroup, "Order", v1, "", nil, false, acmePast},
		{acmeGroup, "Challenge", v1, "", nil, false, acmePast},
		{gatewayGroup, "Gateway", []string{"v1", "v1beta1"}, "", nil, false, nil},
		{ingressGroup, "Ingress", v1, "", nil, false, []string{"extensions"}},
	}
}

func (k *served) apiVersion() string { return k.group + "/" + k.versions[0] }

// kindOf returns the kind of an object that is ours to judge, or what is wrong with its apiVersion and kind.
func (v *Validator) kindOf(object map[string]any) (*served, []rule.Finding) {
	apiVersion, _ := object["apiVersion"].(string)
	kind, _ := object["kind"].(string)
	group, version, found := strings.Cut(apiVersion, "/")
	if !found {
		group, version = "", apiVersion
	}
	for i := range v.kinds {
		if k := &v.kinds[i]; k.group == group && k.kind == kind && slices.Contains(k.versions, version) {
			return k, nil
		}
	}
	meant := v.meant(group, kind)
	if meant == nil {
		return nil, v.noSuchKind(group, apiVersion, kind)
	}
	finding := rule.Finding{
		Rule: rule.CMNoSuchKind, Severity: rule.Deny, Field: "apiVersion", Value: apiVersion,
		Message: fmt.Sprintf("no API server serves %s in this version", meant.kind),
		Remedy:  fmt.Sprintf("Write %q", meant.apiVersion()),
	}
	switch {
	case kind != meant.kind:
		finding.Field, finding.Value = "kind", kind
		finding.Message = fmt.Sprintf("%s has no such kind", group)
		finding.Remedy = fmt.Sprintf("Write %q", meant.kind)
	case !strings.EqualFold(group, meant.group):
		finding.Message = meant.kind + " is not in this group"
	case group != meant.group:
		finding.Message = "API groups are lower case"
	}
	if version == "" || kind == "" {
		finding.Message = "is not a group and a version"
	}
	return nil, []rule.Finding{finding}
}

// meant is the kind that was probably meant, nil where it is somebody else's. A kind called Issuer or Gateway may be of any
// product, so the group decides.
func (v *Validator) meant(group, kind string) *served {
	for i := range v.kinds {
		k := &v.kinds[i]
		ours := slices.ContainsFunc(append([]string{k.group}, k.pastGroups...), func(g string) bool { return strings.EqualFold(g, group) })
		if ours && (strings.EqualFold(k.kind, kind) || strings.EqualFold(k.kind+"s", kind) && group == k.group) {
			return k
		}
		if k.kind == kind && words.Closest(group, []string{k.group}) != "" {
			return k
		}
		if group == "" && k.kind == kind && (k.group == certManagerGroup || k.group == acmeGroup || k.group == ingressGroup) {
			return k
		}
	}
	return nil
}

// noSuchKind is what is wrong with a kind in one of cert-manager's own groups that nothing is like.
func (v *Validator) noSuchKind(group, apiVersion, kind string) []rule.Finding {
	owns := []string{certManagerGroup, acmeGroup, pastGroup}
	if !slices.ContainsFunc(owns, func(g string) bool { return strings.EqualFold(g, group) }) || strings.HasSuffix(kind, "List") {
		return nil
	}
	var kinds []string
	for _, k := range v.kinds {
		if slices.Contains(owns, k.group) {
			kinds = append(kinds, k.kind)
		}
	}
	remedy := "cert-manager has " + strings.Join(kinds, ", ")
	if closest := words.Closest(kind, kinds); closest != "" {
		remedy = fmt.Sprintf("Write %q", closest)
	}
	return []rule.Finding{{
		Rule: rule.CMNoSuchKind, Severity: rule.Deny, Field: "kind", Value: kind, Message: apiVersion + " has no such kind", Remedy: remedy,
	}}
}
