// Package provider says what a DNS host has to be able to do, and wraps any provider with what all of them need: retries, a quota, a
// cache of the account's zones and, where a host wants it, a lock for each zone.
package provider

import "context"

// TXT is one TXT record.
type TXT struct {
	// Zone is the canonical name of the zone (see package dnsname).
	Zone string
	// RR is the record's name relative to the zone, dnsname.Apex when they are equal.
	RR string
	// Value is the content, unquoted.
	Value string
	// TTL is in seconds.
	TTL int
	// Line is the DNS host's resolution line; "" means the host's default line. LineID wins over it where a host has ids
	// for lines.
	Line, LineID string
	// Known is an id that the record may have, "" for none. It is for FindTXT alone.
	Known RecordID
}

// RecordID is the DNS host's own identifier of a record, opaque to everybody else.
type RecordID string

// Provider edits the TXT records of one DNS host with one account's credentials.
//
// Every method makes its calls once, within ctx: retrying is the wrapper's business. Errors are *fault.Error or wrap
// one. All methods may be called concurrently.
type Provider interface {
	// Zones lists the names of the zones that the account hosts, in canonical form (see package dnsname).
	Zones(ctx context.Context) ([]string, error)
	// AddTXT makes sure that the record exists and is not disabled. It returns its id, or "" where the cloud says only that an equal one
	// is there already. It never changes another record.
	AddTXT(ctx context.Context, r TXT) (RecordID, error)
	// FindTXT returns the ids of the records that equal r in name, type and value byte for byte, whatever their line,
	// TTL and status and whatever the page they are on. Where lists lag behind, the record with the id that is known is enough, if it is such
	// a one.
	FindTXT(ctx context.Context, r TXT) ([]RecordID, error)
	// Delete removes one record, whatever it says by now, and tells whether it was there. That it was not is no error.
	Delete(ctx context.Context, zone string, id RecordID) (was bool, err error)
}
