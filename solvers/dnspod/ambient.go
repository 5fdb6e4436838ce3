package dnspod

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// The variables of the environment that Tencent Cloud's SDKs know
// (https://github.com/TencentCloud/tencentcloud-sdk-go/blob/v1.3.210/tencentcloud/common/env_provider.go), and that TKE sets in Pods
// (https://cloud.tencent.com/document/product/457/57285).
const (
	envKeyID     = "TENCENTCLOUD_SECRET_ID"
	envKeySecret = "TENCENTCLOUD_SECRET_KEY" //nolint:gosec // a name
	envToken     = "TENCENTCLOUD_TOKEN"      //nolint:gosec // a name
	envRegion    = "TKE_REGION"
	envProvider  = "TKE_PROVIDER_ID"
	envTokenFile = "TKE_WEB_IDENTITY_TOKEN_FILE" //nolint:gosec // a name
	envRole      = "TKE_ROLE_ARN"
)

// MetadataEndpoint is where a CVM instance asks for its own (https://cloud.tencent.com/document/product/213/4934).
var MetadataEndpoint = wire.Endpoint{Scheme: "http", Host: "metadata.tencentyun.com"}

// Origin returns where the ambient credentials come from that an environment has. It chooses them once for all: keys in it, else the token
// of the Pod (TKE), else the CAM role of the node. What is begun and lacks something is not passed over for the next.
func Origin(getenv credential.Getenv) credential.Origin {
	keys := credential.Variables{envKeyID, envKeySecret}
	switch {
	case keys.Set(getenv):
		return credential.Origin{Place: credential.Environment, Name: "the key in the solver's environment", Needs: keys}
	case (credential.Variables{envProvider, envTokenFile}).Set(getenv):
		return credential.Origin{
			Place: credential.Token, Name: "the OIDC token of the solver's ServiceAccount", Needs: credential.Variables{envProvider, envTokenFile, envRole},
			Role: envRole, Provider: envProvider, TokenFile: envTokenFile,
		}
	}
	return credential.Origin{Place: credential.Node, Name: "the CAM role of the solver's node"}
}

// NewAmbient returns the ambient credentials of the process: see Origin. Of the SDK's providers none is used: its chain leaves out the
// token, the metadata service is asked without a time-out and with an error of a renewal only logged, and a token's session is had anew for
// each client (https://github.com/TencentCloud/tencentcloud-sdk-go/tree/v1.3.210/tencentcloud/common: provider_chain.go,
// cvm_role_provider.go, cvm_role_credential.go, oidc_role_arn_provider.go).
func NewAmbient(getenv credential.Getenv, roles *Roles, metadata wire.API) credential.Ambient {
	origin := Origin(getenv)
	if origin.Place == credential.Environment {
		return credential.FromEnvironment(origin.Name, getenv, envKeyID, envKeySecret, envToken)
	}
	if origin.Place == credential.Token {
		return credential.ByToken(origin.Name, podToken{origin: origin, roles: roles, getenv: getenv}.session)
	}
	if metadata.Endpoint == (wire.Endpoint{}) {
		metadata.Endpoint = MetadataEndpoint
	}
	its := &node{wire.Metadata{API: metadata, Absent: credential.NoIdentity}}
	return credential.OwnKeys(origin.Name, its.session)
}

// podToken proves by a token of the Pod's ServiceAccount who the process is.
type podToken struct {
	origin credential.Origin
	roles  *Roles
	getenv credential.Getenv
}

func (p podToken) session(ctx context.Context, role config.Role) (credential.Session, error) {
	values, err := p.origin.Needs.Read(p.getenv)
	if err != nil {
		return credential.Session{}, err
	}
	if role.ARN == "" {
		role = config.Role{ARN: values[envRole], SessionName: config.DefaultSessionName}
	}
	token, err := credential.ReadToken(values[envTokenFile])
	if err != nil {
		return credential.Session{}, err
	}
	return p.roles.assumeWithToken(ctx, webIdentity{provider: values[envProvider], token: token, region: cmp.Or(p.getenv(envRegion), stsRegion)}, role)
}

// node asks the machine that the Pod runs on.
type node struct{ service wire.Metadata }

// nodeRole is a role's name, which becomes part of a path.
var nodeRole = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

func (n *node) session(ctx context.Context) (credential.Session, error) {
	ctx, cancel := n.service.Within(ctx)
	defer cancel()
	const roles = "/latest/meta-data/cam/security-credentials/"
	role, exchange, err := n.service.Ask(ctx, http.MethodGet, roles, nil)
	switch {
	case err != nil:
		return credential.Session{}, err
	case exchange.Status() == http.StatusNotFound || exchange.Status() == http.StatusOK && role == "":
		return credential.Session{}, errNoNodeRole
	case exchange.Status() != http.StatusOK || !nodeRole.MatchString(role):
		return credential.Session{}, exchange.Unreadable()
	}
	body, exchange, err := n.service.Ask(ctx, http.MethodGet, roles+role, nil)
	if err != nil {
		return credential.Session{}, err
	}
	var given struct {
		Code         string `json:"Code"`
		TmpSecretID  string `json:"TmpSecretId"`
		TmpSecretKey string `json:"TmpSecretKey"`
		Token        string `json:"Token"`
		ExpiredTime  int64  `json:"ExpiredTime"`
	}
	bad := json.Unmarshal([]byte(body), &given)
	keys := credential.Keys{ID: given.TmpSecretID, Secret: given.TmpSecretKey, Token: given.Token}
	if bad != nil || !keys.OfSession() || given.ExpiredTime <= 0 || exchange.Status() != http.StatusOK || given.Code != "Success" {
		return credential.Session{}, exchange.Unreadable()
	}
	return credential.Session{Keys: keys, Ends: time.Unix(given.ExpiredTime, 0)}, nil
}

var errNoNodeRole = &fault.Error{
	Kind: fault.CredentialGone, Reason: "the solver's node has no CAM role", Remedy: "bind one to the CVM instance",
}
