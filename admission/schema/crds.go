package schema

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// definitions are the CustomResourceDefinitions of what people write, at the version of cert-manager that is built in, without
// their descriptions.
//
//go:embed crds/*.json
var definitions embed.FS

// compiled is a kind's schema in the forms in which the API server uses it.
type compiled struct {
	structural *structuralschema.Structural
	values     *node
	// rules is nil where the schema has none.
	rules *cel.Validator
	// status says that a status is no part of an object that is created.
	status bool
}

func compile(file string) (*compiled, error) {
	raw, err := definitions.ReadFile("crds/" + file + ".json")
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := json.Unmarshal(raw, &crd); err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	version := &crd.Spec.Versions[0]
	for _, later := range laterFields() {
		if slices.Contains(later.files, file) {
			later.add(version.Schema.OpenAPIV3Schema)
		}
	}
	var props apiextensions.JSONSchemaProps
	err = apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil)
	if err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	c := &compiled{status: version.Subresources != nil && version.Subresources.Status != nil}
	if c.values, err = newNode(&props); err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	if c.structural, err = structuralschema.NewStructural(&props); err != nil {
		return nil, fmt.Errorf("schema %s: %w", file, err)
	}
	c.rules = cel.NewValidator(c.structural, true, celconfig.PerCallLimit)
	return c, nil
}
