package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/solvers/config"
)

// issuer is an Issuer or a ClusterIssuer, with its name in this package's terms.
type issuer struct {
	cmapi.GenericIssuer
	object report.Object
}

// secretNamespace is where its Secrets are.
func (i *issuer) secretNamespace(l *looker) string {
	if i.object.Namespace != "" {
		return i.object.Namespace
	}
	return l.controller.clusterResources
}

func issuerObject(namespace, name string) report.Object {
	object := report.Object{APIVersion: certManagerVersion, Kind: cmapi.IssuerKind, Namespace: namespace, Name: name}
	if namespace == "" {
		object.Kind = cmapi.ClusterIssuerKind
	}
	return object
}

// issuer reads an Issuer or ClusterIssuer. Where there is none it notes that, and returns nil.
func (l *looker) issuer(object report.Object) *issuer {
	var target interface {
		client.Object
		cmapi.GenericIssuer
	} = &cmapi.Issuer{}
	if object.Namespace == "" {
		target = &cmapi.ClusterIssuer{}
	}
	found, known := l.get(object.Namespace, object.Name, target)
	if !known {
		return nil
	}
	l.seen = true
	if !found {
		l.missing(object, l.otherIssuer(object))
		return nil
	}
	return &issuer{target, object}
}

// missing notes that an object is not there.
func (l *looker) missing(object report.Object, hint string) {
	l.sign(Sign{Kind: ObjectMissing, Object: object, Text: strings.TrimSpace("there is no " + object.String() + hint), Values: map[string]string{
		"missing": object.String(), "hint": hint, "resources": resourcesLike(object),
	}})
}

// resourcesLike are the resources among which to look for what is missing. Issuers and ClusterIssuers are easily confused.
func resourcesLike(object report.Object) string {
	if isIssuer(object) {
		return "issuers.cert-manager.io,clusterissuers.cert-manager.io"
	}
	return resourceName(object)
}

// flagOf is how kubectl is told where an object is.
func flagOf(object report.Object) string {
	if object.Namespace == "" {
		return ""
	}
	return " -n " + object.Namespace
}

// otherIssuer says whether there is one of the other kind: a frequent slip.
func (l *looker) otherIssuer(object report.Object) string {
	defer l.unnoted(len(l.notChecked))
	clusterKnown := false
	if object.Namespace != "" {
		var found bool
		if found, clusterKnown = l.get("", object.Name, &cmapi.ClusterIssuer{}); clusterKnown && found {
			return ", but there is a ClusterIssuer of this name: set kind: ClusterIssuer in the reference"
		}
	}
	issuers := &cmapi.IssuerList{}
	if !l.list("", issuers) && object.Namespace != "" {
		l.list(object.Namespace, issuers)
	}
	var names []string
	for i := range issuers.Items {
		one := &issuers.Items[i]
		if one.Name == object.Name {
			return fmt.Sprintf(", but there is an Issuer of this name in the namespace %s, which serves only that namespace", one.Namespace)
		}
		if one.Namespace == object.Namespace {
			names = append(names, one.Name)
		}
	}
	clusterIssuers := &cmapi.ClusterIssuerList{}
	l.list("", clusterIssuers)
	for i := range clusterIssuers.Items {
		names = append(names, clusterIssuers.Items[i].Name)
	}
	if meant := rule.Closest(object.Name, names); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	if clusterKnown {
		return ", and no ClusterIssuer of this name"
	}
	return ""
}

// unnoted takes back what was noted as not checked since there were so many notes: a hint that may not be had is nothing to tell.
func (l *looker) unnoted(notes int) { l.notChecked = l.notChecked[:notes] }

