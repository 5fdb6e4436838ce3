package doctor

import (
	"regexp"
	"slices"
	"strings"
)

// recogniser is the form of Cause.Recognise.
type recogniser = func(*Facts, Sign) (map[string]string, bool)

// because explains a sign by one of these causes.
func because(causes ...string) func(*Facts, Sign) bool {
	return func(f *Facts, _ Sign) bool { return f.Signs.saw(causes...) }
}

// saidBecause explains what was said by one of these causes. What was seen stands for itself.
func saidBecause(causes ...string) func(*Facts, Sign) bool {
	return func(f *Facts, s Sign) bool { return s.Cause == "" && f.Signs.saw(causes...) }
}

// uninstalled explains by an APIService that is not there that its group cannot be called.
func uninstalled(f *Facts, s Sign) bool {
	return slices.ContainsFunc(f.Signs, func(o Sign) bool {
		group := o.Values["group"]
		return o.Cause == "apiservice-missing" && s.says("."+group, `"`+group+`"`)
	})
}

// issuerSaysWhy explains what cert-manager says of a CertificateRequest whose Issuer is not ready or not there.
func issuerSaysWhy(f *Facts, s Sign) bool {
	return s.Cause == "" && s.says("Referenced ") && slices.ContainsFunc(f.Signs, func(o Sign) bool { return isProblem(o) && isIssuer(o.Object) })
}

// waitingDeployment is the value of a sign of what keeps the Pods of a Deployment from becoming ready.
const waitingDeployment = "deployment"

// podsWait explains by what its Pods wait for that a Deployment is not as it should be. A warning explains no problem.
func podsWait(f *Facts, s Sign) bool {
	return slices.ContainsFunc(f.Signs, func(o Sign) bool {
		return o.Values[waitingDeployment] == s.Object.String() && (isProblem(o) || !isProblem(s))
	})
}

// hindered explains why nothing happens to an object.
func hindered(f *Facts, _ Sign) bool {
	return f.Signs.saw("cert-manager-not-running", "cert-manager-not-allowed", "rule-broken", "object-missing", "definitions-missing") ||
		slices.ContainsFunc(f.Signs, func(o Sign) bool { return isProblem(o) && o.says(failedCalling) })
}

// said recognises what was said by a part of it. Where the text names what it is about, the values do.
func said(parts ...string) recogniser {
	return func(_ *Facts, s Sign) (map[string]string, bool) { return about(s.Text), s.says(parts...) }
}

// matching recognises what was said by a pattern, and takes its named groups as values.
func matching(pattern *regexp.Regexp) recogniser {
	return func(_ *Facts, s Sign) (map[string]string, bool) {
		found := pattern.FindStringSubmatch(s.Text)
		if found == nil {
			return nil, false
		}
		values := about(s.Text)
		for i, name := range pattern.SubexpNames() {
			if name = strings.ReplaceAll(name, "_", "-"); name != "" {
				values[name] = found[i]
			}
		}
		return values, true
	}
}

// either recognises what one of several does.
func either(recognisers ...recogniser) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		for _, r := range recognisers {
			if values, ok := r(f, s); ok {
				return values, true
			}
		}
		return nil, false
	}
}

// withNames is a pattern in which LABEL stands for the name of a namespace, NAME for that of an object, and KEY for a key of a Secret, with
// the characters that the API server lets them have. Anything else in their place is not what certyun or an API server has said.
func withNames(pattern string) *regexp.Regexp {
	return regexp.MustCompile(strings.NewReplacer(
		"LABEL", `[a-z0-9](?:[a-z0-9-]*[a-z0-9])?`, "NAME", `[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?`, "KEY", `[A-Za-z0-9._-]+`,
	).Replace(pattern))
}

// unavailable is what an API server says when it reaches no aggregated one.
const unavailable = "the server is currently unable to handle the request"

var (
	ambientName = regexp.MustCompile(`the credentials are ambient: (the (?:(?:AccessKey|key|credentials URI) in the solver's environment|(?:RRSA|OIDC) token of the solver's ServiceAccount|(?:RAM|CAM) role of the solver's node))`)
	keysFrom    = withNames(`the keys are from (the Secret LABEL/NAME(?: and the Secret LABEL/NAME)*)`)
	rolesNamed  = regexp.MustCompile(`(?:the role|for the role|take|find the role) ((?:acs:ram|qcs:)[A-Za-z0-9:/._-]+)`)
	roleRefused = regexp.MustCompile(`may not be assumed with these keys|the role \S+ does not exist|STS does not (?:find the role|take)|STS refused`)
	permissions = regexp.MustCompile(`does not allow ((?:alidns|dnspod):\w+)`)
	zones       = regexp.MustCompile(`(?:no zone of (?:this|the) account(?: of \S+)? encloses|does not host the zone|the zone) ([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)`)
	recordAt    = regexp.MustCompile(`the TXT record ((?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)`)
	servers     = regexp.MustCompile(`not visible yet on ([^;]+)`)
)

