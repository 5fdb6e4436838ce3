package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/admission/rule"
)

// placed is a finding, with what decides whether it has to be said.
type placed struct {
	report.Finding
	follows *rule.Follows
	missing *rule.Missing
}

// quieten leaves out what says nothing new: what only follows from an Issuer that is denied itself, and, of what says that something is
// not given, all but the first.
func (l *linter) quieten(results []judged) {
	denied := l.deniedIssuers(results)
	for i := range results {
		results[i].findings = slices.DeleteFunc(results[i].findings, func(f placed) bool {
			return f.follows != nil && denied[f.follows.Issuer].explains(f.follows.Field)
		})
	}
	if !l.eachMissing {
		foldMissing(results)
	}
}

// deniedIssuer is an Issuer that a cluster would refuse, and the fields for which.
type deniedIssuer struct {
	fields []string
	// solvers tells whether it has any; unread says that it could not be read at all.
	solvers, unread bool
	// unknown says that it has fields which there are not: they may have been meant for any.
	unknown bool
}

func (l *linter) deniedIssuers(results []judged) map[evidence.IssuerKey]*deniedIssuer {
	all := map[evidence.IssuerKey]*deniedIssuer{}
	for i, m := range l.given {
		key, is := m.issuerKey()
		if !is {
			continue
		}
		d := &deniedIssuer{unread: m.typed == nil || m.err != nil || m.object.APIVersion != m.apiVersion}
		if issuer, ok := m.typed.(cmapi.GenericIssuer); ok && issuer.GetSpec().ACME != nil {
			d.solvers = len(issuer.GetSpec().ACME.Solvers) > 0
		}
		for _, f := range results[i].findings {
			if f.Severity == rule.Deny {
				d.fields = append(d.fields, f.Field)
				d.unknown = d.unknown || f.Rule == rule.CMUnknownField
			}
		}
		if len(d.fields) > 0 {
			all[key] = d
		}
	}
	return all
}

// issuerKey is what Certificates would call the object if it were the Issuer that it was meant to be.
func (m *manifest) issuerKey() (key evidence.IssuerKey, is bool) {
	switch strings.TrimSuffix(strings.ToLower(m.object.Kind), "s") {
	case "issuer":
		return evidence.IssuerKey{Namespace: m.object.Namespace, Name: m.object.Name}, true
	case "clusterissuer":
		return evidence.IssuerKey{Name: m.object.Name}, true
	}
	return key, false
}

// explains tells whether the mistakes in an Issuer leave nothing to say of what follows from one of its fields.
func (d *deniedIssuer) explains(field string) bool {
	if d == nil {
		return false
	}
	if d.unread || d.unknown && !d.solvers && field == solversField {
		return true
	}
	return slices.ContainsFunc(d.fields, func(wrong string) bool {
		if field == solversField && provider.MatchString(wrong) {
			return false
		}
		return wrong == "spec" || field != "spec" && (within(wrong, field) || within(field, wrong))
	})
}

// solversField is what findings about solvers follow from.
const solversField = "spec.acme.solvers"

// provider is a path to how a solver does its work, which does not decide for which names it is.
var provider = regexp.MustCompile(`^spec\.acme\.solvers\[\d+\]\.(?:dns01|http01)\.`)

// within tells whether a path is another one, or leads further.
func within(path, other string) bool {
	rest, found := strings.CutPrefix(path, other)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// foldMissing leaves of what says that an object is not given the first, and says how many objects it is about.
func foldMissing(results []judged) {
	first, count := map[string]*placed{}, map[string]int{}
	for i := range results {
		kept, said := results[i].findings[:0:0], map[string]bool{}
		for _, f := range results[i].findings {
			if f.missing != nil {
				said[f.missing.Title+f.missing.Where] = true
			}
			if f.missing == nil || first[f.missing.Title+f.missing.Where] == nil {
				kept = append(kept, f)
			}
		}
		results[i].findings = kept
		for j := range kept {
			if m := kept[j].missing; m != nil && first[m.Title+m.Where] == nil {
				first[m.Title+m.Where] = &kept[j]
			}
		}
		for key := range said {
			count[key]++
		}
	}
	for key, f := range first {
		f.notGiven(count[key])
	}
}

// notGiven says that an object is missing to so many others.
func (f *placed) notGiven(count int) {
	refer := "1 object refers to it"
	if count > 1 {
		refer = fmt.Sprintf("%d objects refer to it", count)
	}
	f.Message = fmt.Sprintf("%s is not given%s; %s%s", f.missing.Title, f.missing.Where, refer, f.missing.Hint)
	if f.missing.Hint == "" {
		f.Remedy = "Name its directory with --context, or look into the cluster with --cluster"
	}
}
