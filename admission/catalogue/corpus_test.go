package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/cases"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// corpus are the cases of the rules here. Those of package admission/schema are about what Go's types cannot hold.
func corpus(t testing.TB) []cases.Case {
	t.Helper()
	bySchema := manifestRules()
	return slices.DeleteFunc(allCases(t), func(c cases.Case) bool { return bySchema[c.Rule] })
}

// manifestRules are the rules about objects as they are written.
func manifestRules() map[string]bool {
	ids := map[string]bool{}
	for _, r := range Rules() {
		if ofManifests(&r) {
			ids[r.ID] = true
		}
	}
	return ids
}

func ofManifests(r *rule.Rule) bool {
	_, is := r.Check.(rule.Manifests)
	return is
}

func allCases(t testing.TB) []cases.Case {
	t.Helper()
	all, err := cases.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sceneOf returns the world of a case and the request.
func sceneOf(t testing.TB, c *cases.Case) (*ruletest.Scene, rule.Request) {
	t.Helper()
	request := rule.Request{Operation: rule.Operation(c.Operation), Object: ruletest.Object(t, c.Object)}
	if c.Old != "" {
		request.Old = ruletest.Object(t, c.Old)
	}
	return ruletest.NewScene(t, strings.Join(c.Existing(), "---\n")), request
}

// written are all documents of a case. The last is judged.
func written(t testing.TB, c *cases.Case) []ruletest.Document {
	t.Helper()
	return ruletest.Documents(t, strings.Join(c.Documents(), "---\n"))
}

// TestCasesAreJudgedAsTheySay asks the rules for files too. What lint says beyond that is held to the cases where it is.
func TestCasesAreJudgedAsTheySay(t *testing.T) {
	t.Parallel()
	bySchema := manifestRules()
	for _, c := range corpus(t) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			s, request := sceneOf(t, &c)
			findings := ruletest.Judge(t, Rules(), s, request)
			var got, want []string
			for _, f := range findings {
				got = append(got, cases.Expectation{Rule: f.Rule, Severity: string(f.Severity), Field: f.Field}.String())
			}
			for _, e := range c.Expect {
				if !bySchema[e.Rule] {
					want = append(want, e.String())
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%s", diff, strings.Join(ruletest.Texts(findings), "\n"))
			}
			if said := ruletest.Texts(findings); c.Message != "" && !slices.Contains(said, c.Message) {
				t.Errorf("want the finding\n%s\ngot\n%s", c.Message, strings.Join(said, "\n"))
			}
		})
	}
}

