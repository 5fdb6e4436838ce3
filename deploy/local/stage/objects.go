package stage

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certyun/certyun/deploy/local/certmanager"
)

// ClusterIssuer gets certificates from the ACME server with the account's help. Its Secret belongs into cert-manager's
// namespace.
func (s *Stage) ClusterIssuer(name string, account Account) (*certmanagerv1.ClusterIssuer, error) {
	spec, err := s.issuerSpec(name, account)
	if err != nil {
		return nil, err
	}
	return &certmanagerv1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, nil
}

// Issuer is the same for one namespace, where its Secret belongs too.
func (s *Stage) Issuer(namespace, name string, account Account) (*certmanagerv1.Issuer, error) {
	spec, err := s.issuerSpec(name, account)
	if err != nil {
		return nil, err
	}
	return &certmanagerv1.Issuer{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}, nil
}

func (s *Stage) issuerSpec(name string, account Account) (certmanagerv1.IssuerSpec, error) {
	config, err := account.solverConfig()
	if err != nil {
		return certmanagerv1.IssuerSpec{}, err
	}
	return certmanagerv1.IssuerSpec{IssuerConfig: certmanagerv1.IssuerConfig{ACME: &acmev1.ACMEIssuer{
		Server:     s.Cluster.ACME.Directory,
		CABundle:   s.Cluster.ACME.CABundle,
		Email:      "certificates@example.com",
		PrivateKey: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: name + "-account"}},
		Solvers: []acmev1.ACMEChallengeSolver{{
			WaitInsteadOfSelfCheck: &metav1.Duration{Duration: account.Wait},
			DNS01: &acmev1.ACMEChallengeSolverDNS01{Webhook: &acmev1.ACMEIssuerDNS01ProviderWebhook{
				GroupName: cmp.Or(account.Group, GroupName), SolverName: account.SolverName, Config: config,
			}},
		}},
	}}}, nil
}

// CreateIssuer makes the account's Secret, if its Issuers name one, and an Issuer in the namespace; without a namespace, a ClusterIssuer.
func (s *Stage) CreateIssuer(ctx context.Context, namespace, name string, account Account) (cmmeta.IssuerReference, error) {
	var issuer client.Object
	var err error
	ref := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: name}
	secretNamespace := namespace
	if namespace == "" {
		ref.Kind, secretNamespace = "ClusterIssuer", certmanager.Namespace
		issuer, err = s.ClusterIssuer(name, account)
	} else {
		issuer, err = s.Issuer(namespace, name, account)
	}
	if err != nil {
		return ref, err
	}
	objects := []client.Object{issuer}
	if !account.Ambient {
		objects = append(objects, account.Secret(secretNamespace))
	}
	for _, object := range objects {
		if err := s.Client.Create(ctx, object); err != nil {
			return ref, fmt.Errorf("stage: %w", err)
		}
	}
	return ref, nil
}

// Certificate asks the issuer for a certificate in a Secret of the Certificate's name.
func Certificate(namespace, name string, issuer cmmeta.IssuerReference, dnsNames ...string) *certmanagerv1.Certificate {
	return &certmanagerv1.Certificate{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: certmanagerv1.CertificateSpec{
			SecretName: name, DNSNames: dnsNames, IssuerRef: issuer,
			PrivateKey: &certmanagerv1.CertificatePrivateKey{
				Algorithm: certmanagerv1.ECDSAKeyAlgorithm, Size: 256, RotationPolicy: certmanagerv1.RotationPolicyAlways,
			},
		},
	}
}

// Ingress asks for a certificate for its host by an annotation.
func Ingress(namespace, name, clusterIssuer, host string) *networkingv1.Ingress {
	path := networkingv1.PathTypePrefix
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Annotations: map[string]string{"cert-manager.io/cluster-issuer": clusterIssuer},
		},
		Spec: networkingv1.IngressSpec{
			TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: name}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
					Path: "/", PathType: &path,
					Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{
						Name: name, Port: networkingv1.ServiceBackendPort{Number: 80},
					}},
				}}},
			}}},
		},
	}
}

