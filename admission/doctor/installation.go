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
	// deployment is its Deployment, nil where that cannot be seen.
	deployment *appsv1.Deployment
	// version is like "v1.21.2", "" when it is not known.
	version string
	// known tells whether it was found that it runs so, or the user says it.
	known bool
}

// installation is what runs in a cluster: Kubernetes, cert-manager and, in admission.go, certyun's admission server.
type installation struct {
	*reader
	sight
	controller controller
	// deployments are cert-manager's, nil where nobody may look for them.
	deployments []appsv1.Deployment
	// rehearsals are what came of creating a Certificate for show, by namespace.
	rehearsals map[string]rehearsal
}

// caller is cert-manager's ServiceAccount, "namespace/name".
func (c *controller) caller() string { return c.namespace + "/" + c.account }

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

// look checks Kubernetes and cert-manager.
func (i *installation) look() {
	i.kubernetesVersion()
	i.definitions()
	i.find()
	for _, part := range []string{"controller", "webhook", "cainjector"} {
		i.part(part)
	}
	i.judgeRehearsal(cmp.Or(i.namespace, metav1.NamespaceDefault))
	i.controllerMay("")
	if i.controller.version != "" {
		i.certManagerIs(i.controller.version)
		i.judgeChallengers()
	}
}

func (i *installation) kubernetesVersion() {
	info, err := i.discovery.Version(i.ctx)
	if err != nil {
		i.allowed(err, "get", "version", "", "")
		return
	}
	has := info.GitVersion
	v, err := version.ParseGeneric(has)
	switch {
	case err != nil:
		i.skipf("Kubernetes' version (%q is none)", has)
	case v.LessThan(version.MustParseGeneric(oldestKubernetes)):
		i.problem("kubernetes-too-old", report.Object{Kind: "Kubernetes", Name: has}, "it is older than "+oldestKubernetes,
			map[string]string{"has": has, "oldest": oldestKubernetes})
	case minorOf(v).GreaterThan(version.MustParseGeneric(newestKubernetes)):
		i.checkf(Warning, "Kubernetes %s: newer than %s, with which certyun was tested", has, newestKubernetes)
	default:
		i.checkf(OK, "Kubernetes %s", has)
	}
}

// certManagerIs compares cert-manager's version with the one that certyun was tested with. Others mostly work.
func (i *installation) certManagerIs(has string) {
	v, err := version.ParseGeneric(has)
	switch {
	case err != nil:
		i.skipf("cert-manager's version (%q is none)", has)
	case !minorOf(v).EqualTo(version.MustParseGeneric(testedCertManager)):
		i.checkf(Warning, "cert-manager %s: certyun was tested with %s", has, testedCertManager)
	default:
		i.checkf(OK, "cert-manager %s", has)
	}
}

func minorOf(v *version.Version) *version.Version {
	return version.MustParseGeneric(fmt.Sprintf("%d.%d", v.Major(), v.Minor()))
}

// definitions checks that cert-manager's kinds are defined.
func (i *installation) definitions() {
	var missing []string
	for _, name := range []string{
		"certificates.cert-manager.io", "certificaterequests.cert-manager.io", "issuers.cert-manager.io",
		"clusterissuers.cert-manager.io", "orders.acme.cert-manager.io", "challenges.acme.cert-manager.io",
	} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		found, known := i.get("", name, crd)
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
		i.checkf(OK, "CustomResourceDefinitions: all that are needed are there")
		return
	}
	i.undefined = strings.Join(missing, ", ")
}

// servesV1 tells whether a definition has the version that is asked for. Where nothing says what it has, that is believed.
func servesV1(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return len(crd.Spec.Versions) == 0 || slices.ContainsFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == cmapi.SchemeGroupVersion.Version && v.Served
	})
}

func newInstallation(r *reader) *installation {
	return &installation{reader: r, sight: sight{area: "cert-manager"}, rehearsals: map[string]rehearsal{}}
}

// find finds out where cert-manager's controller runs, and as whom.
func (i *installation) find() {
	deployments := &appsv1.DeploymentList{}
	known := i.list(i.options.CertManagerNamespace, deployments, certManagerLabels())
	if !known && i.options.CertManagerNamespace == "" && i.unreachable == nil {
		known = i.list(defaultNamespace, deployments, certManagerLabels())
	}
	i.controller = controller{
		namespace: cmp.Or(i.options.CertManagerNamespace, defaultNamespace),
		account:   cmp.Or(i.options.CertManagerServiceAccount, defaultServiceAccount),
	}
	deployments.Items = slices.DeleteFunc(deployments.Items, func(d appsv1.Deployment) bool { return !isCertManagers(d) })
	for j := range deployments.Items {
		if deployments.Items[j].Labels[component] == "controller" {
			i.controller.learn(&deployments.Items[j], i.options)
			break
		}
	}
	i.controller.known = i.controller.known || i.options.CertManagerServiceAccount != "" || i.accountExists()
	i.controller.clusterResources = cmp.Or(i.options.ClusterResourceNamespace, i.controller.clusterResources, i.controller.namespace)
	if known {
		i.deployments = append([]appsv1.Deployment{}, deployments.Items...)
	}
}

// accountExists tells whether there is a ServiceAccount of the usual name, so that cert-manager may be taken to run as it. Who
// may not look is told what would be so.
func (i *installation) accountExists() bool {
	notes := len(i.notChecked)
	found, known := i.get(i.controller.namespace, i.controller.account, &corev1.ServiceAccount{})
	i.unnoted(notes)
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
func (i *installation) controllerMay(namespace string) {
	if !i.controller.known {
		return
	}
	for _, right := range rights() {
		right.Namespace = namespace
		allowed, known := i.may(i.controller.caller(), right)
		if !known {
			return
		}
		if allowed {
			continue
		}
		what := strings.TrimSuffix(right.Resource+"/"+right.Subresource, "/")
		who := "system:serviceaccount:" + i.controller.namespace + ":" + i.controller.account
		i.problem("cert-manager-not-allowed", accountObject(i.controller.caller()), fmt.Sprintf("it may not %s %s", right.Verb, what),
			map[string]string{"who": who, "verb": right.Verb, "what": what, "type": typed(what, right.Group, namespace)})
		return
	}
	i.checkf(OK, "ServiceAccount %s may do what certificates need", i.controller.caller())
}

// learn reads what the Deployment says about the controller, where the options do not say it.
func (c *controller) learn(d *appsv1.Deployment, options Options) {
	pod := &d.Spec.Template.Spec
	c.deployment, c.namespace, c.known = d, d.Namespace, true
	c.account = cmp.Or(options.CertManagerServiceAccount, pod.ServiceAccountName, "default")
	c.version = d.Labels["app.kubernetes.io/version"]
	if value := argument(d, "--cluster-resource-namespace"); !strings.HasPrefix(value, "$") { // which is its own namespace
		c.clusterResources = value
	}
}

// part checks one of cert-manager's Deployments. Where there is none at all, it may run elsewhere, outside of the
// cluster or under other labels.
func (i *installation) part(part string) {
	if i.deployments == nil {
		return // which is noted
	}
	at := slices.IndexFunc(i.deployments, func(d appsv1.Deployment) bool { return d.Labels[component] == part })
	if at < 0 {
		if len(i.deployments) > 0 {
			i.checkf(Warning, "Deployment of cert-manager's %s: none with the label %s=%s", part, component, part)
			return
		}
		i.skipf("cert-manager's %s (no Deployment of its chart was found; --cert-manager-namespace says where to look)", part)
		return
	}
	i.deployment(i.reader, &i.deployments[at], "cert-manager-not-running", nil)
}
