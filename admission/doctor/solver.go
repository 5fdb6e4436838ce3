package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

const (
	// defaultGroup is the chart's.
	defaultGroup = "acme.certyun.internal"
	// apiVersion is the version in which cert-manager calls all webhook solvers (pkg/acme/webhook/apis/acme/v1alpha1).
	apiVersion = "v1alpha1"
	// partOf is the label of all that certyun's chart installs.
	partOf = "app.kubernetes.io/part-of"
	ours   = "certyun"
)

// The solverNames that certyun serves, as package solvers has them.
const (
	alidnsName  = "alidns"
	alidnsAlias = "alidns-solver"
	dnspodName  = "dnspod"
)

func ourSolvers() []string { return []string{alidnsName, alidnsAlias, dnspodName} }

// reader is who reads the Secrets for a group's solvers, "namespace/name" of a ServiceAccount.
func (l *looker) reader(group string) string { return l.readers[group] }

// solvers checks what serves the API groups of certyun's solvers, and returns the groups.
func (l *looker) solvers() []string {
	l.area = "certyun's solvers"
	groups := l.ourGroups()
	for _, name := range groups {
		group := l.group(name)
		if group.Known && !group.Served {
			object := apiServiceObject(name)
			l.checkf(Problem, "%s: missing", object)
			l.sign(Sign{Kind: APIServiceMissing, Object: object, Values: map[string]string{"group": name, "apiservice": object.Name}})
			continue
		}
		for _, solver := range group.Resources {
			l.callerMay(name, solver)
		}
		l.delegates(name)
		l.worksAhead(name)
	}
	return groups
}

// ourGroups are the groups that certyun serves here; without any, the one that it would.
func (l *looker) ourGroups() []string {
	if l.options.Group != "" {
		return []string{l.options.Group}
	}
	if served := l.servedGroups(); len(served) > 0 {
		return served
	}
	return []string{defaultGroup}
}

// servedGroups are the groups of certyun's APIServices. Nothing is said about how these are.
func (l *looker) servedGroups() []string {
	if l.facts.Served != nil {
		return l.facts.Served
	}
	l.facts.Served = []string{}
	services := &apiregistrationv1.APIServiceList{}
	l.facts.ServedKnown = l.list("", services, client.MatchingLabels{partOf: ours})
	for _, service := range services.Items {
		l.facts.Served = append(l.facts.Served, service.Spec.Group)
	}
	slices.Sort(l.facts.Served)
	l.facts.Served = slices.Compact(l.facts.Served)
	return l.facts.Served
}

func apiServiceObject(group string) report.Object {
	return report.Object{APIVersion: "apiregistration.k8s.io/v1", Kind: "APIService", Name: apiVersion + "." + group}
}

// group looks, once, at what serves an API group of webhook solvers.
func (l *looker) group(name string) Group {
	if group, looked := l.facts.Groups[name]; looked {
		return group
	}
	service := &apiregistrationv1.APIService{}
	found, known := l.get("", apiVersion+"."+name, service)
	group := Group{Known: known, Served: found}
	l.facts.Groups[name] = group
	l.seen = l.seen || known
	if !found {
		return group
	}
	area := l.area
	l.area = "certyun's solvers"
	if l.judgeAPIService(service) {
		group.Resources = l.resources(name)
		group.Answers = group.Resources != nil
	}
	if group.Resources == nil && service.Labels[partOf] == ours {
		group.Resources = ourSolvers() // which it will have when it is there again
	}
	l.facts.Groups[name] = group
	l.area = area
	return group
}

// resources are the solvers that a group has, nil where nobody could tell.
func (l *looker) resources(group string) []string {
	names, err := l.discovery.Resources(l.ctx, group+"/"+apiVersion)
	if err != nil {
		if !apierrors.IsNotFound(err) && !apierrors.IsServiceUnavailable(err) {
			l.allowed(err, "get", "the resources of "+group, "", "")
		}
		return nil
	}
	return names
}

