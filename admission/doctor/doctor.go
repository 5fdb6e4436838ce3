// Package doctor looks at an installation, an Issuer or a Certificate, and says what keeps it from working: in which object,
// why, and what to do next.
//
// It works in three steps. Looking: an installation, the solvers, an Issuer, a Certificate's chain and its records are each handed
// a reader, and give back what they saw, as checks and signs. A sign names its cause, unless it is what somebody else says. The
// table of causes recognises that by its words, and says what comes first, what explains what, and what to do. Writing shows the
// whole, as text or JSON. None of the three calls one that comes after it.
//
// All looking is reading: the API server is asked to get, to list, to review access and to rehearse (dry run), and what a user may
// not ask is said to be not checked.
package doctor

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/ca"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
)

// Options say how to look.
type Options struct {
	// Group is the API group of the solvers. "" looks for the groups that certyun serves in the cluster.
	Group string
	// CertManagerNamespace and CertManagerServiceAccount are where cert-manager's controller runs, and as whom. "" finds out.
	CertManagerNamespace, CertManagerServiceAccount string
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are. "" finds out.
	ClusterResourceNamespace string
	// DNS looks at the DNS, Provider asks the clouds.
	DNS, Provider bool
	// CAs is what is known of CAs; nil for what is built in.
	CAs *ca.Table
	// Program is how the command was called, for commands to run next: "certyun", or "kubectl certyun".
	Program string
}

// Discovery tells what the API server serves.
type Discovery interface {
	// Version is that of the API server.
	Version(ctx context.Context) (*version.Info, error)
	// Resources are the names of what it serves in a group and version.
	Resources(ctx context.Context, groupVersion string) ([]string, error)
}

// Accounts looks at accounts at DNS clouds.
type Accounts interface {
	// Zones returns the zones of the account that the keys open, by way of the role if there is one, in canonical form. It makes as few
	// calls as it can, and none that changes anything. The solver is a solverName of certyun's; the text of an error is fit to be shown.
	Zones(ctx context.Context, solver string, keys credential.Keys, wanted config.Solver) ([]string, error)
	// Caller returns whose the keys are, or those of the role's session, as Zones does.
	Caller(ctx context.Context, solver string, keys credential.Keys, wanted config.Solver) (credential.Caller, error)
}

// Handshake returns the certificate that a server serves, without trusting it.
type Handshake interface {
	// Certificates returns the chain that is served at host:port to who asks for the name, the leaf first, in DER form.
	Certificates(ctx context.Context, address, serverName string) ([][]byte, error)
}

// Doctor looks at one cluster.
type Doctor struct {
	options   Options
	client    client.Client
	discovery Discovery
	warnings  Warnings
	handshake Handshake
	dns       *DNS
	accounts  Accounts
	ruleset   []rule.Rule
	engine    *rule.Engine
	now       func() time.Time
	// namespace is the one that the user works in.
	namespace string
}

// Warnings collects the warnings with which the API server answers.
type Warnings interface {
	// Take returns the warnings that came since it was called last.
	Take() []string
}

// Installation examines what is installed.
func (d *Doctor) Installation(ctx context.Context) (*Diagnosis, error) {
	e := d.examination(ctx)
	e.installation.look()
	e.solvers = newSolvers(e.reader, &e.installation.controller)
	for _, group := range e.solvers.groups() {
		e.solvers.of(group).judge()
	}
	server := newAdmission(e.installation)
	server.look()
	issuers := e.allIssuers()
	e.area = "Challenges"
	lingering(e.reader, &e.sight, e.solvers, "")
	sights := slices.Concat([]*sight{&e.installation.sight}, e.solvers.sights(), []*sight{&server.sight}, issuers)
	return e.diagnose(report.Object{Kind: "Installation", Name: "certyun"}, nil, sights...)
}

// Issuer examines an Issuer, or without a namespace a ClusterIssuer, and what it needs.
func (d *Doctor) Issuer(ctx context.Context, namespace, name string) (*Diagnosis, error) {
	e := d.examination(ctx)
	e.begin()
	object := issuerObject(namespace, name)
	issuer, _ := e.issuer(object)
	if issuer == nil {
		return e.diagnose(object, nil)
	}
	issuer.look()
	if e.options.DNS {
		issuer.identities()
	}
	e.ask(issuer.GenericIssuer, object)
	return e.diagnose(object, issuer.node(), append([]*sight{&issuer.sight}, e.solvers.sights()...)...)
}

// Certificate examines a Certificate and everything that is made for it.
func (d *Doctor) Certificate(ctx context.Context, namespace, name string) (*Diagnosis, error) {
	e := d.examination(ctx)
	e.begin()
	object := report.Object{APIVersion: certManagerVersion, Kind: "Certificate", Namespace: namespace, Name: name}
	c := e.chain(object)
	if c == nil {
		return e.diagnose(object, nil, e.solvers.sights()...)
	}
	tree := c.node()
	c.look()
	sights := []*sight{&e.installation.sight, &c.sight}
	if e.options.DNS {
		shown := &records{reader: e.reader, sight: sight{area: "DNS"}, chain: c, zones: map[string]string{}}
		shown.look()
		sights = append(sights, &shown.sight)
	}
	if c.issuer != nil {
		c.issuer.judgeReady()
		c.judgeChosen()
		e.ask(c.issuer.GenericIssuer, c.issuer.object)
		sights = append(sights, &c.issuer.sight)
	} else {
		c.judgeCalls()
	}
	e.ask(c.certificate, object)
	e.lookBehind(c)
	return e.diagnose(object, tree, append(sights, e.solvers.sights()...)...)
}

// lookBehind looks at cert-manager, where a Certificate is not there, or nothing happens that should.
func (e *examination) lookBehind(c *chain) {
	silent := c.signs.saw("nothing-happens") || c.issuer != nil && c.issuer.signs.saw("nothing-happens")
	overdue := c.signs.saw("renewal-overdue")
	if len(e.installation.deployments) > 0 && (!c.ready() || c.issuing() || overdue) {
		e.installation.part("controller")
	}
	if silent || overdue {
		e.installation.controllerMay(c.certificate.Namespace)
		e.installation.judgeRehearsal(c.certificate.Namespace)
	}
}
