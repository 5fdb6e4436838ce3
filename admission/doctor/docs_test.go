package doctor

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the generated and golden files anew")

// placeholderLeft finds what fill leaves of a word that has no value.
var placeholderLeft = regexp.MustCompile(`<[a-z-]+>|\{[a-z-]+\}`)

// checkFilled checks that everything that is said of causes has its values.
func checkFilled(t *testing.T, d *Diagnosis) {
	t.Helper()
	for _, f := range append(d.Causes, d.Warnings...) {
		for _, text := range []string{f.Sentence, f.Next, f.Fix} {
			if placeholderLeft.MatchString(text) {
				t.Errorf("%s: a value is missing: %s", f.Cause, text)
			}
		}
	}
}

// TestGenerated_Troubleshooting holds docs/troubleshooting.md to the causes that there are.
func TestGenerated_Troubleshooting(t *testing.T) {
	t.Parallel()
	golden(t, filepath.Join("..", "..", "docs", "troubleshooting.md"), troubleshootingGuide(append(Table(), Unknown())))
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not up to date; run make generate (-file +now):\n%s", file, diff)
	}
}

const guideIntroduction = `# Troubleshooting

Made by ` + "`make generate`" + `. Do not edit.

Run this first. It looks for everything on this page, and names what it finds by the same words:

` + "```sh" + `
certyun doctor                                    # the installation
certyun doctor certificate NAME -n NAMESPACE      # why is this certificate not there?
certyun doctor issuer NAME -n NAMESPACE           # an Issuer, its config, its Secrets
` + "```" + `

` + "`--dns`" + ` looks at the DNS as well, ` + "`--provider`" + ` at the account at the cloud. How to run it: [doctor.md](doctor.md).

To look by hand, go from the Certificate to what was made for it, until something says why it does not go on:

` + "```sh" + `
kubectl get certificates,certificaterequests,orders,challenges -n NAMESPACE
kubectl describe challenges -n NAMESPACE
` + "```" + `

A word in angle brackets, like \<secret>, stands for a name of yours.

| What is wrong | Name |
| --- | --- |
`

func troubleshootingGuide(table []Cause) string {
	var b strings.Builder
	b.WriteString(guideIntroduction)
	for _, c := range table {
		fmt.Fprintf(&b, "| [%s](#%s) | `%s` |\n", c.Title, c.ID, c.ID)
	}
	for _, c := range table {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n**You see**\n\n", c.ID, c.Title)
		for _, shown := range c.Shows {
			fmt.Fprintf(&b, "- %s\n", shown)
		}
		values := map[string]string{"certyun": "certyun", "issuer-args": "NAME", "certificate-args": "NAME", "cert-manager": "cert-manager", "certyun-namespace": "certyun", "secret-place": secretPlaces, "bearer": "the access key in <keys>", "in": " -n <namespace>", "object-name": "<name>"}
		fmt.Fprintf(&b, "\n**It means**\n\n%s\n", escaped(fill(c.Sentence, values)))
		fmt.Fprintf(&b, "\n**Next**\n\n```sh\n%s\n```\n\n**Mend it**\n\n%s\n", fill(c.Next, values), escaped(fill(c.Fix, values)))
	}
	return b.String()
}

// escaped keeps <name> from being taken for HTML, outside of code.
func escaped(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		if i > 0 {
			b.WriteString("`")
		}
		if i%2 == 0 {
			part = strings.ReplaceAll(part, "<", `\<`)
		}
		b.WriteString(part)
	}
	return b.String()
}

