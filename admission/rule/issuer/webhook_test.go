package issuer

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule/ruletest"
)

// served is an APIService of the group that serves these resources; with "" nobody knows what it serves.
func served(group, resources, available string) string {
	return `
		apiVersion: apiregistration.k8s.io/v1
		kind: APIService
		metadata: {name: v1alpha1.` + group + `, annotations: {resources: "` + resources + `"}}
		status: {conditions: [{type: Available, status: "` + available + `"}]}
		---
		`
}

// webhookSolver is an Issuer whose only solver is this webhook.
func webhookSolver(lines string) string {
	return "solvers:\n- dns01:\n    webhook:\n      " + strings.ReplaceAll(strings.Trim(ruletest.Dedent(lines), "\n"), "\n", "\n      ")
}

const inWebhook = "spec.acme.solvers[0].dns01.webhook."

func TestWebhookGroupEmpty(t *testing.T) {
	t.Parallel()
	want := []string{inWebhook + `groupName: Required value: groupName selects the APIService that serves the solver. [webhook-group-empty]`}
	runIssuerReviews(t, "webhook-group-empty", map[string]issuerReviewCase{
		"no webhook": {},
		"a group":    {acme: webhookSolver(`{groupName: acme.cert-lab.dev, solverName: x}`)},
		"no group":   {acme: webhookSolver(`{groupName: "", solverName: x}`), want: want},
	})
}

func TestWebhookAPIServiceMissing(t *testing.T) {
	t.Parallel()
	webhook := webhookSolver(`{groupName: acme.cert-lab.dev, solverName: x}`)
	says := func(group, text string) []string {
		return []string{`[webhook-apiservice-missing] ` + inWebhook + `groupName: "` + group + `": ` + text}
	}
	runIssuerReviews(t, "webhook-apiservice-missing", map[string]issuerReviewCase{
		"no webhook":         {},
		"one that is there":  {acme: webhook, world: served("acme.cert-lab.dev", "x", "True")},
		"no group":           {acme: webhookSolver(`{groupName: "", solverName: x}`)},
		"none":               {acme: webhook, want: says("acme.cert-lab.dev", `APIService "v1alpha1.acme.cert-lab.dev" not found; is the solver installed with this group name?`)},
		"another group's":    {acme: webhook, world: served("acme.other.dev", "x", "True"), want: says("acme.cert-lab.dev", `APIService "v1alpha1.acme.cert-lab.dev" not found; is the solver installed with this group name?`)},
		"one that is away":   {acme: webhook, world: served("acme.cert-lab.dev", "", "False"), want: says("acme.cert-lab.dev", `APIService "v1alpha1.acme.cert-lab.dev" is not available; until it is, challenges fail with "the server is currently unable to handle the request"`)},
		"one that cannot be": {acme: webhookSolver(`{groupName: Acme.cert-lab.dev, solverName: x}`), want: says("Acme.cert-lab.dev", `APIService "v1alpha1.Acme.cert-lab.dev" cannot exist: an API group is a domain name in lower case`)},
		"one with a path":    {acme: webhookSolver(`{groupName: acme/v1, solverName: x}`), want: says("acme/v1", `APIService "v1alpha1.acme/v1" cannot exist: an API group is a domain name in lower case`)},
		"our own, not there": {acme: webhookSolver(`{groupName: acme.certyun.internal, solverName: alidns}`), want: says("acme.certyun.internal", `APIService "v1alpha1.acme.certyun.internal" not found; is the solver installed with this group name?`)},
	})
}

