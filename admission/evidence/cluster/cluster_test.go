package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certyun/certyun/admission/evidence"
)

// indexKeys are simple: what the rules make of them is the rules' business.
func indexKeys(crt *cmapi.Certificate) map[evidence.Index][]string {
	key := evidence.IssuerKey{Namespace: crt.Namespace, Name: crt.Spec.IssuerRef.Name}
	keys := map[evidence.Index][]string{
		evidence.ByIssuer:     {key.String()},
		evidence.ByNames:      {evidence.NamesKey(crt.Spec.DNSNames)},
		evidence.BySecretName: {crt.Spec.SecretName},
	}
	for _, name := range crt.Spec.DNSNames {
		_, domain, _ := strings.Cut(name, ".")
		keys[evidence.ByDomain] = append(keys[evidence.ByDomain], domain)
	}
	return keys
}

// adminClient writes what the tests need.
func adminClient(t testing.TB) client.Client {
	t.Helper()
	scheme := NewScheme()
	if err := rbacv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(admin, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func create(t testing.TB, objects ...client.Object) {
	t.Helper()
	c := adminClient(t)
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatalf("create %T %s: %v", o, o.GetName(), err)
		}
	}
}

func namespace(t testing.TB, name string) {
	t.Helper()
	create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// The rights that the chart gives, and no more.
var reads = []string{"get", "list", "watch"}

func grant(t testing.TB, user string, secretNamespaces []string) {
	t.Helper()
	subject := []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}}
	create(t,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: user}, Rules: []rbacv1.PolicyRule{
			{Verbs: reads, APIGroups: []string{"cert-manager.io"}, Resources: []string{"certificates", "issuers", "clusterissuers"}},
			{Verbs: reads, APIGroups: []string{"apiregistration.k8s.io"}, Resources: []string{"apiservices"}},
			{Verbs: reads, APIGroups: []string{"apiextensions.k8s.io"}, Resources: []string{"customresourcedefinitions"}},
			{Verbs: reads, APIGroups: []string{""}, Resources: []string{"namespaces"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: user}, Subjects: subject,
			RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: user},
		},
	)
	for _, ns := range secretNamespaces {
		create(t,
			&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user}, Rules: []rbacv1.PolicyRule{
				{Verbs: reads, APIGroups: []string{""}, Resources: []string{"secrets"}},
			}},
			&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user}, Subjects: subject,
				RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
			},
		)
	}
}

// addingUser is held while a certificate is issued: envtest counts their serial numbers without a lock.
var addingUser sync.Mutex

func addUser(t testing.TB, name string) *envtest.AuthenticatedUser {
	t.Helper()
	addingUser.Lock()
	defer addingUser.Unlock()
	user, err := apiServer.AddUser(envtest.User{Name: name}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// newWorld looks at the API server as a user who has the rights of the chart only. Namespaces with Secrets must exist.
func newWorld(t testing.TB, user string, secretNamespaces ...string) *World {
	t.Helper()
	grant(t, user, secretNamespaces)
	added := addUser(t, user)
	options := Options{ClusterResourceNamespace: "cluster-resources", SecretNamespaces: secretNamespaces, Index: indexKeys}
	settings := options.CacheOptions()
	settings.Scheme = NewScheme()
	c, err := cache.New(added.Config(), settings)
	if err != nil {
		t.Fatal(err)
	}
	live, err := client.New(added.Config(), client.Options{Scheme: settings.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(t.Context(), options, c, live)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.VisitCertificates(t.Context(), evidence.ByIssuer, "a/b", func(*cmapi.Certificate) bool { return true }); err == nil {
		t.Error("a world that was never filled says that there are no Certificates")
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the cache ended with %v", err)
		}
	})
	eventually(t, "the caches are filled", w.HasSynced)
	return w
}

// eventually waits for what the API server tells the cache.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

func acmeIssuer(namespace, name, accountKey string) *cmapi.Issuer {
	return &cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: acmeSpec(accountKey)}
}

func acmeSpec(accountKey string) cmapi.IssuerSpec {
	return cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{ACME: &cmacme.ACMEIssuer{
		Server: "https://ca.example/directory", PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: accountKey}},
	}}}
}

func certificate(namespace, name, secret string, names ...string) *cmapi.Certificate {
	return &cmapi.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: cmapi.CertificateSpec{
		SecretName: secret, DNSNames: names, IssuerRef: cmmeta.IssuerReference{Name: "le"},
	}}
}

