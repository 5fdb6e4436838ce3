package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/version"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
)

// Where cert-manager's chart puts its controller (https://cert-manager.io/docs/installation/helm/).
const (
	defaultNamespace      = "cert-manager"
	defaultServiceAccount = "cert-manager"
)

// What certyun works with: the chart accepts no older Kubernetes, and the tests run with the newest of both.
const (
	oldestKubernetes  = "1.30"
	newestKubernetes  = "1.36"
	testedCertManager = "1.21"
)

// controller is cert-manager's controller.
type controller struct {
	// namespace and account are those of its ServiceAccount.
	namespace, account string
	// clusterResources is the namespace of ClusterIssuers' Secrets.
	clusterResources string
	// version is like "v1.21.2", "" when it is not known.
	version string
	// known tells whether it was found that it runs so, or the user says it.
	known bool
}

// component is the label by which cert-manager's chart tells its Deployments apart.
const component = "app.kubernetes.io/component"

// certManagerLabels selects what may be cert-manager's Deployments, whatever the release is called.
func certManagerLabels() client.MatchingLabelsSelector {
	return client.MatchingLabelsSelector{Selector: labels.SelectorFromSet(nil).Add(*certManagerComponents())}
}

func certManagerComponents() *labels.Requirement {
	parts, err := labels.NewRequirement(component, selection.In, []string{"controller", "webhook", "cainjector"})
	utilruntime.Must(err)
	return parts
}

// isCertManagers tells whether a Deployment that was selected is of cert-manager's chart.
func isCertManagers(d appsv1.Deployment) bool {
	return slices.Contains([]string{"cert-manager", "webhook", "cainjector"}, d.Labels["app.kubernetes.io/name"])
}

// certManager checks cert-manager itself.
func (l *looker) certManager() {
	l.area = "cert-manager"
	l.kubernetesVersion()
	l.definitions()
	deployments := l.findCertManager()
	for _, part := range []string{"controller", "webhook", "cainjector"} {
		l.certManagerPart(deployments, part)
	}
	l.judgeRehearsal(cmp.Or(l.namespace, metav1.NamespaceDefault))
	l.controllerMay("")
	if l.controller.version != "" {
		l.certManagerIs(l.controller.version)
	}
}

func (l *looker) kubernetesVersion() {
	info, err := l.discovery.Version(l.ctx)
	if err != nil {
		l.allowed(err, "get", "version", "", "")
		return
	}
	has := info.GitVersion
	v, err := version.ParseGeneric(has)
	switch {
	case err != nil:
		l.skipf("Kubernetes' version (%q is none)", has)
	case v.LessThan(version.MustParseGeneric(oldestKubernetes)):
		l.checkf(Problem, "Kubernetes %s: older than %s", has, oldestKubernetes)
		l.sign(Sign{
			Kind: ServerUnsupported, Object: report.Object{Kind: "Kubernetes", Name: has},
			Values: map[string]string{"has": has, "oldest": oldestKubernetes},
		})
	case minorOf(v).GreaterThan(version.MustParseGeneric(newestKubernetes)):
		l.checkf(Warning, "Kubernetes %s: newer than %s, with which certyun was tested", has, newestKubernetes)
	default:
		l.checkf(OK, "Kubernetes %s", has)
	}
}

// certManagerIs compares cert-manager's version with the one that certyun was tested with. Others mostly work.
func (l *looker) certManagerIs(has string) {
	v, err := version.ParseGeneric(has)
	switch {
	case err != nil:
		l.skipf("cert-manager's version (%q is none)", has)
	case !minorOf(v).EqualTo(version.MustParseGeneric(testedCertManager)):
		l.checkf(Warning, "cert-manager %s: certyun was tested with %s", has, testedCertManager)
	default:
		l.checkf(OK, "cert-manager %s", has)
	}
}

func minorOf(v *version.Version) *version.Version {
	return version.MustParseGeneric(fmt.Sprintf("%d.%d", v.Major(), v.Minor()))
}

// definitions checks that cert-manager's kinds are defined.
func (l *looker) definitions() {
	var missing []string
	for _, name := range []string{
		"certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io",
		"clusterissuers.cert-manager.io", "orders.acme.cert-manager.io", "challenges.acme.cert-manager.io",
	} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		found, known := l.get("", name, crd)
		switch {
		case !known:
			return
		case !found:
			missing = append(missing, "CustomResourceDefinition "+name+" is missing")
		case !servesV1(crd):
			missing = append(missing, "CustomResourceDefinition "+name+" does not serve the version v1")
		}
	}
	if len(missing) == 0 {
		l.checkf(OK, "CustomResourceDefinitions: all that are needed are there")
		return
	}
	for _, text := range missing {
		l.checkf(Problem, "%s", text)
	}
	l.undefined(strings.Join(missing, ", "))
}

