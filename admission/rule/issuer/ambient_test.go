package issuer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/ruletest"
	"github.com/certyun/certyun/solvers/config"
)

// inTown is an APIService of our group and a Secret, so that it is known which Secrets there are.
const inTown = `
	apiVersion: apiregistration.k8s.io/v1
	kind: APIService
	metadata: {name: v1alpha1.acme.certyun.internal, annotations: {resources: "alidns,alidns-solver,dnspod"}}
	status: {conditions: [{type: Available, status: "True"}]}
	---
	apiVersion: v1
	kind: Secret
	metadata: {name: keys, namespace: default}
	data: {id: "", secret: ""}
	`

const ramRole, camRole = "acs:ram::1234567890123456:role/certyun", "qcs::cam::uin/100000000001:roleName/certyun"

// allowing lets these Issuers use ambient credentials for these roles; with "" nobody knows who may.
func allowing(t testing.TB, issuers string, roles ...string) func(*ruletest.Scene) {
	t.Helper()
	if issuers == "" {
		return func(s *ruletest.Scene) { s.Env.Settings.Ambient = nil }
	}
	ambient, err := config.NewAmbient(issuers, roles)
	if err != nil {
		t.Fatal(err)
	}
	return func(s *ruletest.Scene) { s.Env.Settings.Ambient = &ambient }
}

func strictly(s *ruletest.Scene) { s.Env.Settings.Strict = true }

func underPolicy(id string, severity rule.Severity) func(*ruletest.Scene) {
	return func(s *ruletest.Scene) { s.Policy.Rules = map[string]rule.Severity{id: severity} }
}

