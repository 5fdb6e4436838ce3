// Package schema says of an object as it is written what a cluster says before any rule about its contents: that there is no
// such kind, that there are no such fields, and which values the schema, cert-manager's Go types and the rules about metadata do
// not admit.
//
// It does what the API server does when an object is created, with the packages of the API server
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation), for the
// CustomResourceDefinitions that are built in: those of Certificates, Issuers and ClusterIssuers. What they have no words for are
// durations, which cert-manager's webhook fails to decode. Of other kinds, such as Ingresses, only the metadata is judged.
package schema

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/certyun/certyun/admission/rule"
)

// Validator holds the schemas of the kinds that are judged. A schema is read when the first object of its kind comes. It is
// safe for concurrent use.
type Validator struct {
	// CertManager is the version of cert-manager in the cluster, like "v1.21.2"; "" is that which is built in.
	CertManager string

	kinds   []served
	schemas map[string]func() (*compiled, error)
}

// New returns a Validator.
func New() *Validator {
	v := &Validator{kinds: servedKinds(), schemas: map[string]func() (*compiled, error){}}
	for _, kind := range v.kinds {
		if kind.file != "" {
			v.schemas[kind.file] = sync.OnceValues(func() (*compiled, error) { return compile(kind.file) })
		}
	}
	return v
}

// Validate returns what a cluster would refuse the object for, as `kubectl apply` sends it, in the order of rule.Sort. They
// are of the rules rule.CMNoSuchKind, rule.CMUnknownField, rule.CMSchema, rule.CMUnreadable and rule.CMMetadata. An object of a kind
// that is not ours to judge has none. The object is as JSON has it, its numbers are int64 or float64. It is not changed. A field that
// is written twice is not in a map any more: whoever reads the text must see it.
//
// A finding may be about a field that the object does not have: Field is then where it is missing. Keys of labels, annotations
// and the like are in brackets, as in metadata.labels[app].
//
// An error means that a schema could not be read.
func (v *Validator) Validate(ctx context.Context, object map[string]any) ([]rule.Finding, error) {
	kind, findings := v.kindOf(object)
	if kind == nil {
		return findings, nil
	}
	judge := &judgement{kind: kind, tree: object, said: map[string]bool{}}
	judge.metadata()
	if kind.file != "" {
		schema, err := v.schemas[kind.file]()
		if err != nil {
			return nil, err
		}
		judge.tooEarly(v.CertManager)
		judge.against(ctx, schema)
	}
	for _, path := range kind.durations {
		judge.durations("", strings.Split(path, "."), object)
	}
	rule.Sort(judge.findings)
	return judge.findings, nil
}

// judgement is what is said of one object.
type judgement struct {
	kind *served
	tree map[string]any
	// said are the fields that something is said of already.
	said     map[string]bool
	findings []rule.Finding
}

// enough is how many findings about one object are enough. A list may be as long as an object may be large.
const enough = 100

func (j *judgement) say(f rule.Finding) {
	if j.said[f.Field] || len(j.findings) >= enough {
		return
	}
	j.said[f.Field] = true
	if f.Severity == "" {
		f.Severity = rule.Deny
	}
	if strings.HasSuffix(f.Field, "assword") {
		f.Value = nil
	}
	j.findings = append(j.findings, f)
}

// against does what the API server does with an object that is created: it sets defaults, drops what it does not know, and
// looks at what is left.
func (j *judgement) against(ctx context.Context, c *compiled) {
	work, _ := plain(j.tree).(map[string]any)
	delete(work, "metadata") // it is judged by itself
	defaulting.Default(work, c.structural)
	unknown := pruning.PruneWithOptions(work, c.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown[:min(len(unknown), enough)] {
		j.say(j.unknownField(c.structural, path))
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(work, c.structural)
	if c.status {
		delete(work, "status")
	}
	errs := refusals(ctx, c, work)
	for _, err := range errs[:min(len(errs), enough)] {
		j.say(inWords(c.structural, work, err))
	}
}

// plain returns a copy of a tree with the numbers that the API server has: whole ones are int64, the others float64.
func plain(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		copied := make(map[string]any, len(tree))
		for key, value := range tree {
			copied[key] = plain(value)
		}
		return copied
	case []any:
		copied := make([]any, len(tree))
		for i, value := range tree {
			copied[i] = plain(value)
		}
		return copied
	case float64:
		if tree == math.Trunc(tree) && math.Abs(tree) < 1<<63 {
			return int64(tree)
		}
	}
	return tree
}

// refusals are the errors of the API server about an object without unknown fields. There is no metadata in the definitions but the
// object's own.
func refusals(ctx context.Context, c *compiled, work map[string]any) field.ErrorList {
	errs := c.values.judge(nil, work, nil)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, c.structural, work)...)
	if c.rules != nil && !slices.ContainsFunc(errs, blocks) {
		more, _ := c.rules.Validate(ctx, nil, c.structural, work, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, more...)
	}
	return errs
}

// blocks tells whether the API server looks at no rules of the schema because of an error.
func blocks(err *field.Error) bool {
	return slices.Contains([]field.ErrorType{
		field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid,
	}, err.Type)
}