// titles are the names of objects.
func titles[T metav1.Object](objects []T) []string {
	var names []string
	for _, o := range objects {
		names = append(names, o.GetNamespace()+"/"+o.GetName())
	}
	return names
}

func under(t testing.TB, w *World, index evidence.Index, key string) []string {
	t.Helper()
	var found []*cmapi.Certificate
	if err := w.VisitCertificates(t.Context(), index, key, func(crt *cmapi.Certificate) bool {
		found = append(found, crt)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return titles(found)
}

func TestIssuers(t *testing.T) {
	t.Parallel()
	namespace(t, "issuers")
	namespace(t, "cluster-resources")
	create(t,
		acmeIssuer("issuers", "two", "shared"), acmeIssuer("issuers", "one", "shared"), acmeIssuer("issuers", "other", "own"),
		acmeIssuer("cluster-resources", "inside", "shared"),
		&cmapi.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: "issuers", Name: "self"}, Spec: cmapi.IssuerSpec{IssuerConfig: cmapi.IssuerConfig{SelfSigned: &cmapi.SelfSignedIssuer{}}}},
		&cmapi.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "everywhere"}, Spec: acmeSpec("shared")},
	)
	w := newWorld(t, "reads-issuers")

	issuers := map[string]struct {
		key  evidence.IssuerKey
		want string
	}{
		"an Issuer":                                     {evidence.IssuerKey{Namespace: "issuers", Name: "one"}, "*v1.Issuer issuers/one shared"},
		"a ClusterIssuer":                               {evidence.IssuerKey{Name: "everywhere"}, "*v1.ClusterIssuer /everywhere shared"},
		"an Issuer that is not there":                   {evidence.IssuerKey{Namespace: "issuers", Name: "none"}, "<nil>"},
		"an Issuer in another namespace":                {evidence.IssuerKey{Namespace: "default", Name: "one"}, "<nil>"},
		"a ClusterIssuer that is not there":             {evidence.IssuerKey{Name: "one"}, "<nil>"},
		"an Issuer that is only there as ClusterIssuer": {evidence.IssuerKey{Namespace: "issuers", Name: "everywhere"}, "<nil>"},
	}
	for name, c := range issuers {
		for world, look := range map[string]evidence.World{"cached": w, "fresh": w.Fresh()} {
			issuer, err := look.Issuer(t.Context(), c.key)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, world, err)
			}
			got := "<nil>"
			if issuer != nil {
				got = fmt.Sprintf("%T %s/%s %s", issuer, issuer.GetNamespace(), issuer.GetName(), issuer.GetSpec().ACME.PrivateKey.Name)
			}
			if got != c.want {
				t.Errorf("%s, %s: got %s, want %s", name, world, got, c.want)
			}
		}
	}
	accounts := map[string]struct {
		namespace, secret string
		want              []string
	}{
		"Issuers that share a Secret, in order":                             {"issuers", "shared", []string{"issuers/one", "issuers/two"}},
		"ClusterIssuers come after Issuers in their own resource namespace": {"cluster-resources", "shared", []string{"cluster-resources/inside", "/everywhere"}},
		"a Secret of nobody": {"issuers", "none", nil},
	}
	for name, c := range accounts {
		found, err := w.IssuersByAccountKey(t.Context(), c.namespace, c.secret)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, titles(found)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCertificatesAreFoundThroughTheirIndexes(t *testing.T) {
	t.Parallel()
	namespace(t, "certificates-a")
	namespace(t, "certificates-b")
	w := newWorld(t, "reads-certificates")
	create(t,
		certificate("certificates-b", "x", "tls", "www.one.test"),
		certificate("certificates-a", "z", "tls", "www.one.test", "api.two.test"),
		certificate("certificates-a", "y", "tls", "API.two.test", "www.one.test"),
		certificate("certificates-a", "other", "other-tls", "www.one.testing"),
	)
	eventually(t, "all Certificates are known", func() bool {
		return len(under(t, w, evidence.ByIssuer, "certificates-a/le")) == 3 && len(under(t, w, evidence.ByIssuer, "certificates-b/le")) == 1
	})
	lookups := map[string]struct {
		index evidence.Index
		key   string
		want  []string
	}{
		"by issuer, in order":                          {evidence.ByIssuer, "certificates-a/le", []string{"certificates-a/other", "certificates-a/y", "certificates-a/z"}},
		"by domain, through namespaces":                {evidence.ByDomain, "one.test", []string{"certificates-a/y", "certificates-a/z", "certificates-b/x"}},
		"by domain, which is not the beginning of one": {evidence.ByDomain, "one.tes", nil},
		"by all names, whatever their order and case":  {evidence.ByNames, evidence.NamesKey([]string{"www.one.test", "api.TWO.test"}), []string{"certificates-a/y", "certificates-a/z"}},
		"nothing": {evidence.ByIssuer, "certificates-a/none", nil},
	}
	for name, c := range lookups {
		if diff := cmp.Diff(c.want, under(t, w, c.index, c.key)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	bySecretName, err := w.CertificatesBySecret(t.Context(), "certificates-a", "tls")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"certificates-a/y", "certificates-a/z"}, titles(bySecretName)); diff != "" {
		t.Errorf("by Secret (-want +got):\n%s", diff)
	}
	var first []string
	if err := w.VisitCertificates(t.Context(), evidence.ByDomain, "one.test", func(crt *cmapi.Certificate) bool {
		first = append(first, crt.Name)
		return false
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"y"}, first); diff != "" {
		t.Errorf("a visit that ends at the first (-want +got):\n%s", diff)
	}

	// The indexes follow changes and deletions.
	c := adminClient(t)
	moved := certificate("certificates-a", "z", "", "")
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(moved), moved); err != nil {
		t.Fatal(err)
	}
	moved.Spec.DNSNames, moved.Spec.SecretName = []string{"www.three.test"}, "three-tls"
	if err := c.Update(t.Context(), moved); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), certificate("certificates-a", "y", "", "")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change and the deletion are known", func() bool {
		return slices.Equal(under(t, w, evidence.ByDomain, "three.test"), []string{"certificates-a/z"}) &&
			slices.Equal(under(t, w, evidence.ByDomain, "one.test"), []string{"certificates-b/x"})
	})
	for name, want := range map[string][]string{"tls": nil, "three-tls": {"certificates-a/z"}} {
		writers, err := w.CertificatesBySecret(t.Context(), "certificates-a", name)
		if diff := cmp.Diff(want, titles(writers)); err != nil || diff != "" {
			t.Errorf("the Secret %s after changes: %v (-want +got):\n%s", name, err, diff)
		}
	}
	crt, err := w.Certificate(t.Context(), "certificates-a", "none")
	if crt != nil || err != nil {
		t.Errorf("a Certificate that is not there: %v, %v", crt, err)
	}
}

