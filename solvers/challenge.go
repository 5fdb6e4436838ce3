package solvers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
)

// errConfig marks what is wrong with the config of a Challenge. cert-manager copies it from the Issuer when it makes the
// Challenge and never changes it, so it stays wrong.
var errConfig = errors.New("the config of the solver")

// challengeValue is the value of a DNS-01 challenge, a SHA-256 sum in base64url (https://www.rfc-editor.org/rfc/rfc8555#section-8.4).
// Whoever may make Challenges by hand must be able neither to write nor to remove any other record.
var challengeValue = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// challenge is a ChallengeRequest, understood.
type challenge struct {
	name, resolvedZone, value string
	plan                      Plan
	identity                  string
	account                   *provider.Account
	// secretNames are the Secrets that the keys came from, for error texts.
	secretNames []string
}

// open understands the request and reads the keys. On an error it returns as much of the challenge as it understood.
func (s *Solver) open(ctx context.Context, ch *whapi.ChallengeRequest) (*challenge, error) {
	c := &challenge{value: ch.Key}
	name, err := dnsname.Parse(ch.ResolvedFQDN)
	if err != nil {
		return c, misconfigured(fmt.Errorf("%w: resolvedFQDN: %w", errConfig, err))
	}
	c.name = name
	if zone, err := dnsname.Parse(ch.ResolvedZone); err == nil {
		c.resolvedZone = zone // else cert-manager found none, and the account's own zones decide
	}
	if !s.anyValue && !challengeValue.MatchString(c.value) {
		return c, misconfigured(fmt.Errorf("%w: the challenge's key is not that of a DNS-01 challenge, 43 characters of base64url; no other value is written or removed", errConfig))
	}
	if c.plan, err = s.decode(ch); err != nil {
		return c, err
	}
	reader := s.keys.Load()
	if reader == nil {
		return c, &fault.Error{Kind: fault.Transient, Reason: "certyun is still starting"}
	}
	keys, err := reader.Read(ctx, ch.ResourceNamespace, c.plan.Keys)
	if err != nil {
		return c, err
	}
	c.secretNames = secretNames(ch.ResourceNamespace, c.plan.Keys)
	c.identity = keys.Identity()
	c.account = s.host.Accounts.Account(c.identity, keys.ID, s.host.Open(keys, c.plan))
	return c, nil
}

func (s *Solver) decode(ch *whapi.ChallengeRequest) (Plan, error) {
	var raw []byte
	if ch.Config != nil {
		raw = ch.Config.Raw
	}
	plan, errs := s.host.Decode(field.NewPath("config"), raw)
	if err := errs.ToAggregate(); err != nil {
		return plan, misconfigured(fmt.Errorf("%w: %w", errConfig, err))
	}
	if !plan.Keys.Named() {
		return plan, misconfigured(fmt.Errorf("%w names no Secret; credentials of the environment are not used by this version of certyun, so name the Secret with the access key", errConfig))
	}
	return plan, nil
}

func misconfigured(err error) error {
	return &fault.Error{Kind: fault.Misconfigured, Reason: err.Error(), Cause: err}
}

// recordIn is the challenge's record in a zone.
func (c *challenge) recordIn(zone string) (provider.TXT, error) {
	rr, err := dnsname.Relative(c.name, zone)
	if err != nil {
		return provider.TXT{}, misconfigured(err)
	}
	r := c.plan.Record
	r.Zone, r.RR, r.Value = zone, rr, c.value
	return r, nil
}

// key is what the challenge's record is remembered by. The credential is part of it: no account ever sees an id that
// another one was given.
func (c *challenge) key() recordKey {
	return recordKey{identity: c.identity, name: c.name, value: c.value}
}

// fingerprint stands for the credential where others may see it.
func (c *challenge) fingerprint() string {
	sum := sha256.Sum256([]byte("fingerprint " + c.identity))
	return hex.EncodeToString(sum[:8])
}

// requestOf is what the challenge is to package ahead.
func (s *Solver) requestOf(c *challenge, ch *whapi.ChallengeRequest) ahead.Request {
	return ahead.Request{ChallengeRequest: ch, Solver: s.Name(), Name: c.name}
}

// explain says what failed. Where the cloud refused the keys, it says which Secret they are from.
func (s *Solver) explain(action string, ch *whapi.ChallengeRequest, c *challenge, err error) error {
	name := c.name
	if name == "" {
		name = ch.ResolvedFQDN
	}
	refused := fault.Is(err, fault.Denied) || fault.Is(err, fault.CredentialGone) || fault.Is(err, fault.ZoneNotFound)
	if refused && len(c.secretNames) > 0 {
		return fmt.Errorf("%s: %s the TXT record %s: %w; the keys are from %s", s.host.Name, action, name, err, strings.Join(c.secretNames, " and "))
	}
	return fmt.Errorf("%s: %s the TXT record %s: %w", s.host.Name, action, name, err)
}

func secretNames(namespace string, keys config.Keys) []string {
	var names []string
	seen := map[string]bool{}
	for _, ref := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if ref.IsSet() && !seen[ref.Name] {
			seen[ref.Name] = true
			names = append(names, fmt.Sprintf("the Secret %s/%s", namespace, ref.Name))
		}
	}
	return names
}

// logFields never hold the config, the keys or the record's value.
func (s *Solver) logFields(ch *whapi.ChallengeRequest, c *challenge) []any {
	return []any{"solver", s.host.Name, "uid", ch.UID, "dnsName", ch.DNSName, "fqdn", c.name, "resolvedZone", c.resolvedZone, "namespace", ch.ResourceNamespace}
}
