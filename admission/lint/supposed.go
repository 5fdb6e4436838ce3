package lint

import (
	"context"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

// supposed is a world in which some objects are filled in otherwise. It is asked by one review, and remembers what it has told of.
type supposed struct {
	evidence.World
	as   map[metav1.Object]metav1.Object
	told map[metav1.Object]bool
}

// environment is one with what is supposed over its world. Where nothing is it stays as it is.
func (s *supposed) environment(of *rule.Environment) *rule.Environment {
	if s == nil {
		return of
	}
	over := *s
	over.World = of.World
	return &rule.Environment{World: &over, Settings: of.Settings}
}

// seen is an object as it is in this world.
func seen[T metav1.Object](s *supposed, object T) T {
	s.told[object] = true
	if as, ok := s.as[object].(T); ok {
		return as
	}
	return object
}

// Issuer implements evidence.Issuers.
func (s *supposed) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer, err := s.World.Issuer(ctx, key)
	if issuer == nil {
		return nil, err
	}
	return seen(s, issuer), err
}

// KnownIssuer implements evidence.Issuers.
func (s *supposed) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return s.Issuer(ctx, key)
}

// IssuersByAccountKey implements evidence.Issuers.
func (s *supposed) IssuersByAccountKey(ctx context.Context, namespace, secretName string) ([]cmapi.GenericIssuer, error) {
	found, err := s.World.IssuersByAccountKey(ctx, namespace, secretName)
	var all []cmapi.GenericIssuer
	for _, one := range found {
		issuer := seen(s, one)
		if acme := issuer.GetSpec().ACME; acme != nil && acme.PrivateKey.Name == secretName {
			all = append(all, issuer)
		}
	}
	return all, err
}

// Certificate implements evidence.Certificates.
func (s *supposed) Certificate(ctx context.Context, namespace, name string) (*cmapi.Certificate, error) {
	crt, err := s.World.Certificate(ctx, namespace, name)
	if crt == nil {
		return nil, err
	}
	return seen(s, crt), err
}

// CertificatesBySecret implements evidence.Certificates.
func (s *supposed) CertificatesBySecret(ctx context.Context, namespace, secretName string) ([]*cmapi.Certificate, error) {
	found, err := s.World.CertificatesBySecret(ctx, namespace, secretName)
	var all []*cmapi.Certificate
	for _, one := range found {
		if crt := seen(s, one); crt.Spec.SecretName == secretName {
			all = append(all, crt)
		}
	}
	return all, err
}

// VisitCertificates implements evidence.Certificates.
func (s *supposed) VisitCertificates(ctx context.Context, index evidence.Index, key string, visit func(*cmapi.Certificate) bool) error {
	return s.World.VisitCertificates(ctx, index, key, func(one *cmapi.Certificate) bool {
		crt := seen(s, one)
		return !slices.Contains(rule.IndexKeys(crt)[index], key) || visit(crt)
	})
}

// Secret implements evidence.Secrets.
func (s *supposed) Secret(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, bool, error) {
	secret, known, err := s.World.Secret(ctx, namespace, name)
	if secret == nil {
		return nil, known, err
	}
	return seen(s, secret), known, err
}
