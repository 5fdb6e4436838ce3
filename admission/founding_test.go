package admission

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
)

// selecting makes a solver one for these zones.
func selecting(solver acmev1.ACMEChallengeSolver, zones ...string) acmev1.ACMEChallengeSolver {
	solver.Selector = &acmev1.CertificateDNSNameSelector{DNSZones: zones}
	return solver
}

func numbered(n int, format string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return list
}

func certificateRequest(t testing.TB, operation admissionv1.Operation, crt, old *cmapi.Certificate) admission.Request {
	t.Helper()
	ar := admissionv1.AdmissionRequest{UID: "1", Operation: operation, Kind: certificateKind, Namespace: crt.Namespace, Name: crt.Name}
	ar.Object.Raw = encode(t, crt)
	if old != nil {
		ar.OldObject.Raw = encode(t, old)
	}
	return admission.Request{AdmissionRequest: ar}
}

// Whatever else is in an object, and whoever else is judged: the other rules have no turn here, and no time.
func TestNothingKeepsTheFoundingRulesFromLooking(t *testing.T) {
	t.Parallel()
	http01 := []acmev1.ACMEChallengeSolver{http01Solver()}
	many := http01
	for i := range 5000 {
		many = append(many, selecting(dns01Solver(), fmt.Sprintf(".odd-%d..certyun.dev", i)), selecting(dns01Solver(), "good.certyun.dev"))
	}
	tests := map[string]struct {
		solvers []acmev1.ACMEChallengeSolver
		change  func(*cmapi.Certificate)
	}{
		"nothing else": {http01, func(*cmapi.Certificate) {}},
		"55,000 wildcards that are as bad": {http01, func(crt *cmapi.Certificate) {
			crt.Spec.DNSNames = append(crt.Spec.DNSNames, numbered(55_000, "*.n%d.certyun.dev")...)
		}},
		"55,000 good wildcards before it, and a solver for 20,000 zones": {
			[]acmev1.ACMEChallengeSolver{selecting(dns01Solver(), append(numbered(20_000, "zone-%d.dev"), "good.certyun.dev")...)},
			func(crt *cmapi.Certificate) {
				crt.Spec.DNSNames = append(numbered(55_000, "*.n%d.good.certyun.dev"), crt.Spec.DNSNames...)
			},
		},
		"55,000 good wildcards before it, and 10,000 solvers": {many, func(crt *cmapi.Certificate) {
			crt.Spec.DNSNames = append(numbered(55_000, "*.n%d.good.certyun.dev"), crt.Spec.DNSNames...)
		}},
		"40,000 other names": {http01, func(crt *cmapi.Certificate) {
			for _, oid := range numbered(40_000, "1.3.6.1.%d") {
				crt.Spec.OtherNames = append(crt.Spec.OtherNames, cmapi.OtherName{OID: oid, UTF8Value: "x"})
			}
		}},
		"100,000 URIs that are none": {http01, func(crt *cmapi.Certificate) { crt.Spec.URIs = numbered(100_000, "spiffe://x/%d{%%7b") }},
		"an annotation of the greatest size": {http01, func(crt *cmapi.Certificate) {
			crt.Annotations = map[string]string{rule.SkipAnnotation: strings.Repeat("no-rule,", 32<<10)}
		}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := worldOf(acmeIssuer("le", c.solvers...))
				h := newHandler(t, w, w, catalogue.Rules())
				h.large <- struct{}{}
				crt := newCertificate("bad", "*.plain.certyun.dev")
				crt.Spec.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm, Size: 2048}
				c.change(crt)
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				got := h.Handle(ctx, certificateRequest(t, admissionv1.Create, crt, nil))
				if got.Allowed {
					t.Fatalf("it is allowed, with the warnings %.200q", got.Warnings)
				}
				for _, id := range []string{"wildcard-needs-dns01", "key-size-for-algorithm"} {
					if !strings.Contains(got.Result.Message, "["+id+"]") {
						t.Errorf("%s was not denied: %.500s", id, got.Result.Message)
					}
				}
			})
		})
	}
}

// What was wrong before stays allowed, in large objects too, and what is new is denied.
func TestFoundingRulesKnowWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	w := worldOf(acmeIssuer("le", http01Solver()))
	old := newCertificate("bad", numbered(20_000, "*.n%d.certyun.dev")...)
	for name, c := range map[string]struct {
		more    []string
		allowed bool
	}{
		"no wildcard more":  {[]string{"www.certyun.dev"}, true},
		"one wildcard more": {[]string{"*.new.certyun.dev"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			crt := old.DeepCopy()
			crt.Spec.DNSNames = append(crt.Spec.DNSNames, c.more...)
			h := newHandler(t, w, w, []rule.Rule{ruleOf(t, "wildcard-needs-dns01")})
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if got := h.Handle(ended, certificateRequest(t, admissionv1.Update, crt, old)); got.Allowed != c.allowed {
				t.Errorf("allowed is %t: %.300q %+v", got.Allowed, got.Warnings, got.Result)
			}
		})
	}
}

func ruleOf(t testing.TB, id string) rule.Rule {
	t.Helper()
	for _, r := range catalogue.Rules() {
		if r.ID == id {
			return r
		}
	}
	t.Fatalf("there is no rule %q", id)
	return rule.Rule{}
}