func TestWebhookSolverUnknown(t *testing.T) {
	t.Parallel()
	named := func(group, solver string) string {
		return webhookSolver(`{groupName: ` + group + `, solverName: "` + solver + `"}`)
	}
	says := func(text string) []string {
		return []string{`[webhook-solver-unknown] ` + inWebhook + `solverName: ` + text}
	}
	const other = "acme.cert-lab.dev"
	two := served(other, "dnspod,alidns", "True")
	runIssuerReviews(t, "webhook-solver-unknown", map[string]issuerReviewCase{
		"one that is served":               {acme: named(other, "alidns"), world: two},
		"nobody knows what is served":      {acme: named(other, "x"), world: served(other, "", "True")},
		"one that is away":                 {acme: named(other, "x"), world: served(other, "alidns", "False")},
		"no APIService":                    {acme: named(other, "x")},
		"no name, as cert-manager":         {acme: named(other, ""), world: two},
		"another case":                     {acme: named(other, "aliDNS"), world: two, want: says(`"aliDNS": is not served by acme.cert-lab.dev (it serves: alidns, dnspod); did you mean "alidns"?`)},
		"a slip of the pen":                {acme: named(other, "dnpsod"), world: served(other, "dnspods", "True"), want: says(`"dnpsod": is not served by acme.cert-lab.dev (it serves: dnspods)`)},
		"a letter left out":                {acme: named(other, "alidn"), world: two, want: says(`"alidn": is not served by acme.cert-lab.dev (it serves: alidns, dnspod); did you mean "alidns"?`)},
		"something else":                   {acme: named(other, "cloudflare"), world: two, want: says(`"cloudflare": is not served by acme.cert-lab.dev (it serves: alidns, dnspod)`)},
		"ours":                             {acme: named("acme.certyun.internal", "alidns-solver")},
		"ours, dnspod":                     {acme: named("acme.certyun.internal", "dnspod")},
		"ours, unknown":                    {acme: named("acme.certyun.internal", "godaddy"), want: says(`"godaddy": is not served by acme.certyun.internal (it serves: alidns, alidns-solver, dnspod)`)},
		"ours, another case":               {acme: named("acme.certyun.internal", "DNSPod"), want: says(`"DNSPod": is not served by acme.certyun.internal (it serves: alidns, alidns-solver, dnspod); did you mean "dnspod"?`)},
		"ours, a newer one that serves it": {acme: named("acme.certyun.internal", "godaddy"), world: served("acme.certyun.internal", "alidns,godaddy", "True")},
	})
}

