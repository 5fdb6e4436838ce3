package lint

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// What is promised. A benchmark that breaks a promise fails.
const (
	minManifests = 2000 // a second
	// linear is how many times dearer a manifest may be among ten times as many.
	linear = 2.0
)

// manifestsOf is what a chart renders for n shops: a Deployment, a Service, an Ingress, a Certificate, and an Issuer for every ten.
func manifestsOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, shop, i)
		if i%10 == 0 {
			fmt.Fprintf(&b, shopIssuer, i/10)
		}
	}
	return strings.ReplaceAll(b.String(), "ISSUER", "le-0")
}

const shop = `---
# Source: shop/templates/certificate.yaml
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  name: shop-%[1]d
  namespace: shops
  labels:
    app.kubernetes.io/name: shop
    app.kubernetes.io/instance: shop-%[1]d
spec:
  secretName: shop-%[1]d-tls
  privateKey:
    algorithm: ECDSA
    size: 256
    rotationPolicy: Always
  dnsNames:
    - shop-%[1]d.certyun.dev
    - "*.shop-%[1]d.certyun.dev"
  issuerRef:
    name: ISSUER
---
# Source: shop/templates/ingress.yaml
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop-%[1]d
  namespace: shops
  annotations:
    cert-manager.io/issuer: ISSUER
spec:
  ingressClassName: nginx
  rules:
    - host: www.shop-%[1]d.certyun.dev
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: shop-%[1]d
                port:
                  name: http
  tls:
    - hosts:
        - www.shop-%[1]d.certyun.dev
      secretName: shop-%[1]d-www-tls
---
# Source: shop/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: shop-%[1]d
  namespace: shops
spec:
  selector:
    app.kubernetes.io/instance: shop-%[1]d
  ports:
    - name: http
      port: 80
      targetPort: http
---
# Source: shop/templates/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop-%[1]d
  namespace: shops
spec:
  replicas: 2
  selector:
    matchLabels:
      app.kubernetes.io/instance: shop-%[1]d
  template:
    metadata:
      labels:
        app.kubernetes.io/instance: shop-%[1]d
    spec:
      containers:
        - name: shop
          image: registry.example/shop:1.2.3
          ports:
            - name: http
              containerPort: 8080
`

const shopIssuer = `---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata:
  name: le-%[1]d
  namespace: shops
spec:
  acme:
    server: https://acme-v02.api.letsencrypt.org/directory
    privateKeySecretRef:
      name: le-%[1]d-account
    solvers:
      - dns01:
          webhook:
            groupName: acme.certyun.internal
            solverName: alidns
            config:
              accessKeyIdRef: {name: alidns, key: id}
              accessKeySecretRef: {name: alidns, key: secret}
`

// certificatesOf are Certificates alone, and their Issuer: the dearest of all kinds.
func certificatesOf(n int) string {
	var b strings.Builder
	for i := range n {
		certificate, _, _ := strings.Cut(shop, "---\n# Source: shop/templates/ingress.yaml")
		fmt.Fprintf(&b, certificate, i)
	}
	return strings.ReplaceAll(b.String(), "ISSUER", "le-0") + fmt.Sprintf(shopIssuer, 0)
}

// lintText judges a text and writes the report, as the command does. It returns how many documents there are.
func lintText(b *testing.B, text string) (documents int) {
	b.Helper()
	o := NewOptions()
	o.CertManagerVersion = "v1.21.2"
	if err := o.Complete([]string{report.Stdin}); err != nil {
		b.Fatal(err)
	}
	l, err := o.newLinter()
	if err != nil {
		b.Fatal(err)
	}
	l.read(b.Context(), o.Paths, nil, strings.NewReader(text))
	if err := l.settle(b.Context(), o); err != nil {
		b.Fatal(err)
	}
	found := l.judge(b.Context())
	if len(found.Problems) > 0 {
		b.Fatal(found.Problems[0])
	}
	for _, f := range found.Findings {
		if f.Severity == rule.Deny {
			b.Fatalf("%d: %s", f.Line, f.Message)
		}
	}
	var out bytes.Buffer
	if err := report.Write(&out, report.JSON, found, report.Options{}); err != nil {
		b.Fatal(err)
	}
	return len(l.given)
}

// cpuTime is what the process has had of the processors.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkLint is the whole way from text to report.
func BenchmarkLint(b *testing.B) {
	for _, c := range []struct {
		name, text string
	}{{"charts", manifestsOf(500)}, {"certificates", certificatesOf(2000)}} {
		b.Run(c.name, func(b *testing.B) {
			documents, start := 0, cpuTime(b)
			for b.Loop() {
				documents += lintText(b, c.text)
			}
			// By the processors' time, so that it is the same on a machine that is busy with other things.
			rate := float64(documents) * float64(runtime.GOMAXPROCS(0)) / (cpuTime(b) - start).Seconds()
			b.ReportMetric(rate, "manifests/s")
			if rate < minManifests {
				b.Errorf("%.0f manifests a second, want %d", rate, minManifests)
			}
		})
	}
}

// BenchmarkLintGrowth compares a manifest among 1,000 with one among 10,000, in time, in what is allocated, and in what is held
// at the most.
func BenchmarkLintGrowth(b *testing.B) {
	small, large := certificatesOf(1000), certificatesOf(10000)
	lintText(b, small) // what is read once
	for b.Loop() {
		was, is := measure(b, small), measure(b, large)
		for i, what := range []string{"time", "allocated", "held"} {
			ratio := is[i] / was[i] / 10
			b.ReportMetric(ratio, what+"-growth")
			if ratio > linear {
				b.Errorf("%s: ten times as many manifests cost %.1f times as much each", what, ratio)
			}
		}
	}
}

// measure returns the seconds of the processors, the bytes allocated, and the most bytes in use at a time.
func measure(b *testing.B, text string) [3]float64 {
	b.Helper()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var held atomic.Uint64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			held.Store(max(held.Load(), now.HeapInuse))
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	start := cpuTime(b)
	lintText(b, text)
	took := cpuTime(b) - start
	close(done)
	<-watched
	runtime.ReadMemStats(&after)
	return [3]float64{took.Seconds(), float64(after.TotalAlloc - before.TotalAlloc), float64(held.Load() - min(before.HeapInuse, held.Load()/2))}
}
