package admission

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/catalogue"
	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
)

// spokenRules find what the DNS names and the issuer's name of a Certificate tell them to find, so that these tests are about
// the handler alone.
func spokenRules() []rule.Rule {
	return []rule.Rule{{
		ID: "spoken", Severity: rule.Deny,
		Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			for i, name := range r.Certificate.Spec.DNSNames {
				var err error
				path := field.NewPath("spec", "dnsNames").Index(i).String()
				switch word, text, _ := strings.Cut(name, ":"); word {
				case "deny":
					err = yield(rule.Finding{Field: path, Value: name, Message: "is not to be", Remedy: "Write another"})
				case "forbid":
					err = yield(rule.Finding{Field: path, Type: field.ErrorTypeForbidden, Message: "is not allowed"})
				case "warn":
					err = yield(rule.Finding{Severity: rule.Warn, Field: path, Message: text})
				case "panic":
					panic("a nil map")
				case "sleep":
					time.Sleep(10 * time.Second)
				}
				if err != nil {
					return err
				}
			}
			return ctx.Err()
		}),
	}, {
		ID: "issuer-forbids", Severity: rule.Deny,
		Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			if r.Issuer == nil || r.Issuer.GetLabels()["forbids"] == "" {
				return nil
			}
			return yield(rule.Finding{Field: "spec.issuerRef.name", Message: "this issuer forbids everything", CrossResource: true, Bundle: rule.BundleOf(r.Issuer)})
		}),
	}, {
		ID: "issuer-goes", Severity: rule.Warn,
		Check: rule.Issuers(func(_ context.Context, r *rule.IssuerReview, yield rule.Yield) error {
			if r.Operation != rule.Delete {
				return nil
			}
			return yield(rule.Finding{Message: fmt.Sprintf("%s %q goes", r.Kind(), r.Issuer.GetName())})
		}),
	}}
}

func newHandler(t testing.TB, world, fresh evidence.World, rules []rule.Rule) *handler {
	t.Helper()
	counted := newReviewMetrics()
	policy, err := newPolicyFile("", "", rules, counted.policyValid)
	if err != nil {
		t.Fatal(err)
	}
	return &handler{
		engine: rule.NewEngine(rules), world: world, fresh: fresh, policy: policy, metrics: counted,
		large: make(chan struct{}, 1), exempt: NewOptions().users(),
	}
}

// toJSON makes of a manifest what the API server sends.
func toJSON(t testing.TB, manifest string) []byte {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(manifest))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

const certificateHead = "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: web, namespace: shop}\n"

func certificateOf(names ...string) string {
	list, err := json.Marshal(names)
	if err != nil {
		panic(err)
	}
	return certificateHead + "spec: {secretName: tls, issuerRef: {name: le}, dnsNames: " + string(list) + "}\n"
}

var certificateKind = metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

// request is an AdmissionRequest as far as the handler reads it. What is not given is of the Certificate shop/web.
type request struct {
	Operation   admissionv1.Operation
	Kind        metav1.GroupVersionKind
	Name        string
	Namespace   string
	SubResource string
	User        string
	DryRun      bool
	Object, Old string
}

func (r request) admissionRequest(t testing.TB) *admissionv1.AdmissionRequest {
	t.Helper()
	ar := &admissionv1.AdmissionRequest{
		UID: "705ab4f5", Operation: r.Operation, Kind: r.Kind, Name: r.Name, Namespace: r.Namespace, SubResource: r.SubResource, DryRun: &r.DryRun,
	}
	ar.UserInfo.Username = r.User
	if ar.Operation == "" {
		ar.Operation = admissionv1.Create
	}
	if ar.Kind.Kind == "" {
		ar.Kind = certificateKind
	}
	if r.Object != "" {
		ar.Object.Raw = toJSON(t, r.Object)
	}
	if r.Old != "" {
		ar.OldObject.Raw = toJSON(t, r.Old)
	}
	return ar
}

