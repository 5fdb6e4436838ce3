package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// places is where each field of a document stands. It is found out when somebody asks first.
type places struct {
	once sync.Once
	root *yaml.Node

	linesOnce sync.Once
	// lines are the offsets at which lines end.
	lines []int
}

// maxSource is how long a line may be to be shown.
const maxSource = 2000

// source is the text of a line of the file, "" where it is too long to be shown.
func (d *document) source(line int) string {
	d.places.linesOnce.Do(func() {
		for line := range bytes.Lines(d.text) {
			next := len(line)
			if n := len(d.places.lines); n > 0 {
				next += d.places.lines[n-1]
			}
			d.places.lines = append(d.places.lines, next)
		}
	})
	i := line - d.line
	if i < 0 || i >= len(d.places.lines) || i == 0 && d.column > 1 {
		return ""
	}
	start := 0
	if i > 0 {
		start = d.places.lines[i-1]
	}
	if d.places.lines[i]-start > maxSource {
		return ""
	}
	return strings.TrimRight(string(d.text[start:d.places.lines[i]]), "\n")
}

// tree returns the document's nodes, nil when its text has none.
func (d *document) tree() *yaml.Node {
	d.places.once.Do(func() {
		if d.json {
			d.places.root, _ = jsonTree(d.text)
			return
		}
		d.places.root, _ = yamlTree(d.text)
	})
	return d.places.root
}

// forget makes room: the nodes of a document take many times as much as its text.
func (d *document) forget() { d.places = places{} }

func yamlTree(text []byte) (*yaml.Node, error) {
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return nil, err
	}
	if len(top.Content) == 0 {
		return nil, errors.New("nothing is in it")
	}
	return top.Content[0], nil
}

// locate says where a field stands in the file: its key in a mapping, itself in a list. Where it is absent that is the nearest
// field that it would be in. Paths are those of findings, like spec.dnsNames[2] or metadata.annotations[cert-manager.io/issuer].
func (d *document) locate(path string) (line, column int) {
	node := d.tree()
	if node == nil {
		return d.begin()
	}
	line, column = node.Line, node.Column
	for parts := pathParts(path); len(parts) > 0; {
		at, child, used := step(node, parts)
		if child == nil {
			break
		}
		line, column = at.Line, at.Column
		node, parts = child, parts[used:]
	}
	return d.place(line, column)
}

// begin is where the document's first line with something in it is.
func (d *document) begin() (line, column int) {
	line = 1
	for text := range bytes.Lines(d.text) {
		if trimmed := bytes.TrimLeft(text, " \t"); len(bytes.TrimSpace(trimmed)) > 0 && trimmed[0] != '#' {
			return d.place(line, len(text)-len(trimmed)+1)
		}
		line++
	}
	return d.place(1, 1)
}

// pathParts cuts a path at dots and brackets: spec.a[1][b.c/d] is spec, a, 1 and b.c/d.
func pathParts(path string) []string {
	var parts []string
	for path != "" {
		if inside, found := strings.CutPrefix(path, "["); found {
			part, rest, _ := strings.Cut(inside, "]")
			parts, path = append(parts, part), strings.TrimPrefix(rest, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		if end > 0 {
			parts = append(parts, path[:end])
		}
		path = strings.TrimPrefix(path[end:], ".")
	}
	return parts
}

// step goes from a node to a child by the first of the parts, or by more of them where a key has dots in it. At is the node
// whose place is that of the child. Without such a child it is nil.
func step(node *yaml.Node, parts []string) (at, child *yaml.Node, used int) {
	node = resolve(node)
	if node == nil {
		return nil, nil, 0
	}
	if node.Kind == yaml.SequenceNode {
		i, err := strconv.Atoi(parts[0])
		if err != nil || i < 0 || i >= len(node.Content) {
			return nil, nil, 0
		}
		return node.Content[i], node.Content[i], 1
	}
	if node.Kind != yaml.MappingNode {
		return nil, nil, 0
	}
	key := ""
	for used, part := range parts {
		if key += part; used > maxDots {
			break
		}
		if at, child := entry(node, key, maxMerges); child != nil {
			return at, child, used + 1
		}
		key += "."
	}
	return nil, nil, 0
}

const (
	// maxDots is how many dots a key is looked for with.
	maxDots = 8
	// maxMerges is how deep merge keys are followed.
	maxMerges = 8
)

// resolve follows an alias.
func resolve(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// entry returns a key and its value. The last of equal keys counts, and what merge keys bring comes after all others.
func entry(mapping *yaml.Node, key string, merges int) (at, value *yaml.Node) {
	var merged []*yaml.Node
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		switch k := mapping.Content[i]; {
		case k.Value == key && k.Kind == yaml.ScalarNode:
			at, value = k, mapping.Content[i+1]
		case k.Tag == "!!merge":
			merged = append(merged, mapping.Content[i+1])
		}
	}
	if value != nil || merges == 0 {
		return at, value
	}
	for _, source := range merged {
		if source = resolve(source); source == nil {
			continue
		}
		sources := []*yaml.Node{source}
		if source.Kind == yaml.SequenceNode {
			sources = source.Content
		}
		for _, s := range sources {
			if s = resolve(s); s == nil || s.Kind != yaml.MappingNode {
				continue
			}
			if at, value := entry(s, key, merges-1); value != nil {
				return at, value
			}
		}
	}
	return nil, nil
}

// jsonTree is the tree of one JSON value. YAML's parser does not read all of JSON.
func jsonTree(text []byte) (*yaml.Node, error) {
	b := &jsonBuilder{text: text, line: 1, column: 1, decoder: json.NewDecoder(bytes.NewReader(text))}
	b.decoder.UseNumber()
	return b.value()
}

// jsonBuilder keeps the line and column of the offset up to which it has counted.
type jsonBuilder struct {
	text                 []byte
	decoder              *json.Decoder
	offset, line, column int
}

// token returns the next token in a node that has its place.
func (b *jsonBuilder) token() (*yaml.Node, json.Token, error) {
	start := int(b.decoder.InputOffset())
	for start < len(b.text) && strings.IndexByte(" \t\r\n,:", b.text[start]) >= 0 {
		start++
	}
	token, err := b.decoder.Token()
	if err != nil {
		return nil, nil, err
	}
	b.count(start)
	node := &yaml.Node{Kind: yaml.ScalarNode, Line: b.line, Column: b.column}
	if s, ok := token.(string); ok {
		node.Value = s
	}
	return node, token, nil
}

func (b *jsonBuilder) count(offset int) {
	skipped := b.text[b.offset:offset]
	if n := bytes.Count(skipped, []byte("\n")); n > 0 {
		b.line, b.column = b.line+n, 1
		skipped = skipped[bytes.LastIndexByte(skipped, '\n')+1:]
	}
	b.column += utf8.RuneCount(skipped)
	b.offset = offset
}

func (b *jsonBuilder) value() (*yaml.Node, error) {
	node, token, err := b.token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		node.Kind = yaml.MappingNode
	case json.Delim('['):
		node.Kind = yaml.SequenceNode
	default:
		return node, nil
	}
	for b.decoder.More() {
		if node.Kind == yaml.MappingNode {
			key, _, err := b.token()
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, key)
		}
		child, err := b.value()
		if err != nil {
			return nil, err
		}
		node.Content = append(node.Content, child)
	}
	_, _, err = b.token() // the closing bracket
	return node, err
}
