package cluster

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/pager"
)

// pageSize is how many objects are read at once. Each may be as large as an API server takes.
const pageSize = 25

// newInformer is client-go's, but lists in pages: an API server that cannot stream its objects would send all of them at once, and
// they would be made slim only when all are there.
func newInformer(source toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	whole := toolscache.ToListerWatcherWithContext(source)
	return toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			return listPages(ctx, whole, options)
		},
		WatchFuncWithContext: whole.WatchWithContext,
	}, object, resync, indexers)
}

// listPages reads the newest state, whatever is enough: of any other an API server gives all at once.
func listPages(ctx context.Context, whole toolscache.ListerWithContext, options metav1.ListOptions) (runtime.Object, error) {
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		page, err := whole.ListWithContext(ctx, options)
		if err != nil {
			return nil, err
		}
		return page, meta.EachListItem(page, func(object runtime.Object) error {
			_, err := slim(object)
			return err
		})
	})
	pages.FullListIfExpired = false
	options.ResourceVersion, options.ResourceVersionMatch, options.Limit = "", "", pageSize
	list, _, err := pages.ListWithAlloc(ctx, options)
	return list, err
}
