// Package dnspod is a stand-in for Tencent Cloud's DNSPod API 3.0, version 2021-03-23, over simulated accounts and zones. It
// recomputes TC3-HMAC-SHA256 signatures over the headers that a request says it signed, refuses wrong clocks and tokens, and
// answers with the codes and bodies that the vendor documents; errors come with HTTP 200, as they do there.
//
// Sources: https://cloud.tencent.com/document/api/1427/56193 for actions, https://cloud.tencent.com/document/api/1427/56192 for
// error codes, https://cloud.tencent.com/document/api/1427/56189 for signatures.
package dnspod

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	clockWindow = 5 * time.Minute
	// firstID is above 2^53, so that an id that went through a float64 is another record's.
	firstID = 1<<53 + 1
)

// NewCloud makes an empty cloud with the limits of DNSPod. A nil clock is time.Now.
func NewCloud(now func() time.Time) *cloud.Cloud {
	return cloud.New(cloud.Options{
		Now:         now,
		DefaultLine: lines()[0].id,
		FirstID:     firstID,
		Editions: map[string]int{
			"": 600, "DP_FREE": 600, "DP_PLUS": 600, "DP_EXTRA": 120, "DP_EXPERT": 60, "DP_ULTRA": 1,
		},
		Settings: cloud.Settings{ClockWindow: clockWindow},
	})
}

// New serves the API over a cloud.
func New(c *cloud.Cloud) http.Handler { return &api{c} }

type api struct{ cloud *cloud.Cloud }

// maxBody bounds what is read of a request.
const maxBody = 10 << 20

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := a.newDialect(r.Header.Get("X-TC-Language"))
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	q := query{request: r, payload: payload}
	if err == nil {
		q.fields, err = readFields(r, payload)
	}
	q.authorization, q.malformed = parseAuthorization(r.Header.Get("Authorization"))
	zone, _ := q.fields.text("Domain")
	req := cloud.Request{
		Action: r.Header.Get("X-TC-Action"), KeyID: q.authorization.keyID, Zone: zone,
		Token: r.Header.Get("X-TC-Token") != "", Parameters: q.fields.plain(),
	}
	a.cloud.Exchange(w, r, req, d, func() cloud.Reply {
		if err != nil {
			return d.refuse(refuse("InvalidParameter", "The request body is not a valid JSON object.", "请求体不是合法的 JSON。"))
		}
		return a.answer(q, d)
	})
}

// query is a request that was read.
type query struct {
	request       *http.Request
	payload       []byte
	fields        fields
	authorization authorization
	malformed     error
}

// body is the content of an answer's Response without its RequestId.
type body = map[string]any

// action answers one action for an account. Its fields are all that it knows.
type action struct {
	fields []string
	answer func(a *api, owner string, f fields) (body, error)
}

func actionNamed(name string) (action, bool) {
	create := []string{"Domain", "DomainId", "SubDomain", "RecordLine", "RecordLineId", "Value", "TTL", "Status", "Remark", "GroupId"}
	switch name {
	case "CreateRecord":
		return action{append(create, "RecordType", "MX", "Weight", "DnssecConflictMode"), (*api).createRecord}, true
	case "CreateTXTRecord":
		return action{create, (*api).createTXTRecord}, true
	case "DescribeRecordList":
		return action{[]string{
			"Domain", "DomainId", "Subdomain", "SubDomain", "RecordType", "RecordLine", "RecordLineId", "GroupId", "Keyword",
			"SortField", "SortType", "Offset", "Limit", "ErrorOnEmpty",
		}, (*api).describeRecordList}, true
	case "DescribeRecordFilterList":
		return action{[]string{
			"Domain", "DomainId", "SubDomain", "IsExactSubDomain", "RecordType", "RecordLine", "RecordValue", "RecordStatus", "GroupId",
			"Keyword", "Remark", "SortField", "SortType", "Offset", "Limit",
		}, (*api).describeRecordFilterList}, true
	case "DescribeRecord":
		return action{[]string{"Domain", "DomainId", "RecordId"}, (*api).describeRecord}, true
	case "DeleteRecord":
		return action{[]string{"Domain", "DomainId", "RecordId"}, (*api).deleteRecord}, true
	case "DescribeDomainList":
		return action{[]string{"Type", "Offset", "Limit", "GroupId", "Keyword", "Tags"}, (*api).describeDomainList}, true
	case "DescribeDomain":
		return action{[]string{"Domain", "DomainId"}, (*api).describeDomain}, true
	case "DescribePackageDetail":
		return action{nil, (*api).describePackageDetail}, true
	}
	return action{}, false
}

