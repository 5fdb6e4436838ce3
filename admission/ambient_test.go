package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/certyun/certyun/admission/catalogue"
)

// TestFlagsDecideWhoMayNameNoSecret reviews Issuers under the settings that the command makes of its flags.
func TestFlagsDecideWhoMayNameNoSecret(t *testing.T) {
	t.Parallel()
	const (
		role   = "acs:ram::1234567890123456:role/certyun"
		config = "spec.acme.solvers[0].dns01.webhook.config"
		// Nobody serves the group in this world.
		missing = `[webhook-apiservice-missing] spec.acme.solvers[0].dns01.webhook.groupName: "acme.certyun.internal": APIService "v1alpha1.acme.certyun.internal" not found; ` +
			`is the solver installed with this group name?`
		name    = "Name a Secret with accessKeyIdRef and accessKeySecretRef"
		refused = "Forbidden: names no Secret, and certyun's --ambient-credentials allows "
	)
	issuer := func(kind, config string) request {
		namespace := "shop"
		if kind == "ClusterIssuer" {
			namespace = ""
		}
		return request{
			Kind: metav1.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: kind}, Name: "le", Namespace: namespace,
			Object: "apiVersion: cert-manager.io/v1\nkind: " + kind + "\nmetadata: {name: le, namespace: '" + namespace + "'}\n" +
				"spec: {acme: {server: 'https://acme-v02.api.letsencrypt.org/directory', privateKeySecretRef: {name: le}, solvers: [{waitInsteadOfSelfCheck: 60s, " +
				"dns01: {webhook: {groupName: acme.certyun.internal, solverName: alidns, config: " + config + "}}}]}}\n",
		}
	}
	type answer struct {
		Allowed bool
		Causes  []metav1.StatusCause
	}
	denied := func(field, reason, text string) answer {
		return answer{Causes: []metav1.StatusCause{cause(reason, field, text)}}
	}
	notAllowed := func(text string) answer {
		return denied(config, "FieldValueForbidden", refused+text+" [webhook-ambient-not-allowed]")
	}
	onlyClusters := notAllowed("only ClusterIssuers the solver's own credentials. " + name + ", use a ClusterIssuer, or have ambient.credentials set to all.")
	nobody := notAllowed("nobody the solver's own credentials. " + name + ".")
	unlisted := denied(config+".roleArn", "FieldValueInvalid", `Invalid value: "`+role+`": is not one of --ambient-role-arns, which may be assumed with the solver's own credentials. `+
		"Name a Secret with keys that may assume it, or have it added to ambient.roleArns. [webhook-ambient-role-not-listed]")
	tests := map[string]struct {
		flags   []string
		request request
		want    answer
	}{
		"an Issuer, by default":                  {nil, issuer("Issuer", "{}"), onlyClusters},
		"an Issuer, where all may":               {[]string{"--ambient-credentials=all"}, issuer("Issuer", "{}"), answer{Allowed: true}},
		"an Issuer, where nobody may":            {[]string{"--ambient-credentials=none"}, issuer("Issuer", "{}"), nobody},
		"a ClusterIssuer, by default":            {nil, issuer("ClusterIssuer", "{}"), answer{Allowed: true}},
		"a ClusterIssuer, where nobody may":      {[]string{"--ambient-credentials=none"}, issuer("ClusterIssuer", "{}"), nobody},
		"an Issuer in the ClusterIssuers' place": {[]string{"--cluster-resource-namespace=shop"}, issuer("Issuer", "{}"), answer{Allowed: true}},
		"a role, by default":                     {nil, issuer("ClusterIssuer", "{roleArn: '"+role+"'}"), unlisted},
		"a role that is listed":                  {[]string{"--ambient-role-arns=qcs::cam::uin/*,acs:ram::1234567890123456:role/*"}, issuer("ClusterIssuer", "{roleArn: '"+role+"'}"), answer{Allowed: true}},
		"a role that is not":                     {[]string{"--ambient-role-arns=acs:ram::1234567890123456:role/other"}, issuer("ClusterIssuer", "{roleArn: '"+role+"'}"), unlisted},
		"no solver of certyun's":                 {[]string{"--solver-group="}, issuer("Issuer", "{}"), answer{Allowed: true}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := NewOptions()
			groups := o.Flags()
			if err := groups.FlagSet("rules").Parse(c.flags); err != nil {
				t.Fatal(err)
			}
			o.Complete()
			w := worldOf()
			h := newHandler(t, w, w, catalogue.Rules())
			var err error
			if h.settings, err = o.settings(); err != nil {
				t.Fatal(err)
			}
			response := h.Handle(t.Context(), admission.Request{AdmissionRequest: *c.request.admissionRequest(t)})
			got := answer{Allowed: response.Allowed}
			if response.Result != nil && response.Result.Details != nil {
				got.Causes = response.Result.Details.Causes
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
