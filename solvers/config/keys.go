package config

import (
	"fmt"
	"slices"
	"strings"
)

// pair are the fields of the two halves of a key. A host may have several spellings of a pair, today's first.
type pair struct{ id, secret string }

// fieldsOf are the fields of all spellings, each once.
func fieldsOf(pairs []pair) []string {
	var names []string
	for _, p := range pairs {
		for _, name := range []string{p.id, p.secret} {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// keys reads where the parts of the key are; nowhere means that the credentials are ambient. Older are the fields of webhooks whose forms people mix: whatever is wrong with a mixture
// is told once, and what it says to write leaves nothing else to be done. Others are the spellings of the other host.
func (o *object) keys(pairs, others []pair, token string) Keys {
	refs := map[string]Ref{}
	for _, name := range fieldsOf(pairs) {
		refs[name] = o.ref(name)
	}
	keys := Keys{Token: o.ref(token)}
	set := slices.DeleteFunc(fieldsOf(pairs), func(name string) bool { return !o.has(name) })
	whole := slices.IndexFunc(pairs, func(p pair) bool { return o.has(p.id) && o.has(p.secret) })
	switch {
	case whole >= 0:
		p := pairs[whole]
		keys.ID, keys.Secret = refs[p.id], refs[p.secret]
		o.remove(set, p)
	case len(set) > 1:
		o.renameMixed(set)
	case len(set) == 1:
		o.requireOther(set[0], pairs, others)
	case o.has(token):
		o.require(pairs[0].id, firstHalf)
		o.require(pairs[0].secret, secondHalf)
	}
	return keys
}

const (
	firstHalf  = "the keys are a pair; name the Secret and key of its first half"
	secondHalf = "the keys are a pair; name the Secret and key of its second half"
)

// remove reports the fields beside a whole pair, which say once more what it says.
func (o *object) remove(set []string, whole pair) {
	for _, name := range set {
		if name != whole.id && name != whole.secret {
			o.forbid(name, fmt.Sprintf("remove it: %s and %s name the key already", whole.id, whole.secret))
		}
	}
}

// mixture is two fields of which no form has both, and what to call the one that has to be renamed.
type mixture struct{ beside, name, better string }

// mixtures are in the order in which they are told: the first that is there leads to a pair.
func mixtures() []mixture {
	return []mixture{
		{"accessKeyIdRef", "secretKeySecretRef", "accessKeySecretRef"},
		{"accessKeyIdRef", "accessTokenSecretRef", "accessKeySecretRef"},
		{"accessKeySecretRef", "accessTokenSecretRef", "accessKeyIdRef"},
		{"secretAccessKeyRef", "accessTokenSecretRef", "accessKeyIdRef"},
		{"secretAccessKeyRef", "accessKeySecretRef", "accessKeyIdRef"},
		{"secretAccessKeyRef", "secretKeySecretRef", "accessKeyIdRef"},
	}
}

// renameMixed reports fields of different forms that are no pair.
func (o *object) renameMixed(set []string) {
	for _, m := range mixtures() {
		if !slices.Contains(set, m.beside) || !slices.Contains(set, m.name) {
			continue
		}
		half := "ID"
		if m.better == "accessKeySecretRef" {
			half = "Secret"
		}
		o.forbid(m.name, fmt.Sprintf("write %s instead of %s for the AccessKey %s: beside %s it is of another webhook's form", m.better, m.name, half, m.beside))
		o.remove(slices.DeleteFunc(set, func(name string) bool { return name == m.name }), pair{m.better, m.beside})
		return
	}
}

// requireOther reports that the other half of a key is missing. A half of the other host's form in its place is to be renamed.
func (o *object) requireOther(half string, pairs, others []pair) {
	p := pairs[slices.IndexFunc(pairs, func(p pair) bool { return p.id == half || p.secret == half })]
	want, detail := p.id, firstHalf
	if half == p.id {
		want, detail = p.secret, secondHalf
	}
	switch half {
	case "secretKeySecretRef":
		detail = half + " names the AccessKey Secret; name the AccessKey ID beside it"
	case "accessTokenSecretRef":
		detail = half + " names the AccessKey ID; name the AccessKey Secret beside it"
	}
	foreign := slices.DeleteFunc(fieldsOf(others), func(name string) bool { return !o.has(name) })
	isOther := func(other pair) bool { return len(foreign) > 0 && (want == p.id) == (other.id == foreign[0]) }
	switch {
	case len(foreign) == 0:
		o.require(want, detail)
	case len(foreign) == 1 && slices.ContainsFunc(others, isOther):
		o.take(foreign[0])
		o.forbid(foreign[0], fmt.Sprintf("write %s instead: this is a field of another solver's config", want))
	case len(foreign) == 1:
		o.require(want, detail)
	}
}

// misplaced says of fields of cert-manager's that stand in a config where they belong.
func misplaced(name string) string {
	switch strings.ToLower(name) {
	case "cnamestrategy":
		return "it belongs beside webhook, under dns01"
	case "groupname", "solvername", "config":
		return "it belongs beside config, under webhook; here are only the solver's own fields"
	case "webhook":
		return "it belongs under dns01; here are only the solver's own fields"
	case "selector", "dns01", "waitinsteadofselfcheck":
		return "it belongs beside dns01, in the solver"
	case "dnszones", "dnsnames", "matchlabels":
		return "it belongs under selector, which is beside dns01"
	}
	return ""
}
