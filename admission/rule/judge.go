package rule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/shim"
)

// judge asks rules about an object, and yields what they find with the rule's id and severity.
func judge(ctx context.Context, env *Environment, rules []Rule, op Operation, object, old metav1.Object, yield Yield) error {
	switch object := object.(type) {
	case *cmapi.Certificate:
		if op == Delete {
			return nil
		}
		review, lookErr := newCertificateReview(ctx, env, op, object)
		_, err := ask(ctx, rules, review, yield)
		return errors.Join(lookErr, err)
	case cmapi.GenericIssuer:
		review := &IssuerReview{Environment: env, Operation: op, Issuer: object}
		if before, ok := old.(cmapi.GenericIssuer); ok {
			review.Old = before
		}
		_, err := ask(ctx, rules, review, yield)
		return err
	}
	return judgeAnnotated(ctx, env, rules, op, object, yield)
}

// judgeAnnotated asks the rules about the annotations, and then about the Certificates that cert-manager would make.
func judgeAnnotated(ctx context.Context, env *Environment, rules []Rule, op Operation, object metav1.Object, yield Yield) error {
	if op == Delete {
		return nil
	}
	_, err := ask(ctx, rules, &AnnotatedReview{Environment: env, Operation: op, Object: object}, yield)
	errs := []error{err}
	for _, made := range Until(ctx, shim.Certificates(object)) {
		review, err := newCertificateReview(ctx, env, op, made.Certificate)
		errs = append(errs, err)
		review.Synthetic = true
		heard, err := ask(ctx, rules, review, func(f Finding) error {
			f.Field, f.Message = made.Origin(f.Field), made.Text(f.Message)
			return yield(f)
		})
		errs = append(errs, err)
		if len(heard) > 0 {
			rules = slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool { return slices.Contains(heard, r.ID) })
		}
	}
	return errors.Join(errs...)
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
	for i := range rules {
		one = &rules[i]
		err := one.Check.judge(ctx, review, named)
		switch {
		case errors.Is(err, errEnough):
			heard = append(heard, one.ID)
		case err != nil:
			errs = append(errs, fmt.Errorf("rule %s: %w", one.ID, err))
		}
	}
	return heard, errors.Join(append(errs, ctx.Err())...)
}
