// Package cases has the manifests that the rules are shown by and held to. A folder has the name of a rule; what no rule says
// anything about is in "nothing". A file begins with its header, in comments; then come the documents, of which the last is judged
// in a world of the others:
//
//	# Whatever helps the reader, in any number of lines.
//	# example: HTTP-01 only
//	# operation: update
//	# expect: wildcard-needs-dns01 deny spec.dnsNames[0]; acme-name-may-fail warn spec.dnsNames[1]
//	# message: spec.dnsNames[0]: Invalid value: …
//
// Only "expect" is always there: all that is to be said, as rule, severity and field, or "nothing". A case with "example" and
// "message" is shown in the documents of its rule, in the order of the names of the files. With "operation: update" the last
// document but one is the object as it was; with "operation: delete" the last is the object that goes.
package cases

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Nothing is the folder of the cases that belong to no rule, and how a header says that none speaks.
const Nothing = "nothing"

//go:embed */*.yaml
var files embed.FS

// Case is an object to judge, what is there beside it, and what is to be said.
type Case struct {
	// Rule is the folder, Name the path without its extension, like "wildcard-needs-dns01/1-http-01-only".
	Rule, Name string
	// Example is the title under which the case is shown, "" for one that is not, and Message what its rule says, exactly.
	Example, Message string
	// Operation is CREATE, UPDATE or DELETE.
	Operation string
	// Expect are the findings, in any order.
	Expect []Expectation
	// World has the documents of what else is there, Old the object before an update, Object the one that is judged.
	World       []string
	Old, Object string
}

// Expectation is a finding without its words.
type Expectation struct{ Rule, Severity, Field string }

// String is the expectation as a header has it.
func (e Expectation) String() string {
	return strings.TrimSpace(e.Rule + " " + e.Severity + " " + e.Field)
}

// All returns all cases, by their names.
func All() ([]Case, error) { return read(files, "*/*.yaml") }

// Examples returns what a rule is shown by, in that order.
func Examples(rule string) ([]Case, error) {
	all, err := read(files, rule+"/*.yaml")
	return slices.DeleteFunc(all, func(c Case) bool { return c.Example == "" }), err
}

func read(fsys fs.FS, pattern string) ([]Case, error) {
	names, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, err
	}
	all := make([]Case, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if all[i], err = Parse(name, string(text)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Parse reads the file of a case. An error names the file, the line, and what to write.
func Parse(file, text string) (Case, error) {
	c := Case{Rule: path.Dir(file), Name: strings.TrimSuffix(file, ".yaml"), Operation: "CREATE"}
	line, body, err := c.header(strings.TrimRight(text, "\n") + "\n")
	if err == nil {
		line, err = c.documents(line, body)
	}
	if err == nil {
		line, err = 1, c.complete()
	}
	if err != nil {
		return Case{}, fmt.Errorf("%s:%d: %w", file, line, err)
	}
	return c, nil
}

// header reads the comments that the text begins with. It returns the number of the line that it came to, and the rest.
func (c *Case) header(text string) (line int, body string, err error) {
	seen := map[string]bool{}
	for line = 1; strings.HasPrefix(text, "#"); line++ {
		comment, rest, _ := strings.Cut(text, "\n")
		if key, value, found := strings.Cut(strings.TrimSpace(comment[1:]), ":"); found && isKey(key) {
			if seen[key] {
				return line, "", fmt.Errorf("%q is there twice; write it once", key)
			}
			seen[key] = true
			if err := c.set(key, strings.TrimSpace(value)); err != nil {
				return line, "", err
			}
		}
		text = rest
	}
	if !seen["expect"] {
		return 1, "", errors.New(`the header has no "expect"; write "# expect: rule severity field" or "# expect: nothing"`)
	}
	return line, text, nil
}

// isKey tells what may be a key, though perhaps a misspelled one, from the words of a sentence.
func isKey(word string) bool {
	return word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") == ""
}

func (c *Case) set(key, value string) error {
	if value == "" {
		return fmt.Errorf("%q has no value; write one, or leave the line out", key)
	}
	switch key {
	case "example":
		c.Example = value
	case "message":
		c.Message = value
	case "operation":
		if value != "update" && value != "delete" {
			return fmt.Errorf("there is no operation %q; write update or delete, or leave the line out for an object that is created", value)
		}
		c.Operation = strings.ToUpper(value)
	case "expect":
		return c.expect(value)
	default:
		return fmt.Errorf("a header has no %q; write expect, example, message or operation, or begin a sentence with a capital letter", key)
	}
	return nil
}

func (c *Case) expect(value string) error {
	if value == Nothing {
		return nil
	}
	for item := range strings.SplitSeq(value, ";") {
		words := append(strings.Fields(item), "") // what is about the whole object has no field
		if len(words) < 3 || len(words) > 4 || words[1] != "deny" && words[1] != "warn" {
			return fmt.Errorf("%q is no finding; write its rule, deny or warn, and its field, and a semicolon before the next", strings.TrimSpace(item))
		}
		c.Expect = append(c.Expect, Expectation{words[0], words[1], words[2]})
	}
	return nil
}

// documents reads what comes after the header.
func (c *Case) documents(line int, body string) (int, error) {
	all := Split(body)
	last := len(all) - 1
	c.World, c.Object = all[:last], all[last]
	if c.Operation == "UPDATE" {
		if last == 0 {
			return line, errors.New("an update needs two objects; write the object as it was before the object as it is to be")
		}
		c.World, c.Old = all[:last-1], all[last-1]
	}
	for _, document := range all {
		if strings.TrimSpace(document) == "" {
			return line, errors.New("the document is empty; write an object, or leave out the line of hyphens")
		}
		line += strings.Count(document, "\n") + 1
	}
	return line, nil
}

// complete holds the parts of the case against each other.
func (c *Case) complete() error {
	speaks := slices.ContainsFunc(c.Expect, func(e Expectation) bool { return e.Rule == c.Rule })
	switch {
	case c.Rule == Nothing && len(c.Expect) > 0:
		return fmt.Errorf("something is expected; move the file to the folder %s", c.Expect[0].Rule)
	case c.Rule != Nothing && len(c.Expect) > 0 && !speaks:
		return fmt.Errorf("no finding of %s is expected; move the file to the folder %s", c.Rule, c.Expect[0].Rule)
	case (c.Example == "") != (c.Message == ""):
		return errors.New(`an example needs "# example: title" and "# message: what is said"; write both or none`)
	case c.Example != "" && (!speaks || !strings.Contains(c.Message, "["+c.Rule+"]")):
		return fmt.Errorf("the message is not that of %s; write what the rule says, its id in brackets included", c.Rule)
	}
	return nil
}

// Split returns the documents of YAML. A line that begins with three hyphens ends one, as for kubectl.
func Split(text string) []string {
	all := []string{""}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "---") {
			all = append(all, "")
		} else {
			all[len(all)-1] += line
		}
	}
	return all
}

// Documents are those of the file, in their order.
func (c *Case) Documents() []string {
	if c.Old == "" {
		return append(slices.Clone(c.World), c.Object)
	}
	return append(slices.Clone(c.World), c.Old, c.Object)
}

// Manifest is what people are shown: the world, and the object as it is to be.
func (c *Case) Manifest() string {
	return strings.Join(append(slices.Clone(c.World), c.Object), "---\n")
}

// Existing are the documents of all that is there before anything is done.
func (c *Case) Existing() []string {
	switch existing := slices.Clone(c.World); c.Operation {
	case "UPDATE":
		return append(existing, c.Old)
	case "DELETE":
		return append(existing, c.Object)
	default:
		return existing
	}
}
