package ahead

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	"github.com/cert-manager/cert-manager/pkg/client/informers/externalversions"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// How the replicas find out who leads.
const (
	leaseDuration = 15 * time.Second
	renewWithin   = 10 * time.Second
	tryAgain      = 2 * time.Second
)

// How long the end may take: another replica that lives takes over within a few seconds.
const (
	heirWithin   = 2*tryAgain + time.Second
	removeWithin = 45 * time.Second // some lists lag by 30 s
)

// HandOverWithin is how long Run takes at most to end, also while the Lease cannot be given back.
const HandOverWithin = renewWithin + heirWithin + removeWithin

// Run learns of Challenges and Orders until ctx ends, and writes ahead while this replica leads. When it ends it hands over to
// another replica, or takes back what was written ahead.
func (a *Ahead) Run(ctx context.Context, kube kubernetes.Interface, certManager versioned.Interface) error {
	a.journal.Store(newJournal(kube.CoreV1().ConfigMaps(a.options.Namespace), a.options.Group.Name))
	// The informers outlive ctx: what is taken back at the end is what they say then.
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := a.watchObjects(watching, certManager); err != nil {
		return err
	}
	var all sync.WaitGroup
	all.Go(func() { a.names.run(ctx) })
	led := false
	for ctx.Err() == nil {
		led = a.candidate(ctx, kube)
		pause(ctx, tryAgain)
	}
	all.Wait()
	if led {
		a.handOver(context.WithoutCancel(ctx), kube)
	}
	return nil
}

// watchObjects feeds the view.
func (a *Ahead) watchObjects(ctx context.Context, client versioned.Interface) error {
	factory := externalversions.NewSharedInformerFactoryWithOptions(client, 0, externalversions.WithTransform(a.options.Group.trim))
	var synced []cache.InformerSynced
	for _, informer := range []cache.SharedIndexInformer{
		factory.Acme().V1().Orders().Informer(), factory.Acme().V1().Challenges().Informer(),
	} {
		if err := informer.SetWatchErrorHandlerWithContext(a.lost); err != nil {
			return fmt.Errorf("watching cert-manager's objects: %w", err)
		}
		handler, err := informer.AddEventHandler(a.view.handler())
		if err != nil {
			return fmt.Errorf("watching cert-manager's objects: %w", err)
		}
		synced = append(synced, handler.HasSynced)
	}
	factory.Start(ctx.Done())
	go func() {
		if cache.WaitForCacheSync(ctx.Done(), synced...) {
			a.synced.Store(true)
			a.view.wake()
		}
	}()
	return nil
}

// lost warns once that the API server does not tell what there is. It is tried again for ever.
func (a *Ahead) lost(_ context.Context, _ *cache.Reflector, err error) {
	if a.view.lose() {
		klog.InfoS("Warning: cert-manager's Challenges and Orders cannot be read, so that nothing is written ahead for now, and each process remembers alone what it let the CA look for",
			"cause", err.Error())
	}
}

// candidate wants the Lease, leads while it has it, and returns when it has it no more. It tells whether ctx ended while it led.
func (a *Ahead) candidate(ctx context.Context, kube kubernetes.Interface) bool {
	leading := make(chan struct{}, 1) // no Mutex: simulated time stands still while somebody waits for one
	led := false
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: a.lock(kube), Name: a.options.Group.Name, ReleaseOnCancel: true,
		LeaseDuration: leaseDuration, RenewDeadline: renewWithin, RetryPeriod: tryAgain,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(having context.Context) {
				leading <- struct{}{}
				defer func() { <-leading }()
				a.newQueue().run(having)
				led = ctx.Err() != nil
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		klog.InfoS("Warning: nothing is written ahead of Present", "cause", err.Error())
		return false
	}
	a.elector.Store(elector)
	// Another replica's having the Lease, or an API server that is away, is nothing to log every two seconds.
	elector.Run(klog.NewContext(ctx, logr.Discard()))
	leading <- struct{}{}
	return led
}

func (a *Ahead) lock(kube kubernetes.Interface) *resourcelock.LeaseLock {
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: a.options.Namespace, Name: a.options.Group.Name},
		Client:     kube.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: a.options.Identity},
	}
}

// handOver ends when another replica has taken over. Where there is none, it takes back what was written ahead: nobody else will.
func (a *Ahead) handOver(ctx context.Context, kube kubernetes.Interface) {
	ctx, cancel := context.WithTimeout(ctx, heirWithin+removeWithin)
	defer cancel()
	for end := time.Now().Add(heirWithin); time.Now().Before(end); {
		lease, _, err := a.lock(kube).Get(ctx)
		if err == nil && lease.HolderIdentity != "" && lease.HolderIdentity != a.options.Identity {
			return
		}
		if !pause(ctx, tryAgain/4) {
			return
		}
	}
	a.takeBackAll(ctx)
}

// takeBackAll removes all records that were written ahead and that cert-manager has not asked for.
func (a *Ahead) takeBackAll(ctx context.Context) {
	q := a.newQueue()
	a.tell(q.journal.refresh(ctx)) // where the right is gone already, the copy has to do
	for ctx.Err() == nil {
		entries, _ := q.journal.all()
		asked, left := a.view.asked(), 0
		for key, e := range entries {
			if asked[key] {
				continue
			}
			left++
			q.begin(ctx, e, q.remove)
		}
		a.tell(q.journal.save(ctx))
		if left == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-time.After(time.Second):
		}
	}
	q.operations.Wait()
}
