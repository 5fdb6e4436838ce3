package lint

import (
	"fmt"
	"slices"
	"strings"
)

// reason is why a file, or a document in it, is not judged.
type reason string

const (
	// fragment is for what objects are made from.
	fragment reason = "fragment"
	// strange is for what cannot be read and has nothing of cert-manager's.
	strange reason = "strange"
	// noObject is for a file that is named and has no Kubernetes object.
	noObject reason = "no object"
)

func (l *linter) passOver(why reason, files ...string) {
	if l.passedOver == nil {
		l.passedOver = map[reason][]string{}
	}
	l.passedOver[why] = append(l.passedOver[why], files...)
}

func (l *linter) passOverPart(file string, p *part) {
	if p.isFragment {
		l.passOver(fragment, file)
	}
	if p.isStrange {
		l.passOver(strange, file)
	}
	if p.note != "" {
		l.passOver(noObject, p.note)
	}
}

// notePassedOver tells of what is not judged, in one line for each reason.
func (l *linter) notePassedOver() {
	for _, one := range []struct {
		why  reason
		text string
	}{
		{fragment, `%s passed over as patches, templates or parts of a chart or a test (%s): judge what is rendered, as in "kustomize build … | certyun lint -" or "helm template … | certyun lint -"`},
		{strange, "%s passed over without a word of cert-manager in what cannot be read (%s)"},
		{noObject, "%s passed over without a Kubernetes object, which is a mapping with apiVersion and kind (%s)"},
	} {
		files := slices.Sorted(slices.Values(l.passedOver[one.why]))
		if files = slices.Compact(files); len(files) > 0 {
			l.notes = append(l.notes, fmt.Sprintf(one.text, count(len(files), "file"), someOf(files)))
		}
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// someOf names the first few.
func someOf(names []string) string {
	if len(names) <= mostNamed {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:mostNamed], ", ") + ", …"
}

// fragmentsOf returns what tells of a file whether it is a fragment that these parts, or files above them, name. What is named as a
// whole object too is one.
func fragmentsOf(overseers []string, parts []part) func(file string) bool {
	var named references
	for _, path := range overseers {
		for _, d := range (source{path: path, origin: fromDirectory}).read(nil).documents {
			named.add(d.parse().references)
		}
	}
	for i := range parts {
		named.add(parts[i].references)
	}
	known := map[string]bool{}
	for _, place := range named.fragments {
		known[place] = true
	}
	for _, place := range named.whole {
		delete(known, place)
	}
	if len(known) == 0 {
		return func(string) bool { return false }
	}
	byFile := map[string]bool{}
	return func(file string) bool {
		is, asked := byFile[file]
		if !asked {
			place, err := placeOf(file)
			is = err == nil && known[place]
			byFile[file] = is
		}
		return is
	}
}
