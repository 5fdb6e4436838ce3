package alidns

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// parameters of a request; each may occur once.
type parameters map[string]string

// readParameters takes the parameters from the query.
func readParameters(query string) (parameters, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	params := parameters{}
	for name, list := range values {
		if len(list) > 1 {
			return nil, fmt.Errorf("parameter %q: given twice", name)
		}
		params[name] = list[0]
	}
	return params, nil
}

// stringToSign is the text that a client signs: the method, the path and all parameters but the signature, in order.
func stringToSign(method string, params parameters) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "Signature" {
			pairs = append(pairs, percentEncode(name)+"="+percentEncode(params[name]))
		}
	}
	return method + "&" + percentEncode("/") + "&" + percentEncode(strings.Join(pairs, "&"))
}

// percentEncode leaves only RFC 3986's unreserved characters as they are.
func percentEncode(text string) string {
	return strings.ReplaceAll(url.QueryEscape(text), "+", "%20")
}

func sign(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// maxForm is more than a form with the longest token has.
const maxForm = 1 << 16

// withForm adds the parameters in the body. The action's own are there, because whoever passes a URL on may write it down.
func (p parameters) withForm(w http.ResponseWriter, r *http.Request) (parameters, error) {
	for name := range p {
		if !slices.Contains([]string{"Action", "Version", "Format", "Timestamp"}, name) {
			return p, fmt.Errorf("parameter %q: in the URL", name)
		}
	}
	if kind := r.Header.Get("Content-Type"); r.Method != http.MethodPost || kind != "application/x-www-form-urlencoded" {
		return p, fmt.Errorf("%s of %q: not a form", r.Method, kind)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return p, err
	}
	all, err := readParameters(string(body))
	if err != nil {
		return p, err
	}
	maps.Copy(all, p)
	return all, nil
}

// signing are the parameters that say who asks; the log does not show them.
func signing() []string {
	return append(required(), "Format", "SignatureType", "RegionId", "SecurityToken", "OIDCToken")
}

// business are the parameters of the action itself.
func (p parameters) business() map[string]string {
	own := maps.Clone(p)
	maps.DeleteFunc(own, func(name, _ string) bool { return slices.Contains(signing(), name) })
	return own
}

// need returns a parameter that a request can not do without.
func (p parameters) need(name string) (string, error) {
	if value := p[name]; value != "" {
		return value, nil
	}
	return "", bad("Missing"+name, name+" is mandatory for this action.")
}

// number returns a number from 1 on, or standard where the parameter is absent.
func (p parameters) number(name string, standard, highest int) (int, error) {
	text := p[name]
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > highest {
		return 0, invalid(name)
	}
	return n, nil
}

// timeFormat is that of the Timestamp parameter.
const timeFormat = "2006-01-02T15:04:05Z"

// required are the parameters that every request has.
func required() []string {
	return []string{
		"Action", "Version", "AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp",
	}
}

// authenticate finds out who asks, and whether he may.
func (a *api) authenticate(method string, act action, params parameters) (caller, error) {
	needed := required()
	if act.unsigned {
		needed = []string{"Version", "Timestamp"}
	}
	for _, name := range needed {
		if _, err := params.need(name); err != nil {
			return caller{}, err
		}
	}
	if params["Version"] != act.service.version {
		return caller{}, bad("InvalidVersion", "Specified parameter Version is not valid.")
	}
	if act.unsigned {
		return caller{}, nil
	}
	if params["SignatureMethod"] != "HMAC-SHA1" || params["SignatureVersion"] != "1.0" {
		return caller{}, bad("IncompleteSignature", "The request signature does not conform to Aliyun standards.")
	}
	key, owner, ok := a.cloud.Key(params["AccessKeyId"])
	if !ok {
		return caller{}, cloud.APIError{Status: http.StatusNotFound, Code: "InvalidAccessKeyId.NotFound", Message: "Specified access key is not found."}
	}
	if key.Disabled {
		return caller{}, bad("InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
	}
	if err := a.checkSignature(method, params, key.Secret); err != nil {
		return caller{}, err
	}
	if err := checkToken(params["SecurityToken"], key.Token, key.Expired(a.cloud.Clock())); err != nil {
		return caller{}, err
	}
	by := caller{owner, key}
	if !act.service.limited {
		return by, nil
	}
	if !a.cloud.Admit(owner) {
		return caller{}, cloud.ErrThrottled
	}
	if !key.Allows(params["Action"], a.zoneAsked(owner, params)) {
		return caller{}, cloud.APIError{
			Status: http.StatusForbidden, Code: "Forbidden.RAM",
			Message: "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
		}
	}
	return by, nil
}

// zoneAsked is the zone that a request is for: the one that it names, or that of the record.
func (a *api) zoneAsked(owner string, params parameters) string {
	id, err := strconv.ParseUint(params["RecordId"], 10, 64)
	if err != nil {
		return params["DomainName"]
	}
	r, err := a.cloud.Record(owner, id)
	if err != nil {
		return ""
	}
	return r.Zone
}

// checkSignature recomputes the signature, and checks the time and the nonce under it.
func (a *api) checkSignature(method string, params parameters, secret string) error {
	stamp, err := time.Parse(timeFormat, params["Timestamp"])
	if err != nil {
		return bad("InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.")
	}
	if !a.cloud.InWindow(stamp) {
		return bad("InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.")
	}
	text := stringToSign(method, params)
	if !hmac.Equal([]byte(sign(text, secret)), []byte(params["Signature"])) {
		return bad("SignatureDoesNotMatch", "Specified signature is not matched with our calculation. server string to sign is:"+text)
	}
	if !a.cloud.UseNonce(params["AccessKeyId"], params["SignatureNonce"]) {
		return bad("SignatureNonceUsed", "Specified signature nonce was used already.")
	}
	return nil
}

func checkToken(got, want string, expired bool) error {
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
