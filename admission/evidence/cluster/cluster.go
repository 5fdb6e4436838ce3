// Package cluster is the world as a cluster's API server shows it, through informers and indexes.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/evidence"
)

// liveTimeout bounds a look past the cache. A review has a second for everything.
const liveTimeout = 300 * time.Millisecond

// Options say what may be looked at.
type Options struct {
	// ClusterResourceNamespace is where ClusterIssuers' Secrets are, "" when that is not known.
	ClusterResourceNamespace string
	// SecretNamespaces are the namespaces whose Secrets' metadata may be read. Whoever may read the metadata of a Secret
	// may read the Secret, so there are none unless an operator says so.
	SecretNamespaces []string
	// Index says under which keys a Certificate is found in each index.
	Index func(*cmapi.Certificate) map[evidence.Index][]string
}

// World implements evidence.World over a cache.
type World struct {
	options      Options
	cache        client.Reader
	live         client.Reader
	certificates *directory
	synced       []func() bool
}

var _ evidence.World = (*World)(nil)

// NewScheme returns the types that the world is made of.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(cmapi.AddToScheme(scheme))
	utilruntime.Must(apiregistrationv1.AddToScheme(scheme))
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	return scheme
}

// metadata is for objects of which no more is read.
func metadata(gvk schema.GroupVersionKind) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(gvk)
	return m
}

func secretMeta() *metav1.PartialObjectMetadata {
	return metadata(corev1.SchemeGroupVersion.WithKind("Secret"))
}

func crdMeta() *metav1.PartialObjectMetadata {
	return metadata(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
}

// CacheOptions returns the settings of the cache: which objects it holds, and how little of each.
func (o Options) CacheOptions() cache.Options {
	options := cache.Options{
		// A stray read of another kind must not begin to watch all of the cluster.
		ReaderFailOnMissingInformer: true,
		// Reviews change nothing.
		DefaultUnsafeDisableDeepCopy: new(true),
		DefaultTransform:             slim,
		NewInformer:                  newInformer,
	}
	if len(o.SecretNamespaces) > 0 {
		namespaces := map[string]cache.Config{}
		for _, ns := range o.SecretNamespaces {
			namespaces[ns] = cache.Config{}
		}
		options.ByObject = map[client.Object]cache.ByObject{secretMeta(): {Namespaces: namespaces}}
	}
	return options
}

// byAccountKey is the cache's index of ACME Issuers by the Secret of their account.
const byAccountKey = "accountKey"

// New returns the world that a cache shows; live reads past it. The cache must have been made with CacheOptions and
// NewScheme, and not been started.
func New(ctx context.Context, options Options, c cache.Cache, live client.Reader) (*World, error) {
	w := &World{options: options, cache: c, live: live, certificates: newDirectory(options.Index)}
	for _, issuer := range []client.Object{&cmapi.Issuer{}, &cmapi.ClusterIssuer{}} {
		if err := c.IndexField(ctx, issuer, byAccountKey, accountKey); err != nil {
			return nil, fmt.Errorf("watch Issuers (is cert-manager installed?): %w", err)
		}
	}
	watched := []client.Object{&cmapi.Issuer{}, &cmapi.ClusterIssuer{}, &apiregistrationv1.APIService{}, crdMeta()}
	if len(options.SecretNamespaces) > 0 {
		watched = append(watched, secretMeta())
	}
	for _, object := range watched {
		informer, err := c.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %T: %w", object, err)
		}
		w.synced = append(w.synced, informer.HasSynced)
	}
	// No rule reads namespaces, so no review waits for them.
	if _, err := c.GetInformer(ctx, namespaceMeta(), cache.BlockUntilSynced(false)); err != nil {
		return nil, fmt.Errorf("watch namespaces: %w", err)
	}
	informer, err := c.GetInformer(ctx, &cmapi.Certificate{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch Certificates: %w", err)
	}
	registration, err := informer.AddEventHandler(w.certificates)
	if err != nil {
		return nil, fmt.Errorf("watch Certificates: %w", err)
	}
	w.synced = append(w.synced, registration.HasSynced)
	return w, nil
}

// HasSynced tells whether the world is known as it was when the cache was started.
func (w *World) HasSynced() bool {
	return !slices.ContainsFunc(w.synced, func(synced func() bool) bool { return !synced() })
}

func accountKey(object client.Object) []string {
	if acme := object.(cmapi.GenericIssuer).GetSpec().ACME; acme != nil {
		return []string{acme.PrivateKey.Name}
	}
	return nil
}

// issuerObject is an *Issuer or a *ClusterIssuer, as the API machinery and as cert-manager see it.
type issuerObject interface {
	client.Object
	cmapi.GenericIssuer
}

func newIssuer(key evidence.IssuerKey) issuerObject {
	if key.Namespace == "" {
		return &cmapi.ClusterIssuer{}
	}
	return &cmapi.Issuer{}
}

// Issuer implements evidence.Issuers.
func (w *World) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer := newIssuer(key)
	found, err := w.get(ctx, client.ObjectKey(key), issuer)
	if _, is := issuer.GetAnnotations()[partial]; is {
		issuer = newIssuer(key)
		found, err = w.getLive(ctx, client.ObjectKey(key), issuer)
	}
	if err != nil || !found {
		return nil, err
	}
	return issuer, nil
}

