package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/report"
)

const (
	// apiVersion is the version in which cert-manager calls all webhook solvers (pkg/acme/webhook/apis/acme/v1alpha1).
	apiVersion = "v1alpha1"
	// partOf is the label of all that certyun's chart installs.
	partOf = evidence.PartOfLabel
	ours   = evidence.PartOf
)

// The solverNames that certyun serves, as package solvers has them.
const (
	alidnsName  = "alidns"
	alidnsAlias = "alidns-solver"
	dnspodName  = "dnspod"
)

func ourSolvers() []string { return []string{alidnsName, alidnsAlias, dnspodName} }

// Group is what is known of an API group.
type Group struct {
	// Known tells whether the rest could be looked at.
	Known bool
	// Served tells whether there is an APIService for it.
	Served bool
	// Resources are the names of its solvers, nil where they could not be asked for.
	Resources []string
	// Answers tells whether what serves it was there when it was asked.
	Answers bool
}

// solver is what serves an API group of webhook solvers.
type solver struct {
	*reader
	sight
	Group
	name string
	// namespace is where certyun's own runs, "" for another.
	namespace  string
	controller *controller
	// deployments are certyun's solvers by their labels, where nobody may see the APIServices.
	deployments []appsv1.Deployment
	// account is who reads the Secrets for it, "namespace/name" of a ServiceAccount; "" where that is not known.
	account string
	// deployed is its Deployment, nil where that cannot be seen; around is what its Pods find around them, nil until somebody looked.
	deployed *appsv1.Deployment
	around   *surroundings
	// idle tells whether it does not wait until records are visible.
	idle bool
	// single tells whether it looks at one challenge at a time, so that it need not read Challenges.
	single bool
}

// look looks at the APIService, and at what is behind it. What the solvers may do is asked only where it is needed.
func (s *solver) look() {
	service := &apiregistrationv1.APIService{}
	s.Served, s.Known = s.get("", apiVersion+"."+s.name, service)
	s.seen = s.seen || s.Known
	if !s.Known {
		s.lookBehind()
	}
	if !s.Served {
		return
	}
	if s.judgeAPIService(service) {
		s.Resources = s.resources()
		s.Answers = s.Resources != nil
	}
	if s.Resources == nil && service.Labels[partOf] == ours {
		s.Resources = ourSolvers() // which it will have when it is there again
	}
}

// lookBehind looks at the Pods of a solver whose APIService nobody may see.
func (s *solver) lookBehind() {
	for i := range s.deployments {
		d := &s.deployments[i]
		if group := argument(d, "--group-name"); group != "" && group != s.name {
			continue
		}
		s.namespace = d.Namespace
		s.learn(d)
		s.running(s.reader, d, "solver-not-running", map[string]string{
			"apiservice": apiServiceObject(s.name).Name, "group": s.name, "service-namespace": d.Namespace,
		})
	}
}

// learn reads what a Deployment says about the solver.
func (s *solver) learn(d *appsv1.Deployment) {
	s.deployed = d
	s.account = d.Namespace + "/" + cmp.Or(d.Spec.Template.Spec.ServiceAccountName, "default")
	s.idle = doesNotWait(d)
	s.single = argument(d, "--ahead") == "0"
}

// judge checks a solver that is to be here: that it is, and that it and cert-manager may do all that is needed.
func (s *solver) judge() {
	if s.Known && !s.Served {
		s.absent()
		return
	}
	for _, name := range s.Resources {
		s.callerMay(name)
	}
	s.delegates()
	s.worksAhead()
}

// absent notes that an APIService is not there because certyun is not.
func (s *solver) absent() {
	s.problem("apiservice-missing", apiServiceObject(s.name), "it is not there", absence(s.name))
}

// absence is what there is to say of a group that has no APIService.
func absence(group string) map[string]string {
	return map[string]string{"group": group, "apiservice": apiServiceObject(group).Name}
}

func apiServiceObject(group string) report.Object {
	return report.Object{APIVersion: "apiregistration.k8s.io/v1", Kind: "APIService", Name: apiVersion + "." + group}
}

// resources are the solvers that a group has, nil where nobody could tell.
func (s *solver) resources() []string {
	names, err := s.discovery.Resources(s.ctx, s.name+"/"+apiVersion)
	if err != nil {
		if !apierrors.IsNotFound(err) && !apierrors.IsServiceUnavailable(err) {
			s.allowed(err, "get", "the resources of "+s.name, "", "")
		}
		return nil
	}
	return names
}

