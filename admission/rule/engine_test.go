package rule_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

// namesRule is a rule about Certificates that denies each name of theirs that begins with its ID. Change changes the finding.
func namesRule(id string, change func(*rule.Finding)) rule.Rule {
	return rule.Rule{ID: id, Severity: rule.Deny, Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
		for _, name := range r.Certificate.Spec.DNSNames {
			if !strings.HasPrefix(name, id) {
				continue
			}
			f := rule.Finding{Field: "spec.dnsNames", Value: name, Message: "is wrong"}
			if change != nil {
				change(&f)
			}
			if err := yield(f); err != nil {
				return err
			}
		}
		return nil
	})}
}

// engineCase is a Certificate with these names, and what becomes of the findings about them.
type engineCase struct {
	names, oldNames []string
	// object and old are for what else is to be in the metadata; old is only for those that have oldNames.
	object, old metav1.ObjectMeta
	policy      *rule.Policy
	change      func(*rule.Finding)
	want        []string
}

func runEngineCases(t *testing.T, tests map[string]engineCase) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := rule.NewEngine([]rule.Rule{namesRule("a", test.change), namesRule("b", test.change)})
			request := rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{ObjectMeta: test.object, Spec: cmapi.CertificateSpec{DNSNames: test.names}}}
			if test.oldNames != nil {
				request.Operation, request.Old = rule.Update, &cmapi.Certificate{ObjectMeta: test.old, Spec: cmapi.CertificateSpec{DNSNames: test.oldNames}}
			}
			findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, test.policy, request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]string{}, test.want...), ruletest.Texts(findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

const (
	deniedA = `spec.dnsNames: Invalid value: "a": is wrong. [a]`
	deniedB = `spec.dnsNames: Invalid value: "b": is wrong. [b]`
)

func warnedA(why string) string { return `[a] spec.dnsNames: "a": is wrong (` + why + `)` }

func warning(f *rule.Finding) { f.Severity = rule.Warn }

func TestEngineAppliesPolicies(t *testing.T) {
	t.Parallel()
	both := []string{"b", "a"}
	runEngineCases(t, map[string]engineCase{
		"no policy":                    {names: both, want: []string{deniedA, deniedB}},
		"a policy that says nothing":   {names: both, policy: &rule.Policy{}, want: []string{deniedA, deniedB}},
		"nothing wrong":                {names: []string{"c"}},
		"off":                          {names: both, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Off}}, want: []string{deniedB}},
		"warn":                         {names: both, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Warn}}, want: []string{deniedB, warnedA("a warning by policy")}},
		"deny, as it is":               {names: both, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Deny}}, want: []string{deniedA, deniedB}},
		"deny what only warns":         {names: both, change: warning, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Deny}}, want: []string{deniedA, `[b] spec.dnsNames: "b": is wrong`}},
		"warn what only warns":         {names: []string{"a"}, change: warning, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Warn}}, want: []string{`[a] spec.dnsNames: "a": is wrong`}},
		"an exempt namespace":          {names: both, object: metav1.ObjectMeta{Namespace: "x"}, policy: &rule.Policy{ExemptNamespaces: []string{"x"}}},
		"another exempt namespace":     {names: both, object: metav1.ObjectMeta{Namespace: "xx"}, policy: &rule.Policy{ExemptNamespaces: []string{"x"}}, want: []string{deniedA, deniedB}},
		"no namespace is not exempt":   {names: both, policy: &rule.Policy{ExemptNamespaces: []string{""}}, want: []string{deniedA, deniedB}},
		"a finding twice is said once": {names: []string{"a", "a"}, want: []string{deniedA}},
	})
}

