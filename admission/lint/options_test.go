package lint

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/certyun/certyun/admission/report"
)

// TestGenerated_Flags holds docs/flags-lint.md to the flags that there are.
func TestGenerated_Flags(t *testing.T) {
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

// TestUTF16IsRead has what Windows calls Unicode, which kubectl reads too.
func TestUTF16IsRead(t *testing.T) {
	t.Parallel()
	const text = "apiVersion: cert-manager.io/v1\r\nkind: Certificate\r\nmetadata: {name: 中文}\r\nspec: {dnsNames: 7}\r\n"
	for name, order := range map[string]binary.ByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian} {
		raw := make([]byte, 0, 2*len(text))
		for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
			raw = append(raw, 0, 0)
			order.PutUint16(raw[len(raw)-2:], unit)
		}
		found := source{path: report.Stdin}.read(bytes.NewReader(raw))
		if len(found.documents) != 1 || len(found.problems) > 0 {
			t.Fatalf("%s: %d documents, %v", name, len(found.documents), found.problems)
		}
		if diff := cmp.Diff(strings.ReplaceAll(text, "\r", ""), string(found.documents[0].text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLargeInputIsBounded has more than is read, and never ends.
func TestLargeInputIsBounded(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 1<<16) + "\n"
	tests := map[string]struct {
		in   io.Reader
		want report.Problem
	}{
		"comments that do not end": {endless("# " + line), report.Problem{Message: "is larger than 64 MiB"}},
		"a line that does not end": {endless(line[:1<<16]), report.Problem{Message: "is larger than 64 MiB"}},
		"zeros":                    {endless("\x00"), report.Problem{Line: 1, Message: "is a binary file"}},
		"a document that is too long": {
			strings.NewReader("a: 1\n---\na: |\n" + strings.Repeat(" \n", maxDocument/2) + "---\nb: 2\n"),
			report.Problem{Line: maxDocument/2 + 4, Message: "the document that begins in line 3 is larger than 16 MiB"},
		},
	}
	for name, c := range tests {
		found := source{path: report.Stdin}.read(c.in)
		c.want.File = report.Stdin
		if diff := cmp.Diff([]report.Problem{c.want}, found.problems); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
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
			52, 2, "",
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
			took := time.Since(start)
			if c.findings >= 0 && len(found.Findings) != c.findings || len(found.Objects) != c.objects {
				t.Errorf("%d findings about %d objects", len(found.Findings), len(found.Objects))
			}
			problem := ""
			for _, p := range found.Problems {
				problem += p.Message
			}
			if took > reviewTimeout && problem == "Certificate default/web: a rule did not end in time" {
				return // so slow a machine is told so
			}
			if diff := cmp.Diff(c.problem, problem); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
