// Package document reads what an operator writes: one document of YAML, strictly.
package document

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	strictjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// JSON is the document in the form of JSON, nil where there is nothing in it. Beside an error there is what can be used of it: of two
// equal keys the last, of two documents the first. What the document is stands in the error, like "a policy".
func JSON(raw []byte, what string) ([]byte, error) {
	document, err := yaml.YAMLToJSONStrict(raw)
	if err == nil {
		err = alone(raw, what)
	} else if document, _ = yaml.YAMLToJSON(raw); document == nil {
		return nil, err
	}
	if string(document) == "null" {
		return nil, err
	}
	return document, err
}

// Decode fills in a value strictly, and says in the words of the document what does not fit: one error for each field that there is not,
// and one for the first value of a wrong form. Fields that fit are filled in all the same.
func Decode(document []byte, into any) []error {
	unknown, err := strictjson.UnmarshalStrict(document, into)
	if err != nil {
		unknown = append(unknown, inWords(err))
	}
	return unknown
}

// alone refuses a second document, which would be left out without a word.
func alone(raw []byte, what string) error {
	decoder := yamlv3.NewDecoder(bytes.NewReader(raw))
	for first := true; ; first = false {
		var document yamlv3.Node
		err := decoder.Decode(&document)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !first && (len(document.Content) != 1 || document.Content[0].Tag != "!!null"):
			return fmt.Errorf("line %d: a second document begins here; %s is one document", document.Line, what)
		}
	}
}

// Formed is a type that knows how people write its values, like "a day like 2026-11-30".
type Formed interface{ Form() string }

// Misformed is the error of an UnmarshalJSON about a text that is not of the type's form. The decoder adds the field.
func Misformed(value Formed) error { return &json.UnmarshalTypeError{Type: reflect.TypeOf(value)} }

// inWords says in the words of the document what the decoder says in those of Go.
func inWords(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	return fmt.Errorf("%s must be %s", cmp.Or(path(wrong.Field), "the document"), form(wrong.Type))
}

// path is that of a field without the names of Go's embedded structs, which the document does not have.
func path(field string) string {
	parts := strings.Split(field, ".")
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part != "" && 'A' <= part[0] && part[0] <= 'Z' }), ".")
}

func form(t reflect.Type) string {
	if formed, ok := reflect.TypeAssert[Formed](reflect.Zero(t)); ok {
		return formed.Form()
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	default:
		return "a text"
	}
}
