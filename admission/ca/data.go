package ca

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/certyun/certyun/admission/document"
)

// authorities is the data that is built in.
//
//go:embed authorities.yaml
var authorities []byte

// known is the table of the built-in data, which never changes. A test holds it to have no mistake.
var known = sync.OnceValues(func() (*Table, error) { return (&Table{}).Extended(authorities) })

// Known returns the table of the CAs that are known.
func Known() *Table {
	t, _ := known()
	return t
}

// FromFile is Known, extended by a file; without a name nothing is read.
func FromFile(name string) (*Table, error) {
	if name == "" {
		return Known(), nil
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	t, err := Known().Extended(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// file is the form of CA data in a file.
type file struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Baseline is in the built-in data alone.
	Baseline *Baseline `json:"baseline,omitempty"`
	// Authorities are by their IDs.
	Authorities map[string]json.RawMessage `json:"authorities"`
}

// parts are what is said of an authority: "name", "eab" and so on.
type parts map[string]json.RawMessage

const (
	// dataVersion and dataKind stand at the head of the data.
	dataVersion = "certyun.internal/v1"
	dataKind    = "CertificateAuthorities"
	// likePart names the authority from which an entry has what it does not say itself.
	likePart = "like"
)

// ownParts are those that an authority does not have from another one.
func ownParts() []string {
	return []string{"directory", "exactDirectory", "servers", "staging", "relayed", "ended"}
}

// Extended returns a table with the authorities of a document besides. One that the table has is replaced; with a `like` of its own
// name, only in the parts that the document has. It is read strictly. Beside an error, which names entry and field, there is what can be
// used: all but the entries that are wrong. Nothing changes nothing.
func (t *Table) Extended(raw []byte) (*Table, error) {
	text, err := document.JSON(raw, "CA data")
	if text == nil {
		return t, err
	}
	f := &file{}
	errs := append([]error{err}, document.Decode(text, f)...)
	if f.APIVersion != dataVersion || f.Kind != dataKind {
		errs = append(errs, fmt.Errorf("CA data must begin with apiVersion: %s and kind: %s", dataVersion, dataKind))
	}
	e := &extension{before: t, written: f.Authorities, whole: map[string]parts{}}
	merged := &Table{
		policies: maps.Clone(t.policies), parts: maps.Clone(t.parts), baseline: t.baseline, servers: map[string][]server{},
	}
	if merged.policies == nil {
		merged.policies, merged.parts, merged.baseline = map[string]*Policy{}, map[string]parts{}, f.Baseline
	} else if f.Baseline != nil {
		errs = append(errs, errors.New("baseline: what holds for all public CAs cannot be changed"))
	}
	mine := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(f.Authorities)) {
		policy, whole, wrong := e.policy(id)
		errs = append(errs, wrong...)
		if len(wrong) == 0 {
			policy.inherit(merged.baseline)
			merged.policies[id], merged.parts[id], mine[id] = policy, whole, true
		}
	}
	return merged, errors.Join(append(errs, merged.place(mine)...)...)
}

// extension is a document that extends a table.
type extension struct {
	before  *Table
	written map[string]json.RawMessage
	// whole has what was resolved so far, and nil for what is being resolved.
	whole map[string]parts
}

// policy is that of an entry, with all that it has from others.
func (e *extension) policy(id string) (*Policy, parts, []error) {
	in := func(err error) error { return fmt.Errorf("authorities.%s: %w", id, err) }
	if id == LikePrivate || id == LikeOff {
		return nil, nil, []error{in(errors.New("this word has a meaning of its own; choose another one"))}
	}
	whole, err := e.resolve(id)
	if err != nil {
		return nil, nil, []error{in(err)}
	}
	text, err := json.Marshal(whole)
	if err != nil {
		return nil, nil, []error{in(err)}
	}
	policy := &Policy{ID: id}
	errs := document.Decode(text, policy)
	if len(errs) == 0 {
		errs = policy.mistakes()
	}
	for i := range errs {
		errs[i] = in(errs[i])
	}
	return policy, whole, errs
}

// resolve is an entry with the parts of the authority that it is like.
func (e *extension) resolve(id string) (parts, error) {
	whole, begun := e.whole[id]
	switch {
	case whole != nil:
		return whole, nil
	case begun:
		return nil, errors.New("like: the authorities are like each other in a circle")
	}
	e.whole[id] = nil
	whole, err := e.merge(id)
	e.whole[id] = whole
	if err != nil {
		delete(e.whole, id)
	}
	return whole, err
}

func (e *extension) merge(id string) (parts, error) {
	var mine parts
	if json.Unmarshal(e.written[id], &mine) != nil {
		return nil, errors.New("must be a mapping")
	}
	if mine == nil {
		return nil, errors.New("is empty")
	}
	if mine[likePart] == nil {
		return mine, nil
	}
	var like string
	if json.Unmarshal(mine[likePart], &like) != nil {
		return nil, errors.New("like must be a text")
	}
	delete(mine, likePart)
	base, err := e.base(id, like)
	if err != nil {
		return nil, err
	}
	whole := maps.Clone(base)
	if like != id {
		maps.DeleteFunc(whole, func(part string, _ json.RawMessage) bool { return slices.Contains(ownParts(), part) })
	}
	maps.Copy(whole, mine)
	return whole, nil
}

// base are the parts of the authority that an entry is like.
func (e *extension) base(id, like string) (parts, error) {
	if _, written := e.written[like]; written && like != id {
		return e.resolve(like)
	}
	if base := e.before.parts[like]; base != nil {
		return base, nil
	}
	return nil, fmt.Errorf("like: there is no authority %q", like)
}

// mistakes are those that no form of a field shows.
func (p *Policy) mistakes() []error {
	var errs []error
	if p.Name == "" {
		errs = append(errs, errors.New("name is missing: what messages call the CA"))
	}
	if _, _, ok := split(p.Directory); p.Directory != "" && !ok {
		errs = append(errs, fmt.Errorf("directory: %q is not the absolute URL of an ACME directory", p.Directory))
	}
	if p.ExactDirectory && p.Directory == "" {
		errs = append(errs, errors.New("exactDirectory needs a directory"))
	}
	for i, written := range p.Servers {
		if _, ok := placeOf(written); !ok {
			errs = append(errs, fmt.Errorf("servers[%d]: %q is neither a URL nor a host with or without a path", i, written))
		}
	}
	if d := p.Profiles.Default; d != "" && !slices.ContainsFunc(p.Profiles.List, func(one Profile) bool { return one.Name == d }) {
		errs = append(errs, fmt.Errorf("profiles.default: there is no profile %q in profiles.list", d))
	}
	for i := range p.Profiles.List {
		profile := &p.Profiles.List[i]
		errs = append(errs, profile.Lifetimes.mistake(fmt.Sprintf("profiles.list[%d].lifetimes", i)), profile.Reuse.mistake(fmt.Sprintf("profiles.list[%d].reuse", i)))
	}
	for _, fact := range p.facts() {
		if fact.URL != "" && !strings.HasPrefix(fact.URL, "https://") {
			errs = append(errs, fmt.Errorf("%ssource: %q is not an https URL", prefix(fact.Part), fact.URL))
		}
	}
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func prefix(part string) string {
	if part == "" {
		return ""
	}
	return part + "."
}

func (l Lifetimes) mistake(path string) error {
	if slices.IsSortedFunc(l, func(a, b Lifetime) int { return strings.Compare(string(a.From), string(b.From)) }) {
		return nil
	}
	return fmt.Errorf("%s: write the days in order, the earliest first", path)
}

// inherit fills in what holds for all public CAs.
func (p *Policy) inherit(baseline *Baseline) {
	if p.Public && baseline != nil {
		p.baseline = baseline
		if p.Keys.isZero() && p.Ended == nil {
			p.Keys = Keys{Source: baseline.Source, RSA: baseline.Keys.RSA, ECDSA: baseline.Keys.ECDSA}
		}
	}
	if p.Keys.Text == "" {
		p.Keys.Text = p.Keys.described()
	}
}

func (k *Keys) isZero() bool { return len(k.RSA) == 0 && len(k.ECDSA) == 0 && k.Text == "" }

// placeOf reads a server as the data has it: a URL, or a host with or without a port and a path.
func placeOf(written string) (server, bool) {
	if strings.Contains(written, "://") {
		host, path, ok := split(written)
		return server{host: host, path: path}, ok
	}
	host, path, ok := split("https://" + written)
	return server{host: host, path: path}, ok && !strings.ContainsAny(written, " \t?#@")
}

// place puts the policies where they hold: those of a document before those that were there, and a path before all paths.
func (t *Table) place(mine map[string]bool) []error {
	var errs []error
	for _, first := range []bool{true, false} {
		taken := map[server]string{}
		for _, id := range t.ids() {
			if mine[id] != first {
				continue
			}
			for _, at := range t.policies[id].places() {
				if other, twice := taken[at]; twice && other != id {
					errs = append(errs, fmt.Errorf("authorities.%s: %s%s is that of %s, too", id, at.host, at.path, other))
					continue
				} else if twice {
					continue
				}
				taken[at] = id
				t.servers[at.host] = append(t.servers[at.host], server{host: at.host, path: at.path, policy: t.policies[id], mine: first})
			}
		}
	}
	for _, servers := range t.servers {
		slices.SortStableFunc(servers, moreExact)
	}
	return errs
}

// moreExact orders the servers of a host.
func moreExact(a, b server) int {
	rank := func(s server) int {
		n := 0
		if !s.mine {
			n += 2
		}
		if s.path == "" {
			n++
		}
		return n
	}
	return rank(a) - rank(b)
}

// places are where a policy holds.
func (p *Policy) places() []server {
	var places []server
	for _, written := range p.Servers {
		if at, ok := placeOf(written); ok {
			places = append(places, at)
		}
	}
	if host, path, ok := split(p.Directory); ok {
		places = append(places, server{host: host, path: path})
	}
	return places
}

// ids are those of all policies, in order.
func (t *Table) ids() []string { return slices.Sorted(maps.Keys(t.policies)) }
