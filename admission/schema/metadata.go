package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/words"
)

// metadata judges what all objects have. What kubectl and the API server fill in, such as the namespace, may be missing.
func (j *judgement) metadata() {
	meta, unknown, err := readMetadata(j.tree["metadata"])
	if err != nil {
		j.unreadableMetadata()
		return
	}
	j.unknownMetadata(unknown)
	if meta.ResourceVersion != "" {
		j.say(rule.Finding{
			Rule: rule.CMMetadata, Type: field.ErrorTypeForbidden, Field: "metadata.resourceVersion",
			Message: "must not be set on an object that is created", Remedy: "Remove it",
		})
	}
	switch {
	case j.kind.cluster:
		meta.Namespace = "" // the API server drops it
	case meta.Namespace == "":
		meta.Namespace = metav1.NamespaceDefault
	}
	if meta.Name == "" && meta.GenerateName != "" {
		meta.Name = meta.GenerateName + "x" // as the API server does, with random letters
		defer j.say(rule.Finding{
			Rule: rule.CMMetadata, Severity: rule.Warn, Field: "metadata.generateName",
			Message: "makes a new object each time, which kubectl create can do and kubectl apply refuses", Remedy: "Give it a name",
		})
	}
	meta.ManagedFields, meta.Generation = nil, 0 // only the server writes them
	errs := validation.ValidateObjectMeta(meta, !j.kind.cluster, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	for _, err := range errs[:min(len(errs), enough)] {
		j.say(ofMetadata(meta, err))
	}
}

// readMetadata reads metadata as the API server does. Unknown are the paths of fields that no metadata has.
func readMetadata(value any) (meta *metav1.ObjectMeta, unknown []string, err error) {
	meta, _, unknown, err = objectmeta.GetObjectMetaWithOptions(map[string]any{"metadata": value}, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	return meta, unknown, err
}

func (j *judgement) unknownMetadata(paths []string) {
	for _, path := range paths {
		name := path[strings.LastIndexByte(path, '.')+1:]
		f := j.noSuchField(path, elsewhere(name, nil))
		if closest := words.Closest(name, metadataFields()); closest != "" && path == "metadata."+name {
			f.Remedy = fmt.Sprintf("Write %q", closest)
		}
		j.say(f)
	}
}

func metadataFields() []string {
	var names []string
	for f := range reflect.TypeFor[metav1.ObjectMeta]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// unreadableMetadata says which fields the API server cannot read, each tried for itself: its decoder stops at the first.
func (j *judgement) unreadableMetadata() {
	metadata, isObject := j.tree["metadata"].(map[string]any)
	if !isObject {
		j.unreadable("metadata", objectType, j.tree["metadata"])
	}
	for _, key := range sortedKeys(metadata) {
		path := joined("metadata", key)
		_, unknown, err := readMetadata(map[string]any{key: metadata[key]})
		j.unknownMetadata(unknown)
		entries, areEntries := metadata[key].(map[string]any)
		mismatch, isMismatch := errors.AsType[*json.UnmarshalTypeError](err)
		switch {
		case err == nil:
		case areEntries && (key == "labels" || key == "annotations"):
			for _, name := range sortedKeys(entries) {
				if value := entries[name]; value != nil && typeOf(value) != stringType {
					j.unreadable(fmt.Sprintf("%s[%s]", path, name), stringType, value)
				}
			}
		case isMismatch && mismatch.Field == key && isAbout(mismatch, metadata[key]):
			j.unreadable(path, typeOfGo(mismatch.Type), metadata[key])
		default:
			j.say(rule.Finding{Rule: rule.CMMetadata, Field: path, Value: scalar(metadata[key]), Message: Unreadable(err, key)})
		}
	}
}

func (j *judgement) unreadable(path, want string, value any) {
	value = plain(value)
	message, remedy := wrongType(want, value)
	j.say(rule.Finding{Rule: rule.CMMetadata, Type: field.ErrorTypeTypeInvalid, Field: path, Value: scalar(value), Message: message, Remedy: remedy})
}

// isAbout tells whether a mismatch is about a value as a whole, and not about an entry of a list.
func isAbout(mismatch *json.UnmarshalTypeError, value any) bool {
	return typeOf(value) != listType || mismatch.Value == "array" && typeOfGo(mismatch.Type) != stringType
}

// Unreadable says why a decoder of Go's could not read what is written, from the field on in which it was. It never shows Go's own text.
func Unreadable(err error, field string) string {
	mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		if _, isTime := errors.AsType[*time.ParseError](err); isTime {
			return "is not a time like 2006-01-02T15:04:05Z"
		}
		return "cannot be read"
	}
	is := map[string]string{"bool": booleanType, "array": listType}[mismatch.Value]
	if is == "" {
		is, _, _ = strings.Cut(mismatch.Value, " ") // "number 1.5"
	}
	what := strings.TrimPrefix(strings.TrimPrefix(mismatch.Field, field), ".")
	if what == "" {
		what = "an entry"
	}
	return fmt.Sprintf("%s must be %s, and is %s", what, a(typeOfGo(mismatch.Type)), a(is))
}

// typeOfGo is the type in JSON of what a field of the metadata is decoded into.
func typeOfGo(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return stringType
	case reflect.Int, reflect.Int32, reflect.Int64:
		return integerType
	case reflect.Bool:
		return booleanType
	case reflect.Slice, reflect.Array:
		return listType
	default:
		return objectType
	}
}

// ofMetadata says what the API server says, of the very label or annotation where it can be told.
func ofMetadata(meta *metav1.ObjectMeta, err *field.Error) rule.Finding {
	f := rule.Finding{Rule: rule.CMMetadata, Type: err.Type, Field: err.Field, Value: scalar(err.BadValue), Message: strings.TrimSuffix(err.Detail, ".")}
	if err.Type == field.ErrorTypeRequired {
		f.Value = nil
	}
	maps := map[string]map[string]string{"metadata.labels": meta.Labels, "metadata.annotations": meta.Annotations}
	entries := maps[err.Field]
	for _, key := range sortedKeys(entries) {
		if f.Value == key || f.Value == strings.ToLower(key) || f.Value == entries[key] {
			f.Field = fmt.Sprintf("%s[%s]", err.Field, key)
			break
		}
	}
	return f
}
