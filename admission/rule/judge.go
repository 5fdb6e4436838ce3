package rule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/shim"
)

// subject is an object as rules look at it. Its issuer, and which solvers it chooses among, are looked up once for all rules.
type subject struct {
	// review is nil where there is nothing to ask.
	review any
	// made are the Certificates that cert-manager would make for an annotated object.
	made []*shim.Certificate
	// first is the review of the first of them. The others have the same issuer and the same labels.
	first *CertificateReview
}

// newSubject looks up the issuer. Where that fails there is a subject all the same: most rules need no issuer.
func newSubject(ctx context.Context, env *Environment, op Operation, object, old metav1.Object) (*subject, error) {
	switch object := object.(type) {
	case *cmapi.Certificate:
		if op == Delete {
			return &subject{}, nil
		}
		review, err := newCertificateReview(ctx, env, op, object)
		return &subject{review: review}, err
	case cmapi.GenericIssuer:
		review := &IssuerReview{Environment: env, Operation: op, Issuer: object}
		if before, ok := old.(cmapi.GenericIssuer); ok {
			review.Old = before
		}
		return &subject{review: review}, nil
	}
	if op == Delete {
		return &subject{}, nil
	}
	s := &subject{review: &AnnotatedReview{Environment: env, Operation: op, Object: object}, made: shim.Certificates(object)}
	if len(s.made) == 0 {
		return s, nil
	}
	var err error
	s.first, err = newCertificateReview(ctx, env, op, s.made[0].Certificate)
	s.first.Synthetic = true
	return s, err
}

// lookAgain is how long a second look may take, at the issuer of the old object or past a cache. What a founding rule would deny waits for
// it, whatever the time.
const lookAgain = 300 * time.Millisecond

// lookOnceMore is newSubject for a second look.
func lookOnceMore(ctx context.Context, env *Environment, op Operation, object, old metav1.Object) (*subject, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookAgain)
	defer cancel()
	return newSubject(ctx, env, op, object, old)
}

// ask asks rules about the object, and then about the Certificates that cert-manager would make. It yields what they find with the
// rule's id and severity.
func (s *subject) ask(ctx context.Context, rules []Rule, yield Yield) error {
	if s.review == nil {
		return nil
	}
	_, err := ask(ctx, rules, s.review, yield)
	if len(s.made) == 0 {
		return err
	}
	errs := []error{err}
	for _, made := range Until(ctx, s.made) {
		heard, err := ask(ctx, rules, s.first.of(made.Certificate), func(f Finding) error {
			f.Field, f.Message = made.Origin(f.Field), made.Text(f.Message)
			return yield(f)
		})
		errs = append(errs, err)
		if len(heard) > 0 {
			rules = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return slices.Contains(heard, r.ID) })
		}
	}
	return errors.Join(append(errs, ctx.Err())...)
}

// errEnough ends a check of whose findings no more are wanted.
var errEnough = errors.New("there are enough findings")

// ask yields what rules find in a review, and returns those of which no more is wanted. A rule that cannot look keeps no other from
// looking.
func ask(ctx context.Context, rules []Rule, review any, yield Yield) (heard []string, err error) {
	var errs []error
	var one *Rule
	named := func(f Finding) error { // one for all rules: most find nothing
		f.Rule, f.Severity = one.ID, cmp.Or(f.Severity, one.Severity)
		return yield(f)
	}
	clocked := false
	for i := range rules {
		one = &rules[i]
		clocked = clocked || !one.Founding // one that is founding says by itself where it has not looked at all of the object
		err := one.Check.judge(ctx, review, named)
		switch {
		case errors.Is(err, errEnough):
			heard = append(heard, one.ID)
		case err != nil:
			errs = append(errs, fmt.Errorf("rule %s: %w", one.ID, err))
		}
	}
	if clocked && ctx.Err() != nil {
		errs = append(errs, ctx.Err())
	}
	return heard, errors.Join(errs...)
}
