package dnspod_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/solvers/dnspod"
	"github.com/certyun/certyun/solvers/wire"
)

// isChild is the environment variable by which a test starts a second process of this test binary: net/http reads the
// proxies from the environment once in a process.
const isChild = "CERTYUN_TEST_CHILD"

// TestChild is the child's part: one call to the default endpoint.
func TestChild(t *testing.T) {
	if os.Getenv(isChild) == "" {
		return // this is not a child; the test below starts one
	}
	transport, err := wire.NewTransport("")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := dnspod.New(wire.API{Transport: transport}).Account(temporary, nil).Zones(ctx); err != nil {
		t.Fatal(err)
	}
}

// TestDefaultEndpoint holds that the default is https, and that proxies are taken from the environment as Go reads it.
func TestDefaultEndpoint(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			command.Env = append(command.Env, variable)
		}
	}
	command.Env = append(command.Env, isChild+"=yes", "HTTPS_PROXY="+proxy.URL, "NO_PROXY=.svc,10.0.0.0/8,(,")
	output, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "the connection to dnspod.tencentcloudapi.com failed") {
		t.Errorf("%v, want the proxy's refusal:\n%s", err, output)
	}
	if strings.Contains(string(output), temporary.ID) {
		t.Errorf("the output holds the SecretId:\n%s", output)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"CONNECT dnspod.tencentcloudapi.com:443"}, asked); diff != "" {
		t.Errorf("what the proxy was asked (-want +got):\n%s", diff)
	}
}
