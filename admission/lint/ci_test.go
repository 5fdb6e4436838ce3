package lint_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/certyun/certyun/admission/lint"
)

// read decodes a file of the repository. A field that the type does not have is an error.
func read(t *testing.T, into any, path ...string) {
	t.Helper()
	if err := yaml.UnmarshalStrict(readText(t, path...), into); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
}

func readText(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(slices.Concat([]string{"..", ".."}, path)...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// appVersion is the version that the chart installs.
func appVersion(t *testing.T) string {
	t.Helper()
	var chart struct{ AppVersion string }
	if err := yaml.Unmarshal(readText(t, "charts", "certyun", "Chart.yaml"), &chart); err != nil {
		t.Fatal(err)
	}
	return chart.AppVersion
}

// action is what is used of https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax.
type action struct {
	Name, Description string
	Branding          struct{ Icon, Color string }
	Inputs            map[string]input
	Outputs           map[string]struct{ Description, Value string }
	Runs              struct {
		Using string
		Steps []struct {
			ID, Shell, Run string
			Env            map[string]string
		}
	}
}

type input struct {
	Description, Default string
	Required             bool
}

// gitlab is what is used of https://docs.gitlab.com/ci/yaml/.
type gitlab struct {
	Certyun struct {
		Stage, Image string
		Variables    map[string]string
		Cache        struct {
			Key   string
			Paths []string
		}
		Script    []string
		Artifacts struct {
			When    string
			Reports struct{ JUnit string }
		}
	}
}

// hook is what is used of https://pre-commit.com/#creating-new-hooks.
type hook struct {
	ID, Name, Description, Language, Entry string
	TypesOr                                []string `json:"types_or"`
	RequireSerial                          bool     `json:"require_serial"`
}

// recorder is a command that writes its arguments into a file, one a line and calls with a line of dashes between them,
// prints a report, and ends as it is told.
const recorder = `#!/bin/sh
for arg in "$@"; do printf '%s\n' "$arg" >>"$RECORD"; done
echo ---- >>"$RECORD"
echo report
exit "$CODE"
`

// install writes the recorder.
func install(t *testing.T, path string) {
	t.Helper()
	write(t, path, recorder)
}

// write writes a program.
func write(t *testing.T, path, program string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run runs a script as CI does and returns its calls of the recorder, its exit code and what it prints.
func run(t *testing.T, dir, script string, code int, env map[string]string) (calls [][]string, exit int, printed string) {
	t.Helper()
	record := filepath.Join(dir, "record")
	cmd := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "RECORD="+record, fmt.Sprintf("CODE=%d", code))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		cmd.Env = append(cmd.Env, name+"="+env[name])
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	recorded, err := os.ReadFile(record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cmd.ProcessState.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	for call := range strings.SplitSeq(strings.TrimSuffix(string(recorded), "----\n"), "----\n") {
		calls = append(calls, strings.Split(strings.TrimSuffix(call, "\n"), "\n"))
	}
	return calls, cmd.ProcessState.ExitCode(), string(out)
}

// parse reads the arguments behind "lint" as the command does, and returns the settings and the paths.
func parse(t *testing.T, args []string) (*lint.Options, []string) {
	t.Helper()
	o := lint.NewOptions()
	flags := pflag.NewFlagSet("lint", pflag.ContinueOnError)
	for _, group := range o.Flags().FlagSets {
		flags.AddFlagSet(group)
	}
	start := slices.Index(args, "lint")
	if start < 0 {
		t.Fatalf("lint is not called: %q", args)
	}
	if err := flags.Parse(args[start+1:]); err != nil {
		t.Fatalf("certyun lint does not know %q: %v", args[start+1:], err)
	}
	return o, flags.Args()
}

// settings are what a call of lint comes down to.
type settings struct {
	Format, FailOn, Policy string
	Paths                  []string
}

func settingsOf(t *testing.T, calls [][]string) []settings {
	t.Helper()
	var found []settings
	for _, call := range calls {
		o, paths := parse(t, call)
		found = append(found, settings{string(o.Format), string(o.FailOn), o.PolicyFile, paths})
	}
	return found
}

func TestGitHubAction(t *testing.T) {
	t.Parallel()
	var a action
	read(t, &a, "deploy", "ci", "action.yml")
	for name, tt := range map[string]struct {
		inputs   map[string]string
		code     int
		want     []settings
		wantExit int
		sarif    bool
	}{
		"nothing is set": {
			want: []settings{{Format: "github", FailOn: "deny", Paths: []string{"."}}},
		},
		"everything is set, paths and arguments with spaces, quotes and commands": {
			inputs: map[string]string{
				"paths": "a b\n$(touch pwned)\n", "args": "--policy=my \"policy\".yaml\n", "fail-on": "warn", "sarif-file": "out 1.sarif",
			},
			want: []settings{
				{Format: "sarif", FailOn: "never", Policy: `my "policy".yaml`, Paths: []string{"a b", "$(touch pwned)"}},
				{Format: "github", FailOn: "warn", Policy: `my "policy".yaml`, Paths: []string{"a b", "$(touch pwned)"}},
			},
			sarif: true,
		},
		"a path that looks like a flag": {
			inputs: map[string]string{"paths": "--fail-on=never"},
			want:   []settings{{Format: "github", FailOn: "deny", Paths: []string{"--fail-on=never"}}},
		},
		"findings fail the step": {
			code: 1, wantExit: 1,
			want: []settings{{Format: "github", FailOn: "deny", Paths: []string{"."}}},
		},
		"files that cannot be read fail the step, once they are reported": {
			inputs: map[string]string{"sarif-file": "out.sarif"}, code: 3, wantExit: 3,
			want:  []settings{{Format: "sarif", FailOn: "never", Paths: []string{"."}}, {Format: "github", FailOn: "deny", Paths: []string{"."}}},
			sarif: true,
		},
		"a wrong argument fails the step at once": {
			inputs: map[string]string{"sarif-file": "out.sarif"}, code: 2, wantExit: 1,
			want: []settings{{Format: "sarif", FailOn: "never", Paths: []string{"."}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			install(t, filepath.Join(dir, "bin", "docker"))
			output := filepath.Join(dir, "output")
			step := a.Runs.Steps[0]
			env := map[string]string{"GITHUB_OUTPUT": output, "PATH": filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
			for name, value := range step.Env {
				env[name] = a.expand(value, withImage(tt.inputs))
			}
			calls, exit, _ := run(t, dir, step.Run, tt.code, env)
			if exit != tt.wantExit {
				t.Errorf("the step ends with %d, want %d", exit, tt.wantExit)
			}
			if diff := cmp.Diff(tt.want, settingsOf(t, calls)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			for _, call := range calls {
				if image := call[slices.Index(call, "lint")-1]; image != ownImage {
					t.Errorf("it runs the image %s", image)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
				t.Error("an input was run as a command")
			}
			written, err := os.ReadFile(output)
			if (err == nil) != tt.sarif {
				t.Errorf("outputs: %q, %v", written, err)
			}
			if tt.sarif && string(written) != "sarif-file="+tt.inputs["sarif-file"]+"\n" {
				t.Errorf("outputs: %q", written)
			}
			if report, err := os.ReadFile(filepath.Join(dir, tt.inputs["sarif-file"])); tt.sarif && (err != nil || string(report) != "report\n") {
				t.Errorf("SARIF report: %q, %v", report, err)
			}
		})
	}
}

// ownImage is an image that somebody built, for none is published.
const ownImage = "registry.example.org/certyun:0.1.0@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func withImage(inputs map[string]string) map[string]string {
	all := map[string]string{"image": ownImage}
	maps.Copy(all, inputs)
	return all
}

func TestGitHubActionNeedsAnImage(t *testing.T) {
	t.Parallel()
	var a action
	read(t, &a, "deploy", "ci", "action.yml")
	if diff := cmp.Diff(input{Description: a.Inputs["image"].Description, Required: true}, a.Inputs["image"]); diff != "" {
		t.Errorf("the input image (-want +got):\n%s", diff)
	}
	dir := t.TempDir()
	install(t, filepath.Join(dir, "bin", "docker"))
	env := map[string]string{"PATH": filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}
	for name, value := range a.Runs.Steps[0].Env {
		env[name] = a.expand(value, nil)
	}
	calls, exit, out := run(t, dir, a.Runs.Steps[0].Run, 0, env)
	if len(calls) > 0 || exit != 1 || !strings.HasPrefix(out, "::error::The input image must be set, such as registry.example.org/certyun:0.1.0") {
		t.Errorf("the step calls %q, ends with %d and says %q", calls, exit, out)
	}
}

var expression = regexp.MustCompile(`\$\{\{ inputs\.([a-z-]+) \}\}`)

// expand puts inputs where an expression asks for them, as GitHub does.
func (a *action) expand(text string, inputs map[string]string) string {
	return expression.ReplaceAllStringFunc(text, func(match string) string {
		name := expression.FindStringSubmatch(match)[1]
		if value, ok := inputs[name]; ok {
			return value
		}
		return a.Inputs[name].Default
	})
}

func TestGitLabJob(t *testing.T) {
	t.Parallel()
	var file gitlab
	read(t, &file, "deploy", "ci", "gitlab-ci.yml")
	job := file.Certyun
	lints := []settings{{Format: "junit", FailOn: "never", Paths: []string{"a", "b"}}, {Format: "text", FailOn: "deny", Paths: []string{"a", "b"}}}
	const other = "#!/bin/sh\ntouch pwned\n"
	for name, tt := range map[string]struct {
		cached, served string
		code, wantExit int
		want           []settings
	}{
		"the cache holds the binary":            {cached: recorder, want: lints},
		"the cache is empty":                    {served: recorder, want: lints},
		"the cache holds something else":        {cached: other, served: recorder, want: lints},
		"the cache and the URL hold others":     {cached: other, served: other, wantExit: 1},
		"the cache is empty, no URL works":      {wantExit: 1},
		"the cache holds another, no URL works": {cached: other, wantExit: 1},
		"a file that cannot be read":            {cached: recorder, code: 3, wantExit: 3, want: lints},
		"a wrong argument ends it all":          {cached: recorder, code: 2, wantExit: 1, want: lints[:1]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "bin", "wget"), download)
			if tt.cached != "" {
				write(t, filepath.Join(dir, ".certyun", "certyun"), tt.cached)
			}
			if tt.served != "" {
				write(t, filepath.Join(dir, "served"), tt.served)
			}
			calls, exit, out := run(t, dir, strings.Join(job.Script, "\n"), tt.code, map[string]string{
				"PATH":          filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"),
				"CERTYUN_PATHS": "a b", "CERTYUN_URL": binaryURL, "CERTYUN_SHA256": fmt.Sprintf("%x", sha256.Sum256([]byte(recorder))),
			})
			if exit != tt.wantExit {
				t.Errorf("the job ends with %d, want %d:\n%s", exit, tt.wantExit, out)
			}
			if diff := cmp.Diff(tt.want, settingsOf(t, calls)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
				t.Error("what was not verified was run")
			}
			report, err := os.ReadFile(filepath.Join(dir, job.Artifacts.Reports.JUnit))
			if tt.want != nil && (err != nil || string(report) != "report\n") {
				t.Errorf("JUnit report: %q, %v", report, err)
			}
		})
	}
}

const binaryURL = "https://gitlab.example.org/certyun"

// download is a wget that gets what is served, and nothing from any other URL.
const download = `#!/bin/sh
test "$1" = -O && test "$3" = ` + binaryURL + ` && cp served "$2"
`

func TestGitLabJobNeedsABinary(t *testing.T) {
	t.Parallel()
	var file gitlab
	read(t, &file, "deploy", "ci", "gitlab-ci.yml")
	for name, env := range map[string]map[string]string{
		"neither is set":       {},
		"the URL alone":        {"CERTYUN_URL": binaryURL},
		"the checksum alone":   {"CERTYUN_SHA256": strings.Repeat("0", 64)},
		"both are set to none": {"CERTYUN_URL": "", "CERTYUN_SHA256": ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, ".certyun", "certyun"), recorder)
			calls, exit, out := run(t, dir, strings.Join(file.Certyun.Script, "\n"), 0, env)
			if len(calls) > 0 || exit != 1 || !strings.HasPrefix(out, "CERTYUN_URL and CERTYUN_SHA256 must be set") {
				t.Errorf("the job calls %q, ends with %d and says %q", calls, exit, out)
			}
		})
	}
}