// unknownKeys is what a cloud says of an access key's ID that it does not know, in the words of the solvers.
func unknownKeys() []string {
	return []string{"the AccessKey ID does not exist", "the AccessKey ID is not valid", "the SecretId does not exist", "the SecretId is none of the API 3.0"}
}

// mended recognises what a Challenge complains about and what was found in order: cert-manager waits longer and longer
// between its tries, up to half an hour.
func mended(f *Facts, s Sign) (map[string]string, bool) {
	if s.Object.Kind != "Challenge" {
		return nil, false
	}
	if unreached(s) || unauthorized.MatchString(s.Text) {
		return nil, f.Works["call "+s.Values[calls]]
	}
	for _, complaint := range []struct {
		pattern *regexp.Regexp
		mends   string
	}{
		{refusedCall, "call ${group}/${solver}"},
		{unknownCall, "call ${group}/${solver}"},
		{awayCall, "call ${group}/${solver}"},
		{absentSecret, "secret ${secret_namespace}/${secret}"},
		{unread, "read ${secret_namespace}/${secret}"},
		{absentKey, "key ${secret_namespace}/${secret}/${key}"},
		{badKey, "key ${secret_namespace}/${secret}/${key}"},
	} {
		if found := complaint.pattern.FindStringSubmatchIndex(s.Text); found != nil {
			return nil, f.Works[string(complaint.pattern.ExpandString(nil, complaint.mends, s.Text, found))]
		}
	}
	return nil, false
}

// calls is the value of a sign from a Challenge with the solver that it calls, "group/solver".
const calls = "calls"

// unreached tells whether an API server said that it did not reach a solver, without a word about which.
func unreached(s Sign) bool {
	return s.Values[calls] != "" && s.says("error trying to reach service", "no endpoints available for service")
}

// lingersFor is the value of a sign from a Challenge that is being deleted and stays, with what it complains about.
const lingersFor = "lingers"

// stays recognises a Challenge that is being deleted and stays. What it said while the solver was away, it says until cert-manager
// tries again: that is told as what it is.
func stays(f *Facts, s Sign) (map[string]string, bool) {
	why, isLingering := s.Values[lingersFor]
	if _, isBehind := mended(f, Sign{Object: s.Object, Text: why, Values: s.Values}); isBehind {
		why = "what it complained about is in order now, and cert-manager has not tried again yet"
	}
	return map[string]string{"why": why}, isLingering
}

// heldBack is what certyun says of a challenge that it does not let the CA look for yet.
const heldBack = "the CA may still remember that the record was not there"

// unfound is what CAs say of a record that they did not find, in the words of Let's Encrypt and of Pebble.
func unfound() []string {
	return []string{"Incorrect TXT record", "No TXT record", "Correct value not found"}
}

// rivalName is the value of a sign from a Challenge that failed soon after another one of its name.
const rivalName = "rival"

// remembered recognises a CA that was asked for the second value of a name, and got the answer that had the first.
func remembered(_ *Facts, s Sign) (map[string]string, bool) {
	return about(s.Text), s.Values[rivalName] != "" && s.says(unfound()...)
}

// about takes from a text what it says it is about, in the words of the solvers.
func about(text string) map[string]string {
	values := map[string]string{"keys": "the Secret that the solver names", "permission": "the action", "zone": "the zone", "why": text, "servers": "some name servers", "role": "that the solver names"}
	for name, pattern := range map[string]*regexp.Regexp{"keys": keysFrom, "permission": permissions, "role": rolesNamed, "zone": zones, "record": recordAt, "servers": servers} {
		if found := pattern.FindStringSubmatch(text); found != nil {
			values[name] = strings.TrimRight(found[1], ",")
		}
	}
	values["keys"], values["bearer"] = bearerIn(text, values["keys"])
	return values
}

