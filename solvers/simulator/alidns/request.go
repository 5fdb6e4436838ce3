package alidns

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameters of a request; each may occur once.
type parameters map[string]string

// readParameters collects the parameters of the query and, when there is one, of the form in the body.
func readParameters(content io.Reader, r *http.Request) (parameters, error) {
	params := parameters{}
	if err := params.parse(r.URL.RawQuery); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(content)
	if err != nil {
		return nil, fmt.Errorf("request body: %w", err)
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if len(text) == 0 || kind != "application/x-www-form-urlencoded" {
		return params, nil
	}
	return params, params.parse(string(text))
}

// parse adds the parameters of a query or a form.
func (p parameters) parse(text string) error {
	values, err := url.ParseQuery(text)
	if err != nil {
		return err
	}
	for name, list := range values {
		if _, twice := p[name]; twice || len(list) > 1 {
			return fmt.Errorf("parameter %q: given twice", name)
		}
		p[name] = list[0]
	}
	return nil
}

// stringToSign is the text that a client signs: the method, the path and all parameters but the signature, in order.
func stringToSign(method string, params parameters) string {
	var pairs []string
	for name, value := range params {
		if name != "Signature" {
			pairs = append(pairs, percentEncode(name)+"="+percentEncode(value))
		}
	}
	// Encoded names sort as the names do, but "=" sorts after some bytes that may follow in a longer name.
	slices.SortFunc(pairs, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	return method + "&" + percentEncode("/") + "&" + percentEncode(strings.Join(pairs, "&"))
}

// percentEncode leaves only RFC 3986's unreserved characters as they are.
func percentEncode(text string) string {
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func sign(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// query is a request that was read.
type query struct {
	params parameters
	method string
}

// signing are the parameters that say who asks; the log does not show them.
func signing() []string {
	return []string{
		"Action", "Version", "Format", "Timestamp", "Signature", "SignatureMethod", "SignatureVersion", "SignatureType",
		"SignatureNonce", "AccessKeyId", "RegionId", "SecurityToken", "BearerToken",
	}
}

// business are the parameters of the action itself.
func (q query) business() map[string]string {
	own := map[string]string{}
	for name, value := range q.params {
		if !slices.Contains(signing(), name) {
			own[name] = value
		}
	}
	return own
}

// need returns a parameter that the action can not do without.
func (q query) need(name string) (string, error) {
	if value := q.params[name]; value != "" {
		return value, nil
	}
	return "", bad("Missing"+name, name+" is mandatory for this action.")
}

// number returns a number from 1 on, or standard where the parameter is absent.
func (q query) number(name string, standard, highest int) (int, error) {
	text := q.params[name]
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > highest {
		return 0, bad("InvalidParameter", fmt.Sprintf("The parameter value %s is invalid.", name))
	}
	return n, nil
}

// timeFormat is that of the Timestamp parameter.
const timeFormat = "2006-01-02T15:04:05Z"

// authenticate finds out which account asks, and whether it may.
func (a *api) authenticate(q query) (owner string, _ *refusal) {
	for _, name := range []string{"Action", "Version", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if q.params[name] == "" {
			return "", bad("Missing"+name, name+" is mandatory for this action.")
		}
	}
	if q.method != http.MethodGet && q.method != http.MethodPost {
		return "", &refusal{http.StatusMethodNotAllowed, "UnsupportedHTTPMethod", "This http method is not supported."}
	}
	if q.params["Version"] != "2015-01-09" {
		return "", bad("InvalidVersion", "Specified parameter Version is not valid.")
	}
	if q.params["SignatureMethod"] != "HMAC-SHA1" || q.params["SignatureVersion"] != "1.0" {
		return "", bad("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	key, account, ok := a.cloud.Key(q.params["AccessKeyId"])
	if !ok {
		return "", &refusal{http.StatusNotFound, "InvalidAccessKeyId.NotFound", "Specified access key is not found."}
	}
	if key.Disabled {
		return "", bad("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
	}
	if r := a.checkSignature(q, key.Secret); r != nil {
		return "", r
	}
	if r := checkToken(q.params["SecurityToken"], key.Token, key.Expired(a.cloud.Clock())); r != nil {
		return "", r
	}
	settings := a.cloud.Settings()
	if !a.cloud.Admit(account.Owner) {
		status, code := settings.ThrottleStatus, settings.ThrottleCode
		return "", throttled(status, code)
	}
	if !key.Allows(q.params["Action"]) {
		return "", &refusal{http.StatusForbidden, "Forbidden.RAM", "User not authorized to operate on the specified resource, or this API doesn't support RAM."}
	}
	return account.Owner, nil
}

func throttled(status int, code string) *refusal {
	r := bad("Throttling.User", "Request was denied due to user flow control.")
	if status != 0 {
		r.status = status
	}
	if code != "" {
		r.code = code
	}
	return r
}

// checkSignature recomputes the signature, and checks the time and the nonce under it.
func (a *api) checkSignature(q query, secret string) *refusal {
	stamp, err := time.Parse(timeFormat, q.params["Timestamp"])
	if err != nil {
		return bad("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	if !a.cloud.InWindow(stamp) {
		return bad("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	text := stringToSign(q.method, q.params)
	if !hmac.Equal([]byte(sign(text, secret)), []byte(q.params["Signature"])) {
		return bad("SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:"+text)
	}
	if !a.cloud.UseNonce(q.params["AccessKeyId"], q.params["SignatureNonce"]) {
		return bad("SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return nil
}

func checkToken(got, want string, expired bool) *refusal {
	switch {
	case got == "" && want != "":
		return bad("MissingSecurityToken", "SecurityToken is mandatory for this action.")
	case got != "" && want == "":
		return bad("InvalidSecurityToken.MismatchWithAccessKey", "Specified SecurityToken is mismatch with access key.")
	case got != want:
		return bad("InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.")
	case expired:
		return bad("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	}
	return nil
}
