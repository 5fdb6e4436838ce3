package lint

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What is here tells fragments from objects. A fragment is a part of an object, or what objects are made from: a patch, what a test
// expects of an object, a template. What comes of it can be judged, but not the fragment.

// assertion is the name, without its ending, of a file that says what a test expects
// (https://kuttl.dev/docs/testing/steps.html, https://kyverno.github.io/chainsaw/latest/general/no-manifests/).
var assertion = regexp.MustCompile(`(?i)^(.*[-_.])?(asserts?|errors?)$|^\d+[-_](assert|errors?)[-_.]`)

// patchName is how a file or its directory is called in which a patch is, though nobody names it.
var patchName = regexp.MustCompile(`(?i)(?:^|[-_./\\])patch(?:es)?(?:[-_.][^/\\]*|[/\\][^/\\]*)$`)

// isFragment tells whether the name of a file says that it is a fragment.
func (f *finder) isFragment(path string) bool {
	base := filepath.Base(path)
	if assertion.MatchString(strings.TrimSuffix(base, filepath.Ext(base))) {
		return true
	}
	directory, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return false
	}
	if f.isChart(directory) && isChartsOwn(base) {
		return true
	}
	for ; directory != filepath.Dir(directory); directory = filepath.Dir(directory) {
		if filepath.Base(directory) == "templates" && f.isChart(filepath.Dir(directory)) {
			return true
		}
	}
	return false
}

// isChart tells whether a directory is a Helm chart (https://helm.sh/docs/topics/charts/).
func (f *finder) isChart(directory string) bool {
	is, known := f.charts[directory]
	if !known {
		_, err := os.Stat(filepath.Join(directory, "Chart.yaml"))
		is = err == nil
		f.charts[directory] = is
	}
	return is
}

// isChartsOwn tells whether a file in a chart describes the chart, or has values for it.
func isChartsOwn(base string) bool {
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	return stem == "Chart" || strings.HasPrefix(stem, "values") || strings.HasSuffix(stem, "values")
}

// isKustomization tells whether a file has one of the names that kustomize looks for
// (https://github.com/kubernetes-sigs/kustomize/blob/master/api/konfig/general.go).
func isKustomization(path string) bool {
	return slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, filepath.Base(path))
}

// oversee finds what may name as fragments the files in a directory: files in it and above, up to the top of the repository.
// kustomize takes no patches from elsewhere.
func (f *finder) oversee(directory string) {
	directory, err := filepath.Abs(directory)
	if err != nil {
		return
	}
	for {
		if f.seen["above "+directory] {
			return
		}
		f.seen["above "+directory] = true
		for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization", "chainsaw-test.yaml", "kyverno-test.yaml"} {
			path := filepath.Join(directory, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				f.overseers = append(f.overseers, path)
			}
		}
		above := filepath.Dir(directory)
		if _, err := os.Stat(filepath.Join(directory, ".git")); err == nil || above == directory {
			return
		}
		directory = above
	}
}

// references are files that a document names.
type references struct {
	// fragments are named as parts of objects, whole as objects.
	fragments, whole []string
}

func (r *references) add(more references) {
	r.fragments, r.whole = append(r.fragments, more.fragments...), append(r.whole, more.whole...)
}

// references are the files that a kustomization, a plugin of kustomize's or a test names.
func (d *document) references(value any) references {
	tree, _ := value.(map[string]any)
	apiVersion, _ := tree["apiVersion"].(string)
	group, _, _ := strings.Cut(apiVersion, "/")
	var found references
	switch {
	case d.origin == fromStdin:
	case isKustomization(d.file):
		for _, field := range []string{"patches", "patchesStrategicMerge", "patchesJson6902"} {
			found.fragments = append(found.fragments, filesIn(tree[field])...)
		}
		found.whole = append(filesIn(tree["resources"]), filesIn(tree["bases"])...)
	case group == "builtin":
		found.fragments = append(filesIn(tree["path"]), filesIn(tree["paths"])...)
	case group == "chainsaw.kyverno.io", group == "kuttl.dev":
		found.ofTest(tree)
	case group == "cli.kyverno.io":
		// What a policy is tried on is wrong on purpose; what lies elsewhere is not there for the test.
		found.fragments = slices.DeleteFunc(filesIn(tree["resources"]), func(file string) bool { return !filepath.IsLocal(file) })
	}
	return d.beside(found)
}

