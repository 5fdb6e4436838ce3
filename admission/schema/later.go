package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/certyun/certyun/admission/rule"
)

// laterField is a field that the definitions have from a later version of cert-manager on than the one that is built in.
type laterField struct {
	// since is that version.
	since string
	// files are the definitions that have it.
	files []string
	// path is where it is. A part "[]" stands for all items.
	path string
	// schema is what the definition says of it, without a default.
	schema apiextensionsv1.JSONSchemaProps
}

// laterFields are those of cert-manager 1.22, which is not released: the definitions of its main branch
// (https://github.com/cert-manager/cert-manager/tree/2d0d7f7f74241a9cbf79f0e2a7bb247238ee09fd/deploy/crds, 2026-08-22), from
// cert-manager#8766 and #9060.
func laterFields() []laterField {
	issuers := []string{"cert-manager.io_issuers", "cert-manager.io_clusterissuers"}
	atomic := "atomic"
	return []laterField{
		{"1.22", issuers, "spec.acme.renewalInformationSource", apiextensionsv1.JSONSchemaProps{
			Type: stringType, Enum: []apiextensionsv1.JSON{{Raw: json.RawMessage(`"ARI"`)}, {Raw: json.RawMessage(`"None"`)}},
		}},
		{"1.22", issuers, "spec.acme.solvers.[].dns01.nameservers", apiextensionsv1.JSONSchemaProps{
			Type: "array", XListType: &atomic,
			Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{Type: stringType}},
		}},
	}
}

// add puts the field into a definition.
func (l *laterField) add(definition *apiextensionsv1.JSONSchemaProps) {
	addAt(definition, strings.Split(l.path, "."), l.schema)
}

func addAt(at *apiextensionsv1.JSONSchemaProps, parts []string, schema apiextensionsv1.JSONSchemaProps) {
	switch {
	case len(parts) == 1:
		at.Properties[parts[0]] = schema
	case parts[0] == "[]":
		addAt(at.Items.Schema, parts[1:], schema)
	default:
		next := at.Properties[parts[0]]
		addAt(&next, parts[1:], schema)
		at.Properties[parts[0]] = next
	}
}

// tooEarly says which fields of the object cert-manager has in a later version only. Where its version is not known, that is the one that
// is built in.
func (j *judgement) tooEarly(certManager string) {
	for _, later := range laterFields() {
		if !slices.Contains(later.files, j.kind.file) {
			continue
		}
		if has, err := version.ParseGeneric(certManager); err == nil && has.AtLeast(version.MustParseGeneric(later.since)) {
			continue
		}
		j.each("", strings.Split(later.path, "."), j.tree, func(path string) {
			j.say(rule.Finding{
				Rule: rule.CMUnknownField, Field: path,
				Message: fmt.Sprintf("cert-manager has this field since version %s", later.since),
				Remedy:  "Remove it, or name your version with --cert-manager-version",
			})
		})
	}
}

// each calls do for each field of the object at a path.
func (j *judgement) each(at string, parts []string, value any, do func(string)) {
	if len(parts) == 0 {
		do(at)
		return
	}
	switch value := value.(type) {
	case map[string]any:
		if child, there := value[parts[0]]; there {
			j.each(joined(at, parts[0]), parts[1:], child, do)
		}
	case []any:
		if parts[0] != "[]" {
			return
		}
		for i, item := range value {
			j.each(fmt.Sprintf("%s[%d]", at, i), parts[1:], item, do)
		}
	}
}
