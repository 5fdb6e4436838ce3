package schema

import (
	"maps"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiservervalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"
)

// node is what a definition says of one value, without what it says of the values in that. The API server's code is handed no
// more than one value at a time, because it compares each of its errors with all others: for a list of some ten thousand mistakes
// that takes minutes.
type node struct {
	validator validator
	// properties are the fields of an object, entries all others that it may have, and items those of a list.
	properties     map[string]*node
	entries, items *node
}

func newNode(props *apiextensions.JSONSchemaProps) (n *node, err error) {
	n = &node{properties: make(map[string]*node, len(props.Properties))}
	for name, property := range props.Properties {
		if n.properties[name], err = newNode(&property); err != nil {
			return nil, err
		}
	}
	if props.AdditionalProperties != nil && props.AdditionalProperties.Schema != nil {
		if n.entries, err = newNode(props.AdditionalProperties.Schema); err != nil {
			return nil, err
		}
	}
	if props.Items != nil && props.Items.Schema != nil {
		if n.items, err = newNode(props.Items.Schema); err != nil {
			return nil, err
		}
	}
	alone := *props
	alone.Properties, alone.AdditionalProperties, alone.Items = nil, nil, nil
	_, schema, err := apiservervalidation.NewSchemaValidator(&alone)
	n.validator = validator{validate.NewSchemaValidator(schema, nil, "", strfmt.Default)}
	return n, err
}

// validator is the one that the API server makes for each new value, made once.
type validator struct{ *validate.SchemaValidator }

// Validate implements apiservervalidation.SchemaCreateValidator.
func (v validator) Validate(value any, _ ...apiservervalidation.ValidationOption) *validate.Result {
	return v.SchemaValidator.Validate(value)
}

// judge adds the errors about a value and all that is in it, until there are enough.
func (n *node) judge(path *field.Path, value any, errs field.ErrorList) field.ErrorList {
	if n == nil || len(errs) >= enough {
		return errs
	}
	errs = append(errs, apiservervalidation.ValidateCustomResource(path, value, n.validator)...)
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			child, known := n.properties[key]
			if !known {
				child = n.entries
			}
			errs = child.judge(path.Child(key), value[key], errs)
		}
	case []any:
		for i, item := range value {
			errs = n.items.judge(path.Index(i), item, errs)
		}
	}
	return errs
}
