package lint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// TestMain runs the tests, or the command where a script calls it.
func TestMain(m *testing.M) {
	klog.SetLogger(logr.Discard())
	ctrl.SetLogger(logr.Discard())
	testscript.Main(suite{m}, map[string]func(){"certyun": certyun})
}

// certyun is the binary with this command alone.
func certyun() {
	root := &cobra.Command{Use: "certyun", Version: "v0.0.0-test", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(NewCommand())
	err := root.ExecuteContext(context.Background())
	if err == nil {
		os.Exit(0)
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(os.Stderr, "certyun:", text)
	}
	if coded, ok := errors.AsType[interface {
		error
		ExitCode() int
	}](err); ok {
		os.Exit(coded.ExitCode())
	}
	os.Exit(1)
}

// suite ends the API server with the tests.
type suite struct{ m *testing.M }

// Run implements testscript.TestingM.
func (s suite) Run() int {
	code := s.m.Run()
	started.Lock()
	defer started.Unlock()
	if started.server != nil {
		if err := started.server.Stop(); err != nil {
			fmt.Println("FAIL: stop the API server:", err)
			return 1
		}
	}
	return code
}

// started is the API server, once a test has asked for it.
var started struct {
	sync.Mutex
	server *envtest.Environment
}

// apiServer returns a real API server with cert-manager's definitions. Tests share it and keep to namespaces of their own.
func apiServer(t testing.TB) *envtest.Environment {
	t.Helper()
	started.Lock()
	defer started.Unlock()
	if started.server != nil {
		return started.server
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS must name the directory of etcd and kube-apiserver (make tools)")
	}
	server := &envtest.Environment{CRDDirectoryPaths: []string{filepath.Join(certManager(t), "deploy", "crds")}, ErrorIfCRDPathMissing: true}
	if _, err := server.Start(); err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	started.server = server
	return server
}

// certManager is the directory of cert-manager's module.
func certManager(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.TrimSpace(string(out))
}
