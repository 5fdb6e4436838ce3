package issuer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
	"github.com/certyun/certyun/admission/words"
	"github.com/certyun/certyun/solvers/config"
)

// configRules are about the config of webhook solvers: our own is judged as our solver will, another's only for keys
// that lie open.
func configRules() []rule.Rule {
	return []rule.Rule{webhookConfigInvalid(), webhookConfigInlineSecret(), recordLineNotDefault(), recordTTLShort()}
}

func webhookConfigInvalid() rule.Rule {
	return rule.Rule{
		ID: "webhook-config-invalid", Severity: rule.Deny,
		Summary: "Our own solver cannot read its config.",
		Why: "The config is read by the code that the solver reads it with. It is strict: it refuses each challenge with the same " +
			"message. Configs of other groups are not judged.",
		Remedy: "Correct the field; docs/solvers.md lists them all.",
		Check:  forACME(checkConfigs),
	}
}

// cloud is a DNS host that our solver serves: how its config is read, and what the fields are called today, the pair of keys first. Only a
// role's externalId is not among them: whoever writes it for dnspod, which has none, does not mean alidns.
type cloud struct {
	name, title string
	decode      func(*field.Path, []byte) (config.Solver, field.ErrorList)
	fields      []string
}

func alidnsCloud() cloud {
	return cloud{
		name: "alidns", title: "Alidns", decode: config.DecodeAlidns,
		fields: []string{"accessKeyIdRef", "accessKeySecretRef", "securityTokenRef", "regionId", "line", "ttl", "roleArn", "roleSessionName", "roleChain"},
	}
}

func dnspodCloud() cloud {
	return cloud{
		name: "dnspod", title: "DNSPod", decode: config.DecodeDNSPod,
		fields: []string{"secretIdRef", "secretKeyRef", "tokenRef", "recordLine", "recordLineId", "ttl", "roleArn", "roleSessionName", "roleChain"},
	}
}

// cloudsOf returns the cloud of one of our solver names, and the other one.
func cloudsOf(solverName string) (this, other cloud, ok bool) {
	switch solverName {
	case "alidns", "alidns-solver":
		return alidnsCloud(), dnspodCloud(), true
	case "dnspod":
		return dnspodCloud(), alidnsCloud(), true
	}
	return this, other, false
}

// ourConfig returns the config of a solver of ours; ok is false for every other solver.
func ourConfig(r *rule.IssuerReview, solver *cmacme.ACMEChallengeSolver) (raw []byte, this, other cloud, ok bool) {
	if !isOurs(r, solver) {
		return nil, this, other, false
	}
	webhook := webhookOf(solver)
	if webhook.Config != nil {
		raw = webhook.Config.Raw
	}
	this, other, ok = cloudsOf(webhook.SolverName)
	return raw, this, other, ok
}

func checkConfigs(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
	for i := range acme.Solvers {
		raw, this, other, ok := ourConfig(r, &acme.Solvers[i])
		if !ok {
			continue
		}
		path := webhookPath(fieldpath.Solver(i)).Child("config")
		_, errs := this.decode(path, raw)
		for _, err := range errs {
			if err := yield(configFinding(path, err, this, other)); err != nil {
				return err
			}
		}
	}
	return nil
}

// noSuchField is what package config says of a field that it does not know.
const noSuchField = "there is no such field"

func configFinding(path *field.Path, err *field.Error, this, other cloud) rule.Finding {
	if err.Detail != noSuchField {
		f := rule.Finding{Field: err.Field, Type: err.Type, Message: err.Detail}
		if f.Message == "" {
			f.Message = "is there more than once"
		}
		if _, omitted := err.BadValue.(field.OmitValueType); !omitted && err.Type == field.ErrorTypeInvalid {
			f.Value = err.BadValue
		}
		return f
	}
	parent, name := path.String(), strings.TrimPrefix(strings.TrimPrefix(err.Field, path.String()), ".")
	if outer, inner, nested := strings.Cut(name, "."); nested {
		parent, name = parent+"."+outer, inner
	}
	f := rule.Finding{Field: parent, Message: fmt.Sprintf("unknown field %q", name)}
	if parent != path.String() {
		return f
	}
	isName := func(candidate string) bool { return strings.EqualFold(candidate, name) }
	if slices.ContainsFunc(other.fields, isName) {
		f.Message += "; this looks like a config for " + other.name
		f.Remedy = fmt.Sprintf("Set solverName: %s, or use the fields of %s", other.name, this.name)
		return f
	}
	f.Message += words.DidYouMean(name, this.fields)
	return f
}

