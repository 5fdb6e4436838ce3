package alidns

import (
	"regexp"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

var (
	roleARN     = regexp.MustCompile(`^acs:ram::\d+:role/\S+$`)
	sessionName = regexp.MustCompile(`^[a-zA-Z0-9.@_-]{2,64}$`)
)

// longestSession is more than any role allows, in seconds.
const longestSession = 43200

func (a *api) assumeRole(_ string, params parameters) (cloud.Body, error) {
	arn, err := params.need("RoleArn")
	if err != nil {
		return nil, err
	}
	if !roleARN.MatchString(arn) {
		return nil, bad("InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.")
	}
	if !sessionName.MatchString(params["RoleSessionName"]) {
		return nil, bad("InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed.")
	}
	seconds, err := params.number("DurationSeconds", 3600, longestSession)
	if err != nil {
		return nil, err
	}
	caller, _, _ := a.cloud.Key(params["AccessKeyId"])
	key, err := a.cloud.Assume(caller, arn, params["ExternalId"], "STS.", time.Duration(seconds)*time.Second)
	if err != nil {
		return nil, err
	}
	return cloud.Body{
		"AssumedRoleUser": cloud.Body{"Arn": arn + "/" + params["RoleSessionName"], "AssumedRoleId": "300000000000000000:" + params["RoleSessionName"]},
		"Credentials": cloud.Body{
			"AccessKeyId": key.ID, "AccessKeySecret": key.Secret, "SecurityToken": key.Token, "Expiration": key.Expires.UTC().Format(time.RFC3339),
		},
	}, nil
}
