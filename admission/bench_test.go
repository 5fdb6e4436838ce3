package admission

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/cluster"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// What is promised. A benchmark that breaks a promise fails.
const (
	minReviews    = 4000                 // a second, of the engine alone on one core
	maxReview     = time.Second          // whatever the object
	maxP99        = 5 * time.Millisecond // over HTTPS
	requestRate   = 200                  // a second, for maxP99
	withinNoise   = 2                    // how many times dearer a review in a large cluster may be
	requestedTime = 10 * time.Second
)

// plainCertificate is what most people apply.
func plainCertificate() *cmapi.Certificate {
	crt := newCertificate("plain", "www.plain.certyun.dev", "plain.certyun.dev")
	crt.SetGroupVersionKind(cmapi.SchemeGroupVersion.WithKind(cmapi.CertificateKind))
	return crt
}

func worldOf(issuers ...*cmapi.Issuer) *objects.World {
	w := objects.New(rule.IndexKeys)
	for _, issuer := range issuers {
		w.AddIssuer(issuer)
	}
	return w
}

func environment(w evidence.World) *rule.Environment {
	return &rule.Environment{World: w, Settings: rule.Settings{
		ClusterResourceNamespace: "cert-manager", CertManagerVersion: "v1.21.2", CAs: ca.Known(), Now: time.Now(),
	}}
}

// cpuTime is what the process has had of the processors. A rate by it is the same on a machine that is busy with other things.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// reportRate prints the reviews per second of one core since the CPU time at the start.
func reportRate(b *testing.B, start time.Duration) (rate float64) {
	b.Helper()
	rate = float64(b.N) / (cpuTime(b) - start).Seconds()
	b.ReportMetric(rate, "reviews/core-s")
	return rate
}

// BenchmarkEngine is the engine alone on a plain Certificate whose Issuer is there.
func BenchmarkEngine(b *testing.B) {
	var withoutDryRun []rule.Rule
	for _, r := range catalogue.Online() {
		if !strings.HasPrefix(r.ID, "csr-") {
			withoutDryRun = append(withoutDryRun, r)
		}
	}
	env := environment(worldOf(acmeIssuer("le", http01Solver())))
	for _, c := range []struct {
		name  string
		rules []rule.Rule
	}{{"dry-run", catalogue.Online()}, {"no-dry-run", withoutDryRun}} {
		b.Run(c.name, func(b *testing.B) {
			engine := rule.NewEngine(c.rules)
			b.ReportAllocs()
			start := cpuTime(b)
			for b.Loop() {
				if findings, err := engine.Review(b.Context(), env, nil, rule.Request{Operation: rule.Create, Object: plainCertificate()}); err != nil || len(findings) > 0 {
					b.Fatal(findings, err)
				}
			}
			if rate := reportRate(b, start); b.N > 1000 && rate < minReviews {
				b.Errorf("%.0f reviews a second, want %d", rate, minReviews)
			}
		})
	}
}

// BenchmarkHandler is the whole way of a plain Certificate from an AdmissionReview's JSON to the answer's, without the network.
func BenchmarkHandler(b *testing.B) {
	w := worldOf(acmeIssuer("le", http01Solver()))
	h := &admission.Webhook{Handler: newHandler(b, w, w, catalogue.Online())}
	ar := &admissionv1.AdmissionRequest{UID: "1", Operation: admissionv1.Create, Kind: certificateKind, Namespace: "default", Name: "plain"}
	ar.Object.Raw = encode(b, plainCertificate())
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if response := post(b, h, ar); !response.Allowed || len(response.Warnings) > 0 {
			b.Fatalf("%+v", response)
		}
	}
	reportRate(b, start)
}

func encode(tb testing.TB, object any) []byte {
	tb.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// hundredSolvers are for a zone each, so that the choice for a name has to look at all of them.
func hundredSolvers() []acmev1.ACMEChallengeSolver {
	solvers := []acmev1.ACMEChallengeSolver{}
	for i := range 100 {
		s := dns01Solver()
		s.Selector = &acmev1.CertificateDNSNameSelector{DNSZones: []string{fmt.Sprintf("zone-%d.certyun.dev", i)}}
		solvers = append(solvers, s)
	}
	return solvers
}

// BenchmarkIssuerInUse is the change and the deletion of an Issuer with 100 solvers that 10,000 Certificates of 100 names
// refer to.
func BenchmarkIssuerInUse(b *testing.B) {
	before, after := acmeIssuer("busy", hundredSolvers()...), acmeIssuer("busy", hundredSolvers()[1:]...)
	w := worldOf(before)
	for i := range 10_000 {
		names := []string{}
		for j := range 100 {
			names = append(names, fmt.Sprintf("n%d-%d.zone-%d.certyun.dev", i, j, j))
		}
		crt := newCertificate(fmt.Sprintf("busy-%d", i), names...)
		crt.Spec.IssuerRef.Name = "busy"
		w.AddCertificate(crt)
	}
	h := newHandler(b, w, w, catalogue.Online())
	for _, c := range []struct {
		name    string
		request rule.Request
	}{
		{"update", rule.Request{Operation: rule.Update, Object: after, Old: before}},
		{"delete", rule.Request{Operation: rule.Delete, Object: before}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				start := time.Now()
				v := h.inTime(b.Context(), &c.request, 0)
				if took := time.Since(start); took > maxReview {
					b.Errorf("a review took %s", took)
				}
				if len(v.findings) == 0 {
					b.Fatalf("nothing was found: %v", v.err)
				}
			}
		})
	}
}