// bearerIn is what a text says that the cloud was called with, and where its keys are: in these Secrets, or around the solver.
func bearerIn(text, secrets string) (keys, bearer string) {
	if found := ambientName.FindStringSubmatch(text); found != nil {
		bearer = found[1]
		if strings.HasSuffix(bearer, inEnvironment) {
			return inEnvironment[len(" in "):], bearer
		}
		return bearer, bearer
	}
	if strings.Contains(text, "sts:AssumeRoleWith") {
		return secrets, "the token of the solver's ServiceAccount"
	}
	return secrets, "the access key in " + secrets
}

const inEnvironment = " in the solver's environment"

// What the solvers say of ambient credentials.
var (
	ambientRefused  = regexp.MustCompile(`the config names no Secret, and (?P<why>--ambient-credentials allows [a-zA-Z ]+|cert-manager does not allow the Issuer ambient credentials)`)
	roleNotListed   = regexp.MustCompile(`the role (?P<role>\S+) is not one of --ambient-role-arns`)
	tokenAbsent     = regexp.MustCompile(`(?:there is no token|the token|what is) at (?P<token_file>\S+) in the solver's Pod`)
	audienceRefused = regexp.MustCompile(`the OIDC provider (?P<provider>\S+) does not take the audience of the token`)
	tokenUntrusted  = regexp.MustCompile(`(?P<why>RAM does not know the OIDC provider \S+|the (?:OIDC provider \S+ does not vouch for|role \S+ may not be assumed with) the token of the solver's ServiceAccount)`)
	identityAbsent  = regexp.MustCompile(`(?P<why>there are no ambient credentials: the variable \S+ turns the node's off|the variable \S+ (?:is not set )?in the solver's environment(?: [^;]+)?|the solver's node has no (?:RAM|CAM) role)`)
	sessionEnded    = regexp.MustCompile(`the cloud has ended the session of (?P<session>[^;]+?) before its time`)
)

// refusedCall is how an API server refuses cert-manager the call of a solver.
var refusedCall = regexp.MustCompile(`cannot create resource "(?P<solver>[^"]+)" in API group "(?P<group>[^"]+)" at the cluster scope`)

// unknownCall is how it says that nobody serves one.
var unknownCall = regexp.MustCompile(`the server could not find the requested resource \(post (?P<solver>[a-z0-9-]+)\.(?P<group>[a-z0-9.-]+)\)`)

// awayCall is how it says that a server does not answer.
var awayCall = regexp.MustCompile(regexp.QuoteMeta(unavailable) + ` \(post (?P<solver>[a-z0-9-]+)\.(?P<group>[a-z0-9.-]+)\)`)

// call recognises a call of a solver that went wrong, when the group is as the test wants it. An API server refuses before it
// looks whether anybody serves what is called, so its words alone do not tell the cause.
func call(wanted func(g Group, solver string) bool) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		for _, pattern := range []*regexp.Regexp{refusedCall, unknownCall} {
			values, ok := matching(pattern)(f, s)
			if !ok {
				continue
			}
			if strings.HasSuffix(values["group"], ".k8s.io") || strings.HasSuffix(values["group"], "cert-manager.io") {
				return nil, false // which are nobody's solvers
			}
			group := f.Groups[values["group"]]
			values["known"] = strings.Join(group.Resources, ", ")
			values["caller"], values["caller-user"] = f.Caller, "system:serviceaccount:"+strings.Replace(f.Caller, "/", ":", 1)
			values["groups"] = groupsInWords(f.Served, f.ServedKnown)
			return values, wanted(group, values["solver"])
		}
		return nil, false
	}
}

// groupsInWords are groups that are served, and whether that is known.
func groupsInWords(groups []string, known bool) string {
	switch {
	case len(groups) > 0:
		return strings.Join(groups, " and ")
	case known:
		return "none"
	}
	return "not known"
}

func groupAbsent(g Group, _ string) bool { return g.Known && !g.Served }

func solverAbsent(g Group, solver string) bool {
	return g.Served && g.Resources != nil && !slices.Contains(g.Resources, solver)
}

func callRefused(Group, string) bool { return true }

// away recognises that the solver is not there, by what cert-manager says. The sign of the APIService says it better.
func away(f *Facts, s Sign) (map[string]string, bool) {
	values, ok := matching(awayCall)(f, s)
	if unreached(s) {
		group, _, _ := strings.Cut(s.Values[calls], "/")
		values, ok = map[string]string{"group": group}, true
	}
	if !ok {
		return nil, false
	}
	values["apiservice"] = apiVersion + "." + values["group"]
	_, values["service-namespace"] = f.namespaces()
	values["why"] = "it does not answer"
	return values, true
}

