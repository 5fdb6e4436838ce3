package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/certyun/certyun/admission/report"
)

// Cause is one thing that keeps an installation, an Issuer or a Certificate from working. Its ID is API.
//
// Sentence, Next and Fix have words in braces, like {secret}, for which the values of a sign stand. What stands between backticks in
// a Fix is a command, as Next is: there each value is one word. {object} is the object that
// showed it, {resource}, {object-name} and {in} are how kubectl calls it, {said} is what was said, {certyun} is this program, and
// {issuer-args} and {certificate-args} are its arguments for the objects in question.
type Cause struct {
	ID string
	// Title says in one line what is wrong.
	Title string
	// Shows are the words by which people meet it, for the document.
	Shows []string
	// Recognise tells whether what somebody said comes from this cause, and with which values beside those of the sign. It is nil
	// where nobody says it: then it is seen by looking.
	Recognise func(*Facts, Sign) (values map[string]string, ok bool)
	// Weight ranks causes that are found together.
	Weight Weight
	// Explained tells whether something else that was found says why there is a sign of this cause. It is nil where nothing does.
	Explained func(*Facts, Sign) bool
	// Grave is for what has to be mended even while there is a certificate that works.
	Grave bool
	// Each is for what is another thing for each object.
	Each bool
	// Sentence says what is wrong here.
	Sentence string
	// Next is the next command to run. Where that is a look that was just taken, it is kubectl describe.
	Next string
	// Fix says what to do about it.
	Fix string
}

// Weight is how little a cause says about what is wrong: what weighs least comes first.
type Weight int

// The weights.
const (
	// stops is for that without which nothing else matters.
	stops Weight = iota - 1
	// Most causes have no weight.
	_
	// closedDNS, unseenRecord and refusedRecord follow from one another, and have many causes of their own.
	closedDNS
	unseenRecord
	refusedRecord
	// guess is for what may be the cause where nothing better is known.
	guess
	// mute is for what only says that something does not go on.
	mute
)

// troubleshooting is the document that is made of the table.
const troubleshooting = report.DocumentsURL + "troubleshooting.md"

// Unknown is the cause of what no other recognises.
func Unknown() Cause {
	return Cause{
		ID: "unknown", Title: "Something that certyun does not recognise",
		Shows:     []string{"anything that stands nowhere else on this page"},
		Recognise: func(*Facts, Sign) (map[string]string, bool) { return nil, true },
		Weight:    mute, Explained: issuerSaysWhy, Each: true,
		Sentence: "{object} does not go on. What it says about that is quoted here; certyun knows no more.",
		Next:     "kubectl describe {resource} {object-name}{in}",
		Fix: "Read what the object says, then the events that the command shows, then the log of who works on it: " +
			"`kubectl logs -n {cert-manager} deploy/cert-manager` for cert-manager, and the log of the solver's Pods for a Challenge.",
	}
}

// named is a sign with the row of the table that it comes from.
type named struct {
	Sign
	cause  *Cause
	values map[string]string
}

// recognise finds a cause for every sign: what says most comes first, and what was found first.
func recognise(table []Cause, f *Facts) (causes, warnings []Finding, waiting bool) {
	var signs []named
	for _, s := range f.Signs {
		if s.Level == Waiting {
			waiting = true
			continue
		}
		signs = append(signs, identify(table, f, s))
	}
	slices.SortStableFunc(signs, func(a, b named) int { return cmp.Compare(a.cause.Weight, b.cause.Weight) })
	if !guessing(signs) {
		signs = slices.DeleteFunc(signs, func(s named) bool { return s.cause.Weight == guess })
	}
	known := *f
	known.Signs = nil
	for _, s := range signs {
		known.Signs = append(known.Signs, s.Sign)
	}
	return findings(&known, signs, Problem), findings(&known, signs, Warning), waiting
}

// guessing tells whether nothing is known but that something does not go on. The signs are in the order of their weight.
func guessing(signs []named) bool {
	first := slices.IndexFunc(signs, func(s named) bool { return isProblem(s.Sign) && s.cause.Weight != guess })
	return first >= 0 && signs[first].cause.Weight > guess
}

