package schema

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// place is a field of an object.
type place struct {
	// path has the keys of maps in brackets, because they may have dots.
	path string
	// last is the last name in the path.
	last string
	// schema is nil where the schema has no such field.
	schema *structuralschema.Structural
	// parent is the schema of what the field is in.
	parent *structuralschema.Structural
	value  any
}

// locate finds the field that the API server means by a path in which everything is separated by dots.
func locate(root *structuralschema.Structural, tree any, path string) place {
	at := place{schema: root, value: tree}
	for path != "" {
		if index, rest, found := strings.Cut(strings.TrimPrefix(path, "["), "]"); found && path[0] == '[' {
			at = at.item(index)
			path = rest
			continue
		}
		path = strings.TrimPrefix(path, ".")
		name := at.nextName(path)
		at = at.child(name)
		path = path[len(name):]
	}
	return at
}

// nextName is the longest key, of the schema or of the object, that a path begins with.
func (p place) nextName(path string) string {
	best := ""
	consider := func(name string) {
		rest, found := strings.CutPrefix(path, name)
		if found && len(name) > len(best) && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			best = name
		}
	}
	if object, ok := p.value.(map[string]any); ok {
		for name := range object {
			consider(name)
		}
	}
	if p.schema != nil {
		for name := range p.schema.Properties {
			consider(name)
		}
	}
	if best != "" {
		return best
	}
	if end := strings.IndexAny(path, ".["); end > 0 {
		return path[:end]
	}
	return path
}

func (p place) child(name string) place {
	c := place{last: name, parent: p.schema, path: joined(p.path, name)}
	if object, ok := p.value.(map[string]any); ok {
		c.value = object[name]
	}
	if p.schema == nil {
		return c
	}
	if property, ok := p.schema.Properties[name]; ok {
		c.schema = &property
	} else if p.schema.AdditionalProperties != nil {
		c.schema = p.schema.AdditionalProperties.Structural
		c.path = fmt.Sprintf("%s[%s]", p.path, name)
	}
	return c
}