// judgeAPIService looks at an APIService and what is behind it.
func (s *solver) judgeAPIService(service *apiregistrationv1.APIService) (available bool) {
	object := apiServiceObject(service.Spec.Group)
	if service.Spec.Service == nil {
		s.checkf(Warning, "%s: it is not served by a Service", object)
		return true
	}
	where := service.Spec.Service
	values := map[string]string{
		"apiservice": object.Name, "group": service.Spec.Group, "service": where.Name, "service-namespace": where.Namespace,
	}
	if service.Labels[partOf] == ours {
		s.namespace = where.Namespace
	}
	up := s.judgeService(service, values)
	for _, c := range service.Status.Conditions {
		if c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue {
			s.checkf(OK, "%s: available", object)
			s.serving(service, values)
			return up
		}
		if c.Type == apiregistrationv1.Available && up {
			s.unavailable(service, c.Reason+": "+c.Message, with(values, "why", c.Message))
			return false
		}
	}
	s.serving(service, values)
	return false
}

// unavailable notes that the API server does not reach what is behind an APIService. What it says of a certificate, a look at this
// says better.
func (s *solver) unavailable(service *apiregistrationv1.APIService, text string, values map[string]string) {
	cause, more := whyUnavailable(text)
	aboutIt := Sign{Text: text}.says("x509:", "tls:", "certificate")
	if aboutIt && !s.serving(service, values) {
		return
	}
	object := apiServiceObject(service.Spec.Group)
	s.checkf(Problem, "%s: %s", object, text)
	maps.Copy(values, more)
	s.sign(Sign{Cause: cause, Object: object, Text: text, Quoted: true, Values: values})
	if !aboutIt {
		s.serving(service, values)
	}
}

// notYetValid is how a certificate is refused before its time.
var notYetValid = regexp.MustCompile(`is not yet valid: current time \S+ is before (\S+)`)

// whyUnavailable is the cause that an API server's words about an APIService point to.
func whyUnavailable(text string) (cause string, values map[string]string) {
	says := Sign{Text: text}.says
	begins := notYetValid.FindStringSubmatch(text)
	switch {
	case begins != nil:
		return "serving-certificate-not-yet-valid", map[string]string{"begins": begins[1]}
	case says("certificate has expired"):
		return "serving-certificate-expired", map[string]string{"expires": "a time that is past"}
	case says("certificate is valid for", "not valid for any names", "doesn't contain any IP SANs", "certificate is not valid for"):
		return "serving-certificate-name-wrong", nil
	case says("unknown authority", "x509:", "failed to verify certificate", "bad certificate"):
		return "apiservice-ca-wrong", nil
	case says("bad status from") && says(": 404"):
		return "solver-serves-other-group", nil
	case says("bad status from") && says(": 401"):
		return "front-proxy-refused", nil
	}
	return "solver-not-running", nil
}

func with(values map[string]string, pairs ...string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, values)
	for i := 0; i+1 < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

// judgeService looks at an APIService's Service and the Pods behind it. Up is false where a sign says already that they are not
// there.
func (s *solver) judgeService(service *apiregistrationv1.APIService, values map[string]string) (up bool) {
	where := service.Spec.Service
	svc := &corev1.Service{}
	found, known := s.get(where.Namespace, where.Name, svc)
	if known && !found {
		s.problem("solver-not-running", apiServiceObject(service.Spec.Group), fmt.Sprintf("its Service %s/%s does not exist", where.Namespace, where.Name), values)
		return false
	}
	if !known {
		return true // the APIService's condition says how it is
	}
	deployment := s.deploymentBehind(svc)
	if deployment != nil {
		s.learn(deployment)
		if deployment.Status.ReadyReplicas == 0 {
			s.delegates() // without this no Pod becomes ready
		}
		if !s.deployment(s.reader, deployment, "solver-not-running", values) {
			return false
		}
	}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return true
	}
	return s.leads(s.reader, svc, "solver-not-running", values)
}

// doesNotWait tells whether the solver's wait for records is turned off.
func doesNotWait(d *appsv1.Deployment) bool {
	wait, err := time.ParseDuration(argument(d, "--propagation-timeout"))
	return err == nil && wait == 0
}

