package wire

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/klog/v2"
)

// Question is what a cloud is asked, in the words of an error about it.
type Question struct {
	// Action is the API's name for the call, Zone the canonical name of the zone that it is about, if it is about one.
	Action, Zone string
	// Line and TTL are those of a record that is written.
	Line string
	TTL  int
}

// Redactor takes what must not be told out of a text.
type Redactor interface{ Redact(text string) string }

// errPanicked is what a panic inside an SDK becomes.
var errPanicked = errors.New("the SDK panicked")

// Guard, deferred, turns a panic of an SDK into an error: they panic on JSON documents whose fields are not of the types that they
// expect.
func Guard(err *error, cloud string, q Question, keys Redactor) {
	if cause := recover(); cause != nil {
		klog.V(4).InfoS("The SDK of "+cloud+" panicked", "action", q.Action, "panic", keys.Redact(fmt.Sprint(cause)))
		*err = errPanicked
	}
}

// LogRefusal logs what a cloud said, at a level that operators turn on. Errors say it in words of ours.
func LogRefusal(cloud string, q Question, code string, status int, requestID, message string, keys Redactor) {
	klog.V(4).InfoS(cloud+" refused a call", "action", q.Action, "zone", q.Zone, "code", code, "status", status, "requestID", requestID,
		"message", printable(message, keys))
}

// maxMessage is enough of a vendor's message for a log.
const maxMessage = 512

// printable makes a vendor's message fit for the log. The messages about signatures repeat what was signed, which is the whole request
// with its token, so they are left out.
func printable(message string, keys Redactor) string {
	if strings.Contains(strings.ToLower(message), "string to sign") {
		return "(left out: it repeats the signed request)"
	}
	message = keys.Redact(message)
	if len(message) > maxMessage {
		return message[:maxMessage] + "…"
	}
	return message
}
