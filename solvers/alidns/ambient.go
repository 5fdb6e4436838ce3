package alidns

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/wire"
)

// The variables of the environment that all of Alibaba Cloud's SDKs know
// (https://help.aliyun.com/zh/sdk/developer-reference/v2-manage-go-access-credentials), and that ACK sets for RRSA
// (https://help.aliyun.com/zh/ack/ack-managed-and-ack-dedicated/user-guide/use-rrsa-to-authorize-pods-to-access-different-cloud-services).
const (
	envKeyID        = "ALIBABA_CLOUD_ACCESS_KEY_ID"
	envKeySecret    = "ALIBABA_CLOUD_ACCESS_KEY_SECRET"
	envToken        = "ALIBABA_CLOUD_SECURITY_TOKEN" //nolint:gosec // a name
	envRole         = "ALIBABA_CLOUD_ROLE_ARN"
	envProvider     = "ALIBABA_CLOUD_OIDC_PROVIDER_ARN"
	envTokenFile    = "ALIBABA_CLOUD_OIDC_TOKEN_FILE"
	envSessionName  = "ALIBABA_CLOUD_ROLE_SESSION_NAME"
	envURI          = "ALIBABA_CLOUD_CREDENTIALS_URI"
	envNodeRole     = "ALIBABA_CLOUD_ECS_METADATA"
	envNodeDisabled = "ALIBABA_CLOUD_ECS_METADATA_DISABLED"
)

// MetadataEndpoint is where an ECS instance asks for its own
// (https://help.aliyun.com/zh/ecs/user-guide/view-instance-metadata).
var MetadataEndpoint = wire.Endpoint{Scheme: "http", Host: "100.100.100.200"}

// Origin returns where the ambient credentials come from that an environment has. It chooses them once for all: keys in it, else the token
// of the Pod (RRSA), else a credentials URI, else the RAM role of the node. What is begun and lacks something is not passed over for the
// next: the SDK's own chain falls through to whatever it finds, and then asks for nothing else any more
// (https://github.com/aliyun/alibaba-cloud-sdk-go/blob/v1.63.107/sdk/auth/credentials/default_credentials_provider.go).
func Origin(getenv credential.Getenv) credential.Origin {
	keys, node := credential.Variables{envKeyID, envKeySecret}, credential.Origin{Place: credential.Node, Name: "the RAM role of the solver's node", Role: envNodeRole}
	switch {
	case keys.Set(getenv):
		return credential.Origin{Place: credential.Environment, Name: "the AccessKey in the solver's environment", Needs: keys}
	case (credential.Variables{envProvider, envTokenFile}).Set(getenv):
		return credential.Origin{
			Place: credential.Token, Name: "the RRSA token of the solver's ServiceAccount", Needs: credential.Variables{envRole, envProvider, envTokenFile},
			Role: envRole, Provider: envProvider, TokenFile: envTokenFile,
		}
	case getenv(envURI) != "":
		return credential.Origin{Place: credential.URI, Name: "the credentials URI in the solver's environment"}
	case strings.EqualFold(getenv(envNodeDisabled), "true"):
		node.Err = &fault.Error{
			Kind: fault.CredentialGone, Reason: "there are no ambient credentials: the variable " + envNodeDisabled + " turns the node's off", Remedy: credential.NoIdentity,
		}
	}
	return node
}

// NewAmbient returns the ambient credentials of the process: see Origin. Of the SDK's providers none is used: they have no lock, renew at
// the last minute, know no context, and one sends the token in a URL or prints errors (oidc, ecs_ram_role, uri_credentials_provider.go,
// https://github.com/aliyun/alibaba-cloud-sdk-go/tree/v1.63.107/sdk/auth/credentials).
func NewAmbient(getenv credential.Getenv, roles *Roles, metadata wire.API) credential.Ambient {
	origin := Origin(getenv)
	switch {
	case origin.Err != nil:
		return credential.Unusable(origin.Name, origin.Err)
	case origin.Place == credential.Environment:
		return credential.FromEnvironment(origin.Name, getenv, envKeyID, envKeySecret, envToken)
	case origin.Place == credential.Token:
		return credential.ByToken(origin.Name, podToken{origin: origin, roles: roles, getenv: getenv}.session)
	case origin.Place == credential.URI:
		return newURI(origin.Name, getenv(envURI), metadata)
	}
	return newNode(origin.Name, getenv(envNodeRole), metadata)
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
	if role.ExternalID != "" {
		return credential.Session{}, &fault.Error{
			Kind: fault.Misconfigured, Reason: "an RRSA token assumes a role without an external id",
			Remedy: "remove config.externalId, or set config.roleChain to true",
		}
	}
	if role.ARN == "" {
		role = config.Role{ARN: values[envRole], SessionName: p.getenv(envSessionName)}
		if role.SessionName == "" {
			role.SessionName = config.DefaultSessionName
		}
	}
	token, err := credential.ReadToken(values[envTokenFile])
	if err != nil {
		return credential.Session{}, err
	}
	return p.roles.assumeWithToken(ctx, values[envProvider], token, role)
}

