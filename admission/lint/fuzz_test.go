package lint

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certyun/certyun/admission/report"
)

// readLimit is how long the reading of one small input may take on a slow machine.
const readLimit = 30 * time.Second

// nasty are texts that have harmed readers of YAML.
func nasty() map[string]string {
	laughs := "a0: &a0 [lol, lol]\n"
	for i := 1; i < 40; i++ {
		p, n := string(rune('a'+(i-1)%26))+strings.Repeat("x", (i-1)/26), string(rune('a'+i%26))+strings.Repeat("x", i/26)
		laughs += n + ": &" + n + " [*" + p + ", *" + p + "]\n"
	}
	return map[string]string{
		"laughs":              "a: &a [lol, lol]\n" + laughs[strings.IndexByte(laughs, '\n')+1:],
		"a long text, often":  "a: &a " + strings.Repeat("x", 1<<20) + "\nb: [" + strings.Repeat("*a,", 1<<16) + "]\n",
		"an anchor in itself": "a: &a [*a]\nb: &b {<<: *b}\n",
		"deep brackets":       strings.Repeat("[", 1<<17),
		"deep braces":         strings.Repeat(`{"a":`, 1<<17),
		"deep dashes":         strings.Repeat("- ", 1<<15),
		"deep keys":           strings.Repeat("? ", 1<<15),
		"many keys":           strings.Repeat("a: b: ", 1<<12),
		"many anchors":        strings.Repeat("- &a b\n", 1<<14),
		"many duplicates":     strings.Repeat("a: b\n", 1<<14),
		"many documents":      strings.Repeat("---\na: b\n", 1<<12),
		"many separators":     strings.Repeat("---\n", 1<<16),
		"a deep merge":        "a: &a {<<: {<<: {<<: {<<: {<<: {<<: {<<: {<<: {<<: {<<: {b: c}}}}}}}}}}}\n",
		"no UTF-8":            "apiVersion: v1\nkind: \xff\xfe\n---\nkind: X\napiVersion: v1\n",
		"binary":              "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00",
		"UTF-16":              "\xff\xfea\x00:\x00 \x00b\x00\n\x00",
		"half of UTF-16":      "\xfe\xff\x00a\x00:\xd8",
		"a byte order mark":   "\ufeff---\n\ufeffapiVersion: v1\nkind: X\n",
		"tabs":                "a:\n\tb: c\n",
		"directives":          "%YAML 1.2\n%TAG ! tag:x,2000:\n---\n!foo {a: !!binary aGk=, b: !!float .inf, c: .nan}\n",
		"odd keys":            "? [a, b]\n: c\n? {d: e}\n: f\n~: g\n1.5: h\n2001-01-01: i\n",
		"old line ends":       "apiVersion: v1\rkind: X\r---\rb\r",
		"odd separators":      "--- |\n  text\n--- !x\n----\n---foo\n...\n... more\n",
		"a List of Lists":     `{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1","items":[{"kind":"List","apiVersion":"v1","items":[]}]}]}]}]}`,
		"odd items":           `{"kind":"XList","apiVersion":"v1","items":[1,"a",null,[],{},{"kind":2},{"metadata":3}]}`,
		"JSON, then YAML":     "{\"kind\":\"X\",\"apiVersion\":\"v1\"}\n{\"kind\":\"Y\",\"apiVersion\":\"v1\"} {]\nkind: Z\n",
		"huge numbers":        "apiVersion: cert-manager.io/v1\nkind: Certificate\nspec: {revisionHistoryLimit: 1e400, privateKey: {size: 99999999999999999999999}}\n",
		"spaces":              strings.Repeat(" ", 1<<16) + "a: b\n",
		"a long line":         "a: " + strings.Repeat("'", 1<<16) + "\n",
	}
}

func TestNastyFilesDoNoHarm(t *testing.T) {
	t.Parallel()
	for name, text := range nasty() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			judgeText(t, text)
			if took := time.Since(start); took > readLimit {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// judgeText judges one file, and demands that all it says is about a place in it.
func judgeText(t *testing.T, text string) {
	t.Helper()
	o := NewOptions()
	if err := o.Complete([]string{report.Stdin}); err != nil {
		t.Fatal(err)
	}
	l, err := o.newLinter()
	if err != nil {
		t.Fatal(err)
	}
	l.read(t.Context(), o.Paths, nil, strings.NewReader(text))
	if err := l.settle(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	found := l.judge(t.Context())
	lines := 1 + strings.Count(text, "\n")
	for _, f := range found.Findings {
		if f.Line < 1 || f.Line > lines || f.Column < 1 || f.Rule == "" || f.Message == "" {
			t.Errorf("%d:%d [%s] %s of %d lines", f.Line, f.Column, f.Rule, f.Message, lines)
		}
	}
	for _, p := range found.Problems {
		if p.File != report.Stdin || p.Line < 0 || p.Line > lines || p.Message == "" {
			t.Errorf("%s:%d: %s of %d lines", p.File, p.Line, p.Message, lines)
		}
		if strings.Contains(p.Message, "panicked") {
			t.Error(p.Message)
		}
	}
	if err := report.Write(&bytes.Buffer{}, report.Text, found, report.Options{}); err != nil {
		t.Error(err)
	}
}

// FuzzRead reads anything as manifests.
func FuzzRead(f *testing.F) {
	for _, text := range nasty() {
		if len(text) < 1<<12 {
			f.Add(text)
		}
	}
	for _, pattern := range []string{"testdata/script/*.txtar", "testdata/*.yaml", "../rule/cases/*/*.yaml"} {
		files, err := filepath.Glob(filepath.FromSlash(pattern))
		if err != nil || len(files) == 0 {
			f.Fatalf("there are no files %s: %v", pattern, err)
		}
		for _, file := range files {
			raw, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(string(raw))
		}
	}
	f.Fuzz(func(t *testing.T, text string) { judgeText(t, text) })
}
