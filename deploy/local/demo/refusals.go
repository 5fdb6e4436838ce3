package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// refusal is a manifest that can never work.
type refusal struct {
	// title says what is wrong with it, rule is the rule that says so to the user.
	title, rule, file, manifest string
}

// wildcardIssuer has no key and makes none, so cert-manager never calls Let's Encrypt.
const wildcardIssuer = `apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: letsencrypt-http01, namespace: ` + namespace + `}
spec:
  acme:
    server: https://acme-staging-v02.api.letsencrypt.org/directory
    disableAccountKeyGeneration: true
    privateKeySecretRef: {name: letsencrypt-http01-account}
    solvers: [{http01: {ingress: {ingressClassName: nginx}}}]
`

func refusals() []refusal {
	return []refusal{
		{
			title: "A wildcard, from an Issuer that has only HTTP-01:", rule: "wildcard-needs-dns01", file: "wildcard.yaml",
			manifest: `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: wildcard, namespace: ` + namespace + `}
spec:
  secretName: wildcard
  dnsNames: ["*.cert-lab.dev"]
  issuerRef: {name: letsencrypt-http01}
`,
		},
		{
			title: "An RSA key with a size of ECDSA:", rule: "key-size-for-algorithm", file: "key-size.yaml",
			manifest: `apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: key-size, namespace: ` + namespace + `}
spec:
  secretName: key-size
  dnsNames: [www.example.com]
  privateKey: {algorithm: RSA, size: 384}
  issuerRef: {kind: ClusterIssuer, name: letsencrypt-alidns}
`,
		},
	}
}

// refuse applies what cannot work, as a user would, and shows what kubectl says.
func (d *demo) refuse(ctx context.Context) (err error) {
	d.printf("\nManifests that could not work are refused\n\n")
	if _, err := d.stage.Cluster.Apply(ctx, []byte(wildcardIssuer)); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer func() {
		_, left := d.stage.Cluster.Kubectl(ctx, strings.NewReader(wildcardIssuer), "delete", "--filename", "-")
		err = errors.Join(err, left)
	}()
	for _, r := range refusals() {
		if err := d.showRefusal(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) showRefusal(ctx context.Context, r refusal) error {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(r.manifest), &object.Object); err != nil {
		return fmt.Errorf("demo: %s: %w", r.file, err)
	}
	if err := d.stage.WaitForRefusal(ctx, object); err != nil {
		return fmt.Errorf("demo: %s: %w", r.file, err)
	}
	said, err := d.stage.Cluster.Apply(ctx, []byte(r.manifest))
	if err == nil {
		return fmt.Errorf("demo: %s was accepted: %s", r.file, said)
	}
	if !strings.Contains(said, "["+r.rule+"]") {
		return fmt.Errorf("demo: %s was not refused by %s: %w", r.file, r.rule, err)
	}
	d.printf("  %s\n\n    $ kubectl apply -f %s\n", r.title, r.file)
	for line := range strings.Lines(said) {
		d.wrapped("    ", strings.TrimSpace(line))
	}
	d.printf("\n")
	return nil
}