func TestEngineHeedsTheSkipAnnotation(t *testing.T) {
	t.Parallel()
	skip := func(value string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Annotations: map[string]string{"certyun.internal/skip": value}}
	}
	both := []string{"a", "b"}
	skipped := warnedA("a warning by the annotation certyun.internal/skip")
	unknown := func(id string) string {
		return `[skip-unknown-rule] metadata.annotations[certyun.internal/skip]: there is no rule "` + id + `"`
	}
	runEngineCases(t, map[string]engineCase{
		"nothing":                {names: both, object: skip(""), want: []string{deniedA, deniedB}},
		"one rule":               {names: both, object: skip("a"), want: []string{deniedB, skipped}},
		"two, with white space":  {names: both, object: skip(" a ,\tb,"), want: []string{skipped, `[b] spec.dnsNames: "b": is wrong (a warning by the annotation certyun.internal/skip)`}},
		"a rule that is not":     {names: both, object: skip("A,nope,b"), want: []string{deniedA, unknown("A"), unknown("nope"), `[b] spec.dnsNames: "b": is wrong (a warning by the annotation certyun.internal/skip)`}},
		"the rule about that":    {object: skip("skip-unknown-rule")},
		"many that are not":      {object: skip("j,i,h,g,f,e,d,c,k,l,m,n"), want: []string{unknown("c"), unknown("d"), unknown("e"), unknown("f"), unknown("g"), unknown("h"), unknown("i"), unknown("j"), unknown("k"), unknown("l")}},
		"not allowed":            {names: both, object: skip("a"), policy: &rule.Policy{NoSkip: []string{"a"}}, want: []string{deniedA, deniedB}},
		"another is not allowed": {names: both, object: skip("a"), policy: &rule.Policy{NoSkip: []string{"b"}}, want: []string{deniedB, skipped}},
		"what only warns":        {names: []string{"a"}, object: skip("a"), change: warning, want: []string{`[a] spec.dnsNames: "a": is wrong`}},
		"unknown ones are off":   {object: skip("nope"), policy: &rule.Policy{Rules: map[string]rule.Severity{"skip-unknown-rule": rule.Off}}},
		"unknown ones are denied": {object: skip("nope"), policy: &rule.Policy{Rules: map[string]rule.Severity{"skip-unknown-rule": rule.Deny}}, want: []string{
			`metadata.annotations[certyun.internal/skip]: Invalid value: there is no rule "nope". [skip-unknown-rule]`,
		}},
	})
}