// post sends an AdmissionReview through HTTP's side of the webhook.
func post(t testing.TB, h http.Handler, ar *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	t.Helper()
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: ar,
	})
	if err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, req)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil {
		t.Fatalf("the answer is no AdmissionReview: %v\n%s", err, recorder.Body)
	}
	if review.Kind != "AdmissionReview" || review.APIVersion != "admission.k8s.io/v1" {
		t.Errorf("the answer is a %s of %s", review.Kind, review.APIVersion)
	}
	return review.Response
}

func allowedWith(warnings ...string) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{
		UID: "705ab4f5", Allowed: true, Warnings: warnings, Result: &metav1.Status{Code: http.StatusOK},
	}
}

func deniedWith(name, message string, causes ...metav1.StatusCause) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{UID: "705ab4f5", Result: &metav1.Status{
		Status: "Failure", Code: 422, Reason: "Invalid", Message: fmt.Sprintf("Certificate.cert-manager.io %q is invalid: %s", name, message),
		Details: &metav1.StatusDetails{Group: "cert-manager.io", Kind: "Certificate", Name: name, Causes: causes},
	}}
}

func cause(reason, path, message string) metav1.StatusCause {
	return metav1.StatusCause{Type: metav1.CauseType(reason), Field: path, Message: message}
}

// deniedOnce is what a Certificate with the first name "deny:a" gets.
func deniedOnce(name string) *admissionv1.AdmissionResponse {
	const text = `Invalid value: "deny:a": is not to be. Write another. [spoken]`
	return deniedWith(name, "spec.dnsNames[0]: "+text, cause("FieldValueInvalid", "spec.dnsNames[0]", text))
}

const issuerHead = "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le, namespace: shop}\n"

