package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/credential"
)

// judgeSecrets checks the Secrets that a config names, as the solver will read them.
func (i *issuer) judgeSecrets(w webhookSolver, decoded config.Solver) {
	namespace, keys := i.secretNamespace(), decoded.Keys
	var names []string
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if r.IsSet() && !slices.Contains(names, r.Name) {
			names = append(names, r.Name)
		}
	}
	group, all, unseen := i.solvers.of(w.GroupName), true, false
	for _, name := range names {
		group.mayRead(namespace, name)
		secret, known := i.secret(namespace, name)
		all, unseen = all && secret != nil, unseen || !known
		if known && secret == nil {
			i.lookElsewhere(group, namespace, name)
		}
		if secret != nil {
			i.works = append(i.works, "secret "+namespace+"/"+name)
		}
	}
	identity := fmt.Sprintf("the keys in the Secret %s/%s", namespace, strings.Join(names, " and the Secret "+namespace+"/"))
	if decoded.Role.ARN != "" {
		identity += ", then the role " + decoded.Role.ARN
	}
	if unseen {
		i.checkf(OK, "%s: %s acts with %s", i.object, w.SolverName, identity)
	}
	if !all {
		return
	}
	read, err := i.read(namespace, keys)
	if err != nil {
		i.complaint(i.object, err.Error(), nil)
		return
	}
	i.checkf(OK, "%s: %s acts with %s", i.object, w.SolverName, identity)
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		i.works = append(i.works, "key "+namespace+"/"+r.Name+"/"+r.Key)
	}
	i.padding(namespace, keys)
	i.swapped(w.SolverName, namespace, keys.Secret, read)
}

// swapped notes an access key whose ID stands in the place of its secret. Both clouds' IDs begin with letters of their own.
func (i *issuer) swapped(solver, namespace string, secret config.Ref, keys credential.Keys) {
	begins := "LTAI"
	if solver == dnspodName {
		begins = "AKID"
	}
	if !strings.HasPrefix(keys.Secret, begins) || strings.HasPrefix(keys.ID, begins) {
		return
	}
	i.problem("access-key-swapped", i.object,
		fmt.Sprintf("the Secret %s/%s has the access key's ID in the key %q, which is for its secret", namespace, secret.Name, secret.Key),
		map[string]string{"secret-namespace": namespace, "secret": secret.Name, "key": secret.Key})
}

// read reads keys exactly as the solver does, and says what it would say.
func (i *issuer) read(namespace string, keys config.Keys) (credential.Keys, error) {
	return credential.NewReader(seen{i.reader}).Read(i.ctx, namespace, keys)
}

// seen implements credential.Secrets with what was read already.
type seen struct{ *reader }

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
func (i *issuer) padding(namespace string, keys config.Keys) {
	for _, r := range []config.Ref{keys.ID, keys.Secret, keys.Token} {
		if !r.IsSet() {
			continue
		}
		secret, _ := i.secret(namespace, r.Name)
		value := string(secret.Data[r.Key])
		if value == strings.TrimSpace(value) {
			continue
		}
		i.warning("secret-key-wrong", i.object, fmt.Sprintf("the value of the key %q in the Secret %s/%s has white space around it", r.Key, namespace, r.Name),
			map[string]string{
				"secret-namespace": namespace, "secret": r.Name, "key": r.Key,
				"why": "has white space around its value, which certyun drops and other programs may not",
			})
	}
}

// lookElsewhere looks for a Secret of this name in the namespaces where people put it by mistake.
func (i *issuer) lookElsewhere(group *solver, namespace, name string) {
	candidates := []string{i.controller.clusterResources, i.controller.namespace, "default", i.namespace, strings.Split(group.account, "/")[0]}
	slices.Sort(candidates)
	var elsewhere []string
	notes := len(i.notChecked)
	for _, candidate := range slices.Compact(candidates) {
		if candidate == "" || candidate == namespace {
			continue
		}
		if secret, known := i.secret(candidate, name); known && secret != nil {
			elsewhere = append(elsewhere, candidate)
		}
	}
	i.unnoted(notes) // a guess that may not be looked at is nothing to tell
	cause := "secret-missing"
	if len(elsewhere) > 0 {
		cause = "secret-in-wrong-namespace"
	}
	i.problem(cause, i.object, fmt.Sprintf("the Secret %s/%s does not exist", namespace, name),
		map[string]string{"secret-namespace": namespace, "secret": name, "elsewhere": strings.Join(elsewhere, " and ")})
}