func TestEngineNeverDeadlocksABundle(t *testing.T) {
	t.Parallel()
	helm := func(name, namespace string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Annotations: map[string]string{"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace}}
	}
	flux := func(kind, name, namespace string) metav1.ObjectMeta {
		prefix := kind + ".toolkit.fluxcd.io/"
		return metav1.ObjectMeta{Labels: map[string]string{prefix + "name": name, prefix + "namespace": namespace}}
	}
	with := func(issuer metav1.ObjectMeta) func(*rule.Finding) {
		return func(f *rule.Finding) {
			f.CrossResource, f.Bundle = true, rule.BundleOf(&cmapi.Issuer{ObjectMeta: issuer})
		}
	}
	names, denied := []string{"a"}, []string{deniedA}
	same := func(bundle string) []string {
		return []string{warnedA("same " + bundle + ": not denied, it may change in this upgrade")}
	}
	runEngineCases(t, map[string]engineCase{
		"no bundle":                                     {names: names, change: with(metav1.ObjectMeta{}), want: denied},
		"one Helm release":                              {names: names, object: helm("app", "x"), change: with(helm("app", "x")), want: same(`Helm release "app"`)},
		"two Helm releases":                             {names: names, object: helm("app", "x"), change: with(helm("infra", "x")), want: denied},
		"two namespaces' Helm releases":                 {names: names, object: helm("app", "x"), change: with(helm("app", "y")), want: denied},
		"one of them is of no release":                  {names: names, object: helm("app", "x"), change: with(metav1.ObjectMeta{}), want: denied},
		"a release without a name":                      {names: names, object: helm("", "x"), change: with(helm("", "x")), want: denied},
		"one Flux Kustomization":                        {names: names, object: flux("kustomize", "app", "x"), change: with(flux("kustomize", "app", "x")), want: same(`Flux Kustomization "app"`)},
		"two Flux Kustomizations":                       {names: names, object: flux("kustomize", "app", "x"), change: with(flux("kustomize", "infra", "x")), want: denied},
		"one Flux HelmRelease":                          {names: names, object: flux("helm", "app", "x"), change: with(flux("helm", "app", "x")), want: same(`Flux HelmRelease "app"`)},
		"two kinds of Flux":                             {names: names, object: flux("helm", "app", "x"), change: with(flux("kustomize", "app", "x")), want: denied},
		"one bundle, told to deny":                      {names: names, object: helm("app", "x"), change: with(helm("app", "x")), policy: &rule.Policy{CrossResource: rule.CrossDeny}, want: denied},
		"one bundle, told so in words":                  {names: names, object: helm("app", "x"), change: with(helm("app", "x")), policy: &rule.Policy{CrossResource: rule.CrossAuto}, want: same(`Helm release "app"`)},
		"no bundle, told to warn":                       {names: names, change: with(metav1.ObjectMeta{}), policy: &rule.Policy{CrossResource: rule.CrossWarn}, want: []string{warnedA("a warning by policy")}},
		"one bundle, the object alone":                  {names: names, object: helm("app", "x"), change: func(f *rule.Finding) { f.Bundle = rule.BundleOf(&cmapi.Issuer{ObjectMeta: helm("app", "x")}) }, want: denied},
		"one bundle, but the rule is not to be skipped": {names: names, object: helm("app", "x"), change: with(helm("app", "x")), policy: &rule.Policy{NoSkip: []string{"a"}}, want: denied},
		"told to warn, also where it is not to be skipped": {
			names: names, change: with(metav1.ObjectMeta{}), policy: &rule.Policy{CrossResource: rule.CrossWarn, NoSkip: []string{"a"}}, want: []string{warnedA("a warning by policy")},
		},
		"told to warn, the object alone": {names: names, policy: &rule.Policy{CrossResource: rule.CrossWarn}, want: denied},
		"a rule that policy denies":      {names: names, object: helm("app", "x"), change: with(helm("app", "x")), policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Deny}}, want: same(`Helm release "app"`)},
	})
}

func TestEngineDeniesOnlyWhatAnUpdateMakesWorse(t *testing.T) {
	t.Parallel()
	present := warnedA("already present, so not denied")
	team := metav1.ObjectMeta{Labels: map[string]string{"team": "one"}}
	valueless := func(f *rule.Finding) { f.Value = nil }
	annotated := metav1.ObjectMeta{Annotations: map[string]string{"certyun.internal/skip": "a"}}
	runEngineCases(t, map[string]engineCase{
		"it was there before":            {oldNames: []string{"a"}, names: []string{"a", "c"}, want: []string{present}},
		"it is new":                      {oldNames: []string{"c"}, names: []string{"a", "c"}, want: []string{deniedA}},
		"another was there before":       {oldNames: []string{"a"}, names: []string{"a", "b"}, want: []string{deniedB, present}},
		"another value was there before": {oldNames: []string{"ax"}, names: []string{"a"}, want: []string{deniedA}},
		"it goes":                        {oldNames: []string{"a"}, names: []string{"c"}},
		"without a value, it was there":  {oldNames: []string{"a"}, names: []string{"a", "c"}, change: valueless, want: []string{`[a] spec.dnsNames: is wrong (already present, so not denied)`}},
		"without a value, one more": {
			oldNames: []string{"a"}, names: []string{"a", "ax"}, change: valueless,
			want: []string{`spec.dnsNames: Invalid value: is wrong. [a]`, `[a] spec.dnsNames: is wrong (already present, so not denied)`},
		},
		"only metadata changes":               {oldNames: []string{"a"}, names: []string{"a"}, object: team, want: []string{warnedA("not denied, because only metadata changes")}},
		"a warning became a denial by policy": {oldNames: []string{"a"}, names: []string{"a", "c"}, change: warning, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Deny}}, want: []string{present}},
		"it was allowed by annotation":        {oldNames: []string{"a"}, names: []string{"a", "c"}, old: annotated, want: []string{present}},
		"it is allowed by annotation":         {oldNames: []string{"c"}, names: []string{"a"}, object: annotated, want: []string{warnedA("a warning by the annotation certyun.internal/skip")}},
		"a new one is off":                    {oldNames: []string{"c"}, names: []string{"a"}, policy: &rule.Policy{Rules: map[string]rule.Severity{"a": rule.Off}}},
		"a new one in an exempt namespace":    {oldNames: []string{"c"}, names: []string{"a"}, object: metav1.ObjectMeta{Namespace: "x"}, policy: &rule.Policy{ExemptNamespaces: []string{"x"}}},
	})
}

