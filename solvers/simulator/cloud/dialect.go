package cloud

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"
)

// Why a cloud refuses what it was asked. Each cloud says it in its own codes: see Dialect.
var (
	ErrNoZone        = errors.New("no such zone")
	ErrForeignZone   = errors.New("the zone belongs to another account")
	ErrZoneLocked    = errors.New("the zone is locked")
	ErrZoneSpam      = errors.New("the zone is banned")
	ErrNoRecord      = errors.New("no such record")
	ErrForeignRecord = errors.New("the record belongs to another account")
	ErrRecordLocked  = errors.New("the record is locked")
	ErrDuplicate     = errors.New("an equal record exists")
	ErrConflict      = errors.New("a record of another type forbids this one")
	ErrRecordLimit   = errors.New("too many records")
	ErrTTL           = errors.New("the TTL is below the minimum of the edition")
	ErrOverlap       = errors.New("the last write in the zone is not finished")
	ErrThrottled     = errors.New("too many requests")
)

// Body is the JSON of an answer, or of a part of one.
type Body = map[string]any

// APIError is an error answer in a cloud's own words. A zero status is the cloud's usual one.
type APIError struct {
	Status        int
	Code, Message string
}

// Error implements error.
func (r APIError) Error() string { return r.Code + ": " + r.Message }

// Dialect is what differs between the answers of two clouds.
type Dialect struct {
	// Refusals are the cloud's words for the errors of this package.
	Refusals map[error]APIError
	// ErrorStatus is the usual HTTP status of a refusal.
	ErrorStatus int
	// SessionKey is how the ids of the keys of sessions begin.
	SessionKey string
	// Success and Failure make the document that is sent.
	Success func(content Body, requestID string) Body
	Failure func(r APIError, requestID string) Body
}

// Refusal says an error in the cloud's words, unless it is in them already.
func (c *Cloud) Refusal(err error) APIError {
	if own, ok := errors.AsType[APIError](err); ok {
		return own
	}
	r, known := c.dialect.Refusals[err]
	if !known {
		return APIError{http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."}
	}
	if code := c.Settings().TTLCode; code != "" && errors.Is(err, ErrTTL) {
		r.Code = code
	}
	return r
}

// reply is an HTTP answer. Its code is the error code, for the log.
type reply struct {
	status      int
	contentType string
	body        []byte
	code        string
}

func (c *Cloud) replyOf(content Body, err error) reply {
	if err != nil {
		return c.refuse(c.Refusal(err))
	}
	return written(http.StatusOK, c.dialect.Success(content, uuid.NewString()))
}

func (c *Cloud) refuse(r APIError) reply {
	if r.Status == 0 {
		r.Status = c.dialect.ErrorStatus
	}
	answer := written(r.Status, c.dialect.Failure(r, uuid.NewString()))
	answer.code = r.Code
	return answer
}

func written(status int, content Body) reply {
	text, err := json.Marshal(content)
	if err != nil { // only texts, numbers and lists of them go in
		return reply{status: http.StatusInternalServerError, contentType: "text/plain", body: []byte(err.Error())}
	}
	return reply{status: status, contentType: "application/json", body: text}
}
