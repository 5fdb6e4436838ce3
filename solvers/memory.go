package solvers

import (
	"crypto/sha256"
	"sync"

	"k8s.io/utils/lru"

	"github.com/certyun/certyun/solvers/provider"
)

// maxRecords is how many records are remembered. Forgetting one costs CleanUp another call and nothing else.
const maxRecords = 1 << 16

// memory holds where this process wrote records, so that CleanUp finds those that lists do not show yet. It is safe for concurrent use.
// Losing it, another replica's not having it, or its being wrong is never an error: whether a record is there, the cloud says.
type memory struct {
	mu      sync.Mutex
	records *lru.Cache
}

// recordKey tells records apart. It has one length, whatever the names and values of those who may make Challenges.
type recordKey [sha256.Size]byte

type recordState struct {
	zone string
	// id is "" when it is not known.
	id provider.RecordID
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

// forget is for a record that is not there.
func (m *memory) forget(key recordKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records.Remove(key)
}