func TestReviews(t *testing.T) {
	t.Parallel()
	issuerKind := metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"}
	many := []string{}
	for i := range 11 {
		many = append(many, fmt.Sprintf("warn:number %d", i))
	}
	tests := map[string]struct {
		request request
		want    *admissionv1.AdmissionResponse
	}{
		"nothing is wrong": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("www.example.net")},
			allowedWith(),
		},
		"a denial names the kind, the name and the field, and says it twice": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("deny:a")},
			deniedOnce("web"),
		},
		"several denials and a warning": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("warn:may fail", "forbid:", "deny:b")},
			deniedWith("web", `[spec.dnsNames[1]: Forbidden: is not allowed. [spoken], spec.dnsNames[2]: Invalid value: "deny:b": is not to be. Write another. [spoken], [spoken] spec.dnsNames[0]: may fail]`,
				cause("FieldValueForbidden", "spec.dnsNames[1]", "Forbidden: is not allowed. [spoken]"),
				cause("FieldValueInvalid", "spec.dnsNames[2]", `Invalid value: "deny:b": is not to be. Write another. [spoken]`),
				cause("FieldValueInvalid", "spec.dnsNames[0]", "Warning: may fail [spoken]"),
			),
		},
		"a name that is not made yet": {
			request{Namespace: "shop", Object: strings.Replace(certificateOf("deny:a"), "name: web", "generateName: web-", 1)},
			deniedOnce("web-"),
		},
		"a warning": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("warn:may fail")},
			allowedWith("[spoken] spec.dnsNames[0]: may fail"),
		},
		"more warnings than are shown": {
			request{Name: "web", Namespace: "shop", Object: certificateOf(many...)},
			allowedWith(
				"[spoken] spec.dnsNames[0]: number 0", "[spoken] spec.dnsNames[1]: number 1", "[spoken] spec.dnsNames[2]: number 2",
				"[spoken] spec.dnsNames[3]: number 3", "[spoken] spec.dnsNames[4]: number 4", "[spoken] spec.dnsNames[5]: number 5",
				"[spoken] spec.dnsNames[6]: number 6", "[spoken] spec.dnsNames[7]: number 7", "… and 3 more; run certyun lint",
			),
		},
		"a text of several lines with characters that no header has": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("warn:one\n\ttwo\x1b[31m\x00three")},
			allowedWith("[spoken] spec.dnsNames[0]: one two\\x1b[31m\\x00three"),
		},
		"a text that is too long": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("warn:" + strings.Repeat("é", 300))},
			allowedWith("[spoken] spec.dnsNames[0]: " + strings.Repeat("é", 228) + "…"),
		},
		"a dry run gets the same verdict": {
			request{Name: "web", Namespace: "shop", DryRun: true, Object: certificateOf("deny:a")},
			deniedOnce("web"),
		},
		"an update that makes it worse": {
			request{Operation: "UPDATE", Name: "web", Namespace: "shop", Object: certificateOf("deny:a"), Old: certificateOf("www.example.net")},
			deniedOnce("web"),
		},
		"an update of what was wrong before": {
			request{Operation: "UPDATE", Name: "web", Namespace: "shop", Object: certificateOf("www.example.net", "deny:a"), Old: certificateOf("deny:a")},
			allowedWith(`[spoken] spec.dnsNames[1]: "deny:a": is not to be (already present, so not denied). Write another`),
		},
		"an update of metadata that no rule reads": {
			request{
				Operation: "UPDATE", Name: "web", Namespace: "shop",
				Object: strings.Replace(certificateOf("deny:a"), "{name: web,", "{name: web, finalizers: [x.test/y], annotations: {a: b},", 1), Old: certificateOf("deny:a"),
			},
			allowedWith(),
		},
		"an update of an annotation that rules read": {
			request{
				Operation: "UPDATE", Name: "web", Namespace: "shop",
				Object: strings.Replace(certificateOf("deny:a"), "{name: web,", "{name: web, annotations: {certyun.internal/skip: none},", 1), Old: certificateOf("deny:a"),
			},
			allowedWith(
				`[skip-unknown-rule] metadata.annotations[certyun.internal/skip]: there is no rule "none"`,
				`[spoken] spec.dnsNames[0]: "deny:a": is not to be (not denied, because only metadata changes). Write another`,
			),
		},
		"an object on its way out": {
			request{
				Operation: "UPDATE", Name: "web", Namespace: "shop",
				Object: strings.Replace(certificateOf("deny:a"), "{name: web,", "{name: web, deletionTimestamp: 2026-01-01T00:00:00Z,", 1), Old: certificateOf("b"),
			},
			allowedWith(),
		},
		"a status": {
			request{Operation: "UPDATE", Name: "web", Namespace: "shop", SubResource: "status", Object: certificateOf("deny:a"), Old: certificateOf("b")},
			allowedWith(),
		},
		"cert-manager itself": {
			request{Name: "web", Namespace: "shop", User: "system:serviceaccount:cert-manager:cert-manager", Object: certificateOf("deny:a")},
			allowedWith(),
		},
		"somebody of the same name in another namespace": {
			request{Name: "web", Namespace: "shop", User: "system:serviceaccount:shop:cert-manager", Object: certificateOf("deny:a")},
			deniedOnce("web"),
		},
		"a deletion of a Certificate": {
			request{Operation: "DELETE", Name: "web", Namespace: "shop", Old: certificateOf("deny:a")},
			allowedWith(),
		},
		"a deletion of an Issuer": {
			request{Operation: "DELETE", Kind: issuerKind, Name: "le", Namespace: "shop", Old: issuerHead + "spec: {selfSigned: {}}"},
			allowedWith(`[issuer-goes] Issuer "le" goes`),
		},
		"a deletion of which the object is not sent": {
			request{Operation: "DELETE", Kind: issuerKind, Namespace: "shop"},
			allowedWith(),
		},
		"an object that cannot be read": {
			request{Name: "web", Namespace: "shop", Object: certificateHead + "spec: {duration: long, dnsNames: ['deny:a']}"},
			allowedWith("[certyun] this Certificate could not be read, so it was not checked"),
		},
		"an old object that cannot be read": {
			request{Operation: "UPDATE", Name: "web", Namespace: "shop", Object: certificateOf("deny:a"), Old: certificateHead + "spec: []"},
			allowedWith("[certyun] this Certificate could not be read, so it was not checked"),
		},
		"a kind of another group": {
			request{Kind: metav1.GroupVersionKind{Group: "networking.internal.knative.dev", Version: "v1", Kind: "Certificate"}, Name: "web", Namespace: "shop", Object: certificateOf("deny:a")},
			allowedWith(),
		},
		"a version that is not known": {
			request{Kind: metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v2", Kind: "Certificate"}, Name: "web", Namespace: "shop", Object: certificateOf("deny:a")},
			allowedWith(),
		},
		"a rule that panics": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("warn:a", "panic:")},
			allowedWith("[spoken] spec.dnsNames[0]: a", incompleteNote),
		},
		"what was denied before a rule panics": {
			request{Name: "web", Namespace: "shop", Object: certificateOf("deny:a", "panic:")},
			deniedOnce("web"),
		},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := objects.New(rule.IndexKeys)
			h := newHandler(t, world, world, spokenRules())
			got := post(t, &admission.Webhook{Handler: h}, c.request.admissionRequest(t))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	t.Parallel()
	names := []string{}
	for i := range 2000 {
		names = append(names, fmt.Sprintf("deny:%d", i))
	}
	var rules []rule.Rule
	for _, id := range []string{"a", "b", "c"} {
		rules = append(rules, rule.Rule{ID: id, Severity: rule.Deny, Check: spokenRules()[0].Check})
	}
	world := objects.New(rule.IndexKeys)
	got := post(t, &admission.Webhook{Handler: newHandler(t, world, world, rules)},
		request{Name: "web", Namespace: "shop", Object: certificateOf(names...)}.admissionRequest(t))
	causes := got.Result.Details.Causes
	if len(causes) != maxCauses+1 {
		t.Fatalf("%d causes", len(causes))
	}
	const last = "… and 50 more"
	if causes[maxCauses].Message != last || !strings.HasSuffix(got.Result.Message, last+"]") {
		t.Errorf("the last cause is %q, and the message ends with %q", causes[maxCauses].Message, got.Result.Message[len(got.Result.Message)-60:])
	}
}

