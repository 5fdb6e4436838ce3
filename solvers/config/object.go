package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// object is a JSON object that is taken apart member by member, so that each mistake is found in one pass and carries its
// path. Values of members are never printed unless they are numbers: people paste keys into the wrong field.
type object struct {
	path    *field.Path
	members []member
	errs    *field.ErrorList
	// unread is set of what is no object, so that nothing is known of its members.
	unread bool
}

type member struct {
	name string // as it was written
	raw  json.RawMessage
	used bool
}

// A config has a dozen fields with short names. Anything beyond that is not read: whoever may write an Issuer must not be
// able to keep the solver busy with it.
const (
	maxMembers = 64
	maxName    = 64
	maxDigits  = 20 // of a number in an error
)

// readObject reads a JSON object. Nothing, and null, are an object without members.
func readObject(path *field.Path, raw []byte, errs *field.ErrorList) *object {
	o := &object{path: path, errs: errs}
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || isNull(trimmed) {
		return o
	}
	o.unread = true
	if !json.Valid(raw) {
		*errs = append(*errs, field.Invalid(path, field.OmitValueType{}, "is not valid JSON"))
		return o
	}
	if kind := kindOf(raw); kind != "object" {
		*errs = append(*errs, field.Invalid(path, field.OmitValueType{}, "must be a JSON object, not "+article(kind)))
		return o
	}
	if err := o.readMembers(raw); err != nil {
		*errs = append(*errs, field.Invalid(path, field.OmitValueType{}, err.Error()))
		o.members = nil
		return o
	}
	o.unread = false
	return o
}

// readMembers reads the members of an object that is known to be valid JSON.
func (o *object) readMembers(raw []byte) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for read := 0; dec.More(); read++ {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		m := member{name: fmt.Sprint(token)}
		if err := dec.Decode(&m.raw); err != nil {
			return err
		}
		switch {
		case read == maxMembers:
			return fmt.Errorf("has more than %d fields", maxMembers)
		case len(m.name) > maxName:
			return fmt.Errorf("has a field whose name is longer than %d characters", maxName)
		case o.lookup(m.name) != nil:
			*o.errs = append(*o.errs, field.Duplicate(o.path.Child(m.name), field.OmitValueType{}))
		default:
			o.members = append(o.members, m)
		}
	}
	return nil
}

// lookup finds a member without regard to case.
func (o *object) lookup(name string) *member {
	i := slices.IndexFunc(o.members, func(m member) bool { return strings.EqualFold(m.name, name) })
	if i < 0 {
		return nil
	}
	return &o.members[i]
}

// take returns the member, marked as known; nil where it is absent or null.
func (o *object) take(name string) *member {
	m := o.lookup(name)
	if m == nil {
		return nil
	}
	m.used = true
	if isNull(m.raw) {
		return nil
	}
	return m
}

// text reads a member that is a string. An empty one is unset.
func (o *object) text(name string) string {
	m := o.take(name)
	if m == nil {
		return ""
	}
	var s string
	if err := json.Unmarshal(m.raw, &s); err != nil {
		o.wrongType(m, "a string")
		return ""
	}
	return s
}

// number reads a member that is a whole number within a range, and returns what it is without the member.
func (o *object) number(name string, unset, low, high int) int {
	m := o.take(name)
	if m == nil {
		return unset
	}
	if kind := kindOf(m.raw); kind != "number" {
		o.wrongType(m, "a whole number")
		return unset
	}
	n, err := strconv.Atoi(string(m.raw))
	if err != nil || n < low || n > high {
		var value any = json.Number(m.raw)
		if len(m.raw) > maxDigits {
			value = field.OmitValueType{}
		}
		*o.errs = append(*o.errs, field.Invalid(o.path.Child(m.name), value,
			fmt.Sprintf("must be a whole number from %d to %d", low, high)))
		return unset
	}
	return n
}

// boolean reads a member that is true or false, and false without it.
func (o *object) boolean(name string) bool {
	m := o.take(name)
	if m == nil {
		return false
	}
	if kindOf(m.raw) != "boolean" {
		o.wrongType(m, "true or false")
		return false
	}
	return string(m.raw) == "true"
}

// ref reads a member that refers to one key of a Secret. An empty one is unset.
func (o *object) ref(name string) Ref {
	m := o.take(name)
	if m == nil {
		return Ref{}
	}
	path := o.path.Child(m.name)
	if kindOf(m.raw) != "object" {
		o.wrongType(m, "an object with the name of a Secret and a key in it")
		return Ref{}
	}
	inner := readObject(path, m.raw, o.errs)
	ref := Ref{Name: inner.text("name"), Key: inner.text("key")}
	inner.rejectUnknown(map[string]string{
		"namespace": "Secrets are read only in the namespace of the Issuer (of a ClusterIssuer: the cluster resource namespace)",
	})
	if ref == (Ref{}) {
		return ref
	}
	ref.validate(path, o.errs)
	return ref
}

func (r Ref) validate(path *field.Path, errs *field.ErrorList) {
	switch {
	case r.Name == "":
		*errs = append(*errs, field.Required(path.Child("name"), "name the Secret"))
	case len(validation.IsDNS1123Subdomain(r.Name)) > 0:
		*errs = append(*errs, field.Invalid(path.Child("name"), field.OmitValueType{}, "is not a name that a Secret can have"))
	}
	switch {
	case r.Key == "":
		*errs = append(*errs, field.Required(path.Child("key"), "name the key in the Secret"))
	case len(validation.IsConfigMapKey(r.Key)) > 0:
		*errs = append(*errs, field.Invalid(path.Child("key"), field.OmitValueType{}, "is not a key that a Secret can have"))
	}
}

// has tells whether a member is there with a value that is not empty.
func (o *object) has(name string) bool {
	m := o.lookup(name)
	if m == nil || isEmpty(m.raw) {
		return false
	}
	if kindOf(m.raw) != "object" {
		return true
	}
	inner := readObject(o.path, m.raw, &field.ErrorList{})
	return slices.ContainsFunc(inner.members, func(m member) bool { return !isEmpty(m.raw) })
}

// child is the path of a member as it was written, or by its own name.
func (o *object) child(name string) *field.Path {
	if m := o.lookup(name); m != nil {
		return o.path.Child(m.name)
	}
	return o.path.Child(name)
}

// rejectUnknown reports every member that nobody took. Hints are keyed by the member's name in lower case.
func (o *object) rejectUnknown(hints map[string]string) {
	for _, m := range o.members {
		if m.used {
			continue
		}
		hint := hints[strings.ToLower(m.name)]
		if hint == "" {
			hint = cmp.Or(misplaced(m.name), "there is no such field")
		}
		*o.errs = append(*o.errs, field.Forbidden(o.path.Child(m.name), hint))
	}
}

func (o *object) wrongType(m *member, want string) {
	*o.errs = append(*o.errs, field.Invalid(o.path.Child(m.name), field.OmitValueType{},
		fmt.Sprintf("must be %s, not %s", want, article(kindOf(m.raw)))))
}

func isEmpty(raw []byte) bool { return isNull(raw) || string(raw) == `""` }

func isNull(raw []byte) bool { return string(raw) == "null" }

// kindOf names the JSON type of a value by its first character.
func kindOf(raw []byte) string {
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) == 0 {
		return "nothing"
	}
	switch trimmed[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

func article(kind string) string {
	switch kind {
	case "object", "array":
		return "an " + kind
	case "nothing", "null":
		return kind
	}
	return "a " + kind
}