// KnownIssuer implements evidence.Issuers.
func (w *World) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer := newIssuer(key)
	err := w.cache.Get(ctx, client.ObjectKey(key), issuer)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return issuer, nil
}

// get reads from the cache and, before it says that an object is not there, from the API server: what was applied a moment
// ago may not have reached the cache.
func (w *World) get(ctx context.Context, key client.ObjectKey, object client.Object) (found bool, err error) {
	err = w.cache.Get(ctx, key, object)
	if apierrors.IsNotFound(err) {
		return w.getLive(ctx, key, object)
	}
	return err == nil, err
}

func (w *World) getLive(ctx context.Context, key client.ObjectKey, object client.Object) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	err = w.live.Get(ctx, key, object)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, err
}

// Fresh is the same world with Issuers as they are at this moment. It asks the API server each time, so it is for the few
// reviews that would end badly.
func (w *World) Fresh() evidence.World { return fresh{w} }

type fresh struct{ *World }

// Issuer implements evidence.Issuers. Where the API server does not answer, the cache does.
func (f fresh) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer := newIssuer(key)
	found, err := f.getLive(ctx, client.ObjectKey(key), issuer)
	switch {
	case err != nil:
		return f.World.Issuer(ctx, key)
	case !found:
		return nil, nil
	}
	return issuer, nil
}

// IssuersByAccountKey implements evidence.Issuers.
func (w *World) IssuersByAccountKey(ctx context.Context, namespace, secretName string) ([]cmapi.GenericIssuer, error) {
	var found []cmapi.GenericIssuer
	var issuers cmapi.IssuerList
	if err := w.cache.List(ctx, &issuers, client.InNamespace(namespace), client.MatchingFields{byAccountKey: secretName}); err != nil {
		return nil, err
	}
	for i := range issuers.Items {
		found = append(found, &issuers.Items[i])
	}
	if namespace == w.options.ClusterResourceNamespace {
		var clusterIssuers cmapi.ClusterIssuerList
		if err := w.cache.List(ctx, &clusterIssuers, client.MatchingFields{byAccountKey: secretName}); err != nil {
			return nil, err
		}
		for i := range clusterIssuers.Items {
			found = append(found, &clusterIssuers.Items[i])
		}
	}
	slices.SortFunc(found, evidence.CompareIssuers)
	return found, nil
}

// IssuersBeside implements evidence.Issuers.
func (w *World) IssuersBeside(ctx context.Context, namespace string) ([]evidence.IssuerKey, error) {
	var issuers cmapi.IssuerList
	if err := w.cache.List(ctx, &issuers, client.InNamespace(namespace)); err != nil {
		return nil, err
	}
	var clusterIssuers cmapi.ClusterIssuerList
	if err := w.cache.List(ctx, &clusterIssuers); err != nil {
		return nil, err
	}
	var keys []evidence.IssuerKey
	for i := range clusterIssuers.Items {
		keys = append(keys, evidence.IssuerKey{Name: clusterIssuers.Items[i].Name})
	}
	for i := range issuers.Items {
		keys = append(keys, evidence.IssuerKey{Namespace: namespace, Name: issuers.Items[i].Name})
	}
	slices.SortFunc(keys, evidence.IssuerKey.Compare)
	return keys, nil
}