// ofTest adds the files of a test's steps.
func (r *references) ofTest(value any) {
	switch value := value.(type) {
	case []any:
		for _, one := range value {
			r.ofTest(one)
		}
	case map[string]any:
		for key, child := range value {
			switch key {
			case "assert", "error", "patch":
				r.fragments = append(r.fragments, filesIn(child)...)
			case "apply", "create":
				r.whole = append(r.whole, filesIn(child)...)
			}
			r.ofTest(child)
		}
	}
}

// filesIn are the files that a field names: as a text, in a mapping, or in a list of these.
func filesIn(value any) []string {
	switch value := value.(type) {
	case string:
		return []string{value}
	case map[string]any:
		return append(filesIn(value["path"]), filesIn(value["file"])...)
	case []any:
		var files []string
		for _, one := range value {
			files = append(files, filesIn(one)...)
		}
		return files
	}
	return nil
}

// beside are the places of the files that there are. A patch that is written in its place is the name of none.
func (d *document) beside(named references) references {
	places := func(files []string) (found []string) {
		for _, file := range files {
			if place, err := placeOf(filepath.Join(filepath.Dir(d.file), file)); err == nil {
				found = append(found, place)
			}
		}
		return found
	}
	return references{fragments: places(named.fragments), whole: places(named.whole)}
}

// yttMark is how ytt marks what it fills in (https://carvel.dev/ytt/docs/latest/ytt-annotations/).
var yttMark = regexp.MustCompile(`(?m)(^|[ \t])#@([ \t]|[a-z]+/[a-z])`)

// patchMark is a key of a strategic merge patch
// (https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md).
var patchMark = regexp.MustCompile(`"\$(patch|retainKeys|setElementOrder/[^"]*|deleteFromPrimitiveList/[^"]*)":`)

// isYtt tells whether ytt makes objects from a document in a file.
func (d *document) isYtt() bool {
	return d.origin != fromStdin && bytes.Contains(d.text, []byte("#@")) && yttMark.Match(d.text)
}

// isPatch tells whether an object in a file is a patch: it has a mark of one, or the file is called so and a part is missing that each
// object has. Of what is rendered none is left.
func (m *manifest) isPatch() bool {
	if m.doc.origin == fromStdin {
		return false
	}
	marked := bytes.Contains(m.raw, []byte(`"$`)) && patchMark.Match(m.raw)
	return marked || m.isIncomplete() && patchName.MatchString(m.doc.file)
}

// isIncomplete tells whether an object lacks what each of its kind has.
func (m *manifest) isIncomplete() bool {
	has := func(field string) bool { return bytes.Contains(m.raw, []byte(`"`+field+`":`)) }
	switch m.object.Kind {
	case "Certificate":
		return !has("secretName") || !has("issuerRef")
	case "Issuer", "ClusterIssuer":
		return !has("ca") && !has("selfSigned") && !has("vault") && !has("venafi") && (!has("acme") || !has("server") || !has("privateKeySecretRef"))
	}
	return false
}

// isTemplate tells whether there is something to fill in, but for comments.
func isTemplate(text []byte) bool {
	for line := range bytes.Lines(text) {
		if before, _, commented := bytes.Cut(line, []byte("#")); commented && len(bytes.TrimSpace(before)) == 0 {
			continue
		}
		if bytes.Contains(line, []byte("{{")) || bytes.Contains(line, []byte("{%")) {
			return true
		}
	}
	return false
}

// isOurs tells whether a text that cannot be read was meant to be an object of cert-manager's, or one that refers to it.
func isOurs(text []byte) bool {
	lower := bytes.ToLower(text)
	has := func(word string) bool { return bytes.Contains(lower, []byte(word)) }
	return (has("cert-manager") || has("certmanager") || has("clusterissuer") || has("issuerref")) && (has("kind") || has("apiversion"))
}
