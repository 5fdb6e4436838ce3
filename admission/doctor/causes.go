package doctor

import (
	"slices"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// Table returns the causes, in the order in which they are tried and in which the document has them.
func Table() []Cause {
	return slices.Concat(mendedCauses(), trustCauses(), servingCauses(), admissionCauses(), policyCauses(), callingCauses(), rightCauses(), secretCauses(), ambientCauses(), accountCauses(), roleCauses(), zoneCauses(), cloudCauses(), memoryCauses(), disturbedCauses(), dnsCauses(), acmeCauses(),
		certManagerCauses(), podCauses(), turnCauses(), certificateCauses())
}

// nudge makes cert-manager look at an object again: any change of it does.
const nudge = `kubectl annotate {resource} {object-name}{in} --overwrite certyun.internal/again="$(date +%s)"`

func mendedCauses() []Cause {
	return []Cause{
		{
			ID: "challenge-lingers", Title: "A deleted Challenge waits for its record to be removed",
			Shows:     []string{"a Challenge that is being deleted and stays, with a finalizer of cert-manager's", "a namespace that stays in `Terminating` for a Challenge"},
			Recognise: stays,
			Each:      true,
			Sentence:  "{object} is being deleted, and waits until its record is removed: {why}.",
			Next:      nudge,
			Fix: "cert-manager tries again by itself, but waits longer after each failure, up to half an hour. Any change of the Challenge makes it try at once, as the command does. " +
				"Mend what it says then, and cert-manager removes the record and lets go of it. If the solver is gone for good, remove the record in the cloud's console, and then the Challenge's finalizers: " +
				"`kubectl patch {resource} {object-name}{in} --type=merge -p '{\"metadata\":{\"finalizers\":null}}'`.",
		},
		{
			ID: "challenge-behind", Title: "What the Challenge complains about is mended, and cert-manager has not tried again yet",
			Shows:     []string{"the words of another cause in a Challenge, though that was mended"},
			Recognise: mended,
			Sentence:  "What {object} says is from the last time that cert-manager tried; what it complains about is in order now.",
			Next:      nudge,
			Fix: "Wait: cert-manager tries again by itself, but waits longer after each failure, up to half an hour. Any change of the Challenge makes it try at once. " +
				"If the same comes back, the solver can be reached some of the time only: look at all of its Pods.",
		},
	}
}

func trustCauses() []Cause {
	return []Cause{
		{
			ID: "serving-certificate-not-yet-valid", Title: "The solver's serving certificate is not valid yet",
			Shows:    []string{"`x509: certificate has expired or is not yet valid: current time … is before …` in the APIService's condition"},
			Sentence: "The serving certificate behind {apiservice} is not valid before {begins}: the clock of a node is off.",
			Next:     "kubectl get nodes -o wide",
			Fix:      "Set the clocks of the control plane's nodes and of the node on which cert-manager runs, for example with NTP.",
		},
		{
			ID: "serving-certificate-expired", Title: "The solver's serving certificate has expired",
			Shows:    []string{"`x509: certificate has expired or is not yet valid` in the APIService's condition"},
			Sentence: "The serving certificate behind {apiservice} has expired ({expires}), so the API server does not talk to the solver.",
			Next:     "kubectl describe certificates.cert-manager.io -n {service-namespace}",
			Fix: "cert-manager renews it: see why its Certificate was not renewed. If its Secret is newer than what is served, restart the " +
				"solver: `kubectl rollout restart deployment -n {service-namespace} -l app.kubernetes.io/component=solver`.",
		},
		{
			ID: "apiservice-ca-wrong", Title: "The APIService's CA bundle does not fit the serving certificate",
			Shows: []string{
				"`x509: certificate signed by unknown authority` in the APIService's condition",
				"an APIService without a `caBundle`",
			},
			Sentence: "The API server does not trust the solver behind {apiservice}: {why}.",
			Next:     "kubectl logs -n {cert-manager} deploy/cert-manager-cainjector",
			Fix: "cert-manager's CA injector writes the `caBundle` from the Certificate that the annotation `cert-manager.io/inject-ca-from` of " +
				"the APIService names. See that the injector runs, that the annotation names the Certificate of the release, and that this is ready. " +
				"`helm upgrade` restores the annotation.",
		},
		{
			ID: "serving-certificate-name-wrong", Title: "The solver's serving certificate is for another name",
			Shows:    []string{"`x509: certificate is valid for …, not certyun-solver.certyun.svc` in the APIService's condition"},
			Sentence: "The serving certificate behind {apiservice} is not for the name of its Service, {service}.{service-namespace}.svc: {why}.",
			Next:     "kubectl get certificates.cert-manager.io -n {service-namespace} -o wide",
			Fix:      "See that the APIService names the Service of the release, and that nobody else answers there. `helm upgrade` restores both, and the names in the Certificate of the release.",
		},
	}
}

func servingCauses() []Cause {
	return []Cause{
		{
			ID: "solver-serves-other-group", Title: "The solver serves another API group than the APIService",
			Shows:    []string{"`bad status from https://…/apis/acme.certyun.internal/v1alpha1: 404` in the APIService's condition"},
			Sentence: "What is behind {apiservice} answers, but does not serve the group {group}.",
			Next:     "kubectl get deployments -n {service-namespace} -o jsonpath='{.items[*].spec.template.spec.containers[*].args}'",
			Fix:      "The solver's flag `--group-name`, or its variable GROUP_NAME, must be the APIService's group, and the APIService's Service that of the solver. `helm upgrade` with the value `groupName` sets both.",
		},
		{
			ID: "front-proxy-refused", Title: "The solver does not accept the API server's own client certificate",
			Shows: []string{
				"`bad status from https://…/apis/acme.certyun.internal/v1alpha1: 401` in the APIService's condition", "`Unauthorized` in a Challenge, and nothing else",
				"`Unable to authenticate the request`, with `x509: certificate has expired` or `signed by unknown authority`, in the solver's log",
			},
			Recognise: unauthenticated,
			Explained: saidBecause("front-proxy-refused"),
			Sentence:  "What is behind {apiservice} answers, but does not accept the client certificate with which the API server calls it: {why}.",
			Next:      "kubectl get configmap extension-apiserver-authentication -n kube-system -o yaml",
			Fix: "The API server's certificate for aggregated API servers (front-proxy-client) has expired, or is not signed by the `requestheader-client-ca-file` of that ConfigMap. " +
				"With kubeadm see `kubeadm certs check-expiration`, run `kubeadm certs renew front-proxy-client` on each control plane node and restart its kube-apiserver; k3s and RKE2 renew it when they are restarted; " +
				"for a managed control plane ask its provider.",
		},
		{
			ID: "solver-slow", Title: "The solver does not answer in time",
			Shows:     []string{"`the server was unable to return a response in the time allotted, but may still be processing the request (post alidns.acme.certyun.internal)` in a Challenge"},
			Recognise: byKind("Challenge", said("in the time allotted", "request did not complete within")),
			Explained: saidBecause("solver-not-running", "front-proxy-refused"),
			Sentence:  "The API server did not get the solver's answer in time: {why}.",
			Next:      "kubectl get pods -n {certyun-namespace} -l app.kubernetes.io/component=solver -o wide",
			Fix: "It is tried again. If it stays so, a replica of the solver hangs (`kubectl rollout restart deployment -n {certyun-namespace} -l app.kubernetes.io/component=solver`), its way out to the cloud's API or to the name " +
				"servers loses packets, or the API server itself is slow: the solver's log says what it waits for.",
		},
		{
			ID: "solver-not-running", Title: "The solver is not running",
			Shows: []string{
				"`the server is currently unable to handle the request (post alidns.acme.certyun.internal)` in a Challenge",
				"`MissingEndpoints`, `ServiceNotFound` or `FailedDiscoveryCheck` in the APIService's condition",
				"namespaces that stay in `Terminating` with `NamespaceDeletionDiscoveryFailure`",
			},
			Recognise: away,
			Explained: saidBecause("solver-not-running", "solver-serves-other-group", "front-proxy-refused", "apiservice-ca-wrong",
				"serving-certificate-not-yet-valid", "serving-certificate-expired", "serving-certificate-name-wrong"),
			Sentence: "The API server does not reach the solver behind {apiservice}: {why}.",
			Next:     "kubectl get pods -n {service-namespace} -l app.kubernetes.io/component=solver -o wide",
			Fix: "Bring up the solver's Pods: look at their events and logs. If they are ready, something stands between the control plane and " +
				"the port of the Service: a firewall, a NetworkPolicy, or a node network without a route. See also that the APIService names the Service and the port of the release.",
		},
		{
			ID: "serving-certificate-expires", Title: "The solver's serving certificate expires soon and was not renewed",
			Shows:    []string{"a serving certificate with less than a week left"},
			Sentence: "The serving certificate behind {apiservice} expires at {expires}; cert-manager should have renewed it long before.",
			Next:     "kubectl describe certificates.cert-manager.io -n {service-namespace}",
			Fix:      "See why the Certificate of the release was not renewed. After the expiry nothing is issued through the solver.",
		},
		{
			ID: "apiservice-missing", Title: "certyun's APIService is not there",
			Shows:    []string{"`kubectl get apiservice` lists no `v1alpha1.acme.certyun.internal`"},
			Sentence: "There is no {apiservice}, so no solver is served in the group {group}.",
			Next:     "helm list -A --filter certyun",
			Fix:      "Install certyun, with `solver.enabled` true, or name the group that it was installed with (`--group-name`).",
		},
		{
			ID: "delegation-missing", Title: "The solver may not ask the API server who calls it",
			Shows:     []string{"Pods of the solver that do not become ready, with `extension-apiserver-authentication` in their log", "`subjectaccessreviews.authorization.k8s.io is forbidden` in a Challenge"},
			Recognise: refused(true),
			Sentence:  "The ServiceAccount {reader} may not {what}, which every aggregated API server has to.",
			Next:      "kubectl auth can-i --list --as=system:serviceaccount:{reader-user}",
			Fix:       "Restore the ClusterRoleBinding `…:auth-delegator` and, in kube-system, the RoleBinding `…:authentication-reader` of the chart: `helm upgrade` does.",
		},
	}
}

func admissionCauses() []Cause {
	return []Cause{
		{
			ID: "admission-authority-missing", Title: "The Secret of the admission server's own authority is gone",
			Shows:    []string{"Pods of the admission server that do not become ready", "`kubectl get secrets` lists no `certyun-admission-ca`"},
			Grave:    true,
			Sentence: "The Secret {secret-namespace}/{secret} does not exist, in which the admission server keeps the authority of its serving certificate: Pods of {deployment} that start do not become ready.",
			Next:     "kubectl get pods -n {secret-namespace} -l app.kubernetes.io/component=admission -o wide",
			Fix: "`helm upgrade` makes the Secret again, and the server writes a new authority to it. Pods that have one in their memory serve until they end. " +
				"While none is ready, nothing is checked; with the failurePolicy Fail nothing can be applied.",
		},
		{
			ID: "admission-not-asked", Title: "The API server does not reach the admission server",
			Shows: []string{
				"`failed calling webhook \"validate.certyun.internal\"` when something is applied",
				"a wrong Certificate that is applied without a word",
			},
			Recognise: said(`failed calling webhook "validate.certyun.internal"`, `failed calling webhook \"validate.certyun.internal\"`),
			Grave:     true, Explained: podsWait,
			Sentence: "certyun's admission server is not asked, and its failurePolicy is {policy}: {why}.",
			Next:     "kubectl get pods -n {service-namespace} -l app.kubernetes.io/component=admission -o wide",
			Fix: "Bring up the Pods, see that the CA injector has filled in the `caBundle` of {configuration}, and that the control plane reaches the " +
				"port. With the policy Fail nothing can be applied meanwhile; " + report.DocumentsURL +
				"operations.md#when-something-does-not-work has the way out.",
		},
	}
}

func policyCauses() []Cause {
	return []Cause{
		{
			ID: "policy-unusable", Title: "The admission server's policy has a mistake in it",
			Shows:    []string{"`The policy file cannot be used` in the log of the admission server", "the metric `certyun_admission_policy_valid` at 0"},
			Grave:    true,
			Sentence: "The policy in {object} cannot be used as it is: {why}.",
			Next:     "kubectl get configmap {configmap}{in} -o yaml",
			Fix: "Correct the chart's value `admission.policy` and run `helm upgrade`; " + report.DocumentsURL + "policy.md has all that may stand in it. " +
				"What is wrong in a policy is not in force.",
		},
	}
}

func callingCauses() []Cause {
	return []Cause{
		{
			ID: "group-not-served", Title: "The Issuer's groupName is one that nobody serves",
			Shows: []string{
				"`cannot create resource \"alidns\" in API group \"…\" at the cluster scope` in a Challenge, with a group that no APIService has",
				"`the server could not find the requested resource` in a Challenge",
			},
			Recognise: call(groupAbsent),
			Explained: uninstalled,
			Sentence:  "Nobody serves the API group {group}, which the solver's groupName names (served is: {groups}).",
			Next:      "kubectl get apiservices -l app.kubernetes.io/part-of=certyun",
			Fix:       "Set `groupName` in the Issuer's solver to the group that certyun was installed with, the chart's value `groupName`.",
		},
		{
			ID: "solver-unknown", Title: "The Issuer's solverName is one that certyun does not have",
			Shows:     []string{"`cannot create resource \"…\" in API group \"acme.certyun.internal\"` in a Challenge, with a name that is none of certyun's"},
			Recognise: call(solverAbsent),
			Sentence:  "The group {group} has no solver {solver}; it has {known}.",
			Next:      "kubectl api-resources --api-group={group}",
			Fix:       "Set `solverName` in the Issuer's solver to `alidns` for Alibaba Cloud DNS or `dnspod` for Tencent Cloud DNSPod.",
		},
		{
			ID: "caller-not-allowed", Title: "cert-manager may not call the solver",
			Shows:     []string{"`is forbidden: User \"system:serviceaccount:…\" cannot create resource \"alidns\" in API group \"acme.certyun.internal\" at the cluster scope` in a Challenge"},
			Recognise: call(callRefused),
			Explained: uninstalled,
			Sentence:  "cert-manager's ServiceAccount {caller} may not create {solver} in the API group {group}, which is how it calls the solver.",
			Next:      "kubectl auth can-i create {solver}.{group} --as={caller-user}",
			Fix: "See that groupName and solverName have no slip in them. Then set the chart's values `certManager.namespace` and `certManager.serviceAccountName` to the ServiceAccount that cert-manager's " +
				"controller runs as; the chart then lets that one in.",
		},
	}
}

func rightCauses() []Cause {
	return []Cause{
		{
			ID: "cluster-refuses", Title: "A quota, a policy or a webhook of the cluster refuses what cert-manager makes",
			Shows: []string{
				"`is forbidden: exceeded quota: …`, `ValidatingAdmissionPolicy '…' denied request`, `admission webhook \"…\" denied the request` in an object or an event",
			},
			Recognise: matching(forbiddenByPolicy),
			Sentence:  "The cluster does not let cert-manager make what it needs: {why}.",
			Next:      describe,
			Fix:       "Change what the message names, the quota or the policy, or make an exception in it for cert-manager's ServiceAccount ({caller}).",
		},
		{
			ID: "cert-manager-not-allowed", Title: "cert-manager may not do what it has to",
			Shows:     []string{"`is forbidden: User \"system:serviceaccount:cert-manager:cert-manager\" cannot …` about anything but a solver"},
			Recognise: refused(false),
			Weight:    stops, Grave: true,
			Sentence: "{who} may not {verb} {what}, which it needs to go on.",
			Next:     "kubectl auth can-i {verb} {type} --as={who}",
			Fix:      "Restore cert-manager's ClusterRoles and bindings: upgrade or reinstall its chart with `global.rbac.create` true.",
		},
		{
			ID: "namespace-vanishing", Title: "The namespace is being deleted",
			Shows:     []string{"`forbidden: unable to create new content in namespace … because it is being terminated`", "a namespace that stays in `Terminating`"},
			Recognise: said("because it is being terminated"),
			Sentence:  "The namespace is being deleted, so that nothing can be made in it: {why}.",
			Next:      "kubectl get challenges.acme.cert-manager.io -A",
			Fix:       "Use another namespace. If it stays in Terminating, its conditions say what holds it: Challenges that cannot be cleaned up, or an APIService that is not available.",
		},
	}
}

func secretCauses() []Cause {
	return []Cause{
		{
			ID: "secret-not-readable", Title: "certyun may not read the Secret",
			Shows:     []string{"`certyun is not allowed to read the Secret …` in a Challenge"},
			Recognise: matching(unread),
			Sentence:  "The solver may not read the Secret {secret-namespace}/{secret}.",
			Next:      "kubectl get rolebindings -n {secret-namespace} -l app.kubernetes.io/part-of=certyun",
			Fix:       "Add {secret-namespace} to the chart's value `secrets.namespaces`, and {secret} to `secrets.resourceNames` if that is set.",
		},
		{
			ID: "secret-in-wrong-namespace", Title: "The Secret is in another namespace",
			Shows:     []string{"`the Secret … does not exist` in a Challenge, though there is one of this name"},
			Recognise: secretAbsent(true),
			Sentence:  "The solver looks for the Secret {secret} in the namespace {secret-namespace}, but it is in {elsewhere}.",
			Next:      "kubectl get secret {secret} -n {secret-namespace}",
			Fix:       "Create it in {secret-namespace}: {secret-place}.",
		},
		{
			ID: "secret-missing", Title: "The Secret does not exist",
			Shows:     []string{"`the Secret … does not exist` in a Challenge"},
			Recognise: secretAbsent(false),
			Sentence:  "The Secret {secret-namespace}/{secret}, which holds the solver's keys, does not exist.",
			Next:      "kubectl get secrets -n {secret-namespace}",
			Fix:       "Create it there: {secret-place}.",
		},
		{
			ID: "secret-key-wrong", Title: "The key is missing in the Secret, or its value has white space",
			Shows: []string{
				"`the Secret … has no key \"…\"` in a Challenge",
				"`the value of the key \"…\" in the Secret … is empty`, or `has white space or another character inside that no access key has`",
			},
			Recognise: either(keyAbsent, matching(badKey)),
			Sentence:  "The key {key} of the Secret {secret-namespace}/{secret} {why}.",
			Next:      "kubectl describe secret {secret} -n {secret-namespace}",
			Fix:       "Write the access key there as the cloud's console shows it (`kubectl create secret generic … --from-literal`), or name the right key in the Issuer.",
		},
		{
			ID: "config-wrong", Title: "The solver's config cannot be understood",
			Shows:     []string{"`the config of the solver: config.…` in a Challenge"},
			Recognise: said("the config of the solver", "assumes a role without an external id"),
			Sentence:  "The config of the Issuer's solver is wrong: {why}.",
			Next:      "kubectl get {resource} {object-name}{in} -o yaml",
			Fix:       "Correct the config; " + report.DocumentsURL + "solvers.md has all fields. A Challenge keeps the config that it was made with: delete its CertificateRequest to begin anew.",
		},
	}
}

// solverPods shows the solver's Pods with what was injected into them.
const solverPods = "kubectl get pods -n {certyun-namespace} -l app.kubernetes.io/component=solver -o yaml"

// withoutKeys is the document about the credentials of the solver's own surroundings.
const withoutKeys = report.DocumentsURL + "solvers.md#without-keys"

func ambientCauses() []Cause {
	return []Cause{
		{
			ID: "ambient-not-allowed", Title: "The config names no Secret, and the Issuer may not use the solver's own credentials",
			Shows: []string{
				"`the config names no Secret, and --ambient-credentials allows …`, `the config names no Secret, and cert-manager does not allow the Issuer ambient credentials` in a Challenge",
			},
			Recognise: matching(ambientRefused),
			Sentence:  "The config of the Issuer's solver names no Secret, and the credentials of the solver's own Pod or node are not for it: {why}.",
			Next:      "kubectl get deployments -A -o yaml | grep -i ambient",
			Fix: "Name a Secret with the keys in the config, or use a ClusterIssuer. To allow it to Issuers in namespaces, set `ambient.credentials=all` in certyun's chart, and start cert-manager's controller with " +
				"`--issuer-ambient-credentials`: then whoever may write an Issuer there may use the solver's identity. ClusterIssuers need `ambient.credentials=cluster-issuers`, and no " +
				"`--cluster-issuer-ambient-credentials=false`.",
		},
		{
			ID: "ambient-role-not-listed", Title: "The role is none of those that may be assumed with the solver's own credentials",
			Shows:     []string{"`the role … is not one of --ambient-role-arns` in a Challenge"},
			Recognise: matching(roleNotListed),
			Sentence:  "The role {role} is none of those that the operator lets Issuers assume with the solver's own credentials.",
			Next:      "kubectl get deployments -n {certyun-namespace} -l app.kubernetes.io/component=solver -o jsonpath='{.items[*].spec.template.spec.containers[*].args}'",
			Fix:       "Add its ARN to the chart's value `ambient.roleArns`, in which * stands for any characters; or leave `roleArn` out, or name a Secret with keys that may assume it.",
		},
		{
			ID: "token-not-mounted", Title: "There is no token of the solver's ServiceAccount in its Pod",
			Shows:     []string{"`there is no token at … in the solver's Pod` in a Challenge", "a variable `ALIBABA_CLOUD_OIDC_TOKEN_FILE` or `TKE_WEB_IDENTITY_TOKEN_FILE` in a Pod without the volume"},
			Recognise: matching(tokenAbsent),
			Sentence:  "The solver's Pod has no token of its ServiceAccount at {token-file} that can be read.",
			Next:      solverPods,
			Fix: "Let the chart mount it (`ambient.alidns` or `ambient.dnspod`), or have the cloud's webhook inject it: ACK wants the namespace's label `pod-identity.alibabacloud.com/injection=on` and the ServiceAccount's " +
				"annotation with the role, TKE the ServiceAccount's annotations. They act when a Pod is made: `kubectl rollout restart deployment -n {certyun-namespace} -l app.kubernetes.io/component=solver`.",
		},
		{
			ID: "token-audience-wrong", Title: "The token of the solver's ServiceAccount is for another audience",
			Shows:     []string{"`the OIDC provider … does not take the audience of the token of the solver's ServiceAccount` in a Challenge"},
			Recognise: matching(audienceRefused),
			Sentence:  "The OIDC provider {provider} does not take the audience of the token of the solver's ServiceAccount.",
			Next:      solverPods,
			Fix: "Make the audience one of the provider's client ids: `ambient.alidns.audience` (`sts.aliyuncs.com`), `ambient.dnspod.audience` (`sts.cloud.tencent.com`), or add it to the provider in the cloud's console. " +
				"The Pod has it in its projected volume, under serviceAccountToken.",
		},
		{
			ID: "oidc-provider-untrusted", Title: "The cloud does not trust the token of the solver's ServiceAccount",
			Shows: []string{
				"`RAM does not know the OIDC provider …`, `the OIDC provider … does not vouch for the token of the solver's ServiceAccount` in a Challenge",
				"`the role … may not be assumed with the token of the solver's ServiceAccount`",
			},
			Recognise: matching(tokenUntrusted),
			Sentence:  "The cloud does not take the token of the solver's ServiceAccount for a proof of who the solver is: {why}.",
			Next:      "kubectl get --raw /.well-known/openid-configuration",
			Fix: "The issuer that the command shows has to be an OIDC provider in RAM or CAM, with its keys of today. Name that provider to the solver (`ambient.alidns.oidcProviderArn`, `ambient.dnspod.providerId`). " +
				"The role's trust policy has to name it, the audience and the ServiceAccount, as system:serviceaccount:NAMESPACE:NAME; `certyun doctor issuer` shows which. " + withoutKeys + " has all of it, for each cloud.",
		},
		{
			ID: "no-ambient-identity", Title: "The config names no Secret, and the solver has no credentials of its own",
			Shows: []string{
				"`the variable … is not set in the solver's environment`, `the solver's node has no RAM role`, `the solver's node has no CAM role` in a Challenge",
				"`connection refused by 100.100.100.200`, `no answer from metadata.tencentyun.com in time`, with `or give the solver an identity`",
			},
			Recognise: either(matching(identityAbsent), said("or give the solver an identity", "see to it that the service is there, or unset ")),
			Sentence:  "The config of the Issuer's solver names no Secret, and the solver's Pod and node give it no credentials: {why}.",
			Next:      solverPods,
			Fix:       "Name a Secret with the keys in the config, or give the solver an identity, by the chart's values `ambient.alidns` or `ambient.dnspod` or by a role of its nodes; " + withoutKeys + " says how.",
		},
		{
			ID: "session-ended", Title: "The cloud has ended the session of a role before its time",
			Shows:     []string{"`the cloud has ended the session of … before its time` in a Challenge"},
			Recognise: matching(sessionEnded),
			Sentence:  "The cloud has ended the session of {session} before its time.",
			Next:      describe,
			Fix:       "The next try asks for another session. If it comes back, see in the cloud's console whether somebody revokes the sessions of the role, changes it, or disables the keys that assume it, and whether the node's clock is right.",
		},
	}
}

func accountCauses() []Cause {
	return []Cause{
		{
			ID: "access-key-swapped", Title: "The ID and the secret of the access key are in each other's place",
			Shows:    []string{"`the AccessKey ID does not exist` or `the SecretId does not exist` in a Challenge, though the key is there"},
			Sentence: "The Secret {secret-namespace}/{secret} has the access key's ID where {object} looks for its secret (the key {key}).",
			Next:     "kubectl describe secret {secret} -n {secret-namespace}",
			Fix:      "Put each where it belongs: an AccessKey ID begins with LTAI, a SecretId with AKID. Write the Secret again, or name the keys the other way round in the Issuer.",
		},
		{
			ID: "access-key-of-other-api", Title: "The keys are not those of the cloud's API",
			Shows:     []string{"`it looks like a token of the retired DNSPod API or an APPID` in a Challenge"},
			Recognise: said("looks like a token of the retired DNSPod API"),
			Explained: because("access-key-swapped"),
			Sentence:  "DNSPod does not know the SecretId in {keys}: it looks like a token of DNSPod's retired API or an APPID.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix:       "Create a key in CAM (console.cloud.tencent.com/cam/capi): its SecretId begins with AKID. Write it and its SecretKey to {keys}, each in its place.",
		},
		{
			ID: "access-key-unknown", Title: "The cloud does not know the access key, or has disabled it",
			Shows: []string{
				"`the AccessKey ID does not exist (InvalidAccessKeyId.NotFound)`, `the AccessKey is disabled (InvalidAccessKeyId.Inactive)`",
				"`the SecretId does not exist or is disabled (AuthFailure.SecretIdNotFound)`, `the SecretId is none of the API 3.0`",
			},
			Recognise: said(append(unknownKeys(), "the AccessKey is disabled")...),
			Explained: because("access-key-swapped"),
			Sentence:  "The cloud does not accept {bearer}: it does not exist or is disabled.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix: "Create or enable a key in the console (RAM for Alibaba Cloud, CAM for Tencent Cloud) and write it to {keys}. Look whether the " +
				"ID and the secret are in each other's place.",
		},
		{
			ID: "signature-wrong", Title: "The secret part of the access key is wrong",
			Shows: []string{
				"`the AccessKey Secret does not match the AccessKey ID (SignatureDoesNotMatch)`",
				"`the SecretKey does not match the SecretId (AuthFailure.SignatureFailure)`",
			},
			Recognise: said("does not match the AccessKey ID", "does not match the SecretId", "could not verify the signature"),
			Sentence:  "The cloud knows the access key's ID in {keys}, but the secret beside it is another's: the signature is wrong.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix:       "Write both halves of one and the same key to {keys} again, without quotes and line breaks.",
		},
		{
			ID: "token-expired", Title: "The temporary token has expired, or is not that of the key",
			Shows:     []string{"`the security token has expired`, `the token has expired or is not valid for the SecretId`"},
			Recognise: said("the security token", "has no security token", "the token has expired", "could not verify the caller"),
			Sentence:  "The cloud does not accept the temporary token in {keys}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix:       "Write the key's ID, its secret and the token of one and the same answer of STS to the Secret, and renew all three before they expire.",
		},
		{
			ID: "clock-off", Title: "The clock of the solver's node is off",
			Shows:     []string{"`the clock of this node is off`", "`the token of the solver's ServiceAccount has expired`"},
			Recognise: said("the clock of this node is off", "the token of the solver's ServiceAccount has expired"),
			Sentence:  "The cloud refuses the calls for their time: the clock of the node on which the solver runs is off.",
			Next:      "kubectl get pods -A -l app.kubernetes.io/part-of=certyun,app.kubernetes.io/component=solver -o wide",
			Fix:       "Set the node's clock, for example with NTP. Alibaba Cloud allows 15 minutes, Tencent Cloud 5.",
		},
		{
			ID: "cloud-permission-missing", Title: "The access key may not do at the cloud what is needed",
			Shows:     []string{"`the RAM policy does not allow alidns:… (Forbidden.RAM)`", "`the CAM policy does not allow dnspod:…`"},
			Recognise: said("the RAM policy does not allow", "the CAM policy does not allow"),
			Sentence:  "The policy of {bearer} does not allow {permission}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix: "Attach the policy in deploy/policies to the RAM user or role (Alibaba Cloud) or the CAM user or role (Tencent Cloud). " +
				"Of Alibaba Cloud's own policies AliyunDNSFullAccess is the one for DNS records; AliyunDomainFullAccess is for registering domains and does not help.",
		},
		{
			ID: "account-restricted", Title: "The cloud's account is restricted",
			Shows:     []string{"`the account has not passed real-name verification`, `the account is banned`, `does not allow calls from this address`"},
			Recognise: said("real-name verification", "the account is banned", "the account is locked", "does not allow calls from this a", "has no ICP filing", "does not let the account in"),
			Sentence:  "The cloud knows the account of {keys} and refuses its calls: {why}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix:       "See to the account in the cloud's console: verification, list of allowed addresses, arrears.",
		},
	}
}

func roleCauses() []Cause {
	return []Cause{
		{
			ID: "role-not-assumed", Title: "The role may not be assumed, or does not exist",
			Shows: []string{
				"`the role acs:ram::… may not be assumed with these keys (NoPermission)`",
				"`the role qcs::cam::… does not exist (ResourceNotFound.RoleNotFound)`, `STS does not find the role`",
			},
			Recognise: matching(roleRefused),
			Sentence:  "The cloud does not let {bearer} assume the role {role}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix: "Two policies have to allow it: that of the user to whom the key belongs (`sts:AssumeRole` on the role), and the role's trust policy (the user or his account, and " +
				"`externalId` if it asks for one). Both are in deploy/policies. The ARN in `roleArn` is the one that the cloud's console shows. A key of an account itself assumes no role at Alibaba Cloud. " +
				"Where the role is assumed with a token of the solver's ServiceAccount, only the trust policy has to allow it.",
		},
	}
}

func zoneCauses() []Cause {
	return []Cause{
		{
			ID: "domain-not-in-dns", Title: "The public DNS does not know the domain",
			Shows:    []string{"`NXDOMAIN` for the domain itself", "`Could not find the SOA record in the DNS tree for the domain` in a Challenge"},
			Sentence: "The resolvers say that the domain {domain} does not exist, so nobody sees a record below it.",
			Next:     "dig +trace NS {domain}",
			Fix: "See that the name has no slip in it, that the domain is registered and has not expired, that the registrar delegates it to the cloud's name servers, and that its zone is not " +
				"paused at the cloud. A private domain gets no certificate from a public CA; for a private CA ask the resolvers that know it (`--nameservers`).",
		},
		{
			ID: "zone-is-public-suffix", Title: "The zone is taken for a public suffix, or is not found",
			Shows: []string{
				"`Could not find the SOA record in the DNS tree for the domain`, `Could not determine authoritative nameservers` in a Challenge",
				"`com.cn cannot be a zone of Alidns`",
			},
			Recognise: said("Could not find the SOA record", "Could not determine the zone", "Could not determine authoritative nameservers", "Could not find the start of authority", "cannot be a zone of"),
			Sentence:  "The resolvers that are asked do not find the zone of {record}: they show no SOA record below a public suffix.",
			Next:      "dig SOA {record}",
			Fix: "See with `dig NS` that the domain is delegated and exists. Some resolvers filter SOA records: give cert-manager others: `--dns01-recursive-nameservers=223.5.5.5:53,119.29.29.29:53` with " +
				"`--dns01-recursive-nameservers-only`. certyun itself takes the longest zone of the account, whatever the resolvers say.",
		},
		{
			ID: "zone-not-delegated", Title: "The zone has no name servers in the DNS",
			Shows: []string{
				"`the zone … has no name servers in the DNS` in a Challenge or in the solver's log",
				"a sub-zone at the cloud, `local.example.com` beside `example.com`, that the zone above does not delegate",
			},
			Recognise: except(said("nobody could be asked"), said("has "+noServers+" in the DNS")),
			Explained: func(f *Facts, s Sign) bool {
				return f.Signs.saw("domain-not-in-dns") || s.Cause == "" && f.Signs.saw("zone-not-delegated")
			},
			Sentence: "Nobody sees what is written to the zone {zone}, for the DNS delegates it to no name servers: {why}.",
			Next:     "dig +trace NS {zone}",
			Fix: "Delegate it to the name servers that the cloud names for it: a domain at its registrar, a sub-zone by NS records in the zone above. certyun writes to the longest zone of the account: " +
				"where the zone above is hosted as well, remove the sub-zone that nobody asks.",
		},
		{
			ID: "cname-of-wildcard", Title: "A wildcard CNAME answers for the challenge's name, and the solver follows it",
			Shows: []string{
				"`*.example.com` is a CNAME to a CDN, and the solver has `cnameStrategy: Follow`",
				"`no zone of this account encloses …` in a Challenge, with the name of a CDN",
			},
			Recognise: wildcardFollowed,
			Explained: saidBecause("cname-of-wildcard"),
			Sentence:  "A wildcard CNAME answers for {record}, and cert-manager has the record written where it leads to: {why}.",
			Next:      "dig CNAME {record}",
			Fix: "Leave `cnameStrategy: Follow` out for this name, if need be in a solver of its own with a `selector`: as soon as the record is written at {record}, the wildcard does not answer there any more. " +
				"Or write an explicit CNAME there that leads into a zone of the account.",
		},
		{
			ID: "zone-in-another-account", Title: "The account of the access key does not host the zone",
			Shows: []string{
				"`no zone of this account encloses …`, `the account does not host the zone …`",
				"`the zone … belongs to another account`",
			},
			Recognise: said("no zone of this account encloses", "the account does not host the zone", "belongs to another account", "the account has no zones"),
			Explained: saidBecause("cname-of-wildcard"),
			Sentence:  "The account that the keys open does not host a zone for {zone}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix:       "Use the keys of the account that hosts the domain, add the domain to this account, or give each account's names a solver of their own (`selector.dnsZones`).",
		},
	}
}

func cloudCauses() []Cause {
	return []Cause{
		{
			ID: "cloud-throttles", Title: "The cloud throttles the calls",
			Shows:     []string{"`too many calls to Alidns (Throttling.User)`, `too many calls to DNSPod (RequestLimitExceeded)`", "`the limit of calls a second to this account left no room`"},
			Recognise: said("too many calls to Alidns", "too many calls to DNSPod", "too many calls to STS", "the limit of calls a second to this account"),
			Sentence:  "There are more calls to the account than the cloud, or certyun's own limit, lets through.",
			Next:      "kubectl get challenges.acme.cert-manager.io -A",
			Fix:       "Wait: it is tried again. If it goes on, look for other programs with the same account, give certyun less (`solver.alidns.qps`, `solver.dnspod.qps`), or let cert-manager begin with fewer challenges at once (`--max-concurrent-challenges`).",
		},
		{
			ID: "cloud-unreachable", Title: "The solver does not reach the cloud's API",
			Shows: []string{"`no answer from alidns.aliyuncs.com in time`, `connection refused by …`, `the certificate of … is not trusted`"},
			Recognise: said(
				"no answer from ", "connection refused by ", "could not be resolved", "does not exist in DNS", "is not trusted", "the connection to ",
				"Alidns is not available", "DNSPod is not available", "STS is not available", "an error inside ", "answered HTTP", "answered with a redirect", "the answer of ", "could not be made", "took all the time there was",
				"without saying why", "could not be read from the Kubernetes API server", "does not end", "certyun is still starting",
				"taken for a repeated one", "no time was left to wait"),
			Sentence: "The cloud's API gives no answer that can be used: {why}.",
			Next:     "kubectl logs -n {certyun-namespace} -l app.kubernetes.io/component=solver --tail=50",
			Fix:      "Let the solver's Pods (and this machine, for --provider) out to the API over HTTPS (NetworkPolicy, firewall, NAT). Behind a proxy that opens TLS set `solver.cloudCA`. If the cloud itself fails, wait.",
		},
		{
			ID: "record-refused", Title: "The cloud does not take the record",
			Shows: []string{"`a record of another type at the name`, `takes no more TXT records at this name`, `does not allow a TTL of`, `does not have the line`"},
			Recognise: said(
				"forbids a TXT record", "is locked", "forbids changes", "forbids the record", "takes no more TXT records", "a limit of the",
				"does not allow a TTL", "does not have the line", "does not take a record", "does not take TXT records",
				"needs a record on the default line", "is banned", "not in service", "black hole", "is an alias of",
				"misses a parameter of", "does not allow a name of so many labels", "is under way", "is changing its name servers",
			),
			Sentence: "The cloud refuses to write the record: {why}.",
			Next:     "kubectl describe {resource} {object-name}{in}",
			Fix:      "Do what the message says: set `config.ttl` or the line, remove what stands at the name, or unlock the zone in the console.",
		},
		{
			ID: "cloud-refused", Title: "The cloud refuses a call for a reason that certyun does not know",
			Shows:     []string{"`Alidns refused alidns:… (…)`, `DNSPod refused dnspod:… (…)`"},
			Recognise: said("Alidns refused", "DNSPod refused"),
			Sentence:  "The cloud refuses the call: {why}.",
			Next:      "{certyun} doctor issuer {issuer-args} --provider",
			Fix: "Look up the code in brackets: at api.aliyun.com/document/Alidns/2015-01-09/errorCode for Alibaba Cloud DNS, at cloud.tencent.com/document/api/1427/56192 for DNSPod. " +
				"The solver's log has the cloud's own message.",
		},
	}
}

// memoryCauses are about what a CA's resolvers remember of a name: Let's Encrypt's for up to a minute.
func memoryCauses() []Cause {
	return []Cause{
		{
			ID: "ca-remembers-first", Title: "Two challenges of one name, and the CA remembered the first",
			Shows: []string{
				"`Incorrect TXT record \"…\" found at _acme-challenge.…`, `No TXT record found at …` or `Correct value not found for DNS challenge` in a Challenge, while another " +
					"one of the same Order and name is valid",
			},
			Recognise: remembered,
			Sentence:  "The CA found the record of {rival} at {record}, and was then asked for that of {object} while it remembered that answer: {why}.",
			Next:      "kubectl get {resource} {object-name}{in} -o jsonpath='{.spec.solver}'",
			Fix: "certyun writes both values before the CA looks for the first: leave the chart's `ahead.enabled` on, and let the solver read Challenges and Orders. With `ahead.enabled=false` and several " +
				"replicas, with another solver, or where others write at the name as well, set `waitInsteadOfSelfCheck: 60s` in the solver. cert-manager tries again after a wait of an hour or more; " +
				"`cmctl renew` makes it try now.",
		},
		{
			ID: "ca-may-remember", Title: "The challenge is held back until the CA has forgotten an answer",
			Shows:     []string{"`the CA may still remember that the record was not there` in a Challenge, for minutes"},
			Recognise: said(heldBack),
			Sentence:  "{object} is held back, as the CA may have asked for {record} before its value was there. That lasts 60 seconds (`ahead.caMemory`) after the CA was last asked, and has lasted for longer.",
			Next:      "kubectl get challenges.acme.cert-manager.io -A",
			Fix: "Wait: cert-manager tries again by itself, and the challenge goes on as soon as a CA has forgotten. If it does not, see whether new challenges for the same name, those of other Certificates " +
				"included, keep coming.",
		},
		{
			ID: "challenges-not-readable", Title: "The solver may not read Challenges and Orders",
			Shows: []string{"a certificate for an apex and its wildcard that takes a minute longer than others", "a warning in the solver's log"},
			Sentence: "The ServiceAccount {reader} may not {what}, so that the solver does not know which values a name needs: an apex and its wildcard take about a minute longer, and may fail where the solver has several " +
				"replicas.",
			Next: "kubectl auth can-i {verb} {type} -A --as=system:serviceaccount:{reader-user}",
			Fix: "Restore the ClusterRole and the ClusterRoleBinding `…:ahead` of the chart: `helm upgrade` does. To do without this right set `ahead.enabled=false`, and with several replicas " +
				"`waitInsteadOfSelfCheck: 60s` in the Issuers.",
		},
	}
}

// disturbedCauses are about a DNS that some see and others do not.
func disturbedCauses() []Cause {
	return []Cause{
		{
			ID: "name-servers-fail-here", Title: "The zone's name servers fail only for who asks them from here",
			Shows: []string{
				"`answers SERVFAIL` or `does not answer` of all name servers of a zone, while `dig TXT _acme-challenge.… @223.5.5.5` shows the values",
			},
			Weight:   closedDNS,
			Sentence: "The name servers of the zone {zone} answer the resolvers, and do not answer from here: {why}.",
			Next:     "dig TXT {record}",
			Fix: "Not the zone is at fault, but something on the way to port 53: a firewall, a proxy for DNS, a service mesh. Let cert-manager ask through recursive servers " +
				"(`--dns01-recursive-nameservers=223.5.5.5:53,119.29.29.29:53 --dns01-recursive-nameservers-only`). certyun waits for its whole `--propagation-timeout` and goes on.",
		},
		{
			ID: "dnssec-broken", Title: "The zone's DNSSEC is broken",
			Shows: []string{
				"`DNSSEC: DNSKEY Missing`, `DNSSEC: Signature Expired` or `DNSSEC: Bogus` in a Challenge or an Order",
				"a DS record at the registrar that was left there when the domain moved to other name servers",
			},
			Recognise: said("DNSSEC"),
			Explained: saidBecause("dnssec-broken"),
			Sentence:  "Who checks DNSSEC, as CAs do, believes nothing of the domain: {why}.",
			Next:      "dig +trace +dnssec SOA {record}",
			Fix: "Remove the DS record at the registrar, and wait for its TTL, a day mostly; or turn DNSSEC on where the zone is hosted now, and give the registrar the DS record that is shown there. " +
				"Expired signatures are made anew by whoever hosts the zone.",
		},
	}
}

func dnsCauses() []Cause {
	return []Cause{
		{
			ID: "cname-loop", Title: "The CNAMEs of the challenge's name go round in a circle",
			Shows:    []string{"`_acme-challenge.…` is a CNAME to a name that leads back to it"},
			Sentence: "The CNAMEs at {record} lead nowhere: {why}.",
			Next:     "dig +trace TXT {record}",
			Fix:      "Remove the CNAME, or let it lead to a name in a zone that the solver's account hosts.",
		},
		{
			ID: "dns-closed", Title: "DNS on port 53 is closed or intercepted",
			Shows: []string{
				"`none of the name servers of the zone … answers with authority` in the solver's log, or in a Challenge under `--propagation-strict`",
				"`read udp …: i/o timeout` or `connection refused` after `Waiting for DNS-01 challenge propagation:` in a Challenge",
			},
			Recognise: except(failing, either(said("answers with authority", "nobody could be asked whether the record is visible", "no address of the name servers", "have only addresses that are not public"),
				matching(dnsTimeout), matching(resolverTimeout))),
			Weight: closedDNS, Explained: saidBecause("name-servers-fail-here", "dnssec-broken"),
			Sentence: "No name server of the zone can be asked: egress to port 53 is closed, or somebody answers in the name servers' place ({why}).",
			Next:     "dig +norecurse TXT {record} @NAMESERVER",
			Fix: "Open egress on port 53 over UDP and TCP for the solver and for cert-manager. Where that cannot be, cert-manager can ask over HTTPS " +
				"(`--dns01-recursive-nameservers=https://223.5.5.5/dns-query --dns01-recursive-nameservers-only`); certyun waits for its whole " +
				"`--propagation-timeout` and goes on. Where a resolver answers SERVFAIL, see with `dig +trace` whether the domain's own servers or its DNSSEC are at fault.",
		},
		{
			ID: "dns-broken", Title: "The domain's DNS answers with a failure",
			Shows: []string{
				"`rcode was expected to be 'NOERROR' or 'NXDOMAIN', but got 'SERVFAIL'` in a Challenge",
				"`DNS problem: SERVFAIL looking up TXT`",
			},
			Recognise: either(said("rcode was expected to be", "Unexpected response code", "SERVFAIL"), matching(failure), failing),
			Explained: saidBecause("name-servers-fail-here", "dnssec-broken"),
			Sentence:  "The resolvers or the zone's name servers answer with a failure: {why}.",
			Next:      "dig +trace SOA {record}",
			Fix: "See that the registrar delegates to the cloud's name servers, that the zone is not paused, and that DNSSEC is either right or off: " +
				"a DS record at the registrar without signatures at the cloud makes every name fail. Where a resolver shows the record (`dig TXT {record} @223.5.5.5`), only the way from here to the name servers is disturbed: " +
				"let cert-manager ask through recursive servers, with `--dns01-recursive-nameservers` and `--dns01-recursive-nameservers-only`.",
		},
		{
			ID: "record-not-visible", Title: "The record is not visible yet, or a name server lags",
			Shows: []string{
				"`the record is written but not visible yet on …` in a Challenge",
				"`DNS record for \"…\" not yet propagated` in a Challenge",
			},
			Recognise: either(said("not visible yet", "took too long to show the last record", "not yet propagated"), matching(dnsRefused)),
			Weight:    unseenRecord, Explained: saidBecause("record-not-visible"),
			Sentence: "The record is written, but not visible yet on {servers}.",
			Next:     "{certyun} doctor certificate {certificate-args} --dns",
			Fix: "Wait a few minutes. If it stays so, compare the name servers that the registrar delegates to with those that the cloud names for the " +
				"zone: a server that is not the cloud's, or a zone that is hosted at two clouds, never shows it.",
		},
		{
			ID: "cname-not-followed", Title: "The challenge's name is delegated by CNAME, and the solver does not follow",
			Shows:    []string{"a CNAME at `_acme-challenge.…` and a solver without `cnameStrategy: Follow`"},
			Sentence: "{record} is a CNAME to {target}, where the CA looks; the solver writes to {record}.",
			Next:     "dig CNAME {record}",
			Fix:      "Set `cnameStrategy: Follow` beside `webhook` in the solver, or remove the CNAME.",
		},
		{
			ID: "records-left-over", Title: "Records of earlier challenges are left over",
			Shows:    []string{"more TXT records at `_acme-challenge.…` than there are challenges"},
			Sentence: "At {record} there are {said}.",
			Next:     "dig TXT {record}",
			Fix:      "They do no harm until a limit of the zone is reached. Remove them in the cloud's console when nothing is being issued for the name.",
		},
	}
}

func acmeCauses() []Cause {
	return []Cause{
		{
			ID: "caa-forbids", Title: "A CAA record forbids the CA",
			Shows:     []string{"`urn:ietf:params:acme:error:caa`, `CAA record for … prevents issuance`"},
			Recognise: said("acme:error:caa", "CAA record", "CAA checking", "rechecking CAA", "looking up CAA"),
			Sentence:  "A CAA record of the domain does not let this CA issue: {why}.",
			Next:      "{certyun} doctor certificate {certificate-args} --dns",
			Fix:       "Add a CAA record that names the CA (for example `0 issue \"letsencrypt.org\"`; for a wildcard `issuewild` counts first), or use the CA that is named.",
		},
		{
			ID: "caa-restricts", Title: "A CAA record lets the CA issue for another account or after another validation only",
			Shows:    []string{"a CAA record like `0 issue \"letsencrypt.org; validationmethods=http-01\"` or with `accounturi=https://…`", "`CAA record for … prevents issuance`, though the record names the CA"},
			Sentence: "A CAA record names this CA, and binds it to what this certificate is not: {why}.",
			Next:     "dig CAA {domain}",
			Fix: "Put `dns-01` into `validationmethods`, and into `accounturi` the account's URI as it stands in `status.acme.uri` of the Issuer; or add a record with these. " +
				"A record whose parameters cannot be read allows nothing; there is no semicolon after the last one. Let's Encrypt obeys these parameters (RFC 8657), all public CAs have to from 2027-03-15 on.",
		},
		{
			ID: "no-solver-matches", Title: "No solver of the Issuer matches the name",
			Shows:     []string{"`no configured challenge solvers can be used for this challenge` in an event of an Order"},
			Recognise: said("no configured challenge solvers can be used"),
			Sentence:  "None of the Issuer's solvers can be used for {name}: their selectors leave it out, or it is a wildcard and they are for HTTP-01.",
			Next:      "{certyun} doctor issuer {issuer-args}",
			Fix:       "Add a DNS-01 solver whose `selector` matches the name to the Issuer; a wildcard is never validated over HTTP-01.",
		},
		{
			ID: "validation-failed", Title: "The CA looked for the record and did not find it",
			Shows:     []string{"`DNS problem: NXDOMAIN looking up TXT for _acme-challenge.…`, `Incorrect TXT record`, `No TXT record found`, `Correct value not found for DNS challenge`"},
			Recognise: said(append(unfound(), "acme: authorization error", "looking up TXT", "Error accepting authorization")...),
			Weight:    refusedRecord,
			Sentence:  "The CA asked the DNS for the record and did not get it: {why}.",
			Next:      "{certyun} doctor certificate {certificate-args} --dns",
			Fix: "The CA was asked before the record was visible everywhere, or the domain is delegated to other name servers. Leave cert-manager's self " +
				"check on or let certyun wait (`propagation.timeout`), and compare the delegation. Where the CA quotes a value, that may be another certificate's or program's " +
				"for the same name, which it remembers for a minute: then wait `60s` there. cert-manager tries again after a wait of an hour or more; `cmctl renew` makes it try now.",
		},
		{
			ID: "issuer-secret-wrong", Title: "A Secret of the Issuer itself is missing or cannot be used",
			Shows: []string{
				"`Failed to register ACME account: secrets \"…\" not found` (an external account binding), `Account private key is invalid`, `Error getting keypair for CA issuer` in an Issuer",
			},
			Recognise: issuerSays(matching(ownSecret)),
			Sentence:  "{object} cannot use a Secret of its own: {why}.",
			Next:      "kubectl get secrets -n {issuer-namespace}",
			Fix: "Create it, or write it again, in the namespace {issuer-namespace}: there are the ACME account's key, the key of an external account binding and the key pair of a CA. " +
				"Those of a ClusterIssuer are in the cluster resource namespace, cert-manager's own by default. A broken account key can be deleted: cert-manager makes a new one.",
		},
		{
			ID: "acme-unreachable", Title: "cert-manager does not reach the ACME server",
			Shows: []string{"`Failed to register ACME account: Get \"https://…\": dial tcp …` in an Issuer", "`remote error: tls: unrecognized name` there", "`unexpected non-ACME API error` in an Order"},
			Recognise: either(said("unexpected non-ACME API error", "not an RFC 8555 problem document"), acmeAway, issuerSays(said("dial tcp", "no such host", "i/o timeout", "connection refused", "x509:",
				"TLS handshake", "context deadline exceeded", "EOF", "unsupported protocol scheme"))),
			Sentence: "cert-manager does not get an answer from the ACME server that it can use: {why}.",
			Next:     "kubectl logs -n {cert-manager} deploy/cert-manager",
			Fix: "Check `spec.acme.server`, let cert-manager out to it over HTTPS, and set `spec.acme.caBundle` for a CA of your own. Where `tls: unrecognized name` or `connection reset by peer` comes back, " +
				"something on the way filters by the server's name: give cert-manager's controller a proxy, the values `https_proxy` and `no_proxy` of its chart.",
		},
		{
			ID: "acme-refused", Title: "The ACME server refuses, or limits the rate",
			Shows:     []string{"`429 urn:ietf:params:acme:error:rateLimited`, `rejectedIdentifier`, `unauthorized`, `externalAccountRequired`, `invalidContact` in an Order or an Issuer"},
			Recognise: said("urn:ietf:params:acme:error:", "urn:acme:error:", "Failed to create Order", "Failed to finalize Order", "Failed to retrieve Order resource", "Failed to fetch authorization", "rateLimited"),
			Sentence:  "The ACME server refuses: {why}.",
			Next:      "kubectl describe {resource} {object-name}{in}",
			Fix: "Do what the ACME server says. After `rateLimited` wait until the time that it names, and rehearse with the CA's staging server. " +
				"cert-manager tries again by itself, after an hour at first and then more and more slowly; `cmctl renew` makes it try now.",
		},
		{
			ID: "issuer-not-ready", Title: "The Issuer is not ready",
			Shows:     []string{"`Ready=False` in an Issuer or ClusterIssuer"},
			Recognise: issuerSays(unready),
			Sentence:  "{object} is not ready, so that nothing is issued with it: {why}.",
			Next:      "kubectl describe {resource} {object-name}{in}",
			Fix:       "Do what its condition says; cert-manager looks at it again when it changes.",
		},
	}
}

func certManagerCauses() []Cause {
	return []Cause{
		{
			ID: "object-missing", Title: "What is named does not exist",
			Shows:     []string{"`Referenced \"Issuer\" not found` in a CertificateRequest"},
			Recognise: issuerAbsent,
			Grave:     true, Explained: issuerSaysWhy,
			Sentence: "There is no {missing}{hint}.",
			Next:     "kubectl get {resources} -A",
			Fix:      "Create it, or correct the name, the kind or the namespace of the reference. A reference without a kind means an Issuer of the same namespace.",
		},
		{
			ID: "definitions-missing", Title: "cert-manager's CustomResourceDefinitions are missing",
			Shows:    []string{"`no matches for kind \"Certificate\"`"},
			Grave:    true,
			Sentence: "cert-manager is not installed, or without its definitions, or with those of an old version: {missing}.",
			Next:     "kubectl get crds | grep cert-manager",
			Fix:      "Install cert-manager with its definitions (`crds.enabled=true` of its chart).",
		},
		{
			ID: "editors-create-challenges", Title: "Whoever may edit a namespace may create Challenges",
			Shows: []string{"cert-manager before " + rule.ChallengesClosedBefore + ", or from 1.20.0 and before " + rule.ChallengesClosed + " (GHSA-8rvj-mm4h-c258)"},
			Sentence: "The chart of cert-manager {version} lets whoever may edit a namespace create Challenges (GHSA-8rvj-mm4h-c258). With one of their own they can have challenge records written and removed in the account " +
				"of an Issuer, and of each ClusterIssuer, for whatever name that account hosts.",
			Next: "kubectl auth can-i create challenges.acme.cert-manager.io -n NAMESPACE --as=USER",
			Fix: "Upgrade cert-manager: " + rule.ChallengesClosedBefore + ", " + rule.ChallengesClosed + " and all from 1.21 on let only cert-manager create them. Or set the value `hardening.challengePolicy` of certyun's chart, " +
				"after which a ValidatingAdmissionPolicy does.",
		},
		{
			ID: "kubernetes-too-old", Title: "Kubernetes is too old",
			Shows:    []string{"a server version below the one that the chart asks for"},
			Sentence: "Kubernetes {has} is older than {oldest}, the oldest that certyun is for.",
			Next:     "kubectl version",
			Fix:      "Upgrade the cluster.",
		},
		{
			ID: "cert-manager-webhook-down", Title: "cert-manager's own webhook does not answer",
			Shows:     []string{"`failed calling webhook \"webhook.cert-manager.io\"`"},
			Recognise: said(`failed calling webhook "webhook.cert-manager.io"`, "webhook.cert-manager.io"),
			Weight:    stops, Grave: true,
			Sentence: "The API server does not reach cert-manager's own webhook, so that nothing of cert-manager's can be written.",
			Next:     "kubectl get pods -n {cert-manager} -l app.kubernetes.io/component=webhook -o wide",
			Fix:      "Bring up its Pods, see that the CA injector runs, and open the way from the control plane to port 10250 of its Pods.",
		},
		{
			ID: "webhook-down", Title: "A webhook of the cluster does not answer",
			Shows:     []string{"`failed calling webhook \"…\"` in an object, an event or a log, with the name of somebody else's webhook"},
			Recognise: matching(failedWebhook),
			Weight:    stops, Grave: true,
			Sentence: "The API server does not reach the webhook {webhook}, which has to agree before cert-manager's objects can be written: {why}.",
			Next:     "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
			Fix:      "Bring up the Pods behind it, or take cert-manager's objects out of its rules.",
		},
		{
			ID: "cert-manager-not-running", Title: "cert-manager is not running",
			Shows:  []string{"a Deployment of cert-manager without a ready Pod"},
			Weight: stops, Grave: true, Each: true,
			Sentence: "{object} has no Pod that is ready: {why}.",
			Next:     "kubectl describe {resource} {object-name}{in}",
			Fix:      "Bring it up: its events and its log say what it waits for.",
		},
	}
}

func podCauses() []Cause {
	return []Cause{
		{
			ID: "pods-not-ready", Title: "Some Pods of a Deployment do not become ready",
			Shows:     []string{"`ImagePullBackOff`, `CrashLoopBackOff` or `Pending` in `kubectl get pods`, beside Pods that are ready", "a `helm upgrade --wait` that does not end"},
			Explained: podsWait,
			Sentence:  "{object} works with the Pods that it has, but others do not become ready: {why}.",
			Next:      describe,
			Fix: "Mend what keeps the Pod: where an image cannot be pulled, its registry, its name, its tag or the pull secret. If that came with a change, " +
				"`kubectl rollout undo deployment {object-name}{in}` goes back to what was before; after `helm upgrade` it is `helm rollback`.",
		},
	}
}

func turnCauses() []Cause {
	return []Cause{
		{
			ID: "request-denied", Title: "The CertificateRequest was denied",
			Shows:    []string{"the condition `Denied` of a CertificateRequest"},
			Sentence: "{object} was denied: {why}.",
			Next:     "kubectl describe {resource} {object-name}{in}",
			Fix:      "An approver (approver-policy, for example) does not allow it. Change the Certificate or the approver's policy, then delete the CertificateRequest.",
		},
		{
			ID: "request-not-approved", Title: "Nobody has approved the CertificateRequest",
			Shows:    []string{"a CertificateRequest without the condition `Approved`"},
			Sentence: "{object} is neither approved nor denied, so that nobody works on it.",
			Next:     "kubectl logs -n {cert-manager} deploy/cert-manager",
			Fix:      "cert-manager's own approver is turned off, does not run, or may not approve for this issuer. Start it, or the one that takes its place.",
		},
		{
			ID: "challenge-queued", Title: "The Challenge waits for its turn",
			Shows:    []string{"a Challenge that stays without `status.processing`"},
			Weight:   mute,
			Sentence: "{object} waits for its turn: {why}.",
			Next:     "kubectl get challenges.acme.cert-manager.io -A",
			Fix:      "See to the challenges that are under way: cert-manager solves one at a time for a name, and 60 at once in all (`--max-concurrent-challenges`).",
		},
		{
			ID: "challenge-outdated", Title: "The Challenge was made with an older Issuer",
			Shows:    []string{"a Challenge whose solver is none of the Issuer's any more"},
			Sentence: "{object} was made before {issuer} was changed, and keeps the solver that it was made with.",
			Next:     "kubectl delete certificaterequest {request} -n {request-namespace}",
			Fix:      "Delete the CertificateRequest: cert-manager then begins anew with the Issuer as it is.",
		},
		{
			ID: "renewal-overdue", Title: "The certificate is not renewed, or its Secret is gone",
			Shows:    []string{"a Certificate that is ready and past its renewal time"},
			Grave:    true,
			Sentence: "{object} needs to be issued anew and is not: {why}.",
			Next:     "kubectl logs -n {cert-manager} deploy/cert-manager",
			Fix:      "cert-manager's controller ({caller}) does not run or has an error: see its Pods and its log.",
		},
		{
			ID: "secret-shared", Title: "Two Certificates write the same Secret",
			Shows:     []string{"`you might have two conflicting Certificates pointing to the same secret` in a Certificate"},
			Recognise: said("two conflicting Certificates"),
			Sentence:  "{object} and another Certificate have the same secretName, so that cert-manager leaves this one alone: {why}",
			Next:      "kubectl get certificates.cert-manager.io{in} -o custom-columns=NAME:.metadata.name,SECRET:.spec.secretName",
			Fix:       "Give each Certificate a `secretName` of its own, or delete the one that is not needed.",
		},
	}
}

func certificateCauses() []Cause {
	return []Cause{
		{
			ID: "keystore-password-missing", Title: "The Secret with the keystore's password is missing",
			Shows:     []string{"`JKS keystore password Secret \"…\" not found`, `PKCS12 keystore password Secret \"…\" not found` in an event of a Certificate"},
			Recognise: said("keystore password Secret"),
			Sentence:  "{object} was signed, and is not written for want of its keystore's password: {why}.",
			Next:      "kubectl get secrets{in}",
			Fix:       "Create the Secret that `spec.keystores` names, in the namespace of the Certificate, or remove `spec.keystores`.",
		},
		{
			ID: "private-key-does-not-fit", Title: "The private key in the Secret is not as the Certificate wants it",
			Shows:     []string{"`User intervention required: existing private key in Secret …` in a Certificate"},
			Recognise: said("User intervention required", "CannotRegenerateKey"),
			Sentence:  "{object} wants another private key than there is, and cert-manager may not make a new one: {why}.",
			Next:      describe,
			Fix:       "Set `spec.privateKey.rotationPolicy: Always`, or make `spec.privateKey` as the key is.",
		},
		{
			ID: "http-challenge-unseen", Title: "The answer to an HTTP-01 challenge is not seen",
			Shows:     []string{"`Waiting for HTTP-01 challenge propagation: …` in a Challenge"},
			Recognise: matching(webUnseen),
			Sentence:  "{object} is solved over HTTP, not with a DNS record, and its answer is not seen: {why}.",
			Next:      "kubectl get ingresses,services,pods{in} -l acme.cert-manager.io/http01-solver=true",
			Fix: "See that the Ingress class or the Gateway that the solver names is there, that the name leads to it, and that port 80 is open to the Internet. " +
				"With certyun the name needs none of it: add a DNS-01 solver whose `selector` matches it.",
		},
		{
			ID: "rule-broken", Title: "A rule finds fault with the Certificate",
			Shows:    []string{"a finding of a rule, where nothing else says why a Certificate does not come"},
			Weight:   guess,
			Sentence: "{field} of {object}: {message}.",
			Next:     "kubectl get {resource} {object-name}{in} -o yaml",
			Fix:      "{remedy}.",
		},
		{
			ID: "nothing-happens", Title: "cert-manager does not look at the object",
			Shows:  []string{"an object without status, conditions or events"},
			Weight: mute, Explained: hindered,
			Sentence: "Nobody works on {object}: {said}.",
			Next:     "kubectl get pods -n {cert-manager}",
			Fix: "cert-manager's controller ({caller}) does not run, may not write the object, or waits for something before it: the Issuer to be ready, " +
				"a webhook to answer. Its log says which.",
		},
	}
}
