package toolbox

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPick(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		want  []string
		fails bool
	}{
		"no name is all": {nil, []string{
			Etcd, APIServer, ControllerManager, Kubectl, Helm, Pebble, Certyun, CertyunLocal,
		}, false},
		"some, in building order": {[]string{Helm, Etcd}, []string{Etcd, Helm}, false},
		"an unknown one":          {[]string{Helm, "docker"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			tools, err := pick(test.names)
			if (err != nil) != test.fails {
				t.Fatalf("error %v, want one: %t", err, test.fails)
			}
			var got []string
			for _, tool := range tools {
				got = append(got, tool.Name)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("tools (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPath(t *testing.T) {
	for name, test := range map[string]struct {
		assets, tool, want string
	}{
		"a built tool": {"", Etcd, "/bin-folder/etcd"},
		"an asset":     {"/assets", APIServer, "/assets/kube-apiserver"},
		"what Kubebuilder does not have is built": {"/assets", ControllerManager, "/bin-folder/kube-controller-manager"},
	} {
		t.Run(name, func(t *testing.T) {
			box := Toolbox{Bin: "/bin-folder", Assets: test.assets}
			if got := box.Path(test.tool); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestOpenFindsTheRepository(t *testing.T) {
	box, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(box.Root, "charts", "certyun")); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if box, err := Open(); err == nil {
		t.Errorf("found %s outside the repository", box.Root)
	}
}

// TestEnsure builds a program of a module of its own.
func TestEnsure(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const program = "package main\n\nvar word = \"plain\"\n\nfunc main() { println(word) }\n"
	write("go.mod", "module example.com/program\n\ngo 1.26\n")
	write("go.sum", "")
	write("main.go", program)
	box := Toolbox{Root: root, Bin: t.TempDir()}
	tool := Tool{Name: "program", Module: ".", Package: "example.com/program", FirstBuild: "no time"}
	var out bytes.Buffer
	ensure := func() error {
		out.Reset()
		return box.ensure(t.Context(), &out, tool, "1/1")
	}
	if err := ensure(); err != nil {
		t.Fatal(err)
	}
	if want := "building program (1/1); the first time this takes no time\n"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("progress is %q, want %q first", out.String(), want)
	}
	write("main.go", "broken")
	if err := ensure(); err != nil || out.Len() > 0 {
		t.Errorf("a program that is there was built again: %v, %q", err, out.String())
	}
	write("go.sum", "\n")
	if err := ensure(); err == nil || !strings.Contains(err.Error(), "main.go:1:1") {
		t.Errorf("new pins did not lead to a build, or its complaint is lost: %v", err)
	}
	write("main.go", program)
	if err := ensure(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(box.Path("program")); err != nil {
		t.Fatal(err)
	}
	if err := ensure(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(box.Path("program")); err != nil {
		t.Error(err)
	}
}

func TestProgressTellsPackagesFromComplaints(t *testing.T) {
	p := newProgress(&bytes.Buffer{}, Tool{Name: "program"}, "1/1", false)
	for _, part := range []string{"k8s.io/api/core", "/v1\nruntime\n# example.com/x\n./main.go:1:1: expec", "ted 'package'\ngo: downloading x v1\n"} {
		if _, err := p.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.packages.Load(); got != 2 {
		t.Errorf("%d packages, want 2", got)
	}
	if diff := cmp.Diff("# example.com/x\n./main.go:1:1: expected 'package'\ngo: downloading x v1\n", p.complaints()); diff != "" {
		t.Errorf("complaints (-want +got):\n%s", diff)
	}
}
