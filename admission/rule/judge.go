package rule

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/rule/shim"
)

// judge asks rules about an object.
func judge(ctx context.Context, env *Environment, rules []Rule, op Operation, object, old metav1.Object) ([]Finding, error) {
	switch object := object.(type) {
	case *cmapi.Certificate:
		if op == Delete {
			return nil, nil
		}
		review, lookErr := newCertificateReview(ctx, env, op, object)
		findings, err := ask(ctx, rules, review)
		return findings, errors.Join(lookErr, err)
	case cmapi.GenericIssuer:
		review := &IssuerReview{Environment: env, Operation: op, Issuer: object}
		if before, ok := old.(cmapi.GenericIssuer); ok {
			review.Old = before
		}
		return ask(ctx, rules, review)
	}
	return judgeAnnotated(ctx, env, rules, op, object)
}

// enoughAnnotated is how many warnings about one object are enough. Annotations give all their names to each of its
// Certificates, so that there could be tens of thousands.
const enoughAnnotated = 1000

// judgeAnnotated asks the rules about the annotations, and then about the Certificates that cert-manager would make.
func judgeAnnotated(ctx context.Context, env *Environment, rules []Rule, op Operation, object metav1.Object) ([]Finding, error) {
	if op == Delete {
		return nil, nil
	}
	findings, err := ask(ctx, rules, &AnnotatedReview{Environment: env, Operation: op, Object: object})
	errs := []error{err}
	for _, made := range shim.Certificates(object) {
		if len(findings) > enoughAnnotated {
			break
		}
		review, lookErr := newCertificateReview(ctx, env, op, made.Certificate)
		review.Synthetic = true
		more, err := ask(ctx, rules, review)
		errs = append(errs, lookErr, err)
		for _, f := range more {
			f.Field, f.Message, f.Brief = made.Origin(f.Field), made.Text(f.Message), made.Text(f.Brief)
			findings = append(findings, f)
		}
	}
	return findings, errors.Join(errs...)
}

// ask collects what rules find in a review. A rule that cannot look keeps no other from looking.
func ask(ctx context.Context, rules []Rule, review any) ([]Finding, error) {
	var findings []Finding
	var errs []error
	for i := range rules {
		found, err := rules[i].Check.judge(ctx, review)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", rules[i].ID, err))
		}
		for _, f := range found {
			f.Rule = rules[i].ID
			f.Severity = cmp.Or(f.Severity, rules[i].Severity)
			findings = append(findings, f)
		}
	}
	return findings, errors.Join(errs...)
}
