package ahead

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// entry is a record that was written ahead, or is about to be. It has all that is needed to remove the record when its Challenge
// is gone. None of it is secret: the value is public in the DNS, and the config names Secrets.
type entry struct {
	// Challenge is the UID of the one that it was written for.
	Challenge types.UID       `json:"challenge"`
	Solver    string          `json:"solver"`
	Namespace string          `json:"namespace"`
	DNSName   string          `json:"dnsName"`
	Config    json.RawMessage `json:"config"`
	Name      string          `json:"name"`
	Value     string          `json:"value"`
	// Ambient says that cert-manager allows ambient credentials.
	Ambient bool `json:"ambient,omitempty"`
	// Written says that the record was written, Writer by which replica, and Zone, ID and Account where: see Record.
	Written bool   `json:"written,omitempty"`
	Writer  string `json:"writer,omitempty"`
	Zone    string `json:"zone,omitempty"`
	ID      string `json:"id,omitempty"`
	Account string `json:"account,omitempty"`
	// Tried is when the last try to write it ended, well or not.
	Tried time.Time `json:"tried,omitzero"`
}

// Bounds in bytes: what a tenant writes into a config must not fill the journal, and a ConfigMap holds a mebibyte at most
// (https://kubernetes.io/docs/concepts/configuration/configmap/). Some is left for what is written beside the queue.
const (
	maxEntry   = 2 << 10
	maxJournal = 800 << 10
)

// newEntry is the entry for a request. Several Challenges may want the same record; it is one entry.
func newEntry(solver string, r *whapi.ChallengeRequest, name string) entry {
	e := entry{Challenge: r.UID, Solver: solver, Namespace: r.ResourceNamespace, DNSName: r.DNSName, Name: name, Value: r.Key, Ambient: r.AllowAmbientCredentials}
	if r.Config != nil {
		e.Config = r.Config.Raw
	}
	return e
}

func (e entry) request() *whapi.ChallengeRequest {
	return &whapi.ChallengeRequest{
		Type: "dns-01", DNSName: e.DNSName, Key: e.Value, ResourceNamespace: e.Namespace,
		ResolvedFQDN: e.Name + ".", ResolvedZone: e.Zone, Config: &apiextensionsv1.JSON{Raw: e.Config},
		AllowAmbientCredentials: e.Ambient,
	}
}

// wrote is the entry of a record that was written.
func (e entry) wrote(r Record, writer string) entry {
	e.Written, e.Writer, e.Zone, e.ID, e.Account = true, writer, r.Zone, r.ID, r.Account
	e.Tried = time.Now()
	return e
}

func (e entry) record() Record { return Record{Zone: e.Zone, ID: e.ID, Account: e.Account} }

// key names the entry in the journal.
func (e entry) key() string { return keyOf(e.Solver, e.Namespace, e.Name, e.Value) }

func keyOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// fits tells whether an entry may be written to the journal.
func (e entry) fits() bool { return e.size() <= maxEntry }

// size is what an entry takes in the journal, and a little more.
func (e entry) size() int {
	const rest = 400 // the names of the fields, and what is short
	return len(e.Config) + len(e.Name) + len(e.DNSName) + len(e.Namespace) + len(e.Zone) + rest
}

// journal is a ConfigMap with the entries, and a copy of it. Whatever dies, the next replica that leads finds in it what it may
// have to remove, and others find the ids of records that they did not write themselves. Each change touches its own entries
// alone, so replicas need not agree on an order. It is safe for concurrent use.
type journal struct {
	client typedcorev1.ConfigMapInterface
	name   string

	// talking is held during a call, so that an older answer never replaces a newer one.
	talking sync.Mutex

	mu      sync.Mutex
	entries map[string]entry
	// unsaved are changes that wait for the next call: an entry, or nil for one that goes.
	unsaved map[string]*entry
	read    time.Time
}

func newJournal(client typedcorev1.ConfigMapInterface, name string) *journal {
	return &journal{client: client, name: name, entries: map[string]entry{}, unsaved: map[string]*entry{}}
}

// get returns an entry of the copy.
func (j *journal) get(key string) (entry, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[key]
	return e, ok
}

// all returns the copy, and when it was read.
func (j *journal) all() (map[string]entry, time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.entries), j.read
}

// note puts an entry into the copy at once, and into the ConfigMap with the next call.
func (j *journal) note(e entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries[e.key()], j.unsaved[e.key()] = e, &e
}

// strike takes an entry out of the copy alone.
func (j *journal) strike(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.entries, key)
}

// forget drops an entry in the same way as note puts one.
func (j *journal) forget(key string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, known := j.entries[key]; known {
		delete(j.entries, key)
		j.unsaved[key] = nil
	}
}

// dirty tells whether there is something to save.
func (j *journal) dirty() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.unsaved) > 0
}

// refresh reads the ConfigMap. What cannot be understood is left out: somebody edited it.
func (j *journal) refresh(ctx context.Context) error {
	j.talking.Lock()
	defer j.talking.Unlock()
	object, err := j.client.Get(ctx, j.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		j.restore()
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the ConfigMap %s: %w", j.name, err)
	}
	j.replace(object)
	return nil
}

// restore is for a ConfigMap that somebody has removed: the copy is all that is left of it.
func (j *journal) restore() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.read = time.Now()
	for key, e := range j.entries {
		j.unsaved[key] = &e
	}
}

// save writes what is unsaved, and learns what others have written.
func (j *journal) save(ctx context.Context) error {
	j.talking.Lock()
	defer j.talking.Unlock()
	saving := j.take()
	if len(saving) == 0 {
		return nil
	}
	object, err := j.write(ctx, saving)
	if err != nil {
		j.putBack(saving)
		return fmt.Errorf("changing the ConfigMap %s: %w", j.name, err)
	}
	j.replace(object)
	return nil
}

func (j *journal) take() map[string]*entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	saving := j.unsaved
	j.unsaved = map[string]*entry{}
	return saving
}

// putBack is for what could not be saved. What was noted meanwhile is newer.
func (j *journal) putBack(saving map[string]*entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, e := range saving {
		if _, newer := j.unsaved[key]; !newer {
			j.unsaved[key] = e
		}
	}
}

func (j *journal) replace(object *corev1.ConfigMap) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries, j.read = map[string]entry{}, time.Now()
	for key, text := range object.Data {
		var e entry
		if json.Unmarshal([]byte(text), &e) == nil && e.key() == key {
			j.entries[key] = e
		}
	}
	for key, e := range j.unsaved {
		if e == nil {
			delete(j.entries, key)
			continue
		}
		j.entries[key] = *e
	}
}

func (j *journal) write(ctx context.Context, saving map[string]*entry) (*corev1.ConfigMap, error) {
	data := make(map[string]*string, len(saving))
	for key, e := range saving {
		if e == nil {
			data[key] = nil
			continue
		}
		text, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		data[key] = new(string(text))
	}
	patch, err := json.Marshal(map[string]any{"data": data})
	if err != nil {
		return nil, err
	}
	object, err := j.client.Patch(ctx, j.name, types.MergePatchType, patch, metav1.PatchOptions{})
	if !apierrors.IsNotFound(err) {
		return object, err
	}
	// The chart makes it; somebody has removed it, or there is no chart.
	fresh := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: j.name}, Data: map[string]string{}}
	for key, text := range data {
		if text != nil {
			fresh.Data[key] = *text
		}
	}
	return j.client.Create(ctx, fresh, metav1.CreateOptions{})
}
