// Package fault holds what can go wrong between us and a DNS cloud, as kinds that callers decide on and as text that
// users read.
//
// cert-manager stores the text of a solver's error in the Challenge, in an event and in a metric label, and reconciles
// again when it changes (https://github.com/cert-manager/cert-manager/pull/3485). So the text of a fault is the same for
// the same cause: no request id, date, port number, key, token or URL ever stands in it.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what may be done about a fault.
type Kind int

const (
	// Transient faults may go away by themselves: the network, an error inside the cloud, another change under way.
	Transient Kind = iota
	// Throttled means too many calls.
	Throttled
	// Denied means that the cloud knows the caller, or could not verify it, and refuses. Trying again does not help.
	Denied
	// CredentialGone means that there is nothing to sign with: the Secret or its key does not exist, or the cloud does
	// not know the access key or has it disabled.
	CredentialGone
	// ZoneNotFound means that the account does not host the zone.
	ZoneNotFound
	// Misconfigured means that somebody has to change the Issuer, the Secret, the zone or our flags.
	Misconfigured
)

// String names the kind in one word, for logs and metric labels.
func (k Kind) String() string {
	switch k {
	case Transient:
		return "transient"
	case Throttled:
		return "throttled"
	case Denied:
		return "denied"
	case CredentialGone:
		return "credential_gone"
	case ZoneNotFound:
		return "zone_not_found"
	case Misconfigured:
		return "misconfigured"
	}
	return "unknown"
}

// Error is a fault. Its text is made of Reason, Code and Remedy alone.
type Error struct {
	Kind Kind
	// Reason says what is wrong, in lower case and without a full stop.
	Reason string
	// Code is the cloud's own code for it, if there is one. Make it with Code.
	Code string
	// Remedy says what to do about it, if that is known.
	Remedy string
	// RetryAfter is the shortest wait before another try, if the cause suggests one.
	RetryAfter time.Duration
	// Cause is for errors.Is and errors.As. It is never printed.
	Cause error
}

// Error returns "reason (code); remedy".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Reason)
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Remedy != "" {
		b.WriteString("; ")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// ErrPolicy is the cause of a refusal of what a caller is known to have no right to, while he may have rights to other calls.
var ErrPolicy = errors.New("the policy does not allow the call")

// Is tells whether err is, or wraps, a fault of this kind.
func Is(err error, kind Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == kind
}

// Retryable tells whether the same call may succeed if it is made again, and after which wait at the earliest. An error
// that is no fault is not retryable: nothing is known about it.
func Retryable(err error) (time.Duration, bool) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return 0, false
	}
	return e.RetryAfter, e.Kind == Transient || e.Kind == Throttled
}

// maxCode is longer than any code that the two clouds document.
const maxCode = 80

// Code makes an error code from a cloud's answer fit to print. Codes are words joined by dots; anything else is not a
// code but text that somebody put in its place, and may hold anything.
func Code(s string) string {
	if s == "" || len(s) > maxCode || strings.ContainsFunc(s, notInCode) {
		return "unreadable code"
	}
	return s
}

func notInCode(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '-', r == '_':
		return false
	}
	return true
}
