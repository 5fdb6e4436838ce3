package solvers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	logsapi "k8s.io/component-base/logs/api/v1"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// TestServing runs the command against a real kube-apiserver (KUBEBUILDER_ASSETS) and the simulated clouds, and calls it as
// the aggregation layer does.
func TestServing(t *testing.T) {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		t.Fatal("KUBEBUILDER_ASSETS must name a folder with etcd and kube-apiserver; `make test` builds them")
	}
	log := logged(t)
	s := serve(t)
	t.Run("it becomes ready", s.becomesReady)
	log.reset()
	t.Run("discovery lists every solver", s.discovery)
	t.Run("the OpenAPI documents have one operation id for each solver", s.openAPI)
	t.Run("both solvers present and clean up", s.presentAndCleanUp)
	t.Run("metrics are served", s.metrics)
	t.Run("nobody without rights is let in", s.anonymous)
	t.Run("a serving certificate that is replaced on disk is served", s.certificateReplaced)
	t.Run("what takes too long says why", s.takesTooLong)
	t.Run("it ends late enough, and a CleanUp in flight is let finish", s.ends)
	t.Run("the log has a line for each challenge", func(t *testing.T) { wantLines(t, log.end()) })
}

// served is a running command.
type served struct {
	world    *simulator.World
	url      string
	measured string // the address of the metrics
	certFile string
	client   *http.Client // as the cluster's admin
	stop     context.CancelFunc
	done     chan error
}

func serve(t *testing.T) *served {
	t.Helper()
	account := simulator.CloudOptions{Accounts: []cloud.Account{{Owner: "alice", Keys: []cloud.Key{{ID: aliceID, Secret: aliceSecret}}}}}
	alidns, dnspod := account, account
	alidns.Zones = []cloud.Zone{{Owner: "alice", Name: "example.com"}}
	dnspod.Zones = alidns.Zones
	s := &served{world: simulator.Start(t, simulator.Options{Alidns: alidns, DNSPod: dnspod}), done: make(chan error, 1)}

	env := &envtest.Environment{}
	// As with an aggregation layer, though this test calls the server without it.
	front, _, err := cert.GenerateSelfSignedCertKey("front-proxy", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	frontFile := filepath.Join(t.TempDir(), "front-proxy-ca.crt")
	if err := os.WriteFile(frontFile, front, 0o600); err != nil {
		t.Fatal(err)
	}
	env.ControlPlane.GetAPIServer().Configure().
		Set("requestheader-client-ca-file", frontFile).Set("requestheader-allowed-names", "front-proxy").
		Set("requestheader-username-headers", "X-Remote-User").Set("requestheader-group-headers", "X-Remote-Group").
		Set("requestheader-extra-headers-prefix", "X-Remote-Extra-")
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.client = &http.Client{Transport: adminTransport(t, config), Timeout: 90 * time.Second}
	createSecret(t, config)
	admin, err := env.AddUser(envtest.User{Name: "admin", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := admin.KubeConfig()
	if err != nil {
		t.Fatal(err)
	}
	s.run(t, kubeconfig)
	return s
}

// run starts the command on a free port.
func (s *served) run(t *testing.T, kubeconfig []byte) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	s.certFile = filepath.Join(dir, "tls.crt")
	s.writeCertificate(t, "first.example")
	port := freePort(t)
	s.url = fmt.Sprintf("https://127.0.0.1:%d", port)
	s.measured = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cmd := NewCommand()
	cmd.SetArgs([]string{
		fmt.Sprintf("--secure-port=%d", port), "--bind-address=127.0.0.1", "--group-name=" + config.DefaultGroup,
		"--tls-cert-file=" + s.certFile, "--tls-private-key-file=" + strings.TrimSuffix(s.certFile, ".crt") + ".key",
		"--kubeconfig=" + file, "--authentication-kubeconfig=" + file, "--authorization-kubeconfig=" + file,
		"--alidns-endpoint=" + s.world.Alidns.URL, "--dnspod-endpoint=" + s.world.DNSPod.URL,
		"--propagation-nameservers=" + s.world.Recursive.Address(), fmt.Sprintf("--propagation-port=%d", s.world.DNS.Port()),
		"--metrics-bind-address=" + s.measured,
		"-v=2", "--propagation-allow-networks=127.0.0.0/8", "--shutdown-delay-duration=" + shutdownDelay.String(),
	})
	// How a process logs can be set once, and with -count this process has set it.
	if err := logsapi.ResetForTest(nil); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go func() { s.done <- cmd.ExecuteContext(ctx) }()
	t.Cleanup(stop)
}

func (s *served) writeCertificate(t *testing.T, host string) {
	t.Helper()
	crt, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{s.certFile: crt, strings.TrimSuffix(s.certFile, ".crt") + ".key": key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func adminTransport(t *testing.T, config *rest.Config) http.RoundTripper {
	t.Helper()
	pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   unverified(pair),
	}
}

// unverified accepts the server's certificate, which these tests replace.
func unverified(certificates ...tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: certificates, InsecureSkipVerify: true} //nolint:gosec // a server of the test's own
}

func createSecret(t *testing.T, config *rest.Config) {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "alice"},
		StringData: map[string]string{"id": aliceID, "secret": aliceSecret + "\n"},
	}
	if _, err := client.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

func (s *served) do(ctx context.Context, client *http.Client, method, path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body)
	return resp.StatusCode, content, err
}

