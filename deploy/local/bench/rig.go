package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
	"github.com/certyun/certyun/deploy/local/stage"
	"github.com/certyun/certyun/deploy/local/toolbox"
)

// way is how a certificate is obtained: see the package comment.
type way string

const (
	wayCertyun        way = "certyun"
	wayOneReplica     way = "certyun, one replica"
	wayCertyunChecked way = "certyun, self check"
	wayPlain          way = "plain, self check"
)

// The further releases are the same program: one without all that makes it wait, and one with a single replica.
const (
	plainRelease  = "plain"
	plainGroup    = "plain." + stage.GroupName
	singleRelease = "single"
	singleGroup   = "single." + stage.GroupName
)

// group is the API group of the solver.
func (w way) group() string {
	switch w {
	case wayPlain:
		return plainGroup
	case wayOneReplica:
		return singleGroup
	default:
		return stage.GroupName
	}
}

// replicas is how many the solver has; the chart's default is two.
func (w way) replicas() int {
	if w == wayOneReplica {
		return 1
	}
	return 2
}

// wait is what stands in the Issuer: nothing leaves cert-manager's self check on.
func (w way) wait() *metav1.Duration {
	if w == wayCertyunChecked || w == wayPlain {
		return nil
	}
	return &metav1.Duration{}
}

// slug makes a title fit for the name of an object or a zone.
func slug(parts ...string) string {
	return strings.ToLower(strings.NewReplacer(",", "", " ", "-").Replace(strings.Join(parts, "-")))
}

// rig is the cluster with all releases, and a client that can watch.
type rig struct {
	*stage.Stage
	client   client.WithWatch
	accounts []stage.Account
}

// startRig starts everything. The cluster's own cert-manager looks after certyun's namespace alone: each group of cases
// has one of its own, so that a case whose workers sleep holds up no other.
func startRig(ctx context.Context, box toolbox.Toolbox, step func(string, func() error) error) (_ *rig, err error) {
	r := &rig{}
	r.Stage, err = stage.Start(ctx, stage.Options{
		Toolbox: box, Step: step, IssuerNamespaces: lanes(),
		CertManager: certmanager.Options{Namespace: stage.Namespace},
	})
	if err != nil {
		return nil, err
	}
	r.World.DNS.SetDelay(0) // each zone has its own
	// A resolver that remembers what was not there makes the ways with the self check slower still, by chance.
	r.World.Recursive.SetCache(false)
	if err := r.prepare(ctx, step); err != nil {
		_ = r.Stop() // the first error counts
		return nil, err
	}
	return r, nil
}

func (r *rig) prepare(ctx context.Context, step func(string, func() error) error) (err error) {
	config := rest.CopyConfig(r.Cluster.Config)
	config.QPS = -1 // the benchmark must not wait for itself
	config.WarningHandler = rest.NoWarnings{}
	if r.client, err = client.NewWithWatch(config, client.Options{Scheme: r.Client.Scheme()}); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	if err := r.openAccounts(); err != nil {
		return err
	}
	return step("install the solver twice more: without its waits, and with one replica", func() error {
		err := r.InstallSecond(ctx, plainRelease, plainGroup,
			"propagation.timeout=0", "ahead.enabled=false", "solver.extraArgs={--ca-memory=0}")
		return errors.Join(err, r.InstallSecond(ctx, singleRelease, singleGroup, "solver.replicaCount=1"))
	})
}

func providers() []stage.Provider { return []stage.Provider{stage.Alidns(), stage.DNSPod()} }

// lane is a namespace with a cert-manager of its own.
type lane struct {
	*rig
	namespace string
	stop      func()
}

// open starts the namespace's cert-manager and puts the accounts' keys there.
func (r *rig) open(ctx context.Context, namespace string, options certmanager.Options) (*lane, error) {
	for _, account := range r.accounts {
		if err := r.client.Create(ctx, account.Secret(namespace)); err != nil {
			return nil, fmt.Errorf("bench: %w", err)
		}
	}
	options.Namespace = namespace
	return &lane{rig: r, namespace: namespace, stop: r.Cluster.RunCertManager(ctx, options)}, nil
}

// issuer makes an Issuer for this way and account unless it is there, and waits until it has its ACME account.
func (l *lane) issuer(ctx context.Context, w way, account stage.Account) (cmmeta.IssuerReference, error) {
	ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: slug(string(w), account.SolverName)}
	account.Group = w.group()
	issuer, err := l.Issuer(l.namespace, ref.Name, account)
	if err != nil {
		return ref, err
	}
	issuer.Spec.ACME.Solvers[0].WaitInsteadOfSelfCheck = w.wait()
	if err := l.client.Create(ctx, issuer); err != nil && !apierrors.IsAlreadyExists(err) {
		return ref, fmt.Errorf("bench: %w", err)
	}
	return ref, stage.Eventually(ctx, time.Minute, func() error {
		var now certmanagerv1.Issuer
		if err := l.client.Get(ctx, client.ObjectKeyFromObject(issuer), &now); err != nil {
			return err
		}
		for _, condition := range now.Status.Conditions {
			if condition.Type == certmanagerv1.IssuerConditionReady && condition.Status == cmmeta.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("bench: Issuer %s/%s is not ready: %v", l.namespace, ref.Name, now.Status.Conditions)
	})
}
