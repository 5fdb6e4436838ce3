package ahead

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	cmacme "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func testGroup() Group {
	return Group{Name: "acme.certyun.internal", Solvers: map[string]Solver{"alidns": nil}, ClusterResources: "cert-manager"}
}

func testChallenge(group string) *cmacme.Challenge {
	controller := true
	return &cmacme.Challenge{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team-a", Name: "web-1", UID: "c", Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"},
			OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "acme.cert-manager.io/v1", Kind: "Order", Name: "web", UID: "o", Controller: &controller},
				{APIVersion: "v1", Kind: "ConfigMap", Name: "other", UID: "x"},
			},
			Finalizers: []string{cmacme.ACMEDomainQualifiedFinalizer}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "cert-manager"}},
		},
		Spec: cmacme.ChallengeSpec{
			URL: "https://ca.test/challenge", AuthorizationURL: "https://ca.test/authz", DNSName: "example.com", Wildcard: true,
			Type: cmacme.ACMEChallengeTypeDNS01, Token: "token", Key: "key", IssuerRef: cmmeta.IssuerReference{Name: "letsencrypt", Kind: "ClusterIssuer"},
			Solver: cmacme.ACMEChallengeSolver{
				Selector: &cmacme.CertificateDNSNameSelector{DNSNames: []string{"example.com"}},
				DNS01: &cmacme.ACMEChallengeSolverDNS01{Webhook: &cmacme.ACMEIssuerDNS01ProviderWebhook{
					GroupName: group, SolverName: "alidns", Config: &apiextensionsv1.JSON{Raw: []byte(`{}`)},
				}},
			},
		},
		Status: cmacme.ChallengeStatus{Processing: true, Presented: true, Reason: "a long text", State: cmacme.Pending},
	}
}

// What tenants and their CAs write, and how often, must not decide how much is kept.
func TestTrim_IsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<16)
	challenge := testChallenge("acme.certyun.internal")
	challenge.Spec.AuthorizationURL, challenge.Spec.DNSName, challenge.Spec.Key, challenge.Spec.IssuerRef.Name = long, long, long, long
	challenge.Spec.Solver.DNS01.Webhook.Config.Raw = []byte(long)
	challenge.Spec.Solver.DNS01.Route53 = &cmacme.ACMEIssuerDNS01ProviderRoute53{Region: long}
	challenge.Status.Reason = long
	order := &cmacme.Order{Spec: cmacme.OrderSpec{Request: []byte(long), IssuerRef: cmmeta.IssuerReference{Name: long}}}
	for range 10 * maxAuthorizations {
		challenge.Finalizers = append(challenge.Finalizers, "example.org/"+long[:100])
		challenge.OwnerReferences = append(challenge.OwnerReferences, metav1.OwnerReference{Kind: "Order", Name: long[:100]})
		order.Status.Authorizations = append(order.Status.Authorizations, cmacme.ACMEAuthorization{URL: long, Identifier: long})
	}
	for most, object := range map[int]runtime.Object{4 << 10: challenge, maxAuthorizations * 200: order, 2 << 10: withGroup(challenge, "acme.example.org")} {
		small, err := testGroup().trim(object)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(small)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > most {
			t.Errorf("%d bytes of a %T are kept, want %d at most", len(text), object, most)
		}
	}
}

func withGroup(c *cmacme.Challenge, group string) *cmacme.Challenge {
	other := c.DeepCopy()
	other.Spec.Solver.DNS01.Webhook.GroupName = group
	return other
}

func TestTrim(t *testing.T) {
	controller := true
	meta := metav1.ObjectMeta{
		Namespace: "team-a", Name: "web-1", UID: "c",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "acme.cert-manager.io/v1", Kind: "Order", Name: "web", UID: "o", Controller: &controller}},
	}
	ours := testChallenge("acme.certyun.internal")
	kept := &cmacme.Challenge{ObjectMeta: meta, Spec: ours.Spec, Status: ours.Status}
	kept.Finalizers = ours.Finalizers
	kept.Spec.URL, kept.Spec.Token, kept.Spec.Solver.Selector, kept.Status.Reason = "", "", nil, ""

	started, ended := metav1.NewTime(time.Unix(100, 0)), metav1.NewTime(time.Unix(200, 0))
	wildcard := true
	authorizations := []cmacme.ACMEAuthorization{{URL: "https://ca.test/authz", Identifier: "example.com", Wildcard: &wildcard, Challenges: []cmacme.ACMEChallenge{{Token: "token"}}}}
	order := &cmacme.Order{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web", UID: "o", ManagedFields: []metav1.ManagedFieldsEntry{{Time: &ended}, {Time: &started}}},
		Spec:       cmacme.OrderSpec{Request: []byte("a CSR"), IssuerRef: cmmeta.IssuerReference{Name: "letsencrypt"}, DNSNames: []string{"*.example.com"}},
		Status:     cmacme.OrderStatus{State: cmacme.Valid, Certificate: []byte("a chain"), Authorizations: authorizations},
	}
	for name, test := range map[string]struct{ object, want any }{
		"a Challenge of ours keeps what is used of it": {ours, kept},
		"a Challenge of others keeps what it is for": {
			testChallenge("acme.example.org"),
			&cmacme.Challenge{
				ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web-1", UID: "c"},
				Spec:       cmacme.ChallengeSpec{AuthorizationURL: "https://ca.test/authz"},
			},
		},
		"an Order keeps its authorizations, and when it ended": {order, &cmacme.Order{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "web", UID: "o"},
			Spec:       cmacme.OrderSpec{IssuerRef: cmmeta.IssuerReference{Name: "letsencrypt"}},
			Status: cmacme.OrderStatus{
				State: cmacme.Valid, FailureTime: &ended,
				Authorizations: []cmacme.ACMEAuthorization{{URL: "https://ca.test/authz", Identifier: "example.com", Wildcard: &wildcard}},
			},
		}},
		"anything else stays": {&corev1.Secret{}, &corev1.Secret{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := testGroup().trim(test.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
			again, _ := testGroup().trim(got)
			if diff := cmp.Diff(test.want, again); diff != "" {
				t.Errorf("a second time (-want +got):\n%s", diff)
			}
		})
	}
}