// servesV1 tells whether a definition has the version that is asked for. Where nothing says what it has, that is believed.
func servesV1(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return len(crd.Spec.Versions) == 0 || slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == cmapi.SchemeGroupVersion.Version && v.Served
	})
}

// undefined notes, once, that cert-manager's kinds are not defined.
func (l *looker) undefined(why string) {
	if l.facts.has(DefinitionsMissing, isProblem) {
		return
	}
	object := report.Object{Kind: "Installation", Name: "cert-manager"}
	l.sign(Sign{Kind: DefinitionsMissing, Object: object, Text: why, Values: map[string]string{"missing": why}})
}

// findCertManager finds out where cert-manager's controller runs, and as whom. It returns the Deployments of cert-manager, nil where
// nobody may look for them.
func (l *looker) findCertManager() []appsv1.Deployment {
	deployments := &appsv1.DeploymentList{}
	known := l.list(l.options.CertManagerNamespace, deployments, certManagerLabels())
	if !known && l.options.CertManagerNamespace == "" && l.unreachable == nil {
		known = l.list(defaultNamespace, deployments, certManagerLabels())
	}
	l.controller = &controller{
		namespace: cmp.Or(l.options.CertManagerNamespace, defaultNamespace),
		account:   cmp.Or(l.options.CertManagerServiceAccount, defaultServiceAccount),
	}
	deployments.Items = slices.DeleteFunc(deployments.Items, func(d appsv1.Deployment) bool { return !isCertManagers(d) })
	for i := range deployments.Items {
		if deployments.Items[i].Labels[component] == "controller" {
			l.controller.learn(&deployments.Items[i], l.options)
			break
		}
	}
	l.controller.known = l.controller.known || l.options.CertManagerServiceAccount != "" || l.accountExists()
	l.controller.clusterResources = cmp.Or(l.options.ClusterResourceNamespace, l.controller.clusterResources, l.controller.namespace)
	l.facts.Caller = l.controller.namespace + "/" + l.controller.account
	l.facts.ClusterResourceNamespace = l.controller.clusterResources
	if !known {
		return nil
	}
	l.deployments = append([]appsv1.Deployment{}, deployments.Items...)
	return l.deployments
}

// accountExists tells whether there is a ServiceAccount of the usual name, so that cert-manager may be taken to run as it. Who
// may not look is told what would be so.
func (l *looker) accountExists() bool {
	notes := len(l.notChecked)
	found, known := l.get(l.controller.namespace, l.controller.account, &corev1.ServiceAccount{})
	l.unnoted(notes)
	return found || !known
}

// rights are what cert-manager's controller needs for a certificate (deploy/charts/cert-manager/templates/rbac.yaml).
func rights() []authorizationv1.ResourceAttributes {
	const certManager, acme = "cert-manager.io", "acme.cert-manager.io"
	return []authorizationv1.ResourceAttributes{
		{Verb: "update", Group: certManager, Resource: "certificates", Subresource: "status"},
		{Verb: "create", Group: certManager, Resource: "certificaterequests"},
		{Verb: "update", Group: certManager, Resource: "certificaterequests", Subresource: "status"},
		{Verb: "create", Group: acme, Resource: "orders"},
		{Verb: "update", Group: acme, Resource: "orders", Subresource: "status"},
		{Verb: "create", Group: acme, Resource: "challenges"},
		{Verb: "update", Group: acme, Resource: "challenges", Subresource: "status"},
		{Verb: "create", Resource: "secrets"},
	}
}

// controllerMay checks that cert-manager's controller may do in a namespace, or with "" in all, what a certificate needs.
func (l *looker) controllerMay(namespace string) {
	if !l.controller.known {
		return
	}
	for _, right := range rights() {
		right.Namespace = namespace
		allowed, known := l.may(l.facts.Caller, right)
		if !known {
			return
		}
		if allowed {
			continue
		}
		what := strings.TrimSuffix(right.Resource+"/"+right.Subresource, "/")
		who := "system:serviceaccount:" + l.controller.namespace + ":" + l.controller.account
		l.checkf(Problem, "ServiceAccount %s may not %s %s", l.facts.Caller, right.Verb, what)
		l.sign(Sign{
			Kind: ControllerDenied, Object: report.Object{APIVersion: "v1", Kind: "ServiceAccount", Namespace: l.controller.namespace, Name: l.controller.account},
			Values: map[string]string{"who": who, "verb": right.Verb, "what": what, "type": typed(what, right.Group, namespace)},
		})
		return
	}
	l.checkf(OK, "ServiceAccount %s may do what certificates need", l.facts.Caller)
}

