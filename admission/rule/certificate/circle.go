package certificate

import (
	"context"
	"fmt"
	"slices"

	cmapi "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"

	"github.com/certyun/certyun/admission/evidence"
	"github.com/certyun/certyun/admission/rule"
	"github.com/certyun/certyun/admission/rule/fieldpath"
)

func caWaitsForItself() rule.Rule {
	return rule.Rule{
		ID: "ca-waits-for-itself", Severity: rule.Warn, Silent: true,
		Summary: "A CA is to be signed with a key that comes into being only once it is signed.",
		Why: "A CA Issuer is ready when its Secret is there, and a Certificate is issued when its issuer is ready. Where the Certificate that writes " +
			"the Secret is signed by the same Issuer, at once or by way of others, each waits for the other for ever. A Secret that " +
			"is there already, or an Issuer that is ready, ends the circle, so this only warns. Most often a self-signed Issuer is forgotten.",
		Remedy: "Let a selfSigned Issuer sign the root.",
		Check:  rule.WrittenCertificates(checkCircle),
	}
}

// circle is the way from a CA to the one that signs it, and so on.
type circle struct {
	*rule.CertificateReview
	// start is the Certificate that is judged.
	start *cmapi.Certificate
}

// longestCircle is how many Issuers a circle may have, and mostWriters how many Certificates may write the Secret of one.
const longestCircle, mostWriters = 5, 10

func checkCircle(ctx context.Context, r *rule.CertificateReview, yield rule.Yield) error {
	if !r.Certificate.Spec.IsCA || r.Issuer == nil || r.Issuer.GetSpec().CA == nil {
		return nil
	}
	c := &circle{CertificateReview: r, start: r.Certificate}
	closes, err := c.closes(ctx, r.Issuer, longestCircle)
	if err != nil || closes == nil {
		return err
	}
	if closes == r.Issuer && c.secretNamespace(r.Issuer) == r.Certificate.Namespace {
		return nil // secret-is-ca-issuer-key denies it
	}
	return yield(rule.Finding{
		Field: fieldpath.Spec("issuerRef").String(), Remedy: "Let a selfSigned Issuer sign the root", Message: c.message(closes),
		Namespaced: c.secretNamespace(closes) != c.start.Namespace,
	})
}

func (c *circle) message(closes cmapi.GenericIssuer) string {
	title := fmt.Sprintf("%s %q", rule.KindOfIssuer(closes), closes.GetName())
	if closes != c.Issuer {
		return fmt.Sprintf("%s waits for %s, which signs with Secret %q, which this Certificate writes: none of them is ever ready",
			c.IssuerTitle(), title, closes.GetSpec().CA.SecretName)
	}
	if namespace := c.secretNamespace(closes); namespace != c.start.Namespace {
		return fmt.Sprintf("%s signs with Secret %q of %q, and this Certificate, which needs it, writes that in %q: neither is ever ready", title, closes.GetSpec().CA.SecretName, namespace, c.start.Namespace)
	}
	return fmt.Sprintf("%s signs with Secret %q, which this Certificate writes: neither is ever ready", title, closes.GetSpec().CA.SecretName)
}

// closes returns the Issuer that signs with what the Certificate writes, if this one waits for it; nil where there is a way out.
func (c *circle) closes(ctx context.Context, issuer cmapi.GenericIssuer, left int) (cmapi.GenericIssuer, error) {
	if issuer == nil || left == 0 || issuer.GetSpec().CA == nil || isReady(issuer) {
		return nil, nil
	}
	namespace, name := c.secretNamespace(issuer), issuer.GetSpec().CA.SecretName
	secret, _, err := c.World.Secret(ctx, namespace, name)
	if err != nil || secret != nil || namespace == "" || name == "" {
		return nil, err
	}
	writers, err := c.writers(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	var found cmapi.GenericIssuer
	for _, crt := range writers {
		closed, err := c.closedBy(ctx, crt, issuer, left)
		if closed == nil || err != nil {
			return nil, err
		}
		found = closed
	}
	return found, nil
}

// closedBy is closes for one of the Certificates that write the Secret of an Issuer.
func (c *circle) closedBy(ctx context.Context, crt *cmapi.Certificate, issuer cmapi.GenericIssuer, left int) (cmapi.GenericIssuer, error) {
	if crt.Namespace == c.start.Namespace && crt.Name == c.start.Name {
		return issuer, nil
	}
	key, ours := rule.IssuerKeyOf(crt)
	if !ours {
		return nil, nil
	}
	next, err := c.World.KnownIssuer(ctx, key)
	if err != nil {
		return nil, err
	}
	return c.closes(ctx, next, left-1)
}

// writers are the Certificates that write a Secret. Where there are none, a ClusterIssuer's are those that write one of this name in
// another namespace: it is meant.
func (c *circle) writers(ctx context.Context, namespace, name string) ([]*cmapi.Certificate, error) {
	writers, err := c.World.CertificatesBySecret(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	mine := c.start.Spec.SecretName == name
	if mine && c.start.Namespace == namespace {
		writers = append(slices.Clip(writers), c.start)
	}
	if len(writers) > 0 || namespace != c.Settings.ClusterResourceNamespace {
		return writers[:min(len(writers), mostWriters)], nil
	}
	if mine {
		writers = append(writers, c.start)
	}
	err = c.World.VisitCertificates(ctx, evidence.BySecretName, name, func(crt *cmapi.Certificate) bool {
		writers = append(writers, crt)
		return len(writers) < mostWriters
	})
	return writers, err
}

func (c *circle) secretNamespace(issuer cmapi.GenericIssuer) string {
	if namespace := issuer.GetNamespace(); namespace != "" {
		return namespace
	}
	return c.Settings.ClusterResourceNamespace
}

func isReady(issuer cmapi.GenericIssuer) bool {
	for _, c := range issuer.GetStatus().Conditions {
		if c.Type == cmapi.IssuerConditionReady && c.Status == cmmeta.ConditionTrue {
			return true
		}
	}
	return false
}
