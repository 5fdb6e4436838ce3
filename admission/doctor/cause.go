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
// Sentence, Next and Fix have words in braces, like {secret}, for which the values of a sign stand. {object} is the object that
// showed it, {resource}, {object-name} and {in} are how kubectl calls it, {said} is what was said, {certyun} is this program, and
// {issuer-args} and {certificate-args} are its arguments for the objects in question.
type Cause struct {
	ID string
	// Title says in one line what is wrong.
	Title string
	// Shows are the words by which people meet it, for the document.
	Shows []string
	// Recognise tells whether a sign comes from this cause, and with which values beside those of the sign.
	Recognise func(*Facts, Sign) (values map[string]string, ok bool)
	// Sentence says what is wrong here.
	Sentence string
	// Next is the next command to run. Where that is a look that was just taken, it is kubectl describe.
	Next string
	// Fix says what to do about it.
	Fix string
}

// troubleshooting is the document that is made of the table.
const troubleshooting = "docs/troubleshooting.md"

// Unknown is the cause of what no other recognises.
func Unknown() Cause {
	return Cause{
		ID: "unknown", Title: "Something that certyun does not recognise",
		Shows:     []string{"anything that stands nowhere else on this page"},
		Recognise: func(*Facts, Sign) (map[string]string, bool) { return nil, true },
		Sentence:  "{object} does not go on. What it says about that is quoted here; certyun knows no more.",
		Next:      "kubectl describe {resource} {object-name}{in}",
		Fix: "Read what the object says, then the events that the command shows, then the log of who works on it: " +
			"`kubectl logs -n {cert-manager} deploy/cert-manager` for cert-manager, and the log of the solver's Pods for a Challenge.",
	}
}

// recognise finds a cause for every sign. Signs are in the order in which they were found, and so are the causes.
func recognise(table []Cause, f *Facts) (causes, warnings []Finding, waiting bool) {
	seen := map[string]bool{}
	for _, s := range f.Signs {
		if s.State == Waiting {
			waiting = true
			continue
		}
		if explained(f, s) {
			continue
		}
		finding, key := name(table, f, s)
		if seen[key] {
			continue
		}
		seen[key] = true
		if s.State == Warning {
			warnings = append(warnings, finding)
		} else {
			causes = append(causes, finding)
		}
	}
	return causes, warnings, waiting
}

// name finds the first cause that recognises a sign. The key is the same for signs that say the same.
func name(table []Cause, f *Facts, s Sign) (finding Finding, key string) {
	for _, cause := range append(slices.Clip(table), Unknown()) {
		more, ok := cause.Recognise(f, s)
		if !ok {
			continue
		}
		values := with(s.Values)
		maps.Copy(values, more)
		key = cause.ID + "\n" + fill(cause.Sentence, values)
		if cause.ID == Unknown().ID || s.Kind == ControllerDown || s.Kind == Lingering {
			key += s.Object.String() + s.Text
		}
		values["object"], values["object-name"], values["said"] = s.Object.String(), s.Object.Name, s.Text
		values["resource"], values["in"] = resourceName(s.Object), flagOf(s.Object)
		values["cert-manager"], values["certyun-namespace"] = f.namespaces()
		values["caller"] = cmp.Or(values["caller"], f.Caller, defaultNamespace+"/"+defaultServiceAccount)
		values["issuer-namespace"] = cmp.Or(s.Object.Namespace, f.ClusterResourceNamespace, defaultNamespace)
		values["certyun"], values["issuer-args"], values["certificate-args"] = f.commands(s.Object)
		return Finding{
			Cause: cause.ID, Title: cause.Title, Object: s.Object, Quote: quoted(s),
			Sentence: ended(fill(cause.Sentence, values)), Next: fill(f.next(cause), values), Fix: ended(fill(cause.Fix, values)),
			Docs: troubleshooting + "#" + cause.ID,
		}, key
	}
	return finding, key
}

// describe shows an object with its events.
const describe = "kubectl describe {resource} {object-name}{in}"

