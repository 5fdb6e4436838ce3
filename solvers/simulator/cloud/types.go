// Package cloud is the state that both simulated DNS clouds share: accounts with their keys, zones and records, and what
// makes a real cloud hard to talk to: faults, rate limits, lagging lists, overlapping writes. Everything in it may be used
// from several goroutines, and all times come from one clock that a test can set.
package cloud

import "time"

// Account owns zones. Its keys share its zones and its rate limit.
type Account struct {
	// Owner names the account, in the log and in what the admin API shows.
	Owner string `json:"owner"`
	Keys  []Key  `json:"keys"`
	// QPS is how many requests a second the cloud lets pass; zero is no limit. Burst is at least 1.
	QPS   float64 `json:"qps,omitempty"`
	Burst int     `json:"burst,omitempty"`
}

// Key is one credential of an account: an AccessKey pair, a SecretId and SecretKey, or, with a token, a temporary credential.
type Key struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
	// Token, when set, must come with every request signed by this key.
	Token string `json:"token,omitempty"`
	// Expires is when the token stops working; zero is never.
	Expires  time.Time `json:"expires,omitzero"`
	Disabled bool      `json:"disabled,omitempty"`
	// Denied lists the actions that the account's policy does not allow this key; "*" is all of them.
	Denied []string `json:"denied,omitempty"`
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
	Owner string `json:"owner"`
	// ID is given by PutZone.
	ID uint64 `json:"id,omitempty,string"`
	// Name is the zone as the cloud lists it: Unicode for an internationalised name.
	Name string `json:"name"`
	// Edition is Alidns' VersionCode or DNSPod's Grade. Empty is the free edition.
	Edition string `json:"edition,omitempty"`
	// MinTTL is the lowest TTL that the edition allows. Zero asks the edition.
	MinTTL int        `json:"minTTL,omitempty"`
	Status ZoneStatus `json:"status,omitempty"`
	// Undelegated zones are in the account, but the public DNS does not know them.
	Undelegated bool `json:"undelegated,omitempty"`
	// NameServers are the host names in the zone's NS records. Empty takes those of the simulated DNS.
	NameServers []string `json:"nameServers,omitempty"`
	// Records are put there with the zone, unchecked, and are seen at once by lists and by the DNS.
	Records []Record `json:"records,omitempty"`
}

// Record is one DNS record of a zone.
type Record struct {
	ID    uint64 `json:"id,string"`
	Owner string `json:"owner,omitempty"`
	Zone  string `json:"zone,omitempty"`
	// RR is the name below the zone, "@" for the zone itself.
	RR    string `json:"rr"`
	Type  string `json:"type"`
	Value string `json:"value"`
	// Line is the group of users that see the record: Alidns' code or DNSPod's id of it. Empty is the default line.
	Line     string    `json:"line,omitempty"`
	TTL      int       `json:"ttl,omitempty"`
	Priority int       `json:"priority,omitempty"`
	Remark   string    `json:"remark,omitempty"`
	Locked   bool      `json:"locked,omitempty"`
	Disabled bool      `json:"disabled,omitempty"`
	Created  time.Time `json:"created,omitzero"`
}

// Settings are the switches that change how a cloud behaves.
type Settings struct {
	// RejectOverlappingWrites makes a write fail while another write in the same zone is under way.
	RejectOverlappingWrites bool `json:"rejectOverlappingWrites,omitempty"`
	// WriteTime is how long a write takes.
	WriteTime time.Duration `json:"-"`
	// ListLag hides a new record from lists for this long.
	ListLag time.Duration `json:"-"`
	// RecordLimit is how many records of one type, name and line a zone may have; zero is no limit.
	RecordLimit int `json:"recordLimit,omitempty"`
	// ClockWindow is how far the time in a request may be from the cloud's time.
	ClockWindow time.Duration `json:"-"`
	// ClockSkew is added to the cloud's clock where it checks requests, as if the client's clock were behind by as much.
	ClockSkew time.Duration `json:"-"`
	// ThrottleCode replaces the code of refusals by the rate limit; ThrottleStatus their HTTP status in Alidns.
	ThrottleCode   string `json:"throttleCode,omitempty"`
	ThrottleStatus int    `json:"throttleStatus,omitempty"`
	// TTLCode replaces the code of the refusal of a TTL below the edition's minimum.
	TTLCode string `json:"ttlCode,omitempty"`
	// RefusePunycode makes the cloud know internationalised zones by their Unicode name alone.
	RefusePunycode bool `json:"refusePunycode,omitempty"`
	// International makes DNSPod the international site: its default line is called Default, and messages are in English.
	International bool `json:"international,omitempty"`
	// ErrorOnEmpty says what DNSPod does with the parameter of this name.
	ErrorOnEmpty Support `json:"errorOnEmpty,omitempty"`
	// QuoteTXT makes lists return TXT values in double quotes.
	QuoteTXT bool `json:"quoteTXT,omitempty"`
}

// Support is how an API treats a parameter that not every site has.
type Support string

const (
	Supported Support = ""
	Ignored   Support = "ignored"
	Rejected  Support = "rejected"
)

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
	// Body answers with Status (200 unless set), ContentType and Text as they are.
	Body FaultKind = "body"
	// Hang never answers; it ends when the client gives up or the cloud is closed.
	Hang FaultKind = "hang"
	// Reset resets the connection without an answer.
	Reset FaultKind = "reset"
	// Slow answers truly, after Latency.
	Slow FaultKind = "slow"
)

// Fault makes requests fail. The first fault injected that matches a request is used.
type Fault struct {
	// ID is given by Inject.
	ID   int       `json:"id,omitempty"`
	Kind FaultKind `json:"kind"`
	// Action, Owner and Zone restrict the fault to requests with this action, this account, this zone. Empty is any.
	Action string `json:"action,omitempty"`
	Owner  string `json:"owner,omitempty"`
	Zone   string `json:"zone,omitempty"`
	// Skip lets so many matching requests pass first. Count is how many then fail; zero is all of them.
	Skip  int `json:"skip,omitempty"`
	Count int `json:"count,omitempty"`
	// Latency passes before the answer, whatever it is.
	Latency time.Duration `json:"-"`
	// Applied lets the cloud do what it was asked before the answer is spoilt.
	Applied bool `json:"applied,omitempty"`

	Status      int    `json:"status,omitempty"`
	Code        string `json:"code,omitempty"`
	Message     string `json:"message,omitempty"`
	ContentType string `json:"contentType,omitempty"`
	Text        string `json:"text,omitempty"`
}

// Call is one request that the cloud got.
type Call struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"`
	// Owner is the account that the key belongs to; empty for an unknown key.
	Owner string `json:"owner,omitempty"`
	KeyID string `json:"keyID,omitempty"`
	Zone  string `json:"zone,omitempty"`
	// Status is the HTTP status; 0 where there was no answer. Code is the error code, empty for success.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	// Fault is the kind of the injected fault that met the call.
	Fault FaultKind `json:"fault,omitempty"`
	// TLS says that the request came over TLS. Token says that it carried a session token.
	TLS   bool `json:"tls,omitempty"`
	Token bool `json:"token,omitempty"`
	// Parameters are the request's, without the ones that authenticate it.
	Parameters map[string]string `json:"parameters,omitempty"`
}
