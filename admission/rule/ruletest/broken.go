package ruletest

import (
	"context"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
)

// Broken is a world in which nobody can look at anything.
type Broken struct {
	evidence.World
	Err error
}

func (w Broken) Issuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return nil, w.Err
}

func (w Broken) KnownIssuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return nil, w.Err
}

func (w Broken) IssuersByAccountKey(context.Context, string, string) ([]cmapi.GenericIssuer, error) {
	return nil, w.Err
}

func (w Broken) Certificate(context.Context, string, string) (*cmapi.Certificate, error) {
	return nil, w.Err
}

func (w Broken) CertificatesBySecret(context.Context, string, string) ([]*cmapi.Certificate, error) {
	return nil, w.Err
}

func (w Broken) VisitCertificates(context.Context, evidence.Index, string, func(*cmapi.Certificate) bool) error {
	return w.Err
}

func (w Broken) APIService(context.Context, string) (*evidence.APIService, bool, error) {
	return nil, false, w.Err
}

func (w Broken) KindServed(context.Context, string, string) (served, known bool, err error) {
	return false, false, w.Err
}

func (w Broken) Secret(context.Context, string, string) (*metav1.PartialObjectMetadata, bool, error) {
	return nil, false, w.Err
}
