package ahead

import (
	"slices"
	"strings"
	"time"

	"github.com/cert-manager/cert-manager/pkg/acme"
	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certyun/certyun/solvers/dnsname"
)

// Group is which solvers are ours, and where cert-manager lets them read Secrets.
type Group struct {
	// Name is the API group of the solvers.
	Name string
	// Solvers are by the names that Issuers use; one solver may have several.
	Solvers map[string]Solver
	// ClusterResources is the namespace of what ClusterIssuers refer to.
	ClusterResources string
}

// challenge is a Challenge and what was seen of it.
type challenge struct {
	*cmacme.Challenge
	// name is the record's, "" while it is not known: see names. key is that of the record's entry in the journal, "" for others'.
	name, key string
	// working is when cert-manager may first have worked on it, zero if it has not.
	working time.Time
	// finalized says that cert-manager's finalizer was seen, so that the Challenge does not go before CleanUp has succeeded.
	finalized bool
	// ended is when it was first seen to be in a final state, or gone.
	ended time.Time
}

// trim returns what is used of a Challenge or an Order. A cluster may have many of them, and most are not ours.
func (g Group) trim(object any) (any, error) {
	switch o := object.(type) {
	case *cmacme.Challenge:
		return g.trimChallenge(o), nil
	case *cmacme.Order:
		return trimOrder(o), nil
	}
	return object, nil
}

// Bounds of what is kept of an object that tenants and their CAs write, in bytes and in numbers. What is longer no CA and no Issuer has
// that works, or it is not written ahead.
const (
	maxText           = 256
	maxAuthorizations = 1000
)

// short stands for a text that is only compared.
func short(text string) string {
	if len(text) <= maxText {
		return text
	}
	return keyOf(text)
}

func (g Group) trimChallenge(c *cmacme.Challenge) *cmacme.Challenge {
	small := &cmacme.Challenge{Spec: cmacme.ChallengeSpec{AuthorizationURL: short(c.Spec.AuthorizationURL)}}
	if _, ours := g.solver(c); !ours {
		small.Namespace, small.Name, small.UID, small.ResourceVersion = c.Namespace, c.Name, c.UID, c.ResourceVersion
		return small
	}
	small.ObjectMeta = trimMeta(&c.ObjectMeta)
	small.Finalizers = slices.DeleteFunc(slices.Clone(c.Finalizers), func(f string) bool { return !ofACME(f) })
	small.Spec.DNSName, small.Spec.Wildcard, small.Spec.Type, small.Spec.Key = short(c.Spec.DNSName), c.Spec.Wildcard, c.Spec.Type, short(c.Spec.Key)
	small.Spec.IssuerRef = trimReference(c.Spec.IssuerRef)
	small.Spec.Solver.DNS01 = trimSolver(c.Spec.Solver.DNS01)
	small.Status = c.Status
	small.Status.Reason = ""
	return small
}

func trimReference(r cmmeta.IssuerReference) cmmeta.IssuerReference {
	return cmmeta.IssuerReference{Name: short(r.Name), Kind: short(r.Kind), Group: short(r.Group)}
}

// trimSolver leaves out a config that is too long for the journal, so that the record is not written ahead.
func trimSolver(s *cmacme.ACMEChallengeSolverDNS01) *cmacme.ACMEChallengeSolverDNS01 {
	webhook := &cmacme.ACMEIssuerDNS01ProviderWebhook{GroupName: s.Webhook.GroupName, SolverName: s.Webhook.SolverName}
	if config := s.Webhook.Config; config != nil && len(config.Raw) <= maxEntry {
		webhook.Config = config
	}
	return &cmacme.ACMEChallengeSolverDNS01{CNAMEStrategy: s.CNAMEStrategy, Webhook: webhook}
}

func trimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	small := metav1.ObjectMeta{
		Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, DeletionTimestamp: m.DeletionTimestamp,
	}
	if owner := metav1.GetControllerOf(m); owner != nil && owner.Kind == orderKind {
		small.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return small
}

// trimOrder keeps of an Order that is over when it ended, which only the managed fields tell.
func trimOrder(o *cmacme.Order) *cmacme.Order {
	small := &cmacme.Order{ObjectMeta: trimMeta(&o.ObjectMeta), Status: cmacme.OrderStatus{State: o.Status.State}}
	small.OwnerReferences = nil
	for _, a := range o.Status.Authorizations[:min(len(o.Status.Authorizations), maxAuthorizations)] {
		small.Status.Authorizations = append(small.Status.Authorizations, cmacme.ACMEAuthorization{
			URL: short(a.URL), Identifier: short(a.Identifier), Wildcard: a.Wildcard, InitialState: a.InitialState,
		})
	}
	if acme.IsFinalState(o.Status.State) {
		small.Status.FailureTime = lastChange(o) // nothing else of it is used, so the field serves for success too
	}
	small.Spec.IssuerRef = trimReference(o.Spec.IssuerRef)
	return small
}

