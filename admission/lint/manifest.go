package lint

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule/shim"
)

// manifest is one object as a document has it.
type manifest struct {
	doc *document
	// prefix is the object's path in the document: "", or items[3] in a List.
	prefix string
	// raw is the object in JSON. What it says is not kept: of thousands of objects that is most of the memory.
	raw []byte
	// object is its name. The namespace is the one that it would be applied in.
	object report.Object
	// placeless says that nobody has written in which namespace it would be.
	placeless bool
	// isBeside says that it is not judged.
	isBeside bool

	// apiVersion is the one that was meant where only its case is wrong, else the one that is written.
	apiVersion string
	// typed is the object as rules read it, nil where no rule does; err says why it cannot be read.
	typed metav1.Object
	err   error
	// unknown is what is filled in later, nil where that is nothing. Raw and typed then have something in its place.
	unknown *unknown
}

// settle says in which namespace the object would be, and what it was meant to be.
func (m *manifest) settle(namespace string) {
	m.apiVersion = m.object.APIVersion
	if lower := strings.ToLower(m.apiVersion); newObject(lower, m.object.Kind) != nil {
		m.apiVersion = lower
	}
	switch {
	case slices.Contains([]string{"ClusterIssuer", "APIService", "CustomResourceDefinition", "Namespace"}, m.object.Kind):
		m.object.Namespace = ""
	case m.object.Namespace == "":
		m.object.Namespace = namespace
	}
}

// mayBeOurs is false of what neither is of a kind that is judged nor was meant to be. Most objects are not.
func (m *manifest) mayBeOurs() bool {
	if m.unknown != nil && m.unknown.ofType {
		return false
	}
	group, _, _ := strings.Cut(strings.ToLower(m.object.APIVersion), "/")
	return m.isTraffic() || slices.Contains([]string{"Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge"}, m.object.Kind) ||
		isCertManagers(group)
}

// isCertManagers tells whether a group, in lower case, is one of cert-manager's, or was meant to be.
func isCertManagers(group string) bool {
	return strings.Contains(group, "cert-manager") || strings.Contains(group, "certmanager")
}

// isTraffic tells whether it is an Ingress or a Gateway, or was meant to be one. Only some are cert-manager's business.
func (m *manifest) isTraffic() bool {
	group, _, _ := strings.Cut(strings.ToLower(m.object.APIVersion), "/")
	return slices.Contains([]string{"Ingress", "Gateway"}, m.object.Kind) ||
		slices.Contains([]string{"networking.k8s.io", "extensions", "gateway.networking.k8s.io"}, group)
}

// asksCertManager tells whether an Ingress or a Gateway has an annotation that is meant for cert-manager, be it misspelled or in a
// wrong place of the metadata. kubernetes.io/tls-acme alone is for other controllers where cert-manager has no default issuer.
func asksCertManager(tree map[string]any, defaultIssuer bool) bool {
	meant := func(key string) bool { return shim.Meant(key) || defaultIssuer && key == shim.TLSACME }
	metadata, _ := tree["metadata"].(map[string]any)
	for key, value := range metadata {
		if meant(key) || key != "labels" && hasKey(value, meant) {
			return true
		}
	}
	return false
}

// hasKey tells whether there is such a key in a mapping, or in a list that somebody wrote instead.
func hasKey(value any, meant func(string) bool) bool {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			if meant(key) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(value, func(one any) bool { return hasKey(one, meant) })
	case string:
		return meant(value)
	}
	return false
}

// tree is what the object says. It is made anew.
func (m *manifest) tree() (map[string]any, error) {
	var tree map[string]any
	err := json.UnmarshalCaseSensitivePreserveInts(m.raw, &tree)
	return tree, err
}

// locateStart says where the object begins. It costs less than locate.
func (m *manifest) locateStart() (line, column int) {
	if m.prefix == "" {
		return m.doc.begin()
	}
	return m.locate("")
}

// locate says where a field of the object stands in its file.
func (m *manifest) locate(field string) (line, column int) {
	path := field
	if m.prefix != "" {
		path = strings.TrimSuffix(m.prefix+"."+field, ".")
	}
	if path == "" {
		return m.doc.begin()
	}
	return m.doc.locate(path)
}

// errNoObject is for what is no Kubernetes object at all, like the values of a Helm chart.
var errNoObject = errors.New("is no Kubernetes object: that is a mapping with apiVersion and kind")

// errNoTypes is for what has the names of an object's fields, and other values.
var errNoTypes = errors.New("is no Kubernetes object: apiVersion and kind must be texts, and items a list")

// part is what came of one document.
type part struct {
	manifests []*manifest
	problems  []report.Problem
	// note says where a mapping or a list is that is no object, "" where there is none.
	note string
	// isFragment says that the document is a part of an object, or what objects are made from.
	isFragment bool
	// isStrange says that it cannot be read and has nothing of cert-manager's.
	isStrange  bool
	references references
}