// judgeAPIService looks at an APIService and what is behind it.
func (l *looker) judgeAPIService(service *apiregistrationv1.APIService) (available bool) {
	object := apiServiceObject(service.Spec.Group)
	if service.Spec.Service == nil {
		l.checkf(Warning, "%s: it is not served by a Service", object)
		return true
	}
	where := service.Spec.Service
	values := map[string]string{
		"apiservice": object.Name, "group": service.Spec.Group, "service": where.Name, "service-namespace": where.Namespace,
	}
	if service.Labels[partOf] == ours {
		l.facts.SolverNamespace = where.Namespace
	}
	up := l.judgeService(service, values)
	for _, c := range service.Status.Conditions {
		if c.Type != apiregistrationv1.Available {
			continue
		}
		available = c.Status == apiregistrationv1.ConditionTrue
		if !available {
			l.checkf(Problem, "%s: not available: %s", object, c.Message)
		}
		if !available && up {
			l.sign(Sign{Kind: APIServiceUnavailable, Object: object, Text: c.Reason + ": " + c.Message, Values: with(values, "why", c.Message)})
		}
	}
	if available {
		l.checkf(OK, "%s: available", object)
	}
	l.serving(service, values)
	return available
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
func (l *looker) judgeService(service *apiregistrationv1.APIService, values map[string]string) (up bool) {
	where := service.Spec.Service
	svc := &corev1.Service{}
	found, known := l.get(where.Namespace, where.Name, svc)
	if known && !found {
		why := fmt.Sprintf("its Service %s/%s does not exist", where.Namespace, where.Name)
		l.sign(Sign{Kind: SolverDown, Object: apiServiceObject(service.Spec.Group), Text: why, Values: with(values, "why", why)})
		return false
	}
	if !known {
		return true // the APIService's condition says how it is
	}
	deployment := l.deploymentBehind(svc)
	if deployment != nil {
		l.readers[service.Spec.Group] = deployment.Namespace + "/" + cmp.Or(deployment.Spec.Template.Spec.ServiceAccountName, "default")
		l.idle[service.Spec.Group] = doesNotWait(deployment)
		l.single[service.Spec.Group] = argument(deployment, "--ahead") == "0"
		if deployment.Status.ReadyReplicas == 0 {
			l.delegates(service.Spec.Group) // without this no Pod becomes ready
		}
		before := len(l.facts.Signs)
		if !l.deployment(deployment, SolverDown) {
			for i := before; i < len(l.facts.Signs); i++ {
				l.facts.Signs[i].Values = with(values, "why", l.facts.Signs[i].Text)
			}
			return false
		}
	}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		return true
	}
	addresses, known := l.endpoints(svc)
	if known && len(addresses) == 0 {
		why := fmt.Sprintf("the Service %s/%s has no endpoint that is ready: its selector matches no Pod, or the Pods are not ready", svc.Namespace, svc.Name)
		l.checkf(Problem, "%s", why)
		l.sign(Sign{Kind: SolverDown, Object: ref("v1", "Service", svc), Text: why, Values: with(values, "why", why)})
		return false
	}
	if known {
		l.checkf(OK, "Service %s/%s: %d endpoints", svc.Namespace, svc.Name, len(addresses))
	}
	return true
}

// deploymentBehind is the Deployment whose Pods a Service selects, nil when there is none to be seen. A Service that selects by
// name alone is known by its label.
func (l *looker) deploymentBehind(svc *corev1.Service) *appsv1.Deployment {
	deployments := &appsv1.DeploymentList{}
	if !l.list(svc.Namespace, deployments) {
		return nil
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		selected := len(svc.Spec.Selector) > 0 && labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(d.Spec.Template.Labels))
		if selected || d.Name == svc.Name {
			return d
		}
	}
	return nil
}

// doesNotWait tells whether the solver's wait for records is turned off.
func doesNotWait(d *appsv1.Deployment) bool {
	wait, err := time.ParseDuration(argument(d, "--propagation-timeout"))
	return err == nil && wait == 0
}

// argument is the value that a Deployment gives a flag, "" where it gives none.
func argument(d *appsv1.Deployment, flag string) (value string) {
	for _, c := range d.Spec.Template.Spec.Containers {
		for _, arg := range c.Args {
			if given, found := strings.CutPrefix(arg, flag+"="); found {
				value = given // the last one counts
			}
		}
	}
	return value
}

// endpoints are the addresses, host:port, that a Service leads to and that are ready.
func (l *looker) endpoints(svc *corev1.Service) (addresses []string, known bool) {
	slices := &discoveryv1.EndpointSliceList{}
	if !l.list(svc.Namespace, slices, client.MatchingLabels{discoveryv1.LabelServiceName: svc.Name}) {
		return nil, false
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready != nil && !*endpoint.Conditions.Ready || len(slice.Ports) == 0 || slice.Ports[0].Port == nil {
				continue
			}
			for _, address := range endpoint.Addresses {
				addresses = append(addresses, joinHostPort(address, int(*slice.Ports[0].Port)))
			}
		}
	}
	return addresses, true
}