// Certificate implements evidence.Certificates.
func (w *World) Certificate(ctx context.Context, namespace, name string) (*cmapi.Certificate, error) {
	crt := &cmapi.Certificate{}
	if found, err := w.get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, crt); err != nil || !found {
		return nil, err
	}
	return crt, nil
}

// CertificatesBySecret implements evidence.Certificates.
func (w *World) CertificatesBySecret(_ context.Context, namespace, secretName string) ([]*cmapi.Certificate, error) {
	var found []*cmapi.Certificate
	err := w.visit(evidence.BySecretName, secretName, namespace, func(crt *cmapi.Certificate) bool {
		found = append(found, crt)
		return true
	})
	return found, err
}

// VisitCertificates implements evidence.Certificates.
func (w *World) VisitCertificates(_ context.Context, index evidence.Index, key string, visit func(*cmapi.Certificate) bool) error {
	return w.visit(index, key, "", visit)
}

func (w *World) visit(index evidence.Index, key, namespace string, visit func(*cmapi.Certificate) bool) error {
	if !w.HasSynced() {
		return errors.New("the Certificates of the cluster are not known yet")
	}
	w.certificates.visit(index, key, namespace, visit)
	return nil
}

// APIService implements evidence.Services. Which resources it serves is not known to the cache; whoever serves them says so
// only when asked, and an admission review asks nobody.
func (w *World) APIService(ctx context.Context, name string) (*evidence.APIService, bool, error) {
	service := &apiregistrationv1.APIService{}
	if found, err := w.get(ctx, client.ObjectKey{Name: name}, service); err != nil || !found {
		return nil, err == nil, err
	}
	return &evidence.APIService{Name: name, Certyun: evidence.InstallationOf(service), Available: slices.ContainsFunc(service.Status.Conditions, func(c apiregistrationv1.APIServiceCondition) bool {
		return c.Type == apiregistrationv1.Available && c.Status == apiregistrationv1.ConditionTrue
	})}, true, nil
}

// KindServed implements evidence.Services. Only the names of CustomResourceDefinitions are known, "plural.group", so the
// plural is guessed as Kubernetes guesses it. Where the group is served but that name is not there, nothing is known: the
// guess may be wrong, and an aggregated API server may serve what no definition defines.
func (w *World) KindServed(ctx context.Context, group, kind string) (served, known bool, err error) {
	plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: group, Version: "v1", Kind: kind})
	if found, err := w.get(ctx, client.ObjectKey{Name: plural.Resource + "." + group}, crdMeta()); err != nil || found {
		return found, err == nil, err
	}
	definitions := &metav1.PartialObjectMetadataList{}
	definitions.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
	if err := w.cache.List(ctx, definitions); err != nil {
		return false, false, err
	}
	services := &apiregistrationv1.APIServiceList{}
	if err := w.cache.List(ctx, services); err != nil {
		return false, false, err
	}
	groupIsServed := slices.ContainsFunc(definitions.Items, func(m metav1.PartialObjectMetadata) bool { return inGroup(m.Name, group) }) ||
		slices.ContainsFunc(services.Items, func(s apiregistrationv1.APIService) bool { return inGroup(s.Name, group) })
	return false, !groupIsServed, nil
}

// inGroup tells whether a name is that of a CustomResourceDefinition ("plural.group") or an APIService ("version.group") of
// the group.
func inGroup(name, group string) bool {
	_, itsGroup, _ := strings.Cut(name, ".")
	return itsGroup == group
}

// Secret implements evidence.Secrets.
func (w *World) Secret(ctx context.Context, namespace, name string) (secret *metav1.PartialObjectMetadata, known bool, err error) {
	if !slices.Contains(w.options.SecretNamespaces, namespace) {
		return nil, false, nil
	}
	secret = secretMeta()
	if found, err := w.get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, secret); err != nil || !found {
		return nil, err == nil, err
	}
	return secret, true, nil
}

// SecretKeys implements evidence.Secrets.
func (*World) SecretKeys(context.Context, string, string) (keys []string, known bool, err error) {
	return nil, false, nil
}

// SecretUsers implements evidence.Secrets.
func (*World) SecretUsers(context.Context, string, string) ([]evidence.SecretUser, error) {
	return nil, nil
}
