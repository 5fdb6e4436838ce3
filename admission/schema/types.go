package schema

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
)

// The types of JSON, as messages call them.
const (
	stringType  = "string"
	integerType = "integer"
	numberType  = "number"
	booleanType = "boolean"
	listType    = "list"
	objectType  = "object"
)

// What is said of bytes that are not written as JSON has them.
const (
	notBase64    = "is not base64"
	encodeBase64 = "Encode the text with base64 -w0"
)

func a(name string) string {
	if name == integerType || name == objectType {
		return "an " + name
	}
	return "a " + name
}

// nameOfType is the type that a schema demands.
func nameOfType(s *structuralschema.Structural) string {
	switch {
	case s == nil:
		return objectType
	case s.XIntOrString:
		return stringType
	case s.Type == "array":
		return listType
	}
	return s.Type
}

// typeOf is the type of a value.
func typeOf(value any) string {
	switch value.(type) {
	case string:
		return stringType
	case int64:
		return integerType
	case float64:
		return numberType
	case bool:
		return booleanType
	case []any:
		return listType
	case map[string]any:
		return objectType
	}
	return "null"
}

// wrongType says that a value is of another type than it must be, and how to write it.
func wrongType(want string, value any) (message, remedy string) {
	is := typeOf(value)
	message = fmt.Sprintf("must be %s, and is %s", a(want), a(is))
	if is == "null" {
		message = fmt.Sprintf("must be %s, and has no value", a(want))
	}
	text, isText := value.(string)
	switch {
	case want == stringType && scalar(value) != nil:
		remedy = fmt.Sprintf("Write it in quotes: %q", fmt.Sprint(value))
	case want == listType && isText:
		remedy = fmt.Sprintf("Write a list: [%q]", text)
	case isText && (want == integerType && isNumber(text) || want == booleanType && (text == "true" || text == "false")):
		remedy = "Write it without quotes: " + text
	}
	return message, remedy
}

func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// specOf is the type of the spec of a kind.
func specOf(kind reflect.Type) reflect.Type {
	spec, _ := kind.FieldByName("Spec")
	return spec.Type
}

// types says where a value does not fit into a Go type, as encoding/json sees it. It says so only of what the schema admits.
// Fields that the type does not have are told of where the kind has no schema.
func (j *judgement) types(path string, t reflect.Type, value any) {
	if value == nil {
		return
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		j.decodes(path, t, value)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		j.structure(path, t, value)
	case reflect.Map:
		if object, ok := j.must(path, objectType, value).(map[string]any); ok {
			for _, key := range sortedKeys(object) {
				j.types(fmt.Sprintf("%s[%s]", path, key), t.Elem(), object[key])
			}
		}
	case reflect.Slice:
		j.list(path, t, value)
	case reflect.String:
		j.must(path, stringType, value)
	case reflect.Bool:
		j.must(path, booleanType, value)
	case reflect.Int, reflect.Int32, reflect.Int64:
		j.integer(path, t, value)
	default: // the types have no other kinds
	}
}

// must returns the value where it is of the type, else nil.
func (j *judgement) must(path, want string, value any) any {
	if typeOf(value) == want {
		return value
	}
	message, remedy := wrongType(want, value)
	j.say(rule.Finding{Rule: j.typeRule(path), Type: field.ErrorTypeTypeInvalid, Field: path, Value: scalar(value), Message: message, Remedy: remedy})
	return nil
}

// typeRule is the rule for a value of the wrong type.
func (j *judgement) typeRule(path string) string {
	if path == "metadata" || strings.HasPrefix(path, "metadata.") {
		return rule.CMMetadata
	}
	if j.kind.file != "" {
		return rule.CMUnreadable
	}
	return rule.CMSchema
}

