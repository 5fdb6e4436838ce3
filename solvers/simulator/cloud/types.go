// Package cloud is the state that both simulated DNS clouds share: accounts with their keys, zones and records, and what
// makes a real cloud hard to talk to: faults, rate limits, lagging lists, overlapping writes. Everything in it may be used
// from several goroutines, and all times come from one clock that a test can set.
package cloud

import (
	"maps"
	"slices"
	"time"
)

// Account owns zones. Its keys share its zones and its rate limit.
type Account struct {
	// Owner names the account.
	Owner string
	Keys  []Key
	// QPS is how many requests a second the cloud lets pass; zero is no limit. Burst is at least 1.
	QPS   float64
	Burst int
	// Roles are those of the account that may be assumed.
	Roles []Role
	// Providers are those whose tokens the account's roles may trust.
	Providers []OIDCProvider
}

// Role is assumed with keys that it trusts, of any account, or with tokens, and gives temporary keys of its own account.
type Role struct {
	ARN string
	// Trusts are the ids of the keys that may assume the role, or the ARNs of roles whose sessions may.
	Trusts []string
	// Tokens are those with which the role may be assumed.
	Tokens []TokenTrust
	// ExternalID, when set, must be said by whoever assumes the role.
	ExternalID string
	// MaxSession is how long a session may last; zero is an hour.
	MaxSession time.Duration
	// Denied, Zones and Lists are those of the keys that it gives.
	Denied, Zones []string
	Lists         bool
}

// Key is one credential of an account: an AccessKey pair, a SecretId and SecretKey, or, with a token, a temporary credential.
type Key struct {
	ID     string
	Secret string
	// Token, when set, must come with every request signed by this key.
	Token string
	// Expires is when the token stops working; zero is never.
	Expires  time.Time
	Disabled bool
	// Denied lists the actions that the account's policy does not allow this key; "*" is all of them.
	Denied []string
	// Zones are those that the policy is limited to, none for no limit. Actions that are for no zone, such as listing the zones, are then
	// not allowed unless Lists is set.
	Zones []string
	Lists bool
	// Session is the one that the key is of; zero for a lasting key.
	Session Session
}

// ZoneStatus is what the cloud thinks of a zone. Only enabled and locked zones are served by the DNS.
type ZoneStatus string

const (
	ZoneEnabled ZoneStatus = ""
	ZonePaused  ZoneStatus = "paused"
	ZoneSpam    ZoneStatus = "spam"
	// ZoneLocked refuses writes and is still served.
	ZoneLocked ZoneStatus = "locked"
)

// Zone is a DNS zone that an account hosts.
type Zone struct {
	Owner string
	// Name is the zone as the cloud lists it: Unicode for an internationalised name.
	Name string
	// Edition is Alidns' VersionCode or DNSPod's Grade. Empty is the free edition.
	Edition string
	Status  ZoneStatus
	// NameServers are the host names in the zone's NS records. Empty takes those of the simulated DNS.
	NameServers []string
	// Records are put there with the zone, unchecked, and are seen at once by lists and by the DNS.
	Records []Record
}

// Record is one DNS record of a zone.
type Record struct {
	ID    uint64
	Owner string
	Zone  string
	// RR is the name below the zone, "@" for the zone itself.
	RR    string
	Type  string
	Value string
	// Line is the group of users that see the record: Alidns' code or DNSPod's id of it. Empty is the default line.
	Line   string
	TTL    int
	Locked bool
	// Disabled records are listed, and stand in the way of an equal one, and are not served by the DNS.
	Disabled bool
}

// Settings are the switches that change how a cloud behaves.
type Settings struct {
	// RejectOverlappingWrites makes a write fail while another write in the same zone is under way.
	RejectOverlappingWrites bool
	// WriteTime is how long a write takes.
	WriteTime time.Duration
	// ListLag is how far behind lists are: as long they hide a new record, and show one that was edited or deleted as it was.
	ListLag time.Duration
	// RecordLimit is how many records of one type, name and line a zone may have; zero is no limit.
	RecordLimit int
	// ClockSkew is added to the cloud's clock where it checks requests, as if the client's clock were behind by as much.
	ClockSkew time.Duration
	// TTLCode replaces the code of the refusal of a TTL below the edition's minimum.
	TTLCode string
	// RefusePunycode makes the cloud know internationalised zones by their Unicode name alone.
	RefusePunycode bool
	// International makes DNSPod the international site, whose default line is called Default.
	International bool
	// QuoteTXT makes lists return TXT values in double quotes.
	QuoteTXT bool
}

// FaultKind is what goes wrong with a request.
type FaultKind string

const (
	// Throttle answers with the cloud's throttling error; Status, Code and Message change it.
	Throttle FaultKind = "throttle"
	// Error answers with Status, Code and Message in the cloud's own form.
	Error FaultKind = "error"
	// HTML answers with a gateway's HTML page and Status (502 unless set; 200 is possible).
	HTML FaultKind = "html"
	// NonStringCode answers {"Code":502} with Status (502 unless set), as some gateways do.
	NonStringCode FaultKind = "non-string-code"
	// Truncated cuts the true answer in the middle; the length header matches what is sent.
	Truncated FaultKind = "truncated"
	// Large answers with 10 MB of text and Status (502 unless set).
	Large FaultKind = "large"
	// Hang never answers; it ends when the client gives up or the cloud is closed.
	Hang FaultKind = "hang"
	// Reset resets the connection without an answer.
	Reset FaultKind = "reset"
	// Slow answers truly, after Latency.
	Slow FaultKind = "slow"
)

// Fault makes requests fail. The first fault injected that matches a request is used.
type Fault struct {
	Kind FaultKind
	// Action and Owner restrict the fault to requests with this action and of this account. Empty is any.
	Action string
	Owner  string
	// Count is how many requests fail; zero is all of them.
	Count int
	// Latency passes before the answer, whatever it is.
	Latency time.Duration
	// Applied lets the cloud do what it was asked before the answer is spoilt.
	Applied bool

	Status  int
	Code    string
	Message string
}

// Call is one request that the cloud got.
type Call struct {
	Time   time.Time
	Action string
	// Owner is the account that the key belongs to; empty for an unknown key.
	Owner string
	Zone  string
	// Code is the error code, empty for success and where there was no answer of the cloud's own.
	Code string
	// TLS says that the request came over TLS. Token says that it carried a session token.
	TLS   bool
	Token bool
	// Parameters are the request's, without the ones that authenticate it, tokens above all.
	Parameters map[string]string
}

// Unknown is the first parameter that is none of the known ones; "" where there is none such.
func (c Call) Unknown(known []string) string {
	for _, name := range slices.Sorted(maps.Keys(c.Parameters)) {
		if !slices.Contains(known, name) {
			return name
		}
	}
	return ""
}