// argument is the value that a Deployment gives a flag, "" where it gives none. The last one counts.
func argument(d *appsv1.Deployment, flag string) string {
	values := arguments(d, flag)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// arguments are all values that a Deployment gives a flag, "" for the bare flag.
func arguments(d *appsv1.Deployment, flag string) (values []string) {
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, arg := range c.Args {
			if name, value, _ := strings.Cut(arg, "="); name == flag {
				values = append(values, value)
			}
		}
	}
	return values
}

// callerMay checks that cert-manager may call a solver.
func (s *solver) callerMay(name string) {
	caller := s.controller.caller()
	if !s.controller.known {
		s.skipf("what cert-manager may do (there is no ServiceAccount %s; --cert-manager-namespace and --cert-manager-service-account say as whom it runs)", caller)
		return
	}
	right := authorizationv1.ResourceAttributes{Verb: "create", Group: s.name, Version: apiVersion, Resource: name}
	allowed := s.granted(caller, right, fmt.Sprintf("create %s.%s", name, s.name), Sign{Cause: "caller-not-allowed", Values: map[string]string{
		"solver": name, "group": s.name, "caller": caller, "caller-user": accountUser(caller),
	}})
	if allowed && s.Answers {
		s.works = append(s.works, "call "+s.name+"/"+name)
	}
}

// accountObject is a ServiceAccount that is called "namespace/name".
func accountObject(account string) report.Object {
	namespace, name, _ := strings.Cut(account, "/")
	return report.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: namespace, Name: name}
}

// accountUser is as whom the API server knows a ServiceAccount.
func accountUser(account string) string {
	return "system:serviceaccount:" + strings.Replace(account, "/", ":", 1)
}

// delegates checks that an aggregated API server may ask who calls it and whether he may.
func (s *solver) delegates() {
	s.has("delegation-missing", Problem,
		authorizationv1.ResourceAttributes{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
		authorizationv1.ResourceAttributes{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "extension-apiserver-authentication"})
}

// worksAhead checks that a group's solvers may read the Challenges and Orders by which they write the values of a name together.
// They work without, only not as well.
func (s *solver) worksAhead() {
	if !s.single {
		s.has("challenges-not-readable", Warning,
			authorizationv1.ResourceAttributes{Verb: "list", Group: "acme.cert-manager.io", Resource: "challenges"},
			authorizationv1.ResourceAttributes{Verb: "list", Group: "acme.cert-manager.io", Resource: "orders"})
	}
}

// has checks that the ServiceAccount of a group's solvers has rights. Cause and level are for those that it lacks.
func (s *solver) has(cause string, level Level, rights ...authorizationv1.ResourceAttributes) {
	if s.account == "" {
		return
	}
	for _, right := range rights {
		what := permission(right.Verb, right.Resource, right.Namespace, right.Name)
		s.granted(s.account, right, what, Sign{Cause: cause, Level: level, Values: map[string]string{
			"reader": s.account, "reader-user": strings.Replace(s.account, "/", ":", 1), "what": what,
			"verb": right.Verb, "type": typed(right.Resource, right.Group, right.Namespace),
		}})
	}
}

// granted checks that a ServiceAccount has a right, in words. Where it has not, that is the sign of it.
func (s *solver) granted(account string, right authorizationv1.ResourceAttributes, what string, lacking Sign) (allowed bool) {
	allowed, known := s.may(account, right)
	switch {
	case allowed:
		s.checkf(OK, "%s may %s", accountObject(account), what)
	case known:
		s.bad(cmp.Or(lacking.Level, Problem), lacking.Cause, accountObject(account), "it may not "+what, lacking.Values)
	}
	return allowed
}

// mayRead checks that a group's solvers may read a Secret.
func (s *solver) mayRead(namespace, name string) {
	if s.account == "" {
		return
	}
	right := authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Namespace: namespace, Name: name}
	allowed := s.granted(s.account, right, fmt.Sprintf("read the Secret %s/%s", namespace, name), Sign{Cause: "secret-not-readable", Values: map[string]string{
		"secret-namespace": namespace, "secret": name,
	}})
	if allowed {
		s.works = append(s.works, "read "+namespace+"/"+name)
	}
}
