package evidence

import (
	"context"
	"errors"
	"sync"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Before a World says that something is not there it looks at the live state. One review may look so often in vain, and at so many
// issuers: in a world and in a fresh one, where an answer may take two looks. Together that is 60 at most, whatever the object says.
const (
	maxInVain  = 45
	maxIssuers = 5
)

// errSpent is the answer to a question too many.
var errSpent = errors.New("the review has asked about too many objects that are not there")

// ForReview returns two worlds as one review sees them: the same question is asked once, and what the review may not ask any more is
// answered with an error. A nil fresh world stays nil.
func ForReview(world, fresh World) (forReview, freshForReview World) {
	shared := &inVain{answers: map[question]answer{}}
	forReview = &review{World: world, issuers: map[IssuerKey]issuerAnswer{}, inVain: shared}
	if fresh == nil {
		return forReview, nil
	}
	return forReview, &review{World: fresh, issuers: map[IssuerKey]issuerAnswer{}, inVain: shared}
}

// review is a World with a memory. That of issuers is its own: a fresh world has other ones.
type review struct {
	World
	inVain *inVain

	mu      sync.Mutex
	issuers map[IssuerKey]issuerAnswer
}

type issuerAnswer struct {
	issuer cmapi.GenericIssuer
	err    error
}

// Issuer implements Issuers.
func (r *review) Issuer(ctx context.Context, key IssuerKey) (cmapi.GenericIssuer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, asked := r.issuers[key]
	if !asked {
		if len(r.issuers) == maxIssuers {
			return nil, errSpent
		}
		a.issuer, a.err = r.World.Issuer(ctx, key)
		r.issuers[key] = a
	}
	return a.issuer, a.err
}

// Certificate implements Certificates.
func (r *review) Certificate(ctx context.Context, namespace, name string) (crt *cmapi.Certificate, err error) {
	_, err = r.inVain.ask(question{"Certificate", namespace, name}, func() (found, known bool, err error) {
		crt, err = r.World.Certificate(ctx, namespace, name)
		return crt != nil, true, err
	})
	return crt, err
}

// APIService implements Services.
func (r *review) APIService(ctx context.Context, name string) (service *APIService, known bool, err error) {
	known, err = r.inVain.ask(question{"APIService", "", name}, func() (found, known bool, err error) {
		service, known, err = r.World.APIService(ctx, name)
		return service != nil, known, err
	})
	return service, known, err
}

// KindServed implements Services.
func (r *review) KindServed(ctx context.Context, group, kind string) (served, known bool, err error) {
	known, err = r.inVain.ask(question{"kind", group, kind}, func() (found, known bool, err error) {
		served, known, err = r.World.KindServed(ctx, group, kind)
		return served, known, err
	})
	return served, known, err
}

// Secret implements Secrets.
func (r *review) Secret(ctx context.Context, namespace, name string) (secret *metav1.PartialObjectMetadata, known bool, err error) {
	known, err = r.inVain.ask(question{"Secret", namespace, name}, func() (found, known bool, err error) {
		secret, known, err = r.World.Secret(ctx, namespace, name)
		return secret != nil, known, err
	})
	return secret, known, err
}

// question is about one object.
type question struct{ what, in, name string }

// answer is that of a question about what is not there, or of which nobody knows.
type answer struct {
	known bool
	err   error
}

// inVain are the questions that found nothing. What is found is at hand, and may be asked again.
type inVain struct {
	mu      sync.Mutex
	answers map[question]answer
}

func (v *inVain) ask(q question, look func() (found, known bool, err error)) (known bool, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if a, asked := v.answers[q]; asked {
		return a.known, a.err
	}
	if len(v.answers) == maxInVain {
		return false, errSpent
	}
	found, known, err := look()
	if !found {
		v.answers[q] = answer{known, err}
	}
	return known, err
}
