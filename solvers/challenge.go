package solvers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	whapi "github.com/cert-manager/cert-manager/pkg/acme/webhook/apis/acme/v1alpha1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/klog/v2"

	"github.com/certyun/certyun/solvers/ahead"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
	"github.com/certyun/certyun/solvers/provider"
	"github.com/certyun/certyun/solvers/quota"
)

// errConfig marks what is wrong with the config of a Challenge. cert-manager copies it from the Issuer when it makes the
// Challenge and never changes it, so it stays wrong.
var errConfig = errors.New("the config of the solver")

// errTarget marks a name that CNAME records led to and that the operator does not allow.
var errTarget = errors.New("the record's name")

// challengeValue is the value of a DNS-01 challenge, a SHA-256 sum in base64url (https://www.rfc-editor.org/rfc/rfc8555#section-8.4).
// Whoever may make Challenges by hand must be able neither to write nor to remove any other record.
var challengeValue = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// challenge is a ChallengeRequest, understood.
type challenge struct {
	request                   *whapi.ChallengeRequest
	name, resolvedZone, value string
	config                    config.Solver
	credential                credential.Credential
	account                   *provider.Account
	// added is when the record was added, zero where it was there already.
	added time.Time
	// patient says that nobody waits for what is done with it.
	patient bool
	// origin is where the keys came from, for error texts.
	origin string
}

// open understands the request and reads the keys. On an error it returns as much of the challenge as it understood.
func (s *Solver) open(ctx context.Context, ch *whapi.ChallengeRequest) (*challenge, error) {
	c := &challenge{request: ch, value: ch.Key}
	name, err := dnsname.Parse(ch.ResolvedFQDN)
	if err != nil {
		return c, misconfigured(fmt.Errorf("%w: resolvedFQDN: %w", errConfig, err))
	}
	c.name = name
	if err := s.checkTarget(c.plain(), name); err != nil {
		return c, err
	}
	if zone, err := dnsname.Parse(ch.ResolvedZone); err == nil {
		c.resolvedZone = zone // else cert-manager found none, and the account's own zones decide
	}
	if !s.anyValue && !challengeValue.MatchString(c.value) {
		return c, misconfigured(fmt.Errorf("%w: the challenge's key is not that of a DNS-01 challenge, 43 characters of base64url; no other value is written or removed", errConfig))
	}
	if c.config, err = s.decode(ch); err != nil {
		return c, err
	}
	if err := s.authenticate(ctx, c); err != nil {
		return c, err
	}
	account := s.host.accounts.Account(c.credential.Identity, c.credential.Bearer, func(pace *quota.Call) provider.Provider {
		return s.host.open(c.credential.Keys, c.config, pace)
	})
	c.account = account.For(ch.ResourceNamespace)
	return c, nil
}

// authenticate gets the credential that the config names: keys in Secrets, or the ambient ones where it names none.
func (s *Solver) authenticate(ctx context.Context, c *challenge) (err error) {
	namespace := c.request.ResourceNamespace
	if c.config.Keys.Ambient() {
		if err := s.permitAmbient(c); err != nil {
			return err
		}
		c.origin = "the credentials are ambient: " + s.host.sessions.AmbientName()
		c.credential, err = s.host.sessions.OpenAmbient(ctx, namespace, c.config.Role)
		return err
	}
	reader := s.keys.Load()
	if reader == nil {
		return &fault.Error{Kind: fault.Transient, Reason: "certyun is still starting"}
	}
	keys, err := reader.Read(ctx, namespace, c.config.Keys)
	if err != nil {
		return err
	}
	c.origin = "the keys are from " + strings.Join(secretNames(namespace, c.config.Keys), " and ")
	c.credential, err = s.host.sessions.Open(ctx, namespace, keys, c.config.Role)
	return err
}

// errAmbient marks that an Issuer may not use ambient credentials.
var errAmbient = errors.New("ambient credentials")

// permitAmbient refuses ambient credentials where cert-manager, or the operator of the solver, does not allow them.
func (s *Solver) permitAmbient(c *challenge) error {
	ofCluster := c.request.ResourceNamespace == s.clusterResources
	reason, remedy := s.ambient.Refuses(ofCluster, c.request.AllowAmbientCredentials, c.config.Role.ARN)
	if reason == "" {
		return nil
	}
	return &fault.Error{Kind: fault.Misconfigured, Cause: errAmbient, Reason: reason, Remedy: remedy}
}