// unauthorized is what an API server says for a solver that does not know who calls it. ACME servers and clouds say so in more words.
var unauthorized = regexp.MustCompile(`^(?:Error (?:presenting|cleaning up) challenge: )?Unauthorized$|the server has asked for the client to provide credentials|User \\?"system:anonymous\\?" cannot create resource`)

// unauthenticated recognises that a solver does not accept the API server's client certificate, by what cert-manager says.
func unauthenticated(f *Facts, s Sign) (map[string]string, bool) {
	if s.Object.Kind != "Challenge" || !unauthorized.MatchString(s.Text) {
		return nil, false
	}
	values := map[string]string{"apiservice": "the APIService"}
	if group, _, ok := strings.Cut(s.Values[calls], "/"); ok {
		values["apiservice"] = apiServiceObject(group).Name
	}
	return values, true
}

// wildcardCNAME is what certyun says of a name to which a wildcard answers.
const wildcardCNAME = "wildcard CNAME"

var wildcardAt = regexp.MustCompile(`answers for ([A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?)`)

// wildcardFollowed recognises a name to which a wildcard CNAME answers, by certyun's words.
func wildcardFollowed(_ *Facts, s Sign) (map[string]string, bool) {
	values := map[string]string{}
	if at := wildcardAt.FindStringSubmatch(s.Text); at != nil {
		values["record"] = at[1]
	}
	return values, s.says(wildcardCNAME)
}

// absentSecret is what certyun says of a Secret that is not there.
var absentSecret = withNames(`the Secret (?P<secret_namespace>LABEL)/(?P<secret>NAME) does not exist`)

// secretAbsent recognises a Secret that is not there; somewhere tells whether one of this name is elsewhere.
func secretAbsent(somewhere bool) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		found := absentSecret.FindStringSubmatch(s.Text)
		if found == nil {
			return nil, false
		}
		values := map[string]string{"secret-namespace": found[1], "secret": found[2]}
		for _, seen := range f.Signs {
			if seen.Cause == "secret-in-wrong-namespace" && seen.Values["secret-namespace"] == found[1] && seen.Values["secret"] == found[2] {
				values["elsewhere"] = seen.Values["elsewhere"]
			}
		}
		return values, (values["elsewhere"] != "") == somewhere
	}
}

var (
	absentKey = withNames(`the Secret (?P<secret_namespace>LABEL)/(?P<secret>NAME) has no key "(?P<key>KEY)"`)
	badKey    = withNames(`the value of the key "(?P<key>KEY)" in the Secret (?P<secret_namespace>LABEL)/(?P<secret>NAME) (?P<why>is empty|has white space[^;]*)`)
	unread    = withNames(`certyun is not allowed to read the Secret (?P<secret_namespace>LABEL)/(?P<secret>NAME)(?:;|$)`)
)

// keyAbsent is absentKey, in words.
func keyAbsent(f *Facts, s Sign) (map[string]string, bool) {
	values, ok := matching(absentKey)(f, s)
	if ok {
		values["why"] = "is not there"
	}
	return values, ok
}

// byKind recognises what objects of one kind say.
func byKind(kind string, r recogniser) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		if s.Object.Kind != kind {
			return nil, false
		}
		return r(f, s)
	}
}

func issuerSays(r recogniser) recogniser {
	return either(byKind("Issuer", r), byKind("ClusterIssuer", r))
}

// refused recognises a right that somebody lacks, by an API server's words. Delegated is for those that every aggregated API
// server has to have.
func refused(delegated bool) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		values, ok := matching(refusedRight)(f, s)
		if !ok || delegated != slices.Contains([]string{"subjectaccessreviews", "tokenreviews"}, values["what"]) {
			return nil, false
		}
		values["type"] = typed(values["what"], values["group"], values["namespace"])
		if delegated {
			values["reader-user"] = strings.TrimPrefix(values["who"], "system:serviceaccount:")
			values["reader"] = strings.Replace(values["reader-user"], ":", "/", 1)
			values["what"] = values["verb"] + " " + values["what"]
		}
		return values, true
	}
}

// isFailure tells whether each name server of those that a text names answers, with a failure. A resolver fails as well where it
// does not reach them.
func isFailure(text string) bool {
	return answersFailure.MatchString(text) && !Sign{Text: text}.says("does not answer", "without authority", "refers to other", "the resolver ")
}

