package schema

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
)

// metadata judges what all objects have. What kubectl and the API server fill in, such as the namespace, may be missing.
func (j *judgement) metadata() {
	before := len(j.findings)
	value := j.tree["metadata"]
	if value != nil {
		j.types("metadata", reflect.TypeFor[metav1.ObjectMeta](), value)
	}
	if len(j.findings) > before && !onlyUnknown(j.findings[before:]) {
		return
	}
	var meta metav1.ObjectMeta
	raw, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(raw, &meta)
	}
	if err != nil {
		j.say(rule.Finding{Rule: rule.CMMetadata, Field: "metadata", Message: "cannot be read: " + err.Error()})
		return
	}
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
	errs := validation.ValidateObjectMeta(&meta, !j.kind.cluster, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	for _, err := range errs[:min(len(errs), enough)] {
		j.say(ofMetadata(&meta, err))
	}
}

func onlyUnknown(findings []rule.Finding) bool {
	for _, f := range findings {
		if f.Rule != rule.CMUnknownField {
			return false
		}
	}
	return true
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