// labelRule denies a Certificate's first name while it has no label "dns".
func labelRule() rule.Rule {
	return rule.Rule{ID: "label", Severity: rule.Deny, Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, yield rule.Yield) error {
		if r.Certificate.Labels["dns"] != "" {
			return nil
		}
		return yield(rule.Finding{Field: "spec.dnsNames[0]", Value: r.Certificate.Spec.DNSNames[0], Message: "has no solver"})
	})}
}

func TestEngineNeverDeniesAChangeOfLabels(t *testing.T) {
	t.Parallel()
	crt := func(label, name, secret string) *cmapi.Certificate {
		return &cmapi.Certificate{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"dns": label}},
			Spec:       cmapi.CertificateSpec{DNSNames: []string{name}, SecretName: secret},
		}
	}
	const present = `[label] spec.dnsNames[0]: "x.dev": has no solver (already present, so not denied)`
	tests := map[string]struct {
		old, object *cmapi.Certificate
		want        string
	}{
		"the label goes":                       {crt("yes", "x.dev", "a"), crt("", "x.dev", "a"), `[label] spec.dnsNames[0]: "x.dev": has no solver (not denied, because only metadata changes)`},
		"the label goes, and the spec changes": {crt("yes", "x.dev", "a"), crt("", "x.dev", "b"), present},
		"the label goes, and the name changes": {crt("yes", "x.dev", "a"), crt("", "y.dev", "a"), `spec.dnsNames[0]: Invalid value: "y.dev": has no solver. [label]`},
		"the name changes":                     {crt("", "x.dev", "a"), crt("", "y.dev", "a"), `spec.dnsNames[0]: Invalid value: "y.dev": has no solver. [label]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := test.old.DeepCopy()
			findings, err := rule.NewEngine([]rule.Rule{labelRule()}).Review(t.Context(), ruletest.NewScene(t, "").Env, nil, rule.Request{Operation: rule.Update, Old: test.old, Object: test.object})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, ruletest.Texts(findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, test.old); diff != "" {
				t.Errorf("the old object was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestEngineGoesOnWhenARuleCannotLook(t *testing.T) {
	t.Parallel()
	failure := errors.New("nobody answers")
	broken := func(id string, findings ...rule.Finding) rule.Rule {
		return rule.Rule{ID: id, Severity: rule.Warn, Check: rule.Certificates(func(_ context.Context, _ *rule.CertificateReview, yield rule.Yield) error {
			for _, f := range findings {
				if err := yield(f); err != nil {
					return err
				}
			}
			return failure
		})}
	}
	engine := rule.NewEngine([]rule.Rule{broken("first", rule.Finding{Field: "spec", Message: "this much is known"}), namesRule("a", nil), broken("last")})
	request := rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: []string{"a"}}}}
	findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, nil, request)
	if diff := cmp.Diff([]string{deniedA, "[first] spec: this much is known"}, ruletest.Texts(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if !errors.Is(err, failure) || err.Error() != "rule first: nobody answers\nrule last: nobody answers" {
		t.Errorf("error: got %v", err)
	}
}

func TestEngineWarnsWhenNobodyCanTellWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	flaky := rule.Rule{ID: "flaky", Severity: rule.Warn, Check: rule.Certificates(func(_ context.Context, r *rule.CertificateReview, _ rule.Yield) error {
		if r.Operation == rule.Create {
			return errors.New("nobody answers")
		}
		return nil
	})}
	crt := func(name string) *cmapi.Certificate {
		return &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: []string{name}}}
	}
	findings, err := rule.NewEngine([]rule.Rule{flaky, namesRule("a", nil)}).Review(t.Context(), ruletest.NewScene(t, "").Env, nil,
		rule.Request{Operation: rule.Update, Old: crt("c"), Object: crt("a")})
	if err == nil || err.Error() != "rule flaky: nobody answers" {
		t.Errorf("error: got %v", err)
	}
	if diff := cmp.Diff([]string{warnedA("not denied, because it is not known whether it was there before")}, ruletest.Texts(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestEngineAsksRulesOnlyOfTheirKind(t *testing.T) {
	t.Parallel()
	says := rule.Finding{Message: "asked"}
	engine := rule.NewEngine([]rule.Rule{
		{ID: "certificates", Severity: rule.Warn, Check: rule.Certificates(func(_ context.Context, _ *rule.CertificateReview, yield rule.Yield) error { return yield(says) })},
		{ID: "issuers", Severity: rule.Warn, Check: rule.Issuers(func(_ context.Context, _ *rule.IssuerReview, yield rule.Yield) error { return yield(says) })},
		{ID: "annotated", Severity: rule.Deny, Check: rule.Annotations(func(_ context.Context, _ *rule.AnnotatedReview, yield rule.Yield) error { return yield(says) })},
	})
	tests := map[string]struct{ manifest, want string }{
		"a Certificate":   {ruletest.Certificate(`dnsNames: [x.dev]`), "[certificates] asked"},
		"an Issuer":       {ruletest.Issuer(``), "[issuers] asked"},
		"a ClusterIssuer": {ruletest.ClusterIssuer(``), "[issuers] asked"},
		"an Ingress":      {"kind: Ingress\nmetadata: {name: web}\nspec: {}", "[annotated] asked (not denied on an Ingress)"},
		"a Gateway":       {"kind: Gateway\nmetadata: {name: web}\nspec: {gatewayClassName: c, listeners: []}", "[annotated] asked (not denied on a Gateway)"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := ruletest.NewScene(t, "")
			findings, err := engine.Review(t.Context(), s.Env, s.Policy, rule.Request{Operation: rule.Create, Object: ruletest.Object(t, test.manifest)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.want}, ruletest.Texts(findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretNamespaceOfAnIssuer(t *testing.T) {
	t.Parallel()
	env := ruletest.NewScene(t, "").Env
	issuer := &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "le"}}
	if got := (&rule.IssuerReview{Environment: env, Issuer: issuer}).SecretNamespace(); got != "x" {
		t.Errorf("an Issuer's: got %q", got)
	}
	if got := (&rule.IssuerReview{Environment: env, Issuer: &cmapi.ClusterIssuer{}}).SecretNamespace(); got != "cert-manager" {
		t.Errorf("a ClusterIssuer's: got %q", got)
	}
}

func TestEngineAsksAgainBeforeItDeniesForAnotherObjectsSake(t *testing.T) {
	t.Parallel()
	var asked []string
	// needs denies while there is no Issuer of this name.
	needs := func(id string, cross bool) rule.Rule {
		return rule.Rule{ID: id, Severity: rule.Deny, Check: rule.Certificates(func(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
			asked = append(asked, id)
			issuer, err := r.World.Issuer(ctx, evidence.IssuerKey{Namespace: "default", Name: "fresh"})
			if issuer != nil || err != nil {
				return err
			}
			return yield(rule.Finding{Message: "has no Issuer", CrossResource: cross})
		})}
	}
	s := ruletest.NewScene(t, "")
	s.Env.Fresh = ruletest.NewScene(t, "kind: Issuer\nmetadata: {name: fresh}\nspec: {selfSigned: {}}").World
	findings, err := rule.NewEngine([]rule.Rule{needs("alone", false), needs("cross", true)}).Review(t.Context(), s.Env, nil,
		rule.Request{Operation: rule.Create, Object: ruletest.Object(t, ruletest.Certificate(`dnsNames: [x.dev]`))})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Invalid value: has no Issuer. [alone]"}, ruletest.Texts(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"alone", "cross", "cross"}, asked); diff != "" {
		t.Errorf("rules that were asked (-want +got):\n%s", diff)
	}
}

func TestEngineDecidesAboutManifestsAsAboutObjects(t *testing.T) {
	t.Parallel()
	engine := rule.NewEngine([]rule.Rule{{ID: rule.CMSchema, Severity: rule.Deny, Offline: true, Check: rule.Manifests{"Certificate", "Ingress"}}})
	ingress := ruletest.Object(t, ruletest.Ingress("certyun.internal/skip: cm-schema", ruletest.OneEntry))
	const denied, warned = "spec.a: Invalid value: is wrong. [cm-schema]", "[cm-schema] spec.a: is wrong (a warning by policy)"
	for name, test := range map[string]struct {
		object metav1.Object
		set    rule.Severity
		want   []string
	}{
		"nothing but a manifest":          {nil, "", []string{denied}},
		"a warning by policy":             {nil, rule.Warn, []string{warned}},
		"off by policy":                   {nil, rule.Off, []string{}},
		"what the API server refuses":     {ingress, "", []string{denied}},
		"an Ingress, a warning by policy": {ingress, rule.Warn, []string{warned}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings, err := engine.Review(t.Context(), ruletest.NewScene(t, "").Env, &rule.Policy{Rules: map[string]rule.Severity{rule.CMSchema: test.set}},
				rule.Request{Operation: rule.Create, Object: test.object, Manifest: []rule.Finding{
					{Rule: rule.CMSchema, Severity: rule.Deny, Field: "spec.a", Message: "is wrong"},
				}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ruletest.Texts(findings)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// What founding rules find stands when the others have begun, and does not wait for their end.
func TestWhatIsFoundCanBeHadWhileOthersAreAsked(t *testing.T) {
	t.Parallel()
	var j *rule.Judgement
	var seen [][]string
	look := rule.Rule{ID: "look", Severity: rule.Warn, Check: rule.Certificates(func(_ context.Context, _ *rule.CertificateReview, yield rule.Yield) error {
		seen = append(seen, ruletest.Texts(j.Findings()))
		err := yield(rule.Finding{Field: "spec", Message: "looked"})
		seen = append(seen, ruletest.Texts(j.Findings()))
		return err
	})}
	founding := namesRule("a", nil)
	founding.Founding = true
	request := rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: []string{"a", "b"}}}}
	j = rule.NewEngine([]rule.Rule{look, namesRule("b", nil), founding}).Begin(ruletest.NewScene(t, "").Env, nil, request)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Founding(ended); err != nil {
		t.Errorf("the clock ends what must be found: %v", err)
	}
	if err := j.Others(t.Context()); err != nil {
		t.Error(err)
	}
	const looked = "[look] spec: looked"
	want := [][]string{{deniedA}, {deniedA, looked}, {deniedA, deniedB, looked}}
	if diff := cmp.Diff(want, append(seen, ruletest.Texts(j.Findings()))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestAPanicOfAFoundingRuleIsAnError(t *testing.T) {
	t.Parallel()
	broken := rule.Rule{ID: "broken", Founding: true, Check: rule.Certificates(func(context.Context, *rule.CertificateReview, rule.Yield) error { panic("oh") })}
	findings, err := rule.NewEngine([]rule.Rule{broken, namesRule("a", nil)}).Review(t.Context(), ruletest.NewScene(t, "").Env, nil,
		rule.Request{Operation: rule.Create, Object: &cmapi.Certificate{Spec: cmapi.CertificateSpec{DNSNames: []string{"a"}}}})
	if err == nil || !strings.HasPrefix(err.Error(), "a rule panicked: oh\n") {
		t.Errorf("error: got %v", err)
	}
	if diff := cmp.Diff([]string{deniedA}, ruletest.Texts(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
