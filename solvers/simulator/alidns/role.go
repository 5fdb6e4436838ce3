package alidns

import (
	"regexp"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/simulator/cloud"
)

var (
	roleARN     = regexp.MustCompile(`^acs:ram::\d+:role/\S+$`)
	sessionName = regexp.MustCompile(`^[a-zA-Z0-9.@_-]{2,64}$`)
)

// longestSession is more than any role allows, in seconds.
const longestSession = 43200

func (a *api) assumeRole(by caller, params parameters) (cloud.Body, error) {
	wanted, err := wantedSession(params)
	if err != nil {
		return nil, err
	}
	return assumed(a.cloud.Assume(by.key, params["ExternalId"], wanted))
}

func (a *api) assumeRoleWithOIDC(_ caller, params parameters) (cloud.Body, error) {
	wanted, err := wantedSession(params)
	if err != nil {
		return nil, err
	}
	provider, err := params.need("OIDCProviderArn")
	if err != nil {
		return nil, err
	}
	token, err := params.need("OIDCToken")
	if err != nil {
		return nil, err
	}
	return assumed(a.cloud.AssumeWithToken(provider, token, wanted))
}

func wantedSession(params parameters) (cloud.Session, error) {
	arn, err := params.need("RoleArn")
	if err != nil {
		return cloud.Session{}, err
	}
	if !roleARN.MatchString(arn) {
		return cloud.Session{}, bad("InvalidParameter.RoleArn", "The parameter RoleArn is wrongly formed.")
	}
	name := params["RoleSessionName"]
	if !sessionName.MatchString(name) {
		return cloud.Session{}, bad("InvalidParameter.RoleSessionName", "The parameter RoleSessionName is wrongly formed.")
	}
	seconds, err := params.number("DurationSeconds", 3600, longestSession)
	return cloud.Session{Role: arn, Name: name, Lasts: time.Duration(seconds) * time.Second}, err
}

func assumed(key cloud.Key, err error) (cloud.Body, error) {
	if err != nil {
		return nil, err
	}
	return cloud.Body{
		"AssumedRoleUser": cloud.Body{"Arn": sessionARN(key.Session), "AssumedRoleId": roleID + ":" + key.Session.Name},
		"Credentials": cloud.Body{
			"AccessKeyId": key.ID, "AccessKeySecret": key.Secret, "SecurityToken": key.Token, "Expiration": key.Expires.UTC().Format(time.RFC3339),
		},
	}, nil
}

// roleID stands for every role, userID for every user.
const roleID, userID = "300000000000000000", "200000000000000000"

// sessionARN is that of whoever has a session of a role.
func sessionARN(s cloud.Session) string {
	return strings.Replace(s.Role, ":role/", ":assumed-role/", 1) + "/" + s.Name
}

// getCallerIdentity says who signed the request
// (https://www.alibabacloud.com/help/en/ram/developer-reference/api-sts-2015-04-01-getcalleridentity).
func (a *api) getCallerIdentity(by caller, _ parameters) (cloud.Body, error) {
	if its := by.key.Session; its.Role != "" {
		return cloud.Body{
			"IdentityType": "AssumedRoleUser", "AccountId": by.owner, "Arn": sessionARN(its), "RoleId": roleID, "PrincipalId": roleID + ":" + its.Name,
		}, nil
	}
	return cloud.Body{
		"IdentityType": "RAMUser", "AccountId": by.owner, "Arn": "acs:ram::" + by.owner + ":user/" + by.owner, "UserId": userID, "PrincipalId": userID,
	}, nil
}
