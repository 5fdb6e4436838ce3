package ca

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certyun/certyun/admission/document"
)

// Source says where a fact comes from.
type Source struct {
	// URL is a public page.
	URL string `json:"source,omitempty"`
	// Date is the last day on which the page is known to have been as the fact says.
	Date Day `json:"date,omitempty"`
}

// Answer is what is known of whether a CA does something.
type Answer int

const (
	// Unknown is for what is not published, depends on a contract, or is told in different ways.
	Unknown Answer = iota
	// Yes is certain.
	Yes
	// No is certain.
	No
)

// Form implements document.Formed.
func (Answer) Form() string { return "yes, no or unknown" }

// UnmarshalJSON implements json.Unmarshaler. YAML reads a bare yes as true.
func (a *Answer) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "true", `"yes"`:
		*a = Yes
	case "false", `"no"`:
		*a = No
	case `"unknown"`:
		*a = Unknown
	default:
		return document.Misformed(*a)
	}
	return nil
}

// Day is a day like "2026-11-30". "" is before all others.
type Day string

// Form implements document.Formed.
func (Day) Form() string { return "a day like 2026-11-30" }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Day) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return document.Misformed(*d)
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return document.Misformed(*d)
	}
	*d = Day(text)
	return nil
}

// after tells whether the day has not begun. Days are those of UTC.
func (d Day) after(now time.Time) bool { return string(d) > now.UTC().Format(time.DateOnly) }

// Span is a time like "90d" or "160h".
type Span struct{ time.Duration }

// Form implements document.Formed.
func (Span) Form() string { return "a time like 90d or 160h" }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Span) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return document.Misformed(*s)
	}
	var err error
	if days, found := strings.CutSuffix(text, "d"); found {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		s.Duration = time.Duration(n) * 24 * time.Hour
	} else {
		s.Duration, err = time.ParseDuration(text)
	}
	if err != nil || s.Duration <= 0 {
		return document.Misformed(*s)
	}
	return nil
}

// Fact is a part of what is known of a CA, and where it comes from.
type Fact struct {
	// Authority is the ID of the CA's policy, "" for the baseline.
	Authority string
	// Name is how messages call the CA.
	Name string
	// Part is what the fact is about, as the data calls it, like "limits"; "" for the server itself.
	Part string
	Source
}

// Facts are all that the table knows, by authority and part.
func (t *Table) Facts() []Fact {
	facts := []Fact{{Name: "all public CAs", Part: "baseline", Source: t.baseline.Source}}
	for _, id := range t.ids() {
		facts = append(facts, t.policies[id].facts()...)
	}
	return facts
}

// facts are the parts of a policy that have a source.
func (p *Policy) facts() []Fact {
	var facts []Fact
	value := reflect.ValueOf(p).Elem()
	for i := range value.NumField() {
		field := value.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		if source := sourceOf(value.Field(i)); source != (Source{}) {
			part, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			facts = append(facts, Fact{Authority: p.ID, Name: p.Name, Part: part, Source: source})
		}
	}
	return facts
}

// sourceOf is that of a part of a policy, the zero Source where it has none.
func sourceOf(part reflect.Value) Source {
	if part.Kind() == reflect.Pointer && !part.IsNil() {
		part = part.Elem()
	}
	if part.Type() == reflect.TypeFor[Source]() {
		return part.Interface().(Source)
	}
	if part.Kind() != reflect.Struct {
		return Source{}
	}
	source, _ := reflect.TypeAssert[Source](part.FieldByName("Source"))
	return source
}

// Older are the facts whose sources nobody has looked at since a day.
func Older(facts []Fact, day Day) []Fact {
	var old []Fact
	for _, fact := range facts {
		if fact.Date < day {
			old = append(old, fact)
		}
	}
	return old
}

// Cited is a source, and whom it is about.
type Cited struct {
	// Names are those of CAs, each once.
	Names []string `json:"authorities"`
	Source
}

// Cite lists the sources of some parts of the data, each once for a day, in the order of the facts.
func Cite(facts []Fact, parts []string) []Cited {
	var list []Cited
	for _, fact := range facts {
		if !slices.Contains(parts, fact.Part) {
			continue
		}
		i := slices.IndexFunc(list, func(c Cited) bool { return c.Source == fact.Source })
		switch {
		case i < 0:
			list = append(list, Cited{Names: []string{fact.Name}, Source: fact.Source})
		case !slices.Contains(list[i].Names, fact.Name):
			list[i].Names = append(list[i].Names, fact.Name)
		}
	}
	return list
}