// parse reads the objects of a document. Whatever cannot be read is a problem; the rest is there all the same. A document in a
// directory that cannot be read is passed over where it is none of our business, and a template there is a fragment.
func (d *document) parse() part {
	if d.isYtt() {
		return part{isFragment: true}
	}
	all := d.parseAll()
	if d.origin != fromDirectory || len(all.problems) == 0 {
		return all
	}
	if template := all.manifests == nil && isTemplate(d.text); template || !isOurs(d.text) {
		all.problems, all.isFragment, all.isStrange = nil, isOurs(d.text), !isOurs(d.text)
	}
	return all
}

func (d *document) parseAll() part {
	values, rest := d.jsonValues()
	if len(values) == 0 {
		return d.parseOne()
	}
	var all part
	for _, value := range append(values, rest...) {
		p := value.parseOne()
		all.manifests, all.problems = append(all.manifests, p.manifests...), append(all.problems, p.problems...)
		all.note, all.isFragment = cmp.Or(all.note, p.note), all.isFragment || p.isFragment
		all.references.add(p.references)
	}
	return all
}

// jsonValues cuts JSON values that follow each other into documents of their own. What comes after the last one that is JSON
// is the rest.
func (d *document) jsonValues() (values, rest []*document) {
	if !bytes.HasPrefix(bytes.TrimSpace(d.text), []byte("{")) {
		return nil, nil
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(d.text))
	start := 0
	for {
		var value stdjson.RawMessage
		err := decoder.Decode(&value)
		for start < len(d.text) && strings.IndexByte(" \t\r\n", d.text[start]) >= 0 {
			start++
		}
		if errors.Is(err, io.EOF) && start == len(d.text) {
			return values, nil
		}
		line, column := lineOf(d.text, start)
		line, column = d.place(line, column)
		part := &document{file: d.file, origin: d.origin, line: line, column: column}
		if err != nil {
			part.text = d.text[start:]
			return values, []*document{part}
		}
		end := int(decoder.InputOffset())
		part.text, part.json = d.text[start:end], true
		values, start = append(values, part), end
	}
}

func (d *document) parseOne() part {
	raw, value, problems := d.decode()
	p := part{problems: problems}
	if value == nil {
		return p
	}
	var err error
	p.references = d.references(value)
	p.manifests, err = d.objects(value, raw, "", 0, report.Object{})
	if isNone := err == nil || errors.Is(err, errNoObject); isNone && d.origin == fromDirectory && !slices.ContainsFunc(p.manifests, (*manifest).mayBeOurs) {
		p.problems = nil // which are about keys that are there twice: what other programs make of that is theirs to say
	}
	p.isFragment = slices.ContainsFunc(p.manifests, (*manifest).isPatch)
	p.manifests = slices.DeleteFunc(p.manifests, (*manifest).isPatch)
	line, _ := d.begin()
	_, isList := value.([]any)
	_, isMapping := value.(map[string]any)
	switch {
	case errors.Is(err, errNoObject) && d.outside() > 0:
		p.problems = append(p.problems, d.problem(d.outside(), 0, "stands outside of what the document begins with (is its first line indented too far?)"))
	case err == nil, errors.Is(err, errNoObject) && d.origin == fromDirectory:
	case errors.Is(err, errNoObject) && d.origin == fromName && (isList || isMapping):
		p.note = fmt.Sprintf("%s:%d", d.file, line)
	default:
		p.problems = append(p.problems, d.misfits(err)...)
	}
	if line := d.ignored(); line > 0 {
		p.problems = append(p.problems, d.problem(line, 1, `stands after a line "...", which ends the document: kubectl does not read it, so it was not checked`))
	}
	return p
}

// decode reads the document as kubectl does, into JSON and what that says. The value is nil where that is not possible.
func (d *document) decode() (raw []byte, value any, problems []report.Problem) {
	if raw = d.text; !d.json {
		raw, problems = d.toJSON()
	}
	if raw == nil {
		return nil, nil, problems
	}
	// In what was YAML no key is there twice any more.
	twice, err := json.UnmarshalStrict(raw, &value, json.DisallowDuplicateFields)
	if err != nil {
		return nil, nil, append(problems, d.problem(1, 1, "cannot be read: %v", err))
	}
	if len(twice) > 0 {
		problems = d.duplicates()
	}
	return raw, value, problems
}

// toJSON turns YAML into JSON. It returns nil where that is not possible.
func (d *document) toJSON() ([]byte, []report.Problem) {
	if err := d.checkAliases(); err != nil {
		return nil, []report.Problem{d.problem(1, 0, "%v", err)}
	}
	raw, err := yaml.YAMLToJSONStrict(d.text)
	if err == nil {
		return raw, nil
	}
	if raw, err = yaml.YAMLToJSON(d.text); err == nil {
		return raw, d.duplicates()
	}
	var value any
	if jsonErr := stdjson.Unmarshal(d.text, &value); isJSON(d.text) && jsonErr != nil {
		err = jsonErr
	}
	return nil, []report.Problem{d.syntaxProblem(err)}
}

// isJSON tells whether a text was meant to be JSON.
func isJSON(text []byte) bool {
	inside, found := bytes.CutPrefix(bytes.TrimSpace(text), []byte("{"))
	return found && bytes.HasPrefix(bytes.TrimSpace(inside), []byte(`"`))
}

