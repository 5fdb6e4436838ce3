package alidns

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// dialect writes the answers to one request.
type dialect struct{ host, requestID string }

func newDialect(host string) dialect {
	return dialect{host: host, requestID: strings.ToUpper(uuid.NewString())}
}

// Throttled implements cloud.Dialect.
func (d dialect) Throttled(status int, code, message string) cloud.Reply {
	if status == 0 {
		status = http.StatusBadRequest
	}
	if code == "" {
		code = "Throttling.User"
	}
	if message == "" {
		message = "Request was denied due to user flow control."
	}
	return d.fail(status, code, message)
}

// Failure implements cloud.Dialect.
func (d dialect) Failure(status int, code, message string) cloud.Reply {
	if status == 0 {
		status = http.StatusBadRequest
	}
	if message == "" {
		message = "The request failed, request id " + d.requestID + "."
	}
	return d.fail(status, code, message)
}

func (d dialect) refuse(r *refusal) cloud.Reply { return d.fail(r.status, r.code, r.message) }

func (d dialect) fail(status int, code, message string) cloud.Reply {
	advice := url.Values{"q": {code}, "product": {"Alidns"}, "requestId": {d.requestID}}
	reply := d.write(status, body{
		"HostId": d.host, "Code": code, "Message": message,
		"Recommend": "https://api.alibabacloud.com/troubleshoot?" + advice.Encode(),
	})
	reply.Code = code
	return reply
}

func (d dialect) succeed(content body) cloud.Reply { return d.write(http.StatusOK, content) }

func (d dialect) write(status int, content body) cloud.Reply {
	content = maps.Clone(content)
	content["RequestId"] = d.requestID
	text, err := json.Marshal(content)
	if err != nil { // only texts, numbers and lists of them go in
		return cloud.Reply{Status: http.StatusInternalServerError, ContentType: "text/plain", Body: []byte(err.Error())}
	}
	return cloud.Reply{Status: status, ContentType: "application/json;charset=utf-8", Body: text}
}