// failing recognises a failure.
func failing(_ *Facts, s Sign) (map[string]string, bool) { return about(s.Text), isFailure(s.Text) }

// except recognises what one does and another does not.
func except(no, r recogniser) recogniser {
	return func(f *Facts, s Sign) (map[string]string, bool) {
		if _, ok := no(f, s); ok {
			return nil, false
		}
		return r(f, s)
	}
}

// acmeAway recognises a call of the ACME server that got no answer. A webhook and the self check are called in the same words.
func acmeAway(f *Facts, s Sign) (map[string]string, bool) {
	if s.says(failedCalling, "challenge propagation") {
		return nil, false
	}
	return matching(unansweredCall)(f, s)
}

// unready recognises whatever an Issuer says of why it is not ready.
func unready(_ *Facts, s Sign) (map[string]string, bool) {
	return about(s.Text), s.Values[notReady] != ""
}

// notReady is the value of a sign from an Issuer's Ready condition.
const notReady = "reason"

var (
	// dnsTimeout is cert-manager's self check without an answer.
	dnsTimeout = regexp.MustCompile(`(?i)Waiting for DNS-01 challenge propagation: .*(?:i/o timeout|connection refused|network is unreachable|no route to host)`)
	// resolverTimeout is cert-manager's search for the zone without an answer.
	resolverTimeout = regexp.MustCompile(`(?:read|write|dial) (?:udp|tcp)\S* .*:53: .*(?:i/o timeout|connection refused|network is unreachable|no route to host)`)
	// failure is a resolver that answers with one.
	failure = regexp.MustCompile(`the resolver \S+ answers [A-Z]+`)
	// refusedRight is how an API server refuses anybody anything.
	refusedRight = withNames(`is forbidden: User \\?"(?P<who>[^"\\\s]+)\\?" cannot (?P<verb>[a-z]+) resource \\?"(?P<what>NAME(?:/[a-z]+)?)\\?"` +
		`(?: in API group \\?"(?P<group>(?:NAME)?)\\?")?(?: in the namespace \\?"(?P<namespace>LABEL)\\?")?`)
	// dnsRefused is cert-manager's self check with a name server that does not know the zone.
	dnsRefused = regexp.MustCompile(`(?i)Waiting for DNS-01 challenge propagation: NS (?P<servers>\S+) returned`)
	// answersFailure is what is said of a name server that answers with a failure.
	answersFailure = regexp.MustCompile(`answers (?:SERVFAIL|REFUSED|NOTAUTH|FORMERR|NOTIMP)`)
	// unansweredCall is a call over HTTP that got no answer, in the words of Go's net/http.
	unansweredCall = regexp.MustCompile(`(?:Get|Post|Head) "https?://[^"]+": `)
	// forbiddenByPolicy is how an API server refuses what a quota, a policy or a webhook does not let in.
	forbiddenByPolicy = regexp.MustCompile(`is forbidden: (?:exceeded quota|failed quota|ValidatingAdmissionPolicy)|denied (?:the )?request:|maximum \w+ usage per`)
	// webUnseen is cert-manager's self check over HTTP.
	webUnseen = regexp.MustCompile(`(?i)Waiting for HTTP-01 challenge propagation|failed to perform self check GET request`)
	// failedWebhook is how it says of a webhook that it does not answer.
	failedWebhook = regexp.MustCompile(`failed calling webhook \\?"(?P<webhook>[^"\\]+)`)
	// ownSecret is what cert-manager says of the Secrets of an Issuer itself.
	ownSecret = regexp.MustCompile(`secrets? "[^"]+" not found|Account private key is invalid|External Account Binding|disableAccountKeyGeneration|keypair for CA issuer|Referenced secret`)
	// absentIssuer is what cert-manager says of a reference that leads nowhere.
	absentIssuer = regexp.MustCompile(`Referenced "?(?P<kind>\w+)"? not found.*?"(?P<issuer>[^"]+)" not found`)
)

// issuerAbsent recognises a reference that leads nowhere by cert-manager's words.
func issuerAbsent(f *Facts, s Sign) (map[string]string, bool) {
	values, ok := matching(absentIssuer)(f, s)
	if !ok {
		return nil, false
	}
	values["missing"], values["hint"], values["resources"] = values["issuer"], "", "issuers,clusterissuers"
	return values, true
}
