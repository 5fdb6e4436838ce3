package certificate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/solverpicker"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/choice"
	"github.com/certyun/certyun/admission/rule/ruletest"
)

func TestWildcardNeedsDNS01(t *testing.T) {
	t.Parallel()
	const wildcard = `dnsNames: ["*.cert-lab.dev"]`
	const dns = "dns01: {webhook: {groupName: g, solverName: s}}"
	zoned := acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n- "+dns+"\n  selector: {dnsZones: [cert-lab.dev]}")
	outside := func(name, list, remedy string) []string {
		return []string{fmt.Sprintf(`spec.dnsNames[0]: Invalid value: %q: wildcard names can only be validated with DNS-01, and no dns01 selector of Issuer "le" covers this one (%s); the Order would stay pending. %s. [wildcard-needs-dns01]`,
			name, list, remedy)}
	}
	runIssuerCases(t, "wildcard-needs-dns01", map[string]issuerCase{
		"HTTP-01 only": {acmeIssuer(leServer, http01Only), wildcard, nil, []string{
			`spec.dnsNames[0]: Invalid value: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01); the Order would stay pending. Add a dns01 solver to the Issuer first, or drop the wildcard. [wildcard-needs-dns01]`,
		}},
		"many HTTP-01 solvers": {acmeIssuer(leServer, "solvers: [{http01: {ingress: {}}}, {http01: {ingress: {}}}, {http01: {ingress: {}}}, {http01: {ingress: {}}}, {http01: {ingress: {}}}]"), wildcard, nil, []string{
			`spec.dnsNames[0]: Invalid value: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01, solvers[1]: http01, solvers[2]: http01, and 2 more); the Order would stay pending. Add a dns01 solver to the Issuer first, or drop the wildcard. [wildcard-needs-dns01]`,
		}},
		"only the wildcard, not its domain": {acmeIssuer(leServer, http01Only), `dnsNames: [cert-lab.dev, "*.cert-lab.dev"]`, nil, []string{
			`spec.dnsNames[1]: Invalid value: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01); the Order would stay pending. Add a dns01 solver to the Issuer first, or drop the wildcard. [wildcard-needs-dns01]`,
		}},
		"DNS-01 for another zone": {zoned, `dnsNames: ["*.other-lab.dev"]`, nil, outside("*.other-lab.dev", "solvers[1]: dnsZones cert-lab.dev", `Add "other-lab.dev" to its dnsZones`)},
		"DNS-01 for other names": {
			acmeIssuer(leServer, "solvers:\n- "+dns+"\n  selector: {dnsNames: [cert-lab.dev]}"), wildcard, nil,
			outside("*.cert-lab.dev", "solvers[0]: dnsNames cert-lab.dev", `Add "*.cert-lab.dev" to its dnsNames, or use dnsZones instead`),
		},
		"DNS-01 for a label": {
			acmeIssuer(leServer, "solvers:\n- "+dns+"\n  selector: {matchLabels: {use: dns}}"), wildcard, nil,
			outside("*.cert-lab.dev", "solvers[0] needs label use=dns on the Certificate, which has none", "Add the label or a solver without selector"),
		},
		"a zone with a star": {
			acmeIssuer(leServer, "solvers:\n- "+dns+"\n  selector: {dnsZones: [\"*.cert-lab.dev\"]}"), `dnsNames: ["*.a.cert-lab.dev"]`, nil,
			outside("*.a.cert-lab.dev", "solvers[0]: dnsZones *.cert-lab.dev", `Add "a.cert-lab.dev" to its dnsZones`),
		},
		"DNS-01":                    {acmeIssuer(leServer, dns01Only), wildcard, nil, nil},
		"DNS-01 beside HTTP-01":     {acmeIssuer(leServer, both), wildcard, nil, nil},
		"DNS-01 for the zone":       {zoned, `dnsNames: ["*.cert-lab.dev", "*.a.b.CERT-lab.dev"]`, nil, nil},
		"a closer HTTP-01 selector": {acmeIssuer(leServer, "solvers:\n- "+dns+"\n- http01: {ingress: {}}\n  selector: {dnsZones: [cert-lab.dev]}"), wildcard, nil, nil},
		"no solvers at all":         {acmeIssuer(leServer, "solvers: []"), wildcard, nil, []string{`[wildcard-needs-dns01] spec.dnsNames[0]: "*.cert-lab.dev": Issuer "le" has no solvers; the name can only be issued if it is pre-authorized at the CA`}},
		"a private server":          {acmeIssuer(privateServer, http01Only), `dnsNames: ["*.svc.corp"]`, nil, []string{`[wildcard-needs-dns01] spec.dnsNames[0]: "*.svc.corp": has no matching dns01 solver on Issuer "le" (private ACME server); most servers offer only DNS-01 for wildcards`}},
		"a CA with contracts": {acmeIssuer("https://acme.sectigo.com/v2/OV", http01Only), wildcard, nil, []string{
			`[wildcard-needs-dns01] spec.dnsNames[0]: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01); it can only be issued if Sectigo has validated it already. Add a dns01 solver to the Issuer first, or drop the wildcard`,
		}},
		"AWS, where no solver is needed": {acmeIssuer("https://acm-acme-enroll.eu-west-1.api.aws/x/directory", http01Only), wildcard, nil, nil},
		"a CA issuer":                    {"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {ca: {secretName: ca}}", wildcard, nil, nil},
	})
}

