package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/certyun/certyun/admission/report"
)

// yamlLine is how YAML's parser begins an error of which it knows the line.
var yamlLine = regexp.MustCompile(`^line (\d+): `)

// ofParser is for errors of YAML's parser, which counts lines from 0. Its scanner counts from 1.
var ofParser = regexp.MustCompile(`^did not find expected (?:key|node content|'-' indicator|',' or|<)`)

// syntaxProblem says where the document cannot be read, and why.
func (d *document) syntaxProblem(err error) report.Problem {
	if offset, ok := jsonOffset(err); ok && !isTemplate(d.text) {
		line, column := lineOf(d.text, offset)
		return d.problem(line, column, "is no JSON: %v", err)
	}
	line, cause := d.parserSays(err)
	if isTemplate(d.text) {
		return d.problem(line, 0, templateProblem)
	}
	if at, what := d.slip(line); what != "" {
		return d.problem(at, 0, "is no YAML: %s", what)
	}
	return d.problem(line, 0, "is no YAML: %s%s", cause, hint(cause))
}

// parserSays is the line of a parser's error and what it says, without what the document has there: that may be a secret.
func (d *document) parserSays(err error) (line int, cause string) {
	cause = strings.TrimPrefix(strings.TrimPrefix(err.Error(), "error converting YAML to JSON: "), "yaml: ")
	line = 1
	if match := yamlLine.FindStringSubmatch(cause); match != nil {
		cause = cause[len(match[0]):]
		if n, err := strconv.Atoi(match[1]); err == nil {
			line = n
		}
		if ofParser.MatchString(cause) {
			line++
		}
	} else if name, found := strings.CutPrefix(cause, "unknown anchor '"); found {
		name, _, _ = strings.Cut(name, "'")
		line, cause = d.lineWith("*"+name), "an alias has no anchor"
	} else if template := bytes.Index(d.text, []byte("{{")); template >= 0 {
		line = d.lineWith("{{")
	}
	if strings.HasPrefix(cause, "invalid map key") {
		cause = "a key is a mapping or a list, not a text"
	}
	if strings.HasSuffix(cause, "unexpected end of stream") {
		line = d.opened(line)
	}
	return max(min(line, bytes.Count(d.text, []byte("\n"))), 1), cause
}

// lineWith is the first line that has a text, 1 where none has.
func (d *document) lineWith(text string) int {
	return 1 + bytes.Count(d.text[:max(bytes.Index(d.text, []byte(text)), 0)], []byte("\n"))
}

// templateProblem is all that is said of a template: where its parser stops is no mistake.
const templateProblem = `is a template, which is no YAML before it is filled in: render it, as in "helm template … | certyun lint -"`

// opened is the line in which that begins which does not end: the other version of the parser tells it.
func (d *document) opened(line int) int {
	_, err := yamlTree(d.text)
	if err == nil {
		return line
	}
	// It does not tell of the document's first line, and then has the line that the other version has.
	if n, found := lineIn(err); found && n != line {
		return n
	}
	return 1
}

// lineIn is the line that the text of a parser's error begins with.
func lineIn(err error) (line int, found bool) {
	match := yamlLine.FindStringSubmatch(strings.TrimPrefix(err.Error(), "yaml: "))
	if match == nil {
		return 0, false
	}
	line, err = strconv.Atoi(match[1])
	return line, err == nil
}

// hint says what a mistake often comes from.
func hint(cause string) string {
	switch {
	case strings.HasSuffix(cause, "unexpected end of stream"):
		return " (the text that begins here has no closing quote)"
	case strings.Contains(cause, "document contains excessive aliasing"):
		return " (a few lines stand for too many)"
	}
	return ""
}

// jsonOffset is where a JSON decoder stopped.
func jsonOffset(err error) (offset int, ok bool) {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return max(int(syntax.Offset)-1, 0), true
	}
	return 0, false
}

// lineOf is the line and the column of an offset, from 1.
func lineOf(text []byte, offset int) (line, column int) {
	b := &jsonBuilder{text: text, line: 1, column: 1}
	b.count(min(offset, len(text)))
	return b.line, b.column
}

// maxExpanded is how long a document may be once its aliases are written out.
const maxExpanded = 2 * maxDocument

// checkAliases keeps a few lines from standing for more than memory holds.
func (d *document) checkAliases() error {
	if bytes.IndexByte(d.text, '&') < 0 || bytes.IndexByte(d.text, '*') < 0 {
		return nil
	}
	root := d.tree()
	if root == nil {
		return nil // the decoder says why
	}
	e := &expansion{sizes: map[*yaml.Node]int{}}
	if size := e.size(root); size > maxExpanded {
		return fmt.Errorf("its aliases stand for more than %d MiB, or for themselves", maxExpanded>>20)
	}
	return nil
}

// expansion is how long nodes are with their aliases written out. Each is measured once.
type expansion struct{ sizes map[*yaml.Node]int }

func (e *expansion) size(node *yaml.Node) int {
	if node.Kind == yaml.AliasNode {
		target := node.Alias
		if known, ok := e.sizes[target]; ok {
			return known
		}
		e.sizes[target] = maxExpanded + 1 // for an anchor that contains itself
		e.sizes[target] = e.size(target)
		return e.sizes[target]
	}
	total := len(node.Value) + 2
	for _, child := range node.Content {
		if total += e.size(child); total > maxExpanded {
			return maxExpanded + 1
		}
	}
	if node.Anchor != "" {
		e.sizes[node] = total
	}
	return total
}

// duplicates are the keys that a mapping has twice. The API server refuses them, or takes the last.
func (d *document) duplicates() []report.Problem {
	root := d.tree()
	if root == nil {
		return nil
	}
	var problems []report.Problem
	var walk func(*yaml.Node)
	walk = func(node *yaml.Node) {
		seen := map[string]int{}
		for i, child := range node.Content {
			walk(child)
			if node.Kind != yaml.MappingNode || i%2 == 1 || child.Kind != yaml.ScalarNode || child.Tag == "!!merge" {
				continue
			}
			if first, twice := seen[child.Value]; twice && len(problems) < maxDuplicates {
				line, _ := d.place(first, 0)
				problems = append(problems, d.problem(child.Line, child.Column,
					"%q is there twice, first in line %d; the API server refuses that, or takes the last", short(child.Value), line))
			} else if !twice {
				seen[child.Value] = child.Line
			}
		}
	}
	walk(root)
	return problems
}

// maxDuplicates is how many duplicate keys of a document are named.
const maxDuplicates = 20

// short is a text cut to what a message may hold.
func short(text string) string {
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return text
}
