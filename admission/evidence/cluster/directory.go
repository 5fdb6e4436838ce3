package cluster

import (
	"cmp"
	"sync"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/third_party/forked/golang/btree"

	"github.com/certyun/certyun/admission/evidence"
)

// directory has the cache's Certificates in order, under the keys of each index. The cache has indexes too, but gives all
// that is under a key, copied and in no order; from here an answer costs what is looked at of it and no more.
type directory struct {
	keys func(*cmapi.Certificate) map[evidence.Index][]string

	mu      sync.Mutex
	shelves map[evidence.Index]*btree.BTree[entry]
}

type entry struct {
	key         string
	certificate *cmapi.Certificate
}

// degree is that of the trees: their nodes have up to twice as many entries.
const degree = 32

func newDirectory(keys func(*cmapi.Certificate) map[evidence.Index][]string) *directory {
	d := &directory{keys: keys, shelves: map[evidence.Index]*btree.BTree[entry]{}}
	for _, index := range []evidence.Index{evidence.ByIssuer, evidence.ByNames, evidence.ByDomain, evidence.BySecretName} {
		d.shelves[index] = btree.New(degree, before)
	}
	return d
}

func before(a, b entry) bool {
	return cmp.Or(
		cmp.Compare(a.key, b.key),
		cmp.Compare(a.certificate.Namespace, b.certificate.Namespace),
		cmp.Compare(a.certificate.Name, b.certificate.Name),
	) < 0
}

// visit calls f with each Certificate under the key, in order of namespace and name, until it returns false. A namespace that is not ""
// is the only one that is looked at. Changes during the visit are not seen, and do not wait for it.
func (d *directory) visit(index evidence.Index, key, namespace string, f func(*cmapi.Certificate) bool) {
	d.mu.Lock()
	snapshot := d.shelves[index].Clone()
	d.mu.Unlock()
	first := entry{key: key, certificate: &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace}}}
	snapshot.AscendGreaterOrEqual(first, func(e entry) bool {
		return e.key == key && (namespace == "" || e.certificate.Namespace == namespace) && f(e.certificate)
	})
}

// OnAdd implements cache.ResourceEventHandler.
func (d *directory) OnAdd(object any, _ bool) { d.replace(nil, object) }

// OnUpdate implements cache.ResourceEventHandler.
func (d *directory) OnUpdate(before, after any) { d.replace(before, after) }

// OnDelete implements cache.ResourceEventHandler.
func (d *directory) OnDelete(object any) {
	if unseen, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unseen.Obj
	}
	d.replace(object, nil)
}

func (d *directory) replace(old, object any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if crt, ok := old.(*cmapi.Certificate); ok {
		d.each(crt, func(shelf *btree.BTree[entry], e entry) { shelf.Delete(e) })
	}
	if crt, ok := object.(*cmapi.Certificate); ok {
		d.each(crt, func(shelf *btree.BTree[entry], e entry) { shelf.ReplaceOrInsert(e) })
	}
}

func (d *directory) each(crt *cmapi.Certificate, do func(*btree.BTree[entry], entry)) {
	for index, keys := range d.keys(crt) {
		for _, key := range keys {
			do(d.shelves[index], entry{key, crt})
		}
	}
}
