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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/report"
)

// manifest is one object as a document has it.
type manifest struct {
	doc *document
	// prefix is the object's path in the document: "", or items[3] in a List.
	prefix string
	// raw is the object in JSON.
	raw []byte
	// object is its name. The namespace is the one that it would be applied in.
	object report.Object
	// deleted says that it is on its way out.
	deleted bool

	// apiVersion is the one that was meant where only its case is wrong, else the one that is written.
	apiVersion string
	// typed is the object as rules read it, nil where no rule does; err says why it cannot be read.
	typed metav1.Object
	err   error
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
	group, _, grouped := strings.Cut(strings.ToLower(m.object.APIVersion), "/")
	switch {
	case !grouped:
		return slices.Contains([]string{"Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge", "Ingress"}, m.object.Kind)
	case group == "networking.k8s.io" || group == "extensions" || group == "gateway.networking.k8s.io":
		return true
	}
	return strings.Contains(group, "cert-manager") || strings.Contains(group, "certmanager")
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

// head is what every object has.
type head struct {
	APIVersion string               `json:"apiVersion"`
	Kind       string               `json:"kind"`
	Metadata   stdjson.RawMessage   `json:"metadata"`
	Items      []stdjson.RawMessage `json:"items"`
}

// errNoObject is for what is no Kubernetes object at all, like the values of a Helm chart.
var errNoObject = errors.New("is no Kubernetes object: that is a mapping with apiVersion and kind")

// part is what came of one document.
type part struct {
	manifests []*manifest
	problems  []report.Problem
	// note is for people.
	note string
}

// parse reads the objects of a document. Whatever cannot be read is a problem; the rest is there all the same.
func (d *document) parse() part {
	values, rest := d.jsonValues()
	if len(values) == 0 {
		return d.parseOne()
	}
	var all part
	for _, value := range append(values, rest...) {
		p := value.parseOne()
		all.manifests, all.problems = append(all.manifests, p.manifests...), append(all.problems, p.problems...)
		all.note = cmp.Or(all.note, p.note)
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
	raw, problems := d.toJSON()
	p := part{problems: problems}
	if raw == nil || bytes.Equal(raw, []byte("null")) {
		return p
	}
	var err error
	p.manifests, err = d.objects(raw, "", 0, head{})
	line, column := d.begin()
	switch isText := raw[0] != '{' && raw[0] != '['; {
	case err == nil, errors.Is(err, errNoObject) && d.origin == fromDirectory:
	case errors.Is(err, errNoObject) && d.origin == fromName && !isText:
		p.note = fmt.Sprintf("%s:%d: passed over, for it %v", d.file, line, err)
	default:
		p.problems = append(p.problems, problemAt(d.file, line, column, err.Error()))
	}
	if line := d.ignored(); line > 0 {
		p.problems = append(p.problems, d.problem(line, 1, `stands after a line "...", which ends the document: kubectl does not read it, so it was not checked`))
	}
	return p
}

// toJSON reads the document as kubectl does. It returns nil where that is not possible.
func (d *document) toJSON() ([]byte, []report.Problem) {
	if d.json {
		var value any
		if strict, err := json.UnmarshalStrict(d.text, &value); err == nil && len(strict) > 0 {
			return d.text, d.duplicates()
		}
		return d.text, nil
	}
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

// maxLists is how deep Lists may stand in Lists.
const maxLists = 4

// objects takes Lists apart. An item of a typed List has its type from there.
func (d *document) objects(raw []byte, prefix string, depth int, list head) ([]*manifest, error) {
	if raw[0] != '{' {
		return nil, noObject(prefix)
	}
	var h head
	if err := json.UnmarshalCaseSensitivePreserveInts(raw, &h); err != nil {
		return nil, notAnObject(prefix, err)
	}
	if h.Kind == "" && strings.HasSuffix(list.Kind, "List") && list.Kind != "List" {
		h.APIVersion, h.Kind = list.APIVersion, strings.TrimSuffix(list.Kind, "List")
		raw = typed(raw, h)
	}
	switch {
	case h.APIVersion == "" && h.Kind == "":
		return nil, noObject(prefix)
	case h.Kind == "":
		return nil, fmt.Errorf("%sis no Kubernetes object: kind is missing", where(prefix))
	case h.APIVersion == "":
		return nil, fmt.Errorf("%sis no Kubernetes object: apiVersion is missing", where(prefix))
	case !strings.HasSuffix(h.Kind, "List") || h.Items == nil:
		return []*manifest{newManifest(d, prefix, raw, h)}, nil
	case depth == maxLists:
		return nil, fmt.Errorf("%sis a List in a List in a List", where(prefix))
	}
	var found []*manifest
	var errs []error
	for i, item := range h.Items {
		path := strings.TrimPrefix(fmt.Sprintf("%s.items[%d]", prefix, i), ".")
		more, err := d.objects(item, path, depth+1, h)
		found = append(found, more...)
		if err != nil && len(errs) < maxDuplicates {
			errs = append(errs, err)
		}
	}
	return found, errors.Join(errs...)
}

// noObject is errNoObject, but in a List, which says that it holds objects, it is a mistake.
func noObject(prefix string) error {
	if prefix == "" {
		return errNoObject
	}
	return fmt.Errorf("%s%v", where(prefix), errNoObject) //nolint:errorlint // It is to be another error.
}

// where begins a message about an item of a List.
func where(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + " "
}

func notAnObject(prefix string, err error) error {
	if _, ok := errors.AsType[*stdjson.UnmarshalTypeError](err); ok || strings.Contains(err.Error(), "cannot unmarshal") {
		return fmt.Errorf("%sis no Kubernetes object: apiVersion and kind must be texts, and items a list", where(prefix))
	}
	return fmt.Errorf("%sis no Kubernetes object: %w", where(prefix), err)
}

// typed gives an object the type that its List says it has.
func typed(raw []byte, h head) []byte {
	var fields map[string]stdjson.RawMessage
	if json.UnmarshalCaseSensitivePreserveInts(raw, &fields) != nil {
		return raw
	}
	object := map[string]any{}
	for name, value := range fields {
		object[name] = value
	}
	object["apiVersion"], object["kind"] = h.APIVersion, h.Kind
	with, err := stdjson.Marshal(object)
	if err != nil {
		return raw
	}
	return with
}

func newManifest(d *document, prefix string, raw []byte, h head) *manifest {
	m := &manifest{doc: d, prefix: prefix, raw: raw, object: report.Object{APIVersion: h.APIVersion, Kind: h.Kind}}
	var metadata map[string]any
	if json.UnmarshalCaseSensitivePreserveInts(h.Metadata, &metadata) != nil {
		return m // whoever judges the object says what is wrong with it
	}
	m.object.Namespace, _ = metadata["namespace"].(string)
	m.object.Name, _ = metadata["name"].(string)
	if generated, _ := metadata["generateName"].(string); m.object.Name == "" {
		m.object.Name = generated
	}
	m.deleted = metadata["deletionTimestamp"] != nil
	return m
}