// learn reads what the Deployment says about the controller, where the options do not say it.
func (c *controller) learn(d *appsv1.Deployment, options Options) {
	pod := &d.Spec.Template.Spec
	c.namespace, c.known = d.Namespace, true
	c.account = cmp.Or(options.CertManagerServiceAccount, pod.ServiceAccountName, "default")
	c.version = d.Labels["app.kubernetes.io/version"]
	for _, container := range pod.Containers {
		for _, arg := range container.Args {
			value, isNamespace := strings.CutPrefix(arg, "--cluster-resource-namespace=")
			if isNamespace && !strings.HasPrefix(value, "$") { // which is its own namespace
				c.clusterResources = value
			}
		}
	}
}

// certManagerPart checks one of cert-manager's Deployments. Where there is none at all, it may run elsewhere, outside of the
// cluster or under other labels.
func (l *looker) certManagerPart(deployments []appsv1.Deployment, part string) {
	if deployments == nil {
		return // which is noted
	}
	i := slices.IndexFunc(deployments, func(d appsv1.Deployment) bool { return d.Labels[component] == part })
	if i < 0 {
		if len(deployments) > 0 {
			l.checkf(Warning, "Deployment of cert-manager's %s: none with the label %s=%s", part, component, part)
			return
		}
		l.skipf("cert-manager's %s (no Deployment of its chart was found; --cert-manager-namespace says where to look)", part)
		return
	}
	l.deployment(&deployments[i], ControllerDown)
}

// deployment checks that a Deployment has a Pod that is ready.
func (l *looker) deployment(d *appsv1.Deployment, down Kind) (ready bool) {
	object := ref("apps/v1", "Deployment", d)
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	name := d.Namespace + "/" + d.Name
	switch has := d.Status.ReadyReplicas; {
	case has == 0:
		why := "it is scaled to 0 replicas"
		if wanted > 0 {
			why = cmp.Or(l.whyNotReady(d), fmt.Sprintf("none of its %d Pods is ready", wanted))
		}
		l.checkf(Problem, "Deployment %s: %s", name, why)
		l.sign(Sign{Kind: down, Object: object, Text: why, Values: map[string]string{"why": why}})
		return false
	case has < wanted:
		l.checkf(Warning, "Deployment %s: %d of %d Pods are ready", name, has, wanted)
	default:
		l.checkf(OK, "Deployment %s: %d of %d Pods are ready", name, has, wanted)
	}
	return true
}

// whyNotReady says what the first Pod that is not ready waits for, in the kubelet's and the scheduler's words.
func (l *looker) whyNotReady(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return c.Message
		}
	}
	pods := &corev1.PodList{}
	if d.Spec.Selector == nil || !l.list(d.Namespace, pods, client.MatchingLabels(d.Spec.Selector.MatchLabels)) {
		return ""
	}
	for i := range pods.Items {
		if why := l.whyPodNotReady(&pods.Items[i]); why != "" {
			return fmt.Sprintf("the Pod %s: %s", pods.Items[i].Name, why)
		}
	}
	return ""
}

func (l *looker) whyPodNotReady(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		waiting, ended := status.State.Waiting, status.LastTerminationState.Terminated
		switch {
		case waiting != nil && waiting.Reason == "ContainerCreating":
			return cmp.Or(l.lastWarning("Pod", pod), waiting.Reason)
		case waiting != nil:
			return strings.TrimSuffix(waiting.Reason+": "+waiting.Message, ": ")
		case !status.Ready && ended != nil:
			return fmt.Sprintf("the container %s ended with exit code %d (%s)", status.Name, ended.ExitCode, ended.Reason)
		case !status.Ready:
			return fmt.Sprintf("the container %s is not ready", status.Name)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Status == corev1.ConditionFalse && c.Message != "" {
			return c.Message
		}
	}
	return ""
}

// lastWarning is the newest warning about an object.
func (l *looker) lastWarning(kind string, object client.Object) string {
	for _, e := range slices.Backward(l.events(kind, object)) {
		if e.Type == corev1.EventTypeWarning {
			return e.Message
		}
	}
	return ""
}