func (j *judgement) list(path string, t reflect.Type, value any) {
	if t.Elem().Kind() == reflect.Uint8 {
		text, ok := j.must(path, stringType, value).(string)
		if _, err := base64.StdEncoding.DecodeString(text); ok && err != nil {
			j.say(rule.Finding{Rule: j.typeRule(path), Field: path, Message: notBase64, Remedy: encodeBase64})
		}
		return
	}
	items, _ := j.must(path, listType, value).([]any)
	for i, item := range items {
		j.types(fmt.Sprintf("%s[%d]", path, i), t.Elem(), item)
	}
}

func (j *judgement) integer(path string, t reflect.Type, value any) {
	n, ok := j.must(path, integerType, value).(int64)
	if ok && t.Kind() == reflect.Int32 && (n > math.MaxInt32 || n < math.MinInt32) {
		j.say(rule.Finding{Rule: j.typeRule(path), Field: path, Value: n, Message: "does not fit into 32 bits"})
	}
}

// structure looks at the fields of an object. JSON names match case by case.
func (j *judgement) structure(path string, t reflect.Type, value any) {
	object, ok := j.must(path, objectType, value).(map[string]any)
	if !ok {
		return
	}
	fields := j.fieldsOf(t)
	for _, key := range sortedKeys(object) {
		here := joined(path, key)
		if fieldType, known := fields[key]; known {
			if !j.judgedElsewhere(here) {
				j.types(here, fieldType, object[key])
			}
			continue
		}
		if j.kind.file != "" && !strings.HasPrefix(here, "metadata.") {
			continue // the schema knows
		}
		f := rule.Finding{
			Rule: rule.CMUnknownField, Type: field.ErrorTypeForbidden, Field: here,
			Message: fmt.Sprintf("%s has no such field, and kubectl refuses the object", j.kind.kind), Remedy: elsewhere(key, nil),
		}
		if closest := rule.Closest(key, sortedKeys(fields)); closest != "" {
			f.Remedy = fmt.Sprintf("Write %q", closest)
		}
		j.say(f)
	}
}

// judgedElsewhere is for the metadata, which all kinds have, and for the status, which no object has when it is created.
func (j *judgement) judgedElsewhere(path string) bool { return path == "metadata" || path == "status" }

// fieldsOf are the types of a structure's fields by their JSON names.
func (j *judgement) fieldsOf(t reflect.Type) map[string]reflect.Type {
	if known, ok := j.structures.Load(t); ok {
		fields, _ := known.(map[string]reflect.Type)
		return fields
	}
	fields := map[string]reflect.Type{}
	addFields(fields, t)
	j.structures.Store(t, fields)
	return fields
}

func addFields(fields map[string]reflect.Type, t reflect.Type) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")):
			addFields(fields, f.Type)
		case name != "" && name != "-":
			fields[name] = f.Type
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// decodes has a type that decodes itself try the value.
func (j *judgement) decodes(path string, t reflect.Type, value any) {
	raw, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(raw, reflect.New(t).Interface())
	}
	if err == nil {
		return
	}
	f := rule.Finding{Rule: j.typeRule(path), Field: path, Value: scalar(value), Message: "cannot be read: " + err.Error()}
	if text, isText := value.(string); isText && t == reflect.TypeFor[metav1.Duration]() {
		f.Message, f.Remedy = "is not a duration in hours, minutes and seconds, and cert-manager's webhook cannot read it", "Write "+inHours(text)
	}
	j.say(f)
}

// inHours is a duration as it is to be written.
func inHours(text string) string {
	days, found := strings.CutSuffix(strings.ToLower(strings.TrimSpace(text)), "d")
	if n, err := strconv.ParseInt(days, 10, 32); found && err == nil {
		return fmt.Sprintf(`%d days as "%dh"`, n, 24*n)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if d := time.Duration(n) * time.Second; n%3600 == 0 && d > 0 {
			return fmt.Sprintf(`%q for hours, or "%dh" if you mean seconds`, text+"h", n/3600)
		}
		return fmt.Sprintf("a unit after it, like %q", text+"h")
	}
	return `it like "2160h"`
}