// next is what to run next.
func (f *Facts) next(cause Cause) string {
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

// quoted is what somebody else said. What was seen by looking is in the sentence.
func quoted(s Sign) string {
	if slices.Contains([]Kind{Said, APIServiceUnavailable, NoSolverMatches, RequestDenied, Queued}, s.Kind) {
		return s.Text
	}
	return ""
}

// explained tells whether another sign says why this one is there: cert-manager says of a solver that is away only that it is.
func explained(f *Facts, s Sign) bool {
	certificates := []Kind{BundleWrong, ServingExpired, ServingEarly, ServingNamed}
	roots := append([]Kind{SolverDown, APIServiceUnavailable}, certificates...)
	switch s.Kind {
	case Said:
		away := s.says(unavailable) && slices.ContainsFunc(roots, func(k Kind) bool { return f.has(k, isProblem) })
		swapped := s.says(unknownKeys()...) && f.has(KeysSwapped, isProblem)
		return away || swapped || f.uninstalled(s) || s.says(issuerUnready) && slices.ContainsFunc(f.Signs, func(o Sign) bool { return isProblem(o) && isIssuer(o.Object) })
	case Silent:
		return f.has(ControllerDown, isProblem) || f.has(ControllerDenied, isProblem) || f.has(RuleBroken, isProblem) || f.has(ObjectMissing, isProblem) ||
			f.has(DefinitionsMissing, isProblem) || f.has(Said, func(o Sign) bool { return o.says(failedCalling) })
	case GroupNotServed:
		return f.uninstalled(s)
	case APIServiceUnavailable:
		return s.says("x509:", "tls:", "certificate") && slices.ContainsFunc(certificates, func(k Kind) bool {
			return f.has(k, func(other Sign) bool { return other.Object == s.Object && isProblem(other) })
		})
	default:
		return false
	}
}

// uninstalled tells whether a sign says of a group that nobody serves it, where another says that certyun is not there at all.
func (f *Facts) uninstalled(s Sign) bool {
	return f.has(APIServiceMissing, func(missing Sign) bool {
		group := missing.Values["group"]
		return s.Kind == GroupNotServed && s.Values["group"] == group || s.Kind == Said && s.says("."+group, `"`+group+`"`)
	})
}

// issuerUnready is what cert-manager says of a CertificateRequest whose Issuer is not ready or not there. The Issuer says why.
const issuerUnready = "Referenced "

func isIssuer(object report.Object) bool { return strings.HasSuffix(object.Kind, "Issuer") }

// leastSpecific is for signs that only say that something does not go on.
const leastSpecific = 3

// specific tells how much a sign of a Certificate's own objects says about what keeps it: less is more.
func specific(table []Cause, f *Facts, s Sign) int {
	own := slices.Contains([]string{"Certificate", "CertificateRequest", "Order", "Challenge"}, s.Object.Kind)
	found, _ := name(table, f, s)
	switch {
	case slices.Contains([]string{"unknown", "nothing-happens", "challenge-queued"}, found.Cause):
		return leastSpecific
	case s.Kind == Said && slices.Contains([]string{"record-not-visible", "dns-closed", "validation-failed"}, found.Cause):
		return 2 // which has many causes of its own
	case s.stopsAll():
		return -1 // without which nothing else matters
	case own && s.Kind != Unanswered && s.Kind != RecordUnseen && s.Kind != Forbidden && s.Kind != LeftOver:
		return 0
	}
	return 1
}

// stopsAll tells whether a sign says why cert-manager does nothing at all.
func (s Sign) stopsAll() bool {
	return s.Kind == ControllerDown || s.Kind == ControllerDenied || s.Kind == Said && s.says(failedCalling)
}

func isProblem(s Sign) bool { return s.State == Problem || s.State == "" }

// resourceName is how kubectl is told of a kind: by its group too, where others have a kind of the same name.
func resourceName(object report.Object) string {
	group, _, grouped := strings.Cut(object.APIVersion, "/")
	name := strings.ToLower(object.Kind)
	if grouped && strings.HasSuffix(group, "cert-manager.io") {
		return name + "s." + group
	}
	return name
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

func argsFor(object report.Object) string {
	if object.Kind == "ClusterIssuer" {
		return object.Name + " --kind ClusterIssuer"
	}
	return object.Name + flagOf(object)
}

var placeholder = regexp.MustCompile(`\{[a-z-]+\}`)

// fill puts values into a sentence. What has no value stays visible as <name>.
func fill(sentence string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(sentence, func(word string) string {
		name := word[1 : len(word)-1]
		if value, ok := values[name]; ok {
			return value
		}
		return fmt.Sprintf("<%s>", name)
	})
}