func TestWildcardOfOneBundleOnlyWarns(t *testing.T) {
	t.Parallel()
	const helm = "annotations: {meta.helm.sh/release-name: app, meta.helm.sh/release-namespace: default}"
	issuer := strings.Replace(acmeIssuer(leServer, http01Only), "namespace: default}", "namespace: default, "+helm+"}", 1)
	crt := strings.Replace(ruletest.Certificate(`dnsNames: ["*.cert-lab.dev"]`), "namespace: default}", "namespace: default, "+helm+"}", 1)
	ruletest.Want(t, "wildcard-needs-dns01", ruletest.Review(t, Rules(), issuer, crt),
		`[wildcard-needs-dns01] spec.dnsNames[0]: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01); the Order would stay pending (same Helm release "app": not denied, it may change in this upgrade). Add a dns01 solver to the Issuer first, or drop the wildcard`)

	issuer = strings.Replace(issuer, "http01: {ingress: {}}", "dns01: {cloudDNS: {project: p}}, selector: {dnsZones: [other-lab.dev]}", 1)
	ruletest.Want(t, "wildcard-needs-dns01", ruletest.Review(t, Rules(), issuer, crt),
		`[wildcard-needs-dns01] spec.dnsNames[0]: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and no dns01 selector of Issuer "le" covers this one (solvers[0]: dnsZones other-lab.dev); the Order would stay pending (same Helm release "app": not denied, it may change in this upgrade). Add "cert-lab.dev" to its dnsZones`)
}

func TestWildcardOfAnIngressOnlyWarns(t *testing.T) {
	t.Parallel()
	got := ruletest.Review(t, Rules(), acmeIssuer(leServer, http01Only), `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, annotations: {cert-manager.io/issuer: le}}
spec: {tls: [{hosts: ["*.cert-lab.dev"], secretName: w}], rules: [{host: "*.cert-lab.dev"}]}
`)
	if len(ruletest.Texts(got, "wildcard-needs-dns01")) != 1 || !strings.HasPrefix(ruletest.Texts(got, "wildcard-needs-dns01")[0],
		`[wildcard-needs-dns01] spec.tls[0].hosts[0]: "*.cert-lab.dev": wildcard names can only be validated with DNS-01, and Issuer "le" has no dns01 solver (solvers[0]: http01); the Order would stay pending`) {
		t.Errorf("findings: %v", ruletest.Texts(got))
	}
}