// The marks of a bundle are in the author's hands.
func TestCopiedMarksSoftenNothingThatMayNotBeSkipped(t *testing.T) {
	t.Parallel()
	marks := map[string]string{"meta.helm.sh/release-name": "issuers", "meta.helm.sh/release-namespace": "infra"}
	le := acmeIssuer("le", http01Solver())
	le.Annotations = marks
	w := worldOf(le)
	crt := newCertificate("bad", "*.plain.certyun.dev")
	crt.Annotations = marks
	for name, c := range map[string]struct {
		noSkip  []string
		allowed bool
	}{"by default": {nil, true}, "with noSkip": {[]string{"wildcard-needs-dns01"}, false}} {
		h := newHandler(t, w, w, catalogue.Rules())
		h.policy.decided.Load().Policy.NoSkip = c.noSkip
		if got := h.Handle(t.Context(), certificateRequest(t, admissionv1.Create, crt, nil)); got.Allowed != c.allowed {
			t.Errorf("%s: allowed is %t: %q", name, got.Allowed, got.Warnings)
		}
	}
}

const (
	refusedFor = "was not checked in full, and this cluster refuses what was not (admission.unjudged: deny): "
	refusedEnd = ". If it is refused again, ask who runs the cluster: the log of certyun's admission server says why"
)

func TestWhatCouldNotBeJudgedIsRefusedWhereAnOperatorSaysSo(t *testing.T) {
	t.Parallel()
	empty := objects.New(rule.IndexKeys)
	silent := stubWorld{World: empty, err: errors.New("forbidden")}
	ingressKind := metav1.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"}
	issuerKind := metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}
	later := refusedFor + incomplete + ". " + laterOrSmaller + refusedEnd
	unread := refusedFor + unreadable + ". " + asTheAPISays + refusedEnd
	for name, c := range map[string]struct {
		world    stubWorld
		request  request
		want     string
		warnings []string
	}{
		"what was judged":                {stubWorld{World: empty}, request{Name: "web", Namespace: "shop", Object: certificateOf("www.certyun.dev")}, "", nil},
		"what nobody knows enough about": {silent, request{Name: "web", Namespace: "shop", Object: certificateOf("warn:may fail")}, `Certificate.cert-manager.io "web" ` + later, []string{"[spoken] spec.dnsNames[0]: may fail"}},
		"a rule that panics":             {stubWorld{World: empty}, request{Name: "web", Namespace: "shop", Object: certificateOf("panic:")}, `Certificate.cert-manager.io "web" ` + later, nil},
		"what cannot be read":            {stubWorld{World: empty}, request{Name: "web", Namespace: "shop", Object: certificateHead + "spec: []"}, `Certificate.cert-manager.io "web" ` + unread, nil},
		"a name that is not made yet": {
			silent, request{Namespace: "shop", Object: strings.Replace(certificateOf("a"), "name: web", "generateName: web-", 1)}, `Certificate.cert-manager.io "web-" ` + later, nil,
		},
		"an Ingress that cannot be read": {
			stubWorld{World: empty},
			request{Kind: ingressKind, Name: "web", Namespace: "shop", Object: "spec: []"},
			"",
			[]string{"[certyun] this Ingress could not be read, so it was not checked"},
		},
		"a deletion of what cannot be read": {
			stubWorld{World: empty},
			request{Operation: "DELETE", Kind: issuerKind, Name: "le", Namespace: "shop", Old: issuerHead + "spec: []"},
			"",
			[]string{"[certyun] this Issuer could not be read, so it was not checked"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, c.world, c.world, spokenRules())
			h.denyUnjudged = true
			got := h.Handle(t.Context(), admission.Request{AdmissionRequest: *c.request.admissionRequest(t)})
			message := ""
			if got.Result != nil {
				message = got.Result.Message
			}
			if diff := cmp.Diff(c.want, message); diff != "" || got.Allowed != (c.want == "") {
				t.Errorf("allowed is %t, the message (-want +got):\n%s", got.Allowed, diff)
			}
			if diff := cmp.Diff(c.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// Two releases of the chart in one cluster advise nobody about each other's objects. What can never work is denied all the same.
func TestNothingIsAdvisedAboutWhatTheChartInstalls(t *testing.T) {
	t.Parallel()
	const labels = "labels: {app.kubernetes.io/part-of: certyun, app.kubernetes.io/component: solver}"
	issuerKind := metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}
	labelled := func(manifest string) string {
		return strings.Replace(manifest, "namespace: shop", "namespace: shop, "+labels, 1)
	}
	for name, c := range map[string]struct {
		request  request
		allowed  bool
		warnings []string
	}{
		"a Certificate of somebody":        {request{Name: "web", Namespace: "shop", Object: certificateOf("warn:a")}, true, []string{"[spoken] spec.dnsNames[0]: a"}},
		"a Certificate of another release": {request{Name: "web", Namespace: "shop", Object: labelled(certificateOf("warn:a"))}, true, nil},
		"one that can never be issued":     {request{Name: "web", Namespace: "shop", Object: labelled(certificateOf("deny:a", "warn:a"))}, false, nil},
		"an Issuer that goes with its release": {
			request{Operation: "DELETE", Kind: issuerKind, Name: "le", Namespace: "shop", Old: labelled(issuerHead) + "spec: {selfSigned: {}}"}, true, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := objects.New(rule.IndexKeys)
			got := newHandler(t, world, world, spokenRules()).Handle(t.Context(), admission.Request{AdmissionRequest: *c.request.admissionRequest(t)})
			if got.Allowed != c.allowed {
				t.Errorf("allowed is %t", got.Allowed)
			}
			if diff := cmp.Diff(c.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
