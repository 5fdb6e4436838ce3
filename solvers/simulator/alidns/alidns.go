// Package alidns is a stand-in for the API of Alibaba Cloud DNS, version 2015-01-09, over simulated accounts and zones. It
// recomputes signatures (RPC style, HMAC-SHA1, from the query or a form, GET or POST), refuses reused nonces and wrong clocks,
// and answers with the codes, statuses and bodies that the vendor documents.
//
// Sources: https://www.alibabacloud.com/help/en/dns/api-alidns-2015-01-09-overview for actions and error codes,
// https://www.alibabacloud.com/help/en/sdk/product-overview/rpc-mechanism for signatures. Answers are JSON whatever the
// Format parameter says.
package alidns

import (
	"errors"
	"net/http"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

const (
	clockWindow = 15 * time.Minute
	recordLimit = 90
	defaultLine = "default"
	// firstID has as many digits as real record ids, more than a float64 holds.
	firstID = 987654321098765431
)

// NewCloud makes an empty cloud with the limits of Alidns. A nil clock is time.Now.
func NewCloud(now func() time.Time) *cloud.Cloud {
	return cloud.New(cloud.Options{
		Now:         now,
		DefaultLine: defaultLine,
		FirstID:     firstID,
		Editions: map[string]int{
			"": 600, "mianfei": 600, "version_personal": 600, "version_basic": 120,
			"version_enterprise_basic": 60, "version_enterprise_advanced": 1,
		},
		Settings: cloud.Settings{ClockWindow: clockWindow, RecordLimit: recordLimit},
	})
}

// New serves the API over a cloud.
func New(c *cloud.Cloud) http.Handler { return &api{c} }

type api struct{ cloud *cloud.Cloud }

// maxBody bounds what is read of a request.
const maxBody = 1 << 20

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d := newDialect(r.Host)
	params, err := readParameters(http.MaxBytesReader(w, r.Body, maxBody), r)
	if err != nil {
		a.cloud.Exchange(w, r, cloud.Request{}, d, func() cloud.Reply {
			return d.fail(http.StatusBadRequest, "InvalidParameter", "The request can not be parsed.")
		})
		return
	}
	q := query{params: params, method: r.Method}
	req := cloud.Request{
		Action: params["Action"], KeyID: params["AccessKeyId"], Zone: params["DomainName"],
		Token: params["SecurityToken"] != "", Parameters: q.business(),
	}
	a.cloud.Exchange(w, r, req, d, func() cloud.Reply { return a.answer(q, d) })
}

// action answers one action for an account.
type action func(a *api, owner string, q query) (body, error)

// body is the JSON of an answer without its RequestId.
type body = map[string]any

func actionNamed(name string) (action, bool) {
	switch name {
	case "AddDomainRecord":
		return (*api).addDomainRecord, true
	case "UpdateDomainRecord":
		return (*api).updateDomainRecord, true
	case "DeleteDomainRecord":
		return (*api).deleteDomainRecord, true
	case "DeleteSubDomainRecords":
		return (*api).deleteSubDomainRecords, true
	case "DescribeDomainRecords":
		return (*api).describeDomainRecords, true
	case "DescribeSubDomainRecords":
		return (*api).describeSubDomainRecords, true
	case "DescribeDomainRecordInfo":
		return (*api).describeDomainRecordInfo, true
	case "DescribeDomains":
		return (*api).describeDomains, true
	case "DescribeDomainInfo":
		return (*api).describeDomainInfo, true
	}
	return nil, false
}

func (a *api) answer(q query, d dialect) cloud.Reply {
	owner, refusal := a.authenticate(q)
	if refusal != nil {
		return d.refuse(refusal)
	}
	act, ok := actionNamed(q.params["Action"])
	if !ok {
		return d.fail(http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.")
	}
	content, err := act(a, owner, q)
	if err != nil {
		return d.refuse(a.translate(err))
	}
	return d.succeed(content)
}

// refusal is an error answer of the API.
type refusal struct {
	status  int
	code    string
	message string
}

// Error implements error.
func (r *refusal) Error() string { return r.code + ": " + r.message }

func bad(code, message string) *refusal {
	return &refusal{http.StatusBadRequest, code, message}
}

// translate says in the API's codes why the cloud refused.
func (a *api) translate(err error) *refusal {
	if own, ok := errors.AsType[*refusal](err); ok {
		return own
	}
	for _, known := range []struct {
		err     error
		refusal *refusal
	}{
		{cloud.ErrNoZone, bad("InvalidDomainName.NoExist", "The specified domain name does not exist. Refresh the page and try again.")},
		{cloud.ErrForeignZone, bad("IncorrectDomainUser", "The domain name does not belong to this user.")},
		{cloud.ErrZoneLocked, bad("DomainForbidden", "The action could not be completed because the domain has been forbidden.")},
		{cloud.ErrZoneSpam, bad("DomainForbidden", "The action could not be completed because the domain has been forbidden.")},
		{cloud.ErrNoRecord, bad("DomainRecordNotBelongToUser", "The domain record does not belong to this user.")},
		{cloud.ErrForeignRecord, bad("DomainRecordNotBelongToUser", "The domain record does not belong to this user.")},
		{cloud.ErrRecordLocked, bad("DomainRecordLocked", "The domain record has been locked.")},
		{cloud.ErrDuplicate, bad("DomainRecordDuplicate", "The DNS record already exists.")},
		{cloud.ErrConflict, bad("DomainRecordConflict", "The DNS record conflicts with other records.")},
		{cloud.ErrRecordLimit, bad("QuotaExceeded.Record", "You can't add this domain record because the (Type RR Line) record has been out of MAX count(90).")},
		{cloud.ErrTTL, a.invalidTTL()},
		{cloud.ErrOverlap, bad("LastOperationNotFinished", "The last operation has not finished, please try again later.")},
	} {
		if errors.Is(err, known.err) {
			return known.refusal
		}
	}
	return &refusal{http.StatusInternalServerError, "InternalError", "The request processing has failed due to some unknown error."}
}

// invalidTTL is the refusal of a TTL; which code it has is not documented, so the settings may change it.
func (a *api) invalidTTL() *refusal {
	code := a.cloud.Settings().TTLCode
	if code == "" {
		code = "InvalidTTL"
	}
	return bad(code, "Specified parameter TTL is not valid.")
}
