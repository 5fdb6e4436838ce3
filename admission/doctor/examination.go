package doctor

import (
	"context"
	"fmt"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/words"
)

// examination is one look at something, and at what it needs.
type examination struct {
	*reader
	// sight is what was seen on the way.
	sight
	installation *installation
	solvers      *solvers
	// rules are what the rules say.
	rules []RuleFinding
	// observed is the world for the rules, nil until they are asked.
	observed *objects.World
}

func (d *Doctor) examination(ctx context.Context) *examination {
	r := d.reader(ctx)
	return &examination{reader: r, installation: newInstallation(r)}
}

// begin finds out what every Issuer and Certificate needs.
func (e *examination) begin() {
	e.installation.find()
	e.solvers = newSolvers(e.reader, &e.installation.controller)
}

// issuer reads an Issuer or ClusterIssuer. Where there is none it notes that. It is nil, too, where nobody may look: then it is not
// known.
func (e *examination) issuer(object report.Object) (i *issuer, known bool) {
	var target interface {
		client.Object
		cmapi.GenericIssuer
	} = &cmapi.Issuer{}
	if object.Namespace == "" {
		target = &cmapi.ClusterIssuer{}
	}
	found, known := e.get(object.Namespace, object.Name, target)
	if !known {
		return nil, known
	}
	e.seen = true
	if !found {
		e.missing(object, e.otherIssuer(object))
		return nil, known
	}
	return e.newIssuer(target, object), true
}

func (e *examination) newIssuer(one cmapi.GenericIssuer, object report.Object) *issuer {
	return &issuer{
		reader: e.reader, sight: sight{area: "Issuer"}, GenericIssuer: one, object: object,
		controller: &e.installation.controller, solvers: e.solvers,
	}
}

// otherIssuer says whether there is one of the other kind: a frequent slip.
func (e *examination) otherIssuer(object report.Object) string {
	defer e.unnoted(len(e.notChecked))
	clusterKnown := false
	if object.Namespace != "" {
		var found bool
		if found, clusterKnown = e.get("", object.Name, &cmapi.ClusterIssuer{}); clusterKnown && found {
			return ", but there is a ClusterIssuer of this name: set kind: ClusterIssuer in the reference"
		}
	}
	issuers := &cmapi.IssuerList{}
	if !e.list("", issuers) && object.Namespace != "" {
		e.list(object.Namespace, issuers)
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
	e.list("", clusterIssuers)
	for i := range clusterIssuers.Items {
		names = append(names, clusterIssuers.Items[i].Name)
	}
	if meant := words.Closest(object.Name, names); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	if clusterKnown {
		return ", and no ClusterIssuer of this name"
	}
	return ""
}

// allIssuers checks every Issuer whose solvers are ours, or call a group that nobody serves.
func (e *examination) allIssuers() (sights []*sight) {
	e.area = "Issuers"
	var all []*issuer
	clusterIssuers := &cmapi.ClusterIssuerList{}
	known := e.list("", clusterIssuers)
	for i := range clusterIssuers.Items {
		all = append(all, e.newIssuer(&clusterIssuers.Items[i], issuerObject("", clusterIssuers.Items[i].Name)))
	}
	issuers := &cmapi.IssuerList{}
	if !e.listMine(issuers) && !known {
		return nil
	}
	for i := range issuers.Items {
		all = append(all, e.newIssuer(&issuers.Items[i], issuerObject(issuers.Items[i].Namespace, issuers.Items[i].Name)))
	}
	for _, one := range all {
		if slices.ContainsFunc(one.webhooks(), e.concernsUs) {
			one.area = e.area
			one.look()
			sights = append(sights, &one.sight)
		}
	}
	if len(sights) == 0 {
		e.checkf(OK, "none of the %d that can be seen uses certyun's solvers", len(all))
	}
	return sights
}

// concernsUs tells whether a solver is ours or was meant to be.
func (e *examination) concernsUs(w webhookSolver) bool {
	return slices.Contains(e.solvers.groups(), w.GroupName) || slices.Contains(ourSolvers(), w.SolverName) && !e.solvers.of(w.GroupName).Served
}

// chain reads a Certificate, and what belongs to it. It is nil where there is none.
func (e *examination) chain(object report.Object) *chain {
	c := &chain{reader: e.reader, sight: sight{area: "Certificate"}, solvers: e.solvers, certificate: &cmapi.Certificate{}}
	found, known := e.get(object.Namespace, object.Name, c.certificate)
	if !known {
		return nil
	}
	e.seen = true
	if !found {
		e.missing(object, e.otherCertificate(object))
		return nil
	}
	c.read()
	if reference := c.certificate.Spec.IssuerRef; c.isForeign() {
		e.skipf("the issuer %s %s (%s is not cert-manager's)", reference.Kind, reference.Name, reference.Group)
		return c
	}
	c.issuer, known = e.issuer(c.referred())
	c.issuerMissing = c.issuer == nil && known
	return c
}

// otherCertificate says why there may be no Certificate of this name: the namespace is not there or goes away, or the name has
// a slip in it.
func (e *examination) otherCertificate(object report.Object) string {
	defer e.unnoted(len(e.notChecked))
	namespace := &corev1.Namespace{}
	if found, known := e.get("", object.Namespace, namespace); known && !found {
		return fmt.Sprintf(": the namespace %s does not exist either", object.Namespace)
	}
	if namespace.DeletionTimestamp != nil {
		e.area = "Namespace"
		e.vanishing(namespace)
		lingering(e.reader, &e.sight, e.solvers, object.Namespace)
	}
	certificates := &cmapi.CertificateList{}
	if !e.list("", certificates) {
		e.list(object.Namespace, certificates)
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
	if meant := words.Closest(object.Name, names); meant != "" {
		return fmt.Sprintf("; did you mean %s?", meant)
	}
	return ""
}