// otherCertificate says why there may be no Certificate of this name: the namespace is not there or goes away, or the name has
// a slip in it.
func (l *looker) otherCertificate(object report.Object) string {
	defer l.unnoted(len(l.notChecked))
	namespace := &corev1.Namespace{}
	if found, known := l.get("", object.Namespace, namespace); known && !found {
		return fmt.Sprintf(": the namespace %s does not exist either", object.Namespace)
	}
	if namespace.DeletionTimestamp != nil {
		l.area = "Namespace"
		l.vanishing(namespace)
		l.lingering(object.Namespace)
	}
	certificates := &cmapi.CertificateList{}
	if !l.list("", certificates) {
		l.list(object.Namespace, certificates)
	}
	var names, elsewhere []string
	for i := range certificates.Items {
		switch one := &certificates.Items[i]; {
		case one.Namespace == object.Namespace:
			names = append(names, one.Name)
		case one.Name == object.Name:
			elsewhere = append(elsewhere, one.Namespace)
		}
	}
	if len(elsewhere) > 0 {
		return ", but there is one of this name in " + listed(elsewhere, "")
	}
	if meant := rule.Closest(object.Name, names); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	return ""
}

// allIssuers checks every Issuer whose solvers are ours, or call a group that nobody serves.
func (l *looker) allIssuers(groups []string) {
	l.area = "Issuers"
	var all []*issuer
	clusterIssuers := &cmapi.ClusterIssuerList{}
	known := l.list("", clusterIssuers)
	for i := range clusterIssuers.Items {
		all = append(all, &issuer{&clusterIssuers.Items[i], issuerObject("", clusterIssuers.Items[i].Name)})
	}
	issuers := &cmapi.IssuerList{}
	if !l.list("", issuers) && (l.namespace == "" || !l.list(l.namespace, issuers)) && !known {
		return
	}
	for i := range issuers.Items {
		all = append(all, &issuer{&issuers.Items[i], issuerObject(issuers.Items[i].Namespace, issuers.Items[i].Name)})
	}
	used := 0
	for _, one := range all {
		if slices.ContainsFunc(webhooksOf(one), func(w webhookSolver) bool { return l.concernsUs(w, groups) }) {
			l.judgeIssuer(one, allSolvers)
			used++
		}
	}
	if used == 0 {
		l.checkf(OK, "none of the %d that can be seen uses certyun's solvers", len(all))
	}
}

// concernsUs tells whether a solver is ours or was meant to be.
func (l *looker) concernsUs(w webhookSolver, groups []string) bool {
	return slices.Contains(groups, w.GroupName) || slices.Contains(ourSolvers(), w.SolverName) && !l.group(w.GroupName).Served
}

// webhookSolver is one of an Issuer's solvers that calls a webhook.
type webhookSolver struct {
	*acmev1.ACMEIssuerDNS01ProviderWebhook
	index  int
	solver *acmev1.ACMEChallengeSolver
}

func webhooksOf(i *issuer) []webhookSolver {
	if i.GetSpec().ACME == nil {
		return nil
	}
	var webhooks []webhookSolver
	for index := range i.GetSpec().ACME.Solvers {
		solver := &i.GetSpec().ACME.Solvers[index]
		if solver.DNS01 != nil && solver.DNS01.Webhook != nil {
			webhooks = append(webhooks, webhookSolver{solver.DNS01.Webhook, index, solver})
		}
	}
	return webhooks
}

// allSolvers chooses all of an Issuer's solvers.
func allSolvers(webhookSolver) bool { return true }

// judgeIssuer checks an Issuer, and those of its solvers that are chosen.
func (l *looker) judgeIssuer(i *issuer, chosen func(webhookSolver) bool) {
	l.judgeReady(i)
	for _, w := range webhooksOf(i) {
		if chosen(w) {
			l.judgeSolver(i, w)
		}
	}
}

func (l *looker) judgeReady(i *issuer) {
	for _, c := range i.GetStatus().Conditions {
		if c.Type != cmapi.IssuerConditionReady {
			continue
		}
		if c.Status == cmmeta.ConditionTrue {
			l.checkf(OK, "%s: ready", i.object)
			return
		}
		l.checkf(Problem, "%s: not ready: %s", i.object, c.Message)
		l.sign(Sign{Kind: Said, Object: i.object, Text: c.Message, Values: map[string]string{notReady: cmp.Or(c.Reason, "unknown")}})
		return
	}
	if l.now().Sub(i.GetCreationTimestamp().Time) > silence {
		l.checkf(Problem, "%s: it has no Ready condition", i.object)
		l.silent(i.object, i.GetCreationTimestamp().Time)
		return
	}
	l.checkf(Waiting, "%s: nobody has looked at it yet", i.object)
}

