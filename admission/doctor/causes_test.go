package doctor

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers/config"
)

func object(kind, namespace, name string) report.Object {
	version := "cert-manager.io/v1"
	switch kind {
	case "Order", "Challenge":
		version = "acme.cert-manager.io/v1"
	case "APIService":
		version = "apiregistration.k8s.io/v1"
	case "Deployment":
		version = "apps/v1"
	}
	return report.Object{APIVersion: version, Kind: kind, Namespace: namespace, Name: name}
}

// challengeSays is a sign of a Challenge, as certyun and cert-manager write it.
func challengeSays(text string) Sign {
	return Sign{Quoted: true, Object: object("Challenge", "shop", "www-1-2-3"), Text: text, Values: map[string]string{
		"name": "www.example.com", "record": "_acme-challenge.www.example.com",
	}}
}

// callSays is what a Challenge says whose solver is certyun's alidns.
func callSays(text string) Sign {
	s := challengeSays(text)
	s.Values[calls] = "acme.certyun.internal/alidns"
	return s
}

// afterItsRival is what a Challenge says that failed soon after the one of the wildcard was valid.
func afterItsRival(text string) Sign {
	s := challengeSays(text)
	s.Values[rivalName] = "*.www.example.com"
	return s
}

func orderSays(text string) Sign {
	return Sign{Quoted: true, Object: object("Order", "shop", "www-1-2"), Text: text}
}

func issuerSaysThat(text string) Sign {
	return Sign{Quoted: true, Object: object("Issuer", "shop", "le"), Text: text, Values: map[string]string{notReady: "ErrRegisterACMEAccount"}}
}

// lingeringWith is a sign of a Challenge of dnspod's that is being deleted and complains.
func lingeringWith(text string) Sign {
	return Sign{Object: object("Challenge", "shop", "www-1-2-3"), Text: "it is being deleted since 2026-11-23T11:00:00Z", Values: map[string]string{
		lingersFor: text, calls: "acme.certyun.internal/dnspod",
	}}
}

const forbiddenCall = `%s.%g is forbidden: User "system:serviceaccount:cert-manager:cert-manager" cannot create resource "%s" in API group "%g" at the cluster scope`

func refusal(solver, group string) string {
	return strings.NewReplacer("%s", solver, "%g", group).Replace(forbiddenCall)
}

const presenting = "alidns: present the TXT record _acme-challenge.www.example.com: "

// ambientToken is how a refusal ends of a call that was made with the token of the solver's ServiceAccount.
const ambientToken = "; the credentials are ambient: the RRSA token of the solver's ServiceAccount"

// refusesAmbient is what the solver says of ambient credentials that it does not let an Issuer have.
func refusesAmbient(t *testing.T, issuers string, isCluster, asked bool, role string) string {
	t.Helper()
	ambient, err := config.NewAmbient(issuers, nil)
	if err != nil {
		t.Fatal(err)
	}
	reason, remedy := ambient.Refuses(isCluster, asked, role)
	return reason + "; " + remedy
}