func TestNoSolverForName(t *testing.T) {
	t.Parallel()
	const host = "dnsNames: [www.cert-lab.dev]"
	labelled := acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {matchLabels: {use-dns01: \"true\"}}")
	zoned := acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {dnsZones: [other-lab.dev, third-lab.dev]}")
	withLabel := func(value string) string { return strings.Replace(labelled, "use-dns01: \"true\"", "app: "+value, 1) }
	runIssuerCases(t, "no-solver-for-name", map[string]issuerCase{
		"a label is missing": {labelled, host, nil, []string{
			`spec.dnsNames[0]: Invalid value: "www.cert-lab.dev": no solver of Issuer "le" matches (solvers[0] needs label use-dns01=true on the Certificate, which has none); the Order would stay pending. Add the label or a solver without selector. [no-solver-for-name]`,
		}},
		"another zone": {zoned, host, nil, []string{
			`spec.dnsNames[0]: Invalid value: "www.cert-lab.dev": no solver of Issuer "le" matches (solvers[0]: dnsZones other-lab.dev and third-lab.dev); the Order would stay pending. Add "www.cert-lab.dev" to its dnsZones. [no-solver-for-name]`,
		}},
		"a name in upper case, as the CA returns it": {acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {dnsNames: [WWW.cert-lab.dev]}"), "dnsNames: [WWW.cert-lab.dev]", nil, []string{
			`spec.dnsNames[0]: Invalid value: "WWW.cert-lab.dev": no solver of Issuer "le" matches (solvers[0]: dnsNames WWW.cert-lab.dev); the Order would stay pending. Add "www.cert-lab.dev" to its dnsNames, or use dnsZones instead. [no-solver-for-name]`,
		}},
		"a private server": {strings.Replace(labelled, leServer, privateServer, 1), host, nil, []string{
			`[no-solver-for-name] spec.dnsNames[0]: "www.cert-lab.dev": no solver of Issuer "le" matches (solvers[0] needs label use-dns01=true on the Certificate, which has none). Add the label or a solver without selector`,
		}},
		"no solvers":       {acmeIssuer(leServer, "solvers: []"), host, nil, []string{`[no-solver-for-name] spec.dnsNames[0]: "www.cert-lab.dev": Issuer "le" has no solvers; the name can only be issued if it is pre-authorized at the CA`}},
		"solvers left out": {acmeIssuer(leServer, ""), host, nil, []string{`[no-solver-for-name] spec.dnsNames[0]: "www.cert-lab.dev": Issuer "le" has no solvers; the name can only be issued if it is pre-authorized at the CA`}},
		"a solver of no kind for another zone": {acmeIssuer(leServer, "solvers: [{selector: {dnsZones: [other-lab.dev]}}]"), host, nil, []string{
			`[no-solver-for-name] spec.dnsNames[0]: "www.cert-lab.dev": no solver of Issuer "le" is dns01 or http01`,
		}},
		"a solver of no kind for its zone":           {acmeIssuer(leServer, "solvers: [{selector: {dnsZones: [cert-lab.dev]}}]"), host, nil, nil},
		"more solvers of no kind than are looked at": {acmeIssuer(leServer, "solvers: ["+strings.Repeat("{selector: {dnsZones: [other-lab.dev]}}, ", 20)+"]"), host, nil, nil},
		"AWS, with no solvers":                       {acmeIssuer("https://acm-acme-enroll.eu-west-1.api.aws/x/directory", ""), host, nil, nil},
		"any solver":                                 {acmeIssuer(leServer, http01Only), host, nil, nil},
		"the zone":                                   {zoned, "dnsNames: [www.OTHER-lab.dev]", nil, nil},
		"another label":                              {withLabel("api"), host, nil, []string{`spec.dnsNames[0]: Invalid value: "www.cert-lab.dev": no solver of Issuer "le" matches (solvers[0] needs label app=api on the Certificate, which has none); the Order would stay pending. Add the label or a solver without selector. [no-solver-for-name]`}},
		"a wildcard, of which another rule speaks":   {zoned, `dnsNames: ["*.cert-lab.dev"]`, nil, nil},
	})
}

func TestLabelsOfTheCertificateCount(t *testing.T) {
	t.Parallel()
	issuer := acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {matchLabels: {app: web}}")
	labelled := func(value string) string {
		return strings.Replace(ruletest.Certificate("dnsNames: [www.cert-lab.dev]"), "{name: web,", "{name: web, labels: {app: "+value+"},", 1)
	}
	ruletest.Want(t, "no-solver-for-name", ruletest.Review(t, Rules(), issuer, labelled("web")))
	ruletest.Want(t, "no-solver-for-name", ruletest.Review(t, Rules(), issuer, labelled("api")),
		`spec.dnsNames[0]: Invalid value: "www.cert-lab.dev": no solver of Issuer "le" matches (solvers[0] needs label app=web on the Certificate, which has "api"); the Order would stay pending. Add the label or a solver without selector. [no-solver-for-name]`)
}

