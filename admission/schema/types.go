package schema

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

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

// durations says which texts are durations for cert-manager, and none that it can read. All else that cert-manager's types do not
// hold the definitions do not admit.
func (j *judgement) durations(path string, parts []string, value any) {
	if len(parts) == 0 {
		j.duration(path, value)
		return
	}
	switch value := value.(type) {
	case map[string]any:
		j.durations(joined(path, parts[0]), parts[1:], value[parts[0]])
	case []any:
		for i, item := range value {
			j.durations(fmt.Sprintf("%s[%d]", path, i), parts[1:], item)
		}
	}
}

func (j *judgement) duration(path string, value any) {
	text, isText := value.(string)
	if _, err := time.ParseDuration(text); !isText || err == nil {
		return
	}
	j.say(rule.Finding{
		Rule: rule.CMUnreadable, Field: path, Value: text, Remedy: "Write " + inHours(text),
		Message: "is not a duration in hours, minutes and seconds, and cert-manager's webhook cannot read it",
	})
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