// TestCauses has, for each cause, the signs that it is recognised by, and what is said of the first.
func TestCauses(t *testing.T) {
	t.Parallel()
	group := "acme.certyun.internal"
	apiService := object("APIService", "", "v1alpha1."+group)
	served := map[string]Group{
		group:             {Known: true, Served: true, Resources: []string{"alidns", "alidns-solver", "dnspod"}},
		"acme.typo.local": {Known: true},
	}
	behind := map[string]string{"apiservice": apiService.Name, "service": "certyun-solver", "service-namespace": "certyun", "group": group}
	misplaced := Sign{Cause: "secret-in-wrong-namespace", Values: map[string]string{"secret-namespace": "shop", "secret": "misplaced", "elsewhere": "cert-manager"}}
	tests := map[string]struct {
		cause    string
		sentence string
		signs    []Sign
	}{
		"the solver is scaled to nothing": {
			"solver-not-running", "The API server does not reach the solver behind v1alpha1.acme.certyun.internal: it is scaled to 0 replicas.",
			[]Sign{{Cause: "solver-not-running", Object: object("Deployment", "certyun", "certyun-solver"), Text: "it is scaled to 0 replicas", Values: with(behind, "why", "it is scaled to 0 replicas")}},
		},
		"the solver was started with another group": {
			"solver-serves-other-group", "What is behind v1alpha1.acme.certyun.internal answers, but does not serve the group acme.certyun.internal.",
			[]Sign{{Cause: "solver-serves-other-group", Object: apiService, Values: behind}},
		},
		"the API service cannot be reached": {
			"solver-not-running", "The API server does not reach the solver behind v1alpha1.acme.certyun.internal: dial tcp: connection refused.",
			[]Sign{{Cause: "solver-not-running", Object: apiService, Text: "FailedDiscoveryCheck: dial tcp: connection refused", Values: with(behind, "why", "dial tcp: connection refused")}},
		},
		"cert-manager says that the solver is away": {
			"solver-not-running", "The API server does not reach the solver behind v1alpha1.acme.certyun.internal: it does not answer.",
			[]Sign{
				challengeSays("the server is currently unable to handle the request (post alidns.acme.certyun.internal)"),
				{Object: object("Challenge", "shop", "www-1-2-3"), Text: "error trying to reach service: dial tcp 10.96.0.103:8443: connect: connection refused", Values: map[string]string{calls: group + "/alidns"}},
			},
		},
		"the solver does not know the API server": {
			"front-proxy-refused", "What is behind v1alpha1.acme.certyun.internal answers, but does not accept the client certificate with which the API server calls it: bad status from https://10.0.0.7:8443/apis/acme.certyun.internal/v1alpha1: 401.",
			[]Sign{
				{Cause: "front-proxy-refused", Object: apiService, Values: with(behind, "why", "bad status from https://10.0.0.7:8443/apis/acme.certyun.internal/v1alpha1: 401")},
				callSays("Unauthorized"), callSays("Error presenting challenge: Unauthorized"), challengeSays("Unauthorized"),
				callSays("the server has asked for the client to provide credentials (post alidns.acme.certyun.internal)"),
				callSays(`alidns.acme.certyun.internal is forbidden: User "system:anonymous" cannot create resource "alidns" in API group "acme.certyun.internal" at the cluster scope`),
			},
		},
		"the solver takes too long": {
			"solver-slow", "The API server did not get the solver's answer in time: the server was unable to return a response in the time allotted, but may still be processing the request (post alidns.acme.certyun.internal).",
			[]Sign{
				callSays("the server was unable to return a response in the time allotted, but may still be processing the request (post alidns.acme.certyun.internal)"),
				callSays("Timeout: request did not complete within requested timeout - context deadline exceeded"),
				challengeSays("Error presenting challenge: the server was unable to return a response in the time allotted"),
			},
		},
		"the CA bundle is of another authority": {
			"apiservice-ca-wrong", "The API server does not trust the solver behind v1alpha1.acme.certyun.internal: its caBundle is empty.",
			[]Sign{{Cause: "apiservice-ca-wrong", Object: apiService, Text: "its caBundle is empty", Values: with(behind, "why", "its caBundle is empty")}},
		},
		"the serving certificate has expired": {
			"serving-certificate-expired", "The serving certificate behind v1alpha1.acme.certyun.internal has expired (2026-01-02T03:04:05Z), so the API server does not talk to the solver.",
			[]Sign{{Cause: "serving-certificate-expired", Object: apiService, Values: with(behind, "expires", "2026-01-02T03:04:05Z")}},
		},
		"the serving certificate expires soon": {
			"serving-certificate-expires", "The serving certificate behind v1alpha1.acme.certyun.internal expires at 2026-11-24T00:00:00Z; cert-manager should have renewed it long before.",
			[]Sign{{Cause: "serving-certificate-expires", Object: apiService, Values: with(behind, "expires", "2026-11-24T00:00:00Z")}},
		},
		"the serving certificate begins tomorrow": {
			"serving-certificate-not-yet-valid", "The serving certificate behind v1alpha1.acme.certyun.internal is not valid before 2026-11-24T00:00:00Z: the clock of a node is off.",
			[]Sign{{Cause: "serving-certificate-not-yet-valid", Object: apiService, Values: with(behind, "begins", "2026-11-24T00:00:00Z")}},
		},
		"the serving certificate is of another Service": {
			"serving-certificate-name-wrong", "The serving certificate behind v1alpha1.acme.certyun.internal is not for the name of its Service, certyun-solver.certyun.svc: certificate is valid for a.example, not certyun-solver.certyun.svc.",
			[]Sign{{Cause: "serving-certificate-name-wrong", Object: apiService, Values: with(behind, "why", "certificate is valid for a.example, not certyun-solver.certyun.svc")}},
		},
		"the Challenge complains about what is mended": {
			"challenge-behind", "What Challenge shop/www-1-2-3 says is from the last time that cert-manager tried; what it complains about is in order now.",
			[]Sign{
				challengeSays("the server is currently unable to handle the request (post dnspod.acme.certyun.internal)"),
				{Object: object("Challenge", "shop", "www-1-2-3"), Text: "no endpoints available for service \"certyun-solver\"", Values: map[string]string{calls: group + "/dnspod"}},
				challengeSays(refusal("dnspod", group)),
				challengeSays("the server could not find the requested resource (post dnspod.acme.certyun.internal)"),
				challengeSays(presenting + "the Secret shop/mended does not exist; create it"),
				challengeSays(presenting + "certyun is not allowed to read the Secret shop/mended; add shop to the chart's value secrets.namespaces"),
				challengeSays(presenting + `the Secret shop/mended has no key "id"; add it, or name another key in the Issuer`),
				challengeSays(presenting + `the value of the key "id" in the Secret shop/mended is empty; write the access key there`),
			},
		},
		"there is no API service": {
			"apiservice-missing", "There is no v1alpha1.acme.certyun.internal, so no solver is served in the group acme.certyun.internal.",
			[]Sign{{Cause: "apiservice-missing", Object: apiService, Values: behind}},
		},
		"the solver may not ask who calls it": {
			"delegation-missing", "The ServiceAccount certyun/certyun-solver may not create subjectaccessreviews, which every aggregated API server has to.",
			[]Sign{
				{Cause: "delegation-missing", Values: map[string]string{"reader": "certyun/certyun-solver", "reader-user": "certyun:certyun-solver", "what": "create subjectaccessreviews"}},
				challengeSays(`an error on the server ("Internal Server Error: \"/apis/acme.certyun.internal/v1alpha1/alidns\": subjectaccessreviews.authorization.k8s.io is forbidden: User \"system:serviceaccount:certyun:certyun-solver\" cannot create resource \"subjectaccessreviews\" in API group \"authorization.k8s.io\" at the cluster scope") has prevented the request from succeeding (post alidns.acme.certyun.internal)`),
			},
		},
		"the admission server is away": {
			"admission-not-asked", "certyun's admission server is not asked, and its failurePolicy is Ignore: no Pod.",
			[]Sign{{Cause: "admission-not-asked", Values: with(behind, "policy", "Ignore", "why", "no Pod", "configuration", "certyun.certyun-admission")}},
		},
		"the admission server's authority is gone": {
			"admission-authority-missing", "The Secret certyun/certyun-admission-ca does not exist, in which the admission server keeps the authority of its serving certificate: Pods of Deployment certyun/certyun-admission that start do not become ready.",
			[]Sign{{Cause: "admission-authority-missing", Object: report.Object{APIVersion: "v1", Kind: "Secret", Namespace: "certyun", Name: "certyun-admission-ca"}, Values: map[string]string{
				"secret-namespace": "certyun", "secret": "certyun-admission-ca", "deployment": "Deployment certyun/certyun-admission",
			}}},
		},
		"the policy has a slip in it": {
			"policy-unusable", `The policy in ConfigMap certyun/certyun-admission-policy cannot be used as it is: rules: there is no rule "x".`,
			[]Sign{{Cause: "policy-unusable", Text: `rules: there is no rule "x"`, Object: report.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: "certyun", Name: "certyun-admission-policy"}, Values: map[string]string{
				"configmap": "certyun-admission-policy", "key": "policy.yaml",
			}}},
		},
		"an image cannot be pulled": {
			"pods-not-ready", "Deployment certyun/certyun-solver works with the Pods that it has, but others do not become ready: the Pod x: ImagePullBackOff.",
			[]Sign{{Cause: "pods-not-ready", Object: object("Deployment", "certyun", "certyun-solver"), Values: map[string]string{"why": "the Pod x: ImagePullBackOff"}}},
		},
		"the group name has a slip in it": {
			"group-not-served", "Nobody serves the API group acme.typo.local, which the solver's groupName names (served is: acme.certyun.internal).",
			[]Sign{
				challengeSays(refusal("alidns", "acme.typo.local")),
				challengeSays("the server could not find the requested resource (post alidns.acme.typo.local)"),
			},
		},
		"the solver's name has a slip in it": {
			"solver-unknown", "The group acme.certyun.internal has no solver alidn; it has alidns, alidns-solver, dnspod.",
			[]Sign{
				challengeSays(refusal("alidn", group)),
				challengeSays("the server could not find the requested resource (post alidn.acme.certyun.internal)"),
			},
		},
		"cert-manager runs as somebody else": {
			"caller-not-allowed", "cert-manager's ServiceAccount cert-manager/cert-manager may not create alidns in the API group acme.certyun.internal, which is how it calls the solver.",
			[]Sign{
				challengeSays(refusal("alidns", group)),
			},
		},
		"cert-manager's roles are gone": {
			"cert-manager-not-allowed", "system:serviceaccount:cert-manager:cert-manager may not create orders, which it needs to go on.",
			[]Sign{{Quoted: true, Object: object("CertificateRequest", "shop", "www-1"), Text: `Failed create new order resource shop/www-1-2: orders.acme.cert-manager.io is forbidden: User "system:serviceaccount:cert-manager:cert-manager" cannot create resource "orders" in API group "acme.cert-manager.io" in the namespace "shop"`}},
		},
		"a policy of the cluster says no": {
			"cluster-refuses", `The cluster does not let cert-manager make what it needs: secrets "www-x" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=5, limited: secrets=5.`,
			[]Sign{
				{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `secrets "www-x" is forbidden: exceeded quota: small, requested: secrets=1, used: secrets=5, limited: secrets=5`},
				{Quoted: true, Object: object("CertificateRequest", "shop", "www-1"), Text: `Failed create new order resource shop/www-1-2: orders.acme.cert-manager.io "www-1-2" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: not here`},
				{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `Failed to create CertificateRequest: admission webhook "validate.kyverno.svc-fail" denied the request: not here`},
			},
		},
		"the namespace goes away": {
			"namespace-vanishing", "The namespace is being deleted, so that nothing can be made in it: Some content in the namespace has finalizers remaining.",
			[]Sign{
				{Cause: "namespace-vanishing", Values: map[string]string{"why": "Some content in the namespace has finalizers remaining"}},
				{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `secrets "x" is forbidden: unable to create new content in namespace shop because it is being terminated`},
			},
		},
		"the domain is signed wrongly": {
			"dns-broken", "The resolvers or the zone's name servers answer with a failure: When querying the SOA record for the domain '_acme-challenge.www.example.com.' using nameservers [10.0.0.10:53], rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'.",
			[]Sign{
				challengeSays("When querying the SOA record for the domain '_acme-challenge.www.example.com.' using nameservers [10.0.0.10:53], rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'"),
				challengeSays("Error accepting authorization: acme: authorization error for www.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: SERVFAIL looking up TXT for _acme-challenge.www.example.com"),
				challengeSays("Unexpected response code 'REFUSED' for _acme-challenge.www.example.com."),
			},
		},
		"a Role is missing": {
			"secret-not-readable", "The solver may not read the Secret shop/alidns.",
			[]Sign{
				challengeSays(presenting + "certyun is not allowed to read the Secret shop/alidns; add shop to the chart's value secrets.namespaces (and the Secret to secrets.resourceNames, if that is set)"),
			},
		},
		"the Secret is where the ClusterIssuer's would be": {
			"secret-in-wrong-namespace", "The solver looks for the Secret misplaced in the namespace shop, but it is in cert-manager.",
			[]Sign{
				challengeSays(presenting + "the Secret shop/misplaced does not exist; create it in the namespace of the Issuer (for a ClusterIssuer: the cluster resource namespace, cert-manager's own by default)"),
				misplaced,
			},
		},
		"the Secret is nowhere": {
			"secret-missing", "The Secret shop/alidns, which holds the solver's keys, does not exist.",
			[]Sign{
				challengeSays(presenting + "the Secret shop/alidns does not exist; create it in the namespace of the Issuer (for a ClusterIssuer: the cluster resource namespace, cert-manager's own by default)"),
			},
		},
		"the Secret has another key": {
			"secret-key-wrong", "The key accessKeyId of the Secret shop/alidns is not there.",
			[]Sign{
				challengeSays(presenting + `the Secret shop/alidns has no key "accessKeyId"; add it, or name another key in the Issuer`),
				challengeSays(presenting + `the value of the key "accessKeyId" in the Secret shop/alidns is empty; write the access key there as the cloud's console shows it`),
				challengeSays(presenting + `the value of the key "accessKeyId" in the Secret shop/alidns has white space or another character inside that no access key has; write the access key there`),
			},
		},
		"a field of the config has a slip in it": {
			"config-wrong", `The config of the Issuer's solver is wrong: spec.acme.solvers[0].dns01.webhook.config.accesKeyIdRef: Forbidden: there is no such field.`,
			[]Sign{
				{Cause: "config-wrong", Values: map[string]string{"why": "spec.acme.solvers[0].dns01.webhook.config.accesKeyIdRef: Forbidden: there is no such field"}},
				challengeSays(presenting + "the config of the solver: config.accesKeyIdRef: Forbidden: there is no such field"),
			},
		},
		"an Issuer in a namespace names no Secret": {
			"ambient-not-allowed", "The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: --ambient-credentials allows an Issuer in this namespace no ambient credentials.",
			[]Sign{
				challengeSays(presenting + refusesAmbient(t, config.AmbientClusterIssuers, false, true, "")),
				challengeSays(presenting + refusesAmbient(t, config.AmbientNone, true, true, "")),
				challengeSays(presenting + refusesAmbient(t, config.AmbientAll, false, false, "")),
			},
		},
		"the operator does not list the role": {
			"ambient-role-not-listed", "The role acs:ram::1:role/dns is none of those that the operator lets Issuers assume with the solver's own credentials.",
			[]Sign{challengeSays(presenting + refusesAmbient(t, config.AmbientAll, false, true, "acs:ram::1:role/dns"))},
		},
		"the token is not there": {
			"token-not-mounted", "The solver's Pod has no token of its ServiceAccount at /run/token that can be read.",
			[]Sign{
				challengeSays(presenting + "there is no token at /run/token in the solver's Pod; let the chart mount it (ambient.alidns or ambient.dnspod), or have the cloud's webhook inject it, and restart the Pods" + ambientToken),
				challengeSays(presenting + "the token at /run/token in the solver's Pod cannot be read"),
				challengeSays(presenting + "what is at /run/token in the solver's Pod is no token"),
			},
		},
		"the token is for somebody else": {
			"token-audience-wrong", "The OIDC provider acs:ram::1:oidc-provider/ack does not take the audience of the token of the solver's ServiceAccount.",
			[]Sign{challengeSays(presenting + "the OIDC provider acs:ram::1:oidc-provider/ack does not take the audience of the token of the solver's ServiceAccount (AuthenticationFail.OIDCToken.AudienceNotMatch); let the token" + ambientToken)},
		},
		"the cloud does not know who vouches for the token": {
			"oidc-provider-untrusted", "The cloud does not take the token of the solver's ServiceAccount for a proof of who the solver is: RAM does not know the OIDC provider acs:ram::1:oidc-provider/ack.",
			[]Sign{
				challengeSays(presenting + "RAM does not know the OIDC provider acs:ram::1:oidc-provider/ack (EntityNotExist.OIDCProvider); register" + ambientToken),
				challengeSays(presenting + "the OIDC provider acs:ram::1:oidc-provider/ack does not vouch for the token of the solver's ServiceAccount (AuthenticationFail.OIDCToken.Invalid); register" + ambientToken),
				challengeSays(presenting + "the role acs:ram::1:role/dns may not be assumed with the token of the solver's ServiceAccount (AuthenticationFail.NoPermission); register" + ambientToken),
				challengeSays("dnspod: present the TXT record x.example.com: the role qcs::cam::uin/1:roleName/dns may not be assumed with the token of the solver's ServiceAccount (InvalidParameter.WebIdentityTokenError); check"),
			},
		},
		"there is nothing around the solver": {
			"no-ambient-identity", "The config of the Issuer's solver names no Secret, and the solver's Pod and node give it no credentials: the variable TKE_ROLE_ARN is not set in the solver's environment.",
			[]Sign{
				challengeSays("dnspod: present the TXT record x.example.com: the variable TKE_ROLE_ARN is not set in the solver's environment; set all of TKE_PROVIDER_ID, TKE_WEB_IDENTITY_TOKEN_FILE, TKE_ROLE_ARN, or none"),
				challengeSays(presenting + "the variable ALIBABA_CLOUD_ACCESS_KEY_ID in the solver's environment has white space or another character inside that no access key has; write"),
				challengeSays(presenting + "the variable ALIBABA_CLOUD_CREDENTIALS_URI in the solver's environment is not the URL of a service; write"),
				challengeSays(presenting + "the variable ALIBABA_CLOUD_ECS_METADATA in the solver's environment is not the name of a role; write the name, not the ARN"),
				challengeSays(presenting + "there are no ambient credentials: the variable ALIBABA_CLOUD_ECS_METADATA_DISABLED turns the node's off; name a Secret in the Issuer"),
				challengeSays(presenting + "the solver's node has no RAM role, or not the one that is asked for; attach it; the credentials are ambient: the RAM role of the solver's node"),
				challengeSays("dnspod: present the TXT record x.example.com: the solver's node has no CAM role; bind one to the CVM instance"),
				challengeSays(presenting + "connection refused by 100.100.100.200; name a Secret in the Issuer, or give the solver an identity (docs/solvers.md#without-keys)"),
				challengeSays(presenting + "no answer from 127.0.0.1:6666 in time; see to it that the service is there, or unset ALIBABA_CLOUD_CREDENTIALS_URI"),
			},
		},
		"a session is revoked": {
			"session-ended", "The cloud has ended the session of acs:ram::1:role/dns before its time.",
			[]Sign{
				challengeSays(presenting + "the cloud has ended the session of acs:ram::1:role/dns before its time (InvalidSecurityToken.Expired); the next try asks for another one"),
				challengeSays(presenting + "the cloud has ended the session of the RAM role of the solver's node before its time (InvalidAccessKeyId.NotFound); the next try asks for another one"),
			},
		},
		"the token of the ServiceAccount has expired": {
			"clock-off", "The cloud refuses the calls for their time: the clock of the node on which the solver runs is off.",
			[]Sign{challengeSays(presenting + "the token of the solver's ServiceAccount has expired (AuthenticationFail.OIDCToken.Expired); the kubelet renews it; check the node's clock")},
		},
		"a token assumes no role with an external id": {
			"config-wrong", "The config of the Issuer's solver is wrong: " + presenting + "an RRSA token assumes a role without an external id; remove config.externalId, or set config.roleChain to true.",
			[]Sign{challengeSays(presenting + "an RRSA token assumes a role without an external id; remove config.externalId, or set config.roleChain to true")},
		},
		"the role of the token may not write records": {
			"cloud-permission-missing", "The policy of the RRSA token of the solver's ServiceAccount does not allow alidns:AddDomainRecord.",
			[]Sign{challengeSays(presenting + "the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM); allow" + ambientToken)},
		},
		"the key in the environment was deleted": {
			"access-key-unknown", "The cloud does not accept the AccessKey in the solver's environment: it does not exist or is disabled.",
			[]Sign{challengeSays(presenting + "the AccessKey ID does not exist (InvalidAccessKeyId.NotFound); create; the credentials are ambient: the AccessKey in the solver's environment")},
		},
		"the key in the environment has another's secret": {
			"signature-wrong", "The cloud knows the access key's ID in the solver's environment, but the secret beside it is another's: the signature is wrong.",
			[]Sign{challengeSays("dnspod: present the TXT record x.example.com: the SecretKey does not match the SecretId (AuthFailure.SignatureFailure); check; the credentials are ambient: the key in the solver's environment")},
		},
		"the role that a token assumes does not exist": {
			"role-not-assumed", "The cloud does not let the RRSA token of the solver's ServiceAccount assume the role acs:ram::1:role/dns.",
			[]Sign{challengeSays(presenting + "the role acs:ram::1:role/dns does not exist (EntityNotExist.Role); set config.roleArn" + ambientToken + ", for the role acs:ram::1:role/dns")},
		},
		"STS does not take what a token is sent with": {
			"role-not-assumed", "The cloud does not let the token of the solver's ServiceAccount assume the role that the solver names.",
			[]Sign{challengeSays(presenting + "STS refused a parameter of sts:AssumeRoleWithOIDC (InvalidParameter.DurationSeconds)")},
		},
		"the access key's halves are swapped": {
			"access-key-swapped", "The Secret shop/alidns has the access key's ID where Issuer shop/le looks for its secret (the key secret).",
			[]Sign{{Cause: "access-key-swapped", Object: object("Issuer", "shop", "le"), Values: map[string]string{"secret-namespace": "shop", "secret": "alidns", "key": "secret"}}},
		},
		"the keys are of DNSPod's retired API": {
			"access-key-of-other-api", "DNSPod does not know the SecretId in the Secret shop/dnspod: it looks like a token of DNSPod's retired API or an APPID.",
			[]Sign{challengeSays("dnspod: present the TXT record x.example.com: the SecretId is none of the API 3.0 (AuthFailure.InvalidAuthorization); it looks like a token of the retired DNSPod API or an APPID: create a SecretId; the keys are from the Secret shop/dnspod")},
		},
		"the access key was deleted": {
			"access-key-unknown", "The cloud does not accept the access key in the Secret shop/alidns: it does not exist or is disabled.",
			[]Sign{
				challengeSays(presenting + "the AccessKey ID does not exist (InvalidAccessKeyId.NotFound); create an AccessKey for the RAM user and write it to the Secret; the keys are from the Secret shop/alidns"),
				challengeSays(presenting + "the AccessKey is disabled (InvalidAccessKeyId.Inactive); enable it in the RAM console, or write another to the Secret; the keys are from the Secret shop/alidns"),
				challengeSays("dnspod: present the TXT record _acme-challenge.www.example.com: the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound); create; the keys are from the Secret shop/dnspod"),
				challengeSays("dnspod: present the TXT record _acme-challenge.www.example.com: the SecretId is none of the API 3.0 (AuthFailure.InvalidSecretId); it looks like a token; the keys are from the Secret shop/dnspod"),
			},
		},
		"the secret is another key's": {
			"signature-wrong", "The cloud knows the access key's ID in the Secret shop/a and the Secret shop/b, but the secret beside it is another's: the signature is wrong.",
			[]Sign{
				challengeSays(presenting + "the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch); check the AccessKey Secret for a wrong value or a stray line break; the keys are from the Secret shop/a and the Secret shop/b"),
				challengeSays("dnspod: present the TXT record x.example.com: the SecretKey does not match the SecretId (AuthFailure.SignatureFailure); check; the keys are from the Secret shop/dnspod"),
			},
		},
		"the token has run out": {
			"token-expired", "The cloud does not accept the temporary token in the Secret shop/alidns.",
			[]Sign{challengeSays(presenting + "the security token has expired (InvalidSecurityToken.Expired); renew; the keys are from the Secret shop/alidns")},
		},
		"the role does not trust the user": {
			"role-not-assumed", "The cloud does not let the access key in the Secret shop/alidns assume the role acs:ram::1234567890123456:role/dns.",
			[]Sign{
				challengeSays(presenting + "the role acs:ram::1234567890123456:role/dns may not be assumed with these keys (NoPermission); allow sts:AssumeRole; the keys are from the Secret shop/alidns, for the role acs:ram::1234567890123456:role/dns"),
			},
		},
		"the role does not exist": {
			"role-not-assumed", "The cloud does not let the access key in the Secret shop/dnspod assume the role qcs::cam::uin/1:roleName/dns.",
			[]Sign{
				challengeSays("dnspod: present the TXT record x.example.com: the role qcs::cam::uin/1:roleName/dns does not exist (ResourceNotFound.RoleNotFound); set; the keys are from the Secret shop/dnspod, for the role qcs::cam::uin/1:roleName/dns"),
				challengeSays("dnspod: present the TXT record x.example.com: STS does not find the role qcs::cam::uin/1:roleName/dns (InternalError.GetRoleError); set; the keys are from the Secret shop/dnspod, for the role qcs::cam::uin/1:roleName/dns"),
			},
		},
		"the node's clock is off": {
			"clock-off", "The cloud refuses the calls for their time: the clock of the node on which the solver runs is off.",
			[]Sign{challengeSays(presenting + "the clock of this node is off (InvalidTimeStamp.Expired); set the node's clock, for example with NTP: Alibaba Cloud allows 15 minutes")},
		},
		"the RAM policy leaves an action out": {
			"cloud-permission-missing", "The policy of the access key in the Secret shop/alidns does not allow alidns:AddDomainRecord.",
			[]Sign{
				challengeSays(presenting + "the RAM policy does not allow alidns:AddDomainRecord (Forbidden.RAM); allow alidns:AddDomainRecord on the zone in the RAM policy of the user or role; the keys are from the Secret shop/alidns"),
				challengeSays("dnspod: present the TXT record x.example.com: the CAM policy does not allow dnspod:CreateRecord (AuthFailure.UnauthorizedOperation); allow; the keys are from the Secret shop/dnspod"),
			},
		},
		"the account is not verified": {
			"account-restricted", "The cloud knows the account of the Secret shop/dnspod and refuses its calls: dnspod: present the TXT record x.example.com: the account has not passed real-name verification (FailedOperation.NotRealNamedUser); see to it; the keys are from the Secret shop/dnspod.",
			[]Sign{challengeSays("dnspod: present the TXT record x.example.com: the account has not passed real-name verification (FailedOperation.NotRealNamedUser); see to it; the keys are from the Secret shop/dnspod")},
		},
		"the domain is not registered": {
			"domain-not-in-dns", "The resolvers say that the domain example.com does not exist, so nobody sees a record below it.",
			[]Sign{{Cause: "domain-not-in-dns", Values: map[string]string{"domain": "example.com"}}},
		},
		"the resolvers hide SOA records": {
			"zone-is-public-suffix", "The resolvers that are asked do not find the zone of _acme-challenge.www.example.com: they show no SOA record below a public suffix.",
			[]Sign{
				{Cause: "zone-is-public-suffix", Values: map[string]string{"record": "_acme-challenge.www.example.com", "zone": "com"}},
				challengeSays("Could not find the SOA record in the DNS tree for the domain '_acme-challenge.www.example.com.' using nameservers [10.0.0.10:53]"),
				challengeSays(`Waiting for DNS-01 challenge propagation: Could not determine authoritative nameservers for "_acme-challenge.www.example.com."`),
			},
		},
		"the domain is in another account": {
			"zone-in-another-account", "The account that the keys open does not host a zone for _acme-challenge.www.example.com.",
			[]Sign{
				challengeSays(presenting + "no zone of this account encloses _acme-challenge.www.example.com; add the domain to the account, or use the keys of the account that hosts it; the keys are from the Secret shop/alidns"),
				challengeSays(presenting + "the account does not host the zone example.com (InvalidDomainName.NoExist); check that Alidns hosts the zone in the account of this AccessKey; the keys are from the Secret shop/alidns"),
				challengeSays(presenting + "the zone example.com belongs to another account (IncorrectDomainUser); check; the keys are from the Secret shop/alidns"),
			},
		},
		"too many calls": {
			"cloud-throttles", "There are more calls to the account than the cloud, or certyun's own limit, lets through.",
			[]Sign{
				challengeSays(presenting + "too many calls to Alidns (Throttling.User)"),
				challengeSays("dnspod: present the TXT record x.example.com: too many calls to DNSPod (RequestLimitExceeded)"),
				challengeSays(presenting + "the limit of calls a second to this account left no room before the deadline; fewer certificates at once, or a higher --alidns-qps if the cloud allows it"),
			},
		},
		"the way to the cloud is closed": {
			"cloud-unreachable", "The cloud's API gives no answer that can be used: " + presenting + "no answer from alidns.aliyuncs.com in time.",
			[]Sign{challengeSays(presenting + "no answer from alidns.aliyuncs.com in time"), challengeSays(presenting + "the certificate of alidns.aliyuncs.com is not trusted; check")},
		},
		"the zone wants a longer TTL": {
			"record-refused", "The cloud refuses to write the record: " + presenting + "the zone example.com does not allow a TTL of 60 seconds; set config.ttl to at least 600, the minimum of the zone's edition.",
			[]Sign{
				challengeSays(presenting + "the zone example.com does not allow a TTL of 60 seconds; set config.ttl to at least 600, the minimum of the zone's edition"),
				challengeSays(presenting + "a record of another type at the name in the zone example.com forbids a TXT record (DomainRecordConflict); remove that record"),
			},
		},
		"the cloud has a new code": {
			"cloud-refused", "The cloud refuses the call: " + presenting + "Alidns refused alidns:DescribeDomains (Some.NewCode).",
			[]Sign{challengeSays(presenting + "Alidns refused alidns:DescribeDomains (Some.NewCode)")},
		},
		"the CA remembers the first value of a name": {
			"ca-remembers-first", `The CA found the record of *.www.example.com at _acme-challenge.www.example.com, and was then asked for that of Challenge shop/www-1-2-3 while it remembered that answer: Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record "x" found at _acme-challenge.www.example.com.`,
			[]Sign{
				afterItsRival(`Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record "x" found at _acme-challenge.www.example.com`),
				afterItsRival("Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: No TXT record found at _acme-challenge.www.example.com"),
				afterItsRival("Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: Correct value not found for DNS challenge"),
				afterItsRival("Correct value not found for DNS challenge"),
			},
		},
		"a challenge is held back for minutes": {
			"ca-may-remember", "Challenge shop/www-1-2-3 is held back, as the CA may have asked for _acme-challenge.www.example.com before its value was there. That lasts 60 seconds (`ahead.caMemory`) after the CA was last asked, and has lasted for longer.",
			[]Sign{challengeSays(holding)},
		},
		"the solver may not read Challenges": {
			"challenges-not-readable", "The ServiceAccount certyun/certyun-solver may not list challenges in all namespaces, so that the solver does not know which values a name needs: an apex and its wildcard take about a minute longer, and may fail where the solver has several replicas.",
			[]Sign{{Cause: "challenges-not-readable", Values: map[string]string{
				"reader": "certyun/certyun-solver", "reader-user": "certyun:certyun-solver", "what": "list challenges in all namespaces", "verb": "list", "type": "challenges.acme.cert-manager.io",
			}}},
		},
		"CNAMEs go round": {
			"cname-loop", "The CNAMEs at _acme-challenge.www.example.com lead nowhere: the CNAME of b leads back to a.",
			[]Sign{{Cause: "cname-loop", Text: "the CNAME of b leads back to a", Values: map[string]string{"record": "_acme-challenge.www.example.com", "why": "the CNAME of b leads back to a"}}},
		},
		"a name server lags": {
			"record-not-visible", "The record is written, but not visible yet on ns2.simulator.test (127.0.0.2).",
			[]Sign{
				challengeSays(presenting + "the record is written but not visible yet on ns2.simulator.test (127.0.0.2); it is tried again; if it stays so, compare the zone's name servers in the DNS with those that the DNS host names for it"),
				challengeSays(`Waiting for DNS-01 challenge propagation: DNS record for "www.example.com" not yet propagated`),
				challengeSays(presenting + "the name servers of the zone example.com took too long to show the last record, and another challenge is waiting for them; this one is tried again"),
			},
		},
		"port 53 is closed": {
			"dns-closed", "No name server of the zone can be asked: egress to port 53 is closed, or somebody answers in the name servers' place (ns1 (192.0.2.1) does not answer).",
			[]Sign{
				{Cause: "dns-closed", Values: map[string]string{"why": "ns1 (192.0.2.1) does not answer", "record": "_acme-challenge.www.example.com"}},
				challengeSays(presenting + "none of the name servers of the zone example.com answers with authority: ns1 (192.0.2.1) does not answer; allow egress to port 53 over UDP and TCP"),
				challengeSays("Waiting for DNS-01 challenge propagation: read udp 10.0.0.7:41000->192.0.2.1:53: i/o timeout"),
				challengeSays("read udp 10.0.0.7:41000->10.0.0.10:53: i/o timeout"),
			},
		},
		"a CNAME is not followed": {
			"cname-not-followed", "_acme-challenge.www.example.com is a CNAME to www.acme.example.com, where the CA looks; the solver writes to _acme-challenge.www.example.com.",
			[]Sign{{Cause: "cname-not-followed", Values: map[string]string{"record": "_acme-challenge.www.example.com", "target": "www.acme.example.com"}}},
		},
		"records are left over": {
			"records-left-over", "At _acme-challenge.www.example.com there are 2 values of challenges that are not under way.",
			[]Sign{{Cause: "records-left-over", Text: "2 values of challenges that are not under way", Values: map[string]string{"record": "_acme-challenge.www.example.com"}}},
		},
		"a CAA record names another CA": {
			"caa-forbids", `A CAA record of the domain does not let this CA issue: 0 issue "digicert.com".`,
			[]Sign{
				{Cause: "caa-forbids", Values: map[string]string{"why": `0 issue "digicert.com"`}},
				orderSays(`Failed to finalize Order: 403 urn:ietf:params:acme:error:caa: CAA record for example.com prevents issuance`),
				challengeSays(`Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:caa: CAA record for www.example.com prevents issuance`),
			},
		},
		"a wildcard has only HTTP-01": {
			"no-solver-matches", "None of the Issuer's solvers can be used for *.example.com: their selectors leave it out, or it is a wildcard and they are for HTTP-01.",
			[]Sign{{Cause: "no-solver-matches", Object: object("Order", "shop", "www-1-2"), Values: map[string]string{"name": "*.example.com"}}},
		},
		"the CA finds no record": {
			"validation-failed", "The CA asked the DNS for the record and did not get it: Error accepting authorization: acme: authorization error for www.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.www.example.com.",
			[]Sign{
				challengeSays("Error accepting authorization: acme: authorization error for www.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.www.example.com"),
				challengeSays(`Error accepting authorization: acme: authorization error for www.example.com: 403 urn:ietf:params:acme:error:unauthorized: Incorrect TXT record "x" found at _acme-challenge.www.example.com`),
				challengeSays("Correct value not found for DNS challenge"),
				afterItsRival("Error accepting authorization: acme: authorization error for www.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: NXDOMAIN looking up TXT for _acme-challenge.www.example.com"),
			},
		},
		"the CA limits the rate": {
			"acme-refused", "The ACME server refuses: Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates already issued for this exact set of domains.",
			[]Sign{
				orderSays("Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: too many certificates already issued for this exact set of domains"),
				orderSays("Failed to create Order: 400 urn:ietf:params:acme:error:rejectedIdentifier: Error creating new order :: Cannot issue for \"www.example.com\""),
				issuerSaysThat("Failed to register ACME account: 400 urn:ietf:params:acme:error:invalidContact: contact email has forbidden domain"),
			},
		},
		"the ACME server is away": {
			"acme-unreachable", `cert-manager does not get an answer from the ACME server that it can use: Failed to register ACME account: Get "https://acme.example.com/dir": dial tcp: lookup acme.example.com: no such host.`,
			[]Sign{
				issuerSaysThat(`Failed to register ACME account: Get "https://acme.example.com/dir": dial tcp: lookup acme.example.com: no such host`),
				issuerSaysThat("Failed to register ACME account: the ACME server returned an HTTP 404 response which is not an RFC 8555 problem document; the response body has been omitted and can be found in the cert-manager logs"),
				orderSays(`Failed to create Order: Post "https://acme.example.com/order": dial tcp 192.0.2.1:443: connect: connection refused`),
			},
		},
		"an Issuer is not ready for another reason": {
			"issuer-not-ready", `Issuer shop/le is not ready, so that nothing is issued with it: Failed to verify Vault is initialized and unsealed.`,
			[]Sign{issuerSaysThat("Failed to verify Vault is initialized and unsealed")},
		},
		"the external account binding is not there": {
			"issuer-secret-wrong", `Issuer shop/le cannot use a Secret of its own: Failed to register ACME account: secrets "eab" not found.`,
			[]Sign{
				issuerSaysThat(`Failed to register ACME account: secrets "eab" not found`),
				issuerSaysThat(`Error getting keypair for CA issuer: secret "ca" not found`),
				issuerSaysThat("Account private key is invalid: error decoding private key PEM block: no PEM data was found in given input"),
				issuerSaysThat("Failed to verify ACME account: the ACME issuer config has 'disableAccountKeyGeneration' set to true, but the secret was not found: secrets \"le-account\" not found"),
			},
		},
		"the Issuer is not there": {
			"object-missing", "There is no Issuer shop/le, but there is a ClusterIssuer of this name: set kind: ClusterIssuer in the reference.",
			[]Sign{
				{Cause: "object-missing", Values: map[string]string{"missing": "Issuer shop/le", "hint": ", but there is a ClusterIssuer of this name: set kind: ClusterIssuer in the reference", "resources": "issuers"}},
				{Quoted: true, Object: object("CertificateRequest", "shop", "www-1"), Text: `Referenced "Issuer" not found: issuer.cert-manager.io "le" not found`},
			},
		},
		"the definitions are not there": {
			"definitions-missing", "cert-manager is not installed, or without its definitions, or with those of an old version: CustomResourceDefinition orders.acme.cert-manager.io is missing.",
			[]Sign{{Cause: "definitions-missing", Values: map[string]string{"missing": "CustomResourceDefinition orders.acme.cert-manager.io is missing"}, Object: report.Object{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition", Name: "orders.acme.cert-manager.io"}}},
		},
		"cert-manager is one that lets editors create Challenges": {
			"editors-create-challenges", "The chart of cert-manager v1.20.2 lets whoever may edit a namespace create Challenges (GHSA-8rvj-mm4h-c258). With one of their own they can have challenge records written and removed in the account of an Issuer, and of each ClusterIssuer, for whatever name that account hosts.",
			[]Sign{{Cause: "editors-create-challenges", Values: map[string]string{"version": "v1.20.2"}}},
		},
		"the cluster is old": {
			"kubernetes-too-old", "Kubernetes v1.28.1 is older than 1.30, the oldest that certyun is for.",
			[]Sign{{Cause: "kubernetes-too-old", Values: map[string]string{"has": "v1.28.1", "oldest": "1.30"}}},
		},
		"cert-manager's webhook is away": {
			"cert-manager-webhook-down", "The API server does not reach cert-manager's own webhook, so that nothing of cert-manager's can be written.",
			[]Sign{{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: connection refused`}},
		},
		"another webhook is away": {
			"webhook-down", `The API server does not reach the webhook validate.kyverno.svc-fail, which has to agree before cert-manager's objects can be written: Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno.kyverno.svc:443/validate": no endpoints available.`,
			[]Sign{{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: Post "https://kyverno.kyverno.svc:443/validate": no endpoints available`}},
		},
		"cert-manager has no Pod": {
			"cert-manager-not-running", "Deployment cert-manager/cert-manager has no Pod that is ready: it is scaled to 0 replicas.",
			[]Sign{{Cause: "cert-manager-not-running", Object: object("Deployment", "cert-manager", "cert-manager"), Values: map[string]string{"why": "it is scaled to 0 replicas"}}},
		},
		"an approver says no": {
			"request-denied", "CertificateRequest shop/www-1 was denied: no policy allows it.",
			[]Sign{{Cause: "request-denied", Object: object("CertificateRequest", "shop", "www-1"), Values: map[string]string{"why": "no policy allows it"}}},
		},
		"nobody approves": {
			"request-not-approved", "CertificateRequest shop/www-1 is neither approved nor denied, so that nobody works on it.",
			[]Sign{{Cause: "request-not-approved", Object: object("CertificateRequest", "shop", "www-1")}},
		},
		"another challenge is for the same name": {
			"challenge-queued", "Challenge shop/www-1-2-3 waits for its turn: it waits for Challenge other/x, which is for the same name.",
			[]Sign{{Cause: "challenge-queued", Object: object("Challenge", "shop", "www-1-2-3"), Values: map[string]string{"why": "it waits for Challenge other/x, which is for the same name"}}},
		},
		"the Issuer was corrected since": {
			"challenge-outdated", "Challenge shop/www-1-2-3 was made before Issuer shop/le was changed, and keeps the solver that it was made with.",
			[]Sign{{Cause: "challenge-outdated", Object: object("Challenge", "shop", "www-1-2-3"), Values: map[string]string{"issuer": "Issuer shop/le", "request": "www-1", "request-namespace": "shop"}}},
		},
		"a renewal is late": {
			"renewal-overdue", "Certificate shop/www needs to be issued anew and is not: it expired at 2026-01-02T03:04:05Z.",
			[]Sign{{Cause: "renewal-overdue", Object: object("Certificate", "shop", "www"), Values: map[string]string{"why": "it expired at 2026-01-02T03:04:05Z", "caller": "cert-manager/cert-manager"}}},
		},
		"two Certificates have one Secret": {
			"secret-shared", `Certificate shop/www and another Certificate have the same secretName, so that cert-manager leaves this one alone: Secret was issued for "mail". If this message is not transient, you might have two conflicting Certificates pointing to the same secret.`,
			[]Sign{{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `Secret was issued for "mail". If this message is not transient, you might have two conflicting Certificates pointing to the same secret.`}},
		},
		"the keystore has no password": {
			"keystore-password-missing", `Certificate shop/www was signed, and is not written for want of its keystore's password: JKS keystore password Secret "jks" not found.`,
			[]Sign{{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `JKS keystore password Secret "jks" not found`}},
		},
		"the private key may not be changed": {
			"private-key-does-not-fit", `Certificate shop/www wants another private key than there is, and cert-manager may not make a new one: User intervention required: existing private key in Secret "www" does not match requirements on Certificate resource.`,
			[]Sign{{Quoted: true, Object: object("Certificate", "shop", "www"), Text: `User intervention required: existing private key in Secret "www" does not match requirements on Certificate resource`}},
		},
		"the answer over HTTP is not seen": {
			"http-challenge-unseen", "Challenge shop/www-1-2-3 is solved over HTTP, not with a DNS record, and its answer is not seen: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'.",
			[]Sign{
				challengeSays("Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"),
				challengeSays(`Waiting for HTTP-01 challenge propagation: failed to perform self check GET request 'http://www.example.com/x': Get "http://www.example.com/x": dial tcp 192.0.2.1:80: i/o timeout`),
			},
		},
		"a Challenge cannot be cleaned up": {
			"challenge-lingers", "Challenge shop/www-1-2-3 is being deleted, and waits until its record is removed: no answer.",
			[]Sign{
				{Cause: "challenge-lingers", Object: object("Challenge", "shop", "www-1-2-3"), Text: "no answer", Values: map[string]string{"why": "no answer"}},
				lingeringWith("no answer"), lingeringWith(presenting + "the Secret shop/gone does not exist"),
			},
		},
		"a Challenge was cleaned up in vain while the solver was away": {
			"challenge-lingers", "Challenge shop/www-1-2-3 is being deleted, and waits until its record is removed: what it complained about is in order now, and cert-manager has not tried again yet.",
			[]Sign{
				lingeringWith(refusal("dnspod", group)),
				lingeringWith("error trying to reach service: dial tcp 10.96.0.103:8443: connect: connection refused"),
				lingeringWith("the server is currently unable to handle the request (post dnspod.acme.certyun.internal)"),
			},
		},
		"a CAA record is for another account": {
			"caa-restricts", "A CAA record names this CA, and binds it to what this certificate is not: it is for the account https://ca.example/1 only.",
			[]Sign{{Cause: "caa-restricts", Object: object("Certificate", "shop", "www"), Text: "it is for the account https://ca.example/1 only", Values: map[string]string{"domain": "example.com"}}},
		},
		"a sub-zone is not delegated": {
			"zone-not-delegated", "Nobody sees what is written to the zone local.example.com, for the DNS delegates it to no name servers: " +
				presenting + "the zone local.example.com has no name servers in the DNS yet, so nobody can see the record.",
			[]Sign{
				challengeSays(presenting + "the zone local.example.com has no name servers in the DNS yet, so nobody can see the record"),
				{Cause: "zone-not-delegated", Object: object("Issuer", "shop", "le"), Values: map[string]string{"zone": "local.example.com", "why": "x"}},
			},
		},
		"a wildcard CNAME is followed": {
			"cname-of-wildcard", "A wildcard CNAME answers for _acme-challenge.www.example.com, and cert-manager has the record written where it leads to: the solver follows it to cdn.example.net, which is not in the zone example.com.",
			[]Sign{
				{Cause: "cname-of-wildcard", Object: object("Certificate", "shop", "www"), Text: "the solver follows it to cdn.example.net, which is not in the zone example.com", Values: map[string]string{"record": "_acme-challenge.www.example.com"}},
				challengeSays("alidns: present the TXT record cdn.example.net: a wildcard CNAME answers for _acme-challenge.www.example.com; leave cnameStrategy Follow out for this name"),
			},
		},
		"the name servers fail from here": {
			"name-servers-fail-here", "The name servers of the zone example.com answer the resolvers, and do not answer from here: ns1 answers SERVFAIL.",
			[]Sign{{Cause: "name-servers-fail-here", Object: object("Certificate", "shop", "www"), Values: map[string]string{"zone": "example.com", "record": "_acme-challenge.www.example.com", "why": "ns1 answers SERVFAIL"}}},
		},
		"DNSSEC is broken": {
			"dnssec-broken", "Who checks DNSSEC, as CAs do, believes nothing of the domain: there is no DNSKEY.",
			[]Sign{
				{Cause: "dnssec-broken", Object: object("Certificate", "shop", "www"), Values: map[string]string{"record": "_acme-challenge.www.example.com", "why": "there is no DNSKEY"}},
				challengeSays("Error accepting authorization: acme: authorization error for www.example.com: 400 urn:ietf:params:acme:error:dns: DNS problem: looking up TXT for _acme-challenge.www.example.com: DNSSEC: DNSKEY Missing"),
			},
		},
		"a rule knows better": {
			"rule-broken", `spec.issuerRef.group of Certificate shop/www: "certmanager.io" is not cert-manager's group.`,
			[]Sign{{Cause: "rule-broken", Object: object("Certificate", "shop", "www"), Values: map[string]string{"field": "spec.issuerRef.group", "message": `"certmanager.io" is not cert-manager's group`, "rule": "issuer-group-unknown", "remedy": "Write cert-manager.io"}}},
		},
		"cert-manager is silent": {
			"nothing-happens", "Nobody works on Certificate shop/www: nothing has happened to it for 5m.",
			[]Sign{{Cause: "nothing-happens", Object: object("Certificate", "shop", "www"), Text: "nothing has happened to it for 5m", Values: map[string]string{"caller": "cert-manager/cert-manager"}}},
		},
		"nobody has seen the like": {
			"unknown", "Order shop/www-1-2 does not go on. What it says about that is quoted here; certyun knows no more.",
			[]Sign{orderSays("a sentence that nobody has written yet")},
		},
	}
	covered := map[string]bool{}
	for name, test := range tests {
		covered[test.cause] = true
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, sign := range test.signs {
				f := &Facts{
					Signs: []Sign{sign, misplaced}, Works: map[string]bool{
						"call " + group + "/dnspod": true, "secret shop/mended": true, "read shop/mended": true, "key shop/mended/id": true,
					},
					Groups: served, Served: []string{group}, Caller: "cert-manager/cert-manager", Program: "certyun",
				}
				found := identify(Table(), f, sign).finding(f)
				if found.Cause != test.cause {
					t.Errorf("sign %d (%s %s) is recognised as %s, want %s", i, sign.Cause, sign.Text, found.Cause, test.cause)
				}
				if i == 0 {
					if diff := cmp.Diff(test.sentence, found.Sentence); diff != "" {
						t.Errorf("sentence (-want +got):\n%s", diff)
					}
				}
				for _, text := range []string{found.Sentence, found.Next, found.Fix} {
					if placeholderLeft.MatchString(text) {
						t.Errorf("sign %d: a value is missing: %s", i, text)
					}
				}
			}
		})
	}
	for _, cause := range append(Table(), Unknown()) {
		if !covered[cause.ID] {
			t.Errorf("no sign is recognised as %s", cause.ID)
		}
	}
}

// TestUnavailable is about what an API server says of an APIService.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	const failed = "FailedDiscoveryCheck: tls: failed to verify certificate: x509: "
	tests := map[string]struct{ text, cause string }{
		"nobody answers":                    {"FailedDiscoveryCheck: dial tcp: connection refused", "solver-not-running"},
		"another group is served":           {"FailedDiscoveryCheck: failing or missing response from https://10.0.0.7:8443/apis/a/v1alpha1: bad status from https://10.0.0.7:8443/apis/a/v1alpha1: 404", "solver-serves-other-group"},
		"the client certificate is refused": {"FailedDiscoveryCheck: failing or missing response from https://10.0.0.7:8443/apis/a/v1alpha1: bad status from https://10.0.0.7:8443/apis/a/v1alpha1: 401", "front-proxy-refused"},
		"another authority":                 {failed + "certificate signed by unknown authority", "apiservice-ca-wrong"},
		"it has expired":                    {failed + "certificate has expired or is not yet valid: current time 2026-11-23T16:00:00Z is after 2026-01-02T03:04:05Z", "serving-certificate-expired"},
		"it begins tomorrow":                {failed + "certificate has expired or is not yet valid: current time 2026-11-23T16:00:00Z is before 2026-11-24T00:00:00Z", "serving-certificate-not-yet-valid"},
		"it is for another name":            {failed + "certificate is valid for a.example, not certyun-solver.certyun.svc", "serving-certificate-name-wrong"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if cause, _ := whyUnavailable(test.text); cause != test.cause {
				t.Errorf("cause %s, want %s", cause, test.cause)
			}
		})
	}
}

// TestRecognise is about many signs at once.
func TestRecognise(t *testing.T) {
	t.Parallel()
	apiService := object("APIService", "", "v1alpha1.acme.certyun.internal")
	away := challengeSays("the server is currently unable to handle the request (post alidns.acme.certyun.internal)")
	down := Sign{Cause: "solver-not-running", Object: object("Deployment", "certyun", "certyun-solver"), Text: "scaled", Values: map[string]string{"apiservice": apiService.Name, "why": "scaled"}}
	tests := map[string]struct {
		signs            []Sign
		causes, warnings []string
		waiting          bool
	}{
		"nothing": {},
		"what cert-manager says of a solver that is away is explained by the Deployment": {
			signs: []Sign{down, away}, causes: []string{"solver-not-running"},
		},
		"a warning explains nothing": {
			signs:  []Sign{{Cause: "solver-not-running", Level: Warning}, away},
			causes: []string{"solver-not-running"}, warnings: []string{"solver-not-running"},
		},
		"the same is said once": {
			signs:  []Sign{challengeSays(presenting + "too many calls to Alidns (Throttling)"), challengeSays(presenting + "too many calls to Alidns (Throttling.User)")},
			causes: []string{"cloud-throttles"},
		},
		"the same of two Secrets is said twice": {
			signs:  []Sign{challengeSays("the Secret a/b does not exist"), challengeSays("the Secret a/c does not exist")},
			causes: []string{"secret-missing", "secret-missing"},
		},
		"two things that nobody knows are two": {
			signs: []Sign{orderSays("one"), orderSays("two"), orderSays("one")}, causes: []string{"unknown", "unknown"},
		},
		"a rule is blamed where something only does not go on": {
			signs:  []Sign{orderSays("one"), {Cause: "rule-broken", Object: object("Certificate", "shop", "www"), Text: "a rule"}},
			causes: []string{"rule-broken", "unknown"},
		},
		"a rule is not blamed where something says why": {
			signs:  []Sign{challengeSays("the Secret a/b does not exist"), {Cause: "rule-broken", Object: object("Certificate", "shop", "www"), Text: "a rule"}},
			causes: []string{"secret-missing"},
		},
		"a rule is not blamed where nothing is wrong": {
			signs: []Sign{{Cause: "rule-broken", Object: object("Certificate", "shop", "www"), Text: "a rule"}},
		},
		"a zone that nobody asks is told once": {
			signs: []Sign{
				challengeSays(presenting + "the zone a.example.com has no name servers in the DNS yet, so nobody can see the record"),
				{Cause: "zone-not-delegated", Object: object("Issuer", "shop", "le"), Values: map[string]string{"zone": "a.example.com", "why": "it is hosted beside example.com"}},
			},
			causes: []string{"zone-not-delegated"},
		},
		"resolvers that do not know a zone that is there are not the zone's fault": {
			signs:  []Sign{challengeSays(presenting + "nobody could be asked whether the record is visible: the zone example.com has no name servers in the DNS")},
			causes: []string{"dns-closed"},
		},
		"what may still come is no cause": {
			signs: []Sign{{Quoted: true, Level: Waiting, Text: "soon"}}, waiting: true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			causes, warnings, waiting := recognise(Table(), &Facts{Signs: test.signs})
			if diff := cmp.Diff([][]string{test.causes, test.warnings}, [][]string{ids(causes), ids(warnings)}); diff != "" {
				t.Errorf("causes and warnings (-want +got):\n%s", diff)
			}
			if waiting != test.waiting {
				t.Errorf("waiting = %t, want %t", waiting, test.waiting)
			}
		})
	}
}

func ids(findings []Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Cause)
	}
	return list
}

