package lint

import (
	"context"
	"encoding/base64"
	stdjson "encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/issuer"
)

// secret is a Secret that was given: its metadata, the names of its keys, and what the API server refuses of their values. Once it is
// decoded it has no value any more.
type secret struct {
	metav1.PartialObjectMetadata `json:",inline"`

	Data       stdjson.RawMessage `json:"data,omitempty"`
	StringData stdjson.RawMessage `json:"stringData,omitempty"`

	keys    []string
	refused []rule.Finding
}

// learn reads the names of the keys, judges the values and forgets them.
func (s *secret) learn() {
	s.judge("data", s.Data, encoded)
	s.judge("stringData", s.StringData, func(string) string { return "" })
	s.Data, s.StringData = nil, nil
}

// judge looks at one of the two mappings.
func (s *secret) judge(name string, raw stdjson.RawMessage, wrong func(text string) string) {
	var values map[string]stdjson.RawMessage
	if len(raw) == 0 || stdjson.Unmarshal(raw, &values) != nil {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		s.keys = append(s.keys, key)
		var text *string
		message := ""
		switch err := stdjson.Unmarshal(values[key], &text); {
		case err != nil && values[key][0] == '[': // of numbers it may be bytes
		case err != nil:
			message = "is no text, and the API server takes nothing else"
		case text != nil && !isFilledIn(*text):
			message = wrong(*text)
		}
		if message != "" {
			s.refused = append(s.refused, rule.Finding{
				Rule: rule.CMSecretData, Severity: rule.Deny, Type: field.ErrorTypeInvalid, Field: fmt.Sprintf("%s[%s]", name, key),
				Message: message, Remedy: "Write the value in quotes under stringData, which takes it as it is",
			})
		}
	}
}

// encoded says what is wrong with a text that is to be base64. As for the API server, lines may be broken.
func encoded(text string) string {
	if _, err := base64.StdEncoding.DecodeString(text); err != nil {
		return "is not base64, so the API server refuses the Secret"
	}
	return ""
}

// dummy is a text of which anybody sees that it is to be replaced.
var dummy = regexp.MustCompile(`^[A-Z]+(-[A-Z0-9]+)+$|^(\.\.\.|…)$`)

// isFilledIn tells whether something else puts a value here before the object is applied.
func isFilledIn(text string) bool {
	text = strings.TrimSpace(text)
	return tokens.MatchString(text) || isUnknown(text) || dummy.MatchString(text)
}

// knowsKeys tells whether all of the names of the keys are known.
func (s *secret) knowsKeys() bool { return !slices.ContainsFunc(s.keys, tokens.MatchString) }

// asSeen is an object as a world tells of it: of a Secret it has the metadata alone.
func asSeen(object metav1.Object) metav1.Object {
	if s, is := object.(*secret); is {
		return &s.PartialObjectMetadata
	}
	return object
}

// named is a Secret of which no more than its name is known.
func named(namespace, name string) *secret {
	return &secret{PartialObjectMetadata: metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}}
}

// secretsRead are the Secrets that Issuers read, by namespace and name.
func (l *linter) secretsRead(all []*manifest) map[[2]string]bool {
	read := map[[2]string]bool{}
	for _, m := range all {
		one, is := m.typed.(cmapi.GenericIssuer)
		if !is || m.err != nil {
			continue
		}
		r := &rule.IssuerReview{Environment: l.env, Operation: rule.Create, Issuer: one}
		for _, ref := range issuer.SecretRefs(r) {
			read[[2]string{r.SecretNamespace(), ref.Name}] = true
		}
	}
	return read
}

// reads tells whether an Issuer reads a Secret. One without a namespace may be in any.
func (l *linter) reads(m *manifest) bool {
	if m.placeless {
		for at := range l.readSecrets {
			if at[1] == m.object.Name {
				return true
			}
		}
	}
	return l.readSecrets[[2]string{m.object.Namespace, m.object.Name}]
}

// reviewSecret says what the API server would refuse of a Secret that an Issuer reads.
func (l *linter) reviewSecret(ctx context.Context, m *manifest, s *secret) (j judged, err error) {
	findings, err := l.engine.Review(ctx, l.env, l.decided.Policy, rule.Request{Operation: rule.Create, Manifest: s.refused})
	if err != nil {
		return judged{}, err
	}
	j.findings = l.report(m, findings)
	j.here = len(j.findings) > 0
	return j, nil
}
