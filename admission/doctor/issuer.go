package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers/config"
)

// issuer is an Issuer or a ClusterIssuer, with its name in this package's terms.
type issuer struct {
	*reader
	sight
	cmapi.GenericIssuer
	object     report.Object
	controller *controller
	solvers    *solvers
}

// secretNamespace is where its Secrets are.
func (i *issuer) secretNamespace() string {
	return cmp.Or(i.object.Namespace, i.controller.clusterResources)
}

func issuerObject(namespace, name string) report.Object {
	object := report.Object{APIVersion: certManagerVersion, Kind: cmapi.IssuerKind, Namespace: namespace, Name: name}
	if namespace == "" {
		object.Kind = cmapi.ClusterIssuerKind
	}
	return object
}

// webhookSolver is one of an Issuer's solvers that calls a webhook.
type webhookSolver struct {
	*acmev1.ACMEIssuerDNS01ProviderWebhook
	index  int
	solver *acmev1.ACMEChallengeSolver
}

func (i *issuer) webhooks() []webhookSolver {
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

// made tells whether a challenge was made from the solver as it is. cert-manager writes HTTP-01 annotations of the Certificate
// into its copy, so only DNS-01 is compared.
func (w webhookSolver) made(challenge *acmev1.Challenge) bool {
	return equality.Semantic.DeepEqual(w.solver.DNS01, challenge.Spec.Solver.DNS01)
}

// look checks an Issuer and all of its solvers.
func (i *issuer) look() {
	i.judgeReady()
	for _, w := range i.webhooks() {
		i.judgeSolver(w, nil)
	}
}

// judgeReady checks what cert-manager says of it.
func (i *issuer) judgeReady() {
	for _, c := range i.GetStatus().Conditions {
		if c.Type != cmapi.IssuerConditionReady {
			continue
		}
		if c.Status == cmmeta.ConditionTrue {
			i.checkf(OK, "%s: ready", i.object)
			return
		}
		i.complaint(i.object, c.Message, map[string]string{notReady: cmp.Or(c.Reason, "unknown")})
		return
	}
	if i.now().Sub(i.GetCreationTimestamp().Time) > silence {
		i.silent(i.object, i.now().Sub(i.GetCreationTimestamp().Time))
		return
	}
	i.checkf(Waiting, "%s: nobody has looked at it yet", i.object)
}

// judgeSolver checks one solver of an Issuer: whether somebody serves it, its config, the Secrets that this names, and whether the
// account hosts the names that shall be solved with it.
func (i *issuer) judgeSolver(w webhookSolver, names []string) {
	path := field.NewPath("spec", "acme", "solvers").Index(w.index).Child("dns01", "webhook")
	group := i.solvers.of(w.GroupName)
	values := map[string]string{"group": w.GroupName, "solver": w.SolverName, "groups": groupsInWords(i.solvers.served, i.solvers.known)}
	switch {
	case group.Known && !group.Served && (!i.solvers.installed() || group.signs.saw("apiservice-missing")):
		group.absent() // then the Issuer need not be wrong
		i.sign(Sign{Cause: "apiservice-missing", Object: i.object, Text: "nobody serves the group " + w.GroupName, Values: absence(w.GroupName)})
	case group.Known && !group.Served:
		i.problem("group-not-served", i.object, fmt.Sprintf("%s: nobody serves the group %s", path.Child("groupName"), w.GroupName), values)
	case group.Resources != nil && !slices.Contains(group.Resources, w.SolverName):
		i.problem("solver-unknown", i.object, fmt.Sprintf("%s: there is no solver %s in %s", path.Child("solverName"), w.SolverName, w.GroupName),
			with(values, "known", strings.Join(group.Resources, ", ")))
	case group.Resources != nil:
		group.callerMay(w.SolverName)
	}
	if group.Served && i.solvers.known && !slices.Contains(i.solvers.served, w.GroupName) {
		return // others have solvers of these names too, and configs of their own
	}
	decoded, ok := i.decode(w, path.Child("config"))
	if !ok {
		return
	}
	if decoded.Keys.Ambient() {
		i.judgeAmbient(w, decoded.Role)
	} else {
		i.judgeSecrets(w, decoded)
	}
	i.provider(w, decoded, names)
}

// decode reads the config of one of our solvers. Of other people's it says nothing.
func (i *issuer) decode(w webhookSolver, path *field.Path) (config.Solver, bool) {
	var raw []byte
	if w.Config != nil {
		raw = w.Config.Raw
	}
	var decoded config.Solver
	var errs field.ErrorList
	switch w.SolverName {
	case alidnsName, alidnsAlias:
		decoded, errs = config.DecodeAlidns(path, raw)
	case dnspodName:
		decoded, errs = config.DecodeDNSPod(path, raw)
	default:
		return decoded, false
	}
	if err := errs.ToAggregate(); err != nil {
		i.problem("config-wrong", i.object, err.Error(), nil)
		return decoded, false
	}
	return decoded, true
}

// node is an Issuer in a tree.
func (i *issuer) node() *Node {
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
