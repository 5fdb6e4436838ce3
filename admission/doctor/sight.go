package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/certyun/certyun/admission/report"
)

// Level is how bad it is.
type Level string

// The levels.
const (
	OK Level = "ok"
	// Problem is for what keeps something from working.
	Problem Level = "problem"
	// Warning is for what works and may not go on working.
	Warning Level = "warning"
	// Waiting is for what is not there yet, and may well come.
	Waiting Level = "waiting"
)

// Check is one thing that was looked at.
type Check struct {
	// Area is what it belongs to, as "cert-manager".
	Area  string `json:"area"`
	Level Level  `json:"state"`
	// Text says what was looked at and how it is.
	Text string `json:"text"`
}

// Sign is one thing that is not as it should be.
type Sign struct {
	// Cause is the ID of what it comes from. It is "" for what somebody else says, which the table recognises by its words.
	Cause string
	// Level is Problem, Warning or Waiting.
	Level  Level
	Object report.Object
	// Text is what was seen, or what was said.
	Text string
	// Quoted tells whether the text is somebody else's, word by word.
	Quoted bool
	// Values fill the sentences of the cause. The text stands for {why} where nothing else does.
	Values map[string]string
}

// says tells whether the text has one of these parts.
func (s Sign) says(parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s.Text, part) })
}

func isProblem(s Sign) bool { return s.Level == Problem || s.Level == "" }

// signs are those of one or more sights.
type signs []Sign

// saw tells whether a problem of one of these causes was seen.
func (all signs) saw(causes ...string) bool {
	return slices.ContainsFunc(all, func(s Sign) bool { return isProblem(s) && slices.Contains(causes, s.Cause) })
}

// sight is what somebody saw: how things are, and what is not as it should be.
type sight struct {
	// area is what the next checks belong to.
	area   string
	checks []Check
	signs  signs
	// works has what was found in order, see Facts.Works.
	works []string
}

// checkf notes how something is.
func (v *sight) checkf(level Level, format string, args ...any) {
	c := Check{Area: v.area, Level: level, Text: fmt.Sprintf(format, args...)}
	if !slices.ContainsFunc(v.checks, func(o Check) bool { return o.Text == c.Text }) {
		v.checks = append(v.checks, c)
	}
}

// problem notes what keeps something from working, and the cause that it is.
func (v *sight) problem(cause string, object report.Object, text string, values map[string]string) {
	v.bad(Problem, cause, object, text, values)
}

// warning notes what may keep something from working, and the cause that it is.
func (v *sight) warning(cause string, object report.Object, text string, values map[string]string) {
	v.bad(Warning, cause, object, text, values)
}

// bad notes what is wrong, and how bad that is.
func (v *sight) bad(level Level, cause string, object report.Object, text string, values map[string]string) {
	v.checkf(level, "%s: %s", object, text)
	v.sign(Sign{Cause: cause, Level: level, Object: object, Text: text, Values: values})
}

// complaint notes what somebody else says is wrong with an object.
func (v *sight) complaint(object report.Object, text string, values map[string]string) {
	v.checkf(Problem, "%s: %s", object, text)
	v.said(object, text, values)
}

// said notes what somebody else says is wrong with an object, where that is shown already.
func (v *sight) said(object report.Object, text string, values map[string]string) {
	v.sign(Sign{Object: object, Text: text, Quoted: true, Values: values})
}

// sign notes what is not as it should be, for the causes.
func (v *sight) sign(s Sign) {
	if s.Level == "" {
		s.Level = Problem
	}
	v.signs = append(v.signs, s)
}

// silent notes that nothing has happened to an object for so long.
func (v *sight) silent(object report.Object, idle time.Duration) {
	v.problem("nothing-happens", object, "nothing has happened to it for "+age(idle), nil)
}

// missing notes that an object is not there.
func (v *sight) missing(object report.Object, hint string) {
	v.sign(Sign{Cause: "object-missing", Object: object, Text: strings.TrimSpace("there is no " + object.String() + hint), Values: map[string]string{
		"missing": object.String(), "hint": hint, "resources": resourcesLike(object),
	}})
}

// vanishing notes that a namespace is being deleted.
func (v *sight) vanishing(namespace *corev1.Namespace) {
	object := report.Object{APIVersion: "v1", Kind: "Namespace", Name: namespace.Name}
	text := "it is being deleted"
	for _, condition := range namespace.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Message != "" {
			text = condition.Message
		}
	}
	v.problem("namespace-vanishing", object, text, nil)
}
