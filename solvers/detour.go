package solvers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/certyun/certyun/solvers/dnsname"
	"github.com/certyun/certyun/solvers/fault"
)

// aliases knows CNAME records.
type aliases interface {
	// Target returns the canonical name that a CNAME record at a canonical name leads to, "" where there is none. It asks the DNS, and
	// an error says that nobody answers. It may be called concurrently.
	Target(ctx context.Context, name string) (string, error)
}

// detourWithin bounds the questions about a way that led nowhere.
const detourWithin = 5 * time.Second

// plain is the name of the challenge's record where no CNAME record leads away from it; "" if it is none.
func (c *challenge) plain() string {
	name, err := dnsname.Parse("_acme-challenge." + c.request.DNSName)
	if err != nil {
		return ""
	}
	return name
}

// astray makes the error of a challenge whose CNAME records lead to where nothing can be written say who led it there: where a wildcard
// did, as for a CDN, neither the account nor the keys are wrong. Other errors stay as they are.
func (s *Solver) astray(ctx context.Context, c *challenge, err error) error {
	plain := c.plain()
	target, zone := errors.Is(err, errTarget), fault.Is(err, fault.ZoneNotFound)
	if plain == "" || c.name == "" || c.name == plain || !target && !zone && !errors.Is(err, fault.ErrPolicy) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, detourWithin)
	defer cancel()
	wildcard, unknown := s.wildcardOf(ctx, plain)
	where := "in no zone of this account"
	if target {
		where = "in none of the domains of --cname-targets"
	}
	switch {
	case wildcard != "":
		return &fault.Error{
			Kind: fault.Misconfigured, Cause: err,
			Reason: fmt.Sprintf("a wildcard CNAME (%s) answers for %s and leads to %s, which is %s", wildcard, plain, c.name, where),
			Remedy: "leave cnameStrategy: Follow out for this name, or write an explicit CNAME record for it",
		}
	case unknown != nil && zone:
		return &fault.Error{
			Kind: fault.ZoneNotFound, Cause: err,
			Reason: "no zone of this account encloses " + c.name + ", to which CNAME records lead from " + plain,
			Remedy: "leave cnameStrategy: Follow out for this name unless they were made for the challenge; if they were, use the keys of the account that hosts their target",
		}
	}
	return err
}

var errNobodyToAsk = errors.New("nobody can be asked for CNAME records")

// wildcardOf is the wildcard whose CNAME record answers for a name that has none of its own, "" if that is not so. It answers for a
// sibling in the same way, and for all names beneath, which a name that is there would hide
// (https://www.rfc-editor.org/rfc/rfc4592#section-3.3.1).
func (s *Solver) wildcardOf(ctx context.Context, name string) (string, error) {
	if s.aliases == nil {
		return "", errNobodyToAsk
	}
	target, err := s.aliases.Target(ctx, name)
	if err != nil || target == "" {
		return "", err
	}
	beneath, err := s.aliases.Target(ctx, "*."+name)
	if err != nil {
		return "", err
	}
	found := ""
	for _, wildcard := range dnsname.Wildcards(name) {
		led, err := s.aliases.Target(ctx, wildcard)
		if err != nil {
			return "", err
		}
		if led == "" || led != target && beneath == "" {
			break
		}
		found = wildcard // one that a higher one answers for is none itself
	}
	return found, nil
}
