package e2e

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/certyun/certyun/deploy/local/toolbox"
)

// TestUsage holds the exit codes of the binary as a whole: those of its commands are held beside them.
func TestUsage(t *testing.T) {
	box, err := toolbox.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Build(t.Context(), os.Stderr, toolbox.Certyun); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		env  []string
		code int
		says string
	}{
		"the version":                        {args: []string{"--version"}, says: "certyun version "},
		"no command at all":                  {says: "Usage:"},
		"a command's help":                   {args: []string{"help", "lint"}, says: "Usage:"},
		"a command that there is not":        {args: []string{"frobnicate"}, code: 2, says: `unknown command "frobnicate"`},
		"a flag that there is not":           {args: []string{"--frobnicate"}, code: 2, says: "unknown flag: --frobnicate"},
		"a command's flag that there is not": {args: []string{"solver", "--frobnicate"}, code: 2, says: "unknown flag: --frobnicate"},
		"an argument that is not taken":      {args: []string{"admission", "frobnicate"}, code: 2, says: "frobnicate"},
		"a flag's value that cannot be":      {args: []string{"solver", "--alidns-qps=many"}, code: 2, says: "--alidns-qps"},
		"a rule that there is not":           {args: []string{"rules", "frobnicate"}, code: 2, says: "frobnicate"},
		"a file that there is not":           {args: []string{"lint", "frobnicate.yaml"}, code: 3, says: "frobnicate.yaml"},
		"an environment in which net/http prints every header": {
			args: []string{"solver"}, env: []string{"GODEBUG=http2debug=1"}, code: 1, says: "GODEBUG: http2debug=1 would print tokens and signatures; remove it",
		},
		"settings with which it cannot start": {args: []string{"solver", "--alidns-qps=0"}, code: 1, says: "--alidns-qps 0 must be a number greater than 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), box.Path(toolbox.Certyun), test.args...)
			cmd.Env = append(os.Environ(), test.env...)
			out, err := cmd.CombinedOutput()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			if code != test.code || !strings.Contains(string(out), test.says) {
				t.Errorf("ended with %d, want %d, and said:\n%s", code, test.code, out)
			}
		})
	}
}
