package catalogue

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/ca"
)

// TestGenerated_Rules holds docs/rules.md to the rules that there are.
func TestGenerated_Rules(t *testing.T) {
	t.Parallel()
	want := fmt.Sprintf(rulesIntroduction, ca.DataDate, differencesList(t)) + "\n" + reference(allShown(t))
	file := filepath.Join("..", "..", "docs", "rules.md")
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/rules.md is not up to date; run make generate (-want +got):\n%s", diff)
	}
}

const rulesIntroduction = `# Rules

Made by ` + "`make generate`" + `. Do not edit.

These are the rules by which certyun judges Certificates, Issuers, ClusterIssuers, and the annotations of Ingresses and
Gateways. Each has an id, by which messages, policies and annotations call it, and which is also its anchor on this page.
What is known of CAs is of %s.

## Severities

**deny** is for what can never work. The API server refuses the object, and ` + "`kubectl apply`" + ` prints the path of each
field and what to write there. **warn** is for what may fail, is ignored, or depends on what is not there yet. The object
is stored, and ` + "`kubectl`" + ` prints a line that begins with ` + "`Warning:`" + `. A rule that denies may also warn, where it is
less certain: the severity in the table is the most that it does. An Issuer that is not there is always a warning.
In a cluster Ingresses and Gateways are never denied, because they route traffic too. A CA that is not known is not judged.

In a cluster certyun does not repeat what cert-manager's own webhook refuses, but for
[key-size-for-algorithm](#key-size-for-algorithm). Of files it says that too, by the
[rules that begin with cm-](#what-cert-manager-itself-rejects).

## Updates

Only what a change makes worse is denied. A denial that was there before the change is a warning, so an object that was
once stored can always be changed for the better. Metadata, status, finalizers and deletions are never held up.

## Bundles

Some denials depend on another object: a wildcard is denied for what the Issuer has now. Helm and Flux apply Certificates
before Issuers and stop at the first refusal, so such a denial could keep the repaired Issuer from ever coming. It is a
warning where both objects are of the same Helm release, Flux Kustomization or Flux HelmRelease. certyun sees that by
the annotations ` + "`meta.helm.sh/release-name`" + ` and ` + "`-namespace`" + `, and by the labels
` + "`kustomize.toolkit.fluxcd.io/name`" + ` and ` + "`helm.toolkit.fluxcd.io/name`" + ` with their ` + "`/namespace`" + `.
An author can copy these marks, so a rule that the policy lists in ` + "`noSkip`" + ` denies all the same.

## Skipping a rule

Who knows better writes the ids of rules, with commas between them, into an annotation of the object. Their denials are
then warnings.

` + "```yaml" + `
metadata:
  annotations:
    certyun.internal/skip: wildcard-needs-dns01
` + "```" + `

## Policy

An operator changes rules for a whole cluster in the policy file. All fields but the first two may be left out.

` + "```yaml" + `
apiVersion: certyun.internal/v1
kind: Policy
rules:                         # deny, warn or off
  secret-name-shared: deny
  acme-name-forbidden: off
exemptNamespaces: [sandbox]    # not judged at all
crossResource: auto            # denials that depend on another object: auto (as above), deny or warn
noSkip: [secret-is-ca-issuer-key]   # rules that nothing in an object can soften
exemptByLabel: true            # whether a namespace may exempt itself by a label
caPolicies:                    # what an ACME server is like: an id from our table, private or off
  - server: https://acme.corp.example/directory
    like: private
` + "```" + `

## What cert-manager itself rejects

A file never meets a cluster, so ` + "`certyun lint`" + ` says what a cluster would refuse it for: the API server by the schemas of
cert-manager's CustomResourceDefinitions and by its rules about metadata, and cert-manager's own webhook. These are the rules
that begin with ` + "`cm-`" + `. They are not asked in a cluster. They are those of cert-manager 1.21.2 with its feature gates as they
are by default, and of Kubernetes 1.36; tests compare them with the API server and with cert-manager's own code. They name the same
fields in the same way, but for this:

%s
## All rules
`

// differencesList is what the tests beside cert-manager's code let differ.
func differencesList(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "testdata", "certmanager-differences.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var differences []struct{ Says string }
	if err := yaml.Unmarshal(raw, &differences); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, d := range differences {
		if d.Says != "" {
			fmt.Fprintf(&b, "- %s\n", d.Says)
		}
	}
	return b.String()
}
