package cluster

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/evidence"
)

const (
	manyCertificates = 10_000
	maxHeapGrowth    = 30 << 20
)

// BenchmarkMemory prints by how much the heap grows for 10,000 Certificates of 5 names, as they are read from an API server.
// It is one measurement, whatever -benchtime says.
func BenchmarkMemory(b *testing.B) {
	fill(b, "memory", manyCertificates)
	before := liveHeap()
	w := newWorld(b, "reads-memory")
	count := 0
	if err := w.VisitCertificates(b.Context(), evidence.ByIssuer, "memory/le", func(*cmapi.Certificate) bool {
		count++
		return true
	}); err != nil {
		b.Fatal(err)
	}
	if count != manyCertificates {
		b.Fatalf("the world has %d Certificates", count)
	}
	growth := liveHeap() - before
	runtime.KeepAlive(w)
	b.ReportMetric(float64(growth)/(1<<20), "heap-MiB")
	b.ReportMetric(0, "ns/op")
	if growth > maxHeapGrowth {
		b.Errorf("the heap grows by %d MiB, want at most %d", growth>>20, maxHeapGrowth>>20)
	}
}

// liveHeap is what is still in use after everything else was freed.
func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// fill creates Certificates as people apply them: with annotations and managed fields.
func fill(b *testing.B, ns string, n int) {
	b.Helper()
	namespace(b, ns)
	config := rest.CopyConfig(admin)
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: NewScheme()})
	if err != nil {
		b.Fatal(err)
	}
	var group sync.WaitGroup
	const writers = 16
	for writer := range writers {
		group.Go(func() {
			for i := writer; i < n; i += writers {
				crt := &cmapi.Certificate{
					ObjectMeta: metav1.ObjectMeta{
						Namespace: ns, Name: fmt.Sprintf("web-%05d", i),
						Labels:      map[string]string{"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": fmt.Sprintf("web-%05d", i)},
						Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": fmt.Sprintf("%0800d", i)},
					},
					Spec: cmapi.CertificateSpec{
						SecretName: fmt.Sprintf("web-%05d-tls", i),
						IssuerRef:  cmmeta.IssuerReference{Name: "le", Kind: "Issuer", Group: "cert-manager.io"},
						PrivateKey: &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 256},
					},
				}
				for j := range 5 {
					crt.Spec.DNSNames = append(crt.Spec.DNSNames, fmt.Sprintf("www-%d.shop-%05d.example.net", j, i))
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