// callerMay checks that cert-manager may call a solver.
func (l *looker) callerMay(group, solver string) {
	if !l.controller.known {
		l.skipf("what cert-manager may do (there is no ServiceAccount %s; --cert-manager-namespace and --cert-manager-service-account say as whom it runs)", l.facts.Caller)
		return
	}
	allowed, known := l.may(l.facts.Caller, authorizationv1.ResourceAttributes{Verb: "create", Group: group, Version: apiVersion, Resource: solver})
	if !known {
		return
	}
	if allowed {
		l.checkf(OK, "ServiceAccount %s may create %s.%s", l.facts.Caller, solver, group)
		l.facts.Works["call "+group+"/"+solver] = l.facts.Groups[group].Answers
		return
	}
	l.checkf(Problem, "ServiceAccount %s may not create %s.%s", l.facts.Caller, solver, group)
	namespace, name, _ := strings.Cut(l.facts.Caller, "/")
	l.sign(Sign{
		Kind: CallerDenied, Object: report.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: namespace, Name: name},
		Values: map[string]string{"solver": solver, "group": group, "caller": l.facts.Caller, "caller-user": "system:serviceaccount:" + namespace + ":" + name},
	})
}

// delegates checks that an aggregated API server may ask who calls it and whether he may.
func (l *looker) delegates(group string) {
	reader := l.reader(group)
	if reader == "" {
		return
	}
	for _, right := range []authorizationv1.ResourceAttributes{
		{Verb: "create", Group: "authorization.k8s.io", Resource: "subjectaccessreviews"},
		{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "extension-apiserver-authentication"},
	} {
		allowed, known := l.may(reader, right)
		switch what := permission(right.Verb, right.Resource, right.Namespace, right.Name); {
		case !known:
		case allowed:
			l.checkf(OK, "ServiceAccount %s may %s", reader, what)
		default:
			l.checkf(Problem, "ServiceAccount %s may not %s", reader, what)
			namespace, name, _ := strings.Cut(reader, "/")
			l.sign(Sign{
				Kind: DelegationDenied, Object: report.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: namespace, Name: name},
				Values: map[string]string{"reader": reader, "reader-user": namespace + ":" + name, "what": what},
			})
		}
	}
}

// worksAhead checks that a group's solvers may read the Challenges and Orders by which they write the values of a name together.
// They work without, only not as well.
func (l *looker) worksAhead(group string) {
	reader := l.reader(group)
	if reader == "" || l.single[group] {
		return
	}
	for _, resource := range []string{"challenges", "orders"} {
		allowed, known := l.may(reader, authorizationv1.ResourceAttributes{Verb: "list", Group: "acme.cert-manager.io", Resource: resource})
		switch what := permission("list", resource, "", ""); {
		case !known:
		case allowed:
			l.checkf(OK, "ServiceAccount %s may %s", reader, what)
		default:
			l.checkf(Warning, "ServiceAccount %s may not %s", reader, what)
			namespace, name, _ := strings.Cut(reader, "/")
			l.sign(Sign{
				Kind: AheadDenied, State: Warning, Object: report.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: namespace, Name: name},
				Values: map[string]string{
					"reader": reader, "reader-user": namespace + ":" + name, "what": what, "verb": "list", "type": resource + ".acme.cert-manager.io",
				},
			})
			return
		}
	}
}

// readerMay checks that a group's solvers may read a Secret.
func (l *looker) readerMay(group, namespace, name string) {
	reader := l.reader(group)
	if reader == "" {
		return
	}
	allowed, known := l.may(reader, authorizationv1.ResourceAttributes{Verb: "get", Resource: "secrets", Namespace: namespace, Name: name})
	if !known {
		return
	}
	if allowed {
		l.checkf(OK, "ServiceAccount %s may read the Secret %s/%s", reader, namespace, name)
		l.facts.Works["read "+namespace+"/"+name] = true
		return
	}
	l.checkf(Problem, "ServiceAccount %s may not read the Secret %s/%s", reader, namespace, name)
	l.sign(Sign{
		Kind: ReaderDenied, Object: report.Object{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Name: name},
		Values: map[string]string{"secret-namespace": namespace, "secret": name},
	})
}