// judgeSolver checks one solver of an Issuer: whether somebody serves it, its config, and the Secrets that this names.
func (l *looker) judgeSolver(i *issuer, w webhookSolver) {
	path := field.NewPath("spec", "acme", "solvers").Index(w.index).Child("dns01", "webhook")
	group := l.group(w.GroupName)
	l.servedGroups()
	values := map[string]string{"group": w.GroupName, "solver": w.SolverName, "field": path.String(), "groups": l.facts.served()}
	switch {
	case group.Known && !group.Served:
		l.checkf(Problem, "%s: %s: nobody serves the group %s", i.object, path.Child("groupName"), w.GroupName)
		l.sign(Sign{Kind: GroupNotServed, Object: i.object, Text: path.Child("groupName").String() + ": " + w.GroupName, Values: values})
		l.notInstalled(w.GroupName)
	case group.Resources != nil && !slices.Contains(group.Resources, w.SolverName):
		l.checkf(Problem, "%s: %s: there is no solver %s in %s", i.object, path.Child("solverName"), w.SolverName, w.GroupName)
		l.sign(Sign{
			Kind: SolverUnknown, Object: i.object, Text: path.Child("solverName").String() + ": " + w.SolverName,
			Values: with(values, "known", strings.Join(group.Resources, ", ")),
		})
	case group.Resources != nil:
		l.callerMay(w.GroupName, w.SolverName)
	}
	decoded, ok := l.decode(i, w, path.Child("config"))
	if !ok {
		return
	}
	l.judgeSecrets(i, w, decoded.keys)
	l.provider(i, w, decoded)
}

// notInstalled notes that a group lacks its APIService because certyun has none at all: then the Issuer need not be wrong.
func (l *looker) notInstalled(group string) {
	object := apiServiceObject(group)
	noted := l.facts.has(APIServiceMissing, func(s Sign) bool { return s.Object == object })
	if noted || !l.facts.ServedKnown || len(l.facts.Served) > 0 {
		return
	}
	l.sign(Sign{Kind: APIServiceMissing, Object: object, Values: map[string]string{"group": group, "apiservice": object.Name}})
}

// decode reads the config of one of our solvers. Of other people's it says nothing.
func (l *looker) decode(i *issuer, w webhookSolver, path *field.Path) (solverConfig, bool) {
	var raw []byte
	if w.Config != nil {
		raw = w.Config.Raw
	}
	var decoded solverConfig
	var errs field.ErrorList
	switch w.SolverName {
	case alidnsName, alidnsAlias:
		c, problems := config.DecodeAlidns(path, raw)
		decoded, errs = solverConfig{keys: c.Keys, region: c.Region}, problems
	case dnspodName:
		c, problems := config.DecodeDNSPod(path, raw)
		decoded, errs = solverConfig{keys: c.Keys}, problems
	default:
		return decoded, false
	}
	if err := errs.ToAggregate(); err != nil {
		l.checkf(Problem, "%s: %s", i.object, err)
		l.sign(Sign{Kind: ConfigWrong, Object: i.object, Text: err.Error(), Values: map[string]string{"why": err.Error()}})
		return decoded, false
	}
	return decoded, true
}

// issuerNode is an Issuer in a tree.
func issuerNode(i *issuer) *Node {
	node := &Node{Object: i.object, State: "not ready", Created: created(i.GetCreationTimestamp().Time)}
	for _, c := range i.GetStatus().Conditions {
		if c.Type == cmapi.IssuerConditionReady {
			node.Good = c.Status == cmmeta.ConditionTrue
			node.Message = c.Message
			if node.Good {
				node.State = "ready"
			}
		}
	}
	return node
}

var errNotAllowed = errors.New("not allowed to look")
