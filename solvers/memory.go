package solvers

import (
	"sync"
	"time"

	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/provider"
)

// maxRecords is how many records are remembered. Forgetting one costs CleanUp another call and nothing else.
const maxRecords = 1 << 16

// memory holds what this process knows of the records that it wrote, so that CleanUp need not look for them. It is safe for
// concurrent use. Losing it, or another replica's not having it, is never an error.
type memory struct {
	mu      sync.Mutex
	records *lru.Cache
}

// recordKey tells records apart. Accounts do not share them, see challenge.key.
type recordKey struct{ identity, name, value string }

type recordState struct {
	zone string
	// id is "" when it is not known.
	id provider.RecordID
	// gone says that this process removed the record.
	gone bool
	// missed is when a list was first seen without the record, zero if it was not.
	missed time.Time
}

func newMemory() *memory { return &memory{records: lru.New(maxRecords)} }

func (m *memory) get(key recordKey) recordState {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load(key)
}

func (m *memory) load(key recordKey) recordState {
	if v, ok := m.records.Get(key); ok {
		return v.(recordState)
	}
	return recordState{}
}

// presented notes that the record exists. An empty id means that an equal record was there already; if its id is known from
// an earlier time, it stays known.
func (m *memory) presented(key recordKey, zone string, id provider.RecordID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.load(key); id == "" && known.zone == zone {
		id = known.id
	}
	m.records.Add(key, recordState{zone: zone, id: id})
}

// removed notes that the record was deleted.
func (m *memory) removed(key recordKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records.Add(key, recordState{gone: true})
}

// believeEmpty notes that a list was seen without the record, and tells whether that proves that there is none: this
// process deleted it, or an earlier list without it is older than the lag of the lists.
func (m *memory) believeEmpty(key recordKey, lag time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	state, now := m.load(key), time.Now()
	switch {
	case state.gone:
		return true
	case state.missed.IsZero():
		state.missed = now
		m.records.Add(key, state)
		return false
	}
	return now.Sub(state.missed) >= lag
}