// TestCloudsWords recognises everything that the solvers may say of what a cloud refuses, by their own tables.
func TestCloudsWords(t *testing.T) {
	t.Parallel()
	reason := regexp.MustCompile(`(?:reason|Reason):\s+(?:fmt\.Sprintf\()?"([^"]+)"`)
	// A solver takes these for success.
	harmless := regexp.MustCompile(`an equal record exists|the record does not exist|the record id is none`)
	words := strings.NewReplacer("{zone}", "example.com", "{line}", `"unicom"`, "{permission}", "alidns:AddDomainRecord", "{role}", "acs:ram::1:role/dns", "{provider}", "acs:ram::1:oidc-provider/ack", "%s", "example.com", "%d", "60")
	for _, cloud := range []string{alidnsName, dnspodName} {
		var source []byte
		for _, file := range []string{"errors.go", "role.go"} {
			text, err := os.ReadFile(filepath.Join("..", "..", "solvers", cloud, file))
			if err != nil {
				t.Fatal(err)
			}
			source = append(source, text...)
		}
		found := reason.FindAllStringSubmatch(string(source), -1)
		if len(found) < 20 {
			t.Fatalf("only %d reasons are found in the table of %s", len(found), cloud)
		}
		for _, match := range found {
			text := words.Replace(match[1])
			if harmless.MatchString(text) {
				continue
			}
			if identify(Table(), &Facts{}, challengeSays(presenting+text+" (Some.Code); do something")).cause.ID == Unknown().ID {
				t.Errorf("nothing recognises what %s says: %s", cloud, text)
			}
		}
	}
}