// TestAmbientCredentials holds all that is said of Issuers in a namespace and of ClusterIssuers that name no Secret.
func TestAmbientCredentials(t *testing.T) {
	t.Parallel()
	const (
		notAllowed, notListed = "webhook-ambient-not-allowed", "webhook-ambient-role-not-listed"
		alidns, dnspod        = "{regionId: us-west-1}", "{recordLine: 默认}"
		name                  = "Name a Secret with accessKeyIdRef and accessKeySecretRef"
		identity              = "names no Secret, so the solver's own credentials are used (RRSA, an OIDC token, the node's role)"
	)
	ours := func(solver, config string) string {
		return "waitInsteadOfSelfCheck: 60s\n  dns01: {webhook: {groupName: acme.certyun.internal, solverName: " + solver + ", config: " + config + "}}"
	}
	namespaced := func(solver, config string) string { return ruletest.Issuer("solvers:\n- " + ours(solver, config)) }
	cluster := func(solver, config string) string {
		return ruletest.ClusterIssuer("solvers:\n- " + ours(solver, config))
	}
	amongClusters := "apiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: le, namespace: cert-manager}\nspec: {acme: {server: " + letsEncryptURL +
		", privateKeySecretRef: {name: le-account}, solvers: [{waitInsteadOfSelfCheck: 0s, dns01: {webhook: {groupName: acme.certyun.internal, solverName: alidns}}}]}}"
	deny := func(text string) string { return inWebhook + "config: Forbidden: " + text + " [" + notAllowed + "]" }
	warn := func(text string) string { return "[" + notAllowed + "] " + inWebhook + "config: " + text }
	onlyClusters := "names no Secret, and certyun's --ambient-credentials allows only ClusterIssuers the solver's own credentials"
	nobody := "names no Secret, and certyun's --ambient-credentials allows nobody the solver's own credentials. " + name + "."
	toAll := ", use a ClusterIssuer, or have ambient.credentials set to all"
	unlisted := func(role string) string {
		return inWebhook + `config.roleArn: Invalid value: "` + role + `": is not one of --ambient-role-arns, which may be assumed with the solver's own credentials. ` +
			"Name a Secret with keys that may assume it, or have it added to ambient.roleArns. [" + notListed + "]"
	}
	byDefault := "names no Secret, and by default no Issuer in a namespace may use the solver's own credentials. " + name +
		", use a ClusterIssuer, or set certyun's ambient.credentials: all and cert-manager's --issuer-ambient-credentials"
	tests := map[string]struct {
		manifest string
		change   []func(*ruletest.Scene)
		want     []string
	}{
		"an Issuer, where ClusterIssuers may":           {namespaced("alidns", alidns), nil, []string{deny(onlyClusters + ". " + name + toAll + ".")}},
		"an Issuer for Tencent Cloud":                   {namespaced("dnspod", dnspod), nil, []string{deny(onlyClusters + ". Name a Secret with secretIdRef and secretKeyRef" + toAll + ".")}},
		"the older name of the solver":                  {namespaced("alidns-solver", "{}"), nil, []string{deny(onlyClusters + ". " + name + toAll + ".")}},
		"empty references":                              {namespaced("alidns", `{accessKeyIdRef: {}, accessKeySecretRef: {name: ""}}`), nil, []string{deny(onlyClusters + ". " + name + toAll + ".")}},
		"an Issuer, where nobody may":                   {namespaced("alidns", alidns), []func(*ruletest.Scene){allowing(t, config.AmbientNone)}, []string{deny(nobody)}},
		"a ClusterIssuer, where nobody may":             {cluster("alidns", alidns), []func(*ruletest.Scene){allowing(t, config.AmbientNone)}, []string{deny(nobody)}},
		"an Issuer, where all may":                      {namespaced("alidns", alidns), []func(*ruletest.Scene){allowing(t, config.AmbientAll)}, nil},
		"a ClusterIssuer":                               {cluster("alidns", alidns), nil, nil},
		"an Issuer among the Secrets of ClusterIssuers": {amongClusters, nil, nil},
		"an Issuer, and nobody knows":                   {namespaced("alidns", alidns), []func(*ruletest.Scene){allowing(t, "")}, []string{warn(byDefault)}},
		"a ClusterIssuer, and nobody knows":             {cluster("alidns", alidns), []func(*ruletest.Scene){allowing(t, "")}, nil},
		"an Issuer of another group":                    {namespaced("alidns", alidns), []func(*ruletest.Scene){func(s *ruletest.Scene) { s.Env.Settings.SolverGroup = "acme.other.dev" }}, nil},
		"a Secret":                                      {namespaced("dnspod", `{secretIdRef: {name: keys, key: id}, secretKeyRef: {name: keys, key: secret}}`), nil, nil},
		"a field that is misspelt, of which the decoder speaks": {namespaced("alidns", `{accesKeyIdRef: {name: keys, key: id}}`), nil, []string{
			inWebhook + `config: Invalid value: unknown field "accesKeyIdRef"; did you mean "accessKeyIdRef"? [webhook-config-invalid]`,
		}},
		"a warning by policy": {namespaced("alidns", alidns), []func(*ruletest.Scene){underPolicy(notAllowed, rule.Warn)}, []string{
			warn(onlyClusters + " (a warning by policy). " + name + toAll),
		}},
		"off by policy": {namespaced("alidns", alidns), []func(*ruletest.Scene){underPolicy(notAllowed, rule.Off)}, nil},
		"a denial by policy, though nobody knows": {namespaced("alidns", alidns), []func(*ruletest.Scene){allowing(t, ""), underPolicy(notAllowed, rule.Deny)}, []string{
			deny(byDefault + "."),
		}},
		"a ClusterIssuer, strictly": {cluster("alidns", alidns), []func(*ruletest.Scene){strictly}, []string{warn(identity + ". " + name + " if keys are meant")}},
		"a ClusterIssuer, strictly, and nobody knows": {cluster("alidns", alidns), []func(*ruletest.Scene){strictly, allowing(t, "")}, []string{
			warn(identity + ". " + name + " if keys are meant"),
		}},
		"an Issuer, where all may, strictly": {namespaced("alidns", alidns), []func(*ruletest.Scene){strictly, allowing(t, config.AmbientAll)}, []string{
			warn(identity + ", if cert-manager has --issuer-ambient-credentials. " + name + " if keys are meant"),
		}},
		"a role that is not listed":                    {cluster("alidns", "{roleArn: '"+ramRole+"'}"), nil, []string{unlisted(ramRole)}},
		"a role of Tencent Cloud's that is not listed": {cluster("dnspod", "{roleArn: '"+camRole+"'}"), []func(*ruletest.Scene){allowing(t, config.AmbientAll, ramRole)}, []string{unlisted(camRole)}},
		"a role of an Issuer, where all may":           {namespaced("alidns", "{roleArn: '"+ramRole+"'}"), []func(*ruletest.Scene){allowing(t, config.AmbientAll)}, []string{unlisted(ramRole)}},
		"a role that is listed":                        {cluster("alidns", "{roleArn: '"+ramRole+"', roleChain: true}"), []func(*ruletest.Scene){allowing(t, config.AmbientClusterIssuers, "acs:ram::*:role/certyun")}, nil},
		"a role, and nobody knows":                     {cluster("alidns", "{roleArn: '"+ramRole+"'}"), []func(*ruletest.Scene){allowing(t, "")}, nil},
		"a role, and the Issuer may not in any case":   {namespaced("alidns", "{roleArn: '"+ramRole+"'}"), nil, []string{deny(onlyClusters + ". " + name + toAll + ".")}},
		"a role that keys assume":                      {namespaced("alidns", "{roleArn: '"+ramRole+"', accessKeyIdRef: {name: keys, key: id}, accessKeySecretRef: {name: keys, key: secret}}"), nil, nil},
		"a role that is not listed, off by policy":     {cluster("alidns", "{roleArn: '"+ramRole+"'}"), []func(*ruletest.Scene){underPolicy(notListed, rule.Off)}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// All rules are asked: whoever reads Secrets says nothing of a config that names none.
			got := ruletest.Texts(ruletest.Review(t, Rules(), inTown, test.manifest, test.change...))
			if diff := cmp.Diff(append([]string{}, test.want...), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnIssuerThatLosesItsSecretIsDenied(t *testing.T) {
	t.Parallel()
	with := func(config string) string {
		return ruletest.Issuer("solvers:\n- waitInsteadOfSelfCheck: 0s\n  dns01: {webhook: {groupName: acme.certyun.internal, solverName: dnspod, config: " + config + "}}")
	}
	const id = "webhook-ambient-not-allowed"
	text := "names no Secret, and certyun's --ambient-credentials allows only ClusterIssuers the solver's own credentials"
	remedy := ". Name a Secret with secretIdRef and secretKeyRef, use a ClusterIssuer, or have ambient.credentials set to all"
	keys := with(`{secretIdRef: {name: keys, key: id}, secretKeyRef: {name: keys, key: secret}}`)
	ruletest.Want(t, id, ruletest.Update(t, Rules(), inTown, keys, with(`{ttl: 600}`)), inWebhook+"config: Forbidden: "+text+remedy+". ["+id+"]")
	ruletest.Want(t, id, ruletest.Update(t, Rules(), inTown, with(`{}`), with(`{ttl: 600}`)),
		"["+id+"] "+inWebhook+"config: "+text+" (already present, so not denied)"+remedy)
}
