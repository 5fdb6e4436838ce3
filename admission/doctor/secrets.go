package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certyun/certyun/admission/report"
	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
)

// judgeSecrets checks the Secrets that a config names, as the solver will read them.
func (l *looker) judgeSecrets(i *issuer, w webhookSolver, keys config.Keys) {
	namespace := i.secretNamespace(l)
	var names []string
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if r.IsSet() && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	if len(names) == 0 {
		l.skipf("the credentials of %s (its solver %s names no Secret, so they are those of the solver's own environment)", i.object, w.SolverName)
		return
	}
	all := true
	for _, name := range names {
		l.readerMay(w.GroupName, namespace, name)
		secret, known := l.secret(namespace, name)
		all = all && known
		if known && secret == nil {
			l.lookElsewhere(i, namespace, name)
		}
		l.facts.Works["secret "+namespace+"/"+name] = secret != nil
	}
	if !all {
		return
	}
	read, err := l.read(namespace, keys)
	if err != nil {
		l.checkf(Problem, "%s: %s", i.object, err)
		l.sign(Sign{Kind: Said, Object: i.object, Text: err.Error()})
		return
	}
	l.checkf(OK, "%s: the Secret %s/%s has the keys of %s", i.object, namespace, strings.Join(names, " and "), w.SolverName)
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		l.facts.Works["key "+namespace+"/"+r.Name+"/"+r.Key] = true
	}
	l.padding(i, namespace, keys)
	l.swapped(i, w.SolverName, namespace, keys.Secret, read)
}

// swapped notes an access key whose ID stands in the place of its secret. Both clouds' IDs begin with letters of their own.
func (l *looker) swapped(i *issuer, solver, namespace string, secret config.Ref, keys credential.Keys) {
	begins := "LTAI"
	if solver == dnspodName {
		begins = "AKID"
	}
	if !strings.HasPrefix(keys.Secret, begins) || strings.HasPrefix(keys.ID, begins) {
		return
	}
	l.checkf(Problem, "%s: the Secret %s/%s has the access key's ID in the key %q, which is for its secret", i.object, namespace, secret.Name, secret.Key)
	l.sign(Sign{Kind: KeysSwapped, Object: i.object, Values: map[string]string{
		"secret-namespace": namespace, "secret": secret.Name, "key": secret.Key,
	}})
}

// read reads keys exactly as the solver does, and says what it would say.
func (l *looker) read(namespace string, keys config.Keys) (credential.Keys, error) {
	return credential.NewReader(seen{l}).Read(l.ctx, namespace, keys)
}

// seen implements credential.Secrets with what was read already.
type seen struct{ *looker }

// Secret implements credential.Secrets.
func (s seen) Secret(_ context.Context, namespace, name string) (*corev1.Secret, error) {
	secret, known := s.secret(namespace, name)
	switch {
	case !known:
		return nil, errNotAllowed
	case secret == nil:
		return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
	}
	return secret, nil
}

// padding warns about white space around a value. The solver drops it; kubectl and other programs do not.
func (l *looker) padding(i *issuer, namespace string, keys config.Keys) {
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if !r.IsSet() {
			continue
		}
		secret, _ := l.secret(namespace, r.Name)
		value := string(secret.Data[r.Key])
		if value == strings.TrimSpace(value) {
			continue
		}
		l.checkf(Warning, "%s: the value of the key %q in the Secret %s/%s has white space around it", i.object, r.Key, namespace, r.Name)
		l.sign(Sign{Kind: SecretPadded, State: Warning, Object: i.object, Values: map[string]string{
			"secret-namespace": namespace, "secret": r.Name, "key": r.Key,
			"why": "has white space around its value, which certyun drops and other programs may not",
		}})
	}
}

// lookElsewhere looks for a Secret of this name in the namespaces where people put it by mistake.
func (l *looker) lookElsewhere(i *issuer, namespace, name string) {
	key := namespace + "/" + name
	if _, looked := l.facts.Elsewhere[key]; looked {
		return
	}
	candidates := []string{l.controller.clusterResources, l.controller.namespace, "default", l.namespace}
	for _, reader := range l.readers {
		candidates = append(candidates, strings.Split(reader, "/")[0])
	}
	slices.Sort(candidates)
	l.facts.Elsewhere[key] = nil
	notes := len(l.notChecked)
	for _, candidate := range slices.Compact(candidates) {
		if candidate == "" || candidate == namespace {
			continue
		}
		if secret, known := l.secret(candidate, name); known && secret != nil {
			l.facts.Elsewhere[key] = append(l.facts.Elsewhere[key], candidate)
		}
	}
	l.unnoted(notes) // a guess that may not be looked at is nothing to tell
	l.sign(Sign{Kind: SecretElsewhere, Object: i.object, Values: map[string]string{
		"secret-namespace": namespace, "secret": name, "elsewhere": strings.Join(l.facts.Elsewhere[key], " and "),
	}, Text: fmt.Sprintf("the Secret %s does not exist", key)})
}

// provider asks the cloud which zones the keys of a solver open.
func (l *looker) provider(i *issuer, w webhookSolver, decoded solverConfig) {
	if !l.options.Provider || l.zones == nil || !decoded.keys.Named() {
		return
	}
	namespace := i.secretNamespace(l)
	keys, err := l.read(namespace, decoded.keys)
	if err != nil {
		l.skipf("the account of %s (its keys could not be read)", i.object)
		return
	}
	identity := w.SolverName + keys.Identity()
	zones, asked := l.accounts[identity]
	if !asked {
		zones, err = l.zones.Zones(l.ctx, w.SolverName, keys, decoded.region)
		if err != nil {
			text := fmt.Sprintf("%s: listing the zones: %v; the keys are from the Secret %s/%s", w.SolverName, err, namespace, decoded.keys.ID.Name)
			l.checkf(Problem, "%s: %s", i.object, text)
			l.sign(Sign{Kind: Said, Object: i.object, Text: text})
			return
		}
		l.accounts[identity] = zones
	}
	l.checkf(OK, "%s: the account of %s hosts %s", i.object, masked(keys.ID), listed(zones, "no zone"))
	l.judgeZones(i.object, w, keys.ID, zones)
}

// maxListed is how many names are written out.
const maxListed = 20

func listed(names []string, none string) string {
	switch {
	case len(names) == 0:
		return none
	case len(names) > maxListed:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
	return strings.Join(names, ", ")
}

// masked shows enough of an access key's public part to find it in the cloud's console.
func masked(id string) string {
	const shown = 4
	if len(id) <= 3*shown {
		return "…"
	}
	return id[:shown] + "…" + id[len(id)-shown:]
}

// judgeZones compares an account's zones with the names that shall be solved with it.
func (l *looker) judgeZones(object report.Object, w webhookSolver, id string, zones []string) {
	for _, name := range l.solved[w.GroupName+"/"+w.SolverName] {
		if encloses(zones, name) {
			continue
		}
		l.checkf(Problem, "no zone of the account of %s encloses %s", masked(id), name)
		l.sign(Sign{Kind: ZoneElsewhere, Object: object, Text: fmt.Sprintf("no zone of the account of %s encloses %s", masked(id), name), Values: map[string]string{
			"zone": name, "account": masked(id),
		}})
	}
}