func joined(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (p place) item(index string) place {
	c := place{last: p.last, path: fmt.Sprintf("%s[%s]", p.path, index)}
	if list, ok := p.value.([]any); ok {
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(list) {
			c.value = list[i]
		}
	}
	if p.schema != nil {
		c.schema = p.schema.Items
	}
	return c
}

// unknownField says what is wrong with a field that the kind does not have, and where it belongs.
func (j *judgement) unknownField(root *structuralschema.Structural, path string) rule.Finding {
	at := locate(root, j.tree, path)
	f := j.noSuchField(at.path, elsewhere(at.last, namesakes(root, at.last, "")))
	if at.parent != nil {
		if closest := words.Closest(at.last, slices.Sorted(maps.Keys(at.parent.Properties))); closest != "" {
			f.Remedy = fmt.Sprintf("Write %q", closest)
		}
	}
	return f
}

func (j *judgement) noSuchField(path, remedy string) rule.Finding {
	return rule.Finding{
		Rule: rule.CMUnknownField, Type: field.ErrorTypeForbidden, Field: path, Remedy: remedy,
		Message: fmt.Sprintf("%s has no such field, and kubectl refuses the object", j.kind.kind),
	}
}

// elsewhere says where a field belongs that is in no such place.
func elsewhere(name string, paths []string) string {
	if len(paths) == 1 {
		return fmt.Sprintf("It belongs at %s", paths[0])
	}
	return fmt.Sprintf("Remove %q, or look where it belongs", name)
}

// namesakes are the paths of all fields that have this name.
func namesakes(s *structuralschema.Structural, name, path string) []string {
	if s == nil {
		return nil
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		here := joined(path, key)
		if path == "" && key != "spec" {
			continue
		}
		if key == name {
			found = append(found, here)
		}
		property := s.Properties[key]
		found = append(found, namesakes(&property, name, here)...)
	}
	return append(found, namesakes(s.Items, name, path+"[]")...)
}

// formatOf is the format that a schema demands, or "".
func formatOf(s *structuralschema.Structural) string {
	if s == nil || s.ValueValidation == nil {
		return ""
	}
	return s.ValueValidation.Format
}

// inWords says what the API server says of a field.
func inWords(root *structuralschema.Structural, tree any, err *field.Error) rule.Finding {
	at := locate(root, tree, cmp.Or(err.Field, "spec"))
	f := rule.Finding{Rule: rule.CMSchema, Type: err.Type, Field: at.path, Value: scalar(at.value)}
	switch err.Type {
	case field.ErrorTypeRequired:
		f.Message, f.Value = "is missing", nil
		f.Remedy = "Write " + aValue(at.schema)
	case field.ErrorTypeNotSupported:
		admitted := enumOf(at.schema)
		f.Message = "is not one of " + strings.Join(admitted, ", ")
		if text, ok := at.value.(string); ok {
			if closest := words.Closest(text, admitted); closest != "" {
				f.Remedy = fmt.Sprintf("Write %q", closest)
			}
		}
	case field.ErrorTypeTypeInvalid:
		f.Message, f.Remedy = wrongType(nameOfType(at.schema), at.value)
		if typeOf(at.value) == nameOfType(at.schema) {
			f.Message, f.Remedy = sentence(err.Detail), ""
		}
		if format := formatOf(at.schema); format != "" && typeOf(at.value) == nameOfType(at.schema) {
			f.Message, f.Remedy = "is not in the format "+format, ""
			if format == "byte" {
				f.Message, f.Remedy, f.Value = notBase64, encodeBase64, nil
			}
		}
	case field.ErrorTypeTooLong:
		f.Message = "is too long"
		if at.schema != nil && at.schema.ValueValidation != nil && at.schema.ValueValidation.MaxLength != nil {
			f.Message = fmt.Sprintf("is longer than %d characters", *at.schema.ValueValidation.MaxLength)
		}
	case field.ErrorTypeDuplicate:
		f.Message, f.Remedy = "is in the list already", "Remove one of them"
	default:
		f.Message = sentence(err.Detail)
	}
	return f
}

// sentence is the API server's text without the path, which it is not told: at the beginning or at the end there is none.
func sentence(detail string) string {
	if _, rest, found := strings.Cut(detail, " in body "); found {
		detail = rest
	}
	if _, rule, found := strings.Cut(detail, "evaluating rule: "); found {
		return rule // the engine could not end with the rule; what the rule demands is what is not there
	}
	switch {
	case detail == "should be at least 1 chars long":
		return "must not be empty"
	case strings.Contains(detail, " with format int32"):
		return "does not fit into 32 bits"
	case strings.Contains(detail, "must validate"), strings.Contains(detail, "must not validate"):
		return "has none of the forms that the schema admits"
	case strings.Contains(detail, "must be of type"):
		return "is not of the form that the schema demands"
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(detail, `"" `), " in "), ".")
}

// scalar is a value that can be printed in a message.
func scalar(value any) any {
	switch value.(type) {
	case string, bool, int64, float64:
		return value
	}
	return nil
}

func enumOf(s *structuralschema.Structural) []string {
	if s == nil || s.ValueValidation == nil {
		return nil
	}
	var words []string
	for _, word := range s.ValueValidation.Enum {
		words = append(words, fmt.Sprint(word.Object))
	}
	return words
}

// aValue describes what is to be written.
func aValue(s *structuralschema.Structural) string {
	if words := enumOf(s); len(words) > 0 {
		return "one of " + strings.Join(words, ", ")
	}
	if s != nil && s.Type == "object" && s.ValueValidation != nil && len(s.ValueValidation.Required) > 0 {
		return "an object with " + strings.Join(s.ValueValidation.Required, ", ")
	}
	return a(nameOfType(s))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
