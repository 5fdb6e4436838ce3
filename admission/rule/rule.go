// Package rule knows what goes wrong with Certificates, Issuers and the annotations of Ingresses and Gateways, and says so
// before cert-manager tries.
//
// A rule is a value. It looks at one object, asks about others, and returns findings; an error means that it could not
// look. What becomes of a finding (a denial, a warning, nothing) is the Engine's business.
package rule

// Rule is one thing that can be wrong. Its identifier and its severity are API.
type Rule struct {
	// ID is what policies, annotations and documents call the rule.
	ID string
	// Severity is the most that one of its findings can be.
	Severity Severity
	// Summary says in one line what is wrong.
	Summary string
	// Why says what cert-manager or the CA would do with it, and how it is known.
	Why string
	// Remedy says what to write instead.
	Remedy string
	// Offline is for what a cluster with cert-manager refuses without us. Only files are judged by it.
	Offline bool
	// Founding is for what must be found whatever else there is to look at. These rules are asked before all others, and no clock ends
	// them, so what they do with an object must cost little and grow no faster than the object.
	Founding bool
	// Facts are the parts of the CA data on which the rule rests, as the data calls them.
	Facts []string
	// Silent is for what cert-manager passes over without a word, so that nothing else says why a certificate does not come.
	Silent bool

	// Check is what the rule does.
	Check Check
}

// The rules of package admission/schema: what a cluster refuses before any rule looks at what an object says.
const (
	// CMNoSuchKind is for a kind that no API server with cert-manager serves.
	CMNoSuchKind = "cm-no-such-kind"
	// CMUnknownField is for a field that the kind does not have.
	CMUnknownField = "cm-unknown-field"
	// CMSchema is for a value that the schema of the kind does not admit.
	CMSchema = "cm-schema"
	// CMUnreadable is for a value that the schema admits and cert-manager's webhook cannot decode.
	CMUnreadable = "cm-unreadable-value"
	// CMMetadata is for metadata that no object may have.
	CMMetadata = "cm-metadata"
	// CMSecretData is for a value of a Secret that no API server takes. Package admission/lint judges it.
	CMSecretData = "cm-secret-data"
)

// known are rules by their ids.
type known map[string]*Rule

// offline tells whether a rule is for files only.
func (k known) offline(id string) bool { return k[id] != nil && k[id].Offline }

// ofManifest tells whether a rule is about objects as they are written.
func (k known) ofManifest(id string) bool {
	if k[id] == nil {
		return false
	}
	_, is := k[id].Check.(Manifests)
	return is
}