// checkTarget refuses a name that CNAME records led to outside of what the operator allows. Whoever runs the DNS of a name decides
// where they lead, and so at which name a record is written with the keys of an Issuer that he may use.
func (s *Solver) checkTarget(plain, name string) error {
	within := func(target string) bool { return dnsname.Encloses(target, name) }
	if len(s.targets) == 0 || name == plain || slices.ContainsFunc(s.targets, within) {
		return nil
	}
	return &fault.Error{
		Kind: fault.Misconfigured, Reason: "CNAME records lead to " + name + ", which is in none of the domains of --cname-targets", Cause: errTarget,
		Remedy: "let them lead into one of these, or name the domain there (the chart's value solver.cnameTargets)",
	}
}

func (s *Solver) decode(ch *whapi.ChallengeRequest) (config.Solver, error) {
	var raw []byte
	if ch.Config != nil {
		raw = ch.Config.Raw
	}
	wanted, errs := s.host.decode(field.NewPath("config"), raw)
	if err := errs.ToAggregate(); err != nil {
		return wanted, misconfigured(fmt.Errorf("%w: %w", errConfig, err))
	}
	return wanted, nil
}

func misconfigured(err error) error {
	return &fault.Error{Kind: fault.Misconfigured, Reason: err.Error(), Cause: err}
}

// bePatient is for what nobody waits for.
func (c *challenge) bePatient() { c.patient, c.account = true, c.account.Patient() }

// recordIn is the challenge's record in a zone.
func (c *challenge) recordIn(zone string) (provider.TXT, error) {
	rr, err := dnsname.Relative(c.name, zone)
	if err != nil {
		return provider.TXT{}, misconfigured(err)
	}
	return provider.TXT{Zone: zone, RR: rr, Value: c.value, TTL: c.config.TTL, Line: c.config.Line, LineID: c.config.LineID}, nil
}

// key is what the challenge's record is remembered by. The credential is part of it: no account ever sees an id that
// another one was given.
func (c *challenge) key() recordKey {
	// No part but the last can hold a zero byte: an identity is hexadecimal.
	return sha256.Sum256([]byte(c.credential.Identity + "\x00" + c.name + "\x00" + c.value))
}

// fingerprint stands for the credential where others may see it.
func (c *challenge) fingerprint() string {
	sum := sha256.Sum256([]byte("fingerprint " + c.credential.Identity))
	return hex.EncodeToString(sum[:8])
}

// requestOf is what the challenge is to package ahead.
func (s *Solver) requestOf(c *challenge) ahead.Request {
	return ahead.Request{ChallengeRequest: c.request, Solver: s.Name(), Name: c.name}
}

// explain says what failed. Where the cloud refused the keys, it says which Secret they are from.
func (s *Solver) explain(action string, c *challenge, err error) error {
	name := c.name
	if name == "" {
		name = c.request.ResolvedFQDN
	}
	if isRefused(err) && c.origin != "" {
		origin := c.origin
		if c.config.Role.ARN != "" {
			origin += ", for the role " + c.config.Role.ARN
		}
		return fmt.Errorf("%s: %s the TXT record %s: %w; %s", s.host.name, action, name, err, origin)
	}
	return fmt.Errorf("%s: %s the TXT record %s: %w", s.host.name, action, name, err)
}

// isRefused tells whether other keys might have done.
func isRefused(err error) bool {
	return fault.Is(err, fault.Denied) || fault.Is(err, fault.CredentialGone) || fault.Is(err, fault.ZoneNotFound)
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

// logFields never hold the config, the keys or the record's value: what stands for the value tells two challenges of one name apart.
func (s *Solver) logFields(c *challenge) []any {
	sum := sha256.Sum256([]byte(c.value))
	return []any{
		"solver", s.host.name, "dnsName", c.request.DNSName, "fqdn", c.name, "resolvedZone", c.resolvedZone,
		"namespace", c.request.ResourceNamespace, "value", hex.EncodeToString(sum[:4]),
	}
}

// log writes the one line that each operation has. Errors are told to cert-manager; here stands their kind.
func (s *Solver) log(what string, c *challenge, outcome string, begun time.Time, more ...any) {
	fields := append(s.logFields(c), "outcome", outcome, "duration", time.Since(begun), "calls", c.account.Calls())
	klog.InfoS(what, append(fields, more...)...)
}