func TestWebhookConfigInvalid(t *testing.T) {
	t.Parallel()
	ours := func(solver, config string) string {
		return webhookSolver("groupName: acme.certyun.internal\nsolverName: " + solver + "\nconfig: " + config)
	}
	says := func(texts ...string) []string {
		for i := range texts {
			texts[i] = inWebhook + "config" + texts[i] + " [webhook-config-invalid]"
		}
		return texts
	}
	const alidns = `{accessKeyIdRef: {name: a, key: id}, accessKeySecretRef: {name: a, key: secret}}`
	const dnspodPair = `secretIdRef: {name: a, key: id}, secretKeyRef: {name: a, key: key}`
	runIssuerReviews(t, "webhook-config-invalid", map[string]issuerReviewCase{
		"no config":                          {acme: webhookSolver(`{groupName: acme.certyun.internal, solverName: alidns}`)},
		"a pair":                             {acme: ours("alidns", alidns)},
		"the alias":                          {acme: ours("alidns-solver", alidns)},
		"an older webhook's form":            {acme: ours("alidns", `{region: "", accessKeySecretRef: {name: a, key: id}, secretKeySecretRef: {name: a, key: secret}}`)},
		"dnspod":                             {acme: ours("dnspod", `{secretIdRef: {name: a, key: id}, secretKeyRef: {name: a, key: key}, ttl: 600}`)},
		"another group":                      {acme: webhookSolver("groupName: acme.other.dev\nsolverName: alidns\nconfig: {nonsense: 1}")},
		"a solver that is not ours":          {acme: ours("godaddy", `{nonsense: 1}`)},
		"no group of our own":                {acme: ours("alidns", `{nonsense: 1}`), change: func(s *ruletest.Scene) { s.Env.Settings.SolverGroup = "" }},
		"an unknown field":                   {acme: ours("dnspod", `{nonsense: 1, `+dnspodPair+`}`), want: says(`: Invalid value: unknown field "nonsense".`)},
		"an unknown field through the alias": {acme: ours("alidns-solver", `{accesKeyIdRef: 1}`), want: says(`: Invalid value: unknown field "accesKeyIdRef"; did you mean "accessKeyIdRef"?`)},
		"an unknown field of a reference": {
			acme: ours("alidns", `{accessKeyIdRef: {name: a, key: id, optional: true}, accessKeySecretRef: {name: a, key: secret}}`),
			want: says(`.accessKeyIdRef: Invalid value: unknown field "optional".`),
		},
		"a namespace": {
			acme: ours("alidns", `{accessKeyIdRef: {name: a, key: id, namespace: b}, accessKeySecretRef: {name: a, key: secret}}`),
			want: says(`.accessKeyIdRef.namespace: Forbidden: Secrets are read only in the namespace of the Issuer (of a ClusterIssuer: the cluster resource namespace).`),
		},
		"half a pair": {
			acme: ours("alidns", `{accessKeyIdRef: {name: a, key: id}}`),
			want: says(`.accessKeySecretRef: Required value: the keys are a pair; name the Secret and key of its second half.`),
		},
		"a number":     {acme: ours("dnspod", `{ttl: 0, `+dnspodPair+`}`), want: says(`.ttl: Invalid value: 0: must be a whole number from 1 to 604800.`)},
		"a wrong type": {acme: ours("dnspod", `{recordLine: 1, `+dnspodPair+`}`), want: says(`.recordLine: Invalid value: must be a string, not a number.`)},
		"no object":    {acme: ours("dnspod", `[1]`), want: says(`: Invalid value: must be a JSON object, not an array.`)},
		"a key, not repeated": {
			acme: ours("alidns", `{accessKeySecretRef: p7Qm2ZkX9vLr4TnB8wYc, accessKeyIdRef: {name: a, key: b}}`),
			want: says(`.accessKeySecretRef: Invalid value: must be an object with the name of a Secret and a key in it, not a string.`),
		},
		"one field twice":     {acme: ours("dnspod", `{ttl: 600, TTL: 600, `+dnspodPair+`}`), want: says(`.ttl: Duplicate value: is there more than once.`)},
		"a role with keys":    {acme: ours("dnspod", `{roleArn: "`+camRole+`", roleSessionName: shop, `+dnspodPair+`}`)},
		"a role without keys": {acme: ours("alidns", `{roleArn: "`+ramRole+`", externalId: shop, roleChain: true}`)},
		"a role of another cloud": {acme: ours("dnspod", `{roleArn: "`+ramRole+`"}`), want: says(
			`.roleArn: Invalid value: must be the ARN of a role like qcs::cam::uin/100000000001:roleName/certyun.`)},
		"a chain beside keys": {acme: ours("dnspod", `{roleArn: "`+camRole+`", roleChain: true, `+dnspodPair+`}`), want: says(
			`.roleChain: Forbidden: remove it: the keys in the Secret assume the role themselves; a chain is for ambient credentials.`)},
		"a session without a role": {acme: ours("dnspod", `{roleSessionName: shop}`), want: says(
			`.roleSessionName: Forbidden: is of a role; name the role with roleArn, or remove it.`)},
		"a letter left out of a role": {acme: ours("alidns", `{rolArn: "`+ramRole+`"}`), want: says(`: Invalid value: unknown field "rolArn"; did you mean "roleArn"?`)},
		"an external id for dnspod": {acme: ours("dnspod", `{externalId: shop, roleArn: "`+camRole+`"}`), want: says(
			`: Invalid value: unknown field "externalId".`)},
		"the retired token": {acme: ours("dnspod", `{apiID: 1}`), want: says(`.apiID: Forbidden: the DNSPod token API is retired; create an API key (SecretId and SecretKey) in ` +
			`Tencent Cloud's Access Management, put it into a Secret and refer to it with secretIdRef and secretKeyRef.`)},
		"alidns's config for dnspod": {acme: ours("dnspod", alidns), want: says(
			`: Invalid value: unknown field "accessKeyIdRef"; this looks like a config for alidns. Set solverName: alidns, or use the fields of dnspod.`,
			`: Invalid value: unknown field "accessKeySecretRef"; this looks like a config for alidns. Set solverName: alidns, or use the fields of dnspod.`)},
	})
}

func TestFieldsOfOurConfigsAreKnown(t *testing.T) {
	t.Parallel()
	for _, cloud := range []cloud{alidnsCloud(), dnspodCloud()} {
		var keys []string
		for _, name := range cloud.fields {
			if strings.HasSuffix(name, "Ref") {
				keys = append(keys, `"`+name+`": {"name": "a", "key": "b"}`)
			}
		}
		config := "{" + strings.Join(keys, ",")
		for _, name := range cloud.fields {
			if strings.HasSuffix(name, "Ref") {
				continue
			}
			if _, errs := cloud.decode(field.NewPath("config"), []byte(config+`,"`+name+`": null}`)); len(errs) > 0 {
				t.Errorf("%s: %v", cloud.name, errs)
			}
		}
		_, errs := cloud.decode(field.NewPath("config"), []byte(config+`,"bogus": null}`))
		if len(errs) != 1 || errs[0].Detail != noSuchField {
			t.Errorf("%s: package config has other words for an unknown field: %v", cloud.name, errs)
		}
	}
}