// TestTable holds the causes to their form.
func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range append(Table(), Unknown()) {
		switch {
		case seen[c.ID]:
			t.Errorf("%s is there twice", c.ID)
		case !regexp.MustCompile(`^[a-z-]+$`).MatchString(c.ID):
			t.Errorf("%q is not an ID", c.ID)
		case c.Title == "" || strings.HasSuffix(c.Title, "."):
			t.Errorf("%s: the title %q is empty or has a full stop", c.ID, c.Title)
		case !strings.HasSuffix(c.Sentence, ".") && !strings.HasSuffix(c.Sentence, "{why}"):
			t.Errorf("%s: the sentence %q has no full stop", c.ID, c.Sentence)
		case c.Next == "" || strings.Contains(c.Next, "\n"):
			t.Errorf("%s: %q is not a command", c.ID, c.Next)
		case !strings.HasSuffix(c.Fix, "."):
			t.Errorf("%s: the fix %q has no full stop", c.ID, c.Fix)
		case len(c.Shows) == 0:
			t.Errorf("%s does not say how people meet it", c.ID)
		}
		seen[c.ID] = true
	}
	for _, id := range namedInCode(t) {
		if !seen[id] {
			t.Errorf("looking names the cause %s, which there is not", id)
		}
	}
}

// namedInCode are the causes that looking and the table name.
func namedInCode(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	naming := regexp.MustCompile(`(?:problem|warning|sawAt|readerHas)\("[a-z-]+"|bad\(\w+, "[a-z-]+"|Cause: "[a-z-]+"|(?:ecause|saw)\("[a-z", \n\t-]+\)`)
	var ids []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range naming.FindAllString(string(source), -1) {
			for _, id := range regexp.MustCompile(`"([a-z-]+)"`).FindAllStringSubmatch(call, -1) {
				ids = append(ids, id[1])
			}
		}
	}
	return ids
}

// exampleOutput is where docs/doctor.md shows what the command writes.
var exampleOutput = regexp.MustCompile("(?s)```text\n.*?```")

// TestGenerated_Guide holds the example in docs/doctor.md to what the command writes.
func TestGenerated_Guide(t *testing.T) {
	t.Parallel()
	file := filepath.Join("..", "..", "docs", "doctor.md")
	guide, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := healthy(t)
	found, err := scenes()["stuck"](t, s)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := found.WriteText(&text, noon); err != nil {
		t.Fatal(err)
	}
	golden(t, file, exampleOutput.ReplaceAllLiteralString(string(guide), "```text\n"+text.String()+"```"))
	for _, flag := range regexp.MustCompile("`(?:-n, )?--([a-z-]+)`").FindAllStringSubmatch(string(guide), -1) {
		cmd := NewCommand()
		known := cmd.Flag(flag[1]) != nil
		for _, sub := range cmd.Commands() {
			known = known || sub.Flag(flag[1]) != nil
		}
		if !known {
			t.Errorf("docs/doctor.md speaks of the flag --%s, which there is not", flag[1])
		}
	}
}

// inlinePod is the Pod that docs/doctor.md has people create.
var inlinePod = regexp.MustCompile("(?s)kubectl create -f - <<'END'\n(.*?)\nEND\n")

// TestPodInGuide holds the Pod in docs/doctor.md to what Kubernetes lets in where it is strictest, and to what the command takes.
func TestPodInGuide(t *testing.T) {
	t.Parallel()
	guide, err := os.ReadFile(filepath.Join("..", "..", "docs", "doctor.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := inlinePod.FindSubmatch(guide)
	if found == nil {
		t.Fatal("docs/doctor.md creates no Pod")
	}
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict(found[1], pod); err != nil {
		t.Fatal(err)
	}
	security, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []api.Version{api.LatestVersion(), api.MajorMinorVersion(1, 30)} {
		for _, result := range security.EvaluatePod(api.LevelVersion{Level: api.LevelRestricted, Version: version}, &pod.ObjectMeta, &pod.Spec) {
			if !result.Allowed {
				t.Errorf("Pod Security %s: %s: %s", version.String(), result.ForbiddenReason, result.ForbiddenDetail)
			}
		}
	}
	if pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("it is started again: %s", pod.Spec.RestartPolicy)
	}
	root := &cobra.Command{Use: "certyun"}
	root.AddCommand(NewCommand())
	cmd, args, err := root.Find(pod.Spec.Containers[0].Args)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(args); err != nil {
		t.Error(err)
	}
	if err := cmd.ValidateArgs(cmd.Flags().Args()); err != nil {
		t.Error(err)
	}
}