// BenchmarkCluster has a real API server and everything that is measured against it, in order: reviews in a small and in a
// large cluster, answers over HTTPS, the memory of the process, and the share of the webhook in what creating a Certificate
// takes. Each is one measurement, whatever -benchtime says.
func BenchmarkCluster(b *testing.B) {
	api := startAPIServer(b)
	c := api.client(b, nil)
	first := acmeIssuer("le-0", hundredSolvers()...)
	first.Namespace = "many"
	create(b, c, namespaceOf("many"), first)
	world := watch(b, api)

	fillCluster(b, c, 0, 10, 1)
	small := hundredNames(b, world, 10)
	for i := range 999 {
		issuer := acmeIssuer(fmt.Sprintf("le-%d", i+1), hundredSolvers()...)
		issuer.Namespace = "many"
		create(b, c, issuer)
	}
	fillCluster(b, c, 10, 10_000, 1000)
	large := hundredNames(b, world, 10_000)
	b.Logf("100 names, 100 solvers: %s against 10 Certificates and 1 Issuer, %s against 10,000 and 1,000: ratio %.2f", small, large, float64(large)/float64(small))
	if large > withinNoise*small {
		b.Errorf("a review in a large cluster costs %.2f times as much", float64(large)/float64(small))
	}
	b.ReportMetric(float64(large)/float64(small), "large/small")

	printMemory(b, api)
	create(b, c, acmeIssuer("le", http01Solver()))
	without := createLatency(b, c, "without")
	s := startServer(b, api.kubeconfig(b, "bench-serves"), func(*Options) {})
	p99 := overHTTPS(b, s)
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	if p99 > maxP99 {
		b.Errorf("99 of 100 answers within %s, want %s", p99, maxP99)
	}
	s.register(b, c)
	with := createLatency(b, c, "with")
	b.Logf("creating a Certificate takes %s without the webhook and %s with it: a share of %.0f %%", without, with, 100*float64(with-without)/float64(with))
	b.ReportMetric(0, "ns/op")
}

// watch is the world that the server sees.
func watch(b *testing.B, api *apiServer) *cluster.World {
	b.Helper()
	options := cluster.Options{ClusterResourceNamespace: "cert-manager", Index: rule.IndexKeys}
	settings := options.CacheOptions()
	settings.Scheme = cluster.NewScheme()
	cached, err := cache.New(api.config, settings)
	if err != nil {
		b.Fatal(err)
	}
	live, err := client.New(api.config, client.Options{Scheme: settings.Scheme})
	if err != nil {
		b.Fatal(err)
	}
	world, err := cluster.New(b.Context(), options, cached, live)
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = cached.Start(b.Context()) }()
	eventually(b, "the caches are filled", world.HasSynced)
	return world
}

