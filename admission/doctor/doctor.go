// Package doctor looks at an installation, an Issuer or a Certificate, and says what keeps it from working: in which object,
// why, and what to do next.
//
// It works in three steps that know nothing of each other. Looking collects what is there, as checks and signs. The table of
// causes recognises signs. Writing shows the whole, as text or JSON. All looking is reading: the API server is asked to get,
// to list, to review access and to rehearse (dry run), and what a user may not ask is said to be not checked.
package doctor

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	// DNS looks at the world's DNS, Provider asks the clouds.
	DNS, Provider bool
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

// Zones lists the zones of accounts at DNS clouds.
type Zones interface {
	// Zones returns the zones of the account that the keys open, in canonical form. It makes as few calls as it can, and none
	// that changes anything. The solver is a solverName of certyun's; the text of an error is fit to be shown.
	Zones(ctx context.Context, solver string, keys credential.Keys, region string) ([]string, error)
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
	world     *World
	zones     Zones
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
	l := d.look(ctx)
	l.certManager()
	groups := l.solvers()
	l.admission()
	l.allIssuers(groups)
	l.area = "Challenges"
	l.lingering("")
	return l.diagnose(report.Object{Kind: "Installation", Name: "certyun"}, nil)
}

// Issuer examines an Issuer, or without a namespace a ClusterIssuer, and what it needs.
func (d *Doctor) Issuer(ctx context.Context, namespace, name string) (*Diagnosis, error) {
	l := d.look(ctx)
	l.findCertManager()
	object := issuerObject(namespace, name)
	issuer := l.issuer(object)
	if issuer == nil {
		return l.diagnose(object, nil)
	}
	l.area = "Issuer"
	l.facts.Issuer = object
	l.judgeIssuer(issuer, allSolvers)
	if l.options.DNS {
		l.area = "DNS"
		l.identities(issuer)
	}
	l.rules(issuer)
	return l.diagnose(object, issuerNode(issuer))
}

// Certificate examines a Certificate and everything that is made for it.
func (d *Doctor) Certificate(ctx context.Context, namespace, name string) (*Diagnosis, error) {
	l := d.look(ctx)
	deployments := l.findCertManager()
	l.servedGroups()
	object := report.Object{APIVersion: certManagerVersion, Kind: "Certificate", Namespace: namespace, Name: name}
	l.facts.Certificate = object
	chain := l.chain(object)
	if chain == nil {
		return l.diagnose(object, nil)
	}
	if len(deployments) > 0 && (!chain.ready() || chain.issuing()) {
		l.area = "cert-manager"
		l.certManagerPart(deployments, "controller")
	}
	l.judgeChain(chain)
	return l.diagnose(object, chain.tree)
}

// solverConfig is what an Issuer's config says, in the terms of any of certyun's solvers.
type solverConfig struct {
	keys   config.Keys
	region string
}
