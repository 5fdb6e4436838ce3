package rule

import (
	"context"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
)

// brokenWorld is one in which nobody can look at anything.
type brokenWorld struct {
	evidence.World
	err error
}

func (w brokenWorld) Issuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return nil, w.err
}

func (w brokenWorld) KnownIssuer(context.Context, evidence.IssuerKey) (cmapi.GenericIssuer, error) {
	return nil, w.err
}

func (w brokenWorld) IssuersByAccountKey(context.Context, string, string) ([]cmapi.GenericIssuer, error) {
	return nil, w.err
}

func (w brokenWorld) Certificate(context.Context, string, string) (*cmapi.Certificate, error) {
	return nil, w.err
}

func (w brokenWorld) CertificatesBySecret(context.Context, string, string) ([]*cmapi.Certificate, error) {
	return nil, w.err
}

func (w brokenWorld) VisitCertificates(context.Context, evidence.Index, string, func(*cmapi.Certificate) bool) error {
	return w.err
}

func (w brokenWorld) APIService(context.Context, string) (*evidence.APIService, bool, error) {
	return nil, false, w.err
}

func (w brokenWorld) KindServed(context.Context, string, string) (served, known bool, err error) {
	return false, false, w.err
}

func (w brokenWorld) Secret(context.Context, string, string) (*metav1.PartialObjectMetadata, bool, error) {
	return nil, false, w.err
}
