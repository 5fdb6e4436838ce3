package dnspod

import (
	"regexp"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

var (
	roleARN     = regexp.MustCompile(`^qcs::cam::uin/\d+:(role|roleName)/\S+$`)
	sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,128}$`)
)

// standardSession is how long a session is where nobody says it, in seconds.
const standardSession = 7200

func (a *api) assumeRole(q query) (cloud.Body, error) {
	if q.request.Header.Get("X-TC-Region") == "" {
		return nil, missing("Region")
	}
	arn, err := q.fields.need("RoleArn")
	if err != nil {
		return nil, err
	}
	name, err := q.fields.need("RoleSessionName")
	if err != nil {
		return nil, err
	}
	if !roleARN.MatchString(arn) || !sessionName.MatchString(name) {
		return nil, refuse("InvalidParameter.ParamError", "The parameter is not valid.")
	}
	seconds, given, err := q.fields.number("DurationSeconds")
	if err != nil {
		return nil, err
	}
	if !given {
		seconds = standardSession
	}
	caller, _, _ := a.cloud.Key(q.authorization.keyID)
	key, err := a.cloud.Assume(caller, arn, "", "AKID", time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return cloud.Body{
		"Credentials": cloud.Body{"Token": key.Token, "TmpSecretId": key.ID, "TmpSecretKey": key.Secret},
		"ExpiredTime": key.Expires.Unix(), "Expiration": key.Expires.UTC().Format(time.RFC3339),
	}, nil
}