func (a *api) answer(q query, d dialect) cloud.Reply {
	name := q.request.Header.Get("X-TC-Action")
	act, ok := actionNamed(name)
	if !ok {
		return d.refuse(refuse("InvalidAction", "The action `"+name+"` is invalid or not found.", "接口 `"+name+"` 不存在。"))
	}
	if version := q.request.Header.Get("X-TC-Version"); version != "2021-03-23" {
		return d.refuse(refuse("NoSuchVersion", "The API version `"+version+"` does not exist.", "接口版本 `"+version+"` 不存在。"))
	}
	owner, refusal := a.authenticate(q, name, d.requestID)
	if refusal != nil {
		return d.refuse(refusal)
	}
	if err := q.fields.known(act.fields); err != nil {
		return d.refuse(a.translate(err))
	}
	content, err := act.answer(a, owner, q.fields)
	if err != nil {
		return d.refuse(a.translate(err))
	}
	return d.succeed(content)
}

// refusal is an error answer of the API, in both of its languages.
type refusal struct{ code, english, chinese string }

// Error implements error.
func (r *refusal) Error() string { return r.code + ": " + r.english }

func refuse(code, english, chinese string) *refusal { return &refusal{code, english, chinese} }

// translate says in the API's codes why the cloud refused.
func (a *api) translate(err error) *refusal {
	if own, ok := errors.AsType[*refusal](err); ok {
		return own
	}
	for _, known := range []struct {
		err     error
		refusal *refusal
	}{
		{cloud.ErrNoZone, refuse("InvalidParameterValue.DomainNotExists", "The domain name is not under the current account.", "当前域名有误，请返回重新操作。")},
		{cloud.ErrForeignZone, refuse("OperationDenied.NoPermissionToOperateDomain", "You have no permission to operate this domain name.", "当前域名无权限，请返回域名列表。")},
		{cloud.ErrZoneLocked, refuse("FailedOperation.DomainIsLocked", "The domain name is locked and its DNS records can not be changed.", "锁定域名不能进行此操作。")},
		{cloud.ErrZoneSpam, refuse("FailedOperation.DomainIsSpam", "The domain name has been blocked and can not be operated on.", "封禁域名不能进行此操作。")},
		{cloud.ErrNoRecord, refuse("InvalidParameter.RecordIdInvalid", "The record ID is incorrect.", "记录编号错误。")},
		{cloud.ErrForeignRecord, refuse("InvalidParameter.RecordIdInvalid", "The record ID is incorrect.", "记录编号错误。")},
		{cloud.ErrRecordLocked, refuse("InvalidParameter.DomainNotAllowedModifyRecords", "The DNS records can not be changed in the current state of the domain name.", "处于生效中/失效中的域名，不允许变更解析记录。")},
		{cloud.ErrDuplicate, refuse("InvalidParameter.DomainRecordExist", "The record already exists, and does not need to be added again.", "记录已经存在，无需再次添加。")},
		{cloud.ErrConflict, refuse("InvalidParameter.CustomMessage", "The record conflicts with another record of this host.", "子域名记录冲突。")},
		{cloud.ErrRecordLimit, refuse("LimitExceeded.SubdomainRollLimit", "The number of load-balanced records is over the limit.", "子域名负载均衡数量超出限制。")},
		{cloud.ErrTTL, a.ttlTooLow()},
		{cloud.ErrOverlap, refuse("InvalidParameter.OperationIsTooFrequent", "The operation is too frequent. Please try again later.", "操作过于频繁，请稍后再试。")},
	} {
		if errors.Is(err, known.err) {
			return known.refusal
		}
	}
	return refuse("InternalError", "An internal error has occurred. Retry your request.", "内部错误。")
}

func (a *api) ttlTooLow() *refusal {
	code := a.cloud.Settings().TTLCode
	if code == "" {
		code = "LimitExceeded.RecordTtlLimit"
	}
	return refuse(code, "The TTL value of the record is out of the limit of the package.", "记录的 TTL 值超出了限制。")
}