func TestCachedObjectsAreSlim(t *testing.T) {
	t.Parallel()
	namespace(t, "slim")
	crt := certificate("slim", "web", "tls", "www.slim.test")
	crt.Labels = map[string]string{"team": "web"}
	crt.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "note": "long"}
	crt.Spec.CommonName, crt.Spec.IPAddresses = "www.slim.test", []string{"192.0.2.1"}
	crt.Spec.PrivateKey = &cmapi.CertificatePrivateKey{Algorithm: cmapi.ECDSAKeyAlgorithm}
	issuer := acmeIssuer("slim", "le", "account")
	issuer.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "meta.helm.sh/release-name": "app"}
	crt.Finalizers = []string{"certyun.dev/held"}
	create(t, crt, issuer)
	c := adminClient(t)
	if err := c.Delete(t.Context(), crt); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(crt), crt); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, "reads-slim")

	got, err := w.Certificate(t.Context(), "slim", "web")
	if err != nil {
		t.Fatal(err)
	}
	want := &cmapi.Certificate{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "slim", Name: "web", UID: crt.UID, ResourceVersion: crt.ResourceVersion, CreationTimestamp: crt.CreationTimestamp,
			DeletionTimestamp: crt.DeletionTimestamp, Labels: map[string]string{"team": "web"},
		},
		Spec: cmapi.CertificateSpec{
			DNSNames: []string{"www.slim.test"}, IPAddresses: []string{"192.0.2.1"},
			SecretName: "tls", IssuerRef: cmmeta.IssuerReference{Name: "le"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the cached Certificate (-want +got):\n%s", diff)
	}
	cached, err := w.Issuer(t.Context(), evidence.IssuerKey{Namespace: "slim", Name: "le"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"meta.helm.sh/release-name": "app"}, cached.GetAnnotations()); diff != "" {
		t.Errorf("the cached Issuer's annotations (-want +got):\n%s", diff)
	}
	if cached.GetManagedFields() != nil {
		t.Error("the cached Issuer has managed fields")
	}
}