// metrics: those of the solver, of the API server and of Go, of whoever asks and nothing else.
func (s *served) metrics(t *testing.T) {
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.measured+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	status, body := get("/metrics")
	for _, want := range []string{
		`certyun_solver_operations_total{operation="present",outcome="ok",solver="alidns"} `, `certyun_propagation_seconds_count{solver="dnspod"} `,
		`certyun_build_info{`, "go_goroutines ", "process_resident_memory_bytes ", "apiserver_request_total{",
	} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("status %d; there is no %s", status, want)
		}
	}
	if status, _ := get("/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("something else is served: %d", status)
	}
}

func (s *served) becomesReady(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		status, body, err := s.do(ctx, s.client, http.MethodGet, "/readyz?verbose", nil)
		if err == nil && status == http.StatusOK {
			if !strings.Contains(string(body), "[+]solvers-initialized ok") {
				t.Errorf("readyz does not name its own check:\n%s", body)
			}
			break
		}
		select {
		case err := <-s.done:
			t.Fatalf("the server ended: %v", err)
		case <-ctx.Done():
			t.Fatalf("not ready: %d %s %v", status, body, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
	if status, body, err := s.do(ctx, s.client, http.MethodGet, "/livez", nil); err != nil || status != http.StatusOK {
		t.Errorf("livez: %d %s %v", status, body, err)
	}
}

// errorStream is what the process writes to its error stream.
type errorStream struct {
	lockedBuffer
	write *os.File
	read  sync.WaitGroup
}

// logged turns the error stream into a buffer. Nobody may be logging yet: the logger is set up with that stream.
func logged(t *testing.T) *errorStream {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	t.Cleanup(func() { os.Stderr = before })
	os.Stderr = write
	s := &errorStream{write: write}
	s.read.Go(func() { _, _ = io.Copy(&s.lockedBuffer, read) })
	return s
}

// end returns what was written since the last reset.
func (s *errorStream) end() string {
	_ = s.write.Close()
	s.read.Wait()
	return s.String()
}

// operationLine is what an operation logs, with all that tells one from another.
var operationLine = regexp.MustCompile(`("[^"]+") solver="\w+" dnsName="\S+" fqdn="\S+" resolvedZone="\S+" namespace="\w+" value="[0-9a-f]{8}" (outcome="\w+") duration="\S+" calls=\d+`)

// wantLines checks the log of what the test has presented and cleaned up, at the level that the chart sets.
func wantLines(t *testing.T, log string) {
	t.Helper()
	lines := map[string]int{}
	for line := range strings.Lines(log) {
		if strings.Contains(line, "example.com") {
			parts := operationLine.FindStringSubmatch(line)
			if parts == nil {
				t.Errorf("the log has %s", line)
				continue
			}
			lines[parts[1]+" "+parts[2]]++
		}
		for _, noise := range []string{"Trace[", `uid=""`} {
			if strings.Contains(line, noise) {
				t.Errorf("the log has %s", line)
			}
		}
	}
	want := map[string]int{
		`"Presented the challenge" outcome="ok"`: 4, `"Cleaned up the challenge" outcome="ok"`: 4, `"Could not present the challenge" outcome="misconfigured"`: 1, `"Could not clean up the challenge" outcome="throttled"`: 2,
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines about challenges, one for each operation (-want +got):\n%s\n%s", diff, log)
	}
}

func TestTheLogBeginsWithoutFeatureGates(t *testing.T) {
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	nobody := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\ncontexts: [{name: c, context: {cluster: c}}]\n"
	if err := os.WriteFile(kubeconfig, []byte(nobody), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=-v=2 --bind-address=127.0.0.1 --secure-port=%d --kubeconfig=%s --authentication-kubeconfig=%s "+
		"--authorization-kubeconfig=%s --authentication-tolerate-lookup-failure --metrics-bind-address=0", asCommand, freePort(t), kubeconfig, kubeconfig, kubeconfig))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	for lines := bufio.NewScanner(stderr); lines.Scan() && !strings.Contains(log.String(), "Serving securely"); {
		log.WriteString(lines.Text() + "\n")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !strings.Contains(log.String(), "Serving securely") || strings.Contains(log.String(), "Feature gate") {
		t.Errorf("the log begins with\n%s", log.String())
	}
}

func (s *served) discovery(t *testing.T) {
	_, body, err := s.do(t.Context(), s.client, http.MethodGet, "/apis/"+config.DefaultGroup+"/v1alpha1", nil)
	if err != nil {
		t.Fatal(err)
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var names []string
	for _, resource := range list.APIResources {
		names = append(names, resource.Name)
	}
	slices.Sort(names)
	if want := []string{AlidnsName, AlidnsAlias, DNSPodName}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func (s *served) openAPI(t *testing.T) {
	for _, path := range []string{"/openapi/v2", "/openapi/v3/apis/" + config.DefaultGroup + "/v1alpha1"} {
		status, body, err := s.do(t.Context(), s.client, http.MethodGet, path, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %v", path, status, err)
		}
		for _, name := range []string{AlidnsName, AlidnsAlias, DNSPodName} {
			id := `ChallengePayload-` + name + `"`
			if count := strings.Count(string(body), id); count != 1 {
				t.Errorf("%s has the operation id …%s %d times", path, id, count)
			}
		}
	}
}

// challenge calls a solver and returns its response.
func (s *served) challenge(ctx context.Context, solver string, action whapi.ChallengeAction, solverConfig string) (*whapi.ChallengeResponse, error) {
	payload := whapi.ChallengePayload{
		TypeMeta: metav1.TypeMeta{APIVersion: whapi.SchemeGroupVersion.String(), Kind: "ChallengePayload"},
		Request: &whapi.ChallengeRequest{
			UID: "1", Action: action, Type: "dns-01", DNSName: "example.com", Key: value, ResourceNamespace: "default",
			ResolvedFQDN: fqdn, ResolvedZone: "example.com.", Config: &apiextensionsv1.JSON{Raw: []byte(solverConfig)},
		},
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	status, body, err := s.do(ctx, s.client, http.MethodPost, "/apis/"+config.DefaultGroup+"/v1alpha1/"+solver, raw)
	if err != nil {
		return nil, err
	}
	var answer whapi.ChallengePayload
	if err := json.Unmarshal(body, &answer); err != nil || answer.Response == nil {
		return nil, fmt.Errorf("%d: %s", status, body)
	}
	return answer.Response, nil
}

func (s *served) presentAndCleanUp(t *testing.T) {
	for i, solver := range []string{AlidnsName, AlidnsAlias, DNSPodName} {
		v := vendors()[i/2]
		endpoint := []*simulator.Endpoint{s.world.Alidns, s.world.DNSPod}[i/2]
		for _, action := range []whapi.ChallengeAction{whapi.ChallengeActionPresent, whapi.ChallengeActionCleanUp} {
			response, err := s.challenge(t.Context(), solver, action, v.configFor("alice"))
			if err != nil || !response.Success {
				t.Fatalf("%s %s: %+v %v", solver, action, response, err)
			}
			want := map[whapi.ChallengeAction]int{whapi.ChallengeActionPresent: 1, whapi.ChallengeActionCleanUp: 0}[action]
			if got := len(endpoint.Records("example.com")); got != want {
				t.Errorf("%d records after %s %s", got, solver, action)
			}
		}
	}
	response, err := s.challenge(t.Context(), AlidnsName, whapi.ChallengeActionPresent, `{"x":1}`)
	if err != nil || response.Success || !strings.Contains(response.Result.Message, "config.x: Forbidden") {
		t.Errorf("got %+v %v for a config with an unknown field", response, err)
	}
}

func (s *served) anonymous(t *testing.T) {
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: unverified()}}
	for _, solver := range []string{AlidnsName, DNSPodName} {
		status, _, err := s.do(t.Context(), stranger, http.MethodPost, "/apis/"+config.DefaultGroup+"/v1alpha1/"+solver, []byte("{}"))
		if err != nil || status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("%s: got %d %v", solver, status, err)
		}
	}
}

func (s *served) certificateReplaced(t *testing.T) {
	s.writeCertificate(t, "second.example")
	deadline := time.Now().Add(90 * time.Second)
	for {
		dialer := &tls.Dialer{Config: unverified()}
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "https://"))
		if err != nil {
			t.Fatal(err)
		}
		names := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames
		_ = conn.Close()
		if slices.Contains(names, "second.example") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still serving the certificate of %q", names)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// takesTooLong holds that our deadline is before the API server's own, whose answer says nothing.
func (s *served) takesTooLong(t *testing.T) {
	for i, v := range vendors() {
		endpoint := []*simulator.Endpoint{s.world.Alidns, s.world.DNSPod}[i]
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			if err := endpoint.Inject(cloud.Fault{Kind: cloud.Throttle, Action: v.list}); err != nil {
				t.Fatal(err)
			}
			response, err := s.challenge(t.Context(), v.name, whapi.ChallengeActionCleanUp, v.configFor("alice"))
			if err != nil || response.Success || !strings.Contains(response.Result.Message, "too many calls") {
				t.Errorf("got %+v %v", response, err)
			}
			endpoint.ClearFaults()
		})
	}
}

