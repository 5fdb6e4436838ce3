package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
)

// mostKept is what may be kept of one object, whatever is in it, with its places in the indexes.
const mostKept = 384 << 10

// heapOf is the memory that what build returns takes. What else runs in the process may take some too, so the least of three tries counts.
func heapOf(t testing.TB, build func() any) int {
	t.Helper()
	return min(heapOnce(build), heapOnce(build), heapOnce(build))
}

func heapOnce(build func() any) int {
	inUse := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := inUse()
	built := build()
	after := inUse()
	runtime.KeepAlive(built)
	return after - before
}

// received is an object as a client decodes it.
func received[T client.Object](t testing.TB, object, into T) T {
	t.Helper()
	raw, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
	return into
}

func texts(n int, format string) []string {
	list := make([]string, 0, n)
	for i := range n {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

func labels(n int) map[string]string {
	set := map[string]string{}
	for i := range n {
		set[fmt.Sprintf("label-%d", i)] = "x"
	}
	return set
}

// The test is not parallel: it measures memory.
func TestLittleIsKeptOfAnyObject(t *testing.T) {
	const many = 60_000
	crt := func(change func(*cmapi.Certificate)) func() client.Object {
		return func() client.Object {
			crt := certificate("shop", "web", "tls")
			change(crt)
			return received(t, crt, &cmapi.Certificate{})
		}
	}
	issuer := func(change func(*cmapi.Issuer)) func() client.Object {
		return func() client.Object {
			issuer := acmeIssuer("shop", "le", "account")
			change(issuer)
			return received(t, issuer, &cmapi.Issuer{})
		}
	}
	long := strings.Repeat("x", 1<<20)
	tests := map[string]func() client.Object{
		"a Certificate of many domains":   crt(func(c *cmapi.Certificate) { c.Spec.DNSNames = texts(many, "%d.dev") }),
		"a Certificate of many addresses": crt(func(c *cmapi.Certificate) { c.Spec.IPAddresses = texts(many, "10.%d") }),
		"a Certificate of many of both": crt(func(c *cmapi.Certificate) {
			c.Spec.DNSNames, c.Spec.IPAddresses = texts(many, "%d.dev"), texts(many, "10.%d")
		}),
		"a Certificate of many URIs":           crt(func(c *cmapi.Certificate) { c.Spec.URIs = texts(many, "spiffe://x/%d") }),
		"a Certificate of many mail addresses": crt(func(c *cmapi.Certificate) { c.Spec.EmailAddresses = texts(many, "a%d@x.dev") }),
		"a Certificate of many other names": crt(func(c *cmapi.Certificate) {
			c.Spec.OtherNames = make([]cmapi.OtherName, many)
		}),
		"a Certificate with one long name":      crt(func(c *cmapi.Certificate) { c.Spec.DNSNames = []string{long} }),
		"a Certificate with a long common name": crt(func(c *cmapi.Certificate) { c.Spec.CommonName = long }),
		"a Certificate with a long Secret":      crt(func(c *cmapi.Certificate) { c.Spec.SecretName = long }),
		"a Certificate with a long issuer": crt(func(c *cmapi.Certificate) {
			c.Spec.IssuerRef.Name, c.Spec.IssuerRef.Kind, c.Spec.IssuerRef.Group = long, long, long
		}),
		"a Certificate with many labels":       crt(func(c *cmapi.Certificate) { c.Labels = labels(many) }),
		"a Certificate with a long annotation": crt(func(c *cmapi.Certificate) { c.Annotations = map[string]string{"x": long} }),
		"a Certificate with many owners":       crt(func(c *cmapi.Certificate) { c.OwnerReferences = make([]metav1.OwnerReference, many) }),
		"a Certificate with a long controller": crt(func(c *cmapi.Certificate) {
			c.OwnerReferences = []metav1.OwnerReference{{Kind: long, Name: long, Controller: new(true)}}
		}),
		"an Issuer of many solvers":        issuer(func(i *cmapi.Issuer) { i.Spec.ACME.Solvers = make([]cmacme.ACMEChallengeSolver, 10_000) }),
		"an Issuer with a long address":    issuer(func(i *cmapi.Issuer) { i.Spec.ACME.Server = long }),
		"an Issuer with a long account":    issuer(func(i *cmapi.Issuer) { i.Spec.ACME.PrivateKey.Name = long }),
		"an Issuer with a long annotation": issuer(func(i *cmapi.Issuer) { i.Annotations = map[string]string{"x": long} }),
		"an Issuer with many labels":       issuer(func(i *cmapi.Issuer) { i.Labels = labels(many) }),
		"a Secret with a long annotation": func() client.Object {
			secret := secretMeta()
			secret.Annotations = map[string]string{"x": long}
			return received(t, secret, &metav1.PartialObjectMetadata{})
		},
	}
	for name, build := range tests {
		const n = 4
		kept := heapOf(t, func() any {
			d := newDirectory(rule.IndexKeys)
			all := []any{d}
			for i := range n {
				object := build()
				object.SetName(fmt.Sprint("object-", i))
				slimmed, err := slim(object)
				if err != nil {
					t.Fatal(err)
				}
				d.OnAdd(slimmed, false)
				all = append(all, slimmed)
			}
			return all
		})
		if kept/n > mostKept {
			t.Errorf("%s: %d KiB are kept", name, kept/n>>10)
		}
	}
}

func TestWhatIsKeptOfLargeObjects(t *testing.T) {
	t.Parallel()
	kept := func(change func(*cmapi.Certificate)) *cmapi.Certificate {
		crt := certificate("shop", "web", "tls", "www.certyun.dev")
		change(crt)
		slimmed, err := slim(crt)
		if err != nil {
			t.Fatal(err)
		}
		return slimmed.(*cmapi.Certificate)
	}
	none := certificate("shop", "web", "tls")
	tests := map[string]struct {
		change func(*cmapi.Certificate)
		want   *cmapi.Certificate
	}{
		"the first names of many":              {func(c *cmapi.Certificate) { c.Spec.DNSNames = texts(1001, "%d.dev") }, certificate("shop", "web", "tls", texts(1000, "%d.dev")...)},
		"no names where there is one of no CA": {func(c *cmapi.Certificate) { c.Spec.DNSNames = append(c.Spec.DNSNames, strings.Repeat("a.", 130)+"dev") }, none},
		"no names without the labels":          {func(c *cmapi.Certificate) { c.Labels = labels(5000) }, none},
		"no Secret that cannot be":             {func(c *cmapi.Certificate) { c.Spec.SecretName = strings.Repeat("x", 254) }, certificate("shop", "web", "", "www.certyun.dev")},
		"the controller of many owners, no other": {func(c *cmapi.Certificate) {
			c.OwnerReferences = append(make([]metav1.OwnerReference, 100), metav1.OwnerReference{Kind: "Ingress", Name: "web", Controller: new(true)})
		}, func() *cmapi.Certificate {
			crt := certificate("shop", "web", "tls", "www.certyun.dev")
			crt.OwnerReferences = []metav1.OwnerReference{{Kind: "Ingress", Name: "web", Controller: new(true)}}
			return crt
		}()},
	}
	for name, c := range tests {
		got := kept(c.change)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		again := got.DeepCopy()
		if _, err := slim(again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s, made slim twice (-once +twice):\n%s", name, diff)
		}
	}
}

func TestALargeIssuerIsAskedForWhole(t *testing.T) {
	t.Parallel()
	namespace(t, "large")
	large := acmeIssuer("large", "le", "account")
	for i := range 1000 {
		large.Spec.ACME.Solvers = append(large.Spec.ACME.Solvers, cmacme.ACMEChallengeSolver{
			Selector: &cmacme.CertificateDNSNameSelector{DNSZones: []string{fmt.Sprintf("zone-%d.certyun.dev", i)}},
			DNS01:    &cmacme.ACMEChallengeSolverDNS01{CloudDNS: &cmacme.ACMEIssuerDNS01ProviderCloudDNS{Project: "p"}},
		})
	}
	create(t, large)
	w := newWorld(t, "reads-large")
	key := evidence.IssuerKey{Namespace: "large", Name: "le"}
	issuer, err := w.Issuer(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(large.Spec, *issuer.GetSpec()); diff != "" {
		t.Errorf("the Issuer (-want +got):\n%s", diff)
	}
	known, err := w.KnownIssuer(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(acmeSpec("account"), *known.GetSpec()); diff != "" {
		t.Errorf("what is at hand (-want +got):\n%s", diff)
	}
	others, err := w.IssuersByAccountKey(t.Context(), "large", "account")
	if diff := cmp.Diff([]string{"large/le"}, titles(others)); diff != "" || err != nil {
		t.Errorf("by the Secret of its account (-want +got):\n%s%v", diff, err)
	}
}

func TestObjectsAreListedInPages(t *testing.T) {
	t.Parallel()
	all := make([]cmapi.Certificate, 0, 60)
	for i := range cap(all) {
		all = append(all, *certificate("shop", fmt.Sprint("crt-", i), "tls", texts(2000, "%d.dev")...))
	}
	var asked []metav1.ListOptions
	server := &toolscache.ListWatch{ListWithContextFunc: func(_ context.Context, options metav1.ListOptions) (apiruntime.Object, error) {
		asked = append(asked, options)
		from := 0
		if options.Continue != "" {
			if _, err := fmt.Sscan(options.Continue, &from); err != nil {
				return nil, err
			}
		}
		to := min(from+int(options.Limit), len(all))
		page := &cmapi.CertificateList{Items: all[from:to]}
		if page.ResourceVersion = "7"; to < len(all) {
			page.Continue = fmt.Sprint(to)
		}
		return page, nil
	}}
	list, err := listPages(t.Context(), server, metav1.ListOptions{ResourceVersion: "0", Limit: 500})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]metav1.ListOptions{{Limit: 25}, {Limit: 25, Continue: "25"}, {Limit: 25, Continue: "50"}}, asked); diff != "" {
		t.Errorf("what was asked (-want +got):\n%s", diff)
	}
	names := 0
	if err := meta.EachListItem(list, func(o apiruntime.Object) error {
		names += len(o.(*cmapi.Certificate).Spec.DNSNames)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if names != 60*evidence.MaxNames {
		t.Errorf("%d names are kept of all", names)
	}
}
