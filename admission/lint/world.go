package lint

import (
	"cmp"
	"context"
	stdjson "encoding/json"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/json"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/evidence/objects"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/shim"
)

// newObject returns what an object of this type is decoded into, nil when no rule reads it.
func newObject(apiVersion, kind string) metav1.Object {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if judged := rule.NewObject(gvk); judged != nil {
		return judged
	}
	switch gvk {
	case schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1beta1", Kind: "Gateway"}: // of the same form as v1
		return &gatewayv1.Gateway{}
	case schema.GroupVersionKind{Version: "v1", Kind: "Secret"}:
		return &secret{}
	case apiregistrationv1.SchemeGroupVersion.WithKind("APIService"):
		return &apiregistrationv1.APIService{}
	case apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"):
		return &apiextensionsv1.CustomResourceDefinition{}
	}
	return nil
}

// isJudged tells whether the rules judge an object.
func isJudged(object metav1.Object) bool {
	switch object.(type) {
	case *cmapi.Certificate, cmapi.GenericIssuer, *networkingv1.Ingress, *gatewayv1.Gateway:
		return true
	}
	return false
}

// decode reads an object as the API server does, in the namespace that it would be applied in. It returns nil for what no rule
// reads.
func (m *manifest) decode() (metav1.Object, error) {
	object := newObject(m.apiVersion, m.object.Kind)
	if object == nil {
		return nil, nil
	}
	err := json.UnmarshalCaseSensitivePreserveInts(m.raw, object)
	if err != nil {
		raw, has := m.withoutStatus()
		if !has {
			return nil, err
		}
		object = newObject(m.apiVersion, m.object.Kind)
		err = json.UnmarshalCaseSensitivePreserveInts(raw, object)
	}
	if err != nil {
		return nil, err
	}
	if s, is := object.(*secret); is {
		s.learn()
	}
	object.SetNamespace(m.namespace())
	object.SetDeletionTimestamp(nil) // the API server clears it on what is created
	return object, nil
}

// withoutStatus drops the status, which the API server drops before it looks at it.
func (m *manifest) withoutStatus() (raw []byte, has bool) {
	tree, err := m.tree()
	if err != nil || tree["status"] == nil {
		return nil, false
	}
	delete(tree, "status")
	raw, err = stdjson.Marshal(tree)
	return raw, err == nil
}

// world is what the rules may ask about: what was given, as it is once everything is applied, and what is live.
//
// Without a cluster it proves only what is there. What was not given may be in the cluster all the same; yet an Issuer that is
// not there is something to be warned of, in a cluster and here.
type world struct {
	*objects.World
	// secrets are the names of Secrets that were given, in whatever namespace that is written.
	secrets map[string]bool
	// issuers are the keys of all Issuers, in their order.
	issuers []evidence.IssuerKey
	// anywhere are the names of Issuers whose files name no namespace, so that they may be in any.
	anywhere map[string]bool
	live     *live
	// vague are the names that are filled in later.
	vague []vagueName
	// guess is the namespace of objects that name none, "" where all do.
	guess string
}

var _ evidence.World = (*world)(nil)