// findings are those of a level, each thing once.
func findings(f *Facts, signs []named, level Level) []Finding {
	var found []Finding
	var keys []string
	for _, s := range signs {
		if s.level(f) != level || s.cause.Explained != nil && s.cause.Explained(f, s.Sign) {
			continue
		}
		i := slices.Index(keys, s.key())
		if i < 0 {
			i = len(found)
			keys = append(keys, s.key())
			found = append(found, s.finding(f))
		}
		found[i].signs = append(found[i].signs, s.Sign)
	}
	for i := range found {
		if all := found[i].objects(); len(all) > 1 {
			found[i].Objects = all[:min(len(all), maxListed)]
		}
	}
	return found
}

// level is how bad it is: what keeps a certificate from being renewed is a warning while there is one.
func (s named) level(f *Facts) Level {
	if f.Renewal && !s.cause.Grave || s.Level == Warning {
		return Warning
	}
	return Problem
}

// key is the same for signs that say the same.
func (s named) key() string {
	key := s.cause.ID + "\n" + fill(s.cause.Sentence, s.values)
	if s.cause.Each {
		key += s.Object.String() + s.Text
	}
	return key
}

// identify finds the row of a sign: the one that looking named, or the first that recognises what was said.
func identify(table []Cause, f *Facts, s Sign) named {
	for _, cause := range append(slices.Clip(table), Unknown()) {
		var more map[string]string
		found := s.Cause == cause.ID
		if s.Cause == "" && cause.Recognise != nil {
			more, found = cause.Recognise(f, s)
		}
		if found {
			values := with(s.Values)
			maps.Copy(values, more)
			values["why"] = cmp.Or(values["why"], s.Text)
			return named{s, &cause, values}
		}
	}
	return named{s, new(Unknown()), with(s.Values)}
}

// finding is what there is to say of a sign.
func (s named) finding(f *Facts) Finding {
	cause, values := s.cause, with(s.values)
	values["object"], values["object-name"], values["said"] = s.Object.String(), s.Object.Name, s.Text
	values["resource"], values["in"] = resourceName(s.Object), flagOf(s.Object)
	values["cert-manager"], values["certyun-namespace"] = f.namespaces()
	values["caller"] = cmp.Or(values["caller"], f.Caller, defaultNamespace+"/"+defaultServiceAccount)
	values["issuer-namespace"] = cmp.Or(s.Object.Namespace, f.ClusterResourceNamespace, defaultNamespace)
	values["secret-place"] = f.secretPlace(s.Object)
	values["certyun"], values["issuer-args"], values["certificate-args"] = f.commands(s.Object)
	quote := ""
	if s.Quoted {
		quote = s.Text
	}
	return Finding{
		Cause: cause.ID, Title: cause.Title, Object: s.Object, Quote: quote,
		Sentence: ended(fill(cause.Sentence, values)), Next: command(f.next(cause), values), Fix: ended(advice(cause.Fix, values)),
		Docs: troubleshooting + "#" + cause.ID,
	}
}

// describe shows an object with its events.
const describe = "kubectl describe {resource} {object-name}{in}"

// next is what to run next.
func (f *Facts) next(cause *Cause) string {
	taken := f.Provider && strings.Contains(cause.Next, " --provider") || f.DNS && strings.Contains(cause.Next, " --dns")
	if taken && strings.HasPrefix(cause.Next, "{certyun} ") {
		return describe
	}
	return cause.Next
}

// ended leaves one mark at the end of a sentence: what was said may have one of its own.
func ended(sentence string) string {
	if strings.HasSuffix(sentence, "..") || strings.HasSuffix(sentence, "?.") {
		return strings.TrimSuffix(sentence, ".")
	}
	return sentence
}

func isIssuer(object report.Object) bool { return strings.HasSuffix(object.Kind, "Issuer") }

