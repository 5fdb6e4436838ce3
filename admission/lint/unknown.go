package lint

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/placeholder"
	"github.com/certyun/certyun/admission/rule"
)

// unknown is what a manifest leaves to be filled in later. Such an object is judged as if something had been filled in, and what is
// said of it is what holds whatever that is.
type unknown struct {
	// tree is the object as it is written.
	tree map[string]any
	// placeholders are all that it has, each once.
	placeholders []string
	// texts are the values and keys with placeholders, and fields are where they stand.
	texts  []unknownText
	fields []string
	// number tells the manifest from others.
	number int
	// assumed is what stands for each placeholder.
	assumed map[string]any
	// ofType says that not even the kind of the object is known.
	ofType bool
}

// unknownText is a text with placeholders.
type unknownText struct {
	text   string
	isName bool
}

// findUnknown looks for placeholders. It returns nil where there are none.
func (m *manifest) findUnknown() *unknown {
	if isUnknown(m.object.Kind) || isUnknown(m.object.APIVersion) {
		return &unknown{ofType: true, fields: []string{"kind"}}
	}
	if newObject(m.apiVersion, m.object.Kind) == nil && !m.mayBeOurs() {
		return nil
	}
	tree, err := m.tree()
	if err != nil {
		return nil
	}
	u := &unknown{tree: tree}
	if _, encrypted := tree["sops"].(map[string]any); encrypted { // sops takes it away again when it decrypts
		delete(tree, "sops")
	}
	u.walk("", "", "", tree)
	if len(u.fields) == 0 {
		return nil
	}
	return u
}

// leavesRole tells whether a role in a webhook's config is filled in later, as a whole or in part.
func (u *unknown) leavesRole() bool {
	return u != nil && slices.ContainsFunc(u.fields, func(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".webhook.config.rolearn") })
}

// withAnyRole is an environment in which the operator lists each role: what is filled in may be one that he does.
func (l *linter) withAnyRole(of *rule.Environment) *rule.Environment {
	env := *of
	env.Settings.Ambient = l.anyRole
	return &env
}

// isUnknown tells whether a name is not known as a whole.
func isUnknown(name string) bool { return len(placeholder.Find(name, true)) > 0 }

// walk looks for placeholders in a value, which is at a path: in a field of this name, in another of that name.
func (u *unknown) walk(path, parent, name string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			at := fieldIn(path, key)
			u.text(at, key, false)
			u.walk(at, name, key, value[key])
		}
	case []any:
		for i, item := range value {
			u.walk(fmt.Sprintf("%s[%d]", path, i), parent, name, item)
		}
	case string:
		if !isForeign(parent, name) {
			u.text(path, value, isName(parent, name))
		}
	}
}

func (u *unknown) text(path, text string, isName bool) {
	spans := placeholder.Find(text, isName)
	if len(spans) == 0 {
		return
	}
	u.fields = append(u.fields, path)
	u.texts = append(u.texts, unknownText{text, isName})
	for _, s := range spans {
		if one := text[s.Start:s.End]; !slices.Contains(u.placeholders, one) {
			u.placeholders = append(u.placeholders, one)
		}
	}
}

