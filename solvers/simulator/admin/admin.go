// Package admin is the client of a running simulator's admin API, and the form of what goes over it.
//
// The API is plain HTTP on a loopback address, JSON both ways. Where a cloud is meant, ?cloud=alidns or ?cloud=dnspod names it.
// An error is a status of 400 or 404 and {"error": "…"}.
//
//	GET    /endpoints                      where everything listens: Endpoints
//	GET    /records?cloud=&zone=           the records of a cloud, of one zone where named: []cloud.Record
//	POST   /records?cloud=                 put a record there, unchecked: cloud.Record with owner and zone, back with its id
//	DELETE /records?cloud=&id=             remove a record, unchecked
//	GET    /zones?cloud=                   []cloud.Zone
//	POST   /zones?cloud=                   add or change a zone: cloud.Zone, back with its id
//	DELETE /zones?cloud=&owner=&zone=      remove a zone with its records
//	GET    /accounts?cloud=                []cloud.Account
//	POST   /accounts?cloud=                add or replace an account: cloud.Account
//	DELETE /accounts?cloud=&owner=         forget an account's keys
//	GET    /calls?cloud=&action=           the log of requests, of one action where named: []cloud.Call
//	DELETE /calls?cloud=                   empty the log
//	GET    /faults?cloud=                  what is still to go wrong: []cloud.Fault
//	POST   /faults?cloud=                  cloud.Fault, back with its id
//	DELETE /faults?cloud=                  end all faults
//	GET    /settings?cloud=                cloud.Settings
//	POST   /settings?cloud=                change the settings that are named; the rest stays: cloud.Settings
//	PUT    /settings?cloud=                replace the settings: cloud.Settings
//	GET    /dns                            DNS
//	POST   /dns                            change what is named: DNS
//	GET    /queries                        the log of DNS questions: []dns.Query
//	DELETE /queries                        empty it
//	DELETE /cache                          empty the caches of the resolvers
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
	"github.com/certyun/certyun/solvers/simulator/dns"
)

// The names of the clouds.
const (
	Alidns = "alidns"
	DNSPod = "dnspod"
)

// Endpoints are where a simulator listens.
type Endpoints struct {
	// Alidns and DNSPod are URLs.
	Alidns string `json:"alidns"`
	DNSPod string `json:"dnspod"`
	// NameServers are host:port of each authoritative name server.
	NameServers []string `json:"nameServers"`
	// Recursive and Validation are host:port of the two resolvers: the one for the solver and cert-manager, the other for the
	// certificate authority.
	Recursive  string `json:"recursive"`
	Validation string `json:"validation"`
	// Admin is the URL of the admin API.
	Admin string `json:"admin"`
	// CA is the PEM of the authority that signed the clouds' certificates; empty without TLS.
	CA string `json:"ca,omitempty"`
}

// DNS are the settings of the DNS. A change leaves alone what is absent.
type DNS struct {
	// Delay between an API call and the DNS, such as "3s".
	Delay *string `json:"delay,omitempty"`
	// NameServers are changed by name: mode and delay.
	NameServers []dns.NameServer `json:"nameServers,omitempty"`
	// Cache turns the recursive resolver's cache on or off, and empties it. HideSOA makes it drop SOA records.
	Cache   *bool `json:"cache,omitempty"`
	HideSOA *bool `json:"hideSOA,omitempty"`
	// Zones and Records, in zone-file form, are added; a GET does not list them.
	Zones   []string `json:"zones,omitempty"`
	Records []string `json:"records,omitempty"`
}

// Client talks to one simulator.
type Client struct {
	base string
	http *http.Client
}

// timeout bounds a call of a client that is not given an HTTP client of its own.
const timeout = 30 * time.Second

// NewClient makes a client of the admin API at a URL. A nil HTTP client is one that gives up after half a minute.
func NewClient(base string, client *http.Client) *Client {
	if client == nil {
		client = &http.Client{Timeout: timeout}
	}
	return &Client{base: strings.TrimSuffix(base, "/"), http: client}
}

// Endpoints tells where the simulator listens.
func (c *Client) Endpoints(ctx context.Context) (e Endpoints, err error) {
	err = c.call(ctx, http.MethodGet, "endpoints", nil, nil, &e)
	return e, err
}

// Records lists a cloud's records, of one zone unless zone is empty.
func (c *Client) Records(ctx context.Context, of, zone string) (list []cloud.Record, err error) {
	err = c.call(ctx, http.MethodGet, "records", url.Values{"cloud": {of}, "zone": {zone}}, nil, &list)
	return list, err
}

// AddRecord puts a record, with its owner and zone, into a cloud.
func (c *Client) AddRecord(ctx context.Context, of string, r cloud.Record) (added cloud.Record, err error) {
	err = c.call(ctx, http.MethodPost, "records", url.Values{"cloud": {of}}, r, &added)
	return added, err
}

// RemoveRecord removes a record.
func (c *Client) RemoveRecord(ctx context.Context, of string, id uint64) error {
	return c.call(ctx, http.MethodDelete, "records", url.Values{"cloud": {of}, "id": {strconv.FormatUint(id, 10)}}, nil, nil)
}