func TestSecretsAreKnownOnlyWhereThatIsAllowed(t *testing.T) {
	t.Parallel()
	namespace(t, "secrets-open")
	namespace(t, "secrets-closed")
	for _, ns := range []string{"secrets-open", "secrets-closed"} {
		create(t, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "key", Labels: map[string]string{"owner": "eso"}, Annotations: map[string]string{
				corev1.LastAppliedConfigAnnotation: `{"data":{"password":"aHVudGVyMg=="}}`,
			}},
			StringData: map[string]string{"password": "hunter2"},
		})
	}
	w := newWorld(t, "reads-secrets", "secrets-open")

	type answer struct {
		Labels map[string]string
		Known  bool
	}
	lookups := map[string]struct {
		namespace, name string
		want            answer
	}{
		"a Secret in an open namespace":             {"secrets-open", "key", answer{map[string]string{"owner": "eso"}, true}},
		"no Secret in an open namespace":            {"secrets-open", "none", answer{nil, true}},
		"a Secret in a closed namespace":            {"secrets-closed", "key", answer{nil, false}},
		"no Secret in a closed namespace":           {"secrets-closed", "none", answer{nil, false}},
		"a namespace that is not known":             {"", "key", answer{nil, false}},
		"a Secret in a namespace that is not there": {"secrets-none", "key", answer{nil, false}},
	}
	for name, c := range lookups {
		secret, known, err := w.Secret(t.Context(), c.namespace, c.name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := answer{Known: known}
		if secret != nil {
			got.Labels = secret.Labels
			if len(secret.Annotations) > 0 {
				t.Errorf("%s: the Secret has the annotations %v", name, secret.Annotations)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if err := w.live.Get(t.Context(), client.ObjectKey{Namespace: "secrets-closed", Name: "key"}, secretMeta()); !apierrors.IsForbidden(err) {
		t.Errorf("the server may read Secrets of a closed namespace: %v", err)
	}
}

func TestServices(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "reads-services")
	service, known, err := w.APIService(t.Context(), "v1.apps")
	if err != nil || !known {
		t.Fatalf("an APIService is known: %v, %v", known, err)
	}
	if diff := cmp.Diff(&evidence.APIService{Name: "v1.apps", Available: true}, service); diff != "" {
		t.Errorf("an APIService (-want +got):\n%s", diff)
	}
	ours := &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{
			Name: "v1alpha1.acme.two.internal", Labels: map[string]string{"app.kubernetes.io/part-of": "certyun"},
			Annotations: map[string]string{"certyun.internal/solver-waits": "false"},
		},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: "acme.two.internal", Version: "v1alpha1", GroupPriorityMinimum: 1000, VersionPriority: 15, InsecureSkipTLSVerify: true,
			Service: &apiregistrationv1.ServiceReference{Namespace: "default", Name: "two"},
		},
	}
	create(t, ours)
	t.Cleanup(func() { _ = adminClient(t).Delete(context.Background(), ours) })
	eventually(t, "the APIService of another certyun has come to the cache", func() bool {
		return w.cache.Get(t.Context(), client.ObjectKeyFromObject(ours), &apiregistrationv1.APIService{}) == nil
	})
	service, _, err = w.APIService(t.Context(), ours.Name)
	if diff := cmp.Diff(&evidence.APIService{Name: ours.Name, Certyun: &evidence.Installation{Waits: false}}, service); diff != "" || err != nil {
		t.Errorf("an APIService of certyun's: %v (-want +got):\n%s", err, diff)
	}
	if service, known, err := w.APIService(t.Context(), "v1.none.test"); service != nil || !known || err != nil {
		t.Errorf("an APIService that is not there: %v, %v, %v", service, known, err)
	}

	type answer struct{ Served, Known bool }
	kinds := map[string]struct {
		group, kind string
		want        answer
	}{
		"a kind that is defined":                      {"cert-manager.io", "ClusterIssuer", answer{true, true}},
		"a kind that its group does not define":       {"cert-manager.io", "AWSIssuer", answer{false, false}},
		"a group that nobody defines":                 {"awspca.cert-manager.io", "AWSPCAClusterIssuer", answer{false, true}},
		"a group whose case is wrong":                 {"Cert-Manager.io", "ClusterIssuer", answer{false, true}},
		"a group that is served without a definition": {"apps", "Deployment", answer{false, false}},
	}
	for name, c := range kinds {
		served, known, err := w.KindServed(t.Context(), c.group, c.kind)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, answer{served, known}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNamespacesAreCountedByTheirLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "counts-namespaces")
	for i, value := range []string{"off", "off", "on"} {
		create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("counted-%d", i), Labels: map[string]string{"counted.test/admission": value}}})
	}
	eventually(t, "two namespaces are counted", func() bool {
		count, err := w.CountNamespaces(t.Context(), func(labels map[string]string) bool { return labels["counted.test/admission"] == "off" })
		return err == nil && count == 2
	})
}