func TestRequestsThatAreNoReviews(t *testing.T) {
	t.Parallel()
	world := objects.New(rule.IndexKeys)
	h := &admission.Webhook{Handler: newHandler(t, world, world, spokenRules())}
	for name, body := range map[string]string{"nothing": "", "no JSON": "{", "another kind": `{"apiVersion":"v1","kind":"Pod"}`, "no request": `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`} {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/validate", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, req)
		var review admissionv1.AdmissionReview
		if err := json.Unmarshal(recorder.Body.Bytes(), &review); err != nil || review.Response == nil {
			t.Errorf("%s: the answer is %q", name, recorder.Body)
		}
	}
}

// stubWorld has one Issuer, or an error, or no answer at all.
type stubWorld struct {
	*objects.World
	issuer cmapi.GenericIssuer
	err    error
	hangs  bool
}

func (w stubWorld) Issuer(ctx context.Context, _ evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	if w.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return w.issuer, w.err
}

func issuer(labels map[string]string) *cmapi.Issuer {
	return &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "le", Labels: labels}}
}

func TestReviewsEndInTime(t *testing.T) {
	t.Parallel()
	empty := objects.New(rule.IndexKeys)
	tests := map[string]struct {
		world    evidence.World
		names    []string
		allowed  bool
		warnings []string
		within   time.Duration
	}{
		"a world that answers":                                  {empty, []string{"www.example.net"}, true, nil, 0},
		"a world that does not":                                 {stubWorld{World: empty, hangs: true}, []string{"www.example.net"}, true, []string{incompleteNote}, reviewTimeout},
		"what was found without its answer counts":              {stubWorld{World: empty, hangs: true}, []string{"deny:a"}, false, nil, reviewTimeout},
		"what was found without its answer is said":             {stubWorld{World: empty, hangs: true}, []string{"warn:a"}, true, []string{"[spoken] spec.dnsNames[0]: a", incompleteNote}, reviewTimeout},
		"a world that knows nothing":                            {stubWorld{World: empty, err: errors.New("forbidden")}, []string{"warn:a"}, true, []string{"[spoken] spec.dnsNames[0]: a", incompleteNote}, 0},
		"a rule that does not look at the clock is left behind": {empty, []string{"warn:a", "sleep:"}, true, []string{"[spoken] spec.dnsNames[0]: a", incompleteNote}, reviewTimeout + reviewGrace},
		"what it denied before that counts":                     {empty, []string{"deny:a", "sleep:"}, false, nil, reviewTimeout + reviewGrace},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHandler(t, c.world, c.world, spokenRules())
				start := time.Now()
				ar := request{Name: "web", Namespace: "shop", Object: certificateOf(c.names...)}.admissionRequest(t)
				got := h.Handle(t.Context(), admission.Request{AdmissionRequest: *ar})
				if took := time.Since(start); took != c.within {
					t.Errorf("it took %s, want %s", took, c.within)
				}
				if got.Allowed != c.allowed {
					t.Errorf("allowed is %t", got.Allowed)
				}
				if diff := cmp.Diff(c.warnings, got.Warnings); diff != "" {
					t.Errorf("warnings (-want +got):\n%s", diff)
				}
				time.Sleep(time.Minute) // until the rule that was left behind has ended
			})
		})
	}
}

func TestLargeObjectsAreJudgedOneAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		world := objects.New(rule.IndexKeys)
		h := newHandler(t, world, world, spokenRules())
		review := func(names ...string) admission.Response {
			ar := request{Name: "web", Namespace: "shop", Object: certificateOf(names...)}.admissionRequest(t)
			return h.Handle(t.Context(), admission.Request{AdmissionRequest: *ar})
		}
		large := strings.Repeat("x", largeObject)
		if got := review("deny:a", large); got.Allowed {
			t.Error("a large object alone is not judged")
		}
		review("sleep:", large) // the answer does not wait for the rule, which goes on for ten seconds
		for title, c := range map[string]struct {
			names []string
			want  bool
		}{"a small object": {[]string{"deny:a"}, false}, "a large object": {[]string{"deny:a", large}, true}} {
			if got := review(c.names...); got.Allowed != c.want {
				t.Errorf("beside a large object, %s: allowed is %t", title, got.Allowed)
			}
		}
		time.Sleep(time.Minute)
		if got := review("deny:a", large); got.Allowed {
			t.Error("a large object after the others is not judged")
		}
	})
}

// forgetful has an issuer for the first who asks.
type forgetful struct {
	*objects.World
	issuer cmapi.GenericIssuer
	asked  *int
}

func (w forgetful) Issuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	if *w.asked++; *w.asked > 1 {
		return nil, errors.New("the API server went away")
	}
	return w.issuer, nil
}

func TestAnUpdateIsNotHeldUpWhenNobodyKnowsHowItWasBefore(t *testing.T) {
	t.Parallel()
	world := forgetful{World: objects.New(rule.IndexKeys), issuer: issuer(map[string]string{"forbids": "yes"}), asked: new(int)}
	h := newHandler(t, world, world, spokenRules())
	ar := request{Operation: "UPDATE", Name: "web", Namespace: "shop", Object: certificateOf("b"), Old: strings.Replace(certificateOf("a"), "name: le", "name: other", 1)}.admissionRequest(t)
	got := h.Handle(t.Context(), admission.Request{AdmissionRequest: *ar})
	want := []string{
		"[issuer-forbids] spec.issuerRef.name: this issuer forbids everything (not denied, because it is not known whether it was there before)",
		incompleteNote,
	}
	if diff := cmp.Diff(want, got.Warnings); diff != "" || !got.Allowed {
		t.Errorf("allowed is %t, warnings (-want +got):\n%s", got.Allowed, diff)
	}
}