// Zones lists a cloud's zones.
func (c *Client) Zones(ctx context.Context, of string) (list []cloud.Zone, err error) {
	err = c.call(ctx, http.MethodGet, "zones", url.Values{"cloud": {of}}, nil, &list)
	return list, err
}

// PutZone adds or changes a zone.
func (c *Client) PutZone(ctx context.Context, of string, z cloud.Zone) (put cloud.Zone, err error) {
	err = c.call(ctx, http.MethodPost, "zones", url.Values{"cloud": {of}}, z, &put)
	return put, err
}

// RemoveZone removes a zone with its records.
func (c *Client) RemoveZone(ctx context.Context, of, owner, zone string) error {
	return c.call(ctx, http.MethodDelete, "zones", url.Values{"cloud": {of}, "owner": {owner}, "zone": {zone}}, nil, nil)
}

// Accounts lists a cloud's accounts.
func (c *Client) Accounts(ctx context.Context, of string) (list []cloud.Account, err error) {
	err = c.call(ctx, http.MethodGet, "accounts", url.Values{"cloud": {of}}, nil, &list)
	return list, err
}

// PutAccount adds or replaces an account.
func (c *Client) PutAccount(ctx context.Context, of string, a cloud.Account) error {
	return c.call(ctx, http.MethodPost, "accounts", url.Values{"cloud": {of}}, a, nil)
}

// RemoveAccount forgets an account's keys.
func (c *Client) RemoveAccount(ctx context.Context, of, owner string) error {
	return c.call(ctx, http.MethodDelete, "accounts", url.Values{"cloud": {of}, "owner": {owner}}, nil, nil)
}

// Calls lists a cloud's requests, of one action unless action is empty.
func (c *Client) Calls(ctx context.Context, of, action string) (list []cloud.Call, err error) {
	err = c.call(ctx, http.MethodGet, "calls", url.Values{"cloud": {of}, "action": {action}}, nil, &list)
	return list, err
}

// ResetCalls empties a cloud's log.
func (c *Client) ResetCalls(ctx context.Context, of string) error {
	return c.call(ctx, http.MethodDelete, "calls", url.Values{"cloud": {of}}, nil, nil)
}

// Faults lists what is still to go wrong in a cloud.
func (c *Client) Faults(ctx context.Context, of string) (list []cloud.Fault, err error) {
	err = c.call(ctx, http.MethodGet, "faults", url.Values{"cloud": {of}}, nil, &list)
	return list, err
}

// Inject makes requests to a cloud fail.
func (c *Client) Inject(ctx context.Context, of string, f cloud.Fault) (injected cloud.Fault, err error) {
	err = c.call(ctx, http.MethodPost, "faults", url.Values{"cloud": {of}}, f, &injected)
	return injected, err
}

// ClearFaults ends all faults of a cloud.
func (c *Client) ClearFaults(ctx context.Context, of string) error {
	return c.call(ctx, http.MethodDelete, "faults", url.Values{"cloud": {of}}, nil, nil)
}

// Settings returns a cloud's settings.
func (c *Client) Settings(ctx context.Context, of string) (s cloud.Settings, err error) {
	err = c.call(ctx, http.MethodGet, "settings", url.Values{"cloud": {of}}, nil, &s)
	return s, err
}

// Change edits a cloud's settings. Two clients that do so at once may undo each other's change.
func (c *Client) Change(ctx context.Context, of string, edit func(*cloud.Settings)) error {
	s, err := c.Settings(ctx, of)
	if err != nil {
		return err
	}
	edit(&s)
	return c.call(ctx, http.MethodPut, "settings", url.Values{"cloud": {of}}, s, nil)
}

// DNS returns the settings of the DNS.
func (c *Client) DNS(ctx context.Context) (d DNS, err error) {
	err = c.call(ctx, http.MethodGet, "dns", nil, nil, &d)
	return d, err
}

// ChangeDNS changes the settings of the DNS that are given.
func (c *Client) ChangeDNS(ctx context.Context, d DNS) error {
	return c.call(ctx, http.MethodPost, "dns", nil, d, nil)
}

// Queries lists the DNS questions.
func (c *Client) Queries(ctx context.Context) (list []dns.Query, err error) {
	err = c.call(ctx, http.MethodGet, "queries", nil, nil, &list)
	return list, err
}

// ResetQueries empties the log of DNS questions.
func (c *Client) ResetQueries(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "queries", nil, nil, nil)
}

// Flush empties the caches of the resolvers.
func (c *Client) Flush(ctx context.Context) error {
	return c.call(ctx, http.MethodDelete, "cache", nil, nil, nil)
}

// maxAnswer bounds what is read of an answer; a full log of calls is well below.
const maxAnswer = 256 << 20

func (c *Client) call(ctx context.Context, method, path string, query url.Values, content, into any) (err error) {
	var text []byte
	if content != nil {
		if text, err = json.Marshal(content); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+"/"+path+"?"+query.Encode(), bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d: %s", method, path, response.StatusCode, bytes.TrimSpace(answer))
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