// WaitForCertificate waits until the Certificate is ready and returns the certificate of its Secret, which a root of the
// ACME server must have signed.
func (s *Stage) WaitForCertificate(ctx context.Context, namespace, name string, patience time.Duration) (*x509.Certificate, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := Eventually(ctx, patience, func() error { return s.certificateReady(ctx, key) })
	if err != nil {
		return nil, errors.Join(err, s.explain(context.WithoutCancel(ctx), namespace))
	}
	return s.Issued(ctx, namespace, name)
}

func (s *Stage) certificateReady(ctx context.Context, key client.ObjectKey) error {
	var certificate certmanagerv1.Certificate
	if err := s.Client.Get(ctx, key, &certificate); err != nil {
		return err
	}
	for _, condition := range certificate.Status.Conditions {
		if condition.Type != certmanagerv1.CertificateConditionReady {
			continue
		}
		if condition.Status == cmmeta.ConditionTrue && condition.ObservedGeneration == certificate.Generation {
			return nil
		}
		return fmt.Errorf("stage: certificate %s is not ready: %s", key, condition.Message)
	}
	return fmt.Errorf("stage: certificate %s has no condition yet", key)
}

// Issued reads the certificate in a Secret and checks its chain.
func (s *Stage) Issued(ctx context.Context, namespace, secretName string) (*x509.Certificate, error) {
	var secret corev1.Secret
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: secretName}, &secret); err != nil {
		return nil, fmt.Errorf("stage: %w", err)
	}
	var chain []*x509.Certificate
	for rest := secret.Data[corev1.TLSCertKey]; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("stage: secret %s/%s: %w", namespace, secretName, err)
		}
		chain = append(chain, certificate)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("stage: secret %s/%s holds no certificate", namespace, secretName)
	}
	roots, err := s.Cluster.ACME.Roots(ctx)
	if err != nil {
		return nil, err
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		return nil, fmt.Errorf("stage: secret %s/%s: %w", namespace, secretName, err)
	}
	return chain[0], nil
}

// explain tells how far the challenges of a namespace have come.
func (s *Stage) explain(ctx context.Context, namespace string) error {
	var orders acmev1.OrderList
	if err := s.Client.List(ctx, &orders, client.InNamespace(namespace)); err != nil {
		return err
	}
	var challenges acmev1.ChallengeList
	if err := s.Client.List(ctx, &challenges, client.InNamespace(namespace)); err != nil {
		return err
	}
	var reasons []error
	for _, order := range orders.Items {
		reasons = append(reasons, fmt.Errorf("order %s: %s %s", order.Name, order.Status.State, order.Status.Reason))
	}
	for _, challenge := range challenges.Items {
		reasons = append(reasons, fmt.Errorf("challenge %s for %s: %s, presented %t: %s", challenge.Name, challenge.Spec.DNSName,
			challenge.Status.State, challenge.Status.Presented, challenge.Status.Reason))
	}
	return errors.Join(reasons...)
}

// NoChallenges says which challenges a namespace still has.
func (s *Stage) NoChallenges(ctx context.Context, namespace string) error {
	var challenges acmev1.ChallengeList
	if err := s.Client.List(ctx, &challenges, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("stage: %w", err)
	}
	for _, challenge := range challenges.Items {
		return fmt.Errorf("stage: challenge %s/%s is still there: %s %s", namespace, challenge.Name, challenge.Status.State, challenge.Status.Reason)
	}
	return nil
}

// OrderFailed says whether an Order came to an end without a certificate. cert-manager makes another only after an hour.
func OrderFailed(order *acmev1.Order) bool {
	return slices.Contains([]acmev1.State{acmev1.Invalid, acmev1.Errored, acmev1.Expired}, order.Status.State)
}
