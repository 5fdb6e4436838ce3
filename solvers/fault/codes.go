package fault

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"time"
)

// Meaning is what an error code of a cloud means. In its texts, words in braces stand for what was asked.
type Meaning struct {
	Kind           Kind
	Reason, Remedy string
	RetryAfter     time.Duration
	// Cause is that of the Error.
	Cause error
}

// Codes are the meanings of a cloud's error codes, by their whole names or, with a star at the end, by their beginning.
type Codes struct {
	Known map[string]Meaning
	// Throttled and Inside are the names in Known of what HTTP 429 and HTTP 5xx mean with a code that is not known.
	Throttled, Inside string
	// Other is what any other code means.
	Other Meaning
}

// With are the codes of another API of the same cloud, which has some of its own beside and in place of these.
func (c Codes) With(known map[string]Meaning, other Meaning) Codes {
	all := maps.Clone(c.Known)
	maps.Copy(all, known)
	return Codes{Known: all, Throttled: c.Throttled, Inside: c.Inside, Other: other}
}

// Of finds a code by its whole name, else by its longest known beginning, else by the HTTP status that it came with.
func (c Codes) Of(code string, status int) Meaning {
	if m, ok := c.Known[code]; ok {
		return m
	}
	for beginning := code; beginning != ""; beginning = beginning[:len(beginning)-1] {
		if m, ok := c.Known[beginning+"*"]; ok {
			return m
		}
	}
	switch {
	case status == http.StatusTooManyRequests:
		return c.Known[c.Throttled]
	case status >= 500:
		return c.Known[c.Inside]
	}
	return c.Other
}

// Fault puts a code that means this into words: pairs of a word in braces and what it stands for.
func (m Meaning) Fault(code string, words ...string) *Error {
	said := strings.NewReplacer(words...)
	return &Error{Kind: m.Kind, Reason: said.Replace(m.Reason), Code: Code(code), Remedy: said.Replace(m.Remedy), RetryAfter: m.RetryAfter, Cause: m.Cause}
}

// CodeOf returns the cloud's code in an error, "" if there is none.
func CodeOf(err error) string {
	if f, ok := errors.AsType[*Error](err); ok {
		return f.Code
	}
	return ""
}