// TestEveryRuleHasItsCases keeps the ids too, which are API: no rule is renamed or dropped while it has a folder.
func TestEveryRuleHasItsCases(t *testing.T) {
	t.Parallel()
	folders, shown := map[string]bool{}, map[string]bool{}
	for _, c := range allCases(t) {
		folders[c.Rule] = folders[c.Rule] || len(c.Expect) > 0
		shown[c.Rule] = shown[c.Rule] || c.Example != ""
	}
	delete(folders, cases.Nothing)
	for _, r := range All() {
		if !folders[r.ID] {
			t.Errorf("no case in cases/%s expects a finding of the rule", r.ID)
		}
		if !shown[r.ID] && r.ID != rule.SkipUnknown {
			t.Errorf("no case in cases/%s is an example", r.ID)
		}
		delete(folders, r.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(folders)) {
		t.Errorf("there is no rule %s, but policies may name it, and cases/%s is there", id, id)
	}
}

// TestVerdictDoesNotDependOnTheOrderOfObjects judges every manifest in a world of all of them, filled in many orders.
func TestVerdictDoesNotDependOnTheOrderOfObjects(t *testing.T) {
	t.Parallel()
	var worlds []ruletest.Document
	var requests []rule.Request
	for i, c := range corpus(t) {
		docs := written(t, &c)
		requests = append(requests, rule.Request{Operation: rule.Create, Object: docs[len(docs)-1].Decode(t)})
		for j, d := range docs {
			if d.Kind == "Certificate" {
				// All Certificates stand beside each other, so they need names of their own.
				crt := d.Decode(t).(*cmapi.Certificate)
				crt.Name = fmt.Sprintf("crt-%d-%d", i, j)
				worlds = append(worlds, encoded(t, d.Kind, crt))
			}
		}
	}
	for i, issuer := range differentIssuers(t) {
		issuer.SetName(fmt.Sprintf("%s-%d", issuer.GetName(), i))
		worlds = append(worlds, encoded(t, rule.KindOfIssuer(issuer), issuer))
	}
	judge := func(seed uint64) [][]string {
		s := ruletest.NewScene(t, "")
		random := rand.New(rand.NewPCG(seed, seed))
		for _, i := range random.Perm(len(worlds)) {
			s.Add(t, worlds[i])
		}
		all := make([][]string, len(requests))
		for _, i := range random.Perm(len(requests)) {
			all[i] = ruletest.Texts(ruletest.Judge(t, Online(), s, requests[i]))
		}
		return all
	}
	want := judge(0)
	for seed := range uint64(4) {
		if diff := cmp.Diff(want, judge(seed+1)); diff != "" {
			t.Fatalf("verdicts in two orders:\n%s", diff)
		}
	}
}

// differentIssuers are the Issuers and ClusterIssuers of the corpus, once under the name that Certificates refer to and more
// often under others.
func differentIssuers(t testing.TB) []cmapi.GenericIssuer {
	t.Helper()
	var all []cmapi.GenericIssuer
	for _, c := range corpus(t) {
		for _, d := range written(t, &c) {
			if d.Kind == "Issuer" || d.Kind == "ClusterIssuer" {
				all = append(all, d.Decode(t).(cmapi.GenericIssuer))
			}
		}
	}
	return all
}

func encoded(t testing.TB, kind string, object any) ruletest.Document {
	t.Helper()
	raw, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return ruletest.Document{Kind: kind, Raw: raw}
}

// FuzzReview changes manifests at random and demands that no rule panics. What Go's types can hold is more than what the API
// server admits.
func FuzzReview(f *testing.F) {
	manifests := corpus(f)
	values := vocabulary(f, manifests)
	for i := range manifests {
		for seed := range uint64(8) {
			f.Add(i, seed)
		}
	}
	engine := rule.NewOnlineEngine(Rules())
	f.Fuzz(func(t *testing.T, i int, seed uint64) {
		c := manifests[((i%len(manifests))+len(manifests))%len(manifests)]
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		docs := written(t, &c)
		s := ruletest.NewScene(t, "")
		for _, d := range docs[:len(docs)-1] {
			changed := ruletest.Document{Kind: d.Kind, Raw: mutated(t, random, d.Raw, values)}
			if decodes(changed) {
				d = changed
			}
			s.Add(t, d)
		}
		last := docs[len(docs)-1]
		request := rule.Request{Operation: rule.Operation(c.Operation), Object: last.Decode(t)}
		if changed := (ruletest.Document{Kind: last.Kind, Raw: mutated(t, random, last.Raw, values)}); decodes(changed) {
			request = rule.Request{Operation: rule.Operation(c.Operation), Object: changed.Decode(t), Old: last.Decode(t)}
			if random.IntN(2) == 0 {
				request.Old, request.Object = request.Object, request.Old
			}
			if random.IntN(3) > 0 {
				request.Old = nil
			}
		}
		if _, err := engine.Review(t.Context(), s.Env, s.Policy, request); err != nil {
			t.Errorf("Review: %v", err)
		}
	})
}

// decodes tells whether the API server's types can hold the document.
func decodes(d ruletest.Document) bool {
	object, err := ruletest.Read(d.Raw)
	typed, judged := object.(runtime.Object)
	return err == nil && judged && typed.GetObjectKind().GroupVersionKind().Kind == d.Kind
}

// vocabulary has the values of all manifests by the name of their field.
func vocabulary(t testing.TB, manifests []cases.Case) map[string][]any {
	t.Helper()
	values := map[string][]any{}
	for i := range manifests {
		for _, d := range written(t, &manifests[i]) {
			collect(decodedTree(t, d.Raw), values)
		}
	}
	return values
}

func collect(tree any, values map[string][]any) {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			values[key] = append(values[key], tree[key])
			collect(tree[key], values)
		}
	case []any:
		for _, item := range tree {
			collect(item, values)
		}
	}
}

func decodedTree(t testing.TB, raw []byte) any {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(raw, &tree); err != nil {
		t.Fatalf("decode manifest: %v", err)
	}
	return tree
}

// mutated returns the document with one to six changes.
func mutated(t testing.TB, random *rand.Rand, raw []byte, values map[string][]any) []byte {
	t.Helper()
	tree := decodedTree(t, raw)
	for range 1 + random.IntN(6) {
		if spots := spotsOf(tree, nil); len(spots) > 0 {
			spots[random.IntN(len(spots))].change(random, values)
		}
	}
	changed, err := json.Marshal(tree)
	if err != nil {
		t.Fatalf("encode manifest: %v", err)
	}
	return bytes.ReplaceAll(changed, []byte("\t"), []byte(" "))
}

// spot is a field of an object, or an item of a list.
type spot struct {
	object map[string]any
	key    string
	list   []any
	index  int
}

func spotsOf(tree any, spots []spot) []spot {
	switch tree := tree.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			if key != "apiVersion" && key != "kind" {
				spots = spotsOf(tree[key], append(spots, spot{object: tree, key: key}))
			}
		}
	case []any:
		for i := range tree {
			spots = spotsOf(tree[i], append(spots, spot{list: tree, index: i}))
		}
	}
	return spots
}

func (s *spot) change(random *rand.Rand, values map[string][]any) {
	if s.object == nil {
		s.list[s.index] = odd(random, s.list[s.index])
		return
	}
	switch known := values[s.key]; random.IntN(4) {
	case 0:
		delete(s.object, s.key)
	case 1:
		s.object[s.key] = runtime.DeepCopyJSONValue(known[random.IntN(len(known))])
	case 2:
		// A neighbour that other manifests have.
		names := slices.Sorted(maps.Keys(values))
		name := names[random.IntN(len(names))]
		s.object[name] = runtime.DeepCopyJSONValue(values[name][random.IntN(len(values[name]))])
	default:
		s.object[s.key] = odd(random, s.object[s.key])
	}
}

