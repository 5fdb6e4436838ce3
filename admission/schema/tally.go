package schema

import (
	"fmt"
	"slices"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// large is from how many values on an object is looked at before the API server's code looks at it. That compares each of its
// errors with all others, which takes minutes for a list of some ten thousand mistakes.
const large = 500

// countValues stops at large.
func countValues(tree any) int {
	n := 1
	switch tree := tree.(type) {
	case map[string]any:
		for _, value := range tree {
			if n += countValues(value); n >= large {
				break
			}
		}
	case []any:
		for _, value := range tree {
			if n += countValues(value); n >= large {
				break
			}
		}
	}
	return n
}

// tally finds the commonest mistakes, until they are enough: wrong types, fields that are missing, words that are not in the
// list, numbers and texts out of bounds. It finds none that the API server does not find.
type tally struct{ errs field.ErrorList }

func (t *tally) full() bool { return len(t.errs) >= enough }

func (t *tally) look(s *structuralschema.Structural, value any, path *field.Path) {
	if s == nil || t.full() || value == nil && s.Nullable {
		return
	}
	if want := nameOfType(s); s.Type != "" && want != typeOf(value) && (want != numberType || typeOf(value) != integerType) {
		t.errs = append(t.errs, field.TypeInvalid(path, value, ""))
		return
	}
	if s.ValueValidation != nil {
		t.bounds(s.ValueValidation, value, path)
	}
	switch value := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(value) {
			if property, ok := s.Properties[key]; ok {
				t.look(&property, value[key], path.Child(key))
			} else if s.AdditionalProperties != nil {
				t.look(s.AdditionalProperties.Structural, value[key], path.Child(key))
			}
			if t.full() {
				return
			}
		}
	case []any:
		for i := range value {
			if t.look(s.Items, value[i], path.Index(i)); t.full() {
				return
			}
		}
	}
}

func (t *tally) bounds(v *structuralschema.ValueValidation, value any, path *field.Path) {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range v.Required {
			if _, there := value[name]; !there {
				t.errs = append(t.errs, field.Required(path.Child(name), ""))
			}
		}
	case string:
		length := int64(utf8.RuneCountInString(value))
		isWord := func(word structuralschema.JSON) bool { return word.Object == value }
		switch {
		case len(v.Enum) > 0 && !slices.ContainsFunc(v.Enum, isWord):
			t.errs = append(t.errs, field.NotSupported[string](path, value, nil))
		case v.MaxLength != nil && length > *v.MaxLength:
			t.errs = append(t.errs, field.TooLong(path, "", int(*v.MaxLength)))
		case v.MinLength != nil && length < *v.MinLength:
			t.errs = append(t.errs, field.Invalid(path, value, fmt.Sprintf("should be at least %d chars long", *v.MinLength)))
		}
	case int64:
		switch n := float64(value); {
		case v.Maximum != nil && n > *v.Maximum:
			t.errs = append(t.errs, field.Invalid(path, value, fmt.Sprintf("should be less than or equal to %v", *v.Maximum)))
		case v.Minimum != nil && n < *v.Minimum:
			t.errs = append(t.errs, field.Invalid(path, value, fmt.Sprintf("should be greater than or equal to %v", *v.Minimum)))
		}
	}
}
