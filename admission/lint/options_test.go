package lint

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certyun/certyun/admission/report"
)

// TestFlagsReference holds docs/flags-lint.md to the flags that there are.
func TestFlagsReference(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Flags of `certyun lint`\n\nMade by `make generate`. Do not edit.\n")
	groups := NewOptions().Flags()
	for _, name := range groups.Order {
		fmt.Fprintf(&b, "\n## %s\n\n| flag | default | meaning |\n| --- | --- | --- |\n", strings.ToUpper(name[:1])+name[1:])
		groups.FlagSets[name].VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Deprecated != "" {
				return
			}
			value := strings.Trim(f.DefValue, "[]")
			if value != "" {
				value = "`" + value + "`"
			}
			usage := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;", ">", "&gt;").Replace(f.Usage)
			fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", f.Name, value, usage)
		})
	}
	file := filepath.Join("..", "..", "docs", "flags-lint.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("docs/flags-lint.md is not up to date; run make generate (-want +got):\n%s", diff)
	}
}

// lockedBuffer may be written and read at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestProgressIsToldAfterASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		p := startProgress(&out)
		p.tell(&out, progressAfter)
		want := func(text string) {
			t.Helper()
			if diff := cmp.Diff(text, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		p.read.Add(7)
		time.Sleep(progressAfter - time.Millisecond)
		want("")
		time.Sleep(2 * time.Millisecond)
		want("\r\x1b[Kread 7 documents")
		p.total.Store(5)
		p.judged.Add(2)
		time.Sleep(progressEvery)
		want("\r\x1b[Kread 7 documents\r\x1b[Kjudged 2 of 5 objects")
		p.stop()
		p.stop()
		want("\r\x1b[Kread 7 documents\r\x1b[Kjudged 2 of 5 objects\r\x1b[K")
	})
}

func TestProgressIsNotToldToAFileNorOfShortWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		p := startProgress(&out)
		time.Sleep(time.Minute)
		p.stop()
		p.tell(&out, progressAfter)
		time.Sleep(progressAfter / 2)
		p.stop()
		if got := out.String(); got != "" {
			t.Errorf("it wrote %q", got)
		}
	})
}

// TestWaitingForInputCanBeEnded has a standard input that says nothing.
func TestWaitingForInputCanBeEnded(t *testing.T) {
	t.Parallel()
	in, silent := io.Pipe()
	t.Cleanup(func() { _ = silent.Close() })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	o := NewOptions()
	if err := o.Complete([]string{report.Stdin}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := o.Run(ctx, Streams{In: in, Out: &out, Err: io.Discard}, "")
	if err == nil || err.Error() != "interrupted: context canceled" || out.Len() > 0 {
		t.Errorf("it wrote %q and ended with %v", out.String(), err)
	}
}

// TestLargeInputIsBounded has more than is read, and never ends.
func TestLargeInputIsBounded(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 1<<16) + "\n"
	tests := map[string]struct{ begin, again, want string }{
		"comments that do not end":    {"", "# " + line, "is larger than 64 MiB"},
		"a document that is too long": {"a: |\n", strings.Repeat(" \n", 9), "the document that begins in line 1 is larger than 16 MiB"},
		"a line that does not end":    {"a: ", line[:1<<16], "is larger than 64 MiB"},
		"zeros":                       {"", "\x00", "is a binary file"},
	}
	for name, c := range tests {
		_, problems := split("big.yaml", fromName, io.MultiReader(strings.NewReader(c.begin), endless(c.again)))
		if len(problems) == 0 || !strings.Contains(problems[0].Message, c.want) || problems[0].File != "big.yaml" {
			t.Errorf("%s: %+v", name, problems)
		}
	}
}

// endless is a text, again and again.
type endless string

func (e endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		copied := copy(p[n:], e)
		n += copied
		if copied < len(e) {
			break
		}
	}
	return n, nil
}

// TestLargeObjectsAreBounded has objects as large as the API server takes, and larger.
func TestLargeObjectsAreBounded(t *testing.T) {
	t.Parallel()
	const begin = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web}\nspec:\n  secretName: web-tls\n  issuerRef: {name: le}\n  dnsNames:\n"
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "  - \"*.shop%06d.dev\"\n", i)
		}
		return b.String()
	}
	tests := map[string]struct {
		text              string
		findings, objects int
		problem           string
	}{
		"as large as it may be": {begin + names(100000), -1, 1, ""},
		"more findings than anybody reads": {
			begin + names(5000) + "---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {acme: {server: 'https://acme-v02.api.letsencrypt.org/directory', privateKeySecretRef: {name: a}, solvers: [{http01: {ingress: {}}}]}}\n",
			maxFindings, 2, "",
		},
		"larger": {begin + names(200000), 0, 0, "Certificate default/web: is larger than 3 MiB, which no API server takes, so it was not checked"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "large.yaml")
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			found := lintFiles(t, file)
			if took := time.Since(start); took > readLimit {
				t.Errorf("it took %v", took)
			}
			if c.findings >= 0 && len(found.Findings) != c.findings || len(found.Objects) != c.objects {
				t.Errorf("%d findings about %d objects", len(found.Findings), len(found.Objects))
			}
			problem := ""
			for _, p := range found.Problems {
				problem += p.Message
			}
			if diff := cmp.Diff(c.problem, problem); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
