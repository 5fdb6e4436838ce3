package stage

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/solvers/simulator"
	"github.com/certyun/certyun/solvers/simulator/cloud"
)

// Provider is a cloud, with the names of its keys in a Secret and in a solver's config.
type Provider struct {
	// Title is its name for people, SolverName for an Issuer.
	Title, SolverName string

	id, secret       string
	idRef, secretRef string
	prefix           string
	// roles is what the ARNs of roles begin with, and oidc what the cluster is called where it is registered.
	roles, oidc string
	// Audience is whom tokens of ServiceAccounts are for at the cloud.
	Audience string
}

// Alidns is Alibaba Cloud DNS.
func Alidns() Provider {
	return Provider{
		Title: "Alidns", SolverName: "alidns", id: "accessKeyId", secret: "accessKeySecret",
		idRef: "accessKeyIdRef", secretRef: "accessKeySecretRef", prefix: "LTAI5t", roles: "acs:ram::1000000000000000:role/",
		oidc: "acs:ram::1000000000000000:oidc-provider/cluster", Audience: "sts.aliyuncs.com",
	}
}

// DNSPod is Tencent Cloud DNSPod.
func DNSPod() Provider {
	return Provider{
		Title: "DNSPod", SolverName: "dnspod", id: "secretId", secret: "secretKey",
		idRef: "secretIdRef", secretRef: "secretKeyRef", prefix: "AKID", roles: "qcs::cam::uin/100000000000:roleName/",
		oidc: "cls-cluster", Audience: "sts.cloud.tencent.com",
	}
}

// Account is one at a cloud, with its key.
type Account struct {
	Provider
	Owner string
	Key   cloud.Key
	// Wait is the waitInsteadOfSelfCheck of the account's Issuers: none, since certyun itself waits. More of it keeps
	// challenges pending for whoever wants to see that.
	Wait time.Duration
	// Role is one that the key assumes; empty is none.
	Role string
	// Ambient says that the account's Issuers name no Secret: the solver uses its own identity.
	Ambient bool
	// Group is that of the solver in the account's Issuers; empty is GroupName.
	Group string
}

// AddAccount opens an account that hosts the zones. Each zone has records already, which are others' and stay.
func (s *Stage) AddAccount(provider Provider, owner string, zones ...string) (Account, error) {
	account := Account{Provider: provider, Owner: owner, Key: cloud.Key{ID: provider.prefix + rand.Text()[:18], Secret: rand.Text()}}
	endpoint := s.Endpoint(provider)
	endpoint.PutAccount(cloud.Account{Owner: owner, Keys: []cloud.Key{account.Key}})
	for _, zone := range zones {
		err := endpoint.PutZone(cloud.Zone{Owner: owner, Name: zone, Records: []cloud.Record{
			{RR: "@", Type: "A", Value: "192.0.2.10"},
			{RR: "www", Type: "A", Value: "192.0.2.10"},
			{RR: "@", Type: "TXT", Value: "v=spf1 -all"},
			{RR: "_acme-challenge", Type: "TXT", Value: "a value that somebody else put here"},
		}})
		if err != nil {
			return Account{}, fmt.Errorf("stage: %w", err)
		}
	}
	return account, nil
}

// AddRole gives an account a role, which may write to these zones of the account's, and returns another account whose key may assume it
// and nothing else.
func (s *Stage) AddRole(host Account, name string, zones ...string) (Account, error) {
	user, err := s.AddAccount(host.Provider, host.Owner+"-"+name)
	if err != nil {
		return Account{}, err
	}
	user.Role = host.roles + name
	s.Endpoint(host.Provider).PutAccount(cloud.Account{Owner: host.Owner, Keys: []cloud.Key{host.Key}, Roles: []cloud.Role{
		{ARN: user.Role, Trusts: []string{user.Key.ID}, Zones: zones, Lists: true},
	}})
	return user, nil
}

// Endpoint is the provider's simulated cloud.
func (s *Stage) Endpoint(provider Provider) *simulator.Endpoint {
	if provider.SolverName == Alidns().SolverName {
		return s.World.Alidns
	}
	return s.World.DNSPod
}

// Secret holds the account's key.
func (a Account) Secret(namespace string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: a.secretName()},
		StringData: map[string]string{a.id: a.Key.ID, a.secret: a.Key.Secret},
	}
}

func (a Account) secretName() string { return strings.ToLower(a.SolverName + "-" + a.Owner) }

// solverConfig is the config of a webhook solver that uses the account's Secret.
func (a Account) solverConfig() (*apiextensionsv1.JSON, error) {
	ref := func(key string) map[string]string { return map[string]string{"name": a.secretName(), "key": key} }
	config := map[string]any{}
	if !a.Ambient {
		config[a.idRef], config[a.secretRef] = ref(a.id), ref(a.secret)
	}
	if a.Role != "" {
		config["roleArn"] = a.Role
	}
	text, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	return &apiextensionsv1.JSON{Raw: text}, nil
}
