package credential

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/certyun/certyun/solvers/config"
	"github.com/certyun/certyun/solvers/fault"
)

// Secrets reads Secrets as they are now, from the API server and not from a cache: a rotated key works at once.
type Secrets interface {
	// Secret returns one Secret, or the API server's error. It may be called concurrently.
	Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// Reader turns references to Secrets into keys.
type Reader struct {
	secrets Secrets
}

// NewReader returns a Reader.
func NewReader(secrets Secrets) *Reader { return &Reader{secrets: secrets} }

// Read returns the keys that the references name, all from the given namespace. White space around a value is
// dropped: a trailing newline is the most frequent mistake in a Secret. Each Secret is read once.
//
// The fault is CredentialGone only when a Secret or a key in it does not exist.
func (r *Reader) Read(ctx context.Context, namespace string, refs config.Keys) (Keys, error) {
	secrets := map[string]*corev1.Secret{}
	var values [3]string
	for i, ref := range []config.Ref{refs.ID, refs.Secret, refs.Token} {
		if !ref.IsSet() {
			continue
		}
		if secrets[ref.Name] == nil {
			secret, err := r.secrets.Secret(ctx, namespace, ref.Name)
			if err != nil {
				return Keys{}, unreadable(err, namespace, ref.Name)
			}
			secrets[ref.Name] = secret
		}
		value, err := valueOf(secrets[ref.Name], namespace, ref)
		if err != nil {
			return Keys{}, err
		}
		values[i] = value
	}
	return Keys{ID: values[0], Secret: values[1], Token: values[2]}, nil
}

func unreadable(err error, namespace, name string) error {
	secret := fmt.Sprintf("the Secret %s/%s", namespace, name)
	switch {
	case apierrors.IsNotFound(err):
		return &fault.Error{
			Kind: fault.CredentialGone, Reason: secret + " does not exist", Cause: err,
			Remedy: "create it in the namespace of the Issuer (for a ClusterIssuer: the cluster resource namespace, cert-manager's own by default)",
		}
	case apierrors.IsForbidden(err):
		return &fault.Error{
			Kind: fault.Denied, Reason: "certyun is not allowed to read " + secret, Cause: err,
			Remedy: fmt.Sprintf("add %s to the chart's value secrets.namespaces (and the Secret to secrets.resourceNames, if that is set)", namespace),
		}
	}
	// The API server's text may hold addresses and times, so it is not passed on.
	return &fault.Error{Kind: fault.Transient, Reason: secret + " could not be read from the Kubernetes API server", Cause: err}
}

func valueOf(secret *corev1.Secret, namespace string, ref config.Ref) (string, error) {
	raw, ok := secret.Data[ref.Key]
	if !ok {
		return "", &fault.Error{
			Kind:   fault.CredentialGone,
			Reason: fmt.Sprintf("the Secret %s/%s has no key %q", namespace, ref.Name, ref.Key),
			Remedy: "add it, or name another key in the Issuer",
		}
	}
	value := strings.TrimSpace(string(raw))
	switch {
	case value == "":
		return "", badValue(namespace, ref, "is empty")
	case strings.ContainsFunc(value, notInKey):
		return "", badValue(namespace, ref, "has white space or another character inside that no access key has")
	}
	return value, nil
}

func badValue(namespace string, ref config.Ref, what string) error {
	return &fault.Error{
		Kind:   fault.Misconfigured,
		Reason: fmt.Sprintf("the value of the key %q in the Secret %s/%s %s", ref.Key, namespace, ref.Name, what),
		Remedy: "write the access key there as the cloud's console shows it",
	}
}

// notInKey finds what can stand in no access key or token of either cloud: all of theirs are visible ASCII.
func notInKey(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsGraphic(r) || unicode.IsSpace(r)
}
