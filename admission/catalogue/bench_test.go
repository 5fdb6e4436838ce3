package catalogue

import (
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func plainCertificate() *cmapi.Certificate {
	crt := &cmapi.Certificate{}
	crt.Namespace, crt.Name = "default", "web"
	crt.Spec.SecretName = "web-tls"
	crt.Spec.DNSNames = []string{"www.cert-lab.dev", "cert-lab.dev"}
	crt.Spec.IssuerRef.Name = "le"
	return crt
}

// BenchmarkReview is the engine alone on a plain Certificate, with the dry run and without.
func BenchmarkReview(b *testing.B) {
	for name, skip := range map[string]string{"with the dry run": "", "without the dry run": "csr-"} {
		b.Run(name, func(b *testing.B) {
			var rules []rule.Rule
			for _, r := range Online() {
				if skip == "" || !strings.HasPrefix(r.ID, skip) {
					rules = append(rules, r)
				}
			}
			engine, s := rule.NewEngine(rules), ruletest.NewScene(b, "")
			request := rule.Request{Operation: rule.Create, Object: plainCertificate()}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := engine.Review(b.Context(), s.Env, s.Policy, request); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reviews/s")
		})
	}
}
