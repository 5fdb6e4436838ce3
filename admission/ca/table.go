package ca

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Table holds policies by ACME server. A nil Table knows no CA. It is never changed once it is made.
type Table struct {
	policies map[string]*Policy
	// parts are what the data says of the policies, and baseline what it says of all public CAs.
	parts    map[string]parts
	baseline *Baseline
	// servers has the policies of a host. The first one that has the path counts.
	servers map[string][]server
}

// server is a place where a policy holds.
type server struct {
	// host is in lower case, with a port unless that is 443. Its second label may be a star.
	host string
	// path is the whole path, "" for all paths of the host.
	path   string
	policy *Policy
	// mine says that it is of an operator's data.
	mine bool
}

// Lookup returns the policy of the CA that serves this ACME directory, nil when it is not known. The path matters only where
// one host has several directories.
func (t *Table) Lookup(directoryURL string) *Policy {
	policy, _ := t.find(directoryURL)
	return policy
}

// Has tells whether the table has this server, be it only to say nothing about it, as an operator may have told us.
func (t *Table) Has(directoryURL string) bool {
	_, ok := t.find(directoryURL)
	return ok
}

func (t *Table) find(directoryURL string) (policy *Policy, found bool) {
	host, path, ok := split(directoryURL)
	if t == nil || !ok {
		return nil, false
	}
	for _, s := range slices.Concat(t.servers[host], t.servers[anyRegion(host)]) {
		if s.path == "" || s.path == path {
			return s.policy, true
		}
	}
	return nil, false
}

// anyRegion puts a star for the second label of a host, where clouds have the region.
func anyRegion(host string) string {
	first, rest, _ := strings.Cut(host, ".")
	_, rest, _ = strings.Cut(rest, ".")
	return first + ".*." + rest
}

// ServedAt tells whether the URL is that of the policy's directory: the host in any case, the path exactly.
func (p *Policy) ServedAt(directoryURL string) bool {
	host, path, ok := split(directoryURL)
	wantHost, wantPath, _ := split(p.Directory)
	return ok && host == wantHost && path == wantPath
}

// split returns the host and the path of an absolute HTTP URL. Whether that is with TLS is another question.
func split(directoryURL string) (host, path string, ok bool) {
	u, err := url.Parse(directoryURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", "", false
	}
	host = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if port := u.Port(); port != "" && port != "443" && (port != "80" || u.Scheme != "http") {
		host += ":" + port
	}
	return host, u.Path, true
}

const (
	// LikePrivate is for an ACME server of one's own: nothing of what public CAs do is expected of it.
	LikePrivate = "private"
	// LikeOff is for a server of which nothing shall be said, though it may be in the table.
	LikeOff = "off"
)

// Override is what an operator says about an ACME server.
type Override struct {
	// Server is the URL of its directory.
	Server string `json:"server"`
	// Like is the ID of a policy, LikePrivate or LikeOff.
	Like Like `json:"like"`
}

// Like is the word of an Override as a person writes it: "off" without quotes is YAML's false.
type Like string

// UnmarshalJSON implements json.Unmarshaler.
func (l *Like) UnmarshalJSON(raw []byte) error {
	if string(raw) == "false" {
		*l = LikeOff
		return nil
	}
	var word string
	if json.Unmarshal(raw, &word) != nil {
		word = string(raw) // it is none of the words, and the table says where
	}
	*l = Like(word)
	return nil
}

// IDs lists the policies that an Override may name.
func (t *Table) IDs() []string {
	return append(t.ids(), LikePrivate, LikeOff)
}

// With returns a table in which these servers are as the overrides say. Of those that are wrong it says why, by their place in the list,
// like "[1].like", and leaves them out.
func (t *Table) With(overrides []Override) (*Table, []error) {
	var wrong []error
	servers := maps.Clone(t.servers)
	seen := map[string]bool{}
	for i, o := range overrides {
		host, path, ok := split(o.Server)
		policy, err := t.like(o)
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("[%d].server: %q is not the absolute URL of an ACME directory", i, o.Server))
		case seen[host+path]:
			wrong = append(wrong, fmt.Errorf("[%d].server: %q is there twice", i, o.Server))
		case err != nil:
			wrong = append(wrong, fmt.Errorf("[%d].like: %w", i, err))
		default:
			seen[host+path] = true
			servers[host] = slices.Insert(slices.Clone(servers[host]), 0, server{host: host, path: path, policy: policy})
		}
	}
	return &Table{policies: t.policies, parts: t.parts, baseline: t.baseline, servers: servers}, wrong
}

func (t *Table) like(o Override) (*Policy, error) {
	switch o.Like {
	case LikeOff:
		return nil, nil
	case LikePrivate:
		return &Policy{ID: LikePrivate, Name: "the private CA", Directory: o.Server, Relayed: true}, nil
	}
	known, ok := t.policies[string(o.Like)]
	if !ok {
		return nil, fmt.Errorf("%q is none of %s", o.Like, strings.Join(t.IDs(), ", "))
	}
	relayed := *known
	relayed.Directory, relayed.ExactDirectory, relayed.Relayed, relayed.Ended = o.Server, false, true, nil
	return &relayed, nil
}
