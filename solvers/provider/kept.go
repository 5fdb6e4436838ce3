package provider

import (
	"slices"
	"sync"
	"time"
)

// maxKept bounds in bytes what the lists of zones of all accounts take. Whoever has an account decides how long its list is, and each
// key and token has a list of its own.
const maxKept = 32 << 20

// keptLists are the lists of zones of all accounts, until they are too old to be believed. Dropping one costs another look.
type keptLists struct {
	mu sync.Mutex
	// lists are in the order in which they were kept, one for each credential at most.
	lists []keptList
	size  int
}

type keptList struct {
	of   *state
	list *zoneList
	kept time.Time
	size int
}

// keep makes the list that of a credential. The newest one is kept however long it is: somebody waits for it.
func (k *keptLists) keep(s *state, list *zoneList) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(slices.IndexFunc(k.lists, func(other keptList) bool { return other.of == s }))
	s.zones.Store(list)
	k.lists = append(k.lists, keptList{s, list, time.Now(), list.size()})
	k.size += list.size()
	for k.size > maxKept && len(k.lists) > 1 {
		k.drop(0)
	}
	time.AfterFunc(zonesKept+time.Second, k.dropOld)
}

// drop forgets a list, unless there is a newer one of the same credential.
func (k *keptLists) drop(i int) {
	if i < 0 {
		return
	}
	old := k.lists[i]
	old.of.zones.CompareAndSwap(old.list, nil)
	k.size -= old.size
	k.lists = slices.Delete(k.lists, i, i+1)
}

func (k *keptLists) dropOld() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.lists) > 0 && time.Since(k.lists[0].kept) > zonesKept {
		k.drop(0)
	}
}

// size is what the list takes in memory, roughly.
func (l *zoneList) size() int {
	const header = 16 // of each text
	size := 0
	for _, name := range l.names {
		size += len(name) + header
	}
	return size
}
