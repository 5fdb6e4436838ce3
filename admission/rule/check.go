package rule

import (
	"context"
	"iter"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Check is what a rule does with objects, and with which of them: one of the types here.
type Check interface {
	// Kinds are the kinds that it judges.
	Kinds() []string
	// judge yields what is wrong with the subject of a review, nothing where the check is not for such subjects. An error means that
	// it could not look, or is that of yield.
	judge(ctx context.Context, review any, yield Yield) error
}

// Yield takes one thing that is wrong with the object. An error means that no more are wanted: the check ends with it.
type Yield func(Finding) error

// Until goes through a list for as long as ctx lasts. That it has ended is for the engine to tell.
func Until[T any](ctx context.Context, list []T) iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, one := range list {
			if ctx.Err() != nil || !yield(i, one) {
				return
			}
		}
	}
}

// Certificates is a check of Certificates. It is also asked about those that cert-manager would make for an Ingress or a Gateway.
type Certificates func(context.Context, *CertificateReview, Yield) error

// Kinds implements Check.
func (Certificates) Kinds() []string { return []string{cmapi.CertificateKind, "Ingress", "Gateway"} }

func (c Certificates) judge(ctx context.Context, review any, yield Yield) error {
	if r, ok := review.(*CertificateReview); ok {
		return c(ctx, r, yield)
	}
	return nil
}

// WrittenCertificates is a check of Certificates that somebody wrote: of fields that no annotation sets, or that another check has
// for annotations.
type WrittenCertificates func(context.Context, *CertificateReview, Yield) error

// Kinds implements Check.
func (WrittenCertificates) Kinds() []string { return []string{cmapi.CertificateKind} }

func (c WrittenCertificates) judge(ctx context.Context, review any, yield Yield) error {
	if r, ok := review.(*CertificateReview); ok && !r.Synthetic {
		return c(ctx, r, yield)
	}
	return nil
}

// Issuers is a check of Issuers and ClusterIssuers.
type Issuers func(context.Context, *IssuerReview, Yield) error

// Kinds implements Check.
func (Issuers) Kinds() []string { return []string{cmapi.IssuerKind, cmapi.ClusterIssuerKind} }

func (c Issuers) judge(ctx context.Context, review any, yield Yield) error {
	if r, ok := review.(*IssuerReview); ok {
		return c(ctx, r, yield)
	}
	return nil
}

// Annotations is a check of annotated Ingresses and Gateways.
type Annotations func(context.Context, *AnnotatedReview, Yield) error

// Kinds implements Check.
func (Annotations) Kinds() []string { return []string{"Ingress", "Gateway"} }

func (c Annotations) judge(ctx context.Context, review any, yield Yield) error {
	if r, ok := review.(*AnnotatedReview); ok {
		return c(ctx, r, yield)
	}
	return nil
}

// Ingresses is a check of annotated Ingresses alone.
type Ingresses func(context.Context, *AnnotatedReview, *networkingv1.Ingress, Yield) error

// Kinds implements Check.
func (Ingresses) Kinds() []string { return []string{"Ingress"} }

func (c Ingresses) judge(ctx context.Context, review any, yield Yield) error {
	if r, ok := review.(*AnnotatedReview); ok {
		if ingress, ok := r.Object.(*networkingv1.Ingress); ok {
			return c(ctx, r, ingress, yield)
		}
	}
	return nil
}

// Checks are several for different kinds.
type Checks []Check

// Kinds implements Check.
func (c Checks) Kinds() []string {
	var kinds []string
	for _, one := range c {
		kinds = append(kinds, one.Kinds()...)
	}
	return kinds
}

func (c Checks) judge(ctx context.Context, review any, yield Yield) error {
	for _, one := range c {
		if err := one.judge(ctx, review, yield); err != nil {
			return err
		}
	}
	return nil
}

// Manifests is the check of objects of these kinds as they are written. Package admission/schema makes it, and a Request brings what
// it found.
type Manifests []string

// Kinds implements Check.
func (m Manifests) Kinds() []string { return slices.Clone(m) }

func (Manifests) judge(context.Context, any, Yield) error { return nil }