// fieldIn is the path of a field in another, with brackets around a name that has dots.
func fieldIn(path, key string) string {
	switch {
	case strings.ContainsAny(key, "./"):
		return path + "[" + key + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// nameFields are the fields whose values are names of objects or hosts, so that no capital letters with an underscore can be in them.
var nameFields = []string{
	"name", "generateName", "namespace", "secretName", "commonName", "dnsNames", "ipAddresses", "emailAddresses", "uris", "hosts", "host",
	"hostname", "dnsZones", "email", "server", "groupName", "solverName",
}

// isName tells whether the value of a field is a name.
func isName(parent, name string) bool {
	switch parent {
	case "annotations":
		return strings.Contains(name, "cert-manager.io/")
	case "labels", "matchLabels", "data", "stringData":
		return false
	}
	return slices.Contains(nameFields, name)
}

// isForeign is true of annotations that nobody reads who issues certificates. Any text may be in them.
func isForeign(parent, name string) bool {
	return parent == "annotations" && !strings.Contains(name, "cert") && !strings.Contains(name, "helm.sh/") && !strings.HasPrefix(name, "kubernetes.io/")
}

// fill is a value with something in the place of its placeholders.
func (u *unknown) fill(parent, name string, value any, with map[string]any) any {
	switch value := value.(type) {
	case map[string]any:
		filled := make(map[string]any, len(value))
		for key, one := range value {
			filled[fillText(key, false, with)] = u.fill(name, key, one, with)
		}
		return filled
	case []any:
		filled := make([]any, len(value))
		for i, one := range value {
			filled[i] = u.fill(parent, name, one, with)
		}
		return filled
	case string:
		if isForeign(parent, name) {
			return value
		}
		spans := placeholder.Find(value, isName(parent, name))
		if len(spans) == 1 && spans[0] == (placeholder.Span{End: len(value)}) {
			return with[value]
		}
		return placeholder.Fill(value, spans, func(p string) string { return fmt.Sprint(with[p]) })
	}
	return value
}

func fillText(text string, isName bool, with map[string]any) string {
	return placeholder.Fill(text, placeholder.Find(text, isName), func(p string) string { return fmt.Sprint(with[p]) })
}

// filled is the manifest with these values in it.
func (m *manifest) filled(with map[string]any) *manifest {
	as, u := *m, *m.unknown
	u.assumed = with
	as.unknown = &u
	as.raw, _ = stdjson.Marshal(u.fill("", "", u.tree, with)) //nolint:errchkjson // it was read from JSON
	as.typed, as.err = as.decode()
	return &as
}

// namespace is the one that the object would be applied in.
func (m *manifest) namespace() string {
	if m.unknown == nil {
		return m.object.Namespace
	}
	return fillText(m.object.Namespace, true, m.unknown.assumed)
}

// tokens are the words that are in assumed texts.
var tokens = regexp.MustCompile(`\bunset\d+x\d+q`)

func tokenOf(manifest, placeholder int) string {
	return fmt.Sprintf("unset%dx%dq", manifest, placeholder)
}

// texts are the forms in which a text may be filled in: what is most often right comes first.
func tokenTexts(token string) []string {
	return []string{
		token + ".dev", token, "mail@" + token + ".dev", "https://" + token + ".dev/directory", "*." + token + ".dev", token + ".dev:53",
	}
}

// plausible are values that fields have, among which there is one for each that has a form.
func plausible() []any {
	return []any{
		int64(2048), true, false, int64(1), int64(3), int64(10), int64(80), int64(256), int64(443), int64(600), int64(4096),
		"10", "256", "600", "2048", "1h", "720h", "2160h", "9.9.9.9", "2620:fe::fe", "9.9.9.0/24",
		"Issuer", "ClusterIssuer", "cert-manager.io", "RSA", "ECDSA", "Ed25519", "PKCS1", "PKCS8", "Always", "Never", "server auth",
		"HS256", "None", "Follow", "HTTPS", "Terminate", "Passthrough", "RenewBefore", "Disabled", "Prefix", "ClusterIP", "nginx", "true", "false", "tls.crt", "default",
		"https://acme-v02.api.letsencrypt.org/directory", "https://acme-staging-v02.api.letsencrypt.org/directory",
		"alidns", "dnspod",
		[]any{},
		map[string]any{},
	}
}

// pattern is what a text with placeholders may become, with what it has in the place of one of them.
func (t unknownText) pattern(captured string) *regexp.Regexp {
	var b strings.Builder
	end := 0
	for _, s := range placeholder.Find(t.text, t.isName) {
		b.WriteString(regexp.QuoteMeta(t.text[end:s.Start]))
		if one := t.text[s.Start:s.End]; one == captured {
			b.WriteString("(.+)")
		} else {
			b.WriteString(".*")
		}
		end = s.End
	}
	return regexp.MustCompile("^" + b.String() + regexp.QuoteMeta(t.text[end:]) + "$")
}

// captures are what a placeholder is where a text that has it becomes one of these.
func (u *unknown) captures(captured string, texts []string) []any {
	var found []any
	for _, t := range u.texts {
		if !strings.Contains(t.text, captured) {
			continue
		}
		p := t.pattern(captured)
		for _, text := range texts {
			if match := p.FindStringSubmatch(text); len(match) > 1 && !slices.Contains(found, any(match[1])) {
				found = append(found, match[1])
			}
		}
	}
	return found
}