// shutdownDelay is that of this test.
const shutdownDelay = 2 * time.Second

// poll calls the server over a new connection each time until one is refused, and returns when that was. It tells as well whether the
// server had said before that it is not ready.
func (s *served) poll() (refused time.Time, unready bool) {
	for {
		status, _, err := s.do(context.Background(), s.client, http.MethodGet, "/readyz", nil)
		if err != nil {
			return time.Now(), unready
		}
		unready = unready || status != http.StatusOK
		if status, _, err = s.do(context.Background(), s.client, http.MethodGet, "/apis/"+config.DefaultGroup+"/v1alpha1", nil); err != nil || status != http.StatusOK {
			return time.Now(), unready
		}
		time.Sleep(25 * time.Millisecond)
	}
}

func (s *served) ends(t *testing.T) {
	v := vendors()[0]
	if _, err := s.challenge(t.Context(), AlidnsName, whapi.ChallengeActionPresent, v.configFor("alice")); err != nil {
		t.Fatal(err)
	}
	if err := s.world.Alidns.Inject(cloud.Fault{Kind: cloud.Slow, Action: v.remove, Latency: 2*shutdownDelay + time.Second}); err != nil {
		t.Fatal(err)
	}
	cleaned := make(chan error, 1)
	go func() {
		response, err := s.challenge(context.Background(), AlidnsName, whapi.ChallengeActionCleanUp, v.configFor("alice"))
		if err == nil && !response.Success {
			err = fmt.Errorf("%+v", response.Result)
		}
		cleaned <- err
	}()
	time.Sleep(time.Second) // the call is under way
	stopped := time.Now()
	s.stop()
	if refused, unready := s.poll(); refused.Sub(stopped) < shutdownDelay || !unready {
		t.Errorf("it refuses calls %s after it was told to end, want %s at least; it has said that it is not ready: %v", refused.Sub(stopped), shutdownDelay, unready)
	}
	if err := <-cleaned; err != nil {
		t.Errorf("CleanUp: %v", err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			t.Errorf("the command returned %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the server does not end")
	}
	if records := s.world.Alidns.Records("example.com"); len(records) != 0 {
		t.Errorf("left behind: %v", records)
	}
}
