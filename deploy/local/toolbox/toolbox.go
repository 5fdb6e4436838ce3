// Package toolbox knows the programs that the local cluster runs: from which package each is built, and where the built
// program lies. It imports the standard library alone, because it runs before anything heavy is compiled.
package toolbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Names of the programs.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Kubectl           = "kubectl"
	Helm              = "helm"
	Pebble            = "pebble"
	Certyun           = "certyun"
	CertyunLocal      = "certyun-local"
)

// Environment variables that move the programs.
const (
	// EnvBin names the folder of the built programs; without it they lie in .local/bin at the top of the repository.
	EnvBin = "CERTYUN_LOCAL_BIN"
	// EnvAssets is the variable of Kubebuilder's tools: a folder with etcd, kube-apiserver and kubectl.
	EnvAssets = "KUBEBUILDER_ASSETS"
)

// kubernetesVersion is the version of k8s.io/kubernetes in tools/go.mod, as the linker writes it into the programs. A
// plain build says "v0.0.0-master", which no chart's kubeVersion accepts.
const kubernetesVersion = "v1.36.5"

const kubernetesFlags = "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
	" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"

// Tool is a program and how it is built.
type Tool struct {
	Name string
	// Module is the folder of the module that pins the program, relative to the top of the repository.
	Module string
	// Package is the import path of the program's main package.
	Package string
	// LinkerFlags are the -ldflags of its build.
	LinkerFlags string
	// Asset says that EnvAssets may hold the program.
	Asset bool
	// Own says that the program's source is this repository: it is built each time, which is quick when nothing changed.
	Own bool
	// FirstBuild says how long a first build takes, in words.
	FirstBuild string
}

// Tools lists every program, in the order in which they are built: what others share first.
func Tools() []Tool {
	const tools = "deploy/local/tools"
	return []Tool{
		{Name: Etcd, Module: tools, Package: "go.etcd.io/etcd/server/v3", Asset: true, FirstBuild: "about a minute"},
		{
			Name: APIServer, Module: tools, Package: "k8s.io/kubernetes/cmd/kube-apiserver", LinkerFlags: kubernetesFlags,
			Asset: true, FirstBuild: "about ten minutes",
		},
		{
			Name: ControllerManager, Module: tools, Package: "k8s.io/kubernetes/cmd/kube-controller-manager",
			LinkerFlags: kubernetesFlags, FirstBuild: "about four minutes",
		},
		{
			Name: Kubectl, Module: tools, Package: "k8s.io/kubernetes/cmd/kubectl", LinkerFlags: kubernetesFlags, Asset: true,
			FirstBuild: "about a minute",
		},
		{Name: Helm, Module: tools, Package: "helm.sh/helm/v4/cmd/helm", FirstBuild: "about three minutes"},
		{Name: Pebble, Module: tools, Package: "github.com/letsencrypt/pebble/v2/cmd/pebble", FirstBuild: "about a minute"},
		{Name: Certyun, Module: ".", Package: "github.com/certyun/certyun", Own: true, FirstBuild: "about two minutes"},
		{
			Name: CertyunLocal, Module: "deploy/local",
			Package: "github.com/certyun/certyun/deploy/local/cmd/certyun-local", Own: true, FirstBuild: "about five minutes",
		},
	}
}

// ForCluster names what a cluster is made of: every program but the one that runs it.
func ForCluster() []string {
	var names []string
	for _, tool := range Tools() {
		if tool.Name != CertyunLocal {
			names = append(names, tool.Name)
		}
	}
	return names
}

// Toolbox is the repository and the folder with its built programs.
type Toolbox struct {
	// Root is the top of the repository.
	Root string
	// Bin is the folder of the built programs.
	Bin string
	// Assets, when set, is the folder that holds etcd, kube-apiserver and kubectl.
	Assets string
}

// Open finds the repository around the working directory and reads the environment.
func Open() (Toolbox, error) {
	dir, err := os.Getwd()
	if err != nil {
		return Toolbox{}, fmt.Errorf("toolbox: %w", err)
	}
	root, err := findRoot(dir)
	if err != nil {
		return Toolbox{}, err
	}
	bin := os.Getenv(EnvBin)
	if bin == "" {
		bin = filepath.Join(root, ".local", "bin")
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return Toolbox{}, fmt.Errorf("toolbox: %w", err)
	}
	return Toolbox{Root: root, Bin: bin, Assets: os.Getenv(EnvAssets)}, nil
}

// findRoot walks up to the folder that holds the module of the tools.
func findRoot(dir string) (string, error) {
	for {
		if _, err := os.Stat(filepath.Join(dir, "deploy", "local", "tools", "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("toolbox: the working directory is not inside the certyun repository")
		}
		dir = parent
	}
}

// Path is where the program lies, built or not.
func (b Toolbox) Path(name string) string {
	if b.fromAssets(name) {
		return filepath.Join(b.Assets, name)
	}
	return filepath.Join(b.Bin, name)
}

func (b Toolbox) fromAssets(name string) bool {
	return b.Assets != "" && slices.ContainsFunc(Tools(), func(t Tool) bool { return t.Name == name && t.Asset })
}

// pick returns the tools of these names, all without names, in building order.
func pick(names []string) ([]Tool, error) {
	all := Tools()
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(t Tool) bool { return t.Name == name }) {
			return nil, fmt.Errorf("toolbox: there is no tool %q", name)
		}
	}
	return slices.DeleteFunc(all, func(t Tool) bool { return !slices.Contains(names, t.Name) }), nil
}