func lastChange(o *cmacme.Order) *metav1.Time {
	last := o.Status.FailureTime
	for _, field := range o.ManagedFields {
		if field.Time != nil && (last == nil || last.Before(field.Time)) {
			last = field.Time
		}
	}
	return last
}

// orderKind is the kind of the owner of every Challenge that cert-manager makes.
const orderKind = "Order"

// solver returns the solver of a Challenge that is one of ours.
func (g Group) solver(c *cmacme.Challenge) (Solver, bool) {
	if c.Spec.Type != cmacme.ACMEChallengeTypeDNS01 || c.Spec.Solver.DNS01 == nil || c.Spec.Solver.DNS01.Webhook == nil {
		return nil, false
	}
	webhook := c.Spec.Solver.DNS01.Webhook
	solver, served := g.Solvers[webhook.SolverName]
	return solver, served && webhook.GroupName == g.Name
}

// request is what cert-manager will ask of the solver for this Challenge. The zone may be left out. Ambient credentials are not allowed:
// that is for cert-manager to say.
func (g Group) request(c *challenge, zone string) *whapi.ChallengeRequest {
	return &whapi.ChallengeRequest{
		UID: c.UID, Type: "dns-01", DNSName: c.Spec.DNSName, Key: c.Spec.Key, ResourceNamespace: g.resources(c.Challenge),
		ResolvedFQDN: c.name + ".", ResolvedZone: zone, Config: c.Spec.Solver.DNS01.Webhook.Config,
	}
}

// resources is the namespace of the Secrets that the Challenge's Issuer names, as cert-manager chooses it
// (https://github.com/cert-manager/cert-manager/blob/v1.21.2/pkg/controller/helper.go, ResourceNamespaceRef).
func (g Group) resources(c *cmacme.Challenge) string {
	if c.Spec.IssuerRef.Kind == certmanager.ClusterIssuerKind {
		return g.ClusterResources
	}
	return c.Namespace
}

// open tells whether cert-manager will still want the record.
func open(c *cmacme.Challenge) bool {
	return c.DeletionTimestamp == nil && !acme.IsFinalState(c.Status.State)
}

// started tells whether cert-manager works on the Challenge. From then on it is for Present and CleanUp.
func started(c *cmacme.Challenge) bool { return c.Status.Processing || hasFinalizer(c) }

func hasFinalizer(c *cmacme.Challenge) bool {
	return slices.ContainsFunc(c.Finalizers, ofACME)
}

func ofACME(finalizer string) bool {
	return finalizer == cmacme.ACMEDomainQualifiedFinalizer || finalizer == cmacme.ACMELegacyFinalizer
}

// follows tells whether the record's name is behind CNAME records.
func follows(c *cmacme.Challenge) bool {
	return c.Spec.Solver.DNS01.CNAMEStrategy == cmacme.FollowStrategy
}

// plainName is the name of a challenge's record where no CNAME record leads away from it; "" if it is none.
func plainName(dnsName string) string {
	name, err := dnsname.Parse("_acme-challenge." + dnsName)
	if err != nil {
		return ""
	}
	return name
}

func owner(c *cmacme.Challenge) types.UID {
	if ref := metav1.GetControllerOf(c); ref != nil && strings.HasPrefix(ref.APIVersion, cmacme.SchemeGroupVersion.Group+"/") {
		return ref.UID
	}
	return ""
}

// legitimate tells whether cert-manager made the Challenge for this Order: somebody who may create Challenges cannot make the
// authorizations of an Order.
func legitimate(c *cmacme.Challenge, o *cmacme.Order) bool {
	return o != nil && o.Namespace == c.Namespace && sameIssuer(o.Spec.IssuerRef, c.Spec.IssuerRef) &&
		slices.ContainsFunc(o.Status.Authorizations, func(a cmacme.ACMEAuthorization) bool {
			return a.URL == c.Spec.AuthorizationURL && a.Identifier == c.Spec.DNSName && (a.Wildcard != nil && *a.Wildcard) == c.Spec.Wildcard
		})
}

func sameIssuer(a, b cmmeta.IssuerReference) bool {
	return a.Name == b.Name && kindOf(a) == kindOf(b) && a.Group == b.Group
}

func kindOf(ref cmmeta.IssuerReference) string {
	if ref.Kind == "" {
		return certmanager.IssuerKind
	}
	return ref.Kind
}
