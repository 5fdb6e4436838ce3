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

func (a *api) assumeRole(by caller, f fields) (cloud.Body, error) {
	wanted, err := wantedSession(f)
	if err != nil {
		return nil, err
	}
	return assumed(a.cloud.Assume(by.key, "", wanted))
}

func (a *api) assumeRoleWithWebIdentity(_ caller, f fields) (cloud.Body, error) {
	wanted, err := wantedSession(f)
	if err != nil {
		return nil, err
	}
	provider, err := f.need("ProviderId")
	if err != nil {
		return nil, err
	}
	token, err := f.need("WebIdentityToken")
	if err != nil {
		return nil, err
	}
	return assumed(a.cloud.AssumeWithToken(provider, token, wanted))
}

func wantedSession(f fields) (cloud.Session, error) {
	arn, err := f.need("RoleArn")
	if err != nil {
		return cloud.Session{}, err
	}
	name, err := f.need("RoleSessionName")
	if err != nil {
		return cloud.Session{}, err
	}
	if !roleARN.MatchString(arn) || !sessionName.MatchString(name) {
		return cloud.Session{}, refuse("InvalidParameter.ParamError", "The parameter is not valid.")
	}
	seconds, given, err := f.number("DurationSeconds")
	if !given {
		seconds = standardSession
	}
	return cloud.Session{Role: arn, Name: name, Lasts: time.Duration(seconds) * time.Second}, err
}

func assumed(key cloud.Key, err error) (cloud.Body, error) {
	if err != nil {
		return nil, err
	}
	return cloud.Body{
		"Credentials": cloud.Body{"Token": key.Token, "TmpSecretId": key.ID, "TmpSecretKey": key.Secret},
		"ExpiredTime": key.Expires.Unix(), "Expiration": key.Expires.UTC().Format(time.RFC3339),
	}, nil
}

// roleID stands for every role.
const roleID = "4611686018427397919"

// getCallerIdentity says who signed the request (https://cloud.tencent.com/document/api/1312/66098).
func (a *api) getCallerIdentity(by caller, _ fields) (cloud.Body, error) {
	if its := by.key.Session; its.Role != "" {
		return cloud.Body{
			"Type": "CAMRole", "AccountId": by.owner, "Arn": "qcs::sts:" + by.owner + ":assumed-role/" + roleID,
			"UserId": roleID + ":" + its.Name, "PrincipalId": by.owner,
		}, nil
	}
	return cloud.Body{
		"Type": "CAMUser", "AccountId": by.owner, "Arn": "qcs::cam::uin/" + by.owner + ":uin/" + by.owner, "UserId": by.owner, "PrincipalId": by.owner,
	}, nil
}