// newWorld returns a world of these objects. The last of equal names counts. Placeless are those of which nobody has written in which
// namespace they are. Live is nil without a cluster.
func newWorld(given []metav1.Object, placeless map[metav1.Object]bool, clusterResourceNamespace string, live *live) *world {
	w := &world{secrets: map[string]bool{}, anywhere: map[string]bool{}, live: live}
	w.World = objects.New(func(crt *cmapi.Certificate) map[evidence.Index][]string {
		keys := rule.IndexKeys(crt)
		if placeless[crt] {
			delete(keys, evidence.BySecretName) // it may be where the Secret is looked for
		}
		return keys
	})
	w.ClusterResourceNamespace = clusterResourceNamespace
	all := slices.Clone(given)
	slices.Reverse(all)
	if live != nil {
		w.APIServicesKnown, w.KindsKnown = live.knowsAPIServices, live.knowsKinds
		all = append(all, live.objects...)
	}
	// In order, so that no Certificate has to be put between others.
	slices.SortStableFunc(all, func(a, b metav1.Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
	seen := make(map[string]bool, len(all))
	for _, object := range all {
		if key := keyOf(object); !seen[key] {
			seen[key] = true
			w.add(object, placeless[object])
		}
	}
	return w
}

func (w *world) add(object metav1.Object, placeless bool) {
	switch o := object.(type) {
	case *cmapi.Certificate:
		w.AddCertificate(o)
	case cmapi.GenericIssuer:
		w.AddIssuer(o)
		w.issuers = append(w.issuers, evidence.IssuerKey{Namespace: o.GetNamespace(), Name: o.GetName()})
		w.anywhere[o.GetName()] = w.anywhere[o.GetName()] || placeless && o.GetNamespace() != ""
	case *secret:
		w.AddSecret(&o.PartialObjectMetadata)
		w.secrets[o.Name] = w.secrets[o.Name] || !placeless
	case *apiregistrationv1.APIService:
		w.AddAPIService(&evidence.APIService{Name: o.Name, Certyun: evidence.InstallationOf(o), Available: available(o)})
	case *apiextensionsv1.CustomResourceDefinition:
		w.AddKind(schema.GroupKind{Group: o.Spec.Group, Kind: o.Spec.Names.Kind})
	}
}

// available tells whether an APIService is available. One that has no status is yet to be applied: it will be.
func available(service *apiregistrationv1.APIService) bool {
	for _, c := range service.Status.Conditions {
		if c.Type == apiregistrationv1.Available {
			return c.Status == apiregistrationv1.ConditionTrue
		}
	}
	return true
}

// Issuer implements evidence.Issuers.
func (w *world) Issuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	issuer, err := w.World.Issuer(ctx, key)
	switch {
	case err != nil || issuer != nil:
		return issuer, err
	case w.hides(key):
		return nil, objects.ErrHidden
	}
	return nil, nil
}

// hides tells whether an Issuer that was not found may be there.
func (w *world) hides(key evidence.IssuerKey) bool {
	return key.Namespace != "" && w.anywhere[key.Name] || w.live != nil && !w.live.knowsIssuer(key) ||
		w.perhaps(kindOf(key), key.Namespace, key.Name)
}

// IssuersBeside implements evidence.Issuers. Whoever has the files, or may read the cluster, may be told of all.
func (w *world) IssuersBeside(context.Context, string) ([]evidence.IssuerKey, error) {
	return w.issuers, nil
}

// KnownIssuer implements evidence.Issuers.
func (w *world) KnownIssuer(ctx context.Context, key evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return w.Issuer(ctx, key)
}

// Secret implements evidence.Secrets. A Secret that was given, but in another namespace, is as good as known not to be in this
// one: that is the usual mistake with ClusterIssuers.
func (w *world) Secret(ctx context.Context, namespace, name string) (*metav1.PartialObjectMetadata, bool, error) {
	secret, known, err := w.World.Secret(ctx, namespace, name)
	if err != nil || known || w.perhaps("Secret", namespace, name) {
		return secret, known, err
	}
	if w.live != nil {
		if secret, known = w.live.secret(ctx, namespace, name); known {
			return secret, known, nil
		}
	}
	return nil, w.secrets[name], nil
}

// learn adds what is seen only of objects as they were given: what becomes of Ingresses and Gateways, and the keys of Secrets.
func (w *world) learn(all []*manifest) {
	makers := map[[2]string]*manifest{}
	for _, m := range all {
		if m.typed == nil || m.err != nil {
			continue
		}
		if m.placeless {
			w.guess = m.object.Namespace
		}
		if s, is := m.typed.(*secret); is && s.knowsKeys() {
			w.AddSecretKeys(s.Namespace, s.Name, s.keys)
		}
		w.learnUse(m)
		for _, crt := range shim.Certificates(m.typed) {
			at := [2]string{crt.Namespace, crt.Name}
			// Without a namespace objects of several files may be meant for several.
			if first := makers[at]; first == nil || first.doc.file == m.doc.file || !first.placeless && !m.placeless {
				w.AddMade(crt.Owned())
			} else {
				w.Unmake(crt.Namespace, crt.Name)
			}
			makers[at] = cmp.Or(makers[at], m)
		}
	}
}

// learnUse adds which Secrets an object uses that cert-manager does not write for it.
func (w *world) learnUse(m *manifest) {
	if m.placeless || shim.AsksForCertificates(m.typed, true) {
		return
	}
	for name, hosts := range shim.Uses(m.typed) {
		w.AddSecretUser(name, evidence.SecretUser{Kind: m.object.Kind, Namespace: m.object.Namespace, Name: m.object.Name, Hosts: hosts})
	}
}

// SecretKeys implements evidence.Secrets. A Secret without a namespace may be in the one that is asked for.
func (w *world) SecretKeys(ctx context.Context, namespace, name string) (keys []string, known bool, err error) {
	keys, known, err = w.World.SecretKeys(ctx, namespace, name)
	if !known && err == nil && w.guess != "" && w.live == nil {
		return w.World.SecretKeys(ctx, w.guess, name)
	}
	return keys, known, err
}

// SecretUsers implements evidence.Secrets. Nothing is known where the Certificate's namespace may be a guess.
func (w *world) SecretUsers(ctx context.Context, namespace, secretName string) ([]evidence.SecretUser, error) {
	if namespace == w.guess {
		return nil, nil
	}
	return w.World.SecretUsers(ctx, namespace, secretName)
}