// secretPlaces says where the Secrets of Issuers are.
const secretPlaces = "the Secrets of an Issuer are in its own namespace, those of a ClusterIssuer in the cluster resource namespace, " +
	"cert-manager's own by default"

// secretPlace says where the Secrets of the Issuer in question are.
func (f *Facts) secretPlace(object report.Object) string {
	if !isIssuer(object) {
		object = f.Issuer
	}
	switch object.Kind {
	case "Issuer":
		return "the Secrets of an Issuer are in its own namespace"
	case "ClusterIssuer":
		return "the Secrets of a ClusterIssuer are in the cluster resource namespace, here " + f.ClusterResourceNamespace
	}
	return secretPlaces
}

// namespaces are those of cert-manager and of certyun; where they are not known, the charts' usual ones.
func (f *Facts) namespaces() (certManager, certyun string) {
	certManager, _, _ = strings.Cut(f.Caller, "/")
	return cmp.Or(certManager, defaultNamespace), cmp.Or(f.SolverNamespace, ours)
}

// commands are how this command is called, and with which arguments for the Issuer and the Certificate in question.
func (f *Facts) commands(object report.Object) (program, issuer, certificate string) {
	program, issuer, certificate = f.Program, "NAME", "NAME"
	if program == "" {
		program = "certyun"
	}
	if isIssuer(object) {
		issuer = argsFor(object)
	} else if f.Issuer.Name != "" {
		issuer = argsFor(f.Issuer)
	}
	if f.Certificate.Name != "" {
		certificate = argsFor(f.Certificate)
	}
	return program, issuer, certificate
}

var placeholder = regexp.MustCompile(`\{[a-z-]+\}`)

// fill puts values into a sentence. What has no value stays visible as <name>.
func fill(sentence string, values map[string]string) string {
	return replaced(sentence, values, func(_, value string) string { return value })
}

// command puts values into a command, each as one word of it.
func command(line string, values map[string]string) string {
	return replaced(line, values, func(name, value string) string {
		if slices.Contains(phrases(), name) {
			return value
		}
		return quoted(name, value)
	})
}

// advice puts values into sentences with commands between backticks in them.
func advice(text string, values map[string]string) string {
	parts := strings.Split(text, "`")
	for i, part := range parts {
		if isCommand := i%2 == 1; isCommand {
			parts[i] = command(part, values)
		} else {
			parts[i] = fill(part, values)
		}
	}
	return strings.Join(parts, "`")
}

// replaced is a text with its words in braces replaced by values, as they are written there.
func replaced(text string, values map[string]string, written func(name, value string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(braced string) string {
		name := braced[1 : len(braced)-1]
		if value, ok := values[name]; ok {
			return written(name, value)
		}
		return fmt.Sprintf("<%s>", name)
	})
}

// Facts is what a table of causes recognises from: the signs, in the order in which they were found, and what else is known.
// It holds no content of any Secret but the names of its keys.
type Facts struct {
	Signs signs
	// Groups are the API groups of webhook solvers that were looked at.
	Groups map[string]Group
	// Served are the groups of certyun's APIServices, nil until somebody looked. ServedKnown tells whether he was allowed to.
	Served      []string
	ServedKnown bool
	// Caller is cert-manager's ServiceAccount, "namespace/name".
	Caller string
	// SolverNamespace is where the solvers run.
	SolverNamespace string
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are.
	ClusterResourceNamespace string
	// Works has what was found in order: "call group/solver" for a solver that is there and that cert-manager may call,
	// "secret namespace/name" for a Secret that is there, "read namespace/name" for one that certyun may read, and
	// "key namespace/name/key" for a key in one.
	Works map[string]bool
	// DNS and Provider tell whether these were looked at, so that it is no use to tell people to.
	DNS, Provider bool
	// Renewal tells whether there is a certificate that works, so that what is wrong concerns its renewal.
	Renewal bool
	// Program is how this command is called. Issuer and Certificate are what it was called for, or found on the way.
	Program             string
	Issuer, Certificate report.Object
}
