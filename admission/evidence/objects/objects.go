// Package objects is a world made of given objects: what a lint run reads from files, and what a test sets up.
package objects

import (
	"cmp"
	"context"
	"errors"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/certyun/certyun/admission/evidence"
)

// World implements evidence.World. It is filled first and asked afterwards; asking is safe for concurrent use.
type World struct {
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are, "" when that is not known.
	ClusterResourceNamespace string
	// These tell whether what is not in the world does not exist.
	APIServicesKnown, KindsKnown, SecretsKnown bool
	// CertificatesHidden and IssuersHidden are for what nobody was allowed to look at: a question about it is answered with ErrHidden.
	// IssuersHidden is asked about an Issuer that is not in the world; nil hides none.
	CertificatesHidden bool
	IssuersHidden      func(evidence.IssuerKey) bool

	issuers      map[evidence.IssuerKey]cmapi.GenericIssuer
	certificates map[[2]string]*cmapi.Certificate
	indexes      map[evidence.Index]map[string][]*cmapi.Certificate
	bySecret     map[[2]string][]*cmapi.Certificate
	services     map[string]*evidence.APIService
	kinds        map[schema.GroupKind]bool
	secrets      map[[2]string]*metav1.PartialObjectMetadata
	// made are Certificates that cert-manager would make for Ingresses and Gateways.
	made map[[2]string]*cmapi.Certificate
	// keys are those of Secrets, users by the names of the Secrets that they use.
	keys  map[[2]string][]string
	users map[string][]evidence.SecretUser
	index func(*cmapi.Certificate) map[evidence.Index][]string
}

var _ evidence.World = (*World)(nil)

// ErrHidden is the answer to a question about what nobody was allowed to look at.
var ErrHidden = errors.New("not allowed to look")

// New returns an empty world. Index says under which keys a Certificate is found in each index.
func New(index func(*cmapi.Certificate) map[evidence.Index][]string) *World {
	return &World{
		issuers:      map[evidence.IssuerKey]cmapi.GenericIssuer{},
		certificates: map[[2]string]*cmapi.Certificate{},
		indexes:      map[evidence.Index]map[string][]*cmapi.Certificate{},
		bySecret:     map[[2]string][]*cmapi.Certificate{},
		services:     map[string]*evidence.APIService{},
		kinds:        map[schema.GroupKind]bool{},
		secrets:      map[[2]string]*metav1.PartialObjectMetadata{},
		made:         map[[2]string]*cmapi.Certificate{},
		keys:         map[[2]string][]string{},
		users:        map[string][]evidence.SecretUser{},
		index:        index,
	}
}

// AddIssuer adds an Issuer or a ClusterIssuer.
func (w *World) AddIssuer(issuer cmapi.GenericIssuer) {
	w.issuers[evidence.IssuerKey{Namespace: issuer.GetNamespace(), Name: issuer.GetName()}] = issuer
}

// AddCertificate adds a Certificate. One that is added twice counts once.
func (w *World) AddCertificate(crt *cmapi.Certificate) {
	key := [2]string{crt.Namespace, crt.Name}
	if w.certificates[key] != nil {
		return
	}
	w.certificates[key] = crt
	w.AddDouble(crt)
}

// AddDouble adds another Certificate of a name that there is: what lists Certificates has it too.
func (w *World) AddDouble(crt *cmapi.Certificate) {
	secret := [2]string{crt.Namespace, crt.Spec.SecretName}
	w.bySecret[secret] = insert(w.bySecret[secret], crt)
	for index, keys := range w.index(crt) {
		if w.indexes[index] == nil {
			w.indexes[index] = map[string][]*cmapi.Certificate{}
		}
		for _, key := range keys {
			w.indexes[index][key] = insert(w.indexes[index][key], crt)
		}
	}
}

func insert(list []*cmapi.Certificate, crt *cmapi.Certificate) []*cmapi.Certificate {
	i, _ := slices.BinarySearchFunc(list, crt, func(a, b *cmapi.Certificate) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return slices.Insert(list, i, crt)
}

// AddAPIService adds an APIService.
func (w *World) AddAPIService(service *evidence.APIService) { w.services[service.Name] = service }

// AddKind adds a kind that a CustomResourceDefinition defines.
func (w *World) AddKind(kind schema.GroupKind) { w.kinds[kind] = true }

// AddSecret adds a Secret's metadata.
func (w *World) AddSecret(secret *metav1.PartialObjectMetadata) {
	w.secrets[[2]string{secret.Namespace, secret.Name}] = secret
}

// AddMade adds a Certificate that cert-manager would make for an object that owns it. One that is there already stays: cert-manager
// changes no other's.
func (w *World) AddMade(crt *cmapi.Certificate) {
	key := [2]string{crt.Namespace, crt.Name}
	if w.made[key] == nil {
		w.made[key] = crt
	}
}

// Unmake takes back what AddMade has added.
func (w *World) Unmake(namespace, name string) { delete(w.made, [2]string{namespace, name}) }

// AddSecretKeys adds the names of a Secret's keys. What is given twice has the keys of both.
func (w *World) AddSecretKeys(namespace, name string, keys []string) {
	at := [2]string{namespace, name}
	all := append(slices.Clone(w.keys[at]), keys...)
	slices.Sort(all)
	w.keys[at] = append([]string{}, slices.Compact(all)...)
}

// AddSecretUser adds an object that serves TLS with a Secret.
func (w *World) AddSecretUser(secretName string, user evidence.SecretUser) {
	w.users[secretName] = append(w.users[secretName], user)
}

// Issuer implements evidence.Issuers.
func (w *World) Issuer(_ context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer := w.issuers[key]
	if issuer == nil && w.hides(key) {
		return nil, ErrHidden
	}
	return issuer, nil
}

func (w *World) hides(key evidence.IssuerKey) bool {
	return w.IssuersHidden != nil && w.IssuersHidden(key)
}

// KnownIssuer implements evidence.Issuers.
func (w *World) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return w.Issuer(ctx, key)
}

