package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	certmanagerv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WaitForAdmission waits until the API server asks the admission server: until then it lets everything through.
func (s *Stage) WaitForAdmission(ctx context.Context) error {
	issuer := cmmeta.IssuerReference{Group: "cert-manager.io", Kind: "Issuer", Name: "none"}
	bad := Certificate(metav1.NamespaceDefault, "too-small", issuer, "www.example.com")
	bad.Spec.PrivateKey.Algorithm, bad.Spec.PrivateKey.Size = certmanagerv1.RSAKeyAlgorithm, 384
	return s.WaitForRefusal(ctx, bad)
}

// WaitForRefusal waits until the API server would refuse to create the object. What the admission server compares it with
// reaches that server a moment after it was applied.
func (s *Stage) WaitForRefusal(ctx context.Context, object client.Object) error {
	return Eventually(ctx, time.Minute, func() error {
		// A dry run may write defaults into the object.
		trial, ok := object.DeepCopyObject().(client.Object)
		if !ok {
			return fmt.Errorf("stage: %T has no metadata", object)
		}
		err := s.Client.Create(ctx, trial, client.DryRunAll)
		switch {
		case err == nil:
			return errors.New("stage: the object would be taken")
		case apierrors.IsInvalid(err):
			return nil
		default:
			return fmt.Errorf("stage: %w", err)
		}
	})
}
