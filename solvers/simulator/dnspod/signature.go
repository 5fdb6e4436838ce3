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
)

const (
	algorithm = "TC3-HMAC-SHA256"
	service   = "dnspod"
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
	hashed := digest(payload)
	if r.Header.Get("X-TC-Content-SHA256") == "UNSIGNED-PAYLOAD" {
		hashed = digest([]byte("UNSIGNED-PAYLOAD"))
	}
	canonical := strings.Join([]string{r.Method, "/", r.URL.RawQuery, headers.String(), strings.Join(a.signedHeaders, ";"), hashed}, "\n")
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

// authenticate finds out which account asks, and whether it may.
func (a *api) authenticate(q query, name, requestID string) (owner string, _ *refusal) {
	if q.request.Method != http.MethodPost && q.request.Method != http.MethodGet {
		return "", refuse("UnsupportedProtocol", "The HTTP method is not supported.", "不支持的请求方法。")
	}
	auth := q.authorization
	if q.malformed != nil || !slices.Contains(auth.signedHeaders, "host") || !slices.Contains(auth.signedHeaders, "content-type") {
		return "", refuse("AuthFailure.InvalidAuthorization", "The Authorization in the request header does not comply with the Tencent Cloud standard.", "请求头部的 Authorization 不符合腾讯云标准。")
	}
	if r := a.checkTime(q); r != nil {
		return "", r
	}
	key, account, ok := a.cloud.Key(auth.keyID)
	if !ok || key.Disabled {
		return "", refuse("AuthFailure.SecretIdNotFound", "The SecretId is not found, please ensure that your SecretId is correct.", "SecretId 不存在，请输入正确的密钥。")
	}
	want := sign(q.request, q.payload, auth, key.Secret)
	if auth.service != service || !hmac.Equal([]byte(want), []byte(auth.signature)) {
		return "", refuse("AuthFailure.SignatureFailure", "The provided credentials could not be validated. Please check your signature is correct.", "签名错误，请检查签名计算是否正确。")
	}
	if q.request.Header.Get("X-TC-Token") != key.Token || key.Expired(a.cloud.Clock()) {
		return "", refuse("AuthFailure.TokenFailure", "The token is invalid or has expired. [request id:"+requestID+"]", "Token 错误或已过期。[request id:"+requestID+"]")
	}
	if !a.cloud.Admit(account.Owner) {
		return "", throttled(a.cloud.Settings().ThrottleCode)
	}
	if !key.Allows(name) {
		zone, _ := q.fields.text("Domain")
		message := fmt.Sprintf("[request id:%s]you are not authorized to perform operation (dnspod:%s)\nresource (qcs::dnspod::uin/100000000001:domain/%s) has no permission\n", requestID, name, zone)
		return "", refuse("AuthFailure.UnauthorizedOperation", message, message)
	}
	return account.Owner, nil
}

// checkTime compares the time of a request with the clock and with the date in its signature.
func (a *api) checkTime(q query) *refusal {
	text := q.request.Header.Get("X-TC-Timestamp")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return refuse("InvalidParameter", "The header `X-TC-Timestamp` is not valid.", "请求头 `X-TC-Timestamp` 错误。")
	}
	stamp := time.Unix(seconds, 0).UTC()
	if !a.cloud.InWindow(stamp) {
		now := strconv.FormatInt(a.cloud.Clock().Unix(), 10)
		return refuse("AuthFailure.SignatureExpire",
			"The provided credentials are expired: the signature was made at "+text+", the server's time is "+now+".",
			"签名过期：请求时间 "+text+"，服务器时间 "+now+"。")
	}
	if stamp.Format(time.DateOnly) != q.authorization.date {
		return refuse("AuthFailure.SignatureFailure", "The date in the credential scope does not match the timestamp.", "签名日期与时间戳不符。")
	}
	return nil
}