// IssuersByAccountKey implements evidence.Issuers.
func (w *World) IssuersByAccountKey(_ context.Context, namespace, secretName string) ([]cmapi.GenericIssuer, error) {
	if w.hides(evidence.IssuerKey{Namespace: namespace}) || w.hides(evidence.IssuerKey{}) {
		return nil, ErrHidden
	}
	var found []cmapi.GenericIssuer
	for _, issuer := range w.issuers {
		if w.HasAccountKey(issuer, namespace, secretName) {
			found = append(found, issuer)
		}
	}
	slices.SortFunc(found, evidence.CompareIssuers)
	return found, nil
}

// HasAccountKey tells whether an Issuer's account key is in this Secret.
func (w *World) HasAccountKey(issuer cmapi.GenericIssuer, namespace, secretName string) bool {
	ns := issuer.GetNamespace()
	if ns == "" {
		ns = w.ClusterResourceNamespace
	}
	acme := issuer.GetSpec().ACME
	return acme != nil && ns == namespace && acme.PrivateKey.Name == secretName
}

// IssuersBeside implements evidence.Issuers.
func (w *World) IssuersBeside(_ context.Context, namespace string) ([]evidence.IssuerKey, error) {
	var keys []evidence.IssuerKey
	for key := range w.issuers {
		if key.Namespace == "" || key.Namespace == namespace {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, evidence.IssuerKey.Compare)
	return keys, nil
}

// Certificate implements evidence.Certificates.
func (w *World) Certificate(_ context.Context, namespace, name string) (*cmapi.Certificate, error) {
	if crt := w.certificates[[2]string{namespace, name}]; crt != nil {
		return crt, nil
	}
	return w.made[[2]string{namespace, name}], nil
}

// CertificatesBySecret implements evidence.Certificates.
func (w *World) CertificatesBySecret(_ context.Context, namespace, secretName string) ([]*cmapi.Certificate, error) {
	if w.CertificatesHidden {
		return nil, ErrHidden
	}
	return w.bySecret[[2]string{namespace, secretName}], nil
}

// VisitCertificates implements evidence.Certificates.
func (w *World) VisitCertificates(_ context.Context, index evidence.Index, key string, visit func(*cmapi.Certificate) bool) error {
	if w.CertificatesHidden {
		return ErrHidden
	}
	for _, crt := range w.indexes[index][key] {
		if !visit(crt) {
			return nil
		}
	}
	return nil
}

// APIService implements evidence.Services.
func (w *World) APIService(_ context.Context, name string) (*evidence.APIService, bool, error) {
	service := w.services[name]
	return service, service != nil || w.APIServicesKnown, nil
}

// KindServed implements evidence.Services.
func (w *World) KindServed(_ context.Context, group, kind string) (served, known bool, err error) {
	served = w.kinds[schema.GroupKind{Group: group, Kind: kind}]
	return served, served || w.KindsKnown, nil
}

// Secret implements evidence.Secrets.
func (w *World) Secret(_ context.Context, namespace, name string) (*metav1.PartialObjectMetadata, bool, error) {
	secret := w.secrets[[2]string{namespace, name}]
	return secret, secret != nil || w.SecretsKnown, nil
}

// SecretKeys implements evidence.Secrets.
func (w *World) SecretKeys(_ context.Context, namespace, name string) (keys []string, known bool, err error) {
	keys, known = w.keys[[2]string{namespace, name}]
	return keys, known, nil
}

// SecretUsers implements evidence.Secrets.
func (w *World) SecretUsers(_ context.Context, namespace, secretName string) ([]evidence.SecretUser, error) {
	var found []evidence.SecretUser
	for _, user := range w.users[secretName] {
		if user.Namespace != namespace && !w.writes(user.Namespace, secretName) {
			found = append(found, user)
		}
	}
	return found, nil
}

// writes tells whether there is something in a namespace that writes a Secret, or the Secret itself.
func (w *World) writes(namespace, secretName string) bool {
	at := [2]string{namespace, secretName}
	return w.secrets[at] != nil || len(w.bySecret[at]) > 0 || w.made[at] != nil
}
