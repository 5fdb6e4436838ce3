package oracle

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

var (
	fenced   = regexp.MustCompile("(?ms)^[ \t]*```[ \t]*ya?ml[^\n]*\n(.*?)^[ \t]*```")
	template = regexp.MustCompile(`\{\{[^{}]*\}\}`)
	word     = regexp.MustCompile(`\w+`)
	document = regexp.MustCompile(`(?m)^---.*$`)
)

// sample is an object in a file of cert-manager's module.
type sample struct {
	file string
	kind string
	tree map[string]any
}

// samples are the Certificates, Issuers and ClusterIssuers in cert-manager's own module: its fixtures, the templates of its
// charts, the YAML blocks of its documents.
func samples(t *testing.T) []sample {
	t.Helper()
	root, err := moduleFolder()
	if err != nil {
		t.Fatal(err)
	}
	var found []sample
	module := os.DirFS(root)
	err = fs.WalkDir(module, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".md"}, path.Ext(file)) {
			return err
		}
		raw, err := fs.ReadFile(module, file)
		if err != nil || !bytes.Contains(raw, []byte("cert-manager.io/v1")) {
			return err
		}
		for _, block := range blocks(path.Ext(file), string(raw)) {
			if kind, tree := read(block); tree != nil {
				found = append(found, sample{file: file, kind: kind, tree: tree})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func blocks(extension, text string) []string {
	if extension != ".md" {
		return document.Split(text, -1)
	}
	var all []string
	for _, match := range fenced.FindAllStringSubmatch(text, -1) {
		all = append(all, document.Split(match[1], -1)...)
	}
	return all
}

// read returns an object where the text is one. What a chart would fill in has the words of its expression as its value.
func read(text string) (kind string, tree map[string]any) {
	text = template.ReplaceAllStringFunc(text, func(expression string) string {
		return strings.ToLower(strings.Join(word.FindAllString(expression, -1), "-"))
	})
	if yaml.Unmarshal([]byte(text), &tree) != nil || tree["apiVersion"] != "cert-manager.io/v1" {
		return "", nil
	}
	kind, _ = tree["kind"].(string)
	switch kind {
	case "Certificate":
		return kind, strictly(text, tree, &cmapi.Certificate{})
	case "Issuer":
		return kind, strictly(text, tree, &cmapi.Issuer{})
	case "ClusterIssuer":
		return kind, strictly(text, tree, &cmapi.ClusterIssuer{})
	}
	return "", nil
}

// strictly returns nothing for what is no whole object, such as the sketches in design documents.
func strictly(text string, tree map[string]any, object any) map[string]any {
	if yaml.UnmarshalStrict([]byte(text), object) != nil {
		return nil
	}
	return tree
}

func TestCertManagersOwnManifestsAreNotDenied(t *testing.T) {
	t.Parallel()
	c := theCertManager(t)
	all := samples(t)
	world := newWorld()
	for _, s := range all {
		if issuer, ok := ruletest.Judged(t, yamlOf(t, s.tree)).(cmapi.GenericIssuer); ok {
			world.AddIssuer(issuer)
		}
	}
	accepted := 0
	for _, s := range all {
		if len(c.refuses(t, s.kind, s.tree)) > 0 {
			continue
		}
		accepted++
		for _, text := range denials(review(t, world, ruletest.Judged(t, yamlOf(t, s.tree)))) {
			t.Errorf("%s: %s", s.file, text)
		}
	}
	t.Logf("%d manifests were found, cert-manager accepts %d", len(all), accepted)
	if accepted < 7 {
		t.Errorf("only %d manifests were found that cert-manager accepts", accepted)
	}
}