func webhookConfigInlineSecret() rule.Rule {
	return rule.Rule{
		ID: "webhook-config-inline-secret", Severity: rule.Warn,
		Summary: "A key lies open in the config of a webhook solver.",
		Why:     "Issuers are readable by many, and kept in Git. The value is never repeated here.",
		Remedy:  "Put the key into a Secret, refer to it, and have a new key made in place of this one.",
		Check: forACME(func(_ context.Context, r *rule.IssuerReview, acme *cmacme.ACMEIssuer, yield rule.Yield) error {
			for i := range acme.Solvers {
				webhook := webhookOf(&acme.Solvers[i])
				if webhook == nil || webhook.Config == nil {
					continue
				}
				for _, name := range openCredentials(webhook.Config.Raw, isOurs(r, &acme.Solvers[i])) {
					if err := yield(rule.Finding{
						Field: webhookPath(fieldpath.Solver(i)).Child("config").String(), Remedy: "Put it in a Secret",
						Message: name + " looks like a credential; anyone who can read Issuers can read it",
					}); err != nil {
						return err
					}
				}
			}
			return nil
		}),
	}
}

// openCredentials names the fields of a config that hold a credential as text. Our own config has no field of this kind, so
// that any text under such a name is one; in another's it must look like one.
func openCredentials(raw []byte, ours bool) []string {
	var value any
	if json.Unmarshal(raw, &value) != nil {
		return nil
	}
	var found []string
	walkStrings("", "", value, func(path, name, text string) {
		switch {
		case isKeyID.MatchString(text):
		case isCredentialName.MatchString(name) && (isRandom(text) || ours && text != ""):
		default:
			return
		}
		if !isPlainPath.MatchString(path) || isKeyID.MatchString(path) {
			path = "a field"
		}
		found = append(found, path)
	})
	return slices.Compact(found)
}

var (
	// The beginnings of an AccessKey ID of Alibaba Cloud, of their STS, and of a SecretId of Tencent Cloud.
	isKeyID = regexp.MustCompile(`(?:^|\W)(?:LTAI|STS\.|AKID)[A-Za-z0-9]{10,}`)
	// The names of fields that hold a key and not a reference to one.
	isCredentialName = regexp.MustCompile(`(?i)(?:secret|token|password|passwd|api_?key|secret_?key|access_?key|private_?key)$`)
	isPlainPath      = regexp.MustCompile(`^[A-Za-z0-9_.\[\]-]+$`)
)

// maxPath is how long a path may grow: nobody reads a longer one, and a config may be nested as deep as it is long.
const maxPath = 100

// walkStrings calls visit with each text in a JSON value, in stable order, with its path and the name of the field it is in.
func walkStrings(path, name string, value any, visit func(path, name, text string)) {
	within := func(step string) string {
		if len(path)+len(step) > maxPath {
			return path[:min(len(path), maxPath)]
		}
		return path + step
	}
	switch value := value.(type) {
	case string:
		visit(path, name, value)
	case []any:
		for i, item := range value {
			walkStrings(within(fmt.Sprintf("[%d]", i)), name, item, visit)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			walkStrings(strings.TrimPrefix(within("."+key), "."), key, value[key], visit)
		}
	}
}

// isRandom tells whether a text looks as if a machine had made it to be secret, unlike the name of a Secret, a URL or a
// template's placeholder.
func isRandom(text string) bool {
	if len(text) < 10 || len(text) > 4096 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
		return false
	}
	if strings.Contains(text, "://") || strings.ContainsAny(text, "{}<>$*") {
		return false
	}
	has := func(is func(rune) bool) bool { return strings.ContainsFunc(text, is) }
	switch {
	case !has(unicode.IsDigit):
		return len(text) >= 24 && has(unicode.IsUpper) && has(unicode.IsLower) && entropy(text) > 4
	case has(unicode.IsUpper) && has(unicode.IsLower):
		return entropy(text) > 3
	case strings.ContainsAny(text, "-.") && len(validation.IsDNS1123Subdomain(text)) == 0 && !isUUID.MatchString(text):
		return false
	}
	return len(text) >= 16 && entropy(text) > 3
}

var isUUID = regexp.MustCompile(`^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// entropy is that of the text's bytes, in bits.
func entropy(text string) float64 {
	var counts [256]int
	for i := range len(text) {
		counts[text[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(text))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}