func TestPreCommitHook(t *testing.T) {
	t.Parallel()
	var hooks []hook
	read(t, &hooks, "deploy", "ci", "pre-commit-hooks.yaml")
	entry := strings.Fields(hooks[0].Entry)
	// None is published, and Docker refuses a name with capital letters behind the registry.
	if image := "REGISTRY/REPOSITORY:" + appVersion(t); entry[0] != image {
		t.Errorf("the hook runs %s, want %s", entry[0], image)
	}
	want := []settings{{Format: "text", FailOn: "deny", Paths: []string{"a.yaml", "b.json"}}}
	if diff := cmp.Diff(want, settingsOf(t, [][]string{append(entry, "a.yaml", "b.json")})); diff != "" {
		t.Errorf("call (-want +got):\n%s", diff)
	}
}

// TestDocumentedCI holds the document to the files that it speaks of.
func TestDocumentedCI(t *testing.T) {
	t.Parallel()
	text := string(readText(t, "docs", "lint.md"))
	_, section, ok := strings.Cut(text, "\n## In CI\n")
	if !ok {
		t.Fatal("docs/lint.md has no section on CI")
	}
	var a action
	read(t, &a, "deploy", "ci", "action.yml")
	for name, input := range a.Inputs {
		row := fmt.Sprintf("| `%s` | `%s` |", name, input.Default)
		switch {
		case input.Required:
			row = fmt.Sprintf("| `%s` | required |", name)
		case input.Default == "":
			row = fmt.Sprintf("| `%s` | |", name)
		}
		if !strings.Contains(section, row) {
			t.Errorf("the table of inputs has no %s", row)
		}
	}
	for _, image := range regexp.MustCompile(`registry\.example\.org/certyun:\S+`).FindAllString(section, -1) {
		if image != "registry.example.org/certyun:"+appVersion(t) {
			t.Errorf("the document uses %s, the chart has %s", image, appVersion(t))
		}
	}
	var want []hook
	read(t, &want, "deploy", "ci", "pre-commit-hooks.yaml")
	_, example, _ := strings.Cut(section, "### pre-commit")
	_, example, _ = strings.Cut(example, "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var config struct {
		Repos []struct {
			Repo  string
			Hooks []hook
		}
	}
	if err := yaml.UnmarshalStrict([]byte(example), &config); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, config.Repos[0].Hooks); diff != "" || config.Repos[0].Repo != "local" {
		t.Errorf("the hook of repo %s in the document (-file +document):\n%s", config.Repos[0].Repo, diff)
	}
}
