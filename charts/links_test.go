package charts

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	fencedCode = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	mdLink     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	mdHeading  = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	mdAnchor   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	// named is a document of ours that a text names without a link, as messages and the comments of values do.
	named = regexp.MustCompile(`(?:^|[\s("]|//github\.com/certyun/certyun/blob/main/)(docs/[a-z-]+\.md(?:#[\w-]*\w)?)`)
)

// Links between documents lead to a file that is there, and to a heading in it.
func TestLinksInDocuments(t *testing.T) {
	t.Parallel()
	links := 0
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../deploy/*/*.md", "../charts/*/*.md", "../.github/*.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text := fencedCode.ReplaceAllString(read(t, file), "")
			text = inlineCode.ReplaceAllString(text, "")
			for _, match := range mdLink.FindAllStringSubmatch(text, -1) {
				if strings.Contains(match[1], "://") || strings.HasPrefix(match[1], "mailto:") {
					continue
				}
				links++
				checkLink(t, file, match[1])
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links were found", links)
	}
}

// Documents that are named in a text are there, with their headings. What messages and values say stands in generated documents.
func TestNamedDocuments(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, "../SECURITY.md", "certyun/values.yaml", "certyun/templates/NOTES.txt", "../.github/ISSUE_TEMPLATE/bug.yaml") {
		for _, match := range named.FindAllStringSubmatch(read(t, file), -1) {
			found++
			checkDocument(t, file, "../"+match[1], match[1])
		}
	}
	if found < 12 {
		t.Errorf("only %d documents are named", found)
	}
}

func checkLink(t *testing.T, file, link string) {
	t.Helper()
	target := filepath.Join(filepath.Dir(file), link)
	if strings.HasPrefix(link, "#") {
		target = file + link
	}
	checkDocument(t, file, target, link)
}

// checkDocument looks for the target of a link, a file with or without a heading.
func checkDocument(t *testing.T, file, target, link string) {
	t.Helper()
	target, fragment, hasFragment := strings.Cut(target, "#")
	if _, err := os.Stat(target); err != nil {
		t.Errorf("%s: the link %s leads nowhere: %v", file, link, err)
		return
	}
	if hasFragment && !anchors(read(t, target))[fragment] {
		t.Errorf("%s: the link %s: there is no such heading", file, link)
	}
}

// anchors are the names under which a document's headings can be linked to.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, match := range mdAnchor.FindAllStringSubmatch(text, -1) {
		found[match[1]] = true
	}
	for _, match := range mdHeading.FindAllStringSubmatch(fencedCode.ReplaceAllString(text, ""), -1) {
		found[slug(match[1])] = true
	}
	return found
}

// slug is the name that GitHub gives to a heading: small letters and digits, hyphens for spaces, and no punctuation.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, strings.TrimSpace(heading))
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
