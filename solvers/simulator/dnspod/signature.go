package dnspod

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	algorithm = "TC3-HMAC-SHA256"
	ending    = "tc3_request"
)

// authorization is the content of an Authorization header.
type authorization struct {
	keyID, date, service string
	signedHeaders        []string
	signature            string
}

// parseAuthorization reads "TC3-HMAC-SHA256 Credential=id/date/service/tc3_request, SignedHeaders=a;b, Signature=hex".
func parseAuthorization(header string) (authorization, error) {
	var a authorization
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return a, errors.New("not " + algorithm)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := parts[name]; !ok || twice {
			return a, fmt.Errorf("part %q", part)
		}
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(parts) != 3 || len(scope) != 4 || scope[3] != ending || parts["SignedHeaders"] == "" || parts["Signature"] == "" {
		return a, errors.New("a part is missing or too much")
	}
	a = authorization{
		keyID: scope[0], date: scope[1], service: scope[2],
		signedHeaders: strings.Split(parts["SignedHeaders"], ";"), signature: parts["Signature"],
	}
	return a, nil
}

// sign computes the signature of a request over the headers named in its Authorization.
func sign(r *http.Request, payload []byte, a authorization, secret string) string {
	headers := &strings.Builder{}
	for _, name := range a.signedHeaders {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		fmt.Fprintf(headers, "%s:%s\n", name, strings.ToLower(strings.TrimSpace(value)))
	}
	signed := strings.Join(a.signedHeaders, ";")
	canonical := strings.Join([]string{r.Method, "/", r.URL.RawQuery, headers.String(), signed, digest(payload)}, "\n")
	scope := strings.Join([]string{a.date, a.service, ending}, "/")
	text := strings.Join([]string{algorithm, r.Header.Get("X-TC-Timestamp"), scope, digest([]byte(canonical))}, "\n")
	key := []byte("TC3" + secret)
	for _, step := range []string{a.date, a.service, ending} {
		key = mac(key, step)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// unsigned is the Authorization of a request that nobody signs.
const unsigned = "SKIP"

// authenticate finds out who asks, and whether he may. As in the cloud, some messages hold what changes from request to request.
func (a *api) authenticate(q query, act action, call cloud.Call) (caller, error) {
	if act.unsigned && q.request.Header.Get("Authorization") == unsigned {
		return caller{}, nil
	}
	auth := q.authorization
	if q.malformed != nil || !slices.Contains(auth.signedHeaders, "host") || !slices.Contains(auth.signedHeaders, "content-type") {
		return caller{}, refuse("AuthFailure.InvalidAuthorization", "The Authorization in the request header is not valid.")
	}
	if err := a.checkTime(q); err != nil {
		return caller{}, err
	}
	key, owner, ok := a.cloud.Key(auth.keyID)
	if !ok || key.Disabled {
		return caller{}, refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct.")
	}
	want := sign(q.request, q.payload, auth, key.Secret)
	if auth.service != act.service.name || !hmac.Equal([]byte(want), []byte(auth.signature)) {
		return caller{}, refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated.")
	}
	if q.request.Header.Get("X-TC-Token") != key.Token || key.Expired(a.cloud.Clock()) {
		return caller{}, refuse("AuthFailure.TokenFailure", "The token is invalid or has expired. [request id:"+uuid.NewString()+"]")
	}
	by := caller{owner, key}
	if !act.service.limited {
		return by, nil
	}
	if !a.cloud.Admit(owner) {
		return caller{}, cloud.ErrThrottled
	}
	if !key.Allows(call.Action, call.Zone) {
		return caller{}, refuse("AuthFailure.UnauthorizedOperation", fmt.Sprintf(
			"[request id:%s]you are not authorized to perform operation (dnspod:%s)\nresource (domain/%s) has no permission\n",
			uuid.NewString(), call.Action, call.Zone))
	}
	return by, nil
}

// checkTime compares the time of a request with the clock and with the date in its signature.
func (a *api) checkTime(q query) error {
	text := q.request.Header.Get("X-TC-Timestamp")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return refuse("InvalidParameter", "The header `X-TC-Timestamp` is not valid.")
	}
	stamp := time.Unix(seconds, 0).UTC()
	if !a.cloud.InWindow(stamp) {
		return refuse("AuthFailure.SignatureExpire", fmt.Sprintf(
			"The provided credentials are expired: the signature was made at %s, the server's time is %d.", text, a.cloud.Clock().Unix()))
	}
	if stamp.Format(time.DateOnly) != q.authorization.date {
		return refuse("AuthFailure.SignatureFailure", "The date in the credential scope does not match the timestamp.")
	}
	return nil
}