// reader answers with an object or an error, or not before the caller gives up.
type reader struct {
	client.Reader
	issuer *cmapi.Issuer
	err    error
	hangs  bool
}

func (r reader) Get(ctx context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	if r.hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if r.err != nil {
		return r.err
	}
	r.issuer.DeepCopyInto(object.(*cmapi.Issuer))
	return nil
}

func TestTheLiveStateIsAskedBeforeSayingNo(t *testing.T) {
	t.Parallel()
	notFound := apierrors.NewNotFound(schema.GroupResource{Resource: "issuers"}, "le")
	down := errors.New("the API server is down")
	old, current := acmeIssuer("a", "le", "old"), acmeIssuer("a", "le", "current")
	tests := map[string]struct {
		cached, live reader
		want         string
		wantFresh    string
		wantErr      error
	}{
		"the cache knows it":                         {cached: reader{issuer: old}, live: reader{issuer: current}, want: "old", wantFresh: "current"},
		"the cache does not know it yet":             {cached: reader{err: notFound}, live: reader{issuer: current}, want: "current", wantFresh: "current"},
		"nobody knows it":                            {cached: reader{err: notFound}, live: reader{err: notFound}},
		"the cache does not know it is gone":         {cached: reader{issuer: old}, live: reader{err: notFound}, want: "old"},
		"the API server does not answer":             {cached: reader{issuer: old}, live: reader{err: down}, want: "old", wantFresh: "old"},
		"nobody knows and the API server is down":    {cached: reader{err: notFound}, live: reader{err: down}, wantErr: down},
		"the API server takes too long":              {cached: reader{err: notFound}, live: reader{hangs: true}, wantErr: context.DeadlineExceeded},
		"the cache is not there and nobody is asked": {cached: reader{err: down}, live: reader{issuer: current}, wantErr: down, wantFresh: "current"},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &World{cache: c.cached, live: c.live}
				start := time.Now()
				issuer, err := w.Issuer(t.Context(), evidence.IssuerKey{Namespace: "a", Name: "le"})
				if !errors.Is(err, c.wantErr) || accountOf(issuer) != c.want {
					t.Errorf("Issuer: %q, %v; want %q, %v", accountOf(issuer), err, c.want, c.wantErr)
				}
				if took := time.Since(start); took > liveTimeout {
					t.Errorf("it took %s", took)
				}
				latest, err := w.Fresh().Issuer(t.Context(), evidence.IssuerKey{Namespace: "a", Name: "le"})
				if accountOf(latest) != c.wantFresh || (c.wantFresh != "" && err != nil) {
					t.Errorf("fresh Issuer: %q, %v; want %q", accountOf(latest), err, c.wantFresh)
				}
			})
		})
	}
}

func accountOf(issuer cmapi.GenericIssuer) string {
	if issuer == nil {
		return ""
	}
	return issuer.GetSpec().ACME.PrivateKey.Name
}

func TestADeletionThatWasMissedIsADeletion(t *testing.T) {
	t.Parallel()
	d := newDirectory(indexKeys)
	crt := certificate("a", "web", "tls", "www.one.test")
	d.OnAdd(crt, true)
	d.OnDelete(toolscache.DeletedFinalStateUnknown{Key: "a/web", Obj: crt})
	d.visit(evidence.ByDomain, "one.test", "", func(*cmapi.Certificate) bool {
		t.Error("the Certificate is still there")
		return true
	})
}

// A visit may take as long as a review. It must neither wait for changes nor hold them up.
func TestChangesDuringAVisit(t *testing.T) {
	t.Parallel()
	d := newDirectory(indexKeys)
	for i := range 1000 {
		d.OnAdd(certificate("a", fmt.Sprintf("web-%03d", i), "tls", "www.one.test"), true)
	}
	var seen []string
	d.visit(evidence.ByDomain, "one.test", "", func(crt *cmapi.Certificate) bool {
		d.OnDelete(certificate("a", "web-999", "tls", "www.one.test"))
		d.OnAdd(certificate("a", "web-0000", "tls", "www.one.test"), false)
		seen = append(seen, crt.Name)
		return true
	})
	if len(seen) != 1000 || seen[0] != "web-000" || seen[999] != "web-999" || !slices.IsSorted(seen) {
		t.Errorf("the visit saw %d Certificates from %s to %s", len(seen), seen[0], seen[len(seen)-1])
	}
}
