// Package credential turns what an Issuer says about keys into the keys themselves.
package credential

import (
	"log/slog"
	"strings"
)

// Keys signs the calls to one account of a DNS cloud. It prints as its kind, never as its content.
type Keys struct {
	// ID is the AccessKey ID (Alibaba Cloud) or SecretId (Tencent Cloud).
	ID string
	// Secret is the AccessKey Secret or SecretKey.
	Secret string
	// Token is the security token of temporary keys, else "".
	Token string
}

const redacted = "credential.Keys(redacted)"

// String hides the keys from %v and %s.
func (Keys) String() string { return redacted }

// GoString hides the keys from %#v.
func (Keys) GoString() string { return redacted }

// MarshalText hides the keys from JSON and from structured logs.
func (Keys) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue hides the keys from slog.
func (Keys) LogValue() slog.Value { return slog.StringValue(redacted) }

// OfSession tells whether the keys can be those of a session: all three, of characters that keys have.
func (k Keys) OfSession() bool {
	return k.ID != "" && k.Secret != "" && k.Token != "" && !strings.ContainsFunc(k.ID+k.Secret+k.Token, notInKey)
}

// Identity names these exact keys without revealing them. Whoever does not hold the same secret has another identity,
// so it is safe to key caches, locks and rate limits by it.
func (k Keys) Identity() string { return identityOf(k.ID, k.Secret, k.Token) }

// Caller is whose keys are, as a cloud says.
type Caller struct {
	// Account is the number of his account, and ARN his whole name in it.
	Account, ARN string
}
