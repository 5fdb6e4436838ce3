package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/stage"
)

const (
	// othersNamespace is one that no cert-manager looks after, so what is in it stays as it is.
	othersNamespace = "others"
	// othersOrders is how many Orders it has, with two Challenges each: of an apex and its wildcard.
	othersOrders = 500
)

// memory measures a solver that starts where others have a thousand open challenges.
func (r *run) memory(ctx context.Context, without usage) error {
	return r.step(fmt.Sprintf("memory with %d open challenges of others", 2*othersOrders), func() error {
		if err := r.createOthers(ctx); err != nil {
			return err
		}
		if err := r.restart(ctx); err != nil {
			return err
		}
		with, err := r.idle(ctx)
		if err != nil {
			return err
		}
		r.report.Others = &Others{Challenges: 2 * othersOrders, WithoutMB: megabytes(without.resident), WithMB: megabytes(with.resident)}
		for _, kind := range []client.Object{&acmev1.Order{}, &acmev1.Challenge{}} {
			if err := r.client.DeleteAllOf(ctx, kind, client.InNamespace(othersNamespace)); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
		}
		return nil
	})
}

// restart starts the solver's replicas anew and waits until the old ones are gone.
func (r *run) restart(ctx context.Context) error {
	for _, args := range [][]string{{"rollout", "restart"}, {"rollout", "status", "--timeout=2m"}} {
		args = append(args, "deployment/"+stage.Release+"-solver", "--namespace="+stage.Namespace)
		if _, err := r.Cluster.Kubectl(ctx, nil, args...); err != nil {
			return err
		}
	}
	return stage.Eventually(ctx, 2*time.Minute, func() error {
		ids, err := r.solverProcesses()
		if err == nil && len(ids) != wayCertyun.replicas() {
			err = fmt.Errorf("bench: %d solvers run", len(ids))
		}
		return err
	})
}

func (r *run) createOthers(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: othersNamespace}}
	if err := r.client.Create(ctx, namespace); err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	for i := range othersOrders {
		order := othersOrder(fmt.Sprintf("n%03d.others.example", i))
		status := order.Status
		if err := r.client.Create(ctx, order); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		order.Status = status
		if err := r.client.Status().Update(ctx, order); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
		for _, authorization := range status.Authorizations {
			if err := r.client.Create(ctx, othersChallenge(order, authorization)); err != nil {
				return fmt.Errorf("bench: %w", err)
			}
		}
	}
	return nil
}

// othersOrder is as large as cert-manager's for an apex and its wildcard.
func othersOrder(domain string) *acmev1.Order {
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: othersNamespace, Name: domain,
			Annotations: map[string]string{
				"cert-manager.io/certificate-name": domain, "cert-manager.io/certificate-revision": "1",
				"cert-manager.io/private-key-secret-name": domain + "-" + rand.Text()[:5],
			},
		},
		Spec: acmev1.OrderSpec{
			Request:   []byte(random(1000)), // as a CSR with an RSA key
			IssuerRef: cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "ClusterIssuer", Name: "others"},
			DNSNames:  []string{domain, "*." + domain},
		},
		Status: acmev1.OrderStatus{URL: othersURL("order"), FinalizeURL: othersURL("finalize"), State: acmev1.Pending},
	}
	for _, wildcard := range []bool{false, true} {
		authorization := acmev1.ACMEAuthorization{URL: othersURL("authz"), Identifier: domain, Wildcard: &wildcard, InitialState: acmev1.Pending}
		for _, kind := range []string{"http-01", "dns-01", "tls-alpn-01"} {
			authorization.Challenges = append(authorization.Challenges,
				acmev1.ACMEChallenge{URL: othersURL("chall"), Token: random(43), Type: kind})
		}
		order.Status.Authorizations = append(order.Status.Authorizations, authorization)
	}
	return order
}

func othersChallenge(order *acmev1.Order, authorization acmev1.ACMEAuthorization) *acmev1.Challenge {
	chosen := authorization.Challenges[1]
	owner := metav1.NewControllerRef(order, acmev1.SchemeGroupVersion.WithKind(acmev1.OrderKind))
	return &acmev1.Challenge{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: othersNamespace, GenerateName: order.Name + "-", OwnerReferences: []metav1.OwnerReference{*owner},
		},
		Spec: acmev1.ChallengeSpec{
			URL: chosen.URL, AuthorizationURL: authorization.URL, DNSName: authorization.Identifier, Wildcard: *authorization.Wildcard,
			Type: acmev1.ACMEChallengeTypeDNS01, Token: chosen.Token, Key: random(43), IssuerRef: order.Spec.IssuerRef,
			Solver: acmev1.ACMEChallengeSolver{DNS01: &acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{
				GroupName: "acme.others.example", SolverName: "others", Config: &apiextensionsv1.JSON{
					Raw: []byte(`{"apiKeySecretRef":{"name":"others","key":"api-key"},"endpoint":"https://api.others.example/v1"}`),
				},
			}}},
		},
	}
}

func othersURL(kind string) string {
	return "https://acme.others.example/acme/" + kind + "/" + random(26)
}

func random(length int) string {
	text := ""
	for len(text) < length {
		text += rand.Text()
	}
	return text[:length]
}