func TestWebhookConfigInlineSecret(t *testing.T) {
	t.Parallel()
	foreign := func(config string) string {
		return webhookSolver("groupName: acme.other.dev\nsolverName: x\nconfig: " + config)
	}
	says := func(names ...string) []string {
		for i := range names {
			names[i] = `[webhook-config-inline-secret] ` + inWebhook + `config: ` + names[i] + ` looks like a credential; anyone who can read Issuers can read it. Put it in a Secret`
		}
		return names
	}
	runIssuerReviews(t, "webhook-config-inline-secret", map[string]issuerReviewCase{
		"no config":                      {acme: webhookSolver(`{groupName: acme.other.dev, solverName: x}`)},
		"a reference":                    {acme: foreign(`{apiTokenSecretRef: {name: my-token-7, key: token}}`)},
		"the name of a Secret":           {acme: foreign(`{secret: cloud-credentials-20240101, apiToken: my-api-token-1}`)},
		"a word":                         {acme: foreign(`{password: credentials}`)},
		"a placeholder":                  {acme: foreign(`{apiToken: "${API_TOKEN_12345678}", password: "{{ .Values.a1B2c3D4e5F6 }}", secret: <Your-Secret-Key-1234>}`)},
		"a URL":                          {acme: foreign(`{token: "https://Vault.corp.dev:8200/v1/a1b2"}`)},
		"a random text in another field": {acme: foreign(`{zoneId: p7Qm2ZkX9vLr4TnB8wYc}`)},
		"a random text":                  {acme: foreign(`{accessKeySecret: p7Qm2ZkX9vLr4TnB8wYc}`), want: says("accessKeySecret")},
		"a token of hex digits":          {acme: foreign(`{apiToken: 9f86d081884c7d659a2feaa0c55ad015}`), want: says("apiToken")},
		"a token that is a UUID":         {acme: foreign(`{token: 123e4567-e89b-12d3-a456-426614174000}`), want: says("token")},
		"an AccessKey ID in any field":   {acme: foreign(`{user: LTAI5tFakeFakeFakeFake00}`), want: says("user")},
		"a SecretId in any field":        {acme: foreign(`{id: AKIDFakeFakeFakeFakeFakeFake00}`), want: says("id")},
		"deep within":                    {acme: foreign(`{auth: [{password: p7Qm2ZkX9vLr4TnB8wYc}]}`), want: says("auth[0].password")},
		"a field whose name is the key":  {acme: foreign(`{LTAI5tFakeFakeFakeFake00: LTAI5tFakeFakeFakeFake00}`), want: says("a field")},
		"any text in our own":            {acme: webhookSolver("groupName: acme.certyun.internal\nsolverName: alidns\nconfig: {accessKeySecret: hunter}"), want: says("accessKeySecret")},
		"two":                            {acme: foreign(`{b_secret: p7Qm2ZkX9vLr4TnB8wYc, a_token: p7Qm2ZkX9vLr4TnB8wYc}`), want: says("a_token", "b_secret")},
	})
}

func TestInlineSecretsAreNeverRepeated(t *testing.T) {
	t.Parallel()
	const key = "p7Qm2ZkX9vLr4TnB8wYc"
	for _, group := range []string{"acme.certyun.internal", "acme.other.dev"} {
		for _, config := range []string{
			`{accessKeySecret: ` + key + `}`, `{accessKeySecretRef: ` + key + `}`, `{accessKeySecretRef: {name: ` + key + `, key: "` + key + ` "}}`,
			`{ttl: ` + key + `}`, `{a: {b: [` + key + `]}}`, `{regionId: "` + key + ` "}`, `"` + key + `"`, `{secretKeyRef: {namespace: ` + key + `}}`,
		} {
			for _, solver := range []string{"alidns", "dnspod"} {
				got := ruletest.Review(t, Rules(), aSecret, ruletest.Issuer(webhookSolver("groupName: "+group+"\nsolverName: "+solver+"\nconfig: "+config)))
				if text := strings.Join(ruletest.Texts(got), "\n"); strings.Contains(text, key) {
					t.Errorf("config %s of %s: the key is in\n%s", config, group, text)
				}
			}
		}
	}
}
