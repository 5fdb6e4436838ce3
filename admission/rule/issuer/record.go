package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/solvers/config"
)

func recordLineNotDefault() rule.Rule {
	return rule.Rule{
		ID: "record-line-not-default", Severity: rule.Warn,
		Summary: "The record is written to a line of its own, where not everybody sees it.",
		Why: "Alidns and DNSPod answer with the records of a line only who asks from the networks of that line. A public CA looks from several " +
			"places of the Internet at once, from five or more since 2026-12-15 (Baseline Requirements, section 3.2.2.9), and nearly all of " +
			"them have to find the record. Of private CAs nothing is said.",
		Remedy: "Leave the line out: the default one is for everybody.",
		Check: forConfigs(func(r *rule.IssuerReview, c *ownConfig, yield rule.Yield) error {
			name, line := c.line()
			if line == "" || r.CA() != nil && !r.CA().Public {
				return nil
			}
			return yield(rule.Finding{
				Field: c.path(name), Value: line, Remedy: "Leave it out",
				Message: "only who asks from this line sees the record, and a public CA looks from several networks at once",
			})
		}),
	}
}

func recordTTLShort() rule.Rule {
	return rule.Rule{
		ID: "record-ttl-short", Severity: rule.Warn,
		Summary: "The TTL is below what the free editions of the DNS host allow.",
		Why: "Free and personal editions of Alidns, and the free plan of DNSPod, refuse a record with less than 600 seconds " +
			"(https://help.aliyun.com/zh/dns/ttl-definition, https://docs.dnspod.cn/dns/faq-ttl/). Editions that are paid for allow less. A short TTL makes no " +
			"challenge faster: certyun waits for the zone's own name servers, which do not remember.",
		Remedy: "Leave ttl out, or write 600.",
		Check: forConfigs(func(_ *rule.IssuerReview, c *ownConfig, yield rule.Yield) error {
			if c.TTL >= config.DefaultTTL {
				return nil
			}
			return yield(rule.Finding{
				Field: c.path("ttl"), Value: c.TTL, Remedy: fmt.Sprintf("Leave it out, or write %d", config.DefaultTTL),
				Message: fmt.Sprintf("free editions of %s refuse records with a TTL below %d seconds", c.cloud.title, config.DefaultTTL),
			})
		}),
	}
}

// ownConfig is the config of a solver of ours, as our solver reads it.
type ownConfig struct {
	config.Solver
	cloud  cloud
	solver int
	raw    []byte
}

// forConfigs makes a check of one that looks at each config that our solver can read.
func forConfigs(check func(*rule.IssuerReview, *ownConfig, rule.Yield) error) rule.Issuers {
	return forACME(func(ctx context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
		for i := range rule.Until(ctx, acme.Solvers) {
			raw, this, _, ok := ourConfig(r, &acme.Solvers[i])
			if !ok {
				continue
			}
			decoded, errs := this.decode(nil, raw)
			if len(errs) > 0 {
				continue // webhook-config-invalid speaks of it
			}
			if err := check(r, &ownConfig{decoded, this, i, raw}, yield); err != nil {
				return err
			}
		}
		return nil
	})
}

// line is the line that is not the default one, and its field; "" for the default one.
func (c *ownConfig) line() (name, line string) {
	switch {
	case c.LineID != "" && c.LineID != "0":
		return "recordLineId", c.LineID
	case c.LineID != "" || c.Line == "" || strings.EqualFold(c.Line, "default") || c.Line == "默认":
		return "", ""
	case c.cloud.name == "dnspod":
		return "recordLine", c.Line
	}
	return "line", c.Line
}

// path is that of a field, in the case in which it is written.
func (c *ownConfig) path(name string) string {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(c.raw, &fields) // it has been read
	for written := range fields {
		if strings.EqualFold(written, name) {
			name = written
		}
	}
	return webhookPath(fieldpath.Solver(c.solver)).Child("config", name).String()
}