func TestIPNeedsHTTP01(t *testing.T) {
	t.Parallel()
	const address = "ipAddresses: [8.8.4.4]"
	runIssuerCases(t, "ip-needs-http01", map[string]issuerCase{
		"DNS-01 only": {acmeIssuer(leServer, dns01Only), address, nil, []string{
			`spec.ipAddresses[0]: Invalid value: "8.8.4.4": dns-01 cannot validate IP addresses (RFC 8738) and Issuer "le" has no http01 solver. [ip-needs-http01]`,
		}},
		"DNS-01 only, at a private server": {acmeIssuer(privateServer, dns01Only), address, nil, []string{
			`spec.ipAddresses[0]: Invalid value: "8.8.4.4": dns-01 cannot validate IP addresses (RFC 8738) and Issuer "le" has no http01 solver. [ip-needs-http01]`,
		}},
		"HTTP-01 for a zone": {acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {dnsZones: [cert-lab.dev]}"), address, nil, []string{
			`spec.ipAddresses[0]: Invalid value: "8.8.4.4": dns-01 cannot validate IP addresses (RFC 8738) and no http01 solver of Issuer "le" matches (solvers[0]: dnsZones cert-lab.dev). Add an http01 solver without dnsNames and dnsZones. [ip-needs-http01]`,
		}},
		"HTTP-01":                        {acmeIssuer(leServer, http01Only), address, nil, nil},
		"HTTP-01 for just this address":  {acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n  selector: {dnsNames: [\"2001:4860:4860::8888\"]}"), `ipAddresses: ["2001:4860:4860:0::8888"]`, nil, nil},
		"no solvers":                     {acmeIssuer(leServer, "solvers: []"), address, nil, nil},
		"no address at all, as refused":  {acmeIssuer(leServer, dns01Only), "ipAddresses: [nonsense]", nil, nil},
		"an address among the DNS names": {acmeIssuer(privateServer, dns01Only), "dnsNames: [8.8.4.4]", nil, nil},
		"AWS, where no solver is needed": {acmeIssuer("https://acm-acme-enroll.eu-west-1.api.aws/x/directory", dns01Only), address, nil, nil},
	})
}

func TestHTTP01OverrideConflict(t *testing.T) {
	t.Parallel()
	annotatedWith := func(annotations string) string {
		return strings.Replace(ruletest.Certificate("dnsNames: [www.cert-lab.dev]"), "namespace: default}", "namespace: default, annotations: {"+annotations+"}}", 1)
	}
	const p = "acme.cert-manager.io/"
	const two = p + "http01-override-ingress-name: web, " + p + "http01-override-ingress-ingressclassname: nginx"
	gateway := acmeIssuer(leServer, "solvers: [{http01: {gatewayHTTPRoute: {}}}]")
	parents := acmeIssuer(leServer, "solvers: [{http01: {gatewayHTTPRoute: {parentRefs: [{name: gw}]}}}]")
	for title, tc := range map[string]struct {
		issuer, annotations string
		want                []string
	}{
		"two overrides": {acmeIssuer(leServer, http01Only), two, []string{
			`metadata.annotations: Invalid value: "http01-override-ingress-name, http01-override-ingress-ingressclassname": more than one HTTP-01 override annotation; cert-manager would not create the challenge. Keep one. [http01-override-conflict]`,
		}},
		"two overrides, and no name has HTTP-01": {acmeIssuer(leServer, dns01Only), two, []string{
			`[http01-override-conflict] metadata.annotations: "http01-override-ingress-name, http01-override-ingress-ingressclassname": more than one HTTP-01 override annotation; cert-manager would not create the challenge. Keep one`,
		}},
		"two overrides at a private server": {acmeIssuer(privateServer, http01Only), two, []string{
			`[http01-override-conflict] metadata.annotations: "http01-override-ingress-name, http01-override-ingress-ingressclassname": more than one HTTP-01 override annotation; cert-manager would not create the challenge. Keep one`,
		}},
		"half of the gateway": {parents, p + "http01-parentrefname: gw", []string{
			`metadata.annotations: Invalid value: "http01-parentrefname": http01-parentrefname and http01-parentrefkind need each other; cert-manager would not create the challenge. Set both, or none. [http01-override-conflict]`,
		}},
		"half of the gateway, and there is none": {acmeIssuer(leServer, http01Only), p + "http01-parentrefkind: Gateway", []string{
			`[http01-override-conflict] metadata.annotations: "http01-parentrefkind": http01-parentrefname and http01-parentrefkind need each other; cert-manager would not create the challenge. Set both, or none`,
		}},
		"no gateway anywhere": {gateway, "a: b", []string{
			`metadata.annotations: Required value: solvers[0] of Issuer "le" is a gatewayHTTPRoute without parentRefs; cert-manager would not create the challenge. Set acme.cert-manager.io/http01-parentrefname and acme.cert-manager.io/http01-parentrefkind. [http01-override-conflict]`,
		}},
		"the gateway in annotations":        {gateway, p + "http01-parentrefname: gw, " + p + "http01-parentrefkind: Gateway", nil},
		"the gateway in the solver":         {parents, "a: b", nil},
		"one override":                      {acmeIssuer(leServer, http01Only), p + "http01-override-ingress-name: web", nil},
		"a gateway solver that no name has": {acmeIssuer(leServer, "solvers:\n- http01: {ingress: {}}\n- http01: {gatewayHTTPRoute: {}}\n  selector: {dnsZones: [other.dev]}"), "a: b", nil},
		"a CA issuer":                       {"apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le}\nspec: {ca: {secretName: ca}}", two, nil},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			ruletest.Want(t, "http01-override-conflict", ruletest.Review(t, Rules(), tc.issuer, annotatedWith(tc.annotations)), tc.want...)
		})
	}
}

