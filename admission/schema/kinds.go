package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/certyun/certyun/admission/rule"
)

// served is a kind that an API server with cert-manager serves.
type served struct {
	group, kind string
	// versions are the versions that it is served in, the best first. Their schemas are the same.
	versions []string
	// file is the definition, "" for a kind that is built into the API server.
	file string
	// goType is what cert-manager, or the API server, decodes an object into.
	goType reflect.Type
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
	return []served{
		{certManagerGroup, "Certificate", v1, "cert-manager.io_certificates", reflect.TypeFor[cmapi.Certificate](), false, past},
		{certManagerGroup, "CertificateRequest", v1, "cert-manager.io_certificaterequests", reflect.TypeFor[cmapi.CertificateRequest](), false, past},
		{certManagerGroup, "Issuer", v1, "cert-manager.io_issuers", reflect.TypeFor[cmapi.Issuer](), false, past},
		{certManagerGroup, "ClusterIssuer", v1, "cert-manager.io_clusterissuers", reflect.TypeFor[cmapi.ClusterIssuer](), true, past},
		{acmeGroup, "Order", v1, "acme.cert-manager.io_orders", reflect.TypeFor[cmacme.Order](), false, append([]string{certManagerGroup}, past...)},
		{acmeGroup, "Challenge", v1, "acme.cert-manager.io_challenges", reflect.TypeFor[cmacme.Challenge](), false, append([]string{certManagerGroup}, past...)},
		{gatewayGroup, "Gateway", []string{"v1", "v1beta1"}, "gateway.networking.k8s.io_gateways", nil, false, nil},
		{ingressGroup, "Ingress", v1, "", reflect.TypeFor[networkingv1.Ingress](), false, []string{"extensions"}},
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
		if k.kind == kind && rule.Closest(group, []string{k.group}) != "" {
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
	if closest := rule.Closest(kind, kinds); closest != "" {
		remedy = fmt.Sprintf("Write %q", closest)
	}
	return []rule.Finding{{
		Rule: rule.CMNoSuchKind, Severity: rule.Deny, Field: "kind", Value: kind, Message: apiVersion + " has no such kind", Remedy: remedy,
	}}
}

// plain returns a copy of a tree with the numbers that the API server has: whole ones are int64, the others float64.
func plain(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		copied := make(map[string]any, len(tree))
		for key, value := range tree {
			copied[key] = plain(value)
		}
		return copied
	case []any:
		copied := make([]any, len(tree))
		for i, value := range tree {
			copied[i] = plain(value)
		}
		return copied
	case string, bool, int64, nil:
		return tree
	case float64:
		return number(tree)
	case json.Number:
		if n, err := tree.Int64(); err == nil {
			return n
		}
		if n, err := tree.Float64(); err == nil {
			return n
		}
		return tree.String()
	}
	return ofReflection(tree)
}

func number(n float64) any {
	if n == math.Trunc(n) && math.Abs(n) < 1<<63 {
		return int64(n)
	}
	return n
}

// ofReflection is for the numbers that YAML readers make of their own accord.
func ofReflection(value any) any {
	v := reflect.ValueOf(value)
	switch {
	case v.CanInt():
		return v.Int()
	case v.CanUint() && v.Uint() <= math.MaxInt64:
		return int64(v.Uint())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return number(v.Float())
	}
	return value
}
