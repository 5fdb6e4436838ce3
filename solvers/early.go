package solvers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	dnsutil "github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/util"
	"github.com/google/uuid"
	"github.com/miekg/dns"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/propagation"
)

// early is a Solver as package ahead uses it: it does what Present and CleanUp do, before or in place of cert-manager's asking. Its
// calls are not counted as in flight: they belong to a Present that is, or to what Run waits for.
type early struct{ *Solver }

// Write implements ahead.Solver.
func (s early) Write(ctx context.Context, ch *whapi.ChallengeRequest, patient bool) (ahead.Record, error) {
	c, err := s.open(ctx, ch)
	if err != nil {
		return ahead.Record{}, err
	}
	if patient {
		c.bePatient()
	}
	zone, err := s.add(ctx, c, ahead.Record{})
	if err != nil {
		return ahead.Record{}, c.credential.Judge(err)
	}
	if patient && !c.added.IsZero() {
		s.counters.ahead.WithLabelValues(s.Name(), "written").Inc()
	}
	klog.V(4).InfoS("Wrote the challenge's record ahead", append(s.logFields(c), "zone", zone)...)
	return ahead.Record{Zone: zone, ID: string(s.records.get(c.key()).id), Account: c.fingerprint()}, nil
}

// watchEvery is how often a record is looked for that nobody waits for.
const watchEvery = 2 * time.Second

// Watch implements ahead.Solver.
func (s early) Watch(ctx context.Context, ch *whapi.ChallengeRequest, r ahead.Record) {
	written := time.Now()
	name, err := dnsname.Parse(ch.ResolvedFQDN)
	if err == nil && s.watcher != nil && s.watcher.Watch(ctx, propagation.Record{Tenant: ch.ResourceNamespace, Zone: r.Zone, Name: name, Value: ch.Key}, watchEvery) {
		s.shown.Saw(name, ch.Key)
		if r.ID != "" {
			s.sawAfter(written)
		}
	}
}

// Remove implements ahead.Solver.
func (s early) Remove(ctx context.Context, ch *whapi.ChallengeRequest, known ahead.Record) error {
	c, err := s.open(ctx, ch)
	if err == nil {
		c.bePatient()
		err = s.remove(ctx, c, ahead.Owned{Known: known, Asked: time.Now()}) // where it was written ahead, nobody asked
	}
	if err == nil {
		s.counters.ahead.WithLabelValues(s.Name(), "taken_back").Inc()
		return nil
	}
	return s.unlessHopeless(c, err)
}

// Futile implements ahead.Solver.
func (early) Futile(err error) bool {
	_, retryable := fault.Retryable(err)
	return !retryable && !errors.Is(err, context.Canceled)
}

// Busy implements ahead.Solver.
func (early) Busy(err error) bool { return fault.Is(err, fault.Throttled) }

// follower finds the names of records behind CNAME records as cert-manager does, through the resolvers that are asked for zones.
type follower struct{ resolvers []string }

// Follow implements ahead.Names.
func (f follower) Follow(ctx context.Context, dnsName string) (string, error) {
	fqdn, err := dnsutil.DNS01LookupFQDN(ctx, dnsName, true, f.resolvers...)
	if err != nil {
		return "", err
	}
	return dnsname.Parse(fqdn)
}

// Target implements aliases.
func (f follower) Target(ctx context.Context, name string) (string, error) {
	reply, err := dnsutil.DNSQuery(ctx, name+".", dns.TypeCNAME, f.resolvers, true)
	if err != nil {
		return "", err
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return "", fmt.Errorf("the resolvers answer %s for %s", dns.RcodeToString[reply.Rcode], name)
	}
	for _, rr := range reply.Answer {
		if alias, ok := rr.(*dns.CNAME); ok && strings.EqualFold(alias.Hdr.Name, name+".") {
			return dnsname.Parse(alias.Target)
		}
	}
	return "", nil
}

// follower returns one that asks the resolvers which are asked for zones.
func (o *PropagationOptions) follower() (follower, error) {
	resolvers, err := o.resolvers()
	if len(resolvers) == 0 {
		resolvers = dnsutil.RecursiveNameservers
	}
	return follower{resolvers}, err
}

// newAhead returns what the solvers ask about other challenges, nil where that is turned off.
func (o *Options) newAhead(memory *ahead.Memory, solvers ...*Solver) (*ahead.Ahead, error) {
	if o.Ahead.Max == 0 {
		return nil, nil
	}
	follower, err := o.Propagation.follower()
	if err != nil {
		return nil, err
	}
	group := ahead.Group{Name: o.Server.SolverGroup, Solvers: map[string]ahead.Solver{}, ClusterResources: o.Ahead.ClusterResourceNamespace}
	for _, s := range solvers {
		group.Solvers[s.Name()] = early{s}
	}
	group.Solvers[AlidnsAlias] = group.Solvers[AlidnsName]
	a := ahead.New(ahead.Options{
		Group: group, Max: o.Ahead.Max, Namespace: o.Ahead.Namespace, Identity: identity(), Memory: memory, Names: follower,
	})
	for _, s := range solvers {
		s.ahead = a
	}
	return a, nil
}

// identity tells this process apart from all others, and begins with its Pod's name.
func identity() string {
	name := os.Getenv("POD_NAME")
	if name == "" {
		name, _ = os.Hostname() // it is for people; what follows is unique
	}
	return fmt.Sprintf("%s_%s", name, uuid.NewString())
}

// runAhead gives it clients of its own, so that it and Present do not wait for each other.
func runAhead(ctx context.Context, a *ahead.Ahead, restConfig *rest.Config) error {
	limited := rest.CopyConfig(restConfig)
	limited.QPS, limited.Burst = 50, 100
	kube, err := kubernetes.NewForConfig(limited)
	if err != nil {
		return fmt.Errorf("creating a client for the Kubernetes API server: %w", err)
	}
	certManager, err := versioned.NewForConfig(limited)
	if err != nil {
		return fmt.Errorf("creating a client for cert-manager's API: %w", err)
	}
	return a.Run(ctx, kube, certManager)
}