// A denial for the sake of another object is only as good as what is known of it.
func TestDenialsForTheSakeOfAnotherObjectAreConfirmed(t *testing.T) {
	t.Parallel()
	empty := objects.New(rule.IndexKeys)
	forbids, allows := issuer(map[string]string{"forbids": "yes"}), issuer(nil)
	tests := map[string]struct {
		cached, live cmapi.GenericIssuer
		allowed      bool
	}{
		"both forbid":                              {forbids, forbids, false},
		"the issuer was changed a moment ago":      {forbids, allows, true},
		"the issuer was deleted a moment ago":      {forbids, nil, true},
		"what is allowed is not asked about twice": {allows, forbids, true},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHandler(t, stubWorld{World: empty, issuer: c.cached}, stubWorld{World: empty, issuer: c.live}, spokenRules())
			ar := request{Name: "web", Namespace: "shop", Object: certificateOf("www.example.net")}.admissionRequest(t)
			if got := h.Handle(t.Context(), admission.Request{AdmissionRequest: *ar}); got.Allowed != c.allowed {
				t.Errorf("allowed is %t: %+v", got.Allowed, got.Result)
			}
		})
	}
}

func TestReviewsAreCounted(t *testing.T) {
	t.Parallel()
	world := objects.New(rule.IndexKeys)
	h := newHandler(t, world, world, spokenRules())
	for _, r := range []request{
		{Name: "web", Object: certificateOf("a")},
		{Name: "web", Object: certificateOf("warn:a", "warn:b")},
		{Name: "web", Object: certificateOf("deny:a")},
		{Name: "web", Object: certificateHead + "spec: []"},
		{Name: "web", Object: certificateOf("panic:")},
		{Operation: "CONJURE", Kind: metav1.GroupVersionKind{Kind: "Unicorn"}},
	} {
		h.Handle(t.Context(), admission.Request{AdmissionRequest: *r.admissionRequest(t)})
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(h.metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := []string{}
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			key := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			got[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{
		"certyun_admission_exempt_namespaces{}":                       0,
		"certyun_admission_findings_total{spoken,deny}":               1,
		"certyun_admission_findings_total{spoken,warn}":               2,
		"certyun_admission_incomplete_reviews_total{Certificate}":     2,
		"certyun_admission_policy_valid{}":                            1,
		"certyun_admission_review_duration_seconds{Certificate}":      5,
		"certyun_admission_review_duration_seconds{other}":            1,
		"certyun_admission_reviews_total{allowed,Certificate,CREATE}": 1,
		"certyun_admission_reviews_total{allowed,other,other}":        1,
		"certyun_admission_reviews_total{denied,Certificate,CREATE}":  1,
		"certyun_admission_reviews_total{warned,Certificate,CREATE}":  3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

// What a person reads first is the beginning of a warning. All of what the rules are documented to say must fit.
func TestDocumentedWarningsAreShownWhole(t *testing.T) {
	t.Parallel()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if n := utf8.RuneCountInString(c.Message); strings.HasPrefix(c.Message, "[") && n > maxWarning {
			t.Errorf("%s: the warning has %d characters, and only %d are shown: %s", c.Name, n, maxWarning, c.Message)
		}
	}
}

func TestEveryKindThatRulesJudgeIsDecoded(t *testing.T) {
	t.Parallel()
	kinds := map[string]metav1.GroupVersionKind{}
	for _, kind := range []metav1.GroupVersionKind{
		certificateKind,
		{Group: "cert-manager.io", Version: "v1", Kind: "Issuer"},
		{Group: "cert-manager.io", Version: "v1", Kind: "ClusterIssuer"},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "Gateway"},
	} {
		kinds[kind.Kind] = kind
	}
	for _, kind := range kinds {
		if rule.NewObject(schema.GroupVersionKind(kind)) == nil {
			t.Errorf("no object for %v", kind)
		}
	}
	for _, r := range catalogue.Online() {
		for _, kind := range r.Check.Kinds() {
			if _, ok := kinds[kind]; !ok {
				t.Errorf("%s judges a %s, which the handler does not decode", r.ID, kind)
			}
		}
	}
}
