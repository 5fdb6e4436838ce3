package dnspod

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/google/uuid"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// dialect writes the answers to one request.
type dialect struct {
	requestID string
	english   bool
}

// newDialect answers in Chinese unless the request, or the site, is in English.
func (a *api) newDialect(language string) dialect {
	return dialect{requestID: uuid.NewString(), english: language == "en-US" || a.cloud.Settings().International}
}

// Throttled implements cloud.Dialect.
func (d dialect) Throttled(status int, code, message string) cloud.Reply {
	r := throttled(code)
	if message != "" {
		r.english, r.chinese = message, message
	}
	return d.fail(status, r)
}

func throttled(code string) *refusal {
	if code == "" {
		code = "RequestLimitExceeded"
	}
	return refuse(code,
		"Your current request times equals to `21` in a second, which exceeds the frequency limit `20` for a second. Please reduce the frequency of calls.",
		"您当前每秒请求 `21` 次，超过了每秒频率上限 `20` 次，请稍后重试。")
}

// Failure implements cloud.Dialect.
func (d dialect) Failure(status int, code, message string) cloud.Reply {
	if message == "" {
		message = "The request failed. [request id:" + d.requestID + "]"
	}
	return d.fail(status, refuse(code, message, message))
}

func (d dialect) refuse(r *refusal) cloud.Reply { return d.fail(http.StatusOK, r) }

func (d dialect) fail(status int, r *refusal) cloud.Reply {
	if status == 0 {
		status = http.StatusOK
	}
	message := r.chinese
	if d.english {
		message = r.english
	}
	reply := d.write(status, body{"Error": body{"Code": r.code, "Message": message}})
	reply.Code = r.code
	return reply
}

func (d dialect) succeed(content body) cloud.Reply { return d.write(http.StatusOK, content) }

func (d dialect) write(status int, content body) cloud.Reply {
	content = maps.Clone(content)
	content["RequestId"] = d.requestID
	text, err := json.Marshal(body{"Response": content})
	if err != nil { // only texts, numbers and lists of them go in
		return cloud.Reply{Status: http.StatusInternalServerError, ContentType: "text/plain", Body: []byte(err.Error())}
	}
	return cloud.Reply{Status: status, ContentType: "application/json", Body: text}
}