// newURI asks a service for keys whose address the environment names. It is the operator's choice, like the endpoints of flags.
func newURI(name, address string, metadata wire.API) credential.Ambient {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return credential.Unusable(name, &fault.Error{
			Kind: fault.Misconfigured, Reason: "the variable " + envURI + " in the solver's environment is not the URL of a service",
			Remedy: "write it like http://127.0.0.1:6666/",
		})
	}
	metadata.Endpoint = wire.Endpoint{Scheme: u.Scheme, Host: u.Host}
	its := &uri{wire.Metadata{API: metadata, Absent: "see to it that the service is there, or unset " + envURI}, u.RequestURI()}
	return credential.OwnKeys(name, its.session)
}

type uri struct {
	service wire.Metadata
	path    string
}

// session asks as the SDK does
// (https://github.com/aliyun/alibaba-cloud-sdk-go/blob/v1.63.107/sdk/auth/credentials/uri_credentials_provider.go).
func (u *uri) session(ctx context.Context) (credential.Session, error) {
	ctx, cancel := u.service.Within(ctx)
	defer cancel()
	body, exchange, err := u.service.Ask(ctx, http.MethodGet, u.path, nil)
	if err != nil {
		return credential.Session{}, err
	}
	return granted(body, exchange)
}

// node asks the machine that the Pod runs on, by the second version of its protocol alone: a token first, which no request has that was
// sent on for somebody else (https://help.aliyun.com/zh/ecs/user-guide/view-instance-metadata).
type node struct {
	service wire.Metadata
	role    string
}

func newNode(name, role string, metadata wire.API) credential.Ambient {
	if role != "" && !nodeRole.MatchString(role) {
		return credential.Unusable(name, &fault.Error{
			Kind: fault.Misconfigured, Reason: "the variable " + envNodeRole + " in the solver's environment is not the name of a role",
			Remedy: "write the name, not the ARN",
		})
	}
	if metadata.Endpoint == (wire.Endpoint{}) {
		metadata.Endpoint = MetadataEndpoint
	}
	its := &node{wire.Metadata{API: metadata, Absent: credential.NoIdentity}, role}
	return credential.OwnKeys(name, its.session)
}

// nodeRole is a role's name, which becomes part of a path.
var nodeRole = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (n *node) session(ctx context.Context) (credential.Session, error) {
	ctx, cancel := n.service.Within(ctx)
	defer cancel()
	const minutes = 5
	token, exchange, err := n.service.Ask(ctx, http.MethodPut, "/latest/api/token",
		http.Header{"X-Aliyun-Ecs-Metadata-Token-Ttl-Seconds": {strconv.Itoa(minutes * 60)}})
	if err == nil && (exchange.Status() != http.StatusOK || token == "") {
		err = exchange.Unreadable()
	}
	if err != nil {
		return credential.Session{}, err
	}
	const roles = "/latest/meta-data/ram/security-credentials/"
	known := http.Header{"X-Aliyun-Ecs-Metadata-Token": {token}}
	role := n.role
	if role == "" {
		role, exchange, err = n.service.Ask(ctx, http.MethodGet, roles, known)
		switch {
		case err != nil:
			return credential.Session{}, err
		case exchange.Status() == http.StatusNotFound || exchange.Status() == http.StatusOK && role == "":
			return credential.Session{}, errNoNodeRole
		case exchange.Status() != http.StatusOK || !nodeRole.MatchString(role):
			return credential.Session{}, exchange.Unreadable()
		}
	}
	body, exchange, err := n.service.Ask(ctx, http.MethodGet, roles+role, known)
	switch {
	case err != nil:
		return credential.Session{}, err
	case exchange.Status() == http.StatusNotFound:
		return credential.Session{}, errNoNodeRole
	}
	return granted(body, exchange)
}

var errNoNodeRole = &fault.Error{
	Kind: fault.CredentialGone, Reason: "the solver's node has no RAM role, or not the one that is asked for",
	Remedy: "attach it to the ECS instance (" + envNodeRole + " names another one than the instance's)",
}

// granted reads the keys that a server gives.
func granted(body string, exchange *wire.Exchange) (credential.Session, error) {
	var given struct {
		Code            string `json:"Code"`
		AccessKeyID     string `json:"AccessKeyId"`
		AccessKeySecret string `json:"AccessKeySecret"`
		SecurityToken   string `json:"SecurityToken"`
		Expiration      string `json:"Expiration"`
	}
	bad := json.Unmarshal([]byte(body), &given)
	ends, badTime := time.Parse(time.RFC3339, given.Expiration)
	keys := credential.Keys{ID: given.AccessKeyID, Secret: given.AccessKeySecret, Token: given.SecurityToken}
	if bad != nil || badTime != nil || !keys.OfSession() || exchange.Status() != http.StatusOK || given.Code != "" && given.Code != "Success" {
		return credential.Session{}, exchange.Unreadable()
	}
	return credential.Session{Keys: keys, Ends: ends}, nil
}