// Where we say that there is no solver, cert-manager must find none, and the other way round.
func TestNoSolverFindingsAgreeWithCertManager(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	names := []string{"a.dev", "www.a.dev", "*.a.dev", "*.www.a.dev", "b.dev", "www.b.dev", "*.b.dev", "WWW.a.dev"}
	rules := []string{"wildcard-needs-dns01", "no-solver-for-name", "ip-needs-http01"}
	for range 300 {
		s := ruletest.NewScene(t, "")
		issuer := &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "le"}}
		issuer.Spec.ACME = &cmacme.ACMEIssuer{Server: leServer, Solvers: ruletest.RandomSolvers(random, 1+random.IntN(8))}
		s.World.AddIssuer(issuer)
		crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", Labels: ruletest.Labels[random.IntN(len(ruletest.Labels))]}}
		crt.Spec.IssuerRef.Name, crt.Spec.SecretName, crt.Spec.DNSNames = "le", "s", names
		crt.Spec.IPAddresses = []string{"8.8.4.4"}

		var want, got []string
		for i, name := range append(slices.Clone(names), "8.8.4.4") {
			name = strings.ToLower(name)
			if chosen, _ := solverpicker.Pick(t.Context(), name, choice.Offers(name), issuer.Spec.ACME.Solvers, &cmacme.Order{ObjectMeta: metav1.ObjectMeta{Labels: crt.Labels}}); chosen == nil {
				field := fmt.Sprintf("spec.dnsNames[%d]", i)
				if i == len(names) {
					field = "spec.ipAddresses[0]"
				}
				want = append(want, field)
			}
		}
		for _, f := range ruletest.Judge(t, Rules(), s, rule.Request{Operation: rule.Create, Object: crt}) {
			if slices.Contains(rules, f.Rule) {
				got = append(got, f.Field)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("fields without a solver (-cert-manager +ours):\n%s\nsolvers: %+v", diff, issuer.Spec.ACME.Solvers)
		}
	}
}

// A hundred names and a hundred solvers must not cost a hundred times a hundred copies.
func TestManySolversStayWithinTheBudget(t *testing.T) {
	t.Parallel()
	s := ruletest.NewScene(t, "")
	issuer := ruletest.BigIssuer(100, 100, "z")
	s.World.AddIssuer(issuer)
	crt := &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
	crt.Spec.IssuerRef.Name, crt.Spec.SecretName = "le", "s"
	for i := range 100 {
		crt.Spec.DNSNames = append(crt.Spec.DNSNames, fmt.Sprintf("*.z-%d-%d.cert-lab.dev", i, i), fmt.Sprintf("no-%d.other-lab.dev", i))
	}
	before := ruletest.ProcessorTime(t)
	findings, err := rule.NewEngine(issuerRules()).Review(t.Context(), s.Env, s.Policy, rule.Request{Operation: rule.Create, Object: crt})
	if err != nil {
		t.Fatal(err)
	}
	if took := ruletest.ProcessorTime(t) - before; took > ruletest.Within {
		t.Errorf("a review took %v", took)
	}
	if got := len(ruletest.Texts(findings, "no-solver-for-name")); got != 50 {
		t.Errorf("%d names without a solver, want the 50 that are told", got)
	}
}