// fillCluster makes Certificates, each of 5 names under one domain that all share, of so many Issuers.
func fillCluster(b *testing.B, c client.Client, from, to, issuers int) {
	b.Helper()
	var group sync.WaitGroup
	const writers = 16
	for writer := range writers {
		group.Go(func() {
			for i := from + writer; i < to; i += writers {
				crt := newCertificate(fmt.Sprintf("many-%d", i))
				crt.Namespace, crt.Spec.IssuerRef.Name = "many", fmt.Sprintf("le-%d", i%issuers)
				for j := range 5 {
					crt.Spec.DNSNames = append(crt.Spec.DNSNames, fmt.Sprintf("n%d-%d.zone-%d.certyun.dev", i, j, i%100))
				}
				if err := c.Create(b.Context(), crt); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// hundredNames is the time of a review of a Certificate of 100 names: the middle of many.
func hundredNames(b *testing.B, world *cluster.World, certificates int) time.Duration {
	b.Helper()
	count := func() (n int) {
		if err := world.VisitCertificates(b.Context(), evidence.ByDomain, "certyun.dev", func(*cmapi.Certificate) bool { n++; return true }); err != nil {
			b.Fatal(err)
		}
		return n
	}
	eventually(b, "all Certificates are known", func() bool { return count() == certificates })
	crt := newCertificate("hundred")
	crt.Namespace, crt.Spec.IssuerRef.Name = "many", "le-0"
	for i := range 100 {
		crt.Spec.DNSNames = append(crt.Spec.DNSNames, fmt.Sprintf("hundred.zone-%d.certyun.dev", i))
	}
	engine, env := rule.NewOnlineEngine(catalogue.Rules()), environment(world)
	took := []time.Duration{}
	for range 300 {
		start := time.Now()
		if _, err := engine.Review(b.Context(), env, nil, rule.Request{Operation: rule.Create, Object: crt}); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return percentile(took, 50)
}

func percentile(took []time.Duration, percent int) time.Duration {
	slices.Sort(took)
	return took[len(took)*percent/100]
}

// overHTTPS asks at requestRate over a connection that is kept, as the API server does, and returns what 99 of 100 answers
// stay below.
func overHTTPS(b *testing.B, s *server) time.Duration {
	b.Helper()
	body := encode(b, admissionv1.AdmissionReview{Request: &admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Create, Kind: certificateKind, Namespace: "default", Name: "plain",
		Object: runtime.RawExtension{Raw: encode(b, plainCertificate())},
	}})
	c := httpsClient(s.roots, nil)
	var mu sync.Mutex
	var group sync.WaitGroup
	took := []time.Duration{}
	ticker := time.NewTicker(time.Second / requestRate)
	defer ticker.Stop()
	for range requestRate * int(requestedTime/time.Second) {
		<-ticker.C
		group.Go(func() {
			start := time.Now()
			if err := ask(b, c, s.url("/validate"), body); err != nil {
				b.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(start))
		})
	}
	group.Wait()
	if b.Failed() {
		b.FailNow()
	}
	p99 := percentile(took, 99)
	b.Logf("over HTTPS at %d a second: p50 %s, p99 %s, the slowest %s", requestRate, percentile(took, 50), p99, took[len(took)-1])
	return p99
}

func ask(b *testing.B, c *http.Client, url string, body []byte) error {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := c.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Contains(answer, []byte(`"allowed":true`)) {
		err = fmt.Errorf("the answer is %s", answer)
	}
	return err
}

// createLatency is what the API server takes to create a plain Certificate: the middle of many.
func createLatency(b *testing.B, c client.Client, prefix string) time.Duration {
	b.Helper()
	took := []time.Duration{}
	for i := range 300 {
		crt := newCertificate(fmt.Sprintf("%s-%d", prefix, i), fmt.Sprintf("%s-%d.certyun.dev", prefix, i))
		start := time.Now()
		if err := c.Create(b.Context(), crt); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return percentile(took, 50)
}

// printMemory runs the binary itself beside the API server and prints its resident memory.
func printMemory(b *testing.B, api *apiServer) {
	b.Helper()
	dir := b.TempDir()
	binary := filepath.Join(dir, "certyun")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", binary, "github.com/certyun/certyun").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	roots := newAuthority(b, "serving")
	certificate, key := roots.issue(b, "server", x509.ExtKeyUsageServerAuth)
	writeFile(b, filepath.Join(dir, "tls.crt"), certificate)
	writeFile(b, filepath.Join(dir, "tls.key"), key)
	s := &server{options: &Options{SecurePort: freePort(b)}, roots: roots}
	cmd := exec.CommandContext(b.Context(), binary, "admission", "--kubeconfig", api.kubeconfig(b, "bench-memory"), "--metrics-bind-address=0",
		"--secure-port="+strconv.Itoa(s.options.SecurePort), "--tls-cert-file", filepath.Join(dir, "tls.crt"), "--tls-private-key-file", filepath.Join(dir, "tls.key"))
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	probe := httpsClient(roots, nil)
	eventually(b, "the process is alive", func() bool { return answers(b, probe, s.url("/livez")) })
	atStart := residentMiB(b, cmd.Process.Pid)
	eventually(b, "the process is ready", func() bool { return answers(b, probe, s.url("/readyz")) })
	time.Sleep(5 * time.Second)
	b.Logf("resident memory of the process: %d MiB at its start, %d MiB at rest with 10,000 Certificates and 1,000 Issuers of 100 solvers", atStart, residentMiB(b, cmd.Process.Pid))
}

func residentMiB(b *testing.B, pid int) int {
	b.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				b.Fatal(err)
			}
			return kib >> 10
		}
	}
	b.Fatal("the process has no resident memory")
	return 0
}
