// Package evidence says what a rule may ask about other objects. A cluster's informers answer it for the admission server,
// and files answer it offline.
//
// All answers are shared and must not be changed. An error means that nobody could look; it never means "not there". No
// answer holds the data of a Secret.
package evidence

import (
	"cmp"
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"strings"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// World is everything that can be asked. All methods may be called concurrently.
type World interface {
	Issuers
	Certificates
	Services
	Secrets
}

// IssuerKey names an Issuer or, with an empty namespace, a ClusterIssuer.
type IssuerKey struct {
	Namespace string
	Name      string
}

// Issuers answers about Issuers and ClusterIssuers.
type Issuers interface {
	// Issuer returns the Issuer or ClusterIssuer, nil when there is none. Before it says so it has looked at the live
	// state, not only at a cache.
	Issuer(ctx context.Context, key IssuerKey) (cmapi.GenericIssuer, error)
	// KnownIssuer is Issuer for what may be a moment out of date: it looks no further than what is at hand.
	KnownIssuer(ctx context.Context, key IssuerKey) (cmapi.GenericIssuer, error)
	// IssuersByAccountKey returns the ACME Issuers of a namespace whose account key is in the Secret of this name, and
	// the ClusterIssuers too when the namespace is the cluster resource namespace. In order of kind and name.
	IssuersByAccountKey(ctx context.Context, namespace, secretName string) ([]cmapi.GenericIssuer, error)
	// IssuersBeside returns the keys of what is at hand and may be told to whoever writes into a namespace: its Issuers and all
	// ClusterIssuers at least, those of other namespaces only where they are no secret. In order of namespace and name.
	IssuersBeside(ctx context.Context, namespace string) ([]IssuerKey, error)
}

// Compare is the order of keys: by namespace, so that ClusterIssuers come first, and then by name.
func (k IssuerKey) Compare(other IssuerKey) int {
	return cmp.Or(cmp.Compare(k.Namespace, other.Namespace), cmp.Compare(k.Name, other.Name))
}

// CompareIssuers is the order in which a World lists Issuers: by namespace, so that Issuers come before ClusterIssuers, which
// have none, and then by name.
func CompareIssuers(a, b cmapi.GenericIssuer) int {
	return cmp.Or(-cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// Certificates answers about Certificates through indexes: no answer costs more for the objects that it does not hold.
type Certificates interface {
	// Certificate returns one Certificate, nil when there is none.
	Certificate(ctx context.Context, namespace, name string) (*cmapi.Certificate, error)
	// CertificatesBySecret returns the Certificates of a namespace that write the Secret of this name, in order of name.
	CertificatesBySecret(ctx context.Context, namespace, secretName string) ([]*cmapi.Certificate, error)
	// VisitCertificates calls visit with each Certificate that the index has under this key, in order of namespace and
	// name, until visit returns false.
	VisitCertificates(ctx context.Context, index Index, key string, visit func(*cmapi.Certificate) bool) error
}

// Index is a way to look Certificates up.
type Index string

const (
	// ByIssuer has Certificates under IssuerKey.String of what they refer to.
	ByIssuer Index = "issuer"
	// ByNames has Certificates under NamesKey of all their names.
	ByNames Index = "names"
	// BySecretName has Certificates under the name of the Secret that they write, in whatever namespace.
	BySecretName Index = "secretName"
	// ByDomain has Certificates under each registrable domain of their names (see package ca).
	ByDomain Index = "domain"
)

// String is the key of the index ByIssuer: "namespace/name", "/name" for a ClusterIssuer.
func (k IssuerKey) String() string { return k.Namespace + "/" + k.Name }

// MaxNames is how many names of a Certificate a World need know. One that has as many may have more, so it is under no NamesKey, and
// what is said of its names is said of the first.
const MaxNames = 1000

// NamesKey is the key of the index ByNames: a digest of the set of names, whatever their order, case or repetition.
func NamesKey(names []string) string {
	sorted := make([]string, 0, len(names))
	for _, name := range names {
		sorted = append(sorted, strings.ToLower(name))
	}
	slices.Sort(sorted)
	digest := sha256.New()
	for _, name := range slices.Compact(sorted) {
		_, _ = io.WriteString(digest, name+"\x00")
	}
	return string(digest.Sum(nil))
}

// Services answers about what the API server serves.
type Services interface {
	// APIService returns what is known of an APIService, nil when there is none. Where that cannot be known, known is false
	// and nothing must be said.
	APIService(ctx context.Context, name string) (service *APIService, known bool, err error)
	// KindServed tells whether a custom resource of this kind is defined in the group. Where that cannot be known, known
	// is false.
	KindServed(ctx context.Context, group, kind string) (served, known bool, err error)
}

// APIService is the part of an APIService that rules read.
type APIService struct {
	Name      string
	Available bool
	// Certyun is set for one of certyun's own, be it of another release.
	Certyun *Installation
	// Resources are the resources that it serves, nil when that is not known.
	Resources []string
}

// Installation is what one of certyun's own APIServices says of the solvers behind it.
type Installation struct {
	// Waits tells whether they wait until records are visible.
	Waits bool
}

// PartOfLabel has the value PartOf at all that certyun's chart installs.
const (
	PartOfLabel = "app.kubernetes.io/part-of"
	PartOf      = "certyun"
)

// waitsAnnotation is what the chart writes at an APIService whose solvers do not wait.
const waitsAnnotation = "certyun.internal/solver-waits"

// InstallationOf reads the marks of an APIService, nil where it is not certyun's.
func InstallationOf(service metav1.Object) *Installation {
	if service.GetLabels()[PartOfLabel] != PartOf {
		return nil
	}
	return &Installation{Waits: service.GetAnnotations()[waitsAnnotation] != "false"}
}

// Secrets answers about the metadata of Secrets, where somebody has allowed that.
type Secrets interface {
	// Secret returns a Secret's metadata, nil when there is none. Where looking is not allowed, known is false and nothing
	// must be said.
	Secret(ctx context.Context, namespace, name string) (secret *metav1.PartialObjectMetadata, known bool, err error)
	// SecretKeys returns the names of the keys of a Secret whose manifest was given. In a cluster nobody looks into Secrets, and known
	// is always false.
	SecretKeys(ctx context.Context, namespace, name string) (keys []string, known bool, err error)
	// SecretUsers returns the Ingresses and Gateways of other namespaces whose manifests were given, that serve TLS with a Secret of
	// this name in their own namespace, where nothing that was given writes it. In a cluster there are none.
	SecretUsers(ctx context.Context, namespace, secretName string) ([]SecretUser, error)
}

// SecretUser is an object that serves TLS for hosts with a Secret of its own namespace.
type SecretUser struct {
	Kind, Namespace, Name string
	Hosts                 []string
}