// odd returns a value that is unlike the one that stands there.
func odd(random *rand.Rand, value any) any {
	texts := []any{
		"", " ", "*", "*.", ".", "..", "*.*", "\u0000", "ÿ", "中文", "-1", "9999999999999h", "[", "%", "a\nb", "://", "https://[", "CN=", "CN=\\",
		"@", "*.a." + strings.Repeat("b.", 200) + "c", strings.Repeat("x", 70000), "xn--", "xn--a", "0.0.0.0/33", "::ffff:1.2.3.4", "1e9",
	}
	numbers := []any{float64(0), float64(-1), float64(1), float64(1 << 31), float64(-1 << 31), float64(1 << 53), 0.5}
	switch value := value.(type) {
	case string:
		return texts[random.IntN(len(texts))]
	case float64, int64:
		return numbers[random.IntN(len(numbers))]
	case bool:
		return !value
	case []any:
		if len(value) > 0 && random.IntN(2) == 0 {
			return slices.Concat(value, value, value[:1])
		}
		return []any{}
	case map[string]any:
		if random.IntN(2) == 0 {
			return nil
		}
	}
	return map[string]any{}
}

// TestReviewOfHostileSizesIsBounded has objects as large as the API server takes. It does not run in parallel, so that no other
// test's time is in what is counted.
func TestReviewOfHostileSizesIsBounded(t *testing.T) {
	issuer := hostileIssuer()
	names := hostileNames(1000)
	crt := &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", Labels: map[string]string{"team": "web"}},
		Spec:       cmapi.CertificateSpec{SecretName: "web-tls", DNSNames: names, IssuerRef: cmmeta.IssuerReference{Name: "hostile"}},
	}
	broken := crt.DeepCopy()
	for i := range broken.Spec.DNSNames {
		broken.Spec.DNSNames[i] = fmt.Sprintf("ü%d.%s", i, broken.Spec.DNSNames[i])
	}
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default", Annotations: map[string]string{
		"cert-manager.io/issuer": "hostile", "cert-manager.io/alt-names": strings.Join(names, ","),
	}}}
	for i := range 100 {
		ingress.Spec.TLS = append(ingress.Spec.TLS, networkingv1.IngressTLS{Hosts: names[10*i : 10*i+10], SecretName: fmt.Sprintf("tls-%d", i)})
	}
	for title, object := range map[string]metav1.Object{
		"a Certificate of 1,000 names":                    crt,
		"a Certificate of 1,000 names that cannot be":     broken,
		"an Issuer of 100 solvers with 100 selectors":     issuer,
		"an Ingress of 100 Secrets with 1,000 more names": ingress,
	} {
		t.Run(title, func(t *testing.T) {
			s := ruletest.NewScene(t, "")
			s.World.AddIssuer(issuer)
			before := ruletest.ProcessorTime(t)
			findings := ruletest.Judge(t, Online(), s, rule.Request{Operation: rule.Create, Object: object})
			took := ruletest.ProcessorTime(t) - before
			t.Logf("%d findings in %v", len(findings), took)
			if took > ruletest.Within {
				t.Errorf("the review took %v", took)
			}
		})
	}
}

// hostileNames are names of which every other one is a wildcard, and none is inside the zones of hostileIssuer.
func hostileNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("n%d.cert-lab.dev", i)
		if i%2 == 0 {
			names[i] = "*." + names[i]
		}
	}
	return names
}

func hostileIssuer() *cmapi.Issuer {
	acme := &cmacme.ACMEIssuer{Server: "https://acme-v02.api.letsencrypt.org/directory"}
	acme.PrivateKey.Name = "account"
	for i := range 100 {
		selector := &cmacme.CertificateDNSNameSelector{MatchLabels: map[string]string{}}
		for j := range 100 {
			selector.DNSNames = append(selector.DNSNames, fmt.Sprintf("s%d-%d.cert-lab.dev", i, j))
			selector.DNSZones = append(selector.DNSZones, fmt.Sprintf("z%d-%d.cert-lab.dev", i, j))
			selector.MatchLabels[fmt.Sprintf("l%d", j)] = "true"
		}
		solver := cmacme.ACMEChallengeSolver{Selector: selector}
		if i%2 == 0 {
			solver.HTTP01 = &cmacme.ACMEChallengeSolverHTTP01{Ingress: &cmacme.ACMEChallengeSolverHTTP01Ingress{}}
		} else {
			solver.DNS01 = &cmacme.ACMEChallengeSolverDNS01{Cloudflare: &cmacme.ACMEIssuerDNS01ProviderCloudflare{
				APIToken: &cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "token"}, Key: "token"},
			}}
		}
		acme.Solvers = append(acme.Solvers, solver)
	}
	return &cmapi.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: "hostile", Namespace: "default"},
		Spec:       cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{ACME: acme}},
	}
}
