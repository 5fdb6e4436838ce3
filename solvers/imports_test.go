package solvers_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/certyun/certyun"

// TestImports holds the rule of who may import whom. It looks through imports of imports, and leaves out tests, which
// may import what they like.
func TestImports(t *testing.T) {
	foundation := []string{"solvers/dnsname", "solvers/config", "solvers/fault"}
	account := append(slices.Clone(foundation), "solvers/credential", "solvers/quota", "solvers/wire", "solvers/provider")
	allowed := map[string][]string{
		"solvers/dnsname":     {},
		"solvers/config":      {},
		"solvers/fault":       {},
		"solvers/credential":  foundation,
		"solvers/quota":       foundation,
		"solvers/wire":        foundation,
		"solvers/provider":    append(slices.Clone(foundation), "solvers/quota"),
		"solvers/propagation": foundation,
		"solvers/ahead":       foundation,
		"solvers/alidns":      account,
		"solvers/dnspod":      account,
	}
	certManager := []string{"admission/rule/csr", "admission/rule/choice", "admission/rule/shim"}
	rules := slices.Concat(foundation, []string{"admission/document", "admission/ca", "admission/evidence", "admission/words", "admission/rule/fieldpath"},
		certManager, []string{"admission/rule"})
	families := []string{"admission/rule/certificate", "admission/rule/issuer", "admission/rule/annotated", "admission/rule/offline"}
	catalogue := slices.Concat(rules, families, []string{"admission/report", "admission/rule/cases"})
	all := append(slices.Clone(catalogue), "admission/catalogue")
	allowed["admission/document"] = nil
	allowed["admission/ca"] = append(slices.Clone(foundation), "admission/document")
	allowed["admission/evidence"] = foundation
	allowed["admission/evidence/objects"] = []string{"admission/evidence"}
	allowed["admission/evidence/cluster"] = []string{"admission/evidence"}
	allowed["admission/words"] = nil
	allowed["admission/placeholder"] = nil
	allowed["admission/rule/fieldpath"] = nil
	for _, name := range certManager {
		allowed[name] = []string{"admission/words", "admission/rule/fieldpath", "admission/rule/csr"}
	}
	allowed["admission/rule"] = rules
	for _, name := range families {
		allowed[name] = rules
	}
	allowed["admission/rule/cases"] = nil
	allowed["admission/schema"] = rules
	allowed["admission/report"] = rules
	allowed["admission/catalogue"] = catalogue
	allowed["admission/policy"] = rules
	allowed["admission"] = append(slices.Clone(all), "admission/evidence/cluster", "admission/policy")
	// The doctor reads Secrets, asks the clouds and looks at the DNS as the solver does.
	allowed["admission/doctor"] = slices.Concat(all, []string{
		"admission/evidence/objects", "admission/policy", "solvers/credential", "solvers/quota", "solvers/wire", "solvers/provider",
		"solvers/propagation", "solvers/alidns", "solvers/alidns/internal/quiet", "solvers/dnspod",
	})
	allowed["admission/lint"] = append(slices.Clone(all), "admission/evidence/cluster", "admission/evidence/objects",
		"admission/placeholder", "admission/policy", "admission/schema")
	packages := list(t)
	for name := range allowed {
		if _, found := packages[name]; !found {
			t.Errorf("there is no package %s", name)
		}
	}
	for name, imports := range packages {
		for _, imported := range imports {
			own := strings.HasPrefix(imported, name+"/internal/")
			if others, bound := allowed[name]; bound && !own && !slices.Contains(others, imported) {
				t.Errorf("%s must not depend on %s", name, imported)
			}
			if simulates(imported) && !simulates(name) {
				t.Errorf("%s must not depend on %s: only tests and the local cluster may", name, imported)
			}
		}
	}
}

func simulates(name string) bool {
	return name == "solvers/providertest" || name == "solvers/simulator" || strings.HasPrefix(name, "solvers/simulator/")
}

// list returns the module's packages, each with the packages of this module that it depends on.
func list(t *testing.T) map[string][]string {
	t.Helper()
	const format = `{{.ImportPath}}{{range .Deps}} {{.}}{{end}}`
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", format, module+"/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		var ours []string
		for _, dependency := range fields[1:] {
			if name, found := strings.CutPrefix(dependency, module+"/"); found {
				ours = append(ours, name)
			}
		}
		packages[strings.TrimPrefix(fields[0], module+"/")] = ours
	}
	return packages
}