// outside is the line of what follows the first value of a YAML document without belonging to it, 0 where nothing does. kubectl
// does not read it.
func (d *document) outside() int {
	if d.json {
		return 0
	}
	decoder := yamlv3.NewDecoder(bytes.NewReader(d.text))
	var first, second yamlv3.Node
	if decoder.Decode(&first) != nil {
		return 0
	}
	err := decoder.Decode(&second)
	if err == nil || errors.Is(err, io.EOF) {
		return 0
	}
	line, _ := lineIn(err)
	return line + 1 // the parser counts from 0
}

// ignored is the line of what stands after the end of the first YAML document, 0 where nothing does.
func (d *document) ignored() int {
	if d.json || !bytes.Contains(d.text, []byte("\n...")) {
		return 0
	}
	line, ended := 0, false
	for text := range bytes.Lines(d.text) {
		line++
		switch rest, end := bytes.CutPrefix(text, []byte("...")); {
		case end && len(bytes.TrimSpace(rest)) == 0:
			ended = true
		case ended && !isBlank(text):
			return line
		}
	}
	return 0
}

// misfits are the problems of a document, or of the items of a List, each where it stands.
func (d *document) misfits(err error) []report.Problem {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var problems []report.Problem
		for _, one := range all.Unwrap() {
			problems = append(problems, d.misfits(one)...)
		}
		return problems
	}
	line, column := d.begin()
	if item, ok := errors.AsType[*itemError](err); ok {
		line, column = d.locate(item.path)
	}
	return []report.Problem{problemAt(d.file, line, column, err.Error())}
}

// itemError is about an item of a List.
type itemError struct {
	path  string
	cause error
}

// Error names the item.
func (e *itemError) Error() string { return e.path + " " + e.cause.Error() }

// maxLists is how deep Lists may stand in Lists.
const maxLists = 4

// objects takes Lists apart. An item of a typed List has its type from there. Raw is the value in JSON, nil where that is yet to be
// written.
func (d *document) objects(value any, raw []byte, prefix string, depth int, list report.Object) ([]*manifest, error) {
	tree, isObject := value.(map[string]any)
	if !isObject {
		return nil, inList(prefix, errNoObject)
	}
	apiVersion, hasVersion := textOrNone(tree["apiVersion"])
	kind, hasKind := textOrNone(tree["kind"])
	items, isList := tree["items"].([]any)
	if !hasVersion || !hasKind || !isList && tree["items"] != nil {
		return nil, inList(prefix, errNoTypes)
	}
	object := report.Object{APIVersion: apiVersion, Kind: kind}
	if object.Kind == "" && strings.HasSuffix(list.Kind, "List") && list.Kind != "List" {
		object.APIVersion, object.Kind = list.APIVersion, strings.TrimSuffix(list.Kind, "List")
		tree["apiVersion"], tree["kind"] = object.APIVersion, object.Kind
	}
	switch {
	case object.APIVersion == "" && object.Kind == "":
		return nil, inList(prefix, errNoObject)
	case object.Kind == "" && d.origin == fromDirectory && !isCertManagers(strings.ToLower(apiVersion)):
		return nil, inList(prefix, errNoObject)
	case object.Kind == "":
		return nil, inList(prefix, errors.New("is no Kubernetes object: kind is missing"))
	case object.APIVersion == "":
		return nil, inList(prefix, errors.New("is no Kubernetes object: apiVersion is missing"))
	case !strings.HasSuffix(object.Kind, "List") || !isList:
		return []*manifest{newManifest(d, prefix, tree, raw, object)}, nil
	case depth == maxLists:
		return nil, inList(prefix, errors.New("is a List in a List in a List"))
	}
	var found []*manifest
	var errs []error
	for i, item := range items {
		path := strings.TrimPrefix(fmt.Sprintf("%s.items[%d]", prefix, i), ".")
		more, err := d.objects(item, nil, path, depth+1, object)
		found = append(found, more...)
		if err != nil && len(errs) < maxDuplicates {
			errs = append(errs, err)
		}
	}
	return found, errors.Join(errs...)
}

// textOrNone returns a text, "" where there is nothing. It is not ok where there is something else.
func textOrNone(value any) (text string, ok bool) {
	text, ok = value.(string)
	return text, ok || value == nil
}

// inList returns the cause, or says of which item of a List it is. A List says that it holds objects, so an item that is none is a
// mistake whatever the file is.
func inList(prefix string, cause error) error {
	if prefix == "" {
		return cause
	}
	return &itemError{path: prefix, cause: cause}
}

func newManifest(d *document, prefix string, tree map[string]any, raw []byte, object report.Object) *manifest {
	metadata, _ := tree["metadata"].(map[string]any) // whoever judges the object says what is wrong with it
	object.Namespace, _ = metadata["namespace"].(string)
	if object.Name, _ = metadata["name"].(string); object.Name == "" {
		object.Name, _ = metadata["generateName"].(string)
	}
	if raw == nil {
		raw, _ = stdjson.Marshal(tree) //nolint:errchkjson // it was read from JSON
	}
	return &manifest{doc: d, prefix: prefix, raw: raw, object: object}
}
